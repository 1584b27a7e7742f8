"""``fastal finish``: a model labels what the person has not."""

from __future__ import annotations

import argparse
import collections
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._cli_label import blank_rows, check_one_kind, check_output, known_labels, read_pool
from fastal._file_rest import Rest, is_finished, read_rest
from fastal._file_writer import check_ending, write_rows
from fastal._terminal import flow, one_line, terminal_width
from fastal.label_store import Label, LabelStore

# What is written, before the other columns of the file.
COLUMNS = ("text", "label", "source", "confidence")

# From so many texts on, it takes long enough to show how far it is.
_MANY = 100_000


def finish(args: argparse.Namespace) -> int:
    """Label all rows of a file, and write them."""
    from fastal._models import make_estimator, make_features
    from fastal._rows import fit_clone
    from fastal.finish import label_rest

    texts, own = read_pool(args)
    known, skipped = known_labels(args, texts, own)
    output = args.output or _beside(Path(args.file))
    inputs = [Path(args.file), *filter(None, (args.labels, args.train_on_audit))]
    check_output("--output", output, *inputs)
    check_ending(output)
    if output.exists() and not args.overwrite:
        # Somebody may have gone on working in it.
        raise ValueError(
            f"{output} is there already; --overwrite replaces it, --output FILE writes another"
        )
    if args.train_on_audit is not None:
        if args.labels is not None and args.labels.resolve() == args.train_on_audit.resolve():
            raise ValueError(
                f"--train-on-audit: {args.train_on_audit} is where your labels come from; the "
                "journal of an audit is a file of its own"
            )
        known.update(_answers(args.train_on_audit, texts))
        check_one_kind(known.values())
    rest = _rest(args, len(texts))
    classes = set(known.values())
    if len(classes) < 2:
        raise ValueError(
            f"a model needs labels of two classes, and has {len(classes)}: label more texts with "
            f"fastal label {args.file}"
        )
    (X,) = make_features(texts)
    rows = np.array(sorted(known), dtype=np.int64)
    y = np.array([known[row] for row in rows.tolist()])
    model = fit_clone(make_estimator(args.estimator), X[rows], y)
    done = label_rest(model, X, rows, y, args.min_confidence, progress=len(texts) >= _MANY)
    source, labels = done.source, done.labels
    nobodys = np.array(sorted((skipped | blank_rows(texts)) - known.keys()), dtype=np.int64)
    source[nobodys], labels[nobodys] = "none", None
    kind = type(next(iter(classes)))
    write_finished(output, kind, texts, labels, source, done.confidence, rest)
    _print_counts(known, labels, source, nobodys.size, args.min_confidence)
    print(f"Written: {output}")
    if "model" in source:
        print(
            f"How many of the model's labels are wrong?  fastal audit {shlex.quote(str(output))}"
        )
    return 0


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.stem}.finished{path.suffix}")


def _rest(args: argparse.Namespace, n_rows: int) -> Rest:
    """Columns of the file that are to be written again, all but the texts and labels read."""
    path = Path(args.file)
    own = {args.text_column}
    if not args.ignore_labels and args.label_column in (None, "label"):
        own.add("label")
    every = read_rest(path, own, n_rows)
    ours = ("source", "confidence")
    if "label" in own and {*ours} <= {*every.names} and is_finished(*map(every.column, ours)):
        every = every.without(ours)
    rest = every.beside(COLUMNS)
    for place, name in enumerate(every.names):
        if rest.names[place] != name:
            new = rest.names[place]
            print(f"{path}: its column {name!r} is kept as {new!r}.", file=sys.stderr)
    return rest


def _answers(path: Path, texts: Sequence[str]) -> Mapping[int, Label]:
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    return LabelStore(path, texts, read_only=True).labels


def write_finished(
    path: Path,
    kind: type,
    texts: Sequence[str],
    labels: NDArray[Any],
    source: NDArray[np.str_],
    confidence: NDArray[np.float64],
    rest: Rest,
) -> None:
    """Write the columns text, label, source and confidence, and the rest, a line for each text."""

    def rows() -> Iterator[tuple[str, Label | None, str, float | None]]:
        for text, label, of, sure in zip(texts, labels, source, confidence, strict=True):
            yield text, label, str(of), None if np.isnan(sure) else round(float(sure), 6)

    columns = {"text": str, "label": kind, "source": str, "confidence": float}
    write_rows(path, columns, rows(), rest)


def _print_counts(
    known: Mapping[int, Label],
    labels: NDArray[Any],
    source: NDArray[np.str_],
    n_nobodys: int,
    min_confidence: float,
) -> None:
    by_model = source == "model"
    n_model, n_none = int(by_model.sum()), int((source == "none").sum())
    print(
        f"{len(labels):,} texts: {len(known):,} labelled by you, {n_model:,} by the model, "
        f"{n_none:,} by nobody"
    )
    if n_none:
        print(
            f"  ({n_none - n_nobodys:,} of which the model is not sure enough, confidence below "
            f"{min_confidence:g}; {n_nobodys:,} empty or skipped)"
        )
    yours, models = collections.Counter(known.values()), collections.Counter(labels[by_model])
    every = sorted(yours.keys() | models.keys(), key=lambda c: -yours[c] - models[c])
    shown = [f"{one_line(c, 30)} {yours[c]:,} + {models[c]:,}" for c in every[:12]]
    if len(every) > 12:
        shown.append(f"and {len(every) - 12} more classes")
    print("Yours + the model's:\n" + flow(shown, terminal_width()))
