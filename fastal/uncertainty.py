"""Scores over class probabilities: how unsure one model is about each row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._threads import over_blocks, over_rows
from fastal._validation import check_decision, check_proba, explain_bad_rows

__all__ = ["distance_to_boundary", "entropy", "least_confidence", "margin"]


def _score(kernel: Callable[..., None], proba: NDArray[Any]) -> NDArray[np.float64]:
    out = np.empty(len(proba))
    over_rows(kernel, len(proba), proba.size, proba, out)
    explain_bad_rows(out, proba, "proba")
    return out


def entropy(proba: ArrayLike) -> NDArray[np.float64]:
    r"""Entropy of each row of class probabilities, in nats.

    .. math:: H(p) = -\sum_k p_k \log p_k, \qquad 0 \log 0 = 0

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        Each row must be finite, non-negative and sum to 1 within 0.001; it is scored as it stands
        and never renormalised.  float32 is read as it is and summed in float64.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        Between 0 and log(n_classes); higher = query first.

    Raises
    ------
    ValueError
        For a wrong shape, or a row that is no probability distribution.
    TypeError
        For a sparse matrix or values that are not real numbers.

    References
    ----------
    Shannon (1948), "A mathematical theory of communication"; as a query strategy: Settles (2009),
    "Active learning literature survey", section 3.1.

    Examples
    --------
    >>> import fastal
    >>> fastal.entropy([[0.5, 0.5], [1.0, 0.0]])
    array([0.69314718, 0.        ])
    """
    from fastal import _kernels_scores

    proba = check_proba(proba)
    wide = proba.dtype == np.float64
    kernel = _kernels_scores.entropy if wide else _kernels_scores.entropy_float32
    return _score(kernel, proba)


def margin(proba: ArrayLike) -> NDArray[np.float64]:
    r"""Closeness of the two most probable classes.

    .. math:: 1 - (p_{(1)} - p_{(2)})

    The raw margin :math:`p_{(1)} - p_{(2)}` is small where the model is unsure; its complement is
    returned so that, as everywhere in fastal, higher = query first.  With a single class the
    second probability is 0.

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        As for `fastal.entropy`.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        Between 0 (certain) and 1 (a tie of two classes).

    Raises
    ------
    ValueError, TypeError
        As `fastal.entropy`.

    References
    ----------
    Scheffer, Decomain & Wrobel (2001), "Active hidden Markov models for information extraction";
    Luo et al. (2005), "Active learning to recognize multiple types of plankton", JMLR 6.

    Examples
    --------
    >>> import fastal
    >>> fastal.margin([[0.5, 0.5, 0.0], [0.75, 0.25, 0.0]])
    array([1. , 0.5])
    """
    from fastal import _kernels_scores

    return _score(_kernels_scores.margin, check_proba(proba))


def least_confidence(proba: ArrayLike) -> NDArray[np.float64]:
    r"""Probability that the most probable class is wrong.

    .. math:: 1 - \max_k p_k

    Parameters
    ----------
    proba : array-like of shape (n_samples, n_classes)
        As for `fastal.entropy`.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        Between 0 and 1 - 1/n_classes; higher = query first.

    Raises
    ------
    ValueError, TypeError
        As `fastal.entropy`.

    References
    ----------
    Lewis & Gale (1994), "A sequential algorithm for training text classifiers", SIGIR;
    Culotta & McCallum (2005), "Reducing labeling effort for structured prediction tasks".

    Examples
    --------
    >>> import fastal
    >>> fastal.least_confidence([[0.5, 0.5], [0.75, 0.25]])
    array([0.5 , 0.25])
    """
    from fastal import _kernels_scores

    return _score(_kernels_scores.least_confidence, check_proba(proba))


def distance_to_boundary(decision: ArrayLike) -> NDArray[np.float64]:
    r"""Closeness to the boundary between the two classes that a model thinks most of.

    .. math:: -(d_{(1)} - d_{(2)}), \qquad\text{for two classes } -|d|

    with :math:`d_{(1)} \ge d_{(2)}` the two highest decision values.  For a linear model with two
    classes :math:`|d|` is the distance to the separating plane times the length of its normal
    vector.  It is returned with a minus sign so that, as everywhere in fastal, higher = query
    first.

    Parameters
    ----------
    decision : array-like of shape (n_samples,) or (n_samples, n_classes)
        What ``decision_function`` of a scikit-learn classifier gives: finite numbers.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        At most 0, which is a tie.

    Raises
    ------
    ValueError
        For a wrong shape, or values that are not finite.
    TypeError
        For a sparse matrix or values that are not real numbers.

    References
    ----------
    Tong & Koller (2001), "Support vector machine active learning with applications to text
    classification", JMLR 2 (the strategy "simple"); several classes: Jain & Kapoor (2009).

    Examples
    --------
    >>> import fastal
    >>> fastal.distance_to_boundary([-0.5, 2.0])
    array([-0.5, -2. ])
    >>> fastal.distance_to_boundary([[1.0, 0.75, -3.0]])
    array([-0.25])
    """
    from fastal import _kernels_linear

    values = check_decision(decision)
    out = np.empty(len(values))

    def rows(share: int, start: int, stop: int) -> None:
        part = values[start:stop]
        _kernels_linear.softmax_scores(part, _kernels_linear.BOUNDARY, out[start:stop])

    over_blocks(rows, len(values), 2**14, len(values) >> 15)
    bad = np.flatnonzero(np.isnan(out))
    if bad.size:
        raise ValueError(f"decision must be finite, but row {bad[0]} is not ({bad.size} in all)")
    return out
