"""Where do stopping rules stop, and does the interval of an audit hold the true error?

    python benchmarks/stopping.py --data FOLDER --sets sms_spam,trec6

Prints a Markdown section for each set: what each rule would have cost and gained on the learning
curve of margin sampling, and how often the interval of an audit of the model's labels, drawn over
and over, covers the error that is really there.  ``NAME:K`` uses K random rows of a set's pool.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.real_data import find
from fastal import (
    DeltaF,
    EstimatedAccuracy,
    OverallUncertainty,
    StablePredictions,
    audit_error,
    audit_rows,
    compare_strategies,
    label_rest,
    threshold_table,
)
from fastal._models import make_estimator
from fastal._rows import fit_clone
from fastal.datasets import load_file, split
from fastal.report import Comparison

STRATEGY = "margin"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the files")
    parser.add_argument("--sets", required=True, help="names without ending, comma between them")
    parser.add_argument("--estimator", choices=("logistic", "naive-bayes"), default="logistic")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--initial", type=int, default=20)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=49)
    parser.add_argument("--stop-rows", type=int, default=2000, help="rows of the stop set")
    parser.add_argument("--validation-rows", type=int, default=300)
    parser.add_argument("--audits", type=int, default=1000, help="audits of each model")
    parser.add_argument("--audit-rows", type=int, default=200, help="labels checked in each")
    parser.add_argument("--jobs", type=int, default=1)
    arguments = parser.parse_args()
    for name in arguments.sets.split(","):
        start = time.perf_counter()
        print(run(name, arguments), flush=True)
        print(f"{name}: {time.perf_counter() - start:.0f} s", file=sys.stderr)


def run(name: str, arguments: argparse.Namespace) -> str:
    name, _, size = name.partition(":")
    texts, y_pool, test_texts, y_test = split(load_file(find(arguments.data, name)))
    order = np.random.RandomState(0).permutation(len(texts))
    # Rows that a person would label for validation only: no part of the pool.
    of_validation, of_pool = np.split(order, [arguments.validation_rows])
    of_pool = np.sort(of_pool[: int(size)] if size else of_pool)
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2)
    X_pool = vectorizer.fit_transform([texts[row] for row in of_pool])
    X_val = vectorizer.transform([texts[row] for row in of_validation])
    y_val, y_pool = y_pool[of_validation], y_pool[of_pool]
    model = make_estimator(arguments.estimator)
    whole = np.mean(fit_clone(model, X_pool, y_pool).predict(X_val) == y_val)
    target = round(0.95 * float(whole), 2)
    X_stop = X_pool[audit_rows(len(of_pool), arguments.stop_rows, random_state=1)]
    comparison = compare_strategies(
        [STRATEGY],
        X_pool,
        y_pool,
        vectorizer.transform(test_texts),
        y_test,
        estimator=model,
        n_seeds=arguments.seeds,
        initial_samples=arguments.initial,
        batch_size=arguments.batch,
        iterations=arguments.iterations,
        n_jobs=arguments.jobs,
        progress=sys.stderr.isatty(),
        stop=rules(X_stop, X_val, y_val, target),
    )
    full = comparison.full_accuracy
    head = (
        f"### {name}, {arguments.estimator}\n\n"
        f"{X_pool.shape[0]:,} rows x {X_pool.shape[1]:,} terms, {len(np.unique(y_pool))} classes; "
        f"{len(y_test):,} test rows; {arguments.seeds} seeds; batches of {arguments.batch} up to "
        f"{comparison.curves[0].n_labels[-1]:,} labels; accuracy of the whole pool {full:.3f}.\n"
    )
    return "\n".join(
        [head, stops(comparison), "", audits(comparison, X_pool, y_pool, arguments), ""]
    )


def rules(X_stop: Any, X_val: Any, y_val: Any, target: float) -> dict[str, Any]:
    return {
        "stable predictions, 0.99": StablePredictions(X_stop),
        "stable predictions, 0.95": StablePredictions(X_stop, 0.95),
        "delta F, 0.05": DeltaF(X_stop),
        "delta F, 0.01": DeltaF(X_stop, 0.01),
        "overall uncertainty, 0.05": OverallUncertainty(X_stop),
        "overall uncertainty, 0.3": OverallUncertainty(X_stop, 0.3),
        # What 95 % of the accuracy of the whole pool comes to: a wish that can be met.
        f"accuracy {target}, {len(y_val)} random rows": EstimatedAccuracy(target, X_val, y_val),
        f"accuracy {target}, cross-validation": EstimatedAccuracy(target),
    }


def stops(comparison: Comparison) -> str:
    lines = [
        "| strategy | rule | seeds stopped | labels at stop | accuracy there | best of the curve |"
        " end of the curve |",
        "|:--|:--|--:|--:|--:|--:|--:|",
    ]
    for row in comparison.stops():
        labels = "never" if math.isinf(row["labels"]) else f"{row['labels']:.0f}"
        there = [row[what] for what in ("accuracy", "best_accuracy", "final_accuracy")]
        cells = ["" if math.isnan(value) else f"{value:.3f}" for value in there]
        lines.append(
            f"| {row['strategy']} | {row['rule']} | {row['n_stopped']} of {row['n_seeds']} | "
            f"{labels} | {' | '.join(cells)} |"
        )
    return "\n".join(lines)


def audits(comparison: Comparison, X_pool: Any, y_pool: Any, arguments: argparse.Namespace) -> str:
    """Audit the labels of the model where the first rule stopped (else at the end), many times."""
    lines = [
        f"Audits of {arguments.audit_rows} labels, {arguments.audits:,} times each:\n",
        "| seed | labels | true error | covered | error left covered | mean width | threshold "
        "table covered as a whole |",
        "|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for curve in comparison.curves:
        if curve.strategy != STRATEGY:
            continue
        n = int(min(curve.stops[0].n_labels, curve.n_labels[-1]))
        rows = curve.rows[:n]
        model = fit_clone(make_estimator(arguments.estimator), X_pool[rows], y_pool[rows])
        done = label_rest(model, X_pool, rows, y_pool[rows])
        wrong = done.labels != y_pool
        found = [audit(done, wrong, seed, arguments) for seed in range(arguments.audits)]
        covered, left, width, table = np.mean(found, axis=0)
        lines.append(
            f"| {curve.seed} | {n} | {wrong[done.is_model].mean():.4f} | {covered:.3f} | "
            f"{left:.3f} | {width:.4f} | {table:.3f} |"
        )
    return "\n".join(lines)


def audit(
    done: Any, wrong: Any, seed: int, arguments: argparse.Namespace
) -> tuple[float, float, float, float]:
    is_model = done.is_model
    rows = audit_rows(len(done), arguments.audit_rows, ~is_model, seed)
    n_wrong, n_model = int(wrong[rows].sum()), int(is_model.sum())
    found = audit_error(n_wrong, len(rows), n_model, len(done) - n_model)
    truth, left = wrong[is_model].mean(), (wrong.sum() - n_wrong) / len(done)
    table = threshold_table(done.confidence, rows, wrong[rows])
    return (
        found.low <= truth <= found.high,
        found.left.low - 1e-12 <= left <= found.left.high + 1e-12,
        found.high - found.low,
        all(
            line["low"] <= wrong[done.confidence >= line["threshold"]].mean() <= line["high"]
            for line in table
            if line["n_model"]
        ),
    )


if __name__ == "__main__":
    main()
