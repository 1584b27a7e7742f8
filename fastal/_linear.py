"""Read a fitted scikit-learn classifier as one matrix of weights and what follows it.

The result scores as the classifier's own methods do; a classifier that is not known here, or has
been told to do something else (a subclass with a method of its own), gives None and is asked
itself, block by block.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from copy import copy
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastal._validation import read_only

Decisions = NDArray[np.float64]

# From decision values to probabilities: a compiled kernel by name, or any function of a block.
SOFTMAX, ONE_VS_REST = "softmax", "one_vs_rest"
Link = str | Callable[[Decisions], Decisions]


class Linear(NamedTuple):
    """``link(X @ weights + intercept)``, with X made binary first if there is a threshold."""

    weights: NDArray[np.float64]  # (n_features, n_columns); one column: two classes
    intercept: NDArray[np.float64]  # (n_columns,)
    link: Link
    classes: NDArray[Any]
    threshold: float | None = None
    votes: bool = False  # the highest column is the class that the classifier predicts
    # Row of the weights for each column of X, once `prepared` has left out rows of zeros.
    places: NDArray[np.int32] | None = None

    @property
    def n_features(self) -> int:
        """Columns of X."""
        return len(self.weights if self.places is None else self.places)


def read_linear(estimator: Any, proba: bool = True) -> Linear | None:
    """Read a fitted classifier, or return None if it is none that is known to be linear.

    Parameters
    ----------
    estimator : fitted classifier
    proba : bool
        True: the link gives what `fastal.strategies.class_probabilities` does.  False: the columns
        are the classifier's ``decision_function`` (of naive Bayes, its joint log-probabilities),
        and the link means nothing.
    """
    if not any(base.__module__.startswith("sklearn.") for base in type(estimator).__mro__):
        return None
    model = _read(estimator, proba)
    if model is None or len(model.classes) < 2:
        return None
    # Weights of -inf (naive Bayes without smoothing) times zero are left to scikit-learn.
    finite = np.isfinite(model.weights).all() and np.isfinite(model.intercept).all()
    return model if finite else None


def _read(estimator: Any, proba: bool) -> Linear | None:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.frozen import FrozenEstimator
    from sklearn.linear_model._base import LinearClassifierMixin
    from sklearn.model_selection._search import BaseSearchCV
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
    from sklearn.utils.validation import check_is_fitted

    naive_bayes = (MultinomialNB, ComplementNB, BernoulliNB)
    others = (BaseSearchCV, FrozenEstimator, OneVsRestClassifier, CalibratedClassifierCV)
    if not isinstance(estimator, (LinearClassifierMixin, *naive_bayes, *others)):
        return None
    if any(overrides(estimator, method) for method in _METHODS):
        return None
    check_is_fitted(estimator)
    if isinstance(estimator, BaseSearchCV):
        return _read(estimator.best_estimator_, proba) if estimator.refit else None
    if isinstance(estimator, FrozenEstimator):
        return _read(estimator.estimator, proba)
    if isinstance(estimator, LinearClassifierMixin):
        return _coefficients(estimator, proba)
    if isinstance(estimator, naive_bayes):
        return _naive_bayes(estimator)
    if isinstance(estimator, OneVsRestClassifier):
        return _one_vs_rest(estimator, proba)
    if not proba:
        return None
    from fastal._linear_calibrated import calibrated

    return calibrated(estimator)


# Who changes one of these may change what the coefficients mean.
_METHODS = (
    "decision_function",
    "predict_proba",
    "predict_log_proba",
    "predict_joint_log_proba",
    "_joint_log_likelihood",
    "_check_X",
)


def overrides(estimator: Any, method: str) -> bool:
    """Whether the method is not scikit-learn's own: then nobody knows what it does."""
    for base in type(estimator).__mro__:
        if method in vars(base):
            return not base.__module__.startswith("sklearn.")
    return False


