"""Strategies by name: each is the score of the same name over the right probabilities."""

from __future__ import annotations

import inspect
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.decomposition import TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from threadpoolctl import threadpool_limits

import fastal
from fastal import ActiveLearner, Committee, strategies
from fastal.strategies import class_probabilities

X, CODES = make_classification(
    n_samples=120, n_features=6, n_informative=4, n_classes=3, random_state=1
)
Y = np.array(["ham", "spam", "eggs"])[CODES]
LR = LogisticRegression()
TEXTS = ["goal match", "vote law", "goal goal", "rain wind rain", "law law vote", "match rain"]
LABELS = ["sport", "politics", "sport", "weather", "politics", "sport"]


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread():
    # On a busy machine the threads of BLAS make these tiny fits ten times slower.
    with threadpool_limits(1):
        yield


def fitted(estimator, strategy="margin", **kwargs):
    return ActiveLearner(estimator, strategy, **kwargs).fit(X[:30], Y[:30])


def scores_of(name, learner, pool=X, random_state=None):
    return getattr(strategies, name)(
        learner, pool, 5, labeled=np.empty(0, dtype=np.int64), random_state=random_state
    )


def test_every_name_is_a_strategy_with_a_docstring():
    for name in strategies.__all__:
        function = getattr(strategies, name)
        assert function.__doc__
        parameters = inspect.signature(function).parameters
        assert list(parameters) == ["learner", "X", "n", "labeled", "random_state"]


# ---- probabilities ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["entropy", "margin", "least_confidence"])
def test_scores_of_probabilities(name):
    learner = fitted(LogisticRegression())
    proba = learner.estimator_.predict_proba(X)
    np.testing.assert_allclose(
        scores_of(name, learner), getattr(fastal, name)(proba), rtol=1e-12, atol=1e-15
    )


def test_decision_values_of_two_classes_order_by_distance():
    two = CODES < 2
    svm = LinearSVC().fit(X[two], Y[two])
    proba = class_probabilities(svm, X)
    assert (svm.classes_[proba.argmax(axis=1)] == svm.predict(X)).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    order = np.argsort(np.abs(svm.decision_function(X)))
    learner = ActiveLearner(LinearSVC()).fit(X[two], Y[two])
    np.testing.assert_array_equal(learner.query(X, len(X)), order)


def test_decision_values_of_three_classes_are_softmaxed():
    ridge = RidgeClassifier().fit(X, Y)
    decision = ridge.decision_function(X)
    expected = np.exp(decision) / np.exp(decision).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(class_probabilities(ridge, X), expected)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_huge_decision_values_do_not_overflow(n_classes):
    class Sure(ClassifierMixin, BaseEstimator):
        classes_ = np.arange(n_classes)

        def decision_function(self, X):
            values = np.full((len(X), n_classes), -1e300)
            values[:, -1] = 1e300
            return values[:, -1] * [1, -1] if n_classes == 2 else values

    proba = class_probabilities(Sure(), np.zeros((2, 1)))
    np.testing.assert_array_equal(proba.max(axis=1), 1)
    assert (fastal.entropy(proba) == 0).all()


def test_one_decision_value_for_each_pair_of_classes_is_refused():
    X4, y4 = np.arange(16.0).reshape(8, 2), np.arange(8) % 4
    svc = SVC(decision_function_shape="ovo").fit(X4, y4)
    with pytest.raises(ValueError, match="6 values for 4 classes; for an SVC use"):
        class_probabilities(svc, X4)


