from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import NO_JIT, compiled_only, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import pairwise_distances

from fastal import _balls, _points, coverage
from fastal import _reference_coverage as reference

METRICS = ["euclidean", "cosine"]
STORAGES = [sp.csr_matrix, np.asarray]
LINE = np.array([[0.0], [1], [2], [10], [11], [99]])


def assert_equal(name, *args, **kwargs):
    """Pick for pick and number for number, to the last bit."""
    actual = getattr(coverage, name)(*args, **kwargs)
    expected = getattr(reference, name)(*args, **kwargs)
    if name == "purity_radius":
        assert isinstance(actual, float)
        assert actual == expected
        return actual
    np.testing.assert_array_equal(actual[0], expected[0])
    np.testing.assert_array_equal(actual[1], expected[1])
    assert actual[0].dtype == np.int64
    return actual


def unsorted(X, seed=0):
    """The same rows with their entries in random order."""
    X, rng = X.copy(), np.random.default_rng(seed)
    for start, stop in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        order = start + rng.permutation(stop - start)
        X.indices[start:stop], X.data[start:stop] = X.indices[order], X.data[order]
    X.has_sorted_indices = False
    return X


def pool_of(seed, n_rows, n_features, density, kind, dtype):
    rng = np.random.RandomState(seed)
    X = random_csr(rng, n_rows, n_features, density, dtype)
    if kind == "coarse":  # many exact ties, duplicates and stored zeros
        X.data = np.round(X.data * 2).astype(dtype)
    elif kind == "wild":
        X.data = (X.data * 10.0 ** rng.randint(-6, 7, X.data.size)).astype(dtype)
    elif kind == "unit":
        norms = np.sqrt(np.asarray(X.multiply(X).sum(axis=1))).ravel()
        X.data = (X.data / np.repeat(norms, np.diff(X.indptr))).astype(dtype)
    elif kind == "dense":
        return X.toarray()
    return unsorted(X, seed)


pools = st.builds(
    pool_of,
    seed=st.integers(0, 10_000),
    n_rows=st.integers(1, 40),
    n_features=st.integers(1, 30),
    density=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    kind=st.sampled_from(["plain", "coarse", "wild", "unit", "dense", "dense"]),
    dtype=st.sampled_from([np.float64, np.float32]),
)
calls = given(
    X=pools,
    k=st.integers(1, 50),
    n_labeled=st.integers(0, 8),
    metric=st.sampled_from(METRICS),
    random_state=st.sampled_from([None, 0, 1]),
    data=st.data(),
)


def labelled(n_labeled, n_rows):
    if n_labeled == 0:
        return None
    return np.random.RandomState(n_labeled).permutation(n_rows)[: min(n_labeled, n_rows)]


def some_radius(data, X, metric):
    """Any number or, to stand right at the border, one of the distances."""
    radius = data.draw(st.sampled_from([0.0, 0.1, 0.5, 0.99, 1.0, 2.5, 1e200]))
    if data.draw(st.booleans()):
        values = np.unique(reference._distances(X, metric))
        radius = _points.least_radius(
            float(data.draw(st.sampled_from(values))), metric == "cosine"
        )
        if data.draw(st.booleans()):
            radius = max(0.0, math.nextafter(radius, -math.inf))
    return radius


@settings(max_examples=60 if NO_JIT else 250, deadline=None)
@calls
def test_prob_cover_equals_reference(X, k, n_labeled, metric, random_state, data):
    known = labelled(n_labeled, X.shape[0])
    radius = some_radius(data, X, metric)
    rows, gains = assert_equal("prob_cover", X, k, radius, known, metric, random_state)
    assert gains.dtype == np.int64
    n_known = 0 if known is None else len(known)
    assert len(rows) == min(k, X.shape[0] - n_known) == len(set(rows.tolist()))
    assert not set(rows.tolist()) & set([] if known is None else known.tolist())
    assert (np.diff(gains) <= 0).all()


@settings(max_examples=25 if NO_JIT else 120, deadline=None)
@calls
def test_robust_k_center_equals_reference(X, k, n_labeled, metric, random_state, data):
    known = labelled(n_labeled, X.shape[0])
    n_outliers = data.draw(st.integers(0, 10))
    radius = some_radius(data, X, metric) if data.draw(st.booleans()) else None
    size = None
    if random_state is not None and data.draw(st.booleans()):
        size = k + data.draw(st.integers(0, 10))
    rows, _ = assert_equal(
        "robust_k_center", X, k, n_outliers, known, metric, radius, random_state, size
    )
    assert len(rows) == min(k, X.shape[0] - len([] if known is None else known))
    assert len(rows) == len({*rows.tolist()} - {*([] if known is None else known.tolist())})


