"""Every kind of model against its own probabilities and decision values."""

from __future__ import annotations

import functools
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import REAL_DATA
from sklearn import linear_model
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import RandomForestClassifier
from sklearn.feature_extraction.text import TfidfTransformer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import (
    LogisticRegression,
    LogisticRegressionCV,
    Perceptron,
    RidgeClassifier,
    RidgeClassifierCV,
    SGDClassifier,
)
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, Normalizer, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

import fastal
from fastal import Committee, _pool_scores, _reference
from fastal._linear import SOFTMAX, read_linear
from fastal._models import SparseLogisticRegression
from fastal._pool_scores import OF_COMMITTEE, OF_ONE_MODEL, PoolScorer

# What only some models have is tested in test_loss.py.
SCORES = OF_ONE_MODEL[:4]

CV = {"cv": 2}
SGD = {"random_state": 0, "max_iter": 20}


def cv(estimator, **parameters):
    return CalibratedClassifierCV(estimator, cv=2, **parameters)


MODELS = {
    "logistic": LogisticRegression(),
    "logistic, weak penalty": LogisticRegression(C=1e4, max_iter=300),
    "logistic CV": LogisticRegressionCV(Cs=2, cv=2),
    "sparse logistic": SparseLogisticRegression(),
    "SGD log": SGDClassifier(loss="log_loss", **SGD),
    "SGD huber": SGDClassifier(loss="modified_huber", alpha=0.01, **SGD),
    "SGD hinge": SGDClassifier(loss="hinge", **SGD),
    "linear SVM": LinearSVC(),
    "ridge": RidgeClassifier(),
    "ridge, no intercept": RidgeClassifier(fit_intercept=False),
    "ridge CV": RidgeClassifierCV(),
    "perceptron": Perceptron(**SGD),
    "multinomial": MultinomialNB(),
    "complement": ComplementNB(),
    "complement, norm": ComplementNB(norm=True),
    "Bernoulli": BernoulliNB(),
    "Bernoulli above 0.2": BernoulliNB(binarize=0.2),
    "Bernoulli as it is": BernoulliNB(binarize=None),
    "sigmoid SVM": cv(LinearSVC()),
    "sigmoid SVM, one": cv(LinearSVC(), ensemble=False),
    "isotonic SVM": cv(LinearSVC(), method="isotonic"),
    "isotonic logistic": cv(LogisticRegression(), method="isotonic", ensemble=False),
    "sigmoid multinomial": cv(MultinomialNB()),
    "isotonic multinomial": cv(MultinomialNB(), method="isotonic"),
    "sigmoid Bernoulli": cv(BernoulliNB(binarize=0.2), ensemble=False),
    "rest of logistic": OneVsRestClassifier(LogisticRegression()),
    "rest of SVM": OneVsRestClassifier(LinearSVC()),
    "rest of multinomial": OneVsRestClassifier(MultinomialNB()),
    "rest of Bernoulli": OneVsRestClassifier(BernoulliNB(binarize=0.2)),
    "rest of SGD log": OneVsRestClassifier(SGDClassifier(loss="log_loss", **SGD)),
    "rest of SGD huber": OneVsRestClassifier(SGDClassifier(loss="modified_huber", **SGD)),
    "rest of SGD hinge": OneVsRestClassifier(SGDClassifier(loss="hinge", **SGD)),
    "grid": GridSearchCV(LogisticRegression(), {"C": [1.0, 10.0]}, cv=2),
    "grid of multinomial": GridSearchCV(MultinomialNB(), {"alpha": [0.1, 1.0]}, cv=2),
}
methods = CalibratedClassifierCV._parameter_constraints["method"][0].options
if "temperature" in methods:
    MODELS["temperature SVM"] = cv(LinearSVC(), method="temperature")
    MODELS["temperature logistic, one"] = cv(
        LogisticRegression(), method="temperature", ensemble=False
    )
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # It goes with scikit-learn 1.10.
    if hasattr(linear_model, "PassiveAggressiveClassifier"):
        MODELS["passive aggressive"] = linear_model.PassiveAggressiveClassifier(**SGD)

pytestmark = pytest.mark.filterwarnings("ignore:Class PassiveAggr:FutureWarning")

# Scores of certain rows cancel: 1 - p is known to a unit of the last place of 1 and no better, and
# that times log(1 - p), -37 at most, is the error of an entropy.  Naive Bayes has decision values
# d of several hundreds: its own d - log sum exp(d) loses that many.  An isotonic map has slopes of
# any size.
ATOL = 8e-15
ATOL_OF = {"multinomial": 1e-13, "Bernoulli": 1e-13, "complement": 1e-13, "isotonic mult": 1e-10}


