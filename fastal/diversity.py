"""Rows that cover the pool: selection by distance, without a model."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._threads import over_rows
from fastal._validation import CSR, check_count, check_matrix, check_random_state, check_rows

__all__ = ["k_center_greedy"]

# Picks made in one call of a kernel: Python sees Ctrl-C in between.
_PICKS_PER_CALL = 64


def k_center_greedy(
    X: Any,
    k: int,
    labeled: ArrayLike | None = None,
    metric: Literal["euclidean", "cosine"] = "euclidean",
    random_state: Any = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    r"""Pick k rows, each the farthest from all rows picked or labelled before (core-set).

    .. math:: u_{t+1} = \arg\max_u \min_{s \in S_t} d(x_u, x_s)

    A 2-approximation of the smallest radius with which k balls around rows cover the pool.

    Parameters
    ----------
    X : sparse matrix or array-like of shape (n_samples, n_features)
        Finite numbers.  A sparse X is read as CSR and never made dense; a CSR matrix without
        duplicate entries, sorted or not, is used as it is and not copied.
    k : int
        How many rows to pick, at least 1.  If fewer are unlabelled, all of them are picked.
    labeled : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows, that count as picked already.
    metric : {"euclidean", "cosine"}, default "euclidean"
        Cosine distance is 1 - cosine similarity; a row of zeros has distance 1 from every other
        row and 0 from other rows of zeros.
    random_state : None, int, RandomState or Generator, default None
        None: equal distances go to the lowest row and, with nothing labelled, the first pick is
        the row nearest to the mean of all rows (Euclidean) or most similar to it (cosine).
        Otherwise ties are broken and the first row is drawn uniformly at random.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Row numbers of X in the order picked, without repeats.
    radii : ndarray of the same shape, float64
        ``radii[i]`` is the covering radius after pick i: the largest distance of any row from the
        nearest picked or labelled one.

    Raises
    ------
    ValueError
        If k is below 1, X is not finite or not two-dimensional, a labelled row does not exist, or
        the metric is unknown.
    TypeError
        If X holds no numbers or k is no whole number.

    Notes
    -----
    Distances between sparse rows come from inner products, :math:`|x|^2 + |s|^2 - 2 x \cdot s`:
    exact to rounding relative to the norms, so rows far from the origin and close to each other
    are better passed dense.  Equal rows are at distance 0 if they store their entries in the
    same order.  Dense rows are compared by their differences.

    The picks are exactly those of the textbook loop ``X @ x`` per pick, but a row's distances are
    only computed when its last known one could make it the farthest.  Besides X the search holds
    five arrays of n_samples, one of n_features and a copy of the picked and labelled rows.

    References
    ----------
    Gonzalez (1985), "Clustering to minimize the maximum intercluster distance", Theoretical
    Computer Science 38; Sener & Savarese (2018), "Active learning for convolutional neural
    networks: a core-set approach", arXiv:1708.00489.

    Examples
    --------
    >>> import fastal
    >>> X = [[0.0], [1.0], [5.0], [9.0]]
    >>> fastal.k_center_greedy(X, k=2, labeled=[0])
    (array([3, 2]), array([4., 1.]))
    """
    if metric not in ("euclidean", "cosine"):
        raise ValueError(f"metric must be 'euclidean' or 'cosine', got {metric!r}")
    k = check_count(k, "k")
    matrix = check_matrix(X)
    n_rows = len(matrix.indptr) - 1 if isinstance(matrix, CSR) else len(matrix)
    known = check_rows(labeled, n_rows, "labeled")
    rank = np.arange(n_rows)
    if random_state is not None:
        rank = check_random_state(random_state).permutation(n_rows)
    unlabelled = np.ones(n_rows, dtype=bool)
    unlabelled[known] = False
    heap = np.flatnonzero(unlabelled)
    n_picks = min(k, heap.size)
    if n_picks == 0:
        return np.empty(0, dtype=np.int64), np.empty(0)
    cosine = metric == "cosine"
    # One pick more than asked for, where there is one: its distance is the last radius.
    n_steps = min(k + 1, heap.size)
    centers = (
        _SparseCenters(matrix, cosine, known, n_steps)
        if isinstance(matrix, CSR)
        else _DenseCenters(matrix, cosine, known, n_steps)
    )
    _check_scale(centers.sq_norms, cosine)
    if known.size:
        rows, before = _traverse(centers, known, heap, rank, n_steps)
    else:
        first = _first_center(centers, rank, central=random_state is None)
        rows, before = _traverse(
            centers, np.array([first]), heap[heap != first], rank, n_steps - 1
        )
        rows = np.append(first, rows)
        before = np.append(np.inf, before)
    # What a pick's distance was just before it was made is the radius after the pick before.
    radii = np.append(before[1:], np.zeros(1))[:n_picks]
    return rows[:n_picks], radii if cosine else np.sqrt(radii)


def _check_scale(sq_norms: NDArray[np.float64], cosine: bool) -> None:
    """Refuse rows whose squares leave the range of float64: their distances would be wrong."""
    bad = np.isinf(sq_norms)
    if cosine:
        # Products of two squared norms must stay in range as well.
        bad = (sq_norms > 0) & ((sq_norms < 1e-150) | (sq_norms > 1e150))
    if bad.any():
        row = np.flatnonzero(bad)[0]
        raise ValueError(
            f"X must be of a scale whose squares fit float64, but row {row} has the squared norm "
            f"{sq_norms[row]:.3g}; rescale X"
        )


def _first_center(
    centers: _SparseCenters | _DenseCenters, rank: NDArray[np.int64], central: bool
) -> int:
    """First row in rank, or the row nearest to the mean of all rows."""
    return int(np.argmin(centers.distances_to_mean() if central else rank))


def _traverse(
    centers: _SparseCenters | _DenseCenters,
    start: NDArray[np.int64],
    candidates: NDArray[np.int64],
    rank: NDArray[np.int64],
    n_picks: int,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pick from the candidates; also return the distance each pick had just before it was made."""
    from fastal import _kernels_diversity

    bound = np.full(rank.size, np.inf)
    seen = np.zeros(rank.size, dtype=np.int64)
    centers.add(start)
    # One linear pass is cheaper than bringing every row up to date through the heap.
    centers.meet_all(bound, seen)
    heap = candidates.copy()
    _kernels_diversity.heapify(bound, rank, heap)
    rows = np.empty(n_picks, dtype=np.int64)
    before = np.empty(n_picks)
    for done in range(0, n_picks, _PICKS_PER_CALL):
        now = slice(done, min(done + _PICKS_PER_CALL, n_picks))
        left = heap[: heap.size - done]
        centers.pick(rank, bound, seen, left, rows[now], before[now])
    return rows, before


