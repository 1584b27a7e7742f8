"""baal's heuristics and ours, over predictions of a committee for 20 classes."""

from __future__ import annotations

from typing import Any

import numpy as np


def predictions(n_rows: int) -> Any:
    """Draw probabilities as 10 passes of dropout give them, (n, 20, 10)."""
    rng = np.random.default_rng(0)
    logits = 2 * rng.normal(size=(n_rows, 20, 1)) + rng.normal(size=(n_rows, 20, 10))
    p = np.exp(logits)
    return p / p.sum(axis=1, keepdims=True)


def case(name: str, *arguments: Any, n_rows: int | None = None, first: int = 100) -> Any:
    """Rank one item for each row of the pool, and return the first."""

    def prepare(pool: Any, quick: bool) -> Any:
        from baal.active import heuristics

        from fastal.adapters import baal

        p = predictions(min(len(pool.y), n_rows or len(pool.y)))

        def call(module: Any) -> Any:
            return lambda: getattr(module, name)(*arguments)(p)[:first]

        return call(heuristics), call(baal)

    return prepare


def stochastic(name: str) -> Any:
    """Draw 100 rows by BALD."""

    def prepare(pool: Any, quick: bool) -> Any:
        from baal.active import heuristics
        from baal.active.heuristics import stochastics

        from fastal.adapters import baal

        p = predictions(len(pool.y))

        def call(base: Any, sampler: Any) -> Any:
            def run() -> Any:
                before = np.random.get_state()
                np.random.seed(0)
                rows = getattr(sampler, name)(base.BALD(), 100).get_ranks(p)[0]
                np.random.set_state(before)
                return rows

            return run

        return call(heuristics, stochastics), call(baal, baal)

    return prepare


CASES = {
    **{name: case(name) for name in ("BALD", "Entropy", "Margin", "Certainty")},
    **{name: stochastic(name) for name in ("PowerSampling", "GibbsSampling", "RankBasedSampling")},
    "BatchBALD, 10 of 500 rows": case("BatchBALD", 10, n_rows=500, first=10),
}
