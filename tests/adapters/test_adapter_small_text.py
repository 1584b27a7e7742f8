"""small-text's strategies and ours, side by side."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import library, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import make_blobs
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.tree import DecisionTreeClassifier

import fastal

small_text = library("small_text")
ours = importlib.import_module("fastal.adapters.small_text")

pytestmark = [
    # The arccos of cosines that rounding has made larger than 1.
    pytest.mark.filterwarnings("ignore:invalid value encountered in:RuntimeWarning:small_text"),
    pytest.mark.filterwarnings("ignore:Default distance metric has changed:UserWarning"),
]

BY_PROBA = ["LeastConfidence", "BreakingTies", "PredictionEntropy"]
SPARSE = pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])


def data(rng, n_rows=80, n_features=12, n_classes=4, sparse=False, n_labeled=24):
    """A dataset, row numbers of unlabelled and labelled rows, and the labels of these."""
    X = random_csr(rng, n_rows, n_features, density=0.4)
    y = np.arange(n_rows) % n_classes
    dataset = small_text.SklearnDataset(X if sparse else X.toarray(), y, np.arange(n_classes))
    labeled = np.sort(rng.choice(n_rows, n_labeled, replace=False))
    return dataset, np.setdiff1d(np.arange(n_rows), labeled), labeled, y[labeled]


def fitted(model, dataset, labeled, n_classes=4):
    return small_text.SklearnClassifier(model, n_classes).fit(dataset[labeled])


class Embedding(small_text.SklearnClassifier):
    """A classifier that gives its features as embeddings, with probabilities."""

    def embed(self, dataset, return_proba=False, pbar=None, **_):
        X = dataset.x.toarray() if sp.issparse(dataset.x) else dataset.x
        return (X, self.predict_proba(dataset)) if return_proba else X


class Asked:
    """A classifier that says what it was told to say."""

    def __init__(self, proba):
        self.proba = proba

    def predict_proba(self, dataset):
        return self.proba


# --- on probabilities


@pytest.mark.parametrize("name", BY_PROBA)
@SPARSE
@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        small_text.ConfidenceEnhancedLinearSVC(),
        DecisionTreeClassifier(max_depth=2, random_state=0),
    ],
    ids=lambda model: type(model).__name__,
)
def test_scores_and_picks_are_theirs(name, sparse, model):
    for seed in range(5):
        dataset, unlabeled, labeled, y = data(np.random.default_rng(seed), sparse=sparse)
        clf = fitted(model, dataset, labeled)
        both = [getattr(module, name)() for module in (small_text, ours)]
        for n in (1, 7, 40, len(unlabeled)):
            picks = [each.query(clf, dataset, unlabeled, labeled, y, n=n) for each in both]
            np.testing.assert_array_equal(*picks)
            assert picks[0].dtype == picks[1].dtype
            if n < len(unlabeled):
                np.testing.assert_allclose(both[1].scores_, both[0].scores_, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", BY_PROBA)
@given(
    counts=st.lists(st.lists(st.integers(0, 4), min_size=2, max_size=2), min_size=3, max_size=30),
    n=st.integers(1, 30),
)
@settings(max_examples=60, deadline=None)
def test_ties_of_probabilities_go_as_theirs_do(name, counts, n):
    # Eighths are exact in both, so that ties are ties.
    proba = np.column_stack([np.array(counts) / 8, 1 - np.sum(counts, axis=1) / 8])
    dataset = small_text.SklearnDataset(np.zeros((len(proba), 1)), np.zeros(len(proba)), [0])
    unlabeled = np.arange(len(proba))[::-1]
    n = min(n, len(proba))
    theirs, own = (getattr(module, name)() for module in (small_text, ours))
    picks = own.query(Asked(proba), dataset, unlabeled, [], [], n=n)
    if name != "PredictionEntropy":  # whose sums depend on the order of the classes
        expected = theirs.query(Asked(proba), dataset, unlabeled, [], [], n=n)
        np.testing.assert_array_equal(picks, expected)
    assert len(set(picks.tolist())) == n


@pytest.mark.parametrize("name", BY_PROBA)
def test_scores_cover_the_dataset_and_no_probabilities_are_made(name, monkeypatch):
    dataset, unlabeled, labeled, y = data(np.random.default_rng(0), sparse=True)
    clf = fitted(LogisticRegression(), dataset, labeled)
    expected = getattr(small_text, name)()
    expected.query(clf, dataset, unlabeled, labeled, y)
    monkeypatch.setattr(
        small_text.SklearnClassifier, "predict_proba", MagicMock(side_effect=AssertionError)
    )
    # It must still be recognised as the library's own.
    strategy = getattr(ours, name)()
    strategy.query(clf, dataset, unlabeled, labeled, y)
    assert strategy.scores_.shape == (len(dataset),)
    np.testing.assert_allclose(strategy.scores_, expected.scores_, rtol=1e-9)


@pytest.mark.parametrize("name", BY_PROBA)
def test_a_classifier_with_a_predict_proba_of_its_own_is_asked(name):
    dataset, unlabeled, labeled, y = data(np.random.default_rng(0))

    class Flat(small_text.SklearnClassifier):
        def predict_proba(self, data_set):
            proba = np.tile([0.25, 0.25, 0.25, 0.25], (len(data_set), 1))
            proba[5:] = [0.7, 0.1, 0.1, 0.1]
            return proba

    clf = Flat(LogisticRegression(), 4).fit(dataset[labeled])
    both = [getattr(module, name)() for module in (small_text, ours)]
    np.testing.assert_array_equal(
        *[each.query(clf, dataset, unlabeled, labeled, y, n=6) for each in both]
    )
    np.testing.assert_allclose(both[1].scores_, both[0].scores_)


@pytest.mark.parametrize("name", BY_PROBA)
def test_multi_label_classifiers_as_theirs(name):
    rng = np.random.default_rng(0)
    X, Y = rng.random((60, 8)), sp.csr_matrix(rng.random((60, 4)) > 0.5, dtype=np.int64)
    dataset = small_text.SklearnDataset(X, Y, target_labels=np.arange(4))
    labeled, unlabeled = np.arange(20), np.arange(20, 60)
    clf = small_text.SklearnClassifier(LogisticRegression(), 4, multi_label=True)
    clf.fit(dataset[labeled])
    picks = [
        getattr(module, name)().query(clf, dataset, unlabeled, labeled, Y[labeled], n=10)
        for module in (small_text, ours)
    ]
    np.testing.assert_array_equal(*picks)


def test_theirs_breaking_ties_needs_two_classes():
    proba = np.ones((6, 1))
    dataset = small_text.SklearnDataset(np.zeros((6, 1)), np.zeros(6), [0])
    arguments = (Asked(proba), dataset, np.arange(6), np.array([]), np.array([]))
    with pytest.raises(IndexError):
        small_text.BreakingTies().query(*arguments, n=2)
    strategy = ours.BreakingTies()
    assert len(strategy.query(*arguments, n=2)) == 2
    np.testing.assert_array_equal(strategy.scores_, np.ones(6))


def test_one_class_seen():
    dataset, unlabeled, labeled, y = data(np.random.default_rng(0))
    one = small_text.SklearnDataset(dataset.x, np.zeros(len(dataset), int), np.arange(1))
    clf = small_text.SklearnClassifier(DecisionTreeClassifier(), 1).fit(one[labeled])
    for name in BY_PROBA:
        picks = getattr(ours, name)().query(clf, one, unlabeled, labeled, y, n=5)
        assert set(picks) <= set(unlabeled)


def test_missing_classes_as_theirs():
    dataset, unlabeled, labeled, _ = data(np.random.default_rng(3))
    some = labeled[dataset.y[labeled] < 2]
    for model in (LogisticRegression(), MultinomialNB(), GaussianNB()):
        positive = small_text.SklearnDataset(np.abs(dataset.x), dataset.y, np.arange(4))
        clf = fitted(model, positive, some)
        for name in BY_PROBA:
            picks = [
                getattr(module, name)().query(clf, positive, unlabeled, some, None, n=9)
                for module in (small_text, ours)
            ]
            np.testing.assert_array_equal(*picks)


# --- core-sets


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("normalize", [True, False])
def test_greedy_coreset_as_theirs(metric, normalize):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        dataset, unlabeled, labeled, y = data(rng)
        X = rng.normal(size=(len(dataset), 6))
        order = np.concatenate([unlabeled, labeled])
        theirs, own = (
            module.GreedyCoreset(distance_metric=metric, normalize=normalize)
            for module in (small_text, ours)
        )
        arguments = (None, dataset, unlabeled, labeled, y)
        expected = theirs.query(*arguments, n=30, embeddings=X[order])
        np.testing.assert_array_equal(own.query(*arguments, n=30, embeddings=X), expected)
        sparse = own.query(*arguments, n=30, embeddings=sp.csr_matrix(X))
        np.testing.assert_array_equal(sparse, expected)


@given(
    points=st.lists(st.tuples(*[st.integers(-3, 3)] * 2), min_size=4, max_size=25),
    seed=st.integers(0, 99),
)
@settings(max_examples=60, deadline=None)
def test_ties_of_distances_go_as_theirs_do(points, seed):
    # Whole numbers: equal distances are equal in both, duplicates and rows of zeros are common.
    X = np.array(points, dtype=float)
    order = np.random.default_rng(seed).permutation(len(X))
    unlabeled, labeled = order[:-1], order[-1:]
    n = len(unlabeled) - 1
    dataset = small_text.SklearnDataset(X, np.zeros(len(X)), [0])
    theirs, own = (m.GreedyCoreset("euclidean", normalize=False) for m in (small_text, ours))
    arguments = (None, dataset, unlabeled, labeled, None)
    expected = theirs.query(*arguments, n=n, embeddings=X[order])
    np.testing.assert_array_equal(own.query(*arguments, n=n), expected)
    np.testing.assert_array_equal(
        own.query(*arguments, n=n, embeddings=sp.csr_matrix(X)), expected
    )


@SPARSE
def test_rows_that_are_neither_labelled_nor_not_play_no_part(sparse):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 5))
    unlabeled, labeled = np.array([30, 3, 17, 8, 22, 9]), np.array([1, 39])
    expected = small_text.greedy_coreset(
        X[np.concatenate([unlabeled, labeled])], np.arange(6), np.array([6, 7]), 4
    )
    picks = ours.greedy_coreset(sp.csr_matrix(X) if sparse else X, unlabeled, labeled, 4)
    np.testing.assert_array_equal(picks, unlabeled[expected])


def test_greedy_coreset_function_as_theirs_where_unlabelled_rows_come_first():
    X = np.random.default_rng(1).normal(size=(50, 4))
    for metric in ("cosine", "euclidean"):
        arguments = (X, np.arange(40), np.arange(40, 50), 20)
        expected = small_text.greedy_coreset(*arguments, distance_metric=metric)
        picks = ours.greedy_coreset(*arguments, distance_metric=metric)
        np.testing.assert_array_equal(picks, expected)


def test_theirs_greedy_coreset_takes_positions_for_row_numbers():
    X = np.array([[0.0], [1.0], [5.0], [9.0], [7.0]])
    unlabeled, labeled = np.array([1, 2, 3, 4]), np.array([0])
    arguments = (X, unlabeled, labeled, 2)
    theirs = small_text.greedy_coreset(*arguments, distance_metric="euclidean")
    # The farthest is row 3, which is number 2 of the unlabelled; row 2 then counts as picked.
    assert theirs[0] == 2
    assert theirs[1] != 1, "number 1 of the unlabelled is row 2, the second farthest"
    picks = ours.greedy_coreset(*arguments, distance_metric="euclidean")
    np.testing.assert_array_equal(picks, [3, 2])


def test_theirs_greedy_coreset_takes_copies_of_labelled_rows_first():
    # A cosine that rounding makes larger than 1 has no angle, and argmax takes NaN.
    rng = np.random.default_rng(0)
    wrong = 0
    for _ in range(50):
        X = rng.normal(size=(20, 5))
        X[7] = X[19]
        arguments = (X, np.arange(19), np.array([19]), 1)
        wrong += small_text.greedy_coreset(*arguments)[0] == 7
        assert ours.greedy_coreset(*arguments)[0] != 7
    assert wrong > 0


def test_theirs_greedy_coreset_needs_a_labelled_row():
    X = np.array([[0.0], [4.0], [9.0]])
    arguments = (X, np.arange(3), np.array([], dtype=int), 2)
    with pytest.raises(ValueError, match="0 sample"):
        small_text.greedy_coreset(*arguments, distance_metric="euclidean")
    picks = ours.greedy_coreset(*arguments, distance_metric="euclidean")
    np.testing.assert_array_equal(picks, fastal.k_center_greedy(X, 2)[0])


def test_theirs_greedy_coreset_repeats_itself_when_rows_run_out():
    X = np.random.default_rng(0).normal(size=(6, 3))
    arguments = (X, np.arange(3), np.arange(3, 6), 5)
    theirs = small_text.greedy_coreset(*arguments, distance_metric="euclidean")
    assert len(set(theirs.tolist())) == 3
    with pytest.raises(ValueError, match=r"n \(n=5\) is greater .*num_samples=3"):
        ours.greedy_coreset(*arguments, distance_metric="euclidean")


def test_theirs_greedy_coreset_forgets_its_batch_size(monkeypatch):
    module = importlib.import_module("small_text.query_strategies.coresets")
    seen = {}

    def spy(*_, **keywords):
        seen.update(keywords)
        return np.arange(2)

    monkeypatch.setattr(module, "greedy_coreset", spy)
    dataset, unlabeled, labeled, y = data(np.random.default_rng(0))
    strategy = small_text.GreedyCoreset("cosine", batch_size=7)
    strategy.query(None, dataset, unlabeled, labeled, y, n=2, embeddings=dataset.x)
    assert "batch_size" not in seen


def test_theirs_embeddings_are_not_rows_of_the_dataset():
    # They are taken for the unlabelled rows, then the labelled ones, which a caller who has an
    # array for the dataset does not have.
    X = np.array([[0.0, 1], [0.1, 1], [9, 1], [0.2, 1], [0.3, 1]])
    dataset = small_text.SklearnDataset(X, np.zeros(5, int), [0])
    arguments = (None, dataset, np.array([1, 2, 3, 4]), np.array([0]), np.zeros(1))
    theirs, own = (m.GreedyCoreset("euclidean", False) for m in (small_text, ours))
    assert theirs.query(*arguments, n=1, embeddings=X)[0] != 2
    assert own.query(*arguments, n=1, embeddings=X)[0] == 2
    assert theirs.query(*arguments, n=1, embeddings=X[[1, 2, 3, 4, 0]])[0] == 2


@pytest.mark.parametrize("normalize", [True, False])
def test_lightweight_coreset_as_theirs(normalize):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        dataset, unlabeled, labeled, y = data(rng)
        X = rng.normal(size=(len(dataset), 6))
        order = np.concatenate([unlabeled, labeled])
        arguments = (None, dataset, unlabeled, labeled, y)
        picks = []
        for strategy, rows in (
            (small_text.LightweightCoreset(normalize), X[order]),
            (ours.LightweightCoreset(normalize), X),
            (ours.LightweightCoreset(normalize), sp.csr_matrix(X)),
        ):
            np.random.seed(seed)
            picks.append(strategy.query(*arguments, n=20, embeddings=rows))
        np.testing.assert_array_equal(picks[0], picks[1])
        np.testing.assert_array_equal(picks[0], picks[2])


def test_theirs_lightweight_coreset_fails_on_copies():
    X = np.tile(np.random.default_rng(0).random(7), (30, 1))
    arguments = (X, X.mean(axis=0), 5)
    with pytest.raises(ValueError, match="NaN"):
        small_text.lightweight_coreset(*arguments)
    assert len(set(ours.lightweight_coreset(*arguments).tolist())) == 5
    X = np.vstack([X, np.zeros(7)])
    assert len(ours.lightweight_coreset(sp.csr_matrix(X), X.mean(axis=0), 31)) == 31


def test_lightweight_coreset_with_a_distribution_as_theirs():
    X = np.random.default_rng(0).random((30, 4))
    picks = []
    for module in (small_text, ours):
        np.random.seed(1)
        picks.append(module.lightweight_coreset(X, X.mean(axis=0), 9, proba=np.arange(30.0)))
    np.testing.assert_array_equal(*picks)


# --- k-means


@SPARSE
def test_k_means_finds_clear_clusters_as_theirs(sparse):
    centers = 20.0 * np.eye(6)
    X, y = make_blobs(200, centers=centers, cluster_std=0.3, random_state=0)
    dataset = small_text.SklearnDataset(X, y, np.arange(6))
    unlabeled, labeled = np.arange(10, 200), np.arange(10)
    found = []
    for module, rows in (
        (small_text, X[np.r_[10:200, 0:10]]),
        (ours, sp.csr_matrix(X) if sparse else X),
    ):
        # Either may end in a local optimum.
        batches = []
        for seed in range(8):
            np.random.seed(seed)
            picks = module.EmbeddingKMeans().query(
                None, dataset, unlabeled, labeled, y[:10], n=6, embeddings=rows
            )
            if len(np.unique(y[picks])) == 6:
                batches.append(np.sort(picks))
        assert batches
        assert all(np.array_equal(batches[0], batch) for batch in batches)
        found.append(batches[0])
    np.testing.assert_array_equal(*found)


def test_k_means_more_clusters_than_distinct_rows():
    X = np.repeat(np.eye(3), 5, axis=0)
    dataset = small_text.SklearnDataset(X, np.zeros(15, int), [0])
    picks = ours.EmbeddingKMeans().query(
        None, dataset, np.arange(1, 15), np.array([0]), np.zeros(1), n=9
    )
    assert len(set(picks.tolist())) == 9
    assert 0 not in picks


# --- contrastive


@SPARSE
@pytest.mark.parametrize("normalize", [True, False])
def test_contrastive_as_theirs(sparse, normalize):
    for seed in range(5):
        rng = np.random.default_rng(seed)
        y = np.arange(90) % 3
        X = rng.normal(size=(90, 6)) + y[:, np.newaxis]
        dataset = small_text.SklearnDataset(sp.csr_matrix(X) if sparse else X, y, np.arange(3))
        labeled = np.sort(rng.choice(90, 25, replace=False))
        unlabeled = np.setdiff1d(np.arange(90), labeled)
        theirs, own = (
            module.ContrastiveActiveLearning(k=5, normalize=normalize, pbar=None)
            for module in (small_text, ours)
        )
        arguments = (dataset, unlabeled, labeled, y[labeled])
        with_embed = Embedding(LogisticRegression(), 3).fit(dataset[labeled])
        expected = theirs.query(with_embed, *arguments, n=12)
        np.testing.assert_array_equal(own.query(with_embed, *arguments, n=12), expected)
        # Without embed(), by dataset.x: theirs has no attribute embed to call.
        plain = fitted(LogisticRegression(), dataset, labeled, 3)
        np.testing.assert_array_equal(own.query(plain, *arguments, n=12), expected)
        with pytest.raises(AttributeError, match="embed"):
            theirs.query(plain, *arguments, n=12)


def test_theirs_contrastive_ignores_embeddings():
    dataset, unlabeled, labeled, y = data(np.random.default_rng(0))
    clf = Embedding(LogisticRegression(), 4).fit(dataset[labeled])
    X = np.random.default_rng(1).normal(size=(len(dataset), 3))
    theirs, own = (m.ContrastiveActiveLearning(pbar=None) for m in (small_text, ours))
    arguments = (clf, dataset, unlabeled, labeled, y)
    np.testing.assert_array_equal(theirs.query(*arguments, embeddings=X), theirs.query(*arguments))
    assert set(own.query(*arguments, embeddings=X)) != set(own.query(*arguments))


def test_contrastive_without_distributions_as_theirs():
    rng = np.random.default_rng(0)
    X, proba = rng.normal(size=(50, 4)), rng.random((50, 3))
    dataset = small_text.SklearnDataset(X, np.zeros(50, int), [0])
    arguments = (None, dataset, np.arange(40), np.arange(40, 50), None, 8, X)
    np.testing.assert_array_equal(
        *[
            module.ContrastiveActiveLearning().sample(*arguments, embeddings_proba=proba)
            for module in (small_text, ours)
        ]
    )


# --- discriminative


@SPARSE
@pytest.mark.parametrize("factor", [1, 100], ids=["some", "all"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_discriminative_trains_and_selects_as_theirs(sparse, factor, shuffle):
    for seed in range(2):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(120, 8))
        dataset = small_text.SklearnDataset(
            sp.csr_matrix(X) if sparse else X, np.zeros(120, int), np.arange(2)
        )
        order = rng.permutation(120)
        labeled, unlabeled = order[:12], order[12:] if shuffle else np.sort(order[12:])
        factory = small_text.SklearnClassifierFactory(LogisticRegression(tol=1e-10), 2)
        picks, next_numbers = [], []
        for module in (small_text, ours):
            strategy = module.DiscriminativeActiveLearning(factory, 4, factor)
            np.random.seed(seed)
            picks.append(
                strategy.query(None, dataset, unlabeled, labeled, np.zeros(12, int), n=18)
            )
            next_numbers.append(np.random.random())
        # 4 + 4 + 4 + 6; in each, theirs has the order of a partial sort.
        for part in (slice(0, 4), slice(4, 8), slice(8, 12), slice(12, 18)):
            assert set(picks[0][part]) == set(picks[1][part])
        assert next_numbers[0] == next_numbers[1]


def test_theirs_discriminative_cannot_tell_certain_rows_apart():
    X = np.array([[0.0], [0.1]] + [[800.0 + 100 * i] for i in range(6)])
    dataset = small_text.SklearnDataset(X, np.zeros(8, int), np.arange(2))
    factory = small_text.SklearnClassifierFactory(LogisticRegression(C=1e3), 2)
    arguments = (None, dataset, np.arange(1, 8), np.array([0]), np.zeros(1, int))
    theirs = small_text.DiscriminativeActiveLearning(factory, 1)
    theirs.query(*arguments, n=1)
    proba = theirs.clf_.predict_proba(dataset)[:, 1]
    assert (proba[2:] == 1).all()
    picks = ours.DiscriminativeActiveLearning(factory, 1).query(*arguments, n=2)
    np.testing.assert_array_equal(picks, [7, 6])


def test_discriminative_leaves_other_classifiers_to_the_original():
    class Other(small_text.SklearnClassifier):
        def predict_proba(self, data_set):
            return super().predict_proba(data_set)

    factory = SimpleNamespace(new=lambda: Other(LogisticRegression(), 2))
    dataset, unlabeled, labeled, y = data(np.random.default_rng(0), n_classes=2)
    picks = []
    for module in (small_text, ours):
        np.random.seed(3)
        strategy = module.DiscriminativeActiveLearning(factory, 2)
        picks.append(strategy.query(None, dataset, unlabeled, labeled, y))
    np.testing.assert_array_equal(*picks)


# --- BADGE


@pytest.fixture
def their_badge(monkeypatch):
    """Theirs, which needs PyTorch to be imported, but not for what is called here."""
    package = "small_text.integrations.pytorch"
    for name in ("torch", "torch.nn", "torch.nn.functional"):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    for name in ("misc", "data"):
        monkeypatch.setitem(sys.modules, f"{package}.utils.{name}", MagicMock())
    folder = Path(small_text.__file__).parent / "integrations" / "pytorch" / "query_strategies"
    spec = importlib.util.spec_from_file_location("their_badge", folder / "strategies.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.BADGE


def test_theirs_badge_has_no_gradient_embeddings(their_badge):
    X = np.array([[1.0, 2.0], [3.0, -1.0], [0.5, 0.5]])
    proba = np.array([[0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [1.0, 0.0, 0.0]])
    theirs = their_badge(3).get_badge_embeddings(X, proba)
    # A gradient is (p - e) x: that of a row the model is certain of is 0.
    gradients = (proba - np.eye(3)[proba.argmax(axis=1)])[:, :, np.newaxis] * X[:, np.newaxis]
    assert np.abs(gradients[2]).max() == 0
    np.testing.assert_allclose(theirs, (-proba[:, :, np.newaxis] * X[:, np.newaxis]).reshape(3, 6))
    # And of two classes, theirs takes the rows as they are, whatever the model says.
    np.testing.assert_array_equal(their_badge(2).get_badge_embeddings(X, proba[:, :2]), X)


@SPARSE
def test_badge_is_fastals(sparse):
    X = np.random.default_rng(0).normal(size=(40, 5))
    proba = np.tile([1.0, 0.0, 0.0], (40, 1))
    unsure = np.array([33, 7, 21])
    proba[unsure] = [0.5, 0.3, 0.2]
    dataset = small_text.SklearnDataset(sp.csr_matrix(X) if sparse else X, np.zeros(40, int), [0])
    unlabeled = np.setdiff1d(np.arange(40), [0, 1])[::-1]
    for seed in range(5):
        np.random.seed(seed)
        expected = fastal.badge(
            proba,
            dataset.x,
            3,
            [0, 1],
            random_state=np.random.RandomState(seed).randint(2**31 - 1),
        )
        picks = ours.BADGE(3).query(
            Asked(proba), dataset, unlabeled, np.array([0, 1]), np.zeros(2, int), n=3
        )
        np.testing.assert_array_equal(picks, expected)
        # The longest gradient first; rows of which the model is certain are all at one place.
        assert picks[0] in unsure
        assert len(set(picks) - set(unsure)) <= 1


def test_badge_refuses_multi_label_as_theirs():
    dataset, unlabeled, labeled, _ = data(np.random.default_rng(0))
    y = sp.csr_matrix(np.ones((len(labeled), 4)))
    with pytest.raises(RuntimeError, match="requires classification_type=single-label"):
        ours.BADGE(4).query(None, dataset, unlabeled, labeled, y)
    assert str(ours.BADGE(4)) == "BADGE(num_classes=4)"


# --- what all have in common

ALL = {
    "LeastConfidence": {},
    "BreakingTies": {},
    "PredictionEntropy": {},
    "GreedyCoreset": {},
    "LightweightCoreset": {},
    "EmbeddingKMeans": {},
    "ContrastiveActiveLearning": {},
    "DiscriminativeActiveLearning": {
        "classifier_factory": small_text.SklearnClassifierFactory(LogisticRegression(), 2),
        "num_iterations": 2,
    },
    "BADGE": {"num_classes": 4},
}
EVERY = pytest.mark.parametrize("name", ALL)
ON_FEATURES = [
    name for name in ALL if issubclass(getattr(ours, name), small_text.EmbeddingBasedQueryStrategy)
]


@EVERY
@SPARSE
def test_rounds_of_an_active_learner(name, sparse):
    """Each round's rows are new and unlabelled; a seed decides; nothing that is given changes."""
    runs = []
    for _ in range(2):
        dataset, _, labeled, y = data(np.random.default_rng(0), sparse=sparse)
        before = dataset.x.copy()
        np.random.seed(5)
        learner = small_text.PoolBasedActiveLearner(
            small_text.SklearnClassifierFactory(LogisticRegression(), 4),
            getattr(ours, name)(**ALL[name]),
            dataset,
        )
        learner.initialize_data(labeled, y)
        for _ in range(3):
            rows = learner.query(num_samples=10)
            learner.update(dataset.y[rows])  # which refuses rows that are labelled
        runs.append(learner.indices_labeled)
        assert abs(dataset.x - before).sum() == 0
    np.testing.assert_array_equal(*runs)


