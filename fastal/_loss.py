"""Which loss a fitted linear classifier was trained on, for the length of its gradients."""

from __future__ import annotations

from typing import Any, NamedTuple

# Of decision values (n, C), or (n,) of two classes; `fastal.expected_gradient_length` says more.
LOSSES = (
    "softmax",
    "logistic",
    "hinge",
    "squared_hinge",
    "modified_huber",
    "perceptron",
    "squared_error",
)


class Loss(NamedTuple):
    """Name of a loss, and whether the model has an intercept that is trained as well."""

    name: str
    fit_intercept: bool


def loss_of(estimator: Any) -> Loss:
    """Read the loss of a fitted classifier; TypeError if it is none that is known here."""
    loss = _loss_of(estimator)
    if loss is None:
        raise TypeError(
            "expected_gradient_length needs a linear classifier of scikit-learn, whose loss is "
            f"known, but got {type(estimator).__name__}; expected_model_change takes any "
            "classifier, but fits it again for every row and class"
        )
    return loss


def _loss_of(estimator: Any) -> Loss | None:
    if not any(base.__module__.startswith("sklearn.") for base in type(estimator).__mro__):
        return None
    from sklearn.frozen import FrozenEstimator
    from sklearn.model_selection._search import BaseSearchCV
    from sklearn.multiclass import OneVsRestClassifier

    if isinstance(estimator, BaseSearchCV):
        return (
            _loss_of(estimator.best_estimator_) if hasattr(estimator, "best_estimator_") else None
        )
    if isinstance(estimator, FrozenEstimator):
        return _loss_of(estimator.estimator)
    if isinstance(estimator, OneVsRestClassifier):
        return _of_members(estimator)
    name = _name_of(estimator)
    return Loss(name, bool(getattr(estimator, "fit_intercept", True))) if name else None


def _name_of(estimator: Any) -> str | None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.linear_model import LogisticRegression, RidgeClassifier, RidgeClassifierCV
    from sklearn.linear_model._stochastic_gradient import BaseSGDClassifier
    from sklearn.naive_bayes import ComplementNB, MultinomialNB
    from sklearn.svm import LinearSVC

    if isinstance(estimator, LogisticRegression):
        one_vs_rest = estimator.solver == "liblinear" or (
            getattr(estimator, "multi_class", None) == "ovr"
        )
        return "logistic" if one_vs_rest else "softmax"
    if isinstance(estimator, BaseSGDClassifier):
        return _of_sgd(getattr(estimator, "loss", None))
    if isinstance(estimator, LinearSVC):
        return str(estimator.loss) if estimator.multi_class == "ovr" else None
    if isinstance(estimator, (RidgeClassifier, RidgeClassifierCV)):
        return "squared_error"
    # Fitted by counting; what they compute is a softmax of decision values all the same.
    counting = (MultinomialNB, ComplementNB, LinearDiscriminantAnalysis)
    return "softmax" if isinstance(estimator, counting) else None


def _of_sgd(loss: Any) -> str | None:
    if loss == "log_loss":
        return "logistic"
    if loss in ("hinge", "squared_hinge", "modified_huber", "perceptron"):
        return str(loss)
    return None


def _of_members(estimator: Any) -> Loss | None:
    """One binary model for each class: all of one loss, read as its one-vs-rest form."""
    if estimator.multilabel_:
        return None
    found = {_loss_of(member) for member in estimator.estimators_}
    loss = found.pop()
    if found or loss is None:
        return None
    # Two naive Bayes columns are no single vector of weights.
    binary = all(len(getattr(member, "coef_", "..")) == 1 for member in estimator.estimators_)
    if loss.name == "softmax":
        return loss._replace(name="logistic") if binary else None
    return loss
