"""Scores of a pool by a modAL learner or committee, without an array of probabilities.

`fastal.score_pool` reads scikit-learn's linear models, naive Bayes, and calibrated, one-vs-rest,
searched or piped ones of them.  For other models None is returned, and modAL's own function is
used.
"""

from __future__ import annotations

from typing import Any

import modAL.models
import modAL.models.base
import numpy as np
from modAL.utils.selection import multi_argmax, shuffled_argmax
from numpy.typing import NDArray

import fastal
from fastal.adapters._read_at_once import is_read_at_once

Scores = NDArray[np.float64]
Picks = tuple[NDArray[np.int64], Scores]

_Learner = modAL.models.base.BaseLearner
_Committee = modAL.models.Committee


def of_classifier(classifier: Any, X: Any, score: str, kwargs: dict[str, Any]) -> Scores | None:
    """Score by one of fastal's functions of probabilities, or return None."""
    if kwargs:
        return None
    if isinstance(classifier, _Committee):
        return of_committee(classifier, X, score, kwargs)
    model = _estimator(classifier, "predict_proba")
    return _scored(model, X, score) if is_read_at_once(model) else None


def of_committee(committee: Any, X: Any, score: str, kwargs: dict[str, Any]) -> Scores | None:
    """Score by one of fastal's functions of a committee, or return None."""
    by_votes = score == "vote_entropy"
    methods = ("vote",) if by_votes else ("predict_proba", "vote_proba")
    if kwargs or not isinstance(committee, _Committee) or _changed(committee, _Committee, methods):
        return None
    method = "predict" if by_votes else "predict_proba"
    members = [_estimator(learner, method) for learner in committee]
    if not members or any(getattr(member, "classes_", None) is None for member in members):
        return None
    if not by_votes and not all(map(is_read_at_once, members)):
        return None
    readable = fastal.Committee(members)
    readable.members_ = members
    # Not committee.classes_: a member that was taught alone may know more by now.
    readable.classes_ = np.unique(np.concatenate([member.classes_ for member in members]))
    return _scored(readable, X, score)


def highest(scores: Scores, n_instances: int, random_tie_break: bool) -> Picks:
    """Pick by modAL's own functions: its order and its ties."""
    pick = shuffled_argmax if random_tie_break else multi_argmax
    rows, values = pick(scores, n_instances=n_instances)
    return rows, values


def _scored(model: Any, X: Any, score: str) -> Scores | None:
    try:
        return fastal.score_pool(model, X, score)
    except (TypeError, ValueError):
        # modAL may take what fastal does not: labels that are independent of one another, say.
        # If not, its error is the one that its users know.
        return None


def _estimator(learner: Any, method: str) -> Any:
    """Return the model that a learner asks, or None if it changes what the model says."""
    if not isinstance(learner, _Learner):
        return learner
    return None if _changed(learner, _Learner, (method,)) else learner.estimator


def _changed(instance: Any, base: type, methods: tuple[str, ...]) -> bool:
    return any(getattr(type(instance), name) is not getattr(base, name) for name in methods)
