"""Speed of fastal beside its plain NumPy twin: an asv suite and the scripts around it.

See benchmarks/README.md.  What the benchmark files share stands here: which two functions carry a
name, how two calls are timed so that a noisy machine favours neither, and the base class.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

IMPLS = ["fastal", "reference"]


def function(impl: str, name: str) -> Callable[..., Any]:
    """Return the public function called name, or its reference."""
    import fastal
    import fastal._reference

    return getattr({"fastal": fastal, "reference": fastal._reference}[impl], name)


def one_thread() -> None:
    """Score on one thread, as every number is quoted unless it says otherwise."""
    os.environ["FASTAL_NUM_THREADS"] = "1"


def alternate(
    calls: dict[str, Callable[[], Any]],
    rounds: int = 9,
    min_seconds: float = 0.01,
    clock: Callable[[], float] = time.process_time,
) -> dict[str, np.ndarray]:
    """Time the calls in turn and return the seconds of each call in each round.

    Every call runs once beforehand (compiles, fills caches, warms the heap).  The order turns
    round with each round, so that no call always runs in the wake of the same other one.  A call
    shorter than min_seconds is repeated within a round and its mean is taken.

    The clock counts the processor time of this process, all of its threads together: time spent
    waiting for other processes of a busy machine is in no ratio, and a hidden second thread is.
    """
    numbers = {}
    for label, call in calls.items():
        call()
        once = max(_seconds(call, 1, clock), 1e-6)
        numbers[label] = max(1, int(np.ceil(min_seconds / once)))
    seconds = {label: np.empty(rounds) for label in calls}
    labels = list(calls)
    for i in range(rounds):
        for label in labels if i % 2 == 0 else reversed(labels):
            seconds[label][i] = _seconds(calls[label], numbers[label], clock)
    return seconds


def _seconds(call: Callable[[], Any], number: int, clock: Callable[[], float]) -> float:
    start = clock()
    for _ in range(number):
        call()
    return (clock() - start) / number


def without_impl(params: Iterable[Any], names: Iterable[str]) -> Callable[..., Any]:
    """Give a track_ benchmark the parameters of its class but the last one, ``impl``.

    It times both implementations itself and must not run once for each.
    """

    def decorate(benchmark: Any) -> Any:
        benchmark.params = list(params)[:-1]
        benchmark.param_names = list(names)[:-1]
        benchmark.unit = "x"
        return benchmark

    return decorate


class Pair:
    """Base of the benchmark classes: one call, made by fastal or by the reference.

    A subclass says in ``prepare`` which function is called with which arguments; its last
    parameter is ``impl``, which is missing in ``track_`` benchmarks.
    """

    timeout = 600

    def prepare(self, *case: Any) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
        """Return the name of the function and the arguments it is called with."""
        raise NotImplementedError

    def setup(self, *case: Any) -> None:
        one_thread()
        impls = IMPLS
        if case[-1] in IMPLS:
            *case, impl = case
            impls = [impl]
        name, args, options = self.prepare(*case)
        self.calls = {}
        for impl in impls:
            self.calls[impl] = _bind(function(impl, name), args, options)
            # asv's own warm-up is shorter than a compile.
            self.calls[impl]()

    def run(self) -> None:
        (call,) = self.calls.values()
        call()

    def speedup(self) -> float:
        """How many times faster fastal is: median over rounds of reference / fastal."""
        seconds = alternate(self.calls, rounds=5)
        return float(np.median(seconds["reference"] / seconds["fastal"]))


def _bind(
    called: Callable[..., Any], args: tuple[Any, ...], options: dict[str, Any]
) -> Callable[[], Any]:
    return lambda: called(*args, **options)
