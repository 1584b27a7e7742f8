"""Batches about which a committee disagrees jointly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._threads import over_rows
from fastal._validation import (
    check_count,
    check_probas,
    check_random_state,
    check_rows,
    draw_rank,
    explain_bad_rows,
    read_only,
    rows_left,
)

__all__ = ["batch_bald"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

# Gains are compared as multiples of this: what differs by rounding alone is a tie.
_STEP = 2.0**-30
# What rounding can make of a bound that equals a gain.
_SLACK = 2.0**-40
# Groups of configurations whose bounds are tried before all configurations are.
_GROUPS = (64, 512)
# Candidates looked at together, at first and at most.
_FEW, _MANY = 16, 1024
# Posteriors of configurations that a row evaluated in full meets, times so many rows at once.
_ENTRIES = 2**20
# Products made in one call of a kernel: Python sees Ctrl-C in between.
_PRODUCTS_PER_CALL = 2**28


def batch_bald(
    probas: ArrayLike | Sequence[ArrayLike],
    k: int,
    random_state: Any = None,
    *,
    classes: Sequence[ArrayLike] | None = None,
    exclude: ArrayLike | None = None,
    max_configurations: int = 10_000,
) -> tuple[Rows, Floats]:
    r"""Pick k rows whose labels, taken together, tell most about which member is right.

    .. math:: I(y_1, \ldots, y_k; m) = H(y_1, \ldots, y_k)
              - \frac1M \sum_m \sum_i H(y_i \mid m)

    The k rows of the highest `fastal.kl_to_consensus` often tell the same thing k times; here each
    pick is the row that raises the joint information most.  No k rows have more than
    1 / (1 - 1/e) = 1.58 times that of the greedy ones.

    Parameters
    ----------
    probas : array-like of shape (n_members, n_samples, n_classes), or list of arrays
        As for `fastal.consensus_entropy`.
    k : int
        How many rows to pick, at least 1.  If fewer are left, all of them are picked.
    random_state : None, int, RandomState or Generator, default None
        None: equal gains go to the lowest row, and configurations are drawn afresh.  Otherwise
        ties are broken at random, too.
    classes : list of array-like, optional
        As for `fastal.consensus_entropy`.
    exclude : array-like of int or bool, optional
        Row numbers, or a mask over the rows, that are never picked (labelled ones, say).
    max_configurations : int, default 10_000
        The rows picked can be labelled in :math:`C, C^2, \ldots` ways.  While no more than so many
        have a probability above 0 for any member, gains are exact; then they are estimated from
        this many configurations, drawn from the committee (the same number from each member).

    Returns
    -------
    rows : ndarray of shape (min(k, n_left),), int64
        Row numbers in the order picked, without repeats.
    information : ndarray of the same shape, float64
        ``information[i]`` is the joint information of the first i + 1 picks, in nats, or its
        estimate; it never falls, and is at most log(n_members) but for errors of the estimate.

    Raises
    ------
    ValueError
        If k or max_configurations is below 1, an excluded row does not exist, or as
        `fastal.consensus_entropy`.
    TypeError
        If k or max_configurations is no whole number, or as `fastal.consensus_entropy`.

    Notes
    -----
    A configuration y of the rows picked makes some members likelier, and the gain of another row
    x is its `fastal.kl_to_consensus` with the members so weighted, in the mean over y:

    .. math:: I(y_x; m \mid y_1, \ldots, y_b) = \sum_y p(y) \Big( H\big(\textstyle\sum_m p(m \mid
              y)\, p_m\big) - \sum_m p(m \mid y)\, H(p_m) \Big)

    The paper estimates the joint entropy from the configurations drawn; this estimates the gain,
    which is then never negative.  Both have the right mean.

    The gain for one y is a concave function of the weights :math:`p(m \mid y)`, so putting
    similar configurations together and taking the mean of their weights can only raise it: a few
    groups give an upper bound, and a row is evaluated in full only if its bounds are among the
    highest.  While gains are exact, they only fall, and those of earlier picks are bounds as
    well.  The picks are those of evaluating all rows in full.  Gains that differ by less than
    1e-9 count as equal.

    References
    ----------
    Kirsch, van Amersfoort & Gal (2019), "BatchBALD: efficient and diverse batch acquisition for
    deep Bayesian active learning", arXiv:1906.08158; Minoux (1978), "Accelerated greedy algorithms
    for maximizing submodular set functions".

    Examples
    --------
    Rows 0 and 1 split the members in the same way, row 2 in another:

    >>> import fastal
    >>> probas = [[[1, 0], [1, 0], [1, 0]], [[1, 0], [1, 0], [0, 1]],
    ...           [[0, 1], [0, 1], [1, 0]], [[0, 1], [0, 1], [0, 1]]]
    >>> fastal.batch_bald(probas, k=2)
    (array([0, 2]), array([0.69314718, 1.38629436]))
    """
    k = check_count(k, "k")
    max_configurations = check_count(max_configurations, "max_configurations")
    aligned = check_probas(probas, classes)
    n_members, n_rows = aligned.shape[:2]
    rng = None if random_state is None else check_random_state(random_state)
    candidates = rows_left(n_rows, check_rows(exclude, n_rows, "exclude"))
    rank = draw_rank(n_rows, rng)
    rows, gains = np.empty(min(k, candidates.size), dtype=np.int64), np.zeros(k)
    picked = _Configurations(n_members, max_configurations, rng)
    search = _Search(aligned, candidates, rank)
    for i in range(rows.size):
        rows[i], gains[i] = search.best(picked)
        if i + 1 < rows.size:
            picked.add(aligned[:, rows[i]].astype(np.float64))
    return rows, np.cumsum(gains[: rows.size])


class _Configurations:
    """How the rows picked so far may be labelled, and what each way says about the members."""

    def __init__(self, n_members: int, most: int, rng: Any) -> None:
        self._most = most
        self._rng = rng
        self._picks: list[Floats] = []
        self.exact = True
        # One column each, which sums to 1; weights sum to 1.
        self.posteriors = np.full((n_members, 1), 1.0 / n_members)
        self.weights = np.ones(1)

    def add(self, p: Floats) -> None:
        """Append a row, of which the members think p (n_members, n_classes)."""
        self._picks.append(p)
        if self.exact:
            joint = self.posteriors[:, :, np.newaxis] * p[:, np.newaxis, :]
            chance = joint.sum(axis=0)
            possible = (chance > 0) & (self.weights[:, np.newaxis] * chance > 0)
            if np.count_nonzero(possible) <= self._most:
                self.posteriors = joint[:, possible] / chance[possible]
                self.weights = (self.weights[:, np.newaxis] * chance)[possible]
                return
            self._start_drawing(len(p))
        else:
            self._draw(p)
        self._merge()

    def _start_drawing(self, n_members: int) -> None:
        self.exact = False
        # As many from each member: the mean over them is the mean over the committee.
        each = -(-self._most // n_members)
        self._member = np.repeat(np.arange(n_members), each)
        self._number = np.zeros(self._member.size, dtype=np.int64)
        self._of_all = np.full((n_members, self._member.size), 1.0 / n_members)
        self._rng = check_random_state(self._rng)
        for p in self._picks:
            self._draw(p)

    def _draw(self, p: Floats) -> None:
        """Draw a label from the member of each configuration."""
        steps = np.cumsum(p, axis=1)
        heights = self._rng.uniform(size=self._member.size) * steps[self._member, -1]
        labels = (heights[:, np.newaxis] >= steps[self._member, :-1]).sum(axis=1)
        joint = self._of_all * p[:, labels]
        chance = joint.sum(axis=0)
        # A label that its member can give has a chance, but for underflow.
        self._of_all = np.where(chance > 0, joint / np.where(chance > 0, chance, 1), self._of_all)
        _, self._number = np.unique(self._number * p.shape[1] + labels, return_inverse=True)

    def _merge(self) -> None:
        """Count equal configurations: of a committee that is sure, most are."""
        _, first, counts = np.unique(self._number, return_index=True, return_counts=True)
        self.posteriors = self._of_all[:, first]
        self.weights = counts / self._number.size


class _Search:
    """Candidates, and upper bounds of their gains."""

    def __init__(self, probas: NDArray[Any], candidates: Rows, rank: Rows) -> None:
        from fastal import _kernels_batch_bald

        self._kernels = _kernels_batch_bald
        self._probas = probas
        self._rank = rank
        n_members, n_rows, n_classes = probas.shape
        entropies = _entropies(probas.reshape(-1, n_classes)).reshape(n_members, n_rows)
        explain_bad_rows(entropies.sum(axis=0), probas, "probas")
        self._entropies = read_only(entropies)
        # What a first pick gains is what any later one gains at most.
        mean = probas.mean(axis=0, dtype=np.float64)
        first_gains = np.maximum(_entropies(mean) - entropies.mean(axis=0), 0.0)
        self._bounds = np.full(n_rows, -np.inf)
        self._bounds[candidates] = first_gains[candidates] + _SLACK

    def best(self, picked: _Configurations) -> tuple[int, float]:
        """Take the candidate of the highest gain away; return it and the gain."""
        levels = [_Level(*parts) for parts in _groups(picked.posteriors, picked.weights, _GROUPS)]
        bounds = self._bounds
        if not picked.exact:
            # Only expectations are sure to fall, not estimates of them.
            bounds[np.isfinite(bounds)] = np.inf
        left = bounds > -np.inf
        level = np.zeros(bounds.size, dtype=np.int8)
        best, at_once = -np.inf, _FEW
        while True:
            pending = np.flatnonzero((level < len(levels)) & (_steps(bounds) >= best) & left)
            if not pending.size:
                break
            if pending.size > at_once and np.isfinite(bounds[pending]).all():
                top = np.argpartition(-bounds[pending], at_once)[:at_once]
                pending = np.sort(pending[top])
                at_once = min(2 * at_once, _MANY)
            for number in np.unique(level[pending]).tolist():
                own = pending[level[pending] == number]
                full = number + 1 == len(levels)
                if full:
                    # The more is known of the best gain, the fewer need this.
                    few = max(_FEW, _ENTRIES // levels[number].posteriors.size)
                    own = np.sort(own[np.argsort(-bounds[own], kind="stable")[:few]])
                gains = self._gains(own, levels[number])
                level[own] += 1
                if full:
                    bounds[own] = gains
                    best = max(best, _steps(gains).max())
                else:
                    bounds[own] = np.minimum(bounds[own], gains + _SLACK)
        done = np.flatnonzero(level == len(levels))
        ties = done[_steps(bounds[done]) == best]
        row = int(ties[np.argmin(self._rank[ties])])
        gain = float(bounds[row])
        bounds[done] += _SLACK
        bounds[row] = -np.inf
        return row, gain

    def _gains(self, rows: Rows, level: _Level) -> Floats:
        out = np.empty(rows.size)
        n_members, _, n_classes = self._probas.shape
        per_row = level.weights.size * n_members * n_classes
        block = max(1, _PRODUCTS_PER_CALL // per_row)
        for first in range(0, rows.size, block):
            own = slice(first, first + block)
            over_rows(
                self._kernels.batch_bald, out[own].size, out[own].size * per_row // 4,
                rows[own], self._probas, self._entropies,
                level.posteriors, level.weights, level.mean, out[own],
            )  # fmt: skip
        return out


def _entropies(p: NDArray[Any]) -> Floats:
    """Entropy of each row; NaN if it is no distribution."""
    from fastal import _kernels_scores

    out = np.empty(len(p))
    wide = p.dtype == np.float64
    kernel = _kernels_scores.entropy if wide else _kernels_scores.entropy_float32
    over_rows(kernel, len(p), p.size, read_only(p), out)
    return out


def _steps(gains: Floats) -> Floats:
    return np.rint(gains / _STEP)


class _Level:
    """Configurations, or groups of them, in blocks as the kernel takes them."""

    def __init__(self, posteriors: Floats, weights: Floats) -> None:
        from fastal._kernels_batch_bald import LANES

        n_members, n = posteriors.shape
        n_blocks = -(-n // LANES)
        padded = np.zeros((n_members, n_blocks * LANES))
        padded[:, :n] = posteriors
        blocks = padded.reshape(n_members, n_blocks, LANES).transpose(1, 0, 2)
        self.posteriors = read_only(blocks)
        self.weights = np.zeros((n_blocks, LANES))
        self.weights.reshape(-1)[:n] = weights
        self.mean = posteriors @ weights


def _groups(
    posteriors: Floats, weights: Floats, sizes: Sequence[int]
) -> list[tuple[Floats, Floats]]:
    """Mean posteriors and weights of few groups, of more, ..., and at last of all by themselves.

    Groups are halved where their posteriors differ most.  More groups are worth it only if they
    are still few beside the configurations.
    """
    levels = []
    groups = [np.arange(weights.size)]
    for size in sizes:
        if 4 * size > weights.size:
            break
        while len(groups) < size:
            groups = [half for group in groups for half in _halves(group, posteriors, weights)]
        sums = [weights[group].sum() for group in groups]
        means = [posteriors[:, group] @ weights[group] for group in groups]
        total = np.array(sums)
        levels.append((np.stack(means, axis=1) / total, total))
    return [*levels, (posteriors, weights)]


def _halves(group: Rows, posteriors: Floats, weights: Floats) -> list[Rows]:
    if group.size < 2:
        return [group]
    own, w = posteriors[:, group], weights[group]
    mean = own @ w / w.sum()
    spread = (own - mean[:, np.newaxis]) ** 2 @ w
    order = np.argsort(own[np.argmax(spread)], kind="stable")
    return [group[order[: group.size // 2]], group[order[group.size // 2 :]]]
