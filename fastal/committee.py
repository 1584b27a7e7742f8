"""Scores over a committee: how much several models disagree about each row."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._threads import over_rows
from fastal._validation import (
    check_probas,
    check_votes,
    explain_bad_rows,
    number_votes,
    read_only,
)

__all__ = [
    "consensus_entropy",
    "kl_to_consensus",
    "max_kl_to_consensus",
    "variation_ratio",
    "vote_entropy",
]


def vote_entropy(votes: ArrayLike) -> NDArray[np.float64]:
    r"""Entropy of the members' votes for each row, in nats, not normalised.

    .. math:: -\sum_k \frac{V_k}{M} \log \frac{V_k}{M}

    with :math:`V_k` the number of the :math:`M` members that vote for class :math:`k`.  Rows with
    the same vote counts get exactly the same score, whoever cast them.

    Parameters
    ----------
    votes : array-like of shape (n_samples, n_members)
        One predicted label per member: whole numbers of any size or sign, or strings.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        Between 0 (all agree) and log(n_members); higher = query first.

    Raises
    ------
    ValueError
        For a wrong shape, no members, NaN or infinite votes.
    TypeError
        For votes that are no labels, or labels of mixed kinds that cannot be sorted.

    References
    ----------
    Dagan & Engelson (1995), "Committee-based sampling for training probabilistic classifiers";
    Engelson & Dagan (1996).

    Examples
    --------
    >>> import fastal
    >>> fastal.vote_entropy([["ham", "ham"], ["ham", "spam"]])
    array([0.        , 0.69314718])
    """
    from fastal import _kernels_votes

    codes = check_votes(votes)
    out = np.empty(len(codes))
    n_members = codes.shape[1]
    steps = _entropy_steps(n_members)
    if n_members <= _MAX_COMPARED_MEMBERS:
        of_pairs = _entropy_by_agreeing_pairs(n_members, steps)
        kernel = _kernels_votes.vote_entropy
        over_rows(kernel, len(codes), codes.size, codes, steps, of_pairs, _SCALE, out)
    elif codes.size:
        codes, lowest, n_codes = _countable(codes)
        large = _kernels_votes.vote_entropy_large
        over_rows(large, len(codes), codes.size, codes, lowest, n_codes, steps, _SCALE, out)
    return out


# The work of comparing all pairs of members grows with their square; from about here on,
# counting the votes of each class is faster (benchmarks/ratios.py).
_MAX_COMPARED_MEMBERS = 16

# Entropies are summed as whole numbers of 2**-52.
_SCALE = 2.0**52


def _entropy_steps(n_members: int) -> NDArray[np.int64]:
    """Return what each further vote for a class adds to the entropy, in whole numbers of 1/scale.

    The terms -(c/M) log(c/M) for c = 0..M are rounded to multiples of 2**-52 (one part in 10**16),
    so that sums of them are exact in any order.
    """
    share = np.arange(n_members + 1) / n_members
    terms = np.zeros(n_members + 1)
    terms[1:] = -share[1:] * np.log(share[1:])
    whole: NDArray[np.int64] = np.rint(terms * _SCALE).astype(np.int64)
    return whole[1:] - whole[:-1]


def _entropy_by_agreeing_pairs(n_members: int, steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """Entropy by the number of pairs of members that agree; empty if that does not determine it.

    Counts of 4 and 2 agree in as many pairs (6 + 1) as no other split of 6 votes, but 3 + 3 and
    4 + 1 + 1 both in 6: from 6 members on the number of pairs is not enough.
    """
    if n_members > 5:
        return np.empty(0, dtype=np.int64)
    by_pairs = np.zeros(n_members * (n_members - 1) // 2 + 1, dtype=np.int64)
    totals = np.append(0, np.cumsum(steps))
    for votes in itertools.combinations_with_replacement(range(n_members), n_members):
        counts = np.bincount(votes)
        by_pairs[(counts * (counts - 1) // 2).sum()] = totals[counts].sum()
    return by_pairs


def _countable(codes: NDArray[Any]) -> tuple[NDArray[Any], int, int]:
    """Votes, lowest and number of codes; labels far apart are numbered anew."""
    lowest, highest = int(codes.min()), int(codes.max())
    if highest - lowest >= 2**16:
        codes = read_only(number_votes(codes))
        lowest, highest = 0, int(codes.max())
    return codes, lowest, highest - lowest + 1


def _score(
    kernel: Callable[..., None],
    probas: ArrayLike | Sequence[ArrayLike],
    classes: Sequence[ArrayLike] | None,
) -> NDArray[np.float64]:
    aligned = check_probas(probas, classes)
    out = np.empty(aligned.shape[1])
    over_rows(kernel, len(out), aligned.size, aligned, out)
    explain_bad_rows(out, aligned, "probas")
    return out


def consensus_entropy(
    probas: ArrayLike | Sequence[ArrayLike], classes: Sequence[ArrayLike] | None = None
) -> NDArray[np.float64]:
    r"""Entropy of the members' mean probabilities for each row, in nats (soft-vote entropy).

    .. math:: H(\bar p), \qquad \bar p = \frac{1}{M} \sum_m p_m

    Parameters
    ----------
    probas : array-like of shape (n_members, n_samples, n_classes), or list of arrays
        Class probabilities of each member; a list may hold members of different class sets.
        Each row must be finite, non-negative and sum to 1 within 0.001.
    classes : list of array-like, optional
        ``classes[m]`` holds the labels of the columns of ``probas[m]``, as scikit-learn's
        ``classes_``.  Members are then aligned by label, and a class a member does not know has
        probability 0 there.  Without it, all members must have the same columns.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        Between 0 and log(n_classes); higher = query first.

    Raises
    ------
    ValueError
        For wrong shapes, members of different widths without `classes`, or a row that is no
        probability distribution.
    TypeError
        For values that are not real numbers.

    References
    ----------
    Settles (2009), "Active learning literature survey", section 3.2.

    Examples
    --------
    >>> import fastal
    >>> a, b = [[1.0, 0.0]], [[1.0]]
    >>> fastal.consensus_entropy([a, b], classes=[["ham", "spam"], ["spam"]])
    array([0.69314718])
    """
    from fastal import _kernels_scores

    return _score(_kernels_scores.consensus_entropy, probas, classes)


def kl_to_consensus(
    probas: ArrayLike | Sequence[ArrayLike], classes: Sequence[ArrayLike] | None = None
) -> NDArray[np.float64]:
    r"""Mean Kullback-Leibler divergence of the members from their mean, in nats.

    .. math:: \frac{1}{M} \sum_m \sum_k p_{mk} \log \frac{p_{mk}}{\bar p_k}
              = H(\bar p) - \frac{1}{M} \sum_m H(p_m)

    The right-hand side is the mutual information that BALD maximises: the two strategies are the
    same number.

    Parameters
    ----------
    probas, classes
        As for `fastal.consensus_entropy`.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        At least 0 (members agree) and at most log(n_members); higher = query first.

    Raises
    ------
    ValueError, TypeError
        As `fastal.consensus_entropy`.

    References
    ----------
    McCallum & Nigam (1998), "Employing EM and pool-based active learning for text
    classification"; Houlsby et al. (2011), arXiv:1112.5745 (BALD).

    Examples
    --------
    >>> import fastal
    >>> fastal.kl_to_consensus([[[1.0, 0.0]], [[0.0, 1.0]]])
    array([0.69314718])
    """
    from fastal import _kernels_scores

    return _score(_kernels_scores.kl_to_consensus, probas, classes)


def max_kl_to_consensus(
    probas: ArrayLike | Sequence[ArrayLike], classes: Sequence[ArrayLike] | None = None
) -> NDArray[np.float64]:
    r"""Divergence from the mean of the member that differs most, in nats.

    .. math:: \max_m \sum_k p_{mk} \log \frac{p_{mk}}{\bar p_k}

    The variant of `fastal.kl_to_consensus` that modAL calls maximum disagreement: one dissenter
    is enough for a high score.

    Parameters
    ----------
    probas, classes
        As for `fastal.consensus_entropy`.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        At least 0 and at most log(n_members); higher = query first.

    Raises
    ------
    ValueError, TypeError
        As `fastal.consensus_entropy`.

    References
    ----------
    McCallum & Nigam (1998), with the maximum in place of the mean.

    Examples
    --------
    >>> import fastal
    >>> fastal.max_kl_to_consensus([[[1.0, 0.0]], [[1.0, 0.0]]])
    array([0.])
    """
    from fastal import _kernels_scores

    return _score(_kernels_scores.max_kl_to_consensus, probas, classes)


def variation_ratio(
    probas: ArrayLike | Sequence[ArrayLike], classes: Sequence[ArrayLike] | None = None
) -> NDArray[np.float64]:
    r"""Share of the members that do not vote for the most voted class.

    .. math:: 1 - \frac{\max_k V_k}{M}

    A member votes for its most probable class, the first of them if several tie.

    Parameters
    ----------
    probas, classes
        As for `fastal.consensus_entropy`.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        Between 0 (all agree) and 1 - 1/n_members; higher = query first.

    Raises
    ------
    ValueError, TypeError
        As `fastal.consensus_entropy`.

    References
    ----------
    Freeman (1965), "Elementary applied statistics"; as a query strategy: Beluch et al. (2018),
    "The power of ensembles for active learning in image classification".

    Examples
    --------
    >>> import fastal
    >>> fastal.variation_ratio([[[0.9, 0.1]], [[0.8, 0.2]], [[0.3, 0.7]]])
    array([0.33333333])
    """
    from fastal import _kernels_scores

    return _score(_kernels_scores.variation_ratio, probas, classes)
