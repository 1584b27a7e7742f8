"""Measure k-center greedy in passes, one pass being ``X @ x`` over the same pool.

    python benchmarks/passes.py --data FOLDER [--large] [--cosine] [--quick] [--only SECTION ...]
    python benchmarks/passes.py --only growth --out FOLDER

Sections: table (text sets and synthetic pools), memory (peak above the pool), worst (pools that
are unlike text) and, only when named, growth (with rows and k) and rounds (state kept by
KCenterSelector).  Everything goes by the clock on
the wall, in one process, in turn, on a warm heap; fastal uses the threads it would use anyway.
Numbers are medians over the rounds, passes with the quartiles in brackets.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import ctypes
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numba
import numpy as np
import scipy
import scipy.sparse as sp

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import fastal
from benchmarks import _data
from benchmarks.ratios import scipy_k_center, warm_heap
from fastal._threads import n_threads

Record = dict[str, Any]
Call = Callable[[], Any]
Seconds = dict[str, np.ndarray]
Pools = Iterator[tuple[str, Any]]

# No call is repeated for longer than this, whatever the number of rounds.
BUDGET_S = 20.0
# Beyond so many entries read, a rival is timed over its first picks only.
LOOP_WORK, POSTINGS_WORK = 4e9, 2e10
FIRST_PICKS = 30
REQUIRED = {100: 6.0, 1000: 40.0}
LARGE = ("novels_sentences", "synthetic_1000000")
WITH_REQUIREMENT = ("20newsgroups", "ag_news_27k", "synthetic_100000", *LARGE)
IN_MEMORY = ("20newsgroups", "synthetic_100000", *LARGE)
ROUNDS_ON = ("20newsgroups", "ag_news_27k", "synthetic_100000", *LARGE)
SLOWER = 1 / 1.2
ARRAYS = ("data", "indices", "indptr")


# --- the clock


def wall(call: Call, number: int = 1) -> float:
    """Return the seconds one call takes, the mean of so many."""
    start = time.perf_counter()
    for _ in range(number):
        call()
    return (time.perf_counter() - start) / number


def in_turn(calls: dict[str, Call], X: Any, rounds: int) -> tuple[Seconds, dict[str, Any]]:
    """Time the calls in turn, and the pass ("pass") many times before each of them.

    Every call runs once beforehand; what it returned then is the second result.
    """
    results, once = {}, {}
    for label, call in calls.items():
        start = time.perf_counter()
        results[label] = call()
        once[label] = time.perf_counter() - start
        if once[label] < 1.0:  # might have been the compiler, and costs little
            once[label] = wall(call)
    one_pass = partial(X.__matmul__, a_center(X))
    one_pass()
    many = int(np.clip(0.1 / wall(one_pass), 3, 100))
    taken: dict[str, list[float]] = {label: [] for label in (*calls, "pass")}
    for i in range(rounds):
        # The order turns round, so that no call always runs in the wake of the same other one.
        for label in list(calls) if i % 2 == 0 else list(reversed(calls)):
            if i > 0 and (i + 1) * once[label] > BUDGET_S:
                continue
            taken["pass"] += [wall(one_pass) for _ in range(many)]
            taken[label].append(wall(calls[label], max(1, int(0.01 / once[label]))))
    return {label: np.array(values) for label, values in taken.items()}, results


def a_center(X: Any) -> np.ndarray:
    """Return one row of the pool, dense: the vector of a pass."""
    return np.asarray(X[[_data.labeled_rows(X.shape[0], 1)[0]]].toarray().ravel())


def describe(name: str, X: Any, k: int, seconds: Seconds) -> Record:
    """Return what every section tells about a case, in raw numbers."""
    a_pass = float(np.median(seconds["pass"]))
    low, middle, high = np.quantile(seconds["fastal"], [0.25, 0.5, 0.75])
    return {
        "set": name,
        "rows": X.shape[0],
        "terms": X.nnz / X.shape[0],
        "k": k,
        "seconds": middle,
        "pass_ms": 1e3 * a_pass,
        "passes": middle / a_pass,
        "quartiles": [low / a_pass, high / a_pass],
    }


# --- the rivals


def greedy(
    X: Any, k: int, labeled: np.ndarray, dots_of: Callable[[int], np.ndarray], cosine: bool
) -> np.ndarray:
    """Run the loop of ratios.scipy_k_center with any products and with cosine distances too."""
    squares = sp.csr_matrix((X.data**2, X.indices, X.indptr), shape=X.shape)
    sq_norms = squares @ np.ones(X.shape[1])
    empty = np.flatnonzero(sq_norms == 0)
    nearest = np.full(X.shape[0], np.inf)
    distances = np.empty(X.shape[0])

    def meet(row: int) -> None:
        dots = dots_of(row)
        if cosine:
            np.multiply(sq_norms, sq_norms[row], out=distances)
            np.sqrt(distances, out=distances)
            distances[distances == 0] = 1.0
            np.divide(dots, distances, out=distances)
            np.subtract(1.0, distances, out=distances)
            if not sq_norms[row]:  # rows of zeros are equal to each other
                distances[empty] = 0.0
        else:
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


def products(X: Any) -> Callable[[int], np.ndarray]:
    """Inner products of a row with all rows, by a pass."""
    center = np.zeros(X.shape[1])

    def dots_of(row: int) -> np.ndarray:
        entries = slice(X.indptr[row], X.indptr[row + 1])
        center[X.indices[entries]] = X.data[entries]
        dots = X @ center
        center[X.indices[entries]] = 0.0
        return dots

    return dots_of


def postings(X: Any, k: int, labeled: np.ndarray, cosine: bool = False) -> np.ndarray:
    """Run the loop, adding up for each centre the columns of its terms.

    SciPy slices the columns and adds them up in C.  That was up to three times as fast as
    np.bincount over the joined slices of indices and data, and up to five times as fast as adding
    column by column with ``dots[rows] += weight * values``.  The CSC copy is part of the time.
    """
    columns = X.tocsc()

    def dots_of(row: int) -> np.ndarray:
        entries = slice(X.indptr[row], X.indptr[row + 1])
        return np.asarray(columns[:, X.indices[entries]] @ X.data[entries])

    return greedy(X, k, labeled, dots_of, cosine)


def textbook(X: Any, k: int, labeled: np.ndarray, cosine: bool = False) -> np.ndarray:
    if cosine:
        return greedy(X, k, labeled, products(X), cosine=True)
    return scipy_k_center(X, k, labeled)


def calls_of(
    label: str, rival: Callable[..., np.ndarray], X: Any, k: int, labeled: np.ndarray, limit: float
) -> dict[str, Call]:
    """Return the rival in full or, past the limit, over 1 and over the first picks."""
    # The loop also goes a dozen times through vectors as long as the pool.
    work = (k + len(labeled)) * (X.nnz + 10.0 * X.shape[0])
    if work <= limit or k <= FIRST_PICKS + 1:
        return {label: partial(rival, X, k, labeled)}
    return {
        f"{label}, one pick": partial(rival, X, 1, labeled),
        label: partial(rival, X, FIRST_PICKS + 1, labeled),
    }


def in_full(label: str, seconds: Seconds, k: int) -> tuple[float, bool]:
    """Return the seconds of all k picks of a rival, and whether they are scaled up."""
    took = float(np.median(seconds[label]))
    if f"{label}, one pick" not in seconds:
        return took, False
    first = float(np.median(seconds[f"{label}, one pick"]))
    return first + (took - first) * (k - 1) / FIRST_PICKS, True


def compare(name: str, X: Any, k: int, rivals: dict[str, Any], metric: str, rounds: int) -> Record:
    """Time fastal beside rivals (label -> function and limit) and compare the picks."""
    labeled = _data.labeled_rows(X.shape[0])
    k = min(k, X.shape[0] - len(labeled))
    calls: dict[str, Call] = {"fastal": partial(fastal.k_center_greedy, X, k, labeled, metric)}
    for label, (rival, limit) in rivals.items():
        rival = partial(rival, cosine=True) if metric == "cosine" else rival
        calls |= calls_of(label, rival, X, k, labeled, limit)
    seconds, results = in_turn(calls, X, rounds)
    record = describe(name, X, k, seconds) | {"metric": metric}
    for label in rivals:
        total, scaled = in_full(label, seconds, k)
        record[f"faster_than_{label}"] = total / record["seconds"]
        record[f"{label}_scaled"] = scaled
    # A loop timed over its first picks only has made these: they are compared all the same.
    expected = results["loop"]
    record["picks_compared"] = len(expected)
    record["picks_same"] = bool(np.array_equal(results["fastal"][0][: len(expected)], expected))
    return record


# --- the pools


def text_names(folder: Path | None) -> list[str]:
    if folder is None:
        return []
    from pyarrow import parquet

    files = sorted(folder.glob("*.parquet"))
    return [file.stem for file in files if "text" in parquet.read_schema(file).names]


def load(name: str, args: argparse.Namespace) -> Any:
    """Return the pool called name; --scale takes its first rows only."""
    if name.startswith("synthetic_"):
        return _data.text_pool(int(name.partition("_")[2]) // args.scale)
    from pyarrow import parquet
    from sklearn.feature_extraction.text import TfidfVectorizer

    column = parquet.read_table(args.data / f"{name}.parquet", columns=["text"])["text"]
    texts = [text or "" for text in column.to_pylist()]
    # The columns of a row come out unsorted, and fastal has to put up with that.
    return TfidfVectorizer().fit_transform(texts[: len(texts) // args.scale])


def pools(args: argparse.Namespace, among: tuple[str, ...] | None = None) -> Pools:
    """Yield the pools one after the other: two large ones need not fit the memory together."""
    names = [*text_names(args.data), "synthetic_100000", "synthetic_1000000"]
    if among:
        names = [name for name in among if name in names]
    for name in sorted(names, key=lambda name: name in LARGE):
        if name in args.sets if args.sets else args.large or name not in LARGE:
            yield name, load(name, args)


# --- sections


def table(args: argparse.Namespace) -> Iterator[Record]:
    rivals = {"loop": (textbook, LOOP_WORK), "postings": (postings, POSTINGS_WORK)}
    for name, X in pools(args):
        for metric in ("euclidean", "cosine") if args.cosine else ("euclidean",):
            for k in REQUIRED:
                record = compare(name, X, k, rivals, metric, args.rounds)
                required = name in WITH_REQUIREMENT and metric == "euclidean" and args.scale == 1
                record["required"] = REQUIRED[k] if required else None
                yield record


def worst(args: argparse.Namespace) -> Iterator[Record]:
    for name, make in WORST.items():
        if args.sets and name not in args.sets:
            continue
        for n in (2_000, 20_000):
            n = max(n // args.scale, 100)
            X = make(n, np.random.default_rng(0))
            for k in [k for k in (10, 100, 1000) if k < n]:
                rivals = {"loop": (textbook, np.inf)}
                yield compare(name, X, k, rivals, "euclidean", args.rounds)


def growth(args: argparse.Namespace) -> Iterator[Record]:
    sizes = [n // args.scale for n in (10_000, 30_000, 100_000, 300_000, 1_000_000)]
    whole = _data.text_pool(sizes[-1])
    records = []
    for n in sizes:
        X, labeled = whole[:n], _data.labeled_rows(n)
        for k in [k for k in (10, 100, 1000, 10_000) if k <= n / 2]:
            call = partial(fastal.k_center_greedy, X, k, labeled)
            seconds, _ = in_turn({"fastal": call}, X, args.rounds)
            records.append(describe("synthetic", X, k, seconds))
            yield records[-1]
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "growth.csv").open("w", newline="") as file:
        names = ["rows", "k", "terms", "seconds", "pass_ms", "passes"]
        writer = csv.DictWriter(file, names, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(records)
    plot(records, args.out / "growth.png")


def rounds_of(args: argparse.Namespace) -> Iterator[Record]:
    """Ten rounds of 100 rows by a KCenterSelector, and each of them afresh."""
    for name, X in pools(args, ROUNDS_ON):
        fastal.KCenterSelector(X, [0]).query(10)  # compiles
        labeled = np.unique(_data.labeled_rows(X.shape[0]))
        start = time.perf_counter()
        selector = fastal.KCenterSelector(X, labeled)
        taken = [time.perf_counter() - start]
        afresh, same = [], True
        for _ in range(10):
            start = time.perf_counter()
            expected, _ = fastal.k_center_greedy(X, 100, selector.labeled_)
            middle = time.perf_counter()
            rows, _ = selector.query(100)
            selector.add_labeled(rows)
            afresh.append(middle - start)
            taken.append(time.perf_counter() - middle)
            same &= bool(np.array_equal(rows, expected))
        a_pass = wall(partial(X.__matmul__, a_center(X)), 10)
        yield {
            "set": name,
            "rows": X.shape[0],
            "made": taken[0] / a_pass,
            "first": taken[1] / a_pass,
            "later": float(np.median(taken[2:])) / a_pass,
            "afresh": float(np.median(afresh[1:])) / a_pass,
            "picks_same": same,
        }


def plot(records: list[Record], file: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(12, 5), layout="constrained")
    sides = [("k", "passes", "rows", "{:,} rows"), ("rows", "seconds", "k", "k = {:,}")]
    for axes, (x, y, of, label) in zip(panels, sides, strict=True):
        lines = sorted({record[of] for record in records})
        for i, value in enumerate(lines):
            points = sorted((r[x], r[y]) for r in records if r[of] == value)
            color = matplotlib.colormaps["viridis"](0.9 * i / max(len(lines) - 1, 1))
            axes.loglog(*zip(*points, strict=True), "o-", color=color, label=label.format(value))
        axes.set(xlabel={"k": "k (rows picked)"}.get(x, "rows of the pool"), ylabel=y)
        axes.grid(True, which="major", alpha=0.4)
        axes.legend()
    panels[0].set(ylabel="passes (one pass: X @ x)", title="Passes as k grows")
    # The textbook loop makes one for each centre, the 20 labelled rows included.
    ks = sorted({record["k"] for record in records})
    panels[0].loglog(ks, [k + 20 for k in ks], "--", color="grey", label="textbook loop")
    panels[0].legend()
    panels[1].set(title="Seconds as the pool grows")
    figure.savefig(file, dpi=110)
    pyplot.close(figure)


# --- memory


def memory(args: argparse.Namespace) -> Iterator[Record]:
    if not Path("/proc/self/status").exists():
        print("No /proc here: memory is not measured.", file=sys.stderr)
        return
    k = 1000
    for name, X in pools(args, IN_MEMORY):
        n_bytes = sum(getattr(X, array).nbytes for array in ARRAYS)
        about = {"set": name, "rows": X.shape[0], "terms": X.nnz / X.shape[0]}
        about["times_read"] = times_read(X, k)
        with tempfile.TemporaryDirectory() as folder:
            sp.save_npz(Path(folder, "pool.npz"), X, compressed=False)
            for array in ARRAYS:
                np.save(Path(folder, f"{array}.npy"), getattr(X, array))
            Path(folder, "shape.json").write_text(json.dumps(X.shape))
            del X
            for kept in ("read", "mapped"):
                command = [sys.executable, __file__, "--child", folder, kept, str(k)]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                about |= json.loads(done.stdout)
                above = about["peak_bytes"] - about["before_bytes"]
                yield about | {"pool_bytes": n_bytes, "above_bytes": above}


PAGE = 4096
# The check reads all of the pool, the norms its data, the first bounds all of it.
READ_IN_FULL = (("data", "indices"), ("data",), ("data", "indices"))


def times_read(X: Any, k: int) -> float:
    """How many times the size of the pool comes from a disk when nothing of it stays in memory.

    Counted in whole pages: the passes over all rows, and the rows of each batch.
    """
    from fastal import _kernels_bounds

    refine, n_bytes = _kernels_bounds.refine, 0
    n_bytes += sum(getattr(X, array).nbytes for arrays in READ_IN_FULL for array in arrays)

    def counting(start: int, stop: int, rows: Any, centers: Any, batch: Any, *rest: Any) -> Any:
        nonlocal n_bytes
        n_bytes += sum(pages(X, array, batch[start:stop]) for array in ("data", "indices"))
        return refine(start, stop, rows, centers, batch, *rest)

    _kernels_bounds.refine = counting
    try:
        fastal.k_center_greedy(X, k, _data.labeled_rows(X.shape[0]))
    finally:
        _kernels_bounds.refine = refine
    return n_bytes / (X.data.nbytes + X.indices.nbytes)


def pages(X: Any, array: str, rows: np.ndarray) -> int:
    """Bytes of the pages that hold the entries of these rows, in rising order."""
    size = getattr(X, array).itemsize
    first = X.indptr[rows].astype(np.int64) * size // PAGE
    last = (X.indptr[rows + 1].astype(np.int64) * size - 1) // PAGE
    seen = np.append(-1, np.maximum.accumulate(last)[:-1])
    return PAGE * int(np.maximum(last - np.maximum(first, seen + 1) + 1, 0).sum())


def child(folder: Path, kept: str, k: int) -> None:
    """In a process of its own: print the memory before a call and at its peak."""
    if kept == "read":
        X = sp.load_npz(folder / "pool.npz")
    else:
        arrays = [np.load(folder / f"{array}.npy", mmap_mode="r") for array in ARRAYS]
        X = sp.csr_matrix(tuple(arrays), shape=json.loads((folder / "shape.json").read_text()))
        # Pages of the file count as memory once they are read: here, and not as fastal's.
        a_center(X)
        X @ np.zeros(X.shape[1])
    labeled = _data.labeled_rows(X.shape[0])
    warm_up(X, k, writeable=kept == "read")
    with contextlib.suppress(OSError, AttributeError):  # memory freed, but kept by glibc
        ctypes.CDLL(None).malloc_trim(0)
    before = status_bytes("VmRSS")
    peak = peak_of(partial(fastal.k_center_greedy, X, k, labeled))
    print(json.dumps({"kept": kept, "k": k, "before_bytes": before, "peak_bytes": peak}))


def warm_up(X: Any, k: int, writeable: bool) -> None:
    """Compile, over a few rows; arrays that cannot be written to are other types to numba."""
    small = X[:1000].copy()
    for array in ARRAYS:
        getattr(small, array).flags.writeable = writeable
    fastal.k_center_greedy(small, k, _data.labeled_rows(small.shape[0]))


def peak_of(call: Call) -> int:
    """Return the largest memory of the process during a call."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return sampled_peak_of(call)
    call()
    return status_bytes("VmHWM")


