from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import NO_JIT, compiled_only, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import pairwise_distances
from sklearn.metrics.pairwise import cosine_similarity
from test_representation import POOLS, pool, shuffled_rows

import fastal
from fastal import _reference, batches

EXAMPLES = settings(max_examples=15 if NO_JIT else 100, deadline=None)


def assert_rows_equal(name, *args, **kwargs):
    """Pick for pick, and number for number, to the last bit."""
    result = getattr(batches, name)(*args, **kwargs)
    expected = getattr(_reference, name)(*args, **kwargs)
    if isinstance(result, tuple):
        np.testing.assert_array_equal(result[1], expected[1])
        assert result[1].dtype == np.float64
        result, expected = result[0], expected[0]
    np.testing.assert_array_equal(result, expected)
    assert result.dtype == np.int64
    return result


def assert_batch(rows, k, n_rows, labeled):
    assert len(rows) == min(k, n_rows - len(labeled)) == len(set(rows.tolist()))
    assert not set(rows.tolist()) & set(labeled.tolist())


def probabilities(rng, n_rows, n_classes, kind, dtype=np.float64):
    """Rows of a distribution: any, of few different ones, or without a doubt."""
    proba = rng.dirichlet(np.full(n_classes, 0.3), n_rows)
    if kind == "coarse":
        proba = proba[rng.randint(min(3, n_rows), size=n_rows)]
    if kind == "certain":
        proba = np.eye(n_classes)[rng.randint(n_classes, size=n_rows)]
    return proba.astype(dtype)


def embeddings(proba, X):
    """What BADGE draws among, in full: (n_rows, n_classes * n_features)."""
    residuals = proba - np.eye(proba.shape[1])[proba.argmax(axis=1)]
    return (residuals[:, :, np.newaxis] * X[:, np.newaxis, :]).reshape(len(proba), -1)


# ---- against the reference ---------------------------------------------------------------------


@EXAMPLES
@given(
    k=st.integers(1, 50),
    n_classes=st.integers(1, 4),
    kind=st.sampled_from(["any", "coarse", "certain"]),
    random_state=st.integers(0, 3),
    **POOLS,
)
def test_badge_equals_reference(
    seed, shape, density, storage, dtype, coarse, n_labeled, k, n_classes, kind, random_state
):
    X = pool(seed, shape, density, storage, dtype, coarse)
    rng = np.random.RandomState(seed)
    proba = probabilities(rng, shape[0], n_classes, kind, dtype)
    labeled = rng.permutation(shape[0])[:n_labeled]
    rows = assert_rows_equal(
        "badge", proba, X, k, labeled if n_labeled else None, random_state=random_state
    )
    assert_batch(rows, k, shape[0], labeled)


@EXAMPLES
@given(
    k=st.integers(1, 50),
    metric=st.sampled_from(["cosine", "euclidean"]),
    alpha=st.sampled_from([None, 0, 0.5, 1.0]),
    steps=st.sampled_from([1, 3, 1000]),
    random_state=st.sampled_from([None, 0, 1]),
    **POOLS,
)
def test_ranked_batch_equals_reference(
    seed, shape, density, storage, dtype, coarse, n_labeled, k, metric, alpha, steps, random_state
):
    X = pool(seed, shape, density, storage, dtype, coarse)
    rng = np.random.RandomState(seed)
    labeled = rng.permutation(shape[0])[:n_labeled]
    scores = np.floor(rng.uniform(size=shape[0]) * steps) / steps
    rows = assert_rows_equal(
        "ranked_batch", scores, X, k, labeled if n_labeled else None,
        metric=metric, alpha=alpha, random_state=random_state,
    )  # fmt: skip
    assert_batch(rows, k, shape[0], labeled)


@EXAMPLES
@given(
    k=st.integers(1, 12),
    extra=st.sampled_from([None, 0, 1, 5]),
    steps=st.sampled_from([1, 3, 1000]),
    n_clusters=st.sampled_from([None, 1, 4]),
    random_state=st.sampled_from([None, 0, 1]),
    **POOLS,
)
def test_cluster_margin_equals_reference(
    seed, shape, density, storage, dtype, coarse, n_labeled, k, extra, steps, n_clusters,
    random_state,
):  # fmt: skip
    X = pool(seed, shape, density, storage, dtype, coarse)
    rng = np.random.RandomState(seed)
    labeled = rng.permutation(shape[0])[:n_labeled]
    scores = np.floor(rng.uniform(size=shape[0]) * steps) / steps
    clusters = None if n_clusters is None else rng.randint(n_clusters, size=shape[0])
    rows = assert_rows_equal(
        "cluster_margin", scores, X, k, labeled if n_labeled else None,
        n_candidates=None if extra is None else k + extra, clusters=clusters,
        random_state=random_state,
    )  # fmt: skip
    assert_batch(rows, k, shape[0], labeled)


