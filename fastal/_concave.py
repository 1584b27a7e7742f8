"""The greedy search behind the feature-based function."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from fastal._threads import over_rows
from fastal._validation import CSR, check_csr, check_scores

CURVES = ("sqrt", "log", "sigmoid")

# Work of one call of the kernel: Python sees Ctrl-C in between.
_EVALUATIONS_PER_CALL = 4096
# Evaluating a row out of turn costs about this many times as much as in a pass over all rows.
_DETOUR = 4


def check_feature_weights(weights: ArrayLike | None, n_features: int) -> NDArray[np.float64]:
    """A finite weight, not negative, for each feature as float64."""
    if weights is None:
        return np.ones(n_features)
    array = check_scores(weights, "weights")
    if len(array) != n_features:
        raise ValueError(
            f"weights must hold {n_features} numbers, one a feature, got {len(array)}"
        )
    bad = np.flatnonzero((array < 0) | np.isinf(array))
    if bad.size:
        raise ValueError(f"weights must be finite and not negative, but feature {bad[0]} is not")
    return array


def sorted_entries(matrix: CSR) -> CSR:
    """Return rows with their entries in the order of the features: the order of summation."""
    own = sp.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape)
    return matrix if own.has_sorted_indices else check_csr(own.sorted_indices())


class FeatureSums:
    """The sum of each feature over the rows selected, and the search for the next row."""

    def __init__(self, X: CSR, concave: str, weights: NDArray[np.float64]) -> None:
        from fastal import _kernels_concave, _kernels_queue, _kernels_representation

        self._kernels = _kernels_concave
        self._heapify = _kernels_queue.heapify
        self._remove_first = _kernels_representation.remove_first
        self._n_rows, n_features = X.shape
        self._n_entries = X.data.size
        sums = np.zeros(n_features)
        base = np.zeros(n_features) if concave == "sqrt" else np.ones(n_features)
        curve = CURVES.index(concave)
        self._rows = X.data, X.indices, X.indptr, curve, sums, base
        self._weights = weights

    def pick(
        self, known: Any, candidates: Any, rank: Any, picks: NDArray[Any], gains: NDArray[Any]
    ) -> None:
        """Fill picks and gains."""
        kernels = self._kernels
        for row in known.tolist():
            kernels.add_row(*self._rows, row)
        bound = self._all_gains()
        self._check_sums()
        if not np.isfinite(bound).all():
            row = np.flatnonzero(~np.isfinite(bound))[0]
            raise ValueError(
                f"X and weights must be of a scale whose gains fit float64, but that of row {row} "
                "does not; rescale them"
            )
        evaluated = np.zeros(self._n_rows, dtype=np.int64)
        heap = candidates.copy()
        self._heapify(bound, rank, heap, heap.size)
        for step in range(picks.size):
            n_left = heap.size - step
            n_evaluated = 0
            while True:
                row = kernels.feature_based(
                    *self._rows, self._weights, rank, step, n_left, _EVALUATIONS_PER_CALL,
                    heap, bound, evaluated,
                )  # fmt: skip
                if row >= 0:
                    break
                n_evaluated += _EVALUATIONS_PER_CALL
                if n_evaluated > n_left // _DETOUR:
                    bound = self._all_gains()
                    evaluated[:] = step
                    self._heapify(bound, rank, heap, n_left)
            picks[step], gains[step] = row, bound[row]
            self._remove_first(bound, rank, n_left, heap)
            kernels.add_row(*self._rows, row)

    def _check_sums(self) -> None:
        data, indices = self._rows[:2]
        with np.errstate(over="ignore"):
            sums = np.bincount(indices, data, minlength=len(self._weights))
        if not np.isfinite(sums).all():
            raise ValueError(
                "X must be of a scale whose sums fit float64, but that of feature "
                f"{np.flatnonzero(~np.isfinite(sums))[0]} does not; rescale X"
            )

    def _all_gains(self) -> NDArray[np.float64]:
        gains = np.empty(self._n_rows)
        over_rows(
            self._kernels.all_gains, self._n_rows, self._n_entries,
            *self._rows, self._weights, gains,
        )  # fmt: skip
        return gains