def test_estimator_with_votes_only():
    class Votes(ClassifierMixin, BaseEstimator):
        def fit(self, X, y):
            self.classes_, codes = np.unique(y, return_inverse=True)
            self.label_ = self.classes_[np.bincount(codes).argmax()]
            return self

        def predict(self, X):
            return np.full(len(X), self.label_)

    with pytest.raises(TypeError, match="predict_proba or decision_function, but Votes has"):
        fitted(Votes()).query(X)
    # A committee of them needs their votes only.
    for name in ("query_by_committee", "kl_to_consensus"):
        assert fitted(Votes(), name, random_state=0).query(X, 3).shape == (3,)
    np.testing.assert_array_equal(
        np.unique(Committee(Votes(), random_state=0).fit(X, Y).member_probas(X)), [0, 1]
    )


# ---- committees -------------------------------------------------------------------------------

ON_PROBAS = ["consensus_entropy", "kl_to_consensus", "max_kl_to_consensus", "variation_ratio"]


@pytest.mark.parametrize("where", ["itself", "end of a pipeline"])
def test_the_learners_own_committee_is_used(where):
    committee = Committee(LogisticRegression(), n_members=4, random_state=0)
    model = committee if where == "itself" else make_pipeline(StandardScaler(), committee)
    learner = fitted(model)
    own = learner.estimator_ if where == "itself" else learner.estimator_[-1]
    features = X if where == "itself" else StandardScaler().fit(X[:30]).transform(X)
    for name in ON_PROBAS:
        expected = getattr(fastal, name)(own.member_probas(features))
        np.testing.assert_allclose(scores_of(name, learner), expected, rtol=1e-12, atol=1e-15)
    expected = fastal.vote_entropy(own.votes(features))
    for name in ("vote_entropy", "query_by_committee"):
        np.testing.assert_array_equal(scores_of(name, learner), expected)


def test_a_pipeline_of_nothing_but_a_committee():
    learner = fitted(make_pipeline(Committee(LogisticRegression(), n_members=3, random_state=0)))
    assert scores_of("vote_entropy", learner).shape == (120,)


@pytest.mark.parametrize("name", ["query_by_committee", *ON_PROBAS])
def test_any_other_model_is_bootstrapped(name):
    learner = fitted(LogisticRegression())
    scores = scores_of(name, learner, random_state=3)
    np.testing.assert_array_equal(scores, scores_of(name, learner, random_state=3))
    assert (scores != scores_of(name, learner, random_state=4)).any()
    assert (scores > 0).any()
    # Five members: vote entropy takes few values.
    if name == "query_by_committee":
        counts = [[5], [4, 1], [3, 2], [3, 1, 1], [2, 2, 1]]
        allowed = [fastal.vote_entropy([np.repeat(range(len(c)), c)])[0] for c in counts]
        assert np.isclose(scores[:, None], allowed).any(axis=1).all()


def test_bootstraps_come_from_the_labelled_rows():
    calls = []

    class Spy(LogisticRegression):
        def fit(self, X, y):
            calls.append(X)
            return super().fit(X, y)

    learner = fitted(Spy(), "query_by_committee", random_state=0)
    calls.clear()
    learner.query(X, 3)
    assert len(calls) == 5
    known = {row.tobytes() for row in X[:30]}
    assert all(row.tobytes() in known for sample in calls for row in sample)


# ---- k-center and random ----------------------------------------------------------------------


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, sp.csr_matrix, pd.DataFrame])
def test_k_center_around_labelled_rows_of_the_pool(form):
    learner = ActiveLearner(LogisticRegression(), cold_start="k_center")
    expected = fastal.k_center_greedy(X, 5, labeled=[4, 8])[0]
    np.testing.assert_array_equal(learner.query(form(X), 5, labeled=[8, 4]), expected)
    np.testing.assert_array_equal(learner.query(form(X), 5), fastal.k_center_greedy(X, 5)[0])


@pytest.mark.parametrize("form", [np.asarray, sp.csr_array, pd.DataFrame])
def test_k_center_around_rows_outside_the_pool(form):
    take = (lambda rows: form(X).iloc[rows]) if form is pd.DataFrame else lambda r: form(X)[r]
    learner = ActiveLearner(LogisticRegression(), "k_center").teach(take(slice(0, 30)), Y[:30])
    rows = learner.query(take(slice(30, 120)), 7)
    expected = fastal.k_center_greedy(X, 7, labeled=np.arange(30))[0]
    np.testing.assert_array_equal(rows + 30, expected)


