"""ALiPy's strategies beside ours: the same picks, or the right ones where theirs are wrong."""

from __future__ import annotations

import collections
import collections.abc
import copy
import pickle

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import library, nasty_probas, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris, make_classification
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

library("alipy")

from alipy import query_strategy as theirs  # noqa: E402
from alipy.experiment import AlExperiment as TheirExperiment  # noqa: E402
from alipy.index import IndexCollection  # noqa: E402

import fastal  # noqa: E402
from fastal.adapters import alipy as ours  # noqa: E402

MEASURES = ["entropy", "least_confident", "margin", "distance_to_boundary"]


@pytest.fixture
def iterable(monkeypatch):
    """Give Python 3.10 and newer back the name that all of ALiPy asks for."""
    monkeypatch.setattr(collections, "Iterable", collections.abc.Iterable, raising=False)


@pytest.fixture(scope="module")
def task():
    """Rows and three classes; 30 rows are labelled, 150 others of 180 not."""
    X, y = make_classification(200, 8, n_informative=5, n_classes=3, class_sep=0.8, random_state=0)
    order = np.random.default_rng(1).permutation(180)
    return X, y, np.sort(order[:30]), order[30:]


@pytest.fixture(scope="module")
def counts():
    """Rows of counts, sparse."""
    X = sp.random(120, 40, 0.2, format="csr", random_state=0)
    X.data = np.ceil(4 * X.data)
    y = np.asarray(X[:, :20].sum(axis=1) > X[:, 20:].sum(axis=1)).ravel().astype(int)
    order = np.random.default_rng(1).permutation(120)
    return X, y, order[:25], order[25:]


def nearly_all(unlabeled):
    """So many that the order of all of them shows."""
    return len(unlabeled) - 1


# --- uncertainty ---


@pytest.mark.parametrize("measure", MEASURES[:3])
@pytest.mark.parametrize("model", [LogisticRegression(), GaussianNB()])
def test_uncertainty_by_model_is_theirs(iterable, task, measure, model):
    X, y, labeled, unlabeled = task
    model.fit(X[labeled], y[labeled])
    expected = theirs.QueryInstanceUncertainty(X, y, measure)
    actual = ours.QueryInstanceUncertainty(X, y, measure)
    for n in (1, 7, nearly_all(unlabeled)):
        np.testing.assert_array_equal(
            actual.select(labeled, unlabeled, model, n),
            expected.select(labeled, unlabeled, model, n),
        )


@pytest.mark.parametrize("model", [LinearSVC(), SVC(), LogisticRegression()])
def test_distance_to_boundary_is_theirs(iterable, task, model):
    X, y, labeled, unlabeled = task
    model.fit(X[labeled], y[labeled] > 0)
    expected = theirs.QueryInstanceUncertainty(X, y, "distance_to_boundary")
    actual = ours.QueryInstanceUncertainty(X, y, "distance_to_boundary")
    for n in (1, 7, nearly_all(unlabeled)):
        np.testing.assert_array_equal(
            actual.select(labeled, unlabeled, model, n),
            expected.select(labeled, unlabeled, model, n),
        )


def test_distance_to_boundary_of_more_than_two_classes(iterable, task):
    X, y, labeled, unlabeled = task
    model = LinearSVC().fit(X[labeled], y[labeled])
    arguments = labeled, unlabeled, model, 9
    with pytest.raises(Exception, match="1 column"):
        theirs.QueryInstanceUncertainty(X, y, "distance_to_boundary").select(*arguments)
    actual = ours.QueryInstanceUncertainty(X, y, "distance_to_boundary").select(*arguments)
    top = np.sort(model.decision_function(X[unlabeled]), axis=1)
    np.testing.assert_array_equal(actual, unlabeled[np.argsort(top[:, -1] - top[:, -2])[:9]])


@pytest.mark.parametrize("measure", MEASURES)
@pytest.mark.parametrize("kind", [list, np.asarray, IndexCollection])
def test_default_model_and_every_kind_of_index(iterable, task, measure, kind):
    X, y, labeled, unlabeled = task
    y = (y > 0).astype(int)
    given = kind(np.sort(labeled).tolist()), kind(np.sort(unlabeled).tolist())
    if kind is np.asarray:
        given = labeled, unlabeled
    expected = theirs.QueryInstanceUncertainty(X, y, measure).select(*given, batch_size=20)
    actual = ours.QueryInstanceUncertainty(X, y, measure).select(*given, batch_size=20)
    np.testing.assert_array_equal(actual, expected)


