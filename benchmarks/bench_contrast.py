"""The pool against the labelled rows, and batches picked jointly or by chance."""

from __future__ import annotations

from typing import Any

from . import IMPLS, Pair, without_impl
from ._data import labeled_rows, member_probabilities, probabilities, scores, text_pool

CONTRASTIVE_NAMES = ["pool", "n_labeled", "dtype", "impl"]
# About 80 terms a row of 50,000; 20 classes.
CONTRASTIVE_PARAMS = [["csr 1000", "csr 20000"], [100, 1000], ["float32", "float64"], IMPLS]
DISCRIMINATIVE_NAMES = ["pool", "k", "dtype", "impl"]
DISCRIMINATIVE_PARAMS = [["csr 1000", "csr 100000"], [10, 100], ["float32", "float64"], IMPLS]
BALD_NAMES = ["shape", "k", "dtype", "impl"]
# Members x rows x classes.  The reference evaluates every row at every pick.
BALD_PARAMS = [["5 x 1000 x 5", "10 x 2000 x 10"], [3, 5], ["float32", "float64"], IMPLS]
DRAW_NAMES = ["n_samples", "k", "kind", "impl"]
DRAW_PARAMS = [[10000, 1000000], [10, 1000], ["power", "softmax", "softrank"], IMPLS]


class Contrastive(Pair):
    param_names = CONTRASTIVE_NAMES
    params = CONTRASTIVE_PARAMS

    def prepare(self, pool: str, n_labeled: int, dtype: str) -> Any:
        n_rows = int(pool.split()[1])
        X, proba = text_pool(n_rows, dtype=dtype), probabilities(n_rows, 20, dtype)
        rows = labeled_rows(n_rows, n_labeled)
        return "contrastive", (proba, X, proba[rows], X[rows]), {}

    def time_contrastive(self, *case: Any) -> None:
        self.run()

    def peakmem_contrastive(self, *case: Any) -> None:
        self.run()

    @without_impl(CONTRASTIVE_PARAMS, CONTRASTIVE_NAMES)
    def track_speedup_contrastive(self, *case: Any) -> float:
        return self.speedup()


class Discriminative(Pair):
    param_names = DISCRIMINATIVE_NAMES
    params = DISCRIMINATIVE_PARAMS

    def prepare(self, pool: str, k: int, dtype: str) -> Any:
        n_rows = int(pool.split()[1])
        args = text_pool(n_rows, dtype=dtype), k, labeled_rows(n_rows, 100)
        return "discriminative", args, {"random_state": 0}

    def time_discriminative(self, *case: Any) -> None:
        self.run()

    def peakmem_discriminative(self, *case: Any) -> None:
        self.run()

    @without_impl(DISCRIMINATIVE_PARAMS, DISCRIMINATIVE_NAMES)
    def track_speedup_discriminative(self, *case: Any) -> float:
        return self.speedup()


class BatchBald(Pair):
    param_names = BALD_NAMES
    params = BALD_PARAMS

    def prepare(self, shape: str, k: int, dtype: str) -> Any:
        n_members, n_samples, n_classes = map(int, shape.split(" x "))
        probas = member_probabilities(n_members, n_samples, n_classes, dtype)
        return "batch_bald", (probas, k), {"random_state": 0}

    def time_batch_bald(self, *case: Any) -> None:
        self.run()

    def peakmem_batch_bald(self, *case: Any) -> None:
        self.run()

    @without_impl(BALD_PARAMS, BALD_NAMES)
    def track_speedup_batch_bald(self, *case: Any) -> float:
        return self.speedup()


class StochasticBatch(Pair):
    param_names = DRAW_NAMES
    params = DRAW_PARAMS

    def prepare(self, n_samples: int, k: int, kind: str) -> Any:
        return "stochastic_batch", (scores(n_samples), k, kind), {"random_state": 0}

    def time_stochastic_batch(self, *case: Any) -> None:
        self.run()

    def peakmem_stochastic_batch(self, *case: Any) -> None:
        self.run()

    @without_impl(DRAW_PARAMS, DRAW_NAMES)
    def track_speedup_stochastic_batch(self, *case: Any) -> float:
        return self.speedup()
