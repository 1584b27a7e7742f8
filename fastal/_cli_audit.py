"""``fastal audit``: a person checks a random sample of the model's labels, without seeing them."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._cli_finish import write_finished
from fastal._cli_label import SOURCES, check_output, forget_typed_ahead, line_editing
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


def audit(args: argparse.Namespace) -> int:
    """Ask, and print the error rate."""
    from fastal.audit import audit_rows

    path = Path(args.file)
    file = _read(path)
    by_model = file.source == "model"
    if not by_model.any():
        raise ValueError(f"{path}: no label in it is the model's, so there is none to check")
    journal = args.journal or Path(f"{args.file}.audit.jsonl")
    if args.output is not None:
        check_output("--output", args.output, path, journal)
        check_ending(args.output)
    rows = audit_rows(len(file.texts), args.n, ~by_model, args.seed)
    with LabelStore(journal, file.texts) as store:
        store.add_classes(sorted({label for label in file.labels if label is not None}))
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
        checked, n_skipped = _prefix(rows, store)
        _report(args, file, checked, n_skipped, store)
        if args.output is not None:
            _write(args.output, file, checked, store)
    return 130 if oracle.interrupted else 0


def _read(path: Path) -> _File:
    names = ["text", "label", "source", "confidence"]
    try:
        columns = read_columns(path, names, [])
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
    return _File(texts, labels, np.array(columns["source"]), _numbers(path, columns))


def _numbers(path: Path, columns: dict[str, list[Any]]) -> NDArray[np.float64]:
    numbers = np.full(len(columns[""]), np.nan)
    for row, (where, value) in enumerate(zip(columns[""], columns["confidence"], strict=True)):
        if value in (None, ""):
            continue
        try:
            numbers[row] = float(value)
        except (TypeError, ValueError):
            raise ValueError(
                f"{path}, {where}: the 'confidence' must be a number, got {value!r:.60}"
            ) from None
    return numbers


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
    print("The same command goes on from there.\n")
    if not checked.size:
        print("Without one that is checked, nothing can be said about them.")
        return
    answers: list[Label] = [store.labels[row] for row in checked.tolist()]
    wrong = np.array([a != b for a, b in zip(answers, file.labels[checked], strict=True)])
    by_model = file.source == "model"
    n_known = int(np.isin(file.source, ("person", "audit")).sum())
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
        print(f"\nYour answers in place of the model's:  fastal audit {args.file} --output FILE")


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


def _write(path: Path, file: _File, checked: NDArray[np.int64], store: LabelStore) -> None:
    labels, source, confidence = file.labels.copy(), file.source.astype("<U6"), file.confidence
    labels[checked] = [store.labels[row] for row in checked.tolist()]
    source[checked] = "audit"
    confidence = confidence.copy()
    confidence[checked] = np.nan
    known = [label for label in labels if label is not None]
    write_finished(path, type(known[0]), file.texts, labels, source, confidence)
    print(f"\nWith your answers in place of the model's labels: {path}")
