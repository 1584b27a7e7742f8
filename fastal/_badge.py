"""Arrays for the race of `fastal.badge`, and the calls that fill them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._centers import BUDGET, Floats, Indices, due
from fastal._search import checked_sq_norms
from fastal._threads import over_rows
from fastal._validation import CSR, explain_bad_rows

# More than the rounding errors of a distance, as a share of the largest it could be.
_MARGIN = 1e-6


def embedding_sq_norms(proba: NDArray[Any], X: CSR | NDArray[Any]) -> Floats:
    """Squared norms of the gradient embeddings (p - e) (x) x; checks proba and the scale of X."""
    from fastal import _kernels_batches

    residual = np.empty(len(proba))
    over_rows(_kernels_batches.residual_sq_norms, len(proba), proba.size, proba, residual)
    explain_bad_rows(residual, proba, "proba")
    return residual * checked_sq_norms(X, cosine=True)


def draw_rows(
    proba: NDArray[Any],
    X: CSR | NDArray[Any],
    sq_norms: Floats,
    candidates: Indices,
    k: int,
    noise: Floats,
) -> Indices:
    """Draw k of the candidates by k-means++; noise is when each row is due at rate 1.

    The first is the longest, of equally long ones that of the least noise.
    """
    from fastal import _kernels_batches, _kernels_queue

    rank = np.empty(noise.size, dtype=np.int64)
    rank[np.argsort(noise, kind="stable")] = np.arange(noise.size)
    longest = candidates[sq_norms[candidates] == sq_norms[candidates].max()]
    first = longest[np.argmin(rank[longest])]
    n_classes = proba.shape[1]
    race = _kernels_batches.Race(
        proba, sq_norms, noise, rank,
        heap=candidates[candidates != first].astype(np.int32),
        key=_first_keys(sq_norms, float(sq_norms[first]), noise),
        nearest=np.full(noise.size, np.inf),
        seen=np.zeros(noise.size, dtype=np.int32),
        picks=np.full(k, first),
        times=np.zeros(k),
        residuals=np.empty((n_classes, k)),
        dots=np.empty(k),
        products=np.empty(k),
    )  # fmt: skip
    _kernels_queue.heapify(race.key, rank, race.heap, race.heap.size)
    _kernels_batches.add_residual(race, first, 0)
    done = 1
    if isinstance(X, CSR):
        vector = np.zeros(X.shape[1])
        while done < k:
            done = _kernels_batches.badge(*X[:3], race, vector, done, BUDGET)
        return np.asarray(race.picks)
    columns = np.empty((X.shape[1], k))
    columns[:, 0] = X[first]
    while done < k:
        done = _kernels_batches.badge_dense(X, race, columns, done, BUDGET)
    return np.asarray(race.picks)


def _first_keys(sq_norms: Floats, first: float, noise: Floats) -> Floats:
    """Minus a time before which no row is due: no row is farther than both lengths together."""
    farthest = (np.sqrt(sq_norms) + np.sqrt(first)) ** 2 * (1.0 + _MARGIN)
    # What products next to zero lose.
    farthest += np.finfo(np.float64).tiny if first > 0 else 0.0
    return -due(noise, farthest)
