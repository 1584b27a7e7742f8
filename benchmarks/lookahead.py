"""Look-ahead by closed forms against refitting in a loop, and Newton steps against refits.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/lookahead.py --data FOLDER

Prints two Markdown tables, the figures of docs/results-lookahead.md.  Both sides of a ratio run in
turn in one process, by processor time of one thread (--wall: by the clock, on all threads); the
loop's is that of --loop candidates, scaled.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from scipy.stats import entropy, spearmanr
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fastal
from benchmarks.real_data import find
from fastal.datasets import load_file

MODELS = {
    "MultinomialNB": MultinomialNB(alpha=0.1),
    "ComplementNB": ComplementNB(),
    "BernoulliNB": BernoulliNB(alpha=0.1),
    "RidgeClassifier": RidgeClassifier(),
}
N_LABELED = 200


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the files")
    parser.add_argument("--sets", default="20newsgroups,ag_news_27k,trec6,wordnet_glosses")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--newton-sets", default="sms_spam,trec6,ag_news_27k")
    parser.add_argument("--loop", type=int, default=20, help="candidates of the loop")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--wall", action="store_true", help="clock on the wall, all threads")
    arguments = parser.parse_args()
    clock = time.perf_counter if arguments.wall else time.process_time
    if not arguments.wall:
        os.environ["FASTAL_NUM_THREADS"] = "1"
    warnings.simplefilter("ignore", ConvergenceWarning)
    if arguments.sets:
        speed(arguments, clock)
    if arguments.newton_sets:
        correlations(arguments)


def read(folder: Path, name: str, n_classes: int, n_rows: int) -> tuple[Any, Any]:
    """TF-IDF of rows of the most frequent classes, in random order, and their labels."""
    data = load_file(find(folder, name))
    y = np.asarray(data.y)
    labels, sizes = np.unique(y, return_counts=True)
    kept = np.flatnonzero(np.isin(y, labels[np.argsort(-sizes, kind="stable")[:n_classes]]))
    rows = np.random.RandomState(0).permutation(kept)[:n_rows]
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2)
    return vectorizer.fit_transform([data.X[row] for row in rows]), y[rows]


def speed(arguments: argparse.Namespace, clock: Callable[[], float]) -> None:
    print("| set | model | rows x terms, terms a row | loop, s | fastal, s | loop / fastal "
          "| largest difference |\n|:--|:--|:--|--:|--:|--:|--:|", flush=True)  # fmt: skip
    for name in arguments.sets.split(","):
        X, y = read(arguments.data, name, 5, N_LABELED + 5000)
        labeled, pool, known = X[:N_LABELED], X[N_LABELED:], y[:N_LABELED]
        n = min(2000, pool.shape[0])
        for model_name in arguments.models.split(","):
            model = clone(MODELS[model_name]).fit(labeled, known)
            options = {"candidates": np.arange(n)}
            fastal.expected_error_reduction(model, pool[:5], labeled, known)
            ours, loops, worst = [], [], 0.0
            for _ in range(arguments.rounds):
                began = clock()
                scores = fastal.expected_error_reduction(model, pool, labeled, known, **options)
                ours.append(clock() - began)
                began = clock()
                # A share of the loop in each round.
                rows = np.arange(len(loops), arguments.loop, arguments.rounds)
                expected = loop(model, pool, labeled, known, rows)
                loops.append((clock() - began) * n / len(rows))
                worst = max(worst, np.abs(scores[rows] - expected).max())
            ratio = np.median(np.array(loops) / np.array(ours))
            print(
                f"| {name} | {model_name} | {pool.shape[0]} x {pool.shape[1]}, "
                f"{pool.nnz / pool.shape[0]:.0f} | {np.median(loops):.0f} | {np.median(ours):.2f} "
                f"| {ratio:.0f} | {worst:.0e} |",
                flush=True,
            )


def loop(model: Any, pool: Any, labeled: Any, known: Any, rows: Any) -> Any:
    """Refit for each candidate and class, as modAL, ALiPy and scikit-activeml do."""
    scores = np.empty(len(rows))
    for i, row in enumerate(rows):
        X = sp.vstack([labeled, pool[row]], format="csr")
        others = np.arange(pool.shape[0]) != row
        weights = fastal.strategies.class_probabilities(model, pool[row])[0]
        losses = []
        for label in model.classes_:
            after = clone(model).fit(X, np.append(known, label))
            proba = fastal.strategies.class_probabilities(after, pool)
            losses.append(entropy(proba, axis=1)[others].mean())
        scores[i] = -weights @ losses
    return scores


def correlations(arguments: argparse.Namespace) -> None:
    print(
        "\n| set | classes | C | Spearman, newton and refit | seeds | of margin and refit "
        "| best 10 in common | refit / newton |\n|:--|--:|--:|--:|:--|--:|--:|--:|",
        flush=True,
    )
    for name in arguments.newton_sets.split(","):
        X, y = read(arguments.data, name, 100, 1200)
        for C in (1.0, 10.0):
            found = [newton(X, y, C, seed) for seed in range(3)]
            rho, margin, shared, ratio = np.median(found, axis=0)
            seeds = ", ".join(f"{each[0]:.3f}" for each in found)
            print(
                f"| {name} | {len(np.unique(y))} | {C:g} | {rho:.3f} | {seeds} | {margin:.2f} "
                f"| {shared:.0f} | {ratio:.0f} |",
                flush=True,
            )


def newton(X: Any, y: Any, C: float, seed: int) -> tuple[float, ...]:
    """60 candidates, 500 evaluation rows: correlation of scores, and the ratio of times."""
    rows = np.random.RandomState(seed).permutation(X.shape[0])
    X, y = X[rows], y[rows]
    labeled, known, pool = X[:N_LABELED], y[:N_LABELED], X[N_LABELED:]
    model = LogisticRegression(C=C, tol=1e-6, max_iter=2000).fit(labeled, known)
    options = {"candidates": np.arange(60), "evaluation": np.arange(60, 560)}
    scores, seconds = {}, {}
    for method in ("newton", "refit"):
        if method == "newton":
            fastal.expected_error_reduction(model, pool, labeled, known, method=method, **options)
        began = time.process_time()
        scores[method] = fastal.expected_error_reduction(
            model, pool, labeled, known, method=method, **options
        )[:60]
        seconds[method] = time.process_time() - began
    best = [set(fastal.top_k(each, 10).tolist()) for each in scores.values()]
    margin = fastal.margin(model.predict_proba(pool[:60]))
    return (
        spearmanr(scores["newton"], scores["refit"])[0],
        spearmanr(margin, scores["refit"])[0],
        len(best[0] & best[1]),
        seconds["refit"] / seconds["newton"],
    )


if __name__ == "__main__":
    main()
