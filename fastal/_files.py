"""Columns of a CSV, JSON-lines or Parquet file as lists, with errors a person can act on.

Every error names the file, and the line where there are lines.  Nothing is ever unpickled.
"""

from __future__ import annotations

import csv
import json
import numbers
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ENDINGS", "Columns", "check_labels", "check_split", "check_texts", "read_columns"]

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")

# Column name -> one value per document; "" -> where each document stands ("line 7", "row 7").
Columns = dict[str, list[Any]]

# csv refuses a field of more than 131,072 characters, which a long document easily has.  The limit
# belongs to the module, not to a reader, so it is raised for the length of one read only.
_FIELD_LIMIT = 2**31 - 1
_field_limit_lock = threading.Lock()


def read_columns(path: Path, required: Sequence[str], optional: Sequence[str]) -> Columns:
    """Read the named columns; an optional one that is not in the file is left out."""
    readers: dict[str, Callable[..., Columns]] = {
        ".csv": _read_csv,
        ".tsv": _read_csv,
        ".jsonl": _read_json_lines,
        ".ndjson": _read_json_lines,
        ".parquet": _read_parquet,
    }
    if path.suffix.lower() not in readers:
        raise ValueError(
            f"{path}: the ending must be one of {', '.join(ENDINGS)}, got {path.suffix or 'none'}"
        )
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    if not path.is_file():
        raise ValueError(f"{path} is not a file")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty")
    columns = readers[path.suffix.lower()](path, required, optional)
    if not columns[""]:
        raise ValueError(f"{path} holds column names but no rows")
    return columns


def _choose(
    path: Path, there: Sequence[str], required: Sequence[str], optional: Sequence[str]
) -> list[str]:
    """Return the wanted columns that are there, or say which ones are."""
    for name in required:
        if name not in there:
            listed = ", ".join(repr(column) for column in there[:20])
            more = f" and {len(there) - 20} more" if len(there) > 20 else ""
            raise ValueError(f"{path} has no column {name!r}; its columns are {listed}{more}")
    wanted = [*required, *(name for name in optional if name in there)]
    for name in wanted:
        if there.count(name) > 1:
            raise ValueError(f"{path} has {there.count(name)} columns called {name!r}")
    return wanted


def _lines(path: Path) -> Iterator[str]:
    """Yield decoded lines, without the byte order mark some programs put first."""
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if number == 1 and raw.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise ValueError(f"{path} is UTF-16; save it as UTF-8")
            if b"\0" in raw:
                raise ValueError(f"{path}, line {number}: there is a NUL byte; is this text?")
            try:
                yield raw.decode("utf-8-sig" if number == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise ValueError(
                    f"{path}, line {number}: not UTF-8 (byte 0x{raw[error.start]:02x} at position "
                    f"{error.start + 1} of the line); save the file as UTF-8"
                ) from None


def _read_csv(path: Path, required: Sequence[str], optional: Sequence[str]) -> Columns:
    with _field_limit_lock:
        limit = csv.field_size_limit(_FIELD_LIMIT)
        try:
            return _parse_csv(path, required, optional)
        finally:
            csv.field_size_limit(limit)


def _parse_csv(path: Path, required: Sequence[str], optional: Sequence[str]) -> Columns:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = csv.reader(_lines(path), delimiter=delimiter, strict=True)
    rows = _csv_rows(path, reader)
    _, header = next(rows, (0, None))
    if header is None:
        raise ValueError(f"{path} is empty")
    wanted = _choose(path, header, required, optional)
    positions = [header.index(name) for name in wanted]
    columns: Columns = {name: [] for name in ("", *wanted)}
    for line, row in rows:
        if len(row) != len(header):
            raise ValueError(
                f"{path}, line {line}: {len(row)} fields, but the first line names {len(header)} "
                "columns (a text that holds the delimiter or a line break must stand in quotes)"
            )
        columns[""].append(f"line {line}")
        for name, position in zip(wanted, positions, strict=True):
            columns[name].append(row[position])
    return columns


def _csv_rows(path: Path, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield rows that are not blank, each with the line on which it starts."""
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise ValueError(
                f"{path}, line {reader.line_num}: broken CSV ({error}); the row starts on line "
                f"{line}"
            ) from None
        if row is None:
            return
        if row:
            yield line, row


def _read_json_lines(path: Path, required: Sequence[str], optional: Sequence[str]) -> Columns:
    columns: Columns = {"": [], **{name: [] for name in [*required, *optional]}}
    seen: set[str] = set()
    for number, line in enumerate(_lines(path), start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        entry = _json_object(path, where, line)
        if not columns[""]:
            _choose(path, list(entry), required, optional)
        columns[""].append(where)
        for name in required:
            if name not in entry:
                keys = ", ".join(repr(key) for key in entry) or "none"
                raise ValueError(f"{path}, {where}: no {name!r}; its keys are {keys}")
            columns[name].append(entry[name])
        for name in optional:
            # Any line may be the first that has it: a label, say, of a pool labelled in part.
            columns[name].append(entry.get(name))
        seen.update(entry)
    return {
        name: values for name, values in columns.items() if name not in optional or name in seen
    }


def _json_object(path: Path, where: str, line: str) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}, {where}: broken JSON ({error})") from None
    if not isinstance(entry, dict):
        raise ValueError(
            f"{path}, {where}: every line must be a JSON object such as "
            f'{{"text": "...", "label": "..."}}, got {type(entry).__name__}'
        )
    return entry


def _read_parquet(path: Path, required: Sequence[str], optional: Sequence[str]) -> Columns:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            "reading Parquet needs pyarrow, which is not installed: pip install 'fastal[files]'"
        ) from error
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            wanted = _choose(path, file.schema_arrow.names, required, optional)
            table = file.read(columns=wanted)
        columns: Columns = {name: table.column(name).to_pylist() for name in wanted}
    except pyarrow.ArrowException as error:
        raise ValueError(f"{path}: not a Parquet file that can be read ({error})") from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: a column holds text that is not UTF-8 ({error})") from error
    columns[""] = [f"row {row}" for row in range(table.num_rows)]
    return columns


def check_texts(path: Path, columns: Columns, name: str) -> list[str]:
    """Return the texts, missing ones as ""; a few empty ones, as exports have, are no error."""
    empty = []
    for where, text in zip(columns[""], columns[name], strict=True):
        if text is None or (isinstance(text, str) and not text.strip()):
            empty.append(where)
            continue
        if not isinstance(text, str):
            raise ValueError(f"{path}, {where}: the {name!r} must be text, got {text!r:.60}")
        if not text.isascii():
            try:
                text.encode()
            except UnicodeEncodeError as error:
                raise ValueError(f"{path}, {where}: the {name!r} is broken ({error})") from None
    if len(empty) == len(columns[name]):
        raise ValueError(f"{path}: every {name!r} is empty")
    if empty:
        warnings.warn(
            f"{path}: {len(empty):,} of {len(columns[name]):,} texts are empty, "
            f"the first in {empty[0]}",
            stacklevel=3,
        )
    return [text or "" for text in columns[name]]


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
