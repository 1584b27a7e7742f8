"""``fastal query`` and ``fastal label``: which texts to label next, and labelling them."""

from __future__ import annotations

import argparse
import collections
import contextlib
import csv
import json
import shlex
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._cli_experiment import print_rows
from fastal._cli_stop import Advice
from fastal._file_rest import is_finished
from fastal._file_writer import write_csv
from fastal._files import check_labels, check_texts, read_columns
from fastal._terminal import flow, one_line, terminal_width
from fastal.label_store import Label, LabelStore
from fastal.oracle import TerminalOracle

# Beyond this, leaving one out takes longer than a person likes to wait between two batches.
_LEAVE_ONE_OUT = 50

# ---------------------------------------------------------------------- what is known


def read_pool(args: argparse.Namespace) -> tuple[list[str], dict[int, Label]]:
    """Texts of the file, and the labels it holds itself, by row."""
    path = Path(args.file)
    named = args.label_column
    required = [args.text_column] + ([named] if named else [])
    finished = ["label", "source", "confidence"]
    optional = finished if named in (None, "label") and not args.ignore_labels else []
    columns = read_columns(path, required, optional)
    texts = check_texts(path, columns, args.text_column)
    column = named or "label"
    if column not in columns:
        return texts, {}
    labels = check_labels(path, columns, column, True).tolist()
    sources = columns.get("source", [])
    if "model" in sources and is_finished(sources, columns.get("confidence", [])):
        print(f"{path}: labels by the model of fastal finish are left out.", file=sys.stderr)
        labels = [
            None if of == "model" else label for label, of in zip(labels, sources, strict=True)
        ]
    return texts, {row: label for row, label in enumerate(labels) if label is not None}


def blank_rows(texts: Sequence[str]) -> set[int]:
    """Rows without a text: nobody is asked about those."""
    return {row for row, text in enumerate(texts) if not text.strip()}


def read_labels(path: Path, texts: list[str]) -> tuple[dict[int, Label], set[int]]:
    """Labels and skipped rows of a journal, or of a table with the columns row and label."""
    if _is_journal(path):
        store = LabelStore(path, texts, read_only=True)
        if store.is_audit:
            raise ValueError(
                f"{path} is the journal of an audit, which tells how good the other labels are; "
                "fastal finish takes it by --train-on-audit"
            )
        return store.labels, store.skipped
    columns = read_columns(path, ["row", "label"], ["text"])
    labels: dict[int, Label] = {}
    places, own_texts = columns[""], columns.get("text", [None] * len(columns[""]))
    values = check_labels(path, columns, "label", True).tolist()
    for place, number, label, text in zip(places, columns["row"], values, own_texts, strict=True):
        if label is None:
            continue
        row = _row_number(f"{path}, {place}", number, len(texts))
        if row in labels and labels[row] != label:
            raise ValueError(f"{path}, {place}: row {row} has another label further up")
        if text is not None and text != texts[row]:
            raise ValueError(f"{path}, {place}: row {row} is another text in the file of texts")
        labels[row] = label
    return labels, set()


def known_labels(
    args: argparse.Namespace, texts: list[str], own: Mapping[int, Label]
) -> tuple[dict[int, Label], set[int]]:
    """All labels, those of ``--labels`` before those of the file, and the rows skipped."""
    journal = Path(f"{args.file}.labels.jsonl")
    if args.labels is None and journal.exists():
        print(f"Labels so far: from {journal}, which fastal label wrote.", file=sys.stderr)
        args.labels = journal
    more, skipped = ({}, set()) if args.labels is None else read_labels(args.labels, texts)
    known = {**own, **more}
    check_one_kind(known.values())
    return known, skipped


def _is_journal(path: Path) -> bool:
    """Whether the first line is an event; a journal may have any name."""
    with path.open("rb") as file:
        start = file.readline().strip()
    if not start:
        return path.suffix == ".jsonl"
    try:
        event = json.loads(start)
    except ValueError:
        # Half of a first event: LabelStore knows what to make of it.
        return start.startswith(b'{"action"')
    return isinstance(event, dict) and "action" in event


def _row_number(where: str, value: Any, n: int) -> int:
    try:
        row = int(value)
    except (TypeError, ValueError):
        row = -1
    # Not 1.5, nor true.
    if isinstance(value, (bool, float)) or not 0 <= row < n:
        raise ValueError(
            f"{where}: the row must be a number from 0 to {n - 1} (a row of the file of texts), "
            f"got {value!r:.60}"
        )
    return row


def check_one_kind(labels: Iterable[Label]) -> None:
    kinds = {type(label): label for label in labels}
    if len(kinds) > 1:
        first, second, *_ = kinds.values()
        raise ValueError(
            f"the labels are of two kinds, such as {first!r} and {second!r}: use text for all of "
            "them, or whole numbers"
        )


