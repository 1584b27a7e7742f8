"""Split the rows of a kernel call over a few threads when there is enough work to share."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import Any

# Below about this many array elements per share, handing it to another thread eats the gain
# (docs/explanation.md, "Why serial kernels and a thread pool").
MIN_SHARE = 200_000

_pool: ThreadPoolExecutor | None = None
_pool_size = 0

# Set in a thread while it works on blocks: what it calls must not wait for threads of the pool,
# all of which may be waiting likewise.
_at_work = threading.local()


def n_threads() -> int:
    """Return how many threads a kernel call may use, the calling thread included.

    ``FASTAL_NUM_THREADS`` decides; otherwise ``NUMBA_NUM_THREADS`` or ``OMP_NUM_THREADS`` when
    set (joblib sets them in its workers, so nested parallelism does not multiply), otherwise
    the number of CPUs this process may run on.
    """
    for name in ("FASTAL_NUM_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name)
        if value is None:
            continue
        if value.isdecimal() and int(value) >= 1:
            return int(value)
        if name == "FASTAL_NUM_THREADS":
            raise ValueError(f"{name} must be a whole number of at least 1, got {value!r}")
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _workers(size: int) -> ThreadPoolExecutor:
    global _pool, _pool_size
    if _pool is None or _pool_size < size:
        _pool = ThreadPoolExecutor(size, thread_name_prefix="fastal")
        _pool_size = size
    return _pool


def _forget_pool() -> None:
    # A forked child inherits the pool object but none of its threads: waiting on it never ends.
    global _pool, _pool_size
    _pool, _pool_size = None, 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def over_rows(
    kernel: Callable[..., Any],
    n_rows: int,
    work: int,
    *args: Any,
    scratch: Sequence[tuple[Any, ...]] | None = None,
) -> None:
    """Call ``kernel(start, stop, *args)`` so that the ranges cover all rows once.

    Parameters
    ----------
    kernel : compiled function
        Fills the rows [start, stop) of its outputs and touches no others.
    n_rows : int
    work : int
        Array elements the whole call reads; decides how many threads are worth it.
    *args
        Handed to the kernel unchanged.
    scratch : sequence of tuples, optional
        Further arguments that no two threads may share: the first tuple is handed to the first
        share, and so on.  There are no more shares than tuples.
    """
    own = [()] * n_threads() if scratch is None else scratch
    shares = max(1, min(n_threads(), len(own), n_rows, work // MIN_SHARE))
    if shares == 1 or getattr(_at_work, "on_blocks", False):
        kernel(0, n_rows, *args, *own[0])
        return
    edges = [n_rows * i // shares for i in range(shares + 1)]
    workers = _workers(shares - 1)
    others: list[Future[Any]] = []
    try:
        for i in range(1, shares):
            others.append(workers.submit(kernel, edges[i], edges[i + 1], *args, *own[i]))
    except RuntimeError:
        # The interpreter is shutting down and starts no thread any more: what could not be handed
        # over is done here.
        kernel(edges[len(others) + 1], n_rows, *args, *own[len(others) + 1])
    try:
        kernel(edges[0], edges[1], *args, *own[0])
    finally:
        # Also after Ctrl-C: nobody writes into the arrays any more once this returns.
        wait(others)
    for other in others:
        other.result()


def over_blocks(
    call: Callable[[int, int, int], None], n_rows: int, block_rows: int, max_shares: int
) -> int:
    """Call ``call(share, start, stop)`` for blocks of rows that cover all rows once.

    Threads take one block after the other, so none waits for one whose rows were longer.  No two
    calls of the same `share` run at the same time; its blocks come in ascending order.  After an
    error, or Ctrl-C, no further block is begun, and none is at work any more once this returns.

    Returns
    -------
    shares : int
        How many different shares there were at most: 1 if called from within a block.
    """
    n_blocks = -(-n_rows // block_rows)
    shares = max(1, min(n_threads(), n_blocks, max_shares))
    if getattr(_at_work, "on_blocks", False):
        shares = 1
    numbers = itertools.count()
    broken = threading.Event()

    def run(share: int) -> None:
        outer = getattr(_at_work, "on_blocks", False)
        _at_work.on_blocks = True
        try:
            for number in numbers:
                if number >= n_blocks or broken.is_set():
                    break
                call(share, number * block_rows, min((number + 1) * block_rows, n_rows))
        except BaseException:
            broken.set()
            raise
        finally:
            _at_work.on_blocks = outer

    others: list[Future[Any]] = []
    begun: list[Future[Any]] = []
    try:
        # When the interpreter is shutting down, the calling thread takes all blocks itself.
        with suppress(RuntimeError):
            for share in range(1, shares):
                others.append(_workers(shares - 1).submit(run, share))
        run(0)
    except BaseException:
        broken.set()
        raise
    finally:
        # Those that have not begun, because other calls keep the pool busy, are not waited for.
        begun = [other for other in others if not other.cancel()]
        wait(begun)
    for other in begun:
        other.result()
    return shares
