"""Arrays for the compiled search among dense rows, and the calls that fill them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._centers import BUDGET, Floats, Indices, due, grown
from fastal._threads import over_rows

# Picks made in one call of a kernel before Python sees Ctrl-C and shows progress.
_PICKS_PER_CALL = 64


class DenseSearch:
    """Centres among dense rows."""

    def __init__(self, X: NDArray[Any], sq_norms: Floats, cosine: bool, weights: Floats) -> None:
        from fastal import _kernels_dense

        self.n_rows, self.n_features = X.shape
        self.n_entries = X.size
        self.sq_norms = sq_norms
        self._rows = _kernels_dense.DenseRows(X, sq_norms, weights, cosine)
        self.reset()

    @property
    def n_centers(self) -> int:
        """How many centres there are."""
        return int(self._centers.size[0])

    @property
    def centers(self) -> Any:
        """The centres, as kernels take them."""
        return self._centers

    def weigh(self, weights: Floats) -> None:
        """Multiply distances by these weights from now on: of n_rows, or none."""
        self._rows = self._rows._replace(weights=weights)

    def reset(self) -> None:
        """Forget all centres."""
        from fastal import _kernels_dense

        self._centers = _kernels_dense.DenseCenters(
            np.zeros(1, dtype=np.int64), np.empty((self._rows.X.shape[1], 0)), np.empty(0)
        )

    def reserve(self, n_centers: int) -> None:
        """Make room for more centres."""
        c, old = self._centers, self.n_centers
        columns = np.empty((self.n_features, old + n_centers))
        columns[:, :old] = c.columns[:, :old]
        norms = grown(c.sq_norms[:old], old + n_centers)
        self._centers = c._replace(columns=columns, sq_norms=norms)

    def add(self, rows: Indices) -> None:
        """Append centres."""
        from fastal import _kernels_dense

        self.reserve(rows.size)
        _kernels_dense.add_centers_dense(self._rows, self._centers, rows)

    def bound_all(self, bound: Floats, seen: NDArray[np.int32], first: int = 0) -> None:
        """Bring the bounds of all rows from `first` on up to date."""
        from fastal import _kernels_dense

        per_row = max(1, self._rows.X.shape[1] * self.n_centers)
        block = max(1, 4 * BUDGET // per_row)
        for start in range(first, self.n_rows, block):
            n_rows = min(block, self.n_rows - start)
            over_rows(
                _kernels_dense.meet_all_dense, n_rows, n_rows * per_row,
                start, self._rows, self._centers, bound, seen,
            )  # fmt: skip

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
        from fastal import _kernels_diversity, _kernels_queue

        self.reserve(n_picks)
        heap = candidates.astype(np.int32)
        _kernels_queue.heapify(bound, rank, heap, heap.size)
        picks, before = np.empty(n_picks, dtype=np.int64), np.empty(n_picks)
        for done in range(0, n_picks, _PICKS_PER_CALL):
            stop = min(done + _PICKS_PER_CALL, n_picks)
            _kernels_diversity.k_center_greedy_dense(
                self._rows, self._centers, heap, heap.size, rank, bound, seen,
                picks, before, done, stop,
            )  # fmt: skip
            tick(stop - done)
        return picks, before

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
        """Pick candidates in the order of a race at the rates of their squared distances."""
        from fastal import _kernels_dense, _kernels_diversity

        times = due(noise, bound)
        nearest, distances = bound.copy(), np.empty(self.n_rows)
        picks = np.empty(n_picks, dtype=np.int64)
        left = candidates
        for i in range(n_picks):
            soonest = left[times[left] == times[left].min()]
            picks[i] = soonest[np.argmin(rank[soonest])]
            left = left[left != picks[i]]
            over_rows(
                _kernels_dense.distances_to_dense, self.n_rows, self.n_entries,
                self._rows, self._rows.X[picks[i]].astype(np.float64), distances,
            )  # fmt: skip
            _kernels_diversity.slow_down(times, float(times[picks[i]]), nearest, distances)
            tick(1)
        return picks

    def rank_batch(
        self, scores: Floats, shares: Floats, rank: Indices, bound: Floats, seen: Any
    ) -> tuple[Indices, Floats]:
        """Pick a row for each share, by ``share * unlikeness + (1 - share) * score``.

        Rows whose bounds are below zero are not picked.  Returns the picks' ranked scores as well.
        """
        from fastal import _kernels_batches, _kernels_dense

        self.reserve(shares.size)
        sums = np.empty(self.n_centers + shares.size)
        picks, values = np.zeros(shares.size, dtype=np.int64), np.full(shares.size, -np.inf)
        for i, share in enumerate(shares.tolist()):
            begin = _kernels_batches.most_promising(self._rows.cosine, scores, share, bound)
            step = 0
            while step < self.n_rows:
                step = _kernels_batches.ranked_batch_dense(
                    step, begin, self._rows, self._centers, scores, rank, share, bound, seen,
                    sums, picks[i : i + 1], values[i : i + 1], BUDGET,
                )  # fmt: skip
            bound[picks[i]] = -1.0
            _kernels_dense.add_centers_dense(self._rows, self._centers, picks[i : i + 1])
        return picks, values

    def distances_to_mean(self) -> Floats:
        """Squared Euclidean or cosine distances."""
        from fastal import _kernels_dense

        mean = self._rows.X.mean(axis=0, dtype=np.float64)
        out = np.empty(self.n_rows)
        over_rows(
            _kernels_dense.distances_to_dense, self.n_rows, self.n_entries, self._rows, mean, out
        )
        return out

    def fingerprint(self) -> Floats:
        """One number for each row that hardly any other row has: its distance to fixed noise."""
        from fastal import _kernels_dense

        out = np.empty(self.n_rows)
        noise = np.random.RandomState(0).random_sample(self.n_features)
        over_rows(
            _kernels_dense.distances_to_dense, self.n_rows, self.n_entries, self._rows, noise, out
        )
        return out
