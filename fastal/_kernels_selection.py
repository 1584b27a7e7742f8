"""Compiled loops behind the selection of rows from scores."""

from __future__ import annotations

from typing import Any

from fastal._jit import njit


@njit
def _worse(scores: Any, a: int, b: int) -> bool:
    # A total order: of two equal scores the higher row is the worse.
    return scores[a] < scores[b] or (scores[a] == scores[b] and a > b)


@njit
def _sift_down(scores: Any, heap: Any, size: int, pos: int) -> None:
    """Restore the heap whose root is the worst row, after heap[pos] was replaced."""
    row = heap[pos]
    while True:
        child = 2 * pos + 1
        if child >= size:
            break
        if child + 1 < size and _worse(scores, heap[child + 1], heap[child]):
            child += 1
        if not _worse(scores, heap[child], row):
            break
        heap[pos] = heap[child]
        pos = child
    heap[pos] = row


@njit
def top_k(scores: Any, excluded: Any, out: Any) -> None:
    """Scores (n,), excluded (n,) or (0,) bool -> out (k,): rows of the k highest, best first.

    One pass over the scores with a heap of the k best so far: nearly every row costs a single
    comparison with the worst of them.  At least k rows must not be excluded.
    """
    k = out.size
    size = 0
    for row in range(scores.size):
        if excluded.size > 0 and excluded[row]:
            continue
        if size < k:
            out[size] = row
            size += 1
            if size == k:
                for pos in range(k // 2 - 1, -1, -1):
                    _sift_down(scores, out, k, pos)
        elif scores[row] > scores[out[0]]:
            # Rows come in ascending order: an equal score here is a tie that the heap has won.
            out[0] = row
            _sift_down(scores, out, k, 0)
    for last in range(k - 1, 0, -1):
        worst = out[0]
        out[0] = out[last]
        out[last] = worst
        _sift_down(scores, out, last, 0)


@njit
def weighted_draw(start: int, stop: int, weights: Any, noise: Any, out: Any) -> None:
    """weights, noise (n,) -> out (n,): keys whose k highest are a draw without replacement.

    noise is exponential with mean 1: the row whose noise / weight is smallest comes first, with
    probability weight / sum of weights.  Rows of weight zero come after all others.
    """
    w = weights[start:stop]
    e = noise[start:stop]
    keys = out[start:stop]
    for i in range(w.size):
        keys[i] = max(-e[i] / w[i], -1e290) if w[i] > 0.0 else -1e300 * (1.0 + e[i])
