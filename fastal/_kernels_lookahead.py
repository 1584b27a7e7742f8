"""Compiled loops behind expected error reduction where a refit has a closed form.

One more labelled row changes the logits of every evaluation row.  With t the logit of class y
minus the log of the summed odds of all others, p = 1 / (1 + exp(-t)) is its new probability, and
the loss follows from t and one number on the other classes among themselves:

    entropy      H(p, 1 - p) + (1 - p) * rest,   rest = entropy of the others
    zero-one     min(1 - p, p + (1 - p) * rest), rest = 1 - probability of the first of the others

Nothing is subtracted that might cancel, however certain the model is.  Rows are worked on in
blocks of _LANES side by side: every loop over them has a fixed length.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastal._jit import njit, njit_borrow, njit_reorder
from fastal._kernels_linear import _LOWEST, _exp
from fastal._kernels_scores import _LG1, _LG2, _LG3, _LG4, _LG5, _LG6, _LG7, _log

# Evaluation rows side by side; the arrays over them are filled up to a multiple of it.
_LANES = 128

_APART = 24

_LN2 = math.log(2.0)
_SQRT2_MINUS_1 = math.sqrt(2.0) - 1.0

# Classes are left out once they could add no more than this part of what the others add (a loss
# is at most the logarithm of the number of classes, below 15).
_NEGLIGIBLE = 1e-14


@njit
def _losses(t: Any, rest: Any, zero_one: bool, power: Any, rounded: Any, loss: Any) -> None:
    """Loss of rows whose changed class has the odds exp(t) against all others together."""
    for i in range(_LANES):
        loss[i] = -abs(t[i])
    # Not from a function that may reorder: `_exp` would be compiled like it, and rounds by order.
    _exp(loss, rounded, power)
    _losses_of_odds(t, power, rest, zero_one, loss)


@njit_reorder
def _losses_of_odds(t: Any, power: Any, rest: Any, zero_one: bool, loss: Any) -> None:
    """The same, once exp(-|t|) is known."""
    if zero_one:
        for i in range(_LANES):
            large = 1.0 / (1.0 + power[i])
            small = power[i] * large
            p = large if t[i] >= 0.0 else small
            q = small if t[i] >= 0.0 else large
            loss[i] = min(q, p + q * rest[i])
        return
    for i in range(_LANES):
        e = power[i]
        # log(1 + e) without forming 1 + e: the series of `_log`, for e or for (1 + e) / 2.
        far = e > _SQRT2_MINUS_1
        s = (e - 1.0 if far else e) / (3.0 + e if far else 2.0 + e)
        z = s * s
        w = z * z
        odd = z * (_LG1 + w * (_LG3 + w * (_LG5 + w * _LG7)))
        even = w * (_LG2 + w * (_LG4 + w * _LG6))
        log1p = s * (2.0 + odd + even) + (_LN2 if far else 0.0)
        large = 1.0 / (1.0 + e)
        q = (e if t[i] >= 0.0 else 1.0) * large
        loss[i] = log1p + min(abs(t[i]), -_LOWEST) * (e * large) + q * rest[i]


@njit_borrow
def _add_postings(
    begin: int, end: int, terms: Any, gains: Any, starts: Any, rows: Any, values: Any, sums: Any
) -> None:
    """Sums[:, u] += x_uj * gains[j] for the terms j of a candidate and all rows u that have them.

    Terms that are held as columns have no postings.
    """
    one = np.uint64(1)
    for k in range(begin, end):
        term = np.uint64(terms[k])
        gain = gains[np.uint64(k)]
        first, last = np.uint64(starts[term]), np.uint64(starts[term + one])
        for c in range(gain.size if last > first else 0):
            factor, lane = gain[c], sums[c]
            for entry in range(first, last):
                lane[np.uint64(np.uint32(rows[entry]))] += values[entry] * factor


@njit_reorder
def _add_columns(found: Any, n_found: int, held: Any, columns: Any, first: int, sums: Any) -> None:
    """Sums += columns times gains for the terms that many rows have, on _LANES rows.

    Four terms and two classes at a time: every step loads and stores the sums, and loads the
    columns.
    """
    stop, tile = first + _LANES, columns[first // _LANES]
    for i in range(0, n_found, 4):
        x0, x1 = tile[found[i]], tile[found[i + 1]]
        x2, x3 = tile[found[i + 2]], tile[found[i + 3]]
        for c in range(0, sums.shape[0], 2):
            here, there = sums[c, first:stop], sums[c + 1, first:stop]
            g0, g1, g2, g3 = held[i, c], held[i + 1, c], held[i + 2, c], held[i + 3, c]
            d = c + 1
            h0, h1, h2, h3 = held[i, d], held[i + 1, d], held[i + 2, d], held[i + 3, d]
            for k in range(_LANES):
                here[k] = (((here[k] + x0[k] * g0) + x1[k] * g1) + x2[k] * g2) + x3[k] * g3
                there[k] = (((there[k] + x0[k] * h0) + x1[k] * h1) + x2[k] * h2) + x3[k] * h3


@njit_reorder
def _begin(base: Any, row_sums: Any, slopes: Any, shifts: Any, sums: Any) -> None:
    """Sums[y, u] = base[y, u] - row_sums[u] * slopes[y] + shifts[y]."""
    for y in range(base.shape[0]):
        slope, shift, known, lane = slopes[y], shifts[y], base[y], sums[y]
        for u in range(known.size):
            lane[u] = (known[u] - row_sums[u] * slope) + shift


@njit_borrow
def _find(
    begin: int, end: int, terms: Any, gains: Any, column_of: Any, found: Any, held: Any
) -> int:
    """Columns of the terms of a candidate that have one, and their gains; return how many.

    Filled up to a multiple of four by terms of no gain.
    """
    n_found = 0
    for k in range(begin, end):
        column = column_of[np.uint64(terms[k])]
        if column >= 0:
            found[n_found] = column
            for c in range(gains.shape[1]):
                held[n_found, c] = gains[k, c]
            n_found += 1
    while n_found % 4 != 0:
        found[n_found] = found[0]
        held[n_found, :] = 0.0
        n_found += 1
    return n_found


@njit
def one_class_changes(
    start: int, stop: int,
    weights: Any, order: Any, own: Any, slopes: Any, shifts: Any,
    indptr: Any, terms: Any, gains: Any,
    starts: Any, rows: Any, values: Any, column_of: Any, columns: Any,
    base: Any, rest: Any, row_sums: Any, n_rows: int, zero_one: bool, out: Any,
) -> None:  # fmt: skip
    """Add the expected summed loss of each candidate whose label changes one logit, its class's.

    t of row u for class y is base[y, u] - row_sums[u] * slopes[x, y] + shifts[x, y] + the sum of
    x_uj * gains[j, y] over the terms j of the candidate.  A term's entries stand in postings
    (starts, rows, values) or, if many rows have it, in columns[:, column_of[j]].  Candidate x with
    0 <= own[x] < n_rows is itself that evaluation row.
    """
    n_classes, n_padded = base.shape
    # Rows a power of two apart would share few lines of the cache.  An even number of classes.
    sums = np.zeros((n_classes + n_classes % 2, n_padded + _APART))
    found = np.empty(columns.shape[1] + 3, dtype=np.int64)
    held = np.zeros((found.size, sums.shape[0]))
    power, rounded, loss = np.empty(_LANES), np.empty(_LANES), np.empty(_LANES)
    for x in range(start, stop):
        _begin(base, row_sums, slopes[x], shifts[x], sums)
        _add_postings(indptr[x], indptr[x + 1], terms, gains, starts, rows, values, sums)
        n_found = _find(indptr[x], indptr[x + 1], terms, gains, column_of, found, held)
        for first in range(0, n_padded, _LANES):
            _add_columns(found, n_found, held, columns, first, sums)
        for first in range(0, n_padded, _LANES):
            n = min(_LANES, n_rows - first)
            expected = 0.0
            left = 1.0
            for y in order[x]:
                weight = weights[x, y]
                # Classes of weight zero, whose logits may be infinite, are always left out.
                if weight == 0.0 or left * n <= _NEGLIGIBLE * expected:
                    break
                left -= weight
                t, others = sums[y, first : first + _LANES], rest[y, first : first + _LANES]
                _losses(t, others, zero_one, power, rounded, loss)
                expected += weight * _sum_without(loss, own[x] - first, n)
            out[x] += expected


@njit_reorder
def _sum_without(loss: Any, own: int, n: int) -> float:
    """Sum of the first n losses but that of the candidate itself."""
    if 0 <= own < _LANES:
        loss[own] = 0.0
    total = 0.0
    for i in range(n):
        total += loss[i]
    return total


@njit
def _rank(z: Any, highest: Any, second: Any, winner: Any) -> None:
    """Largest and second largest logit of each lane, and the class of the largest."""
    highest[:] = -np.inf
    second[:] = -np.inf
    winner[:] = 0
    for c in range(z.shape[0]):
        lane = z[c]
        for i in range(_LANES):
            first = lane[i] > highest[i]
            loser = highest[i] if first else lane[i]
            second[i] = loser if loser > second[i] else second[i]
            winner[i] = c if first else winner[i]
            highest[i] = lane[i] if first else highest[i]


@njit
def _sums_of_others(
    z: Any, highest: Any, winner: Any, without: bool, shifted: Any, power: Any, rounded: Any,
    total: Any, weighted: Any,
) -> None:  # fmt: skip
    """Sum of exp(d) and of d * exp(d), d = z - highest; `without` the winning class, or with it.

    shifted and power keep d and exp(d) of each class.
    """
    total[:] = 0.0
    weighted[:] = 0.0
    for c in range(z.shape[0]):
        d, e, lane = shifted[c], power[c], z[c]
        for i in range(_LANES):
            d[i] = max(min(lane[i] - highest[i], 0.0), _LOWEST)
        _exp(d, rounded, e)
        for i in range(_LANES):
            own = 0.0 if without and winner[i] == c else e[i]
            total[i] += own
            weighted[i] += own * d[i]


@njit
def _expected_losses(
    z: Any, bonus: Any, weights: Any, zero_one: bool, scratch: Any, lanes: Any, winner: Any,
    out: Any,
) -> None:  # fmt: skip
    """Loss expected over the label y, for logits z of all classes, but z[y] + bonus[y] of class y.

    What the classes other than y sum to is the sum of all but y's part.  That subtraction is safe
    with the largest logit's part, 1, among the rest; without it (y is the winner) the sums are
    taken anew, from the second largest.
    """
    highest, second, t, rest, rounded = lanes[0], lanes[1], lanes[2], lanes[3], lanes[4]
    total, weighted, total2, weighted2 = lanes[5], lanes[6], lanes[7], lanes[8]
    sums, logs, loss, exp_t = lanes[9], lanes[10], lanes[11], lanes[12]
    _rank(z, highest, second, winner)
    shifted, power = scratch[0], scratch[1]
    _sums_of_others(z, second, winner, True, shifted, power, rounded, total2, weighted2)
    _sums_of_others(z, highest, winner, False, shifted, power, rounded, total, weighted)
    out[:] = 0.0
    for y in range(z.shape[0]):
        d, e = shifted[y], power[y]
        for i in range(_LANES):
            wins = winner[i] == y
            sums[i] = total2[i] if wins else total[i] - e[i]
            loss[i] = weighted2[i] if wins else weighted[i] - e[i] * d[i]
        _log(sums, logs)
        for i in range(_LANES):
            top = second[i] if winner[i] == y else highest[i]
            t[i] = ((z[y, i] - top) - logs[i]) + bonus[y, i]
            rest[i] = (sums[i] - 1.0 if zero_one else logs[i] * sums[i] - loss[i]) / sums[i]
        _losses(t, rest, zero_one, exp_t, rounded, loss)
        for i in range(_LANES):
            out[i] += weights[y] * loss[i]


@njit
def other_class_changes(
    start: int, stop: int,
    weights: Any, order: Any, own: Any, slopes: Any, scales: Any,
    indptr: Any, terms: Any, gains: Any,
    starts: Any, rows: Any, values: Any, column_of: Any, columns: Any,
    base: Any, logits: Any, row_sums: Any, n_rows: int, zero_one: bool, out: Any,
) -> None:  # fmt: skip
    """As one_class_changes, for a label that changes the logits of all classes but its own.

    The logit of class c becomes scales[x, c] times base[c, u] - row_sums[u] * slopes[x, c] + the
    products; it is logits[c, u] where c is the label.
    """
    n_classes, n_padded = base.shape
    sums = np.zeros((n_classes + n_classes % 2, n_padded + _APART))
    found = np.empty(columns.shape[1] + 3, dtype=np.int64)
    held = np.zeros((found.size, sums.shape[0]))
    scratch, lanes = np.empty((2, n_classes, _LANES)), np.empty((13, _LANES))
    z, bonus = np.empty((n_classes, _LANES)), np.empty((n_classes, _LANES))
    winner, loss, none = np.empty(_LANES, dtype=np.int64), np.empty(_LANES), np.zeros(n_classes)
    for x in range(start, stop):
        _begin(base, row_sums, slopes[x], none, sums)
        _add_postings(indptr[x], indptr[x + 1], terms, gains, starts, rows, values, sums)
        n_found = _find(indptr[x], indptr[x + 1], terms, gains, column_of, found, held)
        for first in range(0, n_padded, _LANES):
            _add_columns(found, n_found, held, columns, first, sums)
            for c in range(n_classes):
                for i in range(_LANES):
                    z[c, i] = sums[c, first + i] * scales[x, c]
                    bonus[c, i] = logits[c, first + i] - z[c, i]
            _expected_losses(z, bonus, weights[x], zero_one, scratch, lanes, winner, loss)
            out[x] += _sum_without(loss, own[x] - first, min(_LANES, n_rows - first))


@njit
def all_class_changes(
    start: int, stop: int,
    weights: Any, own: Any, shifts: Any, bonuses: Any, slopes: Any, logits: Any, n_rows: int,
    zero_one: bool, out: Any,
) -> None:  # fmt: skip
    """As one_class_changes, for a label that changes all logits in proportion to slopes.

    slopes[r, x, u] is for class r, or for all classes if there is one only: the logit of class c
    becomes logits[c, u] + slopes[c, x, u] * (shifts[x, c] + (bonuses[c] if c is the label)).
    """
    n_classes, n_padded = logits.shape
    scratch, lanes = np.empty((2, n_classes, _LANES)), np.empty((13, _LANES))
    z, bonus = np.empty((n_classes, _LANES)), np.empty((n_classes, _LANES))
    winner, loss = np.empty(_LANES, dtype=np.int64), np.empty(_LANES)
    for x in range(start, stop):
        for first in range(0, n_padded, _LANES):
            for c in range(n_classes):
                slope = slopes[min(c, slopes.shape[0] - 1), x, first : first + _LANES]
                known, shift = logits[c, first : first + _LANES], shifts[x, c]
                for i in range(_LANES):
                    z[c, i] = known[i] + slope[i] * shift
                    bonus[c, i] = slope[i] * bonuses[c]
            _expected_losses(z, bonus, weights[x], zero_one, scratch, lanes, winner, loss)
            out[x] += _sum_without(loss, own[x] - first, min(_LANES, n_rows - first))


@njit
def label_changes(
    start: int, stop: int,
    weights: Any, order: Any, own: Any, residuals: Any, slopes: Any, logits: Any, n_rows: int,
    zero_one: bool, out: Any,
) -> None:  # fmt: skip
    """As all_class_changes, for changes that are different for each label.

    The logit of class c becomes logits[c, u] + slopes[c, x, u] * residuals[x, y, c] for label y.
    """
    n_classes, n_padded = logits.shape
    z, power = np.empty((n_classes, _LANES)), np.empty((n_classes, _LANES))
    highest, second, rounded = np.empty(_LANES), np.empty(_LANES), np.empty(_LANES)
    total, weighted, loss = np.empty(_LANES), np.empty(_LANES), np.empty(_LANES)
    winner, shifted = np.empty(_LANES, dtype=np.int64), np.empty((n_classes, _LANES))
    for x in range(start, stop):
        for first in range(0, n_padded, _LANES):
            n = min(_LANES, n_rows - first)
            expected, left = 0.0, 1.0
            for y in order[x]:
                if left * n <= _NEGLIGIBLE * expected:
                    break
                left -= weights[x, y]
                for c in range(n_classes):
                    slope = slopes[min(c, slopes.shape[0] - 1), x, first : first + _LANES]
                    known, residual = logits[c, first : first + _LANES], residuals[x, y, c]
                    for i in range(_LANES):
                        z[c, i] = known[i] + slope[i] * residual
                _rank(z, highest, second, winner)
                _sums_of_others(
                    z, highest, winner, False, shifted, power, rounded, total, weighted
                )
                _log(total, loss)
                for i in range(_LANES):
                    certain = total[i] - 1.0 if zero_one else loss[i] * total[i] - weighted[i]
                    loss[i] = certain / total[i]
                expected += weights[x, y] * _sum_without(loss, own[x] - first, n)
            out[x] += expected
