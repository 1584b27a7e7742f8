"""From scores to the rows to label next."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._threads import over_rows
from fastal._validation import (
    check_count,
    check_number,
    check_random_state,
    check_rows,
    check_scores,
    read_only,
)

__all__ = ["epsilon_greedy", "stochastic_batch", "top_k", "weighted_draw"]


def top_k(
    scores: ArrayLike, k: int, random_state: Any = None, *, exclude: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Rows of the k highest scores, best first, without sorting the pool.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Higher = query first.  Infinities are allowed, NaN is not.
    k : int
        How many rows, at least 1.  If fewer are left, all of them are returned.
    random_state : None, int, RandomState or Generator, default None
        None: equal scores go to the lowest row.  Otherwise ties are broken uniformly at random,
        reproducibly for a given seed.
    exclude : array-like of int or bool, optional
        Row numbers, or a mask over the rows, that are never returned (labelled ones, say).

    Returns
    -------
    rows : ndarray of shape (min(k, n_left),), int64
        Distinct row numbers, best first.

    Raises
    ------
    ValueError
        If k is below 1, a score is NaN, a shape is wrong, or an excluded row does not exist.
    TypeError
        If k is no whole number or random_state no random state.

    Examples
    --------
    >>> import fastal
    >>> fastal.top_k([0.2, 0.9, 0.9, 0.1], k=3)
    array([1, 2, 0])
    >>> fastal.top_k([0.2, 0.9, 0.9, 0.1], k=3, exclude=[1])
    array([2, 0, 3])
    """
    scores = check_scores(scores)
    k = check_count(k, "k")
    excluded = _mask(exclude, len(scores))
    if random_state is None:
        return _top_k(scores, k, excluded)
    rng = check_random_state(random_state)
    return _shuffle_ties(scores, _top_k(scores, k, excluded), excluded, rng)


def _mask(exclude: ArrayLike | None, n_rows: int) -> NDArray[np.bool_]:
    """Return a mask over the rows; an empty one stands for "nothing is excluded"."""
    rows = check_rows(exclude, n_rows, "exclude")
    mask = np.zeros(n_rows if rows.size else 0, dtype=bool)
    mask[rows] = True
    return mask


def _top_k(scores: NDArray[Any], k: int, excluded: NDArray[np.bool_]) -> NDArray[np.int64]:
    from fastal import _kernels_selection

    n_left = len(scores) - np.count_nonzero(excluded)
    out = np.empty(min(k, n_left), dtype=np.int64)
    if out.size:
        _kernels_selection.top_k(scores, excluded, out)
    return out


def _shuffle_ties(
    scores: NDArray[Any],
    best: NDArray[np.int64],
    excluded: NDArray[np.bool_],
    rng: Any,
) -> NDArray[np.int64]:
    """Choose again among all rows that score at least as high as the last of the best."""
    if not best.size:
        return best
    at_least = scores >= scores[best[-1]]
    if excluded.size:
        at_least &= ~excluded
    candidates = rng.permutation(np.flatnonzero(at_least))
    order = np.argsort(-scores[candidates], kind="stable")
    return np.asarray(candidates[order[: best.size]])


def weighted_draw(
    scores: ArrayLike, k: int, random_state: Any = None, *, exclude: ArrayLike | None = None
) -> NDArray[np.int64]:
    """Draw k distinct rows, each draw proportional to the scores of the rows that are left.

    Rows of score 0 are drawn, uniformly, only when no others are left.  Implemented as an
    exponential race: the rows whose ``noise / score`` is smallest win, for noise drawn from an
    exponential distribution, which gives exactly this distribution in one pass.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Finite and non-negative.
    k : int
        How many rows, at least 1.  If fewer are left, all of them are returned.
    random_state : None, int, RandomState or Generator, default None
        None draws afresh with every call.
    exclude : array-like of int or bool, optional
        Row numbers, or a mask over the rows, that are never returned.

    Returns
    -------
    rows : ndarray of shape (min(k, n_left),), int64
        Distinct row numbers in the order drawn.

    Raises
    ------
    ValueError
        If a score is negative, infinite or NaN, or as `fastal.top_k`.
    TypeError
        As `fastal.top_k`.

    References
    ----------
    Efraimidis & Spirakis (2006), "Weighted random sampling with a reservoir".

    Examples
    --------
    >>> import fastal
    >>> fastal.weighted_draw([0.0, 1.0, 0.0], k=1, random_state=0)
    array([1])
    """
    from fastal import _kernels_selection

    scores = check_scores(scores)
    k = check_count(k, "k")
    bad = np.flatnonzero((scores < 0) | np.isinf(scores))
    if bad.size:
        raise ValueError(
            f"scores must be finite and not negative to draw by, but row {bad[0]} is "
            f"{scores[bad[0]]}"
        )
    # Only their ratios matter, and near the smallest numbers noise / score would overflow.
    scores = read_only(scores / max(scores.max(initial=0.0), np.finfo(float).tiny))
    noise = check_random_state(random_state).standard_exponential(len(scores))
    keys = np.empty(len(scores))
    over_rows(_kernels_selection.weighted_draw, len(scores), len(scores), scores, noise, keys)
    return _top_k(keys, k, _mask(exclude, len(scores)))


