"""Measure rounds of active learning: a fitted model, a pool, and the next rows to label.

    python benchmarks/rounds.py [--data FOLDER] [--only SECTION ...] [--quick]

Sections: fused (from a linear model and sparse rows to the picks), gradient (expected gradient
length beside the entropy), models (those that are read, and one that is not), committee, memory
(above the pool), peers (modAL and scikit-activeml), end_to_end (rounds of three sizes), text
(files of short documents) and profile (where the time goes). FOLDER holds novels_sentences.parquet
(columns text, label).

Contestants run in turn in one process on a warm heap, by the clock on the wall, on the threads
they would use anyway; numbers are medians over the rounds, the quartiles in brackets, and so are
ratios, which are taken round by round.  Sections with memory run each contestant in a process of
its own, on a heap as it comes; what counts are anonymous pages, those of its child processes
included, and not the pages of a mapped file.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib
import json
import os
import pickle
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

# Before NumPy: BLAS reads it once.  (Not OMP_NUM_THREADS, which fastal goes by.)
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
import scipy.sparse as sp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fastal
from benchmarks import _data, one_thread, passes
from benchmarks.bench_pool import ITERATIONS, fitted, quiet, random_labels
from benchmarks.passes import ARRAYS, MB, Call, Record, machine, show, status_bytes, wall
from benchmarks.ratios import numpy_vote_entropy, warm_heap
from fastal import _reference as reference
from fastal._best import Best
from fastal._linear import SOFTMAX, read_linear
from fastal._matrix_rows import MatrixRows, decisions_csr, known_entries
from fastal._pool_scores import PoolScorer, scores_of_decisions
from fastal._proba import class_probabilities
from fastal._threads import MIN_SHARE, over_blocks
from fastal._validation import read_only

K = 100
LABELED = (200, 5000)
MIB = 2**20
MEMORY_LIMIT = 64 * MIB
# Of the memory that is free, the share a child may take before it gets a MemoryError.
SHARE_OF_MEMORY = 0.8
NO_LIMIT = {"required": "-", "met": "-"}
TERMS_MAPPED = 20
SCORES = ("entropy", "margin", "least_confidence")
FASTAL, PLAIN = "fastal", "scikit-learn + NumPy"
MODAL, ACTIVEML = "modAL", "scikit-activeml"


# --- the clock


def in_rounds(calls: dict[str, Call], rounds: int) -> tuple[dict[str, np.ndarray], Record]:
    """Time the calls in turn; what each returned in a run beforehand is the second result."""
    results = {label: call() for label, call in calls.items()}
    seconds: dict[str, list[float]] = {label: [] for label in calls}
    for i in range(rounds):
        # The order turns round, so that no call always runs in the wake of the same other one.
        for label in list(calls) if i % 2 == 0 else list(reversed(calls)):
            seconds[label].append(wall(calls[label]))
    return {label: np.array(taken) for label, taken in seconds.items()}, results


def limits(values: np.ndarray, at_least: float = 0, at_most: float = 0) -> Record:
    """Return the columns that say what is required of a ratio and whether it is met."""
    middle = float(np.median(values))
    if at_least:
        return {"required": f">= {at_least:g}", "met": middle >= at_least}
    return {"required": f"<= {at_most:g}", "met": middle <= at_most}


# --- without fastal


def first_k(scores: np.ndarray, k: int = K) -> np.ndarray:
    rows = np.argpartition(scores, len(scores) - k)[len(scores) - k :]
    return rows[np.argsort(-scores[rows])]


def unfused(model: Any, X: Any, score: str, k: int = K) -> tuple[np.ndarray, np.ndarray]:
    """Return the picks and the scores of all rows, through the probabilities of all rows."""
    scores = getattr(reference, score)(class_probabilities(model, X))
    return first_k(scores, k), scores


def compared(picks: np.ndarray, expected: tuple[np.ndarray, np.ndarray]) -> str:
    rows, scores = expected
    if np.array_equal(np.sort(picks), np.sort(rows)):
        return "same"
    # Equal scores may come out as different rows, and scores differ by rounding.
    both = np.sort(scores[picks]), np.sort(scores[rows])
    return "same but for ties" if np.allclose(*both, rtol=0, atol=1e-9) else "PICKS DIFFER"


def bare_product(model: Any, X: Any) -> Call:
    """Return what makes X @ weights + intercept by fastal's kernel and threads, no more."""
    from fastal import _kernels_linear

    linear = read_linear(model)
    assert linear is not None
    n_columns = linear.weights.shape[1]
    # Copied here, if they are to be: the product is given its weights in order.
    weights, intercept = read_only(linear.weights), read_only(linear.intercept)
    entries = *(read_only(getattr(X, array)) for array in ARRAYS), 0
    kernel: Any = _kernels_linear.decisions_csr
    if n_columns == 1:
        kernel, weights = _kernels_linear.decisions_csr_one, weights[:, 0]
    block = max(256, min(2**15, 2**16 // n_columns))

    def product() -> np.ndarray:
        out = np.empty((X.shape[0], n_columns))

        def one_block(share: int, start: int, stop: int) -> None:
            kernel(start, stop, *entries, weights, intercept, out[start:stop])

        over_blocks(one_block, X.shape[0], block, X.nnz * n_columns // MIN_SHARE)
        return out

    return product


def votes_by_numpy(committee: Any, X: Any) -> tuple[np.ndarray, np.ndarray]:
    n_classes = len(committee.classes_)
    votes = np.stack([member.predict(X) for member in committee.members_], axis=1)
    scores = numpy_vote_entropy(votes, n_classes)  # the labels are 0, 1, 2, ...
    return first_k(scores), scores


def consensus_by_numpy(committee: Any, X: Any) -> tuple[np.ndarray, np.ndarray]:
    total = np.zeros((X.shape[0], len(committee.classes_)))
    for member in committee.members_:
        if len(member.classes_) == len(committee.classes_):
            total += member.predict_proba(X)
        else:
            total[:, np.searchsorted(committee.classes_, member.classes_)] += member.predict_proba(
                X
            )
    total /= len(committee.members_)
    scores = reference.entropy(total)
    return first_k(scores), scores


# --- pools and models


def novels(args: argparse.Namespace) -> tuple[list[str], np.ndarray]:
    """Return sentences and their authors' numbers, the author of most sentences being 0."""
    from pyarrow import parquet

    columns = ["text", "label"]
    table = parquet.read_table(args.data / "novels_sentences.parquet", columns=columns)
    texts, authors = (table[column].to_pylist() for column in columns)
    step = max(1, len(texts) // args.rows) if args.quick else 1
    _, codes, counts = np.unique(authors[::step], return_inverse=True, return_counts=True)
    place = np.empty(len(counts), dtype=np.int64)
    place[np.argsort(-counts, kind="stable")] = np.arange(len(counts))
    return [text or "" for text in texts[::step]], place[codes]


def synthetic_models(X: Any, n_classes: int, n_labeled: int) -> Any:
    y = random_labels(n_labeled, n_classes)
    return fitted(X, _data.labeled_rows(X.shape[0], n_labeled), y)


def novel_models(X: Any, n_classes: int, n_labeled: int, authors: np.ndarray) -> Any:
    """Fit a model to rows of the most frequent authors only; the pool has the others as well."""
    among = np.flatnonzero(authors < n_classes)
    rows = among[_data.labeled_rows(len(among), n_labeled)]
    return fitted(X, rows, authors[rows])


def pools(args: argparse.Namespace) -> Iterator[tuple[str, Any, Callable[..., Any]]]:
    """Yield name, rows and what fits a model of so many classes to so many of the rows."""
    yield "synthetic", _data.text_pool(args.rows), synthetic_models
    if args.data:
        from sklearn.feature_extraction.text import TfidfVectorizer

        texts, authors = novels(args)
        X = TfidfVectorizer().fit_transform(texts)
        del texts
        yield "novels_sentences", X, partial(novel_models, authors=authors)


def made_model(n_features: int, n_classes: int, known: float) -> Any:
    """Return a logistic regression that knows a share of the terms, without fitting it."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(0)
    model = LogisticRegression()
    model.classes_ = np.arange(n_classes)
    model.coef_ = rng.standard_normal((1 if n_classes == 2 else n_classes, n_features))
    model.coef_ *= rng.random(n_features) < known
    model.intercept_ = np.zeros(len(model.coef_))
    model.n_features_in_ = n_features
    return model


def numbers_labeled(X: Any) -> tuple[int, ...]:
    return tuple(min(n, X.shape[0] // 10) for n in LABELED)


def known_terms(model: Any) -> str:
    return f"{np.mean(model.coef_.any(axis=0)):.0%}"


# --- fused


def fused(args: argparse.Namespace) -> Iterator[Record]:
    for name, X, model_of in pools(args):
        for n_classes in (2, 20):
            for n_labeled in numbers_labeled(X):
                model = model_of(X, n_classes, n_labeled)
                for score in SCORES[:1] if args.quick else SCORES:
                    about = {"pool": name, "rows": X.shape[0], "terms a row": X.nnz / X.shape[0]}
                    about |= {"classes": len(model.classes_), "labelled": n_labeled}
                    about |= {"terms known": known_terms(model), "score": score}
                    yield about | fused_case(model, X, score, args.rounds)


def fused_case(model: Any, X: Any, score: str, rounds: int) -> Record:
    weights = np.ascontiguousarray(model.coef_.T)
    calls: dict[str, Call] = {
        "fused": partial(fastal.query_pool, model, X, K, score),
        "unfused": partial(unfused, model, X, score),
    }
    if score == "entropy":
        calls |= {"bare": bare_product(model, X), "scipy": lambda: X @ weights}
    seconds, results = in_rounds(calls, rounds)
    ours = seconds["fused"]
    record = {f"{label} s": seconds[label] for label in ("fused", "unfused")}
    faster = seconds["unfused"] / ours
    record |= {"x unfused": faster} | limits(faster, at_least=3)
    for label in ("bare", "scipy"):
        record[f"{label} s"] = seconds.get(label, "-")
        record[f"times {label}"] = ours / seconds[label] if label in seconds else "-"
    met = limits(record["times bare"], at_most=1.3) if "bare" in seconds else dict(NO_LIMIT)
    record |= {f"{column} (bare)": value for column, value in met.items()}
    return record | {"picks": compared(results["fused"], results["unfused"])}


# --- gradient


def gradient(args: argparse.Namespace) -> Iterator[Record]:
    """Time the expected gradient length beside the entropy, both in the one read of the pool."""
    for name, X, model_of in pools(args):
        for n_classes in (2, 20):
            for n_labeled in numbers_labeled(X):
                model = model_of(X, n_classes, n_labeled)
                calls = {
                    score: partial(fastal.query_pool, model, X, K, score)
                    for score in ("expected_gradient_length", "entropy")
                }
                seconds, results = in_rounds(calls, args.rounds)
                ours, entropy = seconds.values()
                scores = fastal.expected_gradient_length(model.decision_function(X), X)
                picks = results["expected_gradient_length"]
                yield {
                    "pool": name,
                    "rows": X.shape[0],
                    "classes": len(model.classes_),
                    "labelled": n_labeled,
                    "terms known": known_terms(model),
                    "gradient s": ours,
                    "entropy s": entropy,
                    "times entropy": ours / entropy,
                    **limits(ours / entropy, at_most=1.2),
                    "picks": compared(picks, (first_k(scores), scores)),
                }


# --- models


def estimators() -> dict[str, Any]:
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.feature_selection import SelectKBest, chi2
    from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import LinearSVC

    logistic = LogisticRegression(C=10, max_iter=ITERATIONS)
    return {
        "LogisticRegression": logistic,
        "SGD log_loss": SGDClassifier(loss="log_loss", random_state=0),
        "SGD modified_huber": SGDClassifier(loss="modified_huber", random_state=0),
        "LinearSVC": LinearSVC(random_state=0),
        "RidgeClassifier": RidgeClassifier(),
        "MultinomialNB": MultinomialNB(alpha=0.1),
        "ComplementNB": ComplementNB(alpha=0.1),
        "BernoulliNB": BernoulliNB(alpha=0.1),
        "calibrated LinearSVC, sigmoid": CalibratedClassifierCV(LinearSVC(random_state=0), cv=3),
        "calibrated LinearSVC, isotonic": CalibratedClassifierCV(
            LinearSVC(random_state=0), method="isotonic", cv=3
        ),
        "one-vs-rest LogisticRegression": OneVsRestClassifier(logistic),
        "SelectKBest, LogisticRegression": make_pipeline(SelectKBest(chi2, k=5000), logistic),
        "RandomForest (not linear)": RandomForestClassifier(20, max_depth=10, random_state=0),
    }


def models(args: argparse.Namespace) -> Iterator[Record]:
    X = _data.text_pool(min(args.rows, 100_000))
    n_labeled = 2000
    rows, y = _data.labeled_rows(X.shape[0], n_labeled), random_labels(n_labeled, 20)
    for name, estimator in estimators().items():
        model = quiet(estimator.fit)(X[rows], y)
        calls = {
            "fused": partial(fastal.query_pool, model, X, K, "entropy"),
            "unfused": partial(unfused, model, X, "entropy"),
        }
        seconds, results = in_rounds(calls, args.rounds)
        yield {
            "model": name,
            "rows": X.shape[0],
            "read as linear": PoolScorer(model, "entropy").linear is not None,
            "fused s": seconds["fused"],
            "unfused s": seconds["unfused"],
            "x unfused": seconds["unfused"] / seconds["fused"],
            "picks": compared(results["fused"], results["unfused"]),
        }


# --- committee


def committee(args: argparse.Namespace) -> Iterator[Record]:
    X = _data.text_pool(min(args.rows, 200_000))
    by_numpy = {"vote_entropy": votes_by_numpy, "consensus_entropy": consensus_by_numpy}
    for n_labeled in numbers_labeled(X):
        members = fitted_committee(X, n_labeled)
        for score, rival in by_numpy.items():
            calls = {
                "fused": partial(fastal.query_pool, members, X, K, score),
                "unfused": partial(rival, members, X),
            }
            seconds, results = in_rounds(calls, args.rounds)
            ratio = seconds["unfused"] / seconds["fused"]
            yield {
                "score": score,
                "rows": X.shape[0],
                "members": len(members.members_),
                "labelled": n_labeled,
                "fused s": seconds["fused"],
                "unfused s": seconds["unfused"],
                "x unfused": ratio,
                **limits(ratio, at_least=8),
                "picks": compared(results["fused"], results["unfused"]),
            }


@quiet
def fitted_committee(X: Any, n_labeled: int) -> Any:
    from fastal._models import SparseLogisticRegression

    rows, y = _data.labeled_rows(X.shape[0], n_labeled), random_labels(n_labeled, 20)
    member = SparseLogisticRegression(C=10, max_iter=ITERATIONS)
    return fastal.Committee(member, n_members=10, random_state=0).fit(X[rows], y)


# --- pools on disk


def saved_pool(args: argparse.Namespace, n_rows: int, mapped: bool) -> Path:
    """Return the folder of a pool, which is written at first; later ones find it there."""
    folder = Path(args.scratch, f"pool-{n_rows}-{mapped}")
    if folder.exists():
        return folder
    terms = TERMS_MAPPED if mapped else 80
    free = shutil.disk_usage(args.scratch).free
    if free < 1.5 * 12 * terms * n_rows:
        raise OSError(f"no room: {free / 1e9:.1f} GB free in {args.scratch}")
    folder.mkdir()
    if mapped:
        write_blocks(folder, n_rows)
    else:
        write_pool(folder, _data.text_pool(n_rows, terms))
    return folder


def write_pool(folder: Path, X: Any) -> None:
    for array in ARRAYS:
        np.save(folder / f"{array}.npy", getattr(X, array))
    (folder / "shape.json").write_text(json.dumps(X.shape))


def write_blocks(folder: Path, n_rows: int) -> None:
    """Write a pool that need not fit the memory: rows of a small one, weights changed a little."""
    base = _data.text_pool(min(n_rows, 200_000), TERMS_MAPPED)
    copies = n_rows // base.shape[0]
    shape = (copies * base.shape[0], base.shape[1])
    # More entries than int32 counts would make scipy copy the indices.
    types = {"data": base.data.dtype, "indices": np.int32, "indptr": np.int32}
    sizes = {"data": copies * base.nnz, "indices": copies * base.nnz, "indptr": shape[0] + 1}
    assert sizes["data"] < 2**31
    out = {
        array: np.lib.format.open_memmap(
            folder / f"{array}.npy", mode="w+", dtype=types[array], shape=(sizes[array],)
        )
        for array in ARRAYS
    }
    for copy in range(copies):
        rng = np.random.default_rng(copy)
        block = base[rng.permutation(base.shape[0])]
        own = slice(copy * base.nnz, (copy + 1) * base.nnz)
        out["data"][own] = block.data * rng.uniform(0.9, 1.1, base.nnz)
        out["indices"][own] = block.indices
        first = copy * base.shape[0]
        out["indptr"][first + 1 : first + base.shape[0] + 1] = block.indptr[1:] + own.start
    (folder / "shape.json").write_text(json.dumps(shape))


def open_pool(folder: Path, mapped: bool) -> Any:
    mode = "r" if mapped else None
    arrays = [np.load(folder / f"{array}.npy", mmap_mode=mode) for array in ARRAYS]
    return sp.csr_matrix(tuple(arrays), shape=json.loads((folder / "shape.json").read_text()))


# --- in a process of its own


def in_child(task: str, python: str = sys.executable, **options: Any) -> Record:
    """Run a task in another process: it says when it is ready, when done once, and what it took.

    From the first to the second, its memory is watched from here: a watcher inside would wait for
    the interpreter's lock just when memory is highest.
    """
    command = [python, __file__, "--child", task, json.dumps(options)]
    with (
        tempfile.TemporaryFile("w+") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, bufsize=0) as process,
    ):
        out = process.stdout
        assert out is not None
        record: Record = json.loads(out.readline() or "{}")
        peak = 0
        while "before" in record:
            peak = max(peak, anonymous(process.pid))
            if select.select([out], [], [], 0.002)[0]:
                record |= json.loads(out.readline() or "{}")
                record |= json.loads(out.readline() or "{}")
                break
        if process.wait() and "problem" not in record:
            errors.seek(0)
            record["problem"] = died(process.returncode, errors.read())
    if "problem" not in record:
        record["above"] = max(0, peak - record["before"])
    return record


def died(code: int, errors: str) -> str:
    last = (errors.strip().splitlines() or [""])[-1]
    return "killed (memory)" if code == -9 else f"died with {code}: {last}"


def anonymous(process: int | str) -> int:
    """Bytes of anonymous memory of a process and its children; 0 for one that has ended."""
    total = 0
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += 1024 * int(line.split()[1])
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in (thread / "children").read_text().split():
                total += anonymous(child)
    return total


def child(task: str, options: Record) -> None:
    """Prepare a task, do it once while the parent watches, then as often as it is to be timed."""
    rounds = options.pop("rounds", 0)
    limit_memory()
    try:
        call, about = CHILDREN[task](**options)
        with contextlib.suppress(OSError, AttributeError):  # memory freed, but kept by glibc
            ctypes.CDLL(None).malloc_trim(0)
        tell({"before": status_bytes("RssAnon")} | about)
        once = wall(call)
        tell({})
        taken = [wall(call) for _ in range(rounds)] or [once]
        tell({"seconds": taken})
    except ModuleNotFoundError as error:
        tell({"problem": f"not installed ({error.name})"})
    except MemoryError as error:
        tell({"problem": f"does not fit: {error}"})
    except Exception as error:
        tell({"problem": f"{type(error).__name__}: {error}"})


def tell(record: Record) -> None:
    print(json.dumps(record), flush=True)


def available() -> int:
    for line in Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return 1024 * int(line.split()[1])
    raise OSError("/proc/meminfo has no MemAvailable")


def limit_memory() -> None:
    """Have a call that takes too much fail by itself, not by the kernel's choice of a victim."""
    import resource

    most = int(SHARE_OF_MEMORY * available())
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))


def query_task(
    folder: str, mapped: bool, contestant: str, n_classes: int, known: float
) -> tuple[Call, Record]:
    """A query with a model that is there: nothing is labelled, nothing fitted."""
    X = open_pool(Path(folder), mapped)
    model = made_model(X.shape[1], n_classes, known)
    query = CONTESTANTS[contestant]
    query(model, X[:1000].copy(), None, None)()  # imports and compiles
    return query(model, X, None, None), {"model": model.coef_.nbytes}


@quiet
def peer_task(folder: str, contestant: str, dense_rows: int) -> tuple[Call, Record]:
    """A round as a user writes it, with a model fitted to 200 rows; 0 dense rows: sparse ones."""
    from sklearn.linear_model import LogisticRegression

    X = open_pool(Path(folder), mapped=False)
    if dense_rows:
        X = X[:dense_rows].toarray()
    rows, y = _data.labeled_rows(X.shape[0], 200), random_labels(200, 20)
    model = LogisticRegression(C=10, max_iter=ITERATIONS)
    query = CONTESTANTS[contestant]
    if contestant in (FASTAL, PLAIN):
        model.fit(X[rows], y)
    few = np.union1d(rows, np.arange(500))
    query(model, X[few], np.searchsorted(few, rows), y)()
    return query(model, X, rows, y), {"rows": X.shape[0]}


def by_fastal(model: Any, X: Any, rows: Any, y: Any) -> Call:
    return partial(fastal.query_pool, model, X, K, "entropy", exclude=rows)


def by_hand(model: Any, X: Any, rows: Any, y: Any) -> Call:
    return partial(unfused, model, X, "entropy")


def by_modal(model: Any, X: Any, rows: Any, y: Any) -> Call:
    importlib.import_module("modAL")
    from modAL.models import ActiveLearner
    from modAL.uncertainty import entropy_sampling

    known = {} if rows is None else {"X_training": X[rows], "y_training": y}
    learner = ActiveLearner(estimator=model, query_strategy=entropy_sampling, **known)
    return partial(learner.query, X, n_instances=K)


def by_activeml(model: Any, X: Any, rows: Any, y: Any) -> Call:
    importlib.import_module("skactiveml")
    from skactiveml.classifier import SklearnClassifier
    from skactiveml.pool import UncertaintySampling

    labels = np.full(X.shape[0], np.nan)
    labels[rows] = y
    learner = SklearnClassifier(model, classes=np.arange(20), random_state=0).fit(X, labels)
    strategy = UncertaintySampling(method="entropy", random_state=0)
    return partial(strategy.query, X, labels, learner, fit_clf=False, batch_size=K)


CONTESTANTS: dict[str, Callable[..., Call]] = {
    FASTAL: by_fastal,
    PLAIN: by_hand,
    MODAL: by_modal,
    ACTIVEML: by_activeml,
}


def predict_task(
    folder: str, mapped: bool, contestant: str, n_classes: int, known: float
) -> tuple[Call, Record]:
    """Only the probabilities, of which the scores would have to be made."""
    X = open_pool(Path(folder), mapped)
    model = made_model(X.shape[1], n_classes, known)
    model.predict_proba(X[:1000])
    return partial(model.predict_proba, X), {"model": model.coef_.nbytes}


# --- memory and peers


def sizes(args: argparse.Namespace) -> list[tuple[int, bool]]:
    if args.quick:
        return [(args.rows, False), (args.rows, True)]
    return [(100_000, False), (1_000_000, False), (10_000_000, True)]


def pools_on_disk(args: argparse.Namespace) -> Iterator[tuple[Path, Record]]:
    for n_rows, mapped in sizes(args):
        try:
            folder = saved_pool(args, n_rows, mapped)
        except OSError as error:
            print(f"\n{n_rows:,} rows: {error}\n", file=sys.stderr)
            continue
        about = {"rows": n_rows, "pool": "mapped" if mapped else "in memory"}
        yield folder, about | {"MB of the pool": bytes_of(folder) / MB}


def memory(args: argparse.Namespace) -> Iterator[Record]:
    calls = {"query": "query_pool", "predict": "predict_proba"}
    for folder, about in pools_on_disk(args):
        for n_classes in (20,) if args.quick else (2, 20, 200):
            for task, known in (("query", 0.1), ("query", 1.0), ("predict", 1.0)):
                options = {"folder": str(folder), "mapped": about["pool"] == "mapped"}
                options |= {"n_classes": n_classes, "known": known, "contestant": FASTAL}
                done = in_child(task, **options)
                yield about | {
                    "call": calls[task],
                    "classes": n_classes,
                    "terms known": f"{known:.0%}",
                    "MiB of the model": done.get("model", 0) / MIB,
                    "s": np.array(done["seconds"]) if "seconds" in done else "-",
                    "MiB above": done["above"] / MIB if "above" in done else "-",
                    **(memory_limit(done) if task == "query" else NO_LIMIT),
                    "problem": problem(done),
                }


def memory_limit(done: Record) -> Record:
    met = done.get("above", MEMORY_LIMIT) < MEMORY_LIMIT
    return {"required": f"< {MEMORY_LIMIT // MIB}", "met": met}


def problem(done: Record) -> str:
    return str(done.get("problem", "")).replace("\n", " ")[:120]


def bytes_of(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("*.npy"))


def peers(args: argparse.Namespace) -> Iterator[Record]:
    n_rows, dense = (args.rows, 2000) if args.quick else (100_000, 10_000)
    folder = saved_pool(args, n_rows, mapped=False)
    cases = [(FASTAL, 0), (PLAIN, 0), (MODAL, 0), (ACTIVEML, 0)]
    cases += [(FASTAL, dense), (PLAIN, dense), (MODAL, dense), (ACTIVEML, dense)]
    for contestant, dense_rows in cases:
        done = in_child(
            "peer",
            args.peers_python,
            folder=str(folder),
            contestant=contestant,
            dense_rows=dense_rows,
            rounds=args.rounds,
        )
        yield {
            "with": contestant,
            "rows": dense_rows or n_rows,
            "pool": "dense" if dense_rows else "sparse",
            **outcome(done),
        }


def end_to_end(args: argparse.Namespace) -> Iterator[Record]:
    for folder, about in pools_on_disk(args):
        for contestant in (FASTAL, PLAIN, MODAL):
            options = {"folder": str(folder), "mapped": about["pool"] == "mapped"}
            options |= {"n_classes": 20, "known": 0.5, "contestant": contestant, "rounds": 3}
            done = in_child("query", args.peers_python, **options)
            yield {"with": contestant} | about | outcome(done)


def plot(records: list[Record], file: Path) -> None:
    """Seconds and memory of the rounds of `end_to_end`, over the rows of the pool."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(11, 4.5), layout="constrained")
    done = [record for record in records if not record["problem"]]
    for axes, y in zip(panels, ("s", "MB above the pool"), strict=True):
        for contestant in dict.fromkeys(record["with"] for record in done):
            own = [record for record in done if record["with"] == contestant]
            values = [float(np.median(record[y])) for record in own]
            axes.loglog([record["rows"] for record in own], values, "o-", label=contestant)
        axes.set(xlabel="rows of the pool (the last one is memory-mapped)")
        axes.grid(True, which="major", alpha=0.4)
        axes.legend()
    panels[0].set(ylabel="seconds", title="One round: the next 100 rows")
    panels[1].set(ylabel="MB above the pool", title="Memory it takes")
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


def outcome(done: Record) -> Record:
    return {
        "s": np.array(done["seconds"]) if "seconds" in done else "-",
        "MB above the pool": done["above"] / MB if "above" in done else "-",
        "problem": problem(done),
    }


# --- text


def documents(args: argparse.Namespace, n: int) -> Iterator[str]:
    if args.data:
        texts, _ = novels(args)
    else:
        rng = np.random.default_rng(0)
        words = np.array([f"word{i}" for i in range(20_000)])
        lengths = rng.integers(5, 30, 10_000)
        ranks = [(np.exp(rng.random(m) * np.log(20_000))).astype(int) for m in lengths]
        texts = [" ".join(words[rank - 1]) for rank in ranks]
    for i in range(n):
        yield f"{texts[i % len(texts)]} {i}"


def write_documents(args: argparse.Namespace, n: int) -> dict[str, Path]:
    import pyarrow as pa
    from pyarrow import parquet

    paths = {kind: Path(args.scratch, f"texts.{kind}") for kind in ("parquet", "jsonl")}
    texts = list(documents(args, n))
    parquet.write_table(pa.table({"text": texts}), paths["parquet"])
    with paths["jsonl"].open("w", encoding="utf-8") as file:
        file.writelines(json.dumps({"text": text}) + "\n" for text in texts)
    return paths


def text_pipeline(path: Path) -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.pipeline import make_pipeline

    texts = next(iter(fastal.TextFile(path, block_rows=2000)))
    vectorizer = HashingVectorizer(n_features=2**18)
    model = fitted(vectorizer.transform(texts), np.arange(2000), random_labels(2000, 20))
    return make_pipeline(vectorizer, model)


def text(args: argparse.Namespace) -> Iterator[Record]:
    n = 20_000 if args.quick else 1_000_000
    for kind, path in write_documents(args, n).items():
        pipeline = text_pipeline(path)
        pickled = Path(args.scratch, "pipeline.pickle")
        pickled.write_bytes(pickle.dumps(pipeline))
        seconds, _ = in_rounds(text_calls(path, pipeline), 1 if args.quick else 3)
        ours = seconds["1 job"]
        options = {"path": str(path), "pipeline": str(pickled)}
        done = [in_child("text", n_jobs=jobs, **options) for jobs in (1, 2)]
        ratio = seconds["both"] / ours
        yield {
            "file": kind,
            "documents": n,
            "reading s": seconds["reading"],
            "vectoriser s": seconds["vectoriser"],
            "both s": seconds["both"],
            "query_pool s": ours,
            "speed of both": ratio,
            **limits(ratio, at_least=0.9),
            "speed of the vectoriser": seconds["vectoriser"] / ours,
            "n_jobs=2 s": seconds["2 jobs"],
            "x one job": ours / seconds["2 jobs"],
            "MiB above": done[0]["above"] / MIB if "above" in done[0] else done[0]["problem"],
            "n_jobs=2": done[1]["above"] / MIB if "above" in done[1] else done[1]["problem"],
        }


def text_calls(path: Path, pipeline: Any) -> dict[str, Call]:
    vectorizer, file = pipeline[0], fastal.TextFile(path)
    blocks = list(file)

    def transform(source: Any) -> None:
        for block in source:
            vectorizer.transform(block)

    return {
        "reading": lambda: sum(len(block) for block in file),
        "vectoriser": partial(transform, blocks),
        "both": partial(transform, file),
        "1 job": partial(fastal.query_pool, pipeline, file, K, "entropy"),
        "2 jobs": partial(fastal.query_pool, pipeline, file, K, "entropy", n_jobs=2),
    }


def text_task(path: str, pipeline: str, n_jobs: int) -> tuple[Call, Record]:
    model = pickle.loads(Path(pipeline).read_bytes())
    fastal.query_pool(model, next(iter(fastal.TextFile(path))), K, "entropy")
    return partial(
        fastal.query_pool, model, fastal.TextFile(path), K, "entropy", n_jobs=n_jobs
    ), {}


CHILDREN: dict[str, Callable[..., tuple[Call, Record]]] = {
    "query": query_task,
    "predict": predict_task,
    "peer": peer_task,
    "text": text_task,
}


# --- profile


def profile(args: argparse.Namespace) -> Iterator[Record]:
    """Each kernel by itself, block by block as a query calls them, and the query; one thread."""
    X = _data.text_pool(args.rows)
    before = os.environ.get("FASTAL_NUM_THREADS")
    one_thread()
    for n_classes in (2, 20):
        for n_labeled in numbers_labeled(X):
            model = synthetic_models(X, n_classes, n_labeled)
            whole = partial(fastal.query_pool, model, X, K, "entropy")
            whole()
            parts_of(model, X)
            shares, totals = [], []
            for _ in range(args.rounds):
                parts, total = parts_of(model, X), wall(whole)
                parts["Python, rest"] = total - sum(parts.values())
                shares.append({label: 100 * taken / total for label, taken in parts.items()})
                totals.append(total)
            about = {"classes": n_classes, "labelled": n_labeled, "rows": X.shape[0]}
            about |= {"terms known": known_terms(model), "s": np.array(totals)}
            yield about | {
                f"{label} %": np.array([share[label] for share in shares]) for label in shares[0]
            }
    if before is None:
        del os.environ["FASTAL_NUM_THREADS"]
    else:
        os.environ["FASTAL_NUM_THREADS"] = before


def parts_of(estimator: Any, X: Any) -> dict[str, float]:
    """Return the seconds of each part of a query with entropy."""
    labels = ("reading the model", "known_entries", "decisions", "scores", "selection")
    taken = dict.fromkeys(labels, 0.0)

    def timed(label: str, call: Callable[..., Any], *arguments: Any) -> Any:
        start = time.perf_counter()
        result = call(*arguments)
        taken[label] += time.perf_counter() - start
        return result

    scorer = timed("reading the model", PoolScorer, estimator, "entropy")
    timed("reading the model", scorer._prepare, True)
    (model,) = scorer.linear
    assert model.link == SOFTMAX
    rows, best = MatrixRows(X, model.n_features, "X_pool"), Best(K, keep_ties=False)
    step = max(256, min(2**15, 2**16 // model.weights.shape[1]))
    for start in range(0, rows.n_rows, step):
        entries = rows._entries(start, min(start + step, rows.n_rows))
        if model.places is not None:
            entries = timed("known_entries", known_entries, *entries, model.places)
        decisions = timed("decisions", decisions_csr, model, *entries)
        scores = timed("scores", scores_of_decisions, model, "entropy", decisions)
        timed("selection", best.offer, start, scores)
    timed("selection", best.result, None)
    return taken


# --- what is printed


def cells(record: Record) -> dict[str, str]:
    return {column: cell(value) for column, value in record.items() if column != "section"}


def cell(value: Any) -> str:
    if isinstance(value, np.ndarray):
        low, middle, high = np.quantile(value, [0.25, 0.5, 0.75])
        shown = f"{middle:.3g}"
        return shown if value.size < 3 else f"{shown} ({low:.3g}-{high:.3g})"
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "NO"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


SECTIONS: dict[str, Callable[[argparse.Namespace], Iterator[Record]]] = {
    "fused": fused,
    "gradient": gradient,
    "models": models,
    "committee": committee,
    "memory": memory,
    "peers": peers,
    "end_to_end": end_to_end,
    "text": text,
    "profile": profile,
}


def arguments() -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--data", type=Path, metavar="FOLDER", help="with novels_sentences.parquet"
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--quick", action="store_true", help="20,000 rows, 3 rounds")
    parser.add_argument("--rows", type=int, help="of synthetic pools in memory (1,000,000)")
    parser.add_argument("--rounds", type=int, help="how often each contestant is timed (7)")
    parser.add_argument("--peers-python", default=sys.executable, metavar="PATH", help=PEERS)
    parser.add_argument("--scratch", type=Path, metavar="FOLDER", help="for pools on disk, 5 GB")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="picture of end_to_end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.rows = args.rows or (20_000 if args.quick else 1_000_000)
    args.rounds = args.rounds or (3 if args.quick else 7)
    return args


PEERS = "the interpreter that has modAL-python, scikit-activeml and fastal"


def main() -> None:
    args = arguments()
    if args.child:
        return child(args.child[0], json.loads(args.child[1]))
    if not warm_heap():
        print("No mallopt here: the heap is as warm as this platform keeps it.", file=sys.stderr)
    # `show` looks there for what a section prints.
    passes.SECTIONS = {name: (section, cells) for name, section in SECTIONS.items()}
    print(machine())
    with tempfile.TemporaryDirectory(dir=args.scratch) as args.scratch:
        records: list[Record] = []
        for section in args.only:
            for record in show(section, SECTIONS[section](args)):
                records.append(record)
                if args.json:  # after every line: a long run may be cut short
                    about = {"machine": machine(), "records": records}
                    args.json.write_text(json.dumps(about, default=lambda value: value.tolist()))
        if args.plot:
            plot([record for record in records if "MB above the pool" in record], args.plot)
    return None


if __name__ == "__main__":
    main()
