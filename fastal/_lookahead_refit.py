"""Looking ahead by refits: a clone is fitted for each candidate and each label it may have."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import xlogy

from fastal._lookahead_input import Given
from fastal._proba import class_probabilities
from fastal._progress import progress
from fastal._rows import few_rows_of_many_classes, fit_clone, stack_labels, stack_rows, take_rows

Floats = NDArray[np.float64]

# Candidates of one task for a process: the evaluation rows are handed over with each.
_TASK = 4


def losses(given: Given, zero_one: bool, n_jobs: int | None, show: bool) -> Floats:
    """Expected loss for each candidate, averaged over the other evaluation rows."""
    return _over_candidates(_loss, given, (zero_one,), n_jobs, show)


def changes(given: Given, method: str, parameters: bool, n_jobs: int | None, show: bool) -> Floats:
    """Expected change of the model for each candidate."""
    return _over_candidates(_change, given, (method, parameters), n_jobs, show)


def _over_candidates(
    measure: Callable[..., float], given: Given, options: tuple[Any, ...],
    n_jobs: int | None, show: bool,
) -> Floats:  # fmt: skip
    from joblib import Parallel, delayed

    n = given.candidates.size
    evaluation = take_rows(given.pool, given.evaluation)
    tasks = [
        delayed(_task)(
            measure, given.model, given.X_labeled, given.y_labeled, evaluation,
            take_rows(given.pool, given.candidates[first : first + _TASK]),
            given.weights[first : first + _TASK], given.own[first : first + _TASK], options,
        )
        for first in range(0, n, _TASK)
    ]  # fmt: skip
    done: Iterator[Floats] = Parallel(n_jobs=n_jobs, return_as="generator")(tasks)
    parts = list(progress(done, len(tasks), f"refits of {_TASK} rows", show))
    return np.concatenate([np.empty(0), *parts])


def _task(
    measure: Callable[..., float], model: Any, X: Any, y: Any, evaluation: Any,
    candidates: Any, weights: Floats, own: NDArray[np.int64], options: tuple[Any, ...],
) -> Floats:  # fmt: skip
    out = np.zeros(len(weights))
    for i, probabilities in enumerate(weights):
        x = take_rows(candidates, np.array([i]))
        # A label that the model excludes counts for nothing.
        for k in np.flatnonzero(probabilities):
            label = model.classes_[k : k + 1]
            moved = measure(model, X, y, x, label, evaluation, int(own[i]), *options)
            out[i] += probabilities[k] * moved
    return out


def _refitted(model: Any, X: Any, y: Any, x: Any, label: Any) -> Any:
    return fit_clone(model, stack_rows(X, x), stack_labels(y, label))


def _loss(
    model: Any, X: Any, y: Any, x: Any, label: Any, evaluation: Any, own: int, zero_one: bool
) -> float:
    p = _aligned(_refitted(model, X, y, x, label), evaluation, model.classes_)
    loss = 1.0 - p.max(axis=1) if zero_one else -xlogy(p, p).sum(axis=1)
    return _mean_without(loss, own)


def _mean_without(values: Floats, own: int) -> float:
    return float(np.delete(values, own).mean() if own >= 0 else values.mean())


def _aligned(model: Any, X: Any, classes: NDArray[Any]) -> Floats:
    """Probabilities with a column for each of the classes, of which the model may lack some."""
    p = class_probabilities(model, X)
    out = np.zeros((len(p), len(classes)))
    out[:, np.searchsorted(classes, model.classes_)] = p
    return out


def has_parameters(model: Any) -> bool:
    """Whether a change of the model shows in arrays of parameters."""
    return hasattr(model, "coef_") or hasattr(model, "feature_log_prob_")


def _parameters(model: Any) -> Floats:
    """All parameters in a row: of linear models the weights and intercepts, of naive Bayes the
    log-probabilities and log-priors.
    """  # noqa: D205
    names = ("coef_", "intercept_")
    if not hasattr(model, "coef_"):
        names = ("feature_log_prob_", "class_log_prior_")
    arrays = [getattr(model, name) for name in names]
    dense = [array.toarray() if sp.issparse(array) else array for array in arrays]
    return np.concatenate([np.ravel(array) for array in dense]).astype(np.float64)


def _change(
    model: Any, X: Any, y: Any, x: Any, label: Any, evaluation: Any, own: int,
    method: str, parameters: bool,
) -> float:  # fmt: skip
    if method == "partial_fit":
        after = deepcopy(model)
        with few_rows_of_many_classes():
            after.partial_fit(x, label)
    else:
        after = _refitted(model, X, y, x, label)
    if parameters:
        return float(np.linalg.norm(_parameters(after) - _parameters(model)))
    before = class_probabilities(model, evaluation)
    moved = np.abs(_aligned(after, evaluation, model.classes_) - before).sum(axis=1)
    return _mean_without(moved, own)
