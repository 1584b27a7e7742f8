"""Rows that stand for the pool, and diverse batches of high scores."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from fastal._clusters import Clusters
from fastal._concave import CURVES, FeatureSums, check_feature_weights, sorted_entries
from fastal._facilities import Facilities, Worth, scale_of
from fastal._validation import (
    CSR,
    check_count,
    check_csr,
    check_importance,
    check_matrix,
    check_metric,
    check_random_state,
    check_rows,
    draw_rank,
    rows_left,
)
from fastal.selection import top_k

__all__ = ["facility_location", "feature_based", "weighted_k_means"]

_WORTH: dict[str, Worth] = {
    "cosine": "product",
    "dot": "product",
    "euclidean": "distance",
    "squared_cosine": "square",
    "precomputed": "product",
}


def facility_location(
    X: Any,
    k: int,
    labeled: ArrayLike | None = None,
    metric: Literal["cosine", "dot", "euclidean", "squared_cosine", "precomputed"] = "cosine",
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
    metric : {"cosine", "dot", "euclidean", "squared_cosine", "precomputed"}, default "cosine"
        The similarity of two rows: their cosine, 0 where a row is all zeros; the inner product;
        :math:`M - |x - y|^2`, where M is the largest squared distance of two rows of X, so that
        it is never negative; the square of the cosine; or X itself holds the similarities, with
        ``X[s, u]`` for how well s stands for u.
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
        If k is below 1, X is not finite, not two-dimensional, not square although it is
        precomputed, or of an extreme scale, a labelled row does not exist, or the metric is
        unknown.
    TypeError
        If X holds no numbers or k is no whole number.

    Notes
    -----
    The picks and gains are those of evaluating every row at every pick.  As gains only fall, an
    old one is an upper bound, and only rows whose bound is on top are evaluated again.  Still the
    time grows with the square of the number of rows: in most pools the first pick lowers all gains
    so much that every row must be compared with every other once.  Besides X the search holds a
    copy of X sorted by term, in float64, and about 16 numbers a row and 4 a feature.  No metric
    needs a matrix of all pairs; "euclidean" compares all pairs once more, for M, if nothing is
    labelled.  Its distances come from inner products, so features far from 0 beside their spread
    (points in time, say) lose digits; of a dense X their means, rounded, are taken off first.

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
    check_metric(metric, tuple(_WORTH))
    k = check_count(k, "k")
    matrix = check_matrix(X)
    if not isinstance(matrix, CSR):
        near = _near_the_origin(matrix) if metric == "euclidean" else matrix
        matrix = check_csr(sp.csr_matrix(near))
    n_rows = matrix.shape[0]
    known = check_rows(labeled, n_rows, "labeled")
    rank = draw_rank(n_rows, random_state)
    candidates = rows_left(n_rows, known)
    if metric == "precomputed" and n_rows != matrix.shape[1]:
        raise ValueError(f"X must be square if it is precomputed, got the shape {matrix.shape}")
    scale = scale_of(matrix, metric in ("cosine", "squared_cosine"))
    rows = np.empty(min(k, candidates.size), dtype=np.int64)
    gains = np.empty(rows.size)
    if rows.size:
        if metric == "precomputed":
            facilities = Facilities.of_similarities(matrix)
        else:
            facilities = Facilities(matrix, scale, worth=_WORTH[metric])
        facilities.pick(known, candidates, rank, rows, gains)
    return rows, gains


def _near_the_origin(X: NDArray[Any]) -> NDArray[np.float64]:
    """Take the mean of each feature off; rounded, so that whole numbers stay whole."""
    rows = X.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        means = np.rint(rows.mean(axis=0)) if rows.size else np.zeros(rows.shape[1])
    # Means that overflow belong to an extreme scale, which has an error of its own.
    return rows - means if np.isfinite(means).all() else rows


def feature_based(
    X: Any,
    k: int,
    labeled: ArrayLike | None = None,
    concave: Literal["sqrt", "log", "sigmoid"] = "sqrt",
    weights: ArrayLike | None = None,
    random_state: Any = None,
    *,
    exclude: ArrayLike | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    r"""Pick k rows that are rich in many features: more of the same counts less and less.

    .. math:: F(S) = \sum_j w_j \, \varphi\Big(\sum_{s \in S} x_{sj}\Big)

    Each pick is the row that raises F most, for S the labelled rows and the picks before.  No k
    rows raise F to more than 1 / (1 - 1/e) = 1.58 times what the greedy ones do.

    Parameters
    ----------
    X : sparse matrix or array-like of shape (n_samples, n_features)
        Finite numbers, none negative: counts, TF-IDF, amounts.  A sparse X is read as CSR and
        never made dense; a dense X is made sparse.
    k : int
        How many rows to pick, at least 1.  If fewer are left, all of them are picked.
    labeled : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows: they are in S from the start.
    concave : {"sqrt", "log", "sigmoid"}, default "sqrt"
        :math:`\varphi(z)` is :math:`\sqrt z`, :math:`\log(1 + z)` or :math:`z / (1 + z)`; in this
        order, more of the same is worth less and less.
    weights : array-like of shape (n_features,), optional
        How much each feature counts, finite and not negative; all alike by default.
    random_state : None, int, RandomState or Generator, default None
        None: equal gains go to the lowest row.  Otherwise ties are broken uniformly at random.
    exclude : array-like of int or bool, optional
        Rows that are not picked and not in S either.

    Returns
    -------
    rows : ndarray of shape (min(k, n_left),), int64
        Row numbers of X in the order picked, without repeats.
    gains : ndarray of the same shape, float64
        ``gains[i]`` is what pick i adds to F; it never rises from one pick to the next.

    Raises
    ------
    ValueError
        If k is below 1, X is negative somewhere, not finite, not two-dimensional or, with the
        weights, of an extreme scale, a labelled or excluded row does not exist, a weight is
        negative or not finite, there are not as many weights as features, or concave is unknown.
    TypeError
        If X holds no numbers or k is no whole number.

    Notes
    -----
    The picks and gains are those of evaluating every row at every pick.  As gains only fall, an
    old one is an upper bound, and only rows whose bound is on top are evaluated again.  To
    evaluate a row costs as much as it has entries; there are no similarities between rows, so
    the time grows with the size of X, not with its square.  Besides X the search holds 3 numbers
    a row and 3 a feature, and a copy of X if the entries of its rows are not sorted.

    References
    ----------
    Wei, Iyer, Wang, Bai & Bilmes (2014), "How to select a good training-data subset for
    transcription", Interspeech; Minoux (1978), "Accelerated greedy algorithms for maximizing
    submodular set functions".

    Examples
    --------
    >>> import fastal
    >>> X = [[4.0, 0.0], [4.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    >>> rows, gains = fastal.feature_based(X, k=3)
    >>> rows, gains.round(3)
    (array([0, 2, 1]), array([2.   , 1.   , 0.828]))
    """
    if not isinstance(concave, str) or concave not in CURVES:
        raise ValueError(f"concave must be {' or '.join(map(repr, CURVES))}, got {concave!r}")
    k = check_count(k, "k")
    matrix = check_matrix(X)
    if not isinstance(matrix, CSR):
        matrix = check_csr(sp.csr_matrix(matrix))
    n_rows, n_features = matrix.shape
    bad = np.empty(0) if matrix.positive else np.flatnonzero(matrix.data < 0)
    if bad.size:
        row = int(np.searchsorted(matrix.indptr, bad[0], side="right")) - 1
        raise ValueError(f"X must not be negative, but row {row} holds {matrix.data[bad[0]]}")
    importance = check_feature_weights(weights, n_features)
    known = check_rows(labeled, n_rows, "labeled")
    rank = draw_rank(n_rows, random_state)
    barred = np.union1d(known, check_rows(exclude, n_rows, "exclude"))
    candidates = rows_left(n_rows, barred)
    rows = np.empty(min(k, candidates.size), dtype=np.int64)
    gains = np.empty(rows.size)
    if rows.size:
        search = FeatureSums(sorted_entries(matrix), concave, importance)
        search.pick(known, candidates, rank, rows, gains)
    return rows, gains


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
    are dense over the features that occur among the candidates, in three arrays at most.

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
    scores = check_importance(scores, n_rows)
    rng = check_random_state(random_state)
    known = check_rows(labeled, n_rows, "labeled")
    # Ascending, so that ties among candidates go to the lowest row.
    chosen = np.sort(top_k(scores, n_candidates, exclude=known))
    if chosen.size > k:
        # Near the smallest numbers score times distance would vanish.
        weights = scores[chosen] / max(scores[chosen].max(), np.finfo(np.float64).tiny)
        chosen = chosen[Clusters(matrix, chosen, weights).pick(k, max_iter, tol, rng)]
    return np.asarray(chosen[np.argsort(-scores[chosen], kind="stable")])