def test_default_model_of_more_than_two_classes(iterable, task):
    X, y, labeled, unlabeled = task
    # Their default model lost its third class to scikit-learn 1.8.
    with pytest.raises(ValueError, match="liblinear"):
        theirs.QueryInstanceUncertainty(X, y).select(labeled, unlabeled, batch_size=3)
    actual = ours.QueryInstanceUncertainty(X, y, "margin").select(labeled, unlabeled, None, 3)
    odds = [
        LogisticRegression(solver="liblinear").fit(X[labeled], y[labeled] == c) for c in range(3)
    ]
    p = np.stack([each.predict_proba(X[unlabeled])[:, 1] for each in odds], axis=1)
    p = np.sort(p / p.sum(axis=1, keepdims=True), axis=1)
    np.testing.assert_array_equal(actual, unlabeled[np.argsort(p[:, -2] - p[:, -1])[-3:]])


@pytest.mark.parametrize("measure", MEASURES)
def test_uncertainty_on_sparse_rows(iterable, counts, measure):
    X, y, labeled, unlabeled = counts
    model = LogisticRegression().fit(X[labeled], y[labeled])
    arguments = labeled, unlabeled, model, nearly_all(unlabeled)
    actual = ours.QueryInstanceUncertainty(X, y, measure)
    assert actual.X.format == "csr"
    picks = actual.select(*arguments)
    dense = ours.QueryInstanceUncertainty(X.toarray(), y, measure).select(*arguments)
    expected = theirs.QueryInstanceUncertainty(X, y, measure).select(*arguments)
    np.testing.assert_array_equal(picks, expected)
    np.testing.assert_array_equal(picks, dense)


# "ties" are the same probabilities in another order: equal but for rounding, with both.
PROBAS = {
    name: proba
    for name, proba in nasty_probas().items()
    if proba.shape[1] > 1 and len(proba) > 1 and name != "ties"
}


@pytest.mark.parametrize("measure", MEASURES[:3])
@pytest.mark.parametrize("name", PROBAS)
def test_given_probabilities(iterable, measure, name):
    proba = PROBAS[name]
    rows = 3 + 2 * np.arange(len(proba))
    for n in (1, len(proba) // 2 + 1, len(proba) - 1):
        expected = theirs.QueryInstanceUncertainty(measure=measure)
        actual = ours.QueryInstanceUncertainty(measure=measure)
        np.testing.assert_array_equal(
            actual.select_by_prediction_mat(rows, proba, n),
            expected.select_by_prediction_mat(rows, np.array(proba, dtype=np.float64), n),
        )


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 30), st.integers(2, 5), st.integers(0, 2**32 - 1), st.sampled_from(MEASURES))
def test_given_probabilities_with_ties(n_rows, n_classes, seed, measure):
    rng = np.random.default_rng(seed)
    # Sixteenths are exact, so that equal scores are equal with both; none is 0, which is not.
    whole = rng.multinomial(16 - n_classes, np.full(n_classes, 1 / n_classes), n_rows) + 1
    proba = np.sort(whole, axis=1) / 16
    given_to = proba[:, 0] - 0.1 if measure == "distance_to_boundary" else proba
    rows, n = np.arange(n_rows) + 5, int(rng.integers(1, n_rows))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(collections, "Iterable", collections.abc.Iterable, raising=False)
        expected = theirs.QueryInstanceUncertainty(measure=measure)
        expected = expected.select_by_prediction_mat(rows, given_to.copy(), n)
    actual = ours.QueryInstanceUncertainty(measure=measure)
    np.testing.assert_array_equal(actual.select_by_prediction_mat(rows, given_to, n), expected)


def test_theirs_edits_the_callers_probabilities(iterable):
    proba = np.array([[1.0, 0.0], [0.5, 0.5], [0.9, 0.1]])
    ours.QueryInstanceUncertainty().select_by_prediction_mat([0, 1, 2], proba)
    assert proba[0, 1] == 0
    theirs.QueryInstanceUncertainty().select_by_prediction_mat([0, 1, 2], proba)
    assert proba[0, 1] == 1e-6


def test_calc_entropy():
    proba = PROBAS["plain"]
    actual = ours.QueryInstanceUncertainty.calc_entropy(proba)
    assert isinstance(actual, list)
    np.testing.assert_allclose(
        actual, theirs.QueryInstanceUncertainty.calc_entropy(proba), atol=1e-8
    )