class _SparseCenters:
    """The centres so far, as one list of entries per term; see fastal/_kernels_diversity.py."""

    def __init__(self, X: CSR, cosine: bool, known: NDArray[np.int64], n_picks: int) -> None:
        from fastal import _kernels_csr, _kernels_diversity

        self._csr = _kernels_csr
        self._kernels = _kernels_diversity
        self._matrix = X.data, X.indices, X.indptr
        self._n_features = X.shape[1]
        self._cosine = cosine
        self.sq_norms = np.empty(X.shape[0])
        over_rows(self._csr.sq_norms, X.shape[0], X.data.size, X.data, X.indptr, self.sq_norms)
        lengths = np.diff(X.indptr)
        # The picks are not known yet: make room for the longest rows (untouched memory is free).
        capacity = int(lengths[known].sum() + np.partition(lengths, -n_picks)[-n_picks:].sum())
        self._n_entries = 0
        self._lists = (
            np.full(X.shape[1], -1, dtype=np.int64),  # head
            np.empty(capacity, dtype=np.int64),  # previous
            np.empty(capacity, dtype=np.int64),  # owner
            np.empty(capacity),  # value
        )
        self._n_centers = 0
        self._center_sq_norms = np.empty(known.size + n_picks)

    def add(self, rows: NDArray[np.int64]) -> None:
        for row in rows.tolist():
            self._center_sq_norms[self._n_centers] = self.sq_norms[row]
            self._n_entries = self._kernels.add_center_csr(
                *self._matrix, row, self._n_centers, self._n_entries, *self._lists
            )
            self._n_centers += 1

    def meet_all(self, bound: NDArray[np.float64], seen: NDArray[np.int64]) -> None:
        over_rows(
            self._kernels.meet_centers_csr, bound.size, self._matrix[0].size,
            *self._matrix, self.sq_norms, self._cosine, self._n_centers, *self._lists,
            self._center_sq_norms, bound, seen,
        )  # fmt: skip

    def pick(self, rank: Any, bound: Any, seen: Any, heap: Any, rows: Any, before: Any) -> None:
        self._n_entries = self._kernels.k_center_greedy_csr(
            *self._matrix, self.sq_norms, self._cosine, self._n_centers, self._n_entries,
            *self._lists, self._center_sq_norms, rank, bound, seen, heap, rows, before,
        )  # fmt: skip
        self._n_centers += rows.size

    def distances_to_mean(self) -> NDArray[np.float64]:
        """Cosine distances, or squared Euclidean ones but for a term that all rows share."""
        n_rows = self.sq_norms.size
        mean = np.zeros(self._n_features)
        data, indices, _ = self._matrix
        self._csr.column_sums(data, indices, mean)
        mean /= n_rows
        dots = np.empty(n_rows)
        over_rows(self._csr.dots, n_rows, data.size, *self._matrix, mean, dots)
        if not self._cosine:
            return self.sq_norms - 2.0 * dots
        products = self.sq_norms * float(mean @ mean)
        # As between two rows: zeros are at distance 0 from zeros and 1 from all else.
        flat = np.where(self.sq_norms == float(mean @ mean), 0.0, 1.0)
        scale = np.sqrt(np.where(products > 0, products, 1.0))
        return np.where(products > 0, np.maximum(1.0 - dots / scale, 0.0), flat)


