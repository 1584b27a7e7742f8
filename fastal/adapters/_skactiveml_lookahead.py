"""Expected error reduction for scikit-activeml: without refits where a closed form is exact."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import skactiveml.classifier as theirs_classifier
import skactiveml.pool as theirs
from numpy.typing import NDArray
from scipy import sparse
from skactiveml.utils import is_labeled
from sklearn import clone
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.utils import check_array

from fastal import expected_error_reduction
from fastal.adapters._skactiveml_base import SparsePoolQueryStrategy, select, spread
from fastal.adapters._skactiveml_classifier import SklearnClassifier
from fastal.adapters._skactiveml_features import stack

__all__ = ["MonteCarloEER"]

Floats = NDArray[np.float64]

_CLOSED_FORMS = {BernoulliNB, ComplementNB, MultinomialNB}
# Not their subclasses: those may make use of rows without a label.
_WRAPPERS = {SklearnClassifier, theirs_classifier.SklearnClassifier}


class _Task(NamedTuple):
    """What the loss to expect depends on."""

    X: Any
    y: NDArray[Any]
    X_cand: Any
    own: NDArray[np.int64]  # row numbers of the candidates; from n_samples on if they are rows
    X_eval: Any
    weights: Floats | None  # of samples, and behind them of candidates that are rows
    eval_weights: Floats


class MonteCarloEER(theirs.MonteCarloEER, SparsePoolQueryStrategy):
    """Expected error reduction: least loss to expect on the pool once a row is labelled.

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
    For MultinomialNB, ComplementNB and BernoulliNB (alpha above 0) without weights, with costs of
    0 and 1 and candidates without a label, `fastal.expected_error_reduction` computes by a closed
    form what refits give.  Other classifiers in a `SklearnClassifier` are fitted again for each
    candidate and class, as in scikit-activeml, but to rows with a label only.  Where rows without
    a label or ``partial_fit`` have a part in it, or the classifier is no `SklearnClassifier`,
    scikit-activeml itself computes, and rows must be dense.

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
    (array([3]), array([[   nan,    nan, -1.717, -1.212]]))
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
        rows_and_weights = (
            X, y, sample_weight, clf, candidates, sample_weight_candidates, X_eval,
            sample_weight_eval, batch_size, return_utilities,
        )  # fmt: skip
        X, y, w, clf, candidates, w_cand, X_eval, w_eval, batch_size, return_utilities = (
            theirs.MonteCarloEER._validate_data(self, *rows_and_weights)
        )
        X_cand, mapping = self._transform_candidates(candidates, X, y)
        plain = type(clf) in _WRAPPERS and not clf.include_unlabeled_samples
        if not (plain and fit_clf is True and ignore_partial_fit is True):
            if sparse.issparse(X):
                raise TypeError(
                    "sparse rows need fit_clf=True, ignore_partial_fit=True and a "
                    "SklearnClassifier without include_unlabeled_samples as clf, got "
                    f"fit_clf={fit_clf!r}, ignore_partial_fit={ignore_partial_fit!r} and {clf!r}"
                )
            return super().query(
                X, y, clf, fit_clf, ignore_partial_fit, w, candidates, w_cand, X_eval, w_eval,
                batch_size, return_utilities,
            )  # fmt: skip
        # Their checks of weights concatenate rows; one column of zeros is enough for that.
        _, _, w, w_eval, _, own, evaluated = self._concatenate_samples(
            np.zeros((X.shape[0], 1)), y, w,
            np.zeros((X_cand.shape[0], 1)) if mapping is None else mapping, w_cand,
            None if X_eval is None else np.zeros((np.shape(X_eval)[0], 1)), w_eval,
        )  # fmt: skip
        X_eval = X if X_eval is None else _checked_like(X_eval, X)
        model = clone(clf).fit(X, y, *([] if w is None else [w[: X.shape[0]]]))
        self._validate_cost_matrix(len(model.classes_))
        task = _Task(X, y, X_cand, own, X_eval, w, w_eval[evaluated])
        future = self._closed_form(task, model)
        if future is None:
            future = self._by_refits(task, model)
        now = self._loss(model, task) if self.subtract_current else 0.0
        utilities = spread(now - future, mapping, X.shape[0])
        return select(utilities, self.random_state_, batch_size, return_utilities)

    def _closed_form(self, task: _Task, model: Any) -> Floats | None:
        """Return the loss to expect for each candidate, or None if fastal has no exact formula."""
        known = is_labeled(task.y, missing_label=self.missing_label_)
        n, n_classes = task.X_eval.shape[0], len(model.classes_)
        if not (
            model.is_fitted_
            and type(model.estimator_) in _CLOSED_FORMS
            and np.min(model.estimator_.alpha) > 0
            and len(model.estimator_.classes_) > 1
            and np.array_equal(self.cost_matrix_, 1 - np.eye(n_classes))
            and task.weights is None
            and (task.eval_weights == 1).all()
            and not np.isin(task.own, np.flatnonzero(known)).any()
        ):
            return None
        scores = expected_error_reduction(
            model.estimator_,
            # Candidates are rows of their own, as the loss of a candidate itself counts, too.
            stack(task.X_eval, task.X_cand),
            task.X[known],
            task.y[known].astype(model.estimator_.classes_.dtype),
            loss="log" if self.method == "log_loss" else "zero_one",
            method="exact",
            candidates=np.arange(n, n + task.X_cand.shape[0]),
            evaluation=np.arange(n),
        )
        return np.asarray(-n * scores[n:])

    def _by_refits(self, task: _Task, model: Any) -> Floats:
        """Fit to the rows with a label only, as the classifier leaves out all others anyway."""
        known = np.flatnonzero(is_labeled(task.y, missing_label=self.missing_label_))
        proba = model.predict_proba(task.X_cand)
        losses = np.zeros_like(proba)
        for i, row in enumerate(task.own):
            rest = known[known != row]
            X = stack(task.X[rest], task.X_cand[[i]])
            weights = [] if task.weights is None else [task.weights[np.append(rest, row)]]
            # A label that the model excludes counts for nothing.
            for k in np.flatnonzero(proba[i]):
                y = np.concatenate([task.y[rest], model.classes_[k : k + 1]])
                losses[i, k] = self._loss(clone(model).fit(X, y, *weights), task)
        return np.asarray(np.sum(proba * losses, axis=1))

    def _loss(self, model: Any, task: _Task) -> float:
        proba = model.predict_proba(task.X_eval)
        if self.method == "log_loss":
            return float(self._logloss_estimation(proba, proba))
        predicted = np.argmin(proba @ self.cost_matrix_, axis=1)
        return float(self._risk_estimation(proba, predicted, self.cost_matrix_, task.eval_weights))


def _checked_like(X_eval: Any, X: Any) -> Any:
    """Evaluation rows, sparse if the samples are."""
    X_eval = check_array(X_eval, accept_sparse="csr" if sparse.issparse(X) else False)
    if X_eval.shape[1] != X.shape[1]:
        raise ValueError(f"X_eval has {X_eval.shape[1]} features, but X has {X.shape[1]}")
    return sparse.csr_matrix(X_eval) if sparse.issparse(X) else X_eval
