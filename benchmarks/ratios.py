"""Measure the ratios fastal promises and print them as a Markdown table.

    python benchmarks/ratios.py [--quick] [--long] [--data FOLDER] [--only SECTION ...]

Both sides of a ratio run in one process, in turn, on one thread and a warm heap unless the row
says otherwise, by the processor time they take; rows with two threads and with new processes go by
the clock on the wall.  A ratio is the median over the rounds, its quartiles in brackets.  FOLDER
holds 20newsgroups.parquet (columns text, label).
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

# Before NumPy: BLAS reads it once.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numba
import numpy as np
import scipy.sparse as sp
import scipy.stats

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fastal
import fastal._reference as reference
from benchmarks import _data, alternate, one_thread
from benchmarks.bench_import import BEFORE, FIRST_CALLS

Row = tuple[str, str, str, str, str]
HEADER: Row = ("case", "measure", "measured", "required", "met")
FLOAT = "float64"


def row(case: str, measure: str, values: Any, at_least: float = 0, at_most: float = 0) -> Row:
    """Format one line; without a requirement it is only reported."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    required, met = "-", "-"
    if at_least:
        required, met = f"at least {at_least:g}", "yes" if middle >= at_least else "NO"
    if at_most:
        required, met = f"at most {at_most:g}", "yes" if middle <= at_most else "NO"
    return case, measure, f"{middle:.2f} ({low:.2f}-{high:.2f})", required, met


