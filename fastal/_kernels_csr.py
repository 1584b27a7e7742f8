"""Compiled passes over the entries of a CSR matrix that several subjects need."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastal._jit import njit

# What check_rows says of a row.
NEGATIVE, DUPLICATE, NOT_FINITE, OUTSIDE = 1, 2, 3, 4


@njit
def check_rows(
    start: int, stop: int,
    bits: Any, exponent: int, indices: Any, indptr: Any, n_features: int, verdict: Any,
) -> None:  # fmt: skip
    """Say of each row whether it holds a negative entry, two of one column, a number that is not
    finite, or a column that does not exist; the worst of them, or 0.

    bits are the entries as integers of their size: a number is negative if its bits are, and not
    finite if all bits of its `exponent` are set.  Comparisons of integers become vector
    instructions.
    """  # noqa: D205
    last_row = np.full(0, -1, dtype=np.int32)
    for row in range(start, stop):
        own, columns = bits[indptr[row] : indptr[row + 1]], indices[indptr[row] : indptr[row + 1]]
        negative = infinite = outside = falling = False
        for i in range(own.size):
            negative |= own[i] < 0
            infinite |= (own[i] & exponent) == exponent
        for i in range(columns.size):
            outside |= (columns[i] < 0) | (columns[i] >= n_features)
        for i in range(1, columns.size):
            falling |= columns[i] <= columns[i - 1]
        verdict[row] = OUTSIDE if outside else NOT_FINITE if infinite else NEGATIVE * negative
        if outside or not falling:
            continue
        if last_row.size == 0:
            # Sorted matrices, the usual case, never pay for this array.
            last_row = np.full(n_features, -1, dtype=np.int32)
        twice = False
        for column in columns:
            twice |= last_row[np.uint64(column)] == row
            last_row[np.uint64(column)] = row
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
        own, terms = data[indptr[row] : indptr[row + 1]], indices[indptr[row] : indptr[row + 1]]
        total = 0.0
        for i in range(own.size):
            # Unsigned: no guard against negative numbers.
            total += np.float64(own[i]) * w[np.uint64(terms[i])]
        out[row] = total


@njit
def column_sums(data: Any, indices: Any, out: Any) -> None:
    """Sum of each column; out starts at zero."""
    for entry in range(data.size):
        out[indices[entry]] += np.float64(data[entry])


@njit
def _add_squares(total: float, own: Any, first: int) -> float:
    for i in range(first, own.size):
        value = np.float64(own[i])
        total += value * value
    return total


@njit
def unit_row_sum(data: Any, indices: Any, indptr: Any, sq_norms: Any, out: Any) -> None:
    """Sum of the rows, each divided by its norm, and their squared norms; out starts at zero.

    The squares of the next row, each of which waits for the sum before it, are added up while the
    entries of this one wait for memory.
    """
    n_rows = indptr.size - 1
    total = _add_squares(0.0, data[: indptr[min(1, n_rows)]], 0)
    for row in range(n_rows):
        own, terms = data[indptr[row] : indptr[row + 1]], indices[indptr[row] : indptr[row + 1]]
        following = data[indptr[row + 1] : indptr[min(row + 2, n_rows)]]
        sq_norms[row] = total
        norm = math.sqrt(total) if total > 0.0 else 1.0
        total = 0.0
        both = min(own.size, following.size)
        for i in range(both):
            out[np.uint64(terms[i])] += np.float64(own[i]) / norm
            value = np.float64(following[i])
            total += value * value
        for i in range(both, own.size):
            out[np.uint64(terms[i])] += np.float64(own[i]) / norm
        total = _add_squares(total, following, both)