def test_k_center_measures_what_the_pipeline_makes_of_the_rows():
    model = make_pipeline(TfidfVectorizer(), TruncatedSVD(2, random_state=0), LinearSVC())
    learner = ActiveLearner(model, "k_center").fit(TEXTS, LABELS)
    features = learner.estimator_[:-1].transform(TEXTS)
    expected = fastal.k_center_greedy(features, 2, labeled=[0])[0]
    np.testing.assert_array_equal(learner.query(TEXTS, 2, labeled=[0]), expected)
    # Without `labeled`, the learner's own texts are the centres: nothing in the pool is far.
    assert set(learner.query(TEXTS, 6)) == set(range(6))
    sparse = make_pipeline(CountVectorizer(), LogisticRegression())
    learner = ActiveLearner(sparse, "k_center").fit(TEXTS[:4], LABELS[:4])
    assert learner.query(TEXTS, 2).tolist() == [5, 4]


def test_cold_k_center_on_texts_says_what_to_do():
    for pool in (TEXTS, np.array(TEXTS), pd.Series(TEXTS)):
        learner = ActiveLearner(
            make_pipeline(TfidfVectorizer(), LinearSVC()), cold_start="k_center"
        )
        with pytest.raises(TypeError, match=r"rows are texts.*use cold_start='random'"):
            learner.query(pool, 2)


def test_random_draws_uniformly_from_what_is_left():
    learner = SimpleNamespace()
    rng = np.random.RandomState(0)
    counts = np.zeros(6)
    for _ in range(3000):
        rows = strategies.random(
            learner, np.zeros((6, 1)), 2, labeled=np.array([1, 4]), random_state=rng
        )
        counts[rows] += 1
    assert counts[[1, 4]].tolist() == [0, 0]
    # 1500 +- 27 (one standard deviation) each.
    assert (np.abs(counts[[0, 2, 3, 5]] - 1500) < 120).all()


def test_generators_are_random_states_too():
    learner = ActiveLearner(
        LogisticRegression(), "query_by_committee", random_state=np.random.default_rng(0)
    )
    rows = learner.query(X, 20)
    learner.teach(X[rows], Y[rows])
    assert learner.query(X, 4, labeled=rows).shape == (4,)


# ---- a strategy of one's own ------------------------------------------------------------------


def test_own_function_of_scores():
    seen = {}

    def lowest_feature(learner, X_pool, n, *, labeled, random_state):
        seen.update(n=n, labeled=labeled, model=learner.estimator_, pool=X_pool)
        return -X_pool[:, 0]

    learner = ActiveLearner(LR, lowest_feature).fit(X[:20], Y[:20])
    rows, scores = learner.query(X, 4, labeled=[5, 2, 5], return_scores=True)
    np.testing.assert_array_equal(rows, fastal.top_k(-X[:, 0], 4, exclude=[2, 5]))
    np.testing.assert_array_equal(scores, -X[rows, 0])
    assert seen["pool"] is X
    assert seen["model"] is learner.estimator_
    np.testing.assert_array_equal(seen["labeled"], [2, 5])
    assert learner.query(X[:3], 9, labeled=[1]).shape == (2,)
    assert seen["n"] == 2


def test_own_function_of_rows_runs_once_and_keeps_its_order():
    calls = []

    def two_bare_rows(learner, X_pool, n, *, labeled, random_state):
        calls.append(n)
        return [9, 4]

    learner = ActiveLearner(LR, cold_start=two_bare_rows)
    np.testing.assert_array_equal(learner.query(X, 2), [9, 4])
    assert calls == [2]


