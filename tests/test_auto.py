"""The default strategy: what it is put together from, and the rows that have no distances."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import fastal
from fastal import ActiveLearner

X, CODES = make_classification(
    n_samples=300, n_features=8, n_informative=5, n_classes=3, class_sep=1.5, random_state=0
)
X = X.astype(np.float64)
FIRST = np.arange(20)
MODEL = LogisticRegression()
TEXTS = [f"{word} number{i}" for i, word in enumerate(["goal", "vote", "rain"] * 10)]
TEXT_LABELS = np.array(["sport", "politics", "weather"] * 10)


def by_margin(learner, pool, n, labeled):
    scores = fastal.margin(learner.predict_proba(pool))
    return fastal.top_k(scores, n, exclude=labeled), scores


def test_it_is_the_default():
    learner = ActiveLearner(MODEL, random_state=3).fit(X[FIRST], CODES[FIRST])
    named = ActiveLearner(MODEL, "auto", random_state=3).fit(X[FIRST], CODES[FIRST])
    rows = learner.query(X, 5, labeled=FIRST)
    np.testing.assert_array_equal(rows, named.query(X, 5, labeled=FIRST))


def first_rows(pool):
    return pool.iloc[FIRST] if hasattr(pool, "iloc") else pool[FIRST]


@pytest.mark.parametrize("container", [np.asarray, sp.csr_matrix, sp.csc_array, pd.DataFrame])
@pytest.mark.parametrize("n", [1, 7, 28, 100])
def test_it_is_weighted_k_means_of_the_best_by_margin(container, n):
    pool = container(X)
    learner = ActiveLearner(MODEL, random_state=5).fit(first_rows(pool), CODES[FIRST])
    stream = np.random.RandomState(5)
    candidates, scores = fastal.query_pool(
        learner.estimator_, X, 10 * n, "margin", stream, exclude=FIRST, return_scores=True
    )
    picks = fastal.weighted_k_means(
        X[candidates], n, scores, n_candidates=candidates.size, random_state=stream
    )
    rows, margins = learner.query(pool, n, labeled=FIRST, return_scores=True)
    np.testing.assert_array_equal(rows, candidates[picks])
    # Another order of the sums, of a DataFrame.
    np.testing.assert_allclose(margins, scores[picks], rtol=1e-12)
    assert (np.diff(margins) <= 0).all()


def test_a_large_batch_is_picked_in_parts():
    pool = np.random.default_rng(0).standard_normal((1500, 4))
    learner = ActiveLearner(MODEL, random_state=0).fit(pool[:50], np.arange(50) % 2)
    rows = learner.query(pool, 205, labeled=np.arange(50))
    candidates, scores = by_margin(learner, pool, 1450, np.arange(50))
    place = {row: i for i, row in enumerate(candidates.tolist())}
    parts = np.array([place[row] % 3 for row in rows.tolist()])
    assert np.bincount(parts).tolist() == [69, 68, 68]
    assert len(set(rows.tolist())) == 205
    assert (np.diff(scores[rows]) <= 0).all()


def test_candidates_of_batches_large_and_small(monkeypatch):
    asked = []

    def query_pool(model, X, k, *args, **options):
        asked.append(k)
        return fastal.query_pool(model, X, k, *args, **options)

    monkeypatch.setattr("fastal._strategies_auto.query_pool", query_pool)
    pool = np.random.default_rng(0).standard_normal((3000, 4))
    learner = ActiveLearner(MODEL, random_state=0).fit(pool[:50], np.arange(50) % 2)
    for n in (1, 20, 100, 101, 700):
        assert len(set(learner.query(pool, n, labeled=np.arange(50)).tolist())) == n
    assert asked == [10, 200, 1000, 1010, 7000]


def test_candidates_are_spread():
    # 20 copies of the row that is least sure, and five others that are nearly as unsure.
    pool = np.r_[np.zeros((20, 2)), [[0.01, 5.0], [0.01, -5.0], [-0.01, 9.0], [0.01, 2.0]]]
    labels = np.array([0, 1])
    learner = ActiveLearner(MODEL, random_state=0).fit([[-3.0, 0.0], [3.0, 0.0]], labels)
    assert set(learner.query(pool, 5).tolist()) >= {20, 21, 22}


@pytest.mark.parametrize(("n", "n_clusters"), [(9, 29), (150, 100)])
def test_cold_it_is_typiclust(n, n_clusters):
    rows, scores = ActiveLearner(MODEL, random_state=1).query(
        X, n, labeled=FIRST, return_scores=True
    )
    # The labelled rows go last.
    order = np.r_[20:300, FIRST]
    stream = np.random.RandomState(1)
    expected = fastal.typiclust(
        X[order], n, np.arange(280, 300), n_clusters=n_clusters, random_state=stream
    )
    np.testing.assert_array_equal(rows, order[expected])
    assert np.isnan(scores).all()


def test_cold_it_keeps_away_from_rows_labelled_elsewhere():
    # Two directions; the learner's own row points in the first.
    clump = np.linspace(1.0, 1.1, 30)[:, None] * [[1.0, 0.0]]
    pool = np.r_[clump, clump[:, ::-1]]
    learner = ActiveLearner(MODEL, random_state=0).teach([[1.05, 0.0]], ["ham"])
    assert learner.query(pool, 1)[0] >= 30
    ours = ActiveLearner(MODEL, random_state=0).teach([[0.0, 1.05]], ["ham"])
    assert ours.query(pool, 1)[0] < 30


def test_cold_a_large_pool_is_sampled():
    pool = np.random.default_rng(0).standard_normal((6000, 3))
    learner = ActiveLearner(MODEL, random_state=0)
    rows = learner.query(pool, 6, labeled=np.arange(100))
    assert len(set(rows.tolist())) == 6
    assert rows.min() >= 100
    again = ActiveLearner(MODEL, random_state=0).query(pool, 6, labeled=np.arange(100))
    np.testing.assert_array_equal(rows, again)


@pytest.mark.parametrize(
    "pool", [TEXTS, np.array(TEXTS), [text.split() for text in TEXTS], [{"a": 1}] * 30]
)
def test_cold_rows_without_features_are_drawn_at_random(pool):
    learner = ActiveLearner(make_pipeline(TfidfVectorizer(), MODEL), random_state=0)
    rows = learner.query(pool, 12, labeled=[0, 1])
    assert len(set(rows.tolist())) == 12
    assert not set(rows.tolist()) & {0, 1}
    rest = learner.query(pool, 30, labeled=rows)
    assert sorted([*rest.tolist(), *rows.tolist()]) == list(range(30))
    other = ActiveLearner(make_pipeline(TfidfVectorizer(), MODEL), random_state=1)
    assert other.query(pool, 12, labeled=[0, 1]).tolist() != rows.tolist()


def test_only_the_candidates_are_vectorised_again():
    lengths = []

    class Counting(TfidfVectorizer):
        def transform(self, raw_documents):
            lengths.append(len(raw_documents))
            return super().transform(raw_documents)

    learner = ActiveLearner(make_pipeline(Counting(), MODEL), random_state=0)
    learner.fit(TEXTS[:6], TEXT_LABELS[:6])
    assert len(learner.query(TEXTS, 2, labeled=np.arange(6))) == 2
    assert lengths == [30, 20]


def test_missing_values_leave_the_margin():
    pool = X.copy()
    pool[::3, 0] = np.nan
    model = HistGradientBoostingClassifier(max_iter=5)
    learner = ActiveLearner(model).fit(pool[:60], CODES[:60])
    rows = learner.query(pool, 8, labeled=np.arange(60))
    expected, scores = by_margin(learner, pool, 8, np.arange(60))
    np.testing.assert_array_equal(np.sort(scores[rows]), np.sort(scores[expected]))
    assert ActiveLearner(model, random_state=0).query(pool, 8).size == 8


def test_columns_of_words():
    frame = pd.DataFrame({"colour": ["red", "blue", "green"] * 10, "size": ["s", "m"] * 15})
    model = make_pipeline(make_column_transformer((OneHotEncoder(), ["colour", "size"])), MODEL)
    learner = ActiveLearner(model, random_state=0)
    rows = learner.query(frame, 6)
    learner.teach(frame.iloc[rows], np.arange(6) % 2)
    assert len(set(learner.query(frame, 6, labeled=rows).tolist()) - set(rows.tolist())) == 6


def test_a_stream_is_asked_by_margin():
    learner = ActiveLearner(MODEL).fit(X[FIRST], CODES[FIRST])
    rows, scores = learner.query(iter([X[:150], X[150:]]), 6, labeled=FIRST, return_scores=True)
    margin = ActiveLearner(MODEL, "margin").fit(X[FIRST], CODES[FIRST])
    expected = margin.query(X, 6, labeled=FIRST, return_scores=True)
    np.testing.assert_array_equal(rows, expected[0])
    np.testing.assert_array_equal(scores, expected[1])
    with pytest.raises(TypeError, match="no model is fitted"):
        ActiveLearner(MODEL).query(iter([X]), 2)


class Sure(ClassifierMixin, BaseEstimator):
    """Probabilities of single precision, as of a network: they add up to more than one."""

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.tile(np.array([1 + 1.2e-7, 0], dtype=np.float32), (len(X), 1))


@pytest.mark.parametrize(
    "strategy", ["auto", "weighted_k_means", "k_center_uncertainty", "uncertainty_herding"]
)
def test_probabilities_may_add_up_to_a_little_more_than_one(strategy):
    learner = ActiveLearner(Sure(), strategy, random_state=0).fit(X[FIRST], CODES[FIRST] % 2)
    assert len(set(learner.query(X, 5, labeled=FIRST).tolist())) == 5


@pytest.mark.parametrize("scale", [1e200, 1e-200])
@pytest.mark.parametrize("rows", [slice(None), slice(7, 8)])
def test_distances_that_leave_the_range_of_numbers(scale, rows):
    pool = X.copy()
    pool[rows] *= scale
    learner = ActiveLearner(GaussianNB(), random_state=0)
    first = learner.query(pool, 20)
    assert len(set(first.tolist())) == 20
    with np.errstate(all="ignore"):
        learner.fit(pool[first], np.arange(20) % 2)
        try:
            expected = ActiveLearner(GaussianNB(), "margin").fit(pool[first], np.arange(20) % 2)
            expected.query(pool, 5)
        except ValueError:
            # GaussianNB itself has no probabilities left.
            return
        assert len(set(learner.query(pool, 5, labeled=first).tolist())) == 5


OTHERS = {
    "dense, of a sparse pool": (sp.csr_matrix(X), X[:3]),
    "sparse, of a dense pool": (X, sp.csr_matrix(X[:3])),
    "another width": (X, X[:3, :2]),
    "missing values": (X, np.full((3, 8), np.nan)),
    "texts": (X, TEXTS[:3]),
    "another scale": (X, X[:3] * 1e200),
}


@pytest.mark.parametrize("case", OTHERS)
def test_cold_rows_of_another_kind_do_no_harm(case):
    pool, rows = OTHERS[case]
    learner = ActiveLearner(MODEL, random_state=0).teach(rows, ["ham"] * 3)
    assert len(set(learner.query(pool, 7).tolist())) == 7


def test_cold_only_some_of_many_labelled_rows_are_clustered(monkeypatch):
    sizes = []

    def typiclust(features, n, known, n_clusters, random_state):
        sizes.append((features.shape[0], known.size, n_clusters))
        return fastal.typiclust(features, n, known, n_clusters, random_state=random_state)

    monkeypatch.setattr("fastal.typical.typiclust", typiclust)
    pool = np.random.default_rng(0).standard_normal((9000, 2))
    labeled = np.random.default_rng(1).permutation(9000)[:8500]
    rows = ActiveLearner(MODEL, random_state=0).query(pool, 5, labeled=labeled)
    assert sizes == [(1500, 1000, 100)]
    assert not set(rows.tolist()) & set(labeled.tolist())


@pytest.mark.parametrize("n", [3, 40])
def test_a_file_of_texts_gives_what_a_list_gives(tmp_path, n):
    path = tmp_path / "pool.csv"
    path.write_text("text\n" + "\n".join(TEXTS))
    model = make_pipeline(TfidfVectorizer(), MODEL)
    learner = ActiveLearner(model, random_state=0).fit(TEXTS[:6], TEXT_LABELS[:6])
    expected = learner.query(TEXTS, n, labeled=np.arange(6), return_scores=True)
    again = ActiveLearner(model, random_state=0).fit(TEXTS[:6], TEXT_LABELS[:6])
    answer = again.query(fastal.TextFile(path), n, labeled=np.arange(6), return_scores=True)
    np.testing.assert_array_equal(answer[0], expected[0])
    np.testing.assert_array_equal(answer[1], expected[1])
    every = np.arange(30)
    assert again.query(fastal.TextFile(path), n, labeled=every).size == 0