def test_theirs_needs_a_name_that_python_has_no_more(monkeypatch, task):
    X, y, labeled, unlabeled = task
    y = y > 0
    monkeypatch.delattr(collections, "Iterable", raising=False)
    for name, arguments in {
        "QueryInstanceUncertainty": {},
        "QueryInstanceQBC": {},
        "QueryExpectedErrorReduction": {},
    }.items():
        with pytest.raises(AttributeError, match="Iterable"):
            getattr(theirs, name)(X, y, **arguments).select(labeled, unlabeled)
        picks = getattr(ours, name)(X, y, **arguments).select(labeled, unlabeled[:8])
        assert np.isin(picks, unlabeled).all()


# --- committees ---


def seeded_picks(strategy, *arguments):
    np.random.seed(0)
    return strategy.select(*arguments)


@pytest.mark.parametrize("disagreement", ["vote_entropy", "KL_divergence"])
@pytest.mark.parametrize("model", [None, LogisticRegression(solver="newton-cg")])
@pytest.mark.parametrize("sparse", [False, True])
def test_committee_is_theirs(iterable, counts, disagreement, model, sparse):
    X, y, labeled, unlabeled = counts
    X = X if sparse else X.toarray()
    expected = theirs.QueryInstanceQBC(X, y, disagreement=disagreement)
    actual = ours.QueryInstanceQBC(X, y, disagreement=disagreement)
    for n in (1, 10, nearly_all(unlabeled)):
        arguments = labeled, unlabeled, model, n
        np.testing.assert_array_equal(
            seeded_picks(actual, *arguments), seeded_picks(expected, *arguments)
        )


def test_committee_of_trees_is_theirs_but_for_ties(iterable, counts):
    X, y, labeled, _ = counts
    X, model = X.toarray(), DecisionTreeClassifier(random_state=0)
    votes, divergence = (
        [
            seeded_picks(module.QueryInstanceQBC(X, y, disagreement=name), *counts[2:], model, 94)
            for module in (theirs, ours)
        ]
        for name in ("vote_entropy", "KL_divergence")
    )
    np.testing.assert_array_equal(votes[1], votes[0])
    # All probabilities are 0 or 1, with the same divergence for rows that their 1e-9 tells apart.
    np.random.seed(0)
    members = BaggingClassifier(model).fit(X[labeled], y[labeled]).estimators_
    scores = fastal.kl_to_consensus([each.predict_proba(X) for each in members])
    np.testing.assert_allclose(scores[divergence[1]], scores[divergence[0]], atol=1e-7)
    assert np.all(np.diff(scores[divergence[1]]) >= 0)


def test_theirs_fails_if_a_member_of_the_committee_missed_a_class(iterable, task):
    X, y, labeled, unlabeled = task
    rare = np.append(labeled[y[labeled] > 0], labeled[y[labeled] == 0][0])
    # Takes no weights, so that members see their sample alone.
    model = KNeighborsClassifier(3)
    np.random.seed(0)
    members = BaggingClassifier(model).fit(X[rare], y[rare]).estimators_
    probas = [each.predict_proba(X[unlabeled]) for each in members]
    assert len({each.shape for each in probas}) > 1
    expected, actual = (
        module.QueryInstanceQBC(X, y, disagreement="KL_divergence") for module in (theirs, ours)
    )
    # It means to say so, but stumbles over its own message.
    with pytest.raises(TypeError, match="int"):
        seeded_picks(expected, rare, unlabeled, model, 5)
    scores = fastal.kl_to_consensus(probas, [each.classes_ for each in members])
    picks = seeded_picks(actual, rare, unlabeled, model, 5)
    np.testing.assert_array_equal(picks, unlabeled[np.argsort(scores)[-5:]])


def some_votes(n_classes, seed=0, n_rows=60, n_members=5):
    rng = np.random.default_rng(seed)
    return list(rng.integers(0, n_classes, (n_members, n_rows)))


def test_given_votes(iterable):
    votes = some_votes(2)
    rows = 100 + np.arange(60)
    for n in (1, 20, 59):
        expected = theirs.QueryInstanceQBC().select_by_prediction_mat(rows, votes, n)
        actual = ours.QueryInstanceQBC().select_by_prediction_mat(rows, votes, n)
        np.testing.assert_array_equal(actual, expected)
    one_hot = [np.eye(4)[each] for each in some_votes(4)]
    for given_votes in (some_votes(4), one_hot):
        actual = ours.QueryInstanceQBC.calc_vote_entropy(given_votes)
        assert isinstance(actual, list)
        expected = theirs.QueryInstanceQBC.calc_vote_entropy(given_votes)
        np.testing.assert_allclose(actual, expected, atol=1e-8)


