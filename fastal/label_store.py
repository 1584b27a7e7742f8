"""The labels of a person, on disk before the next question is asked.

A journal is a file of JSON lines that is only ever appended to, one line for each event::

    {"action": "label", "row": 17, "label": "sport", "text": "9f86d081884c7d65", "time": "..."}

``action`` is "label", "skip", "undo" (of the newest event not yet undone) or "classes" (the names
a person may choose from, in the order of their numbers, so that a number keeps its meaning when
the work goes on another day); one with ``"audit": true`` says that the answers are those of an
audit, which are no labels to learn from.  ``row`` counts from 0 in the file of texts.  ``text`` is
the start of the text's SHA-256: it tells when that file is no longer the one that was labelled.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from datetime import datetime, timezone
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from fastal._file_writer import sync_folder

__all__ = ["LabelStore", "text_hash"]

Label = str | int

# Every line starts with this: what a killed process left half written is told by it.
_START = b'{"action": "'


def text_hash(text: str) -> str:
    """Return the first 16 hexadecimal digits of the SHA-256 of a text in UTF-8.

    Examples
    --------
    >>> from fastal.label_store import text_hash
    >>> text_hash("a text")
    '734194ede5b063e6'
    """
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class LabelStore:
    """An append-only journal of labels: what was answered survives ``kill -9``.

    Every method that records something returns only when it is on disk (flush and fsync).  Opening
    an existing journal reads it: `labels`, `skipped` and `classes` are as they were left.  A last
    line that a killed process left half written is cut off; any other line that is no event is an
    error.  Only one process at a time can write: the others are told so (not on Windows, nor on
    network file systems without locks).

    Parameters
    ----------
    path : str or path
        The journal; made if it does not exist.
    texts : sequence of str, optional
        The pool.  Each recorded row's text must still be the one that was labelled.
    read_only : bool, default False
        Read the journal as it is now, even while another process writes it.

    Attributes
    ----------
    labels : dict
        Row number to label (str or int), in the order given.
    skipped : set of int
        Rows that were skipped and have no label.
    classes : list
        Every class so far: the announced ones in their order, then those of the labels.
    is_audit : bool
        Whether `mark_audit` was called: the answers are those of an audit.

    Raises
    ------
    ValueError
        If a line of the file is no event, or was written for another pool.
    BlockingIOError
        If another process has the journal open.
    OSError
        If the file cannot be read or written.

    Examples
    --------
    >>> import tempfile, os
    >>> from fastal.label_store import LabelStore
    >>> path = os.path.join(tempfile.mkdtemp(), "labels.jsonl")
    >>> with LabelStore(path) as store:
    ...     store.label(4, "sport")
    ...     store.label(7, "politics")
    ...     store.skip(2)
    ...     store.undo()
    2
    >>> LabelStore(path, read_only=True).labels
    {4: 'sport', 7: 'politics'}
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        texts: Sequence[str] | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        self.path = Path(path)
        self.read_only = read_only
        self.texts: Sequence[str] | None = None
        self._fd: int | None = None
        if not read_only:
            self._fd = _open_locked(self.path)
        try:
            self._read()
            if texts is not None:
                self.bind(texts)
        except BaseException:
            self.close()
            raise

    # ---------------------------------------------------------------- what a person did

    def label(self, row: int, label: Label) -> None:
        """Record the label (a string or a whole number) of a row; a newer label replaces it."""
        self._append({"action": "label", "row": self._check_row(row), "label": _plain(label)})

    def skip(self, row: int) -> None:
        """Record that a row is to have no label and not to be asked about again."""
        self._append({"action": "skip", "row": self._check_row(row)})

    def undo(self) -> int | None:
        """Take back the newest label or skip, return its row; None when nothing is left."""
        if not self._done:
            return None
        row = self._done[-1][0]
        self._append({"action": "undo", "row": row})
        return row

    def add_classes(self, classes: Iterable[Label]) -> None:
        """Record names to choose from; those already known stay where they are."""
        new = [c for c in dict.fromkeys(_plain(c) for c in classes) if c not in self.classes]
        if new:
            self._append({"action": "classes", "classes": new})

    def mark_audit(self) -> None:
        """Record that the answers are those of an audit, to be kept apart from all others."""
        if not self.is_audit:
            self._append({"action": "classes", "classes": [], "audit": True})

    # ---------------------------------------------------------------- the pool

    def bind(self, texts: Sequence[str]) -> None:
        """Tie the journal to its pool: ValueError if a recorded row has another text there."""
        for row, digest in self._hashes.items():
            if row >= len(texts):
                raise ValueError(
                    f"{self.path} labels row {row}, but there are {len(texts)} texts: "
                    "it belongs to another file of texts"
                )
            if digest is not None and digest != text_hash(texts[row]):
                raise ValueError(
                    f"{self.path} was made for other texts: row {row} is not the text that was "
                    "labelled; the file of texts was changed, or the journal is that of another"
                )
        self.texts = texts

    def _check_row(self, row: int) -> int:
        if isinstance(row, (bool, np.bool_)) or not isinstance(row, (int, np.integer)):
            raise TypeError(f"row must be a row number, got {row!r}")
        if row < 0 or (self.texts is not None and row >= len(self.texts)):
            last = "" if self.texts is None else f"..{len(self.texts) - 1}"
            raise ValueError(f"row must lie in 0{last}, got {row}")
        return int(row)

    # ---------------------------------------------------------------- the file

    def close(self) -> None:
        """Close the journal, so that another process can open it.  Closing twice is harmless."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def __enter__(self) -> LabelStore:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __del__(self) -> None:
        # Absent when __init__ refused its arguments.
        if getattr(self, "_fd", None) is not None:
            self.close()

    def _append(self, event: dict[str, Any]) -> None:
        if self._fd is None:
            how = "read-only" if self.read_only else "closed"
            raise ValueError(f"{self.path} is {how}: nothing can be recorded")
        if "row" in event:
            text = None if self.texts is None else text_hash(self.texts[event["row"]])
            event["text"] = text
        event["time"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
        line = (json.dumps(event) + "\n").encode("ascii")
        try:
            written = 0
            while written < len(line):
                written += os.write(self._fd, line[written:])
            # Before fsync, so that a Ctrl-C that arrives during it finds file and memory agreed.
            self._apply(event)
            os.fsync(self._fd)
        except OSError as error:
            # A full disk: leave neither half a line nor a label that may not be on disk.
            os.ftruncate(self._fd, self._size)
            self._read()
            raise OSError(
                error.errno, f"nothing was recorded: {error.strerror}", str(self.path)
            ) from error
        except BaseException:
            # Ctrl-C anywhere in between: what the file holds is what counts.
            self._read()
            raise
        self._size += len(line)

    def _read(self) -> None:
        """Read the whole journal into memory, cutting off what a killed process left behind."""
        self.labels: dict[int, Label] = {}
        self.skipped: set[int] = set()
        self.classes: list[Label] = []
        self.is_audit = False
        self._hashes: dict[int, str | None] = {}
        # What undo takes back, newest last: the row, and its label and skip before the event.
        self._done: list[tuple[int, Label | None, bool]] = []

        data = self.path.read_bytes()
        whole, last = _split_off_broken_end(data)
        for number, line in enumerate(whole.splitlines(), start=1):
            try:
                self._apply(_parse(line))
            except ValueError as error:
                raise ValueError(
                    f"{self.path}, line {number} is no event of a label journal: {error}"
                ) from None
        self._size = len(whole)
        if self._fd is None:
            return
        if last:
            os.ftruncate(self._fd, self._size)
        elif whole and not whole.endswith(b"\n"):
            self._size += os.write(self._fd, b"\n")

    def _apply(self, event: dict[str, Any]) -> None:
        action = event["action"]
        if action == "classes":
            self._meet(event["classes"])
            self.is_audit = self.is_audit or event.get("audit") is True
            return
        row = event["row"]
        if action == "undo":
            if not self._done or self._done[-1][0] != row:
                raise ValueError(f"undo of row {row}, which was not the newest answer")
            _, label, skipped = self._done.pop()
            self._set(row, label, skipped)
            return
        self._done.append((row, self.labels.get(row), row in self.skipped))
        self._hashes[row] = event.get("text")
        label = event["label"] if action == "label" else None
        self._set(row, label, action == "skip")
        if label is not None:
            self._meet([label])

    def _set(self, row: int, label: Label | None, skipped: bool) -> None:
        self.labels.pop(row, None)
        self.skipped.discard(row)
        if label is not None:
            self.labels[row] = label
        if skipped:
            self.skipped.add(row)

    def _meet(self, classes: Iterable[Label]) -> None:
        self.classes.extend(c for c in classes if c not in self.classes)


def _open_locked(path: Path) -> int:
    """Open for appending, with a lock that the system drops by itself when the process dies."""
    new = not path.exists()
    try:
        fd = os.open(
            path, os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o644
        )
    except FileNotFoundError:
        raise FileNotFoundError(
            errno.ENOENT, "the folder of the label journal does not exist", str(path)
        ) from None
    try:
        _lock(fd, path)
    except BaseException:
        os.close(fd)
        raise
    if new:
        sync_folder(path.parent)
    return fd


def _lock(fd: int, path: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows
        return
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise BlockingIOError(
            f"{path} is being written by another process: close that one first "
            "(two people need two journals)"
        ) from None
    except OSError as error:
        # A file system without locks: labelling without the guard beats not labelling.
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL):
            raise


def _split_off_broken_end(data: bytes) -> tuple[bytes, bytes]:
    """Whole lines, and the last one if it is a half-written event (never someone else's text)."""
    start = data.rfind(b"\n") + 1
    last = data[start:]
    half_written = last.startswith(_START) or (bool(last) and _START.startswith(last))
    if half_written:
        try:
            json.loads(last)
        except ValueError:
            return data[:start], last
    return data, b""


def _parse(line: bytes) -> dict[str, Any]:
    try:
        event = json.loads(line.decode("utf-8"))
    except ValueError:
        raise ValueError(f"not JSON: {line[:60].decode('utf-8', 'replace')!r}") from None
    if not isinstance(event, dict) or "action" not in event:
        raise ValueError('a JSON object with an "action" was expected')
    action = event["action"]
    if action == "classes":
        classes = event.get("classes")
        if not isinstance(classes, list) or not all(_is_label(c) for c in classes):
            raise ValueError('"classes" must be a list of names')
        return event
    if action not in ("label", "skip", "undo"):
        raise ValueError(f"unknown action {action!r}")
    row, text = event.get("row"), event.get("text")
    if isinstance(row, bool) or not isinstance(row, int) or row < 0:
        raise ValueError(f'"row" must be a row number, got {row!r}')
    if text is not None and not isinstance(text, str):
        raise ValueError(f'"text" must be a hash or null, got {text!r}')
    if action == "label" and not _is_label(event.get("label")):
        raise ValueError(f'"label" must be a string or a whole number, got {event.get("label")!r}')
    return event


def _is_label(label: Any) -> bool:
    return isinstance(label, (str, int))


def _plain(label: Any) -> Label:
    """Return the label as JSON can hold it; numpy's own strings and integers are no others."""
    if isinstance(label, np.generic):
        label = label.item()
    if not _is_label(label):
        raise TypeError(f"a label must be a string or a whole number, got {label!r}")
    plain: Label = label
    return plain
