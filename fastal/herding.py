"""Herding: rows whose neighbourhoods, soft balls, cover the pool."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from fastal._facilities import Facilities, scale_of
from fastal._validation import (
    CSR,
    check_count,
    check_csr,
    check_importance,
    check_matrix,
    check_number,
    check_rows,
    draw_rank,
    rows_left,
)

__all__ = ["max_herding", "uncertainty_herding"]


def max_herding(
    X: Any,
    k: int,
    labeled: ArrayLike | None = None,
    sigma: float = 1.0,
    random_state: Any = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    r"""Pick k rows that cover the pool softly: each row should have one of them near (MaxHerding).

    .. math:: F(S) = \sum_u \max_{s \in S} \kappa(x_u, x_s), \qquad
        \kappa(x, y) = e^{-|\hat x - \hat y|^2 / \sigma^2} = e^{-2 (1 - \cos(x, y)) / \sigma^2}

    with :math:`\hat x = x / |x|`.  Each pick is the row that raises F, the generalised coverage,
    most, for S the labelled rows and the picks before.  No k rows raise F to more than
    1 / (1 - 1/e) = 1.58 times what the greedy ones do.  With a small sigma only rows of nearly one
    direction cover each other; with a large one :math:`\kappa` is nearly a straight line in the
    cosine, and the picks are nearly those that maximise the sum of the highest cosines.

    Parameters
    ----------
    X : sparse matrix or array-like of shape (n_samples, n_features)
        Finite numbers.  A sparse X is read as CSR and never made dense; a dense X is made sparse.
    k : int
        How many rows to pick, at least 1.  If fewer are unlabelled, all of them are picked.
    labeled : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows: they are in S from the start.
    sigma : float, default 1.0
        Length scale of the kernel, between 0.001 and 1000; distances between rows of unit length
        are at most 2, and :math:`\sqrt2` if they share nothing.
    random_state : None, int, RandomState or Generator, default None
        None: equal gains go to the lowest row.  Otherwise ties are broken uniformly at random.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Row numbers of X in the order picked, without repeats.
    gains : ndarray of the same shape, float64
        ``gains[i]`` is what pick i adds to F; it never rises from one pick to the next.

    Raises
    ------
    ValueError
        If k is below 1, X is not finite, not two-dimensional or of an extreme scale, a labelled
        row does not exist, or sigma is out of range.
    TypeError
        If X holds no numbers, k is no whole number or sigma no number.

    Notes
    -----
    The cosine with a row of zeros counts as 0, also its own.  Where the authors' code takes the
    mean over the pool, this is the sum: the same picks.

    The picks and gains are those of evaluating every row at every pick; how, and how the time
    grows, is said at `fastal.facility_location`, whose search it is.

    References
    ----------
    Bae, Noh & Sutherland (2024), "Generalized coverage for more robust low-budget active
    learning", ECCV, arXiv:2407.12212.

    Examples
    --------
    >>> import fastal
    >>> X = [[1.0, 0.0], [3.0, 0.0], [0.0, 1.0], [0.0, 0.0]]
    >>> rows, gains = fastal.max_herding(X, k=2)
    >>> rows, gains.round(3)
    (array([0, 2]), array([2.271, 0.865]))
    """
    return _herd(None, X, k, labeled, sigma, random_state)


def uncertainty_herding(
    scores: ArrayLike,
    X: Any,
    k: int,
    labeled: ArrayLike | None = None,
    sigma: float = 1.0,
    random_state: Any = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    r"""Pick k rows that softly cover the rows of which a model is unsure (UncertaintyHerding).

    .. math:: F(S) = \sum_u s_u \max_{s \in S} \kappa(x_u, x_s)

    with the kernel of `fastal.max_herding`, which this is if all scores are equal.

    Parameters
    ----------
    scores : array-like of shape (n_samples,)
        Finite and not negative: how unsure the model is of each row, `fastal.margin` say.
    X : sparse matrix or array-like of shape (n_samples, n_features)
        As in `fastal.max_herding`.
    k : int
        How many rows to pick, at least 1.  If fewer are unlabelled, all of them are picked.
    labeled : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows: they are in S from the start.
    sigma : float, default 1.0
        As in `fastal.max_herding`.
    random_state : None, int, RandomState or Generator, default None
        None: equal gains go to the lowest row.  Otherwise ties are broken uniformly at random.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Row numbers of X in the order picked, without repeats.
    gains : ndarray of the same shape, float64
        What each pick adds to F.

    Raises
    ------
    ValueError
        As `fastal.max_herding`, or if a score is negative or not finite, the sum of all scores
        is, or the numbers of scores and rows differ.
    TypeError
        As `fastal.max_herding`.

    Notes
    -----
    If all scores are 0, so are all gains, and the picks are as the ties go.

    The paper also chooses, in each round, the temperature of the model's probabilities (by the
    calibration error on held-out labelled rows) and sigma (the smallest distance between labelled
    rows).  Both are left to the caller: pass scores of calibrated probabilities, and sigma.

    References
    ----------
    Bae, Oliveira & Sutherland (2025), "Uncertainty herding: one active learning method for all
    label budgets", ICLR, arXiv:2412.20644.

    Examples
    --------
    >>> import fastal
    >>> X = [[1.0, 0.0], [3.0, 0.0], [0.0, 1.0]]
    >>> fastal.uncertainty_herding([0.0, 0.25, 1.0], X, k=2)[0]
    array([2, 0])
    """
    return _herd(scores, X, k, labeled, sigma, random_state)


def _herd(
    scores: Any, X: Any, k: Any, labeled: Any, sigma: Any, random_state: Any
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    if not 1e-3 <= check_number(sigma, "sigma", "between 0.001 and 1000") <= 1e3:
        raise ValueError(f"sigma must lie between 0.001 and 1000, got {sigma}")
    k = check_count(k, "k")
    matrix = check_matrix(X)
    if not isinstance(matrix, CSR):
        matrix = check_csr(sp.csr_matrix(matrix))
    n_rows = matrix.shape[0]
    weights = np.ones(n_rows) if scores is None else check_importance(scores, n_rows)
    with np.errstate(over="ignore"):
        if np.isinf(weights.sum()):
            raise ValueError("scores must have a finite sum; rescale the scores")
    known = check_rows(labeled, n_rows, "labeled")
    rank = draw_rank(n_rows, random_state)
    candidates = rows_left(n_rows, known)
    rows = np.empty(min(k, candidates.size), dtype=np.int64)
    gains = np.empty(rows.size)
    scale = scale_of(matrix, cosine=True)
    if rows.size:
        sharpness = 2.0 / float(sigma) ** 2
        facilities = Facilities(matrix, scale, weights, "gauss", sharpness)
        facilities.pick(known, candidates, rank, rows, gains)
    return rows, gains
