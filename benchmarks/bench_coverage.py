"""Selection by balls, over sparse and dense rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import IMPLS, Pair, without_impl
from ._data import dense_rows, labeled_rows, text_pool

NAMES = ["pool", "radius", "dtype", "impl"]
POOLS = ["csr 1000", "csr 4000", "dense 1000 x 64", "dense 4000 x 64"]
DTYPES = ["float32", "float64"]
PARAMS = [POOLS, [0.3, 0.6], DTYPES, IMPLS]


def rows_of(pool: str, dtype: str) -> tuple[Any, int]:
    """Rows of a pool, and how many: the reference needs all their distances in memory."""
    storage, n_rows, *columns = pool.replace(" x ", " ").split()
    if storage == "csr":
        return text_pool(int(n_rows), dtype=dtype), int(n_rows)
    return dense_rows(int(n_rows), int(columns[0]), dtype), int(n_rows)


class ProbCover(Pair):
    param_names = NAMES
    params = PARAMS

    def prepare(self, pool: str, radius: float, dtype: str) -> Any:
        X, n_rows = rows_of(pool, dtype)
        return "prob_cover", (X, 100, radius, labeled_rows(n_rows)), {}

    def time_prob_cover(self, *case: Any) -> None:
        self.run()

    def peakmem_prob_cover(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_prob_cover(self, *case: Any) -> float:
        return self.speedup()


ROBUST_NAMES = ["pool", "search", "dtype", "impl"]
# A given radius, or the search for the smallest one.
ROBUST_PARAMS = [POOLS, ["no", "yes"], DTYPES, IMPLS]


class RobustKCenter(Pair):
    param_names = ROBUST_NAMES
    params = ROBUST_PARAMS

    def prepare(self, pool: str, search: str, dtype: str) -> Any:
        X, n_rows = rows_of(pool, dtype)
        radius = 0.4 if search == "no" else None
        arguments = X, 20, n_rows // 20, labeled_rows(n_rows), "euclidean", radius
        return "robust_k_center", arguments, {}

    def time_robust_k_center(self, *case: Any) -> None:
        self.run()

    def peakmem_robust_k_center(self, *case: Any) -> None:
        self.run()

    @without_impl(ROBUST_PARAMS, ROBUST_NAMES)
    def track_speedup_robust_k_center(self, *case: Any) -> float:
        return self.speedup()


PURITY_NAMES = ["pool", "n_classes", "dtype", "impl"]
PURITY_PARAMS = [POOLS, [2, 20], DTYPES, IMPLS]


class PurityRadius(Pair):
    param_names = PURITY_NAMES
    params = PURITY_PARAMS

    def prepare(self, pool: str, n_classes: int, dtype: str) -> Any:
        X, n_rows = rows_of(pool, dtype)
        labels = np.arange(n_rows) % n_classes
        return "purity_radius", (X, labels), {"sample_size": n_rows}

    def time_purity_radius(self, *case: Any) -> None:
        self.run()

    def peakmem_purity_radius(self, *case: Any) -> None:
        self.run()

    @without_impl(PURITY_PARAMS, PURITY_NAMES)
    def track_speedup_purity_radius(self, *case: Any) -> float:
        return self.speedup()
