"""modAL's strategies that compare rows or refit: density, ranked batch, expected error reduction.

Similarities are 1 / (1 + distance), as in modAL.  Where fastal has no function of them, the
distances are scikit-learn's, as modAL's are, but never all of them at once.
"""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import modAL.batch
import modAL.density
import numpy as np
import scipy.sparse as sp
from modAL.utils.selection import multi_argmin, shuffled_argmin
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances_chunked
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

import fastal
from fastal.adapters._modal_pool import Picks, Scores
from fastal.adapters._modal_uncertainty import classifier_uncertainty

# Distances that are in memory at once, in MiB; more does not make it faster.
_AT_ONCE = 16

# modAL's own, also where others put ours in their place.
_their_density = modAL.density.information_density
_their_ranked_batch = modAL.batch.ranked_batch


def information_density(X: Any, metric: str | Callable[..., float] = "euclidean") -> Scores:
    """Mean similarity to all rows, as ``modAL.density.information_density``.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
    metric : str or callable, default "euclidean"
        As in `sklearn.metrics.pairwise_distances`.  A callable goes to modAL's own function.

    Returns
    -------
    density : ndarray of shape (n_samples,), float64
        Mean of 1 / (1 + distance) over all rows, itself included.

    Notes
    -----
    The time is that of modAL, in proportion to the square of the rows; the memory is 16 MiB beside
    the rows, not 8 bytes for each pair of them.

    See Also
    --------
    fastal.mean_similarity : Mean cosine, exact, in one read of the rows.
    fastal.information_density : Scores times that.

    Examples
    --------
    >>> from fastal.adapters.modal import information_density
    >>> information_density([[0.0], [1.0], [4.0]]).round(3)
    array([0.567, 0.583, 0.483])
    """
    if callable(metric):
        return np.asarray(_their_density(X, metric))
    return np.concatenate(list(_blocks(X, metric, _mean_similarities)))


def _mean_similarities(distances: Scores, start: int) -> Scores:
    distances += 1.0
    return np.asarray(np.divide(1.0, distances, out=distances).mean(axis=1))


def select_cold_start_instance(
    X: Any, metric: str | Callable[..., float], n_jobs: int | None
) -> tuple[Any, Any]:
    """Row of the lowest mean distance to all, as ``modAL.batch.select_cold_start_instance``.

    Parameters
    ----------
    X : ndarray or sparse matrix of shape (n_samples, n_features)
    metric : str or callable
        As in `sklearn.metrics.pairwise_distances`.
    n_jobs : int or None
        Threads of scikit-learn's; None is 1.

    Returns
    -------
    row : int
        The lowest of equal ones.
    instance : that row, of shape (1, n_features)

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.modal import select_cold_start_instance
    >>> select_cold_start_instance(np.array([[0.0], [1.0], [4.0]]), "euclidean", None)
    (np.int64(1), array([[1.]]))
    """
    total = np.zeros(X.shape[0])
    for distances in _blocks(X, metric, None, n_jobs or 1):
        # Row after row, as NumPy sums a whole matrix: the same to the last bit.
        distances[0] += total
        total = distances.sum(axis=0)
    row = np.argmin(total)
    return row, X[row].reshape(1, -1)


def _blocks(X: Any, metric: Any, reduce: Any, n_jobs: int | None = None) -> Any:
    """Distances of all rows to all, some rows at a time."""
    return pairwise_distances_chunked(
        X, metric=metric, reduce_func=reduce, n_jobs=n_jobs, working_memory=_AT_ONCE
    )


