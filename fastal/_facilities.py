"""The greedy search behind facility location and herding: what each row would add to a cover."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._search import FITS_PRODUCTS, checked_sq_norms
from fastal._threads import over_rows
from fastal._validation import CSR

# Work of one call of a kernel: Python sees Ctrl-C in between.
_EVALUATIONS_PER_CALL = 64
_PAIRED_ROWS_PER_CALL = 256


def scale_of(matrix: CSR, cosine: bool) -> NDArray[np.float64]:
    """What each row is multiplied by before inner products are taken."""
    sq_norms = checked_sq_norms(matrix, cosine, largest=FITS_PRODUCTS)
    if not cosine:
        return np.ones(sq_norms.size)
    # A row of zeros has nothing to scale.
    return np.asarray(1.0 / np.sqrt(np.where(sq_norms > 0, sq_norms, 1.0)))


class Facilities:
    """The pool by row and by term, and how well each row is covered by those selected.

    A row s covers a row u by their similarity, if that is above zero; or, with a sharpness t above
    zero, by exp(t (similarity - 1)).  `weights` say how much each row's cover counts.
    """

    def __init__(
        self,
        X: CSR,
        scale: NDArray[np.float64],
        weights: NDArray[np.float64] | None = None,
        sharpness: float = 0.0,
    ) -> None:
        from fastal import _kernels_queue, _kernels_representation

        self._kernels = _kernels_representation
        self._heapify = _kernels_queue.heapify
        n_rows, n_features = X.shape
        frequency = np.bincount(X.indices, minlength=n_features)
        starts = np.append(0, np.cumsum(frequency))
        rows, values = np.empty(X.data.size, dtype=np.int32), np.empty(X.data.size)
        self._by_row = X.data, X.indices, X.indptr, scale
        self._kernels.transpose(*self._by_row, starts[:-1].copy(), rows, values)
        self._pool = *self._by_row, starts, rows, values, sharpness
        self._weights = np.ones(n_rows) if weights is None else weights
        self._sharpness = sharpness
        # Of each row: its similarity to the nearest one selected, and what that is worth.
        self._cover = np.full(n_rows, -np.inf), np.zeros(n_rows)
        # What a row meets on average.
        self._postings = int((frequency.astype(np.float64) ** 2).sum() / n_rows)

    def pick(
        self, known: Any, candidates: Any, rank: Any, picks: NDArray[Any], gains: NDArray[Any]
    ) -> None:
        kernels = self._kernels
        for row in known.tolist():
            kernels.cover(*self._pool, row, *self._cover)
        # A bound that holds for the Gaussian kernel is too high to be of use.
        bound = self._all_gains() if self._sharpness else self._first_bounds()
        evaluated = np.full(rank.size, 0 if self._sharpness else -1, dtype=np.int64)
        heap = candidates.copy()
        self._heapify(bound, rank, heap, heap.size)
        for step in range(picks.size):
            n_left = heap.size - step
            n_evaluated = 0
            while True:
                row = kernels.facility_location(
                    *self._pool, *self._cover, self._weights, rank, step, n_left,
                    _EVALUATIONS_PER_CALL, heap, bound, evaluated,
                )  # fmt: skip
                if row >= 0:
                    break
                n_evaluated += _EVALUATIONS_PER_CALL
                # Evaluating all rows together takes half the time: one similarity for each pair.
                if n_evaluated > rank.size // 8:
                    bound = self._all_gains()
                    evaluated[:] = step
                    self._heapify(bound, rank, heap, n_left)
            picks[step], gains[step] = row, bound[row]
            kernels.remove_first(bound, rank, n_left, heap)
            kernels.cover(*self._pool, row, *self._cover)

    def _first_bounds(self) -> NDArray[np.float64]:
        """Bounds of the gains in one pass: the sum of all products above zero."""
        _, _, _, _, starts, _, values, _ = self._pool
        sums = np.empty(starts.size - 1), np.empty(starts.size - 1)
        over_rows(self._kernels.signed_sums, starts.size - 1, values.size, starts, values, *sums)
        bound = np.empty(self._weights.size)
        over_rows(
            self._kernels.first_bounds, bound.size, values.size,
            *self._by_row, *sums, bound,
        )  # fmt: skip
        # Both the bound and the gain are rounded once for each term and each row: the bound is
        # raised by more than that, and by more than what numbers next to zero lose.
        longest = int(np.diff(self._by_row[2]).max(initial=0))
        factor = 1.0 + 4.0 * np.finfo(np.float64).eps * (bound.size + longest + 8)
        return np.where(bound > 0, bound * factor + np.finfo(np.float64).tiny, 0.0)

    def _all_gains(self) -> NDArray[np.float64]:
        n_rows, lanes = self._weights.size, self._kernels.LANES
        sums = np.empty((lanes, n_rows))
        for first in range(0, n_rows, _PAIRED_ROWS_PER_CALL):
            last = min(first + _PAIRED_ROWS_PER_CALL, n_rows)
            over_rows(
                self._kernels.sum_pairs, lanes, (last - first) * self._postings * last // n_rows,
                first, last, *self._pool, *self._cover, self._weights, sums,
            )  # fmt: skip
        # cumsum adds up one by one, as the kernel does.
        return np.asarray(np.cumsum(sums, axis=0, out=sums)[-1].copy())
