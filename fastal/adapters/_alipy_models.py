"""ALiPy's strategies that ask a model, or a committee of models."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from alipy import query_strategy as theirs
from alipy.query_strategy.base import BaseIndexQuery
from numpy.typing import ArrayLike, NDArray
from sklearn.ensemble import BaggingClassifier

import fastal
from fastal.adapters._alipy_input import (
    SCORE,
    best_first,
    best_last,
    check_batch_size,
    check_data,
    default_model,
    members_of,
    model_scores,
    must_have,
    numbers,
    proba_scores,
    rows_first,
    take,
    votes_of,
)


class QueryInstanceUncertainty(theirs.QueryInstanceUncertainty):
    """The rows a model is least sure of.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features), optional
        All rows; sparse ones stay sparse.
    y : array-like of shape (n_samples,), optional
        All labels; read only where label_index points, and only if no model is given.
    measure : {"entropy", "least_confident", "margin", "distance_to_boundary"}

    Notes
    -----
    Probabilities of 0 count for nothing in the entropy, where ALiPy writes 1e-6 into the caller's
    array.  "distance_to_boundary" takes more than two classes as well: the distance between the
    two highest decision values.

    Examples
    --------
    >>> from fastal.adapters.alipy import QueryInstanceUncertainty
    >>> strategy = QueryInstanceUncertainty([[0.0], [1.0], [0.4], [3.0]], [0, 1, 0, 1])
    >>> strategy.select([0, 1], [2, 3], batch_size=1)
    array([2])
    >>> strategy.select_by_prediction_mat([2, 3], [[0.9, 0.1], [0.5, 0.5]])
    array([3])
    """

    def __init__(self, X: Any = None, y: Any = None, measure: str = "entropy") -> None:
        if measure not in SCORE:
            raise ValueError(f"measure must be one of {', '.join(SCORE)}, got {measure!r}")
        BaseIndexQuery.__init__(self, X, y)
        rows_first(self)
        self.measure = measure

    def select(
        self,
        label_index: Any,
        unlabel_index: Any,
        model: Any = None,
        batch_size: int = 1,
        **kwargs: Any,
    ) -> NDArray[Any]:
        """Select rows by a fitted model.

        Parameters
        ----------
        label_index, unlabel_index : list, ndarray or IndexCollection
            Row numbers of X.
        model : fitted classifier, optional
            With ``predict_proba`` (for "distance_to_boundary" ``decision_function``); by default
            a logistic regression is fitted to the labelled rows.
        batch_size : int, default 1
        **kwargs
            Ignored: `AlExperiment` hands over what it gave to the class.

        Returns
        -------
        selected : ndarray
            Row numbers of X, the least sure last (first for "distance_to_boundary"), as in ALiPy;
            all of unlabel_index if it holds no more than batch_size.

        Raises
        ------
        ValueError
            If batch_size is below 1, X was not given, or a probability is NaN.
        TypeError
            If an index holds no row numbers.
        """
        check_batch_size(batch_size)
        unlabeled = numbers(unlabel_index, "unlabel_index")
        if len(unlabeled) <= batch_size:
            return unlabeled
        if self.X is None:
            check_data(self, ", or use select_by_prediction_mat()")
        if model is None:
            labeled = numbers(label_index, "label_index")
            model = default_model(take(self.X, labeled, "label_index"), self.y[labeled])
        pool = take(self.X, unlabeled, "unlabel_index")
        scores = model_scores(model, pool, self.measure)
        return self._best(unlabeled, scores, batch_size)

    def select_by_prediction_mat(
        self, unlabel_index: Any, predict: ArrayLike, batch_size: int = 1
    ) -> NDArray[Any]:
        """Select rows by given predictions.

        Parameters
        ----------
        unlabel_index : list, ndarray or IndexCollection
        predict : array-like of shape (n_unlabeled, n_classes)
            Probabilities; for "distance_to_boundary" decision values, also of shape
            (n_unlabeled,).
        batch_size : int, default 1

        Returns
        -------
        selected : ndarray
            As of `select`.

        Raises
        ------
        ValueError
            If predict has another number of rows, or a row is no probability distribution.
        """
        check_batch_size(batch_size)
        unlabeled = numbers(unlabel_index, "unlabel_index")
        if len(unlabeled) <= batch_size:
            return unlabeled
        scores = proba_scores(predict, len(unlabeled), self.measure, "predict", ranked=True)
        return self._best(unlabeled, scores, batch_size)

    def _best(self, rows: NDArray[Any], scores: NDArray[np.float64], n: int) -> NDArray[Any]:
        if self.measure == "distance_to_boundary":
            return best_first(rows, scores, n)
        return best_last(rows, scores, n)

    @classmethod
    def calc_entropy(cls, predict_proba: ArrayLike) -> list[float]:
        """Entropy of each row of probabilities, as a list."""
        return list(fastal.entropy(predict_proba))


class QueryInstanceQBC(theirs.QueryInstanceQBC):
    """The rows on which a committee, made by bagging, disagrees most.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features), optional
    y : array-like of shape (n_samples,), optional
    method : str, default "query_by_bagging"
        ALiPy has no other either.
    disagreement : {"vote_entropy", "KL_divergence"}

    Notes
    -----
    The committee is the one ALiPy makes: a BaggingClassifier that draws from NumPy's global random
    state, so the same ``np.random.seed`` gives the same committee.  A member that missed a class
    gives it probability 0, where ALiPy raises an exception.

    Examples
    --------
    >>> from fastal.adapters.alipy import QueryInstanceQBC
    >>> strategy = QueryInstanceQBC()
    >>> strategy.select_by_prediction_mat([7, 8], [[0, 0], [0, 1], [0, 1]])
    array([8])
    >>> QueryInstanceQBC.calc_avg_KL_divergence([[[1.0, 0.0]], [[0.0, 1.0]]])
    [np.float64(0.6931471805599453)]
    """

    def __init__(
        self,
        X: Any = None,
        y: Any = None,
        method: str = "query_by_bagging",
        disagreement: str = "vote_entropy",
    ) -> None:
        if disagreement not in ("vote_entropy", "KL_divergence"):
            raise ValueError(
                f"disagreement must be one of vote_entropy, KL_divergence, got {disagreement!r}"
            )
        BaseIndexQuery.__init__(self, X, y)
        rows_first(self)
        self._method = method
        self._disagreement = disagreement

    def select(
        self,
        label_index: Any,
        unlabel_index: Any,
        model: Any = None,
        batch_size: int = 1,
        n_jobs: int | None = None,
        **kwargs: Any,
    ) -> NDArray[Any]:
        """Select rows by a committee of bagged copies of a model.

        Parameters
        ----------
        label_index, unlabel_index : list, ndarray or IndexCollection
            Row numbers of X.
        model : classifier, optional
            Cloned and fitted to bootstrap samples; a logistic regression by default.
        batch_size : int, default 1
        n_jobs : int, optional
            Processes for fitting the committee.
        **kwargs
            Ignored: `AlExperiment` hands over what it gave to the class.

        Returns
        -------
        selected : ndarray
            Row numbers of X, the most disputed last.

        Raises
        ------
        ValueError
            If batch_size is below 1, or X and y were not given.
        TypeError
            If an index holds no row numbers.
        """
        check_batch_size(batch_size)
        unlabeled = numbers(unlabel_index, "unlabel_index")
        if len(unlabeled) <= batch_size:
            return unlabeled
        check_data(self, ", or use select_by_prediction_mat()")
        labeled = numbers(label_index, "label_index")
        X, y = take(self.X, labeled, "label_index"), self.y[labeled]
        if model is None:
            model = default_model(X, y)
        if self._disagreement != "vote_entropy":
            must_have(model, "predict_proba")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            bagging = BaggingClassifier(model, n_jobs=n_jobs).fit(X, y)
        committee = fastal.Committee(model)
        committee.members_ = bagging.estimators_
        # Its members know the classes by their places.
        committee.classes_ = np.arange(len(bagging.classes_))
        score = "vote_entropy" if self._disagreement == "vote_entropy" else "kl_to_consensus"
        scores = fastal.score_pool(committee, take(self.X, unlabeled, "unlabel_index"), score)
        return best_last(unlabeled, scores, batch_size)

    def select_by_prediction_mat(
        self, unlabel_index: Any, predict: Any, batch_size: int = 1
    ) -> NDArray[Any]:
        """Select rows by the predictions of a committee.

        Parameters
        ----------
        unlabel_index : list, ndarray or IndexCollection
        predict : list of array-like
            Of each member, probabilities of shape (n_unlabeled, n_classes), or labels of shape
            (n_unlabeled,), or rows that are 1 at the label.
        batch_size : int, default 1

        Returns
        -------
        selected : ndarray
            As of `select`.

        Raises
        ------
        ValueError
            If there are fewer than two members, or their shapes differ from one another or from
            what unlabel_index and the disagreement need.
        """
        check_batch_size(batch_size)
        unlabeled = numbers(unlabel_index, "unlabel_index")
        if len(unlabeled) <= batch_size:
            return unlabeled
        by_votes = self._disagreement == "vote_entropy"
        score = self.calc_vote_entropy if by_votes else self.calc_avg_KL_divergence
        scores = score(predict)
        if len(scores) != len(unlabeled):
            raise ValueError(
                f"predict must have one row for each of the {len(unlabeled)} in unlabel_index, "
                f"got {len(scores)}"
            )
        return best_last(unlabeled, scores, batch_size)

    @classmethod
    def calc_vote_entropy(cls, predict_matrices: Any) -> list[float]:
        """Entropy of the votes for each row, without ALiPy's 1e-9."""
        return list(fastal.vote_entropy(votes_of(members_of(predict_matrices))))

    @classmethod
    def calc_avg_KL_divergence(cls, predict_matrices: Any) -> list[float]:
        """Mean divergence of the members from their mean; ALiPy's is the sum over members."""
        return list(fastal.kl_to_consensus(members_of(predict_matrices)))


