"""Compiled loops for the distances of all pairs of not too many rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastal._jit import njit
from fastal._kernels_centers import distance_of


@njit
def distances_above_csr(
    row: int, data: Any, indices: Any, indptr: Any, sq_norms: Any, cosine: bool,
    list_ptr: Any, list_rows: Any, list_values: Any, out: Any,
) -> None:  # fmt: skip
    """Distances of a row to all rows of higher number; the lists hold the entries of each column.

    Only entries that the row shares are touched, in the order in which the row stores its own.
    """
    for i in range(out.size):
        out[i] = 0.0
    for entry in range(indptr[row], indptr[row + 1]):
        x = np.float64(data[entry])
        pos = list_ptr[indices[entry] + 1] - 1
        while list_rows[pos] > row:  # the row itself ends the walk
            out[list_rows[pos] - row - 1] += x * list_values[pos]
            pos -= 1
    for i in range(out.size):
        out[i] = distance_of(cosine, sq_norms[row], sq_norms[row + 1 + i], out[i])


@njit
def distances_above_dense(row: int, columns: Any, sq_norms: Any, cosine: bool, out: Any) -> None:
    """Distances of a row to all rows of higher number; the rows lie in columns."""
    for i in range(out.size):
        out[i] = 0.0
    for j in range(columns.shape[0]):
        x = columns[j, row]
        feature = columns[j, row + 1 :]
        if cosine:
            for i in range(out.size):
                out[i] += x * feature[i]
        else:
            for i in range(out.size):
                out[i] += (x - feature[i]) * (x - feature[i])
    if cosine:
        for i in range(out.size):
            out[i] = distance_of(True, sq_norms[row], sq_norms[row + 1 + i], out[i])
