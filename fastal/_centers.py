"""Arrays for the compiled search of rows far from all centres, and the calls that fill them.

`SparseSearch` and `DenseSearch` have the same methods.  Bounds belong to the caller: one number
for each row of the pool, an upper bound of its weighted distance to the nearest centre, and how
many centres the row has met, in the order in which they were added.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._threads import n_threads, over_rows
from fastal._validation import CSR

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

# Entries that one call of a kernel reads before Python sees Ctrl-C and shows progress.
_BUDGET = 50_000_000
# Picks made in one call of a kernel on dense rows, for the same reason.
_PICKS_PER_CALL = 64
_N_BUCKETS = 4096
# Rows in a batch, at least, and as a share of the pool: the fewer, the fewer are looked at in
# vain; the more, the less is paid for handing them out to threads.
_MIN_BATCH = 1024
_BATCH_SHARE = 64
# A table has room for this many times as many terms as a row has on average; see _DENSE_SHARE.
_TABLE_TERMS = 30


def search(X: CSR | NDArray[Any], cosine: bool, weights: Floats) -> SparseSearch | DenseSearch:
    """Return the search for this kind of rows; weights, of n_rows or none, multiply distances."""
    kind = SparseSearch if isinstance(X, CSR) else DenseSearch
    return kind(X, cosine, weights)


def check_scale(sq_norms: Floats, cosine: bool) -> None:
    """Refuse rows whose squares leave the range of float64: their distances would be wrong."""
    bad = np.isinf(sq_norms)
    if cosine:
        # Products of two squared norms must stay in range as well.
        bad = (sq_norms > 0) & ((sq_norms < 1e-150) | (sq_norms > 1e150))
    if bad.any():
        row = np.flatnonzero(bad)[0]
        raise ValueError(
            f"X must be of a scale whose squares fit float64, but row {row} has the squared norm "
            f"{sq_norms[row]:.3g}; rescale X"
        )


def _due(noise: Floats, rates: Floats) -> Floats:
    """When each row's turn comes at its rate: never at rate 0."""
    return np.divide(noise, rates, out=np.full(noise.size, np.inf), where=rates > 0)


def _grown(array: NDArray[Any], length: int) -> NDArray[Any]:
    """Copy of array with room for `length` rows; untouched memory costs nothing."""
    grown = np.empty((length, *array.shape[1:]), dtype=array.dtype)
    grown[: len(array)] = array
    return grown


