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


class KCenterGreedy(Pair):
    param_names = NAMES
    params = PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        storage, n_rows, *columns = pool.replace(" x ", " ").split()
        if storage == "csr":
            X = text_pool(int(n_rows), dtype=dtype)
        else:
            X = dense_rows(int(n_rows), int(columns[0]), dtype)
        return "k_center_greedy", (X, k, labeled_rows(int(n_rows))), {}

    def time_k_center_greedy(self, *case: Any) -> None:
        self.run()

    def peakmem_k_center_greedy(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_k_center_greedy(self, *case: Any) -> float:
        return self.speedup()