@EVERY
def test_sparse_rows_are_picked_as_dense_ones(name):
    picks = []
    for sparse in (False, True):
        dataset, unlabeled, labeled, y = data(np.random.default_rng(2), sparse=sparse)
        clf = fitted(LogisticRegression(tol=1e-10), dataset, labeled)
        np.random.seed(0)
        strategy = getattr(ours, name)(**ALL[name])
        picks.append(strategy.query(clf, dataset, unlabeled, labeled, y, n=8))
    np.testing.assert_array_equal(*picks)


@EVERY
def test_all_that_are_left_and_more(name):
    dataset, unlabeled, labeled, y = data(np.random.default_rng(0))
    clf = fitted(LogisticRegression(), dataset, labeled)
    strategy = getattr(ours, name)(**ALL[name])
    arguments = (clf, dataset, unlabeled[::-1], labeled, y)
    np.testing.assert_array_equal(strategy.query(*arguments, n=len(unlabeled)), unlabeled[::-1])
    with pytest.raises(small_text.PoolExhaustedException):
        strategy.query(*arguments, n=len(unlabeled) + 1)
    with pytest.raises(small_text.EmptyPoolException):
        strategy.query(clf, dataset, np.array([], dtype=int), labeled, y, n=1)


@EVERY
def test_their_subsampling_wraps_ours(name):
    dataset, unlabeled, labeled, y = data(np.random.default_rng(0), n_rows=150, sparse=True)
    clf = fitted(LogisticRegression(), dataset, labeled)
    wrapped = small_text.SubsamplingQueryStrategy(getattr(ours, name)(**ALL[name]), 40)
    rows = wrapped.query(clf, dataset, unlabeled, labeled, y, n=12)
    assert len(set(rows.tolist())) == 12
    assert set(rows) <= set(unlabeled)


