"""libact's strategies beside ours; see adapters.py."""

from __future__ import annotations

from typing import Any

from libact import query_strategies as theirs
from libact.base.dataset import Dataset
from libact.models import LogisticRegression
from libact.query_strategies.multiclass import EER as TheirEER

from fastal.adapters import libact as ours


def dataset_of(pool: Any, n: int | None = None) -> Any:
    """Dense rows, which are what most of libact takes; the 200 labelled ones first."""
    order = [*pool.labeled, *pool.unlabeled][:n]
    labels = [*pool.y[pool.labeled], *[None] * len(pool.unlabeled)][:n]
    return Dataset(pool.dense[order], labels)


def queries(name: str, n: int | None = None, **arguments: Any) -> Any:
    """Five ids, one after the other, each labelled at once."""

    def prepare(pool: Any, quick: bool) -> Any:
        # Made on first use, which is not to be timed.
        assert len(pool.dense) == len(pool.y)
        order = [*pool.labeled, *pool.unlabeled]
        bagged = name in ("QueryByCommittee", "BALD")

        def run(module: Any) -> Any:
            cls = getattr(module, name, None) or TheirEER
            cls = TheirEER if module is theirs and name == "EER" else cls
            dataset = dataset_of(pool, n)
            if bagged:
                models = [LogisticRegression(C=c, max_iter=200) for c in (0.1, 1.0, 10.0)]
                # Few of the first rows of a class: libact's bags would be drawn for ever.
                few = pool.y[order] % 2
                dataset._y[dataset.get_labeled_mask()] = few[: len(pool.labeled)]
                strategy = cls(dataset, models=models, random_state=0, **arguments)
            elif name == "CoreSet":
                strategy = cls(dataset, random_state=0, **arguments)
            else:
                strategy = cls(dataset, model=LogisticRegression(max_iter=200), **arguments)
            ids = []
            for _ in range(1 if name == "EER" else 5):
                ids.append(int(strategy.make_query()))
                label = pool.y[order[ids[-1]]]
                dataset.update(
                    ids[-1], label % 2 if name in ("QueryByCommittee", "BALD") else label
                )
            return ids

        return (lambda: run(theirs)), (lambda: run(ours))

    return prepare


CASES = {
    "uncertainty, entropy": queries("UncertaintySampling", method="entropy"),
    "uncertainty, margin": queries("UncertaintySampling", method="sm"),
    "committee, vote entropy": queries("QueryByCommittee", disagreement="vote"),
    "committee, KL": queries("QueryByCommittee", disagreement="kl_divergence"),
    "BALD": queries("BALD"),
    "core-set": queries("CoreSet"),
    "error reduction, 20 rows, refits": queries("EER", n=220),
}
