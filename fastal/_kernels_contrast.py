"""Compiled loops behind contrastive scores: the nearest labelled rows, and their divergence."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastal._jit import njit, njit_reorder
from fastal._kernels_centers import add_dots, distance_of
from fastal._kernels_dense import distances_to_centers
from fastal._kernels_scores import _BLOCK, SUM_TOLERANCE, _log
from fastal._kernels_selection import top_k

# The smallest normal number stands for the probability 0, whose logarithm is minus infinity.
TINY = 2.0**-1022


@njit
def nearest_csr(
    start: int, stop: int, first: int, rows: Any, centers: Any, nearest: Any, closeness: Any
) -> None:
    """Nearest centres of the rows first + [start, stop) -> nearest (n, m), nearest first.

    Equally near ones are in the order of their numbers.  closeness, of n_centers, is scratch.
    """
    nobody = np.empty(0, dtype=np.bool_)
    for i in range(start, stop):
        row = first + i
        closeness[:] = 0.0
        add_dots(rows, centers, row, 0, closeness)
        own = rows.sq_norms[row]
        for c in range(closeness.size):
            closeness[c] = -distance_of(rows.cosine, own, centers.sq_norms[c], closeness[c])
        top_k(closeness, nobody, nearest[i])


@njit
def nearest_dense(
    start: int, stop: int, first: int, rows: Any, centers: Any, nearest: Any, closeness: Any
) -> None:
    """As nearest_csr, for dense rows."""
    nobody = np.empty(0, dtype=np.bool_)
    for i in range(start, stop):
        distances_to_centers(rows, centers, first + i, 0, closeness)
        for c in range(closeness.size):
            closeness[c] = -closeness[c]
        top_k(closeness, nobody, nearest[i])


@njit_reorder
def contrastive(
    start: int, stop: int,
    proba: Any, nearest: Any, proba_labeled: Any, entropies: Any, out: Any,
) -> None:  # fmt: skip
    """Proba (n, C), nearest (n, m) -> out (n,): mean divergence of the labelled rows from proba.

    entropies are those of proba_labeled, float64.  A row that is no distribution scores NaN.
    """
    n_classes, n_neighbors = proba.shape[1], nearest.shape[1]
    block = max(1, _BLOCK // n_classes)
    wide = np.empty((block, n_classes))
    logs = np.empty((block, n_classes))
    for begin in range(start, stop, block):
        scores = out[begin : min(begin + block, stop)]
        p, log_p = wide[: scores.size], logs[: scores.size]
        for i in range(scores.size):
            row = proba[begin + i]
            total = 0.0
            lowest = 0.0
            for k in range(n_classes):
                p_k = np.float64(row[k])
                total += p_k
                lowest = min(lowest, p_k)
                p[i, k] = max(p_k, TINY)
            valid = abs(total - 1.0) <= SUM_TOLERANCE and lowest >= 0.0
            scores[i] = 0.0 if valid else np.nan
        _log(p.reshape(-1), log_p.reshape(-1))
        for i in range(scores.size):
            # KL(q || p) = -H(q) - sum q log p: one logarithm for each probability of the pool.
            total = 0.0
            for other in nearest[begin + i]:
                total -= entropies[other]
                q = proba_labeled[other]
                for k in range(n_classes):
                    total -= q[k] * log_p[i, k]
            if scores[i] == 0.0:
                # Never negative, but for rounding and for sums that are a little off 1.
                scores[i] = max(total / n_neighbors, 0.0)
