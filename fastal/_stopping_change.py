"""Stopping rules that compare the predictions of consecutive models."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._intervals import check_share
from fastal._stopping_rule import Rule, check_rows, rounds
from fastal._validation import check_count


class StablePredictions(Rule):
    r"""Stop when the predictions no longer change: stabilising predictions.

    Cohen's kappa says how far two consecutive models agree on a fixed set of rows, beyond what
    chance would do; the rule stops when its mean over the last rounds reaches the threshold.

    Parameters
    ----------
    X_stop : array-like or sparse matrix (n_stop, n_features), or list of texts
        Rows of the pool, drawn at random once; no labels are needed.  The paper has 2,000.
    threshold : float, default 0.99
        Lower stops earlier: 0.95 to 0.99 are usual.
    n_rounds : int, default 3
        Agreements in the mean; one more model than that is needed.

    Attributes
    ----------
    history : list of (int, float)
        Labels and kappa with the model before, for each round; NaN for the first.
    reason : str
        Why it says stop; "" if it does not.
    status : str
        How far it is, in words.

    Raises
    ------
    ValueError, TypeError
        If X_stop holds no rows, or another parameter is out of range.

    Notes
    -----
    .. math:: \kappa = \frac{p_o - p_e}{1 - p_e}, \quad p_o = \sum_k n_{kk} / n, \quad
        p_e = \sum_k n_{k \cdot} n_{\cdot k} / n^2

    of the table of counts :math:`n_{kl}` of rows that one model puts into class k and the other
    into l.  Where both put all rows into one and the same class that is 0/0: they agree, and kappa
    is 1.

    Yet the rule does not stop while all predictions are of one class.  A model of rare classes
    begins by seeing none of them anywhere, for several rounds, and is perfectly stable then.

    With larger batches two models differ more, so that the rule asks for more.

    References
    ----------
    Bloodgood & Vijay-Shanker (2009), "A method for stopping active learning based on stabilizing
    predictions and the need for user-adjustable stopping".

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal import ActiveLearner, StablePredictions
    >>> X = [[float(i)] for i in range(20)]
    >>> learner, rule = ActiveLearner(LogisticRegression()), StablePredictions(X, n_rounds=2)
    >>> for rows in ([0, 19], [9, 10], [8, 11], [7, 12]):
    ...     stop = rule.update(learner.teach([X[row] for row in rows], [int(r > 9) for r in rows]))
    ...     print(len(learner.y_labeled_), stop)
    2 False
    4 False
    6 True
    8 True
    >>> rule.reason
    'kappa of the predictions of consecutive models 1.000, the mean of 2 rounds'
    """

    def __init__(self, X_stop: Any, threshold: float = 0.99, n_rounds: int = 3) -> None:
        super().__init__()
        self.X_stop = check_rows(X_stop, "X_stop")
        self.threshold = check_share(threshold, "threshold")
        self.n_rounds = check_count(n_rounds, "n_rounds")
        self._before: NDArray[Any] | None = None

    def _look(self, learner: Any, n_labels: int) -> tuple[float, bool, str]:
        predicted, before = np.ravel(learner.predict(self.X_stop)), self._before
        self._before = predicted
        if before is None:
            return math.nan, False, "this is the first model"
        value = _kappa(before, predicted)
        last = [v for v in [*self.last(self.n_rounds - 1), value] if not math.isnan(v)]
        mean = float(np.mean(last))
        status = (
            f"kappa of the predictions of consecutive models {mean:.3f}, "
            f"the mean of {rounds(len(last))}"
        )
        if len(last) < self.n_rounds or mean < self.threshold:
            return (
                value,
                False,
                f"{status}; {rounds(self.n_rounds)} of {self.threshold:g} it takes",
            )
        if _is_constant(predicted):
            return value, False, f"all predictions are {predicted[0]!s}: that is no model yet"
        return value, True, status


class DeltaF(Rule):
    r"""Stop when the F measure is predicted not to change any more.

    The predictions of the last model are taken as the truth for those of the one before: what
    their F measure lacks to 1 is how much F may still change.

    Parameters
    ----------
    X_stop : array-like or sparse matrix (n_stop, n_features), or list of texts
        Rows of the pool, drawn at random once; no labels are needed.
    threshold : float, default 0.05
        Larger stops earlier.  The default is that of small-text.
    n_rounds : int, default 3
        Consecutive rounds that must lie below the threshold.
    positive : label, optional
        The class whose F measure counts, as in the paper.  None: the mean over all classes that
        one of the two models predicts (macro F, which the paper does not have).

    Attributes
    ----------
    history : list of (int, float)
        Labels and predicted change for each round; NaN where there is none.
    reason, status : str
        As in `StablePredictions`.

    Raises
    ------
    ValueError, TypeError
        If X_stop holds no rows, or another parameter is out of range.

    Notes
    -----
    .. math:: \Delta \hat F = 1 - \frac{2a}{2a + b + c}

    with a rows that both models call positive, b and c that only one of them does.  Rows that both
    call negative do not count (small-text counts them with a).  If no row is called positive by
    either, that is 0/0: nothing can be said about F, and such a round never stops; neither does
    one in which all predictions are of one class.

    References
    ----------
    Altschuler & Bloodgood (2019), "Stopping active learning based on predicted change of F measure
    for text classification".

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal import ActiveLearner, DeltaF
    >>> X = [[float(i)] for i in range(20)]
    >>> learner, rule = ActiveLearner(LogisticRegression()), DeltaF(X, positive=1)
    >>> for rows in ([0, 19], [4, 15], [8, 11], [9, 10], [7, 12]):
    ...     stop = rule.update(learner.teach([X[row] for row in rows], [int(r > 9) for r in rows]))
    >>> stop
    True
    """

    def __init__(
        self, X_stop: Any, threshold: float = 0.05, n_rounds: int = 3, *, positive: Any = None
    ) -> None:
        super().__init__()
        self.X_stop = check_rows(X_stop, "X_stop")
        self.threshold = check_share(threshold, "threshold")
        self.n_rounds = check_count(n_rounds, "n_rounds")
        self.positive = positive
        self._before: NDArray[Any] | None = None

    def _look(self, learner: Any, n_labels: int) -> tuple[float, bool, str]:
        predicted, before = np.ravel(learner.predict(self.X_stop)), self._before
        self._before = predicted
        if before is None:
            return math.nan, False, "this is the first model"
        value = _delta_f(before, predicted, self.positive)
        if math.isnan(value):
            return value, False, "neither of the last two models predicts the class in question"
        last = [*self.last(self.n_rounds - 1), value]
        status = f"F is predicted to change by {value:.3f}"
        # NaN is not below anything.
        if len(last) < self.n_rounds or not all(v < self.threshold for v in last):
            wanted = f"less than {self.threshold:g} in {rounds(self.n_rounds)} it takes"
            return value, False, f"{status}; {wanted}"
        if _is_constant(predicted):
            return value, False, f"all predictions are {predicted[0]!s}: that is no model yet"
        return value, True, f"{status}, and by less than {self.threshold:g} in the rounds before"


# ---------------------------------------------------------------------- the formulas


def _kappa(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Cohen's kappa; 1 where both are of one and the same class, which scikit-learn calls NaN."""
    if (first == second).all():
        return 1.0
    from sklearn.metrics import cohen_kappa_score

    return float(cohen_kappa_score(first, second))


def _delta_f(before: NDArray[Any], after: NDArray[Any], positive: Any) -> float:
    classes = np.union1d(before, after) if positive is None else [positive]
    return float(np.mean([_delta_f_of_class(before == c, after == c) for c in classes]))


def _delta_f_of_class(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> float:
    both = 2 * int(np.count_nonzero(before & after))
    either = both + int(np.count_nonzero(before ^ after))
    return 1 - both / either if either else math.nan


def _is_constant(predicted: NDArray[Any]) -> bool:
    return bool((predicted == predicted[0]).all())
