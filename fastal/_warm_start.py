"""Fit a model again, from the coefficients at which the one before it ended.

Only where that is sure to be valid; everywhere else the fit starts afresh.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, clone
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from fastal._rows import few_rows_of_many_classes, fit_clone

__all__ = ["refit"]

Names = list[str] | None


def refit(estimator: Any, previous: Any, X: Any, y: NDArray[Any]) -> Any:
    """Return a fitted clone of the estimator, started from `previous` where that is valid.

    Parameters
    ----------
    estimator : classifier
        Gives type and parameters; never changed.
    previous : fitted classifier or None
        Gives the coefficients to start from; never changed.  None: a fresh fit.
    X, y : as in `fastal.ActiveLearner.fit`

    Returns
    -------
    model : fitted classifier
    """
    if type(previous) is not type(estimator):
        return fit_clone(estimator, X, y)
    with few_rows_of_many_classes():
        model = clone(estimator)
        if isinstance(model, Pipeline):
            _fit_pipeline(model, previous, X, y)
        else:
            _fit(model, previous, X, y, _names_in(previous), _column_names(X))
    return model


def _fit(
    model: Any, previous: Any, X: Any, y: NDArray[Any], old_names: Names, names: Names
) -> None:
    """Fit the model, an unfitted clone.  No names at all: the columns are known by their place."""
    state = None
    if _continues(model, previous) and np.array_equal(previous.classes_, np.unique(y)):
        source = _source_columns(_n_features(previous), X, old_names, names)
        state = None if source is None else _state(model, previous, source)
    if state is None:
        model.fit(X, y)
        return
    own = model.get_params(deep=False)["warm_start"]
    vars(model).update(state)
    model.set_params(warm_start=True)
    model.fit(X, y)
    # The parameters are the user's; only the way to the coefficients was ours.
    model.set_params(warm_start=own)


# ---- is it valid? -----------------------------------------------------------------------------


def _continues(model: Any, previous: Any) -> bool:
    """Whether `warm_start` of these two of one type means "from the last coefficients".

    For forests and boosting it means "more trees": they would return the old trees.
    """
    if "warm_start" not in model.get_params(deep=False) or not hasattr(previous, "classes_"):
        return False
    fitted = vars(previous)
    if "coefs_" in fitted:
        hidden = [coef.shape[1] for coef in fitted["coefs_"][:-1]]
        return _is_mlp(model) and np.ravel(model.hidden_layer_sizes).tolist() == hidden
    coef = fitted.get("coef_")
    return isinstance(coef, np.ndarray) and coef.ndim == 2 and bool(np.isfinite(coef).all())


def _is_mlp(model: Any) -> bool:
    from sklearn.neural_network import MLPClassifier

    return isinstance(model, MLPClassifier)


def _n_features(previous: Any) -> int:
    fitted = vars(previous)
    return int(fitted["coefs_"][0].shape[0] if "coefs_" in fitted else fitted["coef_"].shape[1])


def _source_columns(
    n_old: int, X: Any, old_names: Names, names: Names
) -> NDArray[np.int64] | None:
    """Where each column of X was before, -1 = nowhere; None if that is not known."""
    try:
        shape = np.shape(X)
    except ValueError:  # Rows of different lengths: the model will say what it makes of them.
        return None
    if len(shape) != 2:
        return None
    if old_names is None or names is None:
        known = old_names is names and shape[1] == n_old
        return np.arange(n_old, dtype=np.int64) if known else None
    place = {name: column for column, name in enumerate(old_names)}
    source = np.array([place.get(name, -1) for name in names], dtype=np.int64)
    if len(place) != n_old or len(source) != shape[1] or len(set(names)) != len(names):
        return None
    return source if (source >= 0).any() else None


def _names_in(previous: Any) -> Names:
    names = getattr(previous, "feature_names_in_", None)
    return None if names is None else list(names)


def _column_names(X: Any) -> Names:
    """Return the names that scikit-learn would take note of: all of them texts."""
    names = list(getattr(X, "columns", ()))
    return names if names and all(isinstance(name, str) for name in names) else None


# ---- what is taken over -----------------------------------------------------------------------


def _state(model: Any, previous: Any, source: NDArray[np.int64]) -> dict[str, Any] | None:
    """Copies of the fitted attributes to start from."""
    fitted = vars(previous)
    if "coefs_" in fitted:
        same = np.array_equal(source, np.arange(_n_features(previous)))
        return _mlp_state(model, fitted) if same else None
    coef = fitted["coef_"][:, source]
    coef[:, source < 0] = 0
    state = {"coef_": coef}
    if "intercept_" in fitted:
        state["intercept_"] = deepcopy(fitted["intercept_"])
    return state


def _mlp_state(model: Any, fitted: dict[str, Any]) -> dict[str, Any]:
    """All of it, but for the progress of the training.

    scikit-learn would measure it by the best loss or score of the rows before.  New rows make
    both worse at first, so that training would stop at once.
    """
    own = vars(model)
    state = deepcopy({name: value for name, value in fitted.items() if name not in own})
    early = model.early_stopping
    return state | {
        "t_": 0,
        "loss_curve_": [],
        "_no_improvement_count": 0,
        "best_loss_": None if early else np.inf,
        "validation_scores_": [] if early else None,
        "best_validation_score_": -np.inf if early else None,
    }


# ---- pipelines --------------------------------------------------------------------------------


class _LastStep:
    """Stands in for the last step of a pipeline while that is fitted.

    Which features reach it is only known once the steps before it are fitted.
    """

    def __init__(self, pipeline: Any, previous: Any) -> None:
        self.pipeline, self.previous = pipeline, previous
        self.model = pipeline.steps[-1][1]

    def fit(self, X: Any, y: NDArray[Any]) -> _LastStep:
        last = self.previous.steps[-1][1]
        if _is_stateless(self.pipeline):
            _fit(self.model, last, X, y, _names_in(last), _column_names(X))
            return self
        old_names, names = _names_out(self.previous), _names_out(self.pipeline)
        if old_names is None or names is None:
            self.model.fit(X, y)
        else:
            _fit(self.model, last, X, y, old_names, names)
        return self


def _fit_pipeline(pipeline: Any, previous: Any, X: Any, y: NDArray[Any]) -> None:
    kinds, old_kinds = ([type(step) for _, step in each.steps] for each in (pipeline, previous))
    if kinds != old_kinds or not _continues(pipeline.steps[-1][1], previous.steps[-1][1]):
        pipeline.fit(X, y)
        return
    name, model = pipeline.steps[-1]
    pipeline.steps = [*pipeline.steps[:-1], (name, _LastStep(pipeline, previous))]
    pipeline.fit(X, y)
    pipeline.steps = [*pipeline.steps[:-1], (name, model)]


def _is_stateless(pipeline: Any) -> bool:
    """Whether the steps before the last learn nothing, as a HashingVectorizer."""
    return all(
        step in (None, "passthrough")
        or (hasattr(step, "__sklearn_tags__") and not get_tags(step).requires_fit)
        for _, step in pipeline.steps[:-1]
    )


def _names_out(pipeline: Any) -> Names:
    """Names of the features that reach the last step; None if they do not say what those mean."""
    before = pipeline[:-1]
    # "pca0" is another direction after every fit, also inside a union of features.
    if any(isinstance(p, ClassNamePrefixFeaturesOutMixin) for p in before.get_params().values()):
        return None
    try:
        return list(before.get_feature_names_out())
    except (AttributeError, TypeError, ValueError):  # It has no names, or not all steps have.
        return None
