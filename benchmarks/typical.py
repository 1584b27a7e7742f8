"""What TypiClust, herding and FALCUN cost on labelled text sets, beside the plain way to do it.

    OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1 python benchmarks/typical.py --data FOLDER

Prints a Markdown table: processor seconds of a call on one thread, the same in passes (products
of the pool with a vector), the largest memory that Python and NumPy held at once besides the
pool, and how many times longer the plain way takes, both timed in turn.  The plain way is

- TypiClust: KMeans and NearestNeighbors of scikit-learn;
- herding: the kernel of all pairs of rows in memory, and a loop over it, as in other libraries;
- FALCUN: the NumPy twin.
"""

from __future__ import annotations

import argparse
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.cluster import KMeans
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.neighbors import NearestNeighbors

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fastal
from benchmarks import alternate, one_thread
from benchmarks.real_data import find
from fastal import _reference
from fastal.datasets import load_file, split

HEAD = ("set", "rows", "k", "function", "s", "passes", "MB", "plain s", "plain / fastal")
N_LABELED = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the files")
    parser.add_argument("--sets", default="sms_spam,trec6,20newsgroups")
    parser.add_argument("--rows", type=int, default=5000, help="most rows of a set, drawn")
    parser.add_argument("--picks", default="10,100")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    one_thread()
    print("| " + " | ".join(HEAD) + " |\n|:--|--:|--:|:--|" + "--:|" * (len(HEAD) - 4))
    for name in arguments.sets.split(","):
        X, proba = pool(find(arguments.data, name), arguments.rows)
        w = np.ones(X.shape[1])
        one_pass = float(np.median(alternate({"pass": lambda X=X, w=w: X @ w})["pass"]))
        for k in map(int, arguments.picks.split(",")):
            for function, (ours, plain) in calls(X, proba, k).items():
                seconds = alternate({"ours": ours, "plain": plain}, rounds=arguments.rounds)
                own = float(np.median(seconds["ours"]))
                cells = (
                    name, f"{X.shape[0]:,}", k, function, f"{own:.3f}", f"{own / one_pass:,.0f}",
                    f"{megabytes(ours):.0f}", f"{np.median(seconds['plain']):.3f}",
                    f"{np.median(seconds['plain'] / seconds['ours']):.1f}",
                )  # fmt: skip
                print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def pool(path: Path, n_rows: int) -> tuple[Any, Any]:
    """TF-IDF rows, and what a model of the first few labels thinks of them."""
    texts, y, _, _ = split(load_file(path))
    X = TfidfVectorizer(sublinear_tf=True, min_df=2).fit_transform(texts)
    rows = np.random.RandomState(0).permutation(X.shape[0])[:n_rows]
    X, y = X[rows], y[rows]
    model = LogisticRegression(C=10).fit(X[: 10 * N_LABELED], y[: 10 * N_LABELED])
    return X, model.predict_proba(X)


def calls(X: Any, proba: Any, k: int) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    known = np.arange(N_LABELED)
    scores = fastal.margin(proba)
    return {
        "typiclust": (
            lambda: fastal.typiclust(X, k, known, random_state=0),
            lambda: plain_typiclust(X, k, known),
        ),
        "max_herding": (
            lambda: fastal.max_herding(X, k, known),
            lambda: plain_herding(np.ones(X.shape[0]), X, k, known),
        ),
        "uncertainty_herding": (
            lambda: fastal.uncertainty_herding(scores, X, k, known),
            lambda: plain_herding(scores, X, k, known),
        ),
        "falcun": (
            lambda: fastal.falcun(proba, k, known, random_state=0),
            lambda: _reference.falcun(proba, k, known, random_state=0),
        ),
    }


def plain_typiclust(X: Any, k: int, known: Any) -> list[int]:
    n_clusters = min(known.size + k, 500)
    labels = KMeans(n_clusters, n_init=1, random_state=0, max_iter=100).fit_predict(X)
    sizes = np.bincount(labels, minlength=n_clusters)
    order = np.lexsort((-sizes, np.bincount(labels[known], minlength=n_clusters)))
    picks: list[int] = []
    for cluster in [c for c in order if sizes[c] >= 5][:k]:
        rows = np.flatnonzero(labels == cluster)
        search = NearestNeighbors(n_neighbors=min(20, rows.size - 1)).fit(X[rows])
        order_in = np.argsort(search.kneighbors()[0].mean(axis=1))
        picks += [row for row in rows[order_in] if row not in known][:1]
    return picks


def plain_herding(scores: Any, X: Any, k: int, known: Any) -> list[int]:
    kernel = rbf_kernel(X, gamma=1.0)
    covered = kernel[:, known].max(axis=1)
    picks: list[int] = []
    for _ in range(k):
        gains = scores @ np.maximum(kernel - covered[:, np.newaxis], 0.0)
        gains[known] = gains[picks] = -1.0
        picks.append(int(gains.argmax()))
        covered = np.maximum(covered, kernel[:, picks[-1]])
    return picks


def megabytes(call: Callable[[], Any]) -> float:
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 1e6


if __name__ == "__main__":
    main()
