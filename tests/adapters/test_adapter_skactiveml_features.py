"""k-center, TypiClust, BADGE and expected error reduction beside scikit-activeml's own."""

from __future__ import annotations

import importlib

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import library
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.tree import DecisionTreeClassifier

library("skactiveml")
theirs = importlib.import_module("skactiveml.pool")
their_classifiers = importlib.import_module("skactiveml.classifier")
ours = importlib.import_module("fastal.adapters.skactiveml")

pytestmark = [
    pytest.mark.filterwarnings("ignore:The 'base_estimator' could not be fitted"),
    pytest.mark.filterwarnings("ignore:Since the 'base_estimator' could not be fitted"),
    pytest.mark.filterwarnings("ignore:the estimator could not be fitted"),
    pytest.mark.filterwarnings("ignore:All labels are of `missing_label`"),
    pytest.mark.filterwarnings("ignore:Number of distinct clusters"),
]

SEEDS = range(6)


def pool(seed, n_labeled=4, n=40, d=4):
    """Rows of real numbers, or of few whole ones with ties and duplicates; labels; both kinds of
    candidates.
    """
    rng = np.random.default_rng(seed)

    def rows(n):
        return rng.normal(size=(n, d)) if seed % 2 else rng.integers(0, 3, (n, d)).astype(float)

    y = np.full(n, np.nan)
    y[rng.permutation(n)[:n_labeled]] = rng.integers(0, 3, n_labeled)
    return rows(n), y, [None, rng.permutation(n)[: n // 2], rows(9)]


def both(name, seed, *args, init=None, **query):
    """Picks and utilities of theirs and of ours."""
    init = {"random_state": seed, **(init or {})}
    return [
        getattr(library, name)(**init).query(*args, return_utilities=True, **query)
        for library in (theirs, ours)
    ]


def assert_same(expected, actual, exact=True):
    assert type(actual[0]) is type(expected[0])
    np.testing.assert_array_equal(actual[0], expected[0], strict=exact)
    assert actual[1].dtype == expected[1].dtype
    if exact:
        np.testing.assert_array_equal(actual[1], expected[1], strict=True)
    else:
        np.testing.assert_allclose(actual[1], expected[1], rtol=1e-9, atol=1e-11)


def wrapped(estimator, library=theirs):
    wrapper = ours if library is ours else their_classifiers
    return wrapper.SklearnClassifier(estimator, classes=[0, 1, 2])


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("seed", SEEDS)
def test_core_set_is_theirs(metric, seed):
    X, y, all_candidates = pool(seed, n_labeled=seed % 5)
    for candidates in all_candidates:
        for batch_size in (1, 5):
            options = {"candidates": candidates, "batch_size": batch_size}
            expected, actual = both("CoreSet", seed, X, y, init={"metric": metric}, **options)
            assert_same(expected, actual)
            alone = ours.CoreSet(metric, random_state=seed).query(X, y, **options)
            np.testing.assert_array_equal(alone, expected[0], strict=True)


@pytest.mark.parametrize("seed", SEEDS)
def test_core_set_asks_fastal_unless_chance_decides(seed, monkeypatch):
    monkeypatch.setattr(ours.CoreSet, "_one_by_one", None)
    X, y, _ = pool(2 * seed + 1, n_labeled=seed % 3, n=300, d=6)
    expected = theirs.CoreSet(random_state=seed).query(X, y, batch_size=10)
    actual = ours.CoreSet(random_state=seed).query(X, y, batch_size=10)
    np.testing.assert_array_equal(actual, expected)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_core_set_takes_sparse_rows(metric):
    for seed in SEEDS:
        X, y, all_candidates = pool(seed, n_labeled=seed % 3)
        X[3:5] = 0
        for candidates in all_candidates:
            rows = sp.csr_matrix(candidates) if np.ndim(candidates) == 2 else candidates
            strategy = ours.CoreSet(metric, random_state=seed)
            expected = strategy.query(X, y, candidates, 5, return_utilities=True)
            actual = strategy.query(sp.csc_matrix(X), y, rows, 5, return_utilities=True)
            # Not bit by bit: scikit-learn multiplies sparse rows otherwise.
            np.testing.assert_allclose(actual[1][0], expected[1][0], rtol=1e-6, atol=1e-7)
            if seed % 2:
                assert_same(expected, actual, exact=False)
                np.testing.assert_array_equal(
                    strategy.query(sp.csr_matrix(X), y, rows, 5), expected[0]
                )


def test_core_set_leaves_global_random_numbers_as_theirs():
    X, y, _ = pool(1, n=60)
    after = []
    for library_ in (theirs, ours):
        np.random.seed(3)
        rows = library_.CoreSet().query(X, y, batch_size=4)
        after.append([*rows, np.random.random()])
    assert after[0] == after[1]


def test_theirs_core_set_forgets_labelled_rows_once_all_are_covered():
    X = np.repeat([[0.0], [1.0]], 4, axis=0)
    y = np.array([0, np.nan, np.nan, np.nan, 1, np.nan, np.nan, np.nan])
    expected, actual = both("CoreSet", 0, X, y, batch_size=3)
    # A labelled row lies at the same place.
    assert np.nanmax(expected[1][1]) == 1.0
    assert np.nanmax(actual[1]) == 0.0
    assert len(set(actual[0])) == 3


@pytest.mark.filterwarnings("ignore:All-NaN slice")
def test_theirs_core_set_picks_row_0_when_candidates_are_labelled():
    X, y = np.arange(5.0)[:, None], np.array([0, 1, np.nan, np.nan, np.nan])
    query = {"candidates": [1, 3], "batch_size": 2}
    assert theirs.CoreSet(random_state=0).query(X, y, **query).tolist() == [3, 0]
    with pytest.warns(UserWarning, match="candidates without a label"):
        assert ours.CoreSet(random_state=0).query(X, y, **query).tolist() == [3]


@pytest.mark.parametrize("seed", SEEDS)
def test_typi_clust_is_theirs(seed):
    X, y, all_candidates = pool(seed, n_labeled=seed % 5)
    for candidates in all_candidates[:2]:
        for batch_size in (1, 3):
            options = {"candidates": candidates, "batch_size": batch_size}
            expected, actual = both("TypiClust", seed, X, y, init={"k": 3}, **options)
            assert len(set(expected[0])) == batch_size
            assert_same(expected, actual)


def test_typi_clust_takes_sparse_rows():
    X, y, _ = pool(1)
    X[:, 2:] = 0
    strategy = ours.TypiClust(random_state=0)
    expected = strategy.query(X, y, batch_size=4, return_utilities=True)
    actual = strategy.query(sp.csr_matrix(X), y, batch_size=4, return_utilities=True)
    np.testing.assert_array_equal(actual[0], expected[0])
    np.testing.assert_allclose(actual[1], expected[1], rtol=1e-6)


def test_theirs_typi_clust_fails_when_every_cluster_has_a_label():
    X, y = np.zeros((4, 2)), np.array([0, np.nan, np.nan, np.nan])
    with pytest.raises(UnboundLocalError):
        theirs.TypiClust(random_state=0).query(X, y, batch_size=3)
    rows = ours.TypiClust(random_state=0).query(X, y, batch_size=3)
    assert sorted(rows) == [1, 2, 3]


def test_theirs_typi_clust_picks_a_row_twice():
    X = np.array([[0.0], [0.0], [0.0], [9.0], [9.0]])
    y = np.array([0, np.nan, np.nan, np.nan, np.nan])
    results = [both("TypiClust", seed, X, y, batch_size=4) for seed in range(10)]
    assert min(len(set(expected[0])) for expected, _ in results) < 4
    assert all(sorted(actual[0]) == [1, 2, 3, 4] for _, actual in results)


@pytest.mark.parametrize("classifier", ["logistic", "parzen", "one class"])
@pytest.mark.parametrize("seed", SEEDS)
def test_badge_draws_as_theirs(classifier, seed):
    X, y, all_candidates = pool(seed, n_labeled=6)
    clf = wrapped(LogisticRegression())
    if classifier == "parzen":
        clf = their_classifiers.ParzenWindowClassifier(classes=[0, 1, 2])
    if classifier == "one class":
        y[~np.isnan(y)] = 1
    for candidates in all_candidates:
        for batch_size in (1, 5):
            options = {"candidates": candidates, "batch_size": batch_size}
            assert_same(*both("Badge", seed, X, y, clf, **options), exact=False)


def test_badge_takes_weights_fitted_classifiers_and_embeddings():
    class Embedding(their_classifiers.ParzenWindowClassifier):
        def predict_proba(self, X, embed=False):
            proba = super().predict_proba(X)
            return (proba, X[:, :2] ** 2) if embed else proba

    X, y, _ = pool(1, n_labeled=6)
    weights = np.linspace(0.1, 2, len(y))
    clf = Embedding(classes=[0, 1, 2])
    assert_same(*both("Badge", 0, X, y, clf, sample_weight=weights, batch_size=4), exact=False)
    clf.fit(X[::-1], y)
    results = [both("Badge", 0, X, y, clf, fit_clf=False, batch_size=4)]
    for name in ("embed", {"embed": True}):
        init = {"clf_embedding_flag_name": name}
        results.append(both("Badge", 0, X, y, clf, init=init, fit_clf=False, batch_size=4))
    for expected, actual in results:
        assert_same(expected, actual, exact=False)
    assert not np.allclose(results[0][1][1], results[1][1][1], equal_nan=True)


def test_badge_takes_sparse_rows():
    for seed in SEEDS:
        X, y, all_candidates = pool(seed, n_labeled=6)
        X[3:5] = 0
        for candidates in all_candidates:
            rows = sp.csr_matrix(candidates) if np.ndim(candidates) == 2 else candidates
            strategy = ours.Badge(random_state=seed)
            clf = wrapped(MultinomialNB() if seed % 2 == 0 else LogisticRegression(), ours)
            options = {"batch_size": 5, "return_utilities": True}
            expected = strategy.query(X, y, clf, candidates=candidates, **options)
            actual = strategy.query(sp.csr_matrix(X), y, clf, candidates=rows, **options)
            np.testing.assert_array_equal(actual[0], expected[0])
            np.testing.assert_allclose(actual[1], expected[1], rtol=1e-6, atol=1e-9)


def test_theirs_badge_picks_a_row_twice():
    X = np.repeat([[1.0, 0.0], [0.0, 1.0]], 4, axis=0)
    y = np.array([0, np.nan, np.nan, np.nan, 1, np.nan, np.nan, np.nan])
    clf = wrapped(LogisticRegression())
    results = [both("Badge", seed, X, y, clf, batch_size=5) for seed in range(30)]
    assert min(len(set(expected[0])) for expected, _ in results) < 5
    assert all(len(set(actual[0])) == 5 for _, actual in results)
    # As long as no row lies on a pick, the draws are the same.
    assert all(expected[0][:2] == actual[0][:2] for expected, actual in results)


def test_badge_ends_where_no_candidate_is_left():
    X, y, _ = pool(1, n_labeled=6)
    labeled = np.flatnonzero(~np.isnan(y))
    candidates = np.append(labeled[:2], np.flatnonzero(np.isnan(y))[:2])
    with pytest.warns(UserWarning, match="candidates without a label"):
        rows = ours.Badge(random_state=0).query(
            X, y, wrapped(LogisticRegression()), candidates=candidates, batch_size=4
        )
    assert sorted(rows) == candidates[2:].tolist()


LOSSES = [
    {},
    {"subtract_current": True},
    {"method": "log_loss"},
    {"method": "log_loss", "subtract_current": True},
    {"cost_matrix": [[0, 1, 2], [3, 0, 1], [1, 5, 0]]},
]
BAYES = [MultinomialNB(), ComplementNB(), BernoulliNB(alpha=0.5)]


def small(seed):
    """A pool that is quick to refit on, with few labels or none."""
    rng = np.random.default_rng(seed)
    X = rng.integers(0, 4, (10, 3)).astype(float)
    X[8:] = X[6:8]
    y = np.full(10, np.nan)
    y[: seed % 5] = rng.integers(0, 3, seed % 5)
    return X, y, [None, np.array([1, 4, 8]), rng.integers(0, 4, (3, 3)).astype(float)]


@pytest.mark.parametrize("options", LOSSES, ids=str)
@pytest.mark.parametrize("estimator", [*BAYES, DecisionTreeClassifier(random_state=0)], ids=str)
def test_monte_carlo_eer_is_theirs(options, estimator):
    for seed in (4, 5):
        X, y, all_candidates = small(seed)
        for candidates in all_candidates:
            rest = {"candidates": candidates, "batch_size": 3}
            results = both("MonteCarloEER", seed, X, y, wrapped(estimator), init=options, **rest)
            assert_same(*results, exact=False)


@pytest.mark.parametrize(
    "estimator", [MultinomialNB(), DecisionTreeClassifier(random_state=0)], ids=str
)
def test_monte_carlo_eer_takes_weights_and_evaluation_rows(estimator):
    X, y, all_candidates = small(4)
    rng = np.random.default_rng(0)
    w, w_cand, w_eval = rng.random(10), rng.random(3), rng.random(4)
    X_eval = rng.integers(0, 4, (4, 3)).astype(float)
    for query in (
        {"X_eval": X_eval},
        {"X_eval": X_eval, "sample_weight_eval": w_eval},
        {"sample_weight": w, "sample_weight_eval": w},
        {"sample_weight": w, "X_eval": X_eval, "sample_weight_eval": w_eval},
        {"candidates": all_candidates[2], "sample_weight_candidates": w_cand},
        {"candidates": all_candidates[2], "sample_weight": w},
    ):
        assert_same(*both("MonteCarloEER", 0, X, y, wrapped(estimator), **query), exact=False)


def test_monte_carlo_eer_leaves_what_it_does_not_know_to_theirs():
    X, y, _ = small(4)
    parzen = their_classifiers.ParzenWindowClassifier(classes=[0, 1, 2])
    assert_same(*both("MonteCarloEER", 0, X, y, parzen))
    with pytest.warns(UserWarning, match="partial_fit"):
        assert_same(
            *both("MonteCarloEER", 0, X, y, wrapped(MultinomialNB()), ignore_partial_fit=False)
        )
    fitted = wrapped(MultinomialNB(), ours).fit(X, y)
    with pytest.raises(TypeError, match="sparse rows need fit_clf=True"):
        ours.MonteCarloEER().query(sp.csr_matrix(X), y, fitted, fit_clf=False)


@pytest.mark.parametrize(
    "estimator", [MultinomialNB(), DecisionTreeClassifier(random_state=0)], ids=str
)
def test_monte_carlo_eer_uses_the_closed_form_where_it_is_exact(estimator, monkeypatch):
    monkeypatch.setattr(ours.MonteCarloEER, "_by_refits", None)
    X, y, _ = small(4)
    query = ours.MonteCarloEER(random_state=0).query
    if isinstance(estimator, MultinomialNB):
        assert query(X, y, wrapped(estimator)).shape == (1,)
    else:
        with pytest.raises(TypeError, match="NoneType"):
            query(X, y, wrapped(estimator))


@pytest.mark.parametrize("options", LOSSES, ids=str)
def test_monte_carlo_eer_takes_sparse_rows(options):
    for estimator in (MultinomialNB(), LogisticRegression()):
        X, y, all_candidates = small(4)
        clf = wrapped(estimator, ours)
        strategy = ours.MonteCarloEER(random_state=0, **options)
        for candidates in all_candidates:
            for X_eval in (None, X[2:7]):
                rest = {"batch_size": 2, "return_utilities": True}
                expected = strategy.query(X, y, clf, candidates=candidates, X_eval=X_eval, **rest)
                rows = sp.csr_matrix(candidates) if np.ndim(candidates) == 2 else candidates
                at = None if X_eval is None else sp.csr_matrix(X_eval)
                actual = strategy.query(
                    sp.csr_matrix(X), y, clf, candidates=rows, X_eval=at, **rest
                )
                np.testing.assert_allclose(actual[1][0], expected[1][0], rtol=1e-4)


def test_labels_may_be_words():
    X, y, _ = small(4)
    words = np.array(["no", "yes", "maybe"], dtype=object)
    labels = np.full(len(y), None, dtype=object)
    labels[:4] = words[y[:4].astype(int)]
    for library_ in (theirs, ours):
        assert library_.CoreSet(missing_label=None, random_state=0).query(X, labels).size == 1
    results = []
    for library_, wrapper in ((theirs, their_classifiers), (ours, ours)):
        clf = wrapper.SklearnClassifier(MultinomialNB(), missing_label=None)
        strategy = library_.MonteCarloEER(missing_label=None, random_state=0)
        results.append(strategy.query(X, labels, clf, return_utilities=True))
    assert_same(*results, exact=False)


@pytest.mark.parametrize("name", ["CoreSet", "TypiClust", "Badge", "MonteCarloEER"])
def test_bad_input_is_refused(name):
    X, y, _ = small(4)
    clf = [wrapped(MultinomialNB(), ours)] if name in ("Badge", "MonteCarloEER") else []
    strategy = getattr(ours, name)(random_state=0)
    for rows in (X, sp.csr_matrix(X)):
        with pytest.raises(ValueError, match="batch_size"):
            strategy.query(rows, y, *clf, batch_size=0)
        with pytest.raises(ValueError, match=r"inconsistent|length"):
            strategy.query(rows, y[:-1], *clf)
        with pytest.raises((ValueError, IndexError), match=r"candidates|indices|A\.shape"):
            strategy.query(rows, y, *clf, candidates=[10])
    if clf:
        with pytest.raises(TypeError, match="clf"):
            strategy.query(X, y, MultinomialNB())
    else:
        with pytest.raises(TypeError, match="return_utilities"):
            strategy.query(X, y, return_utilities="yes")


def test_bad_options_are_refused():
    X, y, _ = small(4)
    with pytest.raises(TypeError, match="cluster_algo_dict must be a dict"):
        ours.TypiClust(cluster_algo_dict=1).query(X, y)
    with pytest.raises(TypeError, match="n_cluster_param_name must be a string"):
        ours.TypiClust(n_cluster_param_name=1).query(X, y)
    with pytest.raises(ValueError, match="X_eval has 2 features"):
        ours.MonteCarloEER().query(X, y, wrapped(MultinomialNB()), X_eval=X[:, :2])


def test_input_is_left_alone():
    X, y, _ = small(4)
    for rows in (X, sp.csr_matrix(X)):
        before = rows.copy()
        clf = wrapped(MultinomialNB(), ours)
        for name in ("CoreSet", "TypiClust", "Badge", "MonteCarloEER"):
            more = [clf] if name in ("Badge", "MonteCarloEER") else []
            getattr(ours, name)(random_state=0).query(rows, y, *more, batch_size=2)
        assert abs(rows - before).max() == 0
        assert not hasattr(clf, "classes_")
