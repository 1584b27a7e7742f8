r"""When to stop labelling: rules that look at the learner after every round.

A rule is an object with a method ``update(learner)``, called once after every round of labels,
which says whether to stop now, and two attributes: ``history``, a list of ``(n_labels, value)``,
and ``reason``, a text, "" as long as the rule does not say stop.  Your own object with these three
works wherever one of these does: in a loop of your own,

>>> from fastal.stopping import Budget, reasons_to_stop
>>> rules = [Budget(500)]
>>> # for each round: ...
>>> # if reasons_to_stop(rules, learner): break

in `fastal.run_experiment` and `fastal.compare_strategies` (``stop=rules``), and behind ``fastal
label --stop-when``.

No rule can promise an accuracy but one: `EstimatedAccuracy` with rows drawn at random and labelled
by a person.  The others see that the model no longer changes, or that it is sure of itself.  A
model can be both and wrong.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastal._intervals import check_level, check_share, exact_interval
from fastal._stopping_change import DeltaF, StablePredictions
from fastal._stopping_rule import Rule, StoppingRule, check_rows
from fastal._validation import check_count
from fastal.pool import is_stream, score_pool

__all__ = [
    "Budget",
    "DeltaF",
    "EstimatedAccuracy",
    "OverallUncertainty",
    "StablePredictions",
    "StoppingRule",
    "reasons_to_stop",
]

_SCORES = ("entropy", "margin", "least_confidence")


def reasons_to_stop(rules: Any, learner: Any) -> list[str]:
    """Update every rule, and return the reasons of those that say stop; none = go on.

    ``any(rule.update(learner) for rule in rules)`` would not do: it leaves the rules behind the
    first that stops without this round.

    Parameters
    ----------
    rules : rule or iterable of rules
    learner : ActiveLearner
        After a round of labels.

    Returns
    -------
    reasons : list of str

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal import ActiveLearner, Budget, reasons_to_stop
    >>> learner = ActiveLearner(LogisticRegression()).teach([[0.0], [9.0]], ["ham", "spam"])
    >>> reasons_to_stop([Budget(2), Budget(9)], learner)
    ['2 labels, of a budget of 2']
    """
    every = [rules] if hasattr(rules, "update") else list(rules)
    return [rule.reason for rule in every if rule.update(learner)]


class OverallUncertainty(Rule):
    r"""Stop when the model is sure of nearly all rows: overall uncertainty.

    Parameters
    ----------
    X_stop : array-like or sparse matrix (n_stop, n_features), list of texts or `fastal.TextFile`
        The pool, or rows of it drawn at random.
    threshold : float, default 0.05
        Of the mean score.  The default is that of small-text, for entropy; the paper has a small
        number near 0 too, and lowers it while predictions still change.  Which one suits depends
        on the model more than on the data: naive Bayes is sure of everything at once, logistic
        regression with a strong penalty of nothing ever.
    score : str, default "entropy"
        "entropy", here divided by the logarithm of the number of classes, so that 1 is complete
        uncertainty; "margin" or "least_confidence".

    Attributes
    ----------
    history : list of (int, float)
        Labels and mean score for each round.
    reason, status : str
        As in `StablePredictions`.

    Raises
    ------
    ValueError, TypeError
        If X_stop holds no rows or can be read only once, or another parameter is out of range.

    Notes
    -----
    .. math:: \frac{1}{n} \sum_u \frac{H(p_u)}{\log K} < \theta

    References
    ----------
    Zhu, Wang & Hovy (2008), "Multi-criteria-based strategy to stop active learning for data
    annotation"; Zhu, Wang, Hovy & Ma (2010), "Confidence-based stopping criteria for active
    learning for data annotation".

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal import ActiveLearner, OverallUncertainty
    >>> learner = ActiveLearner(LogisticRegression()).teach([[0.0], [9.0]], ["ham", "spam"])
    >>> OverallUncertainty([[0.0], [9.0]], threshold=0.5).update(learner)
    True
    >>> OverallUncertainty([[4.0], [5.0]], threshold=0.5).update(learner)
    False
    """

    def __init__(self, X_stop: Any, threshold: float = 0.05, score: str = "entropy") -> None:
        super().__init__()
        if hasattr(X_stop, "__next__"):
            raise TypeError("X_stop is read in every round, and an iterator only once")
        self.X_stop = X_stop if is_stream(X_stop) else check_rows(X_stop, "X_stop")
        self.threshold = check_share(threshold, "threshold")
        if not isinstance(score, str) or score not in _SCORES:
            raise ValueError(f"score must be one of {', '.join(_SCORES)}, got {score!r}")
        self.score = score

    def _look(self, learner: Any, n_labels: int) -> tuple[float, bool, str]:
        model = learner.estimator_
        if len(model.classes_) < 2:
            return math.nan, False, "the model knows one class only"
        value = float(score_pool(model, self.X_stop, self.score).mean())
        if self.score == "entropy":
            value /= math.log(len(model.classes_))
        status = f"mean uncertainty ({self.score}) {value:.3f}, below {self.threshold:g} it takes"
        return value, value < self.threshold, status


class EstimatedAccuracy(Rule):
    """Stop when the model is at least this accurate, as far as labelled rows can tell.

    Parameters
    ----------
    target : float
        The accuracy to reach, between 0 and 1.
    X_val, y_val : rows and their labels, optional
        Rows drawn **at random** from the pool and labelled by a person, and never trained on.
        Without them the labelled rows are cross-validated (`fastal.evaluation.estimate_accuracy`),
        which is no more than a hint: those rows were chosen for being hard, or for being unlike
        one another, so that on the pool the model can be better or worse than that.
    level : float, default 0.95
        Confidence of the interval whose lower end must reach the target.

    Attributes
    ----------
    history : list of (int, float)
        Labels and lower end of the interval for each round.
    reason, status : str
        As in `StablePredictions`.

    Raises
    ------
    ValueError, TypeError
        If only one of X_val and y_val is given, they do not fit each other, or a number is out of
        range.

    Notes
    -----
    The interval is that of Clopper & Pearson.  Its lower end is reached by luck in one of forty
    looks (level 0.95) at a model that just misses the target, and the rule looks after every
    round: with a target that the model stays close to for long, it stops too early more often than
    that.  An audit of what the model labelled (`fastal.audit_error`) looks once.

    Of 100 rows at most 0.96 can be proved (all right); of 300, 0.99.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal import ActiveLearner, EstimatedAccuracy
    >>> learner = ActiveLearner(LogisticRegression()).teach([[0.0], [9.0]], ["ham", "spam"])
    >>> rule = EstimatedAccuracy(0.7, [[float(i)] for i in range(10)], ["ham"] * 5 + ["spam"] * 5)
    >>> rule.update(learner), rule.reason
    (False, '')
    >>> rule.status
    'accuracy 1.00, at least 0.69 (95 % interval), by 10 rows for validation; 0.7 it takes'
    """

    def __init__(
        self, target: float, X_val: Any = None, y_val: Any = None, *, level: float = 0.95
    ) -> None:
        super().__init__()
        self.target = check_level(target, "target")
        self.level = check_level(level)
        if (X_val is None) != (y_val is None):
            raise ValueError("X_val and y_val belong together: pass both or neither")
        self.X_val, self.y_val = X_val, y_val
        if X_val is not None:
            from fastal._rows import check_labels

            self.X_val = check_rows(X_val, "X_val")
            self.y_val = check_labels(y_val, self.X_val, "EstimatedAccuracy")

    def _look(self, learner: Any, n_labels: int) -> tuple[float, bool, str]:
        if self.y_val is not None:
            n = len(self.y_val)
            n_right = int(np.count_nonzero(np.ravel(learner.predict(self.X_val)) == self.y_val))
            method = f"{n} rows for validation"
        else:
            from fastal.evaluation import estimate_accuracy

            found = estimate_accuracy(learner.estimator, learner.X_labeled_, learner.y_labeled_)
            n, n_right = found.n, round(found.accuracy * found.n)
            method = f"{found.method} of the {n} labelled rows, which are no random sample"
        low, _ = exact_interval(n_right, n, self.level)
        status = (
            f"accuracy {n_right / n:.2f}, at least {low:.2f} "
            f"({100 * self.level:g} % interval), by {method}"
        )
        stop = low >= self.target
        return low, stop, status if stop else f"{status}; {self.target:g} it takes"


class Budget(Rule):
    """Stop when so many labels are there.

    Parameters
    ----------
    n_labels : int
        At least 1.  The rule needs no model.

    Attributes
    ----------
    history : list of (int, float)
        Labels, and their share of the budget, for each round.
    reason, status : str
        As in `StablePredictions`.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal import ActiveLearner, Budget
    >>> learner, rule = ActiveLearner(LogisticRegression()), Budget(3)
    >>> rule.update(learner.teach([[0.0], [9.0]], [0, 1]))
    False
    >>> rule.update(learner.teach([[5.0]], [1]))
    True
    """

    needs_model = False

    def __init__(self, n_labels: int) -> None:
        super().__init__()
        self.n_labels = check_count(n_labels, "n_labels")

    def _look(self, learner: Any, n_labels: int) -> tuple[float, bool, str]:
        status = f"{n_labels:,} labels, of a budget of {self.n_labels:,}"
        return n_labels / self.n_labels, n_labels >= self.n_labels, status
