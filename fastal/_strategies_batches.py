"""Strategies for batches that are informative and diverse; `fastal.strategies` has the contract.

All need a fitted model.  Similarity is measured between features, as by the strategies of
`fastal._strategies_diversity`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal import batches
from fastal._proba import class_probabilities, fitted
from fastal._strategies_diversity import _features, _features_and_labeled, _padded, margins

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]


def badge(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.badge` of the model's class probabilities and the features."""
    proba = class_probabilities(fitted(learner), X)
    return batches.badge(proba, _features(learner, X), n, labeled, random_state)


def ranked_batch(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.ranked_batch` by `fastal.margin` of the model's class probabilities."""
    scores = margins(learner, X)
    features, known = _features_and_labeled(learner, X, labeled)
    return batches.ranked_batch(
        _padded(scores, features), features, n, known, random_state=random_state
    )[0]


def information_density(
    learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any
) -> Scores:
    """`fastal.information_density` by `fastal.margin`; the pool is all rows of X."""
    scores = margins(learner, X)
    return batches.information_density(scores, _features(learner, X))


def cluster_margin(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.cluster_margin` by `fastal.margin` of the model's class probabilities."""
    scores = margins(learner, X)
    return batches.cluster_margin(
        scores, _features(learner, X), n, labeled, random_state=random_state
    )
