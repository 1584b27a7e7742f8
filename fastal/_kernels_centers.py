"""The centres picked so far among CSR rows, term by term, and the exact distance of a row to them.

A distance is summed in the order of the row's stored entries, as scipy's ``X @ x`` does: it is
the textbook loop's to the last bit.  docs/explanation.md says how the pieces work together.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastal._jit import njit_borrow

# A list of centres becomes a row of the table when it holds more than one in so many centres: an
# entry of a list costs about as much as twenty numbers in a row.
_DENSE_SHARE = 20
_DENSE_LENGTH = 16


class Rows(NamedTuple):
    """The pool: CSR arrays, squared norms, and what a row's distances are multiplied by."""

    data: Any
    indices: Any
    indptr: Any
    sq_norms: Any
    weights: Any  # of n_rows, or of none: all 1
    cosine: bool
    positive: bool  # no entry is negative


class Centers(NamedTuple):
    """The centres so far, by term; a term that some centre has owns a slot.

    A slot's centres are a list, ``entries[start : start + length]`` of (centre, value), oldest
    first, or, if ``dense[slot] >= 0``, a row of the table with a column for each centre.
    """

    size: Any  # centres, slots, entries and rows of the table in use
    rows: Any
    sq_norms: Any
    # Numbers plus one, 0 for none: memory that starts as zeros is not touched before it is used.
    slot: Any  # of each term
    strength: Any  # of each term: its largest value in any centre (cosine: of unit length)
    strongest: Any  # of each term: the centre that has it
    newest: Any  # the last centre as a dense vector
    start: Any
    length: Any
    room: Any
    dense: Any
    entries: Any
    table: Any


@njit_borrow
def unsigned(index: Any) -> Any:
    """An index as it is, but known not to count from the end, which would cost a comparison."""
    return np.uint64(index)


@njit_borrow
def distance_of(cosine: bool, sq_norm: float, center_sq_norm: float, dot: float) -> float:
    """Squared Euclidean or cosine distance; exactly 0 between equal rows."""
    if not cosine:
        return max((sq_norm + center_sq_norm) - 2.0 * dot, 0.0)
    if sq_norm == 0.0 or center_sq_norm == 0.0:
        return 0.0 if sq_norm == center_sq_norm else 1.0
    # sqrt(a * a) == a in IEEE arithmetic, which dot / (sqrt(a) * sqrt(a)) would not give.
    return max(1.0 - dot / math.sqrt(sq_norm * center_sq_norm), 0.0)


@njit_borrow
def unit_of(cosine: bool, sq_norm: float) -> float:
    """What a row is divided by before products of its entries are compared."""
    return math.sqrt(sq_norm) if cosine and sq_norm > 0.0 else 1.0


@njit_borrow
def lower(weights: Any, row: int, distance: float, bound: Any) -> None:
    """Lower the row's bound to a distance times the row's weight, if that is less."""
    if weights.size:
        distance *= weights[row]
    if distance < bound[row]:
        bound[row] = distance


# --- centres


@njit_borrow
def _add_to_list(centers: Any, slot: int, center: int, value: float) -> None:
    entries, start, length = centers.entries, centers.start[slot], centers.length[slot]
    if length == centers.room[slot]:
        # A full list moves to twice as much room.
        moved = centers.size[2]
        for i in range(length):
            entries[moved + i, 0] = entries[start + i, 0]
            entries[moved + i, 1] = entries[start + i, 1]
        start = moved
        centers.start[slot] = moved
        centers.room[slot] = 2 * length
        centers.size[2] += 2 * length
    entries[start + length, 0] = center
    entries[start + length, 1] = value
    centers.length[slot] += 1


@njit_borrow
def _move_to_table(centers: Any, slot: int) -> None:
    dense = centers.size[3]
    centers.size[3] += 1
    centers.dense[slot] = dense
    column = centers.table[dense]
    column[:] = 0.0
    for i in range(centers.start[slot], centers.start[slot] + centers.length[slot]):
        column[int(centers.entries[i, 0])] = centers.entries[i, 1]


@njit_borrow
def _new_slot(centers: Any, term: int) -> int:
    """Give the term a slot, with a list that has room for two entries."""
    slot = centers.size[1]
    centers.slot[term] = slot + 1
    centers.start[slot] = centers.size[2]
    centers.length[slot] = 0
    centers.room[slot] = 2
    centers.dense[slot] = -1
    centers.size[1] += 1
    centers.size[2] += 2
    return int(slot)


