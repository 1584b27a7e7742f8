"""How good is the model?  Asked while there is no test set."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fastal._rows import (
    as_rows,
    check_classifier,
    check_labels,
    distinct_labels,
    fit_clone,
    take_rows,
)
from fastal._validation import check_count, check_random_state

__all__ = ["AccuracyEstimate", "estimate_accuracy"]

# Two-sided 95 % quantile of the normal distribution.
_Z = 1.959963984540054


class AccuracyEstimate(NamedTuple):
    """What `estimate_accuracy` found.

    Attributes
    ----------
    accuracy : float
        Share of the rows predicted correctly by a model that had not seen them.
    low, high : float
        Bounds of the 95 % Wilson score interval.
    n : int
        Number of rows.
    method : str
        How the rows were held out.

    Examples
    --------
    >>> from fastal.evaluation import AccuracyEstimate
    >>> print(AccuracyEstimate(0.8, 0.49, 0.943, 10, "leave-one-out"))
    0.80 (95 % interval 0.49 to 0.94; leave-one-out over 10 rows)
    """

    accuracy: float
    low: float
    high: float
    n: int
    method: str

    def __str__(self) -> str:
        return (
            f"{self.accuracy:.2f} (95 % interval {self.low:.2f} to {self.high:.2f}; "
            f"{self.method} over {self.n} rows)"
        )


def estimate_accuracy(
    estimator: Any,
    X: Any,
    y: Any,
    *,
    n_leave_one_out: int = 100,
    cv: int = 5,
    random_state: Any = 0,
) -> AccuracyEstimate:
    r"""Accuracy from the labelled rows alone, each predicted by a model that has not seen it.

    The estimate is about rows like the labelled ones.  Those were chosen, not drawn at random: a
    strategy that asks about hard rows makes it too low for the pool, and rows that resemble each
    other make it too high.  Only labels of rows drawn at random tell the accuracy on the pool.

    Parameters
    ----------
    estimator : classifier
        Cloned for each fold.
    X : array-like or sparse matrix of shape (n_samples, n_features), or list of texts
        The labelled rows, at least two.
    y : array-like of shape (n_samples,)
        Their labels.
    n_leave_one_out : int, default 100
        Up to this many rows each is a fold of its own; beyond it, cross-validation.
    cv : int, default 5
        Number of folds of the cross-validation, at least 2.  The classes are spread evenly over
        the folds, also those with fewer rows than folds.
    random_state : None, int, RandomState or Generator, default 0
        Shuffles the rows before they are dealt out to the folds.

    Returns
    -------
    estimate : AccuracyEstimate
        Named tuple ``(accuracy, low, high, n, method)``, with the 95 % Wilson score interval

        .. math:: \frac{\hat p + z^2/2n \pm z \sqrt{\hat p (1 - \hat p)/n + z^2/4n^2}}{1 + z^2/n}.

    Raises
    ------
    ValueError
        If there are fewer than two rows, cv is below 2, or X and y do not fit each other.

    Notes
    -----
    Where the rows outside a fold have one class only, nothing can be fitted and that class is the
    prediction.  Classes with a single row are always predicted wrongly.

    References
    ----------
    Wilson (1927), "Probable inference, the law of succession, and statistical inference".

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal.evaluation import estimate_accuracy
    >>> X, y = [[0.0], [1.0], [8.0], [9.0]], ["ham", "ham", "spam", "spam"]
    >>> print(estimate_accuracy(LogisticRegression(), X, y))
    1.00 (95 % interval 0.51 to 1.00; leave-one-out over 4 rows)
    """
    check_classifier(estimator)
    y = check_labels(y, X, "estimate_accuracy")
    X = as_rows(X, "X")
    n = len(y)
    if n < 2:
        raise ValueError(f"X and y must hold at least 2 labelled rows to hold one out, got {n}")
    if check_count(cv, "cv") < 2:
        raise ValueError(f"cv must be at least 2, got {cv}")
    if n <= n_leave_one_out:
        fold, method = np.arange(n), "leave-one-out"
    else:
        n_folds = min(cv, n)
        fold = _deal(y, n_folds, check_random_state(random_state))
        method = f"{n_folds}-fold cross-validation"
    n_correct = sum(_n_correct(estimator, X, y, fold == f) for f in range(fold.max() + 1))
    return AccuracyEstimate(n_correct / n, *_wilson(n_correct, n), n, method)


def _deal(y: NDArray[Any], n_folds: int, rng: Any) -> NDArray[np.int64]:
    """Fold of each row: shuffled rows, class after class, are dealt out in turn.

    scikit-learn's StratifiedKFold warns or refuses when a class has fewer rows than folds.
    """
    shuffled = rng.permutation(len(y))
    order = shuffled[np.argsort(y[shuffled], kind="stable")]
    fold = np.empty(len(y), dtype=np.int64)
    fold[order] = np.arange(len(y)) % n_folds
    return fold


def _n_correct(estimator: Any, X: Any, y: NDArray[Any], held_out: NDArray[np.bool_]) -> int:
    train, test = np.flatnonzero(~held_out), np.flatnonzero(held_out)
    classes = distinct_labels(y[train])
    if len(classes) == 1:
        return int(np.count_nonzero(y[test] == classes[0]))
    model = fit_clone(estimator, take_rows(X, train), y[train])
    return int(np.count_nonzero(np.ravel(model.predict(take_rows(X, test))) == y[test]))


def _wilson(n_correct: int, n: int) -> tuple[float, float]:
    share, z2 = n_correct / n, _Z**2
    center = share + z2 / (2 * n)
    half = _Z * np.sqrt(share * (1 - share) / n + z2 / (4 * n**2))
    low, high = (center - half) / (1 + z2 / n), (center + half) / (1 + z2 / n)
    return max(0.0, float(low)), min(1.0, float(high))
