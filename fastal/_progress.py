"""How far along we are, on standard error."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

Item = TypeVar("Item")


def progress(items: Iterable[Item], total: int, what: str, show: bool) -> Iterator[Item]:
    """Yield the items; if `show`, with a bar (tqdm, when installed) or a plain line for each."""
    if not show:
        yield from items
        return
    try:
        from tqdm import tqdm
    except ImportError:
        for done, item in enumerate(items, start=1):
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)
            yield item
        return
    with tqdm(items, total=total, desc=what, file=sys.stderr) as bar:
        yield from bar


@contextmanager
def counter(total: int | None, what: str, show: bool) -> Iterator[Callable[[int], None]]:
    """Give a function to call with how many more are done; if `show`, they are shown in a bar.

    `total` is None if nobody knows.
    """
    if not show:
        yield lambda more: None
        return
    try:
        from tqdm import tqdm
    except ImportError:
        done = 0

        def tick(more: int) -> None:
            nonlocal done
            done += more
            of_total = "" if total is None else f" of {total}"
            print(f"{what}: {done}{of_total}", file=sys.stderr, flush=True)

        yield tick
        return
    with tqdm(total=total, desc=what, file=sys.stderr) as bar:
        yield bar.update