def _coefficients(estimator: Any, proba: bool) -> Linear | None:
    coef = estimator.coef_.toarray() if sp.issparse(estimator.coef_) else estimator.coef_
    coef = np.atleast_2d(coef)
    classes = np.asarray(estimator.classes_)
    # Ridge on several outputs, say.
    if classes.ndim != 1 or len(coef) != (1 if len(classes) == 2 else len(classes)):
        return None
    # Until scikit-learn 1.8 it could mean softmax of -d and d.
    if len(coef) == 1 and getattr(estimator, "multi_class", None) == "multinomial":
        return None
    # A view: what is left out later need not be copied.
    weights = np.asarray(coef.T, dtype=np.float64)
    intercept = np.broadcast_to(np.asarray(estimator.intercept_, dtype=np.float64), len(coef))
    link = _link_of(estimator, len(coef)) if proba else SOFTMAX
    votes = not overrides(estimator, "predict")
    return Linear(weights, np.array(intercept), link, classes, votes=votes)


def _link_of(estimator: Any, n_columns: int) -> Link:
    from sklearn.linear_model import LogisticRegression, SGDClassifier

    if not hasattr(estimator, "predict_proba"):
        return SOFTMAX
    if isinstance(estimator, SGDClassifier) and estimator.loss == "modified_huber":
        return huber
    if n_columns == 1:
        return SOFTMAX
    if isinstance(estimator, SGDClassifier):
        return ONE_VS_REST
    one_vs_rest = isinstance(estimator, LogisticRegression) and (
        estimator.solver == "liblinear" or getattr(estimator, "multi_class", None) == "ovr"
    )
    return ONE_VS_REST if one_vs_rest else SOFTMAX


def huber(decisions: Decisions) -> Decisions:
    """Probabilities of SGDClassifier(loss="modified_huber"): decisions cut off at -1 and 1."""
    p = (np.clip(decisions, -1.0, 1.0) + 1.0) / 2.0
    return _two_columns(p) if p.shape[1] == 1 else normalized(p)


def _two_columns(positive: Decisions) -> Decisions:
    return np.column_stack([1.0 - positive[:, 0], positive[:, 0]])


def normalized(p: Decisions) -> Decisions:
    """Divide rows by their sum; a row of zeros becomes uniform."""
    total = p.sum(axis=1, keepdims=True)
    uniform = np.full_like(p, 1.0 / p.shape[1])
    return np.asarray(np.divide(p, total, out=uniform, where=total != 0))


def _naive_bayes(estimator: Any) -> Linear | None:
    from sklearn.naive_bayes import BernoulliNB, ComplementNB

    log_prob = np.asarray(estimator.feature_log_prob_, dtype=np.float64)
    prior = np.asarray(estimator.class_log_prior_, dtype=np.float64)
    threshold = None
    if isinstance(estimator, ComplementNB):
        prior = np.zeros_like(prior)
    if isinstance(estimator, BernoulliNB):
        absent = np.log(1 - np.exp(log_prob))
        prior = prior + absent.sum(axis=1)
        log_prob = log_prob - absent
        threshold = estimator.binarize
    votes = not overrides(estimator, "predict")
    return Linear(log_prob.T, prior, SOFTMAX, np.asarray(estimator.classes_), threshold, votes)


def _one_vs_rest(estimator: Any, proba: bool) -> Linear | None:
    """One column for each of the binary classifiers."""
    if estimator.multilabel_:
        return None
    as_decision = not (proba and hasattr(estimator, "predict_proba"))
    if as_decision and not hasattr(estimator, "decision_function"):
        return None
    members = [read_linear(member, not as_decision) for member in estimator.estimators_]
    columns = [_single_column(member) for member in members]
    if any(column is None for column in columns):
        return None
    weights = np.column_stack([column[0] for column in columns])  # type: ignore[index]
    intercept = np.array([column[1] for column in columns])  # type: ignore[index]
    thresholds = {member.threshold for member in members}  # type: ignore[union-attr]
    links = {member.link for member in members}  # type: ignore[union-attr]
    if len(thresholds) > 1 or len(links) > 1:
        return None
    # Of others the sum may well be zero, and then scikit-learn gives no probabilities.
    if links != {SOFTMAX}:
        return None
    link: Link = SOFTMAX if as_decision or len(columns) == 1 else _rest_or_zeros
    return Linear(weights, intercept, link, np.asarray(estimator.classes_), thresholds.pop())


