"""Strategies that ask what a label would do; `fastal.strategies` has the contract.

Looking ahead costs candidates times evaluation rows, so of a large pool both are drawn at random
among the rows that are left: rows that are not drawn score -inf.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal import lookahead
from fastal._proba import fitted
from fastal._rows import n_rows
from fastal._validation import check_random_state, rows_left

Scores = NDArray[np.float64]
Rows = NDArray[np.int64]

# Candidates and evaluation rows at most.
_SIZES = {"exact": (2000, 5000), "newton": (500, 1000), "refit": (50, 500)}


def expected_error_reduction(
    learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any
) -> Scores:
    """`fastal.expected_error_reduction` (log loss) of candidates drawn among the rows left.

    At most 2,000 candidates (n if that is more) and 5,000 evaluation rows for models with a closed
    form (naive Bayes, ridge), 500 and 1,000 for logistic regression (Newton steps), and 50 and 500
    for others, which are refitted for each candidate and class.
    """
    from fastal._lookahead_input import choose, last_step

    model = fitted(learner)
    method = choose(last_step(model), "auto")
    candidates, evaluation = _drawn(X, n, labeled, random_state, *_SIZES[method])
    return lookahead.expected_error_reduction(
        model, X, learner.X_labeled_, learner.y_labeled_, method=method,
        candidates=candidates, evaluation=evaluation,
    )  # fmt: skip


def expected_model_change(
    learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any
) -> Scores:
    """`fastal.expected_model_change` by refits of at most 50 candidates (n if that is more).

    For a model without parameters, its probabilities of at most 500 rows are compared.
    """
    model = fitted(learner)
    candidates, evaluation = _drawn(X, n, labeled, random_state, *_SIZES["refit"])
    return lookahead.expected_model_change(
        model, X, learner.X_labeled_, learner.y_labeled_,
        candidates=candidates, evaluation=evaluation,
    )  # fmt: skip


def _drawn(
    X: Any, n: int, labeled: Rows, random_state: Any, most_candidates: int, most_evaluation: int
) -> tuple[Rows, Rows]:
    """Candidates among the rows left, and evaluation rows among them; one row evaluates itself."""
    left = rows_left(n_rows(X, "X_pool"), labeled)
    rng = check_random_state(random_state)
    candidates = np.sort(rng.permutation(left)[: max(n, most_candidates)])
    if left.size == 1:
        # No other row is left to be evaluated on: labelled ones stand in.
        return candidates, np.arange(n_rows(X, "X_pool"))
    return candidates, np.sort(rng.permutation(left)[:most_evaluation])
