"""Compiled loops that pick centres: k-center greedy and k-means++, for CSR and for dense rows.

A row's distance to its nearest centre only falls while centres are added, so an old value is an
upper bound: only the row on top of a heap is brought up to date, against the centres it has not
met yet.  When the top row is up to date, nothing below can be farther, and it is the next centre.

The state that lives between calls is one array per quantity: ``bound`` (squared Euclidean or
cosine distance, times the row's weight), ``seen`` (how many centres the row has met).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastal._jit import njit, njit_borrow
from fastal._kernels_bounds import refine
from fastal._kernels_centers import add_center, add_dots, distance_of, unsigned
from fastal._kernels_dense import add_centers_dense, meet_dense
from fastal._kernels_queue import bucket_of, empty_heap, runner_up, sift_down


@njit_borrow
def _take_top(bound: Any, rank: Any, heap: Any, size: int) -> int:
    """Remove the row on top of the heap."""
    row = heap[0]
    heap[0] = heap[size - 1]
    sift_down(bound, rank, heap, size - 1, 0)
    return int(row)


@njit_borrow
def k_center_greedy_csr(
    rows: Any, centers: Any, queue: Any, rank: Any, largest: float, bound: Any, seen: Any,
    dots: Any, vector: Any, picks: Any, before: Any, done: int, budget: int,
) -> int:  # fmt: skip
    """Pick rows; returns how many picks are made when no row of the heap is left in its bucket or
    the budget of entries read is spent.

    before[i] is the bound of pick i just before it was made.  The last pick does not become a
    centre: only its bound is of interest.  `largest` is no less than a centre's squared norm.
    """  # noqa: D205
    heap = queue.heap
    # Of one type wherever they are passed on: each new type, and each number written out, is
    # another second of compiling.
    zero, one = np.int64(0), np.int64(1)
    while done < picks.size and queue.size[0] > 0 and budget > 0:
        row = np.int64(heap[0])
        if bucket_of(queue, bound[row]) < queue.size[2]:
            empty_heap(queue, bound)
        elif seen[row] < centers.size[0] and bound[row] > 0.0:
            budget -= rows.indptr[row + 1] - rows.indptr[row] + centers.size[0] - seen[row]
            enough = runner_up(bound, heap, queue.size[0])
            refine(zero, one, rows, centers, heap, enough, largest, bound, seen, dots, vector)
            sift_down(bound, rank, heap, queue.size[0], 0)
        else:
            picks[done] = _take_top(bound, rank, heap, queue.size[0])
            before[done] = bound[row]
            queue.size[0] -= 1
            done += 1
            if done < picks.size:
                add_center(rows, centers, row)
    return done


@njit_borrow
def k_center_greedy_all_rows(
    rows: Any, left: Any, rank: Any, vector: Any, bound: Any, picks: Any, before: Any
) -> None:  # fmt: skip
    """Pick rows as the textbook does: each pick meets all rows that are left.

    bound is exact, and becomes -1 for picks; vector is of n_features and holds zeros.
    """
    data, indices, indptr, sq_norms = rows.data, rows.indices, rows.indptr, rows.sq_norms
    weights, cosine = rows.weights, rows.cosine
    for step in range(picks.size):
        center = picks[step - 1] if step > 0 else 0
        best = -1
        highest = -1.0
        for row in left:
            nearest = bound[row]
            if nearest < 0.0:
                continue
            if step > 0:
                product = 0.0
                for entry in range(indptr[row], indptr[row + 1]):
                    product += np.float64(data[entry]) * vector[unsigned(indices[entry])]
                distance = distance_of(cosine, sq_norms[row], sq_norms[center], product)
                if weights.size:
                    distance *= weights[row]
                nearest = distance if distance < nearest else nearest
                bound[row] = nearest
            if nearest > highest or (nearest == highest and rank[row] < rank[best]):
                best = row
                highest = nearest
        if step > 0:
            for entry in range(indptr[center], indptr[center + 1]):
                vector[indices[entry]] = 0.0
        for entry in range(indptr[best], indptr[best + 1]):
            vector[indices[entry]] = data[entry]
        picks[step] = best
        before[step] = highest
        bound[best] = -1.0


@njit
def k_center_greedy_dense(
    rows: Any, centers: Any, heap: Any, size: int, rank: Any, bound: Any, seen: Any,
    picks: Any, before: Any, done: int, stop: int,
) -> None:  # fmt: skip
    """Make the picks done to stop from a heap of `size` - done rows, as for CSR."""
    sums = np.empty(centers.sq_norms.size)
    for i in range(done, stop):
        while seen[heap[0]] < centers.size[0] and bound[heap[0]] > 0.0:
            meet_dense(rows, centers, heap[0], sums, bound, seen)
            sift_down(bound, rank, heap, size - i, 0)
        picks[i] = _take_top(bound, rank, heap, size - i)
        before[i] = bound[picks[i]]
        if i + 1 < picks.size:
            add_centers_dense(rows, centers, picks[i : i + 1])


@njit_borrow
def later(time: float, now: float, rate: float, new_rate: float) -> float:
    """When something is due that was due at `time` before its rate fell, now."""
    if new_rate == 0.0 or time == np.inf:
        return np.inf
    return max(time, now + (time - now) * (rate / new_rate))


@njit_borrow
def slow_down(times: Any, now: float, nearest: Any, distances: Any) -> None:
    """Let all rows meet the centre picked now, whose distances are given."""
    for row in range(times.size):
        if distances[row] < nearest[row]:
            times[row] = later(times[row], now, nearest[row], distances[row])
            nearest[row] = distances[row]


@njit_borrow
def _race_on(
    rows: Any, centers: Any, row: int, n_first: int, noise: Any, times: Any, dots: Any,
    nearest: Any, seen: Any, key: Any,
) -> None:  # fmt: skip
    """Let the row meet the centres it has not met, in the order in which they were picked.

    -key[row] is the time at which the row is picked at its present rate, its squared distance;
    when that falls, what is left of the time grows in proportion.
    """
    first = seen[row]
    n_centers = centers.size[0]
    add_dots(rows, centers, row, first, dots)
    for center in range(first, n_centers):
        norm = centers.sq_norms[center]
        distance = distance_of(rows.cosine, rows.sq_norms[row], norm, dots[center])
        dots[center] = 0.0
        if distance < nearest[row]:
            if center >= n_first:
                key[row] = -later(-key[row], times[center], nearest[row], distance)
            nearest[row] = distance
        if center == n_first - 1:
            key[row] = -(noise[row] / nearest[row] if nearest[row] > 0.0 else np.inf)
    seen[row] = n_centers


@njit_borrow
def kmeans_plusplus_csr(
    rows: Any, centers: Any, heap: Any, size: int, rank: Any, n_first: int, noise: Any, times: Any,
    dots: Any, nearest: Any, seen: Any, key: Any, picks: Any, done: int, budget: int,
) -> int:  # fmt: skip
    """Pick rows in the order of a race; returns how many picks are made when the budget is spent.

    The heap holds `size` rows less the picks; key is an upper bound for rows not up to date.
    """
    while done < picks.size and budget > 0:
        row = np.int64(heap[0])
        if seen[row] < centers.size[0]:
            budget -= rows.indptr[row + 1] - rows.indptr[row] + centers.size[0] - seen[row]
            _race_on(rows, centers, row, n_first, noise, times, dots, nearest, seen, key)
            sift_down(key, rank, heap, size - done, 0)
        else:
            picks[done] = _take_top(key, rank, heap, size - done)
            times[centers.size[0]] = -key[row]
            add_center(rows, centers, row)
            done += 1
    return done
