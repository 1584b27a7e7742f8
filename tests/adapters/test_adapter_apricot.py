"""apricot's selectors and ours on the same input."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import library
from sklearn.datasets import load_digits
from sklearn.metrics import pairwise_distances

apricot = library("apricot")

import swap_apricot  # noqa: E402
from apricot.optimizers import LazyGreedy, NaiveGreedy, StochasticGreedy, TwoStageGreedy  # noqa: E402
from apricot.utils import _calculate_pairwise_distances  # noqa: E402
from numba.core.errors import TypingError  # noqa: E402

from fastal.adapters import apricot as ours  # noqa: E402

swap_apricot.compile_once()

pytestmark = pytest.mark.filterwarnings(
    "ignore::numba.core.errors.NumbaPerformanceWarning", "ignore:.*np.matrix:DeprecationWarning"
)

DIGITS = load_digits().data[:300]
CURVES = ("sqrt", "log", "sigmoid")
METRICS = ("euclidean", "cosine", "corr", "manhattan", "precomputed")


def amounts(seed=0, n_rows=60, n_features=12):
    """Rows of which no two are worth the same, but for empty and equal ones."""
    X = np.random.RandomState(seed).gamma(0.4, size=(n_rows, n_features)) * 3
    X[7] = X[3]
    X[11] = 0
    return X


def both(name, X, *args, fit=None, **options):
    """Fit both; compare what they leave behind, and return it."""
    theirs, mine = fitted(name, X, *args, fit=fit, **options)
    np.testing.assert_array_equal(mine.ranking, theirs.ranking)
    np.testing.assert_allclose(mine.gains, theirs.gains, rtol=1e-7, atol=1e-6)
    for attribute in ("subset", "mask", "idxs"):
        np.testing.assert_array_equal(getattr(mine, attribute), getattr(theirs, attribute))
    return mine, theirs


def fitted(name, X, *args, fit=None, **options):
    """Fit both; compare the kind of all that they leave behind."""
    theirs = getattr(apricot, name)(*args, **options).fit(X, **(fit or {}))
    mine = getattr(ours, name)(*args, **options).fit(X, **(fit or {}))
    for attribute in ("ranking", "gains", "subset", "mask", "idxs"):
        one, other = getattr(mine, attribute), getattr(theirs, attribute)
        assert one.dtype == other.dtype
        assert one.shape == other.shape
    return theirs, mine


def both_but_for_ties(X, *args, initial_subset=None, metric, n_neighbors=None, **options):
    """As `both`, until two rows gain the same but for rounding: then they may go either way.

    Of two rows that only cover each other either one gains as much as the other.
    """
    options |= {"metric": metric, "n_neighbors": n_neighbors, "initial_subset": initial_subset}
    theirs, mine = fitted("FacilityLocationSelection", X, *args, **options)
    S = _calculate_pairwise_distances(X, metric=theirs.metric, n_neighbors=n_neighbors)
    S = S.toarray() if sp.issparse(S) else S
    covered = np.zeros(len(S))
    if initial_subset is not None:
        covered = S[initial_subset].max(axis=0)
    n_same = 0
    for a, b in zip(mine.ranking, theirs.ranking, strict=True):
        if a != b:
            one, other = (np.maximum(S[row] - covered, 0).sum() for row in (a, b))
            assert abs(one - other) < 1e-12 * S.sum()
            break
        covered = np.maximum(covered, S[a])
        n_same += 1
    np.testing.assert_allclose(mine.gains[: n_same + 1], theirs.gains[: n_same + 1], rtol=1e-9)
    return n_same


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_matrix])
@pytest.mark.parametrize("concave", CURVES)
def test_feature_based(concave, storage):
    if concave == "sigmoid" and storage is sp.csr_matrix:
        pytest.skip("theirs does not compile: see below")
    both("FeatureBasedSelection", storage(amounts()), 55, concave, optimizer="naive")


@pytest.mark.parametrize(
    "optimizer", ["lazy", "two-stage", NaiveGreedy, LazyGreedy, TwoStageGreedy]
)
def test_optimizers_that_are_one_search_here(optimizer):
    both("FeatureBasedSelection", DIGITS, 30, optimizer=_made(optimizer))
    both("FacilityLocationSelection", DIGITS, 30, optimizer=_made(optimizer))


def _made(optimizer):
    return optimizer if isinstance(optimizer, str) else optimizer()


@pytest.mark.parametrize("concave", [np.sqrt, np.log1p])
def test_curves_given_as_functions(concave):
    both("FeatureBasedSelection", amounts(), 20, concave)


INITIAL = pytest.mark.parametrize("initial", [None, [5, 2, 40], np.arange(60) % 9 == 0])


@INITIAL
@pytest.mark.parametrize("metric", METRICS)
def test_facility_location(metric, initial):
    X = np.random.RandomState(1).normal(size=(60, 8))
    if metric == "precomputed":
        X = pairwise_distances(X).max() - pairwise_distances(X)
    n_same = both_but_for_ties(X, 40, metric=metric, initial_subset=initial, optimizer="naive")
    assert n_same >= 5


@INITIAL
@pytest.mark.parametrize("metric", ["euclidean", "manhattan", "precomputed"])
def test_ties_of_facility_location(metric, initial):
    # Whole numbers: sums are exact, and equal gains are equal, of equal rows too.
    X = np.random.RandomState(1).poisson(1.0, size=(60, 4)).astype(float)
    if metric == "precomputed":
        X = X @ X.T
    both(
        "FacilityLocationSelection", X, 40, metric=metric, initial_subset=initial,
        optimizer="naive",
    )  # fmt: skip


def test_a_row_of_zeros_is_like_itself_only():
    X = amounts(2)
    X[30] = 0
    both_but_for_ties(X, 20, metric="cosine", optimizer="naive")
    X[:] = [1.0] * 12
    X[[11, 30]] = 0
    mine, _ = both("FacilityLocationSelection", X, 3, metric="cosine", optimizer="naive")
    np.testing.assert_array_equal(mine.ranking, [0, 11, 30])
    np.testing.assert_allclose(mine.gains, [58, 1, 1])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_theirs_cannot_use_neighbours_only(metric):
    # scikit-learn's graph has 64-bit indices.
    with pytest.raises(TypeError, match="No matching definition"):
        apricot.FacilityLocationSelection(20, metric=metric, n_neighbors=10).fit(DIGITS)
    S = _calculate_pairwise_distances(DIGITS, metric=metric, n_neighbors=10)
    S.indices, S.indptr = S.indices.astype(np.int32), S.indptr.astype(np.int32)
    theirs = apricot.FacilityLocationSelection(20, metric="precomputed", optimizer="naive").fit(S)
    mine = ours.FacilityLocationSelection(20, metric=metric, n_neighbors=10).fit(DIGITS)
    np.testing.assert_array_equal(mine.ranking, theirs.ranking)
    np.testing.assert_allclose(mine.gains, theirs.gains, rtol=1e-9)
    np.testing.assert_array_equal(mine.subset, DIGITS[mine.ranking])


def test_similarities_in_sparse_form():
    X = np.random.RandomState(0).uniform(size=(50, 5))
    S = pairwise_distances(X).max() - pairwise_distances(X)
    S[np.median(S) > S] = 0
    both("FacilityLocationSelection", sp.csr_matrix(S), 20, metric="precomputed")


@pytest.mark.parametrize("initial", [[3, 9], "mask", "rows"])
@pytest.mark.parametrize("concave", CURVES)
def test_feature_based_from_an_initial_subset(initial, concave):
    X = amounts()
    if initial == "mask":
        initial = np.arange(60) % 7 == 0
    elif initial == "rows":
        initial = amounts(5)[:4]
    both("FeatureBasedSelection", X, 20, concave, initial_subset=initial, optimizer="naive")


def test_transform_and_labels():
    y = np.arange(300)
    weights = np.linspace(0, 1, 300)
    for name in ("FeatureBasedSelection", "FacilityLocationSelection"):
        theirs = getattr(apricot, name)(10).fit_transform(DIGITS, y, weights)
        mine = getattr(ours, name)(10).fit_transform(DIGITS, y, weights)
        for one, other in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(one, other)
    picked = ours.FeatureBasedSelection(10).fit_transform(sp.csr_matrix(DIGITS))
    np.testing.assert_array_equal(picked.toarray(), theirs_rows(10))


def theirs_rows(n):
    return apricot.FeatureBasedSelection(n).fit_transform(DIGITS)


def test_progress_is_shown(capsys):
    selector = ours.FeatureBasedSelection(10, verbose=True).fit(DIGITS)
    assert selector.pbar.n == 10
    assert "10.0/10.0" in capsys.readouterr().err


@pytest.mark.parametrize(
    "optimizer",
    ["stochastic", "approximate-lazy", "sample", lambda: StochasticGreedy(random_state=3)],
)
def test_other_optimizers_are_theirs(optimizer):
    for name in ("FeatureBasedSelection", "FacilityLocationSelection"):
        rankings = [
            getattr(module, name)(10, optimizer=_made(optimizer), random_state=0)
            .fit(DIGITS)
            .ranking
            for module in (apricot, ours)
        ]
        np.testing.assert_array_equal(*rankings)


def test_costs_streams_and_curves_of_your_own_are_theirs():
    cost = np.linspace(1, 3, 300)
    both("FeatureBasedSelection", DIGITS, 20, fit={"sample_cost": cost})
    both("FeatureBasedSelection", DIGITS, 10, np.cbrt)
    theirs, mine = (
        module.FeatureBasedSelection(10, random_state=0).partial_fit(DIGITS)
        for module in (apricot, ours)
    )
    np.testing.assert_array_equal(mine.ranking, theirs.ranking)


def test_sparse_features_where_theirs_refuses_them():
    X = sp.random(120, 40, 0.1, format="csr", random_state=0)
    for metric in ("euclidean", "cosine", "manhattan"):
        with pytest.raises(ValueError, match="precomputed sparse"):
            apricot.FacilityLocationSelection(9, metric=metric).fit(X)
        sparse = ours.FacilityLocationSelection(9, metric=metric).fit(X)
        dense = apricot.FacilityLocationSelection(9, metric=metric).fit(X.toarray())
        np.testing.assert_array_equal(sparse.ranking, dense.ranking)
        np.testing.assert_allclose(sparse.gains, dense.gains, rtol=1e-7)
        np.testing.assert_array_equal(sparse.subset, dense.subset)
    coo = sp.coo_array(X)
    np.testing.assert_array_equal(
        ours.FeatureBasedSelection(9).fit(coo).ranking,
        ours.FeatureBasedSelection(9).fit(X.toarray()).ranking,
    )


def test_theirs_breaks_ties_by_the_history_of_the_queue():
    # Equal gains: 'naive' takes the lowest row, 'lazy' the one whose bound is oldest.
    X = np.repeat(np.eye(4), 3, axis=0)
    naive, lazy = (
        apricot.FeatureBasedSelection(8, optimizer=name).fit(X) for name in ("naive", "lazy")
    )
    np.testing.assert_allclose(naive.gains, lazy.gains)
    assert (naive.ranking != lazy.ranking).any()
    for name in ("naive", "lazy", "two-stage"):
        mine = ours.FeatureBasedSelection(8, optimizer=name).fit(X)
        np.testing.assert_array_equal(mine.ranking, naive.ranking)


def test_theirs_takes_the_subset_from_an_earlier_fit():
    first, second = amounts(0), amounts(1)
    theirs = apricot.FeatureBasedSelection(5).fit(first).fit(second)
    assert (theirs.subset != second[theirs.ranking]).any()
    mine = ours.FeatureBasedSelection(5).fit(first).fit(second)
    np.testing.assert_array_equal(mine.ranking, theirs.ranking)
    np.testing.assert_array_equal(mine.subset, second[mine.ranking])
    mine = ours.FeatureBasedSelection(5, optimizer="stochastic").fit(first).fit(second)
    np.testing.assert_array_equal(mine.subset, second[mine.ranking])


def test_theirs_refuses_an_initial_subset_of_sparse_rows():
    X = amounts()
    with pytest.raises((TypeError, ValueError, IndexError)):
        apricot.FeatureBasedSelection(5, initial_subset=[3, 4]).fit(sp.csr_matrix(X))
    dense = apricot.FeatureBasedSelection(5, initial_subset=[3, 4]).fit(X)
    mine = ours.FeatureBasedSelection(5, initial_subset=[3, 4]).fit(sp.csr_matrix(X))
    np.testing.assert_array_equal(mine.ranking, dense.ranking)


def test_theirs_has_no_sigmoid_of_sparse_rows():
    X = amounts()
    with pytest.raises(TypingError, match="sigmoid"):
        apricot.FeatureBasedSelection(5, "sigmoid").fit(sp.csr_matrix(X))
    dense = apricot.FeatureBasedSelection(5, "sigmoid").fit(X)
    mine = ours.FeatureBasedSelection(5, "sigmoid").fit(sp.csr_matrix(X))
    np.testing.assert_array_equal(mine.ranking, dense.ranking)


def test_theirs_refuses_wide_indices():
    X = sp.csr_matrix(amounts())
    expected = ours.FeatureBasedSelection(5).fit(X).ranking
    X.indices, X.indptr = X.indices.astype(np.int64), X.indptr.astype(np.int64)
    with pytest.raises(TypeError):
        apricot.FeatureBasedSelection(5).fit(X)
    np.testing.assert_array_equal(ours.FeatureBasedSelection(5).fit(X).ranking, expected)


def test_theirs_does_not_know_the_metric_it_documents():
    # "correlation" becomes "correlationelation".
    X = np.random.RandomState(0).normal(size=(40, 6))
    with pytest.raises(ValueError, match="correlationelation"):
        apricot.FacilityLocationSelection(5, metric="correlation").fit(X)
    expected = apricot.FacilityLocationSelection(5, metric="corr").fit(X)
    mine = ours.FacilityLocationSelection(5, metric="correlation").fit(X)
    np.testing.assert_array_equal(mine.ranking, expected.ranking)


def test_theirs_takes_negative_features_for_nothing():
    X = -amounts()
    with pytest.warns(RuntimeWarning):
        gains = apricot.FeatureBasedSelection(3, optimizer="naive").fit(X).gains
    assert np.isnan(gains).any()
    with pytest.raises(ValueError, match="X must not be negative, but row 0"):
        ours.FeatureBasedSelection(3).fit(X)


def test_inputs_stay_as_they_are():
    X = sp.csr_matrix(amounts())
    before = X.copy()
    for array in (X.data, X.indices, X.indptr):
        array.flags.writeable = False
    state = np.random.get_state()[1].copy()
    ours.FeatureBasedSelection(5).fit(X)
    ours.FacilityLocationSelection(5, metric="cosine").fit(X)
    ours.FacilityLocationSelection(5, metric="corr").fit(X.toarray())
    assert (before != X).nnz == 0
    np.testing.assert_array_equal(np.random.get_state()[1], state)


@pytest.mark.parametrize(
    ("name", "X", "options", "message"),
    [
        ("FeatureBasedSelection", np.eye(3), {"n_samples": 4}, "n_samples must leave room for"),
        ("FeatureBasedSelection", np.eye(3), {"n_samples": 0}, "n_samples must be a positive"),
        ("FeatureBasedSelection", np.ones(3), {}, "two dimensions, got the shape"),
        ("FeatureBasedSelection", [[np.nan]], {}, "X must be finite"),
        (
            "FeatureBasedSelection",
            np.eye(3),
            {"initial_subset": [3]},
            "initial_subset must lie in",
        ),
        ("FacilityLocationSelection", np.eye(3), {"initial_subset": np.eye(3)}, "one dimensional"),
        ("FacilityLocationSelection", np.eye(3), {"metric": "nothing"}, "nothing"),
        ("FacilityLocationSelection", np.ones((2, 3)), {"metric": "precomputed"}, "be square"),
        ("FacilityLocationSelection", -np.eye(2) + 0.5, {"metric": "precomputed"}, "negative sim"),
        ("FacilityLocationSelection", sp.eye(3), {"metric": "corr"}, "X must be dense for"),
    ],
)
def test_bad_input(name, X, options, message):
    with pytest.raises(ValueError, match=message):
        getattr(ours, name)(**{"n_samples": 1, **options}).fit(X)
