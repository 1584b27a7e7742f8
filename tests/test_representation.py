from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import NO_JIT, compiled_only, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import cosine_similarity, euclidean_distances

from fastal import _clusters, _facilities, _kernels_representation, _threads, representation
from fastal import _reference_representation as _reference
from fastal._search import checked_sq_norms
from fastal._validation import check_csr

EXAMPLES = settings(max_examples=15 if NO_JIT else 100, deadline=None)


def assert_picks_equal(X, k, **kwargs):
    """Pick for pick and gain for gain, to the last bit."""
    rows, gains = representation.facility_location(X, k, **kwargs)
    expected_rows, expected_gains = _reference.facility_location(X, k, **kwargs)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_array_equal(gains, expected_gains)
    assert rows.dtype == np.int64
    assert gains.dtype == np.float64
    return rows, gains


def assert_batch_equal(X, k, scores, **kwargs):
    rows = representation.weighted_k_means(X, k, scores, **kwargs)
    np.testing.assert_array_equal(rows, _reference.weighted_k_means(X, k, scores, **kwargs))
    assert rows.dtype == np.int64
    return rows


def shuffled_rows(X):
    """Return X with the entries of each row in random order, as TfidfVectorizer leaves them."""
    X = X.copy()
    rng = np.random.default_rng(0)
    for start, stop in zip(X.indptr[:-1], X.indptr[1:], strict=True):
        order = start + rng.permutation(stop - start)
        X.indices[start:stop], X.data[start:stop] = X.indices[order], X.data[order]
    X.has_sorted_indices = False
    return X


def pool(seed, shape, density, storage, dtype, coarse):
    X = random_csr(np.random.RandomState(seed), *shape, density, dtype)
    if coarse:  # many exact ties and duplicates
        X.data = np.round(X.data * 2).astype(dtype)
    return {"csr": X, "unsorted": shuffled_rows(X), "dense": X.toarray()}[storage]


METRICS = ["cosine", "dot", "euclidean", "squared_cosine"]
POOLS = {
    "seed": st.integers(0, 10_000),
    "shape": st.tuples(st.integers(1, 40), st.integers(1, 30)),
    "density": st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    "storage": st.sampled_from(["csr", "unsorted", "dense"]),
    "dtype": st.sampled_from([np.float64, np.float32]),
    "coarse": st.booleans(),
    "n_labeled": st.integers(0, 10),
}


@EXAMPLES
@given(
    k=st.integers(1, 50),
    metric=st.sampled_from(METRICS),
    random_state=st.sampled_from([None, 0, 1]),
    **POOLS,
)
def test_picks_equal_reference(
    seed, shape, density, storage, dtype, coarse, n_labeled, k, metric, random_state
):
    X = pool(seed, shape, density, storage, dtype, coarse)
    labeled = np.random.RandomState(seed).permutation(shape[0])[:n_labeled]
    rows, gains = assert_picks_equal(
        X, k, labeled=labeled if n_labeled else None, metric=metric, random_state=random_state
    )
    assert len(rows) == min(k, shape[0] - len(labeled)) == len(set(rows.tolist()))
    assert not set(rows.tolist()) & set(labeled.tolist())
    assert (np.diff(gains) <= 0).all()
    assert (gains >= 0).all()


@EXAMPLES
@given(
    seed=st.integers(0, 10_000),
    n_rows=st.integers(1, 30),
    density=st.sampled_from([0.0, 0.1, 1.0]),
    storage=st.sampled_from(["csr", "unsorted", "dense"]),
    dtype=st.sampled_from([np.float64, np.float32]),
    coarse=st.booleans(),
    n_labeled=st.integers(0, 5),
    k=st.integers(1, 40),
)
def test_precomputed_similarities_equal_reference(
    seed, n_rows, density, storage, dtype, coarse, n_labeled, k
):
    # Neither symmetric nor all positive.
    S = pool(seed, (n_rows, n_rows), density, storage, dtype, coarse)
    labeled = np.random.RandomState(seed).permutation(n_rows)[:n_labeled]
    _, gains = assert_picks_equal(S, k, labeled=labeled, metric="precomputed")
    assert (np.diff(gains) <= 0).all()