@pytest.mark.parametrize("name", BY_PROBA)
def test_subsampled_scores_and_picks_are_theirs(name):
    dataset, unlabeled, labeled, y = data(np.random.default_rng(0), n_rows=150)
    clf = fitted(LogisticRegression(), dataset, labeled)
    picks, scores = [], []
    for module in (small_text, ours):
        wrapped = small_text.SubsamplingQueryStrategy(getattr(module, name)(), 40)
        np.random.seed(0)
        picks.append(wrapped.query(clf, dataset, unlabeled, labeled, y, n=12))
        scores.append(wrapped.scores_)
    np.testing.assert_array_equal(*picks)
    np.testing.assert_allclose(*scores, rtol=1e-9)


@EVERY
def test_they_are_theirs_in_name_and_kind(name):
    strategy = getattr(ours, name)(**ALL[name])
    assert isinstance(strategy, small_text.QueryStrategy)
    if name != "BADGE":
        theirs = getattr(small_text, name)(**ALL[name])
        assert isinstance(strategy, type(theirs))
        assert str(strategy) == str(theirs)


@pytest.mark.parametrize("name", ON_FEATURES)
def test_an_embedding_classifier_is_asked_for_embeddings(name):
    dataset, unlabeled, labeled, y = data(np.random.default_rng(4))
    clf = Embedding(LogisticRegression(), 4).fit(dataset[labeled])
    plain = fitted(LogisticRegression(), dataset, labeled)
    strategy = getattr(ours, name)(**ALL[name])
    picks = []
    for asked in (clf, plain):
        np.random.seed(0)
        picks.append(strategy.query(asked, dataset, unlabeled, labeled, y, n=7, pbar=None))
    if name not in ("EmbeddingKMeans", "BADGE"):  # whose draws follow the order of the rows
        np.testing.assert_array_equal(*picks)
    for rows in picks:
        assert len(set(rows.tolist())) == 7
        assert set(rows) <= set(unlabeled)


