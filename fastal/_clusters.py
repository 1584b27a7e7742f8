"""k-means over sparse rows: k-means++, Lloyd's algorithm, and the rows nearest to the centres."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastal._search import FITS_PRODUCTS, checked_sq_norms
from fastal._threads import over_rows
from fastal._validation import CSR, read_only


class Clusters:
    """The candidates, as CSR over the columns that occur among them, and their weights."""

    def __init__(
        self, X: CSR | NDArray[Any], rows: NDArray[np.int64], weights: NDArray[np.float64]
    ) -> None:
        from fastal import _kernels_csr, _kernels_representation

        self._csr = _kernels_csr
        self._kernels = _kernels_representation
        if isinstance(X, CSR):
            part = sp.csr_matrix((X.data, X.indices, X.indptr), shape=X.shape)[rows]
        else:
            part = sp.csr_matrix(X[rows])
        columns, indices = np.unique(part.indices, return_inverse=True)
        self._n_columns = columns.size
        self._arrays = (
            read_only(part.data.astype(np.float64)),
            read_only(indices.astype(np.int64)),
            read_only(part.indptr.astype(np.int64)),
        )
        matrix = CSR(*self._arrays, (rows.size, columns.size), positive=False)
        self._sq_norms = checked_sq_norms(matrix, cosine=False, largest=FITS_PRODUCTS)
        self._weights = weights

    def pick(self, k: int, max_iter: int, tol: float, rng: Any) -> NDArray[np.int64]:
        """Positions of k candidates."""
        centers = self.move(self.first_centers(k, rng), max_iter, tol)
        taken = np.zeros(self._weights.size, dtype=bool)
        out = np.empty(k, dtype=np.int64)
        self._kernels.nearest_rows(
            *self._arrays, self._sq_norms, centers, (centers * centers).sum(axis=0), taken, out
        )
        return np.sort(out)

    def first_centers(self, k: int, rng: Any) -> NDArray[np.float64]:
        """k-means++: rows drawn by weight times squared distance from the centres before."""
        data, indices, indptr = self._arrays
        n_rows = self._weights.size
        centers = np.zeros((self._n_columns, k))
        free = np.ones(n_rows, dtype=bool)
        nearest = np.full(n_rows, np.inf)
        chances = self._weights
        for c, draw in enumerate(rng.uniform(size=k)):
            row = draw_row(chances, free, draw)
            free[row] = False
            entries = slice(indptr[row], indptr[row + 1])
            centers[indices[entries], c] = data[entries]
            dots = np.empty(n_rows)
            over_rows(self._csr.dots, n_rows, data.size, *self._arrays, centers[:, c].copy(), dots)
            distances = (self._sq_norms + self._sq_norms[row]) - 2.0 * dots
            nearest = np.minimum(nearest, np.maximum(distances, 0.0))
            chances = self._weights * nearest
        return centers

    def move(self, centers: NDArray[np.float64], max_iter: int, tol: float) -> NDArray[np.float64]:
        """Lloyd's algorithm from the given centres, which are (n_columns, k)."""
        n_rows, k = self._weights.size, centers.shape[1]
        data, indices, _ = self._arrays
        means = np.bincount(indices, data, minlength=1) / n_rows
        squares = np.bincount(indices, data**2, minlength=1) / n_rows
        small = tol * float(np.mean(squares - means**2))
        labels = np.full(n_rows, -1, dtype=np.int64)
        for _ in range(max_iter):
            previous, old = labels, centers
            labels = self.labels(old)
            centers, totals = np.zeros_like(old), np.zeros(k)
            self._kernels.weighted_k_means(*self._arrays, self._weights, labels, centers, totals)
            # In place: the arrays may be large.
            centers /= np.where(totals > 0, totals, 1.0)
            empty = np.flatnonzero(totals <= 0)
            centers[:, empty] = old[:, empty]
            moved = centers - old
            moved *= moved
            if moved.sum() <= small or np.array_equal(labels, previous):
                break
        return centers

    def labels(self, centers: NDArray[np.float64]) -> NDArray[np.int64]:
        """Nearest centre of each candidate."""
        labels = np.empty(self._weights.size, dtype=np.int64)
        over_rows(
            self._kernels.nearest_centers, labels.size, self._arrays[0].size * centers.shape[1],
            *self._arrays, centers, (centers * centers).sum(axis=0), labels,
        )  # fmt: skip
        return labels

    def rows(self) -> sp.csr_matrix:
        """Return the candidates over the columns that occur."""
        return sp.csr_matrix(self._arrays, shape=(self._weights.size, self._n_columns))


def draw_row(chances: NDArray[np.float64], free: NDArray[np.bool_], draw: float) -> int:
    """Turn a draw from [0, 1) into a row, in proportion to the chances if any is above zero."""
    edges = np.cumsum(chances)
    if not edges[-1] > 0:
        rows = np.flatnonzero(free)
        return int(rows[int(draw * rows.size)])
    # Rounding can bring the draw up to the total: no row behind the last chance then.
    row = int(np.searchsorted(edges, draw * edges[-1], side="right"))
    return min(row, int(np.searchsorted(edges, edges[-1])))
