"""From scores to rows."""

from __future__ import annotations

from typing import Any

from . import IMPLS, Pair, without_impl
from ._data import scores

NAMES = ["n_samples", "k", "dtype", "impl"]
PARAMS = [[10_000, 1_000_000], [10, 1000], ["float32", "float64"], IMPLS]


class _Selection(Pair):
    param_names = NAMES
    params = PARAMS
    name = ""
    random_state: int | None = 0

    def prepare(self, n_samples: int, k: int, dtype: str) -> Any:
        return self.name, (scores(n_samples, dtype), k), {"random_state": self.random_state}


class TopK(_Selection):
    name = "top_k"
    random_state = None

    def time_top_k(self, *case: Any) -> None:
        self.run()

    def peakmem_top_k(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_top_k(self, *case: Any) -> float:
        return self.speedup()


class WeightedDraw(_Selection):
    name = "weighted_draw"

    def time_weighted_draw(self, *case: Any) -> None:
        self.run()

    def peakmem_weighted_draw(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_weighted_draw(self, *case: Any) -> float:
        return self.speedup()


# The plain twin looks through all rows for every pick: 1000 picks of 1,000,000 take minutes.
EPSILON_PARAMS = [[10_000, 1_000_000], [10], ["float32", "float64"], IMPLS]


class EpsilonGreedy(_Selection):
    name = "epsilon_greedy"
    params = EPSILON_PARAMS

    def time_epsilon_greedy(self, *case: Any) -> None:
        self.run()

    def peakmem_epsilon_greedy(self, *case: Any) -> None:
        self.run()

    @without_impl(EPSILON_PARAMS, NAMES)
    def track_speedup_epsilon_greedy(self, *case: Any) -> float:
        return self.speedup()
