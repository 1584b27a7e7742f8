from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from unittest import mock

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import REAL_DATA, compiled_only, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import pairwise_distances

import fastal
from fastal import _reference
from fastal._search import SparseSearch

WAYS = ["all rows", "one batch", "batches", "crowds"]


@contextmanager
def way_taken(way):
    """Make the search compare all rows, or take batches of a few rows at a time."""
    size, crowd = {"batches": (4, 1000), "crowds": (2, 1)}.get(way, (2048, 4))
    with (
        mock.patch.object(SparseSearch, "few_steps", return_value=way == "all rows"),
        mock.patch.multiple("fastal._centers", _MIN_BATCH=size, _BATCH_SHARE=10**9, _CROWD=crowd),
    ):
        yield


@pytest.fixture(autouse=True)
def _lazy_search():
    """Small pools would be searched row by row: send them the way of large ones."""
    with way_taken("batches"):
        yield


def assert_picks_equal(X, k, **kwargs):
    """Pick for pick and radius for radius, to the last bit, whichever way is taken."""
    expected_rows, expected_radii = _reference.k_center_greedy(X, k, **kwargs)
    for way in WAYS:
        with way_taken(way):
            rows, radii = fastal.k_center_greedy(X, k, **kwargs)
        np.testing.assert_array_equal(rows, expected_rows)
        np.testing.assert_array_equal(radii, expected_radii)
    assert rows.dtype == np.int64
    assert radii.dtype == np.float64
    return rows, radii


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 60), st.integers(1, 30)),
    density=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    k=st.integers(1, 70),
    n_labeled=st.integers(0, 10),
    metric=st.sampled_from(["euclidean", "cosine"]),
    random_state=st.sampled_from([None, 0, 1]),
    storage=st.sampled_from(["csr", "dense"]),
    dtype=st.sampled_from([np.float64, np.float32]),
    coarse=st.booleans(),
)
def test_picks_equal_reference(
    seed, shape, density, k, n_labeled, metric, random_state, storage, dtype, coarse
):
    rng = np.random.RandomState(seed)
    X = random_csr(rng, max(shape[0], 1), shape[1], density, dtype)
    if coarse:  # many exact ties and duplicates
        X.data = np.round(X.data * 2).astype(dtype)
    X = X if storage == "csr" else X.toarray()
    labeled = rng.permutation(shape[0])[: min(n_labeled, shape[0])] if n_labeled else None
    rows, radii = assert_picks_equal(
        X, k, labeled=labeled, metric=metric, random_state=random_state
    )
    n_known = 0 if labeled is None else len(labeled)
    assert len(rows) == min(k, shape[0] - n_known) == len(set(rows.tolist()))
    assert not set(rows.tolist()) & set([] if labeled is None else labeled.tolist())
    assert (np.diff(radii) <= 0).all()


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("storage", [sp.csr_matrix, np.asarray])
def test_radii_are_covering_radii(metric, storage):
    dense = np.random.default_rng(0).normal(size=(80, 6))
    rows, radii = fastal.k_center_greedy(storage(dense), 20, labeled=[3], metric=metric)
    distances = pairwise_distances(dense, metric=metric)
    for i in range(20):
        chosen = [3, *rows[: i + 1]]
        np.testing.assert_allclose(radii[i], distances[:, chosen].min(axis=1).max(), atol=1e-9)
    # Each pick is a farthest row.
    nearest = distances[:, [3]].min(axis=1)
    for row in rows:
        np.testing.assert_allclose(nearest[row], nearest.max(), atol=1e-9)
        nearest = np.minimum(nearest, distances[:, row])


@compiled_only
@pytest.mark.parametrize(
    ("name", "n_rows"), [("20newsgroups", 1500), ("ag_news_27k", 4000), ("sms_spam", 5574)]
)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_picks_equal_reference_on_real_text(real_tfidf, name, n_rows, metric):
    X = real_tfidf(name, n_rows)
    assert_picks_equal(X, 60, labeled=np.arange(0, 100, 5), metric=metric)
    assert_picks_equal(X.astype(np.float32), 30, metric=metric)


