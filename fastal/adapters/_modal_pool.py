"""Scores of a pool by a modAL learner or committee, without an array of probabilities if possible.

Three ways, the first that is open: `fastal.score_pool` reads the fitted scikit-learn model; the
learner is asked for probabilities, which fastal scores; modAL's own function does it all.  The
last is for what modAL takes and fastal refuses, such as rows of independent labels, whose
probabilities sum to something else than 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import modAL.models
import modAL.models.base
import numpy as np
from modAL.utils.selection import multi_argmax, shuffled_argmax
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError

import fastal

Scores = NDArray[np.float64]
Picks = tuple[NDArray[np.int64], Scores]

_Learner = modAL.models.base.BaseLearner
_Committee = modAL.models.Committee
# Whoever changes one of these wants to be asked.
_OF_A_LEARNER = ("predict", "predict_proba")
_OF_A_COMMITTEE = ("predict_proba", "vote", "vote_proba")


def of_classifier(
    classifier: Any, X: Any, score: str, unknown: float, kwargs: dict[str, Any]
) -> Scores | None:
    """Score by one of fastal's functions of probabilities; `unknown` before the first fit."""

    def asked() -> Scores:
        proba = classifier.predict_proba(X, **kwargs)
        return np.asarray(getattr(fastal, score)(proba))

    return _first_open_way(classifier, X, score, unknown, asked, direct=not kwargs)


def of_committee(
    committee: Any, X: Any, score: str, asked: Callable[[], Scores], kwargs: dict[str, Any]
) -> Scores | None:
    """Score by how much the members differ; 0 before the first fit."""
    direct = not kwargs and isinstance(committee, _Committee)
    return _first_open_way(committee, X, score, 0.0, asked, direct=direct)


def highest(scores: Scores, n_instances: int, random_tie_break: bool) -> Picks:
    """Pick by modAL's own functions: its order and its ties."""
    pick = shuffled_argmax if random_tie_break else multi_argmax
    rows, values = pick(scores, n_instances=n_instances)
    return rows, values


def _first_open_way(
    classifier: Any, X: Any, score: str, unknown: float, asked: Callable[[], Scores], direct: bool
) -> Scores | None:
    try:
        model = _readable(classifier, score) if direct else None
        if model is not None:
            return fastal.score_pool(model, X, score)
    except (TypeError, ValueError):
        # The classifier may take what fastal does not; if not, its own error is the better one.
        pass
    try:
        return asked()
    except NotFittedError:
        n_rows = X.shape[0] if hasattr(X, "shape") else len(X)
        return np.full(n_rows, unknown)
    except (TypeError, ValueError):
        return None


def _readable(classifier: Any, score: str) -> Any:
    """Return what `fastal.score_pool` should be given, or None."""
    needed = "predict" if score == "vote_entropy" else "predict_proba"
    if isinstance(classifier, _Committee):
        return _as_committee(classifier, needed)
    return _sklearn_model(classifier, needed)


def _as_committee(committee: Any, needed: str) -> Any:
    members = [_sklearn_model(learner, needed) for learner in committee]
    unknown = any(not hasattr(member, "classes_") for member in members)
    if not members or unknown or _changed(committee, _Committee, _OF_A_COMMITTEE):
        return None
    readable = fastal.Committee(members)
    readable.members_ = members
    # Not committee.classes_: a member that was taught alone may know more by now.
    readable.classes_ = np.unique(np.concatenate([member.classes_ for member in members]))
    return readable


def _sklearn_model(learner: Any, needed: str) -> Any:
    model = learner
    if isinstance(learner, _Learner):
        model = None if _changed(learner, _Learner, _OF_A_LEARNER) else learner.estimator
    known = type(model).__module__.startswith("sklearn.") and hasattr(model, needed)
    return model if known else None


def _changed(instance: Any, base: type, methods: tuple[str, ...]) -> bool:
    return any(getattr(type(instance), name) is not getattr(base, name) for name in methods)
