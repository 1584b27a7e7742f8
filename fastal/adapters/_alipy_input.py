"""What ALiPy's strategies are given: rows by number, models, predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from alipy.utils.interface import BaseCollection
from alipy.utils.misc import nlargestarg, nsmallestarg
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

import fastal
from fastal.adapters._read_at_once import is_read_at_once


def numbers(index: Any, name: str) -> NDArray[Any]:
    """Return the numbers of rows as an array, whatever holds them."""
    # Their own property `index` copies every element by deepcopy.
    rows = np.asarray(list(index) if isinstance(index, BaseCollection) else index)
    if rows.ndim != 1:
        raise TypeError(
            f"{name} must be a list, an array or an IndexCollection of row numbers, got {index!r}"
        )
    return rows


def take(X: Any, rows: NDArray[Any], name: str) -> Any:
    """Return the rows of those numbers."""
    if rows.size and rows.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold row numbers, got {rows[:1].tolist()[0]!r}")
    return X[rows.astype(np.int64, copy=False)]


def check_batch_size(batch_size: Any) -> None:
    """Refuse a batch of no rows."""
    if not batch_size > 0:
        raise ValueError(f"batch_size must be at least 1, got {batch_size!r}")


def check_data(strategy: Any, instead: str = "") -> None:
    """Refuse to select rows of nothing."""
    if strategy.X is None or strategy.y is None:
        raise ValueError(f"X and y must be given to {type(strategy).__name__}{instead}")


def rows_first(strategy: Any) -> None:
    """Bring the rows of X within reach: ALiPy stores a sparse X by columns."""
    if sp.issparse(strategy.X):
        strategy.X = strategy.X.tocsr()


def best_last(rows: NDArray[Any], scores: ArrayLike, n: int) -> NDArray[Any]:
    """Return the rows of the highest scores; their own helper, so that ties fall as with them."""
    return np.asarray(rows[nlargestarg(scores, n)])


def best_first(rows: NDArray[Any], scores: NDArray[np.float64], n: int) -> NDArray[Any]:
    """Return the same, in the other order: theirs are losses."""
    return np.asarray(rows[nsmallestarg(-scores, n)])


def default_model(X: Any, y: Any) -> Any:
    """ALiPy's: liblinear, which for more than two classes takes one against the rest."""
    model: Any = LogisticRegression(solver="liblinear")
    if len(np.unique(y)) > 2:
        # What liblinear did by itself before scikit-learn 1.8.
        model = OneVsRestClassifier(model)
    return model.fit(X, y)


def proba_scores(
    predict: Any, n: int, measure: str, name: str, ranked: bool = False
) -> NDArray[np.float64]:
    """Score given predictions, one row for each unlabelled one."""
    values = np.asarray(predict)
    if len(values) != n:
        raise ValueError(
            f"{name} must have one row for each of the {n} in unlabel_index, got {len(values)}"
        )
    try:
        return np.asarray((RANKED if ranked else MEASURES)[measure](values))
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error


def _margin(proba: NDArray[Any]) -> NDArray[np.float64]:
    scores = fastal.margin(proba)
    # The difference itself: 1 - (1 - difference) makes and breaks ties (forests have many).
    return fastal.distance_to_boundary(proba) if proba.shape[1] > 1 else scores


def _distance(decision: NDArray[Any]) -> NDArray[np.float64]:
    one_column = decision.ndim == 2 and decision.shape[1] == 1
    return fastal.distance_to_boundary(decision[:, 0] if one_column else decision)


def model_scores(model: Any, X: Any, measure: str) -> NDArray[np.float64]:
    """Score rows by a fitted model, to rank them: margins may be below 0."""
    must_have(model, METHOD[measure])
    if measure == "distance_to_boundary" or is_read_at_once(model):
        return fastal.score_pool(model, X, SCORE[measure])
    return np.asarray(RANKED[measure](np.asarray(model.predict_proba(X))))


def must_have(model: Any, method: str) -> None:
    """Raise where ALiPy does, too: fastal would make do with decision values."""
    if not hasattr(model, method):
        raise TypeError(f"model must have {method}, {type(model).__name__} has not")


METHOD = dict.fromkeys(("least_confident", "margin", "entropy"), "predict_proba")
METHOD["distance_to_boundary"] = "decision_function"

# ALiPy's name of a measure, and what computes it; `SCORE` is the name score_pool knows.
MEASURES = {
    "least_confident": fastal.least_confidence,
    "margin": fastal.margin,
    "entropy": fastal.entropy,
    "distance_to_boundary": _distance,
}
RANKED = MEASURES | {"margin": _margin}
SCORE = {name: name for name in MEASURES} | {"least_confident": "least_confidence"}


def votes_of(members: list[NDArray[Any]]) -> NDArray[Any]:
    """Labels of shape (n_samples, n_members), of labels or of rows that are 1 at the label."""
    if members[0].ndim == 1:
        return np.stack(members, axis=1)
    stacked = np.stack(members, axis=1)
    if not (np.isin(stacked, (0, 1)).all() and (stacked.sum(axis=2) == 1).all()):
        raise ValueError(
            "predict must hold labels, or rows that are 1 for the label and 0 elsewhere"
        )
    return np.asarray(stacked.argmax(axis=2))


def members_of(predict: Any) -> list[NDArray[Any]]:
    """Return the predictions of each member of a committee, all of one shape."""
    members = [np.asarray(each) for each in predict if each is not None]
    if len(members) < 2:
        raise ValueError(f"predict must hold two members at least, got {len(members)}")
    shapes = {member.shape for member in members}
    if len(shapes) > 1 or members[0].ndim not in (1, 2):
        raise ValueError(
            "predict must hold arrays of one shape, (n_samples,) or (n_samples, n_classes), got "
            f"{sorted(shapes)}"
        )
    return members
