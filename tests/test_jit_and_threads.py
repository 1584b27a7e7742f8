"""Where compiled code meets the machine: caches, read-only installs, threads, forks."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import fastal
from fastal import _threads

PROBA = np.random.default_rng(0).dirichlet(np.ones(20), 60_000)


def _python(code: str, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, **environment},
        check=False,
    )


SCORE = "import fastal; print(fastal.entropy([[0.5, 0.5]])[0])"


def test_runs_without_any_writable_cache(tmp_path):
    # A read-only install with no usable home: decorating with cache=True raises there.
    package = tmp_path / "site" / "fastal"
    shutil.copytree(
        Path(fastal.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    # A file where the cache directory would be keeps root out as well as anybody else.
    (package / "__pycache__").write_text("")
    blocked = tmp_path / "file"
    blocked.write_text("")
    result = _python(
        SCORE,
        PYTHONPATH=str(package.parent),
        HOME=str(blocked),
        XDG_CACHE_HOME=str(blocked),
        PYTHONDONTWRITEBYTECODE="1",
    )
    assert result.stdout.startswith("0.693"), result.stderr


def test_cache_is_written_and_can_be_turned_off(tmp_path):
    result = _python(SCORE, NUMBA_CACHE_DIR=str(tmp_path / "a"), FASTAL_NUMBA_CACHE="1")
    assert result.returncode == 0, result.stderr
    if os.environ.get("NUMBA_DISABLE_JIT") != "1":
        assert list((tmp_path / "a").rglob("*.nbi"))
    _python(SCORE, NUMBA_CACHE_DIR=str(tmp_path / "b"), FASTAL_NUMBA_CACHE="0")
    assert not list((tmp_path / "b").rglob("*.nbi"))
    result = _python(SCORE, FASTAL_NUMBA_CACHE="yes")
    assert "FASTAL_NUMBA_CACHE must be 0 or 1, got 'yes'" in result.stderr


@pytest.mark.skipif(os.environ.get("NUMBA_DISABLE_JIT") == "1", reason="nothing is compiled")
def test_one_specialisation_whatever_the_flags():
    from fastal import _kernels_scores

    writable = np.full((3, 4), 0.25)
    read_only = writable.copy()
    read_only.flags.writeable = False
    fastal.entropy(writable)
    before = len(_kernels_scores.entropy.signatures)
    for array in (read_only, np.asfortranarray(writable), writable[::2], writable.tolist()):
        fastal.entropy(array)
    assert len(_kernels_scores.entropy.signatures) == before


def test_number_of_threads(monkeypatch):
    for name in ("FASTAL_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    assert _threads.n_threads() >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3,2")  # OpenMP's nested form: not ours to judge
    assert _threads.n_threads() >= 1
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert _threads.n_threads() == 3
    monkeypatch.setenv("FASTAL_NUM_THREADS", "2")
    assert _threads.n_threads() == 2
    monkeypatch.setenv("FASTAL_NUM_THREADS", "many")
    with pytest.raises(ValueError, match="FASTAL_NUM_THREADS must be a whole number"):
        _threads.n_threads()


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_over_rows__every_row_once(n_threads, monkeypatch):
    monkeypatch.setenv("FASTAL_NUM_THREADS", str(n_threads))
    for n_rows in (0, 1, 3, 1000):
        visits = np.zeros(n_rows, dtype=int)
        threads = set()

        def kernel(start, stop, out, threads=threads):
            threads.add(threading.get_ident())
            out[start:stop] += 1

        _threads.over_rows(kernel, n_rows, 10 * _threads.MIN_SHARE, visits)
        assert (visits == 1).all()
        assert len(threads) <= max(1, min(n_threads, n_rows))


def test_over_rows__a_failing_share_is_not_swallowed(monkeypatch):
    monkeypatch.setenv("FASTAL_NUM_THREADS", "3")

    def kernel(start, stop):
        if start > 0:
            raise RuntimeError("share failed")

    with pytest.raises(RuntimeError, match="share failed"):
        _threads.over_rows(kernel, 100, 10 * _threads.MIN_SHARE)


def test_at_interpreter_shutdown_the_caller_does_the_work():
    code = (
        "import threading, time, numpy as np, fastal\n"
        "p = np.full((200_000, 4), 0.25)\n"
        "def work(): time.sleep(0.5); print(len(fastal.entropy(p)), flush=True)\n"
        "fastal.entropy(p[:10])\n"
        "threading.Thread(target=work).start()\n"
    )
    result = _python(code, FASTAL_NUM_THREADS="2")
    assert result.stdout.strip() == "200000", result.stderr


def test_called_from_many_threads_at_once(monkeypatch):
    monkeypatch.setenv("FASTAL_NUM_THREADS", "2")
    expected = fastal.entropy(PROBA)
    with ThreadPoolExecutor(6) as pool:
        for scores in pool.map(lambda _: fastal.entropy(PROBA), range(12)):
            np.testing.assert_array_equal(scores, expected)


def _score_in_child(_):
    return float(fastal.entropy(PROBA).sum())


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_in_child_processes(method, monkeypatch):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"no {method} here")
    monkeypatch.setenv("FASTAL_NUM_THREADS", "2")
    expected = _score_in_child(0)  # the parent's pool has threads before the fork
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(_score_in_child, range(3)).get(timeout=120) == [expected] * 3


def test_in_joblib_workers():
    joblib = pytest.importorskip("joblib")
    results = joblib.Parallel(n_jobs=2)(joblib.delayed(_score_in_child)(i) for i in range(3))
    assert results == [_score_in_child(0)] * 3


def test_machine_code_follows_helpers_in_other_files(tmp_path):
    # numba's cache looks only at the file of the function itself.
    package = tmp_path / "fastal"
    shutil.copytree(
        Path(fastal.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__")
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r});"
        "import numpy as np; from fastal._kernels_pairs import distances_above_dense as kernel;"
        "out = np.empty(1); kernel(0, np.ones((1, 2)), np.ones(2), True, out); print(out[0])"
    )

    def run() -> str:
        done = _python(code, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    assert run() == "0.0"
    helpers = package / "_kernels_centers.py"
    text = helpers.read_text(encoding="utf-8")
    assert "max(1.0 - dot" in text
    helpers.write_text(text.replace("max(1.0 - dot", "max(3.0 - dot"), encoding="utf-8")
    assert run() == "2.0"
