"""small-text's strategies and ours."""

from __future__ import annotations

import functools
import importlib
import warnings

import numpy as np
import small_text
from sklearn.linear_model import LogisticRegression

N = 100
_ours = importlib.import_module("fastal.adapters.small_text")


class _Embedding(small_text.SklearnClassifier):
    """Features as embeddings: theirs asks no other classifier."""

    def embed(self, dataset, return_proba=False, pbar=None):
        return (dataset.x, self.predict_proba(dataset)) if return_proba else dataset.x


def _both(pool, X, make, kind=small_text.SklearnClassifier, limit=None, n=N, **keywords):
    """Queries of N rows by both; X None for the sparse rows; at most limit rows."""
    rows = pool.unlabeled[:limit]
    X = pool.X if X is None else X
    dataset = small_text.SklearnDataset(X, pool.y, np.unique(pool.y))
    clf = kind(LogisticRegression(), 20).fit(dataset[pool.labeled])
    arguments = (clf, dataset, rows, pool.labeled, pool.y[pool.labeled])

    def query(module):
        np.random.seed(0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return make(module).query(*arguments, n=min(n, len(rows) - 1), **keywords)

    return functools.partial(query, small_text), functools.partial(query, _ours)


def _proba(name):
    return lambda pool, quick: _both(pool, None, lambda module: getattr(module, name)())


def _k_center(pool, quick):
    def make(module):
        return module.GreedyCoreset()

    return _both(pool, pool.dense, make, kind=_Embedding, limit=1000, n=50, pbar=None)


def _lightweight(pool, quick):
    return _both(pool, pool.dense, lambda module: module.LightweightCoreset(), kind=_Embedding)


def _k_means(pool, quick):
    return _both(pool, pool.dense, lambda module: module.EmbeddingKMeans(), kind=_Embedding)


def _contrastive(pool, quick):
    def make(module):
        return module.ContrastiveActiveLearning(pbar=None)

    return _both(pool, pool.dense, make, kind=_Embedding)


def _discriminative(pool, quick):
    factory = small_text.SklearnClassifierFactory(LogisticRegression(), 2)

    def make(module):
        return module.DiscriminativeActiveLearning(factory, 5)

    return _both(pool, None, make)


CASES = {
    "LeastConfidence, sparse": _proba("LeastConfidence"),
    "BreakingTies, sparse": _proba("BreakingTies"),
    "PredictionEntropy, sparse": _proba("PredictionEntropy"),
    "GreedyCoreset, dense, 50 of 1,000 rows": _k_center,
    "LightweightCoreset, dense": _lightweight,
    "EmbeddingKMeans, dense": _k_means,
    "ContrastiveActiveLearning, dense": _contrastive,
    "DiscriminativeActiveLearning, sparse": _discriminative,
}
