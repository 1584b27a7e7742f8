"""MaxHerding and UncertaintyHerding against the reference and against values worked by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import NO_JIT, compiled_only, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.preprocessing import normalize

import fastal
from fastal import _facilities, _threads
from fastal import _reference_typical as _reference

EXAMPLES = settings(max_examples=12 if NO_JIT else 40, deadline=None)


def herding_equal(scores, X, k, **kwargs):
    """Pick for pick and gain for gain, to the last bit."""
    rows, gains = fastal.uncertainty_herding(scores, X, k, **kwargs)
    expected_rows, expected_gains = _reference.uncertainty_herding(scores, X, k, **kwargs)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(gains, expected_gains)
    assert rows.dtype == np.int64
    assert gains.dtype == np.float64
    return rows, gains


@EXAMPLES
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 30), st.integers(1, 20)),
    density=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    storage=st.sampled_from(["csr", "dense"]),
    dtype=st.sampled_from([np.float64, np.float32]),
    coarse=st.booleans(),
    n_labeled=st.integers(0, 10),
    k=st.integers(1, 12),
    sigma=st.sampled_from([1e-3, 0.3, 1.0, 1e3]),
    steps=st.sampled_from([1, 3, 1000]),
    random_state=st.sampled_from([None, 0, 1]),
)
def test_herding_equals_reference(
    seed, shape, density, storage, dtype, coarse, n_labeled, k, sigma, steps, random_state
):
    rng = np.random.RandomState(seed)
    X = random_csr(rng, *shape, density, dtype)
    if coarse:  # many exact ties and duplicates
        X.data = np.round(X.data * 2).astype(dtype)
    X = X if storage == "csr" else X.toarray()
    scores = np.floor(rng.uniform(size=shape[0]) * steps) / steps  # one step: all zero
    labeled = rng.permutation(shape[0])[:n_labeled]
    options = {"labeled": labeled if n_labeled else None, "sigma": sigma}
    options["random_state"] = random_state
    rows, gains = herding_equal(scores, X, k, **options)
    assert len(rows) == min(k, shape[0] - len(labeled)) == len(set(rows.tolist()))
    assert not set(rows.tolist()) & set(labeled.tolist())
    assert (np.diff(gains) <= 0).all()
    assert (gains >= 0).all()
    if steps == 1:
        plain = fastal.max_herding(X, k, **options)
        for one, other in zip(plain, _reference.max_herding(X, k, **options), strict=True):
            np.testing.assert_array_equal(one, other)


def test_many_evaluations_in_one_pick(monkeypatch):
    X = random_csr(np.random.RandomState(0), 60, 30, 0.3)
    scores = np.random.RandomState(0).uniform(size=60)
    monkeypatch.setattr(_threads, "MIN_SHARE", 1)
    for budget, paired, threads in ((1, 7, "1"), (3, 60, "3"), (64, 256, "20")):
        monkeypatch.setattr(_facilities, "_EVALUATIONS_PER_CALL", budget)
        monkeypatch.setattr(_facilities, "_PAIRED_ROWS_PER_CALL", paired)
        monkeypatch.setenv("FASTAL_NUM_THREADS", threads)
        herding_equal(scores, X, 15, labeled=[4])


def test_max_herding_by_hand():
    # Squared distances of unit rows: 2 at right angles, 2 (1 + 0.6) between row 4 and row 0.
    X = [[1.0, 0], [3, 0], [0, 1], [0, 0], [-3, -4]]
    rows, gains = fastal.max_herding(X, 5)
    apart, beyond = np.exp(-2), np.exp(-3.2)
    # The row of zeros counts as at right angles to all, itself too.
    np.testing.assert_array_equal(rows, [0, 4, 2, 1, 3])
    expected = [2 + 2 * apart + beyond, 1 - beyond, 1 - apart, 0, 0]
    np.testing.assert_allclose(gains, expected, rtol=1e-14, atol=0)
    # The length scale: a distance of sigma gives 1/e.
    gains = fastal.max_herding(X[:1] + X[2:3], 1, sigma=np.sqrt(2))[1]
    np.testing.assert_allclose(gains, [1 + np.exp(-1)], rtol=1e-14)
    # A labelled row covers its like, and raises what all others start from.
    rows, gains = fastal.max_herding(X, 2, labeled=[1])
    np.testing.assert_array_equal(rows, [4, 2])
    np.testing.assert_allclose(gains, [1 - beyond, 1 - apart], rtol=1e-14)


def test_uncertainty_herding_by_hand():
    X = [[1.0, 0], [3, 0], [0, 1], [5, 0]]
    apart = np.exp(-2)
    rows, gains = fastal.uncertainty_herding([0.25, 0.0, 1.0, 0.5], X, 3)
    np.testing.assert_array_equal(rows, [2, 0, 1])
    expected = [1 + 0.75 * apart, 0.75 * (1 - apart), 0]
    np.testing.assert_allclose(gains, expected, rtol=1e-14)
    # Rows of which the model is sure are covered for nothing.
    rows, gains = fastal.uncertainty_herding([0.0, 0.0, 0.0, 0.0], X, 2)
    np.testing.assert_array_equal(rows, [0, 1])
    np.testing.assert_array_equal(gains, [0, 0])
    # Equal scores are no scores.
    np.testing.assert_array_equal(
        fastal.uncertainty_herding(np.ones(4), X, 4)[0], fastal.max_herding(X, 4)[0]
    )


def total(kernel, scores, rows):
    return (scores * kernel[:, list(rows)].max(axis=1)).sum()


def test_greedy_guarantee_and_gains():
    # Against scikit-learn's kernel of dense rows with both signs.
    for seed in range(6):
        rng = np.random.RandomState(seed)
        X, scores = rng.normal(size=(9, 3)), rng.uniform(size=9)
        kernel = rbf_kernel(normalize(X), gamma=1 / 0.7**2)
        rows, gains = fastal.uncertainty_herding(scores, X, 3, sigma=0.7)
        best = max(total(kernel, scores, some) for some in combinations(range(9), 3))
        assert total(kernel, scores, rows) >= (1 - 1 / np.e) * best
        for i in range(3):
            now = total(kernel, scores, rows[: i + 1])
            np.testing.assert_allclose(gains[: i + 1].sum(), now)
            left = [row for row in range(9) if row not in rows[:i]]
            highest = max(total(kernel, scores, [*rows[:i], row]) for row in left)
            np.testing.assert_allclose(now, highest)


def test_labelled_rows_farther_than_at_right_angles():
    # A selection of nothing but opposite rows covers less than rows that share nothing do.
    X = np.array([[1.0, 0], [-1, 0], [-1, 0.1], [0, 1]])
    rows, gains = herding_equal(np.ones(4), X, 3, labeled=[0])
    kernel = rbf_kernel(normalize(X), gamma=1)
    np.testing.assert_allclose(
        gains[0], total(kernel, 1, [0, rows[0]]) - total(kernel, 1, [0]), rtol=1e-12
    )


@compiled_only
@pytest.mark.parametrize(("name", "n_rows"), [("20newsgroups", 400), ("sms_spam", 1000)])
def test_herding_on_real_text(real_tfidf, name, n_rows):
    X = real_tfidf(name, n_rows)
    scores = np.random.RandomState(0).uniform(size=n_rows)
    herding_equal(scores, X, 4, labeled=np.arange(0, 100, 5))
    herding_equal(scores[:300], X[:300].astype(np.float32), 12, sigma=0.5)


@compiled_only
def test_the_number_of_threads_changes_nothing(monkeypatch):
    X = sp.random(2000, 300, 0.05, format="csr", random_state=0)
    X.data -= 0.2
    results = []
    for threads in ("1", "2", "20"):
        monkeypatch.setenv("FASTAL_NUM_THREADS", threads)
        results.append(fastal.max_herding(X, 10, labeled=[1]))
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


def test_equal_rows_have_equal_gains_and_random_ties_reach_all():
    X = sp.csr_matrix(np.repeat(np.random.RandomState(0).normal(size=(12, 9)), 3, axis=0)[::-1])
    rows, gains = fastal.max_herding(X, 36)
    assert (rows[:12] % 3 == 0).all()
    assert (gains[12:] == 0).all()
    np.testing.assert_array_equal(rows[12:], np.sort(rows[12:]))
    picks = [fastal.max_herding(np.eye(5), 1, [4], random_state=seed)[0] for seed in range(40)]
    assert set(np.concatenate(picks)) == {0, 1, 2, 3}


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix])
def test_identical_rows_rows_of_zeros_and_no_columns(make):
    for dense in (np.ones((5, 3)), np.zeros((5, 3)), np.empty((5, 0))):
        rows, gains = fastal.max_herding(make(dense), 9)
        np.testing.assert_array_equal(rows, np.arange(5))
        np.testing.assert_array_equal(gains[1:], 0)
    for X in (make(np.empty((0, 3))), make(np.eye(3))):
        rows, gains = fastal.max_herding(X, 2, labeled=np.arange(X.shape[0]))
        assert rows.shape == gains.shape == (0,)


def test_the_order_of_stored_entries_changes_nothing():
    X = random_csr(np.random.RandomState(5), 50, 40, 0.4)
    order = np.lexsort((-X.indices, np.repeat(np.arange(50), np.diff(X.indptr))))
    shuffled = sp.csr_matrix((X.data[order], X.indices[order], X.indptr), shape=X.shape)
    scores = np.random.RandomState(0).uniform(size=50)
    arrays = shuffled.data, shuffled.indices, shuffled.indptr, scores
    before = [array.copy() for array in arrays]
    for array in arrays:
        array.flags.writeable = False
    rows, gains = herding_equal(scores, shuffled, 10)
    expected = fastal.uncertainty_herding(scores, X, 10)
    np.testing.assert_array_equal(rows, expected[0])
    # Norms are summed as stored.
    np.testing.assert_allclose(gains, expected[1], rtol=1e-14)
    for array, old in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, old)


@pytest.mark.parametrize(
    ("scores", "X", "kwargs", "error", "message"),
    [
        ([1.0], [[1.0]], {"k": 0}, ValueError, "k must be a whole number of at least 1"),
        ([1.0], [[1.0]], {"k": 2.5}, TypeError, "k must be a whole number"),
        ([1.0], [[1.0]], {"sigma": 0.0}, ValueError, r"sigma must lie between 0\.001 and 1000"),
        ([1.0], [[1.0]], {"sigma": np.nan}, ValueError, "sigma must lie between"),
        ([1.0], [[1.0]], {"labeled": [1]}, ValueError, r"labeled must lie in 0\.\.0"),
        ([1.0], [[1.0]], {"random_state": "a"}, TypeError, "random_state must be"),
        ([1.0], [[np.nan]], {}, ValueError, "X must be finite, but row 0"),
        ([1.0, 1.0], [[1.0], [1e-100]], {}, ValueError, "X must be of a scale .* row 1"),
        ([1.0, 1.0], [[1.0]], {}, ValueError, "scores must hold a number for each of 1 rows"),
        ([-1.0], [[1.0]], {}, ValueError, "scores must be finite and not negative, but row 0"),
        ([np.nan], [[1.0]], {}, ValueError, "scores must not be NaN"),
        ([1e308, 1e308], np.eye(2), {}, ValueError, "scores must have a finite sum"),
    ],
)
def test_bad_input_of_herding(scores, X, kwargs, error, message):
    with pytest.raises(error, match=message):
        fastal.uncertainty_herding(scores, X, **{"k": 1, **kwargs})
