"""Columns of a CSV, JSON-lines or Parquet file as lists, with errors a person can act on.

Every error names the file, and the line where there are lines.  Nothing is ever unpickled.
"""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._file_rows import Columns, read_chunks

__all__ = [
    "check_labels",
    "check_split",
    "check_texts",
    "find_empty",
    "read_columns",
    "say_empty",
]

# Rows parsed at a time; the whole file is kept anyway.
_CHUNK_ROWS = 4096


def read_columns(path: Path, required: Sequence[str], optional: Sequence[str]) -> Columns:
    """Read the named columns; an optional one that is not in the file is left out."""
    columns: Columns = {"": []}
    for chunk in read_chunks(path, required, optional, _CHUNK_ROWS):
        n_before, n_more = len(columns[""]), len(chunk[""])
        for name in {**columns, **chunk}:
            values = columns.setdefault(name, [None] * n_before)
            values.extend(chunk.get(name, [None] * n_more))
    if not columns[""]:
        raise ValueError(f"{path} holds column names but no rows")
    return columns


def check_texts(path: Path, columns: Columns, name: str) -> list[str]:
    """Return the texts, missing ones as ""; a few empty ones, as exports have, are no error."""
    places, texts = columns[""], columns[name]
    empty = find_empty(path, places, texts, name)
    say_empty(path, len(empty), len(texts), places[empty[0]] if empty else "", name, stacklevel=4)
    return [text or "" for text in texts]


def find_empty(path: Path, places: Sequence[str], texts: Sequence[Any], name: str) -> list[int]:
    """Positions of texts that are missing or blank; ValueError for one that is no text at all."""
    empty = []
    for position, text in enumerate(texts):
        if text is None or (isinstance(text, str) and not text.strip()):
            empty.append(position)
            continue
        where = places[position]
        if not isinstance(text, str):
            raise ValueError(f"{path}, {where}: the {name!r} must be text, got {text!r:.60}")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise ValueError(f"{path}, {where}: the {name!r} is broken ({error})") from None
    return empty


def say_empty(
    path: Path, n_empty: int, n_texts: int, first: str, name: str, stacklevel: int
) -> None:
    """Warn of texts that are empty, if any; ValueError if all of them are."""
    if n_empty == n_texts:
        raise ValueError(f"{path}: every {name!r} is empty")
    if n_empty:
        warnings.warn(
            f"{path}: {n_empty:,} of {n_texts:,} texts are empty, the first in {first}",
            stacklevel=stacklevel,
        )


def check_labels(path: Path, columns: Columns, name: str, may_miss: bool) -> NDArray[Any]:
    """Return the labels: all strings or all whole numbers, None only where one may be missing."""
    labels = [None if label == "" else label for label in columns[name]]
    kind: type | None = None
    for where, label in zip(columns[""], labels, strict=True):
        if label is None:
            if not may_miss:
                raise ValueError(
                    f"{path}, {where}: the {name!r} is missing (partly_labeled=True reads a file "
                    "with labels missing, label_column=None one without any)"
                )
            continue
        if isinstance(label, bool) or not isinstance(label, (str, numbers.Integral)):
            raise ValueError(
                f"{path}, {where}: the {name!r} must be text or a whole number, got {label!r:.60}"
            )
        this = str if isinstance(label, str) else int
        if kind not in (None, this):
            raise ValueError(
                f"{path}, {where}: the {name!r} is {label!r:.60}, but earlier labels are "
                f"{'text' if kind is str else 'whole numbers'}; use one kind"
            )
        kind = this
    if may_miss:
        return np.array(labels, dtype=object)
    return np.array(labels) if kind is str else _whole_numbers(path, name, labels)


def _whole_numbers(path: Path, name: str, labels: list[Any]) -> NDArray[np.int64]:
    try:
        return np.array(labels, dtype=np.int64)
    except OverflowError:
        raise ValueError(f"{path}: a {name!r} lies outside the range of int64") from None


def check_split(path: Path, columns: Columns, name: str | None) -> NDArray[Any] | None:
    """Return the split, "train" or "test" in every row, or None when the file has none."""
    if name is None or name not in columns:
        return None
    for where, part in zip(columns[""], columns[name], strict=True):
        if part not in ("train", "test"):
            raise ValueError(
                f"{path}, {where}: the {name!r} must be 'train' or 'test', got {part!r:.60} "
                "(split_column=None leaves the column unread)"
            )
    return np.array(columns[name])