def atol_of(name):
    found = [atol for part, atol in ATOL_OF.items() if part in name]
    return max(found, default=ATOL)


def fit(model, X, y):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Few rows, few iterations.
        return clone(model).fit(X, y)


@functools.cache
def made_up(n_classes):
    """Counts of words, as TF-IDF has them, with labels; a few rows are empty or twice there."""
    rng = np.random.default_rng(n_classes)
    X = sp.random(700, 60, 0.1, format="csr", random_state=rng)
    y = rng.integers(0, n_classes, 700)
    own = sp.csr_matrix((rng.uniform(size=700), (np.arange(700), y)), shape=X.shape)
    X = sp.csr_matrix(sp.vstack([(X + own)[:690], sp.csr_matrix((3, 60)), (X + own)[:7]]))
    y[693:] = y[:7]
    return X, np.array(["ham", "spam", "eggs", "toast", "beans"])[y]


@functools.cache
def real(name, max_features=1200):
    """TF-IDF of 2,500 texts of a data set, with labels."""
    path = REAL_DATA / f"{name}.parquet"
    if not path.exists():
        pytest.skip(f"{path.name} is not on this machine")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(path, columns=["text", "label"])
    table = table.take(np.random.default_rng(0).permutation(len(table))[:2500])
    vectoriser = TfidfVectorizer(sublinear_tf=True, max_features=max_features)
    return vectoriser.fit_transform(table["text"].to_pylist()), np.array(
        table["label"].to_pylist()
    )


@functools.cache
def fitted(name, data):
    X, y = made_up(data) if isinstance(data, int) else real(data)
    return fit(MODELS[name], X[:200], y[:200])


def assert_same(model, X, score, atol=ATOL, plain=None):
    """Scores equal to rounding, and the same rows, which are not told apart by rounding."""
    scores = fastal.score_pool(model, X, score)
    expected = _reference.score_pool(model, X if plain is None else plain, score)
    np.testing.assert_allclose(scores, expected, rtol=1e-12, atol=atol)
    rows, of_rows = fastal.query_pool(model, X, 25, score, return_scores=True)
    np.testing.assert_array_equal(rows, fastal.top_k(scores, 25))
    np.testing.assert_array_equal(of_rows, scores[rows])
    wanted = _reference.top_k(expected, 25)
    gaps = np.abs(np.diff(np.sort(expected)[-26:]))
    if (gaps[gaps > 0] > 1e3 * (atol + 1e-12)).all() and (gaps > 0).all():
        np.testing.assert_array_equal(rows, wanted)
    # Rows told apart by rounding only may change places, so these score the same.
    np.testing.assert_allclose(expected[rows], expected[wanted], rtol=1e-12, atol=atol)
    return scores


def what_was_read(model, X, score):
    """The linear models that scored X; None if the model itself was asked."""
    scorer = PoolScorer(model, score)
    scorer(X, lambda share, first, scores: None)
    return scorer.linear


def is_linear(model, X, score):
    return what_was_read(model, X, score) is not None


def has(model, score):
    """Whether the model has what the score is made of; naive Bayes has log-probabilities."""
    model = model[-1] if hasattr(model, "steps") else model
    decides = hasattr(model, "decision_function") or hasattr(model, "predict_joint_log_proba")
    return decides or score != "distance_to_boundary"


def some_of_all_zero(name, data):
    """Whether scikit-learn gives rows a probability of 0 for every class."""
    return name == "rest of SGD huber" and data in (5, "trec6")


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("data", [2, 5, "sms_spam", "trec6"])
@pytest.mark.parametrize("name", MODELS)
def test_linear_model_equals_its_own_word(name, data, score):
    X, _ = made_up(data) if isinstance(data, int) else real(data)
    model = fitted(name, data)
    if some_of_all_zero(name, data) and score != "distance_to_boundary":
        X = X[model.predict_proba(X).any(axis=1)]
    if not has(model, score):
        with pytest.raises(TypeError, match="needs an estimator with decision_function"):
            fastal.score_pool(model, X, score)
        return
    assert_same(model, X, score, atol_of(name))
    # Sums of zero are left to scikit-learn.
    assert is_linear(model, X, score) == (name != "rest of SGD huber" or score == SCORES[3])
    if score == "distance_to_boundary":
        exact = _reference.score_pool(model, X, score)
        np.testing.assert_array_equal(fastal.score_pool(model, X, score), exact)


