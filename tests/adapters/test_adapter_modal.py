"""modAL's strategies and ours on the same learners and pools."""

from __future__ import annotations

import importlib
import itertools
import sys
import tracemalloc
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn
from conftest import library, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler
from sklearn.svm import LinearSVC

library("modal")
ours = importlib.import_module("fastal.adapters.modal")
models = importlib.import_module("modAL.models")
uncertainty = importlib.import_module("modAL.uncertainty")
disagreement = importlib.import_module("modAL.disagreement")
density = importlib.import_module("modAL.density")
batch = importlib.import_module("modAL.batch")

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning:modAL")


def _their_reduction():
    """Import modAL.expected_error, which needs what NumPy took out in 1.24."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vars(np)["float"] = float
        try:
            return importlib.import_module("modAL.expected_error").expected_error_reduction
        finally:
            del vars(np)["float"]


their_reduction = _their_reduction()

MEASURES = ["classifier_uncertainty", "classifier_margin", "classifier_entropy"]
SAMPLINGS = ["uncertainty_sampling", "margin_sampling", "entropy_sampling"]
OF_COMMITTEE = ["vote_entropy", "consensus_entropy", "KL_max_disagreement"]
COMMITTEE_SAMPLINGS = [
    "vote_entropy_sampling",
    "consensus_entropy_sampling",
    "max_disagreement_sampling",
]

# Read by fastal.score_pool: scores to rounding.
LINEAR = {
    "logistic": LogisticRegression(),
    "multinomial": MultinomialNB(),
    "complement": ComplementNB(),
    "sgd": SGDClassifier(loss="log_loss", random_state=0),
    "calibrated": CalibratedClassifierCV(LinearSVC(), cv=2),
    "one-vs-rest": OneVsRestClassifier(LogisticRegression()),
    "piped": make_pipeline(MaxAbsScaler(), LogisticRegression()),
    "searched": GridSearchCV(LogisticRegression(), {"C": [0.5, 2.0]}, cv=2),
}
# Left to modAL: scores to the last bit.
OTHERS = {
    "forest": RandomForestClassifier(10, random_state=0),
    "neighbours": KNeighborsClassifier(3),
}


def pools():
    """A dense pool and a sparse one, with duplicates and empty rows, not negative."""
    X = abs(random_csr(np.random.default_rng(0), 60, 20, 0.2))
    X = sp.vstack([X, sp.csr_matrix((3, 20))], format="csr")
    return {"sparse": X, "dense": X.toarray()}


POOLS = pools()
Y = np.random.default_rng(1).integers(0, 3, 63)


def learner_of(estimator, X, n=20, y=Y):
    return models.ActiveLearner(clone(estimator), X_training=X[:n], y_training=y[:n])


def assert_same_picks(actual, expected, exact=False):
    assert isinstance(actual, tuple)
    assert actual[0].dtype == expected[0].dtype
    np.testing.assert_array_equal(actual[0], expected[0])
    assert_same_scores(actual[1], expected[1], exact)


def assert_same_scores(actual, expected, exact=False):
    assert isinstance(actual, np.ndarray)
    assert (actual.shape, actual.dtype) == (expected.shape, expected.dtype)
    if exact:
        np.testing.assert_array_equal(actual, expected)
    else:
        np.testing.assert_allclose(actual, expected, rtol=1e-10, atol=1e-13)


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("name", [*LINEAR, *OTHERS])
def test_uncertainty_is_theirs(name, kind):
    X, exact = POOLS[kind], name in OTHERS
    learner = learner_of((LINEAR | OTHERS)[name], X)
    for measure in MEASURES:
        expected = getattr(uncertainty, measure)(learner, X)
        assert_same_scores(getattr(ours, measure)(learner, X), expected, exact)
        # Of the estimator alone as well.
        alone = getattr(ours, measure)(learner.estimator, X)
        assert_same_scores(alone, expected, exact)


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("name", [*LINEAR, *OTHERS])
def test_uncertain_picks_are_theirs(name, kind):
    # Rows that differ: equal ones have a test of their own.
    X = POOLS[kind][20:30]
    learner = learner_of((LINEAR | OTHERS)[name], POOLS[kind])
    for sampling, n in itertools.product(SAMPLINGS, (1, 4, 10)):
        expected = getattr(uncertainty, sampling)(learner, X, n_instances=n)
        actual = getattr(ours, sampling)(learner, X, n_instances=n)
        assert_same_picks(actual, expected, name in OTHERS)


@pytest.mark.parametrize("random_tie_break", [False, True])
@pytest.mark.parametrize("sampling", SAMPLINGS)
@pytest.mark.parametrize("name", ["logistic", "multinomial", "neighbours"])
def test_ties_are_broken_as_theirs(name, sampling, random_tie_break):
    X = POOLS["sparse"]
    learner = learner_of((LINEAR | OTHERS)[name], X)
    pool = X[np.arange(120) % 4 + 25]
    results = []
    for module in (uncertainty, ours):
        np.random.seed(7)
        results.append(getattr(module, sampling)(learner, pool, 9, random_tie_break))
    assert_same_picks(results[1], results[0], name == "neighbours")


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10**6), n=st.integers(1, 12), n_classes=st.integers(2, 5))
def test_uncertain_picks_are_theirs_on_random_pools(seed, n, n_classes):
    rng = np.random.default_rng(seed)
    X = rng.poisson(0.5, (40, 8))
    y = np.append(np.arange(n_classes), rng.integers(0, n_classes, 20 - n_classes))
    learner = models.ActiveLearner(MultinomialNB(), X_training=X[:20], y_training=y)
    pool = np.unique(X[20:], axis=0)
    for sampling in SAMPLINGS:
        scores = getattr(uncertainty, sampling)(learner, pool, len(pool))[1]
        # Equal but for rounding, as of rows with permuted probabilities: either is right.
        if np.diff(np.sort(scores)).min(initial=1.0) < 1e-12:
            continue
        expected = getattr(uncertainty, sampling)(learner, pool, min(n, len(pool)))
        assert_same_picks(getattr(ours, sampling)(learner, pool, min(n, len(pool))), expected)


@pytest.mark.parametrize("measure", MEASURES)
def test_uncertainty_before_the_first_fit(measure):
    X = POOLS["dense"]
    for estimator in (LogisticRegression(), KNeighborsClassifier()):
        learner = models.ActiveLearner(estimator)
        expected = getattr(uncertainty, measure)(learner, X)
        assert_same_scores(getattr(ours, measure)(learner, X), expected, exact=True)


@pytest.mark.parametrize("measure", MEASURES)
def test_uncertainty_of_one_class_is_theirs(measure):
    X = POOLS["sparse"]
    for estimator in (MultinomialNB(), KNeighborsClassifier()):
        learner = learner_of(estimator, X, y=np.zeros(63, dtype=int))
        expected = getattr(uncertainty, measure)(learner, X)
        assert_same_scores(getattr(ours, measure)(learner, X), expected, exact=True)


def test_theirs_contradicts_itself_on_one_class():
    # Certain by uncertainty, and at the same time most uncertain by margin.  All rows are equal,
    # so no pick hangs on it, and their own tests ask for the 0: kept.
    learner = learner_of(MultinomialNB(), POOLS["dense"], y=np.zeros(63, dtype=int))
    assert not uncertainty.classifier_uncertainty(learner, POOLS["dense"]).any()
    assert not uncertainty.classifier_margin(learner, POOLS["dense"]).any()


def test_independent_labels_are_scored_as_theirs():
    X = POOLS["sparse"]
    labels = np.column_stack([Y % 2, Y // 2])
    estimator = OneVsRestClassifier(LogisticRegression()).fit(X[:20], labels[:20])
    for measure in MEASURES:
        expected = getattr(uncertainty, measure)(estimator, X)
        assert_same_scores(getattr(ours, measure)(estimator, X), expected, exact=True)


def test_arguments_reach_predict_proba():
    class Tempered(LogisticRegression):
        def predict_proba(self, X, power=1.0):
            p = super().predict_proba(X) ** power
            return p / p.sum(axis=1, keepdims=True)

    learner = learner_of(Tempered(), POOLS["dense"])
    for measure in MEASURES:
        expected = getattr(uncertainty, measure)(learner, POOLS["dense"], power=3.0)
        actual = getattr(ours, measure)(learner, POOLS["dense"], power=3.0)
        assert_same_scores(actual, expected, exact=True)


def test_a_learner_with_probabilities_of_its_own_is_asked():
    class Reversed(models.ActiveLearner):
        def predict_proba(self, X):
            return super().predict_proba(X)[::-1]

    X = POOLS["dense"]
    learner = Reversed(LogisticRegression(), X_training=X[:20], y_training=Y[:20])
    expected = uncertainty.classifier_entropy(learner, X)
    assert_same_scores(ours.classifier_entropy(learner, X), expected, exact=True)


def test_texts_and_frames_are_scored_as_theirs():
    texts = ["cheap pills", "noon meeting", "win pills", "lunch at noon", "see you"]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    learner = models.ActiveLearner(model, X_training=texts[:2], y_training=["spam", "ham"])
    expected = uncertainty.margin_sampling(learner, texts, 3)
    assert_same_picks(ours.margin_sampling(learner, texts, 3), expected)
    frame = pd.DataFrame(POOLS["dense"]).rename(columns=str)
    learner = models.ActiveLearner(LogisticRegression(), X_training=frame[:20], y_training=Y[:20])
    expected = uncertainty.entropy_sampling(learner, frame, 3)
    assert_same_picks(ours.entropy_sampling(learner, frame, 3), expected)


def test_wrong_input_has_the_errors_of_theirs():
    X = POOLS["dense"]
    learner = learner_of(LogisticRegression(), X)
    with_nan = X.copy()
    with_nan[30, 3] = np.nan
    for bad, message in ((X[:, :5], "5 features"), (with_nan, "NaN")):
        for function in (uncertainty.classifier_entropy, ours.classifier_entropy):
            with pytest.raises(ValueError, match=message):
                function(learner, bad)
    for module in (uncertainty, ours):
        with pytest.raises(AssertionError, match="n_instances"):
            module.margin_sampling(learner, X, n_instances=64)
        with pytest.raises(AttributeError, match="predict_proba"):
            module.margin_sampling(learner_of(LinearSVC(), X), X)


COMMITTEES = {
    "linear": [LogisticRegression(C=c) for c in (0.1, 1.0, 100.0)] + [MultinomialNB()],
    "two": [MultinomialNB(), ComplementNB()],
    "mixed": [LogisticRegression(), RandomForestClassifier(5, random_state=0), GaussianNB()],
    "piped": [make_pipeline(MaxAbsScaler(), LogisticRegression()), MultinomialNB()],
}


def committee_of(name, X, y=Y):
    """Members that saw different rows, one of them not all classes."""
    learners = []
    for i, estimator in enumerate(COMMITTEES[name]):
        rows = np.arange(5 * i, 5 * i + 20)
        rows = rows[np.isin(y[rows], np.unique(y)[1:])] if i == 1 else rows
        learners.append(
            models.ActiveLearner(clone(estimator), X_training=X[rows], y_training=y[rows])
        )
    return models.Committee(learners)


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("name", COMMITTEES)
def test_disagreement_is_theirs(name, kind):
    X = POOLS[kind]
    if name == "mixed" and kind == "sparse":
        pytest.skip("GaussianNB takes no sparse rows")
    committee = committee_of(name, X)
    exact = name == "mixed"
    for measure in OF_COMMITTEE:
        expected = getattr(disagreement, measure)(committee, X)
        bits = exact and measure != "vote_entropy"
        assert_same_scores(getattr(ours, measure)(committee, X), expected, bits)
    for measure in MEASURES:
        expected = getattr(uncertainty, measure)(committee, X)
        assert_same_scores(getattr(ours, measure)(committee, X), expected, exact)
    for sampling, n in itertools.product(COMMITTEE_SAMPLINGS, (1, 4, 10)):
        expected = getattr(disagreement, sampling)(committee, X[20:30], n)
        assert_same_picks(getattr(ours, sampling)(committee, X[20:30], n), expected)


@pytest.mark.parametrize("random_tie_break", [False, True])
def test_equal_votes_of_five_members_are_picked_as_theirs(random_tie_break):
    # Nothing but ties: 200 rows, at most seven different scores.
    rng = np.random.default_rng(3)
    X, y = rng.normal(size=(300, 4)), np.arange(300) % 6
    learners = [
        models.ActiveLearner(LogisticRegression(), X_training=X[i::9], y_training=y[i::9])
        for i in range(5)
    ]
    committee = models.Committee(learners)
    results = []
    for module in (disagreement, ours):
        np.random.seed(7)
        results.append(module.vote_entropy_sampling(committee, X[:200], 30, random_tie_break))
    assert_same_picks(results[1], results[0])


class _Voters(models.Committee):
    """A committee that votes as it is told."""

    def __init__(self, votes):
        self.votes, self.classes_ = np.asarray(votes, dtype=float), np.unique(votes)

    def __len__(self):
        return self.votes.shape[1]

    def vote(self, X):
        return self.votes


# The same counts, 4 + 1 + 1, for different classes.
SIX_VOTES = [[0, 1, 2, 2, 2, 2], [0, 1, 1, 1, 1, 2], [0, 0, 0, 0, 1, 2]]


def test_theirs_tells_equal_votes_apart_by_rounding():
    # From six members on.
    scores = disagreement.vote_entropy(_Voters(SIX_VOTES), np.zeros((3, 1)))
    np.testing.assert_allclose(scores, scores[0], rtol=1e-14)
    assert len(set(scores.tolist())) > 1


def test_equal_votes_score_equally():
    scores = ours.vote_entropy(_Voters(SIX_VOTES), np.zeros((3, 1)))
    assert len(set(scores.tolist())) == 1
    expected = disagreement.vote_entropy(_Voters(SIX_VOTES), np.zeros((3, 1)))
    assert_same_scores(scores, expected)


LABELS = np.array(["ham", "maybe", "spam"])[Y]


def test_theirs_cannot_count_votes_for_strings():
    committee = committee_of("linear", POOLS["sparse"], LABELS)
    with pytest.raises(ValueError, match="could not convert string to float"):
        disagreement.vote_entropy(committee, POOLS["sparse"])


@pytest.mark.parametrize("name", ["linear", "mixed"])
def test_strings_score_as_numbers(name):
    X = POOLS["dense"]
    committee, as_numbers = committee_of(name, X, LABELS), committee_of(name, X)
    for measure in OF_COMMITTEE:
        expected = getattr(disagreement, measure)(as_numbers, X)
        assert_same_scores(getattr(ours, measure)(committee, X), expected)
    rows, _ = ours.Committee(committee.learner_list).query(X, n_instances=3)
    np.testing.assert_array_equal(rows, disagreement.vote_entropy_sampling(as_numbers, X, 3)[0])


def test_disagreement_before_the_first_fit():
    X = POOLS["dense"]
    committee = models.Committee([models.ActiveLearner(LogisticRegression()) for _ in range(2)])
    for measure in OF_COMMITTEE:
        expected = getattr(disagreement, measure)(committee, X)
        assert_same_scores(getattr(ours, measure)(committee, X), expected, exact=True)


def _one_taught_alone(X):
    """A committee whose second member has met a third class, and one that knows it has."""
    learners = [learner_of(MultinomialNB(), X, 20, np.minimum(Y, 1)) for _ in range(2)]
    committee = models.Committee(learners)
    learners[1].estimator.fit(X[:30], Y[:30])
    return committee, models.Committee(learners)


def test_theirs_forgets_a_class_of_a_member_taught_alone():
    X = POOLS["dense"]
    committee, fresh = _one_taught_alone(X)
    for measure in OF_COMMITTEE:
        scores, right = (getattr(disagreement, measure)(each, X) for each in (committee, fresh))
        assert not np.allclose(scores, right)


def test_a_member_taught_alone_counts_with_all_its_classes():
    X = POOLS["dense"]
    committee, fresh = _one_taught_alone(X)
    for measure in OF_COMMITTEE:
        expected = getattr(disagreement, measure)(fresh, X)
        assert_same_scores(getattr(ours, measure)(committee, X), expected)


def test_maximum_disagreement_is_no_mean():
    # Their name says so, but their reference has the mean.
    X = POOLS["dense"]
    committee = committee_of("linear", X)
    fastal = importlib.import_module("fastal")
    probas = np.moveaxis(committee.vote_proba(X), 1, 0)
    actual = ours.KL_max_disagreement(committee, X)
    assert_same_scores(actual, fastal.max_kl_to_consensus(probas))
    assert (actual > fastal.kl_to_consensus(probas) + 1e-6).any()


METRICS = ["euclidean", "cosine", "manhattan"]


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("metric", METRICS)
def test_density_is_theirs(metric, kind):
    X = POOLS[kind]
    expected = density.information_density(X, metric)
    assert_same_scores(ours.information_density(X, metric), expected)


def test_density_of_lists_and_callables_is_theirs():
    X = POOLS["dense"][:15]
    assert_same_scores(ours.information_density(X.tolist()), density.information_density(X))
    metric = density.similarize_distance(lambda a, b: float(abs(a - b).max()))
    expected = density.information_density(X, metric)
    assert_same_scores(ours.information_density(X, metric), expected, exact=True)


def test_density_and_cold_start_need_no_square_of_distances():
    X = np.random.default_rng(0).normal(size=(3000, 4))
    before = X.copy()
    tracemalloc.start()
    actual = ours.information_density(X)
    row, instance = ours.select_cold_start_instance(X, "euclidean", None)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3000**2 * 8 * 0.75
    assert_same_scores(actual, density.information_density(X))
    expected = batch.select_cold_start_instance(X, "euclidean", None)
    assert row == expected[0]
    np.testing.assert_array_equal(instance, expected[1])
    np.testing.assert_array_equal(X, before)


@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize("metric", METRICS)
def test_cold_start_is_theirs(metric, kind):
    X = POOLS[kind][5:30]
    expected = batch.select_cold_start_instance(X, metric, None)
    actual = ours.select_cold_start_instance(X, metric, None)
    assert actual[0] == expected[0]
    assert actual[1].shape == (1, 20)


@pytest.mark.parametrize("n", [1, 5, 30, 50])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", POOLS)
def test_ranked_batch_is_theirs(kind, metric, n):
    X = POOLS[kind]
    # Without copies and empty rows, whose distances theirs gets wrong in the eighth digit.
    pool = X[np.sort(np.unique(POOLS["dense"][:60], axis=0, return_index=True)[1])][20:]
    learner = learner_of(LogisticRegression(), X)
    expected = batch.uncertainty_batch_sampling(learner, pool, n, metric)
    assert_same_picks(ours.uncertainty_batch_sampling(learner, pool, n, metric), expected)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    n=st.integers(1, 40),
    n_labeled=st.integers(2, 15),
    sparse=st.booleans(),
)
def test_ranked_batch_is_theirs_on_random_pools(seed, n, n_labeled, sparse):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(30 + n_labeled, 6)) * (rng.random((30 + n_labeled, 6)) < 0.7)
    X = sp.csr_matrix(X) if sparse else X
    learner = models.ActiveLearner(
        LogisticRegression(),
        X_training=X[:n_labeled],
        y_training=np.arange(n_labeled) % 3 % n_labeled,
    )
    scores = rng.random(30)
    arguments = (learner, X[n_labeled:], scores, n, "euclidean", None)
    assert_same_picks(ours.ranked_batch(*arguments), batch.ranked_batch(*arguments), exact=True)


def test_ranked_batch_of_images_and_processes_is_theirs():
    rng = np.random.default_rng(0)
    images = rng.normal(size=(40, 3, 4))

    class Flat(LogisticRegression):
        def fit(self, X, y):
            return super().fit(X.reshape(len(X), -1), y)

        def predict_proba(self, X):
            return super().predict_proba(X.reshape(len(X), -1))

    learner = models.ActiveLearner(Flat(), X_training=images[:9], y_training=np.arange(9) % 3)
    for n_jobs in (None, 2):
        expected = batch.uncertainty_batch_sampling(learner, images[9:], 6, n_jobs=n_jobs)
        actual = ours.uncertainty_batch_sampling(learner, images[9:], 6, n_jobs=n_jobs)
        assert_same_picks(actual, expected, exact=True)


def test_ranked_batch_sees_transformed_rows_as_theirs():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3)) * [1.0, 100.0, 0.01]
    model = make_pipeline(StandardScaler(), LogisticRegression())
    picks = []
    for on_transformed in (False, True):
        learner = models.ActiveLearner(
            clone(model), X_training=X[:9], y_training=Y[:9], on_transformed=on_transformed
        )
        expected = batch.uncertainty_batch_sampling(learner, X[9:], 6)
        assert_same_picks(ours.uncertainty_batch_sampling(learner, X[9:], 6), expected)
        picks.append(expected[0].tolist())
    assert picks[0] != picks[1]


@pytest.mark.parametrize("metric", METRICS)
def test_ranked_batch_starts_cold_as_theirs(metric):
    X = np.random.default_rng(4).normal(size=(30, 3))
    for n in (1, 2, 12):
        learner = models.ActiveLearner(LogisticRegression())
        expected = batch.uncertainty_batch_sampling(learner, X, n, metric)
        assert_same_picks(ours.uncertainty_batch_sampling(learner, X, n, metric), expected)


COPIES = np.array([[0.0], [0.0], [1.0]])


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_theirs_picks_the_first_row_of_a_cold_start_again(metric):
    # They forget to mask it.
    rows, _ = batch.uncertainty_batch_sampling(
        models.ActiveLearner(LogisticRegression()), COPIES, 3, metric
    )
    assert rows.tolist() == [0, 2, 0]


@pytest.mark.parametrize("metric", ["euclidean", "manhattan"])
def test_a_cold_start_picks_distinct_rows(metric):
    learner = models.ActiveLearner(LogisticRegression())
    rows, scores = ours.uncertainty_batch_sampling(learner, COPIES, 3, metric)
    assert rows.tolist() == [0, 2, 1]
    assert scores.tolist() == [1.0, 1.0, 1.0]
    rows, _ = ours.uncertainty_batch_sampling(learner, COPIES, 1, metric)
    assert rows.tolist() == [0]


def test_a_committee_starts_cold_with_distinct_rows():
    # X_training of their committees is always None.
    X = np.random.default_rng(4).normal(size=(63, 3))
    committee = models.Committee(
        [learner_of(GaussianNB(), X), learner_of(LogisticRegression(), X)]
    )
    expected = batch.uncertainty_batch_sampling(committee, X, 12)
    assert_same_picks(ours.uncertainty_batch_sampling(committee, X, 12), expected)
    rows, _ = ours.uncertainty_batch_sampling(committee, X, 63)
    assert sorted(rows) == list(range(63))
    assert len(set(batch.uncertainty_batch_sampling(committee, X, 63)[0].tolist())) < 63


def test_ranked_batch_takes_lists_and_mixed_rows():
    X = POOLS["dense"]
    learner = models.ActiveLearner(
        MultinomialNB(), X_training=X[:20].tolist(), y_training=Y[:20].tolist()
    )
    expected = ours.uncertainty_batch_sampling(learner_of(MultinomialNB(), X), X[20:], 5)
    for pool in (X[20:].tolist(), sp.csc_matrix(X[20:])):
        assert_same_picks(ours.uncertainty_batch_sampling(learner, pool, 5), expected)


def _losses_of_rows(picks):
    return picks[1][np.argsort(picks[0])]


@pytest.mark.parametrize("loss", ["binary", "log"])
@pytest.mark.parametrize("kind", POOLS)
@pytest.mark.parametrize(
    "estimator",
    [MultinomialNB(), ComplementNB(), BernoulliNB(alpha=0.5), LogisticRegression(max_iter=500)],
    ids=lambda estimator: type(estimator).__name__,
)
def test_expected_error_is_theirs(estimator, kind, loss):
    pool = POOLS[kind][20:28]
    learner = learner_of(estimator, POOLS[kind])
    for n in (3, 8):
        expected = their_reduction(learner, pool, loss, n_instances=n)
        actual = ours.expected_error_reduction(learner, pool, loss, n_instances=n)
        assert_same_picks(actual, expected)


@pytest.mark.parametrize("loss", ["binary", "log"])
@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(3, random_state=0),
        make_pipeline(MaxAbsScaler(), LogisticRegression()),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_expected_error_by_refits_is_theirs(estimator, loss):
    # Losses of all rows: three trees give many equal ones, which rounding breaks.
    pool = POOLS["sparse"][20:27]
    learner = learner_of(estimator, POOLS["sparse"])
    expected = their_reduction(learner, pool, loss, n_instances=7)
    actual = ours.expected_error_reduction(learner, pool, loss, n_instances=7)
    np.testing.assert_allclose(_losses_of_rows(actual), _losses_of_rows(expected), rtol=1e-10)


@pytest.mark.parametrize("random_tie_break", [False, True])
def test_expected_error_draws_candidates_as_theirs(random_tie_break):
    pool = POOLS["sparse"][20:40]
    learner = learner_of(MultinomialNB(), POOLS["sparse"])
    for p in (0.5, 0.0):
        results = []
        for function in (their_reduction, ours.expected_error_reduction):
            np.random.seed(5)
            results.append(function(learner, pool, "log", p, 14, random_tie_break))
        assert_same_picks(results[1], results[0])
        assert np.isinf(results[1][1]).any()


@pytest.mark.filterwarnings("ignore:Label not 0 is present in all training examples")
def test_expected_error_of_lists_and_one_class_is_theirs():
    X = POOLS["dense"]
    learner = models.ActiveLearner(
        GaussianNB(), X_training=X[:20].tolist(), y_training=Y[:20].tolist()
    )
    expected = their_reduction(learner, X[20:30].tolist())
    assert_same_picks(ours.expected_error_reduction(learner, X[20:30].tolist()), expected)
    learner = learner_of(MultinomialNB(), X, y=np.zeros(63, dtype=int))
    expected = their_reduction(learner, X[20:30], n_instances=4)
    actual = ours.expected_error_reduction(learner, X[20:30], n_instances=4)
    np.testing.assert_array_equal(actual[0], expected[0])
    learner = models.ActiveLearner(
        OneVsRestClassifier(MultinomialNB()), X_training=X[:2], y_training=np.zeros(2, int)
    )
    assert_same_picks(ours.expected_error_reduction(learner, X), their_reduction(learner, X))


def test_expected_error_before_the_first_fit_is_theirs():
    learner = models.ActiveLearner(MultinomialNB())
    for function in (their_reduction, ours.expected_error_reduction):
        rows = function(learner, POOLS["dense"])
        assert rows.tolist() == [0]


def test_expected_error_refuses_what_theirs_refuses():
    learner = learner_of(MultinomialNB(), POOLS["dense"])
    for function in (their_reduction, ours.expected_error_reduction):
        with pytest.raises(AssertionError, match="p_subsample"):
            function(learner, POOLS["dense"], p_subsample=1.5)
        with pytest.raises(AssertionError, match="loss"):
            function(learner, POOLS["dense"], loss=42)
        with pytest.raises(AssertionError, match="n_instances"):
            function(learner, POOLS["dense"][:5], n_instances=6)


def test_theirs_cannot_be_imported_with_a_current_numpy(monkeypatch):
    monkeypatch.delitem(sys.modules, "modAL.expected_error")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(AttributeError, match="float"):
            importlib.import_module("modAL.expected_error")


def test_theirs_knows_a_loss_by_identity():
    learner = learner_of(MultinomialNB(), POOLS["dense"])
    loss = "".join(["lo", "g"])
    with pytest.raises(UnboundLocalError):
        their_reduction(learner, POOLS["dense"][20:25], loss)


def test_a_loss_is_known_by_its_letters():
    learner = learner_of(MultinomialNB(), POOLS["dense"])
    expected = ours.expected_error_reduction(learner, POOLS["dense"][20:25], "log")
    actual = ours.expected_error_reduction(learner, POOLS["dense"][20:25], "".join(["lo", "g"]))
    assert_same_picks(actual, expected, exact=True)


TEXTS = ["cheap pills", "noon meeting", "win pills now", "lunch at noon", "see you", "pills"]


def test_theirs_stacks_no_texts_for_expected_error():
    model = make_pipeline(TfidfVectorizer(), MultinomialNB())
    learner = models.ActiveLearner(model, X_training=TEXTS[:2], y_training=np.array([1, 0]))
    with pytest.raises(ValueError, match="array dimensions"):
        their_reduction(learner, TEXTS[2:])


def test_expected_error_of_texts_refits_the_whole_pipeline():
    model = make_pipeline(TfidfVectorizer(), MultinomialNB())
    learner = models.ActiveLearner(model, X_training=TEXTS[:2], y_training=np.array([1, 0]))
    rows, losses = ours.expected_error_reduction(learner, TEXTS[2:], n_instances=4)
    actual = losses[np.argsort(rows)]
    weights = learner.predict_proba(TEXTS[2:])
    for row, loss in enumerate(actual):
        rest = TEXTS[2:]
        text = rest.pop(row)
        refits = [clone(model).fit([*TEXTS[:2], text], [1, 0, label]) for label in (0, 1)]
        each = [(1.0 - refit.predict_proba(rest).max(axis=1)).sum() for refit in refits]
        np.testing.assert_allclose(loss, weights[row] @ each)


needs_current = pytest.mark.skipif(
    tuple(map(int, sklearn.__version__.split(".")[:2])) < (1, 8),
    reason="scikit-learn before 1.8 takes force_all_finite",
)


@needs_current
def test_theirs_cannot_teach_with_a_current_scikit_learn():
    X = POOLS["dense"]
    learner = learner_of(LogisticRegression(), X)
    with pytest.raises(TypeError, match="force_all_finite"):
        learner.teach(X[20:22], Y[20:22])
    with pytest.raises(TypeError, match="force_all_finite"):
        learner.fit(X[20:40], Y[20:40])


@pytest.mark.parametrize("kind", [*POOLS, "frame", "list"])
def test_learners_can_be_taught(kind):
    X = POOLS["dense"] if kind in ("frame", "list") else POOLS[kind]
    X = pd.DataFrame(X).rename(columns=str) if kind == "frame" else X
    X = X.tolist() if kind == "list" else X
    y = Y.tolist() if kind == "list" else Y
    learner = ours.ActiveLearner(MultinomialNB(), X_training=X[:20], y_training=y[:20])
    assert learner.query_strategy is ours.uncertainty_sampling
    learner.teach(X[20:30], y[20:30])
    expected = MultinomialNB().fit(POOLS["dense"][:30], Y[:30])
    np.testing.assert_allclose(learner.estimator.feature_log_prob_, expected.feature_log_prob_)
    assert type(learner.X_training) is type(X)
    learner.teach(X[30:45], y[30:45], only_new=True)
    assert len(learner.y_training) == 30
    np.testing.assert_array_equal(learner.estimator.class_count_, np.bincount(Y[30:45]))
    assert learner.fit(X[40:60], y[40:60]) is learner
    assert len(learner.y_training) == 20


def test_learners_start_with_nothing_and_check_what_they_learn():
    X = POOLS["dense"]
    learner = ours.ActiveLearner(MultinomialNB())
    learner.teach(X[:20], Y[:20])
    assert learner.X_training is not X
    assert len(learner.X_training) == 20
    with pytest.raises(ValueError, match="dimensions"):
        learner.teach(X[:2, :5], Y[:2])
    assert len(learner.X_training) == 20
    with pytest.raises(ValueError, match="NaN"):
        learner.teach(X[:2] * np.nan, Y[:2])
    with pytest.raises(ValueError, match="inconsistent"):
        learner.fit(X[:2], Y[:3])


def test_committees_can_be_taught():
    X = POOLS["sparse"]
    members = [
        ours.ActiveLearner(MultinomialNB(), X_training=X[i : i + 20], y_training=Y[i : i + 20])
        for i in (0, 10)
    ]
    committee = ours.Committee(members)
    assert committee.query_strategy is ours.vote_entropy_sampling
    rows, instances = committee.query(X, n_instances=4)
    expected = disagreement.vote_entropy_sampling(committee, X, 4)
    np.testing.assert_array_equal(rows, expected[0])
    assert (instances != X[rows]).nnz == 0
    committee.teach(X[rows], Y[rows])
    assert [member.X_training.shape[0] for member in members] == [24, 24]


class _Strategy:
    """Returns what it is told to, or raises it; counts how often it is asked."""

    def __init__(self, result):
        self.result, self.asked = result, 0

    def __call__(self, learner, X):
        self.asked += 1
        if isinstance(self.result, Exception):
            raise self.result
        return self.result


def _with_strategy(module, kind, result):
    strategy = _Strategy(result)
    learner = learner_of(MultinomialNB(), POOLS["dense"])
    if kind == "learner":
        learner = module.ActiveLearner(MultinomialNB(), strategy)
    else:
        learner = module.Committee([learner], strategy)
    return learner, strategy


@pytest.mark.parametrize("kind", ["learner", "committee"])
def test_theirs_asks_a_failing_strategy_twice_and_splits_bare_rows(kind):
    learner, strategy = _with_strategy(models, kind, RuntimeError("no rows"))
    with pytest.raises(RuntimeError, match="no rows"):
        learner.query(POOLS["dense"])
    assert strategy.asked == 2
    learner, strategy = _with_strategy(models, kind, np.array([3, 4, 5]))
    learner.query(POOLS["dense"])
    assert strategy.asked == 2
    # The second of two rows becomes the score of the first.
    learner, strategy = _with_strategy(models, kind, np.array([3, 4]))
    rows, instances, metrics = learner.query(POOLS["dense"], return_metrics=True)
    assert (rows, instances.shape, metrics) == (3, (20,), 4)


@pytest.mark.parametrize("kind", ["learner", "committee"])
def test_a_strategy_is_asked_once_and_bare_rows_stay_together(kind):
    learner, strategy = _with_strategy(ours, kind, RuntimeError("no rows"))
    with pytest.raises(RuntimeError, match="no rows"):
        learner.query(POOLS["dense"])
    assert strategy.asked == 1
    for bare in ([3, 4, 5], [3, 4], [3]):
        learner, strategy = _with_strategy(ours, kind, np.array(bare))
        with pytest.warns(UserWarning, match="return_metrics"):
            rows, instances, metrics = learner.query(POOLS["dense"], return_metrics=True)
        assert strategy.asked == 1
        assert metrics is None
        assert rows.tolist() == bare
        np.testing.assert_array_equal(instances, POOLS["dense"][bare])


@pytest.mark.parametrize("kind", ["learner", "committee"])
def test_queries_return_what_theirs_return(kind):
    result = (np.array([3, 4]), np.array([0.5, 0.4]))
    for return_metrics in (False, True):
        both = [
            _with_strategy(module, kind, result)[0].query(
                POOLS["dense"], return_metrics=return_metrics
            )
            for module in (models, ours)
        ]
        assert len(both[0]) == len(both[1])
        for expected, actual in zip(*both, strict=True):
            np.testing.assert_array_equal(actual, expected)


def test_nothing_is_changed():
    X = POOLS["sparse"].copy()
    before = [each.copy() for each in (X.data, X.indices, X.indptr)]
    for each in (X.data, X.indices, X.indptr):
        each.flags.writeable = False
    learner, committee = learner_of(MultinomialNB(), X), committee_of("linear", X)
    state = np.random.get_state()[1].copy()
    for measure in MEASURES:
        getattr(ours, measure)(learner, X)
    for measure in OF_COMMITTEE:
        getattr(ours, measure)(committee, X)
    ours.information_density(X, "cosine")
    scores = np.linspace(0.0, 1.0, 63)
    scores.flags.writeable = False
    ours.ranked_batch(learner, X, scores, 5, "euclidean", None)
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    for array, copy in zip((X.data, X.indices, X.indptr), before, strict=True):
        np.testing.assert_array_equal(array, copy)
