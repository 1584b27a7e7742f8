"""Compiled loops behind the feature-based function: sums of each feature, seen through a curve.

A row adds value to a feature whose sum so far is c.  What the curve gains by it is written so that
nothing cancels, and so that every operation is monotone in c: a gain never rises, to the last bit,
and an old one is an upper bound.  (libm's log1p is taken to be monotone as well.)

A row's gain is summed over its entries in ascending order of the feature.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastal._jit import njit_borrow
from fastal._kernels_queue import sift_down

SQRT = 0
LOG = 1
SIGMOID = 2


@njit_borrow
def _gain(
    data: Any, indices: Any, indptr: Any, curve: int, sums: Any, base: Any, weights: Any, row: int
) -> float:
    """What the row would add; base is the root of the sum, or the sum plus 1."""
    features = indices[indptr[row] : indptr[row + 1]]
    values = data[indptr[row] : indptr[row + 1]]
    total = 0.0
    for i in range(features.size):
        value = np.float64(values[i])
        feature = features[i]
        if value == 0.0:
            continue
        if curve == SQRT:
            rise = value / (math.sqrt(sums[feature] + value) + base[feature])
        elif curve == LOG:
            rise = math.log1p(value / base[feature])
        else:
            rise = value / base[feature] / (base[feature] + value)
        total += rise * weights[feature]
    return total


@njit_borrow
def all_gains(
    start: int, stop: int,
    data: Any, indices: Any, indptr: Any, curve: int, sums: Any, base: Any, weights: Any, out: Any,
) -> None:  # fmt: skip
    """What each row would add."""
    for row in range(start, stop):
        out[row] = _gain(data, indices, indptr, curve, sums, base, weights, row)


@njit_borrow
def add_row(
    data: Any, indices: Any, indptr: Any, curve: int, sums: Any, base: Any, row: int
) -> None:
    """Put the row into the selection."""
    for entry in range(indptr[row], indptr[row + 1]):
        feature = indices[entry]
        sums[feature] += np.float64(data[entry])
        base[feature] = math.sqrt(sums[feature]) if curve == SQRT else 1.0 + sums[feature]


@njit_borrow
def feature_based(
    data: Any, indices: Any, indptr: Any, curve: int, sums: Any, base: Any, weights: Any,
    rank: Any, step: int, n_left: int, budget: int, heap: Any, bound: Any, evaluated: Any,
) -> int:  # fmt: skip
    """Return the candidate of the largest gain, or -1 if more than budget must be evaluated.

    heap[:n_left] holds the candidates by their bounds, which are gains if evaluated in this step.
    """
    for _ in range(budget):
        row = heap[0]
        # Gains never fall below zero, so a bound of zero needs no evaluation.
        if evaluated[row] == step or bound[row] == 0.0:
            return int(row)
        bound[row] = _gain(data, indices, indptr, curve, sums, base, weights, row)
        evaluated[row] = step
        sift_down(bound, rank, heap, n_left, 0)
    return -1
