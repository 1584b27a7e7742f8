from __future__ import annotations

import functools
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from fastal._block_jobs import scores_of_blocks
from fastal.text_file import TextFile

ROWS = 4


def blocks(n=10, read=None):
    for number in range(n):
        if read is not None:
            read.append(number)
        yield [str(number * ROWS + i) for i in range(ROWS)]


def score(block, factor=1.0):
    return np.array([float(text) * factor for text in block])


def late_when_early(block):
    """The first of two blocks takes longer than the second."""
    time.sleep(0.1 * (int(block[0]) // ROWS % 2 == 0))
    return score(block)


def fail_on_12(block):
    if "12" in block:
        raise ValueError("bad text")
    return score(block)


class OddError(Exception):
    def __init__(self, one, two):
        super().__init__(one, two)


def fail_with(error, block):
    raise error


def die_on_12(block):
    if "12" in block:
        os.kill(os.getpid(), signal.SIGKILL)
    return score(block)


def threads(block):
    from fastal._threads import n_threads

    return np.full(len(block), n_threads())


class Counted:
    """A scorer that writes a line to a file whenever it is unpickled."""

    def __init__(self, path):
        self.path = path

    def __setstate__(self, state):
        self.__dict__ = state
        with open(self.path, "a") as file:
            file.write(f"{os.getpid()}\n")

    def __call__(self, block):
        time.sleep(0.02)
        return np.full(len(block), os.getpid())


def is_running(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A process that has ended and that nobody has asked about yet.
    status = Path(f"/proc/{pid}/stat")
    return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"


def wait_until_gone(pids, seconds=10):
    end = time.monotonic() + seconds
    while any(map(is_running, pids)):
        assert time.monotonic() < end, "worker processes are left"
        time.sleep(0.02)


def own_pid(block):
    time.sleep(0.02)
    return np.full(len(block), os.getpid())


JOBS = pytest.mark.parametrize("n_jobs", [1, 2])


@JOBS
def test_scores_come_in_order_with_their_first_rows(n_jobs):
    double = functools.partial(score, factor=2.0)
    results = list(scores_of_blocks(blocks(), double, n_jobs))
    assert [row for row, _ in results] == list(range(0, 40, ROWS))
    np.testing.assert_array_equal(np.concatenate([s for _, s in results]), 2.0 * np.arange(40))


def test_a_slow_block_does_not_lose_its_place():
    results = list(scores_of_blocks(blocks(6), late_when_early, 2))
    np.testing.assert_array_equal(np.concatenate([s for _, s in results]), np.arange(24))


@JOBS
def test_no_blocks_and_empty_ones(n_jobs):
    assert list(scores_of_blocks([], score, n_jobs)) == []
    results = list(scores_of_blocks([["1"], [], ["2", "3"], []], score, n_jobs))
    assert [(row, scores.tolist()) for row, scores in results] == [(0, [1.0]), (1, [2.0, 3.0])]


def test_one_job_stays_in_this_process_and_reads_no_further_than_asked():
    read = []
    scores = scores_of_blocks(blocks(10, read), own_pid, 1)
    assert read == []
    assert next(scores)[1].tolist() == [os.getpid()] * ROWS
    assert read == [0]
    assert next(scores)[0] == ROWS
    assert read == [0, 1]


def test_all_processors_are_those_of_joblib(monkeypatch):
    monkeypatch.setattr("joblib.effective_n_jobs", lambda n_jobs: {-1: 2}[n_jobs])
    pids = {pid for _, scores in scores_of_blocks(blocks(), own_pid, -1) for pid in scores}
    assert os.getpid() not in pids
    assert 1 <= len(pids) <= 2


def test_no_more_workers_than_blocks():
    assert next(scores_of_blocks(blocks(1), own_pid, 2))[1][0] == os.getpid()
    pids = {int(scores[0]) for _, scores in scores_of_blocks(blocks(2), own_pid, 50)}
    assert len(pids) <= 2


def test_the_scorer_is_sent_to_a_worker_once(tmp_path):
    path = tmp_path / "unpickled"
    assert len(list(scores_of_blocks(blocks(12), Counted(str(path)), 2))) == 12
    pids = path.read_text().split()
    assert len(pids) == len(set(pids)) == 2


def test_look_ahead_is_bounded():
    read = []
    scores = scores_of_blocks(blocks(50, read), score, 2)
    for done, _ in enumerate(scores, start=1):
        assert len(read) <= done + 3
    assert read == list(range(50))


def test_workers_use_one_thread(monkeypatch):
    monkeypatch.setenv("FASTAL_NUM_THREADS", "7")
    assert {s[0] for _, s in scores_of_blocks(blocks(4), threads, 2)} == {1}
    assert os.environ["FASTAL_NUM_THREADS"] == "7"


# Errors


@JOBS
def test_an_error_names_the_block_and_keeps_its_type(n_jobs):
    scores = scores_of_blocks(blocks(), fail_on_12, n_jobs)
    assert [next(scores)[0] for _ in range(3)] == [0, 4, 8]
    with pytest.raises(ValueError, match=r"^block 3 \(rows 12 to 15\): bad text$") as caught:
        next(scores)
    # Also from another process, the lines where it happened can be seen.
    cause = caught.value.__cause__
    assert str(cause) == "bad text" or 'raise ValueError("bad text")' in str(cause)
    with pytest.raises(StopIteration):
        next(scores)


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (OddError(1, 2), RuntimeError, r"block 0 \(rows 0 to 3\): OddError: \(1, 2\)"),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "no"), RuntimeError, "UnicodeDecodeError: "),
        (KeyError("word"), KeyError, r"block 0 \(rows 0 to 3\): 'word'"),
        (MemoryError(), MemoryError, r"block 0 \(rows 0 to 3\): "),
    ],
)
def test_errors_that_want_other_arguments(error, kind, message):
    with pytest.raises(kind, match=message) as caught:
        list(scores_of_blocks(blocks(), functools.partial(fail_with, error), 1))
    assert type(caught.value) is kind
    assert caught.value.__cause__ is error