def sampled_peak_of(call: Call) -> int:
    """Do the same where the kernel does not let us reset its own record: look every 2 ms."""
    seen, over = [status_bytes("VmRSS")], threading.Event()

    def look() -> None:
        while not over.wait(0.002):
            seen.append(status_bytes("VmRSS"))

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        call()
    finally:
        over.set()
        watcher.join()
    return max(seen)


def status_bytes(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{field}:"):
            return 1024 * int(line.split()[1])
    raise ValueError(f"/proc/self/status has no {field}")


# --- pools that are unlike text


def from_dense(rows: np.ndarray) -> Any:
    return sp.csr_matrix(rows)


def random_rows(n: int, rng: np.random.Generator, terms: int, columns: int, weights: Any) -> Any:
    """Return rows of so many uniformly drawn columns (a few less where two draws meet)."""
    row = np.repeat(np.arange(n), terms)
    column = rng.integers(columns, size=n * terms)
    # Through COO, which adds up equal columns and sorts them.
    return sp.coo_matrix((weights, (row, column)), shape=(n, columns)).tocsr()


def short_rows(n: int, rng: np.random.Generator, columns: int) -> Any:
    return random_rows(n, rng, 10, columns, rng.random(10 * n))


def identical(n: int, rng: np.random.Generator) -> Any:
    return short_rows(1, rng, 1000)[np.zeros(n, dtype=int)]


def ten_copies(n: int, rng: np.random.Generator) -> Any:
    return _data.text_pool(n // 10)[np.arange(n) % (n // 10)]


def shared_term(n: int, rng: np.random.Generator) -> Any:
    return sp.hstack([sp.csr_matrix(np.full((n, 1), 0.6)), 0.8 * sp.identity(n)], format="csr")


def one_term(n: int, rng: np.random.Generator) -> Any:
    return random_rows(n, rng, 1, 20, rng.random(n))


def gaussian(n: int, rng: np.random.Generator) -> Any:
    return from_dense(rng.standard_normal((n, 64)))


def positive(n: int, rng: np.random.Generator) -> Any:
    return from_dense(rng.random((n, 64)))


def third_full(n: int, rng: np.random.Generator) -> Any:
    return from_dense(rng.random((n, 300)) * (rng.random((n, 300)) < 0.3))


def line(n: int, rng: np.random.Generator) -> Any:
    return from_dense(rng.random((n, 1)) + 0.5)


def two_clusters(n: int, rng: np.random.Generator) -> Any:
    """Two heaps of short rows, 140 from each other by one column each."""
    side = rng.integers(2, size=n)
    far = sp.coo_matrix((np.full(n, 100.0), (np.arange(n), side)), shape=(n, 2))
    return sp.hstack([far, short_rows(n, rng, 1000)], format="csr")


def any_norms(n: int, rng: np.random.Generator) -> Any:
    X = _data.text_pool(n)
    X.data *= np.repeat(rng.lognormal(0.0, 1.0, n), np.diff(X.indptr))
    return X


def one_long(n: int, rng: np.random.Generator) -> Any:
    long = from_dense(rng.random((1, 100_000)))
    short = [short_rows(n // 2, rng, 100_000) for _ in range(2)]
    return sp.vstack([short[0], long, short[1]], format="csr")


def geometric(n: int, rng: np.random.Generator) -> Any:
    return random_rows(n, rng, 30, 5000, np.tile(0.5 ** np.arange(30), n))


WORST: dict[str, Callable[[int, np.random.Generator], Any]] = {
    "identical rows": identical,
    "ten copies of each row": ten_copies,
    "orthogonal rows": lambda n, rng: sp.identity(n, format="csr"),
    "a shared and an own term": shared_term,
    "one term of 20": one_term,
    "gaussian 64": gaussian,
    "positive 64": positive,
    "300 at density 0.3": third_full,
    "10 terms of 1000": partial(short_rows, columns=1000),
    "10 terms of 100000": partial(short_rows, columns=100_000),
    "on a line": line,
    "two clusters": two_clusters,
    "log-normal norms": any_norms,
    "one long row": one_long,
    "10 terms of 2**20": partial(short_rows, columns=2**20),
    "geometric weights": geometric,
}


# --- what is printed

MB = 1e6


def cells_of_case(r: Record) -> dict[str, str]:
    low, high = r["quartiles"]
    return {
        "set": r["set"],
        "rows": f"{r['rows']:,}",
        "terms a row": f"{r['terms']:.1f}",
        "k": f"{r['k']:,}",
        "s": f"{r['seconds']:.3g}" if r["seconds"] < 100 else f"{r['seconds']:.0f}",
        "ms a pass": f"{r['pass_ms']:.3g}",
        "passes": f"{r['passes']:.1f} ({low:.1f}-{high:.1f})",
    }


def times_faster(r: Record, rival: str) -> str:
    shown = r[f"faster_than_{rival}"]
    return "~" * r[f"{rival}_scaled"] + (f"{shown:.2f}" if shown < 10 else f"{shown:.0f}")


def cells_of_table(r: Record) -> dict[str, str]:
    required, met = "-", "-"
    if r["required"]:
        required, met = f"{r['required']:g}", "yes" if r["passes"] <= r["required"] else "NO"
    cells = cells_of_case(r) | {
        "x loop": times_faster(r, "loop"),
        "x postings": times_faster(r, "postings"),
        "required": required,
        "met": met,
        "picks": picks(r),
    }
    if r["metric"] != "euclidean":
        cells["set"] += f", {r['metric']}"
    return cells


def picks(r: Record) -> str:
    if not r["picks_same"]:
        return "PICKS DIFFER"
    return "same" if r["picks_compared"] == r["k"] else f"same (first {r['picks_compared']})"


def cells_of_worst(r: Record) -> dict[str, str]:
    slower = "SLOWER" if r["faster_than_loop"] < SLOWER else ""
    return cells_of_case(r) | {
        "x loop": times_faster(r, "loop"),
        "slower": slower,
        "picks": picks(r),
    }


def cells_of_memory(r: Record) -> dict[str, str]:
    return {
        "set": r["set"],
        "rows": f"{r['rows']:,}",
        "pool": r["kept"],
        "k": f"{r['k']:,}",
        "MB of the pool": f"{r['pool_bytes'] / MB:.1f}",
        "MB before": f"{r['before_bytes'] / MB:.1f}",
        "MB at the peak": f"{r['peak_bytes'] / MB:.1f}",
        "MB above": f"{r['above_bytes'] / MB:.1f}",
        "share of the pool": f"{r['above_bytes'] / r['pool_bytes']:.0%}",
        "times read": f"{r['times_read']:.1f}",
    }


def cells_of_rounds(r: Record) -> dict[str, str]:
    return {
        "set": r["set"],
        "rows": f"{r['rows']:,}",
        "making the selector": f"{r['made']:.1f}",
        "first round": f"{r['first']:.1f}",
        "each later round": f"{r['later']:.1f}",
        "each afresh": f"{r['afresh']:.1f}",
        "picks": "same" if r["picks_same"] else "PICKS DIFFER",
    }


SECTIONS: dict[str, tuple[Callable[..., Iterator[Record]], Callable[[Record], dict[str, str]]]] = {
    "table": (table, cells_of_table),
    "memory": (memory, cells_of_memory),
    "worst": (worst, cells_of_worst),
    "growth": (growth, cells_of_case),
    "rounds": (rounds_of, cells_of_rounds),
}


def machine() -> str:
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in (fastal, numba, np, scipy))
    return (
        f"{cpus} CPUs ({model}), fastal on up to {n_threads()} threads; "
        f"Python {platform.python_version()}, {versions}."
    )


def show(section: str, records: Iterator[Record]) -> Iterator[Record]:
    """Print a table line by line and hand the records on."""
    cells = SECTIONS[section][1]
    start, first = time.perf_counter(), True
    print(f"\n### {section}\n")
    for record in records:
        line = cells(record)
        if first:
            print("| " + " | ".join(line) + " |\n" + "| --- " * len(line) + "|")
        first = False
        print("| " + " | ".join(line.values()) + " |", flush=True)
        yield {"section": section} | record
    print(f"\n({time.perf_counter() - start:.0f} s)", flush=True)


def arguments() -> argparse.Namespace:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="Parquet files with a text")
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS)[:3])
    parser.add_argument("--sets", metavar="NAME,NAME", help="these pools only, large or not")
    parser.add_argument("--large", action="store_true", help=" and ".join(LARGE) + " as well")
    parser.add_argument("--cosine", action="store_true", help="the table with cosine as well")
    parser.add_argument("--quick", action="store_true", help="3 rounds instead of 7")
    parser.add_argument("--threads", type=int, help="sets FASTAL_NUM_THREADS")
    parser.add_argument("--scale", type=int, default=1, help="divide the sizes, for a trial")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="for the growth plot and CSV")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if "growth" in args.only and not args.out:
        parser.error("growth needs --out")
    args.rounds = 3 if args.quick else 7
    args.sets = args.sets.split(",") if args.sets else []
    known = {*text_names(args.data), "synthetic_100000", "synthetic_1000000", *WORST}
    if unknown := set(args.sets) - known:
        parser.error(f"unknown sets: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    return args


def main() -> None:
    args = arguments()
    if args.child:
        folder, kept, k = args.child
        return child(Path(folder), kept, int(k))
    if args.threads:
        os.environ["FASTAL_NUM_THREADS"] = str(args.threads)
    if not warm_heap():
        print("No mallopt here: the heap is as warm as this platform keeps it.", file=sys.stderr)
    print(machine())
    print(f"~: timed over {FIRST_PICKS} picks and scaled up.  x: times faster than that.")
    if args.scale != 1:
        print(f"Sizes divided by {args.scale}: no requirement applies.")
    records: list[Record] = []
    for section in args.only:
        for record in show(section, SECTIONS[section][0](args)):
            records.append(record)
            if args.json:  # after every line: a long run may be cut short
                args.json.write_text(json.dumps({"machine": machine(), "records": records}))
    return None


if __name__ == "__main__":
    main()