def test_theirs_gives_equal_votes_unequal_scores(iterable):
    # Votes are counted in the order in which they come: 3 + 2 + 1 is not 1 + 2 + 3.
    votes = np.array([[0, 0, 0, 1, 1, 2], [2, 1, 1, 0, 0, 0], [1, 0, 0, 0, 2, 1]]).T
    assert len(set(theirs.QueryInstanceQBC.calc_vote_entropy(list(votes)))) > 1
    scores = set(ours.QueryInstanceQBC.calc_vote_entropy(list(votes)))
    assert len(scores) == 1
    # Their 1e-9 makes agreement a little less than 0.
    assert theirs.QueryInstanceQBC.calc_vote_entropy([[0], [0]])[0] < 0
    assert ours.QueryInstanceQBC.calc_vote_entropy([[0], [0]]) == [0.0]


def test_given_probabilities_of_a_committee(iterable):
    rng = np.random.default_rng(0)
    probas = list(rng.dirichlet(np.ones(3), (4, 50)))
    rows = 100 + np.arange(50)
    for n in (1, 20, 49):
        both = [
            module.QueryInstanceQBC(disagreement="KL_divergence").select_by_prediction_mat(
                rows, probas, n
            )
            for module in (theirs, ours)
        ]
        np.testing.assert_array_equal(both[1], both[0])


def test_theirs_divergence_is_a_sum_that_is_called_a_mean(iterable):
    probas = list(np.random.default_rng(0).dirichlet(np.ones(3), (4, 50)))
    expected = np.array(theirs.QueryInstanceQBC.calc_avg_KL_divergence(probas)) / 4
    actual = ours.QueryInstanceQBC.calc_avg_KL_divergence(probas)
    np.testing.assert_allclose(actual, expected, atol=1e-7)
    apart = [np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])]
    assert theirs.QueryInstanceQBC.calc_avg_KL_divergence(apart)[0] == pytest.approx(2 * np.log(2))
    assert ours.QueryInstanceQBC.calc_avg_KL_divergence(apart)[0] == pytest.approx(np.log(2))


# --- expected error reduction ---


@pytest.mark.parametrize("model", [None, MultinomialNB(), DecisionTreeClassifier(max_depth=3)])
@pytest.mark.parametrize("sparse", [False, True])
@pytest.mark.filterwarnings("ignore::RuntimeWarning:alipy")
def test_error_reduction_is_theirs(iterable, counts, model, sparse):
    X, y, labeled, unlabeled = counts
    X, unlabeled = X if sparse else X.toarray(), unlabeled[:9]
    if isinstance(model, DecisionTreeClassifier):
        model = DecisionTreeClassifier(max_depth=3, min_samples_leaf=4, random_state=0)
        rng = np.random.default_rng(4)
        y = np.where(rng.random(len(y)) < 0.3, 1 - y, y)
    if model is not None:
        model.fit(X[labeled], y[labeled])
    arguments = labeled, unlabeled, model
    expected = theirs.QueryExpectedErrorReduction(X, y)
    actual = ours.QueryExpectedErrorReduction(X, y)
    if isinstance(model, DecisionTreeClassifier):
        # Its probabilities of 0 make all of their scores NaN.
        assert np.isnan(expected.log_loss(model.predict_proba(X[unlabeled])))
        scores = fastal.expected_error_reduction(
            model, X[unlabeled], X[labeled], y[labeled], method="refit"
        )
        np.testing.assert_array_equal(
            actual.select(*arguments, 5), unlabeled[np.argsort(-scores)[:5]]
        )
        return
    for n in (1, 8):
        np.testing.assert_array_equal(actual.select(*arguments, n), expected.select(*arguments, n))


def test_error_reduction_in_closed_form(counts):
    X, y, labeled, unlabeled = counts
    model = MultinomialNB().fit(X[labeled], y[labeled])
    refitted = ours.QueryExpectedErrorReduction(X, y).select(labeled, unlabeled, model, 90)
    exact = ours.QueryExpectedErrorReduction(X, y, method="exact")
    np.testing.assert_array_equal(exact.select(labeled, unlabeled, model, 90), refitted)


