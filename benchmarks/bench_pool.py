"""Scores and queries from a fitted model and a pool, and the score of decision values."""

from __future__ import annotations

import warnings
from functools import wraps
from typing import Any

import numpy as np

from . import IMPLS, Pair, without_impl
from ._data import labeled_rows, text_pool

NAMES = ["shape", "n_labeled", "impl"]
# Rows x classes.  A model of 200 labelled rows knows a fifth of the terms, one of 5,000 nearly
# all.
PARAMS = [["10000 x 20", "10000 x 2", "200000 x 20", "200000 x 2"], [200, 5000], IMPLS]
DECISIONS_NAMES = ["shape", "dtype", "impl"]
DECISIONS = [
    ["10000 x 20", "1000000 x 20", "1000000 x 2", "200000 x 100"],
    ["float32", "float64"],
    IMPLS,
]
SCORE = "entropy"


# A model need not have converged to be as fast as one that has.
ITERATIONS = 10


def quiet(fit: Any) -> Any:
    """Have a function keep its warnings to itself."""

    @wraps(fit)
    def silent(*args: Any, **options: Any) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return fit(*args, **options)

    return silent


@quiet
def fitted(X: Any, rows: np.ndarray, y: np.ndarray) -> Any:
    """Return a logistic regression of some rows."""
    from fastal._models import SparseLogisticRegression

    return SparseLogisticRegression(C=10, max_iter=ITERATIONS).fit(X[rows], y)


def random_labels(n: int, n_classes: int, seed: int = 0) -> np.ndarray:
    """Labels of which every class has one."""
    rng = np.random.default_rng(seed)
    return np.append(np.arange(n_classes), rng.integers(n_classes, size=n - n_classes))


class _Pool(Pair):
    param_names = NAMES
    params = PARAMS
    name = ""
    arguments: tuple[Any, ...] = ()

    def prepare(self, shape: str, n_labeled: int) -> Any:
        n_rows, n_classes = map(int, shape.split(" x "))
        X = text_pool(n_rows)
        y = random_labels(n_labeled, n_classes)
        model = fitted(X, labeled_rows(n_rows, n_labeled), y)
        return self.name, (model, X, *self.arguments), {"score": SCORE}


class ScorePool(_Pool):
    name = "score_pool"

    def time_score_pool(self, *case: Any) -> None:
        self.run()

    def peakmem_score_pool(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_score_pool(self, *case: Any) -> float:
        return self.speedup()


class QueryPool(_Pool):
    name = "query_pool"
    arguments = (100,)

    def time_query_pool(self, *case: Any) -> None:
        self.run()

    def peakmem_query_pool(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_query_pool(self, *case: Any) -> float:
        return self.speedup()


class DistanceToBoundary(Pair):
    param_names = DECISIONS_NAMES
    params = DECISIONS

    def prepare(self, shape: str, dtype: str) -> Any:
        n_samples, n_classes = map(int, shape.split(" x "))
        # decision_function has one column for two classes.
        size = (n_samples, n_classes) if n_classes > 2 else n_samples
        decision = np.random.default_rng(0).standard_normal(size).astype(dtype)
        return "distance_to_boundary", (decision,), {}

    def time_distance_to_boundary(self, *case: Any) -> None:
        self.run()

    def peakmem_distance_to_boundary(self, *case: Any) -> None:
        self.run()

    @without_impl(DECISIONS, DECISIONS_NAMES)
    def track_speedup_distance_to_boundary(self, *case: Any) -> float:
        return self.speedup()


# The reference writes down the gradient of every row and class: of few columns only.
GRADIENTS = [["1000 x 5", "1000 x 2"], ["float32", "float64"], IMPLS]
GRADIENT_COLUMNS = 500


class ExpectedGradientLength(Pair):
    param_names = DECISIONS_NAMES
    params = GRADIENTS

    def prepare(self, shape: str, dtype: str) -> Any:
        n_samples, n_classes = map(int, shape.split(" x "))
        size = (n_samples, n_classes) if n_classes > 2 else n_samples
        decision = np.random.default_rng(0).standard_normal(size).astype(dtype)
        X = text_pool(n_samples)[:, :GRADIENT_COLUMNS]
        return "expected_gradient_length", (decision, X), {}

    def time_expected_gradient_length(self, *case: Any) -> None:
        self.run()

    def peakmem_expected_gradient_length(self, *case: Any) -> None:
        self.run()

    @without_impl(GRADIENTS, DECISIONS_NAMES)
    def track_speedup_expected_gradient_length(self, *case: Any) -> float:
        return self.speedup()
