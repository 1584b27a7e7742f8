"""modAL's strategies beside ours; see adapters.py.

Every case has the same learner or committee for both sides: theirs gets modAL's function, ours
the one of that name in fastal.adapters.modal.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import modAL.batch
import modAL.density
import modAL.disagreement
import modAL.uncertainty
import numpy as np
from modAL.models import ActiveLearner, Committee
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB

from fastal.adapters import modal as ours

# Without it, modAL.expected_error cannot be imported with NumPy 1.24 and later.
vars(np)["float"] = float
import modAL.expected_error  # noqa: E402

del vars(np)["float"]

_BATCH = 100


def _both(module: Any, name: str, *arguments: Any, **options: Any) -> Any:
    """Return the two functions, which return rows, or scores where there are no rows."""

    def call(function: Any) -> Any:
        result = function(*arguments, **options)
        return result[0] if isinstance(result, tuple) else result.round(9)

    return tuple(partial(call, getattr(side, name)) for side in (module, ours))


def _learner(pool: Any, X: Any, estimator: Any) -> Any:
    return ActiveLearner(estimator, X_training=X[pool.labeled], y_training=pool.y[pool.labeled])


def _uncertain(name: str, rows: str) -> Any:
    def prepare(pool: Any, quick: bool) -> Any:
        X = getattr(pool, rows)
        learner = _learner(pool, X, LogisticRegression())
        unlabeled = X[pool.unlabeled]
        n = min(_BATCH, unlabeled.shape[0])
        return _both(modAL.uncertainty, name, learner, unlabeled, n_instances=n)

    return prepare


def _disagreeing(name: str) -> Any:
    def prepare(pool: Any, quick: bool) -> Any:
        # Two of each kind, of different smoothing: they learn fast and disagree.
        estimators = [LogisticRegression(C=c) for c in (1.0, 100.0)]
        estimators += [MultinomialNB(alpha=alpha) for alpha in (0.01, 0.1, 1.0)]
        committee = Committee([_learner(pool, pool.X, each) for each in estimators])
        unlabeled = pool.X[pool.unlabeled]
        n = min(_BATCH, unlabeled.shape[0])
        return _both(modAL.disagreement, name, committee, unlabeled, n_instances=n)

    return prepare


def _density(rows: str, metric: str, at_most: int) -> Any:
    def prepare(pool: Any, quick: bool) -> Any:
        X = getattr(pool, rows)[:at_most]
        return _both(modAL.density, "information_density", X, metric)

    return prepare


def _cold_start(pool: Any, quick: bool) -> Any:
    return _both(modAL.batch, "select_cold_start_instance", pool.dense[:10_000], "euclidean", None)


def _ranked(rows: str, n: int) -> Any:
    def prepare(pool: Any, quick: bool) -> Any:
        X = getattr(pool, rows)
        learner = _learner(pool, X, LogisticRegression())
        unlabeled = X[pool.unlabeled]
        return _both(modAL.batch, "uncertainty_batch_sampling", learner, unlabeled, n_instances=n)

    return prepare


def _reducing(estimator: Any, at_most: int, loss: str) -> Any:
    def prepare(pool: Any, quick: bool) -> Any:
        learner = _learner(pool, pool.X, estimator)
        unlabeled = pool.X[pool.unlabeled[:at_most]]
        return _both(
            modAL.expected_error, "expected_error_reduction", learner, unlabeled, loss,
            n_instances=min(10, unlabeled.shape[0]),
        )  # fmt: skip

    return prepare


CASES = {
    f"{name}, {rows}": _uncertain(name, attribute)
    for name in ("uncertainty_sampling", "margin_sampling", "entropy_sampling")
    for rows, attribute in (("sparse", "X"), ("dense", "dense"))
}
CASES |= {
    f"{name}, 5 members, sparse": _disagreeing(name)
    for name in (
        "vote_entropy_sampling",
        "consensus_entropy_sampling",
        "max_disagreement_sampling",
    )
}
CASES |= {
    "information_density, euclidean, dense, 10,000 rows": _density("dense", "euclidean", 10_000),
    "information_density, cosine, sparse, 3,000 rows": _density("X", "cosine", 3000),
    "select_cold_start_instance, dense, 10,000 rows": _cold_start,
    "uncertainty_batch_sampling, 100 rows, dense": _ranked("dense", 100),
    "uncertainty_batch_sampling, 20 rows, sparse": _ranked("X", 20),
    "expected_error_reduction, naive Bayes, 50 rows": _reducing(MultinomialNB(), 50, "log"),
    "expected_error_reduction, logistic regression, 5 rows": _reducing(
        LogisticRegression(), 5, "binary"
    ),
}
