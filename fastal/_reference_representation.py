"""Plain NumPy and SciPy twins of fastal/representation.py: the oracle of tests and benchmarks.

Same names, same arguments, same results to the last bit; eager where the kernels are lazy.
Nothing in fastal imports this module.  Inputs are taken to be valid.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

# Interleaved partial sums of a gain; the order of summation is part of the result.
_LANES = 8


def _random(seed: Any) -> Any:
    return np.random.RandomState(seed) if seed is None or isinstance(seed, int) else seed


def _mask(labeled: Any, n_rows: int) -> NDArray[np.bool_]:
    mask = np.zeros(n_rows, dtype=bool)
    if labeled is not None:
        mask[np.asarray(labeled) if len(labeled) else []] = True
    return mask


def facility_location(
    X: Any, k: int, labeled: Any = None, metric: str = "cosine", random_state: Any = None
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Gains of all candidates at every pick, each from one sparse product with the whole pool."""
    if metric == "euclidean" and not sp.issparse(X) and np.size(X):
        # Inner products of rows far from 0 lose the digits that distances are made of.
        X = np.asarray(X, dtype=np.float64)
        X = X - np.rint(X.mean(axis=0))
    X = sp.csr_matrix(X, dtype=np.float64, copy=True)
    n_rows = X.shape[0]
    rank = np.arange(n_rows)
    if random_state is not None:
        rank = _random(random_state).permutation(n_rows)
    worth = _worth(X, metric)
    left = ~_mask(labeled, n_rows)
    covered = np.zeros(n_rows)
    if metric == "euclidean" and n_rows:
        # Nothing selected is as good as the farthest row.
        covered += min(worth(row).min() for row in range(n_rows)) if left.all() else -np.inf
    for known in np.flatnonzero(~left):
        covered = np.maximum(covered, worth(known))
    rows, gains = [], []
    for _ in range(min(k, int(left.sum()))):
        candidates = np.flatnonzero(left)
        gain = np.array([_gain(worth(c), covered) for c in candidates])
        best = candidates[gain == gain.max()]
        row = int(best[np.argmin(rank[best])])
        covered = np.maximum(covered, worth(row))
        left[row] = False
        rows.append(row)
        gains.append(gain.max())
    return np.array(rows, dtype=np.int64), np.array(gains, dtype=np.float64)


def _worth(X: Any, metric: str) -> Any:
    """Return the function that says how well a row stands for each of all rows."""
    if metric == "precomputed":
        return lambda row: X[[row]].toarray().ravel()
    if metric in ("cosine", "squared_cosine"):
        X.data *= np.repeat(_inverse_norms(X), np.diff(X.indptr))
    # Norms are summed as the entries are stored, similarities in the order of the terms.
    X.sort_indices()
    by_term = X.T.tocsr()
    if metric == "squared_cosine":
        return lambda row: _similarities(X, by_term, row) ** 2
    if metric == "euclidean":
        row_of = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
        sq_norms = np.bincount(row_of, X.data * X.data, minlength=X.shape[0])
        return lambda row: np.minimum(
            2.0 * _similarities(X, by_term, row) - (sq_norms + sq_norms[row]), 0.0
        )
    return lambda row: _similarities(X, by_term, row)


def _inverse_norms(X: Any) -> NDArray[np.float64]:
    squares = sp.csr_matrix((X.data * X.data, X.indices, X.indptr), shape=X.shape)
    sq_norms = squares @ np.ones(X.shape[1])
    return np.where(sq_norms > 0, 1.0 / np.sqrt(np.where(sq_norms > 0, sq_norms, 1.0)), 0.0)


def _similarities(X: Any, by_term: Any, row: Any) -> NDArray[np.float64]:
    return np.asarray((X[[row]] @ by_term).toarray().ravel())


def _gain(similarities: Any, covered: Any) -> float:
    return _lane_sum(np.maximum(similarities - covered, 0.0))


def _lane_sum(excess: Any) -> float:
    """Row modulo 8 is the lane; each is summed in row order, then the lanes in theirs."""
    lanes = np.append(excess, np.zeros(-len(excess) % _LANES)).reshape(-1, _LANES)
    # cumsum adds one by one, where sum would pair terms up.
    return float(np.cumsum(np.cumsum(lanes, axis=0)[-1])[-1])


