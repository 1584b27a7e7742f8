"""The search of rows far from all centres that fits the kind of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._centers import Floats, SparseSearch
from fastal._centers_dense import DenseSearch
from fastal._threads import over_rows
from fastal._validation import CSR

__all__ = [
    "FITS_DISTANCES",
    "FITS_PRODUCTS",
    "DenseSearch",
    "SparseSearch",
    "check_scale",
    "checked_sq_norms",
    "make_search",
]

# Squared norms up to which what is made of them fits float64.  The square of a distance is at most
# four times the larger of two.  Up to the second, two can be multiplied, and the inner products of
# their rows summed over any pool.
FITS_DISTANCES = float(np.finfo(np.float64).max / 4)
FITS_PRODUCTS = 1e150


def make_search(
    X: CSR | NDArray[Any], cosine: bool, weights: Floats
) -> SparseSearch | DenseSearch:
    """Return it without centres; weights, of n_rows or none, multiply each row's distances."""
    sq_norms = checked_sq_norms(X, cosine)
    if isinstance(X, CSR):
        return SparseSearch(X, sq_norms, cosine, weights)
    return DenseSearch(X, sq_norms, cosine, weights)


def checked_sq_norms(
    X: CSR | NDArray[Any], cosine: bool, name: str = "X", largest: float = FITS_DISTANCES
) -> Floats:
    """Squared norms of the rows; rows whose distances or products leave float64 are refused."""
    from fastal import _kernels_csr, _kernels_dense

    if isinstance(X, CSR):
        sq_norms = np.empty(X.shape[0])
        # Half of the arrays that a pass reads.
        work = X.data.size // 2
        over_rows(_kernels_csr.sq_norms, sq_norms.size, work, X.data, X.indptr, sq_norms)
    else:
        sq_norms = np.empty(len(X))
        over_rows(_kernels_dense.sq_norms_dense, len(X), X.size, X, sq_norms)
    check_scale(X, sq_norms, cosine, name, largest)
    return sq_norms


def check_scale(
    X: CSR | NDArray[Any],
    sq_norms: Floats,
    cosine: bool,
    name: str = "X",
    largest: float = FITS_DISTANCES,
) -> None:
    """Refuse rows whose squares leave the range of float64: their distances would be wrong."""
    bad = sq_norms > largest
    if cosine:
        # A cosine divides by the root of a product of two squared norms.
        bad = (sq_norms > 0) & ((sq_norms < 1 / FITS_PRODUCTS) | (sq_norms > FITS_PRODUCTS))
        # Numbers whose squares are too small to tell from zero would pass for a row of zeros.
        zero = sq_norms == 0
        if isinstance(X, CSR):
            lengths = np.diff(X.indptr)
            if (lengths[zero] > 0).any():
                row_of = np.repeat(np.arange(sq_norms.size), lengths)
                bad[row_of[(X.data != 0) & zero[row_of]]] = True
        else:
            bad[zero] = X[zero].any(axis=1)
    if bad.any():
        row = np.flatnonzero(bad)[0]
        raise ValueError(
            f"{name} must be of a scale whose squares fit float64, but row {row} has the squared "
            f"norm {sq_norms[row]:.3g}; rescale {name}"
        )
