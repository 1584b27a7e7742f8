"""The compiled loop behind BatchBALD: what a row's label would tell about the members.

A configuration is one way to label the rows picked so far.  It makes some members likelier than
others: its posterior.  Posteriors lie in blocks of LANES configurations, (n_blocks, M, LANES), so
that all inner loops have a fixed length and become vector instructions.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from fastal._jit import njit_reorder
from fastal._kernels_scores import _log

LANES = 64


@njit_reorder
def _entropies(p: Any, posteriors: Any, weights: Any, q: Any, log_q: Any) -> float:
    """Sum over a block of configurations of weight times entropy of the predicted label."""
    n_members, n_classes = p.shape
    for k in range(n_classes):
        mixed = q[k]
        for g in range(LANES):
            mixed[g] = 0.0
        m = 0
        while m + 2 <= n_members:
            a, b = p[m, k], p[m + 1, k]
            one, other = posteriors[m], posteriors[m + 1]
            for g in range(LANES):
                mixed[g] += a * one[g] + b * other[g]
            m += 2
        if m < n_members:
            a, one = p[m, k], posteriors[m]
            for g in range(LANES):
                mixed[g] += a * one[g]
    _log(q.reshape(-1), log_q.reshape(-1))
    total = 0.0
    for k in range(n_classes):
        mixed, logs = q[k], log_q[k]
        for g in range(LANES):
            total -= weights[g] * mixed[g] * logs[g]
    return total


@njit_reorder
def batch_bald(
    start: int, stop: int,
    rows: Any, probas: Any, entropies: Any, posteriors: Any, weights: Any, mean: Any, out: Any,
) -> None:  # fmt: skip
    """Probas (M, n, C) -> out[i]: mutual information of label rows[i] and member, at least 0.

    It is the mean over the configurations, with these weights (n_blocks, LANES).  entropies (M, n)
    are those of probas, and mean (M,) is the mean posterior.
    """
    n_members, _, n_classes = probas.shape
    p = np.empty((n_members, n_classes))
    q = np.empty((n_classes, LANES))
    log_q = np.empty((n_classes, LANES))
    for i in range(start, stop):
        row = rows[i]
        for m in range(n_members):
            for k in range(n_classes):
                p[m, k] = probas[m, row, k]
        total = 0.0
        for block in range(weights.shape[0]):
            total += _entropies(p, posteriors[block], weights[block], q, log_q)
        for m in range(n_members):
            total -= mean[m] * entropies[m, row]
        out[i] = max(total, 0.0)
