"""Compiled loops behind the ball graph: which rows lie within a radius, and greedy covers of them.

An edge joins two rows whose distance is at most a limit (cosine, or squared Euclidean).  The inner
product of two sparse rows is summed in the order in which the row of the lower number stores its
entries: one sum per pair, so that the graph has no direction even where rows are unsorted.

Sparse rows meet through an index of prefixes (Bayardo, Ma & Srikant 2007).  With the terms of a
row from the rarest to the most frequent, its prefix is so long that a row without its terms
is too far away: of squared norm above the limit (Euclidean), or leaving a rest too short for the
cosine (Cauchy-Schwarz: any sign will do).  Take the one of two neighbours whose prefix ends first:
the other has one of its terms, and has it in its own prefix.  So only rows that share a term of
both prefixes are compared; rows without such a prefix ("short") are compared with each other.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastal._jit import njit
from fastal._kernels_centers import distance_of
from fastal._kernels_queue import sift_down

# Bounds are taken from values rounded to float32; no rounding of theirs or of the exact sums
# comes near this share of the norms, so no neighbour is lost.
MARGIN = 2e-6

# Columns of a block of dense rows: the sums of a row with all of them stay in the cache.
_BLOCK = 256


@njit
def tail_norms(values: Any, indptr: Any, out: Any) -> None:
    """Norm of what follows each entry in its row."""
    for row in range(indptr.size - 1):
        total = 0.0
        for entry in range(indptr[row + 1] - 1, indptr[row] - 1, -1):
            out[entry] = math.sqrt(total)
            total += np.float64(values[entry]) * values[entry]


@njit
def prefix_lengths(values: Any, indptr: Any, need: Any, lengths: Any, short: Any) -> None:
    """How many entries make each row's squared norm exceed its need; short: all do not."""
    for row in range(need.size):
        total = 0.0
        entry = indptr[row]
        while entry < indptr[row + 1] and total <= need[row]:
            total += np.float64(values[entry]) * values[entry]
            entry += 1
        lengths[row] = entry - indptr[row]
        short[row] = total <= need[row]


@njit
def index_prefixes(
    terms: Any, values: Any, tails: Any, indptr: Any, lengths: Any,
    list_ptr: Any, list_rows: Any, list_values: Any, list_tails: Any,
) -> None:  # fmt: skip
    """Fill the lists of the prefixes' entries, one list per term, in the order of the rows."""
    cursor = list_ptr[:-1].copy()
    for row in range(lengths.size):
        for entry in range(indptr[row], indptr[row] + lengths[row]):
            pos = cursor[terms[entry]]
            list_rows[pos] = row
            list_values[pos] = values[entry]
            list_tails[pos] = tails[entry]
            cursor[terms[entry]] = pos + 1


@njit
def _may_be_near(
    cosine: bool, limit: float, sq_norm: float, other_sq_norm: float, similarity: float
) -> bool:
    """Whether two rows of at most this cosine similarity can be within the limit."""
    if cosine:
        return bool(similarity >= 1.0 - limit - MARGIN)
    norms = sq_norm + other_sq_norm
    dot = similarity * math.sqrt(sq_norm) * math.sqrt(other_sq_norm)
    return bool(norms - 2.0 * dot <= limit + MARGIN * norms)


@njit
def _candidates(
    row: int, cosine: bool, limit: float, sq_norms: Any,
    terms: Any, values: Any, tails: Any, indptr: Any, lengths: Any, ends: Any, rests: Any,
    short: Any, short_rows: Any,
    list_ptr: Any, list_rows: Any, list_values: Any, list_tails: Any,
    met: Any, overlap: Any, tail: Any, other_tail: Any, candidates: Any,
) -> int:  # fmt: skip
    """Rows of lower number that may be within the limit; returns how many.

    overlap is the product of the prefixes.  What it lacks are terms behind the prefix that ends
    first, and behind the last term shared: at most the product of the norms there.
    """
    n_met = 0
    for entry in range(indptr[row], indptr[row] + lengths[row]):
        x = np.float64(values[entry])
        pos = list_ptr[terms[entry]]
        while list_rows[pos] < row:  # the row itself ends the search
            other = list_rows[pos]
            if met[other] != row:
                met[other] = row
                overlap[other] = 0.0
                candidates[n_met] = other
                n_met += 1
            overlap[other] += x * list_values[pos]
            tail[other] = tails[entry]
            other_tail[other] = list_tails[pos]
            pos += 1
    size = 0
    for i in range(n_met):
        other = candidates[i]
        if ends[other] < ends[row]:
            rest = tail[other] * rests[other]
        else:
            rest = rests[row] * other_tail[other]
        similarity = overlap[other] + rest
        if _may_be_near(cosine, limit, sq_norms[row], sq_norms[other], similarity):
            candidates[size] = other
            size += 1
    if short[row]:
        pos = 0
        while short_rows[pos] < row:
            if met[short_rows[pos]] != row:
                candidates[size] = short_rows[pos]
                size += 1
            pos += 1
    return size


