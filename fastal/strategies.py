"""Strategies by name: from a learner and a pool to scores, or to the rows to label next.

A strategy is a function ``strategy(learner, X_pool, n, *, labeled, random_state)``:

- `learner`, an `ActiveLearner`, holds ``estimator_`` (if fitted), ``X_labeled_``, ``y_labeled_``;
- `n` is how many rows are wanted, never more than there are;
- `labeled` holds the rows of X_pool that must not come back, int64, sorted;
- `random_state` is None (ties go to the lowest row) or a random stream, as `fastal.top_k` and
  `fastal.k_center_greedy` take it.

It returns either a floating array of shape (n_pool,), one score for each row of the pool, higher =
query first, from which the learner selects; or an integer array of the n rows it selected itself.
Your own function is handed to the learner in place of a name.

Of the strategies that score by a model alone (`SCORED_IN_ONE_READ`) the learner keeps only the
best rows, by `best_rows`: the pool may come in blocks, and scores of all of it never exist.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._pool_scores import OF_COMMITTEE, OF_ONE_MODEL
from fastal._proba import class_probabilities as class_probabilities
from fastal._proba import committee_of, fitted
from fastal._rows import n_rows
from fastal._strategies_auto import auto, auto_rows
from fastal._strategies_batches import (
    badge,
    cluster_margin,
    information_density,
    ranked_batch,
)
from fastal._strategies_contrast import (
    batch_bald,
    contrastive,
    discriminative,
    power_bald,
    power_margin,
    softmax_margin,
    softrank_margin,
)
from fastal._strategies_diversity import (
    facility_location,
    k_center,
    k_center_density,
    k_center_uncertainty,
    kmeans_plusplus,
    prob_cover,
    robust_k_center,
    weighted_k_means,
)
from fastal._strategies_lookahead import expected_error_reduction, expected_model_change
from fastal._strategies_typical import falcun, max_herding, typiclust, uncertainty_herding
from fastal._validation import check_random_state
from fastal.pool import query_pool, score_pool

__all__ = [
    "auto",
    "badge",
    "batch_bald",
    "cluster_margin",
    "consensus_entropy",
    "contrastive",
    "discriminative",
    "distance_to_boundary",
    "entropy",
    "expected_error_reduction",
    "expected_gradient_length",
    "expected_model_change",
    "facility_location",
    "falcun",
    "information_density",
    "k_center",
    "k_center_density",
    "k_center_uncertainty",
    "kl_to_consensus",
    "kmeans_plusplus",
    "least_confidence",
    "margin",
    "max_herding",
    "max_kl_to_consensus",
    "power_bald",
    "power_margin",
    "prob_cover",
    "query_by_committee",
    "random",
    "ranked_batch",
    "robust_k_center",
    "softmax_margin",
    "softrank_margin",
    "typiclust",
    "uncertainty_herding",
    "variation_ratio",
    "vote_entropy",
    "weighted_k_means",
]

# Names of the strategies that need no fitted model: each is its own cold start.
MODEL_FREE = (
    "random",
    "auto",
    "k_center",
    "k_center_density",
    "kmeans_plusplus",
    "robust_k_center",
    "facility_location",
    "max_herding",
    "typiclust",
)

SCORED_IN_ONE_READ = (*OF_ONE_MODEL, "query_by_committee", *OF_COMMITTEE)

Scores = NDArray[np.float64]
Rows = NDArray[np.int64]


def random(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """Rows drawn uniformly, without replacement: the yardstick for every other strategy."""
    left = np.setdiff1d(np.arange(n_rows(X, "X_pool")), labeled, assume_unique=True)
    drawn = check_random_state(random_state).choice(left, size=n, replace=False)
    return np.asarray(drawn, dtype=np.int64)


def best_rows(
    name: str, learner: Any, X: Any, n: int, *, labeled: Any, random_state: Any
) -> tuple[Rows, Scores]:
    """Rows of the n highest scores by a strategy of `SCORED_IN_ONE_READ`, and the scores.

    X may be a stream, as `fastal.query_pool` takes it.  The picks of "auto" have scores as well,
    though not the highest ones.
    """
    if name == "auto":
        return auto_rows(learner, X, n, labeled=labeled, random_state=random_state)
    model = fitted(learner) if name in OF_ONE_MODEL else committee_of(learner, random_state)
    score = "vote_entropy" if name == "query_by_committee" else name
    return query_pool(model, X, n, score, random_state, exclude=labeled, return_scores=True)


def entropy(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.entropy` of the model's class probabilities."""
    return score_pool(fitted(learner), X, "entropy")


def margin(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.margin` of the model's class probabilities."""
    return score_pool(fitted(learner), X, "margin")


def least_confidence(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.least_confidence` of the model's class probabilities."""
    return score_pool(fitted(learner), X, "least_confidence")


def distance_to_boundary(
    learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any
) -> Scores:
    """`fastal.distance_to_boundary` of the model's decision values (naive Bayes: log-odds)."""
    return score_pool(fitted(learner), X, "distance_to_boundary")


def expected_gradient_length(
    learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any
) -> Scores:
    """`fastal.expected_gradient_length` of the model's loss: it must be a linear model."""
    return score_pool(fitted(learner), X, "expected_gradient_length")


def _committee(learner: Any, random_state: Any) -> Any:
    """Return the committee of `query_by_committee`, or a pipeline that ends in it."""
    from fastal.committee_model import Committee

    model = fitted(learner)
    if isinstance(model[-1] if hasattr(model, "steps") else model, Committee):
        return model
    seed = int(check_random_state(random_state).choice(2**31))
    made = Committee(learner.estimator, n_members=5, random_state=seed)
    return made.fit(learner.X_labeled_, learner.y_labeled_)


def vote_entropy(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.vote_entropy` of the votes of the committee of `query_by_committee`."""
    return score_pool(committee_of(learner, random_state), X, "vote_entropy")


def query_by_committee(
    learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any
) -> Scores:
    """Vote entropy of a committee: how much models that know the same labels disagree.

    The committee is the learner's own model if that is a `fastal.Committee` (or a pipeline that
    ends in one), else five clones of the learner's estimator, each fitted to a bootstrap sample of
    the labelled rows.

    References
    ----------
    Seung, Opper & Sompolinsky (1992), "Query by committee"; Dagan & Engelson (1995).
    """
    return vote_entropy(learner, X, n, labeled=labeled, random_state=random_state)


def consensus_entropy(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.consensus_entropy` of the committee of `query_by_committee`."""
    return score_pool(committee_of(learner, random_state), X, "consensus_entropy")


def kl_to_consensus(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.kl_to_consensus` of the committee of `query_by_committee`."""
    return score_pool(committee_of(learner, random_state), X, "kl_to_consensus")


def max_kl_to_consensus(
    learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any
) -> Scores:
    """`fastal.max_kl_to_consensus` of the committee of `query_by_committee`."""
    return score_pool(committee_of(learner, random_state), X, "max_kl_to_consensus")


def variation_ratio(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.variation_ratio` of the committee of `query_by_committee`."""
    return score_pool(committee_of(learner, random_state), X, "variation_ratio")
