"""Cases of _adapter_skactiveml.py: strategies that look at the rows, or ahead."""

from __future__ import annotations

from typing import Any

import numpy as np
import skactiveml.classifier as their_classifiers
import skactiveml.pool as theirs
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.tree import DecisionTreeClassifier

from fastal.adapters import skactiveml as ours


def _labels(pool: Any) -> np.ndarray:
    """Labels of the labelled rows, NaN for all others."""
    y = np.full(len(pool.y), np.nan)
    y[pool.labeled] = pool.y[pool.labeled]
    return y


def _plain(name: str, batch_size: int, return_utilities: bool = False) -> Any:
    def prepare(pool: Any, quick: bool) -> Any:
        X, y = pool.dense, _labels(pool)

        def query(library: Any) -> Any:
            strategy = getattr(library, name)(random_state=0)
            done = strategy.query(X, y, batch_size=batch_size, return_utilities=return_utilities)
            return done[0] if return_utilities else done

        return lambda: query(theirs), lambda: query(ours)

    return prepare


def _badge(batch_size: int) -> Any:
    def prepare(pool: Any, quick: bool) -> Any:
        X, y = pool.dense, _labels(pool)
        model = LogisticRegression(C=10)
        clf = their_classifiers.SklearnClassifier(model, classes=np.arange(20)).fit(X, y)

        def query(library: Any) -> Any:
            strategy = library.Badge(random_state=0)
            return strategy.query(X, y, clf, fit_clf=False, batch_size=batch_size)

        return lambda: query(theirs), lambda: query(ours)

    return prepare


def _eer(estimator: Any, n_candidates: int, method: str) -> Any:
    """Few candidates and 500 evaluation rows: theirs refits for each candidate and class."""

    def prepare(pool: Any, quick: bool) -> Any:
        # Naive Bayes takes counts: no number below zero.
        X, y = pool.dense - pool.dense.min(), _labels(pool)
        rows = np.concatenate([pool.labeled, pool.unlabeled[:1800]])
        X, y = X[rows], y[rows]
        candidates = np.arange(pool.labeled.size, pool.labeled.size + n_candidates)
        clf = their_classifiers.SklearnClassifier(estimator, classes=np.arange(20))

        def query(library: Any) -> Any:
            strategy = library.MonteCarloEER(method, random_state=0)
            return strategy.query(X, y, clf, candidates=candidates, X_eval=X[-500:], batch_size=10)

        return lambda: query(theirs), lambda: query(ours)

    return prepare


CASES = {
    "CoreSet, 10 of all": _plain("CoreSet", 10),
    "CoreSet, 100 of all": _plain("CoreSet", 100),
    "CoreSet with utilities, 10 of all": _plain("CoreSet", 10, return_utilities=True),
    "Badge, 10 of all": _badge(10),
    "Badge, 100 of all": _badge(100),
    "TypiClust, 10 of all": _plain("TypiClust", 10),
    "MonteCarloEER, naive Bayes, 10 candidates of 2,000 rows": _eer(
        MultinomialNB(), 10, "misclassification_loss"
    ),
    "MonteCarloEER, log loss, naive Bayes, 10 candidates of 2,000 rows": _eer(
        MultinomialNB(), 10, "log_loss"
    ),
    "MonteCarloEER, decision tree, 5 candidates of 2,000 rows": _eer(
        DecisionTreeClassifier(max_depth=5, random_state=0), 5, "misclassification_loss"
    ),
}
