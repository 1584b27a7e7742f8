"""Plain NumPy and SciPy twins of fastal.coverage: all distances in one array, plain loops.

As in fastal/_reference.py: same names, same arguments, same results, inputs taken to be valid.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

# Up to this many rows the radii tried are the distances; beyond, the real line to this tolerance.
FEW_ROWS = 1000
TOLERANCE = 1e-3


def prob_cover(
    X: Any,
    k: int,
    radius: float,
    labeled: Any = None,
    metric: str = "cosine",
    random_state: Any = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All balls in one array of n x n."""
    near = _distances(X, metric) <= _limit(radius, metric)
    left = _unlabelled(len(near), labeled)
    covered = near[~left].any(axis=0)
    picks, gains = _greedy(near, near, covered, left, k, _rank(random_state, len(near)))
    return picks, gains


def robust_k_center(
    X: Any,
    k: int,
    n_outliers: int,
    labeled: Any = None,
    metric: str = "euclidean",
    radius: float | None = None,
    random_state: Any = None,
    sample_size: int | None = None,
) -> tuple[NDArray[np.int64], float]:
    """Try radii, each with all balls in one array of n x n."""
    left = _unlabelled(X.shape[0], labeled)
    rows = np.arange(X.shape[0])
    rng = None if random_state is None else _random(random_state)
    if sample_size is not None and sample_size < left.sum():
        drawn = _random(rng).permutation(np.flatnonzero(left))[:sample_size]
        n_outliers = n_outliers * sample_size // int(left.sum())
        rows = np.sort(np.concatenate([drawn, np.flatnonzero(~left)]))
    distances = _distances(X[rows] if sp.issparse(X) else np.asarray(X)[rows], metric)
    rank = _rank(rng, len(rows))
    left = left[rows]

    def run(r: float) -> tuple[NDArray[np.int64], bool]:
        near = distances <= _limit(r, metric)
        far = distances <= _limit(3.0 * r, metric)
        covered = far[~left].any(axis=0)
        picks, _ = _greedy(near, far, covered, left, k, rank)
        return picks, int((~(covered | far[picks].any(axis=0))).sum()) <= n_outliers

    if radius is None:
        radius = _smallest(distances, metric, lambda r: run(r)[1])
    return rows[run(radius)[0]], float(radius)


def purity_radius(
    X: Any,
    labels: Any,
    purity: float = 0.95,
    metric: str = "cosine",
    sample_size: int = 2000,
    random_state: Any = None,
) -> float:
    """Just below the distance of the nearest row of another label that counts."""
    labels = np.asarray(labels)
    if sample_size < len(labels):
        rows = np.sort(_random(random_state).permutation(len(labels))[:sample_size])
        X, labels = X[rows] if sp.issparse(X) else np.asarray(X)[rows], labels[rows]
    if not len(labels):
        return float("inf")
    apart = np.where(labels[:, np.newaxis] != labels, _distances(X, metric), np.inf)
    nearest = np.sort(apart.min(axis=1))
    n_pure = int(np.argmax(np.arange(len(labels) + 1) / len(labels) >= purity))
    radius = _reach(nearest[len(labels) - n_pure], metric)
    return radius if np.isinf(radius) else max(0.0, float(np.nextafter(radius, -np.inf)))


def _distances(X: Any, metric: str) -> NDArray[np.float64]:
    """All distances, squared if Euclidean; sums run in the order of the lower row's entries."""
    if sp.issparse(X):
        X = sp.csr_matrix(X, dtype=np.float64)
        squares = sp.csr_matrix((X.data * X.data, X.indices, X.indptr), shape=X.shape)
        sq_norms = squares @ np.ones(X.shape[1])
        dots = np.triu((X @ X.T).toarray())
        dots += np.triu(dots, 1).T
        if metric == "euclidean":
            norms = sq_norms[:, np.newaxis] + sq_norms
            return np.asarray(np.maximum(norms - 2.0 * dots, 0.0))
    else:
        columns = np.asarray(X, dtype=np.float64).T
        sq_norms = np.zeros(columns.shape[1])
        dots = np.zeros((sq_norms.size, sq_norms.size))
        for x in columns:
            sq_norms += x * x
            dots += (x[:, np.newaxis] - x) ** 2 if metric == "euclidean" else x[:, np.newaxis] * x
        if metric == "euclidean":
            return dots
    products = sq_norms[:, np.newaxis] * sq_norms
    distances = np.maximum(1.0 - dots / np.sqrt(np.where(products > 0, products, 1.0)), 0.0)
    empty = sq_norms == 0
    apart = (empty[:, np.newaxis] != empty).astype(float)
    return np.asarray(np.where(products > 0, distances, apart))


def _limit(radius: float, metric: str) -> float:
    return float(radius) * float(radius) if metric == "euclidean" else float(radius)


def _reach(distance: float, metric: str) -> float:
    """Least radius whose limit is at least the distance."""
    radius = np.sqrt(distance) if metric == "euclidean" else distance
    return float(radius if _limit(radius, metric) >= distance else np.nextafter(radius, np.inf))


def _smallest(distances: NDArray[np.float64], metric: str, will_do: Any) -> float:
    """Bisection over the distances or, beyond FEW_ROWS rows, over the real line."""
    if len(distances) <= FEW_ROWS:
        values = np.unique(np.append(distances, 0.0))
        low, high = 0, 0
        while _limit(3.0 * _reach(values[high], metric), metric) < values[-1]:
            high += 1
        while low < high:
            middle = (low + high) // 2
            if will_do(_reach(values[middle], metric)):
                high = middle
            else:
                low = middle + 1
        return _reach(values[high], metric)
    if will_do(0.0):
        return 0.0
    largest = _reach(distances[0].max(), metric)
    bound = 2.0 * largest if metric == "euclidean" else min(4.0 * largest, 2.0)
    lower, upper = 0.0, bound / 3.0 * (1.0 + 1e-9)
    while upper - lower > TOLERANCE * upper:
        half = (lower + upper) / 2.0
        lower, upper = (lower, half) if will_do(half) else (half, upper)
    return upper


def _greedy(near: Any, far: Any, covered: Any, left: Any, k: int, rank: Any) -> Any:
    """Pick by uncovered rows in near, cover far."""
    covered, left = covered.copy(), left.copy()
    # Counts fall by the columns that a pick newly covers: each column is subtracted once.
    gain = near[:, ~covered].sum(axis=1)
    picks, gains = [], []
    for _ in range(min(k, int(left.sum()))):
        candidates = np.flatnonzero(left)
        best = candidates[gain[candidates] == gain[candidates].max()]
        row = int(best[np.argmin(rank[best])])
        picks.append(row)
        gains.append(int(gain[row]))
        new = far[row] & ~covered
        gain -= near[:, new].sum(axis=1)
        covered |= new
        left[row] = False
    return np.array(picks, dtype=np.int64), np.array(gains, dtype=np.int64)


def _unlabelled(n_rows: int, labeled: Any) -> NDArray[np.bool_]:
    left = np.ones(n_rows, dtype=bool)
    if labeled is not None:
        labeled = np.asarray(labeled)
        left[labeled if labeled.size else []] = False
    return left


def _random(seed: Any) -> Any:
    return np.random.RandomState(seed) if seed is None or isinstance(seed, int) else seed


def _rank(random_state: Any, n_rows: int) -> NDArray[np.int64]:
    if random_state is None:
        return np.arange(n_rows)
    return np.asarray(_random(random_state).permutation(n_rows))