def test_rows_in_place_of_a_dataset():
    """As an active learner's query(representation=...) passes them on."""
    dataset, unlabeled, labeled, y = data(np.random.default_rng(0))
    strategy = ours.GreedyCoreset("cosine")
    np.testing.assert_array_equal(
        strategy.query(None, dataset.x, unlabeled, labeled, y, n=5),
        strategy.query(None, dataset, unlabeled, labeled, y, n=5),
    )


@pytest.mark.parametrize("name", ON_FEATURES)
def test_wrong_embeddings(name):
    dataset, unlabeled, labeled, y = data(np.random.default_rng(0))
    strategy = getattr(ours, name)(**ALL[name])
    arguments = (None, dataset, unlabeled, labeled, y)
    with pytest.raises(ValueError, match=r"embeddings must be .* each of 80 rows .*\(79, 12\)"):
        strategy.query(*arguments, embeddings=dataset.x[1:])
    with pytest.raises(ValueError, match=r"embeddings must be a matrix .*\(80,\)"):
        strategy.query(*arguments, embeddings=list(range(80)))
    texts = small_text.TextDataset(["a"] * 80, np.zeros(80, int), np.arange(2))
    with pytest.raises(TypeError, match=r"dataset\.x is no matrix of features, but list"):
        strategy.query(None, texts, unlabeled, labeled, y)