class SparseSearch:
    """Centres among CSR rows."""

    def __init__(self, X: CSR, cosine: bool, weights: Floats) -> None:
        from fastal import (
            _kernels_bounds,
            _kernels_centers,
            _kernels_csr,
            _kernels_diversity,
            _kernels_queue,
        )

        self._kernels = _kernels_centers
        self._bounds = _kernels_bounds
        self._csr = _kernels_csr
        self._loops = _kernels_diversity
        self._queue_kernels = _kernels_queue
        self.n_rows, self._n_features = X.shape
        self.n_entries = X.data.size
        self.sq_norms = np.empty(self.n_rows)
        over_rows(
            _kernels_csr.sq_norms, self.n_rows, self.n_entries // 2,
            X.data, X.indptr, self.sq_norms,
        )  # fmt: skip
        check_scale(self.sq_norms, cosine)
        self._cosine = cosine
        self._rows = _kernels_centers.Rows(
            X.data, X.indices, X.indptr, self.sq_norms, weights, cosine, X.positive
        )
        self._lengths = np.diff(X.indptr)
        n_terms = min(self._n_features, _TABLE_TERMS * (1 + self.n_entries // (self.n_rows + 1)))
        self._centers = _kernels_centers.Centers(
            size=np.zeros(4, dtype=np.int64),
            rows=np.empty(0, dtype=np.int64),
            sq_norms=np.empty(0),
            slot=np.full(self._n_features, -1, dtype=np.int32),
            strength=np.zeros(self._n_features),
            strongest=np.full(self._n_features, -1, dtype=np.int32),
            newest=np.zeros(self._n_features),
            start=np.empty(0, dtype=np.int64),
            length=np.empty(0, dtype=np.int32),
            room=np.empty(0, dtype=np.int32),
            dense=np.empty(0, dtype=np.int32),
            entries=np.empty((0, 2)),
            table=np.empty((n_terms, 0)),
        )

    def reserve(self, n_centers: int, n_entries: int) -> None:
        """Make room for more centres with this many entries in all."""
        c = self._centers
        n_centers += int(c.size[0])
        used = int(c.size[1])
        n_slots = min(self._n_features, used + n_entries)
        table = np.empty((len(c.table), n_centers))
        for dense in range(int(c.size[3])):
            table[dense, : c.size[0]] = c.table[dense, : c.size[0]]
            table[dense, c.size[0] :] = 0.0
        # A list that outgrows its room moves to twice as much; a new slot starts with two.
        in_lists = int(c.size[2]) + 4 * (n_entries + int(c.size[2])) + 2 * n_slots
        self._centers = c._replace(
            rows=_grown(c.rows, n_centers),
            sq_norms=_grown(c.sq_norms, n_centers),
            start=_grown(c.start[:used], n_slots),
            length=_grown(c.length[:used], n_slots),
            room=_grown(c.room[:used], n_slots),
            dense=_grown(c.dense[:used], n_slots),
            entries=_grown(c.entries[: c.size[2]], in_lists),
            table=table,
        )

    def add(self, rows: Rows) -> None:
        """Append centres."""
        self.reserve(rows.size, int(self._lengths[rows].sum()))
        self._kernels.add_centers(self._rows, self._centers, rows)

    def bound_all(self, bound: Floats, seen: NDArray[np.int32], first: int = 0) -> None:
        """Bound the distances of all rows from `first` on, in one pass over them.

        The rows meet no centre in full.
        """
        n_centers = int(self._centers.size[0])
        norms = self._centers.sq_norms[:n_centers]
        profile = np.zeros((self._n_features, 2))
        self._bounds.sum_centers(self._rows, self._centers, profile)
        profile[:, 1] = self._centers.strength
        self._in_blocks(
            self._bounds.bound_by_mean, first,
            self._rows, profile, n_centers, float(norms.mean()), float(norms.max()), bound,
        )  # fmt: skip

    def _in_blocks(self, kernel: Callable[..., None], first: int, *args: Any) -> None:
        """Call over_rows for blocks of rows, from `first` on, that do not keep Ctrl-C waiting."""
        per_row = max(1, self.n_entries // max(1, self.n_rows))
        block = max(1, 4 * _BUDGET // per_row)
        for start in range(first, self.n_rows, block):
            n_rows = min(block, self.n_rows - start)
            over_rows(kernel, n_rows, n_rows * per_row, start, *args)

    def pick(
        self,
        candidates: Rows,
        rank: Rows,
        bound: Floats,
        seen: NDArray[np.int32],
        n_picks: int,
        tick: Callable[[int], None],
    ) -> tuple[Rows, Floats]:
        """Pick candidates, farthest first; also return each pick's bound just before it."""
        self._reserve_for(candidates, n_picks)
        queue = self._new_queue(candidates, bound)
        scratch = self._scratch(n_threads())
        picks, before = np.empty(n_picks, dtype=np.int64), np.empty(n_picks)
        done = 0
        while done < n_picks:
            if queue.size[0] == 0:
                wanted = max(_MIN_BATCH, (candidates.size - done) // _BATCH_SHARE)
                self._refine(queue, wanted, rank, bound, seen, scratch)
            so_far = done
            done = self._loops.k_center_greedy_csr(
                self._rows, self._centers, queue, rank, bound, seen, scratch[0][0],
                picks, before, done, _BUDGET,
            )  # fmt: skip
            tick(done - so_far)
        return picks, before

    def _refine(
        self, queue: Any, wanted: int, rank: Rows, bound: Floats, seen: Any, scratch: Any
    ) -> None:
        enough = self._queue_kernels.take_batch(queue, bound, wanted)
        largest = float(self._centers.sq_norms[: self._centers.size[0]].max())
        n_rows = int(queue.size[1])
        # In the order of the pool, memory is read forwards.
        queue.batch[:n_rows].sort()
        # Most rows are read twice, and cost the waiting for their memory besides.
        per_row = 400 + 4 * self.n_entries // max(1, self.n_rows)
        block = max(1, _BUDGET // per_row)
        for start in range(0, n_rows, block):
            rows = queue.batch[start : min(start + block, n_rows)]
            over_rows(
                self._bounds.refine, rows.size, rows.size * per_row,
                self._rows, self._centers, rows, enough, largest, bound, seen,
                scratch=scratch,
            )  # fmt: skip
        self._queue_kernels.settle(queue, bound, rank)

    def _reserve_for(self, candidates: Rows, n_picks: int) -> None:
        """Make room for whatever is picked: for the longest of the candidates."""
        lengths = self._lengths[candidates]
        longest = np.partition(lengths, -n_picks)[-n_picks:] if n_picks else lengths[:0]
        self.reserve(n_picks, int(longest.sum()))

    def _new_queue(self, candidates: Rows, bound: Floats) -> Any:
        kernels = self._queue_kernels
        queue = kernels.Queue(
            size=np.zeros(3, dtype=np.int64),
            scale=np.zeros(2),
            head=np.empty(_N_BUCKETS, dtype=np.int32),
            following=np.empty(self.n_rows, dtype=np.int32),
            batch=np.empty(candidates.size, dtype=np.int32),
            heap=np.empty(candidates.size, dtype=np.int32),
        )
        kernels.fill(queue, bound, candidates)
        return queue

    def _scratch(self, n: int) -> list[tuple[Floats, Floats]]:
        n_centers = self._centers.rows.size
        return [(np.zeros(n_centers), np.zeros(self._n_features)) for _ in range(n)]

    def race(
        self,
        candidates: Rows,
        rank: Rows,
        noise: Floats,
        bound: Floats,
        seen: NDArray[np.int32],
        n_picks: int,
        tick: Callable[[int], None],
    ) -> Rows:
        """Pick candidates in the order of a race at the rates of their squared distances.

        noise is each row's time at rate 1; bound becomes the distance to the nearest centre of
        the rows that were looked at.
        """
        self._reserve_for(candidates, n_picks)
        n_first = int(self._centers.size[0])
        key = -_due(noise, bound)
        heap = candidates.astype(np.int32)
        self._queue_kernels.heapify(key, rank, heap, heap.size)
        times = np.zeros(self._centers.rows.size)
        dots = np.zeros(self._centers.rows.size)
        nearest = np.full(self.n_rows, np.inf)
        picks = np.empty(n_picks, dtype=np.int64)
        done = 0
        while done < n_picks:
            so_far = done
            done = self._loops.kmeans_plusplus_csr(
                self._rows, self._centers, heap, heap.size, rank, n_first, noise, times, dots,
                nearest, seen, key, picks, done, _BUDGET,
            )  # fmt: skip
            tick(done - so_far)
        return picks

    def distances_to_mean(self) -> Floats:
        """Cosine distances, or squared Euclidean ones but for a term that all rows share."""
        mean = np.zeros(self._n_features)
        rows = self._rows
        self._csr.column_sums(rows.data, rows.indices, mean)
        mean /= self.n_rows
        dots = np.empty(self.n_rows)
        over_rows(
            self._csr.dots, self.n_rows, self.n_entries,
            rows.data, rows.indices, rows.indptr, mean, dots,
        )  # fmt: skip
        if not self._cosine:
            return self.sq_norms - 2.0 * dots
        products = self.sq_norms * float(mean @ mean)
        # As between two rows: zeros are at distance 0 from zeros and 1 from all else.
        flat = np.where(self.sq_norms == float(mean @ mean), 0.0, 1.0)
        scale = np.sqrt(np.where(products > 0, products, 1.0))
        return np.where(products > 0, np.maximum(1.0 - dots / scale, 0.0), flat)


class DenseSearch:
    """Centres among dense rows."""

    def __init__(self, X: NDArray[Any], cosine: bool, weights: Floats) -> None:
        from fastal import _kernels_dense, _kernels_diversity, _kernels_queue

        self._kernels = _kernels_dense
        self._loops = _kernels_diversity
        self._queue_kernels = _kernels_queue
        self.n_rows = len(X)
        self.n_entries = X.size
        self.sq_norms = np.empty(len(X))
        over_rows(_kernels_dense.sq_norms_dense, len(X), X.size, X, self.sq_norms)
        check_scale(self.sq_norms, cosine)
        self._rows = _kernels_dense.DenseRows(X, self.sq_norms, weights, cosine)
        self._centers = _kernels_dense.DenseCenters(
            np.zeros(1, dtype=np.int64), np.empty((X.shape[1], 0)), np.empty(0)
        )

    def reserve(self, n_centers: int) -> None:
        """Make room for more centres."""
        c = self._centers
        n_centers += int(c.size[0])
        columns = np.empty((len(c.columns), n_centers))
        columns[:, : c.size[0]] = c.columns[:, : c.size[0]]
        self._centers = c._replace(columns=columns, sq_norms=_grown(c.sq_norms, n_centers))

    def add(self, rows: Rows) -> None:
        """Append centres."""
        self.reserve(rows.size)
        self._kernels.add_centers_dense(self._rows, self._centers, rows)

    def bound_all(self, bound: Floats, seen: NDArray[np.int32], first: int = 0) -> None:
        """Bring the bounds of all rows from `first` on up to date."""
        per_row = max(1, self._rows.X.shape[1] * int(self._centers.size[0]))
        block = max(1, 4 * _BUDGET // per_row)
        for start in range(first, self.n_rows, block):
            n_rows = min(block, self.n_rows - start)
            over_rows(
                self._kernels.meet_all_dense, n_rows, n_rows * per_row,
                start, self._rows, self._centers, bound, seen,
            )  # fmt: skip

    def pick(
        self,
        candidates: Rows,
        rank: Rows,
        bound: Floats,
        seen: NDArray[np.int32],
        n_picks: int,
        tick: Callable[[int], None],
    ) -> tuple[Rows, Floats]:
        """Pick candidates, farthest first; also return each pick's bound just before it."""
        self.reserve(n_picks)
        heap = candidates.astype(np.int32)
        self._queue_kernels.heapify(bound, rank, heap, heap.size)
        picks, before = np.empty(n_picks, dtype=np.int64), np.empty(n_picks)
        for done in range(0, n_picks, _PICKS_PER_CALL):
            now = slice(done, min(done + _PICKS_PER_CALL, n_picks))
            self._loops.k_center_greedy_dense(
                self._rows, self._centers, heap, heap.size - done, rank, bound, seen,
                picks[now], before[now],
            )  # fmt: skip
            tick(now.stop - now.start)
        return picks, before

    def race(
        self,
        candidates: Rows,
        rank: Rows,
        noise: Floats,
        bound: Floats,
        seen: NDArray[np.int32],
        n_picks: int,
        tick: Callable[[int], None],
    ) -> Rows:
        """Pick candidates in the order of a race at the rates of their squared distances."""
        times = _due(noise, bound)
        nearest, distances = bound.copy(), np.empty(self.n_rows)
        picks = np.empty(n_picks, dtype=np.int64)
        left = candidates
        for i in range(n_picks):
            soonest = left[times[left] == times[left].min()]
            picks[i] = soonest[np.argmin(rank[soonest])]
            left = left[left != picks[i]]
            over_rows(
                self._kernels.distances_to_dense, self.n_rows, self.n_entries,
                self._rows, self._rows.X[picks[i]].astype(np.float64), distances,
            )  # fmt: skip
            self._loops.slow_down(times, float(times[picks[i]]), nearest, distances)
            tick(1)
        return picks

    def distances_to_mean(self) -> Floats:
        """Squared Euclidean or cosine distances."""
        mean = self._rows.X.mean(axis=0, dtype=np.float64)
        out = np.empty(self.n_rows)
        over_rows(
            self._kernels.distances_to_dense, self.n_rows, self.n_entries, self._rows, mean, out
        )
        return out