@EXAMPLES
@given(beta=st.sampled_from([0, 0.5, 1.0, 3]), **POOLS)
def test_information_density_equals_reference(
    seed, shape, density, storage, dtype, coarse, n_labeled, beta
):
    X = pool(seed, shape, density, storage, dtype, coarse)
    scores = np.random.RandomState(seed).uniform(size=shape[0])
    result = fastal.information_density(scores, X, beta)
    expected = _reference.information_density(scores, X, beta)
    # The root of next to nothing is far from the root of nothing.
    np.testing.assert_allclose(
        result, expected, rtol=1e-5 if dtype == np.float32 else 1e-9, atol=1e-7
    )
    assert result.dtype == np.float64


# ---- by hand, and against brute force ----------------------------------------------------------


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix])
def test_badge_by_hand(make):
    # Squared norms: 2 * 0.5^2 * 1, 2 * 0.4^2 * 1.01, 2 * 0.4^2, 0.
    proba = np.array([[0.5, 0.5], [0.6, 0.4], [0.6, 0.4], [1.0, 0.0]])
    X = make(np.array([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0], [0.0, 1.0]]))
    norms = batches.embedding_sq_norms(proba, batches.check_matrix(X))
    np.testing.assert_allclose(norms, [0.5, 0.3232, 0.32, 0.0])
    # Squared distances from row 0 = (-0.5, 0.5) (x) (1, 0): row 1 is 2 * (0.1^2 + 0.04^2) away,
    # row 2 lies at a right angle, row 3 at nothing: 0.5.
    expected = np.array([0.0232, 0.82, 0.5])
    n_draws = 300 if NO_JIT else 3000
    drawn = [fastal.badge(proba, X, 2, random_state=seed) for seed in range(n_draws)]
    assert {int(rows[0]) for rows in drawn} == {0}
    shares = np.bincount([rows[1] for rows in drawn], minlength=4)[1:] / n_draws
    # Three standard deviations.
    np.testing.assert_allclose(shares, expected / expected.sum(), atol=1.5 / np.sqrt(n_draws))


@compiled_only
def test_badge_draws_like_kmeans_plusplus_among_the_embeddings():
    rng = np.random.RandomState(1)
    proba, X = rng.dirichlet(np.ones(3), 6), rng.normal(size=(6, 2))
    g = embeddings(proba, X)
    first = int(np.argmax((g**2).sum(axis=1)))
    # The chances of each third pick, given all second ones.
    sq = pairwise_distances(g) ** 2
    expected = np.zeros(6)
    for second in range(6):
        both = np.minimum(sq[first], sq[second])
        expected += sq[first][second] / sq[first].sum() * both / both.sum()
    drawn = [fastal.badge(proba, X, 3, random_state=seed) for seed in range(4000)]
    assert {int(rows[0]) for rows in drawn} == {first}
    shares = np.bincount([rows[2] for rows in drawn], minlength=6) / len(drawn)
    np.testing.assert_allclose(shares, expected, atol=0.03)


def test_badge_goes_on_from_where_the_race_stands():
    # A row's time is stretched from the present on, not drawn anew.
    rng = np.random.RandomState(0)
    proba, X = rng.dirichlet(np.ones(3), 60), random_csr(rng, 60, 20, 0.3)
    for seed in range(10):
        assert_rows_equal("badge", proba, X, 30, random_state=seed)


def test_badge_with_a_certain_model_draws_uniformly():
    proba = np.eye(3)[[0, 1, 2, 2, 1, 0]]
    counts = np.zeros((6, 6))
    for seed in range(600):
        rows = fastal.badge(proba, sp.identity(6, format="csr"), 9, [5], random_state=seed)
        np.testing.assert_array_equal(np.sort(rows), np.arange(5))
        counts[np.arange(5), rows] += 1
    # 120 +- 10 (one standard deviation) each.
    assert np.abs(counts[:5, :5] - 120).max() < 45