def warm_heap() -> bool:
    """Keep freed memory in the process, so that no call pays for fresh pages (glibc only)."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    no_mmap, no_trim = (-4, 0), (-1, 2**31 - 1)
    return bool(mallopt(*no_mmap) and mallopt(*no_trim))


@numba.njit(nogil=True, error_model="numpy")
def row_sum(p: Any, out: Any) -> None:
    for i in range(p.shape[0]):
        total = 0.0
        for k in range(p.shape[1]):
            total += p[i, k]
        out[i] = total


def _row_sum_of(p: np.ndarray) -> Callable[[], None]:
    out = np.empty(len(p))
    return lambda: row_sum(p, out)


# --- scores over probabilities


def entropy(rounds: int) -> Iterator[Row]:
    shapes = [(1_000_000, 20), (1_000_000, 2), (200_000, 100)]
    for (n, c), dtype in [(shape, dtype) for shape in shapes for dtype in (FLOAT, "float32")]:
        p = _data.probabilities(n, c, dtype)
        seconds = alternate(
            {
                "fastal": partial(fastal.entropy, p),
                "row-sum": _row_sum_of(p),
                "blocked": partial(reference.entropy, p),
                "scipy": partial(scipy.stats.entropy, p, axis=1),
            },
            rounds,
        )
        case = f"entropy, {n:,} x {c}, {dtype}"
        limits = (2.5, 2.5, 10) if (n, c, dtype) == (*shapes[0], FLOAT) else (0, 0, 0)
        ours = seconds["fastal"]
        yield row(case, "times the row-sum", ours / seconds["row-sum"], at_most=limits[0])
        yield row(case, "x faster than blocked NumPy", seconds["blocked"] / ours, limits[1])
        yield row(case, "x faster than scipy.stats.entropy", seconds["scipy"] / ours, limits[2])
    yield fresh_heap(rounds)


def fresh_heap(rounds: int) -> Row:
    """Compare first large calls: every temporary is memory the process has not touched yet."""
    code = (
        "import time, numpy as np, scipy.stats, fastal\n"
        "scipy_entropy = lambda p: scipy.stats.entropy(p, axis=1)\n"
        "call = {'fastal': fastal.entropy, 'scipy': scipy_entropy}[%r]\n"
        "p = np.random.default_rng(0).dirichlet(np.full(20, 0.3), 1_000_000)\n"
        "call(p[:10]); start = time.perf_counter(); call(p); print(time.perf_counter() - start)"
    )
    seconds: dict[str, list[float]] = {"fastal": [], "scipy": []}
    for _ in range(max(3, rounds // 3)):
        for label, taken in seconds.items():
            taken.append(float(_python(code % label)))
    ratio = np.array(seconds["scipy"]) / seconds["fastal"]
    case = f"entropy, 1,000,000 x 20, {FLOAT}, fresh heap"
    return row(case, "x faster than scipy.stats.entropy", ratio)


def confidence(rounds: int) -> Iterator[Row]:
    shapes = [(1_000_000, 20), (1_000_000, 2), (200_000, 100)]
    for (n, c), dtype in [(shape, dtype) for shape in shapes for dtype in (FLOAT, "float32")]:
        p = _data.probabilities(n, c, dtype)
        names = ["margin", "least_confidence"]
        calls = {"row-sum": _row_sum_of(p)}
        for name in names:
            for module in (fastal, reference):
                calls[f"{module.__name__} {name}"] = partial(getattr(module, name), p)
        seconds = alternate(calls, rounds)
        for name in names:
            ours, theirs = (seconds[f"{m.__name__} {name}"] for m in (fastal, reference))
            limit = 2 if (n, c, dtype) == (*shapes[0], FLOAT) else 0
            case = f"{name}, {n:,} x {c}, {dtype}"
            yield row(case, "times the row-sum", ours / seconds["row-sum"], at_most=limit)
            yield row(case, "x faster than NumPy", theirs / ours)


# --- votes


def numpy_vote_entropy(votes: np.ndarray, n_classes: int, block: int = 2048) -> np.ndarray:
    """Bincount of flattened votes in cache-sized blocks, each vote's logarithm from a table.

    The counts are looked up for the votes (5) rather than for the classes (20), and summed by a
    product with ones: the fastest of a dozen NumPy versions tried.
    """
    n_samples, n_members = votes.shape
    out = np.empty(n_samples)
    table = np.zeros(n_members + 1)
    table[1:] = -np.log(np.arange(1, n_members + 1) / n_members) / n_members
    offsets = n_classes * np.arange(block)[:, np.newaxis]
    flat = np.empty((block, n_members), dtype=np.int64)
    counts = np.empty(block * n_members, dtype=np.int64)
    terms = np.empty((block, n_members))
    ones = np.ones(n_members)
    for start in range(0, n_samples, block):
        n = min(block, n_samples - start)
        codes = np.add(votes[start : start + n], offsets[:n], out=flat[:n]).reshape(-1)
        counted = np.bincount(codes, minlength=n * n_classes)
        np.take(counted, codes, out=counts[: codes.size], mode="clip")
        np.take(table, counts[: codes.size], out=terms[:n].reshape(-1), mode="clip")
        np.dot(terms[:n], ones, out=out[start : start + n])
    return out


def simple_vote_entropy(votes: np.ndarray, n_classes: int) -> np.ndarray:
    """Compute the same over the whole array at once."""
    n_samples, n_members = votes.shape
    share = np.arange(n_members + 1) / n_members
    table = -share * np.log(np.where(share > 0, share, 1.0))
    flat = (votes + n_classes * np.arange(n_samples)[:, np.newaxis]).ravel()
    counts = np.bincount(flat, minlength=n_samples * n_classes)
    return np.asarray(table[counts.reshape(n_samples, n_classes)].sum(axis=1))


def vote_entropy(rounds: int) -> Iterator[Row]:
    for dtype in ("int64", "int32"):
        votes = _data.votes(1_000_000, 5, 20, dtype)
        ours = fastal.vote_entropy(votes)
        np.testing.assert_allclose(numpy_vote_entropy(votes, 20), ours, atol=1e-12)
        np.testing.assert_allclose(simple_vote_entropy(votes, 20), ours, atol=1e-12)
        seconds = alternate(
            {
                "fastal": partial(fastal.vote_entropy, votes),
                "blocked": partial(numpy_vote_entropy, votes, 20),
                "whole": partial(simple_vote_entropy, votes, 20),
                "labels": partial(reference.vote_entropy, votes),
            },
            rounds,
        )
        ratio = {label: taken / seconds["fastal"] for label, taken in seconds.items()}
        case = f"vote_entropy, 1,000,000 x 5 of 20 classes, {dtype}"
        limit = 5 if dtype == "int64" else 0
        yield row(case, "x faster than NumPy, bincount in blocks", ratio["blocked"], limit)
        yield row(case, "x faster than NumPy, bincount of the whole", ratio["whole"])
        yield row(case, "x faster than the reference (any labels)", ratio["labels"])


# --- k-center


def scipy_k_center(X: Any, k: int, labeled: np.ndarray) -> np.ndarray:
    """Run the textbook loop, one product ``X @ x`` for each centre, with reused buffers."""
    # X.multiply(X) would sort the columns: other last bits, and other winners of ties.
    squares = sp.csr_matrix((X.data**2, X.indices, X.indptr), shape=X.shape)
    sq_norms = squares @ np.ones(X.shape[1])
    center = np.zeros(X.shape[1])
    nearest = np.full(X.shape[0], np.inf)
    distances = np.empty(X.shape[0])

    def meet(row: int) -> None:
        entries = slice(X.indptr[row], X.indptr[row + 1])
        center[X.indices[entries]] = X.data[entries]
        dots = X @ center
        center[X.indices[entries]] = 0.0
        np.add(sq_norms, sq_norms[row], out=distances)
        dots *= 2.0
        np.subtract(distances, dots, out=distances)
        np.maximum(distances, 0.0, out=distances)
        np.minimum(nearest, distances, out=nearest)
        nearest[row] = -1.0

    for row in labeled:
        meet(row)
    picks = np.empty(k, dtype=np.int64)
    for i in range(k):
        picks[i] = np.argmax(nearest)
        meet(picks[i])
    return picks


def text_files(folder: Path | None) -> Iterator[tuple[str, Any]]:
    if folder is None:
        return
    import pandas as pd
    from sklearn.feature_extraction.text import TfidfVectorizer

    for name in ("20newsgroups", "ag_news_27k"):
        if (folder / f"{name}.parquet").exists():
            texts = pd.read_parquet(folder / f"{name}.parquet")["text"]
            X = TfidfVectorizer().fit_transform(texts)
            # The columns of a row come out unsorted, and fastal has to put up with that.
            yield name, X
            X = X.copy()
            X.sort_indices()
            yield f"{name} sorted", X


def k_center(rounds: int, folder: Path | None, long: bool) -> Iterator[Row]:
    pools = [("synthetic", _data.text_pool(20_000)), *text_files(folder)]
    for (pool, X), k in [(pool, k) for k in ((100, 1000) if long else (100,)) for pool in pools]:
        labeled = _data.labeled_rows(X.shape[0])
        picks, _ = fastal.k_center_greedy(X, k, labeled)
        same = np.array_equal(picks, scipy_k_center(X, k, labeled))
        vector = np.random.default_rng(0).random(X.shape[1])
        seconds = alternate(
            {
                "fastal": partial(fastal.k_center_greedy, X, k, labeled),
                "loop": partial(scipy_k_center, X, k, labeled),
                "pass": partial(X.__matmul__, vector),
            },
            max(3, rounds // 3) if k > 100 else rounds,
        )
        passes = seconds["fastal"] / np.median(seconds["pass"])
        required = 5 if (pool, k) == ("20newsgroups", 100) else 0
        case = f"k_center_greedy, {pool}, {X.shape[0]:,} rows, k = {k}"
        if not same:
            case += " (PICKS DIFFER)"
        yield row(case, "x faster than X @ x", seconds["loop"] / seconds["fastal"], required)
        yield row(case, "passes (X @ vector)", passes)


# --- what a user waits for first


def _python(code: str, **env: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"FASTAL_NUM_THREADS": "1"} | env,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def _timed(statement: str, before: str = "pass") -> str:
    return (
        f"import time; {before}; start = time.perf_counter(), time.process_time(); {statement}; "
        "print(time.perf_counter() - start[0], time.process_time() - start[1])"
    )


def imports(rounds: int) -> Iterator[Row]:
    seconds: dict[str, list[float]] = {"fastal": [], "numpy, scipy.sparse": []}
    for i in range(max(9, rounds) + 1):
        for modules, taken in seconds.items():
            value = float(_python(_timed(f"import {modules}")).split()[0])
            if i > 0:  # the first round reads the files from disk
                taken.append(value)
    ratio = np.divide(*seconds.values())
    yield row("import fastal", "times import numpy, scipy.sparse", ratio, at_most=1.3)


def first_calls(rounds: int) -> Iterator[Row]:
    yield numba_alone(rounds)
    for name, call in FIRST_CALLS.items():
        seconds: dict[str, list[list[float]]] = {"warm": [], "empty": []}
        for _ in range(max(1, rounds // 3)):
            folder = tempfile.mkdtemp()
            try:
                for cache in ("empty", "warm"):
                    output = _python(_timed(call, BEFORE), NUMBA_CACHE_DIR=folder)
                    seconds[cache].append([float(number) for number in output.split()])
            finally:
                shutil.rmtree(folder)
        for cache, limit in (("warm", 0.3), ("empty", 5.0)):
            wall, processor = np.transpose(seconds[cache])
            # On a busy machine the wall clock also counts the neighbours' turns.
            measure = f"s, {cache} cache (processor: {np.median(processor):.2f} s)"
            yield row(f"first call of {name}", measure, wall, at_most=limit)


def numba_alone(rounds: int) -> Row:
    """Import numba and call one cached function that does nothing: the floor of a first call."""
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        source = "import numba\n@numba.njit(cache=True)\ndef nothing(x): return x\n"
        Path(folder, "floor.py").write_text(source)
        for i in range(max(4, rounds)):
            before = f"{BEFORE}; import sys; sys.path.insert(0, {folder!r})"
            output = _python(_timed("import floor; floor.nothing(1)", before))
            if i > 0:  # the first round fills the cache
                taken.append(float(output.split()[0]))
    return row("numba alone, a function that does nothing", "s, warm cache", taken)


# --- threads


def two_threads(rounds: int) -> Iterator[Row]:
    p = _data.probabilities(1_000_000, 20)
    votes = _data.votes(1_000_000, 5, 20)
    X, labeled = _data.text_pool(20_000), _data.labeled_rows(20_000)
    cases: dict[str, Callable[[], Any]] = {
        f"entropy, 1,000,000 x 20, {FLOAT}": partial(fastal.entropy, p),
        f"margin, 1,000,000 x 20, {FLOAT}": partial(fastal.margin, p),
        f"least_confidence, 1,000,000 x 20, {FLOAT}": partial(fastal.least_confidence, p),
        "vote_entropy, 1,000,000 x 5 of 20 classes": partial(fastal.vote_entropy, votes),
        "k_center_greedy, synthetic, 20,000 rows, k = 100": partial(
            fastal.k_center_greedy, X, 100, labeled
        ),
    }
    for case, call in cases.items():
        seconds = alternate(
            {n: _on_threads(n, call) for n in ("1", "2")}, rounds, clock=time.perf_counter
        )
        yield row(f"{case}, two threads", "x faster than one", seconds["1"] / seconds["2"])


def _on_threads(number: str, call: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> None:
        os.environ["FASTAL_NUM_THREADS"] = number
        call()
        one_thread()

    return run


def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="3 rounds instead of 11")
    parser.add_argument("--long", action="store_true", help="k_center_greedy with k = 1000 too")
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="with 20newsgroups.parquet")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there as well")
    rounds = 3 if "--quick" in sys.argv else 11
    one_thread()
    sections: dict[str, Callable[[], Iterator[Row]]] = {
        "entropy": lambda: entropy(rounds),
        "confidence": lambda: confidence(rounds),
        "vote_entropy": lambda: vote_entropy(rounds),
        "k_center": lambda: k_center(rounds, args.data, args.long),
        "import": lambda: imports(rounds),
        "first_call": lambda: first_calls(rounds),
        "threads": lambda: two_threads(rounds),
    }
    parser.add_argument("--only", nargs="+", choices=sections, default=list(sections))
    args = parser.parse_args()
    if not warm_heap():
        print("No mallopt here: the heap is as warm as this platform keeps it.", file=sys.stderr)
    print("| " + " | ".join(HEADER) + " |\n" + "| --- " * len(HEADER) + "|")
    rows = []
    for section in args.only:
        for line in sections[section]():
            rows.append(line)
            print("| " + " | ".join(line) + " |", flush=True)
    if args.json:
        args.json.write_text(json.dumps([dict(zip(HEADER, r, strict=True)) for r in rows]))


if __name__ == "__main__":
    main()
