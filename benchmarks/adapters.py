"""The strategies of other libraries beside ours, on the same real pool: seconds, memory, picks.

    python benchmarks/adapters.py --data FOLDER [--only NAME ...] [--quick] [--output FILE]

FOLDER holds ``20newsgroups.parquet`` (columns text and label).  Each library has a file
``adapter_cases/_adapter_NAME.py`` with ``CASES``: {what is compared: prepare}, where
``prepare(pool, quick)`` returns ``(theirs, ours)``, two functions without arguments that return
picks, or whatever both can be compared by.  ``pool`` is a `Pool`, from which a case takes rows,
dense or sparse.

Both run in turn in one process, after one call of each on a small pool (so that neither is charged
for compiling); seconds are medians.  Peak memory is that of the first call of each, above what was
there before it, as Linux counts it (VmHWM).
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import gc
import importlib
import os
import statistics
import subprocess
import sys
import time
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

# No package: asv imports every module of those, and these need libraries it does not have.
CASES_IN = Path(__file__).resolve().parent / "adapter_cases"
SMALL = 300
# Longer calls are timed once.
PATIENCE = 20.0


@dataclass(frozen=True)
class Pool:
    """Rows of real text."""

    folder: Path
    n_rows: int | None = None

    @cached_property
    def _texts_and_labels(self) -> tuple[list[str], np.ndarray]:
        import pyarrow.parquet as pq

        table = pq.read_table(self.folder / "20newsgroups.parquet", columns=["text", "label"])
        order = np.random.default_rng(0).permutation(table.num_rows)[: self.n_rows]
        texts = table["text"].take(order).to_pylist()
        return texts, np.asarray(table["label"].take(order).to_pylist())

    @property
    def texts(self) -> list[str]:
        """The documents."""
        return self._texts_and_labels[0]

    @cached_property
    def y(self) -> np.ndarray:
        """The true classes, 0 to 19."""
        return np.unique(self._texts_and_labels[1], return_inverse=True)[1]

    @cached_property
    def X(self) -> Any:
        """TF-IDF in CSR, 18,846 rows at most."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        return TfidfVectorizer(min_df=2).fit_transform(self.texts)

    @cached_property
    def dense(self) -> np.ndarray:
        """The same rows in 50 dimensions, for libraries that take no sparse ones."""
        from sklearn.decomposition import TruncatedSVD

        return TruncatedSVD(50, random_state=0).fit_transform(self.X)

    @cached_property
    def labeled(self) -> np.ndarray:
        """200 rows that are taken as labelled; every class is among them."""
        rng = np.random.default_rng(1)
        rows = rng.permutation(len(self.y))
        first = [rows[self.y[rows] == c][0] for c in np.unique(self.y)]
        return np.unique(np.concatenate([first, rows[: 200 - len(first)]]))

    @cached_property
    def unlabeled(self) -> np.ndarray:
        """All other rows."""
        return np.setdiff1d(np.arange(len(self.y)), self.labeled)


def timed(call: Any) -> tuple[float, Any]:
    """Return seconds and the result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def measured(theirs: Any, ours: Any) -> dict[str, Any]:
    """Call both in turn, thrice, or once if that takes long."""
    calls = {"theirs": theirs, "ours": ours}
    seconds: dict[str, list[float]] = {side: [] for side in calls}
    memory: dict[str, float] = {}
    results = {}
    for turn in range(3):
        for side, call in calls.items():
            before = fresh_peak()
            took, results[side] = timed(call)
            seconds[side].append(took)
            if turn == 0:
                memory[side] = (status("VmHWM") - before) / 1024
        if sum(map(sum, seconds.values())) > PATIENCE:
            break
    medians = {side: statistics.median(each) for side, each in seconds.items()}
    return {"seconds": medians, "memory": memory, "same": agreement(**results)}


def agreement(theirs: Any, ours: Any) -> str:
    """Say how many picks are the same."""
    a, b = (np.asarray(x).ravel() for x in (theirs, ours))
    if np.array_equal(a, b):
        return "all, in order"
    return f"{len(np.intersect1d(a, b))} of {len(a)}"


def fresh_peak() -> int:
    """Give freed memory back, let the peak begin anew, return KiB in use now."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    return status("VmRSS")


def status(field: str) -> int:
    """KiB, as Linux counts them for this process."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def row(name: str, case: str, record: dict[str, Any]) -> str:
    """Return one row of the table; losses in bold."""
    seconds, memory = record["seconds"], record["memory"]
    ratio = seconds["theirs"] / seconds["ours"]
    bold = "**" if ratio < 1 else ""
    times = f"{ratio:.0f}" if ratio >= 100 else f"{ratio:.2g}"
    return (
        f"| {name} | {case} | {seconds['theirs']:.3g} | {seconds['ours']:.3g} "
        f"| {bold}{times}{bold} | {memory['theirs']:.0f} | {memory['ours']:.0f} "
        f"| {record['same']} |"
    )


def one_library(name: str, args: argparse.Namespace) -> None:
    """Print a row for each case of a library."""
    warnings.simplefilter("ignore")
    cases = importlib.import_module(f"_adapter_{name}").CASES
    small, pool = Pool(args.data, SMALL), Pool(args.data, 3000 if args.quick else None)
    for case, prepare in cases.items():
        try:
            with contextlib.redirect_stdout(sys.stderr):
                for call in prepare(small, args.quick):
                    call()
                record = measured(*prepare(pool, args.quick))
        except Exception as problem:  # the other cases are to be seen all the same
            what = f"{type(problem).__name__}: {problem}".splitlines()[0]
            print(f"| {name} | {case} | {what} | | | | | |", flush=True)
            continue
        print(row(name, case, record), flush=True)


COLUMNS = (
    "library",
    "strategy",
    "theirs, s",
    "ours, s",
    "ratio",
    "theirs, MiB",
    "ours, MiB",
    "same",
)
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"


def main() -> None:
    """Print the table, row by row."""
    names = sorted(path.stem.removeprefix("_adapter_") for path in CASES_IN.glob("_adapter_*.py"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="where 20newsgroups.parquet lies")
    parser.add_argument("--only", nargs="*", choices=names, default=names, metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="3,000 rows")
    parser.add_argument("--output", type=Path, help="write the table to this file as well")
    parser.add_argument("--child", choices=names, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        one_library(args.child, args)
        return
    lines = [HEAD]
    print(HEAD, flush=True)
    for name in args.only:
        # A process of its own: libraries change settings that others see.
        command = [sys.executable, __file__, "--child", name, "--data", str(args.data)]
        command += ["--quick"] if args.quick else []
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            for line in process.stdout or ():
                lines.append(line.rstrip())
                print(lines[-1], flush=True)
    if args.output:
        args.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(CASES_IN))
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
