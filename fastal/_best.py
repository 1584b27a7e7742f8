"""The k best rows of a stream of scores."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_SLACK = 4096


class Best:
    """Rows of the k highest scores, offered in blocks; equal scores go to the lowest row.

    With ``keep_ties``, all rows that tie with the last of them are kept as well, so that the tie
    can be broken at random: more than k rows only if that many tie.
    """

    def __init__(self, k: int, keep_ties: bool) -> None:
        self.k, self.keep_ties = k, keep_ties
        # No row below this can be among the best.
        self.threshold = -np.inf
        self.scores: NDArray[np.float64] = np.empty(0)
        self.rows: NDArray[np.int64] = np.empty(0, dtype=np.int64)
        self._waiting: list[tuple[NDArray[np.float64], NDArray[np.int64]]] = []
        self._n_waiting = 0
        self._limit = 2 * k + _SLACK

    def offer(self, first: int, scores: NDArray[np.float64]) -> None:
        """Take the scores of the rows from `first` on; those of NaN are left out."""
        candidates = np.flatnonzero(scores >= self.threshold)
        if candidates.size:
            self._wait(scores[candidates], candidates + first)

    def _wait(self, scores: NDArray[np.float64], rows: NDArray[np.int64]) -> None:
        self._waiting.append((scores, rows))
        self._n_waiting += rows.size
        # The first k rows give a threshold at once, so that hardly any row waits from then on.
        first = self.threshold == -np.inf and self._n_waiting + self.rows.size > self.k
        if self._n_waiting > self._limit or first:
            self.settle()

    def settle(self) -> None:
        """Forget all rows that can no longer be among the best."""
        parts = [(self.scores, self.rows), *self._waiting]
        scores = np.concatenate([part[0] for part in parts])
        rows = np.concatenate([part[1] for part in parts])
        if rows.size > self.k:
            self.threshold = np.partition(scores, rows.size - self.k)[rows.size - self.k]
            kept = scores >= self.threshold
            scores, rows = scores[kept], rows[kept]
            if not self.keep_ties and rows.size > self.k:
                order = np.lexsort((rows, -scores))[: self.k]
                scores, rows = scores[order], rows[order]
        self.scores, self.rows = scores, rows
        self._waiting, self._n_waiting = [], 0
        self._limit = 2 * rows.size + _SLACK

    def merge(self, other: Best) -> None:
        """Take over what the other one kept."""
        other.settle()
        self._wait(other.scores, other.rows)
        self.settle()

    def result(self, rng: Any) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Rows, best first, and their scores; with `rng`, ties are broken as by `fastal.top_k`."""
        self.settle()
        order = np.argsort(self.rows)
        if rng is not None:
            order = rng.permutation(order)
        order = order[np.argsort(-self.scores[order], kind="stable")][: self.k]
        return self.rows[order], self.scores[order]