@compiled_only
@pytest.mark.parametrize("name", sorted(path.stem for path in REAL_DATA.glob("*.parquet")))
def test_picks_equal_reference_on_every_set(real_tfidf, name):
    X = real_tfidf(name, 2000)
    for metric in ("euclidean", "cosine"):
        expected = _reference.k_center_greedy(X, 80, np.arange(20), metric)
        rows, radii = fastal.k_center_greedy(X, 80, np.arange(20), metric)
        np.testing.assert_array_equal(rows, expected[0])
        np.testing.assert_array_equal(radii, expected[1])


def test_float32_and_float64_storage():
    X = random_csr(np.random.RandomState(0))
    a = fastal.k_center_greedy(X.astype(np.float32), 10)[0]
    b = fastal.k_center_greedy(X.astype(np.float32).astype(np.float64), 10)[0]
    np.testing.assert_array_equal(a, b)


def test_first_centre_without_labels():
    X = np.array([[0.0, 0], [10, 0], [0, 10], [4, 4], [100, 100]])
    mean = X.mean(axis=0)
    nearest = int(np.argmin(((X - mean) ** 2).sum(axis=1)))
    for storage in (np.asarray, sp.csr_matrix):
        assert fastal.k_center_greedy(storage(X), 1)[0][0] == nearest
    firsts = {int(fastal.k_center_greedy(X, 1, random_state=s)[0][0]) for s in range(60)}
    assert firsts == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_first_centre__degenerate_means(storage, metric):
    for rows in ([[1.0], [-1.0], [0.0]], [[0.0], [0.0]], [[2.0, 0], [-2.0, 0], [0, 0], [0, 1e-9]]):
        assert_picks_equal(storage(np.array(rows)), 4, metric=metric)


def test_first_centre__far_from_the_origin():
    # |x|^2 - 2 x.mean would have lost every digit.
    x = np.array([[0.0], [1], [5], [9], [4]])
    for offset in (0.0, 1e8, 1.7e9):
        np.testing.assert_array_equal(fastal.k_center_greedy(x + offset, 2)[0], [4, 3])


def test_first_centre__duplicates_tie_to_the_lowest_row():
    # A BLAS product sums the last rows in another order.
    for seed in range(30):
        row = np.random.default_rng(seed).normal(size=20)
        for dtype in (np.float64, np.float32):
            for metric in ("euclidean", "cosine"):
                X = np.tile(row, (3 + seed % 5, 1)).astype(dtype)
                assert fastal.k_center_greedy(X, 1, metric=metric)[0][0] == 0


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_matrix])
def test_rows_whose_squares_leave_the_range_are_refused(storage):
    for scale, metric in ((1e200, "euclidean"), (1e85, "cosine"), (1e-85, "cosine")):
        with pytest.raises(ValueError, match="X must be of a scale whose squares fit float64"):
            fastal.k_center_greedy(storage(np.eye(3) * scale), 2, metric=metric)


def test_duplicates_of_labelled_rows_come_last():
    # The field's defect: a rounding error makes an exact copy of a labelled row look far.
    rng = np.random.RandomState(0)
    X = sp.csr_matrix(np.abs(rng.normal(size=(12, 50))))
    X = sp.vstack([X] * 3, format="csr")
    for metric in ("euclidean", "cosine"):
        rows, radii = fastal.k_center_greedy(X, 35, labeled=[0], metric=metric)
        assert set(rows[:11] % 12) == set(range(1, 12))
        assert (radii[10:] == 0).all()
        assert len(set(rows)) == 35
        # When all distances are 0, the lowest rows come first.
        np.testing.assert_array_equal(rows[11:], np.sort(rows[11:]))


def test_identical_rows_and_rows_of_zeros():
    for X in (np.ones((5, 3)), np.zeros((5, 3)), sp.csr_matrix((5, 3)), np.empty((5, 0))):
        for metric in ("euclidean", "cosine"):
            rows, radii = fastal.k_center_greedy(X, 9, metric=metric)
            np.testing.assert_array_equal(rows, np.arange(5))
            np.testing.assert_array_equal(radii, np.zeros(5))