@njit_borrow
def add_center(rows: Any, centers: Any, row: int) -> None:
    """Append a row of the pool to the centres."""
    data, indices, indptr = rows.data, rows.indices, rows.indptr
    center = centers.size[0]
    if center > 0:
        last = centers.rows[center - 1]
        for entry in range(indptr[last], indptr[last + 1]):
            centers.newest[indices[entry]] = 0.0
    centers.rows[center] = row
    centers.sq_norms[center] = rows.sq_norms[row]
    unit = unit_of(rows.cosine, rows.sq_norms[row])
    for entry in range(indptr[row], indptr[row + 1]):
        term, value = indices[entry], np.float64(data[entry])
        centers.newest[term] = value
        if abs(value / unit) > abs(centers.strength[term]):
            centers.strength[term] = value / unit
            centers.strongest[term] = center + 1
        slot = centers.slot[term] - 1
        if slot < 0:
            slot = _new_slot(centers, term)
        length = centers.length[slot]
        crowded = length >= _DENSE_LENGTH and length * _DENSE_SHARE >= center
        if crowded and centers.dense[slot] < 0 and centers.size[3] < len(centers.table):
            _move_to_table(centers, slot)
        if centers.dense[slot] >= 0:
            centers.table[centers.dense[slot], center] = value
        else:
            _add_to_list(centers, slot, center, value)
    centers.size[0] += 1


@njit_borrow
def add_centers(rows: Any, centers: Any, new: Any) -> None:
    """Append several rows of the pool."""
    for row in new:
        add_center(rows, centers, row)


# --- one row


@njit_borrow
def add_multiple(x: float, values: Any, out: Any) -> None:
    for i in range(out.size):
        out[i] += x * values[i]


@njit_borrow
def add_dots(rows: Any, centers: Any, row: int, first: int, dots: Any) -> None:
    """Add the row's inner products with the centres from `first` on to dots, which holds zeros."""
    slots, data, indices, indptr = centers.slot, rows.data, rows.indices, rows.indptr
    starts, lengths, denses = centers.start, centers.length, centers.dense
    entries, table, n_centers = centers.entries, centers.table, centers.size[0]
    some = dots[first:n_centers]
    own, terms = data[indptr[row] : indptr[row + 1]], indices[indptr[row] : indptr[row + 1]]
    for i in range(own.size):
        slot = slots[unsigned(terms[i])] - 1
        if slot < 0:
            continue
        x = np.float64(own[i])
        dense = denses[slot]
        if dense >= 0:
            add_multiple(x, table[dense, first:n_centers], some)
            continue
        listed = entries[starts[slot] : starts[slot] + lengths[slot]]
        for pos in range(len(listed) - 1, -1, -1):
            center = int(listed[pos, 0])
            if center < first:
                break
            dots[unsigned(center)] += x * listed[pos, 1]


@njit_borrow
def _take_least(cosine: bool, own: float, norms: Any, dots: Any) -> float:
    """Distance of a row of squared norm `own` to the nearest centre; dots become zeros."""
    if cosine:
        for i in range(dots.size):
            dots[i] = distance_of(True, own, norms[i], dots[i])
    else:
        for i in range(dots.size):
            dots[i] = (own + norms[i]) - 2.0 * dots[i]
    # Floating-point numbers that are not negative are ordered as their bits, and a minimum of
    # integers becomes vector instructions.  Rounding below zero counts as zero.
    bits = dots.view(np.int64)
    least = bits[0]
    for i in range(bits.size):
        least = min(least, bits[i])
    bits[0] = max(least, 0)
    nearest = dots[0]
    for i in range(dots.size):
        dots[i] = 0.0
    return float(nearest)


@njit_borrow
def dot(data: Any, indices: Any, vector: Any) -> float:
    """Inner product of entries with a dense vector, in their order."""
    total = 0.0
    for i in range(data.size):
        total += np.float64(data[i]) * vector[unsigned(indices[i])]
    return total


@njit_borrow
def meet(rows: Any, centers: Any, row: int, dots: Any, bound: Any, seen: Any) -> None:
    """Lower the row's bound by all centres that it has not met: it is exact then."""
    first, n_centers = seen[row], centers.size[0]
    own, norms = rows.sq_norms[row], centers.sq_norms[first:n_centers]
    seen[row] = n_centers
    if norms.size == 1:
        # Many rows meet the newest centre alone, and a dense vector is the quickest way to that.
        start, stop = rows.indptr[row], rows.indptr[row + 1]
        product = dot(rows.data[start:stop], rows.indices[start:stop], centers.newest)
        distance = distance_of(rows.cosine, own, norms[0], product)
    else:
        add_dots(rows, centers, row, first, dots)
        distance = _take_least(rows.cosine, own, norms, dots[first:n_centers])
    lower(rows.weights, row, distance, bound)


@njit_borrow
def meet_all(
    start: int, stop: int, rows: Any, centers: Any, bound: Any, seen: Any, dots: Any
) -> None:
    """Bring the bounds of rows [start, stop) up to date; dots, of n_centers, holds zeros."""
    for row in range(start, stop):
        meet(rows, centers, row, dots, bound, seen)