def _rest_or_zeros(decisions: Decisions) -> Decisions:
    """As ONE_VS_REST, but a sum of zero leaves zeros, which are an error to every score."""
    from fastal import _kernels_linear

    out = np.empty_like(decisions)
    _kernels_linear.one_vs_rest(read_only(decisions), out)
    return np.nan_to_num(out, nan=0.0)


def _single_column(member: Linear | None) -> tuple[Any, float] | None:
    """Weights and intercept whose logistic function is the probability of the second class."""
    if member is None or member.weights.shape[1] > 2:
        return None
    weights, intercept = member.weights, member.intercept
    if weights.shape[1] == 2:
        return weights[:, 1] - weights[:, 0], float(intercept[1] - intercept[0])
    return weights[:, 0], float(intercept[0])


def on_columns(model: Any, columns: NDArray[Any]) -> Any:
    """Copy of a fitted model, or committee of such, that takes these columns only, or None."""
    from sklearn.linear_model._base import LinearClassifierMixin

    if hasattr(model, "members_"):
        members = [on_columns(member, columns) for member in model.members_]
        if any(member is None for member in members):
            return None
        model = copy(model)
        model.members_ = members
        return model
    if not isinstance(model, LinearClassifierMixin) or np.ndim(model.coef_) != 2:
        return None
    with warnings.catch_warnings():
        # Classes on their way out say so whenever they are made.
        warnings.simplefilter("ignore", FutureWarning)
        model = copy(model)
    model.coef_ = model.coef_[:, columns]
    model.n_features_in_ = columns.size
    return model


# Leaving out terms pays if few are known, and if the weights of all do not stay in the cache.
_MOST_KNOWN = 0.6
_SMALL = 2**20


def prepared(models: Sequence[Linear], sparse: bool, always: bool = False) -> list[Linear]:
    """Weights as the kernels take them; for sparse rows without those that are zero in all models.

    A model fitted to few labels knows few terms.  Leaving the others out changes no score: a
    product of zero adds nothing to a sum.  It is done if it makes the models quicker, or `always`.
    """
    known = np.ones(len(models[0].weights), dtype=bool)
    if sparse and sum(model.weights.nbytes for model in models) > _SMALL:
        known = np.any([model.weights.any(axis=1) for model in models], axis=0)
    if not (sparse and (always or known.mean() <= _MOST_KNOWN)):
        return [m._replace(weights=np.ascontiguousarray(m.weights)) for m in models]
    places = np.zeros(known.size, dtype=np.int32)
    places[known] = np.arange(1, np.count_nonzero(known) + 1)
    return [model._replace(weights=_below_zeros(model, known), places=places) for model in models]


def _below_zeros(model: Linear, known: NDArray[np.bool_]) -> NDArray[np.float64]:
    weights = np.zeros((np.count_nonzero(known) + 1, model.weights.shape[1]))
    weights[1:] = model.weights[known]
    return weights


def probabilities(model: Linear, decisions: Decisions) -> Decisions:
    """Class probabilities of a block of decision values, (n_rows, n_classes)."""
    return proba_of_link(model.link, decisions, len(model.classes))


def proba_of_link(link: Link, decisions: Decisions, n_classes: int) -> Decisions:
    """Class probabilities, (n_rows, n_classes), that follow from a block of decision values."""
    from fastal import _kernels_linear

    if callable(link):
        p = np.asarray(link(decisions))
        p[~np.isfinite(decisions).all(axis=1)] = np.nan
        return p
    out = np.empty((len(decisions), n_classes))
    if link == SOFTMAX:
        _kernels_linear.softmax(read_only(decisions), out)
        return out
    _kernels_linear.one_vs_rest(read_only(decisions), out)
    # Where all are zero, scikit-learn takes them as equal.
    zero = np.isnan(out).any(axis=1) & np.isfinite(decisions).all(axis=1)
    out[zero] = 1.0 / out.shape[1]
    return out