def test_empty_rows_under_cosine():
    X = sp.csr_matrix(np.array([[1.0, 0], [0, 0], [0, 0], [2.0, 0], [1.0, 1.0]]))
    rows, radii = fastal.k_center_greedy(X, 4, labeled=[0], metric="cosine")
    np.testing.assert_array_equal(rows, [1, 4, 2, 3])
    np.testing.assert_allclose(radii, [1 - 1 / np.sqrt(2), 0, 0, 0], atol=1e-15)


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
@pytest.mark.parametrize("make", [sp.csr_matrix, sp.csr_array])
def test_index_types_and_containers(index_dtype, make):
    X = random_csr(np.random.RandomState(1))
    expected = fastal.k_center_greedy(X, 12)[0]
    other = make(X)
    other.indices = other.indices.astype(index_dtype)
    other.indptr = other.indptr.astype(index_dtype)
    for matrix in (other, other.tocsc(), other.tocoo(), other.tolil()):
        np.testing.assert_array_equal(fastal.k_center_greedy(matrix, 12)[0], expected)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_unsorted_rows_are_summed_in_their_own_order(metric):
    # What TfidfVectorizer returns: no duplicates, columns in no order.
    X = random_csr(np.random.RandomState(5), 80, 60, 0.4)
    rng = np.random.default_rng(0)
    for start, stop in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        order = start + rng.permutation(stop - start)
        X.indices[start:stop], X.data[start:stop] = X.indices[order], X.data[order]
    X.has_sorted_indices = False
    assert_picks_equal(X, 30, metric=metric)


