"""Compiled loops to the votes of many linear models in single precision, with their error."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastal._jit import njit, njit_borrow
from fastal._kernels_linear import _LANES, add_products


@njit_borrow
def rough_decisions(
    data: Any, indices: Any, indptr: Any, base: int, weights: Any, out: Any
) -> None:
    """As decisions_csr, in single precision and without the intercept."""
    for row in range(out.shape[0]):
        begin, end = np.uint64(indptr[row] - base), np.uint64(indptr[row + 1] - base)
        add_products(data, indices, begin, end, weights, out[row])


@njit_borrow
def rough_errors(
    data: Any, indices: Any, indptr: Any, base: int, largest: Any, intercept: float, out: Any
) -> None:
    """Upper bound of what single precision takes from or adds to a decision value of each row.

    n products and their sum in a precision of u = 2**-24 are off by less than (n + 3) u times the
    sum of |x_j w_j| (Higham 2002, section 3.1), which the largest weight of each column bounds;
    `intercept` is the largest of them.  Twice that, and some more, for all that is neglected.
    Infinite where numbers near the ends of the range come together; weights are at most 1e10.
    """
    for row in range(out.size):
        begin, end = np.uint64(indptr[row] - base), np.uint64(indptr[row + 1] - base)
        total = intercept
        highest = 0.0
        for entry in range(begin, end):
            x = abs(np.float64(data[entry]))
            total += x * largest[np.uint64(indices[entry])]
            highest = max(highest, x)
        in_range = highest <= 1e10 and total >= 1e-25
        out[row] = (np.float64(end - begin) + 16.0) * 2.0**-23 * total if in_range else np.inf


@njit
def rough_votes(
    decisions: Any, intercept: Any, edges: Any, codes: Any, errors: Any, out: Any, sure: Any
) -> None:
    """Decisions (n, columns of all members) float32 -> out (n, M): code of the highest of each.

    Member m has the columns edges[m] to edges[m + 1], at least two.  sure[i] becomes False where
    the highest of a member is not ahead by more than the error of both.
    """
    highest = np.zeros(_LANES, dtype=np.float32)
    second = np.zeros(_LANES, dtype=np.float32)
    best = np.zeros(_LANES, dtype=np.int32)
    lane = np.zeros(_LANES, dtype=np.float32)
    for first in range(0, out.shape[0], _LANES):
        n = min(_LANES, out.shape[0] - first)
        for m in range(edges.size - 1):
            for k in range(edges[m], edges[m + 1]):
                values = decisions[first : first + n, k]
                for i in range(np.uint64(n)):
                    lane[i] = values[i] + intercept[k]
                code = codes[k]
                if k == edges[m]:
                    for i in range(_LANES):
                        highest[i] = lane[i]
                        second[i] = -np.inf
                        best[i] = code
                    continue
                for i in range(_LANES):
                    z = lane[i]
                    loser = z if z < highest[i] else highest[i]
                    second[i] = loser if loser > second[i] else second[i]
                    best[i] = code if z > highest[i] else best[i]
                    highest[i] = z if z > highest[i] else highest[i]
            for i in range(n):
                out[first + i, m] = best[i]
                ahead = np.float64(highest[i]) - np.float64(second[i])
                # `not >`: a NaN must not be sure.
                if not ahead > 2.0 * errors[first + i]:
                    sure[first + i] = False