@pytest.mark.parametrize("metric", METRICS)
def test_metrics_are_what_they_say(metric):
    X = np.random.RandomState(0).normal(size=(40, 6))
    sq_distances = euclidean_distances(X, squared=True)
    similarity = {
        "cosine": cosine_similarity(X),
        "dot": X @ X.T,
        "euclidean": sq_distances.max() - sq_distances,
        "squared_cosine": cosine_similarity(X) ** 2,
    }[metric]
    for labeled in ([], [3, 8]):
        rows, gains = representation.facility_location(X, 9, labeled, metric)
        expected = representation.facility_location(similarity, 9, labeled, "precomputed")
        np.testing.assert_array_equal(rows, expected[0])
        np.testing.assert_allclose(gains, expected[1], rtol=1e-11)


def test_euclidean_by_hand():
    # Squared distances 1, 25, 16: the largest is 25.
    X = np.array([[0.0], [1.0], [5.0], [5.0]])
    rows, gains = assert_picks_equal(X, 4, metric="euclidean")
    np.testing.assert_array_equal(rows, [1, 2, 0, 3])
    np.testing.assert_array_equal(gains, [24 + 25 + 9 + 9, 32, 1, 0])
    rows, gains = assert_picks_equal(X, 2, metric="euclidean", labeled=[0])
    np.testing.assert_array_equal(rows, [2, 1])
    np.testing.assert_array_equal(gains, [50, 1])
    np.testing.assert_array_equal(assert_picks_equal(X[:1], 1, metric="euclidean")[1], [0])


@EXAMPLES
@given(
    k=st.integers(1, 12),
    extra=st.sampled_from([None, 0, 1, 5]),
    random_state=st.integers(0, 3),
    max_iter=st.sampled_from([1, 100]),
    steps=st.sampled_from([1, 3, 1000]),
    **POOLS,
)
def test_batches_equal_reference(
    seed,
    shape,
    density,
    storage,
    dtype,
    coarse,
    n_labeled,
    k,
    extra,
    random_state,
    max_iter,
    steps,
):
    X = pool(seed, shape, density, storage, dtype, coarse)
    rng = np.random.RandomState(seed)
    labeled = rng.permutation(shape[0])[:n_labeled]
    scores = np.floor(rng.uniform(size=shape[0]) * steps) / steps  # one step: all zero
    rows = assert_batch_equal(
        X, k, scores, labeled=labeled if n_labeled else None, max_iter=max_iter, tol=0.0,
        n_candidates=None if extra is None else k + extra, random_state=random_state,
    )  # fmt: skip
    assert len(rows) == min(k, shape[0] - len(labeled)) == len(set(rows.tolist()))
    assert not set(rows.tolist()) & set(labeled.tolist())
    assert [*zip(-scores[rows], rows, strict=True)] == sorted(
        zip(-scores[rows], rows, strict=True)
    )


def test_many_evaluations_in_one_pick(monkeypatch):
    # What a large pool does: bounds that are too high for a call, then all gains at once.
    X = random_csr(np.random.RandomState(0), 60, 30, 0.3)
    expected = _reference.facility_location(X, 15)
    for budget, paired in ((1, 7), (3, 60), (64, 256)):
        monkeypatch.setattr(_facilities, "_EVALUATIONS_PER_CALL", budget)
        monkeypatch.setattr(_facilities, "_PAIRED_ROWS_PER_CALL", paired)
        rows, gains = representation.facility_location(X, 15)
        np.testing.assert_array_equal(rows, expected[0])
        np.testing.assert_array_equal(gains, expected[1])


def test_facility_location_by_hand():
    X = np.array([[1.0, 0], [3, 0], [0, 1], [0, 0], [-2, 0]])
    # Cosine: rows 0 and 1 point the same way and 4 the other way; opposite ones count as 0.
    rows, gains = representation.facility_location(X, 5)
    np.testing.assert_array_equal(rows, [0, 2, 4, 1, 3])
    np.testing.assert_array_equal(gains, [2, 1, 1, 0, 0])
    # Inner products: row 1 gives 3 to row 0 and 9 to itself.
    rows, gains = representation.facility_location(X, 3, metric="dot")
    np.testing.assert_array_equal(rows, [1, 4, 2])
    np.testing.assert_array_equal(gains, [12, 4, 1])
    # A labelled row covers its like.
    rows, gains = representation.facility_location(X, 2, labeled=[1])
    np.testing.assert_array_equal(rows, [2, 4])
    np.testing.assert_array_equal(gains, [1, 1])


def total(similarities, rows):
    return np.maximum(similarities[:, list(rows)].max(axis=1), 0).sum()


