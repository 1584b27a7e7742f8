"""``fastal demo`` and ``fastal experiment``: compare strategies on data whose labels are known."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np

from fastal._terminal import one_line, terminal_width

SETS = ("docstrings", "20newsgroups", "digits", "timeseries")

_DEMO = """\
Active learning: a model chooses the texts it learns from, so that a person has
to label fewer of them. To see whether that works, the labels of this set are
known, but a model only gets those it asks for: {initial} at random at first, then
{batch} in each of {iterations} rounds. Strategies differ in what they ask for, and all have
to beat "random".
"""


def demo(args: argparse.Namespace) -> int:
    """Compare the strategies on docstrings, and say what the program would ask about next."""
    from fastal.datasets import load_docstrings, split

    print(_DEMO.format(initial=args.initial, batch=args.batch, iterations=args.iterations))
    _say("Reading the docstrings of numpy, scipy, scikit-learn and numba ...")
    dataset = load_docstrings()
    X_pool, y_pool, X_test, y_test = split(dataset)
    print(
        f"{len(dataset):,} docstrings of {len(np.unique(y_pool))} subpackages: which one does a "
        f"text belong to?\n{len(y_pool):,} are the pool to learn from, {len(y_test):,} the test "
        "set.\n"
    )
    comparison, features = _compare(args, dataset, X_pool, y_pool, X_test, y_test)
    _report(args, comparison, "Docstrings: which subpackage?")
    _ask_next(args, comparison, features, list(X_pool), y_pool)
    print(
        "\nWith texts of your own:  fastal label FILE.csv   (fastal label --help explains)\n"
        "With other sets:         fastal experiment digits"
    )
    return 0


def experiment(args: argparse.Namespace) -> int:
    """Compare the strategies on a named set or a file."""
    from fastal.datasets import split

    dataset = _load(args)
    X_pool, y_pool, X_test, y_test = split(dataset, test_size=args.test_size)
    print(f"{dataset.name}: {dataset.description}")
    print(
        f"{len(y_pool):,} rows in the pool, {len(y_test):,} in the test set, "
        f"{len(np.unique(y_pool))} classes\n"
    )
    comparison, _ = _compare(args, dataset, X_pool, y_pool, X_test, y_test)
    _report(args, comparison, dataset.name)
    return 0


def _load(args: argparse.Namespace) -> Any:
    from fastal import datasets

    if args.data in SETS:
        return getattr(datasets, f"load_{args.data}")()
    if not Path(args.data).suffix and not Path(args.data).exists():
        raise ValueError(f"{args.data!r} is no file, and none of the sets {', '.join(SETS)}")
    dataset = datasets.load_file(
        args.data, args.text_column, args.label_column, partly_labeled=True
    )
    return _labelled_only(dataset)


def _labelled_only(dataset: Any) -> Any:
    """The rows that have a label; an experiment can do nothing with the others."""
    has_label = np.array([label is not None for label in dataset.y], dtype=bool)
    rows = np.flatnonzero(has_label)
    y = np.array([dataset.y[row] for row in rows])
    if len(np.unique(y)) < 2:
        found = f"all labels are {y.tolist()[0]!r}" if y.size else "there is no label"
        raise ValueError(
            f"{dataset.name}: {found}; comparing strategies needs labels of two classes or more"
        )
    if not has_label.all():
        _say(
            f"{len(has_label) - rows.size:,} of {len(has_label):,} rows have no label and are "
            "left out."
        )
    split = None if dataset.split is None else dataset.split[rows]
    return dataclasses.replace(dataset, X=[dataset.X[row] for row in rows], y=y, split=split)


def _compare(
    args: argparse.Namespace, dataset: Any, X_pool: Any, y_pool: Any, X_test: Any, y_test: Any
) -> tuple[Any, Any]:
    """Return the comparison and the features of the pool."""
    from fastal._models import make_estimator, make_features
    from fastal.experiment import compare_strategies

    if isinstance(dataset.X, list):
        X_pool, X_test = make_features(X_pool, X_test)
    elif args.estimator == "naive-bayes" and dataset.X.min() < 0:
        raise ValueError(
            f"{dataset.name} holds negative numbers, of which naive Bayes can make nothing; "
            "use --estimator logistic"
        )
    # Made before the work, not after it.
    args.output.mkdir(parents=True, exist_ok=True)
    comparison = compare_strategies(
        args.strategies,
        X_pool,
        y_pool,
        X_test,
        y_test,
        estimator=make_estimator(args.estimator),
        n_seeds=args.seeds,
        initial_samples=args.initial,
        batch_size=args.batch,
        iterations=args.iterations,
        n_jobs=args.jobs,
        progress=True,
        warm_start=args.warm_start,
    )
    return comparison, X_pool


def _report(args: argparse.Namespace, comparison: Any, title: str) -> None:
    print("\n" + comparison.table() + "\n")
    numbers, picture = (args.output / f"learning_curves.{end}" for end in ("csv", "png"))
    comparison.to_csv(numbers)
    print(f"Numbers: {numbers}")
    try:
        comparison.plot(picture, title)
    except ImportError as error:
        print(f"Picture: not drawn, {error}")
    else:
        print(f"Picture: {picture}")


def _ask_next(args: argparse.Namespace, comparison: Any, X: Any, texts: list[str], y: Any) -> None:
    """Print the ten documents that the best strategy would have labelled next."""
    from fastal._models import make_estimator
    from fastal.learner import ActiveLearner

    best = max(comparison.summary(), key=lambda row: row["area"])["strategy"]
    rows = next(curve.rows for curve in comparison.curves if curve.strategy == best)
    learner = ActiveLearner(make_estimator(args.estimator), best, random_state=0)
    learner.teach(X[rows], y[rows])
    asked, scores = learner.query(X, n=10, labeled=rows, return_scores=True)
    print(
        f"\nAfter these {len(rows)} labels, {best} would ask a person about these ten next,\n"
        "whose labels the model does not know:\n"
    )
    print_rows(asked, scores, texts)


def print_rows(rows: Any, scores: Any, texts: list[str]) -> None:
    """Print a table of rows, scores and the starts of the texts, as wide as the terminal."""
    wide = max([len("row"), *(len(str(row)) for row in rows)])
    print(f"  {'row':>{wide}}   score  text")
    for row, score in zip(rows.tolist(), scores.tolist(), strict=True):
        number = "     -" if np.isnan(score) else f"{score:6.4f}"
        text = one_line(texts[row], terminal_width() - wide - 12)
        print(f"  {row:>{wide}}  {number}  {text}")


def _say(text: str) -> None:
    """Say what is going on; the results alone go to standard output."""
    print(text, file=sys.stderr, flush=True)