@pytest.mark.parametrize("name", MODELS)
def test_linear_model_on_dense_rows(name):
    X, _ = made_up(5)
    model = fitted(name, 5)
    if some_of_all_zero(name, 5):
        X = X[model.predict_proba(X).any(axis=1)]
    dense = X.toarray()
    # BLAS adds up in an order of its own.
    for layout in (dense, np.asfortranarray(dense), dense.astype("f4").astype("f8")):
        assert_same(model, layout, "entropy", 100 * atol_of(name))
    assert is_linear(model, dense, "entropy") == (name != "rest of SGD huber")
    if name != "rest of SGD huber":
        np.testing.assert_array_equal(
            fastal.score_pool(model, dense), fastal.score_pool(model, sp.csr_matrix(dense))
        )


def test_rows_without_any_probability_are_refused_wherever_they_stand():
    X, _ = made_up(5)
    model = fitted("rest of SGD huber", 5)
    zero = np.flatnonzero(~model.predict_proba(X).any(axis=1))
    assert zero.size
    with pytest.raises(ValueError, match="must sum to 1"):
        fastal.score_pool(model, X[zero], "entropy")
    with pytest.raises(ValueError, match="must sum to 1"):
        fastal.score_pool(model, X, "entropy")


@pytest.mark.parametrize("name", ["logistic", "multinomial", "Bernoulli", "isotonic SVM"])
def test_first_rows_that_say_nothing(name):
    X, _ = made_up(5)
    X = sp.vstack([sp.csr_matrix((20, X.shape[1])), X], format="csr")
    for score in SCORES:
        if has(fitted(name, 5), score):
            assert_same(fitted(name, 5), X, score, atol_of(name))
    members = _committee("bagged logistic", 5)
    for score in OF_COMMITTEE:
        assert_same(members, X, score, 1e-14)


def test_weights_that_are_sparse():
    X, y = made_up(5)
    model = fit(SGDClassifier(loss="log_loss", penalty="l1", alpha=0.01), X, y)
    expected = fastal.score_pool(model, X)
    model.sparsify()
    assert sp.issparse(model.coef_)
    np.testing.assert_array_equal(fastal.score_pool(model, X), expected)
    assert is_linear(model, X, "margin")


def test_discriminant_analysis():
    X, y = made_up(5)
    for n_classes in (2, 5):
        few = np.isin(y, np.unique(y)[:n_classes])
        model = fit(LinearDiscriminantAnalysis(), X.toarray()[few], y[few])
        for score in SCORES:
            assert_same(model, X.toarray(), score, 1e-12)
        assert is_linear(model, X.toarray(), "margin")


def test_liblinear_is_one_against_the_rest():
    X, y = made_up(5)
    model = fit(OneVsRestClassifier(LogisticRegression(solver="liblinear")), X, y)
    assert callable(read_linear(model).link)
    two = fit(LogisticRegression(solver="liblinear"), *made_up(2))
    assert read_linear(two).link == SOFTMAX
    assert_same(two, made_up(2)[0], "entropy")


def test_frozen_and_calibrated_on_other_rows():
    X, y = made_up(5)
    inner = fit(LinearSVC(), X[:200], y[:200])
    for method in ("sigmoid", "isotonic"):
        model = CalibratedClassifierCV(FrozenEstimator(inner), method=method).fit(X[200:], y[200:])
        for score in SCORES[:3]:
            assert_same(model, X, score)
        assert is_linear(model, X, "margin")
    for score in SCORES:
        assert_same(FrozenEstimator(inner), X, score)
    assert is_linear(FrozenEstimator(inner), X, "distance_to_boundary")


