"""Compiled loops that measure dense rows against a growing set of centres."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastal._jit import njit
from fastal._kernels_centers import distance_of, lower


class DenseRows(NamedTuple):
    """The pool, its squared norms, and what a row's distances are multiplied by."""

    X: Any
    sq_norms: Any
    weights: Any  # of n_rows, or of none: all 1
    cosine: bool


class DenseCenters(NamedTuple):
    """The centres so far.

    They lie in columns, so that one feature of a row meets all of them at once: the loop over
    centres vectorises, and every distance is still summed in the order of the features.
    """

    size: Any  # how many there are
    columns: Any  # (n_features, capacity)
    sq_norms: Any


@njit
def sq_norms_dense(start: int, stop: int, X: Any, out: Any) -> None:
    """Squared Euclidean norm of each row."""
    for row in range(start, stop):
        total = 0.0
        for j in range(X.shape[1]):
            value = np.float64(X[row, j])
            total += value * value
        out[row] = total


@njit
def dots_dense(start: int, stop: int, X: Any, w: Any, out: Any) -> None:
    """Out = X @ w, in the order of the features: equal rows get equal numbers (not so by BLAS)."""
    for row in range(start, stop):
        total = 0.0
        for j in range(w.size):
            total += np.float64(X[row, j]) * w[j]
        out[row] = total


@njit
def add_centers_dense(rows: Any, centers: Any, new: Any) -> None:
    """Append several rows of the pool to the centres."""
    for row in new:
        center = centers.size[0]
        for j in range(rows.X.shape[1]):
            centers.columns[j, center] = rows.X[row, j]
        centers.sq_norms[center] = rows.sq_norms[row]
        centers.size[0] += 1


@njit
def distances_to_centers(rows: Any, centers: Any, row: int, first: int, out: Any) -> None:
    """Squared Euclidean or cosine distance of a row to each centre from `first` on."""
    n_centers = centers.size[0]
    out[:] = 0.0
    for j in range(rows.X.shape[1]):
        x = np.float64(rows.X[row, j])
        feature = centers.columns[j, first:n_centers]
        if rows.cosine:
            for c in range(out.size):
                out[c] += x * feature[c]
        else:
            # Differences, not norms: equal rows are at distance 0 and nothing cancels.
            for c in range(out.size):
                out[c] += (x - feature[c]) * (x - feature[c])
    if rows.cosine:
        norms = centers.sq_norms[first:n_centers]
        for c in range(out.size):
            out[c] = distance_of(True, rows.sq_norms[row], norms[c], out[c])


@njit
def meet_dense(rows: Any, centers: Any, row: int, sums: Any, bound: Any, seen: Any) -> None:
    """Lower the row's bound by all centres that it has not met: it is exact then."""
    first, n_centers = seen[row], centers.size[0]
    distances = sums[: n_centers - first]
    distances_to_centers(rows, centers, row, first, distances)
    for c in range(distances.size):
        lower(rows.weights, row, distances[c], bound)
    seen[row] = n_centers


@njit
def meet_all_dense(
    start: int, stop: int, first: int, rows: Any, centers: Any, bound: Any, seen: Any
) -> None:
    """Bring the bounds of rows first + [start, stop) up to date."""
    sums = np.empty(centers.size[0])
    for row in range(first + start, first + stop):
        meet_dense(rows, centers, row, sums, bound, seen)


@njit
def distances_to_dense(start: int, stop: int, rows: Any, center: Any, out: Any) -> None:
    """Squared Euclidean or cosine distance of each row to one point."""
    center_sq_norm = 0.0
    for j in range(center.size):
        center_sq_norm += center[j] * center[j]
    for row in range(start, stop):
        total = 0.0
        for j in range(center.size):
            x = np.float64(rows.X[row, j])
            total += x * center[j] if rows.cosine else (x - center[j]) * (x - center[j])
        if rows.cosine:
            total = distance_of(True, rows.sq_norms[row], center_sq_norm, total)
        out[row] = total