def test_an_error_that_wants_other_arguments_comes_from_a_worker():
    with pytest.raises(RuntimeError, match=r"block 0 \(rows 0 to 3\): OddError: \(1, 2\)"):
        list(scores_of_blocks(blocks(), functools.partial(fail_with, OddError(1, 2)), 2))


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_scores_of_a_wrong_shape(n_jobs):
    with pytest.raises(ValueError, match=r"block 0 \(rows 0 to 3\): 4 rows, scores of shape \(3"):
        list(scores_of_blocks(blocks(), lambda block: np.zeros(3), n_jobs))


@JOBS
def test_an_error_of_the_blocks(n_jobs):
    def broken():
        yield from blocks(7)
        raise OSError("disk gone")

    with pytest.raises(
        RuntimeError, match=r"iterator of blocks failed after block 6 \(row 27\): OSError: disk"
    ) as caught:
        list(scores_of_blocks(broken(), score, n_jobs))
    assert isinstance(caught.value.__cause__, OSError)
    with pytest.raises(RuntimeError, match="failed before the first block: ZeroDivisionError"):
        list(scores_of_blocks((1 / 0 for _ in "x"), score, n_jobs))


@pytest.mark.parametrize(("wrap", "n_jobs"), [(False, 1), (True, 1), (True, 2)])
def test_an_error_of_a_text_file_passes_unchanged(tmp_path, wrap, n_jobs):
    path = tmp_path / "pool.csv"
    path.write_text("text\n" + "1\n" * 20 + "2,3\n")
    file = TextFile(path, block_rows=4)
    with pytest.raises(ValueError, match=r"pool\.csv, line 22: 2 fields") as caught:
        list(scores_of_blocks((b for b in file) if wrap else file, score, n_jobs))
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("n_jobs", "error"), [(0, ValueError), ("2", TypeError), (1.0, TypeError), (True, TypeError)]
)
def test_bad_n_jobs(n_jobs, error):
    # At the call, not at the first block.
    with pytest.raises(error, match="n_jobs must"):
        scores_of_blocks(blocks(), score, n_jobs)


@JOBS
def test_a_text_is_no_block(n_jobs):
    with pytest.raises(TypeError, match="block 1 of X_pool must hold one item for each row"):
        list(scores_of_blocks([["1"], "two"], score, n_jobs))


def test_a_scorer_that_cannot_be_pickled():
    with pytest.raises(TypeError, match=r"score_block cannot be pickled .*n_jobs=1 needs none"):
        list(scores_of_blocks(blocks(), functools.partial(score, factor=threading.Lock()), 2))


