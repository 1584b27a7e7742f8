"""Rows of a CSV, JSON-lines or Parquet file in chunks, so that a file need not fit in memory.

Every error names the file, and the line where there are lines.  Nothing is ever unpickled.
"""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

__all__ = ["ENDINGS", "Chunks", "Columns", "parquet_rows", "read_chunks"]

ENDINGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")

# Column name -> one value per document; "" -> where each document stands ("line 7", "row 7").
Columns = dict[str, list[Any]]
Chunks = Generator[Columns, None, None]

# csv refuses a field of more than 131,072 characters, which a long document easily has.  The limit
# belongs to the module, not to a reader, so it is raised while one chunk is parsed, no longer.
_FIELD_LIMIT = 2**31 - 1
_field_limit_lock = threading.Lock()

# Without a buffer, pyarrow fetches the whole column of a row group before it decodes a value.
_PARQUET_BUFFER = 2**16


def read_chunks(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str],
    chunk_rows: int,
    stop: int | None = None,
) -> Chunks:
    """Yield the named columns, at most `chunk_rows` rows at a time and `stop` in all.

    An optional column is left out of the chunks that do not have it.  Closing the generator closes
    the file.
    """
    readers: dict[str, Callable[..., Chunks]] = {
        ".csv": _csv_chunks,
        ".tsv": _csv_chunks,
        ".jsonl": _json_chunks,
        ".ndjson": _json_chunks,
        ".parquet": _parquet_chunks,
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
    return readers[path.suffix.lower()](path, required, optional, chunk_rows, stop)


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


# ---------------------------------------------------------------------- lines of text


def _lines(path: Path) -> Generator[str, None, None]:
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


@contextmanager
def _long_fields() -> Iterator[None]:
    """Let csv read long fields; never to be held across a ``yield`` to somebody else's code."""
    with _field_limit_lock:
        limit = csv.field_size_limit(_FIELD_LIMIT)
        try:
            yield
        finally:
            csv.field_size_limit(limit)


def _csv_chunks(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str],
    chunk_rows: int,
    stop: int | None,
) -> Chunks:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    with closing(_lines(path)) as lines:
        rows = _csv_rows(path, csv.reader(lines, delimiter=delimiter, strict=True))
        with _long_fields():
            _, header = next(rows, (0, None))
        if header is None:
            raise ValueError(f"{path} is empty")
        wanted = _choose(path, header, required, optional)
        rows = islice(rows, stop)
        while True:
            with _long_fields():
                chunk = list(islice(rows, chunk_rows))
            if not chunk:
                return
            columns: Columns = {"": [f"line {line}" for line, _ in chunk]}
            for name in wanted:
                position = header.index(name)
                columns[name] = [row[position] for _, row in chunk]
            yield columns


def _csv_rows(path: Path, reader: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield rows that are not blank, the header first, each with the line on which it starts."""
    n_columns = None
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
        if not row:
            continue
        n_columns = n_columns or len(row)
        if len(row) != n_columns:
            raise ValueError(
                f"{path}, line {line}: {len(row)} fields, but the first line names {n_columns} "
                "columns (a text that holds the delimiter or a line break must stand in quotes)"
            )
        yield line, row


def _json_chunks(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str],
    chunk_rows: int,
    stop: int | None,
) -> Chunks:
    with closing(_lines(path)) as lines:
        rows = islice(_json_rows(path, lines, required, optional), stop)
        while chunk := list(islice(rows, chunk_rows)):
            columns: Columns = {"": [where for where, _ in chunk]}
            for name in [*required, *optional]:
                # Any line may be the first that has an optional one: a label, say, of a pool
                # labelled in part.
                if any(name in entry for _, entry in chunk):
                    columns[name] = [entry.get(name) for _, entry in chunk]
            yield columns


def _json_rows(
    path: Path, lines: Iterator[str], required: Sequence[str], optional: Sequence[str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the objects, all with the required keys, each with where it stands."""
    wanted = {*required, *optional}
    first = True
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        where = f"line {number}"
        entry = _json_object(path, where, line)
        if first:
            _choose(path, list(entry), required, optional)
            first = False
        for name in required:
            if name not in entry:
                keys = ", ".join(repr(key) for key in entry) or "none"
                raise ValueError(f"{path}, {where}: no {name!r}; its keys are {keys}")
        # The rest of a line may be long, and a chunk holds many lines.
        yield where, {name: entry[name] for name in wanted if name in entry}


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


# ---------------------------------------------------------------------- Parquet


def parquet_rows(path: Path) -> int:
    """How many rows there are, which the end of the file says."""
    with _open_parquet(path) as file:
        return int(file.metadata.num_rows)


def _parquet_chunks(
    path: Path,
    required: Sequence[str],
    optional: Sequence[str],
    chunk_rows: int,
    stop: int | None,
) -> Chunks:
    with _open_parquet(path) as file:
        wanted = _choose(path, file.schema_arrow.names, required, optional)
        end = file.metadata.num_rows if stop is None else min(stop, file.metadata.num_rows)
        batches = file.iter_batches(max(1, min(chunk_rows, end)), columns=wanted)
        start = 0
        while start < end:
            with _broken_parquet(path, f" in row {start} or soon after it"):
                batch = next(batches).slice(0, end - start)
                columns: Columns = {name: batch.column(name).to_pylist() for name in wanted}
            columns[""] = [f"row {start + row}" for row in range(batch.num_rows)]
            start += batch.num_rows
            yield columns


@contextmanager
def _open_parquet(path: Path) -> Iterator[Any]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise ImportError(
            "reading Parquet needs pyarrow, which is not installed: pip install 'fastal[files]'"
        ) from error
    with _broken_parquet(path, ""):
        file = pyarrow.parquet.ParquetFile(path, buffer_size=_PARQUET_BUFFER, pre_buffer=False)
    with file:
        yield file


@contextmanager
def _broken_parquet(path: Path, where: str) -> Iterator[None]:
    """Turn what pyarrow raises into a ValueError that names the file."""
    import pyarrow

    try:
        yield
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path}: a column holds text that is not UTF-8{where} ({error})"
        ) from error
    except (pyarrow.ArrowException, OSError, StopIteration) as error:
        # pyarrow's OSError for broken data has no errno; one of the operating system does.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ValueError(
            f"{path}: not a Parquet file that can be read{where} ({error})"
        ) from error