def test_theirs_takes_classes_from_labels_nobody_has_given(iterable, counts):
    X, y, labeled, unlabeled = counts
    X = X.toarray()
    model = LogisticRegression().fit(X[labeled], y[labeled])
    # One hidden label, of a class that nobody has seen, is enough.
    hidden = y.copy()
    hidden[unlabeled[0]] = 2
    arguments = labeled, unlabeled[:10], model, 3
    with pytest.raises(IndexError, match="out of bounds"):
        theirs.QueryExpectedErrorReduction(X, hidden).select(*arguments)
    np.testing.assert_array_equal(
        ours.QueryExpectedErrorReduction(X, hidden).select(*arguments),
        ours.QueryExpectedErrorReduction(X, y).select(*arguments),
    )


def test_theirs_takes_labels_for_columns(iterable, counts):
    X, y, labeled, unlabeled = counts
    X = X.toarray()
    expected = ours.QueryExpectedErrorReduction(X, y).select(
        labeled, unlabeled[:10], LogisticRegression().fit(X[labeled], y[labeled]), 3
    )
    for names, wrong in ((np.array([1, 2]), IndexError), (np.array(["ham", "spam"]), IndexError)):
        labels = names[y]
        model = LogisticRegression().fit(X[labeled], labels[labeled])
        arguments = labeled, unlabeled[:10], model, 3
        with pytest.raises(wrong):
            theirs.QueryExpectedErrorReduction(X, labels).select(*arguments)
        np.testing.assert_array_equal(
            ours.QueryExpectedErrorReduction(X, labels).select(*arguments), expected
        )


@pytest.mark.filterwarnings("ignore::RuntimeWarning:alipy")
def test_theirs_log_loss_of_a_certain_row_is_nan():
    proba = np.array([[1.0, 0.0], [0.5, 0.5]])
    assert np.isnan(theirs.QueryExpectedErrorReduction.log_loss(None, proba))
    assert ours.QueryExpectedErrorReduction.log_loss(None, proba) == pytest.approx(np.log(2))


# --- core-set ---


@pytest.mark.parametrize("distance", ["euclidean", "l2", "cosine"])
@pytest.mark.parametrize("sparse", [False, True])
def test_coreset_is_theirs_round_after_round(iterable, task, distance, sparse):
    X, y, labeled, unlabeled = task
    train = np.random.default_rng(5).permutation(np.concatenate([labeled, unlabeled]))
    X = sp.csr_matrix(X) if sparse else X
    both = [module.QueryInstanceCoresetGreedy(X, y, train, distance) for module in (theirs, ours)]
    L, U = IndexCollection(labeled), IndexCollection(unlabeled)
    for n in (1, 5, 1, 20):
        expected, actual = (each.select(L, U, batch_size=n) for each in both)
        assert actual == expected
        assert isinstance(actual, list)
        L.update(actual)
        U.difference_update(actual)
    # Another split: what was labelled is not any more.
    expected = theirs.QueryInstanceCoresetGreedy(X, y, train, distance)
    assert both[1].select(labeled, unlabeled, 8) == expected.select(labeled, unlabeled, 8)


def test_coreset_on_sparse_rows_with_duplicates_and_empty_ones():
    X = random_csr(np.random.default_rng(0))
    everything = np.arange(60)
    strategy = ours.QueryInstanceCoresetGreedy(X, np.zeros(60), everything)
    dense = ours.QueryInstanceCoresetGreedy(X.toarray(), np.zeros(60), everything)
    assert strategy.X.format == "csr"
    picks = strategy.select([0], everything[1:], 100)
    assert picks == dense.select([0], everything[1:], 100)
    assert sorted(picks) == list(range(1, 60))


def test_theirs_fails_if_candidates_are_part_of_the_rest(iterable, task):
    X, y, labeled, unlabeled = task
    train = np.arange(180)
    some = unlabeled[:40]
    expected = theirs.QueryInstanceCoresetGreedy(X, y, train)
    with pytest.raises(AssertionError):
        expected.select(labeled, some, 10)
    actual = ours.QueryInstanceCoresetGreedy(X, y, train).select(labeled, some, 10)
    # The same as theirs if nothing but these rows had been there.
    alone = theirs.QueryInstanceCoresetGreedy(X, y, np.sort(np.append(labeled, some)))
    assert actual == alone.select(labeled, some, 10)


