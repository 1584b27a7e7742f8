"""Strategies on probabilities."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import small_text
from numpy.typing import NDArray
from small_text.query_strategies import ConfidenceBasedQueryStrategy

import fastal
from fastal.adapters._read_at_once import is_read_at_once


class _FromProba(ConfidenceBasedQueryStrategy):
    """The original's confidence of every row of the dataset, from one of fastal's scores.

    Those of which a lower value is better are the score's complement.
    """

    _score: ClassVar[str]

    def get_confidence(
        self, clf: Any, dataset: Any, indices_unlabeled: Any, indices_labeled: Any, y: Any
    ) -> NDArray[Any]:
        if asks_its_model(clf) and is_read_at_once(clf.model):
            try:
                scores = fastal.score_pool(clf.model, dataset.x, self._score)
            except ValueError:
                # Models may say what is no distribution (naive Bayes of float32 rows, say).
                pass
            else:
                return 1.0 - scores if self.lower_is_better else scores
        proba = clf.predict_proba(dataset)
        if not are_distributions(proba):
            # fastal scores distributions only; the original, whatever it gets.
            rest = (dataset, indices_unlabeled, indices_labeled, y)
            return np.asarray(super().get_confidence(_Said(proba), *rest))
        if self._score == "margin" and np.shape(proba)[1] > 1:
            # The difference itself: 1 - (1 - difference) would make and break ties of forests.
            return -fastal.distance_to_boundary(proba)
        scores = getattr(fastal, self._score)(proba)
        return 1.0 - scores if self.lower_is_better else np.asarray(scores)


class _Said:
    """A classifier that has been asked already."""

    def __init__(self, proba: Any) -> None:
        self._proba = proba

    def predict_proba(self, dataset: Any) -> Any:
        return self._proba


def asks_its_model(clf: Any) -> bool:
    """Whether ``clf.predict_proba(dataset)`` is ``clf.model.predict_proba(dataset.x)``."""
    theirs = small_text.SklearnClassifier
    return (
        isinstance(clf, theirs)
        and not clf.multi_label
        and type(clf).predict_proba is theirs.predict_proba
        and "predict_proba" not in vars(clf)
        and hasattr(clf.model, "predict_proba")
    )


def are_distributions(proba: Any) -> bool:
    """Whether each row sums to 1; those of a multi-label classifier do not."""
    return bool(np.ndim(proba) == 2 and np.allclose(np.sum(proba, axis=1), 1, rtol=0, atol=1e-3))


class LeastConfidence(_FromProba, small_text.LeastConfidence):
    """Select the rows whose most probable class is least probable.

    `small_text.LeastConfidence`, by `fastal.least_confidence`: the same rows in the same order.

    Notes
    -----
    ``query(clf, dataset, indices_unlabeled, indices_labeled, y, n=10)`` returns n row numbers of
    the dataset; ``scores_`` holds the confidence of all its rows.  A
    linear model or naive Bayes in a `small_text.SklearnClassifier` for one label a row is read
    by `fastal.score_pool`, without an array of probabilities; any other classifier is asked.
    Rows that are no distributions (of a multi-label classifier, say) are left to the original's
    own code.

    Raises `small_text.EmptyPoolException` and `small_text.PoolExhaustedException` as the original,
    and ValueError for a dataset with another number of features than the model.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from small_text import SklearnClassifier, SklearnDataset
    >>> from fastal.adapters.small_text import LeastConfidence
    >>> y = np.array([0, 1, 0, 0])
    >>> dataset = SklearnDataset(np.array([[0.0], [4.0], [1.0], [2.1]]), y, np.arange(2))
    >>> clf = SklearnClassifier(LogisticRegression(), 2).fit(dataset[np.array([0, 1])])
    >>> LeastConfidence().query(clf, dataset, np.array([2, 3]), np.array([0, 1]), y[:2], n=1)
    array([3])
    """

    _score = "least_confidence"


class BreakingTies(_FromProba, small_text.BreakingTies):
    """Select the rows whose two most probable classes are closest.

    `small_text.BreakingTies`, by `fastal.margin`: the same rows in the same order.

    Notes
    -----
    As `LeastConfidence`.  Of a model with a single class every row has confidence 1, where the
    original ends with an IndexError.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from small_text import SklearnClassifier, SklearnDataset
    >>> from fastal.adapters.small_text import BreakingTies
    >>> y = np.array([0, 1, 0, 0])
    >>> dataset = SklearnDataset(np.array([[0.0], [4.0], [1.0], [2.1]]), y, np.arange(2))
    >>> clf = SklearnClassifier(LogisticRegression(), 2).fit(dataset[np.array([0, 1])])
    >>> BreakingTies().query(clf, dataset, np.array([2, 3]), np.array([0, 1]), y[:2], n=1)
    array([3])
    """

    _score = "margin"


class PredictionEntropy(_FromProba, small_text.PredictionEntropy):
    """Select the rows of highest predictive entropy.

    `small_text.PredictionEntropy`, by `fastal.entropy`: the same rows in the same order.

    Notes
    -----
    As `LeastConfidence`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from small_text import SklearnClassifier, SklearnDataset
    >>> from fastal.adapters.small_text import PredictionEntropy
    >>> y = np.array([0, 1, 0, 0])
    >>> dataset = SklearnDataset(np.array([[0.0], [4.0], [1.0], [2.1]]), y, np.arange(2))
    >>> clf = SklearnClassifier(LogisticRegression(), 2).fit(dataset[np.array([0, 1])])
    >>> PredictionEntropy().query(clf, dataset, np.array([2, 3]), np.array([0, 1]), y[:2], n=1)
    array([3])
    """

    _score = "entropy"