@njit
def _dot(data: Any, indices: Any, indptr: Any, row: int, spread: Any) -> float:
    total = 0.0
    for entry in range(indptr[row], indptr[row + 1]):
        total += np.float64(data[entry]) * spread[indices[entry]]
    return total


@njit
def _spread(data: Any, indices: Any, indptr: Any, row: int, spread: Any) -> None:
    for entry in range(indptr[row], indptr[row + 1]):
        spread[indices[entry]] = data[entry]


@njit
def _clear(indices: Any, indptr: Any, row: int, spread: Any) -> None:
    for entry in range(indptr[row], indptr[row + 1]):
        spread[indices[entry]] = 0.0


@njit
def lower_neighbours_csr(
    start: int, stop: int,
    data: Any, indices: Any, indptr: Any, sq_norms: Any, n_features: int, cosine: bool,
    limit: float, terms: Any, values: Any, tails: Any, ranked_ptr: Any, lengths: Any,
    ends: Any, rests: Any, short: Any, short_rows: Any,
    list_ptr: Any, list_rows: Any, list_values: Any, list_tails: Any, room: int,
) -> tuple[Any, Any]:  # fmt: skip
    """Neighbours of lower number of rows [start, stop): how many each has, and all in a row.

    Stops early, the rest not counted, once there are more than room.
    """
    counts = np.zeros(stop - start, dtype=np.int64)
    found = np.empty(1024, dtype=np.int32)
    size = 0
    spread = np.zeros(n_features)
    met = np.full(stop, -1, dtype=np.int32)
    overlap = np.empty(stop)
    tail = np.empty(stop)
    other_tail = np.empty(stop)
    candidates = np.empty(stop, dtype=np.int32)
    for row in range(start, stop):
        if size > room:
            break
        n_candidates = _candidates(
            row, cosine, limit, sq_norms, terms, values, tails, ranked_ptr, lengths, ends,
            rests, short, short_rows, list_ptr, list_rows, list_values, list_tails, met, overlap,
            tail, other_tail, candidates,
        )  # fmt: skip
        if found.size < size + n_candidates:
            grown = np.empty(2 * (size + n_candidates), dtype=np.int32)
            grown[:size] = found[:size]
            found = grown
        _spread(data, indices, indptr, row, spread)
        for i in range(n_candidates):
            other = candidates[i]
            dot = _dot(data, indices, indptr, other, spread)
            if distance_of(cosine, sq_norms[row], sq_norms[other], dot) <= limit:
                found[size] = other
                size += 1
                counts[row - start] += 1
        _clear(indices, indptr, row, spread)
    return counts, found[:size].copy()


@njit
def _block_distances(
    X: Any, sq_norms: Any, cosine: bool, row: int, first: int, columns: Any, sums: Any
) -> None:
    """Distances of one row to the rows from first on, which lie in columns (loops vectorise)."""
    for c in range(sums.size):
        sums[c] = 0.0
    for j in range(X.shape[1]):
        x = np.float64(X[row, j])
        feature = columns[j, : sums.size]
        if cosine:
            for c in range(sums.size):
                sums[c] += x * feature[c]
        else:
            # Differences, not norms: equal rows are at distance 0 and nothing cancels.
            for c in range(sums.size):
                sums[c] += (x - feature[c]) * (x - feature[c])
    if cosine:
        for c in range(sums.size):
            sums[c] = distance_of(True, sq_norms[row], sq_norms[first + c], sums[c])


@njit
def lower_neighbours_dense(
    start: int, stop: int, X: Any, sq_norms: Any, cosine: bool, limit: float
) -> tuple[Any, Any]:
    """Neighbours of lower number of rows [start, stop), as lower_neighbours_csr gives them."""
    near = np.zeros((stop - start, stop), dtype=np.bool_)
    columns = np.empty((X.shape[1], _BLOCK))
    sums = np.empty(_BLOCK)
    for first in range(0, stop, _BLOCK):
        last = min(first + _BLOCK, stop)
        columns[:, : last - first] = X[first:last].T
        for row in range(max(start, first + 1), stop):
            lower = sums[: min(last, row) - first]
            _block_distances(X, sq_norms, cosine, row, first, columns, lower)
            for c in range(lower.size):
                near[row - start, first + c] = lower[c] <= limit
    counts = np.zeros(stop - start, dtype=np.int64)
    for i in range(stop - start):
        counts[i] = near[i].sum()
    found = np.empty(counts.sum(), dtype=np.int32)
    size = 0
    for i in range(stop - start):
        for other in range(start + i):
            if near[i, other]:
                found[size] = other
                size += 1
    return counts, found


