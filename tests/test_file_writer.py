"""Files that are written whole or not at all, also when the power fails."""

from __future__ import annotations

import datetime
import errno
import os
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastal import KCenterSelector
from fastal._file_rest import read_rest
from fastal._file_writer import write_rows

ROWS = [["a", 1], ["b", None]]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is synced and renamed, in turn; a file with its size."""
    seen: list[str] = []
    fsync, replace = os.fsync, os.replace

    def sync(fd: int) -> None:
        status = os.fstat(fd)
        is_folder = stat.S_ISDIR(status.st_mode)
        seen.append("folder" if is_folder else f"file of {status.st_size}")
        fsync(fd)

    def rename(*args: Any) -> None:
        seen.append("rename")
        replace(*args)

    monkeypatch.setattr(os, "fsync", sync)
    monkeypatch.setattr(os, "replace", rename)
    return seen


def check(events: list[str], path: Path) -> None:
    before = [f"file of {path.stat().st_size}", "rename"]
    assert events == ([*before, "folder"] if os.name == "posix" else before)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_a_file_is_on_disk_before_it_has_its_name(
    ending: str, events: list[str], tmp_path: Path
) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    path = tmp_path / f"out{ending}"
    write_rows(path, {"text": str, "label": int}, ROWS)
    check(events, path)


def test_a_selector_is_on_disk_before_it_has_its_name(events: list[str], tmp_path: Path) -> None:
    selector = KCenterSelector(np.eye(3))
    selector.save(tmp_path / "state")
    check(events, tmp_path / "state")


@pytest.mark.skipif(os.name != "posix", reason="no folder can be opened")
def test_a_folder_that_cannot_be_synced(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    fsync = os.fsync
    codes = {"a": errno.EINVAL, "b": errno.EIO}

    def sync(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise OSError(codes[name], os.strerror(codes[name]))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", sync)
    name = "a"
    write_rows(tmp_path / "a.csv", {"text": str}, [["a"]])
    name = "b"
    # A disk that fails is spoken of, but never as "nothing was written": it was.
    with pytest.raises(OSError, match=r"Input/output error: .*") as error:
        write_rows(tmp_path / "b.csv", {"text": str}, [["a"]])
    assert error.value.filename == str(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "b.csv"]


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_file_that_cannot_be_synced(
    ending: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / f"out{ending}"
    path.write_text("old")

    def full(fd: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="nothing was written: No space left"):
        write_rows(path, {"text": str}, [["a"]])
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_dates_of_parquet_become_text(ending: str, tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    when = [datetime.date(2024, 1, 31), None]
    table = pyarrow.table({"text": ["a", "b"], "when": when, "tags": [when, []], "n": [1, None]})
    pyarrow.parquet.write_table(table, tmp_path / "in.parquet")
    path = tmp_path / f"out{ending}"
    write_rows(
        path, {"text": str}, [["a"], ["b"]], read_rest(tmp_path / "in.parquet", ["text"], 2)
    )
    assert (
        path.read_text()
        == {
            ".csv": 'text,when,tags,n\na,2024-01-31,"[""2024-01-31"", null]",1\nb,,[],\n',
            ".jsonl": '{"text": "a", "when": "2024-01-31", "tags": ["2024-01-31", null], "n": 1}\n'
            '{"text": "b", "when": null, "tags": [], "n": null}\n',
        }[ending]
    )


def test_a_file_that_changes_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("text,n\na,1\n")
    with pytest.raises(ValueError, match="was changed while it was read"):
        read_rest(path, ["text"], 2)
    assert read_rest(path, ["text", "n"], 2).names == []
