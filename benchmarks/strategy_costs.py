"""What one query costs by each strategy, in passes over the pool.

    OPENBLAS_NUM_THREADS=1 python benchmarks/strategy_costs.py [--rows 100000] [--n 20]

Prints a Markdown table: processor time of one thread, median over the rounds, of a query of n rows
by the logistic regression of `fastal query`, 5 classes, that knows 200 rows; those that need no
model also with no label at all.  Queries above 10 seconds are made once.  A pass is one product
``X @ w`` of scipy with the same X, measured in turn.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

# Before NumPy: BLAS reads it once.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import _data, alternate, one_thread
from benchmarks.bench_pool import quiet, random_labels

N_LABELED = 200
N_CLASSES = 5
SLOW = 10.0


def main() -> None:
    from fastal import ActiveLearner, strategies
    from fastal._models import make_estimator

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--n", type=int, default=20, help="rows to be picked")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--strategies", default=",".join(strategies.__all__))
    arguments = parser.parse_args()
    one_thread()
    X = _data.text_pool(arguments.rows)
    w = np.random.default_rng(0).random(X.shape[1])
    rows, y = _data.labeled_rows(X.shape[0], N_LABELED), random_labels(N_LABELED, N_CLASSES)
    rows = np.sort(rows)
    print("| strategy | seconds | passes |\n|:--|--:|--:|", flush=True)
    for name in arguments.strategies.split(","):
        cases = {name: ("logistic", True)}
        if name == "expected_error_reduction":
            cases[f"{name}, naive Bayes"] = ("naive-bayes", True)
        if name in strategies.MODEL_FREE:
            cases[f"{name}, no label yet"] = ("logistic", False)
        for label, (model, fit) in cases.items():
            learner = ActiveLearner(make_estimator(model), name, random_state=0)
            known = rows if fit else rows[:0]
            if fit:
                quiet(learner.fit)(X[rows], y)

            def query(learner: ActiveLearner = learner, known: np.ndarray = known) -> None:
                learner.query(X, arguments.n, labeled=known)

            # The first call compiles; a long one need not be repeated for its sake.
            start = time.process_time()
            query()
            first = time.process_time() - start
            calls = {"pass": lambda: X @ w} | ({} if first > SLOW else {"query": query})
            taken = alternate(calls, rounds=arguments.rounds)
            taken.setdefault("query", np.array([first]))
            query_s, pass_s = np.median(taken["query"]), np.median(taken["pass"])
            print(f"| {label} | {query_s:.3g} | {query_s / pass_s:,.1f} |", flush=True)


if __name__ == "__main__":
    main()
