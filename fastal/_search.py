"""The search of rows far from all centres that fits the kind of rows."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastal._centers import Floats, SparseSearch
from fastal._centers_dense import DenseSearch
from fastal._validation import CSR

__all__ = ["DenseSearch", "SparseSearch", "search"]


def search(X: CSR | NDArray[Any], cosine: bool, weights: Floats) -> SparseSearch | DenseSearch:
    """Return it without centres; weights, of n_rows or none, multiply each row's distances."""
    if isinstance(X, CSR):
        return SparseSearch(X, cosine, weights)
    return DenseSearch(X, cosine, weights)
