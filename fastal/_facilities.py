"""The greedy search behind facility location and herding: what each row would add to a cover."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from fastal._search import FITS_PRODUCTS, checked_sq_norms
from fastal._threads import over_rows
from fastal._validation import CSR

Worth: TypeAlias = Literal["product", "square", "distance", "gauss"]

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

    A row s covers a row u by what their inner product is `worth`; `sharpness` belongs to "gauss".
    `weights` say how much each row's cover counts.
    """

    def __init__(
        self,
        X: CSR,
        scale: NDArray[np.float64],
        weights: NDArray[np.float64] | None = None,
        worth: Worth = "product",
        sharpness: float = 0.0,
    ) -> None:
        from fastal import _kernels_representation

        n_rows, n_features = X.shape
        frequency = np.bincount(X.indices, minlength=n_features)
        starts = np.append(0, np.cumsum(frequency))
        rows, values = np.empty(X.data.size, dtype=np.int32), np.empty(X.data.size)
        by_row = X.data, X.indices, X.indptr, scale
        _kernels_representation.transpose(*by_row, starts[:-1].copy(), rows, values)
        sq_norms: NDArray[Any] = np.empty(0)
        if worth == "distance":
            sq_norms = np.bincount(rows, values * values, minlength=n_rows)
        self._fill(by_row, (starts, rows, values), weights, (worth, sharpness, sq_norms))

    @classmethod
    def of_similarities(cls, S: CSR) -> Facilities:
        """Of a square matrix in which S[s, u] says how well s covers u."""
        n_rows = S.shape[0]
        # As if each row had a term of its own, whose list is the row of S.
        own = np.ones(n_rows), np.arange(n_rows, dtype=np.int32), np.arange(n_rows + 1)
        lists = S.indptr.astype(np.int64), S.indices.astype(np.int32), S.data.astype(np.float64)
        new = cls.__new__(cls)
        new._fill((*own, np.ones(n_rows)), lists, None, ("product", 0.0, np.empty(0)))
        new._symmetric = False
        return new

    def _fill(self, by_row: Any, by_term: Any, weights: Any, worth: Any) -> None:
        from fastal import _kernels_queue, _kernels_representation

        self._kernels = _kernels_representation
        self._heapify = _kernels_queue.heapify
        kind, sharpness, sq_norms = worth
        number = getattr(self._kernels, kind.upper())
        n_rows = by_row[3].size
        self._by_row = by_row
        self._pool = *by_row, *by_term, self._kernels.Worth(number, sharpness, sq_norms)
        self._weights = np.ones(n_rows) if weights is None else weights
        self._kind = kind
        self._symmetric = True
        # Of each row: its similarity to the nearest one selected, and what that is worth.
        self._cover = np.full(n_rows, -np.inf), np.zeros(n_rows)
        # What a row meets on average.
        lengths = np.diff(by_term[0]).astype(np.float64)
        self._postings = int((lengths**2).sum() / n_rows)

    def pick(
        self, known: Any, candidates: Any, rank: Any, picks: NDArray[Any], gains: NDArray[Any]
    ) -> None:
        kernels = self._kernels
        if self._kind == "distance":
            # Nothing selected is as good as the farthest row.
            self._cover[1][:] = -np.inf if known.size else self._least_worth()
        for row in known.tolist():
            kernels.cover(*self._pool, row, *self._cover)
        # A bound that holds for the other kinds is too high to be of use.
        eager = self._kind != "product"
        bound = self._all_gains() if eager else self._first_bounds()
        evaluated = np.full(rank.size, 0 if eager else -1, dtype=np.int64)
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
                if n_evaluated > rank.size // 8 and self._symmetric:
                    bound = self._all_gains()
                    evaluated[:] = step
                    self._heapify(bound, rank, heap, n_left)
            picks[step], gains[step] = row, bound[row]
            kernels.remove_first(bound, rank, n_left, heap)
            kernels.cover(*self._pool, row, *self._cover)

    def _least_worth(self) -> float:
        least = np.empty(self._weights.size)
        for first in range(0, least.size, _PAIRED_ROWS_PER_CALL):
            last = min(first + _PAIRED_ROWS_PER_CALL, least.size)
            over_rows(
                lambda start, stop, first=first: self._kernels.farthest(
                    first + start, first + stop, *self._pool, least
                ),
                last - first, (last - first) * self._postings * last // least.size,
            )  # fmt: skip
        return float(least.min())

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
