"""``fastal audit``: a person checks a random sample of the model's labels, without seeing them."""

from __future__ import annotations

import argparse
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._cli_finish import COLUMNS, write_finished
from fastal._cli_label import (
    check_one_kind,
    check_output,
    forget_typed_ahead,
    line_editing,
)
from fastal._file_rest import SOURCES, Rest, read_rest
from fastal._file_writer import check_ending
from fastal._files import check_labels, check_texts, read_columns
from fastal._intervals import percent
from fastal._terminal import one_line, terminal_width
from fastal.label_store import Label, LabelStore
from fastal.oracle import TerminalOracle

# Texts on which person and model differ that are shown at the end.
_SHOWN = 10


@dataclass(frozen=True, eq=False)
class _File:
    """What `fastal finish` wrote."""

    texts: list[str]
    labels: NDArray[Any]
    source: NDArray[np.str_]
    confidence: NDArray[np.float64]
    rest: Rest


def audit(args: argparse.Namespace) -> int:
    """Ask, and print the error rate."""
    from fastal.audit import audit_rows

    path = Path(args.file)
    file = _read(path)
    by_model = file.source == "model"
    if not by_model.any():
        raise ValueError(f"{path}: no label in it is the model's, so there is none to check")
    own = Path(f"{args.file}.audit.jsonl")
    journal = args.journal or own
    if args.output is not None:
        check_output("--output", args.output, path, journal)
        check_ending(args.output)
    order = audit_rows(len(file.texts), len(file.texts), ~by_model, args.seed)
    rows = order[: args.n]
    with LabelStore(journal, file.texts) as store:
        if journal.resolve() != own.resolve():
            _check_journal(store)
        classes = sorted({label for label in file.labels if label is not None})
        # "1" is never 1: every label would count as wrong.
        check_one_kind([*store.classes, *classes])
        store.mark_audit()
        store.add_classes(classes)
        print(
            f"{int(by_model.sum()):,} labels are the model's; {len(rows):,} of them, drawn at "
            f"random, are to be checked.\nWhat the model says is not shown. Answers are kept in "
            f"{journal}\nEach is saved before the next question. Stop whenever you like; ? is "
            "help."
        )
        line_editing()
        forget_typed_ahead()
        oracle = TerminalOracle(file.texts, store)
        oracle(rows)
        # Beyond --n too: an earlier call may have asked for more.
        checked, n_skipped = _prefix(order, store)
        _report(args, file, checked, n_skipped, store)
        if args.output is not None:
            _write(args.output, file, store)
    return 130 if oracle.interrupted else 0


def _check_journal(store: LabelStore) -> None:
    """Refuse answers that no audit asked for: by those that it learnt from no model is judged."""
    if not store.is_audit and (store.labels or store.skipped or store.classes):
        raise ValueError(
            f"--journal: {store.path} is not the journal of an audit but holds labels to learn "
            "from; give the audit a file of its own"
        )


def _read(path: Path) -> _File:
    try:
        columns = read_columns(path, COLUMNS, [])
    except ValueError as error:
        if "has no column" in str(error):
            raise ValueError(f"{error}; fastal audit takes what fastal finish wrote") from None
        raise
    texts = check_texts(path, columns, "text")
    labels = check_labels(path, columns, "label", True)
    for where, label, source in zip(columns[""], labels, columns["source"], strict=True):
        if source not in SOURCES or (label is None) != (source == "none"):
            raise ValueError(
                f"{path}, {where}: label {label!r:.60} of source {source!r:.60}; fastal audit "
                "takes what fastal finish wrote"
            )
    rest = read_rest(path, COLUMNS, len(texts)).beside(COLUMNS)
    return _File(texts, labels, np.array(columns["source"]), _numbers(path, columns), rest)


def _numbers(path: Path, columns: dict[str, list[Any]]) -> NDArray[np.float64]:
    numbers = np.full(len(columns[""]), np.nan)
    for row, (where, value) in enumerate(zip(columns[""], columns["confidence"], strict=True)):
        is_model = columns["source"][row] == "model"
        if value in (None, "") and not is_model:
            continue
        try:
            numbers[row] = float(value)
        except (TypeError, ValueError):
            numbers[row] = np.nan
        if not 0 <= numbers[row] <= 1:
            of = " of a label by the model" if is_model else ""
            raise ValueError(
                f"{path}, {where}: the 'confidence'{of} must be a number from 0 to 1, got "
                f"{value!r:.60}"
            )
    return numbers


def _answered(file: _File, store: LabelStore) -> NDArray[np.int64]:
    """Rows whose answer goes into the file: also those without a label of the model's by now."""
    rows = [row for row in store.labels if file.source[row] in ("model", "none")]
    return np.array(sorted(rows), dtype=np.int64)


