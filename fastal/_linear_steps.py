"""Steps of a pipeline that a linear model can take over: selection and scaling of columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastal._linear import Linear, overrides


def take_over(steps: Any, model: Linear) -> Linear | None:
    """Return a model that does to rows what the fitted steps and then the model do, or None.

    A column that is left out has weights of zero; one that is divided by a scale has its weights
    divided instead.
    """
    for step in reversed([step for _, step in steps.steps]):
        taken = model if step in (None, "passthrough") else _take_over(step, model)
        if taken is None:
            return None
        model = taken
    return model


def _take_over(step: Any, model: Linear) -> Linear | None:
    from sklearn.feature_selection import SelectorMixin
    from sklearn.utils import get_tags

    if not isinstance(step, SelectorMixin):
        return _scaled(step, model)
    # Zero times NaN is NaN: a step that may drop columns with NaN, or anything else, stays a step.
    if not type(step).__module__.startswith("sklearn.") or get_tags(step).input_tags.allow_nan:
        return None
    support = step.get_support()
    weights = np.zeros((support.size, model.weights.shape[1]))
    weights[support] = model.weights
    return model._replace(weights=weights)


def _scaled(step: Any, model: Linear) -> Linear | None:
    from sklearn.preprocessing import MaxAbsScaler, StandardScaler

    centred = isinstance(step, StandardScaler) and step.with_mean
    cut = isinstance(step, MaxAbsScaler) and getattr(step, "clip", False)
    if not isinstance(step, (MaxAbsScaler, StandardScaler)) or centred or cut:
        return None
    if overrides(step, "transform"):
        return None
    if step.scale_ is None:
        return model
    # Numbers are compared with a threshold before they meet a weight.
    if model.threshold is not None:
        return None
    return model._replace(weights=model.weights / step.scale_[:, np.newaxis])