def ranked_batch(
    classifier: Any,
    unlabeled: Any,
    uncertainty_scores: NDArray[np.float64],
    n_instances: int,
    metric: str | Callable[..., float],
    n_jobs: int | None,
) -> Picks:
    """Rows that are uncertain and unlike those labelled or picked: ``modAL.batch.ranked_batch``.

    Parameters
    ----------
    classifier : modAL learner or committee
        Its ``X_training`` are the rows labelled, which a committee has none of in modAL.
    unlabeled : ndarray or sparse matrix of shape (n_samples, n_features), or more dimensions
        Or what the classifier transforms to that, if it is ``on_transformed``.
    uncertainty_scores : ndarray of shape (n_samples,)
    n_instances : int
        If there are fewer rows, all of them are picked.
    metric : str or callable
        "euclidean" is computed by `fastal.ranked_batch`, any other one by modAL's own function.
    n_jobs : int or None
        For metrics other than "euclidean".

    Returns
    -------
    rows : ndarray of shape (min(n_instances, n_samples),), int64
        Distinct, in the order picked; of equal ones the lowest row.
    scores : ndarray of the same shape
        Their uncertainty_scores.

    Notes
    -----
    Without labelled rows the first pick is that of `select_cold_start_instance`, and counts as
    labelled for the others.  modAL leaves it among the unlabelled ones as well, and may pick it
    again.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.modal import ActiveLearner, ranked_batch
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = np.array([[0.0], [4.0], [4.1], [9.0]])
    >>> learner = ActiveLearner(LogisticRegression(), X_training=X[[0, 3]], y_training=[0, 1])
    >>> ranked_batch(learner, X, np.array([0.1, 0.5, 0.5, 0.2]), 2, "euclidean", None)
    (array([2, 1]), array([0.5, 0.5]))
    """
    labeled = classifier.X_training
    if classifier.on_transformed:
        unlabeled = classifier.transform_without_estimating(unlabeled)
        if labeled is not None:
            labeled = classifier.transform_without_estimating(labeled)
    pool = _two_dimensional(unlabeled)
    scores = np.asarray(uncertainty_scores)
    n = min(n_instances, pool.shape[0])
    if labeled is not None:
        rows = _ranked(pool, _two_dimensional(labeled), scores, n, metric, n_jobs)
        return rows, scores[rows]
    first, instance = select_cold_start_instance(pool, metric, n_jobs)
    rows = np.array([first])
    if n > 1:
        left = np.delete(np.arange(pool.shape[0]), first)
        others = _ranked(pool[left], instance, scores[left], n - 1, metric, n_jobs)
        rows = np.append(rows, left[others])
    return rows, scores[rows]


def _ranked(
    pool: Any, labeled: Any, scores: Scores, n: int, metric: Any, n_jobs: int | None
) -> NDArray[np.int64]:
    if metric != "euclidean":
        known = SimpleNamespace(X_training=labeled, on_transformed=False)
        rows, _ = _their_ranked_batch(known, pool, scores, n, metric, n_jobs)
        return np.asarray(rows)
    sparse = sp.issparse(pool) or sp.issparse(labeled)
    X = sp.vstack([pool, labeled], format="csr") if sparse else np.concatenate([pool, labeled])
    n_labeled = labeled.shape[0]
    rows, _ = fastal.ranked_batch(
        np.append(scores, np.zeros(n_labeled)),
        X,
        n,
        labeled=np.arange(pool.shape[0], X.shape[0]),
        metric="euclidean",
    )
    return rows


def _two_dimensional(X: Any) -> Any:
    if sp.issparse(X):
        return X.tocsr()
    X = np.asarray(X)
    return X.reshape(len(X), -1)


def uncertainty_batch_sampling(
    classifier: Any,
    X: Any,
    n_instances: int = 20,
    metric: str | Callable[..., float] = "euclidean",
    n_jobs: int | None = None,
    **uncertainty_measure_kwargs: Any,
) -> Picks:
    """`ranked_batch` by `classifier_uncertainty`, as ``modAL.batch.uncertainty_batch_sampling``.

    Parameters
    ----------
    classifier, X, **uncertainty_measure_kwargs
        As for `classifier_uncertainty`.
    n_instances, metric, n_jobs
        As for `ranked_batch`.

    Returns
    -------
    rows, scores
        As `ranked_batch`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.modal import ActiveLearner, uncertainty_batch_sampling
    >>> from sklearn.linear_model import LogisticRegression
    >>> X = np.array([[0.0], [3.9], [4.0], [8.0], [9.0]])
    >>> learner = ActiveLearner(
    ...     LogisticRegression(), uncertainty_batch_sampling, X[[0, 3]], np.array([0, 1])
    ... )
    >>> rows, _ = learner.query(X, n_instances=2)
    >>> rows
    array([2, 4])
    """
    uncertainty = classifier_uncertainty(classifier, X, **uncertainty_measure_kwargs)
    return ranked_batch(classifier, X, uncertainty, n_instances, metric, n_jobs)


