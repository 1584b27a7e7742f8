"""scikit-activeml's strategies that ask a model, theirs and ours on the same input."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import library
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

library("skactiveml")

import skactiveml.pool as theirs  # noqa: E402
from skactiveml.classifier import ParzenWindowClassifier  # noqa: E402
from skactiveml.classifier import SklearnClassifier as TheirClassifier  # noqa: E402
from skactiveml.utils import simple_batch  # noqa: E402

import fastal  # noqa: E402
from fastal.adapters import skactiveml as ours  # noqa: E402
from fastal.adapters._skactiveml_base import SparsePoolQueryStrategy, select  # noqa: E402

pytestmark = [
    pytest.mark.filterwarnings("ignore:The 'base_estimator' could not be fitted"),
    pytest.mark.filterwarnings("ignore:Since the 'base_estimator' could not be fitted"),
    pytest.mark.filterwarnings("ignore:the estimator could not be fitted"),
    pytest.mark.filterwarnings("ignore:'batch_size="),
    # GaussianNB of a single row.
    pytest.mark.filterwarnings("ignore:.* encountered in (log|divide):RuntimeWarning"),
]

METHODS = ["least_confident", "margin_sampling", "entropy"]
DISAGREEMENTS = ["KL_divergence", "vote_entropy", "variation_ratios"]
MODELS = [LogisticRegression(), MultinomialNB(), GaussianNB(), DecisionTreeClassifier()]
OF_MODEL = {type(model).__name__: model for model in MODELS}


def counts(seed, n=60, d=5, n_classes=3, n_labeled=15):
    """Small counts: many duplicates, rows without entries, and so many ties."""
    rng = np.random.default_rng(seed)
    X = rng.poisson(0.6, (n, d)).astype(float)
    y = np.full(n, np.nan)
    known = rng.permutation(n)[:n_labeled]
    y[known] = rng.integers(0, n_classes, n_labeled)
    return X, y


def both(strategy, method, clf, X, y, **options):
    """Run theirs and ours; return what both return."""
    init = {key: options.pop(key) for key in list(options) if key.startswith("sample_pred")}
    init["random_state"] = options.pop("seed", 0)
    results = []
    for module in (theirs, ours):
        made = getattr(module, strategy)(method, **init)
        results.append(made.query(X, y, clf, return_utilities=True, **options))
    return results


def check_equal(results, atol=1e-10):
    (rows, utilities), (own_rows, own_utilities) = results
    np.testing.assert_array_equal(own_rows, rows)
    assert own_rows.dtype == rows.dtype
    np.testing.assert_allclose(own_utilities, utilities, rtol=1e-6, atol=atol)
    assert own_utilities.dtype == utilities.dtype


def wrapped(model, n_classes=3, of=TheirClassifier, **options):
    if "random_state" in model.get_params():
        model = model.set_params(random_state=0)
    return of(model, classes=range(n_classes), random_state=1, **options)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", MODELS, ids=OF_MODEL)
@pytest.mark.parametrize("n_labeled", [0, 1, 4, 15])
def test_uncertainty_is_theirs(method, model, n_labeled):
    for seed in range(2):
        X, y = counts(seed, n_labeled=n_labeled)
        for wrapper in (TheirClassifier, ours.SklearnClassifier):
            clf = wrapped(model, of=wrapper)
            for batch_size in (9, 100):
                results = both(
                    "UncertaintySampling", method, clf, X, y, batch_size=batch_size, seed=seed
                )
                check_equal(results)


@pytest.mark.parametrize("method", METHODS)
def test_uncertainty_in_single_precision_is_theirs(method):
    X, y = counts(0, n=400)
    clf = wrapped(LogisticRegression())
    results = both("UncertaintySampling", method, clf, X.astype(np.float32), y, batch_size=20)
    check_equal(results, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_uncertainty_of_other_candidates_weights_and_fitted_models(method):
    X, y = counts(0)
    clf = wrapped(LogisticRegression())
    rng = np.random.default_rng(0)
    weight = rng.random(len(X))
    for candidates in ([3, 1, 50], rng.poisson(1, (7, 5)).astype(float)):
        n = len(X) if isinstance(candidates, list) else 7
        options = {"candidates": candidates, "utility_weight": weight[:n], "batch_size": 2}
        check_equal(both("UncertaintySampling", method, clf, X, y, **options))
    options = {"sample_weight": weight, "utility_weight": fastal.mean_similarity(X)}
    check_equal(both("UncertaintySampling", method, clf, X, y, batch_size=5, **options))
    clf.fit(X, y)
    check_equal(both("UncertaintySampling", method, clf, X, y, batch_size=5, fit_clf=False))


def test_uncertainty_of_another_classifier_and_costs_and_average_precision():
    X, y = counts(0, n=20)
    for clf in (ParzenWindowClassifier(classes=range(3)), wrapped(LogisticRegression())):
        for method in (*METHODS, "expected_average_precision"):
            check_equal(both("UncertaintySampling", method, clf, X, y, batch_size=3))
        costs = 1 - np.eye(3) + np.arange(3)
        np.fill_diagonal(costs, 0)
        for method in METHODS[:2]:
            rows = [
                module.UncertaintySampling(method, costs, random_state=0).query(
                    X, y, clf, batch_size=4, return_utilities=True
                )
                for module in (theirs, ours)
            ]
            check_equal(rows)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("model", [LogisticRegression(), MultinomialNB()], ids=lambda m: str(m))
@pytest.mark.parametrize("n_labeled", [0, 1, 2, 15])
def test_sparse_rows_give_what_dense_ones_give(method, model, n_labeled):
    X, y = counts(1, n_labeled=n_labeled)
    clf = wrapped(model, of=ours.SklearnClassifier)
    other = np.random.default_rng(0).poisson(1, (7, 5)).astype(float)
    strategy = ours.UncertaintySampling(method, random_state=0)
    for candidates in (None, [3, 1, 50], other):
        want = strategy.query(X, y, clf, batch_size=3, candidates=candidates)
        own = sp.csr_matrix(other) if candidates is other else candidates
        for kind in (sp.csr_matrix, sp.csc_array):
            got = strategy.query(kind(X), y, clf, batch_size=3, candidates=own)
            # Products of sparse and of dense rows round differently: equal up to equal rows.
            rows = X if candidates is not other else other
            np.testing.assert_array_equal(np.sort(rows[got], 0), np.sort(rows[want], 0))
    assert strategy.n_features_in_ == 5


def test_theirs_refuses_sparse_rows():
    X, y = counts(0)
    with pytest.raises(TypeError, match=r"[Ss]parse data was passed"):
        theirs.UncertaintySampling().query(sp.csr_matrix(X), y, wrapped(LogisticRegression()))


COMMITTEES = {
    "forest": lambda k: wrapped(RandomForestClassifier(5), k),
    "bagging": lambda k: wrapped(BaggingClassifier(n_estimators=5), k),
    "list": lambda k: [wrapped(model, k) for model in MODELS],
}


@pytest.mark.parametrize("method", DISAGREEMENTS)
@pytest.mark.parametrize("committee", COMMITTEES)
@pytest.mark.parametrize("n_labeled", [0, 2, 20])
def test_committee_is_theirs(method, committee, n_labeled):
    for seed in range(2):
        for n_classes in (2, 4):
            X, y = counts(seed, n_classes=n_classes, n_labeled=n_labeled)
            ensemble = COMMITTEES[committee](n_classes)
            for options in ({}, {"candidates": [5, 4, 8, 2]}, {"candidates": X[:9] + 1}):
                results = both(
                    "QueryByCommittee", method, ensemble, X, y, batch_size=6, seed=seed, **options
                )
                check_equal(results)


@pytest.mark.parametrize("method", DISAGREEMENTS)
def test_committee_of_sampled_predictions_and_of_regressors(method):
    from skactiveml.regressor import SklearnRegressor
    from sklearn.linear_model import Ridge

    X, y = counts(0)
    clf = ParzenWindowClassifier(classes=range(3), class_prior=1, random_state=0)
    sampling = {
        "sample_predictions_method_name": "sample_proba",
        "sample_predictions_dict": {"n_samples": 9, "random_state": 0},
    }
    check_equal(both("QueryByCommittee", method, clf, X, y, batch_size=5, **sampling))
    regressors = [SklearnRegressor(Ridge(alpha)) for alpha in (0.1, 10)]
    check_equal(both("QueryByCommittee", method, regressors, X, y, batch_size=5))


@pytest.mark.parametrize("method", DISAGREEMENTS)
def test_committee_on_sparse_rows(method):
    X, y = counts(2)
    ensemble = [wrapped(model, of=ours.SklearnClassifier) for model in (MODELS[0], MODELS[1])]
    strategy = ours.QueryByCommittee(method, random_state=0)
    _, want = strategy.query(X, y, ensemble, return_utilities=True)
    rows, got = strategy.query(sp.csr_matrix(X), y, ensemble, return_utilities=True)
    np.testing.assert_allclose(got, want, atol=1e-10)
    assert got[0, rows[0]] >= np.nanmax(want) - 1e-10


@pytest.mark.filterwarnings("ignore:The given `classes`")
def test_theirs_takes_the_numbers_of_a_forest_for_labels():
    X, y = counts(0)
    y = 10 * (y + 1)
    forest = TheirClassifier(RandomForestClassifier(5, random_state=0), classes=[10, 20, 30])
    # Mended there: then this case belongs into test_committee_is_theirs.
    with pytest.raises(ValueError, match="unseen labels"):
        theirs.QueryByCommittee("vote_entropy", random_state=0).query(X, y, forest)
    got = ours.QueryByCommittee("vote_entropy", random_state=0).query(X, y, forest, batch_size=4)
    numbers = wrapped(RandomForestClassifier(5))
    want = theirs.QueryByCommittee("vote_entropy", random_state=0).query(
        X, y / 10 - 1, numbers, batch_size=4
    )
    np.testing.assert_array_equal(got, want)


def test_theirs_refuses_votes_that_are_strings():
    votes, numbers = np.array([["a", "b"], ["a", "a"]]), np.array([[0, 1], [0, 0]])
    with pytest.raises(ValueError, match=r"convert string|dtype='numeric'"):
        theirs.vote_entropy(votes, ["a", "b"])
    expected = theirs.vote_entropy(numbers, [0, 1])
    np.testing.assert_allclose(ours.vote_entropy(votes, ["a", "b"]), expected)
    np.testing.assert_allclose(ours.variation_ratios(votes), theirs.variation_ratios(numbers))


def test_theirs_changes_probabilities_and_utilities():
    probas = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    theirs.average_kl_divergence(probas)
    assert probas[0, 0, 1] > 0
    utilities = np.array([1.0, 2.0])
    simple_batch(utilities)
    assert np.isnan(utilities[1])
    probas = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    kept = probas.copy()
    ours.average_kl_divergence(probas)
    np.testing.assert_array_equal(probas, kept)
    utilities = np.array([1.0, 2.0])
    select(utilities, np.random.RandomState(0), 2)
    np.testing.assert_array_equal(utilities, [1.0, 2.0])


def test_theirs_has_no_margin_of_one_class():
    with pytest.raises(ValueError, match="kth"):
        theirs.uncertainty_scores([[1.0], [1.0]], method="margin_sampling")
    scores = ours.uncertainty_scores([[1.0], [1.0]], method="margin_sampling")
    np.testing.assert_array_equal(scores, [0.0, 0.0])


def test_theirs_predicts_numbers_in_place_of_labels_with_costs():
    X, y = counts(0)
    options = {"classes": [10, 20, 30], "cost_matrix": 1 - np.eye(3), "random_state": 0}
    clf = TheirClassifier(LogisticRegression(), **options).fit(X, 10 * (y + 1))
    assert set(clf.predict(X)) <= {0, 1, 2}
    own = ours.SklearnClassifier(LogisticRegression(), **options).fit(X, 10 * (y + 1))
    plain = TheirClassifier(LogisticRegression(), classes=[10, 20, 30]).fit(X, 10 * (y + 1))
    for rows in (X, sp.csr_matrix(X)):
        np.testing.assert_array_equal(own.predict(rows), plain.predict(X))


@given(
    st.lists(st.sampled_from([0.0, 1.0, 2.0, np.nan]), min_size=1, max_size=12),
    st.integers(1, 14),
    st.integers(0, 2**31),
)
@settings(max_examples=200, deadline=None)
def test_a_batch_is_chosen_as_simple_batch_does(utilities, batch_size, seed):
    utilities = np.array(utilities)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want = simple_batch(utilities.copy(), np.random.RandomState(seed), batch_size, True)
        got = select(utilities, np.random.RandomState(seed), batch_size, True)
        rows = select(utilities, np.random.RandomState(seed), batch_size)
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[1], want[1])
    np.testing.assert_array_equal(rows, want[0])


def test_the_global_state_is_left_as_theirs_leaves_it():
    draws = []
    before = np.random.get_state()
    shared = np.random.RandomState(0).get_state()
    try:
        for choose in (simple_batch, select):
            np.random.set_state(shared)
            rows = choose(np.array([3.0, 1.0, 3.0, 2.0]), np.random.mtrand._rand, 3)
            draws.append([*rows, *np.random.random_sample(3)])
    finally:
        np.random.set_state(before)
    assert draws[0] == draws[1]


@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array, sp.csc_matrix])
@pytest.mark.parametrize("n_labeled", [0, 1, 3, 15])
@pytest.mark.parametrize("costs", [None, 1 - np.eye(4)])
def test_the_wrapper_on_sparse_rows_is_theirs_on_dense_ones(kind, n_labeled, costs):
    X, y = counts(3, n_labeled=n_labeled)
    for model in (LogisticRegression(), MultinomialNB(), DecisionTreeClassifier()):
        clf = wrapped(model, 4, cost_matrix=costs).fit(X, y)
        own = wrapped(model, 4, of=ours.SklearnClassifier, cost_matrix=costs).fit(kind(X), y)
        expected = clf.predict_proba(X)
        np.testing.assert_allclose(own.predict_proba(kind(X)), expected, atol=1e-10)
        if costs is None or len(np.unique(expected.round(8), axis=0)) > 1:
            np.testing.assert_array_equal(own.predict(kind(X)), clf.predict(X))
        np.testing.assert_array_equal(own.classes_, clf.classes_)


def test_the_wrapper_learns_in_parts_and_with_weights():
    X, y = counts(4)
    weight = np.random.default_rng(0).random(len(X))
    model = MultinomialNB()
    pair = [wrapped(model), wrapped(model, of=ours.SklearnClassifier)]
    for part in (slice(0, 30), slice(30, 60)):
        pair[0].partial_fit(X[part], y[part], sample_weight=weight[part])
        pair[1].partial_fit(sp.csr_matrix(X[part]), y[part], sample_weight=weight[part])
    np.testing.assert_allclose(pair[1].predict_proba(X), pair[0].predict_proba(X))
    with pytest.raises(ValueError, match="features"):
        pair[1].partial_fit(sp.csr_matrix(X[:, :2]), y)
    with pytest.raises(ValueError, match="features"):
        pair[1].predict(sp.csr_matrix(X[:, :2]))


def test_strings_and_another_missing_label():
    X, y = counts(5)
    names = np.array(["ham", "spam", "eggs", "?"])[np.nan_to_num(y, nan=3).astype(int)]
    for module, wrapper, rows in (
        (theirs, TheirClassifier, X),
        (ours, ours.SklearnClassifier, sp.csr_matrix(X)),
    ):
        clf = wrapper(MultinomialNB(), missing_label="?")
        strategy = module.UncertaintySampling("entropy", missing_label="?", random_state=0)
        picked = strategy.query(rows, names, clf)
        if module is theirs:
            expected = picked
    np.testing.assert_array_equal(X[picked], X[expected])


def test_subclasses_of_theirs_with_the_same_arguments():
    for name in ("UncertaintySampling", "QueryByCommittee"):
        own = getattr(ours, name)
        assert issubclass(own, getattr(theirs, name))
        assert issubclass(own, SparsePoolQueryStrategy)
        assert own().get_params() == getattr(theirs, name)().get_params()
    assert issubclass(ours.SklearnClassifier, TheirClassifier)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"X": sp.csr_matrix([[np.nan, 1.0]] * 60)}, ValueError, "NaN"),
        ({"y": np.zeros(3)}, ValueError, "inconsistent"),
        ({"candidates": sp.csr_matrix(np.ones((2, 3)))}, ValueError, "candidates has 3 features"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"clf": LogisticRegression()}, TypeError, "clf"),
        ({"clf": TheirClassifier(LinearSVC(), classes=range(3))}, AttributeError, "predict_proba"),
        ({"fit_clf": "yes"}, TypeError, "fit_clf"),
        ({"utility_weight": np.ones(3)}, ValueError, "utility_weight"),
        ({"return_utilities": 3}, TypeError, "return_utilities"),
    ],
)
def test_bad_input(change, error, match):
    X, y = counts(0)
    good = {"X": sp.csr_matrix(X), "y": y, "clf": wrapped(LogisticRegression())}
    if isinstance(change.get("clf"), TheirClassifier):
        good["X"] = X
    else:
        good["clf"] = wrapped(LogisticRegression(), of=ours.SklearnClassifier)
    with pytest.raises(error, match=match):
        ours.UncertaintySampling().query(**(good | change))


def test_bad_methods_votes_and_probabilities():
    X, y = counts(0)
    clf = wrapped(LogisticRegression())
    with pytest.raises(ValueError, match="string"):
        ours.UncertaintySampling("string").query(X, y, clf)
    with pytest.raises(TypeError, match="method"):
        ours.UncertaintySampling(1).query(X, y, clf)
    with pytest.raises(ValueError, match=r"of row 0 are \[1, 7\]"):
        ours.vote_entropy([[1, 7]], [1, 2])
    with pytest.raises(ValueError, match="sum"):
        ours.uncertainty_scores([[0.5, 0.2]])
    with pytest.raises(ValueError, match="3D"):
        ours.average_kl_divergence([[0.5, 0.5]])
