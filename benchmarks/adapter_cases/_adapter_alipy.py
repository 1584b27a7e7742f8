"""ALiPy's strategies beside ours; see adapters.py."""

from __future__ import annotations

import collections
import collections.abc
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB

# Python 3.10 took this name away; without it nothing of ALiPy runs.
collections.Iterable = collections.abc.Iterable  # type: ignore[attr-defined]

from alipy import query_strategy as theirs  # noqa: E402

from fastal.adapters import alipy as ours  # noqa: E402

N = 20


def model_of(pool: Any, kind: Any = LogisticRegression) -> Any:
    return kind().fit(pool.X[pool.labeled], pool.y[pool.labeled])


def of_model(name: str, **arguments: Any) -> Any:
    """Both made of sparse rows beforehand; what is timed is `select`."""

    def prepare(pool: Any, quick: bool) -> Any:
        model = model_of(pool)
        both = [getattr(module, name)(pool.X, pool.y, **arguments) for module in (theirs, ours)]

        def call(strategy: Any) -> Any:
            np.random.seed(0)
            return strategy.select(pool.labeled, pool.unlabeled, model=model, batch_size=N)

        return (lambda: call(both[0])), (lambda: call(both[1]))

    return prepare


def rounds_of_coreset(pool: Any, quick: bool) -> Any:
    """Five rounds, of which the later ones know the distances of those before."""
    X, y, train = pool.X, pool.y, np.arange(len(pool.y))
    known, rest = pool.labeled, pool.unlabeled

    def run(module: Any) -> Any:
        strategy = module.QueryInstanceCoresetGreedy(X, y, train)
        labeled, unlabeled, picks = list(known), rest, []
        for _ in range(5):
            new = strategy.select(labeled, unlabeled, batch_size=N)
            labeled += new
            unlabeled = np.setdiff1d(unlabeled, new)
            picks += new
        return picks

    return (lambda: run(theirs)), (lambda: run(ours))


def density(pool: Any, quick: bool) -> Any:
    """Theirs is by distance and made dense n x n; a part of the pool."""
    model, rows = model_of(pool), pool.unlabeled[: 1000 if quick else 8000]

    def run(module: Any) -> Any:
        strategy = module.QueryInstanceDensityWeighted(pool.X, pool.y)
        return strategy.select(pool.labeled, rows, batch_size=N, model=model)

    return (lambda: run(theirs)), (lambda: run(ours))


def error_reduction(method: str) -> Any:
    """Naive Bayes; their loss is in Python for each probability, so that few rows take long."""

    def prepare(pool: Any, quick: bool) -> Any:
        model, rows = model_of(pool, MultinomialNB), pool.unlabeled[: 20 if quick else 50]
        expected = theirs.QueryExpectedErrorReduction(pool.X, pool.y)
        actual = ours.QueryExpectedErrorReduction(pool.X, pool.y, method=method)
        arguments = pool.labeled, rows, model, 5
        return (lambda: expected.select(*arguments)), (lambda: actual.select(*arguments))

    return prepare


CASES = {
    "uncertainty, entropy": of_model("QueryInstanceUncertainty", measure="entropy"),
    "uncertainty, margin": of_model("QueryInstanceUncertainty", measure="margin"),
    "uncertainty, least confident": of_model(
        "QueryInstanceUncertainty", measure="least_confident"
    ),
    "committee, vote entropy": of_model("QueryInstanceQBC", disagreement="vote_entropy"),
    "committee, KL": of_model("QueryInstanceQBC", disagreement="KL_divergence"),
    "core-set, 5 rounds of 20": rounds_of_coreset,
    "density weighted, 8,000 rows": density,
    "error reduction, 50 rows, refits": error_reduction("refit"),
    "error reduction, 50 rows, closed form": error_reduction("exact"),
}
