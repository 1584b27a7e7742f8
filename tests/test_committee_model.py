"""The committee: members really differ, and are aligned by label, never by position."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags
from threadpoolctl import threadpool_limits

from fastal import Committee
from fastal._rows import bootstraps

RNG = np.random.default_rng(0)
X = RNG.normal(size=(60, 4))
CODES = np.r_[np.zeros(25, int), np.ones(25, int), np.full(10, 2)]
X[np.arange(60), CODES] += 2
TEXTS = ["goal match", "vote law", "goal goal", "law vote vote", "match goal", "law law"]
LABELS = ["sport", "politics"] * 3


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread():
    # On a busy machine the threads of BLAS make these tiny fits ten times slower.
    with threadpool_limits(1):
        yield


class Recorder(ClassifierMixin, BaseEstimator):
    """Remembers what it was fitted to; always predicts its first class."""

    def __init__(self, random_state=None, tag=None):
        self.random_state = random_state
        self.tag = tag

    def fit(self, X, y):
        self.X_, self.y_ = X, y
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.eye(len(self.classes_))[np.zeros(len(X), dtype=int)]

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


# ---- bootstraps -------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(
    y=st.lists(st.integers(0, 3), min_size=1, max_size=12).map(np.array),
    n=st.integers(1, 8),
    seed=st.integers(0, 1000),
)
def test_bootstraps_hold_two_classes_if_there_are(y, n, seed):
    samples = bootstraps(y, n, np.random.RandomState(seed))
    assert len(samples) == n
    for rows in samples:
        assert rows.shape == y.shape
        assert 0 <= rows.min() <= rows.max() < len(y)
        assert len(np.unique(y[rows])) >= min(2, len(np.unique(y)))
    assert set(np.concatenate(samples)) == set(range(len(y)))


def test_a_class_of_one_row_among_many():
    y = np.zeros(5000, dtype=int)
    y[17] = 1
    # Not only where a sample happens to hold it: most of 20 would miss it otherwise.
    for rows in bootstraps(y, 20, np.random.RandomState(0)):
        assert 17 in rows


def test_bootstraps_differ_where_possible():
    for seed in range(50):
        # Seven samples of three rows hold both classes.
        samples = bootstraps(np.array([0, 1, 1]), 4, np.random.RandomState(seed))
        assert len({tuple(rows) for rows in samples}) == 4
    # Two rows of two classes: there is one sample only, and it still comes.
    samples = bootstraps(np.array([0, 1]), 3, np.random.RandomState(0))
    assert [rows.tolist() for rows in samples] == [[0, 1]] * 3


def test_members_are_fitted_to_bootstraps_of_rows_and_their_labels():
    committee = Committee(Recorder(), n_members=6, random_state=0).fit(X, CODES)
    row_of = {row.tobytes(): i for i, row in enumerate(X)}
    drawn = []
    for member in committee.members_:
        rows = [row_of[row.tobytes()] for row in member.X_]
        np.testing.assert_array_equal(member.y_, CODES[rows])
        drawn.append(tuple(rows))
    assert len(set(drawn)) == 6
    # Each holds about 63 % of the rows.
    assert 0.55 < np.mean([len(set(rows)) / 60 for rows in drawn]) < 0.72


# ---- members differ ---------------------------------------------------------------------------


def test_members_disagree_somewhere():
    committee = Committee(DecisionTreeClassifier(), random_state=0).fit(X, CODES)
    assert len(committee.members_) == 5
    votes = committee.votes(RNG.normal(size=(200, 4)))
    assert (votes != votes[:, :1]).any()


def test_members_with_a_seed_get_their_own():
    committee = Committee(Recorder(random_state=7), n_members=4, random_state=0)
    seeds = [member.random_state for member in committee.fit(X, CODES).members_]
    assert len(set(seeds)) == 4
    assert seeds == [m.random_state for m in clone(committee).fit(X, CODES).members_]
    nested = Committee(make_pipeline(Recorder()), n_members=3, random_state=0).fit(X, CODES)
    assert len({member[-1].random_state for member in nested.members_}) == 3


def test_listed_members_see_all_rows_and_keep_their_seeds():
    given_members = [Recorder(random_state=7), Recorder(tag=1), Recorder(tag=2)]
    committee = Committee(given_members, random_state=0).fit(X, CODES)
    assert len(committee.members_) == 3
    for member, original in zip(committee.members_, given_members, strict=True):
        np.testing.assert_array_equal(member.X_, X)
        assert not hasattr(original, "X_")
    seeds = [member.random_state for member in committee.members_]
    assert seeds[0] == 7
    assert len(set(seeds)) == 3
    assert None not in seeds
    unseeded = Committee(given_members).fit(X, CODES)
    assert [member.random_state for member in unseeded.members_] == [7, None, None]


SVM = LinearSVC()


@pytest.mark.parametrize(
    "members",
    [
        [SVM, SVM],
        [LinearSVC(), GaussianNB(), LinearSVC()],
        [
            make_pipeline(TfidfVectorizer(), LinearSVC()),
            make_pipeline(TfidfVectorizer(), LinearSVC()),
        ],
        [GaussianNB(priors=np.ones(3) / 3), GaussianNB(priors=np.ones(3) / 3)],
        [LogisticRegression(class_weight={0: 1}), LogisticRegression(class_weight={0: 1})],
    ],
    ids=["same object", "same parameters", "pipelines", "array parameters", "dict parameters"],
)
def test_members_that_are_the_same_are_refused(members):
    with pytest.raises(ValueError, match=r"are the same .* would always agree: give them"):
        Committee(members).fit(X, CODES)


def test_members_that_differ_a_little_are_fine():
    Committee([SVM, LinearSVC(C=2)]).fit(X, CODES)
    Committee([GaussianNB(priors=np.ones(3) / 3), GaussianNB(priors=[0.2, 0.2, 0.6])]).fit(
        X, CODES
    )
    Committee(
        [RandomForestClassifier(2, random_state=0), RandomForestClassifier(2, random_state=1)]
    ).fit(X, CODES)
    Committee(
        [
            make_pipeline(TfidfVectorizer(), LinearSVC()),
            make_pipeline(TfidfVectorizer(min_df=2), LinearSVC()),
        ]
    ).fit(TEXTS, LABELS)


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        (([],), ValueError, "at least one classifier, got an empty list"),
        (([SVM, GaussianNB()], 3), ValueError, r"n_members must be left out or 2.*got 3"),
        ((SVM, 0), ValueError, "n_members must be a whole number of at least 1, got 0"),
        ((SVM, 2.0), TypeError, "n_members must be a whole number"),
        ((LinearSVC,), TypeError, "estimator must be a classifier"),
        ((LinearRegression(),), TypeError, "estimator must be a classifier"),
        (([SVM, LinearRegression()],), TypeError, "estimator must be a classifier"),
        ((None,), TypeError, "estimator must be a classifier"),
    ],
)
def test_bad_parameters(arguments, error, match):
    with pytest.raises(error, match=match):
        Committee(*arguments).fit(X, CODES)
    assert Committee([SVM, GaussianNB()], 2).fit(X, CODES).classes_.tolist() == [0, 1, 2]


# ---- alignment --------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [[10, 20, 30], ["a", "b", "long"], [-5, 0, 2**40]])
def test_members_that_miss_classes_are_aligned_by_label(labels):
    y = np.array(labels)[[0, 1, 2, 1]]
    committee = Committee(Recorder(), n_members=3).fit(X[:4], y)
    # As if their samples had been these:
    for member, rows in zip(committee.members_, ([0, 1], [1, 2], [0, 2]), strict=True):
        member.fit(X[rows], y[rows])
    expected = np.zeros((3, 5, 3))
    expected[[0, 1, 2], :, [0, 1, 0]] = 1
    np.testing.assert_array_equal(committee.member_probas(X[:5]), expected)
    np.testing.assert_array_equal(
        committee.predict_proba(X[:5]), np.tile([2 / 3, 1 / 3, 0], (5, 1))
    )
    np.testing.assert_array_equal(committee.votes(X[:5]), [[labels[0], labels[1], labels[0]]] * 5)
    np.testing.assert_array_equal(committee.predict(X[:5]), [labels[0]] * 5)


def test_proba_is_the_mean_of_the_members():
    members = [LogisticRegression(), GaussianNB(), LinearSVC()]
    committee = Committee(members).fit(X, CODES)
    probas = committee.member_probas(X)
    assert probas.shape == (3, 60, 3)
    np.testing.assert_array_equal(probas[0], LogisticRegression().fit(X, CODES).predict_proba(X))
    np.testing.assert_allclose(probas.sum(axis=2), 1)
    np.testing.assert_allclose(committee.predict_proba(X), probas.mean(axis=0))
    np.testing.assert_array_equal(
        committee.votes(X), np.column_stack([clone(m).fit(X, CODES).predict(X) for m in members])
    )
    assert committee.score(X, CODES) > 0.7


# ---- a scikit-learn estimator -----------------------------------------------------------------


@pytest.mark.parametrize(
    "form", [sp.csr_matrix, sp.csr_array, sp.coo_array, pd.DataFrame, np.ndarray.tolist]
)
def test_containers(form):
    expected = Committee(LogisticRegression(), 3, random_state=0).fit(X, CODES).predict_proba(X)
    rows = form(X)
    if isinstance(rows, pd.DataFrame):
        rows.columns = list("abcd")
        rows.index += 100
    committee = Committee(LogisticRegression(), 3, random_state=0).fit(rows, CODES)
    np.testing.assert_allclose(committee.predict_proba(rows), expected, atol=1e-4)
    if isinstance(rows, pd.DataFrame):
        assert committee.feature_names_in_.tolist() == list("abcd")


@pytest.mark.parametrize("form", [list, np.array, pd.Series])
def test_texts_through_pipelines(form):
    committee = Committee(make_pipeline(TfidfVectorizer(), LinearSVC()), random_state=0)
    committee.fit(form(TEXTS), LABELS)
    assert committee.votes(form(TEXTS)).shape == (6, 5)
    assert committee.member_probas(form(TEXTS)).shape == (5, 6, 2)
    assert not hasattr(committee, "n_features_in_")


def test_seeds_clone_pickle():
    committee = Committee(DecisionTreeClassifier(), 3, random_state=0).fit(X, CODES)
    again = clone(committee).fit(X, CODES)
    np.testing.assert_array_equal(committee.predict_proba(X), again.predict_proba(X))
    twin = pickle.loads(pickle.dumps(committee))
    np.testing.assert_array_equal(committee.votes(X), twin.votes(X))
    other = clone(committee).set_params(random_state=1, estimator__max_depth=3).fit(X, CODES)
    assert other.members_[0].max_depth == 3
    assert (other.predict_proba(X) != committee.predict_proba(X)).any()
    from_list = clone(Committee([SVM, GaussianNB()]))
    assert from_list.estimator[0] is not SVM
    before = np.random.get_state()[1].copy()
    Committee(SVM).fit(X, CODES)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_not_fitted_and_one_class():
    for method in ("votes", "member_probas", "predict", "predict_proba"):
        with pytest.raises(NotFittedError):
            getattr(Committee(SVM), method)(X)
    assert not hasattr(Committee(SVM), "n_features_in_")
    with pytest.raises(ValueError, match="at least 2 classes"):
        Committee(LogisticRegression()).fit(X, np.zeros(60))
    alone = Committee(DecisionTreeClassifier()).fit(X[:1], ["ham"])
    assert alone.predict(X[:2]).tolist() == ["ham", "ham"]
    with pytest.raises(ValueError, match="as many rows as labels"):
        Committee(SVM).fit(X, CODES[:5])


class SparseRecorder(Recorder):
    # scikit-learn 1.6 does not yet set the tag on its own classifiers.
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def test_tags_are_those_of_the_members():
    def sparse(estimator):
        return get_tags(estimator).input_tags.sparse

    assert sparse(Committee(SparseRecorder()))
    assert not sparse(Committee(GaussianNB()))
    assert not sparse(Committee([SparseRecorder(), GaussianNB()]))
    assert sparse(Committee([SparseRecorder(), SparseRecorder(tag=2)]))