def test_wrong_numbers_of_features_and_metrics():
    dataset, unlabeled, labeled, y = data(np.random.default_rng(0))
    clf = fitted(LogisticRegression(), dataset, labeled)
    narrow = small_text.SklearnDataset(dataset.x[:, 1:], dataset.y, np.arange(4))
    with pytest.raises(ValueError, match="11"):
        ours.BreakingTies().query(clf, narrow, unlabeled, labeled, y)
    with pytest.raises(ValueError, match="Invalid distance metric: manhattan"):
        ours.greedy_coreset(dataset.x, unlabeled, labeled, 2, distance_metric="manhattan")
    with pytest.raises(ValueError, match="Invalid distance metric: manhattan"):
        ours.GreedyCoreset("manhattan")
    with pytest.raises(ValueError, match="num_iterations cannot be greater"):
        ours.DiscriminativeActiveLearning(None, 5).query(clf, dataset, unlabeled, labeled, y, n=4)


# --- probabilities that few expect


@pytest.mark.parametrize("name", ["LeastConfidence", "BreakingTies"])
def test_ties_of_a_forest(name):
    rng = np.random.default_rng(0)
    for _ in range(10):
        dataset = small_text.SklearnDataset(
            rng.normal(size=(60, 3)), rng.integers(3, size=60), np.arange(3)
        )
        labeled, unlabeled = np.arange(20), np.arange(20, 60)
        forest = RandomForestClassifier(10, random_state=0)
        clf = fitted(forest, dataset, labeled, n_classes=3)
        picks = [
            getattr(module, name)().query(clf, dataset, unlabeled, labeled, [], n=10)
            for module in (small_text, ours)
        ]
        np.testing.assert_array_equal(*picks)


