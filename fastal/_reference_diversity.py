"""Plain NumPy and SciPy twins of the public functions of `fastal.diversity`."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray


class _Distances:
    """Squared Euclidean or cosine distances of all rows to one, in the textbook's way.

    One product ``X @ x`` for sparse rows; for dense ones feature by feature, in their order.
    """

    def __init__(self, X: Any, cosine: bool) -> None:
        self.cosine = cosine
        self.sparse = sp.issparse(X)
        if self.sparse:
            self.X = sp.csr_matrix(X, dtype=np.float64)
            squares = sp.csr_matrix(
                (self.X.data * self.X.data, self.X.indices, self.X.indptr), shape=X.shape
            )
            self.sq_norms = squares @ np.ones(X.shape[1])
        else:
            self.X = np.asarray(X)
            self.columns = np.ascontiguousarray(self.X.T, dtype=np.float64)
            self.sq_norms = _ordered_sum(self.columns * self.columns)

    def to_row(self, row: int) -> NDArray[np.float64]:
        own = self.sq_norms[row]
        if self.sparse:
            dots = self.X @ self.X[[row]].toarray().ravel()
            if not self.cosine:
                return np.asarray(np.maximum((self.sq_norms + own) - 2.0 * dots, 0.0))
        elif self.cosine:
            dots = _ordered_sum(self.columns * self.columns[:, [row]])
        else:
            return _ordered_sum((self.columns - self.columns[:, [row]]) ** 2)
        return _cosine_distances(dots, self.sq_norms * own, self.sq_norms == 0, own == 0)

    def to_mean(self) -> NDArray[np.float64]:
        if self.sparse:
            mean = np.zeros(self.X.shape[1])
            np.add.at(mean, self.X.indices, self.X.data)
            mean /= self.X.shape[0]
            dots = self.X @ mean
            if not self.cosine:
                return np.asarray(self.sq_norms - 2.0 * dots)
            return _cosine_distances(
                dots, self.sq_norms * (mean @ mean), self.sq_norms == 0, mean @ mean == 0
            )
        mean = self.X.mean(axis=0, dtype=np.float64)[:, np.newaxis]
        if not self.cosine:
            return _ordered_sum((self.columns - mean) ** 2)
        products = self.sq_norms * _ordered_sum(mean * mean)
        return _cosine_distances(
            _ordered_sum(self.columns * mean), products, self.sq_norms == 0, (mean == 0).all()
        )


def _ordered_sum(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sum over the first axis in its order (NumPy's own sum pairs terms up)."""
    total = np.zeros(terms.shape[1])
    for term in terms:
        total += term
    return total


def _cosine_distances(dots: Any, products: Any, empty: Any, to_zeros: Any) -> NDArray[np.float64]:
    """1 - dots / sqrt(products of squared norms); among zeros 0, between zeros and others 1."""
    scale = np.sqrt(np.where(products > 0, products, 1.0))
    apart = np.where(empty, 0.0, 1.0) if to_zeros else 1.0
    return np.where(products > 0, np.maximum(1.0 - dots / scale, 0.0), apart)


def _random(seed: Any) -> Any:
    return np.random.RandomState(seed) if seed is None or isinstance(seed, int) else seed


def _known(n_rows: int, labeled: Any) -> NDArray[np.int64]:
    known = np.zeros(n_rows, dtype=bool)
    if labeled is not None and np.size(labeled):
        known[np.asarray(labeled)] = True
    return np.flatnonzero(known)


def k_center_greedy(
    X: Any,
    k: int,
    labeled: Any = None,
    metric: str = "euclidean",
    random_state: Any = None,
    *,
    sample_weight: Any = None,
    progress: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """One pass over X per centre."""
    cosine = metric == "cosine"
    n_rows = X.shape[0]
    rank = np.arange(n_rows)
    if random_state is not None:
        rank = _random(random_state).permutation(n_rows)
    distances = _Distances(X, cosine)
    weights = np.ones(n_rows) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    factors = weights if cosine else weights * weights
    nearest = np.full(n_rows, np.inf)
    left = np.ones(n_rows, dtype=bool)
    known = _known(n_rows, labeled)
    row: Any
    for row in known:
        np.minimum(nearest, factors * distances.to_row(row), out=nearest)
    left[known] = False
    rows: list[int] = []
    radii: list[float] = []
    for _ in range(min(k, int(left.sum()))):
        candidates = np.flatnonzero(left)
        if not known.size and not rows:
            candidates = candidates[weights == weights.max()]
            order = distances.to_mean() if random_state is None else rank
            row = int(candidates[np.argmin(order[candidates])])
        else:
            farthest = candidates[nearest[candidates] == nearest[candidates].max()]
            row = int(farthest[np.argmin(rank[farthest])])
        np.minimum(nearest, factors * distances.to_row(row), out=nearest)
        left[row] = False
        rows.append(row)
        radii.append(nearest[left].max() if left.any() else 0.0)
    result = np.array(radii, dtype=np.float64)
    return np.array(rows, dtype=np.int64), result if cosine else np.sqrt(result)


def kmeans_plusplus(
    X: Any,
    k: int,
    labeled: Any = None,
    metric: str = "euclidean",
    random_state: Any = None,
    *,
    sample_weight: Any = None,
    progress: bool = False,
) -> NDArray[np.int64]:
    """The race of `fastal.kmeans_plusplus` with every row at every pick."""
    n_rows = X.shape[0]
    weights = np.ones(n_rows) if sample_weight is None else np.asarray(sample_weight, dtype=float)
    noise = _random(random_state).standard_exponential(n_rows)
    rank = np.argsort(np.argsort(noise, kind="stable"), kind="stable")
    distances = _Distances(X, metric == "cosine")
    left = np.ones(n_rows, dtype=bool)
    known = _known(n_rows, labeled)
    left[known] = False
    picks: list[int] = []
    with np.errstate(divide="ignore", invalid="ignore"):
        noise = noise / weights
        if not known.size and k and n_rows:
            picks.append(int(np.lexsort((rank, noise))[0]))
            noise -= noise[picks[0]] if np.isfinite(noise[picks[0]]) else 0.0
            left[picks[0]] = False
        nearest = np.full(n_rows, np.inf)
        for row in [*known, *picks]:
            np.minimum(nearest, distances.to_row(row), out=nearest)
        times = np.where(nearest > 0, noise / nearest, np.inf)
        while len(picks) < k and left.any():
            candidates = np.flatnonzero(left)
            soonest = candidates[times[candidates] == times[candidates].min()]
            row = int(soonest[np.argmin(rank[soonest])])
            picks.append(row)
            left[row] = False
            now, new = times[row], distances.to_row(row)
            # A lower rate stretches what is left of a row's time.
            stretched = np.maximum(times, now + (times - now) * (nearest / new))
            stretched[(new == 0) | np.isinf(times)] = np.inf
            times = np.where(new < nearest, stretched, times)
            np.minimum(nearest, new, out=nearest)
    return np.array(picks, dtype=np.int64)


def mean_similarity(X: Any) -> NDArray[np.float64]:
    """Rows of unit length times their mean."""
    distances = _Distances(X, cosine=True)
    norms = np.sqrt(np.where(distances.sq_norms > 0, distances.sq_norms, 1.0))
    units = sp.diags(1.0 / norms) @ sp.csr_matrix(X, dtype=np.float64)
    mean = np.asarray(units.mean(axis=0)).ravel() if X.shape[0] else np.zeros(X.shape[1])
    return np.asarray(units @ mean)