@njit
def fill_both_ways(first: int, counts: Any, found: Any, cursor: Any, neighbours: Any) -> None:
    """Write each edge into the lists of both its ends, cursor being where these go on."""
    edge = 0
    for i in range(counts.size):
        row = first + i
        for _ in range(counts[i]):
            other = found[edge]
            neighbours[cursor[row]] = other
            neighbours[cursor[other]] = row
            cursor[row] += 1
            cursor[other] += 1
            edge += 1


@njit
def nearest_csr(
    start: int, stop: int,
    data: Any, indices: Any, indptr: Any, sq_norms: Any, n_features: int, cosine: bool,
    centers: Any, enough: float, near: Any,
) -> None:  # fmt: skip
    """Lower near[row] to the distance of the nearest centre.

    Rows whose near is at most enough are left alone.  centers rise; a pair's product is summed in
    the order of its lower row, so the higher one is spread: first the rows, then the centres.
    """
    spread = np.zeros(n_features)
    for row in range(max(start, centers[0]), stop):
        if near[row] <= enough:
            continue
        _spread(data, indices, indptr, row, spread)
        for i in range(centers.size):
            center = centers[i]
            if center > row:
                break
            dot = _dot(data, indices, indptr, center, spread)
            distance = distance_of(cosine, sq_norms[row], sq_norms[center], dot)
            near[row] = min(near[row], distance)
        _clear(indices, indptr, row, spread)
    for i in range(centers.size):
        center = centers[i]
        _spread(data, indices, indptr, center, spread)
        for row in range(start, min(stop, center)):
            if near[row] > enough:
                dot = _dot(data, indices, indptr, row, spread)
                distance = distance_of(cosine, sq_norms[row], sq_norms[center], dot)
                near[row] = min(near[row], distance)
        _clear(indices, indptr, center, spread)


@njit
def nearest_dense(
    start: int, stop: int, X: Any, sq_norms: Any, cosine: bool,
    centers: Any, enough: float, near: Any,
) -> None:  # fmt: skip
    """Lower near[row] to the distance of the nearest centre, as nearest_csr does."""
    for row in range(start, stop):
        for i in range(centers.size):
            if near[row] <= enough:
                break
            total = 0.0
            for j in range(X.shape[1]):
                x = np.float64(X[row, j])
                y = np.float64(X[centers[i], j])
                total += x * y if cosine else (x - y) * (x - y)
            if cosine:
                total = distance_of(True, sq_norms[row], sq_norms[centers[i]], total)
            near[row] = min(near[row], total)


@njit
def next_pick(gain: Any, bound: Any, rank: Any, heap: Any, n_left: int) -> int:
    """Take the row of the largest gain out of the first n_left of heap, and return it.

    Gains only fall: the bounds that order the heap are gains of some time before.
    """
    while gain[heap[0]] < bound[heap[0]]:
        bound[heap[0]] = gain[heap[0]]
        sift_down(bound, rank, heap, n_left, 0)
    row = heap[0]
    heap[0] = heap[n_left - 1]
    heap[n_left - 1] = row
    sift_down(bound, rank, heap, n_left - 1, 0)
    return int(row)


@njit
def cover(row: int, indptr: Any, neighbours: Any, covered: Any, gain: Any) -> None:
    """Mark a row as covered, unless it is: it is no gain any more in the balls that hold it."""
    if covered[row]:
        return
    covered[row] = True
    gain[row] -= 1
    for edge in range(indptr[row], indptr[row + 1]):
        gain[neighbours[edge]] -= 1


@njit
def cover_all(new: Any, indptr: Any, neighbours: Any, covered: Any, gain: Any) -> None:
    """Cover several rows."""
    for row in new:
        cover(row, indptr, neighbours, covered, gain)


@njit
def prob_cover(
    indptr: Any, neighbours: Any, covered: Any, gain: Any, bound: Any, rank: Any, heap: Any,
    rows: Any, gains: Any,
) -> None:  # fmt: skip
    """Pick rows.size rows out of heap, each covering its ball; the picks leave heap at its end."""
    for i in range(rows.size):
        row = next_pick(gain, bound, rank, heap, heap.size - i)
        rows[i] = row
        gains[i] = gain[row]
        cover(row, indptr, neighbours, covered, gain)
        for edge in range(indptr[row], indptr[row + 1]):
            cover(neighbours[edge], indptr, neighbours, covered, gain)