def stochastic_batch(
    scores: ArrayLike,
    k: int,
    kind: Literal["power", "softmax", "softrank"] = "power",
    beta: float = 1.0,
    random_state: Any = None,
    *,
    exclude: ArrayLike | None = None,
) -> NDArray[np.int64]:
    r"""Draw k distinct rows, likelier ones of higher score: batches that are not k times the same.

    The rows of the k highest scores are often near copies of one another.  Noise on the scores
    costs nothing and avoids that:

    .. math:: \text{power: } \log s_u + \tfrac1\beta G_u, \quad
              \text{softmax: } s_u + \tfrac1\beta G_u, \quad
              \text{softrank: } -\log r_u + \tfrac1\beta G_u

    of which the k highest are taken, :math:`G_u` independent and Gumbel distributed, :math:`r_u`
    the rank of the row, 1 for the highest score.  That is a draw without replacement with the
    weights :math:`s^\beta`, :math:`e^{\beta s}` and :math:`r^{-\beta}`: "power" with beta 1 is
    `fastal.weighted_draw`.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Higher = query first.  Not negative for "power"; finite, but "softmax" and "softrank" take
        minus infinity and "softrank" takes infinity as well.
    k : int
        How many rows, at least 1.  If fewer are left, all of them are returned.
    kind : {"power", "softmax", "softrank"}, default "power"
        "power" for scores to which 0 means that nothing can be learnt, "softrank" for scores of
        which only the order is to be trusted.
    beta : float, default 1.0
        Above 0 and finite: near 0 all rows are equally likely, at high values the batch is that of
        `fastal.top_k`.
    random_state : None, int, RandomState or Generator, default None
        None draws afresh with every call.
    exclude : array-like of int or bool, optional
        Row numbers, or a mask over the rows, that are never returned.  They have no rank.

    Returns
    -------
    rows : ndarray of shape (min(k, n_left),), int64
        Distinct row numbers in the order drawn.

    Raises
    ------
    ValueError
        If a score is NaN, infinite where that means nothing, or negative for "power"; if beta is
        not above 0 and finite; if kind is unknown; or as `fastal.top_k`.
    TypeError
        As `fastal.top_k`, or if beta is no number.

    Notes
    -----
    Equal scores are equally likely: those of equal rank share the mean of the ranks they take up.
    Rows of weight 0 (score 0 for "power", minus infinity for "softmax") are drawn, uniformly, only
    when no others are left.  Weights are never computed, only their logarithms, so no score is
    too high or too low.

    References
    ----------
    Kirsch, Farquhar, Atighehchian, Jesson, Branchaud-Charron & Gal (2023), "Stochastic batch
    acquisition: a simple baseline for deep active learning", arXiv:2106.12059; Gumbel-top-k: Kool,
    van Hoof & Welling (2019), arXiv:1903.06059.

    Examples
    --------
    >>> import fastal
    >>> fastal.stochastic_batch([0.0, 0.9, 0.5], k=2, beta=50.0, random_state=0)
    array([1, 2])
    """
    if not isinstance(kind, str) or kind not in ("power", "softmax", "softrank"):
        raise ValueError(f"kind must be 'power', 'softmax' or 'softrank', got {kind!r}")
    if not 0 < check_number(beta, "beta", "above 0") < np.inf:
        raise ValueError(f"beta must be above 0 and finite, got {beta}")
    scores = check_scores(scores)
    k = check_count(k, "k")
    _check_drawable(scores, kind)
    excluded = _mask(exclude, len(scores))
    noise = check_random_state(random_state).standard_exponential(len(scores))
    left = np.flatnonzero(~excluded) if excluded.size else np.arange(len(scores))
    scores, noise = scores[left], np.maximum(noise[left], np.finfo(float).tiny)
    # -log of exponential noise is Gumbel noise.  Times beta, so that no weight is divided.
    keys = _log_weights(scores, kind, beta) - np.log(noise)
    best = _top_k(read_only(keys), k, np.empty(0, dtype=bool))
    if not best.size:
        return best
    # Where the noise is lost beside a huge key, and among rows of weight 0, it decides here.
    candidates = np.flatnonzero(keys >= keys[best[-1]])
    order = np.lexsort((noise[candidates], -scores[candidates], -keys[candidates]))
    return np.asarray(left[candidates[order[: best.size]]])