def test_a_fold_without_one_of_the_classes():
    X, y = made_up(5)
    rows = np.arange(len(y))
    for n_known, known in ((4, y != "beans"), (2, np.isin(y, ["eggs", "spam"]))):
        folds = [(rows[known], rows[~known]), (rows[::2], rows[1::2])]
        for inner in (LinearSVC(), MultinomialNB()):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model = CalibratedClassifierCV(inner, cv=folds).fit(X, y)
            assert len(model.calibrated_classifiers_[0].estimator.classes_) == n_known
            assert_same(model, X, "entropy", 1e-13)


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(5, random_state=0),
        KNeighborsClassifier(3),
        DecisionTreeClassifier(random_state=0),
        GaussianNB(),
        MLPClassifier((4,), max_iter=10, random_state=0),
        SVC(random_state=0),
        OneVsRestClassifier(DecisionTreeClassifier(random_state=0)),
        GridSearchCV(DecisionTreeClassifier(random_state=0), {"max_depth": [3]}, cv=2),
        CalibratedClassifierCV(DecisionTreeClassifier(random_state=0), cv=2),
        OneVsRestClassifier(CalibratedClassifierCV(LinearSVC(), cv=2)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_other_models_are_asked_block_by_block(model, monkeypatch):
    monkeypatch.setattr(_pool_scores, "_OTHER_ROWS", 256)
    X, y = made_up(5)
    X = X.toarray()
    model = fit(model, X, y)
    for score in SCORES:
        if has(model, score):
            assert_same(model, X, score, 1e-12)
        else:
            with pytest.raises(TypeError, match="needs an estimator with decision_function"):
                fastal.score_pool(model, X, score)
    assert not is_linear(model, X, "entropy")


def test_one_class():
    X, _ = made_up(2)
    model = MultinomialNB().fit(X, ["ham"] * 700)
    np.testing.assert_array_equal(fastal.score_pool(model, X, "entropy"), np.zeros(700))
    assert not is_linear(model, X, "entropy")


# --- pipelines ----------------------------------------------------------------------------------


@pytest.mark.parametrize("last", [LogisticRegression(), MultinomialNB(), LinearSVC()])
@pytest.mark.parametrize(
    "first",
    [
        [TfidfTransformer()],
        [MaxAbsScaler()],
        [Normalizer()],
        [SelectKBest(k=20)],
        [StandardScaler(with_mean=False)],
        [StandardScaler(with_std=False, with_mean=False), SelectKBest(k=20), MaxAbsScaler()],
        [TfidfTransformer(), SelectKBest(k=20), Normalizer()],
        ["passthrough"],
        [],
    ],
    ids=str,
)
def test_pipeline(first, last, monkeypatch):
    monkeypatch.setattr(_pool_scores, "_OTHER_ROWS", 256)
    X, y = made_up(5)
    model = fit(make_pipeline(*first, last), X, y)
    for score in SCORES:
        # The one that is left out is in the test below.
        if hasattr(model, "decision_function") or score != "distance_to_boundary":
            assert_same(model, X, score, atol_of("multinomial"))
    assert is_linear(model, X, "margin")
    # The steps before took a hold of it.
    if first and first[0] != "passthrough":
        raw = fastal.score_pool(make_pipeline(last).fit(X, y), X)
        assert not np.allclose(fastal.score_pool(model, X), raw)


@pytest.mark.parametrize("last", [MultinomialNB(), BernoulliNB(binarize=0.2)])
@pytest.mark.parametrize("first", [MaxAbsScaler(), SelectKBest(k=20), "passthrough", Normalizer()])
def test_pipeline_that_ends_in_naive_bayes_has_log_probabilities(first, last):
    X, y = made_up(5)
    model = fit(make_pipeline(first, last), X, y)
    assert_same(model, X, "distance_to_boundary", 1e-12)


@pytest.mark.parametrize("last", [BernoulliNB(binarize=0.2), RidgeClassifier(), cv(LinearSVC())])
@pytest.mark.parametrize("clip", [False, True])
def test_pipeline_with_a_scaler_that_clips_or_a_threshold_behind_it(last, clip):
    X, y = made_up(5)
    scaler = MaxAbsScaler()
    if clip and "clip" not in scaler.get_params():
        pytest.skip("this scikit-learn does not clip")
    scaler = MaxAbsScaler(clip=True) if clip else scaler
    model = fit(make_pipeline(scaler, SelectKBest(k=30), last), X[:50], y[:50])
    for score in SCORES[:3]:
        assert_same(model, X, score, 1e-13)
        assert_same(model, 3.0 * X, score, 1e-13)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_texts_through_a_vectoriser(n_jobs, monkeypatch):
    monkeypatch.setattr(_pool_scores, "_OTHER_ROWS", 256)
    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(50)])
    texts = [" ".join(rng.choice(words, rng.integers(0, 9))) for _ in range(600)]
    y = rng.integers(0, 3, 600)
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, y)
    expected = _reference.score_pool(model, texts, "entropy")
    for form in (texts, tuple(texts), np.array(texts), np.array(texts, dtype=object)):
        scores = fastal.score_pool(model, form, "entropy", n_jobs=n_jobs)
        np.testing.assert_allclose(scores, expected, rtol=1e-12)
        if n_jobs:
            return  # Processes take seconds to start.
    members = Committee(model, n_members=3, random_state=0).fit(texts, y)
    scores = fastal.score_pool(members, texts, "vote_entropy")
    expected = _reference.score_pool(members, texts, "vote_entropy")
    np.testing.assert_allclose(scores, expected, rtol=1e-14)


