"""Scores of blocks of rows, in this process or in others, in the order of the blocks."""

from __future__ import annotations

import numbers
import os
import signal
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, suppress
from itertools import chain, islice
from multiprocessing.connection import wait
from typing import Any, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from fastal._rows import n_rows
from fastal.text_file import TextFile

__all__ = ["scores_of_blocks"]

ScoreBlock = Callable[[Any], Any]
Scores = Generator[tuple[int, NDArray[Any]], None, None]

# As many workers as processors: a worker that starts threads of its own takes them from another.
_ONE_THREAD = dict.fromkeys(
    [
        "FASTAL_NUM_THREADS",
        "NUMBA_NUM_THREADS",
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "BLIS_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    ],
    "1",
)


_END = object()


class _Block(NamedTuple):
    number: int
    first_row: int
    rows: Any

    @property
    def last_row(self) -> int:
        return self.first_row + n_rows(self.rows) - 1

    def __str__(self) -> str:
        return f"block {self.number} (rows {self.first_row} to {self.last_row})"


def scores_of_blocks(blocks: Iterable[Any], score_block: ScoreBlock, n_jobs: int | None) -> Scores:
    """Yield the first row and the scores of each block, in order.

    Parameters
    ----------
    blocks : iterable of rows: lists of texts, or matrices
        Read 2 * n_jobs blocks ahead at most.  Empty blocks are passed over.
    score_block : callable
        Given a block, returns an array of one score for each row.  With several jobs it is handed
        to each worker process once, so it may be large; it must be possible to pickle it.
    n_jobs : int or None
        Processes, as in joblib: None is 1, -1 all processors.  1: no other process is started.

    Yields
    ------
    first_row : int
    scores : ndarray

    Raises
    ------
    Exception
        What `score_block` raises, as the same type, with the block and its rows in the message.
        An error of a `TextFile` passes unchanged; another one of `blocks` becomes a RuntimeError.
    RuntimeError
        If a worker process dies.

    Notes
    -----
    The workers end with the generator: when it is exhausted, fails, is interrupted or is closed.
    """
    from joblib import effective_n_jobs

    if not (n_jobs is None or (isinstance(n_jobs, numbers.Integral) and n_jobs is not True)):
        raise TypeError(f"n_jobs must be None or a whole number, got {n_jobs!r}")
    if n_jobs == 0:
        raise ValueError("n_jobs must not be 0; None is 1, -1 all processors")
    n_workers = 1 if n_jobs is None else effective_n_jobs(int(n_jobs))
    return _scores(blocks, score_block, n_workers)


def _scores(blocks: Iterable[Any], score_block: ScoreBlock, n_workers: int) -> Scores:
    with closing(_numbered(blocks)) as numbered:
        # A small pool does not need all the workers, each of which copies the model.
        first = list(islice(numbered, n_workers))
        n_workers = len(first)
        every = chain(first, numbered)
        del first  # The blocks are to go as they are done.
        score = _score_here if n_workers <= 1 else _score_in_workers
        yield from score(every, score_block, n_workers)


def _numbered(blocks: Iterable[Any]) -> Generator[_Block, None, None]:
    """Number the blocks and rows, and say after which of them the iterator failed."""
    iterator = iter(blocks)
    number, row = -1, 0
    try:
        while True:
            try:
                rows = next(iterator, _END)
            except Exception as error:
                _fail_after(error, number, row)
            if rows is _END:
                return
            number += 1
            n = n_rows(rows, f"block {number} of X_pool")
            if n:
                yield _Block(number, row, rows)
            row += n
    finally:
        # An open file should not wait for the garbage collector.
        if isinstance(iterator, Generator):
            iterator.close()


def _fail_after(error: Exception, number: int, row: int) -> NoReturn:
    # A TextFile names the file and the line itself; blocks may come from it through a progress bar
    # or a filter, so what counts is where the error was raised.
    reading = TextFile.__iter__.__code__
    if any(frame.f_code is reading for frame, _ in traceback.walk_tb(error.__traceback__)):
        raise error
    after = f"after block {number} (row {row - 1})" if number >= 0 else "before the first block"
    raise RuntimeError(
        f"the iterator of blocks failed {after}: {type(error).__name__}: {error}"
    ) from error


def _score_here(blocks: Iterator[_Block], score_block: ScoreBlock, n_workers: int) -> Scores:
    for block in blocks:
        yield block.first_row, _score(block, score_block)


def _score(block: _Block, score_block: ScoreBlock) -> NDArray[Any]:
    try:
        scores: NDArray[Any] = np.asarray(score_block(block.rows))
    except Exception as error:
        raise _named(error, block) from error
    if scores.shape != (n_rows(block.rows),):
        raise ValueError(f"{block}: {n_rows(block.rows)} rows, scores of shape {scores.shape}")
    return scores


def _named(error: Exception, block: _Block) -> Exception:
    """Return an error of the same type, if that takes a message, that names the block."""
    message = f"{block}: {error}"
    # Some types want other arguments than a message, and would not get through a pipe either.
    with suppress(Exception):
        named = type(error)(message)
        if message in str(named) or isinstance(error, KeyError):
            return named
    return RuntimeError(f"{block}: {type(error).__name__}: {error}")


# ---------------------------------------------------------------------- worker processes

# A pipe to each worker instead of an executor: a pool of loky that is shut down while it works can
# lose its manager thread, and then its workers stay.  A worker whose pipe is closed ends, and when
# one dies it is plain which block it had.


class _Worker(NamedTuple):
    process: Any
    pipe: Any


def _score_in_workers(blocks: Iterator[_Block], score_block: ScoreBlock, n_workers: int) -> Scores:
    workers: list[_Worker] = []
    try:
        for _ in range(n_workers):
            _start(workers, score_block)
        yield from _deal(blocks, workers)
    finally:
        # Nobody wants what is still under way: all is done, has failed, or was given up.
        for worker in workers:
            worker.pipe.close()
            if worker.process.pid is not None:
                worker.process.terminate()
        for worker in workers:
            if worker.process.pid is not None:
                worker.process.join()


def _start(workers: list[_Worker], score_block: ScoreBlock) -> None:
    """Start a worker and add it to the list."""
    # loky's processes do not run the caller's script again, and are sent lambdas too.
    from joblib.externals.loky.backend import get_context

    context = get_context("loky")
    pipe, its_end = context.Pipe()
    process = context.Process(
        target=_work, args=(its_end, score_block, os.getpid()), daemon=True, env=_ONE_THREAD
    )
    workers.append(_Worker(process, pipe))
    try:
        process.start()
    except OSError:
        raise
    except Exception as error:
        raise TypeError(
            f"score_block cannot be pickled for worker processes ({error}); n_jobs=1 needs none"
        ) from error
    finally:
        # As long as it is open here, the death of the worker goes unnoticed.
        its_end.close()


def _deal(blocks: Iterator[_Block], workers: list[_Worker]) -> Scores:
    """Give every idle worker the next block; scores and errors come in the order of the blocks."""
    idle = list(workers)
    busy: dict[Any, tuple[_Worker, _Block]] = {}
    order: deque[_Block] = deque()
    done: dict[int, NDArray[Any] | Exception] = {}
    following = next(blocks, None)
    while following is not None or order:
        # One block at a time: a pipe that nobody reads blocks the sender when it is full.  With
        # the block that waits, no more than two for each worker are in memory.
        while idle and following is not None and len(order) < 2 * len(workers) - 1:
            worker = idle.pop()
            order.append(following)
            try:
                worker.pipe.send(following)
                busy[worker.pipe] = worker, following
            except OSError:
                done[following.number] = _death(worker, following)
            following = next(blocks, None)
        while order and order[0].number in done:
            block = order.popleft()
            scores = done.pop(block.number)
            if isinstance(scores, Exception):
                raise scores
            yield block.first_row, scores
        for pipe in wait(list(busy)) if busy else []:
            worker, block = busy.pop(pipe)
            done[block.number] = answer = _receive(worker, block)
            # After an error nobody wants more blocks than those before it, which are under way.
            if not isinstance(answer, Exception):
                idle.append(worker)


def _receive(worker: _Worker, block: _Block) -> NDArray[Any] | Exception:
    try:
        scores, error, trace = worker.pipe.recv()
    except (EOFError, OSError):
        return _death(worker, block)
    if error is not None:
        error.__cause__ = RuntimeError(f"in a worker process:\n{trace}")
        return error  # type: ignore[no-any-return]
    return scores  # type: ignore[no-any-return]


def _death(worker: _Worker, block: _Block) -> RuntimeError:
    worker.process.join(5)
    return RuntimeError(
        f"a worker process died while {block} was scored (exit code {worker.process.exitcode}); "
        "was it killed, or short of memory?  Smaller blocks and fewer jobs need less"
    )


# ---------------------------------------------------------------------- inside a worker


def _work(pipe: Any, score_block: ScoreBlock, parent: int) -> None:
    """Score blocks until the pipe is closed."""
    # Ctrl-C reaches every process of the terminal; the parent alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.name == "posix":
        threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            _answer(pipe, pipe.recv(), score_block)


def _answer(pipe: Any, block: _Block, score_block: ScoreBlock) -> None:
    try:
        answer: tuple[Any, Exception | None, str] = (_score(block, score_block), None, "")
    except Exception as error:
        answer = (None, error, traceback.format_exc())
    try:
        pipe.send(answer)
    except OSError:
        raise
    except Exception as error:
        # Scores or an error of a kind that cannot be pickled.
        message = str(answer[1] or f"{block}: the scores cannot be sent ({error})")
        pipe.send((None, RuntimeError(message), answer[2]))


def _end_with_parent(parent: int) -> None:
    """End this process in the midst of a block when the parent was killed."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)