def test_own_function_of_infinite_scores():
    def far(learner, X_pool, n, *, labeled, random_state):
        scores = np.zeros(len(X_pool))
        scores[7], scores[:5] = np.inf, -np.inf
        return scores

    assert ActiveLearner(LR, cold_start=far).query(X, 2).tolist() == [7, 5]


@pytest.mark.parametrize(
    ("answer", "error", "match"),
    [
        (np.zeros(119), ValueError, r"strategy mine must return .*120 scores.*shape \(119,\)"),
        (np.zeros((120, 2)), ValueError, r"floats of shape \(120, 2\)"),
        (np.r_[np.zeros(119), np.nan], ValueError, "mine returned NaN as the score of row 119"),
        ([1, 2], ValueError, r"3 row numbers \(integers\), got integers of shape \(2,\)"),
        ([1, 2, 4, 5], ValueError, r"integers of shape \(4,\)"),
        ([1, 2, 2], ValueError, "mine returned a row more than once"),
        ([1, 2, 120], ValueError, r"outside 0..119"),
        ([1, 2, -1], ValueError, r"outside 0..119"),
        ([1, 2, 3], ValueError, "row 3, which is in labeled"),
        (np.ones(120, dtype=bool), TypeError, "got dtype bool"),
        (None, TypeError, "got dtype object"),
        (["a", "b", "c"], TypeError, "got dtype <U1"),
        (([1, 2, 4], [0.5, 0.4, 0.3]), ValueError, r"floats of shape \(2, 3\)"),
        (([1, 2, 4], [0.5]), ValueError, "strategy mine must return an array"),
    ],
)
def test_wrong_answers_of_a_strategy_name_it(answer, error, match):
    def mine(learner, X_pool, n, *, labeled, random_state):
        return answer

    with pytest.raises(error, match=match):
        ActiveLearner(LR, cold_start=mine).query(X, 3, labeled=[3])


def test_errors_inside_a_strategy_pass_through():
    def mine(learner, X_pool, n, *, labeled, random_state):
        raise TypeError("my own mistake")

    with pytest.raises(TypeError, match=r"^my own mistake$"):
        ActiveLearner(LR, cold_start=mine).query(X, 3)


@pytest.mark.parametrize("name", ["entropy", "margin", "vote_entropy", "kl_to_consensus"])
def test_a_score_in_place_of_a_strategy(name):
    learner = ActiveLearner(LR, getattr(fastal, name)).fit(X, Y)
    with pytest.raises(TypeError, match=f"{name} is a score: use strategy='{name}'"):
        learner.query(X)


@pytest.mark.parametrize("strategy", [fastal.top_k, lambda X: X, lambda learner, X, n: X])
def test_a_function_of_another_signature(strategy):
    with pytest.raises(
        TypeError, match=r"strategy\(learner, X_pool, n, \*, labeled, random_state"
    ):
        ActiveLearner(LR, strategy).query(X)


@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize(
    "strategy",
    [
        "badge",
        "cluster_margin",
        "facility_location",
        "information_density",
        "falcun",
        "k_center_density",
        "k_center_uncertainty",
        "kmeans_plusplus",
        "prob_cover",
        "ranked_batch",
        "max_herding",
        "robust_k_center",
        "typiclust",
        "uncertainty_herding",
        "weighted_k_means",
    ],
)
def test_strategies_that_look_at_distances(form, strategy):
    pool = form(np.abs(X))
    learner = ActiveLearner(LogisticRegression(), strategy, random_state=0)
    learner.fit(pool[:30], Y[:30])
    # Labelled rows of the pool, or rows of the learner's own outside it.
    for labeled in (np.arange(30), None):
        rows = learner.query(pool[30:] if labeled is None else pool, 7, labeled=labeled)
        assert len(set(rows.tolist())) == 7
        if labeled is not None:
            assert rows.min() >= 30
    again = ActiveLearner(LogisticRegression(), strategy, random_state=0)
    again.fit(pool[:30], Y[:30])
    first = again.query(pool, 7, labeled=np.arange(30))
    assert len(first) == 7


