"""ALiPy's strategies that look at the pool as well as, or instead of, a model."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from alipy import query_strategy as theirs
from alipy.query_strategy.base import BaseIndexQuery
from numpy.typing import ArrayLike, NDArray

import fastal
from fastal.adapters._alipy_input import (
    METHOD,
    SCORE,
    best_last,
    check_batch_size,
    check_data,
    default_model,
    must_have,
    numbers,
    proba_scores,
    rows_first,
    take,
)

_METRICS: dict[str, Literal["euclidean", "cosine"]] = {
    "euclidean": "euclidean",
    "l2": "euclidean",
    "cosine": "cosine",
}


class QueryInstanceCoresetGreedy(BaseIndexQuery):
    """The rows farthest from all labelled ones (k-center greedy).

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        Not read.
    train_idx : array-like of int
        Row numbers of the training set, among which labelled and unlabelled rows lie.
    distance : {"euclidean", "l2", "cosine"}
        ALiPy's "cityblock", "l1" and "manhattan" are not there.

    Notes
    -----
    Distances to labelled rows are kept from call to call.  Only rows of unlabel_index are picked,
    which may be any part of the training set; ALiPy fails if it is not the whole rest of it.

    Examples
    --------
    >>> from fastal.adapters.alipy import QueryInstanceCoresetGreedy
    >>> X = [[0.0], [9.0], [4.0], [5.0]]
    >>> strategy = QueryInstanceCoresetGreedy(X, [0, 0, 0, 0], train_idx=[0, 1, 2, 3])
    >>> strategy.select([0], [1, 2, 3], batch_size=2)
    [np.int64(1), np.int64(2)]
    """

    def __init__(self, X: Any, y: Any, train_idx: Any, distance: str = "euclidean") -> None:
        if distance not in _METRICS:
            raise ValueError(f"distance must be one of {', '.join(_METRICS)}, got {distance!r}")
        self.train_idx = numbers(train_idx, "train_idx")
        super().__init__(X, y)
        check_data(self)
        rows_first(self)
        self.X: Any = take(self.X, self.train_idx, "train_idx")
        self.y: Any = self.y[self.train_idx]
        self.name = "kcenter"
        self.metric = distance
        self._order = np.argsort(self.train_idx, kind="stable")
        self._selector: fastal.KCenterSelector | None = None

    def select(
        self, label_index: Any, unlabel_index: Any, batch_size: int = 1, **kwargs: Any
    ) -> list[Any]:
        """Select rows far from the labelled ones and from one another.

        Parameters
        ----------
        label_index, unlabel_index : list, ndarray or IndexCollection
            Row numbers of X that train_idx holds.
        batch_size : int, default 1
        **kwargs
            Ignored.

        Returns
        -------
        selected : list
            Row numbers of X, in the order of picking.  Nothing labelled: the first is the row
            nearest to the mean.

        Raises
        ------
        ValueError
            If batch_size is below 1, or a row is not in train_idx.
        TypeError
            If an index holds no row numbers.
        """
        check_batch_size(batch_size)
        labeled = self._places(label_index, "label_index")
        candidates = np.setdiff1d(self._places(unlabel_index, "unlabel_index"), labeled)
        if not candidates.size:
            return []
        labeled = np.unique(labeled)
        if labeled.size + candidates.size < len(self.train_idx):
            rows = np.concatenate([candidates, labeled])
            known = np.arange(candidates.size, rows.size)
            picks, _ = fastal.k_center_greedy(
                self.X[rows], batch_size, known, _METRICS[self.metric]
            )
            return list(self.train_idx[rows[picks]])
        picks, _ = self._kept(labeled).query(batch_size)
        return list(self.train_idx[picks])

    def _places(self, index: Any, name: str) -> NDArray[np.int64]:
        """Where in train_idx the rows stand."""
        rows = numbers(index, name)
        if not rows.size:
            return np.empty(0, dtype=np.int64)
        known = self.train_idx[self._order]
        at = np.minimum(np.searchsorted(known, rows), known.size - 1)
        strange = np.flatnonzero(known[at] != rows)
        if strange.size:
            raise ValueError(f"{name} holds {rows[strange[0]]}, which is not in train_idx")
        return np.asarray(self._order[at])

    def _kept(self, labeled: NDArray[np.int64]) -> fastal.KCenterSelector:
        """Return the selector of the last call if it can go on, otherwise a fresh one."""
        selector = self._selector
        if selector is None or not np.isin(selector.labeled_, labeled).all():
            selector = fastal.KCenterSelector(self.X, labeled, _METRICS[self.metric])
        else:
            selector.add_labeled(labeled)
        self._selector = selector
        return selector


class QueryInstanceDensityWeighted(theirs.QueryInstanceDensityWeighted):
    """Unsure rows that much of the unlabelled pool is like.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
    uncertainty_meansure : {"entropy", "least_confident", "margin"}
        Spelt as in ALiPy.
    distance : {"cosine"}
        Likeness is the cosine similarity.  ALiPy's default, "euclidean", is refused.
    beta : float, default 1.0
        Exponent of the mean similarity.

    Notes
    -----
    ALiPy multiplies by the mean *distance*, which prefers outliers, and negative margins by it,
    which prefers the rows that the model is sure of.  Here it is the mean similarity, and margins
    are 1 - (p1 - p2).  Nothing of size n x n is made.

    Examples
    --------
    >>> from fastal.adapters.alipy import QueryInstanceDensityWeighted
    >>> X, y = [[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]], [0, 0, 1]
    >>> strategy = QueryInstanceDensityWeighted(X, y)
    >>> strategy.select([], [0, 1, 2], proba_prediction=[[0.5, 0.5]] * 3)
    array([1])
    """

    def __init__(
        self,
        X: Any,
        y: Any,
        uncertainty_meansure: str = "entropy",
        distance: str = "cosine",
        beta: float = 1.0,
    ) -> None:
        if uncertainty_meansure not in ("entropy", "least_confident", "margin"):
            raise ValueError(
                "uncertainty_meansure must be one of entropy, least_confident, margin, got "
                f"{uncertainty_meansure!r}"
            )
        if distance != "cosine":
            raise ValueError(
                "distance must be 'cosine': rows count by their cosine similarity to the pool, "
                f"which {distance!r} has no counterpart of"
            )
        BaseIndexQuery.__init__(self, X, y)
        rows_first(self)
        self.uncertainty_meansure = uncertainty_meansure
        self.distance = distance
        self.beta = beta

    def select(
        self,
        label_index: Any,
        unlabel_index: Any,
        batch_size: int = 1,
        model: Any = None,
        proba_prediction: ArrayLike | None = None,
        **kwargs: Any,
    ) -> NDArray[Any]:
        """Select rows by a fitted model, or by given probabilities.

        Parameters
        ----------
        label_index, unlabel_index : list, ndarray or IndexCollection
            Row numbers of X.
        batch_size : int, default 1
        model : fitted classifier, optional
        proba_prediction : array-like of shape (n_unlabeled, n_classes), optional
            Used if there is no model.  If there is neither, a logistic regression is fitted to
            the labelled rows.
        **kwargs
            Ignored: `AlExperiment` hands over what it gave to the class.

        Returns
        -------
        selected : ndarray
            Row numbers of X, the best last.

        Raises
        ------
        ValueError
            If batch_size is below 1, or proba_prediction is not what it should be.
        TypeError
            If an index holds no row numbers.
        """
        check_batch_size(batch_size)
        unlabeled = numbers(unlabel_index, "unlabel_index")
        if len(unlabeled) <= batch_size:
            return unlabeled
        pool = take(self.X, unlabeled, "unlabel_index")
        measure = self.uncertainty_meansure
        if model is None and proba_prediction is None:
            check_data(self)
            labeled = numbers(label_index, "label_index")
            model = default_model(take(self.X, labeled, "label_index"), self.y[labeled])
        if model is not None:
            must_have(model, METHOD[measure])
            unsure = fastal.score_pool(model, pool, SCORE[measure])
        else:
            n = len(unlabeled)
            unsure = proba_scores(proba_prediction, n, measure, "proba_prediction")
        scores = fastal.information_density(unsure, pool, self.beta)
        return best_last(unlabeled, scores, batch_size)
