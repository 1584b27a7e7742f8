"""What BADGE, ranked batches, information density and Cluster-Margin cost, and what others pay.

    OPENBLAS_NUM_THREADS=1 python benchmarks/batches.py --data FOLDER [--large]

Prints a Markdown table.  Times are processor times of one thread unless a line says otherwise; a
pass is one product ``X @ w`` of scipy with the same X.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Before NumPy: BLAS reads it once.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import pairwise_distances_argmin_min

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fastal
from benchmarks import _data, one_thread
from benchmarks.real_data import find
from fastal.datasets import load_file, split

# Rows of the materialised embedding that are measured; its time and memory grow with the rows.
SLICE = 1000
Line = tuple[str, str, str]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the files of real sets")
    parser.add_argument("--sets", default="sms_spam,20newsgroups_stripped,ag_news_27k")
    parser.add_argument("--large", action="store_true", help="also a million rows (8 GB)")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    one_thread()
    print("| case | measure | measured |\n|:--|:--|--:|", flush=True)
    for lines in sections(arguments):
        for line in lines:
            print("| " + " | ".join(line) + " |", flush=True)


def sections(arguments: argparse.Namespace) -> Iterator[Iterator[Line]]:
    rounds = arguments.rounds
    yield badge_dense(rounds)
    yield badge_sparse(100_000, rounds)
    for metric in ("euclidean", "cosine"):
        yield ranked(metric, rounds)
    yield passes("text pool, 100,000 rows", _data.text_pool(100_000), None, rounds)
    if arguments.large:
        yield passes("text pool, 1,000,000 rows", _data.text_pool(1_000_000), None, rounds)
    for name in arguments.sets.split(",") if arguments.data else ():
        texts, y, _, _ = split(load_file(find(arguments.data, name)))
        X = TfidfVectorizer(sublinear_tf=True, min_df=2).fit_transform(texts)
        first = np.random.RandomState(0).permutation(len(y))[:200]
        model = LogisticRegression(C=10, max_iter=1000).fit(X[first], y[first])
        yield passes(f"{name}, {X.shape[0]:,} rows", X, model.predict_proba(X), rounds)


def seconds(
    call: Callable[[], Any], rounds: int, clock: Callable[[], float] = time.process_time
) -> float:
    """Median, after one call that compiles."""
    call()
    took = []
    for _ in range(rounds):
        began = clock()
        call()
        took.append(clock() - began)
    return float(np.median(took))


def peak(call: Callable[[], Any]) -> float:
    """Most memory that NumPy held during the call beyond what it held before, MB.

    The kernels allocate none.  The growth of the process would say nothing: making the input took
    more.
    """
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    call()
    most = tracemalloc.get_traced_memory()[1] - before
    tracemalloc.stop()
    return most / 1e6


def badge_dense(rounds: int) -> Iterator[Line]:
    case = "badge, 20,000 rows x 100 classes x 768 dense features, float32, batch 100"
    X = _data.dense_rows(20_000, 768, "float32")
    proba = _data.probabilities(20_000, 100, "float32")
    fastal.badge(proba[:200], X[:200], 5)
    took = seconds(lambda: fastal.badge(proba, X, 100, random_state=0), rounds)
    yield case, "s", f"{took:.3f}"
    yield (
        case,
        "MB above the input",
        f"{peak(lambda: fastal.badge(proba, X, 100, random_state=0)):.1f}",
    )
    few, some = proba[:SLICE], X[:SLICE]
    theirs = seconds(lambda: materialised(few, some, 100), 1) * len(X) / SLICE
    yield case, f"s, materialised ({SLICE:,} rows, scaled)", f"{theirs:.1f}"
    yield case, "materialised / badge", f"{theirs / took:.0f}"


def materialised(proba: Any, X: Any, k: int) -> Any:
    """The definition: all embeddings in an array, and a product with it for each pick."""
    residuals = proba - np.eye(proba.shape[1], dtype=X.dtype)[proba.argmax(axis=1)]
    g = (residuals[:, :, np.newaxis] * X[:, np.newaxis, :]).reshape(len(X), -1)
    sq_norms = np.einsum("ij,ij->i", g, g)
    rng = np.random.RandomState(0)
    picks = [int(sq_norms.argmax())]
    nearest = np.full(len(g), np.inf)
    while len(picks) < k:
        new = sq_norms + sq_norms[picks[-1]] - 2 * (g @ g[picks[-1]])
        nearest = np.minimum(nearest, np.maximum(new, 0))
        picks.append(int(rng.choice(len(g), p=nearest / nearest.sum(dtype=np.float64))))
    return picks


def badge_sparse(n_rows: int, rounds: int) -> Iterator[Line]:
    X, proba = _data.text_pool(n_rows), _data.probabilities(n_rows, 20)
    w = np.ones(X.shape[1])
    one = seconds(lambda: X @ w, rounds)
    for k in (100, 1000):
        case = f"badge, {n_rows:,} sparse rows x 20 classes, batch {k:,}"
        took = seconds(lambda k=k: fastal.badge(proba, X, k, random_state=0), rounds)
        yield case, "s", f"{took:.3f}"
        yield case, "passes", f"{took / one:.1f}"


def ranked(metric: str, rounds: int) -> Iterator[Line]:
    case = f"ranked_batch, 20,000 sparse rows, 100 labelled, batch 100, {metric}"
    X, scores = _data.text_pool(20_000), _data.scores(20_000)
    labeled = _data.labeled_rows(20_000, 100)
    took = seconds(lambda: fastal.ranked_batch(scores, X, 100, labeled, metric), rounds)
    began = time.process_time()
    expected = from_scratch(scores, X, 100, labeled, metric)
    theirs = time.process_time() - began
    yield case, "s", f"{took:.4f}"
    yield case, "s, all distances for each pick (modAL's way)", f"{theirs:.1f}"
    yield case, "modAL's way / ranked_batch", f"{theirs / took:.0f}"
    if metric == "euclidean":
        rows = fastal.ranked_batch(scores, X, 100, labeled, metric)[0]
        yield case, "same picks as modAL's way", f"{np.sum(rows == expected)} of 100"


def from_scratch(scores: Any, X: Any, k: int, labeled: Any, metric: str) -> Any:
    """Ranked batches as modAL defines and computes them."""
    left = np.ones(X.shape[0], dtype=bool)
    left[labeled] = False
    known = list(labeled)
    picks = []
    for _ in range(k):
        rows = np.flatnonzero(left)
        _, distances = pairwise_distances_argmin_min(X[rows], X[known], metric=metric)
        alpha = len(rows) / (len(rows) + len(known))
        value = alpha * (1 - 1 / (1 + distances)) + (1 - alpha) * scores[rows]
        picks.append(rows[np.argmax(value)])
        known.append(picks[-1])
        left[picks[-1]] = False
    return np.array(picks)


def passes(name: str, X: Any, proba: Any, rounds: int) -> Iterator[Line]:
    n_rows = X.shape[0]
    proba = _data.probabilities(n_rows, 20) if proba is None else proba
    scores, labeled = fastal.margin(proba), _data.labeled_rows(n_rows, 100)
    w = np.ones(X.shape[1])
    calls = {
        "badge, batch 100": lambda: fastal.badge(proba, X, 100, labeled, 0),
        "ranked_batch, 100 labelled, batch 100, cosine": lambda: fastal.ranked_batch(
            scores, X, 100, labeled
        ),
        "information_density": lambda: fastal.information_density(scores, X),
        "cluster_margin, batch 100": lambda: fastal.cluster_margin(scores, X, 100, labeled),
    }
    one = seconds(lambda: X @ w, rounds)
    for label, call in calls.items():
        took = seconds(call, rounds)
        yield f"{label}: {name}", "s", f"{took:.3f}"
        yield f"{label}: {name}", "passes", f"{took / one:.1f}"
    wall = seconds(lambda: X @ w, rounds, time.perf_counter)
    del os.environ["FASTAL_NUM_THREADS"]
    took = seconds(calls["information_density"], rounds, time.perf_counter)
    one_thread()
    yield (
        f"information_density: {name}",
        "passes, all threads, by the wall clock",
        f"{took / wall:.1f}",
    )


if __name__ == "__main__":
    main()
