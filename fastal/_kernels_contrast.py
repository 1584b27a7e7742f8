"""Compiled loops behind contrastive scores: the nearest labelled rows, and their divergence."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastal._jit import njit, njit_borrow, njit_reorder
from fastal._kernels_centers import distance_of, unsigned
from fastal._kernels_dense import distances_to_centers
from fastal._kernels_scores import _BLOCK, SUM_TOLERANCE, _log

# The smallest normal number stands for the probability 0, whose logarithm is minus infinity.
TINY = 2.0**-1022


# Distances looked at together.
_GROUP = 16
# Distances that come from inner products are compared in steps of 2**-36, of the squared norms if
# Euclidean: sums of the same products in another order are equal then.
_STEPS = 2.0**36
_FARTHEST = np.iinfo(np.int64).max


@njit_borrow
def _add_four(x: Any, table: Any, rows: Any, out: Any) -> None:
    """Add four multiples of rows of the table at once: out is read and written once."""
    first, second, third, fourth = table[rows[0]], table[rows[1]], table[rows[2]], table[rows[3]]
    x0, x1, x2, x3 = x[0], x[1], x[2], x[3]
    for i in range(out.size):
        out[i] = (((out[i] + x0 * first[i]) + x1 * second[i]) + x2 * third[i]) + x3 * fourth[i]


@njit_borrow
def _add_dots(
    data: Any, indices: Any, place: Any, list_rows: Any, list_values: Any, table: Any,
    waiting: Any, places: Any, dots: Any,
) -> None:  # fmt: skip
    """Add a row's inner products with all labelled rows to dots.

    place[term] says where the labelled rows that have it are listed, from and to, or, if negative,
    in which row of the table they are.  Terms of the table wait until there are four of them, so
    sums are not in the order of the row's entries.
    """
    n_waiting = 0
    for i in range(data.size):
        x = np.float64(data[i])
        first, last = place[unsigned(indices[i]), 0], place[unsigned(indices[i]), 1]
        if first < 0:
            waiting[n_waiting] = x
            places[n_waiting] = -1 - first
            n_waiting += 1
            if n_waiting == 4:
                _add_four(waiting, table, places, dots)
                n_waiting = 0
            continue
        for pos in range(unsigned(first), unsigned(last)):
            dots[unsigned(list_rows[pos])] += x * list_values[pos]
    for i in range(n_waiting):
        some, x = table[places[i]], waiting[i]
        for c in range(dots.size):
            dots[c] += x * some[c]


@njit_borrow
def _keep_nearest(distances: Any, kept: Any, nearest: Any) -> None:
    """Distances -> nearest (m,): the centres of the m smallest ones; kept (m,) is scratch.

    Numbers that are not negative are ordered as their bits, and a minimum of integers becomes
    vector instructions.
    """
    bits = distances.view(np.int64)
    m = nearest.size
    kept[:] = _FARTHEST
    for begin in range(0, bits.size, _GROUP):
        group = bits[begin : min(begin + _GROUP, bits.size)]
        least = group[0]
        for i in range(group.size):
            least = min(least, group[i])
        if least >= kept[m - 1]:
            continue
        for i in range(group.size):
            pos = m - 1
            if group[i] >= kept[pos]:
                continue
            # Of equal ones the first stays ahead.
            while pos > 0 and kept[pos - 1] > group[i]:
                kept[pos] = kept[pos - 1]
                nearest[pos] = nearest[pos - 1]
                pos -= 1
            kept[pos] = group[i]
            nearest[pos] = begin + i


@njit
def nearest_csr(
    start: int, stop: int, first: int,
    data: Any, indices: Any, indptr: Any, sq_norms: Any, cosine: bool,
    place: Any, list_rows: Any, list_values: Any, table: Any, norms: Any,
    nearest: Any, distances: Any,
) -> None:  # fmt: skip
    """Nearest labelled rows of the rows first + [start, stop) -> nearest (n, m), nearest first.

    Equally near ones are in the order of their numbers.  norms are the squared norms of the
    labelled rows; distances, of as many, is scratch.
    """
    kept = np.empty(nearest.shape[1], dtype=np.int64)
    waiting, places = np.empty(4), np.empty(4, dtype=np.int64)
    largest = norms.max()
    for i in range(start, stop):
        row = first + i
        distances[:] = 0.0
        _add_dots(
            data[indptr[row] : indptr[row + 1]], indices[indptr[row] : indptr[row + 1]],
            place, list_rows, list_values, table, waiting, places, distances,
        )  # fmt: skip
        steps = _STEPS if cosine else _STEPS / max(sq_norms[row] + largest, 1e-290)
        for c in range(distances.size):
            # Adding zero turns a negative zero into a positive one.
            distance = distance_of(cosine, sq_norms[row], norms[c], distances[c])
            distances[c] = np.rint(distance * steps) + 0.0
        _keep_nearest(distances, kept, nearest[i])


@njit
def nearest_dense(
    start: int, stop: int, first: int, rows: Any, centers: Any, nearest: Any, distances: Any
) -> None:
    """As nearest_csr, for dense rows."""
    kept = np.empty(nearest.shape[1], dtype=np.int64)
    for i in range(start, stop):
        distances_to_centers(rows, centers, first + i, 0, distances)
        for c in range(distances.size):
            # Sums of squared differences need no steps: nothing cancels in them.
            distance = np.rint(distances[c] * _STEPS) if rows.cosine else distances[c]
            distances[c] = distance + 0.0
        _keep_nearest(distances, kept, nearest[i])


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
