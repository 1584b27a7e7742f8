"""The error of the model's labels by how sure of them it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._intervals import check_level, check_share, exact_interval
from fastal._validation import check_rows

THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)


def threshold_table(
    confidence: ArrayLike,
    rows: ArrayLike,
    wrong: ArrayLike,
    thresholds: Sequence[float] = THRESHOLDS,
    *,
    min_confidence: float = 0.0,
    level: float = 0.95,
) -> list[dict[str, Any]]:
    """What each threshold of confidence would leave to the model, and how much of it is wrong.

    Of the audited labels, those above a threshold are a random sample of all that are above it.

    Parameters
    ----------
    confidence : array-like of shape (n_pool,)
        The model's confidence in each of its labels; NaN where a person labelled
        (``label_rest(...).confidence``).
    rows : array-like of shape (n_audited,), int
        The audited rows of the pool.
    wrong : array-like of shape (n_audited,), bool
        Whether the model's label of each of them was wrong.
    thresholds : sequence of float
        Fixed beforehand: not chosen by looking at the errors.
    min_confidence : float, default 0.0
        The threshold at which the audited rows were drawn; lower ones are left out of the table.
    level : float, default 0.95
        With this confidence **all** the intervals of the table hold at once.

    Returns
    -------
    table : list of dict
        One for each threshold, the lowest first: "threshold"; "n_model", the labels by the model
        at or above it, and "share", that number over all labels by the model; "n_audited",
        "n_wrong", "error", "low", "high" as from `fastal.audit_error`.

    Raises
    ------
    ValueError, TypeError
        If the arrays do not fit each other, or an audited row has no label by the model.

    Notes
    -----
    Whoever picks, of m thresholds, the one that looks best, picks luck as well: the estimate there
    is too good on average.  The intervals allow for that: each is one of confidence
    1 - (1 - level) / m (Bonferroni), so that the one picked is covered too.  It is wider therefore
    than the interval of `fastal.audit_error`, which is for one threshold fixed before the audit.

    "share" can only fall from row to row.  The error mostly falls, but need not: it is what was
    seen, not smoothed.

    Examples
    --------
    >>> from fastal import threshold_table
    >>> confidence, wrong = [0.6, 0.7, 0.9, 0.95, 0.99], [True, False, False]
    >>> table = threshold_table(confidence, [0, 2, 3], wrong, thresholds=[0, 0.9])
    >>> [(row["threshold"], row["share"], row["n_wrong"], row["n_audited"]) for row in table]
    [(0.0, 1.0, 1, 3), (0.9, 0.6, 0, 2)]
    """
    confidence, rows, wrong = _check_audit(confidence, rows, wrong)
    min_confidence, level = check_share(min_confidence, "min_confidence"), check_level(level)
    wanted = {check_share(t, "thresholds") for t in thresholds} | {min_confidence}
    every = sorted(t for t in wanted if t >= min_confidence)
    audited = confidence[rows]
    if not (audited >= min_confidence).all():
        worst = rows[~(audited >= min_confidence)][0]
        raise ValueError(
            f"rows: the model has no label for row {worst} (confidence {confidence[worst]:g}, "
            f"min_confidence {min_confidence:g})"
        )
    n_all = int(np.count_nonzero(confidence >= min_confidence))
    table = []
    for threshold in every:
        n_model, above = int(np.count_nonzero(confidence >= threshold)), audited >= threshold
        n, n_wrong = int(np.count_nonzero(above)), int(np.count_nonzero(wrong[above]))
        low, high = exact_interval(n_wrong, n, 1 - (1 - level) / len(every))
        table.append(
            {
                "threshold": threshold,
                "n_model": n_model,
                "share": n_model / n_all if n_all else math.nan,
                "n_audited": n,
                "n_wrong": n_wrong,
                "error": n_wrong / n if n else math.nan,
                "low": low,
                "high": high,
            }
        )
    return table


def _check_audit(
    confidence: ArrayLike, rows: ArrayLike, wrong: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.int64], NDArray[np.bool_]]:
    values = np.asarray(confidence, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"confidence must have shape (n_pool,), got {values.shape}")
    order, flags = np.asarray(rows), np.asarray(wrong)
    if flags.dtype != bool and flags.size:
        raise TypeError(f"wrong must hold True or False for each row, got dtype {flags.dtype}")
    if flags.shape != order.shape:
        raise ValueError(f"rows and wrong must be of one length, got {order.shape}, {flags.shape}")
    if check_rows(order, len(values), "rows").size < order.size:
        raise ValueError("rows holds a row twice")
    return values, order.astype(np.int64), flags.astype(bool)
