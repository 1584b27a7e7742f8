"""Strategies that set the pool against the labelled rows, and joint or noisy batches.

`fastal.strategies` has the contract, and `fastal._strategies_diversity` says what features are.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal import batch_committee, contrast
from fastal._proba import class_probabilities, committee_of, fitted
from fastal._rows import before_last_step, take_rows
from fastal._strategies_diversity import _features, _features_and_labeled, margins
from fastal.pool import query_pool, score_pool
from fastal.selection import stochastic_batch

Scores = NDArray[np.float64]
Rows = NDArray[np.int64]

# BatchBALD holds the probabilities of all members for so many rows.
_CANDIDATES = 10_000


def contrastive(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.contrastive` of the model's predictions, with the 10 nearest labelled rows (CAL)."""
    model = fitted(learner)
    known = take_rows(X, labeled) if labeled.size else learner.X_labeled_
    features, own = _features(learner, X), _features(learner, known)
    if hasattr(model, "steps"):
        # What its last step wants has just been made.
        model, X, known = model[-1], features, own
    return contrast.contrastive(
        class_probabilities(model, X), features, class_probabilities(model, known), own
    )


def discriminative(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.discriminative`: what is easiest to tell from the labelled rows (DAL).

    It needs labelled rows, but no model.
    """
    features, known = _features_and_labeled(learner, X, labeled)
    if not known.size:
        # No model either: say what the others say.
        fitted(learner)
    return contrast.discriminative(features, n, known, random_state=random_state)


def batch_bald(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.batch_bald` of the committee of `query_by_committee`.

    Of more than 10,000 rows, those of the highest `fastal.kl_to_consensus`.
    """
    model = committee_of(learner, random_state)
    rows = np.sort(query_pool(model, X, max(n, _CANDIDATES), "kl_to_consensus", exclude=labeled))
    some = take_rows(X, rows)
    if hasattr(model, "steps"):
        some, model = before_last_step(model, some), model[-1]
    picks, _ = batch_committee.batch_bald(model.member_probas(some), n, random_state)
    return np.asarray(rows[picks])


def power_bald(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.stochastic_batch` by powers of `fastal.kl_to_consensus`, of the same committee."""
    scores = score_pool(committee_of(learner, random_state), X, "kl_to_consensus")
    return stochastic_batch(scores, n, "power", random_state=random_state, exclude=labeled)


def power_margin(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.stochastic_batch` by powers of `fastal.margin`: drawn in proportion to it."""
    scores = margins(learner, X)
    return stochastic_batch(scores, n, "power", random_state=random_state, exclude=labeled)


def softmax_margin(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.stochastic_batch` by the softmax of `fastal.margin`."""
    scores = margins(learner, X)
    return stochastic_batch(scores, n, "softmax", random_state=random_state, exclude=labeled)


def softrank_margin(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.stochastic_batch` by the ranks of `fastal.margin`."""
    scores = margins(learner, X)
    return stochastic_batch(scores, n, "softrank", random_state=random_state, exclude=labeled)