def test_theirs_fails_if_nothing_is_labelled(task):
    X, y, _, _ = task
    with pytest.raises(TypeError):
        theirs.QueryInstanceCoresetGreedy(X, y, np.arange(180)).select([], np.arange(180))
    (first,) = ours.QueryInstanceCoresetGreedy(X, y, np.arange(180)).select([], np.arange(180))
    X = X[:180]
    assert first == np.argmin(((X - X.mean(axis=0)) ** 2).sum(axis=1))


def test_theirs_fails_if_the_training_set_is_a_list(task):
    X, y, labeled, unlabeled = task
    train = list(range(180))
    with pytest.raises(ValueError, match="nonzero on 0d"):
        theirs.QueryInstanceCoresetGreedy(X, y, train).select(labeled.tolist(), unlabeled)
    expected = theirs.QueryInstanceCoresetGreedy(X, y, np.arange(180))
    actual = ours.QueryInstanceCoresetGreedy(X, y, train)
    assert actual.select(labeled, unlabeled, 5) == expected.select(labeled, unlabeled, 5)


# --- density ---


def cosine_density(X, scores, beta):
    """Uncertainty times mean cosine similarity, by all pairs."""
    units = X / np.linalg.norm(X, axis=1, keepdims=True)
    return scores * np.maximum((units @ units.T).mean(axis=1), 0) ** beta


@pytest.mark.parametrize("measure", MEASURES[:3])
@pytest.mark.parametrize("beta", [0.5, 1.0, 3.0])
def test_density_is_uncertainty_times_similarity(counts, measure, beta):
    X, y, labeled, unlabeled = counts
    model = LogisticRegression().fit(X[labeled], y[labeled])
    proba = model.predict_proba(X[unlabeled])
    certain = {
        "entropy": (proba * np.log(proba)).sum(axis=1),
        "least_confident": proba.max(axis=1) - 1,
        "margin": np.abs(proba[:, 0] - proba[:, 1]) - 1,
    }
    scores = cosine_density(X[unlabeled].toarray(), -certain[measure], beta)
    expected = unlabeled[np.argsort(scores)[-30:]]
    for rows in (X, X.toarray()):
        strategy = ours.QueryInstanceDensityWeighted(rows, y, measure, beta=beta)
        by_model = strategy.select(labeled, unlabeled, 30, model)
        np.testing.assert_array_equal(by_model, expected)
        given_proba = strategy.select(labeled, unlabeled, 30, proba_prediction=proba)
        np.testing.assert_array_equal(given_proba, expected)


def test_density_by_the_default_model(counts):
    X, y, labeled, unlabeled = counts
    strategy = ours.QueryInstanceDensityWeighted(X, y)
    model = LogisticRegression(solver="liblinear").fit(X[labeled], y[labeled])
    np.testing.assert_array_equal(
        strategy.select(labeled, unlabeled, 9), strategy.select(labeled, unlabeled, 9, model)
    )


def test_theirs_prefers_outliers_and_the_certain():
    X = np.array([[1.0, 0.0], [1.0, 0.1], [1.1, 0.0], [-50.0, 50.0]])
    rows = np.arange(4)
    unsure = np.full((4, 2), 0.5)
    assert theirs.QueryInstanceDensityWeighted(X, None).select([], rows, 1, None, unsure) == [3]
    assert ours.QueryInstanceDensityWeighted(X, None).select([], rows, 1, None, unsure) != [3]
    # Margins are negative: far rows come last, however unsure.  With another measure first.
    near = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [1.0, 5.0]])
    proba = np.array([[0.8, 0.2], [0.5, 0.5], [0.5, 0.5], [0.7, 0.3]])
    last = {}
    for measure in ("margin", "least_confident"):
        strategy = theirs.QueryInstanceDensityWeighted(near, None, measure)
        ranked = list(strategy.select([], rows, 4, None, proba))
        last[measure] = ranked.index(3) < ranked.index(0)
    assert last == {"margin": True, "least_confident": False}


# --- everything in its place ---


N_QUERIES = 5


def simple_experiment(cls, strategy, X, y, **arguments):
    rng = np.random.default_rng(0)
    order = rng.permutation(len(y))
    test, labeled, unlabeled = order[:40], order[40:50], order[50:70]
    experiment = cls(
        X, y, LogisticRegression(), stopping_criteria="num_of_queries", stopping_value=N_QUERIES
    )
    experiment.set_data_split([order[40:70]], [test], [labeled], [unlabeled])
    experiment.set_query_strategy(strategy, **arguments)
    experiment.set_performance_metric("accuracy_score")
    np.random.seed(0)
    experiment.start_query(multi_thread=False, verbose=False)
    (state,) = experiment.get_experiment_result()
    return [int(state.get_state(i)["select_index"][0]) for i in range(N_QUERIES)]


