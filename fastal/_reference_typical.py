"""Plain NumPy and SciPy twins of fastal/typical.py, herding.py and falcun.py, for the tests.

Same names, same arguments, same picks; eager where the kernels are lazy.  Nothing in fastal
imports this module.  Inputs are taken to be valid.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastal._reference_representation import (
    _inverse_norms,
    _lane_sum,
    _lloyd,
    _mask,
    _random,
    _similarities,
    _start,
)


def typiclust(
    X: Any,
    k: int,
    labeled: Any = None,
    n_clusters: Any = None,
    n_neighbors: int = 20,
    max_iter: int = 100,
    random_state: Any = None,
) -> NDArray[np.int64]:
    """All similarities of a cluster at once; the clusters in turn until k rows are picked."""
    X = sp.csr_matrix(X, dtype=np.float64, copy=True)
    X.sort_indices()
    X.data *= np.repeat(_inverse_norms(X), np.diff(X.indptr))
    n_rows = X.shape[0]
    left = ~_mask(labeled, n_rows)
    k = min(k, int(left.sum()))
    if k == 0:
        return np.empty(0, dtype=np.int64)
    n_labeled = n_rows - int(left.sum())
    n_clusters = min(n_labeled + k, 500) if n_clusters is None else n_clusters
    n_clusters = min(n_clusters, n_rows)
    columns, indices = np.unique(X.indices, return_inverse=True)
    X = sp.csr_matrix((X.data, indices, X.indptr), shape=(n_rows, len(columns)))
    ones = np.ones(n_rows)
    centers = _lloyd(
        X, ones, _start(X, ones, n_clusters, _random(random_state)), max_iter, tol=1e-4
    )
    labels = ((centers * centers).sum(axis=0) - 2.0 * (X @ centers)).argmin(axis=1)
    queues = {}
    for cluster in range(n_clusters):
        rows = np.flatnonzero(labels == cluster)
        if left[rows].any():
            distance = _mean_distance(X[rows], n_neighbors)
            typical = rows[np.argsort(distance, kind="stable")]
            queues[cluster] = [row for row in typical if left[row]]
    order = sorted(
        queues, key=lambda c: ((labels == c).sum() < 5, (~left[labels == c]).sum(),
                               -(labels == c).sum(), c),
    )  # fmt: skip
    picks: list[int] = []
    for small in (False, True):
        turn = [queues[c] for c in order if ((labels == c).sum() < 5) == small]
        while any(turn):
            picks += [queue.pop(0) for queue in turn if queue]
    return np.array(picks[:k], dtype=np.int64)


def _mean_distance(rows: Any, n_neighbors: int) -> NDArray[np.float64]:
    n_neighbors = min(n_neighbors, rows.shape[0] - 1)
    if n_neighbors == 0:
        return np.zeros(1)
    similarities = (rows @ rows.T).toarray()
    np.fill_diagonal(similarities, -np.inf)
    nearest = -np.sort(-similarities, axis=1)[:, :n_neighbors]
    sq_distances = 2.0 - 2.0 * nearest
    distances = np.sqrt(np.where(sq_distances > 1e-12, sq_distances, 0.0))
    # cumsum adds one by one, where sum would pair terms up.
    return np.asarray(np.cumsum(distances, axis=1)[:, -1] / n_neighbors)


def max_herding(
    X: Any, k: int, labeled: Any = None, sigma: float = 1.0, random_state: Any = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Herding in which all rows count alike."""
    return uncertainty_herding(np.ones(X.shape[0]), X, k, labeled, sigma, random_state)


def uncertainty_herding(
    scores: Any,
    X: Any,
    k: int,
    labeled: Any = None,
    sigma: float = 1.0,
    random_state: Any = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Gains of all candidates at every pick, each from the kernel with the whole pool."""
    scores = np.asarray(scores, dtype=np.float64)
    X = sp.csr_matrix(X, dtype=np.float64, copy=True)
    n_rows = X.shape[0]
    rank = np.arange(n_rows)
    if random_state is not None:
        rank = _random(random_state).permutation(n_rows)
    X.data *= np.repeat(_inverse_norms(X), np.diff(X.indptr))
    # Norms are summed as the entries are stored, similarities in the order of the terms.
    X.sort_indices()
    by_term = X.T.tocsr()
    covered = np.zeros(n_rows)
    left = ~_mask(labeled, n_rows)
    for known in np.flatnonzero(~left):
        covered = np.maximum(covered, _gauss(_similarities(X, by_term, known), sigma))
    rows, gains = [], []
    for _ in range(min(k, int(left.sum()))):
        candidates = np.flatnonzero(left)
        gain = np.empty(len(candidates))
        for i, candidate in enumerate(candidates):
            kernel = _gauss(_similarities(X, by_term, candidate), sigma)
            gain[i] = _lane_sum(np.maximum(kernel - covered, 0.0) * scores)
        best = candidates[gain == gain.max()]
        row = int(best[np.argmin(rank[best])])
        covered = np.maximum(covered, _gauss(_similarities(X, by_term, row), sigma))
        left[row] = False
        rows.append(row)
        gains.append(gain.max())
    return np.array(rows, dtype=np.int64), np.array(gains, dtype=np.float64)


def _gauss(similarities: Any, sigma: float) -> NDArray[np.float64]:
    """exp(-|x - y|^2 / sigma^2) of unit rows; |x - y|^2 is 2 - 2 cos."""
    # np.exp rounds otherwise on some processors.
    exponents = (similarities - 1.0) * (2.0 / sigma**2)
    return np.array([math.exp(exponent) for exponent in exponents.tolist()])


def falcun(
    proba: Any, k: int, labeled: Any = None, gamma: float = 10.0, random_state: Any = None
) -> NDArray[np.int64]:
    """One distribution after the other, each over the rows that are left."""
    proba = np.asarray(proba, dtype=np.float64)
    top_two = np.sort(np.column_stack([proba, np.zeros(len(proba))]), axis=1)[:, -2:]
    unsure = np.maximum(1.0 - (top_two[:, 1] - top_two[:, 0]), 0.0)
    left = np.flatnonzero(~_mask(labeled, len(proba)))
    distance = unsure.copy()
    picks: list[int] = []
    for draw in _random(random_state).uniform(size=min(k, len(left))):
        span = np.ptp(distance[left])
        spread = (distance[left] - distance[left].min()) / (span if span > 0 else 1.0)
        relevance = unsure[left] + spread
        if relevance.max() > 0:
            chances = np.cumsum((relevance / relevance.max()) ** gamma)
            pos = int(np.searchsorted(chances, draw * chances[-1], side="right"))
            pos = min(pos, int(np.searchsorted(chances, chances[-1])))
        else:
            pos = int(draw * len(left))
        pick = int(left[pos])
        picks.append(pick)
        distance = np.minimum(distance, np.abs(proba - proba[pick]).sum(axis=1))
        left = np.delete(left, pos)
    return np.array(picks, dtype=np.int64)
