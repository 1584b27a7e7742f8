"""TypiClust and FALCUN against their references, values worked by hand, and peers' defects."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import NO_JIT, compiled_only, nasty_probas, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

import fastal
from fastal import _reference_typical as _reference
from fastal import _threads, typical

EXAMPLES = settings(max_examples=15 if NO_JIT else 60, deadline=None)


def typiclust_equal(X, k, **kwargs):
    rows = fastal.typiclust(X, k, **kwargs)
    np.testing.assert_array_equal(rows, _reference.typiclust(X, k, **kwargs))
    assert rows.dtype == np.int64
    return rows


def falcun_equal(proba, k, **kwargs):
    rows = fastal.falcun(proba, k, **kwargs)
    np.testing.assert_array_equal(rows, _reference.falcun(proba, k, **kwargs))
    assert rows.dtype == np.int64
    return rows


def assert_distinct(rows, k, n_rows, labeled):
    assert len(rows) == min(k, n_rows - len(labeled)) == len(set(rows.tolist()))
    assert not set(rows.tolist()) & set(labeled.tolist())
    assert rows.min(initial=0) >= 0
    assert rows.max(initial=0) < n_rows


# ---- TypiClust --------------------------------------------------------------------------------


@EXAMPLES
@given(
    seed=st.integers(0, 10_000),
    shape=st.tuples(st.integers(1, 40), st.integers(1, 30)),
    density=st.sampled_from([0.0, 0.05, 0.3, 1.0]),
    storage=st.sampled_from(["csr", "dense"]),
    dtype=st.sampled_from([np.float64, np.float32]),
    coarse=st.booleans(),
    n_labeled=st.integers(0, 10),
    k=st.integers(1, 50),
    n_clusters=st.sampled_from([None, 1, 2, 5, 100]),
    n_neighbors=st.sampled_from([1, 3, 20]),
    max_iter=st.sampled_from([1, 100]),
)
def test_typiclust_equals_reference(
    seed, shape, density, storage, dtype, coarse, n_labeled, k, n_clusters, n_neighbors, max_iter
):
    X = random_csr(np.random.RandomState(seed), *shape, density, dtype)
    if coarse:  # many exact ties and duplicates
        X.data = np.round(X.data * 2).astype(dtype)
    labeled = np.random.RandomState(seed).permutation(shape[0])[:n_labeled]
    rows = typiclust_equal(
        X if storage == "csr" else X.toarray(), k, labeled=labeled if n_labeled else None,
        n_clusters=n_clusters, n_neighbors=n_neighbors, max_iter=max_iter, random_state=seed % 3,
    )  # fmt: skip
    assert_distinct(rows, k, shape[0], labeled)


def on_circle(*degrees):
    angles = np.deg2rad(np.array(degrees, dtype=float))
    return np.column_stack([np.cos(angles), np.sin(angles)])


def test_typiclust_by_hand():
    # Two groups; in each, one row has both neighbours nearest.
    X = on_circle(0, 1, 2.5, 5, 9, 80, 84, 87, 88, 89.5, 95)
    for seed in range(5):
        rows = fastal.typiclust(X, 2, n_neighbors=2, random_state=seed)
        # The larger group comes first: 88 is 1 and 1.5 from its neighbours, 1 is 1 and 1.5.
        np.testing.assert_array_equal(rows, [8, 1])
        # Both groups hold a labelled row: again the larger one first, without that row.
        rows = fastal.typiclust(
            X, 1, labeled=[8, 1], n_clusters=2, n_neighbors=2, random_state=seed
        )
        np.testing.assert_array_equal(rows, [7])
        # Only the larger one does.
        rows = fastal.typiclust(X, 1, labeled=[8], n_clusters=2, n_neighbors=2, random_state=seed)
        np.testing.assert_array_equal(rows, [1])


def test_typicality_is_that_of_all_neighbours_in_the_cluster():
    X = random_csr(np.random.RandomState(3), 30, 12, 0.5)
    unit = normalize(X)
    found = NearestNeighbors(n_neighbors=6).fit(unit.toarray()).kneighbors()[0]
    unique = np.unique(X.toarray(), axis=0, return_index=True)[1]
    assert len(unique) > 20  # and some rows have twins at distance 0
    order = np.argsort(found.mean(axis=1).round(9), kind="stable")
    rows = fastal.typiclust(X, 30, n_clusters=1, n_neighbors=6)
    np.testing.assert_array_equal(rows, order)


def test_clusters_come_in_turn_and_small_ones_last():
    groups = [on_circle(*(20 * g + np.arange(size) / 10)) for g, size in enumerate((4, 6, 8))]
    X = np.concatenate(groups)
    group_of = np.repeat([0, 1, 2], [4, 6, 8])
    # The first centres may fall into one group: a seed for which they do not.
    rows = typiclust_equal(X, 18, n_clusters=3, n_neighbors=2, random_state=1)
    expected = [2, 1] * 6 + [2, 2] + [0] * 4
    np.testing.assert_array_equal(group_of[rows], expected)
    # Of nothing but small clusters all are used.
    rows = typiclust_equal(X[:4], 4, n_clusters=1)
    assert sorted(rows) == [0, 1, 2, 3]


def test_equal_rows_are_equally_typical():
    # Entries in another order, and lengths: the lowest of equal rows comes first.
    rng = np.random.RandomState(0)
    X = sp.csr_matrix(np.repeat(rng.uniform(0.1, 1, size=(3, 9)), 8, axis=0))
    for row in range(0, 24, 2):
        own = slice(X.indptr[row], X.indptr[row + 1])
        X.indices[own], X.data[own] = X.indices[own][::-1].copy(), X.data[own][::-1].copy() * 2
    # Beyond the twins of a row its neighbours are those of other kinds.
    rows = fastal.typiclust(X, 24, n_clusters=1, n_neighbors=18)
    for kind in rows.reshape(3, 8):
        np.testing.assert_array_equal(kind, np.arange(kind[0], kind[0] + 8))


def test_rows_of_zeros_are_not_typical():
    X = np.concatenate([np.zeros((6, 9)), np.random.RandomState(0).uniform(size=(6, 9))])
    rows = typiclust_equal(X, 12, n_clusters=1, n_neighbors=3, random_state=0)
    assert rows[:6].min() >= 6
    np.testing.assert_array_equal(rows[6:], np.arange(6))


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix])
def test_identical_rows_rows_of_zeros_and_no_columns(make):
    for dense in (np.ones((7, 3)), np.zeros((7, 3)), np.empty((7, 0))):
        rows = typiclust_equal(make(dense), 9, random_state=0)
        assert sorted(rows) == list(range(7))
    assert fastal.typiclust(make(np.empty((0, 3))), 2).shape == (0,)
    assert fastal.typiclust(make(np.eye(3)), 2, labeled=[0, 1, 2]).shape == (0,)
    assert fastal.typiclust(make([[2.0]]), 1).tolist() == [0]


def test_a_large_cluster_in_parts_and_threads(monkeypatch):
    X = random_csr(np.random.RandomState(0), 60, 30, 0.3)
    expected = _reference.typiclust(X, 12, n_clusters=2, random_state=0)
    monkeypatch.setattr(typical, "_ROWS_PER_CALL", 17)
    monkeypatch.setattr(_threads, "MIN_SHARE", 1)
    for threads in ("1", "3", "20"):
        monkeypatch.setenv("FASTAL_NUM_THREADS", threads)
        rows = fastal.typiclust(X, 12, n_clusters=2, random_state=0)
        np.testing.assert_array_equal(rows, expected)


def test_as_many_clusters_as_labels_and_picks_but_not_more_than_500(monkeypatch):
    made = []
    first_centers = typical.Clusters.first_centers

    def count(self, k, rng):
        made.append(k)
        return first_centers(self, k, rng)

    monkeypatch.setattr(typical.Clusters, "first_centers", count)
    monkeypatch.setattr(typical, "_MAX_CLUSTERS", 12)
    X = random_csr(np.random.RandomState(0), 40, 20, 0.3)
    fastal.typiclust(X, 3, labeled=[1, 5])
    fastal.typiclust(X, 20, labeled=[1, 5])
    fastal.typiclust(X, 3, n_clusters=30)
    fastal.typiclust(X, 3, n_clusters=300)
    assert made == [5, 12, 30, 40]


@compiled_only
@pytest.mark.parametrize(("name", "n_rows"), [("20newsgroups", 600), ("sms_spam", 1500)])
def test_typiclust_on_real_text(real_tfidf, name, n_rows):
    X = real_tfidf(name, n_rows)
    typiclust_equal(X, 25, labeled=np.arange(0, 100, 20), random_state=0)
    typiclust_equal(X.astype(np.float32), 25, n_clusters=4, random_state=0)


# ---- FALCUN -----------------------------------------------------------------------------------


@EXAMPLES
@given(
    seed=st.integers(0, 10_000),
    n_rows=st.integers(1, 60),
    n_classes=st.integers(1, 6),
    concentration=st.sampled_from([0.05, 1.0]),
    dtype=st.sampled_from([np.float64, np.float32]),
    steps=st.sampled_from([None, 1, 2]),
    n_labeled=st.integers(0, 10),
    k=st.integers(1, 70),
    gamma=st.sampled_from([0.0, 0.5, 1.0, 10.0, 5000.0]),
)
def test_falcun_equals_reference(
    seed, n_rows, n_classes, concentration, dtype, steps, n_labeled, k, gamma
):
    rng = np.random.RandomState(seed)
    proba = rng.dirichlet(np.full(n_classes, concentration), n_rows)
    if steps is not None:  # many equal rows; with one step all are certain
        codes = rng.multinomial(steps, np.full(n_classes, 1 / n_classes), n_rows)
        proba = codes / steps
    labeled = rng.permutation(n_rows)[:n_labeled]
    rows = falcun_equal(
        proba.astype(dtype), k, labeled=labeled if n_labeled else None, gamma=gamma,
        random_state=seed % 3,
    )  # fmt: skip
    assert_distinct(rows, k, n_rows, labeled)


def frequencies(proba, k, n_draws=4000, **kwargs):
    rng = np.random.RandomState(0)
    counts = np.zeros(len(proba))
    for _ in range(n_draws):
        counts[fastal.falcun(proba, k, random_state=rng, **kwargs)[-1]] += 1
    return counts / n_draws


def test_falcun_by_hand():
    # Margins 1, 0.5 and 0; the distances are the margins, and are 1, 0.5 and 0 between 0 and 1.
    proba = np.array([[0.5, 0.5], [0.25, 0.75], [1.0, 0.0]])
    n_draws = 300 if NO_JIT else 4000
    tolerance = 4 * 0.5 / np.sqrt(n_draws)
    found = frequencies(proba, 1, n_draws, gamma=1.0)
    np.testing.assert_allclose(found, [2 / 3, 1 / 3, 0], atol=tolerance)
    found = frequencies(proba, 1, n_draws, gamma=2.0)
    np.testing.assert_allclose(found, [4 / 5, 1 / 5, 0], atol=tolerance)
    found = frequencies(proba, 1, n_draws, gamma=0.0)
    np.testing.assert_allclose(found, [1 / 3, 1 / 3, 1 / 3], atol=tolerance)
    # Without row 0, rows 1 and 2: distances 0.5 and 0 become 1 and 0, relevance is 1.5 and 0.
    assert frequencies(proba, 1, 50, labeled=[0])[1] == 1


def test_falcun_second_draw_by_hand():
    # Row 0 is drawn first.  Then d is min(1, 0) = 0 for its twin, min(0.8, 0.4) = 0.4 for row 2
    # and min(0.2, 1) = 0.2 for row 3, normalised 0, 1 and 0.5; relevance 1, 1.8 and 0.7.
    proba = np.array([[0.5, 0.5, 0], [0.5, 0.5, 0], [0.5, 0.3, 0.2], [0.1, 0.0, 0.9]])
    gamma = 1e4  # the highest relevance wins
    assert fastal.falcun(proba[:, ::-1], 2, gamma=gamma, random_state=0)[1] == 2
    rng = np.random.RandomState(0)
    counts = np.zeros(4)
    n_draws = 400 if NO_JIT else 6000
    for _ in range(n_draws):
        rows = fastal.falcun(proba, 2, gamma=1.0, random_state=rng)
        if rows[0] == 0:
            counts[rows[1]] += 1
    # The third term of row 2 counts too: |0.5-0.5| + |0.3-0.5| + |0.2-0| = 0.4.
    np.testing.assert_allclose(
        counts / counts.sum(),
        [0, 1 / 3.5, 1.8 / 3.5, 0.7 / 3.5],
        atol=4 * 0.5 / np.sqrt(n_draws / 3),
    )


def test_a_large_gamma_takes_the_highest_and_never_overflows():
    proba = np.random.RandomState(0).dirichlet(np.ones(3), 30)
    best = int(fastal.top_k(fastal.margin(proba), 1)[0])
    for gamma in (1e5, 1e300):
        assert fastal.falcun(proba, 1, gamma=gamma, random_state=0)[0] == best


def test_certain_rows_are_drawn_uniformly_and_once():
    # No margin and no distance: 0/0 in the authors' code.
    proba = np.tile([1.0, 0.0], (6, 1))
    firsts = {int(fastal.falcun(proba, 1, random_state=seed)[0]) for seed in range(60)}
    assert firsts == set(range(6))
    assert sorted(falcun_equal(proba, 9, random_state=0)) == list(range(6))
    assert sorted(falcun_equal(np.ones((4, 1)), 9, random_state=0)) == list(range(4))


@pytest.mark.parametrize("what", nasty_probas())
def test_falcun_of_nasty_probabilities(what):
    proba = nasty_probas()[what]
    rows = falcun_equal(proba, 12, random_state=0)
    assert len(set(rows.tolist())) == len(rows) == min(12, len(proba))


def test_falcun_with_threads(monkeypatch):
    proba = np.random.RandomState(0).dirichlet(np.ones(4), 200)
    monkeypatch.setattr(_threads, "MIN_SHARE", 1)
    for threads in ("1", "3", "20"):
        monkeypatch.setenv("FASTAL_NUM_THREADS", threads)
        falcun_equal(proba, 20, labeled=[1], random_state=0)


# ---- both -------------------------------------------------------------------------------------


def test_seeds_and_generators():
    X = random_csr(np.random.RandomState(0), 40, 20, 0.3)
    proba = np.random.RandomState(0).dirichlet(np.ones(4), 40)
    for draw in (
        lambda seed: fastal.typiclust(X, 5, random_state=seed),
        lambda seed: fastal.falcun(proba, 5, random_state=seed),
    ):
        np.testing.assert_array_equal(draw(3), draw(np.random.RandomState(3)))
        np.testing.assert_array_equal(
            draw(np.random.default_rng(3)), draw(np.random.default_rng(3))
        )
        # None draws afresh, and leaves the global state alone.
        state = np.random.get_state()[1].copy()
        assert len({tuple(draw(None)) for _ in range(6)}) > 1
        np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize("index_dtype", [np.int32, np.int64])
def test_inputs_are_not_changed(index_dtype):
    X = random_csr(np.random.RandomState(1), 40, 20, 0.2)
    proba = np.random.RandomState(1).dirichlet(np.ones(4), 40)
    expected = fastal.typiclust(X, 8, random_state=0), fastal.falcun(proba, 8, random_state=0)
    # Each row's entries backwards.
    order = np.lexsort((-X.indices, np.repeat(np.arange(40), np.diff(X.indptr))))
    X = sp.csr_matrix((X.data[order], X.indices[order], X.indptr), shape=X.shape)
    X.indices, X.indptr = X.indices.astype(index_dtype), X.indptr.astype(index_dtype)
    arrays = X.data, X.indices, X.indptr, proba
    before = [array.copy() for array in arrays]
    for _ in range(2):
        np.testing.assert_array_equal(fastal.typiclust(X, 8, random_state=0), expected[0])
        np.testing.assert_array_equal(fastal.falcun(proba, 8, random_state=0), expected[1])
        for array, old in zip(arrays, before, strict=True):
            np.testing.assert_array_equal(array, old)
            array.flags.writeable = False


def test_duplicate_entries_are_summed():
    twice = sp.csr_matrix(([1.0, 1.0, 1.0, 3.0], [0, 0, 1, 1], [0, 3, 4]), shape=(2, 2))
    once = sp.csr_matrix([[2.0, 1.0], [0.0, 3.0]])
    for X in (twice, once):
        np.testing.assert_array_equal(fastal.typiclust(X, 2, n_clusters=1), [0, 1])
    assert twice.nnz == 4


@pytest.mark.parametrize(
    ("X", "kwargs", "error", "message"),
    [
        ([[1.0]], {"k": 0}, ValueError, "k must be a whole number of at least 1"),
        ([[1.0]], {"k": 2.5}, TypeError, "k must be a whole number"),
        ([[1.0]], {"n_clusters": 0}, ValueError, "n_clusters must be a whole number"),
        ([[1.0]], {"n_neighbors": 0}, ValueError, "n_neighbors must be a whole number"),
        ([[1.0]], {"max_iter": 1.5}, TypeError, "max_iter must be a whole number"),
        ([[1.0]], {"labeled": [1]}, ValueError, r"labeled must lie in 0\.\.0"),
        ([[1.0]], {"random_state": "a"}, TypeError, "random_state must be"),
        ([[np.nan]], {}, ValueError, "X must be finite, but row 0"),
        ([[1.0], [1e-100]], {}, ValueError, "X must be of a scale .* row 1"),
        ([1.0], {}, ValueError, r"X must have shape \(n_samples, n_features\)"),
    ],
)
def test_bad_input_of_typiclust(X, kwargs, error, message):
    with pytest.raises(error, match=message):
        fastal.typiclust(X, **{"k": 1, **kwargs})


@pytest.mark.parametrize(
    ("proba", "kwargs", "error", "message"),
    [
        ([[1.0]], {"k": 0}, ValueError, "k must be a whole number of at least 1"),
        ([[1.0]], {"gamma": -1.0}, ValueError, "gamma must be finite and not negative, got -1"),
        ([[1.0]], {"gamma": np.inf}, ValueError, "gamma must be finite"),
        ([[1.0]], {"gamma": np.nan}, ValueError, "gamma must be finite"),
        ([[1.0]], {"labeled": [True, False]}, ValueError, "labeled is a mask of 2 entries"),
        ([[1.0]], {"random_state": -1}, ValueError, "random_state must lie in"),
        ([[0.4, 0.4]], {}, ValueError, "must sum to 1"),
        ([[np.nan, 1.0]], {}, ValueError, "must be finite"),
        (sp.csr_matrix([[1.0]]), {}, TypeError, "proba must be a dense array"),
    ],
)
def test_bad_input_of_falcun(proba, kwargs, error, message):
    with pytest.raises(error, match=message):
        fastal.falcun(proba, **{"k": 1, **kwargs})
