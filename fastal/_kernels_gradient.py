"""Compiled loops over decision values: how long the gradient of the loss is expected to be.

The gradient of a linear model's loss in one row is an outer product: what the loss does to each
decision value, times the row.  Its length is the product of two lengths, and nothing of size
rows x classes x features is ever made.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastal._jit import njit, njit_borrow, njit_reorder
from fastal._kernels_linear import _LANES, _LOWEST, _exp, _shift, _stand_up

# Squares of probabilities times this stay above zero.  As a power of two it changes no digit.
_SCALE = 2.0**490

# What row_sq_norms says of a row in place of its norm.
IN_PIECES, OUTSIDE = -1.0, -2.0

LOGISTIC, HINGE, SQUARED_HINGE, MODIFIED_HUBER, PERCEPTRON, SQUARED_ERROR = range(6)


@njit
def softmax_gradient(decisions: Any, out: Any) -> None:
    """Decisions (n, C) -> out (n,): sum_y p_y |p - e_y| of their softmax p; (n, 1): 2 p (1 - p).

    The length of p - e_y for the most probable class is summed from the other classes: it is near
    zero where the model is certain, and 1 - p would have lost its digits.  NaN for rows that are
    not finite.
    """
    n_classes = max(2, decisions.shape[1])
    columns = np.zeros((n_classes, _LANES))
    powers = np.zeros((n_classes, _LANES))
    rounded = np.zeros((n_classes, _LANES))
    highest, second, check = np.zeros(_LANES), np.zeros(_LANES), np.zeros(_LANES)
    rest, squares, n_top, scores = (
        np.zeros(_LANES), np.zeros(_LANES), np.zeros(_LANES), np.zeros(_LANES)
    )  # fmt: skip
    for first in range(0, decisions.shape[0], _LANES):
        n = _stand_up(decisions, first, columns)
        _shift(columns, highest, second, check)
        _exp(columns.reshape(-1), rounded.reshape(-1), powers.reshape(-1))
        rest[:], squares[:], n_top[:] = 0.0, 0.0, 0.0
        for k in range(n_classes):
            power, shifted = powers[k], columns[k]
            for i in range(_LANES):
                # Zero for the most probable classes, and for those that are impossible.
                other = power[i] if shifted[i] < 0.0 and shifted[i] > _LOWEST else 0.0
                power[i] = other
                rest[i] += other
                squares[i] += (other * _SCALE) * (other * _SCALE)
                n_top[i] += 1.0 if shifted[i] == 0.0 else 0.0
        if decisions.shape[1] == 1:
            for i in range(_LANES):
                e = 1.0 if n_top[i] == 2.0 else rest[i]
                scores[i] = 2.0 * e / ((1.0 + e) * (1.0 + e))
        else:
            for i in range(_LANES):
                # Of all the most probable classes but one.
                ties = n_top[i] - 1.0
                away = (rest[i] + ties) * _SCALE
                squared = away * away + squares[i] + ties * (_SCALE * _SCALE)
                scores[i] = n_top[i] * (math.sqrt(squared) / _SCALE)
                squares[i] = squares[i] / (_SCALE * _SCALE) + n_top[i]
                rest[i] += n_top[i]
            for k in range(n_classes):
                power = powers[k]
                for i in range(_LANES):
                    total = rest[i]
                    length = math.sqrt(total * total - 2.0 * power[i] * total + squares[i])
                    scores[i] += power[i] * length
            for i in range(_LANES):
                scores[i] /= rest[i] * rest[i]
        rows = out[first : first + n]
        for i in range(n):
            rows[i] = scores[i] + check[i]


@njit_borrow
def _slope(u: float, loss: int) -> float:
    """Size of the derivative of a loss of u = t f in f, for the target t of -1 or 1."""
    if loss == LOGISTIC:
        # 1 / (1 + exp(u)), which never overflows.
        e = math.exp(-abs(u))
        return e / (1.0 + e) if u > 0.0 else 1.0 / (1.0 + e)
    if loss == HINGE:
        return 1.0 if u <= 1.0 else 0.0
    if loss == SQUARED_HINGE:
        return 2.0 * max(0.0, 1.0 - u)
    if loss == MODIFIED_HUBER:
        return 4.0 if u < -1.0 else 2.0 * max(0.0, 1.0 - u)
    if loss == PERCEPTRON:
        return 1.0 if u <= 0.0 else 0.0
    return 2.0 * abs(1.0 - u)


@njit_borrow
def margin_gradient(decisions: Any, proba: Any, loss: int, before: Any, out: Any) -> None:
    """Decisions (n, C) or (n, 1), proba (n, C) -> out (n,): expected length of the slopes.

    Class y is 1 for its own decision value and -1 for all others.  `before` is scratch of size C.
    """
    n_columns = decisions.shape[1]
    for row in range(decisions.shape[0]):
        f, p = decisions[row], proba[row]
        if n_columns == 1:
            out[row] = p[0] * _slope(-f[0], loss) + p[1] * _slope(f[0], loss)
            continue
        total = 0.0
        for k in range(n_columns):
            before[k] = total
            total += _slope(-f[k], loss) ** 2
        # Sums of those before and behind: the whole less one of them would lose its digits.
        behind, expected = 0.0, 0.0
        for k in range(n_columns - 1, -1, -1):
            expected += p[k] * math.sqrt(before[k] + behind + _slope(f[k], loss) ** 2)
            behind += _slope(-f[k], loss) ** 2
        out[row] = expected


@njit_reorder
def row_sq_norms(
    data: Any, indices: Any, indptr: Any, base: int, n_features: int, out: Any
) -> None:
    """Squared norm of each row; IN_PIECES or OUTSIDE for one that has an entry in two pieces, or
    in a column that does not exist.

    data and indices begin with entry number `base`.
    """  # noqa: D205
    last_row = np.full(0, -1, dtype=np.int32)
    for row in range(out.size):
        begin, end = np.uint64(indptr[row] - base), np.uint64(indptr[row + 1] - base)
        total, falling, outside = 0.0, False, False
        # No parts of arrays: to make one would take as long as half of the sum.
        for entry in range(begin, end):
            x = np.float64(data[entry])
            total += x * x
        for entry in range(begin, end):
            outside |= (indices[entry] < 0) | (indices[entry] >= n_features)
        for entry in range(begin + np.uint64(1), end):
            falling |= indices[entry] <= indices[entry - np.uint64(1)]
        out[row] = OUTSIDE if outside else total
        if outside or not falling:
            continue
        if last_row.size == 0:
            # Sorted matrices never pay for this array.
            last_row = np.full(n_features, -1, dtype=np.int32)
        for entry in range(begin, end):
            column = np.uint64(indices[entry])
            if last_row[column] == row:
                out[row] = IN_PIECES
            last_row[column] = row