def test_unsorted_duplicated_and_zero_entries_leave_the_caller_alone():
    # Row 0 is (3, 0, 1) stored as 1 + 2 with columns out of order and an explicit zero.
    data = np.array([1.0, 1.0, 2.0, 0.0, 4.0, 1.0])
    indices = np.array([2, 0, 0, 1, 1, 0], dtype=np.int32)
    indptr = np.array([0, 4, 5, 6], dtype=np.int32)
    X = sp.csr_matrix((data, indices, indptr), shape=(3, 3))
    clean = np.array([[3.0, 0, 1], [0, 4, 0], [1, 0, 0]])
    before = [array.copy() for array in (X.data, X.indices, X.indptr)]
    rows, radii = fastal.k_center_greedy(X, 3)
    expected = fastal.k_center_greedy(sp.csr_matrix(clean), 3)
    np.testing.assert_array_equal(rows, expected[0])
    np.testing.assert_array_equal(radii, expected[1])
    for array, old in zip((X.data, X.indices, X.indptr), before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_read_only_non_contiguous_memory_mapped_and_data_frame(tmp_path):
    X = random_csr(np.random.RandomState(2))
    expected = fastal.k_center_greedy(X, 10)[0]
    for array in (X.data, X.indices, X.indptr):
        array.flags.writeable = False
    np.testing.assert_array_equal(fastal.k_center_greedy(X, 10)[0], expected)
    dense = np.zeros((120, 80))
    dense[::2, ::2] = X.toarray()
    expected = fastal.k_center_greedy(X.toarray(), 10)[0]
    np.testing.assert_array_equal(fastal.k_center_greedy(dense[::2, ::2], 10)[0], expected)
    np.save(tmp_path / "X.npy", X.toarray())
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    np.testing.assert_array_equal(fastal.k_center_greedy(mapped, 10)[0], expected)
    frame = pd.DataFrame(X.toarray())
    np.testing.assert_array_equal(fastal.k_center_greedy(frame, 10)[0], expected)


def test_labelled_rows_as_mask_or_with_repeats():
    X = random_csr(np.random.RandomState(3))
    mask = np.zeros(60, dtype=bool)
    mask[[5, 9]] = True
    expected = fastal.k_center_greedy(X, 10, labeled=[9, 5])[0]
    np.testing.assert_array_equal(fastal.k_center_greedy(X, 10, labeled=mask)[0], expected)
    np.testing.assert_array_equal(fastal.k_center_greedy(X, 10, labeled=[5, 5, 9])[0], expected)
    assert fastal.k_center_greedy(X, 1, labeled=np.arange(60))[0].size == 0


def test_labelled_rows_need_not_come_first():
    # The defect: positions among the unlabelled used as row numbers.
    X = random_csr(np.random.RandomState(4))
    order = np.random.RandomState(0).permutation(60)
    rows = fastal.k_center_greedy(X, 8, labeled=[50, 55])[0]
    labeled = np.flatnonzero(np.isin(order, [50, 55]))
    permuted = fastal.k_center_greedy(X[order], 8, labeled=labeled)[0]
    # Duplicated rows may swap, their contents may not.
    np.testing.assert_array_equal(X[rows].toarray(), X[order][permuted].toarray())


@compiled_only
def test_the_number_of_threads_changes_nothing(monkeypatch):
    X = sp.random(5_000, 300, 0.05, format="csr", random_state=0)
    monkeypatch.setattr("fastal._centers._MIN_BATCH", 300)
    monkeypatch.setattr("fastal._threads.MIN_SHARE", 1)
    handed = []
    submit = ThreadPoolExecutor.submit

    def counting(self, kernel, *args):
        handed.append(kernel)
        return submit(self, kernel, *args)

    monkeypatch.setattr(ThreadPoolExecutor, "submit", counting)
    monkeypatch.setenv("FASTAL_NUM_THREADS", "1")
    one = fastal.k_center_greedy(X, 20, labeled=[1])
    assert handed == []
    monkeypatch.setenv("FASTAL_NUM_THREADS", "3")
    three = fastal.k_center_greedy(X, 20, labeled=[1])
    from fastal import _kernels_bounds

    assert {_kernels_bounds.bound_by_mean, _kernels_bounds.refine} <= set(handed)
    np.testing.assert_array_equal(one[0], three[0])
    np.testing.assert_array_equal(one[1], three[1])


@pytest.mark.parametrize(
    ("X", "kwargs", "error", "message"),
    [
        ([[1.0]], {"k": 0}, ValueError, "k must be a whole number of at least 1"),
        ([[1.0]], {"k": 2.5}, TypeError, "k must be a whole number"),
        ([[1.0]], {"k": 1, "metric": "manhattan"}, ValueError, "metric must be"),
        ([[1.0]], {"k": 1, "labeled": [1]}, ValueError, r"labeled must lie in 0\.\.0"),
        ([[np.nan], [1.0]], {"k": 1}, ValueError, "X must be finite, but row 0"),
        (sp.csr_matrix([[0.0], [np.inf]]), {"k": 1}, ValueError, "X must be finite, but row 1"),
        ([1.0, 2.0], {"k": 1}, ValueError, r"X must have shape \(n_samples, n_features\)"),
        ([["a"]], {"k": 1}, TypeError, "X must hold real numbers"),
        (sp.csr_matrix([[1j]]), {"k": 1}, TypeError, "X must hold real numbers"),
    ],
)
def test_bad_input(X, kwargs, error, message):
    with pytest.raises(error, match=message):
        fastal.k_center_greedy(X, **kwargs)


def test_a_corrupt_matrix_is_refused():
    # Compiled code does not check bounds: this would read and write outside the arrays.
    X = sp.csr_matrix(np.eye(3))
    X.indices[1] = 7
    with pytest.raises(ValueError, match=r"row 1 has a column outside 0\.\.2"):
        fastal.k_center_greedy(X, 1)
    X = sp.csr_matrix(np.eye(3))
    X.indptr[1] = 9
    with pytest.raises(ValueError, match="indptr does not fit"):
        fastal.k_center_greedy(X, 1)


def test_empty_pool():
    for X in (np.empty((0, 3)), sp.csr_matrix((0, 3))):
        rows, radii = fastal.k_center_greedy(X, 2)
        assert rows.shape == radii.shape == (0,)


# --- what the lazy search must not get wrong


def many_centers(rng, n_rows=400, positive=True, dtype=np.float64):
    """Rows with terms common and rare enough for lists, tables and all bounds."""
    share = rng.permutation(np.geomspace(0.002, 0.9, 60))
    dense = np.where(rng.random((n_rows, 60)) < share, rng.random((n_rows, 60)), 0.0)
    if not positive:
        dense -= np.where(dense > 0, 0.4, 0.0)
    dense[rng.choice(n_rows, 20, replace=False)] = dense[:20]
    dense[rng.choice(n_rows, 3, replace=False)] = 0.0
    dense *= rng.lognormal(0.0, 0.5, (n_rows, 1))
    return sp.csr_matrix(dense.astype(dtype))


@compiled_only
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("positive", [True, False])
@pytest.mark.parametrize("n_labeled", [0, 1, 60])
@pytest.mark.parametrize("unit", [True, False])
def test_many_centres_equal_reference(metric, positive, n_labeled, unit):
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X = many_centers(rng, positive=positive, dtype=[np.float64, np.float32][seed % 2])
        if unit:
            norms = np.sqrt(np.asarray(X.multiply(X).sum(axis=1)).ravel())
            X = sp.csr_matrix(sp.diags(1 / np.where(norms > 0, norms, 1.0)) @ X)
        labeled = rng.choice(400, n_labeled, replace=False) if n_labeled else None
        weights = rng.random(400) if seed == 2 else None
        state = seed if seed == 1 else None
        assert_picks_equal(
            X, 250, labeled=labeled, metric=metric, random_state=state, sample_weight=weights
        )


def test_memory_that_was_used_before_changes_nothing(monkeypatch):
    # The defect this found: columns of the table of centres that a later centre never wrote to.
    X = many_centers(np.random.default_rng(0))
    labeled = np.arange(60)
    monkeypatch.setattr(SparseSearch, "few_steps", lambda *_: False)
    expected = fastal.k_center_greedy(X, 50, labeled)
    empty = np.empty

    def used(shape, dtype=np.float64):
        array = empty(shape, dtype)
        array.view(np.uint8)[...] = 127 if array.ndim and array.size else 0
        return array

    with mock.patch("numpy.empty", used):
        rows, radii = fastal.k_center_greedy(X, 50, labeled)
    np.testing.assert_array_equal(rows, expected[0])
    np.testing.assert_array_equal(radii, expected[1])


@pytest.mark.parametrize("exponent", [-537, -520, -505])
def test_squares_next_to_nothing(exponent):
    # Products below the normal numbers lose more than their last bits.
    for seed in range(5):
        rng = np.random.default_rng(seed)
        rows = np.vstack([np.tile(rng.random(40), (30, 1)), rng.random((20, 40))])
        X = sp.csr_matrix(rows * 2.0**exponent)
        assert_picks_equal(X, 15, labeled=np.arange(30))


def test_norms_near_the_largest_number_are_refused():
    X = np.array([[1.3e154, 0], [1.3e154, 1e153], [1e154, 1e153], [0, 1]])
    for storage in (np.asarray, sp.csr_matrix):
        with pytest.raises(ValueError, match="X must be of a scale whose squares fit float64"):
            fastal.k_center_greedy(storage(X), 2, labeled=[0])


def test_k_center_greedy_weights():
    X = np.array([[0.0], [1.0], [5.0], [9.0]])
    for storage in (np.asarray, sp.csr_matrix):
        rows, radii = fastal.k_center_greedy(
            storage(X), 3, labeled=[0], sample_weight=[1.0, 4.0, 1.0, 0.1]
        )
        # 4 x 1, 1 x 5 and 0.1 x 9: row 2, then row 1 (4 x 1), then row 3.
        np.testing.assert_array_equal(rows, [2, 1, 3])
        np.testing.assert_allclose(radii, [4.0, 0.4, 0.0])
        # Nothing labelled: the heaviest row first.
        rows, _ = fastal.k_center_greedy(storage(X), 2, sample_weight=[1.0, 4.0, 1.0, 0.1])
        np.testing.assert_array_equal(rows, [1, 2])


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 60), st.integers(1, 30)),
    density=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    k=st.integers(1, 70),
    n_labeled=st.integers(0, 10),
    metric=st.sampled_from(["euclidean", "cosine"]),
    storage=st.sampled_from(["csr", "dense"]),
    weighted=st.booleans(),
    coarse=st.booleans(),
)
def test_kmeans_plusplus_equals_reference(
    seed, shape, density, k, n_labeled, metric, storage, weighted, coarse
):
    rng = np.random.RandomState(seed)
    X = random_csr(rng, shape[0], shape[1], density)
    if coarse:
        X.data = np.round(X.data * 2)
    X = X if storage == "csr" else X.toarray()
    labeled = rng.permutation(shape[0])[: min(n_labeled, shape[0])] if n_labeled else None
    weights = np.round(rng.random_sample(shape[0]) * 2) if weighted else None
    options = {"metric": metric, "random_state": seed, "sample_weight": weights}
    rows = fastal.kmeans_plusplus(X, k, labeled, **options)
    expected = _reference.kmeans_plusplus(X, k, labeled, **options)
    np.testing.assert_array_equal(rows, expected)
    n_known = 0 if labeled is None else len(labeled)
    assert len(rows) == min(k, shape[0] - n_known) == len(set(rows.tolist()))