def test_greedy_guarantee_and_gains():
    for seed in range(6):
        X = np.random.RandomState(seed).normal(size=(9, 3))
        similarities = cosine_similarity(X)
        rows, gains = representation.facility_location(X, 3)
        best = max(total(similarities, some) for some in combinations(range(9), 3))
        assert total(similarities, rows) >= (1 - 1 / np.e) * best
        for i in range(3):
            np.testing.assert_allclose(gains[: i + 1].sum(), total(similarities, rows[: i + 1]))


@compiled_only
@pytest.mark.parametrize(("name", "n_rows"), [("20newsgroups", 1000), ("sms_spam", 2000)])
def test_picks_equal_reference_on_real_text(real_tfidf, name, n_rows):
    X = real_tfidf(name, n_rows)
    assert_picks_equal(X, 4, labeled=np.arange(0, 100, 5))
    X = X[:400]
    assert_picks_equal(X.astype(np.float32), 12, metric="dot")
    assert_batch_equal(X, 20, np.random.RandomState(0).uniform(size=400), random_state=0)


def test_bounds_hold_in_floating_point(real_tfidf):
    X = check_csr(real_tfidf("sms_spam", 120)[:, :400])
    scale = checked_sq_norms(X, cosine=False)
    facilities = _facilities.Facilities(X, 1.0 / np.sqrt(np.where(scale > 0, scale, 1.0)))
    # Without negative entries the first bound is the gain but for rounding.
    gains, bounds = facilities._all_gains(), facilities._first_bounds()
    assert (bounds >= gains).all()
    np.testing.assert_allclose(bounds, gains, rtol=1e-11)


def test_random_ties_reach_every_row():
    X = np.eye(4)
    firsts = {int(representation.facility_location(X, 1, random_state=s)[0][0]) for s in range(40)}
    assert firsts == {0, 1, 2, 3}


def test_weighted_k_means_by_hand():
    X = np.array([[0.0], [0.2], [0.3], [8], [8.3], [8.4], [100]])
    scores = [0.5, 0.9, 0.6, 0.8, 0.9, 0.7, 0.0]
    for seed in range(5):
        # Row 6 is no candidate; the weighted means are 0.20 and 8.24.
        rows = representation.weighted_k_means(X, 2, scores, n_candidates=6, random_state=seed)
        np.testing.assert_array_equal(rows, [1, 4])
    # The weight decides where the centre of all is: near the heavy row.
    rows = representation.weighted_k_means([[0.0], [4], [10]], 1, [1, 1, 50], random_state=0)
    np.testing.assert_array_equal(rows, [2])


def test_the_last_round_need_not_have_converged():
    X = random_csr(np.random.RandomState(0), 60, 30, 0.3)
    for max_iter in (1, 2, 100):
        for tol in (0.0, 1e-4, 1e9):
            assert_batch_equal(X, 5, np.ones(60), max_iter=max_iter, tol=tol, random_state=0)


def test_equal_rows_have_equal_gains():
    # A sum that depended on where the row stands would break ties by the last bit.
    X = sp.csr_matrix(np.repeat(np.random.RandomState(0).normal(size=(12, 9)), 3, axis=0)[::-1])
    rows, gains = representation.facility_location(X, 36)
    assert (rows[:12] % 3 == 0).all()
    assert (gains[12:] == 0).all()
    np.testing.assert_array_equal(rows[12:], np.sort(rows[12:]))


def test_inertia_is_that_of_scikit_learn():
    rng = np.random.RandomState(0)
    n_rows = 60 if NO_JIT else 200
    X = sp.random(n_rows, 20, 0.4, format="csr", random_state=rng)
    weights = rng.uniform(0.1, 1, size=n_rows)
    clusters = _clusters.Clusters(check_csr(X), np.arange(n_rows), weights)
    first = clusters.first_centers(7, rng)
    centers = clusters.move(first, 300, 0.0)
    theirs = KMeans(7, init=np.ascontiguousarray(first.T), n_init=1, tol=0.0, max_iter=300)
    theirs.fit(X.toarray(), sample_weight=weights)
    distances = ((X.toarray()[:, :, np.newaxis] - centers) ** 2).sum(axis=1).min(axis=1)
    np.testing.assert_allclose((weights * distances).sum(), theirs.inertia_, rtol=1e-9)
    np.testing.assert_allclose(centers, theirs.cluster_centers_.T, atol=1e-9)