def test_badge_prefers_unsure_rows_of_unlike_features():
    # small-text takes the scale of row 0 or 1 (a class number) for every row and leaves 1 - p out.
    n = 40
    proba = np.full((n, 2), [0.999, 0.001])
    proba[30:] = [0.5, 0.5]
    X = np.eye(n)
    rows = fastal.badge(proba, X, 10, random_state=0)
    assert (rows >= 30).sum() >= 9


def test_badge_copies_come_last():
    rng = np.random.RandomState(0)
    proba, X = rng.dirichlet(np.ones(3), 5), random_csr(rng, 5, 8, 0.7)
    proba, X = np.tile(proba, (4, 1)), sp.csr_matrix(np.tile(rng.normal(size=(5, 8)), (4, 1)))
    for make in (sp.csr_matrix, lambda X: X.toarray()):
        rows = fastal.badge(proba, make(X), 20, random_state=3)
        assert sorted(rows[:5] % 5) == list(range(5))
        assert sorted(rows) == list(range(20))


def test_first_ties_of_badge_are_drawn():
    proba, X = np.full((4, 2), 0.5), np.eye(4)
    assert {int(fastal.badge(proba, X, 1, random_state=s)[0]) for s in range(40)} == {0, 1, 2, 3}
    assert len({tuple(fastal.badge(proba, X, 4).tolist()) for _ in range(40)}) > 1


def test_budget_spent_in_the_middle():
    X = random_csr(np.random.RandomState(0), 60, 30, 0.3)
    proba = np.random.RandomState(0).dirichlet(np.ones(3), 60)
    scores = np.random.RandomState(1).uniform(size=60)
    with mock.patch.multiple("fastal._badge", BUDGET=40):
        for form in (X, X.toarray()):
            assert_rows_equal("badge", proba, form, 30, [3], random_state=0)
    with (
        mock.patch("fastal._centers.BUDGET", 40),
        mock.patch("fastal._centers_dense.BUDGET", 40),
    ):
        for form in (X, X.toarray()):
            assert_rows_equal("ranked_batch", scores, form, 30, [3, 9])


def test_ranked_batch_by_hand():
    X = np.array([[1.0, 0.0], [1.0, 0.0], [0.6, 0.8], [0.0, 1.0], [0.0, 0.0]])
    scores = [0.0, 1.0, 0.5, 0.25, 0.0]
    # alpha = 4/5; 1 - Phi = 0, 0.4, 1, 1.
    rows, values = fastal.ranked_batch(scores, X, 4, [0])
    assert rows.tolist() == [3, 4, 1, 2]
    # Then alpha = 3/5 with 1 - Phi = 0, 0.2, 1; 2/5; 1/5.
    np.testing.assert_allclose(values, [0.8 + 0.2 * 0.25, 0.6, 0.6, 0.2 * 0.2 + 0.8 * 0.5])
    # Similarity 1 / (1 + d), at equal weights.
    rows, values = fastal.ranked_batch(scores, X, 2, [0], metric="euclidean", alpha=0.5)
    unlike = 1 - 1 / (1 + np.sqrt(2))
    assert rows.tolist() == [1, 2]
    np.testing.assert_allclose(values[0], 0.5)
    np.testing.assert_allclose(values[1], 0.5 * (1 - 1 / (1 + np.sqrt(0.8))) + 0.25)
    assert values[1] > 0.5 * unlike + 0.125


def modal_ranked_batch(scores, X, X_labeled, k, metric):
    """The definition, as modAL has it: all distances from scratch for every pick."""
    left = np.arange(len(X))
    rows = []
    for _ in range(k):
        nearest = pairwise_distances(X[left], X_labeled, metric=metric).min(axis=1)
        alpha = len(left) / (len(left) + len(X_labeled))
        value = alpha * (1 - 1 / (1 + nearest)) + (1 - alpha) * scores[left]
        row = left[np.argmax(value)]
        rows.append(row)
        X_labeled = np.vstack([X_labeled, X[row]])
        left = left[left != row]
    return rows


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix])
def test_ranked_batch_picks_what_modal_picks(make):
    rng = np.random.RandomState(0)
    X, scores = rng.normal(size=(50, 6)), rng.uniform(size=50)
    expected = modal_ranked_batch(scores[10:], X[10:], X[:10], 30, "euclidean")
    rows, _ = fastal.ranked_batch(scores, make(X), 30, np.arange(10), "euclidean")
    np.testing.assert_array_equal(rows - 10, expected)


