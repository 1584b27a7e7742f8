"""The strategy for those who have none in mind: docs/results-strategies.md has the evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastal import representation, typical
from fastal._proba import fitted
from fastal._rows import n_rows, stack_rows, take_rows
from fastal._strategies_diversity import _features, sampled
from fastal._validation import check_random_state, rows_left
from fastal.pool import query_pool

Rows = NDArray[np.int64]

_CANDIDATES = 10
# k-means takes time and memory with the square of the batch: of larger ones parts are picked one
# after the other, and clusters before there is a model stay as few.
_AT_ONCE = 100


def auto(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """Typical rows first, then rows the model is unsure of, far from one another: the default.

    - While no model is fitted: `fastal.typiclust` around the labelled rows, of at most 100
      clusters; of more than 5,000 rows that many are drawn.
    - Then `fastal.weighted_k_means` of the rows of the highest `fastal.margin`, ten times as many
      as are wanted.  They are dealt out to batches of at most 100 rows.

    Both measure distances.  Where rows have no finite numbers as features (texts while no pipeline
    is fitted, missing values), rows are drawn at random at first, and taken by margin alone then;
    so they are from a pool that comes as a stream of blocks.
    """
    if not hasattr(learner, "estimator_"):
        return _first(learner, X, n, labeled, random_state)
    rows, scores = query_pool(
        fitted(learner), X, _CANDIDATES * n, "margin", random_state, exclude=labeled,
        return_scores=True,
    )  # fmt: skip
    features = _numbers(learner, take_rows(X, rows))
    if features is None:
        return rows[:n]
    picks = []
    n_parts = -(-n // _AT_ONCE)
    for part in range(n_parts):
        # Every part has its share of the best rows.
        own = np.arange(part, rows.size, n_parts)
        share = len(range(part, n, n_parts))
        picks.append(own[representation.weighted_k_means(
            features[own], share, scores[own], n_candidates=own.size, random_state=random_state
        )])  # fmt: skip
    return rows[np.sort(np.concatenate(picks))]


def _first(learner: Any, X: Any, n: int, labeled: Rows, random_state: Any) -> Rows:
    rows = sampled(n_rows(X, "X_pool"), n, labeled, random_state)
    features = _numbers(learner, take_rows(X, rows))
    if features is None:
        left = rows_left(n_rows(X, "X_pool"), labeled)
        drawn = check_random_state(random_state).choice(left, size=n, replace=False)
        return np.asarray(drawn, dtype=np.int64)
    known = np.searchsorted(rows, labeled)
    if not labeled.size and hasattr(learner, "X_labeled_"):
        own = _features(learner, learner.X_labeled_)
        known = np.arange(rows.size, rows.size + own.shape[0])
        features = stack_rows(features, own)
    n_clusters = min(n + known.size, _AT_ONCE)
    picks = typical.typiclust(features, n, known, n_clusters, random_state=random_state)
    return np.asarray(rows[picks])


def _numbers(learner: Any, X: Any) -> Any:
    """Features between which distances can be measured, or None."""
    try:
        features = _features(learner, X)
    except (TypeError, ValueError):
        # Texts, dicts, lists of tokens.
        return None
    values = features.data if sp.issparse(features) else features
    if features.ndim != 2 or values.dtype.kind not in "fiub" or not np.isfinite(values).all():
        return None
    return features