def feature_based(
    X: Any,
    k: int,
    labeled: Any = None,
    concave: str = "sqrt",
    weights: Any = None,
    random_state: Any = None,
    *,
    exclude: Any = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Gains of all candidates at every pick."""
    X = sp.csr_matrix(X, dtype=np.float64, copy=True)
    X.sum_duplicates()
    X.eliminate_zeros()
    n_rows, n_features = X.shape
    rank = np.arange(n_rows)
    if random_state is not None:
        rank = _random(random_state).permutation(n_rows)
    weights = np.ones(n_features) if weights is None else np.asarray(weights, dtype=np.float64)
    known = _mask(labeled, n_rows)
    left = ~(known | _mask(exclude, n_rows))
    sums = np.zeros(n_features)
    for one in np.flatnonzero(known):
        sums[X[[one]].indices] += X[[one]].data
    rows, gains = [], []
    for _ in range(min(k, int(left.sum()))):
        rise = _rise(X.data, sums[X.indices], concave) * weights[X.indices]
        entries = np.split(rise, X.indptr[1:-1])
        # cumsum adds one by one; the zero is for rows without entries.
        gain = np.array([np.cumsum(np.append(0.0, each))[-1] for each in entries])
        candidates = np.flatnonzero(left)
        best = candidates[gain[candidates] == gain[candidates].max()]
        row = int(best[np.argmin(rank[best])])
        sums[X[[row]].indices] += X[[row]].data
        left[row] = False
        rows.append(row)
        gains.append(gain[row])
    return np.array(rows, dtype=np.int64), np.array(gains, dtype=np.float64)


def _rise(values: Any, sums: Any, concave: str) -> NDArray[np.float64]:
    """phi(sums + values) - phi(sums), without cancellation."""
    if concave == "sqrt":
        return np.asarray(values / (np.sqrt(sums + values) + np.sqrt(sums)))
    if concave == "log":
        # NumPy's own log1p may differ from libm's in the last bit.
        return np.array([math.log1p(ratio) for ratio in values / (1.0 + sums)], dtype=np.float64)
    return np.asarray(values / (1.0 + sums) / ((1.0 + sums) + values))


def weighted_k_means(
    X: Any,
    k: int,
    scores: Any,
    labeled: Any = None,
    n_candidates: Any = None,
    max_iter: int = 100,
    tol: float = 1e-4,
    random_state: Any = None,
) -> NDArray[np.int64]:
    """Lloyd's algorithm with scipy's products; all distances of candidates to final centres."""
    scores = np.asarray(scores, dtype=np.float64)
    left = np.flatnonzero(~_mask(labeled, len(scores)))
    best = left[np.argsort(-scores[left], kind="stable")]
    best = np.sort(best[: 10 * k if n_candidates is None else n_candidates])
    chosen = best
    if len(best) > k:
        rows = sp.csr_matrix(X, dtype=np.float64)[best]
        columns, indices = np.unique(rows.indices, return_inverse=True)
        rows = sp.csr_matrix((rows.data, indices, rows.indptr), shape=(len(best), len(columns)))
        weights = scores[best] / max(scores[best].max(), np.finfo(float).tiny)
        centers = _start(rows, weights, k, _random(random_state))
        centers = _lloyd(rows, weights, centers, max_iter, tol)
        distances = _sq_distances(rows, centers)
        taken = np.zeros(len(best), dtype=bool)
        for c in range(k):
            taken[np.argmin(np.where(taken, np.inf, distances[:, c]))] = True
        chosen = best[taken]
    return np.asarray(chosen[np.argsort(-scores[chosen], kind="stable")], dtype=np.int64)


def _sq_norms(rows: Any) -> NDArray[np.float64]:
    squares = sp.csr_matrix((rows.data**2, rows.indices, rows.indptr), shape=rows.shape)
    return np.asarray(squares @ np.ones(rows.shape[1]))


def _sq_distances(rows: Any, centers: Any) -> NDArray[np.float64]:
    center_sq_norms = (centers * centers).sum(axis=0)
    return np.asarray((_sq_norms(rows)[:, np.newaxis] + center_sq_norms) - 2.0 * (rows @ centers))


def _start(rows: Any, weights: Any, k: int, rng: Any) -> NDArray[np.float64]:
    """k-means++: each centre a row, drawn by weight times squared distance from those before."""
    sq_norms = _sq_norms(rows)
    nearest = np.full(len(weights), np.inf)
    chosen: list[int] = []
    for draw in rng.uniform(size=k):
        chances = np.cumsum(weights * nearest if chosen else weights)
        if chances[-1] > 0:
            row = int(np.searchsorted(chances, draw * chances[-1], side="right"))
            row = min(row, int(np.searchsorted(chances, chances[-1])))
        else:
            others = np.setdiff1d(np.arange(len(weights)), chosen)
            row = int(others[int(draw * len(others))])
        dots = rows @ rows[[row]].toarray().ravel()
        nearest = np.minimum(nearest, np.maximum((sq_norms + sq_norms[row]) - 2.0 * dots, 0.0))
        chosen.append(row)
    return np.ascontiguousarray(rows[chosen].toarray().T)


def _lloyd(
    rows: Any, weights: Any, centers: Any, max_iter: int, tol: float
) -> NDArray[np.float64]:
    means = np.bincount(rows.indices, rows.data, minlength=len(centers)) / rows.shape[0]
    squares = np.bincount(rows.indices, rows.data**2, minlength=len(centers)) / rows.shape[0]
    small = tol * float(np.mean(squares - means**2)) if len(centers) else 0.0
    entry_row = np.repeat(np.arange(rows.shape[0]), np.diff(rows.indptr))
    labels = np.full(rows.shape[0], -1)
    for _ in range(max_iter):
        previous, old = labels, centers
        scores = (old * old).sum(axis=0) - 2.0 * (rows @ old)
        labels = scores.argmin(axis=1)
        sums = np.zeros_like(old)
        np.add.at(sums, (rows.indices, labels[entry_row]), weights[entry_row] * rows.data)
        totals = np.bincount(labels, weights, minlength=old.shape[1])
        centers = np.where(totals > 0, sums / np.where(totals > 0, totals, 1.0), old)
        if np.array_equal(labels, previous) or ((centers - old) ** 2).sum() <= small:
            break
    return np.asarray(centers)
