"""What strategies ask a learner for: its model, its committee, class probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, softmax

from fastal._validation import check_random_state


def class_probabilities(estimator: Any, X: Any) -> NDArray[Any]:
    """Class probabilities of a fitted classifier, also of one that has only decision values.

    Decision values become probabilities by the logistic function (two classes) or softmax: not
    calibrated, but monotone, so that rows are ordered as by the distance to the boundary.

    Parameters
    ----------
    estimator : fitted classifier
        With ``predict_proba`` or ``decision_function``.
    X : rows, as the estimator takes them

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes)
        Columns in the order of ``estimator.classes_``.

    Raises
    ------
    TypeError
        If the estimator has neither method.
    ValueError
        If there is not one decision value for each class (``decision_function_shape="ovo"``).

    Examples
    --------
    >>> from sklearn.svm import LinearSVC
    >>> from fastal.strategies import class_probabilities
    >>> svm = LinearSVC().fit([[-1.0], [1.0]], ["ham", "spam"])
    >>> class_probabilities(svm, [[0.0]]).round(2)
    array([[0.5, 0.5]])
    """
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X))
    name = type(estimator).__name__
    if not hasattr(estimator, "decision_function"):
        raise TypeError(
            "this strategy needs an estimator with predict_proba or decision_function, but "
            f"{name} has neither"
        )
    decision = np.asarray(estimator.decision_function(X), dtype=np.float64)
    if decision.ndim == 1:
        return np.column_stack([expit(-decision), expit(decision)])
    if decision.shape[1] != len(estimator.classes_):
        raise ValueError(
            f"decision_function of {name} gives {decision.shape[1]} values for "
            f"{len(estimator.classes_)} classes; for an SVC use decision_function_shape='ovr'"
        )
    return np.asarray(softmax(decision, axis=1))


def fitted(learner: Any) -> Any:
    """Return the learner's fitted model."""
    if hasattr(learner, "estimator_"):
        return learner.estimator_
    from sklearn.exceptions import NotFittedError

    raise NotFittedError(
        "this strategy needs a fitted model, but fewer than two classes are labelled so far; "
        "for the cold start use a strategy that needs none, such as 'random' or 'k_center'"
    )


def committee_of(learner: Any, random_state: Any) -> Any:
    """Return the committee of `query_by_committee`, or a pipeline that ends in it."""
    from fastal.committee_model import Committee

    model = fitted(learner)
    if isinstance(model[-1] if hasattr(model, "steps") else model, Committee):
        return model
    seed = int(check_random_state(random_state).choice(2**31))
    made = Committee(learner.estimator, n_members=5, random_state=seed)
    return made.fit(learner.X_labeled_, learner.y_labeled_)
