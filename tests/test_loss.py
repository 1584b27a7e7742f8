"""Expected gradient length of fitted models: which loss they have, and the pool in one read."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import assert_scores_equal, random_csr
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.svm import LinearSVC

import fastal
from fastal import _reference
from fastal._loss import loss_of
from fastal._pool_scores import PoolScorer

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

EGL = "expected_gradient_length"
SGD = {"random_state": 0, "max_iter": 20, "tol": None}
MODELS = {
    "softmax": [
        LogisticRegression(),
        LogisticRegression(fit_intercept=False),
        LogisticRegressionCV(Cs=2, cv=2),
        MultinomialNB(),
        ComplementNB(),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
    ],
    "logistic": [
        SGDClassifier(loss="log_loss", **SGD),
        OneVsRestClassifier(LogisticRegression()),
    ],
    "hinge": [
        SGDClassifier(**SGD),
        LinearSVC(loss="hinge"),
        OneVsRestClassifier(SGDClassifier(**SGD)),
    ],
    "squared_hinge": [LinearSVC()],
    "modified_huber": [SGDClassifier(loss="modified_huber", **SGD)],
    "perceptron": [Perceptron(**SGD)],
    "squared_error": [RidgeClassifier(), RidgeClassifier(fit_intercept=False)],
}  # fmt: skip
PAIRS = [(loss, model) for loss, models in MODELS.items() for model in models]


def labelled(n_classes, n=300):
    rng = np.random.default_rng(n_classes)
    X = abs(random_csr(rng, n, 50, 0.2))
    return X, np.arange(n) % n_classes


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize(("loss", "model"), PAIRS, ids=lambda each: str(each)[:40])
def test_models(loss, model, n_classes):
    X, y = labelled(n_classes)
    model = clone(model).fit(X, y)
    if loss == "logistic" and n_classes == 2 and isinstance(model, OneVsRestClassifier):
        assert model.decision_function(X).ndim == 1
    assert loss_of(model).name == loss
    expected = _reference.score_pool(model, X, EGL)
    for pool in (X, X.toarray(), iter([X[:100], X[100:]])):
        np.testing.assert_allclose(
            fastal.score_pool(model, pool, EGL), expected, rtol=1e-10, atol=1e-12
        )
    rows = fastal.query_pool(model, X, 20, EGL, exclude=np.arange(30))
    assert_scores_equal(expected[rows], np.sort(expected[30:])[::-1][:20])


def test_models__are_scored_in_one_read():
    X, y = labelled(4)
    for _, model in PAIRS:
        scorer = PoolScorer(clone(model).fit(X, y), EGL)
        scorer(X, lambda *_: None)
        assert scorer.linear is not None, model


def test_models__steps_before_the_classifier():
    """The length is that of the row which the classifier gets, not of what the pipeline gets."""
    X, y = labelled(3)
    X = sp.csr_matrix(X @ sp.diags(np.linspace(0.1, 20, 50)))
    for scaler in (StandardScaler(with_mean=False), MaxAbsScaler()):
        model = make_pipeline(scaler, LogisticRegression()).fit(X, y)
        scaled = model[:-1].transform(X)
        decision = model.decision_function(X)
        expected = _reference.expected_gradient_length(decision, scaled)
        assert_scores_equal(fastal.score_pool(model, X, EGL), expected)


def test_models__few_known_terms():
    """Terms that the model does not know are left out of the product, not of the length."""
    rng = np.random.default_rng(0)
    X = sp.random(3000, 90_000, 3e-4, format="csr", random_state=rng)
    model = LogisticRegression().fit(X[:20], np.arange(20) % 3)
    scorer = PoolScorer(model, EGL)
    scorer(X, lambda *_: None)
    assert scorer.linear[0].places is not None
    decision = model.decision_function(X)
    lengths = np.sqrt(np.asarray(X.multiply(X).sum(axis=1)).ravel() + 1)
    ones = fastal.expected_gradient_length(decision, sp.csr_matrix(X.shape), "softmax")
    assert_scores_equal(fastal.score_pool(model, X, EGL), ones * lengths)


class OwnDecisions(LogisticRegression):
    """A subclass that decides otherwise is asked itself."""

    def decision_function(self, X):
        return super().decision_function(X) * 2.0


def test_models__with_methods_of_their_own():
    X, y = labelled(3)
    model = OwnDecisions().fit(X, y)
    expected = _reference.expected_gradient_length(model.decision_function(X), X)
    assert_scores_equal(fastal.score_pool(model, X, EGL), expected)


@pytest.mark.parametrize(
    "model",
    [
        BernoulliNB(),
        CalibratedClassifierCV(LinearSVC(), cv=2),
        OneVsRestClassifier(MultinomialNB()),
        LinearSVC(multi_class="crammer_singer"),
        SGDClassifier(loss="huber", **SGD),
        fastal.Committee(LogisticRegression(), 2, random_state=0),
    ],
    ids=lambda each: str(each)[:40],
)
def test_models__without_a_known_loss(model):
    X, y = labelled(3)
    model = model.fit(X, y)
    with pytest.raises(TypeError, match="expected_gradient_length needs a linear classifier"):
        fastal.score_pool(model, X, EGL)
    with pytest.raises(TypeError, match="expected_model_change takes any"):
        fastal.query_pool(FrozenEstimator(model), X, 3, EGL)


def test_models__one_class():
    X, _ = labelled(3)
    model = MultinomialNB().fit(X, np.zeros(X.shape[0]))
    with pytest.raises(ValueError, match="expected_gradient_length needs a model that knows two"):
        fastal.score_pool(model, X, EGL)


def test_models__rows_that_are_too_large():
    X, y = labelled(3)
    model = LogisticRegression().fit(X, y)
    huge = X.toarray()
    huge[7, 0] = 1e200
    with pytest.raises(ValueError, match="row 7 are not finite: its entries"):
        fastal.score_pool(model, huge, EGL)


@pytest.mark.parametrize("name", ["sms_spam", "trec6"])
def test_models__real_text(name, real_tfidf):
    X = real_tfidf(name, 1000)
    y = np.arange(100) % 4
    for model in (LogisticRegression(C=10), MultinomialNB(), LinearSVC()):
        model.fit(X[:100], y)
        expected = _reference.score_pool(model, X[:200], EGL)
        assert_scores_equal(fastal.score_pool(model, X, EGL)[:200], expected)
