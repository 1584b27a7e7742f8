"""Arrays for the compiled search among sparse rows, and the calls that fill them.

`SparseSearch` and `fastal._centers_dense.DenseSearch` have the same methods.  Bounds belong to the
caller: one number for each row of the pool, an upper bound of its weighted distance to the nearest
centre, and how many centres the row has met, in the order in which they were added.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._threads import n_threads, over_rows
from fastal._validation import CSR

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

# Entries that one call of a kernel reads before Python sees Ctrl-C and shows progress.
BUDGET = 50_000_000
_N_BUCKETS = 4096
# Indices in a batch, at least, and as a share of the pool: the fewer, the fewer are looked at in
# vain; the more, the less is paid for handing them out to threads.
_MIN_BATCH = 2048
_BATCH_SHARE = 64
# A batch so many times as large as it should be holds rows with the same bound.
_CROWD = 4
# Nanoseconds: what a step through all rows costs for each entry and row, and what a search that
# avoids such steps costs before its first pick and for each entry and row.  Only ratios matter.
_ALL_ROWS_ENTRY, _ALL_ROWS_ROW = 0.8, 4.0
_LAZY_START, _LAZY_ENTRY, _LAZY_ROW = 400_000.0, 5.0, 250.0
# Ctrl-C waits for such a step to end.
_ALL_ROWS_MOST = 2e8
# A table has room for this many times as many terms as a row has on average; see _DENSE_SHARE.
_TABLE_TERMS = 30


def due(noise: Floats, rates: Floats) -> Floats:
    """When each row's turn comes at its rate: never at rate 0."""
    never = np.full(noise.size, np.inf)
    return np.asarray(np.divide(noise, rates, out=never, where=rates > 0))


def grown(array: NDArray[Any], length: int) -> NDArray[Any]:
    """Copy of array with room for `length` rows; untouched memory costs nothing."""
    larger = np.empty((length, *array.shape[1:]), dtype=array.dtype)
    larger[: len(array)] = array
    return larger


