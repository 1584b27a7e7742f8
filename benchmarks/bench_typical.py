"""Typical rows, soft covers and draws by uncertainty, over sparse rows and probabilities."""

from __future__ import annotations

from typing import Any

from . import IMPLS, Pair, without_impl
from ._data import labeled_rows, probabilities, scores, text_pool

NAMES = ["pool", "k", "dtype", "impl"]
DTYPES = ["float32", "float64"]
TYPICAL_PARAMS = [["csr 1000", "csr 5000"], [10, 100], DTYPES, IMPLS]
# The reference evaluates every row at every pick, in Python.
HERDING_PARAMS = [["csr 1000"], [5], DTYPES, IMPLS]
FALCUN_PARAMS = [["10000 x 20", "200000 x 20"], [10, 100], DTYPES, IMPLS]


class TypiClust(Pair):
    param_names = NAMES
    params = TYPICAL_PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        n_rows = int(pool.split()[1])
        args = text_pool(n_rows, dtype=dtype), k, labeled_rows(n_rows)
        return "typiclust", args, {"random_state": 0}

    def time_typiclust(self, *case: Any) -> None:
        self.run()

    def peakmem_typiclust(self, *case: Any) -> None:
        self.run()

    @without_impl(TYPICAL_PARAMS, NAMES)
    def track_speedup_typiclust(self, *case: Any) -> float:
        return self.speedup()


class MaxHerding(Pair):
    param_names = NAMES
    params = HERDING_PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        n_rows = int(pool.split()[1])
        return "max_herding", (text_pool(n_rows, dtype=dtype), k, labeled_rows(n_rows)), {}

    def time_max_herding(self, *case: Any) -> None:
        self.run()

    def peakmem_max_herding(self, *case: Any) -> None:
        self.run()

    @without_impl(HERDING_PARAMS, NAMES)
    def track_speedup_max_herding(self, *case: Any) -> float:
        return self.speedup()


class UncertaintyHerding(Pair):
    param_names = NAMES
    params = HERDING_PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        n_rows = int(pool.split()[1])
        args = scores(n_rows), text_pool(n_rows, dtype=dtype), k, labeled_rows(n_rows)
        return "uncertainty_herding", args, {}

    def time_uncertainty_herding(self, *case: Any) -> None:
        self.run()

    def peakmem_uncertainty_herding(self, *case: Any) -> None:
        self.run()

    @without_impl(HERDING_PARAMS, NAMES)
    def track_speedup_uncertainty_herding(self, *case: Any) -> float:
        return self.speedup()


class Falcun(Pair):
    param_names = NAMES
    params = FALCUN_PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        n_rows, n_classes = map(int, pool.split(" x "))
        args = probabilities(n_rows, n_classes, dtype), k, labeled_rows(n_rows)
        return "falcun", args, {"random_state": 0}

    def time_falcun(self, *case: Any) -> None:
        self.run()

    def peakmem_falcun(self, *case: Any) -> None:
        self.run()

    @without_impl(FALCUN_PARAMS, NAMES)
    def track_speedup_falcun(self, *case: Any) -> float:
        return self.speedup()