@pytest.mark.parametrize("name", BY_PROBA)
def test_rows_of_a_model_that_sum_to_2(name, monkeypatch):
    # As scikit-learn's naive Bayes gives them for some float32 rows.
    dataset, unlabeled, labeled, y = data(np.random.default_rng(0))
    clf = fitted(GaussianNB(), dataset, labeled)
    proba = clf.model.predict_proba(dataset.x)
    proba[unlabeled[0]] = [1, 1, 0, 0]
    monkeypatch.setattr(clf.model, "predict_proba", lambda X: proba, raising=True)
    picks = [
        getattr(module, name)().query(clf, dataset, unlabeled, labeled, y, n=5)
        for module in (small_text, ours)
    ]
    np.testing.assert_array_equal(*picks)


def test_contrastive_of_probabilities_that_are_0_is_theirs():
    rng = np.random.default_rng(3)
    X = rng.normal(size=(40, 2))
    dataset = small_text.SklearnDataset(X, (X[:, 0] > 0).astype(int), np.arange(2))
    labeled, unlabeled = np.arange(10), np.arange(10, 40)
    clf = Embedding(LogisticRegression(C=1e6), 2).fit(dataset[labeled])
    assert (clf.predict_proba(dataset) == 0).any()
    picks = [
        module.ContrastiveActiveLearning(k=4).query(
            clf, dataset, unlabeled, labeled, dataset.y[labeled], n=6, pbar=None
        )
        for module in (small_text, ours)
    ]
    np.testing.assert_array_equal(*picks)
