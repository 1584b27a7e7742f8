"""K-center greedy in passes over the pool (``X @ x``), over versions."""

from __future__ import annotations

import fastal

from ._data import labeled_rows, text_pool
from .passes import describe, in_turn, warm_heap


class KCenterPasses:
    """Synthetic text pools with 20 labelled rows, on as many threads as fastal takes."""

    param_names = ("rows", "k")
    params = ([10_000, 100_000], [100, 1000])
    timeout = 600

    def setup(self, rows: int, k: int) -> None:
        self.X, self.k, self.labeled = text_pool(rows), k, labeled_rows(rows)
        # asv's own warm-up is shorter than a compile.
        self.run()

    def run(self) -> None:
        fastal.k_center_greedy(self.X, self.k, self.labeled)

    def time_k_center_passes(self, rows: int, k: int) -> None:
        self.run()

    def peakmem_k_center_passes(self, rows: int, k: int) -> None:
        self.run()

    def track_passes(self, rows: int, k: int) -> float:
        warm_heap()
        seconds, _ = in_turn({"fastal": self.run}, self.X, rounds=5)
        return float(describe("synthetic", self.X, k, seconds)["passes"])

    track_passes.unit = "passes"  # type: ignore[attr-defined]