@compiled_only
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_kmeans_plusplus_on_real_text(real_tfidf, metric):
    X = real_tfidf("sms_spam", 3000)
    for labeled in (None, np.arange(40)):
        rows = fastal.kmeans_plusplus(X, 150, labeled, metric, random_state=1)
        expected = _reference.kmeans_plusplus(X, 150, labeled, metric, random_state=1)
        np.testing.assert_array_equal(rows, expected)


def test_kmeans_plusplus_draws_in_proportion():
    # From row 0, squared distances 1, 4, 9 (times the weights 1, 1, 2): 1/23, 4/23, 18/23.
    X = sp.csr_matrix(np.array([[0.0], [1.0], [2.0], [3.0]]))
    draws = [
        fastal.kmeans_plusplus(X, 2, [0], random_state=seed, sample_weight=[1, 1, 1, 2])
        for seed in range(3000)
    ]
    first = np.bincount([rows[0] for rows in draws], minlength=4) / 3000
    np.testing.assert_allclose(first, [0, 1 / 23, 4 / 23, 18 / 23], atol=0.03)
    # After row 3 both others are at distance 1 of a centre.
    second = [rows[1] for rows in draws if rows[0] == 3]
    np.testing.assert_allclose(np.mean(np.array(second) == 1), 0.5, atol=0.04)


