"""The journal: what was answered is on disk, whatever happens to the process."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fastal.label_store import LabelStore, text_hash

TEXTS = ["first text", "zweiter Text: äöü", "", "bad surrogate \udc80", "last"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.jsonl"


def events(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def state(store: LabelStore) -> tuple[dict, set, list]:
    return store.labels, store.skipped, store.classes


def test_what_was_recorded_is_read_back(path: Path) -> None:
    with LabelStore(path, TEXTS) as store:
        store.add_classes(["sport", "news"])
        store.label(1, "news")
        store.label(3, 'with "quotes"\nand é')
        store.skip(0)
        store.label(4, 7)
        kept = state(store)
    assert kept == (
        {1: "news", 3: 'with "quotes"\nand é', 4: 7},
        {0},
        ["sport", "news", 'with "quotes"\nand é', 7],
    )
    with LabelStore(path, TEXTS) as store:
        assert state(store) == kept
        assert list(store.labels) == [1, 3, 4]


def test_event_has_the_documented_fields(path: Path) -> None:
    with LabelStore(path, TEXTS) as store:
        store.label(1, "news")
    (event,) = events(path)
    assert event.pop("time").endswith("+00:00")
    assert event == {"action": "label", "row": 1, "label": "news", "text": text_hash(TEXTS[1])}
    assert path.read_bytes().isascii()


def test_each_answer_is_synced_before_the_method_returns(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(path.read_bytes()))
    with LabelStore(path) as store:
        synced.clear()
        store.label(0, "a")
        store.skip(1)
        store.undo()
        store.add_classes(["b"])
        assert [data.count(b"\n") for data in synced] == [1, 2, 3, 4]
        assert synced[-1] == path.read_bytes()


def test_numpy_labels_and_rows_are_stored_as_plain_ones(path: Path) -> None:
    with LabelStore(path) as store:
        store.label(np.int64(2), np.str_("a"))
        store.label(np.int32(3), np.int64(5))
        assert store.labels == {2: "a", 3: 5}
        assert [type(x) for x in store.labels.values()] == [str, int]


def test_undo_goes_back_step_by_step_also_in_a_later_session(path: Path) -> None:
    with LabelStore(path) as store:
        store.label(0, "a")
        store.skip(1)
        store.label(0, "b")
    with LabelStore(path) as store:
        assert store.undo() == 0
        assert store.labels == {0: "a"}
        assert store.undo() == 1
        assert store.skipped == set()
        store.label(1, "c")
    with LabelStore(path) as store:
        assert store.labels == {0: "a", 1: "c"}
        assert [store.undo(), store.undo(), store.undo()] == [1, 0, None]
        assert store.labels == {}
    # Undo is an event like the others; nothing is ever removed from the file.
    actions = [event["action"] for event in events(path)]
    assert actions == ["label", "skip", "label", "undo", "undo", "label", "undo", "undo"]


def test_skip_after_label_and_label_after_skip(path: Path) -> None:
    with LabelStore(path) as store:
        store.label(0, "a")
        store.skip(0)
        assert (store.labels, store.skipped) == ({}, {0})
        store.label(0, "b")
        assert (store.labels, store.skipped) == ({0: "b"}, set())
        store.undo()
        assert (store.labels, store.skipped) == ({}, {0})


def test_classes_keep_their_order_over_sessions(path: Path) -> None:
    with LabelStore(path) as store:
        store.add_classes(["b", "a"])
        store.label(0, "z")
        store.undo()
    with LabelStore(path) as store:
        store.add_classes(["a", "new", "b"])
        assert store.classes == ["b", "a", "z", "new"]
        size = path.stat().st_size
        store.add_classes(["new"])  # nothing new, nothing written
        assert path.stat().st_size == size


# ------------------------------------------------------------------ broken ends, broken lines


def test_every_possible_truncation_keeps_all_complete_lines(path: Path) -> None:
    with LabelStore(path, TEXTS) as store:
        store.label(0, "a")
        store.label(1, "b")
    data = path.read_bytes()
    first = data.index(b"\n") + 1
    for cut in range(first, len(data) + 1):
        path.write_bytes(data[:cut])
        # The last line counts once it is complete, with or without its line break.
        expected = {0: "a", 1: "b"} if cut >= len(data) - 1 else {0: "a"}
        assert LabelStore(path, read_only=True).labels == expected
        assert path.read_bytes() == data[:cut]  # reading repairs nothing
        with LabelStore(path, TEXTS) as store:
            assert store.labels == expected
            store.label(4, "c")
        with LabelStore(path, TEXTS) as store:
            assert store.labels == {**expected, 4: "c"}
        assert len(events(path)) == len(expected) + 1


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"not json", "not JSON"),
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1]", "JSON object"),
        (b'{"row": 1}', "JSON object"),
        (b'{"action": "erase", "row": 1}', "unknown action 'erase'"),
        (b'{"action": "label", "row": -1, "label": "a"}', '"row"'),
        (b'{"action": "label", "row": "1", "label": "a"}', '"row"'),
        (b'{"action": "label", "row": true, "label": "a"}', '"row"'),
        (b'{"action": "label", "row": 1}', '"label"'),
        (b'{"action": "label", "row": 1, "label": 1.5}', '"label"'),
        (b'{"action": "label", "row": 1, "label": "a", "text": 3}', '"text"'),
        (b'{"action": "undo", "row": 1}', "not the newest answer"),
        (b'{"action": "classes", "classes": "abc"}', '"classes"'),
        (b'{"action": "label", "row"', "not JSON"),  # broken, but in the middle
    ],
)
def test_a_broken_line_is_an_error_that_names_it(path: Path, line: bytes, message: str) -> None:
    good = b'{"action": "label", "row": 0, "label": "a"}\n'
    data = good + line + b"\n" + good
    path.write_bytes(data)
    for read_only in (False, True):
        with pytest.raises(ValueError, match=r"labels\.jsonl, line 2 .*" + message):
            LabelStore(path, read_only=read_only)
    assert path.read_bytes() == data
    path.write_bytes(good)
    LabelStore(path).close()  # the failed attempt kept no lock


@pytest.mark.parametrize("data", [b"row,label\n1,a", b"hello", b'{"labels": 3}', b"\n"])
def test_a_file_that_is_no_journal_is_never_changed(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    with pytest.raises(ValueError, match="line 1"):
        LabelStore(path)
    assert path.read_bytes() == data


def test_full_disk_leaves_no_half_line_and_no_label(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with LabelStore(path) as store:
        store.label(0, "a")
        before = path.read_bytes()
        write = os.write

        def half(fd: int, data: bytes) -> int:
            if len(data) < 20:
                raise OSError(errno.ENOSPC, "No space left on device")
            return write(fd, data[:-10])

        monkeypatch.setattr(os, "write", half)
        with pytest.raises(OSError, match="nothing was recorded: No space left"):
            store.label(1, "b")
        monkeypatch.undo()
        assert store.labels == {0: "a"}
        assert path.read_bytes() == before
        store.label(2, "c")
    with LabelStore(path) as store:
        assert store.labels == {0: "a", 2: "c"}


def test_failed_sync_takes_the_label_back(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(fd: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with LabelStore(path) as store:
        store.label(0, "a")
        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="nothing was recorded"):
            store.undo()
        monkeypatch.undo()
        assert store.labels == {0: "a"}
        assert len(events(path)) == 1


def test_an_audit_is_marked_once(path: Path) -> None:
    with LabelStore(path) as store:
        assert not store.is_audit
        store.add_classes(["a"])
        store.mark_audit()
        store.label(0, "b")
        store.mark_audit()
        assert store.undo() == 0
    store = LabelStore(path, read_only=True)
    assert store.is_audit
    assert store.classes == ["a", "b"]
    assert len(events(path)) == 4


# ------------------------------------------------------------------ the pool


def test_journal_of_another_pool_is_refused(path: Path) -> None:
    with LabelStore(path, TEXTS) as store:
        store.label(1, "b")
        store.skip(4)
    for other in ([*TEXTS[:1], "changed", *TEXTS[2:]], TEXTS[:1], TEXTS[:4]):
        for read_only in (False, True):
            with pytest.raises(ValueError, match=r"labels\.jsonl"):
                LabelStore(path, other, read_only=read_only)
    LabelStore(path, ["other, but never asked about", *TEXTS[1:]]).close()


def test_rows_without_text_fit_any_pool(path: Path) -> None:
    with LabelStore(path) as store:
        store.label(1, "b")
    with LabelStore(path, TEXTS) as store:
        assert store.labels == {1: "b"}


@pytest.mark.parametrize(
    ("row", "label", "error"),
    [
        (5, "a", ValueError),
        (-1, "a", ValueError),
        (True, "a", TypeError),
        ("1", "a", TypeError),
        (1.0, "a", TypeError),
        (1, 1.5, TypeError),
        (1, None, TypeError),
    ],
)
def test_bad_row_or_label_is_refused(
    path: Path, row: object, label: object, error: type[Exception]
) -> None:
    with LabelStore(path, TEXTS) as store:
        with pytest.raises(error, match=r"row|label"):
            store.label(row, label)  # type: ignore[arg-type]
        assert store.labels == {}
    assert path.read_bytes() == b""


# ------------------------------------------------------------------ several processes


def test_second_writer_gets_a_clear_error_and_readers_do_not(path: Path) -> None:
    pytest.importorskip("fcntl")
    with LabelStore(path) as store:
        store.label(0, "a")
        with pytest.raises(BlockingIOError, match="being written by another process"):
            LabelStore(path)
        assert LabelStore(path, read_only=True).labels == {0: "a"}
    LabelStore(path).close()


def test_read_only_and_closed_stores_record_nothing(path: Path) -> None:
    with LabelStore(path) as store:
        store.label(0, "a")
    with pytest.raises(ValueError, match="closed"):
        store.label(1, "a")
    with pytest.raises(ValueError, match="read-only"):
        LabelStore(path, read_only=True).label(1, "a")
    with pytest.raises(FileNotFoundError):
        LabelStore(path.with_name("absent.jsonl"), read_only=True)
    with pytest.raises(FileNotFoundError, match="the folder of the label journal"):
        LabelStore(path.parent / "absent" / "labels.jsonl")


WORKER = """
import sys
from fastal.label_store import LabelStore
store = LabelStore(sys.argv[1])
for row in range(len(store.labels), 10**9):
    store.label(row, f"label {row}")
    # Said only now: whoever reads this line may rely on the answer.
    sys.stdout.write(f"{row}\\n")
    sys.stdout.flush()
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX only")
def test_nothing_answered_is_lost_by_kill_9(path: Path) -> None:
    answered = 0
    for delay in (0.02, 0.05, 0.001):
        # The lock of the killed process is gone: each of these opens the same journal.
        worker = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert worker.stdout is not None
        worker.stdout.readline()
        time.sleep(delay)
        worker.send_signal(signal.SIGKILL)
        said = worker.stdout.read().split()
        worker.stdout.close()
        worker.wait()
        answered = max(answered, int(said[-1]) + 1 if said else 0)
        labels = LabelStore(path, read_only=True).labels
        # One more may be on disk than was said.
        assert answered <= len(labels) <= answered + 2
        assert labels == {row: f"label {row}" for row in range(len(labels))}
        answered = len(labels)
    assert answered > 3
