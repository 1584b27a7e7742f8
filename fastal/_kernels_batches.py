"""Compiled loops behind BADGE and ranked batches: informative and diverse at once.

BADGE draws among gradient embeddings, g = (p - e) (x) x with e the predicted class as a unit
vector.  They are never built: the inner product of two is that of their residuals p - e times that
of their rows x.  Both are summed in a fixed order, so that the plain twin has the same bits: the
residuals' over the classes, the rows' over the features as the earlier pick stores them.  A row's
product with itself is its squared norm to the last bit, and copies are at distance 0.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastal._jit import njit, njit_borrow
from fastal._kernels_bounds import refine
from fastal._kernels_centers import add_multiple, unsigned
from fastal._kernels_dense import meet_dense
from fastal._kernels_diversity import later
from fastal._kernels_queue import sift_down
from fastal._kernels_scores import SUM_TOLERANCE


class Race(NamedTuple):
    """Rows that race to be picked, each at the rate of its squared distance from the picks."""

    proba: Any
    sq_norms: Any  # of the embeddings
    noise: Any  # when a row is due at rate 1
    rank: Any  # order of rows that are never due
    heap: Any  # rows that may be picked, less the picks
    key: Any  # minus the time when a row is due, or less than that time if it has picks to meet
    nearest: Any
    seen: Any  # picks that a row has met
    picks: Any
    times: Any  # when each pick was made
    residuals: Any  # (n_classes, n_picks), of the picks
    dots: Any  # of n_picks, with the residuals
    products: Any  # of n_picks, with the picks' rows


# --- gradient embeddings


@njit_borrow
def _predicted(p: Any) -> int:
    best = 0
    for k in range(p.size):
        if p[k] > p[best]:
            best = k
    return best


@njit_borrow
def residual_sq_norms(start: int, stop: int, proba: Any, out: Any) -> None:
    """Squared norm of p - e of each row; NaN if it is no probability distribution."""
    for row in range(start, stop):
        p = proba[row]
        best = _predicted(p)
        total = norm = lowest = 0.0
        for k in range(p.size):
            value = np.float64(p[k])
            total += value
            lowest = value if value < lowest else lowest
            value -= 1.0 if k == best else 0.0
            norm += value * value
        # `not <=` instead of `>`: a NaN total must fail.
        valid = abs(total - 1.0) <= SUM_TOLERANCE and lowest >= 0.0
        out[row] = norm if valid else np.nan


@njit_borrow
def add_residual(race: Any, row: int, pick: int) -> None:
    """Note the residual of a pick."""
    p = race.proba[row]
    best = _predicted(p)
    for k in range(p.size):
        race.residuals[k, pick] = np.float64(p[k]) - (1.0 if k == best else 0.0)


@njit_borrow
def _meet_residuals(race: Any, row: int, first: int, n_picks: int) -> None:
    """Inner products of the row's residual with those of the picks from `first` on."""
    p, residuals, dots = race.proba[row], race.residuals, race.dots[first:n_picks]
    best = _predicted(p)
    for i in range(dots.size):
        dots[i] = 0.0
    for k in range(p.size):
        residual = np.float64(p[k]) - (1.0 if k == best else 0.0)
        add_multiple(residual, residuals[k, first:n_picks], dots)


@njit_borrow
def _race_on(race: Any, row: int, n_picks: int) -> None:
    """Let the row meet the picks it has not met, in their order; the products are there.

    When its rate falls, what is left of its time grows in proportion.
    """
    own, nearest, key = race.sq_norms[row], race.nearest, race.key
    for pick in range(race.seen[row], n_picks):
        inner = race.dots[pick] * race.products[pick]
        distance = max((own + race.sq_norms[race.picks[pick]]) - 2.0 * inner, 0.0)
        if distance < nearest[row]:
            if pick > 0:
                key[row] = -later(-key[row], race.times[pick], nearest[row], distance)
            nearest[row] = distance
        if pick == 0:
            key[row] = -(race.noise[row] / nearest[row] if nearest[row] > 0.0 else np.inf)
    race.seen[row] = n_picks


@njit_borrow
def _take_first(race: Any, done: int) -> int:
    """Pick the row on top of the heap, which holds all but the picks after the first."""
    heap, row = race.heap, race.heap[0]
    size = heap.size - (done - 1)
    heap[0] = heap[size - 1]
    sift_down(race.key, race.rank, heap, size - 1, 0)
    race.picks[done] = row
    race.times[done] = -race.key[row]
    add_residual(race, row, done)
    return int(row)


@njit_borrow
def _dots_csr(
    data: Any, indices: Any, indptr: Any, row: int, race: Any, last: int, vector: Any
) -> int:
    """Inner products of the row with the picks it has not met; returns the entries read.

    vector, of n_features, holds zeros.
    """
    some, terms = data[indptr[row] : indptr[row + 1]], indices[indptr[row] : indptr[row + 1]]
    n_read = some.size
    for i in range(some.size):
        vector[unsigned(terms[i])] = some[i]
    for pick in range(race.seen[row], last):
        start, stop = indptr[race.picks[pick]], indptr[race.picks[pick] + 1]
        values, columns = data[start:stop], indices[start:stop]
        total = 0.0
        for i in range(values.size):
            total += np.float64(values[i]) * vector[unsigned(columns[i])]
        race.products[pick] = total
        n_read += values.size
    for i in range(some.size):
        vector[unsigned(terms[i])] = 0.0
    return int(n_read)


