"""Our samplers against cardinal's own."""

# ruff: noqa: E402 (imports that need the library come after it is asked for)

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import assert_scores_equal, library, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler

library("cardinal")

# Ours first: it silences the warnings that come with theirs.
from fastal.adapters import cardinal as ours

# isort: split
from cardinal import batch, clustering, random, uncertainty, zhdanov2019
from cardinal.typeutils import NotEnoughSamplesWarning

# It compares versions by a part of distutils that is to go.
pytestmark = pytest.mark.filterwarnings("ignore:distutils Version:DeprecationWarning")

UNCERTAINTY = ("ConfidenceSampler", "MarginSampler", "EntropySampler")
EMBED = np.asarray


def identity(X):
    return X


def both(module, name, *arguments, **parameters):
    """Theirs and ours, made alike."""
    made = [getattr(where, name)(*arguments, **parameters) for where in (module, ours)]
    assert isinstance(made[1], type(made[0]))
    return made


def probabilities():
    rng = np.random.default_rng(0)
    plain = rng.dirichlet(np.full(5, 0.3), 200)
    return {
        "plain": plain,
        "two classes": rng.dirichlet(np.ones(2), 90),
        # Sums of eighths are exact: equal scores are equal to the last bit.
        "ties": rng.multinomial(8, [0.5, 0.25, 0.25], 300) / 8,
        "duplicates": np.repeat(plain[:10], 7, axis=0),
        "one-hot": np.eye(4)[rng.integers(4, size=50)],
        "float32": (rng.multinomial(64, np.full(4, 0.25), 80) / 64).astype(np.float32),
        "fewer than asked": plain[:3],
    }


# Undivided by rounding: entropies are summed in another order, so that ties may break.
def same_up_to_ties(scores, actual, expected):
    np.testing.assert_allclose(scores[actual], scores[expected], rtol=1e-6, atol=1e-9)
    assert len(set(actual.tolist())) == len(actual)


@pytest.mark.parametrize("proba", probabilities().values(), ids=probabilities().keys())
@pytest.mark.parametrize("name", UNCERTAINTY)
@pytest.mark.filterwarnings("ignore::cardinal.typeutils.NotEnoughSamplesWarning")
def test_precomputed_probabilities_give_their_scores_and_rows(name, proba):
    before = proba.copy()
    other, mine = both(uncertainty, name, "precomputed", 7)
    dtype = proba.dtype
    assert_scores_equal(mine.score_samples(proba), other.score_samples(proba), dtype)
    actual, expected = mine.fit([], []).select_samples(proba), other.select_samples(proba)
    if name == "EntropySampler":
        if len(proba) > 3:
            same_up_to_ties(mine.sample_scores_, actual, expected)
    else:
        np.testing.assert_array_equal(actual, expected)
    np.testing.assert_array_equal(proba, before)


CLASSIFIERS = {
    "logistic": LogisticRegression(),
    "naive Bayes": MultinomialNB(),
    "forest": RandomForestClassifier(20, random_state=0),
    "pipeline": make_pipeline(MaxAbsScaler(), LogisticRegression()),
}


def counts(n_rows=300, n_classes=3, seed=0):
    rng = np.random.default_rng(seed)
    X = sp.csr_matrix(rng.poisson(0.4, (n_rows, 25)).astype(float))
    return X, rng.integers(n_classes, size=n_rows)


@pytest.mark.parametrize("dense", [False, True], ids=["sparse", "dense"])
@pytest.mark.parametrize("classifier", CLASSIFIERS.values(), ids=CLASSIFIERS.keys())
@pytest.mark.parametrize("name", UNCERTAINTY)
def test_classifiers_give_their_scores_and_rows(name, classifier, dense):
    X, y = counts()
    X = X.toarray() if dense else X
    other, mine = both(uncertainty, name, classifier, 20)
    expected = other.fit(X[:60], y[:60]).select_samples(X[60:])
    actual = mine.fit(X[:60], y[:60]).select_samples(X[60:])
    assert_scores_equal(mine.sample_scores_, other.sample_scores_)
    if classifier is CLASSIFIERS["forest"]:  # votes of 20 trees: many ties
        same_up_to_ties(other.sample_scores_, actual, expected)
    else:
        np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("name", UNCERTAINTY)
def test_a_fitted_classifier_is_left_alone(name):
    X, y = counts()
    classifier = LogisticRegression().fit(X[:50], y[:50])
    coefficients = classifier.coef_.copy()
    other, mine = both(uncertainty, name, classifier, 10, assume_fitted=True)
    mine.fit(X[50:60], y[50:60])
    np.testing.assert_array_equal(classifier.coef_, coefficients)
    np.testing.assert_array_equal(mine.select_samples(X), other.select_samples(X))


