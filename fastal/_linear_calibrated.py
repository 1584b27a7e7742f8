"""Calibrated linear classifiers: `CalibratedClassifierCV` over what `_linear` reads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from fastal._linear import (
    ONE_VS_REST,
    SOFTMAX,
    Decisions,
    Linear,
    normalized,
    probabilities,
    read_linear,
)


def calibrated(estimator: Any) -> Linear | None:
    """Columns of all folds side by side; the link calibrates each fold and takes the mean."""
    classes = np.asarray(estimator.classes_)
    folds = [_fold(each, classes) for each in estimator.calibrated_classifiers_]
    if any(fold is None for fold in folds):
        return None
    models = [fold[0] for fold in folds]  # type: ignore[index]
    thresholds = {model.threshold for model in models}
    if len(thresholds) > 1:
        return None
    edges = np.cumsum([0, *(model.weights.shape[1] for model in models)])
    calibrate = [fold[1] for fold in folds]  # type: ignore[index]

    def link(decisions: Decisions) -> Decisions:
        total = np.zeros((len(decisions), len(classes)))
        for i, fold in enumerate(calibrate):
            total += fold(np.ascontiguousarray(decisions[:, edges[i] : edges[i + 1]]))
        return total / len(calibrate)

    weights = np.hstack([model.weights for model in models])
    intercept = np.concatenate([model.intercept for model in models])
    return Linear(weights, intercept, link, classes, thresholds.pop())


def _fold(
    fold: Any, classes: NDArray[Any]
) -> tuple[Linear, Callable[[Decisions], Decisions]] | None:
    """Model of one fold, and the function from its decision values to probabilities.

    A calibrator maps the decision value of its class, or its probability if the classifier has no
    decision values; two classes have one calibrator, for the second.
    """
    has_decision = hasattr(fold.estimator, "decision_function")
    model = read_linear(fold.estimator, proba=not has_decision)
    if model is None:
        return None
    if fold.method == "temperature":
        return _temperature(fold, model) if has_decision else None
    if fold.method == "sigmoid" and has_decision and set(model.classes) == set(classes):
        return _sigmoid(fold, model)
    places = np.searchsorted(classes, model.classes)

    def calibrate(decisions: Decisions) -> Decisions:
        values = decisions if has_decision else probabilities(model, decisions)
        p = np.zeros((len(values), len(classes)))
        if len(classes) == 2:
            p[:, 1] = _calibrated(fold.calibrators[0], values[:, -1])
            p[:, 0] = 1.0 - p[:, 1]
        else:
            for column, calibrator in enumerate(fold.calibrators):
                p[:, places[column]] = _calibrated(calibrator, values[:, column])
            p = normalized(p)
        return np.minimum(p, 1.0)

    return model, calibrate


def _sigmoid(fold: Any, model: Linear) -> tuple[Linear, Callable[[Decisions], Decisions]]:
    """Platt's 1 / (1 + exp(a f + b)) of decision values f: another linear model's logistic."""
    a = np.array([calibrator.a_ for calibrator in fold.calibrators])
    b = np.array([calibrator.b_ for calibrator in fold.calibrators])
    link = SOFTMAX if len(model.classes) == 2 else ONE_VS_REST
    scaled = model._replace(
        weights=model.weights * -a, intercept=-(a * model.intercept + b), link=link
    )
    return scaled, partial(probabilities, scaled)


def _temperature(fold: Any, model: Linear) -> tuple[Linear, Callable[[Decisions], Decisions]]:
    """Softmax of decision values times beta; for two classes of -f and f, hence twice as far."""
    factor = fold.calibrators[0].beta_ * (2.0 if model.weights.shape[1] == 1 else 1.0)
    scaled = model._replace(
        weights=model.weights * factor, intercept=model.intercept * factor, link=SOFTMAX
    )
    return scaled, partial(probabilities, scaled)


def _calibrated(calibrator: Any, values: Decisions) -> Decisions:
    """Map decision values as the calibrator does; a step function without its checks."""
    if not isinstance(calibrator, IsotonicRegression):
        return np.asarray(calibrator.predict(values))
    # What it was fitted to ends there, and it goes on level.
    return np.asarray(np.interp(values, calibrator.X_thresholds_, calibrator.y_thresholds_))
