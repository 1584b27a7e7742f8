"""Strategies for small budgets and for batches; `fastal.strategies` has the contract."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal import herding
from fastal import typical as typical_rows
from fastal._proba import class_probabilities, fitted
from fastal._rows import take_rows
from fastal._strategies_diversity import _features_and_labeled, _padded, margins, sampled
from fastal.proba_batches import falcun as draw_falcun

Rows = NDArray[np.int64]

# k-means compares all rows with all centres: of a larger pool that many rows are drawn.
_CLUSTERED = 20_000


def typiclust(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.typiclust` around the labelled rows; of more than 20,000 rows so many are drawn."""
    features, known = _features_and_labeled(learner, X, labeled)
    rows = sampled(features.shape[0], n, known, random_state, _CLUSTERED)
    picks = typical_rows.typiclust(
        take_rows(features, rows), n, np.searchsorted(rows, known), random_state=random_state
    )
    return np.asarray(rows[picks])


def max_herding(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.max_herding` around the labelled rows; of more than 5,000 rows so many are drawn."""
    features, known = _features_and_labeled(learner, X, labeled)
    rows = sampled(features.shape[0], n, known, random_state)
    picks, _ = herding.max_herding(
        take_rows(features, rows), n, np.searchsorted(rows, known), random_state=random_state
    )
    return np.asarray(rows[picks])


def uncertainty_herding(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.uncertainty_herding` by `fastal.margin` of the model's class probabilities.

    Of more than 5,000 rows that many are drawn.
    """
    scores = margins(learner, X)
    features, known = _features_and_labeled(learner, X, labeled)
    rows = sampled(features.shape[0], n, known, random_state)
    picks, _ = herding.uncertainty_herding(
        _padded(scores, features)[rows], take_rows(features, rows), n,
        np.searchsorted(rows, known), random_state=random_state,
    )  # fmt: skip
    return np.asarray(rows[picks])


def falcun(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.falcun` of the model's class probabilities."""
    proba = class_probabilities(fitted(learner), X)
    return draw_falcun(proba, n, labeled, random_state=random_state)
