"""modAL's learner and committee, with our strategies and fit for a current scikit-learn."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import modAL.models
from modAL.utils.data import data_vstack, retrieve_rows
from sklearn.utils import check_X_y

from fastal.adapters._modal_disagreement import vote_entropy_sampling
from fastal.adapters._modal_uncertainty import uncertainty_sampling


class ActiveLearner(modAL.models.ActiveLearner):
    """``modAL.models.ActiveLearner`` that asks by fastal and learns on a current scikit-learn.

    Parameters
    ----------
    estimator : scikit-learn classifier
    query_strategy : callable, default `uncertainty_sampling`
        ``query_strategy(learner, X_pool, ...)``.
    X_training, y_training : rows and their labels, optional
        Known from the start.
    bootstrap_init : bool, default False
        Fit to a bootstrap sample of them at first.
    on_transformed : bool, default False
        Strategies that compare rows see what a pipeline's steps before the last make of them.
    **fit_kwargs
        For the first fit of the estimator.

    Notes
    -----
    Two methods of modAL's fail or mislead: `teach` and `fit` raise a TypeError with scikit-learn
    1.8 and later (and cannot stack DataFrames), and `query` hides what a strategy raises, runs it
    twice, and takes two bare row numbers for a row number and its score.

    Examples
    --------
    >>> from fastal.adapters.modal import ActiveLearner
    >>> from sklearn.linear_model import LogisticRegression
    >>> import numpy as np
    >>> X, y = np.array([[0.0], [1.0], [2.0], [5.0]]), np.array([0, 0, 1, 1])
    >>> learner = ActiveLearner(LogisticRegression(), X_training=X[[0, 3]], y_training=y[[0, 3]])
    >>> rows, instances = learner.query(X)
    >>> rows
    array([2])
    >>> learner.teach(X[rows], y[rows])
    >>> learner.y_training
    array([0, 1, 1])
    """

    def __init__(
        self,
        estimator: Any,
        query_strategy: Callable[..., Any] = uncertainty_sampling,
        X_training: Any = None,
        y_training: Any = None,
        bootstrap_init: bool = False,
        on_transformed: bool = False,
        **fit_kwargs: Any,
    ) -> None:
        super().__init__(
            estimator, query_strategy, X_training, y_training, bootstrap_init, on_transformed,
            **fit_kwargs,
        )  # fmt: skip

    def query(
        self, X_pool: Any, *query_args: Any, return_metrics: bool = False, **query_kwargs: Any
    ) -> tuple[Any, ...]:
        """Ask the strategy once, and let its errors through.

        Parameters
        ----------
        X_pool : rows
        *query_args, **query_kwargs
            For the strategy.
        return_metrics : bool, default False
            Also return the scores, if the strategy has any.

        Returns
        -------
        rows, instances : what the strategy picked, and these rows of X_pool
        metrics : the scores of the rows, or None
            Only with ``return_metrics=True``.
        """
        picked = self.query_strategy(self, X_pool, *query_args, **query_kwargs)
        return _with_instances(picked, X_pool, return_metrics)

    def fit(
        self, X: Any, y: Any, bootstrap: bool = False, **fit_kwargs: Any
    ) -> modAL.models.ActiveLearner:
        """Forget all rows so far and fit to these, as in modAL.

        Parameters
        ----------
        X, y : rows and labels
        bootstrap : bool, default False
            Fit to a bootstrap sample.
        **fit_kwargs
            For ``estimator.fit``.

        Returns
        -------
        self : ActiveLearner
        """
        self._check(X, y)
        self.X_training, self.y_training = X, y
        return self._fit_to_known(bootstrap=bootstrap, **fit_kwargs)

    def teach(
        self, X: Any, y: Any, bootstrap: bool = False, only_new: bool = False, **fit_kwargs: Any
    ) -> None:
        """Add rows to those known and fit to all of them, as in modAL.

        Parameters
        ----------
        X, y : rows and labels
        bootstrap : bool, default False
            Fit to a bootstrap sample.
        only_new : bool, default False
            Fit to these rows only, and do not add them.
        **fit_kwargs
            For ``estimator.fit``.
        """
        if only_new:
            self._check(X, y)
            self._fit_on_new(X, y, bootstrap=bootstrap, **fit_kwargs)
        else:
            self._add_training_data(X, y)
            self._fit_to_known(bootstrap=bootstrap, **fit_kwargs)

    def _add_training_data(self, X: Any, y: Any) -> None:
        self._check(X, y)
        if self.X_training is None:
            self.X_training, self.y_training = X, y
            return
        try:
            known = _stacked(self.X_training, X), _stacked(self.y_training, y)
        except ValueError as error:
            raise ValueError(
                f"X and y must have the dimensions of the rows and labels known so far: {error}"
            ) from error
        self.X_training, self.y_training = known

    def _check(self, X: Any, y: Any) -> None:
        check_X_y(
            X, y, accept_sparse=True, ensure_2d=False, allow_nd=True, multi_output=True,
            dtype=None, ensure_all_finite=self.force_all_finite,
        )  # fmt: skip


class Committee(modAL.models.Committee):
    """``modAL.models.Committee`` that asks by fastal.

    Parameters
    ----------
    learner_list : list of ActiveLearner
    query_strategy : callable, default `vote_entropy_sampling`
        ``query_strategy(committee, X_pool, ...)``.
    on_transformed : bool, default False
        As for `ActiveLearner`.

    Examples
    --------
    >>> from fastal.adapters.modal import ActiveLearner, Committee
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> committee = Committee([
    ...     ActiveLearner(DecisionTreeClassifier(), X_training=X, y_training=["ham", "spam"])
    ...     for X in ([[0], [4]], [[0], [8]])
    ... ])
    >>> committee.query([[0], [3], [9]], n_instances=1)
    (array([1]), [[3]])
    """

    def __init__(
        self,
        learner_list: list[Any],
        query_strategy: Callable[..., Any] = vote_entropy_sampling,
        on_transformed: bool = False,
    ) -> None:
        super().__init__(learner_list, query_strategy, on_transformed)

    def query(
        self, X_pool: Any, return_metrics: bool = False, *query_args: Any, **query_kwargs: Any
    ) -> tuple[Any, ...]:
        """Ask the strategy once, and let its errors through.

        Parameters
        ----------
        X_pool : rows
        return_metrics : bool, default False
            Also return the scores.  (The second argument, as in modAL, where it is the strategy's
            n_instances in `ActiveLearner.query`.)
        *query_args, **query_kwargs
            For the strategy.

        Returns
        -------
        rows, instances, metrics
            As `ActiveLearner.query`.
        """
        picked = self.query_strategy(self, X_pool, *query_args, **query_kwargs)
        return _with_instances(picked, X_pool, return_metrics)


def _with_instances(picked: Any, X_pool: Any, return_metrics: bool) -> tuple[Any, ...]:
    has_metrics = isinstance(picked, tuple) and len(picked) == 2
    rows, metrics = picked if has_metrics else (picked, None)
    instances = retrieve_rows(X_pool, rows)
    if not return_metrics:
        return rows, instances
    if not has_metrics:
        warnings.warn("The selected query strategy doesn't support return_metrics", stacklevel=3)
    return rows, instances, metrics


def _stacked(above: Any, below: Any) -> Any:
    if not hasattr(above, "iloc"):
        return data_vstack((above, below))
    import pandas as pd

    return pd.concat([above, below])