class _DenseCenters:
    """The centres so far, one in each column; see fastal/_kernels_diversity.py."""

    def __init__(
        self, X: NDArray[Any], cosine: bool, known: NDArray[np.int64], n_picks: int
    ) -> None:
        from fastal import _kernels_diversity

        self._kernels = _kernels_diversity
        self._X = X
        self._cosine = cosine
        self.sq_norms = np.empty(len(X))
        over_rows(self._kernels.sq_norms_dense, len(X), X.size, X, self.sq_norms)
        self._n_centers = 0
        self._centers = np.empty((X.shape[1], known.size + n_picks))
        self._center_sq_norms = np.empty(known.size + n_picks)

    def add(self, rows: NDArray[np.int64]) -> None:
        new = slice(self._n_centers, self._n_centers + rows.size)
        self._centers[:, new] = self._X[rows].T
        self._center_sq_norms[new] = self.sq_norms[rows]
        self._n_centers += rows.size

    def meet_all(self, bound: NDArray[np.float64], seen: NDArray[np.int64]) -> None:
        over_rows(
            self._kernels.meet_centers_dense, bound.size, self._X.size * self._n_centers,
            self._X, self.sq_norms, self._cosine, self._n_centers, self._centers,
            self._center_sq_norms, bound, seen,
        )  # fmt: skip

    def pick(self, rank: Any, bound: Any, seen: Any, heap: Any, rows: Any, before: Any) -> None:
        self._kernels.k_center_greedy_dense(
            self._X, self.sq_norms, self._cosine, self._n_centers, self._centers,
            self._center_sq_norms, rank, bound, seen, heap, rows, before,
        )  # fmt: skip
        self._n_centers += rows.size

    def distances_to_mean(self) -> NDArray[np.float64]:
        """Squared Euclidean or cosine distances."""
        mean = self._X.mean(axis=0, dtype=np.float64)
        out = np.empty(len(self._X))
        over_rows(
            self._kernels.distances_to_dense, len(out), self._X.size,
            self._X, self.sq_norms, self._cosine, mean, out,
        )  # fmt: skip
        return out
