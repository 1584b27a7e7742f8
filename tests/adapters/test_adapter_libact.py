"""libact's strategies beside ours: the same picks, or the right ones where theirs are wrong."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import library, random_csr
from sklearn.datasets import make_classification
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.tree import DecisionTreeClassifier

library("libact")

from libact import query_strategies as theirs  # noqa: E402
from libact.base.dataset import Dataset  # noqa: E402
from libact.models import SVM, LogisticRegression, SklearnProbaAdapter  # noqa: E402
from libact.query_strategies.multiclass import EER as TheirEER  # noqa: E402

import fastal  # noqa: E402
from fastal.adapters import libact as ours  # noqa: E402


def rows_of(n=60, n_classes=3, seed=0):
    return make_classification(
        n, 6, n_informative=5, n_redundant=0, n_classes=n_classes, class_sep=0.7, random_state=seed
    )


def dataset_of(X, y, n_labeled=20):
    return Dataset(X, [*y[:n_labeled], *[None] * (len(y) - n_labeled)])


def plain(**arguments):
    """A model that libact's own do not tell apart from a stranger's."""

    class Plain(SklearnProbaAdapter):
        pass

    return Plain(GaussianNB(**arguments))


def sequences(make, X, y, n_labeled=20, n=8):
    """Ids that theirs and ours ask for, one after the other, each labelled at once."""
    out = []
    for module in (theirs, ours):
        dataset = dataset_of(X, y, n_labeled)
        strategy = make(module, dataset)
        ids = []
        for _ in range(n):
            ids.append(int(strategy.make_query()))
            dataset.update(ids[-1], y[ids[-1]])
        out.append(ids)
    return out


def scores(make, X, y, n_labeled=20):
    return [make(m, dataset_of(X, y, n_labeled))._get_scores() for m in (theirs, ours)]


def assert_same_scores(make, X, y):
    # libact's BALD takes probabilities below 1e-10 for 1e-10.
    (ids, expected), (own, actual) = scores(make, X, y)
    np.testing.assert_array_equal(own, ids)
    np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-8)
    assert actual.dtype == np.float64


@pytest.mark.parametrize("method", ["lc", "sm", "entropy"])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "model", [LogisticRegression, lambda: SklearnProbaAdapter(GaussianNB()), plain]
)
def test_uncertainty_is_theirs(method, n_classes, model):
    X, y = rows_of(n_classes=n_classes)

    def make(module, dataset):
        return module.UncertaintySampling(dataset, model=model(), method=method)

    assert_same_scores(make, X, y)
    expected, actual = sequences(make, X, y)
    assert actual == expected
    asked, listed = make(ours, dataset_of(X, y)).make_query(return_score=True)
    assert asked == max(listed, key=lambda pair: pair[1])[0]


@pytest.mark.parametrize("method", ["lc", "sm"])
def test_uncertainty_without_probabilities_is_theirs(method):
    X, y = rows_of()

    def make(module, dataset):
        return module.UncertaintySampling(dataset, model=SVM(), method=method)

    assert_same_scores(make, X, y)


@pytest.mark.filterwarnings("ignore::RuntimeWarning:libact")
def test_theirs_entropy_of_a_certain_row_is_nan():
    X, y = rows_of()

    def make(module, dataset):
        tree = SklearnProbaAdapter(DecisionTreeClassifier(max_depth=2, random_state=0))
        return module.UncertaintySampling(dataset, model=tree, method="entropy")

    (_, expected), (_, actual) = scores(make, X, y)
    assert np.isnan(expected).any()
    tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X[:20], y[:20])
    np.testing.assert_allclose(actual, fastal.entropy(tree.predict_proba(X[20:])))
    # A NaN is what argmax takes for the largest.
    assert np.isnan(expected[make(theirs, dataset_of(X, y)).make_query() - 20])
    assert actual[make(ours, dataset_of(X, y)).make_query() - 20] == actual.max()


@pytest.mark.parametrize("disagreement", ["vote", "kl_divergence"])
@pytest.mark.parametrize("known", [True, False])
def test_committee_is_theirs(disagreement, known):
    X, y = rows_of()

    def make(module, dataset):
        models = [LogisticRegression(C=c, max_iter=1000) for c in (0.1, 1.0, 10.0, 100.0)]
        return module.QueryByCommittee(
            dataset,
            models=models if known else [*models, plain(var_smoothing=0.5)],
            disagreement=disagreement,
            random_state=3,
        )

    assert_same_scores(make, X, y)
    expected, actual = sequences(make, X, y)
    assert actual == expected


def test_bald_is_theirs():
    X, y = rows_of()

    def make(module, dataset):
        models = [LogisticRegression(C=c, max_iter=1000) for c in (0.1, 1.0, 10.0)]
        return module.BALD(dataset, models=models, random_state=3)

    def bagged(module, dataset):
        base = SklearnProbaAdapter(GaussianNB())
        return module.BALD(dataset, base_model=base, n_models=4, random_state=3)

    for each in (make, bagged):
        assert_same_scores(each, X, y)
        expected, actual = sequences(each, X, y)
        assert actual == expected


def test_theirs_draws_bags_for_ever(monkeypatch):
    # Ten classes with a row each: one bag of 2,756 holds them all.
    X, y = rows_of(40)
    y = np.append(np.arange(10), y[10:])
    drawn = []
    original = theirs.QueryByCommittee._labeled_uniform_sample

    def counted(self, size):
        drawn.append(size)
        if len(drawn) > 300:
            raise TimeoutError
        return original(self, size)

    monkeypatch.setattr(theirs.QueryByCommittee, "_labeled_uniform_sample", counted)
    models = [LogisticRegression(), LogisticRegression(C=9.0)]
    with pytest.raises(TimeoutError):
        theirs.QueryByCommittee(dataset_of(X, y, 10), models=models, random_state=0)
    for name in ("vote", "kl_divergence"):
        strategy = ours.QueryByCommittee(
            dataset_of(X, y, 10), models=models, disagreement=name, random_state=0
        )
        assert all(len(model.model.classes_) == 10 for model in models)
        assert strategy.make_query() >= 10


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "cityblock"])
def test_coreset_is_theirs(metric):
    X, y = rows_of()

    def make(module, dataset):
        return module.CoreSet(dataset, metric=metric, random_state=0)

    assert_same_scores(make, X, y)
    expected, actual = sequences(make, X, y)
    assert actual == expected
    # Nothing labelled; rows that are there twice.
    for rows, n_labeled in ((X, 0), (np.repeat(X[:20], 3, axis=0), 5)):
        expected, actual = sequences(make, rows, y, n_labeled)
        assert actual == expected


def test_coreset_of_transformed_rows_is_theirs():
    X, y = rows_of()

    class Double:
        def transform(self, rows):
            return 2 * rows[:, :2]

    assert_same_scores(lambda m, dataset: m.CoreSet(dataset, transformer=Double()), X, y)


@pytest.mark.parametrize("loss", ["log", "01"])
def test_error_reduction_is_theirs(loss):
    X, y = rows_of(40)
    X = np.abs(X)
    for model in (LogisticRegression(C=0.3), SklearnProbaAdapter(MultinomialNB())):
        asked = []
        for cls in (TheirEER, ours.EER):
            dataset = dataset_of(X, y, 28)
            strategy = cls(dataset, model=copy.deepcopy(model), loss=loss, random_state=0)
            asked.append(strategy.make_query())
        assert asked[1] == asked[0]
    exact = ours.EER(dataset_of(X, y, 28), model=model, loss=loss, method="exact")
    refitted = ours.EER(dataset_of(X, y, 28), model=model, loss=loss)
    np.testing.assert_allclose(exact._get_scores()[1], refitted._get_scores()[1])


@pytest.mark.filterwarnings("ignore::RuntimeWarning:libact")
def test_theirs_error_reduction_takes_places_for_labels():
    X, y = rows_of(40)
    model = LogisticRegression(C=0.3)
    expected = ours.EER(dataset_of(X, y, 28), model=model, random_state=0)._get_scores()[1]
    moved = dataset_of(X, y + 5, 28)
    np.testing.assert_allclose(ours.EER(moved, model=model)._get_scores()[1], expected)
    seen = []

    class Spy(LogisticRegression):
        def train(self, dataset):
            seen.extend(dataset.get_labeled_entries()[1])
            return super().train(dataset)

    TheirEER(moved, model=Spy(C=0.3)).make_query()
    assert min(seen) == 0


def on_sparse_rows():
    """What makes each strategy."""
    return {
        "UncertaintySampling": {"model": LogisticRegression()},
        "QueryByCommittee": {
            "models": [LogisticRegression(), LogisticRegression(C=9.0)],
            "random_state": 0,
        },
        "BALD": {"models": [LogisticRegression(), LogisticRegression(C=9.0)], "random_state": 0},
        "CoreSet": {"random_state": 0},
        "EER": {"model": LogisticRegression(), "random_state": 0},
    }


@pytest.mark.parametrize("name", on_sparse_rows())
def test_sparse_rows(name):
    X = random_csr(np.random.default_rng(0))
    y = np.arange(60) % 3
    arguments = on_sparse_rows()[name]
    before = X.copy()
    results = []
    for rows in (X, X.toarray()):
        strategy = getattr(ours, name)(dataset_of(rows, y, 30), **arguments)
        results.append((strategy._get_scores()[1], strategy.make_query()))
    # A row that is there twice is 1e-8 from itself on dense rows.
    np.testing.assert_allclose(results[0][0], results[1][0], rtol=1e-7, atol=1e-6)
    assert results[0][1] == results[1][1]
    assert (before != X).nnz == 0
    assert sp.isspmatrix_csr(X)


@pytest.mark.parametrize("name", ["QueryByCommittee", "BALD", "CoreSet", "EER"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning:libact")
def test_theirs_fails_on_sparse_rows(name):
    X, y = random_csr(np.random.default_rng(0)), np.arange(60) % 3
    cls = TheirEER if name == "EER" else getattr(theirs, name)
    with pytest.raises((TypeError, ValueError, IndexError)):
        cls(dataset_of(X, y, 30), **on_sparse_rows()[name]).make_query()


@pytest.mark.parametrize("name", on_sparse_rows())
def test_everything_labelled(name):
    X, y = rows_of()
    strategy = getattr(ours, name)(dataset_of(X, y, 60), **on_sparse_rows()[name])
    ids, nothing = strategy._get_scores()
    assert ids.size == nothing.size == 0
    with pytest.raises(ValueError, match="No unlabeled samples"):
        strategy.make_query()


def test_bad_arguments():
    X, y = rows_of()
    dataset = dataset_of(X, y)
    with pytest.raises(TypeError, match="model must be LogisticRegression or SklearnProba"):
        ours.EER(dataset, model=plain())
    with pytest.raises(ValueError, match="method must be one of"):
        ours.EER(dataset, model=LogisticRegression(), method="nothing").make_query()
    committee = ours.QueryByCommittee(dataset, models=["LogisticRegression"], disagreement="x")
    with pytest.raises(ValueError, match="disagreement must be 'vote' or 'kl_divergence'"):
        committee.make_query()
    with pytest.raises(TypeError, match="supported methods"):
        ours.UncertaintySampling(dataset, model=LogisticRegression(), method="x")
