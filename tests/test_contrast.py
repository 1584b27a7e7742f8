"""Contrastive scores and discriminative batches: the pool against the labelled rows."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import NO_JIT, assert_scores_equal, nasty_probas, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import rel_entr
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestNeighbors
from threadpoolctl import threadpool_limits

import fastal
from fastal import _reference, _threads

MODULE = sys.modules["fastal.contrast"]
EXAMPLES = settings(max_examples=15 if NO_JIT else 80, deadline=None)


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread():
    # On a busy machine the threads of BLAS make these tiny fits ten times slower.
    with threadpool_limits(1):
        yield


def predictions(seed, n_rows, n_classes, concentration=0.4):
    return np.random.default_rng(seed).dirichlet(np.full(n_classes, concentration), n_rows)


def shuffled(X):
    """Return X with the entries of each row in random order, as TfidfVectorizer leaves them."""
    X = X.copy()
    rng = np.random.default_rng(0)
    for start, stop in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        order = start + rng.permutation(stop - start)
        X.indices[start:stop], X.data[start:stop] = X.indices[order], X.data[order]
    X.has_sorted_indices = False
    return X


FORMS = {"csr": lambda X: X, "unsorted": shuffled, "dense": lambda X: X.toarray()}


# --- contrastive --------------------------------------------------------------------------------


@EXAMPLES
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 25), st.integers(1, 30)),
    n_labeled=st.integers(1, 40),
    n_classes=st.integers(1, 5),
    n_neighbors=st.integers(1, 12),
    density=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    form=st.sampled_from(sorted(FORMS)),
    dtype=st.sampled_from([np.float64, np.float32]),
    metric=st.sampled_from(["euclidean", "cosine"]),
    coarse=st.booleans(),
)
def test_contrastive_equals_reference(
    seed, shape, n_labeled, n_classes, n_neighbors, density, form, dtype, metric, coarse
):
    X = random_csr(np.random.RandomState(seed), shape[0] + n_labeled, shape[1], density, dtype)
    if coarse:  # many equal distances
        X.data = np.round(X.data * 2).astype(dtype)
    X = FORMS[form](X)
    proba = predictions(seed, X.shape[0], n_classes)
    args = proba[n_labeled:], X[n_labeled:], proba[:n_labeled], X[:n_labeled]
    actual = fastal.contrastive(*args, n_neighbors, metric)
    assert_scores_equal(actual, _reference.contrastive(*args, n_neighbors, metric))
    assert (actual >= 0).all()


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix, sp.csr_array, sp.coo_matrix])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_contrastive_equals_scikit_learn_and_scipy(make, metric):
    rng = np.random.default_rng(0)
    X, proba = rng.normal(size=(50, 7)), predictions(0, 50, 4)
    search = NearestNeighbors(n_neighbors=6, metric=metric, algorithm="brute").fit(X[:20])
    nearest = search.kneighbors(X, return_distance=False)
    expected = [rel_entr(proba[nearest[i]], proba[i]).sum(axis=1).mean() for i in range(50)]
    actual = fastal.contrastive(proba, make(X), proba[:20], make(X[:20]), 6, metric)
    assert_scores_equal(actual, expected)


def test_contrastive_by_hand():
    X_labeled, known = [[0.0], [1.0], [10.0]], [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
    proba = [[0.5, 0.5], [0.25, 0.75]]
    # The neighbours of both rows are the first two; KL(neighbour || row), not the other way round.
    first = (np.log(2) + 0) / 2
    second = (np.log(4) + 0.5 * np.log(2) + 0.5 * np.log(2 / 3)) / 2
    scores = fastal.contrastive(proba, [[0.4], [0.6]], known, X_labeled, n_neighbors=2)
    np.testing.assert_allclose(scores, [first, second])
    # Nearest is the second row, or the third.
    scores = fastal.contrastive(proba, [[0.9], [9.0]], known, X_labeled, n_neighbors=1)
    np.testing.assert_allclose(scores, [0, np.log(4 / 3)], atol=1e-15)
    # The cosine does not see lengths.
    scores = fastal.contrastive(
        [[0.5, 0.5]], [[100.0, 1.0]], known[::2], [[1.0, 0.0], [99, 90]], 1, metric="cosine"
    )
    np.testing.assert_allclose(scores, [np.log(2)])


def test_only_labelled_rows_are_neighbours():
    # small-text looks for neighbours among all rows: each row is then its own nearest one.
    X = np.arange(6.0)[:, np.newaxis]
    proba = np.repeat([[0.9, 0.1], [0.1, 0.9]], 3, axis=0)
    scores = fastal.contrastive(proba, X, proba[:1], X[:1], n_neighbors=3)
    np.testing.assert_allclose(scores[:3], 0, atol=1e-15)
    np.testing.assert_allclose(scores[3:], 0.8 * np.log(9))


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix])
def test_equal_distances_go_to_the_lowest_labelled_row(make):
    known = np.array([[0.9, 0.1], [0.5, 0.5], [0.1, 0.9]])
    for labelled in ([[1.0, 0]] * 3, [[0.0, 0]] * 3, [[0.0, 1.0], [0.0, -1.0], [0.0, 1.0]]):
        scores = fastal.contrastive([[0.5, 0.5]], make([[1.0, 0]]), known, make(labelled), 1)
        np.testing.assert_allclose(scores, rel_entr(known[0], 0.5).sum())


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_distances_that_differ_by_rounding_are_equal(metric):
    # The same products in another order: which is the least, the compiler would say.
    rng = np.random.default_rng(0)
    x = rng.random(40)
    labelled = np.stack([rng.permutation(x) for _ in range(30)])
    known = predictions(0, 30, 3)
    pool = sp.csr_matrix(np.ones((1, 40)))
    scores = fastal.contrastive(known[:1], pool, known, sp.csr_matrix(labelled), 1, metric)
    np.testing.assert_allclose(scores, 0, atol=1e-12)


def test_dense_rows_far_from_the_origin():
    X = 1e8 + np.array([[0.0], [1.0], [2.0]])
    known = predictions(0, 3, 3)
    np.testing.assert_allclose(fastal.contrastive(known, X, known, X, 1), 0, atol=1e-12)


@pytest.mark.parametrize("case", nasty_probas())
def test_contrastive_of_nasty_probabilities(case):
    proba = nasty_probas()[case]
    X = np.random.default_rng(0).normal(size=(len(proba), 3))
    known = predictions(1, 9, proba.shape[1])
    X_labeled = np.random.default_rng(1).normal(size=(9, 3))
    before = proba.copy()
    actual = fastal.contrastive(proba, X, known, X_labeled, 3)
    expected = _reference.contrastive(proba, X, known, X_labeled, 3)
    # A denormal logarithm is off by a few percent, where the kernel has none.
    rtol = 0.05 if case == "denormals" else 1e-9
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=1e-12)
    assert np.isfinite(actual).all()
    np.testing.assert_array_equal(proba, before)
    if len(proba):
        swapped = fastal.contrastive(known, X_labeled, proba, X, 3)
        expected = _reference.contrastive(known, X_labeled, proba, X, 3)
        np.testing.assert_allclose(swapped, expected, rtol=1e-9, atol=1e-12)


def test_probabilities_of_zero_give_large_but_finite_scores():
    known, X = [[0.5, 0.5]], [[1.0]]
    scores = fastal.contrastive([[1.0, 0.0], [1.0, 1e-300]], [[1.0], [1.0]], known, X)
    assert 300 < scores[1] < scores[0] < 360
    # 0 log 0 = 0.
    np.testing.assert_array_equal(fastal.contrastive([[1.0, 0.0]], X, [[1.0, 0.0]], X), [0])


def test_fewer_labelled_rows_than_neighbours():
    X, proba = np.random.default_rng(0).normal(size=(9, 2)), predictions(0, 9, 3)
    some = fastal.contrastive(proba, X, proba[:4], X[:4], 4)
    np.testing.assert_array_equal(fastal.contrastive(proba, X, proba[:4], X[:4], 50), some)


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix])
def test_rows_of_zeros_no_columns_and_no_rows(make):
    known = predictions(0, 3, 2)
    for width in (0, 4):
        for metric in ("euclidean", "cosine"):
            args = predictions(1, 5, 2), make(np.zeros((5, width))), known
            scores = fastal.contrastive(*args, make(np.zeros((3, width))), 2, metric)
            assert_scores_equal(
                scores, _reference.contrastive(*args, make(np.zeros((3, width))), 2, metric)
            )
    empty = fastal.contrastive(np.empty((0, 2)), make(np.empty((0, 4))), known, make(np.eye(3, 4)))
    assert empty.shape == (0,)


def test_labelled_rows_of_another_kind():
    X, proba = random_csr(np.random.RandomState(0)), predictions(0, 60, 3)
    expected = fastal.contrastive(proba, X, proba[:20], X[:20], 5)
    mixed = fastal.contrastive(proba, X, proba[:20], X[:20].toarray(), 5)
    np.testing.assert_array_equal(mixed, expected)
    dense = fastal.contrastive(proba, X.toarray(), proba[:20], X[:20], 5)
    np.testing.assert_allclose(dense, expected, atol=1e-12)


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_inputs_stay_as_they_are(index_dtype):
    X, proba = shuffled(random_csr(np.random.RandomState(1))), predictions(0, 60, 3)
    expected = fastal.contrastive(proba, X, proba[:9], X[:9])
    batch = fastal.discriminative(X, 6, np.arange(9), 2)
    X.indices, X.indptr = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    arrays = X.data, X.indices, X.indptr, proba
    before = [array.copy() for array in arrays]
    for _ in range(2):
        np.testing.assert_array_equal(fastal.contrastive(proba, X, proba[:9], X[:9]), expected)
        np.testing.assert_array_equal(fastal.discriminative(X, 6, np.arange(9), 2), batch)
        for array, old in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, old)
            array.flags.writeable = False


def test_duplicate_entries_count_once():
    twice = sp.csr_matrix((np.ones(4), [0, 0, 1, 1], [0, 2, 4]), shape=(2, 2))
    once = sp.csr_matrix(2 * np.eye(2))
    proba = predictions(0, 2, 2)
    np.testing.assert_array_equal(
        fastal.contrastive(proba, twice, proba, twice, 1),
        fastal.contrastive(proba, once, proba, once, 1),
    )


def test_blocks_and_threads_change_nothing(monkeypatch):
    n = 30 if NO_JIT else 300
    X, proba = random_csr(np.random.RandomState(2), n), predictions(2, n, 3)
    known = predictions(3, 20, 3)
    monkeypatch.setattr(_threads, "MIN_SHARE", 1)
    for pool in (X, X.toarray()):
        results = []
        for threads, most in (("1", 2**16), ("2", 7), ("9", 100)):
            monkeypatch.setenv("FASTAL_NUM_THREADS", threads)
            monkeypatch.setattr(MODULE, "_MOST_ROWS_PER_CALL", most)
            monkeypatch.setattr(MODULE, "_ROWS_AT_ONCE", most)
            scores = fastal.contrastive(proba, pool, known, pool[:20])
            results.append((scores, fastal.discriminative(pool, 9, [0, 1], 3)))
        for others in results[1:]:
            for one, other in zip(results[0], others, strict=True):
                np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"n_neighbors": 0}, ValueError, "n_neighbors must be a whole number of at least 1"),
        ({"n_neighbors": 1.5}, TypeError, "n_neighbors must be a whole number"),
        ({"metric": "dot"}, ValueError, "metric must be 'euclidean' or 'cosine'"),
        ({"proba": np.full((3, 2), 0.3)}, ValueError, "proba: .* must sum to 1"),
        ({"proba": np.full((3, 2), np.nan)}, ValueError, "proba: .* must be finite"),
        ({"proba": [[1.5, -0.5]] * 3}, ValueError, "proba: .* must not be negative"),
        ({"proba": np.ones(3)}, ValueError, "proba must have shape"),
        ({"proba": np.ones((2, 1))}, ValueError, "proba_labeled must have 1 classes"),
        ({"proba": np.eye(2)}, ValueError, "proba must have a row for each of 3 of X, got 2"),
        ({"proba_labeled": np.eye(2)[:1]}, ValueError, "proba_labeled must have a row for each"),
        ({"proba_labeled": [[0.5, 0.2]] * 2}, ValueError, "proba_labeled: .* must sum to 1"),
        ({"proba_labeled": np.empty((0, 2))}, ValueError, "proba_labeled must hold at least one"),
        ({"proba_labeled": np.empty((2, 0))}, ValueError, "proba_labeled must have at least one"),
        ({"X_labeled": np.ones((2, 5))}, ValueError, "X_labeled must have 4 features as X has"),
        ({"X_labeled": np.full((2, 4), np.inf)}, ValueError, "X_labeled must be finite, but row"),
        ({"X_labeled": np.full((2, 4), 1e200)}, ValueError, "X_labeled must be of a scale"),
        (
            {"X_labeled": sp.csr_matrix(np.full((2, 4), np.nan)), "X": sp.csr_matrix((3, 4))},
            ValueError,
            "X_labeled must be finite",
        ),
        ({"X": np.full((3, 4), np.nan)}, ValueError, "X must be finite, but row 0"),
        ({"X": np.ones(3)}, ValueError, "X must have shape"),
        ({"X": [["a"] * 4] * 3}, TypeError, "X must hold real numbers"),
    ],
)
def test_bad_input_of_contrastive(changes, error, message):
    args = {"proba": np.eye(2)[[0, 1, 0]], "X": np.ones((3, 4))}
    args |= {"proba_labeled": np.eye(2), "X_labeled": np.ones((2, 4))}
    with pytest.raises(error, match=message):
        fastal.contrastive(**(args | changes))


# --- discriminative -----------------------------------------------------------------------------


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("random_state", [None, 0, 3])
@pytest.mark.parametrize(("k", "n_sub_batches"), [(1, 10), (7, 3), (10, 5), (60, 4)])
def test_discriminative_equals_reference(form, random_state, k, n_sub_batches):
    X = FORMS[form](random_csr(np.random.RandomState(k)))
    labeled = [3, 11, 20, 41]
    args = k, labeled, n_sub_batches, None, random_state
    rows = fastal.discriminative(X, *args)
    np.testing.assert_array_equal(rows, _reference.discriminative(X, *args))
    assert rows.dtype == np.int64
    assert len(rows) == min(k, 56) == len(set(rows.tolist()))
    assert not set(rows.tolist()) & set(labeled)
    few = fastal.discriminative(X, *args[:-1], 5, n_unlabeled=20)
    np.testing.assert_array_equal(few, _reference.discriminative(X, *args[:-1], 5, n_unlabeled=20))


@pytest.mark.parametrize("estimator", [LogisticRegression(), GaussianNB(), Perceptron()])
def test_other_estimators(estimator):
    X = random_csr(np.random.RandomState(0)).toarray()
    rows = fastal.discriminative(X, 6, [0, 1, 2], 2, estimator)
    np.testing.assert_array_equal(rows, _reference.discriminative(X, 6, [0, 1, 2], 2, estimator))
    assert not hasattr(estimator, "classes_")


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix])
def test_discriminative_by_hand(make):
    # Two groups of rows of their own words; the first is labelled.
    X = make(np.repeat([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]], [6, 4, 2], axis=0))
    rows = fastal.discriminative(X, 2, [0, 1], n_sub_batches=1)
    assert set(rows.tolist()) <= set(range(6, 12))
    # The next sub-batch knows of the pick before: it goes to the other group.
    rows = fastal.discriminative(X, 2, [0, 1], n_sub_batches=2)
    groups = np.repeat([0, 1, 2], [6, 4, 2])[rows]
    assert set(groups.tolist()) == {1, 2}
    # Of equal rows the lowest, or any.
    assert rows[0] in (6, 10)
    firsts = {int(fastal.discriminative(X, 1, [0, 1], random_state=s)[0]) for s in range(30)}
    assert len(firsts) > 1


def test_more_sub_batches_than_rows():
    # small-text raises for more iterations than rows wanted.
    X = random_csr(np.random.RandomState(0))
    rows = fastal.discriminative(X, 3, [0], n_sub_batches=50)
    np.testing.assert_array_equal(rows, fastal.discriminative(X, 3, [0], n_sub_batches=3))


def test_sub_batches_are_of_about_equal_size(monkeypatch):
    sizes = []
    trained = MODULE._trained

    def spy(estimator, X, taken, *args):
        sizes.append(taken.size)
        return trained(estimator, X, taken, *args)

    monkeypatch.setattr(MODULE, "_trained", spy)
    fastal.discriminative(random_csr(np.random.RandomState(0)), 11, [0], n_sub_batches=4)
    assert sizes == [1, 4, 7, 10]


def test_the_sample_to_train_on(monkeypatch):
    seen = []

    class Spy(LogisticRegression):
        def fit(self, X, y):
            seen.append(np.bincount(y).tolist())
            return super().fit(X, y)

    X = random_csr(np.random.RandomState(0))
    fastal.discriminative(X, 2, [0, 1], 2, Spy())
    fastal.discriminative(X, 2, [0, 1], 2, Spy(), n_unlabeled=7)
    monkeypatch.setattr(MODULE, "_AT_LEAST", 5)
    fastal.discriminative(X, 2, [0, 1], 2, Spy())
    assert seen == [[2, 58], [3, 57], [2, 7], [3, 7], [2, 20], [3, 30]]


def test_seeds_of_the_sample():
    X = random_csr(np.random.RandomState(0))

    def batch(seed):
        return tuple(fastal.discriminative(X, 5, [0, 1], 2, None, seed, n_unlabeled=10).tolist())

    assert batch(1) == batch(1)
    assert len({batch(seed) for seed in range(8)}) > 1
    assert len({batch(None) for _ in range(8)}) > 1
    assert batch(np.random.default_rng(0)) == batch(np.random.default_rng(0))


def test_nothing_left_and_texts_without_words():
    X = sp.csr_matrix((4, 3))
    assert fastal.discriminative(X, 2, [0, 1, 2, 3]).shape == (0,)
    np.testing.assert_array_equal(fastal.discriminative(X, 5, [0, 1]), [2, 3])


@pytest.mark.parametrize(
    ("kwargs", "error", "message"),
    [
        ({"k": 0}, ValueError, "k must be a whole number of at least 1"),
        ({"n_sub_batches": 0}, ValueError, "n_sub_batches must be"),
        ({"n_unlabeled": 0}, ValueError, "n_unlabeled must be"),
        ({"n_unlabeled": 0.5}, TypeError, "n_unlabeled must be"),
        ({"labeled": []}, ValueError, "labeled must hold at least one row, got none"),
        ({"labeled": [3]}, ValueError, r"labeled must lie in 0\.\.2"),
        ({"X": np.full((3, 3), np.nan)}, ValueError, "X must be finite"),
        ({"X": np.ones(3)}, ValueError, "X must have shape"),
        ({"random_state": "a"}, TypeError, "random_state must be"),
        ({"estimator": LogisticRegression}, TypeError, "estimator must be a classifier"),
    ],
)
def test_bad_input_of_discriminative(kwargs, error, message):
    with pytest.raises(error, match=message):
        fastal.discriminative(**({"X": np.eye(3), "k": 1, "labeled": [0]} | kwargs))


def test_an_estimator_that_only_predicts():
    class Votes(LogisticRegression):
        decision_function = predict_proba = property()

    with pytest.raises(TypeError, match="must have decision_function or predict_proba, but Votes"):
        fastal.discriminative(np.eye(3), 1, [0], 1, Votes())
