"""Compiled loops from rows of features to decision values, probabilities, scores and votes.

A linear model's decision values are ``X @ weights + intercept``.  They are made for a block of
rows, which stays in the cache until it has become one score a row.  Rows with an entry that is
not finite score NaN; the caller then looks for the reason.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastal._jit import njit, njit_borrow
from fastal._kernels_scores import _log

# Scores are made for this many rows side by side: every loop over them has a fixed length, which
# becomes vector instructions without a rest, so that equal rows score equally wherever they stand.
_LANES = 64

ENTROPY, MARGIN, LEAST_CONFIDENCE, BOUNDARY = 0, 1, 2, 3

# exp(x) = 2**k * exp(r), r = x - k * log(2) in [-log(2)/2, log(2)/2]: Taylor's polynomial of
# degree 13 is exact to 4e-18 there.  k is found by adding 1.5 * 2**52, after which it stands in
# the lowest bits; log(2) is split so that k * LN2_HIGH is exact (constants of fdlibm's e_exp.c).
_LOG2_E = 1.44269504088896338700e00
_LN2_HIGH = 6.93147180369123816490e-01
_LN2_LOW = 1.90821492927058770002e-10
_ROUND = 6755399441055744.0
# Below this, 2**k is no normal number any more.  exp(-708) is 3e-308: as good as zero.
_LOWEST = -708.0
# exp(-x) overflows below, so that 1 / (1 + exp(-x)) is 0.
_EXPIT_IS_ZERO = -math.log(np.finfo(np.float64).max)
_C13, _C12, _C11, _C10, _C9, _C8, _C7, _C6, _C5, _C4, _C3 = (
    1.0 / math.factorial(i) for i in range(13, 2, -1)
)


@njit
def _exp(x: Any, rounded: Any, out: Any) -> None:
    """Write exp(x) to out for flat x of at most 0; `rounded` is scratch of the same size.

    A polynomial, because a call of libm for each element is not turned into vector instructions.
    """
    power = rounded.view(np.int64)
    bits = out.view(np.int64)
    for i in range(x.size):
        rounded[i] = max(x[i], _LOWEST) * _LOG2_E + _ROUND
    for i in range(x.size):
        k = rounded[i] - _ROUND
        r = (max(x[i], _LOWEST) - k * _LN2_HIGH) - k * _LN2_LOW
        q = r * r
        # Estrin's scheme: short chains of dependent operations.
        a = 1.0 + r + q * (0.5 + r * _C3)
        b = (_C4 + r * _C5) + q * (_C6 + r * _C7)
        c = (_C8 + r * _C9) + q * (_C10 + r * _C11)
        d = _C12 + r * _C13
        q2 = q * q
        out[i] = a + q2 * (b + q2 * (c + q2 * d))
    for i in range(x.size):
        bits[i] += power[i] << 52


@njit_borrow
def columns_exist(columns: Any, n_features: int) -> bool:
    """Whether all columns lie in 0..n_features - 1, without which nothing below may be called."""
    outside = False
    for i in range(columns.size):
        outside |= (columns[i] < 0) | (columns[i] >= n_features)
    return not outside


@njit_borrow
def add_products(data: Any, indices: Any, begin: int, end: int, weights: Any, sums: Any) -> None:
    """Sums = entries [begin, end) of a row times weights, in the precision of the sums.

    Four entries at a time halve the loads and stores of the sums; they are added one after the
    other, in the order in which they are stored, so that the result is that of scipy's
    ``X @ weights`` to the last bit.
    """
    real = sums.dtype.type
    one, two, three, four = np.uint64(1), np.uint64(2), np.uint64(3), np.uint64(4)
    sums[:] = 0.0
    entry = begin
    while entry + four <= end:
        x0, w0 = real(data[entry]), weights[np.uint64(indices[entry])]
        x1, w1 = real(data[entry + one]), weights[np.uint64(indices[entry + one])]
        x2, w2 = real(data[entry + two]), weights[np.uint64(indices[entry + two])]
        x3, w3 = real(data[entry + three]), weights[np.uint64(indices[entry + three])]
        for k in range(sums.size):
            sums[k] = (((sums[k] + x0 * w0[k]) + x1 * w1[k]) + x2 * w2[k]) + x3 * w3[k]
        entry += four
    while entry < end:
        x0, w0 = real(data[entry]), weights[np.uint64(indices[entry])]
        for k in range(sums.size):
            sums[k] += x0 * w0[k]
        entry += one


@njit_borrow
def decisions_csr(
    first: int, stop: int,
    data: Any, indices: Any, indptr: Any, base: int, weights: Any, intercept: Any, out: Any,
) -> None:  # fmt: skip
    """Decision values of the rows [first, stop): out[i] = X[first + i] @ weights + intercept.

    data and indices begin with entry number `base` of the matrix.
    """
    n_columns = weights.shape[1]
    for row in range(first, stop):
        sums = out[row - first]
        begin, end = np.uint64(indptr[row] - base), np.uint64(indptr[row + 1] - base)
        add_products(data, indices, begin, end, weights, sums)
        for k in range(n_columns):
            sums[k] += intercept[k]


@njit_borrow
def known_entries(
    first: int, stop: int,
    data: Any, indices: Any, indptr: Any, base: int, places: Any,
    values: Any, rows_of_weights: Any, ends: Any,
) -> None:  # fmt: skip
    """Copy the entries of the rows [first, stop) that a model knows: those whose column has
    weights, in row places[column] > 0 of a smaller matrix that begins with a row of zeros.

    A model fitted to few labels knows few terms, so the rest of its work shrinks, and the smaller
    matrix stays in the cache.  A number that is not finite is kept, with weights of zero: it makes
    its row NaN.
    """  # noqa: D205
    n_kept = np.uint64(0)
    ends[0] = 0
    for row in range(first, stop):
        for entry in range(np.uint64(indptr[row] - base), np.uint64(indptr[row + 1] - base)):
            place = places[np.uint64(indices[entry])]
            x = np.float64(data[entry])
            # Written always and counted if wanted: a branch would be mispredicted often.
            values[n_kept], rows_of_weights[n_kept] = x, place
            n_kept += np.uint64((place > 0) | (not abs(x) < np.inf))
        ends[row - first + 1] = n_kept


@njit_borrow
def decisions_csr_one(
    first: int, stop: int,
    data: Any, indices: Any, indptr: Any, base: int, weights: Any, intercept: Any, out: Any,
) -> None:  # fmt: skip
    """As decisions_csr, for a single column of weights, (n_features,)."""
    for row in range(first, stop):
        total = 0.0
        for entry in range(np.uint64(indptr[row] - base), np.uint64(indptr[row + 1] - base)):
            total += np.float64(data[entry]) * weights[np.uint64(indices[entry])]
        out[row - first, 0] = total + intercept[0]


@njit_borrow
def decisions_dense(first: int, stop: int, X: Any, weights: Any, intercept: Any, out: Any) -> None:
    """Decision values of the rows [first, stop) of a dense X, summed in the order of columns."""
    n_features, n_columns = weights.shape
    for row in range(first, stop):
        x, sums = X[row], out[row - first]
        sums[:] = 0.0
        j = 0
        while j + 4 <= n_features:
            x0, x1 = np.float64(x[j]), np.float64(x[j + 1])
            x2, x3 = np.float64(x[j + 2]), np.float64(x[j + 3])
            w0, w1, w2, w3 = weights[j], weights[j + 1], weights[j + 2], weights[j + 3]
            for k in range(n_columns):
                sums[k] = (((sums[k] + x0 * w0[k]) + x1 * w1[k]) + x2 * w2[k]) + x3 * w3[k]
            j += 4
        while j < n_features:
            x0, w0 = np.float64(x[j]), weights[j]
            for k in range(n_columns):
                sums[k] += x0 * w0[k]
            j += 1
        for k in range(n_columns):
            sums[k] += intercept[k]


@njit_borrow
def _stand_up(decisions: Any, first: int, columns: Any) -> Any:
    """Take up to _LANES rows into columns (C, _LANES); return how many.

    A single decision value becomes two columns, 0 and the value: softmax of these is the logistic
    function.  Lanes without a row hold zeros.
    """
    n = min(_LANES, decisions.shape[0] - first)
    n_columns = decisions.shape[1]
    for k in range(n_columns):
        lane = columns[columns.shape[0] - n_columns + k]
        values = decisions[first : first + n, k]
        for i in range(np.uint64(n)):
            lane[i] = values[i]
        for i in range(np.uint64(n), np.uint64(_LANES)):
            lane[i] = 0.0
    if n_columns == 1:
        columns[0, :] = 0.0
    return n


@njit_borrow
def _shift(columns: Any, highest: Any, second: Any, check: Any) -> None:
    """Subtract the highest of each row; `check` is NaN for rows that are not finite, else 0."""
    for i in range(_LANES):
        highest[i] = columns[0, i]
        second[i] = -np.inf
        check[i] = columns[0, i] - columns[0, i]
    for k in range(1, columns.shape[0]):
        lane = columns[k]
        for i in range(_LANES):
            z = lane[i]
            check[i] += z - z
            loser = z if z < highest[i] else highest[i]
            second[i] = loser if loser > second[i] else second[i]
            highest[i] = z if z > highest[i] else highest[i]
    for k in range(columns.shape[0]):
        lane = columns[k]
        for i in range(_LANES):
            lane[i] -= highest[i]


@njit
def softmax_scores(decisions: Any, score: int, out: Any) -> None:
    """Decisions (n, C), or (n, 1) of two classes -> out (n,): a score of their softmax.

    BOUNDARY needs no probabilities: minus the distance of the two highest decision values.
    Entropy needs one logarithm a row, since log p_k = z_k - max z - log sum_j exp(z_j - max z).
    """
    n_classes = max(2, decisions.shape[1])
    columns = np.zeros((n_classes, _LANES))
    powers = np.zeros((n_classes, _LANES))
    rounded = np.zeros((n_classes, _LANES))
    highest, second, check = np.zeros(_LANES), np.zeros(_LANES), np.zeros(_LANES)
    total, weighted, log_total = np.zeros(_LANES), np.zeros(_LANES), np.zeros(_LANES)
    scores = np.zeros(_LANES)
    for first in range(0, decisions.shape[0], _LANES):
        n = _stand_up(decisions, first, columns)
        _shift(columns, highest, second, check)
        if score == BOUNDARY:
            for i in range(_LANES):
                scores[i] = second[i] - highest[i]
        else:
            _exp(columns.reshape(-1), rounded.reshape(-1), powers.reshape(-1))
            total[:] = 0.0
            weighted[:] = 0.0
            for k in range(n_classes):
                power, shifted = powers[k], columns[k]
                for i in range(_LANES):
                    total[i] += power[i]
                    # A power is never 0 here: 3e-308 times a huge number is not small.
                    weighted[i] -= power[i] * max(shifted[i], _LOWEST)
            if score == ENTROPY:
                _log(total, log_total)
                for i in range(_LANES):
                    scores[i] = log_total[i] + weighted[i] / total[i]
            elif score == MARGIN:
                for i in range(_LANES):
                    second[i] -= highest[i]
                _exp(second, log_total, weighted)
                for i in range(_LANES):
                    scores[i] = 1.0 - (1.0 - weighted[i]) / total[i]
            else:
                for i in range(_LANES):
                    scores[i] = 1.0 - 1.0 / total[i]
        rows = out[first : first + n]
        for i in range(n):
            rows[i] = scores[i] + check[i]


@njit
def softmax(decisions: Any, out: Any) -> None:
    """Decisions (n, C), or (n, 1) of two classes -> out (n, C): class probabilities."""
    n_classes = out.shape[1]
    columns = np.zeros((n_classes, _LANES))
    powers = np.zeros((n_classes, _LANES))
    rounded = np.zeros((n_classes, _LANES))
    highest, second, check = np.zeros(_LANES), np.zeros(_LANES), np.zeros(_LANES)
    total = np.zeros(_LANES)
    for first in range(0, decisions.shape[0], _LANES):
        n = _stand_up(decisions, first, columns)
        _shift(columns, highest, second, check)
        _exp(columns.reshape(-1), rounded.reshape(-1), powers.reshape(-1))
        total[:] = check
        for k in range(n_classes):
            power = powers[k]
            for i in range(_LANES):
                total[i] += power[i]
        _lie_down(powers, total, out[first : first + n])


@njit
def one_vs_rest(decisions: Any, out: Any) -> None:
    """Decisions (n, C) -> out (n, C): logistic function of each, divided by their sum.

    NaN where the sum is zero: where all decision values are so low that `scipy.special.expit`, the
    yardstick, gives 0.
    """
    n_classes = out.shape[1]
    columns = np.zeros((n_classes, _LANES))
    powers = np.zeros((n_classes, _LANES))
    rounded = np.zeros((n_classes, _LANES))
    total = np.zeros(_LANES)
    for first in range(0, decisions.shape[0], _LANES):
        n = _stand_up(decisions, first, columns)
        total[:] = 0.0
        for k in range(n_classes):
            lane, negative = columns[k], rounded[k]
            for i in range(_LANES):
                total[i] += lane[i] - lane[i]
                negative[i] = -abs(lane[i])
        _exp(rounded.reshape(-1).copy(), rounded.reshape(-1), powers.reshape(-1))
        for k in range(n_classes):
            lane, power = columns[k], powers[k]
            far = False
            for i in range(_LANES):
                # Of a negative value e / (1 + e), of a positive one 1 / (1 + e): never overflows.
                power[i] = (power[i] if lane[i] < 0.0 else 1.0) / (1.0 + power[i])
                far |= lane[i] < _LOWEST
            if far:
                # Beyond the range of _exp, and still different when nothing else is larger.
                for i in range(_LANES):
                    if lane[i] < _LOWEST:
                        power[i] = math.exp(lane[i]) if lane[i] >= _EXPIT_IS_ZERO else 0.0
            for i in range(_LANES):
                total[i] += power[i]
        _lie_down(powers, total, out[first : first + n])


@njit_borrow
def _lie_down(columns: Any, total: Any, out: Any) -> None:
    """Divide columns (C, _LANES) by their totals into the rows out (n, C)."""
    for k in range(columns.shape[0]):
        lane = columns[k]
        for i in range(_LANES):
            lane[i] /= total[i]
        for i in range(out.shape[0]):
            out[i, k] = lane[i]


@njit
def votes(decisions: Any, codes: Any, out: Any) -> None:
    """Decisions (n, C), or (n, 1) of two classes -> out (n,): code of the highest, the first of
    equal ones; -1 for a row that is not finite.
    """  # noqa: D205
    n_classes = max(2, decisions.shape[1])
    columns = np.zeros((n_classes, _LANES))
    highest, check = np.zeros(_LANES), np.zeros(_LANES)
    best = np.zeros(_LANES, dtype=np.int32)
    for first in range(0, decisions.shape[0], _LANES):
        n = _stand_up(decisions, first, columns)
        for i in range(_LANES):
            highest[i] = columns[0, i]
            check[i] = columns[0, i] - columns[0, i]
            best[i] = codes[0]
        for k in range(1, n_classes):
            lane, code = columns[k], codes[k]
            for i in range(_LANES):
                check[i] += lane[i] - lane[i]
                best[i] = code if lane[i] > highest[i] else best[i]
                highest[i] = lane[i] if lane[i] > highest[i] else highest[i]
        for i in range(n):
            out[first + i] = best[i] if check[i] == 0.0 else -1