@pytest.mark.parametrize(
    ("strategy", "arguments"),
    [
        ("QueryInstanceUncertainty", {"measure": "margin"}),
        ("QueryInstanceUncertainty", {}),
        ("QueryInstanceQBC", {"disagreement": "KL_divergence"}),
        ("QueryInstanceRandom", {}),
    ],
)
def test_experiment_by_name_is_theirs(iterable, strategy, arguments):
    X, y = load_iris(return_X_y=True)
    expected = simple_experiment(TheirExperiment, strategy, X, y, **arguments)
    assert simple_experiment(ours.AlExperiment, strategy, X, y, **arguments) == expected


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("QueryInstanceUncertainty", {"measure": "margin"}),
        ("QueryInstanceQBC", {"disagreement": "KL_divergence"}),
        ("QueryExpectedErrorReduction", {}),
        ("QueryInstanceCoresetGreedy", {"train_idx": np.arange(150), "distance": "cosine"}),
        ("QueryInstanceDensityWeighted", {"uncertainty_meansure": "margin"}),
    ],
)
def test_class_in_their_experiment(iterable, name, arguments):
    X, y = load_iris(return_X_y=True)
    for rows in (X[:100], sp.csr_matrix(X[:100])):
        if name == "QueryInstanceCoresetGreedy":
            arguments = arguments | {"train_idx": np.arange(100)}
        picks = simple_experiment(TheirExperiment, getattr(ours, name), rows, y[:100], **arguments)
        assert len(set(picks)) == N_QUERIES


def test_tool_box(task):
    X, y, _, _ = task
    box = ours.ToolBox(X=X, y=y)
    strategy = box.get_query_strategy("QueryExpectedErrorReduction", method="auto")
    assert type(strategy) is ours.QueryExpectedErrorReduction
    assert strategy.method == "auto"
    assert strategy.X is box._X
    assert type(box.get_query_strategy()) is theirs.QueryInstanceRandom
    with pytest.raises(KeyError, match="not implemented"):
        box.get_query_strategy("QueryNothing")


def test_is_an_instance_of_theirs():
    strategies = (
        "QueryInstanceUncertainty",
        "QueryInstanceQBC",
        "QueryExpectedErrorReduction",
        "QueryInstanceDensityWeighted",
    )
    for name in strategies:
        assert issubclass(getattr(ours, name), getattr(theirs, name))


def all_of_ours(X, y):
    return [
        ours.QueryInstanceUncertainty(X, y),
        ours.QueryInstanceQBC(X, y),
        ours.QueryExpectedErrorReduction(X, y),
        ours.QueryInstanceCoresetGreedy(X, y, np.arange(X.shape[0])),
        ours.QueryInstanceDensityWeighted(X, y),
    ]


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("sparse", [False, True])
def test_inputs_are_not_changed_and_strategies_can_be_copied(counts, place, sparse):
    X, y, labeled, unlabeled = counts
    X, unlabeled = X if sparse else X.toarray(), unlabeled[:12]
    before = copy.deepcopy((X, y, labeled, unlabeled))
    strategy = all_of_ours(X, y)[place]
    np.random.seed(0)
    picks = strategy.select(labeled, unlabeled, batch_size=3)
    for old, new in zip(before, (X, y, labeled, unlabeled), strict=True):
        assert (old != new).sum() == 0
    np.random.seed(0)
    again = pickle.loads(pickle.dumps(strategy)).select(labeled, unlabeled, batch_size=3)
    np.testing.assert_array_equal(again, picks)


@pytest.mark.parametrize("place", range(5))
def test_batches_larger_than_the_pool(counts, place):
    X, y, labeled, unlabeled = counts
    strategy = all_of_ours(X, y)[place]
    assert sorted(strategy.select(labeled, unlabeled[:4], batch_size=9)) == sorted(unlabeled[:4])
    assert len(strategy.select(labeled, [], batch_size=2)) == 0


@pytest.mark.parametrize("place", range(5))
def test_bad_rows_and_batches(counts, place):
    X, y, labeled, unlabeled = counts
    strategy = all_of_ours(X, y)[place]
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        strategy.select(labeled, unlabeled, batch_size=0)
    with pytest.raises(TypeError, match="unlabel_index must be a list"):
        strategy.select(labeled, 7)
    if not isinstance(strategy, ours.QueryInstanceCoresetGreedy):
        with pytest.raises(TypeError, match=r"unlabel_index must hold row numbers, got 0\.5"):
            strategy.select(labeled, [0.5, 1.0])


