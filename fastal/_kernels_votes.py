"""Compiled loops behind the score over hard votes."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastal._jit import njit


@njit
def _count_earlier_votes(columns: Any, n: int, earlier: Any) -> None:
    """earlier[m, i]: how many of the members before m voted as m did in row i."""
    for m in range(columns.shape[0]):
        votes = columns[m, :n]
        count = earlier[m, :n]
        count[:] = 0
        for other in range(m):
            others = columns[other, :n]
            for i in range(n):
                count[i] += votes[i] == others[i]


@njit
def vote_entropy(
    start: int, stop: int, votes: Any, steps: Any, of_pairs: Any, scale: float, out: Any
) -> None:
    """Votes (n, M) integers -> out (n,), by comparing all pairs of members.

    steps[c] is what one more vote adds to the entropy of a class that has c votes, as a whole
    number of 1 / scale: integer sums do not depend on the order of the votes, so rows with the
    same counts tie exactly, and no row needs a logarithm.  Where the number of agreeing pairs
    alone tells the counts (up to 5 members), of_pairs holds the entropy by that number.
    """
    n_members = votes.shape[1]
    block = max(16, 4096 // n_members)
    earlier = np.empty((n_members, block), dtype=np.int8)
    # Labels mostly lie in -128..127: as bytes, one instruction compares 32 of them.
    narrow = np.empty((n_members, block), dtype=np.uint8)
    wide = np.empty((n_members, block), dtype=votes.dtype)
    total = np.empty(block, dtype=np.int64)
    for first in range(start, stop, block):
        v = votes[first : min(first + block, stop)]
        n = v.shape[0]
        fits = True
        for m in range(n_members):
            column = v[:, m]
            short = narrow[m, :n]
            for i in range(n):
                shifted = np.int64(column[i]) + 128
                short[i] = shifted & 255
                fits &= short[i] == shifted
        if fits:
            _count_earlier_votes(narrow, n, earlier)
        else:
            for m in range(n_members):
                wide[m, :n] = v[:, m]
            _count_earlier_votes(wide, n, earlier)
        scores = out[first : first + n]
        if of_pairs.size > 0:
            pairs = earlier[0, :n]
            for m in range(1, n_members):
                count = earlier[m, :n]
                for i in range(n):
                    pairs[i] += count[i]
            for i in range(n):
                scores[i] = of_pairs[pairs[i]] / scale
        else:
            sums = total[:n]
            sums[:] = 0
            for m in range(n_members):
                count = earlier[m, :n]
                for i in range(n):
                    sums[i] += steps[count[i]]
            for i in range(n):
                scores[i] = sums[i] / scale


@njit
def vote_entropy_large(
    start: int,
    stop: int,
    votes: Any,
    lowest: int,
    n_codes: int,
    steps: Any,
    scale: float,
    out: Any,
) -> None:
    """As vote_entropy, for many members: codes lowest .. lowest + n_codes - 1 are counted."""
    counts = np.zeros(n_codes, dtype=np.int64)
    v = votes[start:stop]
    scores = out[start:stop]
    for i in range(v.shape[0]):
        total = np.int64(0)
        for m in range(v.shape[1]):
            code = np.int64(v[i, m]) - lowest
            total += steps[counts[code]]
            counts[code] += 1
        for m in range(v.shape[1]):
            counts[np.int64(v[i, m]) - lowest] = 0
        scores[i] = total / scale
