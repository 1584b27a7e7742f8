"""Scores and selections that set the pool against the labelled rows."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.special import entr

from fastal._search import DenseSearch, checked_sq_norms
from fastal._threads import MIN_SHARE, n_threads, over_blocks, over_rows
from fastal._validation import (
    CSR,
    check_count,
    check_matrix,
    check_metric,
    check_proba,
    check_random_state,
    check_rows,
    explain_bad_rows,
    read_only,
    rows_left,
)
from fastal.selection import top_k

__all__ = ["contrastive", "discriminative"]

# Distances measured in one call of a kernel: Python sees Ctrl-C in between.
_DISTANCES_PER_CALL = 2**24
_MOST_ROWS_PER_CALL = 2**16
# A list of labelled rows becomes a row of a table if it holds one in so many of them, and so many.
_CROWDED, _LONG = 6, 16
_TABLE_CELLS = 2**22
# Unlabelled rows to train on: so many for each labelled one, and at least so many.
_PER_LABELED, _AT_LEAST = 10, 10_000
_ROWS_AT_ONCE = 16384


def contrastive(
    proba: ArrayLike,
    X: Any,
    proba_labeled: ArrayLike,
    X_labeled: Any,
    n_neighbors: int = 10,
    metric: Literal["euclidean", "cosine"] = "euclidean",
) -> NDArray[np.float64]:
    r"""How differently a model sees a row and the labelled rows that are most like it (CAL).

    .. math:: \frac1m \sum_{l \in N_m(x)} \mathrm{KL}(p_l \,\Vert\, p_x)
              = \frac1m \sum_{l \in N_m(x)} \sum_k p_{lk} \log \frac{p_{lk}}{p_{xk}}

    with :math:`N_m(x)` the m labelled rows nearest to x.  Rows that are alike and should have the
    same label, but are told apart, lie near a boundary.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        What the model predicts for the pool: each row finite, not negative, and of sum 1 within
        0.001.
    X : sparse matrix or array-like of shape (n_samples, n_features)
        The pool.  Finite numbers; a sparse X is read as CSR and never made dense.
    proba_labeled : array-like of shape (n_labeled, n_classes)
        What the same model predicts for the labelled rows (not their labels).
    X_labeled : sparse matrix or array-like of shape (n_labeled, n_features)
        The labelled rows, at least one.  They may be rows of the pool, ``X[labeled]``, or not.
    n_neighbors : int, default 10
        How many labelled rows each row is compared with; all, if there are fewer.
    metric : {"euclidean", "cosine"}, default "euclidean"
        As in `fastal.k_center_greedy`.  For rows of unit length both find the same neighbours.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        At least 0; higher = query first.

    Raises
    ------
    ValueError
        If shapes do not fit each other, a row of probabilities is no distribution, there is no
        labelled row, X or X_labeled is not finite or of an extreme scale, n_neighbors is below 1,
        or the metric is unknown.
    TypeError
        If X, X_labeled or the probabilities hold no numbers, or n_neighbors is no whole number.

    Notes
    -----
    Of equally near labelled rows the one of lower number counts as nearer.  Distances between
    sparse rows come from inner products; those that differ by less than 1e-11 (cosine), or squared
    by so much of the squared norms (Euclidean), count as equal, since rounding could tell them
    apart.  A probability of 0 in `proba` is taken as 2.2e-308, the smallest normal number, where
    the formula would be infinite: all scores are finite, at most about 709, and rows that the
    formula puts at infinity are still told apart.

    Every row meets every labelled row, through lists of the labelled rows by term, so only terms
    that they share cost time; memory holds one distance for each labelled row and thread, and the
    neighbours of a block of rows.

    References
    ----------
    Margatina, Vernikos, Barrault & Aletras (2021), "Active learning by acquiring contrastive
    examples", EMNLP, arXiv:2109.03764.

    Examples
    --------
    >>> import fastal
    >>> X_labeled, proba_labeled = [[0.0], [9.0]], [[1.0, 0.0], [0.0, 1.0]]
    >>> proba = [[1.0, 0.0], [0.5, 0.5]]
    >>> fastal.contrastive(proba, [[1.0], [2.0]], proba_labeled, X_labeled, n_neighbors=1)
    array([0.        , 0.69314718])
    """
    from fastal import _kernels_contrast

    cosine = check_metric(metric) == "cosine"
    n_neighbors = check_count(n_neighbors, "n_neighbors")
    pool, known, entropies = _check_probabilities(proba, proba_labeled)
    neighbours = _Neighbours(X, X_labeled, cosine)
    _check_lengths(neighbours, len(pool), len(known))
    n_rows, m = len(pool), min(n_neighbors, len(known))
    out = np.empty(n_rows)
    block = max(1, min(_MOST_ROWS_PER_CALL, _DISTANCES_PER_CALL // len(known)))
    for first in range(0, n_rows, block):
        own = slice(first, min(first + block, n_rows))
        scores, part = out[own], pool[own]
        nearest = neighbours.of_rows(first, scores.size, m)
        over_rows(
            _kernels_contrast.contrastive, scores.size, part.size * (m + 4),
            part, read_only(nearest), known, entropies, scores,
        )  # fmt: skip
    explain_bad_rows(out, pool, "proba")
    return out


def _check_probabilities(
    proba: ArrayLike, proba_labeled: ArrayLike
) -> tuple[NDArray[Any], NDArray[np.float64], NDArray[np.float64]]:
    """Both as arrays, and the entropies of the labelled rows."""
    from fastal._kernels_scores import SUM_TOLERANCE

    pool, known = check_proba(proba), check_proba(proba_labeled, "proba_labeled")
    if not len(known):
        raise ValueError("proba_labeled must hold at least one labelled row, got none")
    if pool.shape[1] != known.shape[1]:
        raise ValueError(
            f"proba_labeled must have {pool.shape[1]} classes as proba has, got {known.shape[1]}"
        )
    known = read_only(known.astype(np.float64, copy=False))
    # Few rows: a kernel of their own would take longer to compile.
    valid = (known >= 0).all(axis=1) & (np.abs(known.sum(axis=1) - 1) <= SUM_TOLERANCE)
    entropies = np.where(valid, entr(known).sum(axis=1), np.nan)
    explain_bad_rows(entropies, known, "proba_labeled")
    return pool, known, read_only(entropies)


def _check_lengths(neighbours: _Neighbours, n_rows: int, n_labeled: int) -> None:
    for name, n, expected in (
        ("proba", n_rows, neighbours.n_rows),
        ("proba_labeled", n_labeled, neighbours.n_labeled),
    ):
        if n != expected:
            rows = "X" if name == "proba" else "X_labeled"
            raise ValueError(f"{name} must have a row for each of {expected} of {rows}, got {n}")


class _Neighbours:
    """The labelled rows, to be found by rows of the pool."""

    def __init__(self, X: Any, X_labeled: Any, cosine: bool) -> None:
        from fastal import _kernels_contrast

        pool = check_matrix(X)
        labeled = check_matrix(_as_kind_of(X, X_labeled), "X_labeled")
        n_features = pool.shape[1]
        if labeled.shape[1] != n_features:
            raise ValueError(
                f"X_labeled must have {n_features} features as X has, got {labeled.shape[1]}"
            )
        self.n_rows, self.n_labeled = pool.shape[0], labeled.shape[0]
        norms = checked_sq_norms(pool, cosine)
        norms_labeled = checked_sq_norms(labeled, cosine, "X_labeled")
        self._kernel: Any
        self._arguments: tuple[Any, ...]
        if isinstance(pool, CSR) and isinstance(labeled, CSR):
            self._kernel = _kernels_contrast.nearest_csr
            self._arguments = *pool[:3], norms, cosine, *_by_term(labeled), norms_labeled
            # An entry meets one in some labelled rows.
            self._work = 1 + pool.data.size // (self.n_rows + 1) * self.n_labeled // 4
        else:
            from fastal._kernels_dense import DenseRows

            self._kernel = _kernels_contrast.nearest_dense
            search = DenseSearch(labeled, norms_labeled, cosine, np.empty(0))  # type: ignore[arg-type]
            search.add(np.arange(self.n_labeled))
            self._arguments = DenseRows(pool, norms, np.empty(0), cosine), search.centers
            self._work = 1 + n_features * self.n_labeled

    def of_rows(self, first: int, n_rows: int, m: int) -> NDArray[np.int64]:
        """Nearest m labelled rows of each of n_rows rows from `first` on, (n_rows, m)."""
        nearest = np.empty((n_rows, m), dtype=np.int64)
        scratch = [(np.empty(self.n_labeled),) for _ in range(n_threads())]
        over_rows(
            self._kernel, n_rows, n_rows * self._work,
            first, *self._arguments, nearest, scratch=scratch,
        )  # fmt: skip
        return nearest


def _by_term(labeled: CSR) -> tuple[NDArray[Any], ...]:
    """The labelled rows of each term: where they are, lists of rows and values, and a table.

    A term that many of them have is a row of the table, with a column for each labelled row.
    """
    n_labeled = labeled.shape[0]
    columns = sp.csr_matrix(labeled[:3], shape=labeled.shape).tocsc()
    values = columns.data.astype(np.float64)
    ends, counts = columns.indptr, np.diff(columns.indptr)
    crowded = np.flatnonzero(counts * _CROWDED >= max(n_labeled, _CROWDED * _LONG))
    most = _TABLE_CELLS // max(1, n_labeled)
    crowded = crowded[np.argsort(-counts[crowded], kind="stable")[:most]]
    place = np.stack([ends[:-1], ends[1:]], axis=1)
    place[crowded, 0] = -1 - np.arange(crowded.size)
    table = np.zeros((crowded.size, n_labeled))
    for i, term in enumerate(crowded.tolist()):
        own = slice(ends[term], ends[term + 1])
        table[i, columns.indices[own]] = values[own]
    return place, columns.indices, values, table


def _as_kind_of(X: Any, X_labeled: Any) -> Any:
    """The labelled rows, sparse if the pool is, else dense."""
    if sp.issparse(X) == sp.issparse(X_labeled):
        return X_labeled
    if sp.issparse(X_labeled):
        return X_labeled.toarray()
    dense = check_matrix(X_labeled, "X_labeled")
    return sp.csr_matrix(dense)


def discriminative(
    X: Any,
    k: int,
    labeled: ArrayLike,
    n_sub_batches: int = 10,
    estimator: Any = None,
    random_state: Any = None,
    *,
    n_unlabeled: int | None = None,
) -> NDArray[np.int64]:
    r"""Pick the k rows that a classifier is most sure are not labelled yet (DAL).

    .. math:: \arg\max_u \; P(\text{unlabelled} \mid x_u)

    A classifier learns to tell the labelled rows from the others.  Where it succeeds, nothing like
    it is labelled.  The first k / n_sub_batches picks then count as labelled, the classifier is
    trained again, and so on: without that the batch would be k times the same.

    Parameters
    ----------
    X : sparse matrix or array-like of shape (n_samples, n_features)
        Finite numbers.  A sparse X is read as CSR and never made dense.
    k : int
        How many rows to pick, at least 1.  If fewer are unlabelled, all of them are picked.
    labeled : array-like of int or bool
        Row numbers of X, or a mask over its rows; at least one.
    n_sub_batches : int, default 10
        How often a classifier is trained, at most k times.  Earlier sub-batches take one pick
        more if k is no multiple of it.
    estimator : classifier, optional
        Trained to tell 1, unlabelled, from 0, labelled, with ``decision_function`` or
        ``predict_proba``; it is cloned.  Default: scikit-learn's logistic regression with
        ``class_weight="balanced"``, since most rows are unlabelled.
    random_state : None, int, RandomState or Generator, default None
        None: equal rows go to the lowest, and the unlabelled rows to train on are drawn afresh.
        Otherwise ties are broken at random, too.
    n_unlabeled : int, optional
        How many unlabelled rows each classifier is trained on, drawn anew for each; all, if there
        are no more.  Default: 10 for each labelled row, as in the authors' code, but at least
        10,000.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Row numbers of X, one sub-batch after the other, best first in each, without repeats.

    Raises
    ------
    ValueError
        If k, n_sub_batches or n_unlabeled is below 1, nothing is labelled, a labelled row does not
        exist, or X is not finite or not two-dimensional.
    TypeError
        If X holds no numbers, the estimator has neither method, or k, n_sub_batches or
        n_unlabeled is no whole number.

    Notes
    -----
    Rows are ordered by decision values: of rows far from the boundary the probabilities would all
    be 1.  Each sub-batch costs one pass over X besides the training; a linear estimator's pass is
    compiled.

    References
    ----------
    Gissin & Shalev-Shwartz (2019), "Discriminative active learning", arXiv:1907.06347.

    Examples
    --------
    >>> import fastal
    >>> X = [[0.0, 1.0], [0.1, 1.0], [5.0, 1.0], [0.2, 1.0]]
    >>> fastal.discriminative(X, k=1, labeled=[0])
    array([2])
    """
    k = check_count(k, "k")
    n_sub_batches = check_count(n_sub_batches, "n_sub_batches")
    if n_unlabeled is not None:
        n_unlabeled = check_count(n_unlabeled, "n_unlabeled")
    matrix = check_matrix(X)
    n_rows = matrix.shape[0]
    known = check_rows(labeled, n_rows, "labeled")
    if not known.size:
        raise ValueError("labeled must hold at least one row, got none")
    ties = None if random_state is None else check_random_state(random_state)
    rng = check_random_state(ties)
    rows: Any = matrix
    if isinstance(matrix, CSR):
        rows = sp.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    k = min(k, n_rows - known.size)
    picks = np.empty(0, dtype=np.int64)
    for i in range(min(n_sub_batches, k)):
        # As many as are left, in equal parts, rounded up.
        size = -(-(k - picks.size) // (min(n_sub_batches, k) - i))
        taken = np.append(known, picks)
        model = _trained(estimator, rows, taken, n_unlabeled, rng)
        scores = _decisions(model, rows)
        picks = np.append(picks, top_k(scores, size, ties, exclude=taken))
    return picks


def _trained(
    estimator: Any, X: Any, taken: NDArray[np.int64], n_unlabeled: int | None, rng: Any
) -> Any:
    """Return a classifier that tells rows that are taken, 0, from a sample of the others, 1."""
    from fastal._rows import check_classifier, fit_clone, take_rows

    if estimator is None:
        from fastal._models import SparseLogisticRegression

        estimator = SparseLogisticRegression(class_weight="balanced", tol=1e-3, max_iter=1000)
    check_classifier(estimator)
    others = rows_left(X.shape[0], taken)
    most = max(_PER_LABELED * taken.size, _AT_LEAST) if n_unlabeled is None else n_unlabeled
    if others.size > most:
        others = np.sort(rng.choice(others, size=most, replace=False))
    sample = np.concatenate([taken, others])
    y = np.repeat([0, 1], [taken.size, others.size])
    model = fit_clone(estimator, take_rows(X, sample), y)
    if not (hasattr(model, "decision_function") or hasattr(model, "predict_proba")):
        raise TypeError(
            "estimator must have decision_function or predict_proba, but "
            f"{type(model).__name__} has neither"
        )
    return model


def _decisions(model: Any, X: Any) -> NDArray[np.float64]:
    """How sure the classifier is that each row is unlabelled."""
    from fastal._linear import prepared, read_linear
    from fastal._matrix_rows import MatrixRows

    n_rows = X.shape[0]
    out = np.empty(n_rows)
    linear = read_linear(model, proba=False)
    if linear is None or linear.weights.shape[1] != 1:
        for first in range(0, n_rows, _ROWS_AT_ONCE):
            own = slice(first, min(first + _ROWS_AT_ONCE, n_rows))
            out[own] = _asked(model, X[own])
        return out
    linear = prepared([linear], sp.issparse(X))[0]
    rows = MatrixRows(X, linear.n_features, "X")

    def block(share: int, start: int, stop: int) -> None:
        (values,) = rows.decisions([linear], start, stop)
        out[start:stop] = values[:, 0]

    over_blocks(block, n_rows, _ROWS_AT_ONCE, rows.n_entries // MIN_SHARE)
    return out


def _asked(model: Any, X: Any) -> NDArray[np.float64]:
    if hasattr(model, "decision_function"):
        return np.asarray(model.decision_function(X), dtype=np.float64)
    return np.asarray(model.predict_proba(X), dtype=np.float64)[:, 1]
