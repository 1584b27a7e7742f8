"""What warm starts save in training, and what they change, on labelled text sets.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/warm_start.py --data FOLDER

Prints a Markdown table.  All up to "own rows" is of fits to the very same rows (those that the
cold run asked for), cold and warm in turn, so that only the start differs.  "Own rows" are those
of two runs, one warm, in which each model asks for the rows it wants.
"""

from __future__ import annotations

import argparse
import gc
import sys
import time
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.real_data import find
from fastal import ActiveLearner, run_experiment
from fastal._models import SparseLogisticRegression
from fastal.datasets import load_file, split

MODELS = {
    "logistic": LogisticRegression(C=10, max_iter=1000),
    "sparse logistic": SparseLogisticRegression(C=10, max_iter=1000),
    # The same, as the command line has it.
    "sparse logistic, tol 1e-3": SparseLogisticRegression(C=10, tol=1e-3, max_iter=1000),
    "SGD": SGDClassifier(loss="log_loss", random_state=0),
    "SGD, averaged": SGDClassifier(loss="log_loss", average=True, random_state=0),
}

HEAD = (
    "set",
    "model",
    "ms a fit, cold",
    "ms a fit, warm",
    "cold / warm",
    "of the seeds",
    "iterations, cold",
    "warm",
    "same predictions",
    "accuracy, warm - cold",
    "final accuracy, cold, own rows",
    "warm",
    "accuracy, warm - cold, own rows",
)


@dataclass
class Fits:
    """Sums over the rounds after the first, which both begin alike."""

    seconds: dict[bool, float] = field(default_factory=lambda: {False: 0.0, True: 0.0})
    iterations: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    agreement: list[float] = field(default_factory=list)
    gain: list[float] = field(default_factory=list)
    n: int = 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the files")
    parser.add_argument("--sets", default="sms_spam,trec6,20newsgroups_stripped")
    parser.add_argument("--models", default=";".join(MODELS), help="names, ; between them")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--initial", type=int, default=20)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=20)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("| " + " | ".join(HEAD) + " |\n|:--|:--|" + "--:|" * (len(HEAD) - 2), flush=True)
    for name in arguments.sets.split(","):
        data = features(find(arguments.data, name))
        for model in arguments.models.split(";"):
            cells = compare(MODELS[model], data, arguments)
            print("| " + " | ".join([name, model, *cells]) + " |", flush=True)


def features(path: Path) -> tuple[Any, Any, Any, Any]:
    texts, y_pool, test_texts, y_test = split(load_file(path))
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2)
    return vectorizer.fit_transform(texts), y_pool, vectorizer.transform(test_texts), y_test


def compare(
    model: Any, data: tuple[Any, Any, Any, Any], arguments: argparse.Namespace
) -> list[str]:
    sizes = (arguments.initial, arguments.batch, arguments.iterations)
    fits, finals, differences = [], [], []
    for seed in range(arguments.seeds):
        cold, warm = (
            run_experiment(
                "margin", *data, *sizes, estimator=model, random_state=seed, warm_start=warm_start
            )
            for warm_start in (False, True)
        )
        fits.append(replay(model, data, cold))
        finals.append((cold.accuracies[-1], warm.accuracies[-1]))
        differences.append(np.mean(warm.accuracies - cold.accuracies))
    return cells(fits, np.mean(finals, axis=0), np.array(differences))


def replay(model: Any, data: tuple[Any, Any, Any, Any], curve: Any) -> Fits:
    """Teach the rows of a run to two learners, one cold and one warm, in turn."""
    X_pool, y_pool, X_test, y_test = data
    learners = {warm: ActiveLearner(clone(model), warm_start=warm) for warm in (False, True)}
    fits = Fits()
    for start, stop in zip([0, *curve.n_labels[:-1]], curve.n_labels, strict=True):
        rows = curve.rows[start:stop]
        X, y = X_pool[rows], y_pool[rows]
        # Whoever comes second finds warmer caches: they take turns.
        for warm in (False, True) if fits.n % 2 else (True, False):
            gc.collect()
            began = time.process_time()
            learners[warm].teach(X, y)
            took = time.process_time() - began
            if start:
                fits.seconds[warm] += took
                fits.iterations[warm] += int(np.max(learners[warm].estimator_.n_iter_))
        if start:
            fits.n += 1
            cold, warm_ = (learners[warm].predict(X_test) for warm in (False, True))
            fits.agreement.append(float(np.mean(cold == warm_)))
            fits.gain.append(float(np.mean(warm_ == y_test) - np.mean(cold == y_test)))
    return fits


def cells(fits: list[Fits], final: Any, differences: Any) -> list[str]:
    n = sum(each.n for each in fits)
    ms = {warm: 1000 * sum(each.seconds[warm] for each in fits) / n for warm in (False, True)}
    steps = {warm: sum(each.iterations[warm] for each in fits) / n for warm in (False, True)}
    ratios = [each.seconds[False] / each.seconds[True] for each in fits]
    gains = np.array([np.mean(each.gain) for each in fits])
    return [
        f"{ms[False]:.1f}",
        f"{ms[True]:.1f}",
        f"{ms[False] / ms[True]:.2f}",
        f"{min(ratios):.2f} to {max(ratios):.2f}",
        f"{steps[False]:.1f}",
        f"{steps[True]:.1f}",
        f"{np.mean([share for each in fits for share in each.agreement]):.2%}",
        spread(gains),
        f"{final[0]:.3f}",
        f"{final[1]:.3f}",
        spread(differences),
    ]


def spread(values: Any) -> str:
    return f"{values.mean():+.4f} ({values.min():+.4f} to {values.max():+.4f})"


if __name__ == "__main__":
    main()
