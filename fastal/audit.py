r"""How many of the model's labels are wrong: a random sample of them, checked by a person.

Draw rows with `audit_rows`, have a person label them without seeing what the model says, count the
labels that differ, and `audit_error` gives the share of wrong labels with its interval.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._audit_table import threshold_table
from fastal._intervals import (
    check_how_many,
    check_level,
    check_share,
    exact_interval,
    percent,
)
from fastal._validation import check_count, check_random_state, check_rows

__all__ = [
    "AuditError",
    "ErrorsLeft",
    "audit_error",
    "audit_rows",
    "n_for_audit",
    "threshold_table",
]


def audit_rows(
    n_pool: int, n: int, exclude: ArrayLike | None = None, random_state: Any = None
) -> NDArray[np.int64]:
    """Draw rows for an audit, uniformly at random among those that are not excluded.

    They come in random order, so that whoever stops half-way has a random sample too.  All rows
    get a rank at random first, and those excluded drop out: with the same seed, a larger `n` gives
    the same rows and then more, and another `exclude` keeps of them what it can.  Labels
    from one audit therefore serve the next, as long as no model was trained on them.

    Parameters
    ----------
    n_pool : int
        Rows of the pool.
    n : int
        How many to draw, at least 1.  If fewer are left, all of them are drawn.
    exclude : array-like of int or bool, optional
        Row numbers, or a mask over the pool, that are not to be drawn: those labelled by a person,
        and those without a label.  For an audit of one class alone, all rows of the others too.
    random_state : None, int, RandomState or Generator, default None

    Returns
    -------
    rows : ndarray of shape (min(n, n_left),), int64
        Distinct row numbers, in random order.

    Raises
    ------
    ValueError, TypeError
        If a number or exclude is out of range.

    Examples
    --------
    >>> from fastal import audit_rows
    >>> audit_rows(8, 3, exclude=[0, 1], random_state=0)
    array([6, 2, 7])
    >>> audit_rows(8, 5, exclude=[0, 1], random_state=0)
    array([6, 2, 7, 3, 5])
    """
    n_pool, n = check_how_many(n_pool, "n_pool"), check_count(n, "n")
    out = np.zeros(n_pool, dtype=bool)
    out[check_rows(exclude, n_pool, "exclude")] = True
    order = check_random_state(random_state).permutation(n_pool).astype(np.int64, copy=False)
    return order[~out[order]][:n]


class ErrorsLeft(NamedTuple):
    """Share of wrong labels in the whole data set once the audited rows are put right.

    Attributes
    ----------
    error : float
        Estimate.
    low, high : float
        Bounds of its interval.

    Examples
    --------
    >>> from fastal import audit_error
    >>> audit_error(0, 100, n_model=100, n_person=20).left  # every label was looked at
    ErrorsLeft(error=0.0, low=0.0, high=0.0)
    """

    error: float
    low: float
    high: float


class AuditError(NamedTuple):
    """What `audit_error` found.

    Attributes
    ----------
    error : float
        Share of the model's labels that are wrong, as the audit says.
    low, high : float
        Bounds of its interval.
    n_wrong, n_audited : int
    level : float
        Confidence of the interval.
    n_model, n_person : int or None, int
        Rows labelled by the model (those audited included) and by a person.

    Examples
    --------
    >>> from fastal import audit_error
    >>> print(audit_error(4, 190, n_model=3920))
    Of 3,920 labels by the model about 2.1 % are wrong (95 % interval 0.6 to 5.3 %).
    """

    error: float
    low: float
    high: float
    n_wrong: int
    n_audited: int
    level: float
    n_model: int | None
    n_person: int

    @property
    def left(self) -> ErrorsLeft:
        """Errors left in the whole data set, as a share of all its labels.

        The audited rows have the person's labels by now, and a person's labels count as right.
        ValueError if `n_model` was not given.
        """
        if self.n_model is None:
            raise ValueError("audit_error needs n_model to say how many errors are left")
        n_all = self.n_model + self.n_person
        most = self.n_model - self.n_audited
        found = [
            min(max(share * self.n_model - self.n_wrong, 0.0), most) / n_all if n_all else 0.0
            for share in (self.error, self.low, self.high)
        ]
        # With no row audited there is no estimate, but bounds there are.
        return ErrorsLeft(*(found if self.n_audited else [math.nan, *found[1:]]))

    def __str__(self) -> str:
        of = "Of the" if self.n_model is None else f"Of {self.n_model:,}"
        return (
            f"{of} labels by the model about {percent(self.error)} % are wrong "
            f"({100 * self.level:g} % interval {percent(self.low)} to {percent(self.high)} %)."
        )


def audit_error(
    n_wrong: int,
    n_audited: int,
    n_model: int | None = None,
    n_person: int = 0,
    *,
    level: float = 0.95,
) -> AuditError:
    r"""Share of wrong labels among those of a model, from a random sample of them.

    Parameters
    ----------
    n_wrong : int
        Labels of the sample that were wrong.
    n_audited : int
        Labels of the sample (`fastal.audit_rows`) that a person checked.
    n_model : int, optional
        Labels by the model in all, those of the sample included.  Without it nothing is said of
        the errors left in the whole data set.
    n_person : int, default 0
        Labels by a person from before the audit; they count as right.
    level : float, default 0.95
        Confidence of the intervals, strictly between 0 and 1.

    Returns
    -------
    found : AuditError
        Named tuple ``(error, low, high, n_wrong, n_audited, level, n_model, n_person)``; printed,
        a sentence; ``found.left`` are the errors left in the data set once the audited rows have
        the person's labels: ``(error, low, high)``.

    Raises
    ------
    ValueError, TypeError
        If a number is out of range: more wrong labels than audited ones, say.

    Notes
    -----
    The interval is that of Clopper & Pearson, from scipy:

    .. math:: \Pr(W \ge w \mid p_\text{low}) = \Pr(W \le w \mid p_\text{high}) = \alpha / 2

    for a binomial W.  It covers the true share in at least 95 % of all audits, mostly more; drawn
    without replacement from few rows, more still, as the sample then says more than the binomial
    knows.  Of N labels by the model with E wrong, w of n audited ones are put right and
    E - w stay; so the interval of what is left is that of E / N, times N, less w, over all labels.

    All of it is true only if the rows were drawn at random *from those very labels*, were all
    checked (leaving out the hard ones makes the error look smaller), by somebody who did not see
    the model's answer, the model did not learn from them, and the result did not decide when the
    audit ended: of those who look after every 50 rows and stop as soon as they like what they see,
    fewer than 95 % are right.  A person's own errors count against the model here, and as right in
    the data set.

    References
    ----------
    Clopper & Pearson (1934), "The use of confidence or fiducial limits illustrated in the case of
    the binomial".

    Examples
    --------
    >>> from fastal import audit_error
    >>> found = audit_error(2, 100, n_model=900, n_person=100)
    >>> print(found)
    Of 900 labels by the model about 2.0 % are wrong (95 % interval 0.2 to 7.0 %).
    >>> round(found.left.error, 4)  # 18 wrong ones, two of which are right by now
    0.016
    """
    n_audited = check_how_many(n_audited, "n_audited")
    n_wrong, n_person = check_how_many(n_wrong, "n_wrong"), check_how_many(n_person, "n_person")
    level = check_level(level)
    if n_wrong > n_audited:
        raise ValueError(f"n_wrong must be at most n_audited, got {n_wrong} of {n_audited}")
    if n_model is not None and check_how_many(n_model, "n_model") < n_audited:
        raise ValueError(f"n_model counts the {n_audited} audited labels as well, got {n_model}")
    error = n_wrong / n_audited if n_audited else math.nan
    bounds = exact_interval(n_wrong, n_audited, level)
    n_model = None if n_model is None else int(n_model)
    return AuditError(error, *bounds, n_wrong, n_audited, level, n_model, n_person)


def n_for_audit(max_error: float, expected_error: float = 0.0, *, level: float = 0.95) -> int:
    """How many labels to audit to show that fewer than `max_error` of them are wrong.

    Parameters
    ----------
    max_error : float
        What the upper end of `audit_error`'s interval should come down to.
    expected_error : float, default 0.0
        Share of wrong labels that you expect to find, less than `max_error`.  Zero gives the least
        number there is.
    level : float, default 0.95
        Confidence of the interval.

    Returns
    -------
    n : int
        With ``ceil(expected_error * n)`` wrong labels among so many, ``audit_error(...).high`` is
        at most `max_error`.

    Raises
    ------
    ValueError, TypeError
        If a number is out of range.

    Notes
    -----
    The rule of three says 3 / max_error for no wrong label.  That is an interval with an upper end
    only; the two-sided one of `audit_error` asks for 3.7 / max_error.

    Examples
    --------
    >>> from fastal import n_for_audit
    >>> n_for_audit(0.05), n_for_audit(0.01)
    (72, 368)
    >>> n_for_audit(0.05, expected_error=0.02)
    230
    """
    max_error = check_level(max_error, "max_error")
    expected_error, level = check_share(expected_error, "expected_error"), check_level(level)
    if expected_error >= max_error:
        raise ValueError(
            f"expected_error must be less than max_error, {max_error}, got {expected_error}"
        )

    def enough(n_wrong: int) -> int:
        """Fewest audited labels that show it with so many wrong ones."""
        return _first(lambda n: exact_interval(n_wrong, n, level)[1] <= max_error, n_wrong + 1)

    # The more wrong ones are allowed for, the smaller a share of the sample they are.
    n_wrong = _first(lambda w: expected_error * enough(w) <= w, 0)
    return enough(n_wrong)


def _first(holds: Any, lowest: int) -> int:
    """Return the first whole number from `lowest` on from which it holds."""
    if holds(lowest):
        return lowest
    fails, step = lowest, 1
    while not holds(fails + step):
        fails, step = fails + step, 2 * step
    good = fails + step
    while good - fails > 1:
        middle = (fails + good) // 2
        fails, good = (fails, middle) if holds(middle) else (middle, good)
    return good
