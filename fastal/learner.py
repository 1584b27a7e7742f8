"""The active learner: a classifier, the rows labelled so far, and which rows to label next."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Literal, cast, overload

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if

from fastal import strategies
from fastal._rows import (
    check_classifier,
    check_labels,
    copy_rows,
    distinct_labels,
    n_rows,
    stack_labels,
    stack_rows,
)
from fastal._validation import check_count, check_random_state, check_rows
from fastal._warm_start import refit
from fastal.pool import is_stream
from fastal.selection import top_k

__all__ = ["ActiveLearner"]

Strategy = Callable[..., NDArray[Any]]


def _model_has(method: str) -> Callable[[Any], bool]:
    def check(learner: Any) -> bool:
        # The AttributeError of the model itself says best what is missing.
        getattr(getattr(learner, "estimator_", learner.estimator), method)
        return True

    return check


class ActiveLearner(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Fit a classifier to the rows labelled so far and choose the rows to label next.

    Parameters
    ----------
    estimator : classifier
        Any scikit-learn classifier, a pipeline or a `fastal.Committee`.  It is cloned, never
        fitted itself.  The scores need its ``predict_proba`` or ``decision_function``.
    strategy : str or callable, default "auto"
        A name in ``fastal.strategies.__all__``, or a function of your own,
        ``strategy(learner, X_pool, n, *, labeled, random_state)``; see `fastal.strategies`.
    cold_start : str or callable, optional
        The strategy used while no model is fitted: one that needs none, such as "auto",
        "random", or a function of your own.  Default: the strategy, if that is a name in
        ``fastal.strategies.MODEL_FREE``, otherwise "random".
    random_state : None, int, RandomState or Generator, default None
        None: equal scores go to the lowest row, and what is drawn is drawn afresh.  Otherwise ties
        are broken at random, and the whole sequence of queries is reproducible: one stream of
        random numbers runs through it, so that no two queries share their noise.
    warm_start : bool, default False
        Train from the coefficients of the model before, on a copy, instead of afresh.  That needs
        an estimator with ``warm_start`` and ``coef_`` (or an ``MLPClassifier``), alone or as the
        last step of a pipeline, the same classes, and the same features, which behind a
        vectoriser are told by name.  All else is fitted afresh, without a word: forests,
        boosting, a `fastal.Committee`, and any model in the round in which a class is new.

    Attributes
    ----------
    estimator_ : fitted classifier
        Only there once a model is fitted.
    X_labeled_, y_labeled_
        Copies of the rows labelled so far, as they were passed, and their labels.
    classes_, n_features_in_, feature_names_in_
        Those of ``estimator_``, where it has them.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal import ActiveLearner
    >>> X_pool = [[0.0], [1.0], [4.9], [7.5], [9.0]]
    >>> learner = ActiveLearner(LogisticRegression(), strategy="margin")
    >>> learner.teach([[0.0], [9.0]], ["ham", "spam"]).query(X_pool, n=2, labeled=[0, 4])
    array([2, 3])
    >>> learner.teach([X_pool[2]], ["spam"]).predict([[1.0], [5.0]])
    array(['ham', 'spam'], dtype='<U4')
    """

    def __init__(
        self,
        estimator: Any,
        strategy: str | Strategy = "auto",
        *,
        cold_start: str | Strategy | None = None,
        random_state: Any = None,
        warm_start: bool = False,
    ) -> None:
        self.estimator = estimator
        self.strategy = strategy
        self.cold_start = cold_start
        self.random_state = random_state
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any) -> ActiveLearner:
        """Fit the estimator to these labelled rows in place of those before.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or list of texts
            Whatever the estimator takes.
        y : array-like of shape (n_samples,)
            Labels: whole numbers or strings.

        Returns
        -------
        self : ActiveLearner

        Raises
        ------
        ValueError, TypeError
            If X and y do not fit each other, or what the estimator raises (most refuse a single
            class; `teach` does not).  The learner then stays as it was.
        """
        check_classifier(self.estimator)
        y = check_labels(y, X, "ActiveLearner.fit")
        self.estimator_ = refit(self.estimator, self._previous(), X, y)
        self.X_labeled_, self.y_labeled_ = copy_rows(X), y.copy()
        return self

    def teach(self, X: Any, y: Any) -> ActiveLearner:
        """Add labelled rows to those so far and fit the estimator to all of them.

        While all labels are of one class the rows are kept and no model is fitted; `query` goes
        on with the cold start.  No rows at all change nothing.

        Parameters
        ----------
        X : as in `fit`, of the same kind and with the same columns as the rows so far
        y : array-like of shape (n_samples,)
            Labels, of the same kind as those so far.

        Returns
        -------
        self : ActiveLearner

        Raises
        ------
        ValueError, TypeError
            If X and y do not fit each other or the rows so far, or what the estimator raises.
            The learner then stays as it was.
        """
        check_classifier(self.estimator)
        y = check_labels(y, X, "ActiveLearner.teach")
        if not y.size:
            return self
        if hasattr(self, "X_labeled_"):
            X, y = stack_rows(self.X_labeled_, X), stack_labels(self.y_labeled_, y)
        else:
            X, y = copy_rows(X), y.copy()
        # An estimator that was content with one class before goes on with one.
        if hasattr(self, "estimator_") or len(distinct_labels(y)) > 1:
            self.estimator_ = refit(self.estimator, self._previous(), X, y)
        self.X_labeled_, self.y_labeled_ = X, y
        return self

    def _previous(self) -> Any:
        return getattr(self, "estimator_", None) if self.warm_start else None

    @overload
    def query(
        self, X_pool: Any, n: int = ..., *, labeled: Any = ..., return_scores: Literal[False] = ...
    ) -> NDArray[np.int64]: ...

    @overload
    def query(
        self, X_pool: Any, n: int = ..., *, labeled: Any = ..., return_scores: Literal[True]
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]: ...

    def query(
        self, X_pool: Any, n: int = 1, *, labeled: Any = None, return_scores: bool = False
    ) -> NDArray[np.int64] | tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Choose the rows of the pool to label next.

        Parameters
        ----------
        X_pool : array-like or sparse matrix (n_pool, n_features), list of texts, or stream
            The pool, labelled rows included or not; it is neither copied nor changed.  A stream
            (a `fastal.TextFile`, or an iterator of blocks of rows) needs a fitted model and "auto"
            or a strategy that scores by it alone; row numbers run through all blocks.
        n : int, default 1
            How many rows, at least 1.
        labeled : array-like of int or bool, optional
            Row numbers of the pool, or a mask over it, that must not come back: labelled rows and
            those a person skipped.
        return_scores : bool, default False
            Also return the score of each of the rows.

        Returns
        -------
        rows : ndarray of shape (min(n, n_left),), int64
            Distinct row numbers of X_pool, best first, none of them in `labeled`.
        scores : ndarray of the same shape, float64
            Only with ``return_scores=True``.  Higher = query first; NaN from a strategy that
            chooses rows without scoring them.

        Raises
        ------
        ValueError, TypeError
            If n, labeled or the name of the strategy is wrong, or the strategy returns something
            that is neither scores nor rows.
        """
        n = check_count(n, "n")
        # Both, so that a wrong name shows before the first rows are labelled.
        warm = _resolve(self.strategy, "strategy")
        cold = _resolve(self._cold_start(), "cold_start")
        function = warm if hasattr(self, "estimator_") else cold
        # A function of the user's may have any name.
        names = (*strategies.SCORED_IN_ONE_READ, "auto")
        name = next((name for name in names if vars(strategies)[name] is function), "")
        rng = self._rng()
        if is_stream(X_pool):
            self._check_streamed(name, function)
        else:
            n_pool = n_rows(X_pool, "X_pool")
            labeled = check_rows(labeled, n_pool, "labeled")
            n = min(n, n_pool - labeled.size)
        rows, scores = np.empty(0, dtype=np.int64), np.empty(0)
        if n and name:
            rows, scores = strategies.best_rows(
                name, self, X_pool, n, labeled=labeled, random_state=rng
            )
        elif n:
            # A strategy that writes into `labeled` must not change what is excluded.
            answer = function(self, X_pool, n, labeled=labeled.copy(), random_state=rng)
            rows, scores = _select(answer, _name(function), n, n_pool, labeled, rng)
        return (rows, scores) if return_scores else rows

    def _check_streamed(self, name: str, function: Strategy) -> None:
        if not (name and hasattr(self, "estimator_")):
            raise TypeError(
                "X_pool must be one matrix or list; blocks need a fitted model and a strategy of "
                f"auto, {', '.join(strategies.SCORED_IN_ONE_READ)}; the strategy is "
                f"{_name(function)}, and "
                f"{'a' if hasattr(self, 'estimator_') else 'no'} model is fitted"
            )

    def _cold_start(self) -> str | Strategy:
        if self.cold_start is not None:
            return self.cold_start
        return self.strategy if self._is_model_free() else "random"

    def _is_model_free(self) -> bool:
        return isinstance(self.strategy, str) and self.strategy in strategies.MODEL_FREE

    def _rng(self) -> Any:
        """Return the one stream of random numbers, begun anew only for another random_state."""
        if self.random_state is None:
            return None
        seed, stream = getattr(self, "_random_state_", (None, None))
        if stream is None or seed != self.random_state:
            stream = check_random_state(self.random_state)
            self._random_state_ = self.random_state, stream
        return stream

    def _model(self) -> Any:
        if hasattr(self, "estimator_"):
            return self.estimator_
        raise NotFittedError(
            "This ActiveLearner instance is not fitted yet: it needs labelled rows of at least "
            "two classes from teach or fit, and has "
            f"{len(getattr(self, 'y_labeled_', ()))} rows of one class"
        )

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label the fitted estimator predicts for each row.

        Raises
        ------
        NotFittedError
            While no model is fitted; also from the two methods below.
        """
        # Some estimators outside scikit-learn answer with a column.
        return np.ravel(self._model().predict(X))

    @available_if(_model_has("predict_proba"))  # type: ignore[untyped-decorator]
    def predict_proba(self, X: Any) -> NDArray[Any]:
        """Return the estimator's class probabilities, of shape (n_samples, n_classes)."""
        return np.asarray(self._model().predict_proba(X))

    @available_if(_model_has("decision_function"))  # type: ignore[untyped-decorator]
    def decision_function(self, X: Any) -> NDArray[Any]:
        """Return the estimator's decision values, (n_samples,) or (n_samples, n_classes)."""
        return np.asarray(self._model().decision_function(X))

    @property
    def classes_(self) -> NDArray[Any]:
        """Labels known to the fitted estimator, sorted."""
        return np.asarray(_of_fitted(self, "classes_"))

    @property
    def n_features_in_(self) -> int:
        """Features seen in `fit`, if the estimator counts them."""
        return int(_of_fitted(self, "n_features_in_"))

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Feature names seen in `fit`, if X had any."""
        return np.asarray(_of_fitted(self, "feature_names_in_"))

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self.estimator, "__sklearn_tags__"):
            inner = get_tags(self.estimator)
            tags.input_tags = deepcopy(inner.input_tags)
            if inner.classifier_tags is not None:
                tags.classifier_tags = deepcopy(inner.classifier_tags)
        return tags


def _of_fitted(learner: ActiveLearner, attribute: str) -> Any:
    if not hasattr(learner, "estimator_"):
        raise AttributeError(f"{attribute} is only there once a model is fitted")
    return getattr(learner.estimator_, attribute)


def _name(function: Any) -> str:
    return getattr(function, "__name__", type(function).__name__)


def _resolve(strategy: Any, parameter: str) -> Strategy:
    if isinstance(strategy, str):
        if strategy not in strategies.__all__:
            raise ValueError(
                f"{parameter} must be a function or one of {', '.join(strategies.__all__)}; "
                f"got {strategy!r}"
            )
        return cast(Strategy, getattr(strategies, strategy))
    if not callable(strategy):
        raise TypeError(f"{parameter} must be a name or a function, got {strategy!r}")
    try:
        inspect.signature(strategy).bind(None, None, 1, labeled=None, random_state=None)
    except TypeError as error:
        name = _name(strategy)
        hint = f"; {name} is a score: use {parameter}={name!r}, or a small function around it"
        if name not in strategies.__all__ or not strategy.__module__.startswith("fastal."):
            hint = ""
        raise TypeError(
            f"{parameter} must be callable as "
            f"strategy(learner, X_pool, n, *, labeled, random_state), but {name} is not "
            f"({error}){hint}"
        ) from error
    except ValueError:  # A compiled function that does not tell: the call itself will show.
        pass
    return cast(Strategy, strategy)


def _select(
    answer: Any, name: str, n: int, n_pool: int, known: NDArray[np.int64], rng: Any
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Read what a strategy returned: the n rows, and their scores (NaN if it gave rows only)."""
    try:
        array = np.asarray(answer)
    except ValueError as error:
        raise ValueError(f"strategy {name} must return an array: {error}") from error
    expected = (
        f"strategy {name} must return either {n_pool} scores (floating, one for each row of the "
        f"pool) or {n} row numbers (integers)"
    )
    if array.dtype.kind == "f":
        if array.shape != (n_pool,):
            raise ValueError(f"{expected}, got floats of shape {array.shape}")
        bad = np.flatnonzero(np.isnan(array))
        if bad.size:
            raise ValueError(f"strategy {name} returned NaN as the score of row {bad[0]}")
        rows = top_k(array, n, rng, exclude=known)
        return rows, array[rows].astype(np.float64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{expected}, got dtype {array.dtype}")
    if array.shape != (n,):
        raise ValueError(f"{expected}, got integers of shape {array.shape}")
    if array.min() < 0 or array.max() >= n_pool:
        raise ValueError(f"strategy {name} returned a row outside 0..{n_pool - 1}: {array}")
    if len(np.unique(array)) != n:
        raise ValueError(f"strategy {name} returned a row more than once: {array}")
    again = np.intersect1d(array, known)
    if again.size:
        raise ValueError(f"strategy {name} returned row {again[0]}, which is in labeled")
    return array.astype(np.int64), np.full(n, np.nan)
