"""Compiled priority queue for rows whose bounds only fall: buckets, and a heap over the highest.

A heap over the whole pool would cost two cache misses a level for each row that is looked at.
Buckets cost one write, and only the few rows of the highest buckets are ever put in order.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastal._jit import njit_borrow


class Queue(NamedTuple):
    """Rows that may be picked: in buckets by their bound, in the batch, or in the heap."""

    size: Any  # rows in the heap, rows in the batch, lowest bucket that has been emptied
    scale: Any  # lower edge of the buckets, buckets per unit of bound
    head: Any  # of each bucket: a row, or -1
    following: Any  # of each row: the next one of its bucket, or -1
    batch: Any
    heap: Any


@njit_borrow
def comes_before(bound: Any, rank: Any, a: int, b: int) -> bool:
    """Whether row a is to be picked before row b if both bounds are exact."""
    return bool(bound[a] > bound[b] or (bound[a] == bound[b] and rank[a] < rank[b]))


@njit_borrow
def sift_down(bound: Any, rank: Any, heap: Any, size: int, pos: int) -> None:
    """Move the row at pos down to where neither child comes before it."""
    row = heap[pos]
    while True:
        child = 2 * pos + 1
        if child >= size:
            break
        if child + 1 < size and comes_before(bound, rank, heap[child + 1], heap[child]):
            child += 1
        if not comes_before(bound, rank, heap[child], row):
            break
        heap[pos] = heap[child]
        pos = child
    heap[pos] = row


@njit_borrow
def runner_up(bound: Any, heap: Any, size: int) -> float:
    """Largest bound in the heap but for the top."""
    second = bound[heap[1]] if size > 1 else 0.0
    return float(max(second, bound[heap[2]]) if size > 2 else second)


@njit_borrow
def heapify(bound: Any, rank: Any, heap: Any, size: int) -> None:
    """Order heap so that the row with the largest bound (then the lowest rank) comes first."""
    for pos in range(size // 2 - 1, -1, -1):
        sift_down(bound, rank, heap, size, pos)


@njit_borrow
def bucket_of(queue: Any, bound: float) -> int:
    """Number of the bucket for a bound; what is below the lower edge goes to bucket 0."""
    number = int((bound - queue.scale[0]) * queue.scale[1])
    return max(number, 0)


@njit_borrow
def _put(queue: Any, row: int, bound: float) -> None:
    bucket = bucket_of(queue, bound)
    queue.following[row] = queue.head[bucket]
    queue.head[bucket] = row


@njit_borrow
def _spread(queue: Any, bound: Any, n_rows: int) -> None:
    """Put the first n_rows of the batch into buckets between their lowest and highest bound."""
    low, high = np.inf, -np.inf
    for pos in range(n_rows):
        low = min(low, bound[queue.batch[pos]])
        high = max(high, bound[queue.batch[pos]])
    n_buckets = queue.head.size
    queue.scale[0] = low
    # Bounds that differ by next to nothing share one bucket.
    queue.scale[1] = (n_buckets - 1) / (high - low) if high - low > 1e-300 else 0.0
    queue.head[:] = -1
    for pos in range(n_rows):
        _put(queue, queue.batch[pos], bound[queue.batch[pos]])
    queue.size[2] = n_buckets


@njit_borrow
def fill(queue: Any, bound: Any, candidates: Any) -> None:
    """Start with the candidates, all of them in buckets."""
    queue.size[0] = queue.size[1] = 0
    for pos in range(candidates.size):
        queue.batch[pos] = candidates[pos]
    _spread(queue, bound, candidates.size)


@njit_borrow
def empty_heap(queue: Any, bound: Any) -> None:
    """Move all rows of the heap into the buckets of their bounds."""
    for pos in range(queue.size[0]):
        _put(queue, queue.heap[pos], bound[queue.heap[pos]])
    queue.size[0] = 0


@njit_borrow
def _empty_buckets(queue: Any, wanted: int) -> int:
    """Move rows from the highest buckets to the batch until it holds as many as wanted."""
    n_rows = 0
    while queue.size[2] > 0 and n_rows < wanted:
        queue.size[2] -= 1
        row = queue.head[queue.size[2]]
        queue.head[queue.size[2]] = -1
        while row >= 0:
            queue.batch[n_rows] = row
            n_rows += 1
            row = queue.following[row]
    return n_rows


@njit_borrow
def take_batch(queue: Any, bound: Any, wanted: int) -> float:
    """Fill the batch from the highest buckets; return the bound below which rows go back.

    Bounds fall below the lower edge of the buckets in time.  When only the lowest bucket is left,
    its rows are spread anew.
    """
    n_rows = _empty_buckets(queue, wanted)
    if queue.size[2] == 0 and n_rows > wanted and queue.scale[1] > 0.0:
        _spread(queue, bound, n_rows)
        n_rows = _empty_buckets(queue, wanted)
    queue.size[1] = n_rows
    if queue.size[2] == 0:
        return -np.inf
    return float(queue.scale[0] + queue.size[2] / queue.scale[1])


@njit_borrow
def settle(queue: Any, bound: Any, rank: Any) -> None:
    """Rows of the batch go to the heap, or back to a bucket if their bound has fallen so far."""
    n_rows = 0
    for pos in range(queue.size[1]):
        row = queue.batch[pos]
        if bucket_of(queue, bound[row]) >= queue.size[2]:
            queue.heap[n_rows] = row
            n_rows += 1
        else:
            _put(queue, row, bound[row])
    queue.size[0] = n_rows
    queue.size[1] = 0
    heapify(bound, rank, queue.heap, n_rows)
