"""Plain NumPy and SciPy twins of fastal/batches.py: the oracle of tests and benchmarks.

Same names, same arguments, same results to the last bit; eager where the kernels are lazy.
Nothing in fastal imports this module.  Inputs are taken to be valid.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage

from fastal._reference_diversity import (
    _Distances,
    _known,
    _ordered_sum,
    _random,
    mean_similarity,
)


def badge(
    proba: Any, X: Any, k: int, labeled: Any = None, random_state: Any = None
) -> NDArray[np.int64]:
    """Every row meets every pick: one product with X and one with the residuals for each."""
    proba = np.asarray(proba)
    n_rows = X.shape[0]
    noise = _random(random_state).standard_exponential(n_rows)
    rank = np.argsort(np.argsort(noise, kind="stable"), kind="stable")
    residuals = proba.T.astype(np.float64)
    if n_rows:
        residuals[proba.argmax(axis=1), np.arange(n_rows)] -= 1.0
    distances = _Distances(X, cosine=False)
    sq_norms = _ordered_sum(residuals * residuals) * distances.sq_norms
    left = np.ones(n_rows, dtype=bool)
    left[_known(n_rows, labeled)] = False
    nearest, times = np.full(n_rows, np.inf), np.full(n_rows, np.inf)
    # The first pick is the longest row; at any time before the first draw.
    order, now = -sq_norms, 0.0
    picks: list[int] = []
    while len(picks) < k and left.any():
        candidates = np.flatnonzero(left)
        best = candidates[order[candidates] == order[candidates].min()]
        row = int(best[np.argmin(rank[best])])
        left[row] = False
        inner = _ordered_sum(residuals * residuals[:, [row]]) * _products(distances, row)
        new = np.maximum((sq_norms + sq_norms[row]) - 2.0 * inner, 0.0)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            if not picks:
                times = np.where(new > 0, noise / new, np.inf)
            else:
                now = times[row]
                # A lower rate stretches what is left of a row's time.
                later = np.maximum(times, now + (times - now) * (nearest / new))
                later[(new == 0) | np.isinf(times)] = np.inf
                times = np.where(new < nearest, later, times)
        nearest = np.minimum(nearest, new)
        order = times
        picks.append(row)
    return np.array(picks, dtype=np.int64)


def _products(distances: Any, row: int) -> NDArray[np.float64]:
    """Inner products of all rows with one, summed in the order in which that one is stored."""
    if distances.sparse:
        return np.asarray((distances.X[[row]] @ distances.X.T).toarray().ravel())
    return _ordered_sum(distances.columns * distances.columns[:, [row]])


def ranked_batch(
    scores: Any,
    X: Any,
    k: int,
    labeled: Any = None,
    metric: str = "cosine",
    alpha: Any = None,
    random_state: Any = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """One pass over X for each labelled row and each pick."""
    scores = np.asarray(scores, dtype=np.float64)
    n_rows = X.shape[0]
    rank = np.arange(n_rows)
    if random_state is not None:
        rank = _random(random_state).permutation(n_rows)
    distances = _Distances(X, metric == "cosine")
    known = _known(n_rows, labeled)
    left = np.ones(n_rows, dtype=bool)
    left[known] = False
    nearest = np.full(n_rows, np.inf)
    row: Any
    for row in known:
        nearest = np.minimum(nearest, distances.to_row(row))
    picks: list[int] = []
    values: list[float] = []
    for _ in range(min(k, int(left.sum()))):
        share = left.sum() / n_rows if alpha is None else float(alpha)
        if not known.size and not picks:
            order = _density(X)
            value = share + (1.0 - share) * scores
        else:
            # Nobody is like a row in which all distances are infinite.
            similarity = 1.0 / (1.0 + np.sqrt(nearest))
            unlike = nearest if metric == "cosine" else 1.0 - similarity
            order = value = share * unlike + (1.0 - share) * scores
        candidates = np.flatnonzero(left)
        best = candidates[order[candidates] == order[candidates].max()]
        row = int(best[np.argmin(rank[best])])
        picks.append(row)
        values.append(value[row])
        left[row] = False
        nearest = np.minimum(nearest, distances.to_row(row))
    return np.array(picks, dtype=np.int64), np.array(values, dtype=np.float64)


def _density(X: Any) -> NDArray[np.float64]:
    """Mean similarity, summed as fastal sums it: near ties decide which row comes first."""
    distances = _Distances(X, cosine=True)
    units = np.sqrt(np.where(distances.sq_norms > 0, distances.sq_norms, 1.0))
    if not distances.sparse:
        rows = np.ascontiguousarray(X)
        mean = (rows / units[:, np.newaxis]).sum(axis=0) / len(rows)
        return np.asarray(_ordered_sum(distances.columns * mean[:, np.newaxis]) / units)
    mean = np.zeros(X.shape[1])
    rows = distances.X
    np.add.at(mean, rows.indices, rows.data / np.repeat(units, np.diff(rows.indptr)))
    return np.asarray(rows @ (mean / rows.shape[0]) / units)


def information_density(scores: Any, X: Any, beta: float = 1.0) -> NDArray[np.float64]:
    """Scores times a power of the mean similarity."""
    density = np.maximum(mean_similarity(X), 0.0)
    return np.asarray(np.asarray(scores, dtype=np.float64) * density**beta)


def cluster_margin(
    scores: Any,
    X: Any,
    k: int,
    labeled: Any = None,
    n_candidates: Any = None,
    clusters: Any = None,
    random_state: Any = None,
) -> NDArray[np.int64]:
    """Candidates in one list for each cluster, and a round-robin over the lists."""
    scores = np.asarray(scores, dtype=np.float64)
    n_rows = len(scores)
    left = np.ones(n_rows, dtype=bool)
    left[_known(n_rows, labeled)] = False
    best = np.flatnonzero(left)
    n_candidates = 10 * k if n_candidates is None else n_candidates
    if random_state is not None and best.size:
        threshold = np.sort(scores[best])[-min(n_candidates, best.size)]
        best = _random(random_state).permutation(best[scores[best] >= threshold])
    best = best[np.argsort(-scores[best], kind="stable")][:n_candidates]
    if clusters is not None:
        groups = np.asarray(clusters)[best]
    elif best.size <= k:
        groups = np.arange(best.size)
    else:
        groups = fcluster(linkage(_pairs(X, best), "average"), k, criterion="maxclust")
    queues: dict[Any, list[int]] = {}
    for row, group in zip(best.tolist(), groups.tolist(), strict=True):
        queues.setdefault(group, []).append(row)
    # A stable sort: of equal sizes, the one whose best row came first.
    in_turn = sorted(queues.values(), key=len)
    picks: list[int] = []
    while len(picks) < min(k, best.size):
        picks += [queue.pop(0) for queue in in_turn if queue]
    return np.array(picks[:k], dtype=np.int64)


def _pairs(X: Any, rows: Any) -> NDArray[np.float64]:
    """Cosine distances of each row to the rows behind it."""
    distances = _Distances(X[rows] if sp.issparse(X) else np.asarray(X)[rows], cosine=True)
    norms = distances.sq_norms
    out = []
    for row in range(len(rows)):
        products = norms * norms[row]
        cosines = _products(distances, row) / np.sqrt(np.where(products > 0, products, 1.0))
        apart = np.where((norms == 0) & (norms[row] == 0), 0.0, 1.0)
        out.append(np.where(products > 0, np.maximum(1.0 - cosines, 0.0), apart)[row + 1 :])
    return np.concatenate(out)
