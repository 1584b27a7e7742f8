"""Plain NumPy and SciPy twins of the public functions: the oracle of the tests and the benchmarks.

Same names, same arguments, same results; written to be obviously right and not slow on purpose.
Nothing in fastal imports this module.  Inputs are taken to be valid: probabilities are arrays
whose rows sum to 1, sparse matrices are CSR without duplicate entries.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import xlogy

from fastal._reference_batches import (
    badge,
    cluster_margin,
    information_density,
    ranked_batch,
)
from fastal._reference_contrast import align, batch_bald, contrastive, discriminative
from fastal._reference_coverage import prob_cover, purity_radius, robust_k_center
from fastal._reference_diversity import k_center_greedy, kmeans_plusplus, mean_similarity
from fastal._reference_lookahead import expected_error_reduction, expected_model_change
from fastal._reference_pool import (
    distance_to_boundary,
    expected_gradient_length,
    query_pool,
    score_pool,
)
from fastal._reference_representation import facility_location, feature_based, weighted_k_means
from fastal._reference_typical import falcun, max_herding, typiclust, uncertainty_herding

__all__ = [
    "badge",
    "batch_bald",
    "cluster_margin",
    "consensus_entropy",
    "contrastive",
    "discriminative",
    "distance_to_boundary",
    "entropy",
    "epsilon_greedy",
    "expected_error_reduction",
    "expected_gradient_length",
    "expected_model_change",
    "facility_location",
    "falcun",
    "feature_based",
    "information_density",
    "k_center_greedy",
    "kl_to_consensus",
    "kmeans_plusplus",
    "least_confidence",
    "margin",
    "max_herding",
    "max_kl_to_consensus",
    "mean_similarity",
    "prob_cover",
    "purity_radius",
    "query_pool",
    "ranked_batch",
    "robust_k_center",
    "score_pool",
    "stochastic_batch",
    "top_k",
    "typiclust",
    "uncertainty_herding",
    "variation_ratio",
    "vote_entropy",
    "weighted_draw",
    "weighted_k_means",
]

# Rows per block: temporaries of this size stay in the cache.
_BLOCK = 8192


def entropy(proba: Any) -> NDArray[np.float64]:
    """Row blocks with reused buffers; zeros become the smallest normal number for the log."""
    proba = np.asarray(proba)
    n_samples, n_classes = proba.shape
    block = max(1, _BLOCK // n_classes)
    logs = np.empty((block, n_classes))
    out = np.empty(n_samples)
    for start in range(0, n_samples, block):
        p = proba[start : start + block].astype(np.float64, copy=False)
        log_p = logs[: len(p)]
        np.maximum(p, np.finfo(np.float64).tiny, out=log_p)
        np.log(log_p, out=log_p)
        log_p *= p
        log_p.sum(axis=1, out=out[start : start + block])
    # 0.0 - x, not -x: a certain row scores 0.0, not -0.0.
    return np.asarray(0.0 - out)


def margin(proba: Any) -> NDArray[np.float64]:
    """1 - (largest - second largest)."""
    proba = np.asarray(proba, dtype=np.float64)
    if proba.shape[1] == 1:
        return np.asarray(1.0 - proba[:, 0])
    largest = np.partition(proba, -2, axis=1)
    return np.asarray(1.0 - (largest[:, -1] - largest[:, -2]))


def least_confidence(proba: Any) -> NDArray[np.float64]:
    """1 - largest."""
    return np.asarray(1.0 - np.asarray(proba, dtype=np.float64).max(axis=1))


def vote_entropy(votes: Any) -> NDArray[np.float64]:
    """Bincount of flattened votes, a table of logarithms; counts sorted so that equal ones tie."""
    labels, codes = np.unique(np.asarray(votes), return_inverse=True)
    codes = codes.reshape(np.shape(votes))
    n_samples, n_members = codes.shape
    n_classes = max(1, len(labels))
    flat = (codes + n_classes * np.arange(n_samples)[:, np.newaxis]).ravel()
    counts = np.bincount(flat, minlength=n_samples * n_classes).reshape(n_samples, n_classes)
    counts.sort(axis=1)
    share = np.arange(n_members + 1) / n_members
    return np.asarray((-xlogy(share, share))[counts].sum(axis=1)) + 0.0


def consensus_entropy(probas: Any, classes: Any = None) -> NDArray[np.float64]:
    """Entropy of the mean over members."""
    return entropy(align(probas, classes).mean(axis=0))


def _divergences(probas: Any, classes: Any) -> NDArray[np.float64]:
    p = align(probas, classes)
    mean = p.mean(axis=0)
    # Where the mean is 0, so is every member: both terms are 0 there.
    cross = p * np.log(np.where(mean > 0, mean, 1.0))
    return np.asarray(np.maximum((xlogy(p, p) - cross).sum(axis=2), 0.0))


def kl_to_consensus(probas: Any, classes: Any = None) -> NDArray[np.float64]:
    """Mean over members of their divergence from the mean."""
    return np.asarray(_divergences(probas, classes).mean(axis=0))


def max_kl_to_consensus(probas: Any, classes: Any = None) -> NDArray[np.float64]:
    """Maximum over members of their divergence from the mean."""
    return np.asarray(_divergences(probas, classes).max(axis=0))


def variation_ratio(probas: Any, classes: Any = None) -> NDArray[np.float64]:
    """Share of members whose most probable class is not the modal one."""
    p = align(probas, classes)
    votes = p.argmax(axis=2)
    counts = (votes[:, :, np.newaxis] == np.arange(p.shape[2])).sum(axis=0)
    return np.asarray((len(p) - counts.max(axis=1)) / len(p))


def _random(seed: Any) -> Any:
    return np.random.RandomState(seed) if seed is None or isinstance(seed, int) else seed


def _left(n_rows: int, exclude: Any) -> NDArray[np.int64]:
    left = np.ones(n_rows, dtype=bool)
    if exclude is not None:
        exclude = np.asarray(exclude)
        left[exclude if exclude.size else []] = False
    return np.flatnonzero(left)


def top_k(
    scores: Any, k: int, random_state: Any = None, *, exclude: Any = None
) -> NDArray[np.int64]:
    """Sort everything."""
    scores = np.asarray(scores, dtype=np.float64)
    left = _left(len(scores), exclude)
    order = left[np.argsort(-scores[left], kind="stable")]
    if random_state is None or not order.size:
        return order[:k]
    threshold = scores[order[:k][-1]]
    candidates = _random(random_state).permutation(left[scores[left] >= threshold])
    return np.asarray(candidates[np.argsort(-scores[candidates], kind="stable")][:k])


def weighted_draw(
    scores: Any, k: int, random_state: Any = None, *, exclude: Any = None
) -> NDArray[np.int64]:
    """Sort all exponential waiting times; rows of weight zero wait longest."""
    weights = np.asarray(scores, dtype=np.float64)
    weights = weights / max(weights.max(initial=0.0), np.finfo(float).tiny)
    noise = _random(random_state).standard_exponential(len(weights))
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        times = np.where(weights > 0, np.minimum(noise / weights, 1e290), 1e300 * (1 + noise))
    left = _left(len(weights), exclude)
    return left[np.argsort(times[left], kind="stable")][:k]


def stochastic_batch(
    scores: Any,
    k: int,
    kind: str = "power",
    beta: float = 1.0,
    random_state: Any = None,
    *,
    exclude: Any = None,
) -> NDArray[np.int64]:
    """Gumbel noise on the logarithms of the weights; sort all of them."""
    scores = np.asarray(scores, dtype=np.float64)
    noise = _random(random_state).standard_exponential(len(scores))
    left = _left(len(scores), exclude)
    s, noise = scores[left], np.maximum(noise[left], np.finfo(float).tiny)
    with np.errstate(divide="ignore", over="ignore"):
        if kind == "power":
            logs = beta * np.log(s)
        elif kind == "softmax":
            logs = beta * (s - s.max(initial=np.finfo(float).min))
        else:
            higher = len(s) - np.searchsorted(np.sort(s), s, side="right")
            not_lower = len(s) - np.searchsorted(np.sort(s), s, side="left")
            logs = -beta * np.log((higher + 1 + not_lower) / 2)
    order = np.lexsort((noise, -s, np.log(noise) - logs))
    return left[order[:k]]


def epsilon_greedy(
    scores: Any, k: int, epsilon: float = 0.1, random_state: Any = None, *, exclude: Any = None
) -> NDArray[np.int64]:
    """Pick by pick: from the shuffled rows with probability epsilon, else the best one left."""
    scores = np.asarray(scores, dtype=np.float64)
    left = _left(len(scores), exclude)
    rng = _random(random_state)
    explore = rng.uniform(size=min(k, len(left))) < epsilon
    shuffled = rng.permutation(left)
    order = left[np.argsort(-scores[left], kind="stable")]
    picks: list[int] = []
    for is_random in explore:
        source = shuffled if is_random else order
        picks.append(int(source[~np.isin(source, picks)][0]))
    return np.array(picks, dtype=np.int64)
