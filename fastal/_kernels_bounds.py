"""Compiled bounds on the distance between a sparse row and its nearest centre.

A row matters only while its bound is among the largest.  Each of these costs far less than meeting
all centres, and nearly always one of them shows that the row is not among the farthest.  None lies
below what the textbook loop computes: it is the distance to some centre, or above one, with the
rounding of both sides added.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastal._jit import njit_borrow
from fastal._kernels_centers import distance_of, dot, lower, meet, unit_of, unsigned

# Single centres that a row of the batch is compared with before it meets all of them.
_TRIES = 2
# So few unmet centres are met at once.
_FEW = 16
# A centre so many times as long as a row is not tried.
_LONG = 8
# Rows whose memory is fetched together.
_AHEAD = 16
# Relative rounding error of a sum of n products, both sides of a comparison: n times this.
_ROUNDING = 2.3e-16
# Squares below this may have lost digits to underflow.
_TINY = 1e-290


@njit_borrow
def _slack(cosine: bool, sq_norm: float, center_sq_norm: float, n_terms: int) -> float:
    """More than the rounding errors of a bound and of the distance that must not exceed it.

    Their sums have n_terms terms; products of next to nothing lose more than their last bits.
    """
    return (n_terms + 8) * _ROUNDING * (1.0 if cosine else sq_norm + center_sq_norm + _TINY)


@njit_borrow
def _largest_product(data: Any, indices: Any, strength: Any) -> float:
    """Largest product of an entry and its term's strength; four lanes, without a branch."""
    a = b = c = d = 0.0
    quads = data.size // 4 * 4
    for i in range(0, quads, 4):
        p = data[i] * strength[unsigned(indices[i])]
        q = data[i + 1] * strength[unsigned(indices[i + 1])]
        r = data[i + 2] * strength[unsigned(indices[i + 2])]
        s = data[i + 3] * strength[unsigned(indices[i + 3])]
        a = p if p > a else a
        b = q if q > b else b
        c = r if r > c else c
        d = s if s > d else d
    for i in range(quads, data.size):
        p = data[i] * strength[unsigned(indices[i])]
        a = p if p > a else a
    return float(max(max(a, b), max(c, d)))


@njit_borrow
def _center_of(data: Any, indices: Any, strength: Any, strongest: Any, product: float) -> int:
    """Centre behind the product of an entry and its term's strength."""
    found = 0
    for i in range(data.size):
        if data[i] * strength[unsigned(indices[i])] == product:
            found = strongest[unsigned(indices[i])]
    return int(found) - 1


@njit_borrow
def _strongest_but(data: Any, indices: Any, strength: Any, strongest: Any, other: int) -> int:
    """Centre behind the largest product of those that belong to another than `other`, or -1."""
    best = 0.0
    found = -1
    for i in range(data.size):
        p = data[i] * strength[unsigned(indices[i])]
        if p > best and strongest[unsigned(indices[i])] - 1 != other:
            best = p
            found = strongest[unsigned(indices[i])] - 1
    return found


@njit_borrow
def _near(
    rows: Any, centers: Any, row: int, product: float, enough: float, vector: Any, bound: Any
) -> None:
    """Lower the row's bound by likely neighbours among the centres, until it is below `enough`.

    product is the row's largest one; vector is of n_features and holds zeros.
    """
    data, indices, indptr, sq_norms = rows.data, rows.indices, rows.indptr, rows.sq_norms
    cosine, strength, strongest = rows.cosine, centers.strength, centers.strongest
    first, last, own = indptr[row], indptr[row + 1], sq_norms[row]
    some, terms = data[first:last], indices[first:last]
    for i in range(some.size):
        vector[unsigned(terms[i])] = some[i]
    center = _center_of(some, terms, strength, strongest, product)
    for i in range(_TRIES):
        if i > 0:
            center = _strongest_but(some, terms, strength, strongest, center)
        if center < 0:
            break
        other = centers.rows[center]
        start, stop = indptr[other], indptr[other + 1]
        if stop - start > _LONG * (some.size + _FEW):
            # Meeting all centres costs less than reading this one.
            continue
        inner = dot(data[start:stop], indices[start:stop], vector)
        distance = distance_of(cosine, own, sq_norms[other], inner)
        distance += _slack(cosine, own, sq_norms[other], last - first + stop - start)
        lower(rows.weights, row, distance, bound)
        if bound[row] < enough:
            break
    for i in range(some.size):
        vector[unsigned(terms[i])] = 0.0


@njit_borrow
def _bound_by_product(
    cosine: bool, own: float, largest: float, product: float, n_terms: int
) -> float:
    """Distance to a centre of which one shared term is known, and that no other term lessens.

    `largest` is the largest squared norm of a centre.
    """
    if cosine:
        distance = max(1.0 - product / unit_of(True, own), 0.0)
    else:
        distance = max((own + largest) - 2.0 * product, 0.0)
    return distance + _slack(cosine, own, largest, n_terms)


