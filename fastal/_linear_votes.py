"""Votes of many linear models on sparse rows, for nearly all rows from single precision.

Which of its classes a member votes for hardly ever hangs on the eighth digit.  The decision
values of all members are made side by side with half the bytes and twice the numbers to a vector
instruction; a row is computed again, in double precision, where a vote lies within the error.
The votes are always those of double precision.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastal._linear import Decisions, Linear
from fastal._validation import read_only

# Products with numbers of at most this size stay far from the ends of single precision.
_LARGEST = 1e10


class Stacked(NamedTuple):
    """Weights of all members, in single precision."""

    weights: NDArray[np.float32]  # (n_features, n_columns)
    largest: NDArray[np.float64]  # (n_features,): largest weight of any member
    intercept: NDArray[np.float32]  # (n_columns,)
    edges: NDArray[np.int64]  # (n_members + 1,): columns of each member
    codes: NDArray[np.int32]  # (n_columns,): class of each column, as a position among all


def stack(models: Sequence[Linear], classes: NDArray[Any]) -> Stacked | None:
    """Put the weights of the models side by side; two classes become columns 0 and the value.

    None if some are too large for single precision.
    """
    weights = [_two_columns(model.weights) for model in models]
    n_features = len(weights[0])
    edges = np.cumsum([0, *(w.shape[1] for w in weights)])
    largest = np.zeros(n_features)
    together = np.empty((n_features, edges[-1]), dtype=np.float32)
    for w, first in zip(weights, edges, strict=False):
        np.maximum(largest, np.abs(w).max(axis=1), out=largest)
        with np.errstate(over="ignore"):
            together[:, first : first + w.shape[1]] = w
    intercept = np.concatenate([_two_columns(model.intercept[np.newaxis])[0] for model in models])
    if max(largest.max(), np.abs(intercept).max()) > _LARGEST:
        return None
    codes = np.concatenate([np.searchsorted(classes, model.classes) for model in models])
    return Stacked(together, largest, intercept.astype(np.float32), edges, codes.astype(np.int32))


def _two_columns(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    if weights.shape[1] > 1:
        return weights
    return np.hstack([np.zeros_like(weights), weights])


def votes_of_most(
    stacked: Stacked, data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any]
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Votes of all members on CSR rows, (n_rows, n_members), and the rows that are not sure."""
    from fastal import _kernels_rough as kernels

    n_rows = len(indptr) - 1
    rows = (read_only(data), read_only(indices), read_only(indptr), int(indptr[0]))
    decisions = np.empty((n_rows, stacked.codes.size), dtype=np.float32)
    kernels.rough_decisions(*rows, read_only(stacked.weights), decisions)
    errors = np.empty(n_rows)
    intercept = float(np.abs(stacked.intercept).max())
    kernels.rough_errors(*rows, read_only(stacked.largest), intercept, errors)
    votes = np.empty((n_rows, stacked.edges.size - 1), dtype=np.int32)
    sure = np.ones(n_rows, dtype=bool)
    kernels.rough_votes(
        decisions, stacked.intercept, stacked.edges, stacked.codes, errors, votes, sure
    )
    return votes, np.flatnonzero(~sure)


def votes_of(
    models: Sequence[Linear], classes: NDArray[Any], decisions: Iterable[Decisions]
) -> NDArray[np.int32]:
    """Votes of the models by their decision values; -1 where one is not finite."""
    from fastal import _kernels_linear

    columns = []
    for model, values in zip(models, decisions, strict=True):
        codes = np.searchsorted(classes, model.classes).astype(np.int32)
        columns.append(np.empty(len(values), dtype=np.int32))
        _kernels_linear.votes(read_only(values), codes, columns[-1])
    return np.stack(columns, axis=1)


def take_rows(
    rows: NDArray[np.int64], data: NDArray[Any], indices: NDArray[Any], indptr: NDArray[Any]
) -> tuple[NDArray[Any], ...]:
    """CSR arrays of some of the rows."""
    n_columns = int(indices.max(initial=0)) + 1
    ends = (indptr - indptr[0]).astype(indices.dtype)
    taken = sp.csr_matrix((data, indices, ends), shape=(len(indptr) - 1, n_columns))[rows]
    return taken.data, taken.indices, taken.indptr
