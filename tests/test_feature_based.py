"""The feature-based function against the reference and against values worked by hand."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import NO_JIT, compiled_only, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st

import fastal
from fastal import _concave, _threads
from fastal import _reference_representation as _reference

EXAMPLES = settings(max_examples=20 if NO_JIT else 150, deadline=None)
CURVES = {"sqrt": np.sqrt, "log": np.log1p, "sigmoid": lambda z: z / (1 + z)}


def assert_picks_equal(X, k, **kwargs):
    """Pick for pick and gain for gain, to the last bit."""
    rows, gains = fastal.feature_based(X, k, **kwargs)
    expected_rows, expected_gains = _reference.feature_based(X, k, **kwargs)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(gains, expected_gains)
    assert rows.dtype == np.int64
    assert gains.dtype == np.float64
    return rows, gains


def amounts(seed, n_rows, n_features, density=0.3, dtype=np.float64):
    X = random_csr(np.random.RandomState(seed), n_rows, n_features, density, dtype)
    X.data = np.abs(X.data)
    return X


def unsorted(X):
    """Return X with the entries of each row in falling order of the feature."""
    row_of = np.repeat(np.arange(X.shape[0]), np.diff(X.indptr))
    order = np.lexsort((-X.indices, row_of))
    return sp.csr_matrix((X.data[order], X.indices[order], X.indptr), shape=X.shape)


@EXAMPLES
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 25)),
    density=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    storage=st.sampled_from(["csr", "unsorted", "dense"]),
    dtype=st.sampled_from([np.float64, np.float32]),
    coarse=st.booleans(),
    scale=st.sampled_from([1e-150, 1.0, 1e6]),
    n_labeled=st.integers(0, 8),
    n_excluded=st.integers(0, 8),
    k=st.integers(1, 50),
    concave=st.sampled_from(list(CURVES)),
    steps=st.sampled_from([None, 1, 3, 1000]),
    random_state=st.sampled_from([None, 0, 1]),
)
def test_picks_equal_reference(
    seed, shape, density, storage, dtype, coarse, scale, n_labeled, n_excluded, k, concave, steps,
    random_state,
):  # fmt: skip
    X = amounts(seed, *shape, density, dtype)
    rng = np.random.RandomState(seed)
    # Many exact ties, and zeros that are stored.
    X.data = (np.round(X.data * 3) if coarse else X.data * dtype(scale)).astype(dtype)
    X = {"csr": X, "unsorted": unsorted(X), "dense": X.toarray()}[storage]
    options = {"concave": concave, "random_state": random_state}
    if steps:  # one step: all zero
        options["weights"] = np.floor(rng.uniform(size=shape[1]) * steps) / steps
    order = rng.permutation(shape[0])
    labeled, excluded = order[:n_labeled], order[::-1][:n_excluded]
    rows, gains = assert_picks_equal(X, k, labeled=labeled, exclude=excluded, **options)
    barred = set(labeled.tolist()) | set(excluded.tolist())
    assert len(rows) == min(k, shape[0] - len(barred)) == len(set(rows.tolist()))
    assert not set(rows.tolist()) & barred
    assert (np.diff(gains) <= 0).all()
    assert (gains >= 0).all()


@pytest.mark.parametrize("concave", CURVES)
def test_gains_are_those_of_the_curve_and_the_greedy_guarantee_holds(concave):
    for seed in range(5):
        X = np.random.RandomState(seed).gamma(0.5, size=(9, 6))
        weights = np.random.RandomState(seed).uniform(size=6)
        rows, gains = fastal.feature_based(X, 3, concave=concave, weights=weights)

        def total(some, X=X, weights=weights):
            return (weights * CURVES[concave](X[list(some)].sum(axis=0))).sum()

        for i in range(1, 4):
            np.testing.assert_allclose(gains[:i].sum(), total(rows[:i]), rtol=1e-12)
            left = [row for row in range(9) if row not in rows[: i - 1]]
            best = max(total([*rows[: i - 1], row]) for row in left)
            np.testing.assert_allclose(total(rows[:i]), best, rtol=1e-12)
        best = max(total(some) for some in combinations(range(9), 3))
        assert total(rows) >= (1 - 1 / np.e) * best


def test_by_hand():
    X = [[4.0, 0], [4, 0], [0, 1], [0, 0], [5, 4]]
    rows, gains = fastal.feature_based(X, 5)
    np.testing.assert_array_equal(rows, [4, 0, 1, 2, 3])
    expected = [np.sqrt(5) + 2, 3 - np.sqrt(5), np.sqrt(13) - 3, np.sqrt(5) - 2, 0]
    np.testing.assert_allclose(gains, expected, rtol=1e-14)
    # A labelled row takes the shine off its like; an excluded one does not.
    np.testing.assert_array_equal(fastal.feature_based(X, 1, labeled=[4, 0])[0], [1])
    np.testing.assert_array_equal(fastal.feature_based(X, 2, exclude=[4])[0], [0, 2])
    rows, gains = fastal.feature_based(X, 1, weights=[0, 3], exclude=[4], concave="log")
    np.testing.assert_array_equal(rows, [2])
    np.testing.assert_allclose(gains, [3 * np.log(2)], rtol=1e-14)
    gains = fastal.feature_based(X, 2, labeled=[2, 4], concave="sigmoid")[1]
    np.testing.assert_allclose(gains, [9 / 10 - 5 / 6, 13 / 14 - 9 / 10], rtol=1e-14)


def test_nothing_is_lost_in_large_sums():
    # sqrt(1e16 + 1e-8) - sqrt(1e16) is 0 in float64, and 5e-17 in truth.
    X = [[1e16], [1e-8], [0.0]]
    rows, gains = fastal.feature_based(X, 3)
    np.testing.assert_array_equal(rows, [0, 1, 2])
    np.testing.assert_allclose(gains, [1e8, 5e-17, 0], rtol=1e-12)


def test_many_evaluations_in_one_pick(monkeypatch):
    X = amounts(0, 80, 30)
    monkeypatch.setattr(_threads, "MIN_SHARE", 1)
    for budget, detour, threads in ((1, 1, "1"), (1, 1000, "3"), (7, 4, "20"), (1000, 4, "2")):
        monkeypatch.setattr(_concave, "_EVALUATIONS_PER_CALL", budget)
        monkeypatch.setattr(_concave, "_DETOUR", detour)
        monkeypatch.setenv("FASTAL_NUM_THREADS", threads)
        for concave in CURVES:
            assert_picks_equal(X, 30, labeled=[4], concave=concave)


def test_equal_rows_have_equal_gains_and_random_ties_reach_all():
    X = sp.csr_matrix(np.repeat(np.random.RandomState(0).gamma(0.5, size=(9, 7)), 3, axis=0))
    rows = fastal.feature_based(X, 27, concave="sigmoid")[0]
    first = [min(np.flatnonzero(rows // 3 == group)) for group in range(9)]
    assert (rows[first] % 3 == 0).all()
    alike = fastal.feature_based(np.ones((5, 3)), 9)
    np.testing.assert_array_equal(alike[0], np.arange(5))
    picks = [fastal.feature_based(np.eye(5), 1, [4], random_state=seed)[0] for seed in range(40)]
    assert set(np.concatenate(picks)) == {0, 1, 2, 3}


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix])
def test_rows_of_zeros_no_columns_and_nothing_left(make):
    for dense in (np.zeros((5, 3)), np.empty((5, 0))):
        rows, gains = fastal.feature_based(make(dense), 9)
        np.testing.assert_array_equal(rows, np.arange(5))
        np.testing.assert_array_equal(gains, 0)
    for X in (make(np.empty((0, 3))), make(np.eye(3))):
        rows, gains = fastal.feature_based(X, 2, labeled=np.arange(X.shape[0]))
        assert rows.shape == gains.shape == (0,)
    mask = np.array([True, False, True])
    np.testing.assert_array_equal(fastal.feature_based(make(np.eye(3)), 2, exclude=mask)[0], [1])


def test_duplicate_entries_and_negative_zeros():
    X = sp.csr_matrix(([1.0, 3.0, -0.0], [0, 0, 1], [0, 2, 3]), shape=(2, 2))
    rows, gains = fastal.feature_based(X, 2)
    np.testing.assert_array_equal(rows, [0, 1])
    np.testing.assert_array_equal(gains, [2.0, 0.0])
    assert not np.signbit(gains).any()


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("make", [lambda X: X, unsorted])
def test_index_types_read_only_and_unchanged_input(index_dtype, make):
    X = amounts(1, 40, 20)
    expected = fastal.feature_based(X, 8)
    X = make(X)
    X.indices, X.indptr = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    arrays = X.data, X.indices, X.indptr
    before = [array.copy() for array in arrays]
    for _ in range(2):
        rows, gains = fastal.feature_based(X, 8)
        # Not even the order of the stored entries changes a bit.
        np.testing.assert_array_equal(rows, expected[0])
        np.testing.assert_array_equal(gains, expected[1])
        for array, old in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, old)
            array.flags.writeable = False


@compiled_only
def test_the_number_of_threads_changes_nothing(monkeypatch):
    X = sp.random(20_000, 500, 0.05, format="csr", random_state=0)
    results = []
    for threads in ("1", "2", "20"):
        monkeypatch.setenv("FASTAL_NUM_THREADS", threads)
        results.append(fastal.feature_based(X, 50, labeled=[1]))
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


@compiled_only
@pytest.mark.parametrize(("name", "n_rows"), [("20newsgroups", 400), ("sms_spam", 1000)])
@pytest.mark.parametrize("concave", CURVES)
def test_on_real_text(real_tfidf, name, n_rows, concave):
    X = real_tfidf(name, n_rows)
    assert_picks_equal(X, 20, labeled=np.arange(0, 100, 5), concave=concave)
    assert_picks_equal(X[:300].astype(np.float32), 30, concave=concave)


@pytest.mark.parametrize(
    ("X", "kwargs", "error", "message"),
    [
        ([[1.0]], {"k": 0}, ValueError, "k must be a whole number of at least 1"),
        ([[1.0]], {"k": 2.5}, TypeError, "k must be a whole number"),
        ([[1.0]], {"concave": "cube"}, ValueError, "concave must be 'sqrt' or 'log' or 'sigmoid'"),
        ([[1.0]], {"concave": np.sqrt}, ValueError, "concave must be 'sqrt' or"),
        ([[1.0]], {"labeled": [1]}, ValueError, r"labeled must lie in 0\.\.0"),
        ([[1.0]], {"exclude": [1]}, ValueError, r"exclude must lie in 0\.\.0"),
        ([[1.0]], {"random_state": "a"}, TypeError, "random_state must be"),
        ([[1.0]], {"weights": [1.0, 2.0]}, ValueError, "weights must hold 1 numbers, one a fea"),
        ([[1.0]], {"weights": [-1.0]}, ValueError, "weights must be finite and not negative, but"),
        ([[1.0]], {"weights": [np.inf]}, ValueError, "weights must be finite and not negative"),
        ([[1.0]], {"weights": [np.nan]}, ValueError, "weights must not be NaN"),
        ([[1e308], [1e308]], {}, ValueError, "sums fit float64, but that of feature 0 does not"),
        ([[0.0], [1e300]], {"weights": [1e200]}, ValueError, "scale .* of row 1 does not"),
        ([[np.nan]], {}, ValueError, "X must be finite, but row 0"),
        ([[1.0, 0.0], [0.0, -2.0]], {}, ValueError, r"not be negative, but row 1 holds -2\.0"),
        (sp.csr_matrix([[0], [-1.0]]), {}, ValueError, r"not be negative, but row 1 holds -1\.0"),
        ([1.0], {}, ValueError, r"X must have shape \(n_samples, n_features\)"),
    ],
)
def test_bad_input_of_feature_based(X, kwargs, error, message):
    with pytest.raises(error, match=message):
        fastal.feature_based(X, **{"k": 1, **kwargs})