def test_ranked_batch_without_labels_begins_with_the_densest_row():
    X = np.array([[0.0, 1.0], [1.0, 0.1], [1.0, 0.0], [1.0, -0.1], [0.0, 0.0]])
    for form in (X, sp.csr_matrix(X)):
        for metric in ("cosine", "euclidean"):
            rows, values = fastal.ranked_batch([1, 1, 0, 1, 1], form, 5, metric=metric)
            assert rows[0] == np.argmax(fastal.mean_similarity(X)) == 1
            # All is unlabelled: the score has no weight yet.
            assert values[0] == 1.0
    _, values = fastal.ranked_batch([0.5, 0.5], np.eye(2), 1, alpha=0.5)
    assert values[0] == 0.75


def test_ranked_batch_never_repeats_a_row():
    # cardinal sets the weight of a pick to 0, which may still be the largest.
    rows, values = fastal.ranked_batch(np.zeros(6), np.ones((6, 2)), 6, [2])
    assert rows.tolist() == [0, 1, 3, 4, 5]
    assert (values == 0).all()
    rows, _ = fastal.ranked_batch(-np.ones(6), np.ones((6, 2)), 9, [2], alpha=0)
    assert rows.tolist() == [0, 1, 3, 4, 5]


def test_random_ties_reach_every_row():
    ties = np.ones(5), sp.identity(5, format="csr")
    firsts = {int(fastal.ranked_batch(*ties, 1, [4], random_state=s)[0][0]) for s in range(40)}
    assert firsts == {0, 1, 2, 3}
    firsts = {int(fastal.ranked_batch(*ties, 1, random_state=s)[0][0]) for s in range(40)}
    assert firsts == {0, 1, 2, 3, 4}
    firsts = {int(fastal.cluster_margin(*ties, 1, [4], random_state=s)[0]) for s in range(40)}
    assert firsts == {0, 1, 2, 3}


def test_information_density_by_hand():
    X = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 0.0], [-1.0, 0.0]])
    density = np.maximum(cosine_similarity(X).mean(axis=1), 0)
    np.testing.assert_allclose(density, [0.2, 0.2, 0.2, 0, 0], atol=1e-15)
    scores = [0.5, 1.0, 0.25, 9, 9]
    for form in (X, sp.csr_matrix(X)):
        np.testing.assert_allclose(
            fastal.information_density(scores, form, 2),
            np.multiply(scores, density**2),
            atol=1e-15,
        )
        np.testing.assert_array_equal(fastal.information_density(scores, form, 0), scores)
        # Below 0, and no power of it is NaN.
        assert fastal.information_density(scores, form, 0.5)[4] == 0


def test_density_raises_typical_rows_and_never_outliers():
    # ALiPy multiplies by the mean distance; libact multiplies negative scores.
    X = np.vstack([np.tile([1.0, 0.1], (9, 1)), [[0.0, 1.0]]])
    scores = fastal.information_density(np.full(10, 0.5), X)
    assert (scores[:9] > scores[9]).all()
    with pytest.raises(ValueError, match=r"scores must not be negative.*row 1 is -0.5"):
        fastal.information_density([0.5, -0.5], np.eye(2))


def test_cluster_margin_by_hand():
    X = np.eye(7)
    scores = [0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3]
    clusters = ["big", "big", "big", "twin", "twin", "single", "left out"]
    # Row 6 is no candidate.  Sizes 1, 2, 3; then who has more.
    rows = fastal.cluster_margin(scores, X, 6, n_candidates=6, clusters=clusters)
    assert rows.tolist() == [5, 3, 0, 4, 1, 2]
    assert fastal.cluster_margin(
        scores, X, 2, [5], n_candidates=5, clusters=clusters
    ).tolist() == [3, 0]
    # Equal sizes: the cluster of the best row first.
    assert fastal.cluster_margin(
        [0.1, 0.5, 0.9, 0.7], np.eye(4), 4, clusters=[0, 0, 1, 1]
    ).tolist() == [2, 1, 3, 0]


