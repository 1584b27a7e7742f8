"""Batches that are informative and diverse: from the model's predictions and the rows."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._badge import draw_rows, embedding_sq_norms
from fastal._points import make_points
from fastal._search import make_search
from fastal._validation import (
    check_count,
    check_matrix,
    check_metric,
    check_number,
    check_proba,
    check_random_state,
    check_rows,
    check_scores,
    draw_rank,
    rows_left,
)
from fastal.coverage import number_labels
from fastal.diversity import mean_similarity
from fastal.selection import top_k

__all__ = ["badge", "cluster_margin", "information_density", "ranked_batch"]


def badge(
    proba: ArrayLike,
    X: Any,
    k: int,
    labeled: ArrayLike | None = None,
    random_state: Any = None,
) -> NDArray[np.int64]:
    r"""Draw rows whose gradients are long and unlike one another (BADGE).

    .. math:: g_u = (p_u - e_{\hat y_u}) \otimes x_u, \qquad \hat y_u = \arg\max_k p_{uk}

    is the gradient of the log loss in the weights of a linear model (or of the last layer of a
    network with the activations x) if the predicted class is the true one: long where the model
    is unsure.  The first pick is the row of the longest g, the others are drawn by k-means++,
    with a probability in proportion to the squared distance from the nearest pick.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Class probabilities, as for `fastal.entropy`.
    X : sparse matrix or array-like of shape (n_samples, n_features)
        The rows that the model sees; finite numbers.
    k : int
        How many rows to pick, at least 1.  If fewer are unlabelled, all of them are picked.
    labeled : array-like of int or bool, optional
        Row numbers, or a mask over the rows, that take no part: they are not picked, and nothing
        is kept away from them.
    random_state : None, int, RandomState or Generator, default None
        None draws afresh with every call.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Distinct row numbers in the order picked.  Rows at no distance from a pick (copies, and
        all rows of which the model is certain once one of them is picked) come last, drawn
        uniformly, as do equally long rows for the first pick.

    Raises
    ------
    ValueError
        If k is below 1, the numbers of rows differ, a row of proba is no probability
        distribution, X is not finite or not two-dimensional, its squares leave the range of
        float64, or a labelled row does not exist.
    TypeError
        If X or proba holds no real numbers, or k is no whole number.

    Notes
    -----
    The embeddings, n_samples x (n_classes * n_features) numbers, are never built:

    .. math:: g_u \cdot g_v = \big((p_u - e_u) \cdot (p_v - e_v)\big)\,(x_u \cdot x_v)

    The draws are a race, as in `fastal.kmeans_plusplus`: a row is only compared with the picks
    when it could be the next one.  Besides the input the search holds about 60 bytes a row.
    Equal rows are at distance 0 if they store their entries in the same order.

    References
    ----------
    Ash, Zhang, Krishnamurthy, Langford & Agarwal (2020), "Deep batch active learning by diverse,
    uncertain gradient lower bounds", arXiv:1906.03671.

    Examples
    --------
    >>> import fastal
    >>> proba = [[0.5, 0.5], [0.6, 0.4], [0.6, 0.4], [1.0, 0.0]]
    >>> fastal.badge(proba, [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.0, 1.0]], k=2, random_state=0)
    array([0, 2])
    """
    k = check_count(k, "k")
    proba = check_proba(proba)
    matrix = check_matrix(X)
    n_rows = matrix.shape[0]
    if len(proba) != n_rows:
        raise ValueError(f"proba must have a row for each of {n_rows} rows of X, got {len(proba)}")
    candidates = rows_left(n_rows, check_rows(labeled, n_rows, "labeled"))
    sq_norms = embedding_sq_norms(proba, matrix)
    noise = np.asarray(check_random_state(random_state).standard_exponential(n_rows))
    k = min(k, candidates.size)
    if k == 0:
        return np.empty(0, dtype=np.int64)
    return draw_rows(proba, matrix, sq_norms, candidates, k, noise)


def ranked_batch(
    scores: ArrayLike,
    X: Any,
    k: int,
    labeled: ArrayLike | None = None,
    metric: Literal["cosine", "euclidean"] = "cosine",
    alpha: float | None = None,
    random_state: Any = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    r"""Pick rows by uncertainty and by unlikeness to all labelled and picked rows (ranked batch).

    .. math:: \alpha \, (1 - \Phi(x_u, L)) + (1 - \alpha) \, s_u, \qquad
              \alpha = \frac{n_\text{unlabelled}}{n_\text{unlabelled} + n_\text{labelled}}

    :math:`\Phi` is the largest similarity to a row of L, the labelled rows and the picks before.
    Each pick counts as labelled for the next: while little is labelled, unlikeness decides.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Finite; higher = more uncertain.  The formula is made for scores between 0 and 1, such as
        `fastal.margin` and `fastal.least_confidence`; others are taken as they are, and weigh
        more or less beside the similarity (entropy: divide by the logarithm of n_classes).
    X : sparse matrix or array-like of shape (n_samples, n_features)
        Finite numbers.
    k : int
        How many rows to pick, at least 1.  If fewer are unlabelled, all of them are picked.
    labeled : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows, that are labelled.  If there are none, the
        first pick is the row of the largest `fastal.mean_similarity`, for which
        :math:`\Phi = 0`.
    metric : {"cosine", "euclidean"}, default "cosine"
        Similarity: the cosine (rows of zeros: 1 among themselves, 0 to all others), or
        1 / (1 + d) of the Euclidean distance d.
    alpha : float, optional
        Between 0 and 1; the same for all picks then.
    random_state : None, int, RandomState or Generator, default None
        None: equal ranked scores go to the lowest row.  Otherwise ties are broken at random.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Distinct row numbers of X in the order picked.
    ranked_scores : ndarray of the same shape, float64
        What the formula gave each pick when it was picked.

    Raises
    ------
    ValueError
        If k is below 1, alpha lies outside 0..1, a score is not finite, the numbers of scores and
        rows differ, X is not finite or not two-dimensional, its squares leave the range of
        float64, a labelled row does not exist, or the metric is unknown.
    TypeError
        If X holds no numbers, k is no whole number or alpha no number.

    Notes
    -----
    Similarity to the nearest row only grows, so what is known of a row gives an upper bound of its
    ranked score, and rows are compared with the labelled ones and the picks only if the bound is
    on top.  Bounds, distances and their rounding are those of `fastal.k_center_greedy`.

    References
    ----------
    Cardoso, Silva, Canuto, Moro & Gonçalves (2017), "Ranked batch-mode active learning",
    Information Sciences 379.  As in modAL, which has 1 / (1 + d) for similarity.

    Examples
    --------
    >>> import fastal
    >>> X = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.0, 1.0]]
    >>> rows, ranked_scores = fastal.ranked_batch([0.9, 0.9, 0.1, 0.2], X, k=2, labeled=[0])
    >>> rows
    array([3, 1])
    >>> ranked_scores.round(3)
    array([0.8  , 0.452])
    """
    check_metric(metric, ("cosine", "euclidean"))
    k = check_count(k, "k")
    if alpha is not None and not 0 <= check_number(alpha, "alpha", "between 0 and 1") <= 1:
        raise ValueError(f"alpha must lie between 0 and 1, got {alpha}")
    matrix = check_matrix(X)
    n_rows = matrix.shape[0]
    weights = _check_scores(scores, n_rows)
    known = check_rows(labeled, n_rows, "labeled")
    rank = draw_rank(n_rows, random_state)
    left = rows_left(n_rows, known)
    k = min(k, left.size)
    # n_rows is also the number of unlabelled and labelled rows at every pick.
    shares = (left.size - np.arange(k)) / max(n_rows, 1)
    if alpha is not None:
        shares = np.full(k, float(alpha))
    search = make_search(matrix, metric == "cosine", np.empty(0))
    if k == 0:
        return np.empty(0, dtype=np.int64), np.empty(0)
    start = known
    if known.size == 0:
        density = mean_similarity(X)
        densest = np.flatnonzero(density == density.max())
        start = densest[[np.argmin(rank[densest])]]
    search.add(start)
    bound, seen = np.full(n_rows, np.inf), np.zeros(n_rows, dtype=np.int32)
    search.bound_all(bound, seen)
    bound[start] = -1.0
    first = start[known.size :]
    rows, values = search.rank_batch(weights, shares[first.size :], rank, bound, seen)
    first_values = shares[: first.size] + (1.0 - shares[: first.size]) * weights[first]
    return np.concatenate([first, rows]), np.concatenate([first_values, values])


def information_density(scores: ArrayLike, X: Any, beta: float = 1.0) -> NDArray[np.float64]:
    r"""Scores times how much of the pool is like each row (information density).

    .. math:: s_u \Big(\frac1n \sum_v \cos(x_u, x_v)\Big)^\beta

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Finite and not negative; higher = query first.  (Negative scores times a density would
        prefer outliers.)
    X : sparse matrix or array-like of shape (n_samples, n_features)
        The pool; finite numbers.
    beta : float, default 1.0
        How much density counts, from 0, which leaves the scores as they are, to 1000: beyond it
        powers are 0 where rows differ, and rounding alone decides where they do not.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        Higher = query first.  A mean similarity below 0 (dense rows only) counts as 0.

    Raises
    ------
    ValueError
        If a score is negative or not finite, beta below 0 or above 1000, the numbers of scores and
        rows differ, or as `fastal.mean_similarity`.
    TypeError
        If X holds no numbers or beta is no number.

    References
    ----------
    Settles & Craven (2008), "An analysis of active learning strategies for sequence labeling
    tasks", EMNLP.

    Examples
    --------
    >>> import fastal
    >>> X = [[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]
    >>> fastal.information_density([0.3, 0.6, 0.9], X).round(3)
    array([0.2, 0.4, 0.3])
    """
    beta = check_number(beta, "beta", "from 0 to 1000")
    if not 0 <= beta <= 1000:
        raise ValueError(f"beta must be a number from 0 to 1000, got {beta}")
    density = np.maximum(mean_similarity(X), 0.0)
    weights = _check_scores(scores, density.size)
    bad = np.flatnonzero(weights < 0)
    if bad.size:
        raise ValueError(
            f"scores must not be negative, or density would count against a row, but row {bad[0]} "
            f"is {weights[bad[0]]}"
        )
    return np.asarray(weights * density**beta, dtype=np.float64)


def cluster_margin(
    scores: ArrayLike,
    X: Any,
    k: int,
    labeled: ArrayLike | None = None,
    n_candidates: int | None = None,
    clusters: ArrayLike | None = None,
    random_state: Any = None,
) -> NDArray[np.int64]:
    r"""Pick from clusters of high scores in turn, the smallest cluster first (Cluster-Margin).

    The candidates are the unlabelled rows of the highest scores.  Their clusters, sorted by how
    many candidates they hold, each give their best row, then those that have more their second
    best, and so on.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Higher = query first; `fastal.margin` in the paper.  Infinities are allowed.
    X : sparse matrix or array-like of shape (n_samples, n_features)
        Finite numbers.
    k : int
        How many rows to pick, at least 1.  If fewer are unlabelled, all of them are picked.
    labeled : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows, that are not picked.
    n_candidates : int, optional
        How many candidates, at least k; ``10 * k`` by default.
    clusters : array-like of shape (n_samples,), optional
        A label for the cluster of each row of X, numbers or strings.  By default the candidates
        are clustered: average linkage of cosine distances, cut into k clusters.
    random_state : None, int, RandomState or Generator, default None
        None: equal scores go to the lowest row.  Otherwise ties are broken at random.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Distinct row numbers of X in the order picked.

    Raises
    ------
    ValueError
        If k is below 1, n_candidates below k, a score is NaN, the numbers of scores, clusters and
        rows differ, X is not finite or not two-dimensional, its squares leave the range of
        float64, or a labelled row does not exist.
    TypeError
        If X holds no numbers, k or n_candidates is no whole number, or the labels of clusters
        cannot be sorted.

    Notes
    -----
    Three choices differ from the paper.  It clusters the whole pool once, with a distance to cut
    at that suits the data: time and memory grow with the square of the pool, and here with that
    of the candidates only.  Pass the labels of such a clustering as `clusters` to have it.
    With k clusters each gives one row.  And the paper draws a row of the cluster at random where
    the best one is taken here.  Of clusters of one size that with the best row comes first.

    References
    ----------
    Citovsky, DeSalvo, Gentile, Karydas, Rajagopalan, Rostamizadeh & Kumar (2021), "Batch active
    learning at scale", arXiv:2107.14263.

    Examples
    --------
    >>> import fastal
    >>> X = [[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.0, 1.0]]
    >>> fastal.cluster_margin([0.9, 0.8, 0.7, 0.1], X, k=2)
    array([3, 0])
    """
    k = check_count(k, "k")
    n_candidates = 10 * k if n_candidates is None else check_count(n_candidates, "n_candidates")
    if n_candidates < k:
        raise ValueError(f"n_candidates must be at least k = {k}, got {n_candidates}")
    points = make_points(X, "cosine")
    weights = check_scores(scores)
    if weights.size != points.n_rows:
        raise ValueError(
            f"scores must hold {points.n_rows} numbers, one for each row, got {weights.size}"
        )
    known = check_rows(labeled, points.n_rows, "labeled")
    given = None if clusters is None else number_labels(clusters, points.n_rows, "clusters")
    best = top_k(weights, n_candidates, random_state, exclude=known)
    if given is not None:
        return best[_in_turn(given[best])][:k]
    groups = np.arange(best.size)
    if best.size > k:
        groups = _linked(points.take(best), k)
    return best[_in_turn(groups)][:k]


def _linked(points: Any, n_clusters: int) -> NDArray[np.int64]:
    """Cluster of each point, by average linkage."""
    from scipy.cluster.hierarchy import fcluster, linkage

    tree = linkage(np.concatenate(list(points.pairs())), "average")
    return np.asarray(fcluster(tree, n_clusters, criterion="maxclust"), dtype=np.int64)


def _in_turn(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions, which stand best first, in the order in which the groups take turns."""
    _, first, group, sizes = np.unique(
        groups, return_index=True, return_inverse=True, return_counts=True
    )
    by_group = np.argsort(group, kind="stable")
    turn = np.empty(groups.size, dtype=np.int64)
    turn[by_group] = np.arange(groups.size) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return np.lexsort((first[group], sizes[group], turn))


def _check_scores(scores: ArrayLike, n_rows: int) -> NDArray[Any]:
    weights = check_scores(scores)
    if weights.size != n_rows:
        raise ValueError(
            f"scores must hold {n_rows} numbers, one for each row, got {weights.size}"
        )
    bad = np.flatnonzero(np.isinf(weights))
    if bad.size:
        raise ValueError(f"scores must be finite, but row {bad[0]} is {weights[bad[0]]}")
    return weights
