"""Compiled loops behind k-center greedy, for CSR and for dense rows.

Farthest-first traversal is lazy here.  A row's distance to its nearest centre only falls while
centres are added, so an old value is an upper bound: the rows wait in a heap by their bounds, and
only the row on top is brought up to date, against the centres it has not met yet.  When the top
row is up to date, nothing below can be farther, and it is the next centre.  The picks are those of
the textbook loop, bit for bit: every distance is summed in the order of the row's stored entries,
as scipy's ``X @ x`` does.

The state that lives between calls is one array per quantity: ``bound`` (squared Euclidean or
cosine distance), ``seen`` (how many centres the row has met), ``heap`` (rows, farthest first).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastal._jit import njit


@njit
def _before(bound: Any, rank: Any, a: int, b: int) -> bool:
    return bool(bound[a] > bound[b] or (bound[a] == bound[b] and rank[a] < rank[b]))


@njit
def _sift_down(bound: Any, rank: Any, heap: Any, size: int, pos: int) -> None:
    row = heap[pos]
    while True:
        child = 2 * pos + 1
        if child >= size:
            break
        if child + 1 < size and _before(bound, rank, heap[child + 1], heap[child]):
            child += 1
        if not _before(bound, rank, heap[child], row):
            break
        heap[pos] = heap[child]
        pos = child
    heap[pos] = row


@njit
def heapify(bound: Any, rank: Any, heap: Any) -> None:
    """Order heap so that the row with the largest bound (then the lowest rank) comes first."""
    for pos in range(heap.size // 2 - 1, -1, -1):
        _sift_down(bound, rank, heap, heap.size, pos)


@njit
def _distance(cosine: bool, sq_norm: float, center_sq_norm: float, dot: float) -> float:
    """Squared Euclidean or cosine distance; exactly 0 between equal rows."""
    if not cosine:
        return max((sq_norm + center_sq_norm) - 2.0 * dot, 0.0)
    if sq_norm == 0.0 or center_sq_norm == 0.0:
        return 0.0 if sq_norm == center_sq_norm else 1.0
    # sqrt(a * a) == a in IEEE arithmetic, which dot / (sqrt(a) * sqrt(a)) would not give.
    return max(1.0 - dot / math.sqrt(sq_norm * center_sq_norm), 0.0)


@njit
def add_center_csr(
    data: Any, indices: Any, indptr: Any, row: int, center: int, size: int,
    head: Any, previous: Any, owner: Any, value: Any,
) -> int:  # fmt: skip
    """Put a row's entries in front of the lists of the centres' entries, one list per term.

    head[term] is the newest entry of the term's list (-1: none), previous[entry] the one before
    it, owner and value its centre and number.  Returns the new number of entries in use.
    """
    for entry in range(indptr[row], indptr[row + 1]):
        term = indices[entry]
        previous[size] = head[term]
        owner[size] = center
        value[size] = data[entry]
        head[term] = size
        size += 1
    return size


@njit
def _meet_centers_csr(
    data: Any, indices: Any, indptr: Any, sq_norms: Any, cosine: bool, row: int, n_centers: int,
    head: Any, previous: Any, owner: Any, value: Any, center_sq_norms: Any,
    dots: Any, bound: Any, seen: Any,
) -> None:  # fmt: skip
    """Lower the row's bound by the centres it has not met.

    Only the entries that the row shares with those centres are touched: the lists run from the
    newest centre to the oldest, so each walk ends at the first centre that was met before.
    """
    first = seen[row]
    for center in range(first, n_centers):
        dots[center] = 0.0
    for entry in range(indptr[row], indptr[row + 1]):
        x = np.float64(data[entry])
        shared = head[indices[entry]]
        while shared >= 0 and owner[shared] >= first:
            dots[owner[shared]] += x * value[shared]
            shared = previous[shared]
    nearest = bound[row]
    for center in range(first, n_centers):
        distance = _distance(cosine, sq_norms[row], center_sq_norms[center], dots[center])
        nearest = min(nearest, distance)
    bound[row] = nearest
    seen[row] = n_centers


@njit
def meet_centers_csr(
    start: int, stop: int,
    data: Any, indices: Any, indptr: Any, sq_norms: Any, cosine: bool, n_centers: int,
    head: Any, previous: Any, owner: Any, value: Any, center_sq_norms: Any,
    bound: Any, seen: Any,
) -> None:  # fmt: skip
    """Bring the bounds of rows [start, stop) up to date."""
    dots = np.empty(n_centers)
    for row in range(start, stop):
        _meet_centers_csr(
            data, indices, indptr, sq_norms, cosine, row, n_centers,
            head, previous, owner, value, center_sq_norms, dots, bound, seen,
        )  # fmt: skip


@njit
def k_center_greedy_csr(
    data: Any, indices: Any, indptr: Any, sq_norms: Any, cosine: bool, n_centers: int, size: int,
    head: Any, previous: Any, owner: Any, value: Any, center_sq_norms: Any,
    rank: Any, bound: Any, seen: Any, heap: Any, rows: Any, radii: Any,
) -> int:  # fmt: skip
    """Pick rows.size more centres; radii[i] is the bound of the farthest row before pick i.

    heap holds exactly the rows that may be picked; the picks leave it from the end.  Returns the
    number of centres' entries in use.
    """
    dots = np.empty(n_centers + rows.size)
    n_left = heap.size
    for i in range(rows.size):
        while seen[heap[0]] < n_centers:
            _meet_centers_csr(
                data, indices, indptr, sq_norms, cosine, heap[0], n_centers,
                head, previous, owner, value, center_sq_norms, dots, bound, seen,
            )  # fmt: skip
            _sift_down(bound, rank, heap, n_left, 0)
        row = heap[0]
        rows[i] = row
        radii[i] = bound[row]
        n_left -= 1
        heap[0] = heap[n_left]
        heap[n_left] = row
        _sift_down(bound, rank, heap, n_left, 0)
        center_sq_norms[n_centers] = sq_norms[row]
        size = add_center_csr(
            data, indices, indptr, row, n_centers, size, head, previous, owner, value
        )
        n_centers += 1
    return size


@njit
def sq_norms_dense(start: int, stop: int, X: Any, out: Any) -> None:
    """Squared Euclidean norm of each row."""
    for row in range(start, stop):
        total = 0.0
        for j in range(X.shape[1]):
            value = np.float64(X[row, j])
            total += value * value
        out[row] = total


@njit
def _meet_centers_dense(
    X: Any, sq_norms: Any, cosine: bool, row: int, n_centers: int,
    centers: Any, center_sq_norms: Any, sums: Any, bound: Any, seen: Any,
) -> None:  # fmt: skip
    """Lower the row's bound by the centres it has not met; centers is (n_features, capacity).

    Centres lie in columns so that one feature of the row meets all of them at once: the loop over
    centres vectorises, and every distance is still summed in the order of the features.
    """
    new = centers[:, seen[row] : n_centers]
    norms = center_sq_norms[seen[row] : n_centers]
    partial = sums[: norms.size]
    for c in range(partial.size):
        partial[c] = 0.0
    for j in range(X.shape[1]):
        x = np.float64(X[row, j])
        feature = new[j]
        if cosine:
            for c in range(partial.size):
                partial[c] += x * feature[c]
        else:
            # Differences, not norms: equal rows are at distance 0 and nothing cancels.
            for c in range(partial.size):
                partial[c] += (x - feature[c]) * (x - feature[c])
    nearest = bound[row]
    for c in range(partial.size):
        if cosine:
            nearest = min(nearest, _distance(True, sq_norms[row], norms[c], partial[c]))
        else:
            nearest = min(nearest, partial[c])
    bound[row] = nearest
    seen[row] = n_centers


@njit
def meet_centers_dense(
    start: int, stop: int, X: Any, sq_norms: Any, cosine: bool, n_centers: int,
    centers: Any, center_sq_norms: Any, bound: Any, seen: Any,
) -> None:  # fmt: skip
    """Bring the bounds of rows [start, stop) up to date."""
    sums = np.empty(n_centers)
    for row in range(start, stop):
        _meet_centers_dense(
            X, sq_norms, cosine, row, n_centers, centers, center_sq_norms, sums, bound, seen
        )


@njit
def distances_to_dense(
    start: int, stop: int, X: Any, sq_norms: Any, cosine: bool, center: Any, out: Any
) -> None:
    """Squared Euclidean or cosine distance of each row to one point."""
    center_sq_norm = 0.0
    for j in range(center.size):
        center_sq_norm += center[j] * center[j]
    for row in range(start, stop):
        total = 0.0
        for j in range(center.size):
            x = np.float64(X[row, j])
            total += x * center[j] if cosine else (x - center[j]) * (x - center[j])
        out[row] = _distance(True, sq_norms[row], center_sq_norm, total) if cosine else total


@njit
def k_center_greedy_dense(
    X: Any, sq_norms: Any, cosine: bool, n_centers: int, centers: Any, center_sq_norms: Any,
    rank: Any, bound: Any, seen: Any, heap: Any, rows: Any, radii: Any,
) -> None:  # fmt: skip
    """Pick rows.size more centres, as k_center_greedy_csr does."""
    sums = np.empty(n_centers + rows.size)
    n_left = heap.size
    for i in range(rows.size):
        while seen[heap[0]] < n_centers:
            _meet_centers_dense(
                X, sq_norms, cosine, heap[0], n_centers,
                centers, center_sq_norms, sums, bound, seen,
            )  # fmt: skip
            _sift_down(bound, rank, heap, n_left, 0)
        row = heap[0]
        rows[i] = row
        radii[i] = bound[row]
        n_left -= 1
        heap[0] = heap[n_left]
        heap[n_left] = row
        _sift_down(bound, rank, heap, n_left, 0)
        center_sq_norms[n_centers] = sq_norms[row]
        for j in range(X.shape[1]):
            centers[j, n_centers] = X[row, j]
        n_centers += 1
