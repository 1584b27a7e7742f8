"""Rows that cover the pool with balls: selection by density and distance, without a model."""

from __future__ import annotations

import math
import numbers
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._balls import BallGraph, Greedy, RadiusSearch
from fastal._points import make_points, radius_below
from fastal._validation import (
    check_count,
    check_number,
    check_random_state,
    check_rows,
    draw_rank,
    rows_left,
)

__all__ = ["prob_cover", "purity_radius", "robust_k_center"]


def prob_cover(
    X: Any,
    k: int,
    radius: float,
    labeled: ArrayLike | None = None,
    metric: Literal["euclidean", "cosine"] = "cosine",
    random_state: Any = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    r"""Pick k rows, each with the most rows in its ball that no ball before covers (ProbCover).

    .. math:: u_{t+1} = \arg\max_u |B(u) \setminus \bigcup_{s \in S_t} B(s)|,
        \quad B(u) = \{v : d(x_u, x_v) \le r\}

    Greedy maximum coverage: at least 1 - 1/e of the rows that any k balls can cover.

    Parameters
    ----------
    X : sparse matrix or array-like of shape (n_samples, n_features)
        Finite numbers.  A sparse X is read as CSR and never made dense.
    k : int
        How many rows to pick, at least 1.  If fewer are unlabelled, all of them are picked.
    radius : float
        Radius of the balls in the distance of the metric, at least 0; see `purity_radius`.
    labeled : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows, whose balls are covered from the start.
    metric : {"euclidean", "cosine"}, default "cosine"
        As in `k_center_greedy`.
    random_state : None, int, RandomState or Generator, default None
        None: equal gains go to the lowest row.  Otherwise they go by a random order of the rows.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Row numbers of X in the order picked, without repeats.
    gains : ndarray of the same shape, int64
        How many rows each pick newly covered, itself included; falling, 0 when none were left.

    Raises
    ------
    ValueError
        If k is below 1, the radius is negative, not finite or so large that over 2**27 pairs of
        rows lie within it, X is not finite or not two-dimensional, a labelled row does not exist,
        or the metric is unknown.
    TypeError
        If X holds no numbers, k is no whole number or the radius no number.

    Notes
    -----
    A row covers itself.  The pairs within the radius are found exactly: those of sparse rows by
    prefix filtering, so that a small radius costs far less than all pairs, those of dense rows by
    all pairs.  Inner products are summed in the order in which the lower row stores its entries.
    Besides X the search holds at most 24 bytes per entry of a sparse X and 12 per pair within the
    radius.

    References
    ----------
    Yehuda, Dekel, Hacohen & Weinshall (2022), "Active learning through a covering lens",
    arXiv:2205.11320; Bayardo, Ma & Srikant (2007), "Scaling up all pairs similarity search".

    Examples
    --------
    >>> import fastal
    >>> X = [[0.0], [1.0], [2.0], [9.0]]
    >>> fastal.prob_cover(X, k=2, radius=1.0, metric="euclidean")
    (array([1, 3]), array([3, 1]))
    """
    k = check_count(k, "k")
    radius = _check_radius(radius)
    points = make_points(X, metric)
    known = check_rows(labeled, points.n_rows, "labeled")
    rank = draw_rank(points.n_rows, random_state)
    graph = BallGraph(points, radius, " or fewer rows")
    greedy = Greedy(graph, graph.balls(known), rows_left(points.n_rows, known), rank)
    return greedy.pick_balls(min(k, points.n_rows - known.size))


def robust_k_center(
    X: Any,
    k: int,
    n_outliers: int,
    labeled: ArrayLike | None = None,
    metric: Literal["euclidean", "cosine"] = "euclidean",
    radius: float | None = None,
    random_state: Any = None,
    sample_size: int | None = None,
) -> tuple[NDArray[np.int64], float]:
    r"""Pick k rows whose balls hold all but a few rows: k-center with outliers.

    .. math:: u_{t+1} = \arg\max_u |\{v \notin C_t : d(x_u, x_v) \le r\}|, \quad
        C_{t+1} = C_t \cup \{v : d(x_{u_{t+1}}, x_v) \le 3r\}

    Unlike `k_center_greedy`, which picks the farthest row and so the outliers, this leaves
    ``n_outliers`` rows uncovered.  With Euclidean distance and nothing labelled, r is at most the
    smallest radius with which any k balls can do so.

    Parameters
    ----------
    X : sparse matrix or array-like of shape (n_samples, n_features)
        Finite numbers.  A sparse X is read as CSR and never made dense.
    k : int
        How many rows to pick, at least 1.  If fewer are unlabelled, all of them are picked.
    n_outliers : int
        How many rows may stay uncovered, at least 0.
    labeled : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows; what lies within 3r of them is covered.
    metric : {"euclidean", "cosine"}, default "euclidean"
        As in `k_center_greedy`.  Cosine distance breaks the triangle inequality and with it the
        guarantee; to keep it, pass rows of unit length as Euclidean.
    radius : float, optional
        The r above, at least 0.  None searches for the smallest one, see Notes.
    random_state : None, int, RandomState or Generator, default None
        None: equal counts go to the lowest row.  Otherwise they go by a random order of the rows.
        Also draws the sample (None: another one at each call).
    sample_size : int, optional
        Work on this many of the unlabelled rows, drawn uniformly, and all labelled ones, with
        n_outliers scaled down: the way to pools of a million rows.  At least k.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Row numbers of X in the order picked, without repeats.
    radius : float
        The r of the balls; the rows picked cover what lies within 3r of them.

    Raises
    ------
    ValueError
        If k or sample_size is below 1, n_outliers or radius negative, sample_size below k, over
        2**27 pairs of rows lie within the radius, X is not finite or not two-dimensional, a
        labelled row does not exist, or the metric is unknown.
    TypeError
        If X holds no numbers, a count is no whole number or the radius no number.

    Notes
    -----
    A radius will do if at most n_outliers rows are uncovered after k picks.  Up to 1,000 rows the
    search bisects over the distinct distances, 0 included (Euclidean: the least float64 whose
    square is not below the squared distance), up to the first whose triple reaches the largest:
    one ball of 3r holds all rows then.  Beyond, it tries 0 and then bisects between 0 and a third
    (and 1e-9 of it more) of an upper bound of all distances, which is twice the largest distance
    D from the first row (cosine: 4D, at most 2), until the interval is at most 1e-3 of its upper
    end, which is returned.  Where a larger radius fails and a smaller one will do, either search
    may miss the smaller.

    References
    ----------
    Charikar, Khuller, Mount & Narasimhan (2001), "Algorithms for facility location problems with
    outliers", SODA.

    Examples
    --------
    >>> import fastal
    >>> X = [[0.0], [1.0], [2.0], [10.0], [11.0], [99.0]]
    >>> fastal.robust_k_center(X, k=2, n_outliers=1)
    (array([1, 3]), 1.0)
    """
    k = check_count(k, "k")
    n_outliers = _check_outliers(n_outliers)
    radius = None if radius is None else _check_radius(radius)
    points = make_points(X, metric)
    known = check_rows(labeled, points.n_rows, "labeled")
    if random_state is not None:
        random_state = check_random_state(random_state)
    rows = np.arange(points.n_rows)
    if sample_size is not None:
        rows = _sample(rows, known, k, check_count(sample_size, "sample_size"), random_state)
    if rows.size < points.n_rows:
        share = (rows.size - known.size), (points.n_rows - known.size)
        n_outliers = n_outliers * share[0] // share[1]
        points, known = points.take(rows), np.searchsorted(rows, known)
    search = RadiusSearch(points, k, n_outliers, known, draw_rank(points.n_rows, random_state))
    if radius is None:
        radius = search.smallest_radius()
    return rows[search.picks(radius)], radius


def purity_radius(
    X: Any,
    labels: ArrayLike,
    purity: float = 0.95,
    metric: Literal["euclidean", "cosine"] = "cosine",
    sample_size: int = 2000,
    random_state: Any = None,
) -> float:
    r"""Largest radius with which nearly all balls hold rows of one label only.

    .. math:: \max \{r : |\{u : y_v = y_u \; \forall v \in B_r(u)\}| \ge \alpha n\}

    ProbCover's rule for choosing the radius of `prob_cover`.

    Parameters
    ----------
    X : sparse matrix or array-like of shape (n_samples, n_features)
        Finite numbers.  A sparse X is read as CSR and never made dense.
    labels : array-like of shape (n_samples,)
        Numbers or strings: true labels, or a model's predictions, or clusters.
    purity : float, default 0.95
        The share of the balls that must be pure, above 0 and at most 1.
    metric : {"euclidean", "cosine"}, default "cosine"
        As in `k_center_greedy`.
    sample_size : int, default 2000
        If X has more rows, this many are drawn uniformly; all pairs of them are compared.
    random_state : None, int, RandomState or Generator, default None
        Draws the sample (None: another one at each call).

    Returns
    -------
    float
        The largest float64 that will do.  0.0 if none will, because rows of different labels are
        equal; infinity if all labels are equal, since then every radius will.

    Raises
    ------
    ValueError
        If labels do not fit X or hold NaN, purity lies outside (0, 1], sample_size is below 1, X
        is not finite or not two-dimensional, or the metric is unknown.
    TypeError
        If X holds no numbers, sample_size is no whole number or purity no number.

    References
    ----------
    Yehuda, Dekel, Hacohen & Weinshall (2022), "Active learning through a covering lens",
    arXiv:2205.11320, section on choosing delta.

    Examples
    --------
    >>> import fastal
    >>> X = [[0.0], [1.0], [3.0], [4.0]]
    >>> round(fastal.purity_radius(X, [0, 0, 1, 1], metric="euclidean"), 6)
    2.0
    """
    if not 0 < check_number(purity, "purity", "above 0 and at most 1") <= 1:
        raise ValueError(f"purity must be a number above 0 and at most 1, got {purity}")
    sample_size = check_count(sample_size, "sample_size")
    points = make_points(X, metric)
    group = number_labels(labels, points.n_rows)
    if sample_size < points.n_rows:
        order = check_random_state(random_state).permutation(points.n_rows)
        rows = np.sort(order[:sample_size])
        points, group = points.take(rows), group[rows]
    if points.n_rows == 0:
        return math.inf
    near = np.full(points.n_rows, np.inf)
    for row, distances in enumerate(points.pairs()):
        apart = np.where(group[row + 1 :] == group[row], np.inf, distances)
        near[row] = min(near[row], apart.min(initial=np.inf))
        np.minimum(near[row + 1 :], apart, out=near[row + 1 :])
    shares = np.arange(points.n_rows + 1) / points.n_rows
    n_pure = int(np.searchsorted(shares, float(purity)))
    return radius_below(float(np.sort(near)[points.n_rows - n_pure]), points.cosine)


def _check_radius(radius: Any) -> float:
    value = check_number(radius, "radius", "of at least 0")
    if not 0 <= value < math.inf:
        raise ValueError(f"radius must be a finite number of at least 0, got {radius}")
    return value


def _check_outliers(n_outliers: Any) -> int:
    if isinstance(n_outliers, (bool, np.bool_)) or not isinstance(n_outliers, numbers.Integral):
        raise TypeError(f"n_outliers must be a whole number of at least 0, got {n_outliers!r}")
    if n_outliers < 0:
        raise ValueError(f"n_outliers must be a whole number of at least 0, got {n_outliers}")
    return int(n_outliers)


def number_labels(labels: ArrayLike, n_rows: int, name: str = "labels") -> NDArray[np.int64]:
    """Equal numbers for equal labels."""
    array = np.asarray(labels)
    if array.shape != (n_rows,):
        raise ValueError(f"{name} must have shape ({n_rows},), got shape {array.shape}")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ValueError(
            f"{name} must not be NaN, but row {np.flatnonzero(np.isnan(array))[0]} is"
        )
    try:
        return np.unique(array, return_inverse=True)[1].astype(np.int64)
    except TypeError as error:
        raise TypeError(f"{name} must be of one kind that can be sorted: {error}") from error


def _sample(
    rows: NDArray[np.int64], known: NDArray[np.int64], k: int, size: int, random_state: Any
) -> NDArray[np.int64]:
    """All labelled rows and this many of the others, in order."""
    pool = np.delete(rows, known)
    if size < min(k, pool.size):
        raise ValueError(f"sample_size must be at least k, which is {k}, got {size}")
    if size >= pool.size:
        return rows
    drawn = check_random_state(random_state).permutation(pool)[:size]
    return np.sort(np.append(drawn, known))