def test_first_centres_differ_and_follow_the_weights():
    X = sp.csr_matrix(np.repeat([[0.0], [1.0], [5.0]], 4, axis=0))
    weights = np.ones(12)
    weights[:4] = 0.0
    for seed in range(10):
        clusters = _clusters.Clusters(check_csr(X), np.arange(12), weights)
        first = clusters.first_centers(2, np.random.RandomState(seed))
        assert set(first.ravel()) == {1.0, 5.0}
        # A third centre can only be drawn from rows without weight or without distance.
        assert clusters.first_centers(12, np.random.RandomState(seed)).shape == (1, 12)


def test_equally_near_centres_go_to_the_first():
    labels = np.full(2, -1)
    X = check_csr(sp.csr_matrix([[1.0], [3.0]]))
    centers = np.array([[3.0, 1.0, 1.0, 3.0]])
    _kernels_representation.nearest_centers(0, 2, *X[:3], centers, centers[0] ** 2, labels)
    np.testing.assert_array_equal(labels, [1, 0])


def test_draws_near_one_stay_within_the_chances():
    chances = np.array([0.0, 1.0, 2.0, 0.0])
    free = np.ones(4, dtype=bool)
    draws = [_clusters.draw_row(chances, free, draw) for draw in (0.0, 0.3, 0.4, 1 - 1e-17)]
    assert draws == [1, 1, 2, 2]


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix])
def test_identical_rows_rows_of_zeros_and_no_columns(make):
    for dense in (np.ones((5, 3)), np.zeros((5, 3)), np.empty((5, 0))):
        X = make(dense)
        for metric in METRICS:
            rows, gains = representation.facility_location(X, 9, metric=metric)
            np.testing.assert_array_equal(rows, np.arange(5))
            assert (gains[1:] == 0).all()
        rows = representation.weighted_k_means(X, 3, [0.1, 0.9, 0.9, 0.5, 0.2], random_state=0)
        np.testing.assert_array_equal(rows, assert_batch_equal(
            X, 3, [0.1, 0.9, 0.9, 0.5, 0.2], random_state=0))  # fmt: skip
        assert len(set(rows)) == 3


def test_empty_pool_and_nothing_left():
    for X in (np.empty((0, 3)), sp.csr_matrix((0, 3))):
        rows, gains = representation.facility_location(X, 2)
        assert rows.shape == gains.shape == (0,)
        assert representation.weighted_k_means(X, 2, []).shape == (0,)
    assert representation.facility_location(np.eye(3), 2, labeled=[0, 1, 2])[0].size == 0
    assert representation.weighted_k_means(np.eye(3), 2, np.ones(3), labeled=[0, 1, 2]).size == 0


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_index_types_read_only_and_unchanged_input(index_dtype):
    X = shuffled_rows(random_csr(np.random.RandomState(1), 40, 20, 0.2))
    scores = np.random.RandomState(0).uniform(size=40)
    expected = representation.facility_location(X, 8)
    batch = representation.weighted_k_means(X, 3, scores, random_state=0)
    X.indices, X.indptr = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    arrays = X.data, X.indices, X.indptr, scores
    before = [array.copy() for array in arrays]
    for _ in range(2):
        rows, gains = representation.facility_location(X, 8)
        np.testing.assert_array_equal(rows, expected[0])
        np.testing.assert_array_equal(gains, expected[1])
        again = representation.weighted_k_means(X, 3, scores, random_state=0)
        np.testing.assert_array_equal(again, batch)
        for array, old in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, old)
            array.flags.writeable = False


def test_the_order_of_stored_entries_changes_nothing():
    X = random_csr(np.random.RandomState(5), 50, 40, 0.4)
    for metric in METRICS:
        sorted_rows, sorted_gains = representation.facility_location(X, 10, metric=metric)
        rows, gains = representation.facility_location(shuffled_rows(X), 10, metric=metric)
        np.testing.assert_array_equal(rows, sorted_rows)
        # Norms are summed as stored.
        np.testing.assert_allclose(gains, sorted_gains, rtol=1e-14)


def test_shares_of_a_small_pool(monkeypatch):
    X = random_csr(np.random.RandomState(0), 60, 30, 0.3)
    monkeypatch.setattr(_facilities, "_EVALUATIONS_PER_CALL", 2)
    monkeypatch.setattr(_facilities, "_PAIRED_ROWS_PER_CALL", 17)
    monkeypatch.setattr(_threads, "MIN_SHARE", 1)
    for threads in ("3", "8", "20"):
        monkeypatch.setenv("FASTAL_NUM_THREADS", threads)
        assert_picks_equal(X, 10)
        assert_batch_equal(X, 4, np.arange(60) / 60, random_state=0)