# --- committees ---------------------------------------------------------------------------------

COMMITTEES = {
    "bagged logistic": Committee(LogisticRegression(), 4, random_state=0),
    "bagged multinomial": Committee(MultinomialNB(), 3, random_state=0),
    "bagged Bernoulli": Committee(BernoulliNB(binarize=0.2), 3, random_state=0),
    "bagged SGD": Committee(SGDClassifier(loss="log_loss", max_iter=20), 3, random_state=0),
    "kinds, multinomial": Committee(
        [LogisticRegression(), MultinomialNB(), LinearSVC(), RidgeClassifier(), cv(LinearSVC())]
    ),
    "kinds with votes, multinomial": Committee([LogisticRegression(), MultinomialNB()]),
}


@pytest.mark.parametrize("score", SCORES + OF_COMMITTEE)
@pytest.mark.parametrize("data", [2, 5, "sms_spam", "trec6"])
@pytest.mark.parametrize("name", COMMITTEES)
def test_committee_equals_its_own_word(name, data, score):
    X, _ = made_up(data) if isinstance(data, int) else real(data)
    members = _committee(name, data)
    if score == "distance_to_boundary":
        with pytest.raises(TypeError, match="Committee has none; use margin"):
            fastal.score_pool(members, X, score)
        return
    # Divergences are differences of sums of size 1.
    assert_same(members, X, score, max(1e-14, atol_of(name)))
    # Whom a calibrated classifier votes for is not read of its columns.
    assert is_linear(members, X, score) == _votes(name, score)


def _votes(name, score):
    return score != "vote_entropy" or name != "kinds, multinomial"


@functools.cache
def _committee(name, data):
    X, y = made_up(data) if isinstance(data, int) else real(data)
    return fit(COMMITTEES[name], X[:300], y[:300])


def test_committee_whose_members_know_other_classes():
    X, y = made_up(5)
    few = [int(np.flatnonzero(y == label)[0]) for label in np.unique(y)]
    members = Committee(LogisticRegression(), 5, random_state=1).fit(X[few], y[few])
    assert len({len(member.classes_) for member in members.members_}) > 1
    for score in OF_COMMITTEE + SCORES[:3]:
        assert_same(members, X, score, 1e-14)
        assert is_linear(members, X, score)


@pytest.mark.parametrize(
    "estimator",
    [
        [LogisticRegression(), DecisionTreeClassifier(random_state=0)],
        [BernoulliNB(), BernoulliNB(binarize=0.2)],
        [BernoulliNB(), LogisticRegression()],
        make_pipeline(Normalizer(), LogisticRegression()),
    ],
    ids=["tree", "thresholds", "threshold or none", "pipelines"],
)
def test_committee_that_is_asked(estimator):
    X, y = made_up(5)
    members = Committee(estimator, random_state=0).fit(X[:300], y[:300])
    for score in OF_COMMITTEE + SCORES[:3]:
        assert_same(members, X, score, 1e-13)
        assert not is_linear(members, X, score)


@pytest.mark.parametrize("score", OF_COMMITTEE + SCORES[:3])
def test_pipeline_that_ends_in_a_committee(score):
    X, y = made_up(5)
    inner = Committee(LogisticRegression(), 3, random_state=0)
    model = make_pipeline(Normalizer(), inner).fit(X, y)
    assert_same(model, X, score, 1e-14)
    assert is_linear(model, X, score)


# --- few labels ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [SparseLogisticRegression(), LogisticRegression()])
def test_terms_without_weights_are_left_out_and_nothing_changes(model):
    rng = np.random.default_rng(0)
    n_features = 30_000
    X = sp.random(900, n_features, 0.004, format="csr", random_state=rng)
    y = rng.integers(0, 5, 900)
    model = fit(model, X[:40], y[:40])
    assert model.coef_.nbytes > 2**20
    read = what_was_read(model, X, "distance_to_boundary")[0]
    assert read.places is not None
    assert len(read.weights) < 0.2 * n_features
    exact = _reference.distance_to_boundary(model.decision_function(X))
    np.testing.assert_array_equal(fastal.score_pool(model, X, "distance_to_boundary"), exact)
    assert_same(model, X, "entropy")
    dense = X[:300].toarray()
    np.testing.assert_allclose(
        fastal.score_pool(model, dense), fastal.score_pool(model, X[:300]), rtol=1e-12
    )
    members = Committee(SparseLogisticRegression(), 3, random_state=0).fit(X[:40], y[:40])
    assert all(what_was_read(members, X, score)[2].places is not None for score in OF_COMMITTEE)
    for score in OF_COMMITTEE:
        assert_same(members, X, score, 1e-14)