@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix])
def test_contrastive_strategy(form):
    pool = form(np.abs(X))
    learner = ActiveLearner(LR, "contrastive").fit(pool[:30], Y[:30])
    proba = learner.predict_proba(pool)
    scores = fastal.contrastive(proba, pool, proba[:30], pool[:30])
    expected = fastal.top_k(scores, 5, exclude=np.arange(30))
    np.testing.assert_array_equal(learner.query(pool, 5, labeled=np.arange(30)), expected)
    # The learner's own rows, outside the pool, are the same.
    np.testing.assert_array_equal(learner.query(pool[30:], 5), expected - 30)


def test_contrastive_strategy_sees_what_the_pipeline_makes_of_texts():
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    learner = ActiveLearner(model, "contrastive").fit(TEXTS[:4], LABELS[:4])
    features, proba = learner.estimator_[0].transform(TEXTS), learner.predict_proba(TEXTS)
    scores = fastal.contrastive(proba, features, proba[:4], features[:4])
    np.testing.assert_array_equal(learner.query(TEXTS, 6), fastal.top_k(scores, 6))


@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix])
def test_discriminative_strategy(form):
    pool = form(np.abs(X))
    learner = ActiveLearner(LR, "discriminative").fit(pool[:30], Y[:30])
    expected = fastal.discriminative(pool, 5, np.arange(30))
    np.testing.assert_array_equal(learner.query(pool, 5, labeled=np.arange(30)), expected)
    assert len(set(learner.query(pool[30:], 5).tolist())) == 5
    with pytest.raises(NotFittedError, match="needs a fitted model"):
        ActiveLearner(LR, cold_start="discriminative").query(pool, 2)
    # Rows of one class make no model, but can be told from the others.
    cold = ActiveLearner(LR, cold_start="discriminative").teach(pool[:3], ["a"] * 3)
    rows = cold.query(pool, 5, labeled=[0, 1, 2])
    np.testing.assert_array_equal(rows, fastal.discriminative(pool, 5, [0, 1, 2]))


@pytest.mark.parametrize("where", ["itself", "end of a pipeline"])
def test_batch_bald_strategy(where, monkeypatch):
    committee = Committee(LR, n_members=4, random_state=0)
    model = committee if where == "itself" else make_pipeline(StandardScaler(), committee)
    learner = ActiveLearner(model, "batch_bald").fit(X[:30], Y[:30])
    own = learner.estimator_ if where == "itself" else learner.estimator_[-1]
    features = X if where == "itself" else StandardScaler().fit(X[:30]).transform(X)
    probas = own.member_probas(features)
    expected, _ = fastal.batch_bald(probas, 4, exclude=np.arange(30))
    np.testing.assert_array_equal(learner.query(X, 4, labeled=np.arange(30)), expected)
    # Of a large pool the rows of the highest disagreement.
    monkeypatch.setattr("fastal._strategies_contrast._CANDIDATES", 10)
    best = np.sort(fastal.top_k(fastal.kl_to_consensus(probas), 10))
    expected = best[fastal.batch_bald(probas[:, best], 4)[0]]
    np.testing.assert_array_equal(learner.query(X, 4), expected)


@pytest.mark.parametrize(
    ("name", "score", "kind"),
    [
        ("power_bald", "kl_to_consensus", "power"),
        ("power_margin", "margin", "power"),
        ("softmax_margin", "margin", "softmax"),
        ("softrank_margin", "margin", "softrank"),
    ],
)
def test_stochastic_strategies(name, score, kind):
    model = Committee(LR, n_members=3, random_state=0)
    learner = ActiveLearner(model, name, random_state=np.random.RandomState(5)).fit(X[:30], Y[:30])
    scores = fastal.score_pool(learner.estimator_, X, score)
    labeled = np.arange(30)
    expected = fastal.stochastic_batch(
        scores, 6, kind, random_state=np.random.RandomState(5), exclude=labeled
    )
    np.testing.assert_array_equal(learner.query(X, 6, labeled=labeled), expected)