def test_a_worker_that_dies():
    with pytest.raises(
        RuntimeError, match=r"died while block 3 \(rows 12 to 15\) was scored \(exit code -9\)"
    ):
        list(scores_of_blocks(blocks(), die_on_12, 2))


def test_a_worker_that_somebody_kills():
    scores = scores_of_blocks(blocks(100), own_pid, 2)
    pid = int(next(scores)[1][0])
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match=r"worker process died while block \d+ \(rows \d+ to"):
        list(scores)


def test_a_worker_that_cannot_start():
    class Unreadable:
        def __reduce__(self):
            return int, ("no number",)

    with pytest.raises(RuntimeError, match=r"died while block [01] .* \(exit code 1\)"):
        list(scores_of_blocks(blocks(), functools.partial(score, factor=Unreadable()), 2))


def test_scores_and_errors_that_cannot_be_sent():
    class LocalError(Exception):
        pass

    def fail(block):
        raise LocalError("bad text")

    with pytest.raises(RuntimeError, match=r"block 0 \(rows 0 to 3\): bad text"):
        list(scores_of_blocks(blocks(), fail, 2))
    with pytest.raises(RuntimeError, match=r"block 0 .*: the scores cannot be sent"):
        list(scores_of_blocks(blocks(), lambda b: np.array([(x for x in b)] * 4), 2))


def test_large_blocks_and_scores_do_not_fill_the_pipes():
    big = [["x" * 1000] * 20_000 for _ in range(6)]
    results = scores_of_blocks(big, lambda block: np.zeros(len(block)), 2)
    assert [len(scores) for _, scores in results] == [20_000] * 6


# No process is left


def sleepy_pid(path, block):
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")
    time.sleep(0.05 if "0" in block or "4" in block else 60)
    return np.full(len(block), os.getpid())


@pytest.mark.parametrize("how", ["close", "del", "exhausted", "error"])
def test_workers_end_with_the_generator(tmp_path, how):
    path = tmp_path / "pids"
    if how in ("close", "del"):
        scores = scores_of_blocks(blocks(), functools.partial(sleepy_pid, path), 2)
        next(scores)
        if how == "close":
            scores.close()
        else:
            del scores
        pids = set(map(int, path.read_text().split()))
    elif how == "exhausted":
        pids = {int(s[0]) for _, s in scores_of_blocks(blocks(), own_pid, 2)}
    else:
        scores = scores_of_blocks((1 / (5 - i) and b for i, b in enumerate(blocks())), own_pid, 2)
        pids = {int(next(scores)[1][0])}
        with pytest.raises(RuntimeError, match="after block 4"):
            list(scores)
    assert pids
    wait_until_gone(pids)


def test_the_blocks_are_closed_with_the_generator():
    closed = []

    def watched():
        try:
            yield from blocks()
        finally:
            closed.append(True)

    scores = scores_of_blocks(watched(), score, 1)
    next(scores)
    scores.close()
    assert closed == [True]


SCRIPT = """
import sys
import test_block_jobs as t, functools
scores = t.scores_of_blocks(t.blocks(), functools.partial(t.sleepy_pid, sys.argv[1]), 2)
next(scores)
try:
    print("started", flush=True)
    next(scores), next(scores)
except KeyboardInterrupt:
    print("interrupted", flush=True)
    sys.exit(130)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
@pytest.mark.parametrize("kind", ["SIGINT", "SIGINT to all", "SIGTERM", "SIGKILL"])
def test_workers_end_when_the_program_is_ended(tmp_path, kind):
    path = tmp_path / "pids"
    program = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(path)],
        cwd=Path(__file__).parent,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert program.stdout.readline() == "started\n"
        pids = set(map(int, path.read_text().split()))
        number = getattr(signal, kind.split()[0])
        if kind == "SIGINT to all":
            # What Ctrl-C in a terminal does.
            os.killpg(program.pid, number)
        else:
            os.kill(program.pid, number)
        out, err = program.communicate(timeout=20)
    finally:
        program.kill()
    assert pids
    wait_until_gone(pids)
    if kind.startswith("SIGINT"):
        assert (program.returncode, out) == (130, "interrupted\n")
        assert "Traceback" not in err
