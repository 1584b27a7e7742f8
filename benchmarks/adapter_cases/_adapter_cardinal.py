"""cardinal's samplers and ours, each on what both take."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

CARDINAL = {
    "ConfidenceSampler": "uncertainty",
    "MarginSampler": "uncertainty",
    "EntropySampler": "uncertainty",
    "RandomSampler": "random",
    "KCenterGreedy": "clustering",
    "RankedBatchSampler": "batch",
    "TwoStepKMeansSampler": "zhdanov2019",
}


def both(name: str) -> tuple[Any, Any]:
    """Return their class and ours."""
    import importlib

    from fastal.adapters import cardinal

    module = importlib.import_module(f"cardinal.{CARDINAL[name]}")
    return getattr(module, name), getattr(cardinal, name)


def uncertainty(name: str) -> Any:
    """100 rows by a fitted logistic regression over sparse rows."""

    def prepare(pool: Any, quick: bool) -> Any:
        model = LogisticRegression(max_iter=50).fit(pool.X[pool.labeled], pool.y[pool.labeled])
        X = pool.X[pool.unlabeled]

        def call(sampler: Any) -> Any:
            return lambda: sampler(model, 100, assume_fitted=True).select_samples(X)

        return tuple(map(call, both(name)))

    return prepare


def random(pool: Any, quick: bool) -> Any:
    """100 rows at random."""

    def call(sampler: Any) -> Any:
        return lambda: sampler(100, 0).fit().select_samples(pool.X)

    return tuple(map(call, both("RandomSampler")))


def distances(name: str, dense: bool) -> Any:
    """100 rows far from 200 labelled ones and from one another."""

    def prepare(pool: Any, quick: bool) -> Any:
        rows = pool.dense if dense else pool.X
        X, labeled = rows[pool.unlabeled], rows[pool.labeled]
        weights = [np.random.default_rng(0).random(X.shape[0])] if "Ranked" in name else []
        first = [] if weights else [lambda X: X]

        def call(sampler: Any) -> Any:
            return lambda: sampler(*first, 100).fit(labeled).select_samples(X, *weights)

        return tuple(map(call, both(name)))

    return prepare


def two_steps(pool: Any, quick: bool) -> Any:
    """20 rows of the 200 of smallest margin, by k-means."""
    model = LogisticRegression(max_iter=50).fit(pool.X[pool.labeled], pool.y[pool.labeled])
    X = pool.X[pool.unlabeled]

    def call(sampler: Any) -> Any:
        made = sampler(10, model, 20, assume_fitted=True, random_state=0, n_init=1)
        return lambda: made.select_samples(X)

    return tuple(map(call, both("TwoStepKMeansSampler")))


CASES = {
    **{name: uncertainty(name) for name in list(CARDINAL)[:3]},
    "RandomSampler": random,
    "KCenterGreedy, sparse": distances("KCenterGreedy", dense=False),
    "KCenterGreedy, dense": distances("KCenterGreedy", dense=True),
    "RankedBatchSampler, sparse": distances("RankedBatchSampler", dense=False),
    "RankedBatchSampler, dense": distances("RankedBatchSampler", dense=True),
    "TwoStepKMeansSampler": two_steps,
}
