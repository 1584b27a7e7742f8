"""Write a table of rows as CSV, TSV, JSON lines or Parquet: whole, or not at all."""

from __future__ import annotations

import csv
import errno
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from fastal._file_rest import ABSENT, Rest, as_text, cell
from fastal._file_rows import ENDINGS

__all__ = ["check_ending", "sync_folder", "write_csv", "write_rows"]

# What systems say that cannot sync a folder, or do not let us open it.
_NO_SYNC = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EACCES, errno.EPERM, errno.EBADF)

# Rows of a Parquet row group; of the texts, no more are copied at once.
_GROUP_ROWS = 65_536


def check_ending(path: Path) -> None:
    """Refuse a file of a kind that cannot be written."""
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(
            f"{path}: the ending must be one of {', '.join(ENDINGS)}, got {path.suffix or 'none'}"
        )
    if path.suffix.lower() == ".parquet":
        _pyarrow()


def write_rows(
    path: Path, columns: dict[str, type], rows: Iterable[Sequence[Any]], rest: Rest | None = None
) -> None:
    """Write the rows to a new file, which takes the place of an old one when it is complete.

    Parameters
    ----------
    path : Path
        The ending decides what is written.
    columns : dict from name to type
        str, int or float; None stands for a value that is missing (in CSV and TSV: an empty one).
    rows : iterable of sequences
        A value for each column.
    rest : Rest, optional
        Columns of another file that follow them.
    """
    kind = path.suffix.lower()
    if kind == ".parquet":
        with _taking_the_place_of(path) as part:
            _parquet(part, columns, rows, rest)
        return
    is_csv = kind in (".csv", ".tsv")
    if rest is not None and rest.names:
        columns = {**columns, **dict.fromkeys(rest.names, object)}
        more = (map(cell, row) if is_csv else row for row in rest.rows())
        rows = ((*own, *others) for own, others in zip(rows, more, strict=True))
    if is_csv:
        write_csv(path, columns, rows, "\t" if kind == ".tsv" else ",")
        return
    with _taking_the_place_of(path) as part:
        _json_lines(part, columns, rows)


@contextmanager
def _taking_the_place_of(path: Path) -> Iterator[Path]:
    # Beside the file: only within one file system is a change of name all or nothing.
    part = path.with_name(path.name + ".part")
    try:
        yield part
        # The new name may reach the disk before what it names: after a power cut the file would
        # be empty, and the old one gone.
        with part.open("r+b") as file:
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError as error:
        # A full disk names no file, and a folder that nobody may write to one never heard of.
        part.unlink(missing_ok=True)
        what = f"nothing was written: {error.strerror or error}"
        raise OSError(error.errno, what, str(path)) from error
    except UnicodeEncodeError as error:
        part.unlink(missing_ok=True)
        raise ValueError(
            f"{path}: nothing was written: a text holds half a character, which only a file that "
            f"ends in .jsonl can hold ({error.reason})"
        ) from None
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(folder: Path) -> None:
    """Make the name of a new file last as well, where that is possible; POSIX alone opens one."""
    if os.name != "posix":
        return
    try:
        fd = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise OSError(error.errno, error.strerror, str(folder)) from error


def write_csv(
    path: Path, columns: dict[str, type], rows: Iterable[Sequence[Any]], delimiter: str = ","
) -> None:
    """As `write_rows`, as CSV whatever the ending."""
    with _taking_the_place_of(path) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, delimiter=delimiter, lineterminator="\n")
        # A carriage return alone is left without quotes, and ends the line for every reader.
        quoting = csv.writer(file, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
        writer.writerow(columns)
        for row in rows:
            is_odd = any(isinstance(value, str) and "\r" in value for value in row)
            (quoting if is_odd else writer).writerow(row)


def _json_lines(part: Path, columns: dict[str, type], rows: Iterable[Sequence[Any]]) -> None:
    # Half a surrogate pair, which JSON can hold and UTF-8 cannot, is escaped as JSON does it.
    with part.open("w", newline="", encoding="utf-8", errors="backslashreplace") as file:
        for row in rows:
            every = zip(columns, row, strict=True)
            entry = {name: value for name, value in every if value is not ABSENT}
            file.write(json.dumps(entry, ensure_ascii=False, default=as_text) + "\n")


def _parquet(
    part: Path, columns: dict[str, type], rows: Iterable[Sequence[Any]], rest: Rest | None
) -> None:
    pyarrow = _pyarrow()
    types = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64()}
    own = [pyarrow.field(name, types[of]) for name, of in columns.items()]
    table = pyarrow.table({}) if rest is None else rest.table()
    schema = pyarrow.schema([*own, *table.schema])
    every, start = iter(rows), 0
    with pyarrow.parquet.ParquetWriter(part, schema) as writer:
        while group := list(islice(every, _GROUP_ROWS)):
            values = zip(own, zip(*group, strict=True), strict=True)
            arrays = [pyarrow.array(list(column), field.type) for field, column in values]
            arrays += table.slice(start, len(group)).columns
            writer.write_table(pyarrow.table(arrays, schema=schema))
            start += len(group)


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            "writing Parquet needs pyarrow, which is not installed: pip install 'fastal[files]'"
        ) from error
    return pyarrow