def test_weighted_k_center_strategies_use_their_weights():
    pool = sp.csr_matrix(np.abs(X))
    learner = ActiveLearner(LogisticRegression(), "k_center_uncertainty").fit(pool[:30], Y[:30])
    labeled = np.arange(30)
    weights = fastal.margin(learner.predict_proba(pool))
    expected, _ = fastal.k_center_greedy(pool, 5, labeled, sample_weight=weights)
    np.testing.assert_array_equal(learner.query(pool, 5, labeled=labeled), expected)
    learner = ActiveLearner(LogisticRegression(), "k_center_density").fit(pool[:30], Y[:30])
    weights = fastal.mean_similarity(pool)
    expected, _ = fastal.k_center_greedy(pool, 5, labeled, sample_weight=weights)
    np.testing.assert_array_equal(learner.query(pool, 5, labeled=labeled), expected)


def test_batch_strategies_are_the_functions_of_the_model_and_the_features():
    labeled = np.arange(30)
    for pool in (np.abs(X), sp.csr_matrix(np.abs(X))):
        model = ActiveLearner(LogisticRegression()).fit(pool[:30], Y[:30]).estimator_
        proba = model.predict_proba(pool)
        margin = fastal.margin(proba)
        expected = {
            "badge": fastal.badge(proba, pool, 7, labeled, random_state=1),
            "ranked_batch": fastal.ranked_batch(margin, pool, 7, labeled)[0],
            "cluster_margin": fastal.cluster_margin(margin, pool, 7, labeled),
            "information_density": fastal.top_k(
                fastal.information_density(margin, pool), 7, exclude=labeled
            ),
        }
        for name, rows in expected.items():
            seed = np.random.RandomState(1) if name == "badge" else None
            learner = ActiveLearner(LogisticRegression(), name).fit(pool[:30], Y[:30])
            got = getattr(strategies, name)(learner, pool, 7, labeled=labeled, random_state=seed)
            if name == "information_density":
                got = fastal.top_k(got, 7, exclude=labeled)
            np.testing.assert_array_equal(got, rows)


def test_ranked_batch_around_rows_outside_the_pool():
    learner = ActiveLearner(LogisticRegression(), "ranked_batch").fit(X[:30], Y[:30])
    margin = fastal.margin(learner.predict_proba(X))
    expected, _ = fastal.ranked_batch(margin, X, 7, np.arange(30))
    np.testing.assert_array_equal(learner.query(X[30:], 7) + 30, expected)


def test_large_pools_are_sampled_where_all_rows_are_compared(monkeypatch):
    monkeypatch.setattr("fastal._strategies_diversity._SAMPLE", 20)
    pool = sp.csr_matrix(np.abs(X))
    monkeypatch.setattr("fastal._strategies_typical._CLUSTERED", 20)
    herding = "max_herding", "uncertainty_herding"
    for strategy in ("facility_location", "robust_k_center", "typiclust", *herding):
        learner = ActiveLearner(LogisticRegression(), strategy, random_state=0)
        rows = learner.fit(pool[:30], Y[:30]).query(pool, 7, labeled=np.arange(30))
        assert len(set(rows.tolist())) == 7
        assert rows.min() >= 30


def test_prob_cover_with_a_model_that_predicts_one_class():
    pool = np.zeros((40, 2))
    pool[:, 0] = 1.0
    learner = ActiveLearner(LogisticRegression(), "prob_cover", random_state=0)
    rows = learner.fit(pool[:4], ["a", "b", "a", "a"]).query(pool, 3, labeled=np.arange(4))
    assert len(set(rows.tolist())) == 3
