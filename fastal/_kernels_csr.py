"""Compiled passes over the entries of a CSR matrix that several subjects need."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastal._jit import njit

# What check_rows says of a row.
NEGATIVE, DUPLICATE, NOT_FINITE, OUTSIDE = 1, 2, 3, 4


@njit
def check_rows(
    start: int, stop: int, data: Any, indices: Any, indptr: Any, n_features: int, verdict: Any
) -> None:
    """Say of each row whether it holds a negative entry, two of one column, a number that is not
    finite, or a column that does not exist; the worst of them, or 0.
    """  # noqa: D205
    last_row = np.full(0, -1, dtype=np.int32)
    for row in range(start, stop):
        own, columns = data[indptr[row] : indptr[row + 1]], indices[indptr[row] : indptr[row + 1]]
        inside = rising = True
        lowest = 0.0
        zero = 0.0  # 0 * x is not 0 if x is not finite
        before = -1
        for i in range(own.size):
            x, column = np.float64(own[i]), columns[i]
            zero += 0.0 * x
            lowest = x if x < lowest else lowest
            inside &= (column >= 0) & (column < n_features)
            rising &= column > before
            before = column
        if not inside:
            verdict[row] = OUTSIDE
            continue
        verdict[row] = NOT_FINITE if zero != 0.0 else NEGATIVE if lowest < 0.0 else 0
        if rising:
            continue
        if last_row.size == 0:
            # Sorted matrices, the usual case, never pay for this array.
            last_row = np.full(n_features, -1, dtype=np.int32)
        twice = False
        for column in columns:
            twice |= last_row[column] == row
            last_row[column] = row
        if twice:
            verdict[row] = max(verdict[row], DUPLICATE)


@njit
def sq_norms(start: int, stop: int, data: Any, indptr: Any, out: Any) -> None:
    """Squared Euclidean norm of each row."""
    for row in range(start, stop):
        total = 0.0
        for entry in range(indptr[row], indptr[row + 1]):
            value = np.float64(data[entry])
            total += value * value
        out[row] = total


@njit
def dots(start: int, stop: int, data: Any, indices: Any, indptr: Any, w: Any, out: Any) -> None:
    """Out = X @ w, accumulated in float64."""
    for row in range(start, stop):
        total = 0.0
        for entry in range(indptr[row], indptr[row + 1]):
            total += np.float64(data[entry]) * w[indices[entry]]
        out[row] = total


@njit
def column_sums(data: Any, indices: Any, out: Any) -> None:
    """Sum of each column; out starts at zero."""
    for entry in range(data.size):
        out[indices[entry]] += np.float64(data[entry])


@njit
def unit_row_sum(data: Any, indices: Any, indptr: Any, norms: Any, out: Any) -> None:
    """Sum of the rows, each divided by its norm; out starts at zero."""
    for row in range(indptr.size - 1):
        for entry in range(indptr[row], indptr[row + 1]):
            out[indices[entry]] += np.float64(data[entry]) / norms[row]