class SparseSearch:
    """Centres among CSR rows."""

    def __init__(self, X: CSR, sq_norms: Floats, cosine: bool, weights: Floats) -> None:
        from fastal import _kernels_centers

        self.n_rows, self.n_features = X.shape
        self.n_entries = X.data.size
        self.sq_norms = sq_norms
        self._cosine = cosine
        self._rows = _kernels_centers.Rows(
            X.data, X.indices, X.indptr, sq_norms, weights, cosine, X.positive
        )
        self._lengths = np.diff(X.indptr)
        self._entries_per_row = 1 + self.n_entries // (self.n_rows + 1)
        self.reset()

    @property
    def n_centers(self) -> int:
        """How many centres there are."""
        return int(self._centers.size[0])

    def weigh(self, weights: Floats) -> None:
        """Multiply distances by these weights from now on: of n_rows, or none."""
        self._rows = self._rows._replace(weights=weights)

    def reset(self) -> None:
        """Forget all centres."""
        from fastal import _kernels_centers

        n_terms = min(self.n_features, _TABLE_TERMS * self._entries_per_row)
        self._centers = _kernels_centers.Centers(
            size=np.zeros(4, dtype=np.int64),
            rows=np.empty(0, dtype=np.int64),
            sq_norms=np.empty(0),
            slot=np.zeros(self.n_features, dtype=np.int32),
            strength=np.zeros(self.n_features),
            strongest=np.zeros(self.n_features, dtype=np.int32),
            newest=np.zeros(self.n_features),
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
        old, used, in_lists, dense = c.size.tolist()
        n_centers += old
        n_slots = min(self.n_features, used + n_entries)
        table = np.empty((len(c.table), n_centers))
        table[:dense, :old] = c.table[:dense, :old]
        table[:dense, old:] = 0.0
        self._centers = c._replace(
            rows=grown(c.rows[:old], n_centers),
            sq_norms=grown(c.sq_norms[:old], n_centers),
            start=grown(c.start[:used], n_slots),
            length=grown(c.length[:used], n_slots),
            room=grown(c.room[:used], n_slots),
            dense=grown(c.dense[:used], n_slots),
            # A list that outgrows its room of 2, 4, ... moves to twice as much, and all its rooms
            # together are less than twice the last, which is less than twice its length.
            entries=grown(c.entries[:in_lists], 4 * (in_lists + n_entries) + 2 * n_slots),
            table=table,
        )

    def add(self, rows: Indices) -> None:
        """Append centres."""
        from fastal import _kernels_centers

        self.reserve(rows.size, int(self._lengths[rows].sum()))
        _kernels_centers.add_centers(self._rows, self._centers, rows)

    def bound_all(self, bound: Floats, seen: NDArray[np.int32], first: int = 0) -> None:
        """Bound the distances of all rows from `first` on, in one pass over them.

        The rows meet no centre in full.
        """
        from fastal import _kernels_bounds

        n_centers = self.n_centers
        norms = self._centers.sq_norms[:n_centers]
        profile = np.zeros((self.n_features, 2))
        _kernels_bounds.profile_centers(self._rows, self._centers, profile)
        self._in_blocks(
            _kernels_bounds.bound_by_mean, first,
            self._rows, profile, n_centers, float(norms.mean()), float(norms.max()), bound,
        )  # fmt: skip

    def _in_blocks(self, kernel: Callable[..., None], first: int, *args: Any) -> None:
        """Call over_rows for blocks of rows, from `first` on, that do not keep Ctrl-C waiting."""
        block = 1 + 4 * BUDGET // self._entries_per_row
        for start in range(first, self.n_rows, block):
            n_rows = min(block, self.n_rows - start)
            over_rows(kernel, n_rows, n_rows * self._entries_per_row, start, *args)

    def pick(
        self,
        candidates: Indices,
        rank: Indices,
        bound: Floats,
        seen: NDArray[np.int32],
        n_picks: int,
        tick: Callable[[int], None],
    ) -> tuple[Indices, Floats]:
        """Pick candidates, farthest first; also return each pick's bound just before it.

        All but the last pick become centres.
        """
        from fastal import _kernels_diversity

        self._reserve_for(candidates, n_picks)
        queue = self._new_queue(candidates, bound)
        scratch = self._scratch(n_threads())
        largest = float(self.sq_norms.max())
        picks, before = np.empty(n_picks, dtype=np.int64), np.empty(n_picks)
        done = 0
        while done < n_picks:
            if queue.size[0] == 0:
                self._refine(queue, rank, largest, bound, seen, scratch)
            so_far = done
            done = _kernels_diversity.k_center_greedy_csr(
                self._rows, self._centers, queue, rank, largest, bound, seen, *scratch[0],
                picks, before, done, BUDGET,
            )  # fmt: skip
            tick(done - so_far)
        return picks, before

    def _refine(
        self, queue: Any, rank: Indices, largest: float, bound: Floats, seen: Any, scratch: Any
    ) -> None:
        """Fill the heap from the highest buckets, after a first look at their rows."""
        from fastal import _kernels_bounds, _kernels_queue

        n_left = queue.batch.size
        wanted = max(_MIN_BATCH, n_left // _BATCH_SHARE)
        enough = _kernels_queue.take_batch(queue, bound, wanted)
        n_rows = int(queue.size[1])
        if n_rows > _CROWD * wanted:
            # Many rows with the same bound: which of them need a look shows as they come up.
            _kernels_queue.settle(queue, bound, rank)
            return
        # In the order of the pool, memory is read forwards.
        queue.batch[:n_rows].sort()
        # Most rows are read twice, and cost the waiting for their memory besides.
        per_row = 400 + 4 * self._entries_per_row
        block = max(1, BUDGET // per_row)
        for start in range(0, n_rows, block):
            rows = queue.batch[start : min(start + block, n_rows)]
            over_rows(
                _kernels_bounds.refine, rows.size, rows.size * per_row,
                self._rows, self._centers, rows, enough, largest, bound, seen,
                scratch=scratch,
            )  # fmt: skip
        _kernels_queue.settle(queue, bound, rank)

    def few_steps(self, n_known: int, n_picks: int) -> bool:
        """Whether comparing all rows with all centres costs less than avoiding it."""
        # Known centres are met together, which takes a fraction of the time.
        n_steps = n_picks + n_known / 4
        per_row = _ALL_ROWS_ENTRY * self._entries_per_row + _ALL_ROWS_ROW
        all_rows = n_steps * per_row * self.n_rows
        lazy = _LAZY_ENTRY * self._entries_per_row + _LAZY_ROW
        return all_rows < min(_LAZY_START + lazy * self.n_rows, _ALL_ROWS_MOST)

    def pick_from_all(self, candidates: Indices, rank: Indices, n_picks: int) -> tuple[Any, Any]:
        """Pick as `pick` does, but let every row meet every centre, as the textbook does."""
        from fastal import _kernels_centers, _kernels_diversity

        bound, seen = np.full(self.n_rows, np.inf), np.zeros(self.n_rows, dtype=np.int32)
        scratch = [(np.zeros(self.n_centers),) for _ in range(n_threads())]
        over_rows(
            _kernels_centers.meet_all,
            self.n_rows,
            self.n_rows * (40 + self._entries_per_row * self.n_centers // 4),
            self._rows, self._centers, bound, seen, scratch=scratch,
        )  # fmt: skip
        picks, before = np.empty(n_picks, dtype=np.int64), np.empty(n_picks)
        _kernels_diversity.k_center_greedy_all_rows(
            self._rows, candidates, rank, np.zeros(self.n_features), bound, picks, before
        )
        return picks, before

    def _reserve_for(self, candidates: Indices, n_picks: int) -> None:
        """Make room for whatever is picked: for the longest of the candidates."""
        lengths = self._lengths[candidates]
        longest = np.partition(lengths, -n_picks)[-n_picks:] if n_picks else lengths[:0]
        self.reserve(n_picks, int(longest.sum()))

    def _new_queue(self, candidates: Indices, bound: Floats) -> Any:
        from fastal import _kernels_queue

        queue = _kernels_queue.Queue(
            size=np.zeros(3, dtype=np.int64),
            scale=np.zeros(2),
            head=np.empty(_N_BUCKETS, dtype=np.int32),
            following=np.empty(self.n_rows, dtype=np.int32),
            batch=np.empty(candidates.size, dtype=np.int32),
            heap=np.empty(candidates.size, dtype=np.int32),
        )
        _kernels_queue.fill(queue, bound, candidates)
        return queue

    def _scratch(self, n: int) -> list[tuple[Floats, Floats]]:
        n_centers = self._centers.rows.size
        return [(np.zeros(n_centers), np.zeros(self.n_features)) for _ in range(n)]

    def race(
        self,
        candidates: Indices,
        rank: Indices,
        noise: Floats,
        bound: Floats,
        seen: NDArray[np.int32],
        n_picks: int,
        tick: Callable[[int], None],
    ) -> Indices:
        """Pick candidates in the order of a race at the rates of their squared distances.

        noise is each row's time at rate 1; bound says from when on a row needs a look.
        """
        from fastal import _kernels_diversity, _kernels_queue

        self._reserve_for(candidates, n_picks)
        n_first = self.n_centers
        key = -due(noise, bound)
        heap = candidates.astype(np.int32)
        _kernels_queue.heapify(key, rank, heap, heap.size)
        times = np.zeros(self._centers.rows.size)
        dots = np.zeros(self._centers.rows.size)
        nearest = np.full(self.n_rows, np.inf)
        picks = np.empty(n_picks, dtype=np.int64)
        done = 0
        while done < n_picks:
            so_far = done
            done = _kernels_diversity.kmeans_plusplus_csr(
                self._rows, self._centers, heap, heap.size, rank, n_first, noise, times, dots,
                nearest, seen, key, picks, done, BUDGET,
            )  # fmt: skip
            tick(done - so_far)
        return picks

    def distances_to_mean(self) -> Floats:
        """Cosine distances, or squared Euclidean ones but for a term that all rows share."""
        from fastal import _kernels_csr

        mean = np.zeros(self.n_features)
        rows = self._rows
        _kernels_csr.column_sums(rows.data, rows.indices, mean)
        mean /= self.n_rows
        dots = np.empty(self.n_rows)
        over_rows(
            _kernels_csr.dots, self.n_rows, self.n_entries,
            rows.data, rows.indices, rows.indptr, mean, dots,
        )  # fmt: skip
        if not self._cosine:
            return self.sq_norms - 2.0 * dots
        products = self.sq_norms * float(mean @ mean)
        # As between two rows: zeros are at distance 0 from zeros and 1 from all else.
        flat = np.where(self.sq_norms == float(mean @ mean), 0.0, 1.0)
        scale = np.sqrt(np.where(products > 0, products, 1.0))
        return np.where(products > 0, np.maximum(1.0 - dots / scale, 0.0), flat)

    def fingerprint(self) -> Floats:
        """One number for each row that hardly any other row has: its product with fixed noise."""
        from fastal import _kernels_csr

        rows, out = self._rows, np.empty(self.n_rows)
        noise = np.random.RandomState(0).random_sample(self.n_features)
        over_rows(
            _kernels_csr.dots, self.n_rows, self.n_entries,
            rows.data, rows.indices, rows.indptr, noise, out,
        )  # fmt: skip
        return out