def test_cluster_margin_clusters_by_average_linkage():
    angles = np.array([0.0, 0.05, 0.1, 0.15, 1.4, 1.45, 0.9])
    X = np.column_stack([np.cos(angles), np.sin(angles)]) * [[1], [2], [3], [4], [5], [6], [7]]
    scores = [0.1, 0.2, 0.9, 0.3, 0.8, 0.85, 0.5]
    for form in (X, sp.csr_matrix(X)):
        # Clusters {6}, {4, 5}, {0, 1, 2, 3}.
        assert fastal.cluster_margin(scores, form, 3).tolist() == [6, 5, 2]
    # Neighbours 0.3, 0.3, 0.3 and 0.31 apart: single linkage would cut at the widest gap.
    angles = np.array([0.0, 0.3, 0.6, 0.9, 1.21])
    X = np.column_stack([np.cos(angles), np.sin(angles)])
    assert fastal.cluster_margin([0.1, 0.2, 0.5, 0.4, 0.3], X, 2).tolist() == [1, 2]
    # Copies are one cluster, and give a second row only when there are no others.
    X = np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 2)
    assert fastal.cluster_margin([6, 5, 4, 3, 2, 1], X, 3).tolist() == [4, 0, 5]


# ---- nasty input ------------------------------------------------------------------------------


def calls(X, n_rows, k=3, **kwargs):
    """Every selection, of the same pool."""
    rng = np.random.RandomState(0)
    proba, scores = rng.dirichlet(np.ones(3), n_rows), rng.uniform(size=n_rows)
    return [
        fastal.badge(proba, X, k, random_state=0, **kwargs),
        fastal.ranked_batch(scores, X, k, **kwargs)[0],
        fastal.cluster_margin(scores, X, k, **kwargs),
    ]


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix])
def test_identical_rows_rows_of_zeros_and_no_columns(make):
    for dense in (np.ones((5, 3)), np.zeros((5, 3)), np.empty((5, 0))):
        for rows in calls(make(dense), 5, 9):
            np.testing.assert_array_equal(np.sort(rows), np.arange(5))
        assert fastal.information_density(np.ones(5), make(dense)).shape == (5,)


def test_empty_pool_and_nothing_left():
    for X in (np.empty((0, 3)), sp.csr_matrix((0, 3))):
        assert all(rows.shape == (0,) for rows in calls(X, 0))
        assert fastal.information_density([], X).shape == (0,)
    assert all(rows.shape == (0,) for rows in calls(np.eye(3), 3, labeled=[0, 1, 2]))


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_index_types_read_only_and_unchanged_input(index_dtype):
    X = shuffled_rows(random_csr(np.random.RandomState(1), 40, 20, 0.2))
    expected = calls(X, 40, 8, labeled=[2, 3])
    X.indices, X.indptr = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    arrays = X.data, X.indices, X.indptr
    before = [array.copy() for array in arrays]
    for _ in range(2):
        for rows, old in zip(
            calls(X, 40, 8, labeled=np.arange(40) // 2 == 1), expected, strict=True
        ):
            np.testing.assert_array_equal(rows, old)
        for array, old in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, old)
            array.flags.writeable = False


def test_duplicate_entries_are_added_up():
    X = random_csr(np.random.RandomState(1), 30, 20, 0.3)
    twice = sp.csr_matrix(
        (np.repeat(X.data, 2) / 2, np.repeat(X.indices, 2), 2 * X.indptr), shape=X.shape
    )
    for rows, expected in zip(calls(twice, 30), calls(X, 30), strict=True):
        np.testing.assert_array_equal(rows, expected)


@compiled_only
def test_the_number_of_threads_changes_nothing(monkeypatch):
    X = sp.random(3000, 300, 0.05, format="csr", random_state=0)
    results = []
    for threads in ("1", "3"):
        monkeypatch.setenv("FASTAL_NUM_THREADS", threads)
        results.append(calls(X, 3000, 30, labeled=[1]))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@compiled_only
