"""Texts of a file that does not fit in memory, a block of rows at a time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._file_rows import Chunks, parquet_rows, read_chunks
from fastal._files import find_empty, say_empty
from fastal._validation import check_count

__all__ = ["TextFile"]


class TextFile:
    r"""The texts of a CSV, TSV, JSON-lines or Parquet file, read a block at a time.

    Iterating yields lists of texts in the order of the file, and can be done any number of times;
    no more than a block of rows is in memory.  Rows are numbered 0, 1, 2, ... as
    `fastal.datasets.load_file` numbers them: the line of column names and blank lines do not
    count, rows without a text do.  The constructor reads the column names and the first row, so
    that a mistake shows at once.

    Parameters
    ----------
    path : str or path
        The ending decides, as in `fastal.datasets.load_file`: .csv, .tsv, .jsonl, .ndjson or
        .parquet (needs ``pip install 'fastal[files]'``).
    text_column : str, default "text"
    id_column : str, optional
        A column that names each document; `take` returns its values.  None: the row number.
    block_rows : int, default 4096
        Texts of a block; the last one, and one at a seam of a Parquet file, can have fewer.

    Attributes
    ----------
    path : Path
    text_column, id_column, block_rows
        As given.
    n_rows : int or None
        Rows of the file when it says so itself (Parquet); None for the others, whose rows nobody
        knows before the end.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        For an unknown ending, a file without rows or a column that is not there; while reading,
        for a broken line, a wrong encoding, or when every text is empty.  The message names the
        file, and the line or row.
    ImportError
        For Parquet without pyarrow.

    Warns
    -----
    UserWarning
        At the end of an iteration, if some texts are empty or missing; they are kept, missing
        ones as "", so that row numbers stay those of the file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from fastal.text_file import TextFile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "pool.csv")
    ...     _ = path.write_text("id,text\na7,Free prize\na8,See you at five\na9,Lunch?\n")
    ...     mails = TextFile(path, id_column="id", block_rows=2)
    ...     print(list(mails))
    ...     print(mails.take([2]))
    [['Free prize', 'See you at five'], ['Lunch?']]
    [{'row': 2, 'id': 'a9', 'text': 'Lunch?'}]
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        text_column: str = "text",
        id_column: str | None = None,
        *,
        block_rows: int = 4096,
    ) -> None:
        self.path = Path(path)
        self.text_column = _check_column(text_column, "text_column")
        self.id_column = None if id_column is None else _check_column(id_column, "id_column")
        self.block_rows = check_count(block_rows, "block_rows")
        with closing(self._chunks(stop=1)) as chunks:
            first = next(chunks, None)
        if first is None:
            raise ValueError(f"{self.path} holds column names but no rows")
        find_empty(self.path, first[""], first[self.text_column], self.text_column)
        is_parquet = self.path.suffix.lower() == ".parquet"
        self.n_rows = parquet_rows(self.path) if is_parquet else None

    def __repr__(self) -> str:
        return f"TextFile({str(self.path)!r}, {self.text_column!r}, {self.id_column!r})"

    def __iter__(self) -> Iterator[list[str]]:
        n_texts = n_empty = 0
        first_empty = ""
        with closing(self._chunks()) as chunks:
            for chunk in chunks:
                texts = chunk[self.text_column]
                empty = find_empty(self.path, chunk[""], texts, self.text_column)
                if empty and not n_empty:
                    first_empty = chunk[""][empty[0]]
                n_texts += len(texts)
                n_empty += len(empty)
                yield [text or "" for text in texts]
        say_empty(self.path, n_empty, n_texts, first_empty, self.text_column, stacklevel=3)

    def take(self, rows: ArrayLike) -> list[dict[str, Any]]:
        """The texts of some rows; the file is read as far as the last of them.

        Parameters
        ----------
        rows : array-like of int
            Row numbers in any order; one may occur twice.

        Returns
        -------
        documents : list of dict
            In the order of `rows`, each with "row" (int), "id" (the value of the id column as it
            stands in the file, or the row number without such a column) and "text".

        Raises
        ------
        ValueError, TypeError
            For row numbers that the file does not have, or that are no whole numbers.
        """
        wanted = _check_rows(rows)
        if not wanted.size:
            return []
        distinct = np.unique(wanted)
        last = int(distinct[-1])
        n_rows = self.n_rows
        if n_rows is None or last < n_rows:
            found, n_rows = self._find(distinct)
        if last >= n_rows:
            raise ValueError(
                f"rows must lie in 0..{n_rows - 1}, the rows of {self.path}, got {last}"
            )
        return [dict(found[row]) for row in wanted.tolist()]

    def _find(self, distinct: NDArray[np.int64]) -> tuple[dict[int, dict[str, Any]], int]:
        """Documents by row number, and how many rows were read; the numbers are sorted."""
        found: dict[int, dict[str, Any]] = {}
        start = 0
        with closing(self._chunks(stop=int(distinct[-1]) + 1)) as chunks:
            for chunk in chunks:
                stop = start + len(chunk[""])
                inside = distinct[np.searchsorted(distinct, start) :]
                for row in inside[: np.searchsorted(inside, stop)].tolist():
                    found[row] = self._document(chunk, row, row - start)
                start = stop
        return found, start

    def _document(self, chunk: dict[str, list[Any]], row: int, position: int) -> dict[str, Any]:
        text = chunk[self.text_column][position]
        find_empty(self.path, [chunk[""][position]], [text], self.text_column)
        name = row if self.id_column is None else chunk[self.id_column][position]
        return {"row": row, "id": name, "text": text or ""}

    def _chunks(self, stop: int | None = None) -> Chunks:
        columns = {self.text_column: None}
        if self.id_column is not None:
            columns[self.id_column] = None
        # A chunk is a block: of a Parquet file, no more is decoded than the block's own rows.
        return read_chunks(self.path, list(columns), (), self.block_rows, stop)


def _check_column(name: Any, argument: str) -> str:
    if not isinstance(name, str):
        raise TypeError(f"{argument} must be the name of a column, got {name!r}")
    if not name:
        # "" is where the reader keeps the places of the rows.
        raise ValueError(f"{argument} must be the name of a column, got {name!r}")
    return name


def _check_rows(rows: ArrayLike) -> NDArray[np.int64]:
    array = np.asarray(rows)
    if array.ndim != 1:
        raise ValueError(f"rows must be a list of row numbers, got shape {array.shape}")
    if not array.size:
        return np.empty(0, dtype=np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"rows must hold row numbers, got {array.dtype}")
    if array.min() < 0:
        raise ValueError(f"rows must not be negative, got {array.min()}")
    return array.astype(np.int64)