def _cold(args: argparse.Namespace) -> str:
    """Name of what chooses while there is no model, as `ActiveLearner` decides it."""
    from fastal.strategies import MODEL_FREE

    return str(args.strategy) if args.strategy in MODEL_FREE else "random"


def make_learner(args: argparse.Namespace, X: Any, known: Mapping[int, Label]) -> Any:
    """Return a learner that was taught the known labels."""
    from fastal._models import make_estimator
    from fastal.learner import ActiveLearner

    rows = np.array(sorted(known), dtype=np.int64)
    learner = ActiveLearner(
        make_estimator(args.estimator),
        args.strategy,
        # The same labels lead to the same questions, also when the work goes on another day.
        random_state=(args.seed + len(rows)) % 2**32,
    )
    if rows.size:
        learner.teach(X[rows], np.array([known[row] for row in rows.tolist()]))
    return learner


# ---------------------------------------------------------------------- fastal query


def query(args: argparse.Namespace) -> int:
    """Print the rows to label next."""
    from fastal._models import make_features

    texts, own = read_pool(args)
    known, skipped = known_labels(args, texts, own)
    out = {*known, *skipped, *blank_rows(texts)}
    if len(out) == len(texts):
        hint = "; --ignore-labels does not read those in the file" if own else ""
        raise ValueError(f"every text of {args.file} has a label or was skipped{hint}")
    (X,) = make_features(texts)
    learner = make_learner(args, X, known)
    rows, scores = learner.query(
        X, args.n, labeled=np.array(sorted(out), dtype=np.int64), return_scores=True
    )
    how = args.strategy if hasattr(learner, "estimator_") else _cold(args)
    n_classes = len(set(known.values()))
    print(
        f"{len(rows):,} of {len(texts) - len(out):,} texts without a label, chosen by {how}; "
        f"labels so far: {len(known):,}.",
        file=sys.stderr,
    )
    if n_classes < 2:
        print(
            f"There is no model yet: it needs labels of two classes, and has {n_classes}.",
            file=sys.stderr,
        )
    if args.format == "table":
        print_rows(rows, scores, texts)
    else:
        _write_rows(args.format, rows, scores, texts)
    return 0