def _prefix(rows: NDArray[np.int64], store: LabelStore) -> tuple[NDArray[np.int64], int]:
    """Rows of the sample up to the first without an answer, less those skipped.

    After a stop in the middle that is a random sample.  Answers further on in the order, from a
    sample of other labels, would not be.
    """
    seen = 0
    while seen < len(rows) and (rows[seen] in store.labels or rows[seen] in store.skipped):
        seen += 1
    checked = np.array([row for row in rows[:seen] if row in store.labels], dtype=np.int64)
    return checked, seen - len(checked)


def _report(
    args: argparse.Namespace,
    file: _File,
    checked: NDArray[np.int64],
    n_skipped: int,
    store: LabelStore,
) -> None:
    from fastal.audit import audit_error

    skipped = f"; {n_skipped} skipped" if n_skipped else ""
    print(f"\nChecked: {len(checked):,} of the model's labels{skipped}; in {store.path}")
    by_model, answered = file.source == "model", _answered(file, store)
    n_beyond = int(by_model[answered].sum()) - len(checked)
    if n_beyond:
        print(
            f"{n_beyond:,} more answers stand behind the first text without one: not counted yet."
        )
    print("The same command goes on from there.\n")
    if not checked.size:
        print("Without one that is checked, nothing can be said about them.")
        return
    answers: list[Label] = [store.labels[row] for row in checked.tolist()]
    wrong = np.array([a != b for a, b in zip(answers, file.labels[checked], strict=True)])
    n_known = int((file.source != "none").sum() - by_model.sum() + (~by_model[answered]).sum())
    found = audit_error(int(wrong.sum()), len(checked), int(by_model.sum()), n_known)
    print(f"{len(checked):,} checked, {found.n_wrong:,} of them wrong.  {found}")
    left, n_all = found.left, int(by_model.sum()) + n_known
    print(
        f"Of all {n_all:,} labels, with yours and the checked ones put right, about "
        f"{percent(left.error)} % are\nwrong ({percent(left.low)} to {percent(left.high)} %)."
    )
    if n_skipped:
        print("If the skipped texts are the hard ones, more are wrong than that.")
    _print_thresholds(np.where(by_model, file.confidence, np.nan), checked, wrong)
    _print_wrong(file, checked[wrong], store)
    if args.output is None:
        again = f"fastal audit {_again(args)} --output FILE"
        print(f"\nYour answers in place of the model's:  {again}")


def _again(args: argparse.Namespace) -> str:
    """The file, and the options without which other rows or answers would be meant."""
    words = [args.file]
    if args.journal:
        words += ["--journal", str(args.journal)]
    if args.seed:
        words += ["--seed", str(args.seed)]
    return shlex.join(words)


def _print_thresholds(
    confidence: NDArray[np.float64], rows: NDArray[np.int64], wrong: NDArray[np.bool_]
) -> None:
    from fastal.audit import threshold_table

    print(
        "\nIf only labels of at least this confidence were kept (fastal finish --min-confidence);"
        "\nall intervals hold at once (95 %), so that any line may be chosen:\n\n"
        "  confidence    labels   share  checked  wrong   error      interval"
    )
    n_before = -1
    for line in threshold_table(confidence, rows, wrong):
        if line["n_audited"] and line["n_model"] != n_before:
            print(
                f"  {line['threshold']:>10g}{line['n_model']:>10,}{100 * line['share']:>6.0f} %"
                f"{line['n_audited']:>9,}{line['n_wrong']:>7,}{100 * line['error']:>6.1f} %"
                f"{100 * line['low']:>7.1f} to {100 * line['high']:.1f} %"
            )
        n_before = line["n_model"]


def _print_wrong(file: _File, rows: NDArray[np.int64], store: LabelStore) -> None:
    if not rows.size:
        return
    print("\nWhere you and the model differ:")
    for row in rows[:_SHOWN].tolist():
        yours, models = one_line(store.labels[row], 20), one_line(file.labels[row], 20)
        head = f"  row {row}: you {yours}, model {models}: "
        print(head + one_line(file.texts[row], max(20, terminal_width() - len(head) - 1)))
    if len(rows) > _SHOWN:
        print(f"  and {len(rows) - _SHOWN} more")


def _write(path: Path, file: _File, store: LabelStore) -> None:
    answered = _answered(file, store)
    labels, source, confidence = file.labels.copy(), file.source.astype("<U6"), file.confidence
    labels[answered] = [store.labels[row] for row in answered.tolist()]
    source[answered] = "audit"
    confidence = confidence.copy()
    confidence[answered] = np.nan
    known = [label for label in labels if label is not None]
    write_finished(path, type(known[0]), file.texts, labels, source, confidence, file.rest)
    print(f"\nWith your {len(answered):,} answers in place of the model's labels: {path}")
