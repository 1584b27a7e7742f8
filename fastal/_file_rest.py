"""The columns of a file that fastal has no use for, to be written again beside its own."""

from __future__ import annotations

import csv
import datetime
import decimal
import json
import uuid
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from fastal._file_rows import (
    _choose,
    _csv_rows,
    _json_object,
    _lines,
    _long_fields,
    _open_parquet,
)

__all__ = ["ABSENT", "SOURCES", "Rest", "as_text", "cell", "is_finished", "read_rest"]

# Who gave a label, in a file that `fastal finish` or `fastal audit` wrote.
SOURCES = {"person", "model", "none", "audit"}

# Stands for a key that a line of JSON does not have: null would be a value.
ABSENT = object()

# Values of Parquet for which text is the usual form elsewhere.
_TEXT = (datetime.date, datetime.time, datetime.timedelta, decimal.Decimal, uuid.UUID)

# Rows of Parquet that are Python's objects at once.
_ROWS = 65_536


def is_finished(sources: Sequence[Any], confidence: Sequence[Any]) -> bool:
    """Whether these columns are those that ``fastal finish`` writes, not some of the user's own.

    It knows no confidence of what a person said.
    """
    return len(sources) == len(confidence) and all(
        of in SOURCES and (of != "person" or sure in (None, "") or sure != sure)
        for of, sure in zip(sources, confidence, strict=True)
    )


class Rest:
    """Columns as they were read.

    Parameters
    ----------
    path : Path
        What errors call the file.
    names : list of str
        Names of the columns; those of CSV may be twice the same.
    values : list of lists, or a table of pyarrow
        Of Parquet nothing but its own table keeps all kinds of values as they are.
    """

    def __init__(self, path: Path, names: list[str], values: Any) -> None:
        self.path, self.names, self._values = path, names, values

    def __len__(self) -> int:
        """Rows; 0 of no columns."""
        values = self._values
        if isinstance(values, list):
            return len(values[0]) if values else 0
        return int(values.num_rows) if self.names else 0

    def column(self, name: str) -> list[Any]:
        """Values of the first column of that name."""
        column = self._values[self.names.index(name)]
        return column if isinstance(column, list) else list(column.to_pylist())

    def without(self, names: Collection[str]) -> Rest:
        """Leave columns out."""
        places = [i for i, name in enumerate(self.names) if name not in names]
        values = self._values
        values = [values[i] for i in places] if isinstance(values, list) else values.select(places)
        return Rest(self.path, [self.names[i] for i in places], values)

    def beside(self, taken: Collection[str]) -> Rest:
        """Give columns whose names are taken, or occur twice, another name."""
        names: list[str] = []
        for name in self.names:
            new = name
            while new in taken or new in names or (new != name and new in self.names):
                new += "_in_file"
            names.append(new)
        return Rest(self.path, names, self._values)

    def rows(self) -> Iterator[tuple[Any, ...]]:
        """Rows of values, for CSV or JSON."""
        if isinstance(self._values, list):
            yield from zip(*self._values, strict=True)
            return
        for start in range(0, len(self), _ROWS):
            part = self._values.slice(start, _ROWS)
            yield from zip(*(column.to_pylist() for column in part.columns), strict=True)

    def table(self) -> Any:
        """Return the columns for Parquet, a table of pyarrow."""
        import pyarrow

        if not isinstance(self._values, list):
            return self._values.rename_columns(self.names)
        arrays = []
        for name, values in zip(self.names, self._values, strict=True):
            try:
                arrays.append(pyarrow.array([None if v is ABSENT else v for v in values]))
            except (pyarrow.ArrowException, OverflowError, UnicodeError) as error:
                raise ValueError(
                    f"{self.path}: Parquet has no kind of column for the values of {name!r} "
                    f"({error}); write a file that ends in {self.path.suffix}"
                ) from None
        return pyarrow.table(arrays, names=self.names)


def as_text(value: Any) -> str:
    """Return the text for a value of Parquet that JSON does not know."""
    if not isinstance(value, _TEXT):
        raise ValueError(
            f"only Parquet holds values such as {value!r:.60}: write a file that ends in .parquet"
        )
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def read_rest(path: Path, own: Collection[str], n_rows: int) -> Rest:
    """Read all columns but those of fastal's own, of a file that has been read before."""
    readers: dict[str, Callable[..., Rest]] = {".parquet": _parquet, ".csv": _csv, ".tsv": _csv}
    rest = readers.get(path.suffix.lower(), _json)(path, own)
    if rest.names and len(rest) != n_rows:
        raise ValueError(f"{path} was changed while it was read")
    return rest


def _csv(path: Path, own: Collection[str]) -> Rest:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with closing(_lines(path)) as lines, _long_fields():
        rows = _csv_rows(path, csv.reader(lines, delimiter=delimiter, strict=True))
        _, header = next(rows)
        places = [i for i, name in enumerate(header) if name not in own]
        values: list[list[str]] = [[] for _ in places]
        for _, row in rows:
            for i, column in zip(places, values, strict=True):
                column.append(row[i])
    return Rest(path, [header[i] for i in places], values)


def _json(path: Path, own: Collection[str]) -> Rest:
    entries = []
    with closing(_lines(path)) as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                entry = _json_object(path, f"line {number}", line)
                entries.append({name: v for name, v in entry.items() if name not in own})
    names = list(dict.fromkeys(name for entry in entries for name in entry))
    return Rest(path, names, [[entry.get(name, ABSENT) for entry in entries] for name in names])


def _parquet(path: Path, own: Collection[str]) -> Rest:
    with _open_parquet(path) as file:
        there = file.schema_arrow.names
        names = _choose(path, there, [name for name in there if name not in own], [])
        return Rest(path, names, file.read(columns=names))


def cell(value: Any) -> Any:
    """Return what CSV holds for a value: JSON's words for what is neither text nor a number."""
    if value is ABSENT or value is None:
        return None
    if isinstance(value, (bool, list, dict)):
        return json.dumps(value, ensure_ascii=False, default=as_text)
    return value if isinstance(value, (str, int, float)) else as_text(value)
