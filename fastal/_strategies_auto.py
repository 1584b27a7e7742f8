"""The strategy for those who have none in mind: docs/results-strategies.md has the evidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastal import representation, typical
from fastal._proba import fitted
from fastal._rows import n_rows, take_rows
from fastal._search import checked_sq_norms
from fastal._strategies_diversity import _features
from fastal._validation import check_matrix, check_random_state, rows_left
from fastal.pool import is_stream, query_pool
from fastal.text_file import TextFile

Rows = NDArray[np.int64]
Scores = NDArray[np.float64]

_CANDIDATES = 10
# k-means takes time and memory with the square of the batch: of larger ones parts are picked one
# after the other, and clusters before there is a model stay as few.
_AT_ONCE = 100
# Rows clustered before there is a model, and of the labelled ones that they keep away from.
_SAMPLE = 5000
_KNOWN = 1000


def auto(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """Typical rows first, then rows the model is unsure of, far from one another: the default.

    - While no model is fitted: `fastal.typiclust` around the labelled rows, of at most 100
      clusters; of more than 5,000 rows that many are drawn, and of labelled ones 1,000.
    - Then `fastal.weighted_k_means` of the rows of the highest `fastal.margin`, ten times as many
      as are wanted.  They are dealt out to batches of at most 100 rows.

    Both measure distances.  Where rows have no numbers as features between which these can be
    measured (texts while no pipeline is fitted, missing values, numbers whose squares are none),
    rows are drawn at random at first, and taken by margin alone then; so they are from an iterator
    of blocks, which have gone by (of a `fastal.TextFile` the candidates are read once more).
    """
    return auto_rows(learner, X, n, labeled=labeled, random_state=random_state)[0]


def auto_rows(
    learner: Any, X: Any, n: int, *, labeled: Any, random_state: Any
) -> tuple[Rows, Scores]:
    """Rows picked by `auto`, and their margins: NaN while no model is fitted."""
    if not hasattr(learner, "estimator_"):
        return _first(learner, X, n, labeled, random_state), np.full(n, np.nan)
    rows, scores = query_pool(
        fitted(learner), X, _CANDIDATES * n, "margin", random_state, exclude=labeled,
        return_scores=True,
    )  # fmt: skip
    # Of a stream nobody knew how many rows it has.
    n = min(n, rows.size)
    features = _numbers(learner, _taken(X, rows)) if n else None
    if features is None:
        return rows[:n], scores[:n]
    # Probabilities of single precision may add up to a little more than one.
    weights = np.maximum(scores, 0.0)
    picks = []
    n_parts = -(-n // _AT_ONCE)
    for part in range(n_parts):
        # Every part has its share of the best rows.
        own = np.arange(part, rows.size, n_parts)
        share = len(range(part, n, n_parts))
        picks.append(own[representation.weighted_k_means(
            features[own], share, weights[own], n_candidates=own.size, random_state=random_state
        )])  # fmt: skip
    best_first = np.sort(np.concatenate(picks))
    return rows[best_first], scores[best_first]


def _first(learner: Any, X: Any, n: int, labeled: Rows, random_state: Any) -> Rows:
    rng = check_random_state(random_state)
    left = rows_left(n_rows(X, "X_pool"), labeled)
    rows = _drawn(left, max(n, _SAMPLE), rng)
    known = _drawn(labeled, _KNOWN, rng)
    features = _numbers(learner, take_rows(X, np.append(rows, known)))
    if features is None:
        return np.asarray(rng.permutation(left)[:n])
    n_known = known.size
    if not labeled.size and hasattr(learner, "X_labeled_"):
        own = _numbers(learner, learner.X_labeled_)
        # Labelled rows of another kind or width say nothing about where the pool is covered.
        if own is not None and own.shape[1] == features.shape[1]:
            n_known = own.shape[0]
            features = sp.vstack([sp.csr_matrix(features), sp.csr_matrix(own)], format="csr")
    picks = typical.typiclust(
        features, n, np.arange(rows.size, rows.size + n_known), min(n + n_known, _AT_ONCE),
        random_state=rng,
    )  # fmt: skip
    return np.asarray(rows[picks])


def _taken(X: Any, rows: Rows) -> Any:
    if isinstance(X, TextFile):
        return [document["text"] for document in X.take(rows)]
    return None if is_stream(X) else take_rows(X, rows)


def _drawn(rows: Rows, size: int, rng: Any) -> Rows:
    return rows if rows.size <= size else np.sort(rng.permutation(rows)[:size])


def _numbers(learner: Any, X: Any) -> Any:
    """Features between which distances can be measured, or None.

    The default must not fail where the margin alone would do.
    """
    if X is None:
        return None
    try:
        features = _features(learner, X)
        matrix = check_matrix(features)
        checked_sq_norms(matrix, cosine=False)
        checked_sq_norms(matrix, cosine=True)
    except (TypeError, ValueError):
        return None
    return features
