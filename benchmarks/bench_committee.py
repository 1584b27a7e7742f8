"""Scores over the votes and the probabilities of a committee."""

from __future__ import annotations

from typing import Any

from . import IMPLS, Pair, without_impl
from ._data import member_probabilities, votes

VOTE_NAMES = ["shape", "dtype", "impl"]
# Rows x members, over 20 classes.
VOTE_PARAMS = [["10000 x 5", "1000000 x 5", "100000 x 50"], ["int32", "int64"], IMPLS]

NAMES = ["shape", "dtype", "impl"]
# Members x rows x classes: 0.8 and 160 MB of float64.
PARAMS = [["5 x 1000 x 20", "5 x 200000 x 20"], ["float32", "float64"], IMPLS]


class VoteEntropy(Pair):
    param_names = VOTE_NAMES
    params = VOTE_PARAMS

    def prepare(self, shape: str, dtype: str) -> Any:
        n_samples, n_members = map(int, shape.split(" x "))
        return "vote_entropy", (votes(n_samples, n_members, 20, dtype),), {}

    def time_vote_entropy(self, *case: Any) -> None:
        self.run()

    def peakmem_vote_entropy(self, *case: Any) -> None:
        self.run()

    @without_impl(VOTE_PARAMS, VOTE_NAMES)
    def track_speedup_vote_entropy(self, *case: Any) -> float:
        return self.speedup()


class _Probabilities(Pair):
    param_names = NAMES
    params = PARAMS
    name = ""

    def prepare(self, shape: str, dtype: str) -> Any:
        n_members, n_samples, n_classes = map(int, shape.split(" x "))
        return self.name, (member_probabilities(n_members, n_samples, n_classes, dtype),), {}


class ConsensusEntropy(_Probabilities):
    name = "consensus_entropy"

    def time_consensus_entropy(self, *case: Any) -> None:
        self.run()

    def peakmem_consensus_entropy(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_consensus_entropy(self, *case: Any) -> float:
        return self.speedup()


class KlToConsensus(_Probabilities):
    name = "kl_to_consensus"

    def time_kl_to_consensus(self, *case: Any) -> None:
        self.run()

    def peakmem_kl_to_consensus(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_kl_to_consensus(self, *case: Any) -> float:
        return self.speedup()


class MaxKlToConsensus(_Probabilities):
    name = "max_kl_to_consensus"

    def time_max_kl_to_consensus(self, *case: Any) -> None:
        self.run()

    def peakmem_max_kl_to_consensus(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_max_kl_to_consensus(self, *case: Any) -> float:
        return self.speedup()


class VariationRatio(_Probabilities):
    name = "variation_ratio"

    def time_variation_ratio(self, *case: Any) -> None:
        self.run()

    def peakmem_variation_ratio(self, *case: Any) -> None:
        self.run()

    @without_impl(PARAMS, NAMES)
    def track_speedup_variation_ratio(self, *case: Any) -> float:
        return self.speedup()
