"""Selection by similarity to the whole pool, and clustered batches, over sparse rows."""

from __future__ import annotations

from typing import Any

from . import IMPLS, Pair, without_impl
from ._data import labeled_rows, scores, text_pool

NAMES = ["pool", "k", "dtype", "impl"]
# About 80 terms a row of 50,000.  The reference of facility location evaluates every row at every
# pick: 3000 rows are what it manages.
FACILITY_PARAMS = [["csr 1000", "csr 3000"], [10, 30], ["float32", "float64"], IMPLS]
# The reference evaluates every row at every pick.
FEATURE_PARAMS = [["csr 1000", "csr 20000"], [10, 30], ["float32", "float64"], IMPLS]
# Ten candidates for each pick.
K_MEANS_PARAMS = [["csr 1000", "csr 20000"], [10, 100], ["float32", "float64"], IMPLS]


class FacilityLocation(Pair):
    param_names = NAMES
    params = FACILITY_PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        n_rows = int(pool.split()[1])
        return "facility_location", (text_pool(n_rows, dtype=dtype), k, labeled_rows(n_rows)), {}

    def time_facility_location(self, *case: Any) -> None:
        self.run()

    def peakmem_facility_location(self, *case: Any) -> None:
        self.run()

    @without_impl(FACILITY_PARAMS, NAMES)
    def track_speedup_facility_location(self, *case: Any) -> float:
        return self.speedup()


class FeatureBased(Pair):
    param_names = NAMES
    params = FEATURE_PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        n_rows = int(pool.split()[1])
        return "feature_based", (text_pool(n_rows, dtype=dtype), k, labeled_rows(n_rows)), {}

    def time_feature_based(self, *case: Any) -> None:
        self.run()

    def peakmem_feature_based(self, *case: Any) -> None:
        self.run()

    @without_impl(FEATURE_PARAMS, NAMES)
    def track_speedup_feature_based(self, *case: Any) -> float:
        return self.speedup()


class WeightedKMeans(Pair):
    param_names = NAMES
    params = K_MEANS_PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        n_rows = int(pool.split()[1])
        args = text_pool(n_rows, dtype=dtype), k, scores(n_rows), labeled_rows(n_rows)
        return "weighted_k_means", args, {"random_state": 0}

    def time_weighted_k_means(self, *case: Any) -> None:
        self.run()

    def peakmem_weighted_k_means(self, *case: Any) -> None:
        self.run()

    @without_impl(K_MEANS_PARAMS, NAMES)
    def track_speedup_weighted_k_means(self, *case: Any) -> float:
        return self.speedup()
