"""What the strategies of fastal.contrast and fastal.batch_committee cost, and what they give.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/contrast.py --data FOLDER

Prints Markdown: times as ratios of calls made in turn in one process, on one thread; then learning
curves beside random and margin.  --parts names the parts to run.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fastal
from benchmarks import alternate, one_thread
from benchmarks._data import member_probabilities, scores, text_pool
from benchmarks.real_data import find
from fastal import _reference, run_experiment
from fastal._models import SparseLogisticRegression, make_estimator
from fastal.datasets import load_file, split

STRATEGIES = (
    "random",
    "margin",
    "contrastive",
    "discriminative",
    "batch_bald",
    "kl_to_consensus",
    "power_bald",
    "power_margin",
    "softmax_margin",
    "softrank_margin",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the files")
    parser.add_argument("--parts", default="batch_bald,contrastive,discriminative,draw,curves")
    parser.add_argument("--sets", default="sms_spam,trec6,20newsgroups_stripped")
    parser.add_argument("--rows", type=int, default=10_000, help="rows for BatchBALD")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--initial", type=int, default=20)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=10)
    arguments = parser.parse_args()
    one_thread()
    for part in arguments.parts.split(","):
        globals()[f"print_{part}"](arguments)


def table(*head: str) -> None:
    print("\n| " + " | ".join(head) + " |\n|" + ":--|" + "--:|" * (len(head) - 1), flush=True)


def line(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def print_batch_bald(arguments: argparse.Namespace) -> None:
    """10 members, 10 classes; members alike, as bootstrapped ones are, and members at odds."""
    table("BatchBALD", "ms", "NumPy, ms", "NumPy / fastal", "same rows")
    n = arguments.rows
    at_odds = np.random.default_rng(0).dirichlet(np.full(10, 0.3), (10, n))
    for name, probas in (("alike", member_probabilities(10, n, 10)), ("at odds", at_odds)):
        for k in (5, 10):
            found: dict[str, Any] = {}
            calls = {
                "fastal": keep(found, "fastal", fastal.batch_bald, probas, k, 0),
                "numpy": keep(found, "numpy", _reference.batch_bald, probas, k, 0),
            }
            # The plain one takes minutes: once is enough for a ratio of this size.
            seconds = alternate(calls, rounds=1)
            ours, theirs = (float(np.median(seconds[key])) for key in ("fastal", "numpy"))
            same = np.array_equal(found["fastal"][0], found["numpy"][0])
            line(
                f"{name}, k = {k}", f"{1e3 * ours:.0f}", f"{1e3 * theirs:.0f}",
                f"{theirs / ours:.0f}", "yes" if same else "no",
            )  # fmt: skip


def keep(found: dict[str, Any], name: str, function: Callable[..., Any], *args: Any) -> Any:
    def call() -> None:
        found[name] = function(*args)

    return call


def features(path: Path) -> tuple[Any, Any, Any, Any]:
    texts, y_pool, test_texts, y_test = split(load_file(path))
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2)
    return vectorizer.fit_transform(texts), y_pool, vectorizer.transform(test_texts), y_test


def print_contrastive(arguments: argparse.Namespace) -> None:
    table("contrastive", "rows", "passes X @ w", "NumPy / fastal", "scikit-learn / fastal")
    X, y, _, _ = features(find(arguments.data, "20newsgroups"))
    for name, pool, labels in (
        ("20newsgroups", X, y),
        ("synthetic", text_pool(50_000), np.arange(50_000) % 20),
    ):
        rows = np.random.default_rng(0).permutation(pool.shape[0])
        for n_labeled in (100, 500):
            known = rows[:n_labeled]
            model = SparseLogisticRegression(C=10, tol=1e-3).fit(pool[known], labels[known])
            proba = model.predict_proba(pool)
            args = proba, pool, proba[known], pool[known]
            line(name + f", {n_labeled} labelled", *contrastive_cells(args, arguments.rounds))


def contrastive_cells(args: tuple[Any, ...], rounds: int) -> tuple[str, ...]:
    X = args[1]
    w = np.random.default_rng(0).random(X.shape[1])
    seconds = alternate(
        {
            "pass": lambda: X @ w,
            "fastal": lambda: fastal.contrastive(*args),
            "numpy": lambda: _reference.contrastive(*args),
            "scikit-learn": lambda: neighbours_of_scikit_learn(X, args[3]),
        },
        rounds=rounds,
    )
    ratios = {
        name: float(np.median(seconds[one] / seconds[other]))
        for name, one, other in (
            ("passes", "fastal", "pass"),
            ("numpy", "numpy", "fastal"),
            ("scikit-learn", "scikit-learn", "fastal"),
        )
    }
    return (str(X.shape[0]), *(f"{ratio:.1f}" for ratio in ratios.values()))


def neighbours_of_scikit_learn(X: sp.csr_matrix, X_labeled: sp.csr_matrix) -> Any:
    """Only what it begins with: what small-text and scikit-activeml call."""
    from sklearn.neighbors import NearestNeighbors

    search = NearestNeighbors(n_neighbors=10).fit(X_labeled)
    return search.kneighbors(X, return_distance=False)


def print_discriminative(arguments: argparse.Namespace) -> None:
    """100 labelled rows and a batch of 100 in ten sub-batches."""
    table("discriminative", "passes X @ w", "of a sub-batch", "its scoring alone")
    from fastal import contrast

    for n_rows in (20_000, 200_000):
        X = text_pool(n_rows)
        w = np.random.default_rng(0).random(X.shape[1])
        model = contrast._trained(None, X, np.arange(100), None, np.random.RandomState(0))
        seconds = alternate(
            {
                "pass": lambda X=X, w=w: X @ w,
                "all": lambda X=X: fastal.discriminative(X, 100, np.arange(100), random_state=0),
                "scoring": lambda X=X, model=model: contrast._decisions(model, X),
            },
            rounds=arguments.rounds,
        )
        passes = {
            name: float(np.median(seconds[name] / seconds["pass"])) for name in ("all", "scoring")
        }
        line(
            f"{n_rows} rows", f"{passes['all']:.1f}", f"{passes['all'] / 10:.1f}",
            f"{passes['scoring']:.2f}",
        )  # fmt: skip


def print_draw(arguments: argparse.Namespace) -> None:
    """1,000,000 scores, 100 rows, beside the draws and the selection there are already."""
    table("stochastic_batch", "weighted_draw = 1", "noise alone = 1", "NumPy / fastal")
    s = scores(1_000_000)
    for kind in ("power", "softmax", "softrank"):
        seconds = alternate(
            {
                "this": lambda kind=kind: fastal.stochastic_batch(s, 100, kind, random_state=0),
                "numpy": lambda kind=kind: _reference.stochastic_batch(
                    s, 100, kind, random_state=0
                ),
                "draw": lambda: fastal.weighted_draw(s, 100, 0),
                "noise": lambda: np.random.RandomState(0).standard_exponential(s.size),
            },
            rounds=arguments.rounds,
        )
        ratios = [np.median(seconds["this"] / seconds[other]) for other in ("draw", "noise")] + [
            np.median(seconds["numpy"] / seconds["this"])
        ]
        line(kind, *(f"{ratio:.2f}" for ratio in ratios))


def print_curves(arguments: argparse.Namespace) -> None:
    """Mean accuracy over the rounds, and at the end, of a few seeds."""
    sizes = (arguments.initial, arguments.batch, arguments.iterations)
    for name in arguments.sets.split(","):
        data = features(find(arguments.data, name))
        table(name, "mean accuracy", "lowest to highest", "final accuracy")
        for strategy in STRATEGIES:
            curves = [
                run_experiment(
                    strategy, *data, *sizes, estimator=make_estimator("logistic"),
                    random_state=seed,
                ).accuracies
                for seed in range(arguments.seeds)
            ]  # fmt: skip
            means = [float(np.mean(curve)) for curve in curves]
            line(
                strategy, f"{np.mean(means):.4f}", f"{min(means):.4f} to {max(means):.4f}",
                f"{np.mean([curve[-1] for curve in curves]):.4f}",
            )  # fmt: skip


if __name__ == "__main__":
    main()
