"""Strategies that look at distances between rows; `fastal.strategies` has the contract.

Distances are measured between features: what all steps but the last make of a row, if the
learner's model is a fitted pipeline, else the rows themselves.  Rows labelled already are the rows
`labeled` of the pool; if none are given, the learner's own labelled rows (the features of pool and
labelled rows are then copied into one array).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastal import coverage, diversity, representation
from fastal._proba import fitted
from fastal._rows import as_rows, before_last_step, stack_rows, take_rows
from fastal._validation import check_random_state, rows_left
from fastal.pool import score_pool

Rows = NDArray[np.int64]

# Facility location compares all rows with all others, and robust k-center counts neighbours: of
# a larger pool that many rows are drawn, and the labelled ones kept.
_SAMPLE = 5000
# Share of the pool that robust k-center may leave uncovered.
_OUTLIERS = 0.1


def margins(learner: Any, X: Any) -> NDArray[np.float64]:
    """`fastal.margin` as weights: probabilities of single precision may sum to more than one."""
    return np.maximum(score_pool(fitted(learner), X, "margin"), 0.0)


def k_center(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.k_center_greedy` around the labelled rows (core-set).

    Distances are measured between features: what all steps but the last make of a row, if the
    learner's model is a fitted pipeline, else the rows themselves.  Centres are the rows `labeled`
    of the pool; if none are given, the learner's own labelled rows (the features of pool and
    labelled rows are then copied into one array).  So do all strategies that look at distances.
    """
    features, known = _features_and_labeled(learner, X, labeled)
    return diversity.k_center_greedy(features, n, known, random_state=random_state)[0]


def k_center_uncertainty(
    learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any
) -> Rows:
    """`fastal.k_center_greedy` with distances weighted by `fastal.margin` of the predictions."""
    weights = margins(learner, X)
    features, known = _features_and_labeled(learner, X, labeled)
    return diversity.k_center_greedy(
        features, n, known, random_state=random_state, sample_weight=_padded(weights, features)
    )[0]


def k_center_density(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.k_center_greedy` with distances weighted by `fastal.mean_similarity`, if above 0."""
    features, known = _features_and_labeled(learner, X, labeled)
    weights = np.maximum(diversity.mean_similarity(features), 0.0)
    return diversity.k_center_greedy(
        features, n, known, random_state=random_state, sample_weight=weights
    )[0]


def kmeans_plusplus(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.kmeans_plusplus` around the labelled rows."""
    features, known = _features_and_labeled(learner, X, labeled)
    return diversity.kmeans_plusplus(features, n, known, random_state=random_state)


def weighted_k_means(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.weighted_k_means` by `fastal.margin` of the model's class probabilities."""
    scores = margins(learner, X)
    features = _features(learner, X)
    return representation.weighted_k_means(
        features, n, scores, labeled=labeled, random_state=random_state
    )


def prob_cover(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.prob_cover`; `fastal.purity_radius` of the model's predictions is the radius."""
    predicted = np.asarray(fitted(learner).predict(X))
    stream = check_random_state(random_state)
    radius = coverage.purity_radius(_features(learner, X), predicted, random_state=stream)
    if not np.isfinite(radius):
        # The model predicts one class only: no ball is impure, and none says anything.
        radius = 0.0
    features, known = _features_and_labeled(learner, X, labeled)
    return coverage.prob_cover(features, n, radius, known, random_state=random_state)[0]


def robust_k_center(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.robust_k_center` that leaves a tenth of the pool uncovered.

    Of more than 5,000 rows that many are drawn.  Rows of unit length that share few terms lie all
    at about the same distance from one another: their balls hold everything or nothing, and the
    picks are hardly better than random ones.
    """
    features, known = _features_and_labeled(learner, X, labeled)
    n_left = features.shape[0] - known.size
    return coverage.robust_k_center(
        features, n, int(_OUTLIERS * n_left), known, random_state=random_state,
        sample_size=max(n, min(_SAMPLE, n_left)),
    )[0]  # fmt: skip


def facility_location(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.facility_location`; of more than 5,000 rows that many are drawn."""
    features, known = _features_and_labeled(learner, X, labeled)
    rows = sampled(features.shape[0], n, known, random_state)
    picks, _ = representation.facility_location(
        take_rows(features, rows), n, np.searchsorted(rows, known), random_state=random_state
    )
    return np.asarray(rows[picks])


def sampled(n_rows: int, n: int, known: Rows, random_state: Any, size: int | None = None) -> Rows:
    """Rows to work on, sorted: those known and up to `size` (5,000) drawn from the others."""
    size = max(n, _SAMPLE if size is None else size)
    left = rows_left(n_rows, known)
    if left.size <= size:
        return np.arange(n_rows)
    drawn = check_random_state(random_state).permutation(left)[:size]
    return np.sort(np.append(drawn, known))


def _features_and_labeled(learner: Any, X: Any, labeled: Rows) -> tuple[Any, Rows]:
    """Features of the pool; if none of it is labelled, the learner's own rows behind it."""
    features = _features(learner, X)
    if not labeled.size and hasattr(learner, "X_labeled_"):
        own = _features(learner, learner.X_labeled_)
        labeled = np.arange(features.shape[0], features.shape[0] + own.shape[0])
        features = stack_rows(features, own)
    return features, labeled


def _padded(weights: NDArray[np.float64], features: Any) -> NDArray[np.float64]:
    """Weights for the labelled rows behind the pool as well, which are never picked."""
    return np.concatenate([weights, np.zeros(features.shape[0] - weights.size)])


def _features(learner: Any, X: Any) -> Any:
    model = getattr(learner, "estimator_", None)
    X = as_rows(before_last_step(model, X) if hasattr(model, "steps") else X, "X_pool")
    X = X if sp.issparse(X) else np.asarray(X)
    if X.ndim == 1 and X.dtype.kind in "USTO":
        raise TypeError(
            "this strategy measures distances between numeric features, but the rows are texts "
            "and no pipeline that turns them into features is fitted yet; use "
            "cold_start='random', or vectorise the texts before the learner"
        )
    return X
