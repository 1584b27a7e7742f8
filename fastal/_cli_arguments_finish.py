"""The arguments of ``fastal finish`` and ``fastal audit``."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fastal._cli_arguments import (
    _FILES,
    _add_estimator,
    _add_pool,
    _command,
    _count,
    _seed,
)

__all__ = ["add_audit", "add_finish"]


def add_finish(commands: Any) -> None:
    command = _command(
        commands,
        "finish",
        "Label the rest of a file: a model learns from your labels and labels all other texts.\n"
        "The whole file is written anew, with the columns text, label, source (person, model or\n"
        "none) and confidence, then all others that the file has; the rows keep their order. How\n"
        "many of the model's labels are wrong, fastal audit tells.",
        "examples:\n"
        "  fastal finish reviews.csv\n"
        "  fastal finish reviews.csv --min-confidence 0.8 --output labelled.parquet\n"
        "  fastal finish reviews.csv --train-on-audit reviews.finished.csv.audit.jsonl\n\n"
        "Labels are taken from where fastal query takes them. Texts that you skipped, and empty\n"
        "ones, are left without a label.\n\n" + _FILES,
    )
    _add_pool(command)
    command.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="your labels (default: FILE.labels.jsonl, if there is one)",
    )
    command.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="where to write; the ending says what kind of file (default: FILE with .finished "
        "before its ending)",
    )
    command.add_argument(
        "--overwrite", action="store_true", help="replace the output file if there is one already"
    )
    command.add_argument(
        "--min-confidence",
        type=_confidence,
        default=0.0,
        metavar="P",
        help="leave texts without a label to which the model gives a smaller probability "
        "(default: 0, label all)",
    )
    _add_estimator(command)
    command.add_argument(
        "--train-on-audit",
        type=Path,
        metavar="JOURNAL",
        help="learn from the answers of an audit too: they are your labels from then on, and that "
        "audit says nothing about the new model's other labels until you audit those",
    )
    command.set_defaults(command="finish")


def add_audit(commands: Any) -> None:
    command = _command(
        commands,
        "audit",
        "Find out how many of the model's labels are wrong: label some of them yourself, drawn\n"
        "at random, without seeing what the model says. Every answer is on disk before the next\n"
        "question: stop whenever you like, the same command goes on from there. At the end it\n"
        "prints the share of wrong labels with its interval.",
        "examples:\n"
        "  fastal audit reviews.finished.csv\n"
        "  fastal audit reviews.finished.csv --n 400 --output reviews.final.csv\n\n"
        "The answers are kept apart from your labels: a model that had learnt from them could\n"
        "not be judged by them. 200 labels without a single mistake show that fewer than 1.9 %\n"
        "are wrong, 400 that fewer than 1 % are.\n\n" + _FILES,
    )
    command.add_argument("file", metavar="FILE", help="what fastal finish wrote")
    command.add_argument(
        "--n",
        type=_count,
        default=200,
        metavar="N",
        help="how many labels to check in all; a larger number goes on with the same sample "
        "(default: 200)",
    )
    command.add_argument(
        "--journal",
        type=Path,
        metavar="JOURNAL",
        help="where the answers are kept, apart from your labels (default: FILE.audit.jsonl)",
    )
    command.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write the file again with your answers in place of the model's labels",
    )
    command.add_argument(
        "--seed",
        type=_seed,
        default=0,
        metavar="N",
        help="for the sample; keep it from one call to the next (default: 0)",
    )
    command.set_defaults(command="audit")


def _confidence(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"a number from 0 to 1 was expected, got {text!r}")
    return number