def test_kmeans_plusplus_first_draw_is_uniform_and_copies_come_last():
    X = np.array([[0.0], [0.0], [0.0], [7.0]])
    draws = [fastal.kmeans_plusplus(X, 4, random_state=seed) for seed in range(2000)]
    shares = np.bincount([rows[0] for rows in draws], minlength=4) / 2000
    np.testing.assert_allclose(shares, 0.25, atol=0.04)
    for rows in draws:
        assert 3 in rows[:2]
        assert sorted(rows) == [0, 1, 2, 3]


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_matrix])
def test_mean_similarity_equals_reference(storage):
    rng = np.random.RandomState(0)
    for X in (random_csr(rng), sp.csr_matrix((3, 4)), sp.csr_matrix((0, 4))):
        X = X if storage is sp.csr_matrix else X.toarray()
        similarity = fastal.mean_similarity(X)
        np.testing.assert_allclose(similarity, _reference.mean_similarity(X), atol=1e-12)
    X = random_csr(rng).toarray()
    expected = 1 - pairwise_distances(X, metric="cosine")
    expected[(X == 0).all(axis=1)] = 0.0
    np.testing.assert_allclose(fastal.mean_similarity(storage(X)), expected.mean(axis=1))


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, 2.0], "sample_weight must hold 3 weights, one a row, got 2"),
        ([1.0, -2.0, 1.0], "sample_weight must be finite and not negative, but row 1 weighs -2.0"),
        ([1.0, np.inf, 1.0], "sample_weight must be finite"),
        ([1.0, np.nan, 1.0], "sample_weight must not be NaN"),
        ([1.0, 1e101, 1.0], "sample_weight must be 0 or lie between 1e-100 and 1e100, but row 1"),
        ([1.0, 1e-101, 1.0], "sample_weight must be 0 or lie between 1e-100 and 1e100, but row 1"),
    ],
)
def test_bad_weights(weights, message):
    for function in (fastal.k_center_greedy, fastal.kmeans_plusplus):
        with pytest.raises(ValueError, match=message):
            function(np.eye(3), 1, sample_weight=weights)


def test_progress_is_shown_on_request(capsys):
    X = random_csr(np.random.RandomState(3))
    fastal.k_center_greedy(X, 5, progress=True)
    fastal.kmeans_plusplus(X, 5, progress=True)
    shown = capsys.readouterr().err
    assert "picks" in shown
    assert "draws" in shown
    fastal.k_center_greedy(X, 5)
    assert capsys.readouterr().err == ""


def test_one_row_far_longer_than_the_others():
    # It owns the strongest value of every term, and must not be read for every row.
    rng = np.random.default_rng(0)
    short = np.where(rng.random((80, 400)) < 0.01, rng.random((80, 400)), 0.0)
    X = sp.csr_matrix(np.vstack([short, rng.random((1, 400))]))
    for metric in ("euclidean", "cosine"):
        assert_picks_equal(X, 40, labeled=[*range(18), 80], metric=metric)