def _check_drawable(scores: NDArray[np.float64], kind: str) -> None:
    bad, must = np.zeros(len(scores), dtype=bool), ""
    if kind == "power":
        bad, must = (scores < 0) | np.isinf(scores), "finite and not negative to take powers of"
    elif kind == "softmax":
        bad, must = scores == np.inf, "below infinity to take exponentials of"
    if bad.any():
        row = np.flatnonzero(bad)[0]
        raise ValueError(f"scores must be {must}, but row {row} is {scores[row]}")


def _log_weights(scores: NDArray[np.float64], kind: str, beta: float) -> NDArray[np.float64]:
    """Logarithms of the weights, up to a constant."""
    with np.errstate(divide="ignore", over="ignore"):
        if kind == "power":
            return np.asarray(beta * np.log(scores))
        if kind == "softmax":
            # The highest is 0: its noise is not lost however high it was.
            highest = scores.max(initial=np.finfo(float).min)
            return np.asarray(beta * (scores - highest))
        _, codes, counts = np.unique(scores, return_inverse=True, return_counts=True)
        above = len(scores) - np.cumsum(counts)
        return np.asarray(-beta * np.log(above + (counts + 1) / 2)[codes.reshape(-1)])


def epsilon_greedy(
    scores: ArrayLike,
    k: int,
    epsilon: float = 0.1,
    random_state: Any = None,
    *,
    exclude: ArrayLike | None = None,
) -> NDArray[np.int64]:
    """Best rows, each replaced by a random one with probability epsilon.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Higher = query first.
    k : int
        How many rows, at least 1.  If fewer are left, all of them are returned.
    epsilon : float, default 0.1
        Probability, between 0 and 1, that a pick is drawn uniformly from the rows that are left
        instead of being the best of them.
    random_state : None, int, RandomState or Generator, default None
        None draws afresh with every call.  Equal scores go to the lowest row.
    exclude : array-like of int or bool, optional
        Row numbers, or a mask over the rows, that are never returned.

    Returns
    -------
    rows : ndarray of shape (min(k, n_left),), int64
        Distinct row numbers in the order picked.

    Raises
    ------
    ValueError
        If epsilon lies outside 0..1, or as `fastal.top_k`.
    TypeError
        As `fastal.top_k`.

    Examples
    --------
    >>> import fastal
    >>> fastal.epsilon_greedy([0.1, 0.9, 0.5], k=2, epsilon=0.0)
    array([1, 2])
    """
    if not 0 <= epsilon <= 1:
        raise ValueError(f"epsilon must lie between 0 and 1, got {epsilon}")
    scores = check_scores(scores)
    k = check_count(k, "k")
    excluded = _mask(exclude, len(scores))
    best = _top_k(scores, k, excluded)
    rng = check_random_state(random_state)
    explore = rng.uniform(size=best.size) < epsilon
    left = np.flatnonzero(~excluded) if excluded.size else np.arange(len(scores))
    # k rows of each kind are enough: every pick uses up at most one of either.
    drawn = rng.permutation(left)[: best.size]
    return _merge(best, drawn, explore)


def _merge(
    best: NDArray[np.int64], drawn: NDArray[np.int64], explore: NDArray[np.bool_]
) -> NDArray[np.int64]:
    queues = {False: iter(best.tolist()), True: iter(drawn.tolist())}
    taken: dict[int, None] = {}
    for is_random in explore.tolist():
        row = next(row for row in queues[is_random] if row not in taken)
        taken[row] = None
    return np.array(list(taken), dtype=np.int64)
