"""Compare the strategies on text sets kept as Parquet, CSV or JSON-lines files.

    python benchmarks/real_data.py --data FOLDER --sets ag_news_27k,sms_spam --estimator logistic

Prints a Markdown section for each set.  ``NAME:K`` uses K random rows of a set's pool only.
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
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB

from fastal.datasets import load_file, split
from fastal.experiment import compare_strategies
from fastal.report import Comparison

ESTIMATORS = {
    "logistic": LogisticRegression(C=10, max_iter=1000),
    "naive-bayes": MultinomialNB(alpha=0.1),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the files")
    parser.add_argument("--sets", required=True, help="names without ending, comma between them")
    parser.add_argument("--estimator", choices=ESTIMATORS, default="logistic")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--initial", type=int, default=20)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=9)
    parser.add_argument("--strategies", help="names, comma between them; default: the usual six")
    parser.add_argument("--plots", type=Path, help="folder for a picture of each set")
    parser.add_argument("--out", type=Path, help="append the Markdown to this file as well")
    arguments = parser.parse_args()
    for name in arguments.sets.split(","):
        section = run(name, arguments)
        print(section, flush=True)
        if arguments.out:
            with arguments.out.open("a", encoding="utf-8") as file:
                file.write(section + "\n")


def run(name: str, arguments: argparse.Namespace) -> str:
    name, _, size = name.partition(":")
    texts, y_pool, test_texts, y_test = split(load_file(find(arguments.data, name)))
    if size and int(size) < len(texts):
        rows = np.sort(np.random.RandomState(0).permutation(len(texts))[: int(size)])
        texts, y_pool = [texts[row] for row in rows], y_pool[rows]
    # Fitted to the texts of the pool, which are there before any label is.
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2)
    X_pool, X_test = vectorizer.fit_transform(texts), vectorizer.transform(test_texts)
    start = time.perf_counter()
    comparison = compare_strategies(
        arguments.strategies.split(",") if arguments.strategies else None,
        X_pool,
        y_pool,
        X_test,
        y_test,
        estimator=ESTIMATORS[arguments.estimator],
        n_seeds=arguments.seeds,
        initial_samples=arguments.initial,
        batch_size=arguments.batch,
        iterations=arguments.iterations,
        progress=sys.stderr.isatty(),
    )
    took = time.perf_counter() - start
    print(f"{name}: {took:.0f} s", file=sys.stderr)
    if arguments.plots:
        arguments.plots.mkdir(parents=True, exist_ok=True)
        picture = arguments.plots / f"{name}-{arguments.estimator}.png"
        comparison.plot(picture, f"{name}, {arguments.estimator}")
    n_classes = len(np.unique(y_pool))
    head = (
        f"### {name}, {arguments.estimator}\n\n"
        f"{X_pool.shape[0]:,} rows x {X_pool.shape[1]:,} terms, {n_classes} classes; "
        f"{X_test.shape[0]:,} test rows; {arguments.seeds} seeds; accuracy of the whole pool "
        f"{comparison.full_accuracy:.3f}.\n"
    )
    return head + "\n" + markdown(comparison)


def find(folder: Path, name: str) -> Path:
    for ending in (".parquet", ".csv", ".jsonl"):
        path = folder / (name + ending)
        if path.exists():
            return path
    raise SystemExit(f"no {name}.parquet, .csv or .jsonl in {folder}")


def markdown(comparison: Comparison) -> str:
    last = comparison.curves[0].n_labels[-1]
    head = [
        "strategy",
        f"accuracy at {last}",
        "area",
        "area - random",
        "seeds won",
        "labels to 90 %",
        "labels to 95 %",
        "s choosing",
        "s training",
        "s predicting",
    ]
    lines = ["| " + " | ".join(head) + " |", "|:--|" + "--:|" * (len(head) - 1)]
    lines += ["| " + " | ".join(cells(row, last)) + " |" for row in comparison.summary()]
    return "\n".join(lines) + "\n"


def cells(row: dict[str, Any], last: int) -> list[str]:
    is_random = row["strategy"] == "random"
    spread = "" if math.isnan(row["area_sd"]) else f" ± {row['area_sd']:.3f}"
    return [
        row["strategy"],
        f"{row['final_accuracy']:.3f}",
        f"{row['area']:.3f}{spread}",
        "" if is_random else f"{row['area_minus_random']:+.3f}",
        "" if is_random else f"{row['seeds_won']} of {row['n_seeds']}",
        *(
            f"> {last}" if math.isinf(row[key]) else f"{row[key]:.0f}"
            for key in ("labels_to_90", "labels_to_95")
        ),
        *(f"{row[f'seconds_{what}']:.2f}" for what in ("choosing", "training", "predicting")),
    ]


if __name__ == "__main__":
    main()
