"""Expected error reduction for scikit-activeml: without refits where a closed form is exact."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import skactiveml.pool as theirs
from numpy.typing import NDArray
from scipy import sparse
from skactiveml.base import SkactivemlClassifier
from skactiveml.classifier import SklearnClassifier
from skactiveml.utils import is_labeled
from sklearn import clone
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array
from sklearn.utils.metaestimators import available_if

from fastal import expected_error_reduction
from fastal.adapters._skactiveml_base import SparsePoolQueryStrategy, select, spread
from fastal.adapters._skactiveml_features import stack

__all__ = ["MonteCarloEER"]

Floats = NDArray[np.float64]

_CLOSED_FORMS = {BernoulliNB, ComplementNB, MultinomialNB}


class MonteCarloEER(theirs.MonteCarloEER, SparsePoolQueryStrategy):  # type: ignore[misc]
    """Expected error reduction: what is the loss to expect on the pool once a row is labelled?

    Takes the place of `skactiveml.pool.MonteCarloEER`, with the same arguments, and the same
    utilities up to rounding; samples, candidates and evaluation rows may be sparse.

    Parameters
    ----------
    method : {'misclassification_loss', 'log_loss'}, default 'misclassification_loss'
    cost_matrix : array-like of shape (n_classes, n_classes), optional
        ``cost_matrix[i, j]``: the cost of predicting class j where class i is true.  Not for the
        log loss.
    subtract_current : bool, default False
        Whether to subtract the loss of the model as it is.
    missing_label : scalar, str, np.nan or None, default np.nan
    random_state : None, int or RandomState
        Draws among candidates of equal utility.

    Notes
    -----
    `fastal.expected_error_reduction` computes what it does exactly: with a closed form for
    MultinomialNB, ComplementNB and BernoulliNB (alpha above 0), by refits for all other
    classifiers.  This is so if ``clf`` is a `SklearnClassifier` of a classifier that is no
    pipeline, knows two classes, and leaves rows without a label alone; ``fit_clf`` and
    ``ignore_partial_fit`` are left True; no weights and no other costs than 0 and 1 are given;
    and no candidate has a label.  Everything else is computed by scikit-activeml.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import MultinomialNB
    >>> from fastal.adapters.skactiveml import MonteCarloEER, SklearnClassifier
    >>> X = np.array([[2.0, 0.0], [0.0, 2.0], [1.0, 1.0], [3.0, 0.0]])
    >>> y = np.array([0, 1, np.nan, np.nan])
    >>> clf = SklearnClassifier(MultinomialNB(), classes=[0, 1])
    >>> rows, utilities = MonteCarloEER(method="log_loss", random_state=0).query(
    ...     X, y, clf, return_utilities=True
    ... )
    >>> rows, utilities.round(3)
    (array([2]), array([[   nan,    nan, -1.463, -1.475]]))
    """

    def query(
        self,
        X: Any,
        y: Any,
        clf: Any,
        fit_clf: bool = True,
        ignore_partial_fit: bool = True,
        sample_weight: Any = None,
        candidates: Any = None,
        sample_weight_candidates: Any = None,
        X_eval: Any = None,
        sample_weight_eval: Any = None,
        batch_size: int = 1,
        return_utilities: bool = False,
    ) -> Any:
        """Pick rows to label.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels, `missing_label` where there is none.
        clf : SkactivemlClassifier
            With ``fit`` and ``predict_proba``.
        fit_clf, ignore_partial_fit : bool, default True
            Whether clf is fitted first; whether ``fit`` is used even if it has ``partial_fit``.
        sample_weight : array-like of shape (n_samples,), optional
        candidates : array-like of int, or rows of shape (n_candidates, n_features), optional
            Row numbers of X, or rows dense or sparse.  All rows without a label by default.
        sample_weight_candidates : array-like of shape (n_candidates,), optional
            For candidates that are rows.
        X_eval : array-like or sparse matrix of shape (n_eval_samples, n_features), optional
            Rows whose loss counts; X by default.
        sample_weight_eval : array-like of shape (n_eval_samples,), optional
        batch_size : int, default 1
        return_utilities : bool, default False

        Returns
        -------
        query_indices : ndarray of shape (batch_size,), int64
            Row numbers of X, or of the candidates if these are rows.
        utilities : ndarray of shape (batch_size, n_samples or n_candidates)
            Only with ``return_utilities=True``: minus the loss to expect, summed over the
            evaluation rows; NaN for rows that cannot be picked.

        Raises
        ------
        ValueError, TypeError
            As `skactiveml.pool.MonteCarloEER`.
        """
        weights = (sample_weight, sample_weight_candidates, sample_weight_eval)
        X, y, _, clf, candidates, _, X_eval, _, batch_size, return_utilities = self._validate_data(
            X, y, weights[0], clf, candidates, weights[1], X_eval, weights[2],
            batch_size, return_utilities,
        )  # fmt: skip
        if X_eval is not None:
            X_eval = _checked_like(X_eval, X, "X_eval")
        plain = fit_clf is True and ignore_partial_fit is True
        if plain and all(each is None for each in weights):
            X_cand, mapping = self._transform_candidates(candidates, X, y)
            utilities = self._by_fastal(X, y, clf, X_cand, mapping, X if X_eval is None else X_eval)
            if utilities is not None:
                utilities = spread(utilities, mapping, X.shape[0])
                return select(utilities, self.random_state_, batch_size, return_utilities)
        rest = (batch_size, return_utilities)
        if not sparse.issparse(X):
            return super().query(
                X, y, clf, fit_clf, ignore_partial_fit, weights[0], candidates, weights[1],
                X_eval, weights[2], *rest,
            )  # fmt: skip
        table, numbers = _numbered(X, candidates, X_eval)
        try:
            return super().query(
                numbers[0], y, _OfRowNumbers(clf, table), fit_clf, ignore_partial_fit, weights[0],
                numbers[1], weights[1], numbers[2], weights[2], *rest,
            )  # fmt: skip
        finally:
            self.n_features_in_ = X.shape[1]

    def _by_fastal(
        self, X: Any, y: Any, clf: Any, X_cand: Any, mapping: Any, X_eval: Any
    ) -> Floats | None:
        """Return utilities of the candidates, or None if not all is as it must be."""
        known = is_labeled(y, missing_label=self.missing_label_)
        usable = (
            isinstance(clf, SklearnClassifier)
            and not clf.include_unlabeled_samples
            and not isinstance(clf.estimator, Pipeline)
            and hasattr(clf.estimator, "predict_proba")
            and (mapping is None or not known[mapping].any())
        )
        if not usable:
            return None
        model = clone(clf).fit(X, y)
        self._validate_cost_matrix(len(model.classes_))
        if not (
            model.is_fitted_
            and len(model.estimator_.classes_) > 1
            and np.array_equal(self.cost_matrix_, 1 - np.eye(len(model.classes_)))
        ):
            return None
        n = X_eval.shape[0]
        scores = expected_error_reduction(
            model.estimator_,
            # Candidates are rows of their own: the loss of the candidate itself counts.
            stack(X_eval, X_cand),
            X[known],
            y[known].astype(model.estimator_.classes_.dtype),
            loss="log" if self.method == "log_loss" else "zero_one",
            method="exact" if _has_closed_form(model.estimator_) else "refit",
            candidates=np.arange(n, n + X_cand.shape[0]),
            evaluation=np.arange(n),
        )
        return n * scores[n:] + (self._loss_now(model, X_eval) if self.subtract_current else 0.0)

    def _loss_now(self, model: Any, X_eval: Any) -> float:
        proba = model.predict_proba(X_eval)
        if self.method == "log_loss":
            return float(self._logloss_estimation(proba, proba))
        return float(np.sum((proba @ self.cost_matrix_).min(axis=1)))


def _has_closed_form(estimator: Any) -> bool:
    return type(estimator) in _CLOSED_FORMS and bool(np.min(estimator.alpha) > 0)


def _checked_like(X_eval: Any, X: Any, name: str) -> Any:
    """Evaluation rows, sparse if the samples are."""
    X_eval = check_array(X_eval, accept_sparse="csr" if sparse.issparse(X) else False)
    if X_eval.shape[1] != X.shape[1]:
        raise ValueError(f"{name} has {X_eval.shape[1]} features, but X has {X.shape[1]}")
    return sparse.csr_matrix(X_eval) if sparse.issparse(X) else X_eval


class _Table:
    """All rows; copies of a classifier share them."""

    def __init__(self, rows: Any) -> None:
        self.rows = rows

    def __deepcopy__(self, memo: Any) -> _Table:
        return self


def _numbered(X: Any, candidates: Any, X_eval: Any) -> tuple[_Table, list[Any]]:
    """Number the rows of all three; candidates may be numbers of rows of X already."""
    parts, numbers, n = [], [], 0
    for part in (X, candidates, X_eval):
        if part is None or part.ndim == 1:
            numbers.append(part)
            continue
        parts.append(part)
        numbers.append(np.arange(n, n + part.shape[0])[:, np.newaxis])
        n += part.shape[0]
    return _Table(sparse.csr_matrix(sparse.vstack(parts))), numbers


class _OfRowNumbers(SkactivemlClassifier):  # type: ignore[misc]
    """A classifier of sparse rows for code that takes no sparse rows: it is given their numbers."""

    def __init__(self, clf: Any, table: _Table) -> None:
        self.clf = clf
        self.table = table

    @property
    def missing_label(self) -> Any:
        return self.clf.missing_label

    @property
    def classes_(self) -> Any:
        return self._model.classes_

    @property
    def _model(self) -> Any:
        return getattr(self, "model_", self.clf)

    def _rows(self, numbers: Any) -> Any:
        return self.table.rows[np.asarray(numbers, dtype=np.int64).ravel()]

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> _OfRowNumbers:
        self.model_ = clone(self.clf).fit(self._rows(X), y, sample_weight)
        return self

    @available_if(lambda self: hasattr(self.clf, "partial_fit"))
    def partial_fit(self, X: Any, y: Any, **options: Any) -> _OfRowNumbers:
        self.model_ = deepcopy(self._model).partial_fit(self._rows(X), y, **options)
        return self

    def predict_proba(self, X: Any) -> Any:
        return self._model.predict_proba(self._rows(X))
