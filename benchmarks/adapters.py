"""The strategies of other libraries beside ours, on the same real pool: seconds, memory, picks.

    python benchmarks/adapters.py --data FOLDER [--only NAME ...] [--quick] [--output FILE]

FOLDER holds ``20newsgroups.parquet`` (columns text and label).  Each library has a file
``_adapter_NAME.py`` with ``CASES``: {what is compared: prepare}, where ``prepare(pool, quick)``
returns ``(theirs, ours)``, two functions without arguments that return picks, or whatever both
can be compared by.  ``pool`` is a `Pool`, from which a case takes rows, dense or sparse.

Both run in turn in one process, after one call of each on a small pool (so that neither is charged
for compiling); seconds are medians.  Peak memory is each one's own, in a process of its own,
above what was there before the call.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib
import json
import os
import statistics
import subprocess
import sys
import threading
import time
import warnings
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
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


def prepare(name: str, case: str, folder: Path, n_rows: int | None, quick: bool) -> Any:
    """Return the two functions of a case on a pool of so many rows."""
    warnings.simplefilter("ignore")
    module = importlib.import_module(f"_adapter_{name}")
    return module.CASES[case](Pool(folder, n_rows), quick)


def in_child(*arguments: str) -> Any:
    """Run this file in a process of its own; return what it prints last."""
    command = [sys.executable, __file__, *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return {"problem": f"ended with {done.returncode}"}
    return json.loads(done.stdout.strip().splitlines()[-1])


def timed(call: Any) -> tuple[float, Any]:
    """Return seconds and the result."""
    start = time.perf_counter()
    result = call()
    return time.perf_counter() - start, result


def times(theirs: Any, ours: Any) -> dict[str, Any]:
    """Time both in turn, thrice, or once if that takes long."""
    seconds: dict[str, list[float]] = {"theirs": [], "ours": []}
    for _ in range(3):
        took, expected = timed(theirs)
        seconds["theirs"].append(took)
        took, actual = timed(ours)
        seconds["ours"].append(took)
        if sum(map(sum, seconds.values())) > PATIENCE:
            break
    record: dict[str, Any] = {side: statistics.median(each) for side, each in seconds.items()}
    return record | {"same": agreement(expected, actual)}


def agreement(expected: Any, actual: Any) -> str:
    """Say how many picks are the same."""
    a, b = (np.asarray(x).ravel() for x in (expected, actual))
    if np.array_equal(a, b):
        return "all, in order"
    return f"{len(np.intersect1d(a, b))} of {len(a)}"


def peak(call: Any) -> float:
    """Return the MiB that a call needs at its peak, above what was there before."""
    before, highest, done = anonymous(), 0, threading.Event()

    def watch() -> None:
        nonlocal highest
        while not done.wait(0.002):
            highest = max(highest, anonymous())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    call()
    highest = max(highest, anonymous())
    done.set()
    watcher.join()
    return max(0, highest - before) / 2**20


def anonymous() -> int:
    """Bytes of this process that no file backs."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return 1024 * int(line.split()[1])
    return 0


def child(args: argparse.Namespace) -> Any:
    """Do what the parent asked for."""
    name, case, what = args.child
    warm = prepare(name, case, args.data, SMALL, args.quick)
    sides = ("theirs", "ours")
    for side, call in zip(sides, warm, strict=True):
        if what in ("times", side):
            with contextlib.redirect_stdout(sys.stderr):
                call()
    both = prepare(name, case, args.data, 3000 if args.quick else None, args.quick)
    with contextlib.redirect_stdout(sys.stderr):
        return times(*both) if what == "times" else peak(both[sides.index(what)])


def line(name: str, case: str, args: argparse.Namespace) -> str:
    """Return one row of the table."""
    rest = ["--data", str(args.data), *(["--quick"] if args.quick else [])]
    took = in_child("--child", name, case, "times", *rest)
    if "problem" in took:
        return f"| {name} | {case} | {took['problem']} | | | | | |"
    memory = [in_child("--child", name, case, side, *rest) for side in ("theirs", "ours")]
    ratio = took["theirs"] / took["ours"]
    loss = "**" if ratio < 1 else ""
    return (
        f"| {name} | {case} | {took['theirs']:.3g} | {took['ours']:.3g} | {loss}{ratio:.3g}{loss} "
        f"| {memory[0]:.0f} | {memory[1]:.0f} | {took['same']} |"
    )


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
    names = sorted(path.stem.removeprefix("_adapter_") for path in HERE.glob("_adapter_*.py"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="where 20newsgroups.parquet lies")
    parser.add_argument("--only", nargs="*", choices=names, default=names, metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="3,000 rows")
    parser.add_argument("--output", type=Path, help="write the table to this file as well")
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        print(json.dumps(child(args)))
        return
    lines = [HEAD]
    print(HEAD, flush=True)
    for name in args.only:
        for case in importlib.import_module(f"_adapter_{name}").CASES:
            lines.append(line(name, case, args))
            print(lines[-1], flush=True)
    if args.output:
        args.output.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