class QueryExpectedErrorReduction(theirs.QueryExpectedErrorReduction):
    """The rows whose label should leave the least uncertainty on the other unlabelled rows.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Read only where label_index points.
    method : {"refit", "auto", "exact", "newton"}, default "refit"
        How a model with one more label is had, as for `fastal.expected_error_reduction`.  "refit"
        is what ALiPy does; "auto" is by far faster for naive Bayes (with the same picks) and for
        logistic regression with another solver than liblinear (an approximation).

    Examples
    --------
    >>> from sklearn.naive_bayes import MultinomialNB
    >>> from fastal.adapters.alipy import QueryExpectedErrorReduction
    >>> X, y = [[2, 0], [0, 2], [1, 1], [3, 0]], ["ham", "spam", "?", "?"]
    >>> model = MultinomialNB().fit(X[:2], y[:2])
    >>> QueryExpectedErrorReduction(X, y, method="auto").select([0, 1], [2, 3], model)
    array([2])
    """

    def __init__(self, X: Any, y: Any, *, method: str = "refit") -> None:
        BaseIndexQuery.__init__(self, X, y)
        rows_first(self)
        self.method = method

    def select(
        self,
        label_index: Any,
        unlabel_index: Any,
        model: Any = None,
        batch_size: int = 1,
        **kwargs: Any,
    ) -> NDArray[Any]:
        """Select the rows of the least expected log-loss.

        Parameters
        ----------
        label_index, unlabel_index : list, ndarray or IndexCollection
            Row numbers of X.
        model : classifier fitted to the labelled rows, optional
            A logistic regression by default.
        batch_size : int, default 1
        **kwargs
            Ignored: `AlExperiment` hands over what it gave to the class.

        Returns
        -------
        selected : ndarray
            Row numbers of X, the best first.

        Raises
        ------
        ValueError
            If batch_size is below 1, X and y were not given, or the method is not for the model.
        TypeError
            If an index holds no row numbers, or the model is not fitted.
        """
        check_batch_size(batch_size)
        unlabeled = numbers(unlabel_index, "unlabel_index")
        if len(unlabeled) <= batch_size:
            return unlabeled
        check_data(self)
        labeled = numbers(label_index, "label_index")
        X, y = take(self.X, labeled, "label_index"), self.y[labeled]
        if model is None:
            model = default_model(X, y)
        must_have(model, "predict_proba")
        pool = take(self.X, unlabeled, "unlabel_index")
        scores = fastal.expected_error_reduction(model, pool, X, y, method=self.method)
        return best_first(unlabeled, scores, batch_size)

    def log_loss(self, prob: ArrayLike) -> float:
        """Sum of the rows' entropies; a probability of 0 counts for nothing."""
        return float(fastal.entropy(prob).sum())