@pytest.mark.parametrize("name", UNCERTAINTY)
def test_weighted_draws_are_theirs(name):
    proba = np.random.default_rng(0).dirichlet(np.ones(3), 50)
    before, picks = np.random.get_state(), []
    try:
        for sampler in both(uncertainty, name, "precomputed", 10, strategy="weighted"):
            np.random.seed(1)
            picks.append(sampler.select_samples(proba))
    finally:
        np.random.set_state(before)
    np.testing.assert_array_equal(*picks)
    with pytest.raises(ValueError, match="Unknown sample selection strategy"):
        getattr(ours, name)("precomputed", 1, strategy="best").select_samples(proba)


class OneColumn:
    """As Keras does it: the probability of the second of two classes."""

    def fit(self, X, y=None):
        return self

    def predict_proba(self, X):
        return X[:, :1]


@pytest.mark.parametrize("name", UNCERTAINTY)
def test_one_column_of_a_classifier_is_the_second_of_two_classes(name):
    X = np.array([[0.25], [0.5], [1.0], [0.0], [0.75]])
    other, mine = both(uncertainty, name, OneColumn(), 2)
    assert_scores_equal(mine.score_samples(X), other.score_samples(X))
    np.testing.assert_array_equal(mine.select_samples(X), other.select_samples(X))


@pytest.mark.parametrize("name", UNCERTAINTY)
def test_a_model_that_knows_one_class_is_certain(name):
    X, _ = counts()
    forest = RandomForestClassifier(3, random_state=0)
    other, mine = both(uncertainty, name, forest, 4)
    mine.fit(X[:5], np.zeros(5))
    np.testing.assert_array_equal(mine.score_samples(X), np.zeros(300))
    np.testing.assert_array_equal(mine.score_samples(X), other.score_samples(X))


def test_theirs_fails_on_one_precomputed_column():
    # If this fails, cardinal takes a column of probabilities of one class.
    with pytest.raises(ValueError, match="kth"):
        uncertainty.MarginSampler("precomputed", 1).select_samples(np.ones((4, 1)))
    scores = ours.MarginSampler("precomputed", 1).score_samples(np.ones((4, 1)))
    np.testing.assert_array_equal(scores, np.zeros(4))


def test_theirs_prefers_what_is_no_number():
    # If this fails, cardinal refuses NaN.
    proba = np.array([[0.5, 0.5], [np.nan, 0.5], [0.9, 0.1]])
    for name in UNCERTAINTY:
        other, mine = both(uncertainty, name, "precomputed", 1)
        assert other.select_samples(proba).tolist() == [1]
        with pytest.raises(ValueError, match="must be finite, but row 1"):
            mine.select_samples(proba)


@pytest.mark.parametrize("name", UNCERTAINTY)
def test_rows_that_are_no_distributions_are_refused(name):
    with pytest.raises(ValueError, match="sum to 1"):
        getattr(ours, name)("precomputed", 1).select_samples(np.full((3, 3), 0.9))
    with pytest.raises(TypeError, match="predict_proba"):
        getattr(ours, name)(object(), 1)


@pytest.mark.parametrize("seed", [0, 5])
def test_random_rows_are_theirs(seed):
    X = np.zeros((1000, 1))
    for state in (lambda: seed, lambda: np.random.RandomState(seed)):
        other = random.RandomSampler(30, state()).fit()
        mine = ours.RandomSampler(30, state()).fit()
        for _ in range(2):
            actual = mine.select_samples(X)
            np.testing.assert_array_equal(actual, other.select_samples(X))
            assert actual.dtype == np.int64
    sparse = ours.RandomSampler(30, seed).fit().select_samples(sp.csr_matrix(X))
    np.testing.assert_array_equal(sparse, random.RandomSampler(30, seed).fit().select_samples(X))


def every_sampler(batch_size):
    return {
        **{name: getattr(ours, name)("precomputed", batch_size) for name in UNCERTAINTY},
        "RandomSampler": ours.RandomSampler(batch_size, 0).fit(),
        "KCenterGreedy": ours.KCenterGreedy(identity, batch_size).fit(np.eye(2)),
        "RankedBatchSampler": ours.RankedBatchSampler(batch_size).fit(np.eye(2)),
        "KMeansSampler": ours.KMeansSampler(batch_size, random_state=0),
        "MiniBatchKMeansSampler": ours.MiniBatchKMeansSampler(batch_size, random_state=0),
    }


@pytest.mark.parametrize("name", [n for n in ours.__all__ if n != "TwoStepKMeansSampler"])
def test_too_few_rows_are_all_returned_with_their_warning(name):
    sampler = every_sampler(5)[name]
    weights = [np.ones(3)] if name == "RankedBatchSampler" else []
    with pytest.warns(NotEnoughSamplesWarning):
        rows = sampler.select_samples(np.full((3, 2), 0.5), *weights)
    assert rows.tolist() == [0, 1, 2]


