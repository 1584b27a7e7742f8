"""scikit-activeml: strategies that ask a model; the others in `_skactiveml_feature_cases`."""

from __future__ import annotations

from typing import Any

import numpy as np
import skactiveml.pool as theirs
from _skactiveml_feature_cases import CASES as FEATURE_CASES
from skactiveml.classifier import SklearnClassifier as TheirClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.tree import DecisionTreeClassifier

from fastal.adapters import skactiveml as ours

BATCH = 100
# So many rows of 20 Newsgroups are as dense ones what a machine's memory takes.
DENSE_ROWS = 1000


def labels(pool: Any) -> np.ndarray:
    y = np.full(len(pool.y), np.nan)
    y[pool.labeled] = pool.y[pool.labeled]
    return y


def wrapped(model: Any, of: Any = TheirClassifier) -> Any:
    return of(model, classes=range(20), random_state=0)


def compared(strategy: str, method: str, model: Any, X: Any, y: Any, **options: Any) -> Any:
    def run(module: Any) -> Any:
        made = getattr(module, strategy)(method, random_state=0)
        return lambda: made.query(X, y, model, batch_size=BATCH, **options)

    return run(theirs), run(ours)


def uncertainty(method: str, fit: bool = False) -> Any:
    def prepare(pool: Any, quick: bool) -> Any:
        y = labels(pool)
        clf = wrapped(LogisticRegression()).fit(pool.dense, y)
        return compared("UncertaintySampling", method, clf, pool.dense, y, fit_clf=fit)

    return prepare


def committee(method: str, kind: str) -> Any:
    def prepare(pool: Any, quick: bool) -> Any:
        y = labels(pool)
        if kind == "forest":
            fitted = wrapped(RandomForestClassifier(10, random_state=0)).fit(pool.dense, y)
        else:
            models = (LogisticRegression(), GaussianNB(), DecisionTreeClassifier(random_state=0))
            fitted = [wrapped(model).fit(pool.dense, y) for model in models]
        return compared("QueryByCommittee", method, fitted, pool.dense, y, fit_ensemble=False)

    return prepare


def sparse_uncertainty(pool: Any, quick: bool) -> Any:
    """Theirs has to make the rows dense first."""
    rows = np.union1d(pool.labeled, np.arange(min(DENSE_ROWS, len(pool.y))))
    X, y = pool.X[rows], labels(pool)[rows]
    strategies = [m.UncertaintySampling("entropy", random_state=0) for m in (theirs, ours)]
    own = wrapped(MultinomialNB(), ours.SklearnClassifier)

    def call_theirs() -> Any:
        return strategies[0].query(X.toarray(), y, wrapped(MultinomialNB()), batch_size=BATCH)

    return call_theirs, lambda: strategies[1].query(X, y, own, batch_size=BATCH)


CASES = {
    **{
        f"UncertaintySampling, {method}": uncertainty(method)
        for method in ("least_confident", "margin_sampling", "entropy")
    },
    "UncertaintySampling, entropy, with the fit": uncertainty("entropy", fit=True),
    f"UncertaintySampling, entropy, TF-IDF, {DENSE_ROWS:,} rows": sparse_uncertainty,
    **{
        f"QueryByCommittee, {method}, {kind}": committee(method, kind)
        for kind in ("forest", "three models")
        for method in ("KL_divergence", "vote_entropy", "variation_ratios")
    },
    **FEATURE_CASES,
}