@pytest.mark.parametrize(("name", "n_rows"), [("20newsgroups", 1000), ("sms_spam", 2000)])
def test_picks_equal_reference_on_real_text(real_tfidf, name, n_rows):
    X = real_tfidf(name, n_rows)
    rng = np.random.RandomState(0)
    proba = rng.dirichlet(np.full(5, 0.2), X.shape[0])
    scores, labeled = fastal.margin(proba), np.arange(0, 100, 5)
    assert_rows_equal("badge", proba, X, 40, labeled, random_state=0)
    for metric in ("cosine", "euclidean"):
        assert_rows_equal("ranked_batch", scores, X, 40, labeled, metric)
    assert_rows_equal("cluster_margin", scores, X, 20, labeled)


P2 = np.full((2, 2), 0.5)


@pytest.mark.parametrize(
    ("name", "args", "error", "message"),
    [
        ("badge", (P2, np.eye(2), 0), ValueError, "k must be a whole number of at least 1"),
        ("badge", (P2, np.eye(3), 1), ValueError, "proba must have a row for each of 3 rows"),
        ("badge", (2 * P2, np.eye(2), 1), ValueError, "must sum to 1 within"),
        ("badge", ([[1.5, -0.5]] * 2, np.eye(2), 1), ValueError, "must not be negative"),
        ("badge", ([[np.nan, 1]] * 2, np.eye(2), 1), ValueError, "must be finite"),
        ("badge", (P2, 1e200 * np.eye(2), 1), ValueError, "rescale X"),
        ("badge", (P2, np.eye(2), 1, [2]), ValueError, r"labeled must lie in 0\.\.1"),
        ("ranked_batch", ([1], np.eye(2), 1), ValueError, "2 numbers, one for each row, got 1"),
        ("ranked_batch", ([1, np.inf], np.eye(2), 1), ValueError, "finite, but row 1 is inf"),
        ("ranked_batch", ([1, np.nan], np.eye(2), 1), ValueError, "NaN, but row 1"),
        ("ranked_batch", ([1, 1], np.eye(2), 1, None, "dot"), ValueError, "metric must be"),
        ("ranked_batch", ([1, 1], np.eye(2), 1, [], "cosine", 1.5), ValueError, "alpha must lie"),
        ("ranked_batch", ([1, 1], np.eye(2), 1, None, "cosine", "a"), TypeError, "alpha must be"),
        ("information_density", ([1, 1], np.eye(2), -1), ValueError, "from 0 to 1000, got -1"),
        ("information_density", ([1, 1], np.eye(2), np.nan), ValueError, "beta must be a number"),
        ("information_density", ([1, 1], np.eye(2), np.inf), ValueError, "to 1000, got inf"),
        ("information_density", ([1, 1], np.eye(2), 1e308), ValueError, r"1000, got 1e\+308"),
        ("information_density", ([1, 1], np.eye(2), 10**5000), ValueError, "to 1000, got inf"),
        ("information_density", ([1, 1], np.eye(2), -(10**5000)), ValueError, "to 1000, got -inf"),
        ("information_density", ([1, 1], np.eye(2), [1, 2]), TypeError, "beta must be a number"),
        ("information_density", ([1, 1], np.eye(2), None), TypeError, "beta must be a number"),
        ("information_density", ([1], np.eye(2)), ValueError, "2 numbers, one for each row"),
        ("cluster_margin", ([1, 1], np.eye(2), 2, None, 1), ValueError, "at least k = 2, got 1"),
        ("cluster_margin", ([1], np.eye(2), 1), ValueError, "2 numbers, one for each row, got 1"),
        (
            "cluster_margin", ([1, 1], np.eye(2), 1, None, None, [1]),
            ValueError, r"clusters must have shape \(2,\)",
        ),
        ("cluster_margin", ([1, 1], [1, 2], 1), ValueError, "X must have shape"),
    ],
)  # fmt: skip
def test_errors(name, args, error, message):
    with pytest.raises(error, match=message):
        getattr(fastal, name)(*args)


@pytest.mark.parametrize("n_rows", [2, 3, 7, 50])
def test_no_density_leaves_the_range_of_numbers(n_rows):
    # A mean similarity of equal rows can be a last bit above 1.
    X = np.random.RandomState(n_rows).uniform(size=5) * np.ones((n_rows, 1))
    for form in (X, sp.csr_matrix(X)):
        scores = fastal.information_density(np.ones(n_rows), form, beta=1000)
        np.testing.assert_allclose(scores, 1.0, rtol=1e-11)
