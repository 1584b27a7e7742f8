"""Typical rows: those with many others near, one in each part of the pool."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from fastal._clusters import Clusters
from fastal._facilities import scale_of
from fastal._threads import over_rows
from fastal._validation import (
    CSR,
    check_count,
    check_csr,
    check_matrix,
    check_random_state,
    check_rows,
)

__all__ = ["typiclust"]

# Limits of the authors: more clusters are not made unless asked for, and smaller ones are used
# last.
_MAX_CLUSTERS = 500
_SMALLEST = 5
# Lloyd's algorithm ends at that much movement, as in `fastal.weighted_k_means`.
_TOL = 1e-4
# Work of one call of a kernel: Python sees Ctrl-C in between.
_ROWS_PER_CALL = 256


def typiclust(
    X: Any,
    k: int,
    labeled: ArrayLike | None = None,
    n_clusters: int | None = None,
    n_neighbors: int = 20,
    max_iter: int = 100,
    random_state: Any = None,
) -> NDArray[np.int64]:
    r"""Pick the most typical row of each cluster without labels (TypiClust).

    .. math:: \mathrm{typicality}(u) = \Bigl(\frac1q \sum_{v \in N_q(u)}
        |\hat x_u - \hat x_v|\Bigr)^{-1}

    for :math:`\hat x = x / |x|` and the q nearest rows :math:`N_q(u)` in the cluster of u.  All
    rows are clustered by k-means, and the clusters come in turn: those with the fewest labelled
    rows first, of these the largest.

    Parameters
    ----------
    X : sparse matrix or array-like of shape (n_samples, n_features)
        Finite numbers.  Copied in sparse form.
    k : int
        How many rows to pick, at least 1.  If fewer are unlabelled, all of them are picked.
    labeled : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows.  They are not picked, and where they lie other
        clusters come first.
    n_clusters : int, optional
        By default as many as there are labelled rows and rows to pick, at most 500.  Never more
        than there are rows.
    n_neighbors : int, default 20
        q; in a cluster of no more rows, all others are neighbours.
    max_iter : int, default 100
        Most rounds of Lloyd's algorithm.
    random_state : None, int, RandomState or Generator, default None
        Draws the first centres by k-means++.  None draws afresh.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Distinct row numbers of X in the order picked.

    Raises
    ------
    ValueError
        If k, n_clusters, n_neighbors or max_iter is below 1, X is not finite, not two-dimensional
        or of an extreme scale, or a labelled row does not exist.
    TypeError
        If X holds no numbers, or one of the numbers above is no whole number.

    Notes
    -----
    After the last cluster the first comes again, with its next typical row.  Clusters of fewer
    than five rows come only when no others are left.  Equally typical rows go to the lowest; rows
    at squared distances up to 1e-12 count as equal.  A row of zeros has a cosine of 0 with all
    others and so the distance :math:`\sqrt2` from them.

    Labelled rows are neighbours like others, and q does not depend on them; the authors' code
    leaves them and the picks out, takes at most half of a cluster as neighbours, and averages
    squared distances.

    The time of k-means grows with entries times clusters, that of the neighbours with the squares
    of the sizes of the clusters in which rows are picked.  Centres are dense over the features
    that occur: three arrays of clusters x features at most.

    References
    ----------
    Hacohen, Dekel & Weinshall (2022), "Active learning on a budget: opposite strategies suit high
    and low budgets", ICML, arXiv:2202.02794.

    Examples
    --------
    >>> import fastal
    >>> X = [[9, 0], [9, 1], [9, 2], [9, 3], [9, 4]]
    >>> X += [[0, 9], [1, 9], [2, 9], [3, 9], [4, 9], [5, 9]]
    >>> fastal.typiclust(X, k=2, n_neighbors=4, random_state=0)
    array([8, 2])
    """
    k = check_count(k, "k")
    n_neighbors = check_count(n_neighbors, "n_neighbors")
    max_iter = check_count(max_iter, "max_iter")
    matrix = check_matrix(X)
    if not isinstance(matrix, CSR):
        matrix = check_csr(sp.csr_matrix(matrix))
    n_rows = matrix.shape[0]
    known = check_rows(labeled, n_rows, "labeled")
    if n_clusters is None:
        n_clusters = min(known.size + k, _MAX_CLUSTERS)
    n_clusters = min(check_count(n_clusters, "n_clusters"), n_rows)
    rng = check_random_state(random_state)
    k = min(k, n_rows - known.size)
    if k == 0:
        return np.empty(0, dtype=np.int64)
    clusters = Clusters(_unit_rows(matrix), np.arange(n_rows), np.ones(n_rows))
    centers = clusters.move(clusters.first_centers(n_clusters, rng), max_iter, _TOL)
    labels = clusters.labels(centers)
    del centers
    return _pick(clusters.rows(), labels, known, n_clusters, n_neighbors, k)


def _unit_rows(matrix: CSR) -> CSR:
    """Rows of unit length, their entries sorted: equal rows are equal to the last bit."""
    part = sp.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    part = part.astype(np.float64, copy=True)
    part.sort_indices()
    scale = scale_of(matrix._replace(data=part.data), cosine=True)
    part.data *= np.repeat(scale, np.diff(part.indptr))
    return matrix._replace(data=part.data, indices=part.indices, indptr=part.indptr)


def _pick(
    unit: Any, labels: NDArray[np.int64], known: Any, n_clusters: int, n_neighbors: int, k: int
) -> NDArray[np.int64]:
    sizes = np.bincount(labels, minlength=n_clusters)
    members = np.split(np.argsort(labels, kind="stable"), np.cumsum(sizes)[:-1])
    order = np.lexsort((-sizes, np.bincount(labels[known], minlength=n_clusters)))
    is_free = np.ones(labels.size, dtype=bool)
    is_free[known] = False
    picks: list[int] = []
    for group in (order[sizes[order] >= _SMALLEST], order[sizes[order] < _SMALLEST]):
        some = [members[cluster] for cluster in group if is_free[members[cluster]].any()]
        # More clusters than rows that are still wanted have no turn.
        some = some[: max(k - len(picks), 0)]
        queues = [_by_typicality(unit, rows, is_free[rows], n_neighbors) for rows in some]
        for turn in range(max((rows.size for rows in queues), default=0)):
            if len(picks) >= k:
                break
            picks += [int(rows[turn]) for rows in queues if turn < rows.size]
    return np.array(picks[:k], dtype=np.int64)


def _by_typicality(
    unit: Any, rows: NDArray[np.int64], is_free: NDArray[np.bool_], n_neighbors: int
) -> NDArray[np.int64]:
    """Free rows of a cluster, the most typical first."""
    from fastal import _kernels_typical

    n_neighbors = min(n_neighbors, rows.size - 1)
    distances = np.zeros(rows.size)
    if n_neighbors:
        own = unit[rows]
        by_term = own.tocsc()
        # What a row meets on average.
        postings = int((np.diff(by_term.indptr).astype(np.float64) ** 2).sum()) // rows.size
        for first in range(0, rows.size, _ROWS_PER_CALL):
            n_now = min(_ROWS_PER_CALL, rows.size - first)
            over_rows(
                _kernels_typical.typiclust, n_now, n_now * (postings + rows.size),
                first, own.data, own.indices, own.indptr,
                by_term.indptr, by_term.indices, by_term.data, n_neighbors, distances,
            )  # fmt: skip
    return np.asarray(rows[is_free][np.argsort(distances[is_free], kind="stable")])
