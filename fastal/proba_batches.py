"""Rows drawn by uncertainty and by how their probabilities differ from those drawn before."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._clusters import draw_row
from fastal._threads import over_rows
from fastal._validation import (
    check_count,
    check_number,
    check_proba,
    check_random_state,
    check_rows,
)
from fastal.uncertainty import margin

__all__ = ["falcun"]


def falcun(
    proba: ArrayLike,
    k: int,
    labeled: ArrayLike | None = None,
    gamma: float = 10.0,
    random_state: Any = None,
) -> NDArray[np.int64]:
    r"""Draw k rows of which the model is unsure, each in another way than those before (FALCUN).

    .. math:: P(u) \propto (m_u + \tilde d_u)^\gamma, \qquad
        d_u = \min\bigl(m_u, \min_{q} |p_u - p_q|_1\bigr)

    with :math:`m_u = 1 - (p_{(1)} - p_{(2)})`, the score of `fastal.margin`; q runs over the rows
    drawn before, and :math:`\tilde d` is d brought to 0..1, its minimum and maximum being those of
    the rows that can still be drawn (0 for all if they are equal).

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Class probabilities, as for `fastal.entropy`.
    k : int
        How many rows to draw, at least 1.  If fewer are unlabelled, all of them are drawn.
    labeled : array-like of int or bool, optional
        Row numbers of proba, or a mask over its rows, that are not drawn.
    gamma : float, default 10.0
        Finite and not negative.  0 draws uniformly; the larger it is, the surer the row of the
        highest :math:`m + \tilde d` is drawn.
    random_state : None, int, RandomState or Generator, default None
        None draws afresh with every call.

    Returns
    -------
    rows : ndarray of shape (min(k, n_unlabelled),), int64
        Distinct row numbers in the order drawn.

    Raises
    ------
    ValueError
        If k is below 1, gamma negative or not finite, a row no probability distribution, or a
        labelled row does not exist.
    TypeError
        If proba holds no numbers, k is no whole number or gamma no number.

    Notes
    -----
    If :math:`m + \tilde d` is 0 for all rows, they are equally likely.  Each draw takes one pass
    over proba; besides it there are four numbers a row.

    The distances themselves are kept as they are from one draw to the next, as in the authors'
    code; scikit-activeml replaces them by the normalised ones.

    References
    ----------
    Gilhuber, Beer, Ma & Seidl (2024), "FALCUN: a simple and efficient deep active learning
    strategy", ECML PKDD.

    Examples
    --------
    >>> import fastal
    >>> proba = [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [1.0, 0.0, 0.0]]
    >>> fastal.falcun(proba, k=2, random_state=0)
    array([1, 2])
    """
    from fastal import _kernels_typical

    k = check_count(k, "k")
    if not 0 <= check_number(gamma, "gamma", "of at least 0") < np.inf:
        raise ValueError(f"gamma must be finite and not negative, got {gamma}")
    array = check_proba(proba)
    # Rows may sum to a little more than 1.
    unsure = np.maximum(margin(array), 0.0)
    n_rows = len(array)
    free = np.ones(n_rows, dtype=bool)
    free[check_rows(labeled, n_rows, "labeled")] = False
    draws = check_random_state(random_state).uniform(size=min(k, int(np.count_nonzero(free))))
    rows = np.empty(draws.size, dtype=np.int64)
    distance, chances = unsure.copy(), np.empty(n_rows)
    for i, draw in enumerate(draws):
        if i:
            over_rows(
                _kernels_typical.falcun, n_rows, array.size, array, int(rows[i - 1]), distance
            )
        extent = _kernels_typical.relevance_range(unsure, distance, free)
        over_rows(
            _kernels_typical.relevance, n_rows, 4 * n_rows,
            unsure, distance, free, *extent, float(gamma), chances,
        )  # fmt: skip
        rows[i] = draw_row(chances, free, draw)
        free[rows[i]] = False
    return rows