@njit_borrow
def profile_centers(rows: Any, centers: Any, out: Any) -> None:
    """Add up the centres in out[:, 0] (cosine: each of unit length); strengths go to out[:, 1]."""
    for row in centers.rows[: centers.size[0]]:
        unit = unit_of(rows.cosine, rows.sq_norms[row])
        for entry in range(rows.indptr[row], rows.indptr[row + 1]):
            term = rows.indices[entry]
            out[term, 0] += np.float64(rows.data[entry]) / unit
            out[term, 1] = centers.strength[term]


@njit_borrow
def bound_by_mean(
    start: int, stop: int, first: int,
    rows: Any, profile: Any, n_centers: int, mean_sq_norm: float, largest: float, bound: Any,
) -> None:  # fmt: skip
    """Lower the bounds of rows first + [start, stop) by the mean distance and the strongest term.

    The nearest centre is no farther than the mean of all distances, which is one inner product
    with the sum of the centres, ``profile[:, 0]``; ``profile[:, 1]`` holds the strengths of the
    terms.
    """
    data, indices, indptr, sq_norms = rows.data, rows.indices, rows.indptr, rows.sq_norms
    cosine, weights, positive = rows.cosine, rows.weights, rows.positive
    for row in range(first + start, first + stop):
        own = sq_norms[row]
        # Two lanes: a sum waits for the sum before it.
        total = other_total = product = other_product = 0.0
        some, terms = data[indptr[row] : indptr[row + 1]], indices[indptr[row] : indptr[row + 1]]
        for i in range(some.size // 2):
            term, other = unsigned(terms[2 * i]), unsigned(terms[2 * i + 1])
            x, y = np.float64(some[2 * i]), np.float64(some[2 * i + 1])
            total += x * profile[term, 0]
            other_total += y * profile[other, 0]
            p, q = x * profile[term, 1], y * profile[other, 1]
            product = p if p > product else product
            other_product = q if q > other_product else other_product
        if some.size % 2 == 1:
            x, term = np.float64(some[some.size - 1]), unsigned(terms[some.size - 1])
            total += x * profile[term, 0]
            product = max(product, x * profile[term, 1])
        total = (total + other_total) / n_centers
        product = max(product, other_product)
        n_terms = indptr[row + 1] - indptr[row] + n_centers
        distance = max((own + mean_sq_norm) - 2.0 * total, 0.0)
        if cosine:
            distance = max(1.0 - total / unit_of(True, own), 0.0)
        lower(weights, row, distance + _slack(cosine, own, largest, n_terms), bound)
        if positive:
            distance = _bound_by_product(cosine, own, largest, product, n_terms)
            lower(weights, row, distance, bound)


@njit_borrow
def _touch(
    data: Any, indices: Any, indptr: Any, sq_norms: Any, bound: Any, seen: Any, batch: Any
) -> float:
    """Read one number of each cache line that the rows of the batch will need.

    The rows lie scattered, and one that is not in the cache keeps the processor waiting.  These
    reads do not depend on one another, so their waiting times overlap.
    """
    total = 0.0
    for row in batch:
        total += bound[row] + seen[row] + sq_norms[row]
        for entry in range(indptr[row], indptr[row + 1], 8):
            total += data[entry] + indices[entry]
    return total


@njit_borrow
def refine(
    start: int, stop: int,
    rows: Any, centers: Any, batch: Any, enough: float, largest: float, bound: Any, seen: Any,
    dots: Any, vector: Any,
) -> float:  # fmt: skip
    """Bring each row of batch[start:stop] below `enough` if a little work does, else up to date.

    dots, of n_centers, and vector, of n_features, hold zeros.  The result says nothing, but makes
    the compiler keep the reads of `_touch`.
    """
    data, indices, indptr, sq_norms = rows.data, rows.indices, rows.indptr, rows.sq_norms
    weights, cosine, positive = rows.weights, rows.cosine, rows.positive
    strength, n_centers = centers.strength, centers.size[0]
    touched = 0.0
    for pos in range(start, stop):
        if (pos - start) % _AHEAD == 0:
            ahead = batch[pos : min(pos + _AHEAD, stop)]
            touched += _touch(data, indices, indptr, sq_norms, bound, seen, ahead)
        row = batch[pos]
        if enough > 0.0 and n_centers - seen[row] > _FEW:
            first, last = indptr[row], indptr[row + 1]
            product = _largest_product(data[first:last], indices[first:last], strength)
            if positive:
                distance = _bound_by_product(cosine, sq_norms[row], largest, product, last - first)
                lower(weights, row, distance, bound)
            if product > 0.0 and bound[row] >= enough:
                _near(rows, centers, row, product, enough, vector, bound)
        if bound[row] >= enough and bound[row] > 0.0 and seen[row] < n_centers:
            meet(rows, centers, row, dots, bound, seen)
    return touched
