"""Compiled loops behind TypiClust and FALCUN."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastal._jit import njit
from fastal._kernels_representation import add_products

# Squared distances of unit rows below this are rounding: the rows count as equal.
SAME = 1e-12

# Numbers that stay in the cache while they are raised to a power.
_BLOCK = 512


@njit
def typiclust(
    start: int, stop: int, first: int,
    data: Any, indices: Any, indptr: Any, starts: Any, rows: Any, values: Any,
    n_neighbors: int, out: Any,
) -> None:  # fmt: skip
    """Mean distance of rows first + [start, stop) of a cluster to their nearest others in it.

    The rows are of unit length, and there are more than n_neighbors of them.
    """
    similarities = np.empty(out.size)
    nearest = np.empty(n_neighbors)
    for row in range(first + start, first + stop):
        own = slice(indptr[row], indptr[row + 1])
        add_products(indices[own], data[own], starts, rows, values, out.size, similarities)
        similarities[row] = -np.inf
        size = 0
        for other in range(out.size):
            similarity = similarities[other]
            if size == n_neighbors and similarity <= nearest[size - 1]:
                continue
            # Put where it belongs: nearly no row comes so far.
            pos = min(size, n_neighbors - 1)
            while pos > 0 and nearest[pos - 1] < similarity:
                nearest[pos] = nearest[pos - 1]
                pos -= 1
            nearest[pos] = similarity
            size = min(size + 1, n_neighbors)
        total = 0.0
        for i in range(n_neighbors):
            sq_distance = 2.0 - 2.0 * nearest[i]
            if sq_distance > SAME:
                total += math.sqrt(sq_distance)
        out[row] = total / n_neighbors


@njit
def falcun(start: int, stop: int, proba: Any, pick: int, distance: Any) -> None:
    """Lower distance to the L1 distance from the probabilities of the row picked."""
    center = proba[pick]
    for row in range(start, stop):
        own = proba[row]
        total = 0.0
        for c in range(own.size):
            total += abs(np.float64(own[c]) - np.float64(center[c]))
        distance[row] = min(distance[row], total)


@njit
def relevance_range(unsure: Any, distance: Any, free: Any) -> Any:
    """Lowest distance of a free row, the range of distances, and the highest relevance."""
    low, high = np.inf, -np.inf
    for row in range(free.size):
        if free[row]:
            low = min(low, distance[row])
            high = max(high, distance[row])
    span = high - low if high > low else 1.0
    top = 0.0
    for row in range(free.size):
        if free[row]:
            top = max(top, unsure[row] + (distance[row] - low) / span)
    return low, span, top


@njit
def _raise(values: Any, exponent: int) -> None:
    """Values to the power of a whole number, in place."""
    squares = values.copy()
    values[:] = 1.0
    while exponent > 0:
        if exponent % 2 == 1:
            values *= squares
        squares *= squares
        exponent //= 2


@njit
def relevance(
    start: int, stop: int, unsure: Any, distance: Any, free: Any,
    low: float, span: float, top: float, gamma: float, out: Any,
) -> None:  # fmt: skip
    """Relevance of each row over the highest one, to the power of gamma; 0 where not free."""
    for row in range(start, stop):
        # Divided: the highest must become 1 exactly, whatever power of it is taken.
        known = not free[row] or top == 0.0
        out[row] = 0.0 if known else (unsure[row] + (distance[row] - low) / span) / top
    if gamma == math.floor(gamma) and 1.0 <= gamma <= 64.0:
        # By squares and products, which become vector instructions: a power takes 20 ns.
        for first in range(start, stop, _BLOCK):
            _raise(out[first : min(first + _BLOCK, stop)], int(gamma))
    else:
        for row in range(start, stop):
            if free[row] and top > 0.0:
                out[row] = out[row] ** gamma