def test_few_labels_of_real_texts():
    X, y = real("20newsgroups_stripped", None)
    model = fit(SparseLogisticRegression(), X[:200], y[:200])
    assert what_was_read(model, X, "margin")[0].places is not None
    exact = _reference.distance_to_boundary(model.decision_function(X))
    np.testing.assert_array_equal(fastal.score_pool(model, X, "distance_to_boundary"), exact)
    for score in SCORES:
        assert_same(model, X, score)


# --- models that are not what they seem ---------------------------------------------------------


class Doubtful(LogisticRegression):
    def predict_proba(self, X):
        return 0.5 * super().predict_proba(X) + 0.5 / len(self.classes_)


class Backwards(LinearSVC):
    def decision_function(self, X):
        return -super().decision_function(X)


class Stern(LogisticRegression):
    """Its first class unless the second is all but certain."""

    def predict(self, X):
        return self.classes_[(self.predict_proba(X)[:, 1] > 0.9).astype(int)]


class Counts(MultinomialNB):
    def predict_proba(self, X):
        return np.sqrt(super().predict_proba(X)) / np.sqrt(super().predict_proba(X)).sum(
            axis=1, keepdims=True
        )


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("kind", [Doubtful, Backwards, Counts])
@pytest.mark.parametrize("around", [None, FrozenEstimator, OneVsRestClassifier])
def test_a_subclass_with_a_method_of_its_own_is_asked(kind, around, score):
    X, y = made_up(5)
    model = fit(kind() if around is not OneVsRestClassifier else around(kind()), X, y)
    model = around(model) if around is FrozenEstimator else model
    if has(model, score):
        assert_same(model, X, score, 1e-13)
        assert not is_linear(model, X, score)


def test_a_committee_of_a_subclass_that_votes_in_its_own_way():
    X, y = made_up(2)
    # The first rows are empty: nobody learns anything from them.
    X = sp.vstack([sp.csr_matrix((10, X.shape[1])), X], format="csr")
    members = Committee(Stern(), 5, random_state=0).fit(X[10:], y)
    assert_same(members, X, "vote_entropy")
    votes = np.stack([m.predict(X) for m in members.members_], axis=1)
    np.testing.assert_array_equal(
        fastal.score_pool(members, X, "vote_entropy"), fastal.vote_entropy(votes)
    )


def test_what_was_read_is_compared_on_the_first_rows():
    X, y = made_up(5)
    model = fit(OneVsRestClassifier(LogisticRegression()), X, y)
    # Nobody overrides a method here, yet its word is another.
    model.predict_proba = lambda X, own=model.predict_proba: own(X)[:, ::-1]
    model.decision_function = lambda X, own=model.decision_function: own(X)[:, ::-1] ** 3
    for score in SCORES[:1] + SCORES[3:]:
        assert PoolScorer(model, score).linear is not None
        expected = _reference.score_pool(model, X, score)
        np.testing.assert_allclose(
            fastal.score_pool(model, X, score), expected, rtol=1e-12, atol=ATOL
        )
    assert not is_linear(model, X, "distance_to_boundary")


@pytest.mark.parametrize("whole", [True, False])
def test_a_model_that_changed_between_two_calls(whole):
    X, y = made_up(5)
    model = fit(LogisticRegression(), X, y)
    pool = X if whole else X.toarray()
    before = assert_same(model, pool, "entropy", 1e-12)
    model.coef_ *= 2.0
    after = assert_same(model, pool, "entropy", 1e-12)
    assert not np.allclose(before, after)


def test_float32_model():
    X, y = made_up(5)
    X = X.astype(np.float32)
    model = fit(LogisticRegression(max_iter=20), X, y)
    assert model.coef_.dtype == np.float32
    for score in SCORES:
        # The model itself computes in single precision.
        expected = _reference.score_pool(model, X, score)
        np.testing.assert_allclose(
            fastal.score_pool(model, X, score), expected, rtol=1e-5, atol=1e-5
        )
    assert is_linear(model, X, "margin")
