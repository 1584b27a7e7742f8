"""Row ranges of a sparse or dense matrix as a linear model's kernels take them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastal._linear import Decisions, Linear
from fastal._validation import CSR, as_float, bad_entry, check_structure, read_only


class MatrixRows:
    """A matrix whose rows are converted and multiplied by ranges; it is never copied as a whole.

    Columns are checked range by range.  A number that is not finite makes the decision values of
    its row NaN; `explain` then says what is wrong.
    """

    def __init__(self, X: Any, n_features: int, name: str) -> None:
        if X.ndim != 2:
            raise ValueError(f"{name} must have shape (n_samples, n_features), got {X.shape}")
        if X.shape[1] != n_features:
            raise ValueError(
                f"{name} has {X.shape[1]} features, but the model was fitted on {n_features}"
            )
        self.name = name
        self.n_rows = int(X.shape[0])
        self.sparse = sp.issparse(X)
        self.X = X.tocsr() if self.sparse else X
        self.n_entries = self.n_rows * n_features
        if self.sparse:
            shape = (self.n_rows, n_features)
            check_structure(self.X.indices, self.X.indptr, self.X.data.size, shape)
            self.n_entries = int(self.X.indptr[-1])

    def decisions(self, models: Sequence[Linear], start: int, stop: int) -> Iterator[Decisions]:
        """Yield the decision values of a row range, (stop - start, n_columns), of each model.

        The models have the same `places`, and the same threshold or none.
        """
        if self.sparse:
            entries = self.entries(models[0], start, stop)
            yield from (decisions_csr(model, *entries) for model in models)
            return
        x = read_only(_binary(as_float(self.X[start:stop], self.name), models[0].threshold))
        yield from (_decisions_dense(model, x) for model in models)

    def entries(self, model: Linear, start: int, stop: int) -> tuple[NDArray[Any], ...]:
        """CSR arrays of a row range, as the model takes them."""
        from fastal import _kernels_linear

        data, indices, indptr = self._entries(start, stop)
        if not _kernels_linear.columns_exist(indices, model.n_features):
            bad = (indices < 0) | (indices >= model.n_features)
            entry = int(indptr[0]) + int(np.flatnonzero(bad)[0])
            self.explain(start + int(np.searchsorted(indptr, entry, side="right")) - 1)
        data = _binary(data, model.threshold)
        if model.places is None:
            return data, indices, indptr
        return known_entries(data, indices, indptr, model.places)

    def lengths(self, start: int, stop: int, intercept: bool) -> NDArray[np.float64]:
        """Euclidean length of each row of a range, with a 1 for the intercept or without."""
        from fastal import _kernels_dense, _kernels_gradient

        out = np.empty(stop - start)
        if self.sparse:
            data, indices, indptr = self._entries(start, stop)
            base, n_features = int(indptr[0]), self.X.shape[1]
            _kernels_gradient.row_sq_norms(data, indices, indptr, base, n_features, out)
            for row in np.flatnonzero(out < 0.0):
                if out[row] == _kernels_gradient.OUTSIDE:
                    self.explain(start + int(row))
                own = slice(indptr[row] - indptr[0], indptr[row + 1] - indptr[0])
                _, places = np.unique(indices[own], return_inverse=True)
                with np.errstate(over="ignore"):
                    out[row] = np.square(np.bincount(places, weights=data[own])).sum()
        else:
            x = read_only(as_float(self.X[start:stop], self.name))
            _kernels_dense.sq_norms_dense(0, len(x), x, out)
        return np.sqrt(out + float(bool(intercept)))

    def _entries(self, start: int, stop: int) -> tuple[NDArray[Any], ...]:
        indptr = read_only(self.X.indptr[start : stop + 1])
        own = slice(indptr[0], indptr[-1])
        data = as_float(self.X.data[own], self.name)
        return data, read_only(self.X.indices[own]), indptr

    def first(self, n: int) -> Any:
        """Copy the first n rows, sparse ones of numbers that scipy can work with."""
        if not self.sparse:
            # Some steps of a pipeline write into what they are given.
            return self.X[:n].copy()
        data, indices, indptr = self._entries(0, n)
        if self.X.dtype != np.float16:
            data = self.X.data[: data.size]
        return sp.csr_matrix((data, indices, indptr), shape=(n, self.X.shape[1]), copy=True)

    def explain(self, row: int) -> NoReturn:
        """Say what is wrong with a row."""
        if self.sparse:
            data, indices, indptr = self._entries(row, row + 1)
            matrix = CSR(data, indices, indptr - indptr[0], (1, self.X.shape[1]), False)
            problem = bad_entry(matrix, 0, self.name, row)
        else:
            values = as_float(self.X[row], self.name)
            bad = values[~np.isfinite(values)]
            problem = None
            if bad.size:
                problem = f"{self.name} must be finite, but row {row} holds {bad[0]}"
        raise ValueError(
            problem
            or f"{self.name}: the model's decision values for row {row} are not finite: its "
            "entries, or the model's weights, are too large"
        )


def _binary(values: NDArray[Any], threshold: float | None) -> NDArray[Any]:
    """Numbers above the threshold as 1, others as 0; NaN for those that are not finite."""
    if threshold is None:
        return values
    return np.where(np.isfinite(values), values > threshold, np.nan)


def known_entries(
    data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any], places: NDArray[np.int32]
) -> tuple[NDArray[Any], ...]:
    """Entries of the rows in columns that have weights, as CSR arrays over rows of weights."""
    from fastal import _kernels_linear

    # One more: the kernel writes an entry before it knows whether it is wanted.
    values, rows_of_weights = np.empty(data.size + 1), np.empty(data.size + 1, dtype=np.int32)
    ends = np.empty(len(indptr), dtype=np.int64)
    _kernels_linear.known_entries(
        0, len(indptr) - 1, read_only(data), indices, indptr, int(indptr[0]), read_only(places),
        values, rows_of_weights, ends,
    )  # fmt: skip
    return values[: ends[-1]], rows_of_weights[: ends[-1]], read_only(ends)


def decisions_csr(
    model: Linear, data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any]
) -> Decisions:
    """Decision values of CSR rows, (n_rows, n_columns)."""
    from fastal import _kernels_linear

    n_rows, n_columns = len(indptr) - 1, model.weights.shape[1]
    out = np.empty((n_rows, n_columns))
    weights, intercept = read_only(model.weights), read_only(model.intercept)
    entries = (read_only(data), read_only(indices), indptr, int(indptr[0]))
    if n_columns == 1:
        _kernels_linear.decisions_csr_one(0, n_rows, *entries, weights[:, 0], intercept, out)
    else:
        _kernels_linear.decisions_csr(0, n_rows, *entries, weights, intercept, out)
    return out


def _decisions_dense(model: Linear, x: NDArray[Any]) -> Decisions:
    from fastal import _kernels_linear

    out = np.empty((len(x), model.weights.shape[1]))
    weights, intercept = read_only(model.weights), read_only(model.intercept)
    _kernels_linear.decisions_dense(0, len(x), x, weights, intercept, out)
    return out
