"""Batches that are informative and diverse, over sparse and dense rows."""

from __future__ import annotations

from typing import Any

from . import IMPLS, Pair, without_impl
from ._data import dense_rows, labeled_rows, probabilities, scores, text_pool

NAMES = ["pool", "k", "dtype", "impl"]
# Sparse rows have about 80 terms of 50,000, dense ones 768 features.
PARAMS = [["csr 1000", "csr 20000", "dense 1000"], [10, 100], ["float32", "float64"], IMPLS]
# The default clustering compares all 10 * k candidates with one another.
CLUSTER_PARAMS = [["csr 1000", "csr 20000"], [10, 100], ["float32", "float64"], IMPLS]
DENSITY_NAMES = ["pool", "dtype", "impl"]
DENSITY_PARAMS = [["csr 1000", "csr 100000"], ["float32", "float64"], IMPLS]


def rows(pool: str, dtype: str) -> Any:
    kind, n_rows = pool.split()
    return (
        text_pool(int(n_rows), dtype=dtype)
        if kind == "csr"
        else dense_rows(int(n_rows), 768, dtype=dtype)
    )


class Badge(Pair):
    param_names = NAMES
    params = PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        X = rows(pool, dtype)
        proba = probabilities(X.shape[0], 20, dtype)
        return "badge", (proba, X, k, labeled_rows(X.shape[0])), {"random_state": 0}

    def time_badge(self, *case: Any) -> None:
        self.run()

    def peakmem_badge(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_badge(self, *case: Any) -> float:
        return self.speedup()


class RankedBatch(Pair):
    param_names = NAMES
    params = PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        X = rows(pool, dtype)
        n_rows = X.shape[0]
        return "ranked_batch", (scores(n_rows), X, k, labeled_rows(n_rows, 100)), {}

    def time_ranked_batch(self, *case: Any) -> None:
        self.run()

    def peakmem_ranked_batch(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_ranked_batch(self, *case: Any) -> float:
        return self.speedup()


class InformationDensity(Pair):
    param_names = DENSITY_NAMES
    params = DENSITY_PARAMS

    def prepare(self, pool: str, dtype: str) -> Any:
        X = rows(pool, dtype)
        return "information_density", (scores(X.shape[0]), X), {}

    def time_information_density(self, *case: Any) -> None:
        self.run()

    def peakmem_information_density(self, *case: Any) -> None:
        self.run()

    @without_impl(DENSITY_PARAMS, DENSITY_NAMES)
    def track_speedup_information_density(self, *case: Any) -> float:
        return self.speedup()


class ClusterMargin(Pair):
    param_names = NAMES
    params = CLUSTER_PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        X = rows(pool, dtype)
        n_rows = X.shape[0]
        return "cluster_margin", (scores(n_rows), X, k, labeled_rows(n_rows)), {}

    def time_cluster_margin(self, *case: Any) -> None:
        self.run()

    def peakmem_cluster_margin(self, *case: Any) -> None:
        self.run()

    @without_impl(CLUSTER_PARAMS, NAMES)
    def track_speedup_cluster_margin(self, *case: Any) -> float:
        return self.speedup()
