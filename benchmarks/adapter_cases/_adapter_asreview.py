"""ASReview's queriers and ours: one ranking, and a review in which a model is fitted each time."""

from __future__ import annotations

from typing import Any

import numpy as np


def ranking(name: str, **parameters: Any) -> Any:
    """Rank all records once, by numbers like a classifier's."""

    def prepare(pool: Any, quick: bool) -> Any:
        from asreview.models import queriers

        from fastal.adapters import asreview

        p = np.random.default_rng(0).random(len(pool.y))

        def call(module: Any) -> Any:
            known = dict(parameters)
            if "Hybrid" in name:
                known["random_state"] = np.random.RandomState(0)
            return lambda: getattr(module, name)(**known).query(p)

        return call(queriers), call(asreview)

    return prepare


def review(name: str, **parameters: Any) -> Any:
    """Let ASReview read 10 batches of 20 records of two classes."""

    def prepare(pool: Any, quick: bool) -> Any:
        import asreview as asr
        from asreview.models import queriers
        from asreview.models.classifiers import NaiveBayes

        from fastal.adapters import asreview

        relevant = (pool.y == 0).astype(int)

        def call(module: Any) -> Any:
            def run() -> Any:
                known = dict(parameters)
                if "Hybrid" in name:
                    known["random_state"] = np.random.RandomState(0)
                cycle = asr.ActiveLearningCycle(
                    getattr(module, name)(**known), NaiveBayes(), n_query=20
                )
                simulation = asr.Simulate(
                    pool.X, relevant, cycle, 200, skip_transform=True, print_progress=False
                )
                simulation.label(
                    [*np.flatnonzero(relevant)[:2], *np.flatnonzero(1 - relevant)[:2]]
                )
                simulation.review()
                return simulation._results["record_id"].tolist()

            return run

        return call(queriers), call(asreview)

    return prepare


CASES = {
    "Max": ranking("Max"),
    "Uncertainty": ranking("Uncertainty"),
    "Random": ranking("Random", random_state=0),
    "HybridMaxUncertainty": ranking("HybridMaxUncertainty", proba=True),
    "HybridMaxRandom": ranking("HybridMaxRandom"),
    "200 records read, naive Bayes, Max": review("Max"),
    "200 records read, naive Bayes, HybridMaxRandom": review("HybridMaxRandom"),
}