# k-center


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("seed", range(3))
def test_k_center_rows_are_theirs(metric, seed):
    X = np.random.default_rng(seed).normal(size=(300, 6))
    other, mine = both(clustering, "KCenterGreedy", EMBED, 40, metric=metric)
    expected = other.fit(X[:10]).select_samples(X[10:])
    actual = mine.fit(X[:10]).select_samples(X[10:])
    np.testing.assert_array_equal(actual, expected)
    assert actual.dtype == expected.dtype


@settings(deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=3, max_size=25, unique=True), st.integers(1, 4))
def test_k_center_breaks_ties_as_theirs(values, n_labeled):
    # Whole numbers in one dimension: distances are exact, and many are equal.
    X = np.array(values, dtype=float)[:, np.newaxis]
    n_labeled = min(n_labeled, len(X) - 2)
    other, mine = both(clustering, "KCenterGreedy", EMBED, len(X) - n_labeled - 1)
    expected = other.fit(X[:n_labeled]).select_samples(X[n_labeled:])
    actual = mine.fit(X[:n_labeled]).select_samples(X[n_labeled:])
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_k_center_rows_of_sparse_features_are_theirs(metric):
    X = sp.csr_matrix(random_csr(np.random.default_rng(0), n_rows=120).astype(bool), dtype=float)
    X = X[np.unique(X.toarray(), axis=0, return_index=True)[1]]
    X.data *= np.linspace(1, 2, X.nnz)
    before = X.copy()
    other, mine = both(clustering, "KCenterGreedy", identity, 9, metric=metric)
    expected = other.fit(X[:5]).select_samples(X[5:])
    np.testing.assert_array_equal(mine.fit(X[:5]).select_samples(X[5:]), expected)
    dense = mine.fit(X[:5].toarray()).select_samples(X[5:].toarray())
    np.testing.assert_array_equal(dense, expected)
    assert (before != X).nnz == 0


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_theirs_k_center_fails_on_a_batch_as_large_as_the_pool():
    # If this fails, cardinal selects a whole pool.
    X = np.array([[0.0], [1.0], [5.0]])
    other, mine = both(clustering, "KCenterGreedy", EMBED, 2)
    with pytest.raises(ValueError, match="NaN"):
        other.fit(X[:1]).select_samples(X[1:])
    assert mine.fit(X[:1]).select_samples(X[1:]).tolist() == [1, 0]


def test_theirs_k_center_draws_what_has_no_distance():
    # If this fails, cardinal no longer draws from NumPy's global state.
    X = np.array([[1.0], [2.0], *[[2.0]] * 40])
    other, mine = both(clustering, "KCenterGreedy", EMBED, 6)
    other.fit(np.array([[0.0]]))
    before, drawn = np.random.get_state(), set()
    try:
        for seed in range(5):
            np.random.seed(seed)
            drawn.add(tuple(other.select_samples(X).tolist()))
    finally:
        np.random.set_state(before)
    assert len(drawn) > 1
    assert {rows[:2] for rows in drawn} == {(1, 0)}
    assert mine.fit(np.array([[0.0]])).select_samples(X).tolist() == [1, 0, 2, 3, 4, 5]


def test_theirs_k_center_takes_small_distances_for_none():
    # If this fails, cardinal's k-center no longer depends on the unit of the features.
    X = np.array([0.0, 1.0, 5.0, 9.0, 2.5])[:, np.newaxis]
    other, mine = both(clustering, "KCenterGreedy", EMBED, 3)
    assert other.fit(X[:1]).select_samples(X[1:]).tolist() == [2, 1, 3]
    before, drawn = np.random.get_state(), set()
    try:
        for seed in range(20):
            np.random.seed(seed)
            drawn.add(tuple(other.fit(X[:1] * 1e-9).select_samples(X[1:] * 1e-9).tolist()))
    finally:
        np.random.set_state(before)
    assert len(drawn) > 1
    assert mine.fit(X[:1] * 1e-9).select_samples(X[1:] * 1e-9).tolist() == [2, 1, 3]


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix], ids=["dense", "sparse"])
def test_theirs_need_something_labelled(make):
    # If this fails, cardinal takes an empty labelled set.
    X = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(ValueError, match="0 sample"):
        clustering.KCenterGreedy(EMBED, 3).fit(X[:0]).select_samples(X)
    with pytest.raises(ValueError, match="0 sample"):
        batch.RankedBatchSampler(3).fit(X[:0]).select_samples(X, np.ones(20))
    rows = ours.KCenterGreedy(identity, 3).fit(make(X)[:0]).select_samples(make(X))
    assert len(set(rows.tolist())) == 3
    assert rows[0] == np.argmin(np.linalg.norm(X - X.mean(axis=0), axis=1))
    rows = ours.RankedBatchSampler(3).fit(make(X)[:0]).select_samples(make(X), np.ones(20))
    assert len(set(rows.tolist())) == 3