def _write_rows(
    form: str, rows: NDArray[np.int64], scores: NDArray[np.float64], texts: Sequence[str]
) -> None:
    """Write the rows with their whole texts to standard output, for another program."""
    entries = [
        {"row": row, "score": None if np.isnan(score) else score, "text": texts[row]}
        for row, score in zip(rows.tolist(), scores.tolist(), strict=True)
    ]
    if form == "jsonl":
        for entry in entries:
            print(json.dumps(entry, ensure_ascii=False))
        return
    writer = csv.DictWriter(sys.stdout, ["row", "score", "text"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(entries)


# ---------------------------------------------------------------------- fastal label


def label(args: argparse.Namespace) -> int:
    """Train, choose, ask, and again, until the person stops."""
    texts, own = read_pool(args)
    path = args.labels or Path(f"{args.file}.labels.jsonl")
    if args.export is not None:
        check_output("--export", args.export, Path(args.file), path)
    with LabelStore(path, texts) as store:
        if store.is_audit:
            raise ValueError(f"{path} is the journal of an audit; give your labels another file")
        classes = _first_classes(args.classes, own)
        # Before they are written: what stands in the journal can never be taken out again.
        check_one_kind([*store.classes, *classes])
        store.add_classes(classes)
        before = len(store.labels)
        line_editing()
        oracle = TerminalOracle(texts, store)
        try:
            _label_in_batches(args, texts, own, oracle)
        except KeyboardInterrupt:
            # Between two questions, while the model learns.
            oracle.interrupted = True
            print()
        print(
            f"\nNew labels: {len(store.labels) - before}; in all: {len(store.labels)}, in {path}\n"
            "The same command goes on from there."
        )
        if len(set({**own, **store.labels}.values())) > 1:
            print(f"The model labels the rest:  fastal finish {_again(args)}")
        if args.export is not None:
            known = {**own, **store.labels}
            _export(args.export, known, texts)
            print(f"Labels with their texts: {args.export}")
    return 130 if oracle.interrupted else 0


def _again(args: argparse.Namespace) -> str:
    """The file, and the options without which `fastal finish` would do something else."""
    words = [args.file]
    if args.text_column != "text":
        words += ["--text-column", args.text_column]
    if args.label_column:
        words += ["--label-column", args.label_column]
    words += ["--ignore-labels"] * args.ignore_labels
    if args.labels:
        words += ["--labels", str(args.labels)]
    if args.estimator != "logistic":
        words += ["--estimator", args.estimator]
    return shlex.join(words)


def _first_classes(given: list[str] | None, own: Mapping[int, Label]) -> list[Label]:
    """Return the classes of --classes, then those of the file, in whole numbers if it has such."""
    in_file = sorted(set(own.values()), key=lambda label: (str(type(label)), label))
    if given and in_file and all(isinstance(label, int) for label in in_file):
        try:
            return [*map(int, given), *in_file]
        except ValueError:
            raise ValueError(
                f"--classes: the labels in the file are whole numbers such as {in_file[0]}, "
                f"so these must be too; got {','.join(given)}"
            ) from None
    return [*(given or []), *in_file]


def line_editing() -> None:
    """Let arrow keys move in what is typed, where Python has readline."""
    if sys.stdin.isatty():
        with contextlib.suppress(ImportError):
            import readline  # noqa: F401


def forget_typed_ahead() -> None:
    """Drop keys pressed while the model learnt: they would answer a text that nobody has seen."""
    if sys.stdin.isatty():
        with contextlib.suppress(ImportError):  # Windows
            import termios

            termios.tcflush(sys.stdin, termios.TCIFLUSH)


def _label_in_batches(
    args: argparse.Namespace, texts: list[str], own: dict[int, Label], oracle: TerminalOracle
) -> None:
    from fastal._models import make_features

    store = oracle.store
    (X,) = make_features(texts)
    print(
        f"{len(texts):,} texts. Answers are kept in {store.path}\n"
        "Each is saved before the next question. Stop whenever you like; ? is help."
    )
    blank = blank_rows(texts)
    advice = Advice(
        args.stop_when or [], X, np.setdiff1d(np.arange(len(texts)), sorted(blank)), args.seed
    )
    advice.look_back(store.labels, own, args.batch, lambda known: make_learner(args, X, known))
    told = 0
    while not oracle.interrupted:
        known = {**own, **store.labels}
        out = {*known, *store.skipped, *blank}
        if len(out) != told:
            told = len(out)
            _print_state(args, X, known, len(store.skipped - known.keys()), len(texts) - len(out))
        if oracle.stopped:
            return
        if len(out) == len(texts):
            print("Every text has a label or was skipped.")
            if not store.labels and own:
                print("The labels are in the file itself: --ignore-labels starts without them.")
            return
        learner = make_learner(args, X, known)
        advice.look(learner)
        print(*advice.lines(), sep="\n", end="\n" if advice.rules else "")
        if known and not hasattr(learner, "estimator_"):
            print(f"A model needs two classes: {_cold(args)} chooses the next texts as well.")
        rows = learner.query(X, args.batch, labeled=np.array(sorted(out), dtype=np.int64))
        forget_typed_ahead()
        oracle(rows)


def _print_state(
    args: argparse.Namespace, X: Any, known: Mapping[int, Label], n_skipped: int, n_left: int
) -> None:
    """Print how much is labelled, and how good the model may be by now."""
    from fastal._models import make_estimator
    from fastal.evaluation import estimate_accuracy

    width = terminal_width()
    counts = collections.Counter(known[row] for row in sorted(known)).most_common()
    shown = [f"{one_line(label, 30)} {count}" for label, count in counts[:12]]
    if len(counts) > 12:
        shown.append(f"and {len(counts) - 12} more classes")
    print("\n" + "=" * (width - 1))
    print(f"{len(known):,} labelled, {n_skipped:,} skipped, {n_left:,} to go")
    if shown:
        print(flow(shown, width))
    if len(counts) < 2:
        return
    rows = np.array(sorted(known), dtype=np.int64)
    y = np.array([known[row] for row in rows.tolist()])
    found = estimate_accuracy(
        make_estimator(args.estimator), X[rows], y, n_leave_one_out=_LEAVE_ONE_OUT
    )
    print(
        f"Accuracy of the model, estimated from these {found.n} labels alone: "
        f"{found.accuracy:.2f}\n"
        f"  95 % interval {found.low:.2f} to {found.high:.2f}, by {found.method}."
    )
    if args.strategy == "random":
        print("  It holds for the whole file if all of these texts were drawn at random.")
    else:
        print(
            "  The labelled texts are no random sample of the file (a strategy chose them),\n"
            "  so on the others the model can be better or worse than that."
        )


def check_output(option: str, path: Path, *inputs: Path) -> None:
    """Refuse before the work what would fail after it, or replace what the work is about."""
    if path.resolve() in {other.resolve() for other in inputs}:
        raise ValueError(f"{option} would replace {path}; give it a name of its own")
    if not path.parent.is_dir() or path.is_dir():
        raise ValueError(f"{option}: {path} cannot be written, it is a folder or lies in none")


def _export(path: Path, known: Mapping[int, Label], texts: Sequence[str]) -> None:
    """Write row, text and label of every labelled row as CSV."""
    columns = {"row": int, "text": str, "label": type(next(iter(known.values()), ""))}
    write_csv(path, columns, ((row, texts[row], known[row]) for row in sorted(known)))
