"""Selection by distance, over sparse and dense rows."""

from __future__ import annotations

from typing import Any

from . import IMPLS, Pair, without_impl
from ._data import dense_rows, labeled_rows, text_pool

NAMES = ["pool", "k", "dtype", "impl"]
# Sparse pools have about 80 terms a row of 50,000: 1 and 19 MB of float64 and int32.
PARAMS = [
    ["csr 1000", "csr 20000", "dense 1000 x 64", "dense 20000 x 64"],
    [10, 100],
    ["float32", "float64"],
    IMPLS,
]

SIMILARITY_NAMES = ["pool", "dtype", "impl"]
SIMILARITY_PARAMS = [PARAMS[0], PARAMS[2], IMPLS]


def _rows(pool: str, k: int, dtype: str) -> tuple[Any, ...]:
    """Pool, number of picks and labelled rows."""
    storage, n_rows, *columns = pool.replace(" x ", " ").split()
    if storage == "csr":
        X = text_pool(int(n_rows), dtype=dtype)
    else:
        X = dense_rows(int(n_rows), int(columns[0]), dtype)
    return X, k, labeled_rows(int(n_rows))


class KCenterGreedy(Pair):
    param_names = NAMES
    params = PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        return "k_center_greedy", _rows(pool, k, dtype), {}

    def time_k_center_greedy(self, *case: Any) -> None:
        self.run()

    def peakmem_k_center_greedy(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_k_center_greedy(self, *case: Any) -> float:
        return self.speedup()


class KMeansPlusplus(Pair):
    param_names = NAMES
    params = PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        return "kmeans_plusplus", _rows(pool, k, dtype), {"random_state": 0}

    def time_kmeans_plusplus(self, *case: Any) -> None:
        self.run()

    def peakmem_kmeans_plusplus(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_kmeans_plusplus(self, *case: Any) -> float:
        return self.speedup()


class MeanSimilarity(Pair):
    param_names = SIMILARITY_NAMES
    params = SIMILARITY_PARAMS

    def prepare(self, pool: str, dtype: str) -> Any:
        return "mean_similarity", _rows(pool, 1, dtype)[:1], {}

    def time_mean_similarity(self, *case: Any) -> None:
        self.run()

    def peakmem_mean_similarity(self, *case: Any) -> None:
        self.run()

    @without_impl(SIMILARITY_PARAMS, SIMILARITY_NAMES)
    def track_speedup_mean_similarity(self, *case: Any) -> float:
        return self.speedup()