def test_k_center_refuses_what_is_not_finite():
    sampler = ours.KCenterGreedy(identity, 1).fit(np.zeros((1, 1)))
    with pytest.raises(ValueError, match="finite"):
        sampler.select_samples(np.array([[1.0], [np.nan]]))


# Ranked batches


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("seed", range(3))
def test_ranked_batches_are_theirs(metric, seed):
    rng = np.random.default_rng(seed)
    X, weights = rng.normal(size=(300, 6)), rng.random(300)
    other, mine = both(batch, "RankedBatchSampler", 40, metric)
    expected = other.fit(X[:30]).select_samples(X[30:], weights[30:])
    before = weights.copy()
    actual = mine.fit(X[:30]).select_samples(X[30:], weights[30:])
    np.testing.assert_array_equal(actual, expected)
    np.testing.assert_array_equal(weights, before)
    assert actual.dtype == expected.dtype


def test_ranked_batches_break_ties_as_theirs():
    X = np.arange(12.0)[:, np.newaxis] % 5
    other, mine = both(batch, "RankedBatchSampler", 5)
    weights = np.full(11, 0.5)
    expected = other.fit(X[:1]).select_samples(X[1:], weights)
    np.testing.assert_array_equal(mine.fit(X[:1]).select_samples(X[1:], weights), expected)


def test_ranked_batches_of_sparse_rows_are_theirs():
    X, weights = random_csr(np.random.default_rng(0)), np.linspace(0, 1, 55)
    other, mine = both(batch, "RankedBatchSampler", 9)
    expected = other.fit(X[:5]).select_samples(X[5:], weights)
    np.testing.assert_array_equal(mine.fit(X[:5]).select_samples(X[5:], weights), expected)
    dense = mine.fit(X[:5].toarray()).select_samples(X[5:].toarray(), weights)
    np.testing.assert_array_equal(dense, expected)


def test_theirs_ranked_batches_select_a_row_twice():
    # If this fails, cardinal masks what it has selected.
    X, weights = np.ones((6, 2)), np.zeros(6)
    other, mine = both(batch, "RankedBatchSampler", 3)
    assert other.fit(X[:1]).select_samples(X, weights).tolist() == [0, 0, 0]
    assert mine.fit(X[:1]).select_samples(X, weights).tolist() == [0, 1, 2]


def test_ranked_batches_refuse_other_numbers_of_weights():
    sampler = ours.RankedBatchSampler(1).fit(np.zeros((2, 1)))
    with pytest.raises(ValueError, match=r"samples_weights must hold .* 3 rows, got shape \(2,\)"):
        sampler.select_samples(np.ones((3, 1)), np.ones(2))
    with pytest.raises(ValueError, match="finite"):
        sampler.select_samples(np.ones((2, 1)), np.array([1.0, np.inf]))


# k-means


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix], ids=["dense", "sparse"])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", ["KMeansSampler", "MiniBatchKMeansSampler"])
def test_k_means_rows_are_theirs(name, weighted, make):
    rng = np.random.default_rng(0)
    X = make(rng.normal(size=(120, 4)))
    weights = {"sample_weight": rng.random(120)} if weighted else {}
    other, mine = both(clustering, name, 6, random_state=0, n_init=1)
    expected = other.fit(X[:5]).select_samples(X, **weights)
    np.testing.assert_array_equal(mine.fit(X[:5]).select_samples(X, **weights), expected)
    with pytest.raises(ValueError, match="n_clusters"):
        getattr(ours, name)(6, n_clusters=3)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("dense", [False, True], ids=["sparse", "dense"])
def test_two_steps_select_their_rows(dense, weighted):
    X, y = counts()
    X = X.toarray() if dense else X
    weights = {"sample_weight": np.linspace(1, 2, 240)} if weighted else {}
    arguments = (5, LogisticRegression(), 8)
    other, mine = both(zhdanov2019, "TwoStepKMeansSampler", *arguments, random_state=0, n_init=1)
    expected = other.fit(X[:60], y[:60]).select_samples(X[60:], **weights)
    actual = mine.fit(X[:60], y[:60]).select_samples(X[60:], **weights)
    np.testing.assert_array_equal(actual, expected)
    assert type(mine.sampler_list[0]) is ours.MarginSampler


def test_theirs_with_labelled_centres_do_not_run():
    # If this fails, cardinal's incremental k-means runs on this scikit-learn: provide it.
    X = np.random.default_rng(0).normal(size=(50, 3))
    with pytest.raises((AttributeError, TypeError)):
        clustering.IncrementalMiniBatchKMeansSampler(4).fit(X[:3]).select_samples(X)
    assert not hasattr(ours, "IncrementalMiniBatchKMeansSampler")