def expected_error_reduction(
    learner: Any,
    X: Any,
    loss: str = "binary",
    p_subsample: float = 1.0,
    n_instances: int = 1,
    random_tie_break: bool = False,
) -> Picks | NDArray[np.int64]:
    """Rows whose label leaves the lowest loss to expect on all others, as in modAL.

    Parameters
    ----------
    learner : modAL ActiveLearner
    X : array-like or sparse matrix of shape (n_samples, n_features), or what the learner takes
    loss : {"binary", "log"}, default "binary"
        1 - the largest probability, or the entropy, of each other row.
    p_subsample : float, default 1.0
        Share of the rows that are candidates, drawn by NumPy's global generator as modAL does.
    n_instances : int, default 1
        At most the number of rows.
    random_tie_break : bool, default False
        Break ties at random, by NumPy's global generator.

    Returns
    -------
    rows : ndarray of shape (n_instances,), int64
    losses : ndarray of the same shape, float64
        Expected sum over the other rows; infinite for rows that were not drawn.
        Only ``array([0])``, without losses, if the learner is not fitted: as in modAL.

    Raises
    ------
    AssertionError
        If loss is unknown, p_subsample lies outside 0..1, or n_instances is above the number of
        rows.

    Notes
    -----
    Naive Bayes (multinomial, complement, Bernoulli) needs no refits and gives what they give; any
    other classifier is refitted for each candidate and class, a pipeline as a whole.
    `fastal.expected_error_reduction` has processes, samples of rows whose loss counts, and an
    approximation for logistic regression.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.modal import ActiveLearner, expected_error_reduction
    >>> from sklearn.naive_bayes import MultinomialNB
    >>> X = np.array([[2, 0], [0, 2], [1, 1], [3, 0]])
    >>> learner = ActiveLearner(MultinomialNB(), X_training=X[:2], y_training=np.array([0, 1]))
    >>> rows, losses = expected_error_reduction(learner, X, loss="log")
    >>> rows, losses.round(3)
    (array([1]), array([1.088]))
    """
    if not 0.0 <= p_subsample <= 1.0:
        raise AssertionError(f"p_subsample must be between 0.0 and 1.0, got {p_subsample}")
    if loss not in ("binary", "log"):
        raise AssertionError(f"loss must be 'binary' or 'log', got {loss!r}")
    estimator = learner.estimator
    try:
        check_is_fitted(estimator)
    except NotFittedError:
        return np.array([0])
    n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
    candidates = np.random.random_sample(n_rows) <= p_subsample
    pick = shuffled_argmin if random_tie_break else multi_argmin
    if len(estimator.classes_) == 1:
        # No label can change what it says; one-vs-rest then has more columns than classes.
        rows, losses = pick(np.where(candidates, 0.0, np.inf), n_instances)
        return rows, losses
    whole = isinstance(estimator, Pipeline)
    reduction = fastal.expected_error_reduction(
        _Whole(estimator) if whole else estimator,
        X,
        learner.X_training,
        learner.y_training,
        "zero_one" if loss == "binary" else "log",
        # What modAL computes, not the approximation.
        method="refit" if isinstance(estimator, LogisticRegression) else "auto",
        candidates=candidates,
    )
    rows, losses = pick(-reduction * (n_rows - 1), n_instances)
    return rows, losses


class _Whole(ClassifierMixin, BaseEstimator):
    """A pipeline whose steps all learn anew; fastal would leave all but the last as they are."""

    def __init__(self, pipeline: Any) -> None:
        self.pipeline = pipeline
        if hasattr(pipeline, "classes_"):
            self.classes_ = pipeline.classes_

    def fit(self, X: Any, y: Any) -> _Whole:
        self.pipeline = clone(self.pipeline).fit(X, y)
        self.classes_ = self.pipeline.classes_
        return self

    def predict_proba(self, X: Any) -> Any:
        return self.pipeline.predict_proba(X)