@njit_borrow
def badge(
    data: Any, indices: Any, indptr: Any, race: Any, vector: Any, done: int, budget: int
) -> int:
    """Pick rows in the order of the race, the first is there; returns how many picks are made
    when the budget of numbers read is spent.
    """  # noqa: D205
    heap, key, seen = race.heap, race.key, race.seen
    while done < race.picks.size and budget > 0:
        row = np.int64(heap[0])
        if seen[row] < done and key[row] > -np.inf:
            budget -= _dots_csr(data, indices, indptr, row, race, done, vector)
            budget -= race.proba.shape[1] * (done - seen[row])
            _meet_residuals(race, row, seen[row], done)
            _race_on(race, row, done)
            sift_down(key, race.rank, heap, heap.size - (done - 1), 0)
        else:
            _take_first(race, done)
            done += 1
    return done


@njit_borrow
def badge_dense(X: Any, race: Any, columns: Any, done: int, budget: int) -> int:
    """Pick as `badge` does among dense rows; columns, (n_features, n_picks), are the picks."""
    heap, key, seen = race.heap, race.key, race.seen
    while done < race.picks.size and budget > 0:
        row = np.int64(heap[0])
        if seen[row] < done and key[row] > -np.inf:
            first = seen[row]
            budget -= (X.shape[1] + race.proba.shape[1]) * (done - first)
            x, products = X[row], race.products[first:done]
            for i in range(products.size):
                products[i] = 0.0
            for j in range(x.size):
                add_multiple(np.float64(x[j]), columns[j, first:done], products)
            _meet_residuals(race, row, first, done)
            _race_on(race, row, done)
            sift_down(key, race.rank, heap, heap.size - (done - 1), 0)
        else:
            row = _take_first(race, done)
            for j in range(X.shape[1]):
                columns[j, done] = X[row, j]
            done += 1
    return done


# --- ranked batches


@njit_borrow
def ranked_score(cosine: bool, distance: float, score: float, share: float) -> float:
    """Weigh unlikeness to the nearest centre against the row's own score.

    Every step rounds monotonically: no bound of the distance gives less than the distance.
    """
    unlike = distance if cosine else 1.0 - 1.0 / (1.0 + math.sqrt(distance))
    return share * unlike + (1.0 - share) * score


@njit_borrow
def most_promising(cosine: bool, scores: Any, share: float, bound: Any) -> int:
    """Row whose bound promises most, to begin with; bounds below zero are passed over."""
    found = 0
    top = -np.inf
    for row in range(bound.size):
        if bound[row] >= 0.0:
            value = ranked_score(cosine, bound[row], scores[row], share)
            if value > top:
                found, top = row, value
    return found


@njit_borrow
def _enough(cosine: bool, top: float, score: float, share: float) -> float:
    """Distance at which a row's ranked score is about top; 0 if no distance brings it down."""
    if share <= 0.0:
        return 0.0
    unlike = (top - (1.0 - share) * score) / share
    if cosine or unlike <= 0.0:
        return max(unlike, 0.0)
    distance = unlike / (1.0 - unlike) if unlike < 1.0 else np.inf
    return distance * distance


@njit_borrow
def ranked_batch(
    step: int, begin: int, rows: Any, centers: Any, scores: Any, rank: Any, share: float,
    largest: float, bound: Any, seen: Any, dots: Any, vector: Any, batch: Any, found: Any,
    highest: Any, budget: int,
) -> int:  # fmt: skip
    """Look for the row of the highest ranked score among all rows, the row `begin` first.

    found[0] is the best so far, highest[0] its ranked score; batch has room for one row.  Returns
    how many rows have been looked at when the budget of entries is spent.
    """
    cosine, n_centers, n_rows = rows.cosine, centers.size[0], bound.size
    zero, one = np.int64(0), np.int64(1)
    pick, top = found[0], highest[0]
    while step < n_rows and budget > 0:
        row = begin + step if begin + step < n_rows else begin + step - n_rows
        step += 1
        if bound[row] < 0.0:
            continue
        value = ranked_score(cosine, bound[row], scores[row], share)
        enough = _enough(cosine, top, scores[row], share)
        while value >= top and seen[row] < n_centers and bound[row] > 0.0:
            budget -= rows.indptr[row + 1] - rows.indptr[row] + n_centers - seen[row]
            batch[0] = row
            refine(zero, one, rows, centers, batch, enough, largest, bound, seen, dots, vector)
            value = ranked_score(cosine, bound[row], scores[row], share)
            # Whatever rounding has made of it: the row meets all centres the second time.
            enough = 0.0
        if value > top or (value == top and rank[row] < rank[pick]):
            pick, top = row, value
    found[0], highest[0] = pick, top
    return step


@njit
def ranked_batch_dense(
    step: int, begin: int, rows: Any, centers: Any, scores: Any, rank: Any, share: float,
    bound: Any, seen: Any, sums: Any, found: Any, highest: Any, budget: int,
) -> int:  # fmt: skip
    """Look for the row of the highest ranked score as `ranked_batch` does, among dense rows."""
    cosine, n_centers, n_rows = rows.cosine, centers.size[0], bound.size
    pick, top = found[0], highest[0]
    while step < n_rows and budget > 0:
        row = begin + step if begin + step < n_rows else begin + step - n_rows
        step += 1
        if bound[row] < 0.0:
            continue
        value = ranked_score(cosine, bound[row], scores[row], share)
        if value >= top and seen[row] < n_centers and bound[row] > 0.0:
            budget -= rows.X.shape[1] * (n_centers - seen[row])
            meet_dense(rows, centers, row, sums, bound, seen)
            value = ranked_score(cosine, bound[row], scores[row], share)
        if value > top or (value == top and rank[row] < rank[pick]):
            pick, top = row, value
    found[0], highest[0] = pick, top
    return step
