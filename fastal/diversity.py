"""Rows that cover the pool: selection by distance, without a model."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._progress import counter
from fastal._search import SparseSearch, check_scale, checked_sq_norms, make_search
from fastal._threads import over_rows
from fastal._validation import (
    CSR,
    check_count,
    check_matrix,
    check_metric,
    check_random_state,
    check_rows,
    check_weights,
    draw_rank,
    rows_left,
)

__all__ = ["k_center_greedy", "kmeans_plusplus", "mean_similarity"]


def k_center_greedy(
    X: Any,
    k: int,
    labeled: ArrayLike | None = None,
    metric: Literal["euclidean", "cosine"] = "euclidean",
    random_state: Any = None,
    *,
    sample_weight: ArrayLike | None = None,
    progress: bool = False,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    r"""Pick k rows, each the farthest from all rows picked or labelled before (core-set).

    .. math:: u_{t+1} = \arg\max_u \min_{s \in S_t} d(x_u, x_s)

    A 2-approximation of the smallest radius with which k balls around rows cover the pool.  With
    weights, :math:`\arg\max_u w_u \min_{s \in S_t} d(x_u, x_s)`: weights from an uncertainty
    score or from `fastal.mean_similarity` keep odd rows from being picked for their oddness alone.

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
    sample_weight : array-like of shape (n_samples,), optional
        What the distances of each row are multiplied by: 0, or between 1e-100 and 1e100.  With
        nothing labelled, the first pick is then one of the rows of largest weight.
    progress : bool, default False
        Show on standard error how many picks are made.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Row numbers of X in the order picked, without repeats.
    radii : ndarray of the same shape, float64
        ``radii[i]`` is the covering radius after pick i: the largest (weighted) distance of any
        row from the nearest picked or labelled one.

    Raises
    ------
    ValueError
        If k is below 1, X is not finite or not two-dimensional, a labelled row does not exist,
        the metric is unknown, or a weight is negative or not finite.
    TypeError
        If X holds no numbers or k is no whole number.

    Notes
    -----
    Distances between sparse rows come from inner products, :math:`|x|^2 + |s|^2 - 2 x \cdot s`:
    exact to rounding relative to the norms, so rows far from the origin and close to each other
    are better passed dense.  Equal rows are at distance 0 if they store their entries in the
    same order.  Dense rows are compared by their differences.

    The picks are exactly those of the textbook loop ``X @ x`` per pick, but a row's distances are
    only computed when what is known of them could make it the farthest (docs/explanation.md).  X
    is not copied.  Besides it the search holds about 50 bytes for each row, 70 for each column,
    and lists of the entries of the labelled and picked rows.

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
    cosine = check_metric(metric) == "cosine"
    k = check_count(k, "k")
    matrix = check_matrix(X)
    n_rows = len(matrix.indptr) - 1 if isinstance(matrix, CSR) else len(matrix)
    known = check_rows(labeled, n_rows, "labeled")
    weights = check_weights(sample_weight, n_rows)
    rank = draw_rank(n_rows, random_state)
    left = rows_left(n_rows, known)
    if left.size == 0:
        return np.empty(0, dtype=np.int64), np.empty(0)
    search = make_search(matrix, cosine, weights if cosine else weights * weights)
    start = known
    if known.size == 0:
        start = first_center(search, rank, weights, central=random_state is None)
        left = rows_left(n_rows, start)
    first = start[known.size :]
    n_steps = _n_steps(first, left, k)
    search.add(start)
    if isinstance(search, SparseSearch) and search.few_steps(start.size, n_steps):
        with counter(n_steps, "picks", progress) as tick:
            rows, before = search.pick_from_all(left, rank, n_steps)
            tick(n_steps)
        return _result(first, rows, before, k, cosine)
    bound, seen = np.full(n_rows, np.inf), np.zeros(n_rows, dtype=np.int32)
    search.bound_all(bound, seen)
    return farthest(search, first, left, rank, bound, seen, k, cosine, progress)