@settings(max_examples=25 if NO_JIT else 120, deadline=None)
@calls
def test_purity_radius_equals_reference(X, k, n_labeled, metric, random_state, data):
    labels = np.random.RandomState(k).randint(0, max(1, n_labeled), X.shape[0])
    purity = data.draw(st.sampled_from([0.01, 0.3, 0.55, 0.95, 1.0]))
    size = 2000 if random_state is None else k
    assert_equal("purity_radius", X, labels, purity, metric, size, random_state)


@compiled_only
@pytest.mark.parametrize(("name", "n_rows"), [("20newsgroups", 1000), ("sms_spam", 2000)])
def test_real_text_equals_reference(real_tfidf, name, n_rows):
    X = real_tfidf(name, n_rows)
    known = np.arange(0, 100, 5)
    for metric, radii in (("cosine", [0.2, 0.6, 0.9, 1.0]), ("euclidean", [0.5, 1.1, 1.4])):
        for radius in radii:
            assert_equal("prob_cover", X, 60, radius, known, metric)
        assert_equal("robust_k_center", X.astype(np.float32), 20, n_rows // 10, known, metric)
        assert_equal("purity_radius", X, np.arange(n_rows) % 7, 0.8, metric, 500, 0)
    assert_equal("prob_cover", X.astype(np.float32), 30, 0.5, random_state=0)


@pytest.mark.parametrize("storage", STORAGES)
def test_prob_cover_by_hand(storage):
    X = storage(LINE)
    rows, gains = coverage.prob_cover(X, 9, 1.0, metric="euclidean")
    np.testing.assert_array_equal(rows, [1, 3, 5, 0, 2, 4])
    np.testing.assert_array_equal(gains, [3, 2, 1, 0, 0, 0])
    # Row 3 covers row 4 from the start, row 0 covers row 1.
    rows, gains = coverage.prob_cover(X, 2, 1.0, labeled=[0, 3], metric="euclidean")
    np.testing.assert_array_equal(rows, [1, 5])
    np.testing.assert_array_equal(gains, [1, 1])
    for seed in range(4):
        rank = np.random.RandomState(seed).permutation(6)
        rows, gains = coverage.prob_cover(X, 6, 0.0, metric="euclidean", random_state=seed)
        np.testing.assert_array_equal(rows, np.argsort(rank))
        np.testing.assert_array_equal(gains, np.ones(6))


def test_prob_cover_rows_of_zeros_under_cosine():
    X = sp.csr_matrix([[1.0, 0], [0, 0], [0, 0], [2, 0], [0, 1], [-1, 0]])
    X_stored = sp.csr_matrix(([1.0, 0, 2, 1, -1], [0, 0, 0, 1, 0], [0, 1, 2, 2, 3, 4, 5]))
    for matrix in (X, X_stored, X.toarray()):
        for radius, gains in ((0.5, [2, 2, 1, 1]), (1.0, [6, 0, 0, 0]), (2.0, [6, 0, 0, 0])):
            picks = assert_equal("prob_cover", matrix, 4, radius)
            np.testing.assert_array_equal(picks[1], gains)


@pytest.mark.parametrize("storage", STORAGES)
def test_robust_k_center_by_hand(storage):
    X = storage(LINE)
    for n_outliers, expected in ((1, ([1, 3], 1.0)), (6, ([0, 1], 0.0))):
        rows, radius = coverage.robust_k_center(X, 2, n_outliers)
        np.testing.assert_array_equal(rows, expected[0])
        assert radius == expected[1]
    # Within 3 r of row 1 lie rows 0 to 2; of row 3, row 4 as well.
    rows, _ = assert_equal("robust_k_center", X, 3, 0, labeled=[1], radius=0.5)
    np.testing.assert_array_equal(rows, [3, 5, 0])


@pytest.mark.parametrize("metric", METRICS)
def test_rows_that_share_terms_and_are_far_apart(metric):
    # Bounds refuse some pairs, the exact product others; rows 0 and 3 have long tails.
    X = np.eye(4, 9) + 0.3 * (np.arange(9) > 3)
    X[1, 5:] = -X[1, 5:]
    X[2] *= 0.1
    for matrix in (sp.csr_matrix(X), sp.csr_matrix(X[::-1]), unsorted(sp.csr_matrix(X))):
        values = np.unique(reference._distances(matrix, metric))
        for radius in [_points.least_radius(float(value), metric == "cosine") for value in values]:
            for r in (radius, max(0.0, math.nextafter(radius, 0.0)), radius * 0.7):
                assert_equal("prob_cover", matrix, 4, r, metric=metric)


@pytest.mark.parametrize("metric", METRICS)
def test_rounding_loses_no_neighbour_at_the_border(metric):
    # Rows 8 to 15 are rows 0 to 7 without their rare terms: what is left is just within reach.
    X = np.zeros((16, 35))
    X[:8, :3] = X[8:, :3] = np.random.RandomState(0).normal(size=(8, 3))
    X[np.arange(8)[:, np.newaxis], 3 + np.arange(32).reshape(8, 4)] = 0.7
    matrix = sp.csr_matrix(X)
    border = np.diag(reference._distances(matrix, metric), 8)
    for radius in [_points.least_radius(float(value), metric == "cosine") for value in border]:
        assert_equal("prob_cover", matrix, 16, radius, metric=metric)


@pytest.mark.parametrize("few_rows", [0, 1000])
def test_robust_k_center_is_within_its_guarantee(monkeypatch, few_rows):
    for module in (_balls, reference):
        monkeypatch.setattr(module, "FEW_ROWS", few_rows)
    for seed in range(5):
        X = np.random.RandomState(seed).normal(size=(9, 2))
        X[0] *= 20
        distances = pairwise_distances(X)
        pairs = [(a, b) for a in range(9) for b in range(a)]
        best = min(np.sort(distances[[a, b]].min(axis=0))[-2] for a, b in pairs)
        rows, radius = assert_equal("robust_k_center", X, 2, 1)
        assert radius <= best * (1 + 2e-3)
        assert (distances[rows].min(axis=0) > 3 * radius * (1 + 1e-12)).sum() <= 1
        for metric in METRICS:
            assert_equal("robust_k_center", sp.csr_matrix(X), 2, 1, [3], metric)
            assert_equal("robust_k_center", X, 9, 0, None, metric)
            assert_equal("robust_k_center", np.ones((5, 2)), 1, 0, None, metric)


@compiled_only
@pytest.mark.parametrize("metric", METRICS)
def test_robust_k_center_on_more_rows_than_distances_are_tried_for(metric):
    X = random_csr(np.random.RandomState(0), 1200, 40, 0.2)
    assert_equal("robust_k_center", X, 10, 50, [4, 900], metric)
    assert_equal("robust_k_center", X.toarray(), 5, 100, None, metric, None, 3)
    assert_equal("robust_k_center", X, 5, 100, [4], metric, None, 3, 300)


def test_robust_k_center_sample():
    X = random_csr(np.random.RandomState(0), 50, 10, 0.4)
    known = np.array([3, 40])
    rows, _ = assert_equal("robust_k_center", X, 8, 5, known, "euclidean", None, 0, 10)
    drawn = np.random.RandomState(0).permutation(np.delete(np.arange(50), known))[:10]
    assert set(rows) <= set(drawn)
    rows, _ = coverage.robust_k_center(X, 8, 5, known, radius=0.1, sample_size=10)
    assert len(set(rows) - {3, 40}) == 8
    whole = coverage.robust_k_center(X, 8, 5, known, random_state=0)
    same = coverage.robust_k_center(X, 8, 5, known, random_state=0, sample_size=48)
    np.testing.assert_array_equal(whole[0], same[0])


def test_purity_radius_by_hand():
    X = [[0.0], [1], [3], [4]]
    # Rows 1 and 2 are 2 apart, 0 and 2 (as 1 and 3) are 3 apart.
    for purity, expected in ((1.0, 2.0), (0.75, 2.0), (0.5, 3.0), (0.01, 3.0)):
        for storage in STORAGES:
            matrix = storage(X)
            radius = coverage.purity_radius(matrix, list("aabb"), purity, "euclidean")
            assert radius == math.nextafter(expected, 0.0)
    assert_equal("purity_radius", np.array(X), [0, 0, 1, 1], 0.5, "euclidean", 3, 0)
    assert coverage.purity_radius(X, [1, 1, 1, 1]) == math.inf
    assert coverage.purity_radius([[1.0], [1.0]], [0, 1]) == 0.0
    assert coverage.purity_radius(X, list("aabb"), sample_size=1) == math.inf


def test_empty_pool():
    for X in (np.empty((0, 3)), sp.csr_matrix((0, 3))):
        rows, gains = coverage.prob_cover(X, 2, 0.5)
        assert rows.shape == gains.shape == (0,)
        for kwargs in ({}, {"radius": 1.0}, {"sample_size": 3, "random_state": 0}):
            assert coverage.robust_k_center(X, 2, 0, **kwargs)[0].shape == (0,)
        assert assert_equal("purity_radius", X, []) == math.inf
    assert coverage.prob_cover(np.ones((3, 1)), 2, 0.5, labeled=[0, 1, 2])[0].size == 0
    assert coverage.robust_k_center(np.ones((3, 1)), 2, 0, [0, 1, 2])[0].size == 0


@pytest.mark.parametrize("metric", METRICS)
def test_identical_rows_and_rows_of_zeros(metric):
    # 60 of them have more pairs than a kernel's first buffer holds.
    for X in (np.ones((60, 2)), np.zeros((60, 3)), np.empty((60, 0)), np.full((60, 2), 1e-75)):
        for matrix in (X, sp.csr_matrix(X)):
            rows, gains = assert_equal("prob_cover", matrix, 70, 0.0, metric=metric)
            np.testing.assert_array_equal(rows, np.arange(60))
            np.testing.assert_array_equal(gains, [60] + [0] * 59)
            assert coverage.robust_k_center(matrix, 3, 0, metric=metric)[1] == 0.0


def test_squares_that_underflow():
    X = sp.csr_matrix(np.array([[1e-160, 0], [0, 1e-160], [1e-160, 1e-160], [1, 0], [1, 1e-162]]))
    for radius in (0.0, 1e-160, 1e-3, 1.0):
        assert_equal("prob_cover", X, 5, radius, metric="euclidean")
        assert_equal("prob_cover", X.toarray(), 5, radius, metric="euclidean")


def test_more_dense_rows_than_a_block():
    X = np.round(np.random.RandomState(0).normal(size=(270, 2)), 1)
    for metric, radius in (("euclidean", 0.3), ("cosine", 0.01)):
        assert_equal("prob_cover", X, 12, radius, [260], metric)


def test_one_row_of_a_dense_pool_a_time(monkeypatch):
    X = np.random.RandomState(0).normal(size=(20, 3))
    monkeypatch.setattr(_points, "CELLS_PER_CALL", 7)
    monkeypatch.setattr(_points, "ROWS_PER_CALL", 3)
    monkeypatch.setattr(_balls, "PICKS_PER_CALL", 4)
    for storage in STORAGES:
        assert_equal("prob_cover", storage(X), 15, 0.4)


@pytest.mark.parametrize("storage", STORAGES)
def test_a_graph_too_large_is_refused(monkeypatch, storage):
    monkeypatch.setattr(_balls, "MAX_PAIRS", 50)
    X = storage(np.ones((40, 2)))
    message = r"radius must be so small that at most 50 pairs of rows lie within it, but 0\.5"
    with pytest.raises(ValueError, match=message):
        coverage.prob_cover(X, 3, 0.5)
    with pytest.raises(ValueError, match="sample_size to work on fewer rows"):
        coverage.robust_k_center(X, 3, 0, radius=0.5)
    coverage.robust_k_center(X, 3, 0, radius=0.5, sample_size=10)


@pytest.mark.parametrize("metric", METRICS)
def test_index_types_read_only_input_and_inputs_unchanged(metric):
    X = unsorted(random_csr(np.random.RandomState(1), 30, 20, 0.3))
    expected = coverage.prob_cover(X, 12, 0.6, [3], metric)
    other = X.copy()
    other.indices, other.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    for matrix in (X, other):
        before = [array.copy() for array in (matrix.data, matrix.indices, matrix.indptr)]
        for array in (matrix.data, matrix.indices, matrix.indptr):
            array.flags.writeable = False
        for make in (sp.csr_matrix, sp.csr_array):
            actual = coverage.prob_cover(make(matrix), 12, 0.6, np.arange(30) == 3, metric)
            np.testing.assert_array_equal(actual[0], expected[0])
        robust = coverage.robust_k_center(matrix, 3, 3, [3], metric)
        np.testing.assert_array_equal(robust[0], coverage.robust_k_center(X, 3, 3, [3], metric)[0])
        sample = coverage.robust_k_center(matrix, 3, 3, [3], metric, None, 0, 9)
        again = coverage.robust_k_center(X, 3, 3, [3], metric, None, 0, 9)
        np.testing.assert_array_equal(sample[0], again[0])
        for array, old in zip((matrix.data, matrix.indices, matrix.indptr), before, strict=True):
            np.testing.assert_array_equal(array, old)


@compiled_only
def test_the_number_of_threads_changes_nothing(monkeypatch):
    X = sp.random(4000, 300, 0.05, format="csr", random_state=0)
    dense = X[:700].toarray()
    results = []
    for n_threads in ("1", "3"):
        monkeypatch.setenv("FASTAL_NUM_THREADS", n_threads)
        for metric, radius in (("cosine", 0.6), ("euclidean", 1.5)):
            for matrix in (X, dense):
                results += coverage.prob_cover(matrix, 50, radius, [1], metric)
                results += coverage.robust_k_center(matrix, 20, 30, [1], metric, radius / 3)
            labels = np.arange(700) % 3
            results.append(coverage.purity_radius(X[:700], labels, 0.5, metric))
    half = len(results) // 2
    for one, three in zip(results[:half], results[half:], strict=True):
        np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize(
    ("name", "kwargs", "error", "message"),
    [
        ("prob_cover", {"k": 0}, ValueError, "k must be a whole number of at least 1, got 0"),
        ("prob_cover", {"radius": -1}, ValueError, "radius must be a finite number of at least 0"),
        ("prob_cover", {"radius": math.inf}, ValueError, "radius must be .*, got inf"),
        ("prob_cover", {"radius": math.nan}, ValueError, "radius must be .*, got nan"),
        ("prob_cover", {"radius": "1"}, TypeError, "radius must be a number .*, got '1'"),
        ("prob_cover", {"radius": True}, TypeError, "radius must be a number .*, got True"),
        ("prob_cover", {"metric": "l1"}, ValueError, "metric must be 'euclidean' or .*'l1'"),
        ("prob_cover", {"metric": np.array(["l1"] * 2)}, ValueError, "metric must be 'euclidean'"),
        ("prob_cover", {"labeled": [7]}, ValueError, r"labeled must lie in 0\.\.1, got 7"),
        ("prob_cover", {"random_state": "x"}, TypeError, "random_state must be None"),
        ("prob_cover", {"X": [[math.nan]]}, ValueError, "X must be finite, but row 0"),
        ("prob_cover", {"X": [[1e80]]}, ValueError, "X must be of a scale"),
        ("prob_cover", {"X": [[1e154]], "metric": "euclidean"}, ValueError, "rescale X"),
        ("robust_k_center", {"n_outliers": -1}, ValueError, "n_outliers must be .*, got -1"),
        ("robust_k_center", {"n_outliers": 0.5}, TypeError, r"n_outliers must be .*, got 0\.5"),
        ("robust_k_center", {"n_outliers": False}, TypeError, "n_outliers must be .*, got False"),
        ("robust_k_center", {"radius": -1}, ValueError, "radius must be a finite number"),
        ("robust_k_center", {"sample_size": 0}, ValueError, "sample_size must be a whole number"),
        ("robust_k_center", {"sample_size": 1}, ValueError, "at least k, which is 2, got 1"),
        ("purity_radius", {"labels": [1]}, ValueError, r"labels must have shape \(2,\), got"),
        ("purity_radius", {"labels": [1, math.nan]}, ValueError, "labels must .* NaN, but row 1"),
        ("purity_radius", {"labels": np.array([1, "a"], object)}, TypeError, "labels must be"),
        ("purity_radius", {"purity": 0}, ValueError, "purity must be a number above 0 .*, got 0"),
        ("purity_radius", {"purity": 1.5}, ValueError, r"purity must be .*, got 1\.5"),
        ("purity_radius", {"purity": None}, TypeError, "purity must be a number .*, got None"),
        ("purity_radius", {"sample_size": 0.5}, TypeError, "sample_size must be a whole number"),
    ],
)  # fmt: skip
def test_bad_input(name, kwargs, error, message):
    defaults = {
        "prob_cover": {"k": 2, "radius": 0.5},
        "robust_k_center": {"k": 2, "n_outliers": 0},
        "purity_radius": {"labels": [0, 1]},
    }
    with pytest.raises(error, match=message):
        getattr(coverage, name)(**{"X": [[1.0], [2.0]], **defaults[name], **kwargs})
