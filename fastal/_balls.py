"""The ball graph of a pool, greedy covers of it, and the search for a radius."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

import numpy as np

from fastal._points import (
    Part,
    Points,
    Rows,
    least_radius,
    limit_of,
)
from fastal._threads import over_rows

# Picks of one call of a kernel: Python sees Ctrl-C in between.
PICKS_PER_CALL = 1024

# Pairs of rows in a ball graph, of 12 bytes each while it is built: 1.6 GB.
MAX_PAIRS = 2**27

# Up to this many rows the search for a radius tries the distances themselves; beyond, the real
# line to this relative tolerance.
FEW_ROWS = 1000
TOLERANCE = 1e-3


class BallGraph:
    """Pairs of rows within a radius: the neighbours of each row, itself left out, as in CSR."""

    def __init__(self, points: Points, radius: float, advice: str) -> None:
        from fastal import _kernels_coverage as kernels

        parts = _lower_neighbours(points, radius, advice)
        degree = np.zeros(points.n_rows, dtype=np.int64)
        first = 0
        for counts, found in parts:
            degree[first : first + counts.size] += counts
            degree += np.bincount(found, minlength=points.n_rows)
            first += counts.size
        self.indptr = np.append(0, np.cumsum(degree))
        self.neighbours = np.empty(self.indptr[-1], dtype=np.int32)
        cursor = self.indptr[:-1].copy()
        first = 0
        parts.reverse()
        while parts:
            counts, found = parts.pop()
            kernels.fill_both_ways(first, counts, found, cursor, self.neighbours)
            first += counts.size

    def balls(self, rows: Rows) -> Rows:
        """Rows in the balls around the rows, which may repeat."""
        around = [self.neighbours[self.indptr[row] : self.indptr[row + 1]] for row in rows]
        return np.concatenate([rows, *around])


def _lower_neighbours(points: Points, radius: float, advice: str) -> list[Part]:
    """Neighbours of lower number of all rows, in parts of consecutive rows."""
    prepared = points.prepare(limit_of(radius, points.cosine))
    parts: list[Part] = []
    room = MAX_PAIRS
    step = points.rows_per_call()
    for first in range(0, points.n_rows, step):
        new = _join(points, first, min(first + step, points.n_rows), room, prepared)
        parts += new
        room -= sum(found.size for _, found in new)
        if room < 0:
            raise ValueError(
                f"radius must be so small that at most {MAX_PAIRS} pairs of rows lie within it, "
                f"but {radius:g} joins more: pass a smaller radius{advice}"
            )
    return parts


def _join(points: Points, first: int, stop: int, room: int, prepared: Any) -> list[Part]:
    shares: dict[int, Part] = {}

    def join(start: int, stop: int) -> None:
        shares[start] = points.lower_neighbours(first + start, first + stop, room, prepared)

    over_rows(join, stop - first, points.work)
    return [shares[start] for start in sorted(shares)]


class Greedy:
    """Picks of the row with the most uncovered rows in its ball."""

    def __init__(self, graph: BallGraph, covered: Rows, candidates: Rows, rank: Rows) -> None:
        from fastal import _kernels_coverage

        self._kernels = _kernels_coverage
        self._graph = graph.indptr, graph.neighbours
        self.covered = np.zeros(rank.size, dtype=bool)
        self._gain = np.diff(graph.indptr) + 1
        self.cover(covered)
        self._bound = self._gain.copy()
        self._rank = rank
        # What is sorted is a heap.
        self._heap = candidates[np.lexsort((rank[candidates], -self._gain[candidates]))]
        self._n_left = candidates.size

    def cover(self, rows: Rows) -> None:
        """Count rows as covered; those that are already change nothing."""
        self._kernels.cover_all(rows, *self._graph, self.covered, self._gain)

    def pick(self) -> int:
        """Take the next row; what it covers is for the caller to say."""
        row = self._kernels.next_pick(
            self._gain, self._bound, self._rank, self._heap, self._n_left
        )
        self._n_left -= 1
        return int(row)

    def pick_balls(self, n_picks: int) -> tuple[Rows, Rows]:
        """Pick rows, each covering its ball; also return how many it newly covered."""
        rows = np.empty(n_picks, dtype=np.int64)
        gains = np.empty(n_picks, dtype=np.int64)
        for done in range(0, n_picks, PICKS_PER_CALL):
            now = slice(done, min(done + PICKS_PER_CALL, n_picks))
            self._kernels.prob_cover(
                *self._graph, self.covered, self._gain, self._bound, self._rank,
                self._heap[: self._n_left - done], rows[now], gains[now],
            )  # fmt: skip
        return rows, gains


class RadiusSearch:
    """k-center with outliers for any radius, and the smallest radius that will do."""

    def __init__(self, points: Points, n_picks: int, n_outliers: int, known: Rows, rank: Rows):
        self._points = points
        self._n_outliers = n_outliers
        self._rank = rank
        self._candidates = np.delete(np.arange(points.n_rows), known)
        self._n_picks = min(n_picks, self._candidates.size)
        self._near_known = np.full(points.n_rows, np.inf)
        if known.size:
            points.nearest(known, -1.0, self._near_known)

    def picks(self, radius: float) -> Rows:
        """All picks for a radius."""
        return self._run(radius, enough=-1)[0]

    def smallest_radius(self) -> float:
        """Bisect as `robust_k_center` says."""
        if self._points.n_rows > FEW_ROWS:
            return self._bisect_line()
        cosine = self._points.cosine
        distances = np.unique(np.concatenate([np.zeros(1), *self._points.pairs()]))

        def radius(i: int) -> float:
            return least_radius(float(distances[i]), cosine)

        def holds_all(i: int) -> bool:
            return bool(limit_of(3.0 * radius(i), cosine) >= distances[-1])

        last = bisect_left(range(distances.size), True, key=holds_all)
        return radius(bisect_left(range(last), True, key=lambda i: self._will_do(radius(i))))

    def _bisect_line(self) -> float:
        if self._will_do(0.0):
            return 0.0
        near = np.full(self._points.n_rows, np.inf)
        self._points.nearest(np.zeros(1, dtype=np.int64), -1.0, near)
        largest = least_radius(float(near.max()), self._points.cosine)
        bound = min(4.0 * largest, 2.0) if self._points.cosine else 2.0 * largest
        # A little more than a third, so that three times it is no less than the bound.
        low, high = 0.0, bound / 3.0 * (1.0 + 1e-9)
        while high - low > TOLERANCE * high:
            middle = (low + high) / 2.0
            if self._will_do(middle):
                high = middle
            else:
                low = middle
        return high

    def _will_do(self, radius: float) -> bool:
        return self._run(radius, enough=self._n_outliers)[1] <= self._n_outliers

    def _run(self, radius: float, enough: int) -> tuple[Rows, int]:
        """Picks, and how many rows stay uncovered; ends early when these are enough or fewer."""
        limit = limit_of(3.0 * radius, self._points.cosine)
        near = self._near_known.copy()
        graph = BallGraph(self._points, radius, ", or sample_size to work on fewer rows")
        greedy = Greedy(graph, np.flatnonzero(near <= limit), self._candidates, self._rank)
        rows = np.empty(self._n_picks, dtype=np.int64)
        left = int((~greedy.covered).sum())
        for i in range(rows.size):
            if left <= enough:
                break
            rows[i] = greedy.pick()
            if left:
                self._points.nearest(rows[i : i + 1], limit, near)
                greedy.cover(np.flatnonzero((near <= limit) & ~greedy.covered))
                left = int((~greedy.covered).sum())
        return rows, left