def test_bad_arguments(counts):
    X, y, labeled, unlabeled = counts
    with pytest.raises(ValueError, match="measure must be one of"):
        ours.QueryInstanceUncertainty(X, y, "nothing")
    with pytest.raises(ValueError, match="disagreement must be one of"):
        ours.QueryInstanceQBC(X, y, disagreement="nothing")
    with pytest.raises(ValueError, match="method must be one of"):
        ours.QueryExpectedErrorReduction(X, y, method="nothing").select(labeled, unlabeled)
    with pytest.raises(ValueError, match="one of euclidean, l2, cosine, got 'l1'"):
        ours.QueryInstanceCoresetGreedy(X, y, np.arange(120), "l1")
    with pytest.raises(ValueError, match="label_index holds 120, which is not in train_idx"):
        ours.QueryInstanceCoresetGreedy(X, y, np.arange(120)).select([120], [1, 2])
    with pytest.raises(ValueError, match="distance must be 'cosine'"):
        ours.QueryInstanceDensityWeighted(X, y, distance="euclidean")
    with pytest.raises(ValueError, match="uncertainty_meansure must be one of"):
        ours.QueryInstanceDensityWeighted(X, y, "nothing")
    for name in ("Uncertainty", "QBC"):
        strategy = getattr(ours, f"QueryInstance{name}")()
        with pytest.raises(ValueError, match=r"X and y must be given to .*, or use"):
            strategy.select([0], [1, 2])


def test_bad_predictions():
    unsure, committee = ours.QueryInstanceUncertainty(), ours.QueryInstanceQBC()
    with pytest.raises(ValueError, match="predict must have one row for each of the 2"):
        unsure.select_by_prediction_mat([0, 1], [[0.5, 0.5]])
    with pytest.raises(ValueError, match=r"predict: .*row 1"):
        unsure.select_by_prediction_mat([0, 1], [[0.5, 0.5], [0.5, np.nan]])
    with pytest.raises(ValueError, match="two members at least, got 1"):
        committee.select_by_prediction_mat([0, 1], [[0, 1]])
    with pytest.raises(ValueError, match="arrays of one shape"):
        committee.select_by_prediction_mat([0, 1], [[0, 1], [0, 1, 1]])
    with pytest.raises(ValueError, match="1 for the label and 0 elsewhere"):
        committee.select_by_prediction_mat([0, 1], [[[0.5, 0.5]] * 2] * 2)
    with pytest.raises(ValueError, match="predict must have one row for each of the 3"):
        committee.select_by_prediction_mat([0, 1, 2], [[0, 1], [0, 1]])


def test_models_without_the_method_are_refused(task):
    X, y, labeled, unlabeled = task
    svm, bayes = LinearSVC().fit(X[labeled], y[labeled]), GaussianNB().fit(X[labeled], y[labeled])
    for measure in MEASURES[:3]:
        with pytest.raises(TypeError, match="model must have predict_proba, LinearSVC has not"):
            ours.QueryInstanceUncertainty(X, y, measure).select(labeled, unlabeled, svm)
    with pytest.raises(TypeError, match="model must have decision_function, GaussianNB"):
        ours.QueryInstanceUncertainty(X, y, MEASURES[3]).select(labeled, unlabeled, bayes)
    with pytest.raises(TypeError, match="model must have predict_proba"):
        ours.QueryInstanceQBC(X, y, disagreement="KL_divergence").select(labeled, unlabeled, svm)
    with pytest.raises(TypeError, match="model must have predict_proba"):
        ours.QueryExpectedErrorReduction(X, y).select(labeled, unlabeled, svm)


@pytest.mark.parametrize("measure", ["least_confident", "margin"])
def test_ties_of_a_forest(iterable, measure):
    rng = np.random.default_rng(0)
    for _ in range(10):
        X, y = rng.normal(size=(60, 3)), rng.integers(3, size=60)
        forest = RandomForestClassifier(10, random_state=0).fit(X[:20], y[:20])
        picks = [
            module.QueryInstanceUncertainty(X, y, measure).select(
                np.arange(20), np.arange(20, 60), forest, batch_size=10
            )
            for module in (theirs, ours)
        ]
        np.testing.assert_array_equal(*picks)
