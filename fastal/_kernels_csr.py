"""Compiled passes over the entries of a CSR matrix that several subjects need."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastal._jit import njit


@njit
def has_duplicates(indices: Any, indptr: Any, n_features: int) -> bool:
    """Whether a row holds two entries of one column."""
    last_row = np.full(0, -1, dtype=np.int64)
    for row in range(indptr.size - 1):
        rising = True
        for entry in range(indptr[row] + 1, indptr[row + 1]):
            rising &= indices[entry] > indices[entry - 1]
        if rising:
            continue
        if last_row.size == 0:
            # Sorted matrices, the usual case, never pay for this array.
            last_row = np.full(n_features, -1, dtype=np.int64)
        for entry in range(indptr[row], indptr[row + 1]):
            if last_row[indices[entry]] == row:
                return True
            last_row[indices[entry]] = row
    return False


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
