"""Scores over the probabilities of one model."""

from __future__ import annotations

from typing import Any

from . import IMPLS, Pair, without_impl
from ._data import probabilities

NAMES = ["shape", "dtype", "impl"]
# 10,000 rows stay in a second-level cache, 1,000,000 do not; 2 classes are short rows for a
# vector unit, 100 long ones.
PARAMS = [
    ["10000 x 20", "1000000 x 20", "1000000 x 2", "200000 x 100"],
    ["float32", "float64"],
    IMPLS,
]


class _Uncertainty(Pair):
    param_names = NAMES
    params = PARAMS
    name = ""

    def prepare(self, shape: str, dtype: str) -> Any:
        n_samples, n_classes = map(int, shape.split(" x "))
        return self.name, (probabilities(n_samples, n_classes, dtype),), {}


class Entropy(_Uncertainty):
    name = "entropy"

    def time_entropy(self, *case: Any) -> None:
        self.run()

    def peakmem_entropy(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_entropy(self, *case: Any) -> float:
        return self.speedup()


class Margin(_Uncertainty):
    name = "margin"

    def time_margin(self, *case: Any) -> None:
        self.run()

    def peakmem_margin(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_margin(self, *case: Any) -> float:
        return self.speedup()


class LeastConfidence(_Uncertainty):
    name = "least_confidence"

    def time_least_confidence(self, *case: Any) -> None:
        self.run()

    def peakmem_least_confidence(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_least_confidence(self, *case: Any) -> float:
        return self.speedup()