def farthest(
    search: Any,
    first: NDArray[np.int64],
    left: NDArray[np.int64],
    rank: NDArray[np.int64],
    bound: NDArray[np.float64],
    seen: NDArray[np.int32],
    k: int,
    cosine: bool,
    progress: bool,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Pick k rows, the first of them given, and the radii after each pick."""
    n_steps = _n_steps(first, left, k)
    with counter(n_steps, "picks", progress) as tick:
        rows, before = search.pick(left, rank, bound, seen, n_steps, tick)
    return _result(first, rows, before, k, cosine)


def _n_steps(first: NDArray[np.int64], left: NDArray[np.int64], k: int) -> int:
    """How many rows to pick from those left: one more than asked for, to know the last radius."""
    return min(k + 1 - first.size, left.size)


def _result(
    first: NDArray[np.int64],
    rows: NDArray[np.int64],
    before: NDArray[np.float64],
    k: int,
    cosine: bool,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    rows = np.concatenate([first, rows])[:k]
    # What a pick's distance was just before it was made is the radius after the pick before.
    radii = np.append(before[1 - first.size :], 0.0)[: rows.size]
    return rows, radii if cosine else np.sqrt(radii)


def first_center(
    search: Any, rank: NDArray[np.int64], weights: NDArray[np.float64], central: bool
) -> NDArray[np.int64]:
    """Of the heaviest rows, the first in rank or the one nearest to the mean of all rows."""
    heaviest = np.flatnonzero(weights == weights.max()) if weights.size else np.arange(rank.size)
    order = search.distances_to_mean() if central else rank
    return heaviest[[np.argmin(order[heaviest])]]


def kmeans_plusplus(
    X: Any,
    k: int,
    labeled: ArrayLike | None = None,
    metric: Literal["euclidean", "cosine"] = "euclidean",
    random_state: Any = None,
    *,
    sample_weight: ArrayLike | None = None,
    progress: bool = False,
) -> NDArray[np.int64]:
    r"""Draw k rows, each with a probability in proportion to its squared distance (k-means++).

    .. math:: P(u) \propto w_u \min_{s \in S_t} d(x_u, x_s)^2

    Farthest-first with chance in it: far rows are likely, but the many ordinary rows together
    outweigh a few odd ones.

    Parameters
    ----------
    X : sparse matrix or array-like of shape (n_samples, n_features)
        As in `fastal.k_center_greedy`.
    k : int
        How many rows to draw, at least 1.  If fewer are unlabelled, all of them are drawn.
    labeled : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows, that count as drawn already.
    metric : {"euclidean", "cosine"}, default "euclidean"
        "cosine" takes the cosine distance in place of the squared distance: for rows of unit
        length that is half of it, which is the same distribution.
    random_state : None, int, RandomState or Generator, default None
        None draws afresh with every call.
    sample_weight : array-like of shape (n_samples,), optional
        0, or between 1e-100 and 1e100.  Rows of weight 0 come last, like copies of rows drawn
        before.
    progress : bool, default False
        Show on standard error how many rows are drawn.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Row numbers of X in the order drawn, without repeats.

    Raises
    ------
    ValueError, TypeError
        As `fastal.k_center_greedy`.

    Notes
    -----
    The draws are a race: each row waits an exponentially distributed time at the rate
    :math:`w d^2`, and when a pick lowers the rate, what is left of its time grows in proportion.
    A race has no memory, so one random number a row is enough for all draws; and a time only
    grows, so that only the rows about to win need be looked at.  Dense rows are all looked at for
    each draw.

    References
    ----------
    Arthur & Vassilvitskii (2007), "k-means++: the advantages of careful seeding", SODA.

    Examples
    --------
    >>> import fastal
    >>> fastal.kmeans_plusplus([[0.0], [0.0], [5.0], [5.0]], k=2, random_state=0)
    array([3, 0])
    """
    cosine = check_metric(metric) == "cosine"
    k = check_count(k, "k")
    matrix = check_matrix(X)
    n_rows = len(matrix.indptr) - 1 if isinstance(matrix, CSR) else len(matrix)
    known = check_rows(labeled, n_rows, "labeled")
    weights = check_weights(sample_weight, n_rows)
    noise = check_random_state(random_state).standard_exponential(n_rows)
    # Rows that are at no distance from a centre, or weigh nothing, come last in this order.
    rank = np.empty(n_rows, dtype=np.int64)
    rank[np.argsort(noise, kind="stable")] = np.arange(n_rows)
    if weights.size:
        with np.errstate(divide="ignore", over="ignore"):
            noise = noise / weights
    left = rows_left(n_rows, known)
    k = min(k, left.size)
    if k == 0:
        return np.empty(0, dtype=np.int64)
    start = known
    if known.size == 0:
        start = np.array([np.lexsort((rank, noise))[0]])
        # The others have waited for as long as the first one took.
        noise -= noise[start[0]] if np.isfinite(noise[start[0]]) else 0.0
        left = rows_left(n_rows, start)
    search = make_search(matrix, cosine, np.empty(0))
    search.add(start)
    bound, seen = np.full(n_rows, np.inf), np.zeros(n_rows, dtype=np.int32)
    search.bound_all(bound, seen)
    n_draws = k - start.size + known.size
    with counter(n_draws, "draws", progress) as tick:
        rows = search.race(left, rank, noise, bound, seen, n_draws, tick)
    return np.concatenate([start[known.size :], rows])


def mean_similarity(X: Any) -> NDArray[np.float64]:
    r"""Mean cosine similarity of each row to all rows: how much of the pool is like it.

    .. math:: \frac1n \sum_u \cos(x, x_u) = \frac{x}{|x|} \cdot \frac1n \sum_u \frac{x_u}{|x_u|}

    which takes one pass over the entries for the sum and one for the products, not n².

    Parameters
    ----------
    X : sparse matrix or array-like of shape (n_samples, n_features)
        Finite numbers.

    Returns
    -------
    similarity : ndarray of shape (n_samples,), float64
        Between -1 and 1 (between 0 and 1 if nothing in X is negative); 0 for rows of zeros.

    Raises
    ------
    ValueError
        If X is not finite or not two-dimensional, or its squares leave the range of float64.
    TypeError
        If X holds no numbers.

    References
    ----------
    Settles & Craven (2008), "An analysis of active learning strategies for sequence labeling
    tasks", EMNLP: the information density of a row is a power of this number.

    Examples
    --------
    >>> import fastal
    >>> fastal.mean_similarity([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]).round(3)
    array([0.667, 0.667, 0.333])
    """
    from fastal import _kernels_csr, _kernels_dense

    matrix = check_matrix(X)
    if not isinstance(matrix, CSR):
        units = _units(checked_sq_norms(matrix, cosine=True))
        mean = (matrix / units[:, np.newaxis]).sum(axis=0) / max(1, len(matrix))
        dots = np.empty(len(matrix))
        over_rows(_kernels_dense.dots_dense, dots.size, matrix.size, matrix, mean, dots)
        return np.asarray(dots / units)
    sq_norms, mean = np.empty(matrix.shape[0]), np.zeros(matrix.shape[1])
    _kernels_csr.unit_row_sum(*matrix[:3], sq_norms, mean)
    check_scale(matrix, sq_norms, cosine=True)
    mean /= max(1, sq_norms.size)
    dots = np.empty(sq_norms.size)
    over_rows(_kernels_csr.dots, dots.size, matrix.data.size, *matrix[:3], mean, dots)
    dots /= _units(sq_norms)
    return dots


def _units(sq_norms: NDArray[np.float64]) -> NDArray[np.float64]:
    """What rows are divided by to have unit length; a row of zeros stays one."""
    return np.sqrt(np.where(sq_norms > 0, sq_norms, 1.0))
