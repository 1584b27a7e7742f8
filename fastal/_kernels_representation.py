"""Compiled loops behind facility location, herding and k-means.

Facility location reads the pool twice over: a candidate's entries from its row, and for each of
them the postings of the term (all rows that have it) from a copy of the pool sorted by term.  One
evaluation thus touches only what the candidate shares with other rows.  Its arithmetic is fixed,
so that the plain twin and any number of threads give the same bits:

* The similarity of two rows is the sum, over their common terms in ascending order of the term, of
  the products of their scaled values.  It is the same number in both directions.
* A gain is taken in LANES interleaved sums (row modulo LANES), each in row order, which are then
  added up in the order of the lanes.  Equal rows thus have equal gains, bit for bit, and in
  `sum_pairs` each lane belongs to one thread.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastal._jit import njit
from fastal._kernels_queue import sift_down

LANES = 8

# What the inner product of two (scaled) rows is worth to the one that is covered.
PRODUCT = 0  # itself
SQUARE = 1
DISTANCE = 2  # minus the squared Euclidean distance
GAUSS = 3  # exp(sharpness (product - 1))


class Worth(NamedTuple):
    """One of the four, and what it takes."""

    kind: int
    sharpness: float  # of GAUSS
    sq_norms: Any  # of DISTANCE, each summed in the order of the terms: duplicates are 0 apart


@njit
def transpose(
    data: Any, indices: Any, indptr: Any, scale: Any, free: Any, rows: Any, values: Any
) -> None:
    """Copy the entries, times the scale of their row, into one list per term, in row order.

    free[term] is where the term's list starts, and on return where it ends.
    """
    for row in range(indptr.size - 1):
        for entry in range(indptr[row], indptr[row + 1]):
            term = indices[entry]
            rows[free[term]] = row
            values[free[term]] = np.float64(data[entry]) * scale[row]
            free[term] += 1


@njit
def signed_sums(
    start: int, stop: int, starts: Any, values: Any, positive: Any, negative: Any
) -> None:
    """Sum of the positive and of the negative values of each term."""
    for term in range(start, stop):
        above = 0.0
        below = 0.0
        for entry in range(starts[term], starts[term + 1]):
            above += max(values[entry], 0.0)
            below += min(values[entry], 0.0)
        positive[term] = above
        negative[term] = below


@njit
def first_bounds(
    start: int, stop: int,
    data: Any, indices: Any, indptr: Any, scale: Any, positive: Any, negative: Any, out: Any,
) -> None:  # fmt: skip
    """For each row the sum, over all rows and common terms, of the products above zero."""
    for row in range(start, stop):
        total = 0.0
        for entry in range(indptr[row], indptr[row + 1]):
            value = np.float64(data[entry]) * scale[row]
            term = indices[entry]
            total += value * (positive[term] if value > 0.0 else negative[term])
        out[row] = total


@njit
def _sorted_entries(data: Any, indices: Any, indptr: Any, scale: Any, row: int) -> Any:
    """Terms of a row in ascending order, and their scaled values."""
    terms = indices[indptr[row] : indptr[row + 1]].copy()
    values = data[indptr[row] : indptr[row + 1]].astype(np.float64) * scale[row]
    # Shell's sort, unless they are sorted: numba takes two seconds to compile np.argsort.
    gap = 0
    for i in range(1, terms.size):
        if terms[i] < terms[i - 1]:
            gap = terms.size // 2
    while gap > 0:
        for i in range(gap, terms.size):
            term, value = terms[i], values[i]
            pos = i
            while pos >= gap and terms[pos - gap] > term:
                terms[pos], values[pos] = terms[pos - gap], values[pos - gap]
                pos -= gap
            terms[pos], values[pos] = term, value
        gap //= 2
    return terms, values


@njit
def add_products(
    terms: Any, weights: Any, starts: Any, rows: Any, values: Any, stop: int, out: Any
) -> None:
    """Inner products of a row, given by its terms and values, with the rows before stop."""
    for other in range(stop):
        out[other] = 0.0
    for i in range(terms.size):
        weight = weights[i]
        others = rows[starts[terms[i]] : starts[terms[i] + 1]]
        shared = values[starts[terms[i]] : starts[terms[i] + 1]]
        n_shared = others.size if stop == out.size else np.searchsorted(others, stop)
        for j in range(n_shared):
            # Unsigned: no guard against negative numbers, and the loop runs twice as fast.
            out[np.uint64(np.uint32(others[j]))] += weight * shared[j]


@njit
def _similarities(
    data: Any, indices: Any, indptr: Any, scale: Any, starts: Any, rows: Any, values: Any,
    row: int, stop: int, out: Any,
) -> None:  # fmt: skip
    """Similarity of one row to the rows before stop."""
    terms, weights = _sorted_entries(data, indices, indptr, scale, row)
    add_products(terms, weights, starts, rows, values, stop, out)


@njit
def _gauss(sharpness: float, nearest: Any, level: float, stop: int, out: Any) -> None:
    """Similarities of the rows before stop become their Gaussian kernel.

    0 stands where they exceed neither the one to the nearest row selected nor level: there nothing
    is gained, and an exponential is saved.
    """
    above = np.empty(stop, dtype=np.int64)
    n_above = 0
    apart = math.exp(-sharpness)
    for other in range(stop):
        # Without branches, which would be guessed wrong too often.
        similarity = out[other]
        is_above = similarity > min(nearest[other], level)
        shares = similarity != 0.0
        out[other] = (similarity if shares else apart) if is_above else 0.0
        above[n_above] = other
        n_above += is_above & shares
    for i in range(n_above):
        out[above[i]] = math.exp((out[above[i]] - 1.0) * sharpness)


@njit
def _evaluate(worth: Any, row: int, nearest: Any, level: float, stop: int, out: Any) -> None:
    """Inner products with the rows before stop become what they are worth; see `_gauss`."""
    if worth.kind == SQUARE:
        for other in range(stop):
            out[other] *= out[other]
    elif worth.kind == DISTANCE:
        own = worth.sq_norms[row]
        for other in range(stop):
            out[other] = min(2.0 * out[other] - (worth.sq_norms[other] + own), 0.0)
    elif worth.kind == GAUSS:
        _gauss(worth.sharpness, nearest, level, stop, out)


@njit
def _lane_sums(similarities: Any, covered: Any, weights: Any, stop: int, lanes: Any) -> None:
    """What the similarities of the rows before stop exceed covered by, summed lane by lane."""
    for lane in range(LANES):
        lanes[lane] = 0.0
    row = 0
    while row + LANES <= stop:
        here = similarities[row : row + LANES]
        there = covered[row : row + LANES]
        weight = weights[row : row + LANES]
        for lane in range(LANES):
            lanes[lane] += max(here[lane] - there[lane], 0.0) * weight[lane]
        row += LANES
    while row < stop:
        lanes[row % LANES] += max(similarities[row] - covered[row], 0.0) * weights[row]
        row += 1


@njit
def sum_pairs(
    start: int, stop: int, first: int, last: int,
    data: Any, indices: Any, indptr: Any, scale: Any, starts: Any, rows: Any, values: Any,
    worth: Any, nearest: Any, covered: Any, weights: Any, sums: Any,
) -> None:  # fmt: skip
    """Add up the gains of all rows, for blocks of rows [first, last) in turn.

    Only the block's rows of lanes [start, stop) are visited.  sums[:, row] becomes the lanes of
    the row's gain over the rows before last, and sums[lane, other] grows by what the row adds to
    the gain of a row before first: most pairs of rows are met once.
    """
    similarities = np.empty(covered.size)
    lanes = np.empty(LANES)
    for row in range(first, last):
        lane = row % LANES
        if lane < start or lane >= stop:
            continue
        _similarities(data, indices, indptr, scale, starts, rows, values, row, last, similarities)
        _evaluate(worth, row, nearest, nearest[row], last, similarities)
        _lane_sums(similarities, covered, weights, last, lanes)
        for i in range(LANES):
            sums[i, row] = lanes[i]
        known = covered[row]
        weight = weights[row]
        others = sums[lane]
        for other in range(first):
            others[other] += max(similarities[other] - known, 0.0) * weight


@njit
def farthest(
    start: int, stop: int,
    data: Any, indices: Any, indptr: Any, scale: Any, starts: Any, rows: Any, values: Any,
    worth: Any, out: Any,
) -> None:  # fmt: skip
    """Least worth (0 at most) of each row to the rows before it."""
    similarities = np.empty(out.size)
    for row in range(start, stop):
        _similarities(data, indices, indptr, scale, starts, rows, values, row, row, similarities)
        _evaluate(worth, row, out, np.inf, row, similarities)
        least = 0.0
        for other in range(row):
            least = min(least, similarities[other])
        out[row] = least


@njit
def cover(
    data: Any, indices: Any, indptr: Any, scale: Any, starts: Any, rows: Any, values: Any,
    worth: Any, row: int, nearest: Any, covered: Any,
) -> None:  # fmt: skip
    """Put a row into the selection: nearest is each row's similarity to its nearest one.

    covered is the most that a selected row is worth to each.
    """
    similarities = np.empty(covered.size)
    _similarities(
        data, indices, indptr, scale, starts, rows, values, row, covered.size, similarities
    )
    lately = nearest.copy()
    for other in range(covered.size):
        nearest[other] = max(nearest[other], similarities[other])
    _evaluate(worth, row, lately, np.inf, covered.size, similarities)
    for other in range(covered.size):
        covered[other] = max(covered[other], similarities[other])


@njit
def facility_location(
    data: Any, indices: Any, indptr: Any, scale: Any, starts: Any, rows: Any, values: Any,
    worth: Any, nearest: Any, covered: Any, weights: Any, rank: Any,
    step: int, n_left: int, budget: int,
    heap: Any, bound: Any, evaluated: Any,
) -> int:  # fmt: skip
    """Return the candidate of the largest gain, or -1 if more than budget must be evaluated.

    heap[:n_left] holds the candidates by their bounds, which are gains if evaluated in this step.
    Gains never fall below zero, so a bound of zero needs no evaluation.
    """
    similarities = np.empty(covered.size)
    lanes = np.empty(LANES)
    for _ in range(budget):
        row = heap[0]
        if evaluated[row] == step or bound[row] == 0.0:
            return int(row)
        _similarities(
            data, indices, indptr, scale, starts, rows, values, row, covered.size, similarities
        )
        _evaluate(worth, row, nearest, np.inf, covered.size, similarities)
        _lane_sums(similarities, covered, weights, covered.size, lanes)
        bound[row] = 0.0
        for lane in range(LANES):
            bound[row] += lanes[lane]
        evaluated[row] = step
        sift_down(bound, rank, heap, n_left, 0)
    return -1


@njit
def remove_first(bound: Any, rank: Any, n_left: int, heap: Any) -> None:
    """Take the first of heap[:n_left] out; the others are heap[: n_left - 1] then."""
    heap[0], heap[n_left - 1] = heap[n_left - 1], heap[0]
    sift_down(bound, rank, heap, n_left - 1, 0)


@njit
def nearest_centers(
    start: int, stop: int, data: Any, indices: Any, indptr: Any, centers: Any,
    center_sq_norms: Any, labels: Any,
) -> None:  # fmt: skip
    """Nearest centre of each row, the first of equally near ones; centers is (n_features, k).

    Centres lie in columns so that an entry meets all of them at once and the loop vectorises.
    """
    dots = np.empty(center_sq_norms.size)
    for row in range(start, stop):
        for c in range(dots.size):
            dots[c] = 0.0
        for entry in range(indptr[row], indptr[row + 1]):
            value = data[entry]
            feature = centers[indices[entry]]
            for c in range(dots.size):
                dots[c] += value * feature[c]
        best = 0
        for c in range(dots.size):
            # The row's own norm is the same for every centre.
            dots[c] = center_sq_norms[c] - 2.0 * dots[c]
            if dots[c] < dots[best]:
                best = c
        labels[row] = best


@njit
def weighted_k_means(
    data: Any, indices: Any, indptr: Any, weights: Any, labels: Any, sums: Any, totals: Any
) -> None:
    """Weighted sum of the rows of each cluster, (n_features, k), and the clusters' weights."""
    for row in range(labels.size):
        cluster = labels[row]
        totals[cluster] += weights[row]
        for entry in range(indptr[row], indptr[row + 1]):
            sums[indices[entry], cluster] += weights[row] * data[entry]


@njit
def nearest_rows(
    data: Any, indices: Any, indptr: Any, sq_norms: Any, centers: Any, center_sq_norms: Any,
    taken: Any, out: Any,
) -> None:  # fmt: skip
    """For each centre in turn the nearest row that is not taken yet."""
    for c in range(out.size):
        center = centers[:, c].copy()
        best = -1
        smallest = np.inf
        for row in range(sq_norms.size):
            if taken[row]:
                continue
            dot = 0.0
            for entry in range(indptr[row], indptr[row + 1]):
                dot += data[entry] * center[indices[entry]]
            distance = (sq_norms[row] + center_sq_norms[c]) - 2.0 * dot
            if distance < smallest:
                smallest = distance
                best = row
        taken[best] = True
        out[c] = best
