"""Rows that stand for the pool, and diverse batches of high scores."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from fastal._threads import over_rows
from fastal._validation import (
    CSR,
    check_count,
    check_csr,
    check_matrix,
    check_metric,
    check_random_state,
    check_rows,
    check_scores,
    draw_rank,
    read_only,
    rows_left,
)
from fastal.selection import top_k

__all__ = ["facility_location", "weighted_k_means"]

# Work of one call of a kernel: Python sees Ctrl-C in between.
_EVALUATIONS_PER_CALL = 64
_PAIRED_ROWS_PER_CALL = 256


def facility_location(
    X: Any,
    k: int,
    labeled: ArrayLike | None = None,
    metric: Literal["cosine", "dot"] = "cosine",
    random_state: Any = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    r"""Pick k rows that stand for the pool: each row should have a similar one among them.

    .. math:: F(S) = \sum_u \max_{s \in S} \max(\mathrm{sim}(x_u, x_s), 0)

    Each pick is the row that raises F most, for S the labelled rows and the picks before.  No k
    rows raise F to more than 1 / (1 - 1/e) = 1.58 times what the greedy ones do.

    Parameters
    ----------
    X : sparse matrix or array-like of shape (n_samples, n_features)
        Finite numbers.  A sparse X is read as CSR and never made dense; a dense X is made sparse.
    k : int
        How many rows to pick, at least 1.  If fewer are unlabelled, all of them are picked.
    labeled : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows: they are in S from the start.
    metric : {"cosine", "dot"}, default "cosine"
        Cosine similarity, 0 where a row is all zeros, or the inner product.
    random_state : None, int, RandomState or Generator, default None
        None: equal gains go to the lowest row.  Otherwise ties are broken uniformly at random.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Row numbers of X in the order picked, without repeats.
    gains : ndarray of the same shape, float64
        ``gains[i]`` is what pick i adds to F; it never rises from one pick to the next.

    Raises
    ------
    ValueError
        If k is below 1, X is not finite, not two-dimensional or of an extreme scale, a labelled
        row does not exist, or the metric is unknown.
    TypeError
        If X holds no numbers or k is no whole number.

    Notes
    -----
    The picks and gains are those of evaluating every row at every pick.  As gains only fall, an
    old one is an upper bound, and only rows whose bound is on top are evaluated again.  Still the
    time grows with the square of the number of rows: in most pools the first pick lowers all gains
    so much that every row must be compared with every other once.  Besides X the search holds a
    copy of X sorted by term, in float64, and about 16 numbers a row and 4 a feature.

    References
    ----------
    Nemhauser, Wolsey & Fisher (1978), Mathematical Programming 14; Minoux (1978), "Accelerated
    greedy algorithms for maximizing submodular set functions"; Wei, Iyer & Bilmes (2015),
    "Submodularity in data subset selection and active learning", ICML.

    Examples
    --------
    >>> import fastal
    >>> X = [[1.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    >>> fastal.facility_location(X, k=3)
    (array([0, 2, 1]), array([2., 1., 0.]))
    """
    check_metric(metric, ("cosine", "dot"))
    k = check_count(k, "k")
    matrix = check_matrix(X)
    if not isinstance(matrix, CSR):
        matrix = check_csr(sp.csr_matrix(matrix))
    n_rows = matrix.shape[0]
    known = check_rows(labeled, n_rows, "labeled")
    rank = draw_rank(n_rows, random_state)
    candidates = rows_left(n_rows, known)
    sq_norms = _checked_sq_norms(matrix.data, matrix.indptr, metric == "cosine")
    scale = np.ones(n_rows)
    if metric == "cosine":
        # A row of zeros has nothing to scale.
        scale = 1.0 / np.sqrt(np.where(sq_norms > 0, sq_norms, 1.0))
    rows = np.empty(min(k, candidates.size), dtype=np.int64)
    gains = np.empty(rows.size)
    if rows.size:
        _Facilities(matrix, scale).pick(known, candidates, rank, rows, gains)
    return rows, gains


def _checked_sq_norms(
    data: NDArray[Any], indptr: NDArray[Any], cosine: bool
) -> NDArray[np.float64]:
    """Squared norms of rows whose products with others are certain to fit float64."""
    from fastal import _kernels_csr

    sq_norms = np.empty(indptr.size - 1)
    over_rows(_kernels_csr.sq_norms, sq_norms.size, data.size, data, indptr, sq_norms)
    bad = sq_norms > 1e150
    if cosine:
        bad |= (sq_norms > 0) & (sq_norms < 1e-150)
        for row in np.flatnonzero((sq_norms == 0) & (indptr[1:] > indptr[:-1])):
            # Zeros that are stored, or numbers whose squares are too small to tell from zero.
            bad[row] = data[indptr[row] : indptr[row + 1]].any()
    if bad.any():
        row = np.flatnonzero(bad)[0]
        raise ValueError(
            f"X must be of a scale whose squares fit float64, but row {row} has the squared norm "
            f"{sq_norms[row]:.3g}; rescale X"
        )
    return sq_norms


class _Facilities:
    """The pool by row and by term, and how well each row is covered by those selected."""

    def __init__(self, X: CSR, scale: NDArray[np.float64]) -> None:
        from fastal import _kernels_queue, _kernels_representation

        self._kernels = _kernels_representation
        self._heapify = _kernels_queue.heapify
        n_rows, n_features = X.shape
        frequency = np.bincount(X.indices, minlength=n_features)
        starts = np.append(0, np.cumsum(frequency))
        rows, values = np.empty(X.data.size, dtype=np.int32), np.empty(X.data.size)
        self._by_row = X.data, X.indices, X.indptr, scale
        self._kernels.transpose(*self._by_row, starts[:-1].copy(), rows, values)
        self._pool = *self._by_row, starts, rows, values
        self._covered = np.zeros(n_rows)
        # What a row meets on average.
        self._postings = int((frequency.astype(np.float64) ** 2).sum() / n_rows)

    def pick(
        self, known: Any, candidates: Any, rank: Any, picks: NDArray[Any], gains: NDArray[Any]
    ) -> None:
        kernels = self._kernels
        for row in known.tolist():
            kernels.cover(*self._pool, row, self._covered)
        bound = self._first_bounds()
        evaluated = np.full(rank.size, -1, dtype=np.int64)
        heap = candidates.copy()
        self._heapify(bound, rank, heap, heap.size)
        for step in range(picks.size):
            n_left = heap.size - step
            n_evaluated = 0
            while True:
                row = kernels.facility_location(
                    *self._pool, self._covered, rank, step, n_left, _EVALUATIONS_PER_CALL,
                    heap, bound, evaluated,
                )  # fmt: skip
                if row >= 0:
                    break
                n_evaluated += _EVALUATIONS_PER_CALL
                # Evaluating all rows together takes half the time: one similarity for each pair.
                if n_evaluated > rank.size // 8:
                    bound = self._all_gains()
                    evaluated[:] = step
                    self._heapify(bound, rank, heap, n_left)
            picks[step], gains[step] = row, bound[row]
            kernels.remove_first(bound, rank, n_left, heap)
            kernels.cover(*self._pool, row, self._covered)

    def _first_bounds(self) -> NDArray[np.float64]:
        """Bounds of the gains in one pass: the sum of all products above zero."""
        _, _, _, _, starts, _, values = self._pool
        sums = np.empty(starts.size - 1), np.empty(starts.size - 1)
        over_rows(self._kernels.signed_sums, starts.size - 1, values.size, starts, values, *sums)
        bound = np.empty(self._covered.size)
        over_rows(
            self._kernels.first_bounds, bound.size, values.size,
            *self._by_row, *sums, bound,
        )  # fmt: skip
        # Both the bound and the gain are rounded once for each term and each row: the bound is
        # raised by more than that, and by more than what numbers next to zero lose.
        longest = int(np.diff(self._by_row[2]).max(initial=0))
        factor = 1.0 + 4.0 * np.finfo(np.float64).eps * (bound.size + longest + 8)
        return np.where(bound > 0, bound * factor + np.finfo(np.float64).tiny, 0.0)

    def _all_gains(self) -> NDArray[np.float64]:
        n_rows, lanes = self._covered.size, self._kernels.LANES
        sums = np.empty((lanes, n_rows))
        for first in range(0, n_rows, _PAIRED_ROWS_PER_CALL):
            last = min(first + _PAIRED_ROWS_PER_CALL, n_rows)
            over_rows(
                self._kernels.sum_pairs, lanes, (last - first) * self._postings * last // n_rows,
                first, last, *self._pool, self._covered, sums,
            )  # fmt: skip
        # cumsum adds up one by one, as the kernel does.
        return np.asarray(np.cumsum(sums, axis=0, out=sums)[-1].copy())


def weighted_k_means(
    X: Any,
    k: int,
    scores: ArrayLike,
    labeled: ArrayLike | None = None,
    n_candidates: int | None = None,
    max_iter: int = 100,
    tol: float = 1e-4,
    random_state: Any = None,
) -> NDArray[np.int64]:
    r"""Pick a diverse batch of high scores: one row near each centre of a weighted k-means.

    .. math:: \min_{c_1, \ldots, c_k} \sum_{u \in C} s_u \min_j \|x_u - c_j\|^2

    C are the unlabelled rows of the highest scores s, the picks those nearest to the centres.

    Parameters
    ----------
    X : sparse matrix or array-like of shape (n_samples, n_features)
        Finite numbers.  The candidates are copied in sparse form.
    k : int
        How many rows to pick, at least 1.  If fewer are unlabelled, all of them are picked.
    scores : array-like of shape (n_samples,)
        Finite and not negative; higher = query first.  Only their ratios matter.
    labeled : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows, that are not picked.
    n_candidates : int, optional
        How many rows of the highest scores are clustered, at least k; ``10 * k`` by default.
        Equal scores go to the lowest row.
    max_iter : int, default 100
        Most rounds of Lloyd's algorithm; it ends before if no row changes its cluster.
    tol : float, default 1e-4
        It also ends if the centres' squared movements together are at most tol times the mean
        variance of the features that occur among the candidates.
    random_state : None, int, RandomState or Generator, default None
        Draws the first centres by k-means++ (squared distance times score).  None draws afresh.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Distinct row numbers of X, highest score first, equal scores by row.

    Raises
    ------
    ValueError
        If k or max_iter is below 1, n_candidates below k, tol negative, a score negative or not
        finite, X not finite, not two-dimensional or of an extreme scale, a labelled row does not
        exist, or the numbers of scores and rows differ.
    TypeError
        If X holds no numbers, or k, n_candidates or max_iter is no whole number.

    Notes
    -----
    Each centre in turn takes the nearest candidate that no centre before has taken, the lowest
    row of equally near ones.  A centre whose rows have no score left stays where it is.  Centres
    are dense over the features that occur among the candidates, in four arrays at most.

    References
    ----------
    Zhdanov (2019), "Diverse mini-batch active learning", arXiv:1901.05954.

    Examples
    --------
    >>> import fastal
    >>> X = [[0.0], [0.1], [5.0], [5.1], [9.0]]
    >>> fastal.weighted_k_means(X, k=2, scores=[0.6, 0.9, 0.8, 0.7, 0.0], random_state=0)
    array([1, 2])
    """
    k = check_count(k, "k")
    max_iter = check_count(max_iter, "max_iter")
    n_candidates = 10 * k if n_candidates is None else check_count(n_candidates, "n_candidates")
    if n_candidates < k:
        raise ValueError(f"n_candidates must be at least k = {k}, got {n_candidates}")
    if not tol >= 0:
        raise ValueError(f"tol must not be negative, got {tol}")
    matrix = check_matrix(X)
    n_rows = matrix.shape[0]
    scores = check_scores(scores)
    if len(scores) != n_rows:
        raise ValueError(f"scores must hold a number for each of {n_rows} rows, got {len(scores)}")
    bad = np.flatnonzero((scores < 0) | np.isinf(scores))
    if bad.size:
        raise ValueError(f"scores must be finite and not negative, but row {bad[0]} is not")
    rng = check_random_state(random_state)
    known = check_rows(labeled, n_rows, "labeled")
    # Ascending, so that ties among candidates go to the lowest row.
    chosen = np.sort(top_k(scores, n_candidates, exclude=known))
    if chosen.size > k:
        # Near the smallest numbers score times distance would vanish.
        weights = scores[chosen] / max(scores[chosen].max(), np.finfo(np.float64).tiny)
        chosen = chosen[_Clusters(matrix, chosen, weights).pick(k, max_iter, tol, rng)]
    return np.asarray(chosen[np.argsort(-scores[chosen], kind="stable")])


class _Clusters:
    """The candidates, as CSR over the columns that occur among them, and their weights."""

    def __init__(
        self, X: CSR | NDArray[Any], rows: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> None:
        from fastal import _kernels_csr, _kernels_representation

        self._csr = _kernels_csr
        self._kernels = _kernels_representation
        if isinstance(X, CSR):
            part = sp.csr_matrix((X.data, X.indices, X.indptr), shape=X.shape)[rows]
        else:
            part = sp.csr_matrix(X[rows])
        columns, indices = np.unique(part.indices, return_inverse=True)
        self._n_columns = columns.size
        self._arrays = (
            read_only(part.data.astype(np.float64)),
            read_only(indices.astype(np.int64)),
            read_only(part.indptr.astype(np.int64)),
        )
        self._sq_norms = _checked_sq_norms(self._arrays[0], self._arrays[2], cosine=False)
        self._weights = weights

    def pick(self, k: int, max_iter: int, tol: float, rng: Any) -> NDArray[np.int64]:
        """Positions of k candidates."""
        centers = self.move(self.first_centers(k, rng), max_iter, tol)
        taken = np.zeros(self._weights.size, dtype=bool)
        out = np.empty(k, dtype=np.int64)
        self._kernels.nearest_rows(
            *self._arrays, self._sq_norms, centers, (centers * centers).sum(axis=0), taken, out
        )
        return np.sort(out)

    def first_centers(self, k: int, rng: Any) -> NDArray[np.float64]:
        """k-means++: rows drawn by weight times squared distance from the centres before."""
        data, indices, indptr = self._arrays
        n_rows = self._weights.size
        centers = np.zeros((self._n_columns, k))
        free = np.ones(n_rows, dtype=bool)
        nearest = np.full(n_rows, np.inf)
        chances = self._weights
        for c, draw in enumerate(rng.uniform(size=k)):
            row = _draw(chances, free, draw)
            free[row] = False
            entries = slice(indptr[row], indptr[row + 1])
            centers[indices[entries], c] = data[entries]
            dots = np.empty(n_rows)
            over_rows(self._csr.dots, n_rows, data.size, *self._arrays, centers[:, c].copy(), dots)
            distances = (self._sq_norms + self._sq_norms[row]) - 2.0 * dots
            nearest = np.minimum(nearest, np.maximum(distances, 0.0))
            chances = self._weights * nearest
        return centers

    def move(self, centers: NDArray[np.float64], max_iter: int, tol: float) -> NDArray[np.float64]:
        """Lloyd's algorithm from the given centres, which are (n_columns, k)."""
        n_rows, k = self._weights.size, centers.shape[1]
        data, indices, _ = self._arrays
        means = np.bincount(indices, data, minlength=1) / n_rows
        squares = np.bincount(indices, data**2, minlength=1) / n_rows
        small = tol * float(np.mean(squares - means**2))
        labels = np.full(n_rows, -1, dtype=np.int64)
        for _ in range(max_iter):
            previous, old = labels, centers
            labels = np.empty(n_rows, dtype=np.int64)
            over_rows(
                self._kernels.nearest_centers, n_rows, data.size * k,
                *self._arrays, old, (old * old).sum(axis=0), labels,
            )  # fmt: skip
            sums, totals = np.zeros_like(old), np.zeros(k)
            self._kernels.weighted_k_means(*self._arrays, self._weights, labels, sums, totals)
            centers = np.where(totals > 0, sums / np.where(totals > 0, totals, 1.0), old)
            moved = ((centers - old) ** 2).sum()
            if moved <= small or np.array_equal(labels, previous):
                break
        return centers


def _draw(chances: NDArray[np.float64], free: NDArray[np.bool_], draw: float) -> int:
    """Turn a draw from [0, 1) into a row, in proportion to the chances if any is above zero."""
    edges = np.cumsum(chances)
    if not edges[-1] > 0:
        rows = np.flatnonzero(free)
        return int(rows[int(draw * rows.size)])
    # Rounding can bring the draw up to the total: no row behind the last chance then.
    row = int(np.searchsorted(edges, draw * edges[-1], side="right"))
    return min(row, int(np.searchsorted(edges, edges[-1])))
