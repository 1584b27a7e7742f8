"""Rows with a distance between them, sparse or dense: what the ball graph stands on."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastal._search import checked_sq_norms
from fastal._threads import over_rows
from fastal._validation import CSR, check_csr, check_matrix, check_metric, read_only

Rows: TypeAlias = "NDArray[np.int64]"
# What kernels return for some rows: neighbours of lower number, how many each and all in a row.
Part: TypeAlias = "tuple[NDArray[np.int64], NDArray[np.int32]]"

# Work of one call of a kernel: Python sees Ctrl-C in between.
ROWS_PER_CALL = 4096
CELLS_PER_CALL = 2**24

# Squared norms below this may have lost digits to underflow: such rows are never filtered.
_TINY = 1e-290


class SparsePoints:
    """Rows of a CSR matrix; see fastal/_kernels_coverage.py."""

    def __init__(self, X: CSR, cosine: bool) -> None:
        from fastal import _kernels_coverage

        self._kernels = _kernels_coverage
        self._X = X
        self.cosine = cosine
        self.n_rows = X.shape[0]
        self.sq_norms = checked_sq_norms(X, cosine)
        # Each row is compared with some dozens of others, more or less.
        self.work = 16 * X.data.size
        self._arguments = X.data, X.indices, X.indptr, self.sq_norms, X.shape[1], cosine
        self._ranked: tuple[Any, ...] | None = None

    def take(self, rows: Rows) -> SparsePoints:
        """Return the rows as points of their own."""
        X = self._X
        part = sp.csr_matrix((X.data, X.indices, X.indptr), shape=X.shape)[rows]
        return SparsePoints(check_csr(part), self.cosine)

    def nearest(self, centers: Rows, enough: float, near: Any) -> None:
        """Lower near, where above enough, to the distances of the nearest centres."""
        work = self._X.data.size * centers.size
        over_rows(
            self._kernels.nearest_csr, near.size, work,
            *self._arguments, centers, enough, near,
        )  # fmt: skip

    def pairs(self) -> Iterator[NDArray[np.float64]]:
        """Distances of each row in turn to the rows of higher number."""
        from fastal import _kernels_pairs

        X = self._X
        columns = sp.csr_matrix((X.data, X.indices, X.indptr), shape=X.shape).tocsc()
        for row in range(self.n_rows):
            out = np.empty(self.n_rows - row - 1)
            _kernels_pairs.distances_above_csr(
                row, X.data, X.indices, X.indptr, self.sq_norms, self.cosine,
                columns.indptr, columns.indices, columns.data, out,
            )  # fmt: skip
            yield out

    def _rank_terms(self) -> tuple[Any, ...]:
        """Rows of unit length, the rarest terms first, with the norm of what follows each entry.

        (terms, values, tails, indptr), values and tails in float32.
        """
        data, indices, indptr = self._X.data, self._X.indices, self._X.indptr
        shape = self._X.shape
        by_frequency = np.argsort(np.bincount(indices, minlength=shape[1]), kind="stable")
        rank = np.empty(shape[1], dtype=indices.dtype)
        rank[by_frequency] = np.arange(shape[1])
        norms = np.sqrt(np.where(self.sq_norms < _TINY, np.inf, self.sq_norms))
        unit = (data / np.repeat(norms, np.diff(indptr))).astype(np.float32)
        # There and back: scipy sorts the entries of all rows in linear time.
        ranked = sp.csr_matrix((unit, rank[indices], indptr), shape=shape).tocsc().tocsr()
        tails = np.empty_like(ranked.data)
        self._kernels.tail_norms(ranked.data, ranked.indptr, tails)
        return ranked.indices, ranked.data, tails, ranked.indptr

    def prepare(self, limit: float) -> tuple[Any, ...]:
        """Index the prefixes for this limit; the result goes to `lower_neighbours`."""
        if self._ranked is None:
            self._ranked = self._rank_terms()
        terms, values, tails, indptr = self._ranked
        margin = self._kernels.MARGIN
        # The squared norm that a prefix must exceed, the row's own being 1.
        need = np.full(self.n_rows, np.inf)
        usable = self.sq_norms >= _TINY
        if not self.cosine:
            need[usable] = limit / self.sq_norms[usable] * (1 + margin) + margin
        elif limit < 1:
            need[usable] = 1 - max(1 - limit - margin, 0.0) ** 2 + margin
        lengths = np.zeros(self.n_rows, dtype=np.int64)
        short = np.ones(self.n_rows, dtype=bool)
        if (need < 1).any():
            # Otherwise all rows are short, and their entries need no lists.
            self._kernels.prefix_lengths(values, indptr, need, lengths, short)
            # Their bounds say nothing, so no list may hold them.
            lengths[~usable] = 0
        ends = np.full(self.n_rows, -1, dtype=np.int64)
        rests = np.ones(self.n_rows, dtype=np.float32)
        some = lengths > 0
        last = indptr[:-1][some] + lengths[some] - 1
        ends[some], rests[some] = terms[last], tails[last]
        in_prefix = np.repeat(indptr[:-1] + lengths, np.diff(indptr)) > np.arange(terms.size)
        sizes = np.bincount(terms[in_prefix], minlength=self._X.shape[1])
        list_ptr = np.append(0, np.cumsum(sizes))
        lists: tuple[Any, ...] = (
            list_ptr,
            np.empty(list_ptr[-1], dtype=np.int32),  # rows
            np.empty(list_ptr[-1], dtype=np.float32),  # values
            np.empty(list_ptr[-1], dtype=np.float32),  # tails
        )
        arguments: tuple[Any, ...] = (*self._ranked, lengths, *lists)
        self._kernels.index_prefixes(*arguments)
        return (limit, *self._ranked, lengths, ends, rests, short, np.flatnonzero(short), *lists)

    def rows_per_call(self) -> int:
        return ROWS_PER_CALL

    def lower_neighbours(self, start: int, stop: int, room: int, prepared: Any) -> Part:
        arguments: tuple[Any, ...] = (*self._arguments, *prepared, room)
        part: Part = self._kernels.lower_neighbours_csr(start, stop, *arguments)
        return part


class DensePoints:
    """Rows of a dense array; the same methods."""

    def __init__(self, X: NDArray[Any], cosine: bool) -> None:
        from fastal import _kernels_coverage

        self._kernels = _kernels_coverage
        self._X = X
        self.cosine = cosine
        self.n_rows = len(X)
        self.sq_norms = checked_sq_norms(X, cosine)
        self.work = X.size * self.n_rows

    def take(self, rows: Rows) -> DensePoints:
        return DensePoints(read_only(self._X[rows]), self.cosine)

    def nearest(self, centers: Rows, enough: float, near: Any) -> None:
        over_rows(
            self._kernels.nearest_dense, near.size, self._X.size * centers.size,
            self._X, self.sq_norms, self.cosine, centers, enough, near,
        )  # fmt: skip

    def pairs(self) -> Iterator[NDArray[np.float64]]:
        from fastal import _kernels_pairs

        columns = np.array(self._X.T, dtype=np.float64, order="C")
        for row in range(self.n_rows):
            out = np.empty(self.n_rows - row - 1)
            _kernels_pairs.distances_above_dense(row, columns, self.sq_norms, self.cosine, out)
            yield out

    def prepare(self, limit: float) -> tuple[Any, ...]:
        return (limit,)

    def rows_per_call(self) -> int:
        return min(ROWS_PER_CALL, max(1, CELLS_PER_CALL // max(1, self.n_rows)))

    def lower_neighbours(self, start: int, stop: int, room: int, prepared: Any) -> Part:
        part: Part = self._kernels.lower_neighbours_dense(
            start, stop, self._X, self.sq_norms, self.cosine, *prepared
        )
        return part


Points: TypeAlias = "SparsePoints | DensePoints"


def make_points(X: Any, metric: str) -> Points:
    """Check X and the metric."""
    cosine = check_metric(metric) == "cosine"
    matrix = check_matrix(X)
    kind = SparsePoints if isinstance(matrix, CSR) else DensePoints
    return kind(matrix, cosine)  # type: ignore[arg-type]


def limit_of(radius: float, cosine: bool) -> float:
    """What distances are compared with: squared if Euclidean."""
    return radius if cosine else radius * radius


def least_radius(distance: float, cosine: bool) -> float:
    """Least radius that reaches a distance as the kernels give it."""
    if cosine:
        return distance
    radius = math.sqrt(distance)
    return radius if radius * radius >= distance else math.nextafter(radius, math.inf)


def radius_below(distance: float, cosine: bool) -> float:
    """Largest radius that does not reach a distance as the kernels give it, at least 0."""
    radius = least_radius(distance, cosine)
    return radius if math.isinf(radius) else max(math.nextafter(radius, -math.inf), 0.0)