@compiled_only
def test_the_number_of_threads_changes_nothing(monkeypatch):
    X = sp.random(3000, 300, 0.05, format="csr", random_state=0)
    X.data -= 0.2
    scores = np.random.RandomState(0).uniform(size=3000)
    results = []
    for threads in ("1", "2", "3", "20"):
        monkeypatch.setenv("FASTAL_NUM_THREADS", threads)
        rows, gains = representation.facility_location(X, 20, labeled=[1])
        batch = representation.weighted_k_means(X, 100, scores, random_state=0)
        results.append((rows, gains, batch))
    for others in results[1:]:
        for one, other in zip(results[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    ("X", "kwargs", "error", "message"),
    [
        ([[1.0]], {"k": 0}, ValueError, "k must be a whole number of at least 1"),
        ([[1.0]], {"k": 2.5}, TypeError, "k must be a whole number"),
        (
            [[1.0]],
            {"k": 1, "metric": "l1"},
            ValueError,
            "metric must be 'cosine' or 'dot' or 'euc",
        ),
        ([[1.0]], {"k": 1, "labeled": [1]}, ValueError, r"labeled must lie in 0\.\.0"),
        ([[1.0]], {"k": 1, "random_state": "a"}, TypeError, "random_state must be"),
        ([[np.nan]], {"k": 1}, ValueError, "X must be finite, but row 0"),
        ([[1.0], [1e-100]], {"k": 1}, ValueError, "X must be of a scale .* row 1"),
        (sp.csr_matrix([[1e-200]]), {"k": 1}, ValueError, "X must be of a scale .* row 0"),
        ([[1.0, 2.0]], {"k": 1, "metric": "precomputed"}, ValueError, r"square .*\(1, 2\)"),
        ([[1e90]], {"k": 1, "metric": "dot"}, ValueError, "X must be of a scale"),
        ([1.0], {"k": 1}, ValueError, r"X must have shape \(n_samples, n_features\)"),
    ],
)
def test_bad_input_of_facility_location(X, kwargs, error, message):
    with pytest.raises(error, match=message):
        representation.facility_location(X, **kwargs)


@pytest.mark.parametrize(
    ("scores", "kwargs", "error", "message"),
    [
        ([1.0], {}, ValueError, "scores must hold a number for each of 3 rows, got 1"),
        ([1.0, -1.0, 1.0], {}, ValueError, "scores must be finite and not negative, but row 1"),
        ([1.0, 1.0, np.inf], {}, ValueError, "scores must be finite and not negative, but row 2"),
        ([1.0, 1.0, np.nan], {}, ValueError, "scores must not be NaN"),
        (np.ones(3), {"k": 0}, ValueError, "k must be a whole number"),
        (
            np.ones(3),
            {"n_candidates": 1},
            ValueError,
            "n_candidates must be at least k = 2, got 1",
        ),
        (np.ones(3), {"n_candidates": 2.5}, TypeError, "n_candidates must be a whole number"),
        (np.ones(3), {"max_iter": 0}, ValueError, "max_iter must be a whole number"),
        (np.ones(3), {"tol": -1.0}, ValueError, "tol must not be negative, got -1.0"),
        (np.ones(3), {"labeled": [3]}, ValueError, r"labeled must lie in 0\.\.2"),
    ],
)
def test_bad_input_of_weighted_k_means(scores, kwargs, error, message):
    with pytest.raises(error, match=message):
        representation.weighted_k_means(np.eye(3), **{"k": 2, "scores": scores, **kwargs})


def test_the_scale_of_products_is_checked_in_k_means_too():
    X = np.array([[1.0], [1e90], [2.0]])
    with pytest.raises(ValueError, match=r"X must be of a scale .* row 1 has the squared norm"):
        representation.weighted_k_means(X, 1, np.ones(3))


def test_euclidean_of_rows_far_from_the_origin():
    # Quarters: sums and squares are exact at the origin, and far from it would not be.
    X = np.round(np.random.default_rng(1).gamma(1.0, size=(40, 6)) * 4) / 4
    near = assert_picks_equal(X, 12, metric="euclidean")
    far = assert_picks_equal(X + 2.0**31, 12, metric="euclidean")
    np.testing.assert_array_equal(far[0], near[0])
    np.testing.assert_allclose(far[1], near[1], rtol=1e-12)
