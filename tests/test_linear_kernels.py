"""Decision values, probabilities, scores and votes of linear models; also run as plain Python."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import NO_JIT, compiled_only, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.special import expit
from scipy.special import softmax as scipy_softmax

import fastal
from fastal import _kernels_linear as kernels
from fastal import _reference
from fastal._best import Best
from fastal._linear import SOFTMAX, Linear, prepared
from fastal._linear_votes import stack, take_rows, votes_of, votes_of_most
from fastal._matrix_rows import MatrixRows, known_entries
from fastal._validation import read_only

SCORES = ["entropy", "margin", "least_confidence", "distance_to_boundary"]
N_COLUMNS = [1, 2, 3, 20, 33]
N_ROWS = [1, 63, 64, 65, 130]


def decisions_like(n_rows, n_columns, seed=0):
    """Rows of all magnitudes, with ties and a row of zeros."""
    rng = np.random.default_rng(seed)
    d = rng.normal(size=(n_rows, n_columns)) * 10.0 ** rng.uniform(-3, 2.5, (n_rows, 1))
    d[::7] = np.round(d[::7])
    d[n_rows // 2] = 0.0
    return d


def of_two(decisions):
    return np.column_stack([0.0 * decisions, decisions]) if decisions.shape[1] == 1 else decisions


def score(decisions, name):
    out = np.full(len(decisions), -9.0)
    kernels.softmax_scores(read_only(decisions), SCORES.index(name), out)
    return out


def exp(x):
    x = np.asarray(x, dtype=np.float64)
    rounded, out = np.empty(x.size), np.empty(x.size)
    kernels._exp(x, rounded, out)
    return out


# --- the exponential function -------------------------------------------------------------------


def test_exp__accuracy():
    rng = np.random.default_rng(0)
    x = np.concatenate(
        [
            np.linspace(-700, 0, 200 if NO_JIT else 100_000),
            -(10.0 ** rng.uniform(-300, 0, 100)),
            np.log(2.0) * -(np.arange(60) + 0.5),  # where k changes
            [-0.0, 0.0, -5e-324, -707.99, -708.0],
        ]
    )
    exact = np.array([math.exp(each) for each in x])
    np.testing.assert_allclose(exp(x), exact, rtol=4e-16, atol=0)
    assert (exp([0.0, -0.0]) == 1.0).all()
    below = exp([-708.5, -745.0, -1e10, -1e300, -np.inf])
    assert ((below >= 0) & (below < 1e-307)).all()


# --- decisions -> probabilities, scores, votes --------------------------------------------------


@pytest.mark.parametrize("n_columns", N_COLUMNS)
@pytest.mark.parametrize("n_rows", N_ROWS)
def test_scores_and_probabilities_equal_plain_ones(n_rows, n_columns):
    d = decisions_like(n_rows, n_columns)
    before = d.copy()
    expected = scipy_softmax(of_two(d), axis=1)
    for name in SCORES[:3]:
        wanted = getattr(_reference, name)(expected)
        np.testing.assert_allclose(score(d, name), wanted, rtol=1e-13, atol=2e-15)
    distance = _reference.distance_to_boundary(d)
    np.testing.assert_array_equal(score(d, "distance_to_boundary"), distance)

    out = np.full(expected.shape, -9.0)
    kernels.softmax(read_only(d), out)
    # Below exp(-708) is 0 to scipy and 3e-308 here.
    np.testing.assert_allclose(out, expected, rtol=2e-15, atol=1e-307)
    one_vs_rest = expit(d) / expit(d).sum(axis=1, keepdims=True)
    if n_columns > 1:
        kernels.one_vs_rest(read_only(d), out)
        # All of a row below -708 would be 0 / 0 to scipy.
        plain = d.max(axis=1) > -300
        np.testing.assert_allclose(out[plain], one_vs_rest[plain], rtol=2e-15, atol=1e-300)
        np.testing.assert_allclose(out.sum(axis=1), 1.0, rtol=1e-14)

    codes = np.random.default_rng(0).permutation(of_two(d).shape[1]) * 3
    votes = np.full(n_rows, -9)
    kernels.votes(read_only(d), codes, votes)
    np.testing.assert_array_equal(votes, codes[of_two(d).argmax(axis=1)])
    np.testing.assert_array_equal(d, before)


def test_one_vs_rest_of_very_low_decision_values():
    d = np.array([[-706.0, -1210.0, -1447.0], [-709.0, -709.5, -720.0], [-800.0, -900.0, -1e4]])
    out = np.empty((3, 3))
    kernels.one_vs_rest(read_only(d), out)
    # So low that there are few digits left.
    positive = expit(d[:2])
    np.testing.assert_allclose(out[:2], positive / positive.sum(axis=1, keepdims=True), rtol=1e-9)
    assert np.isnan(out[2]).all()


@pytest.mark.parametrize("n_columns", [1, 2, 3, 20])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_row_that_is_not_finite_is_marked_and_no_other(n_columns, bad):
    d = decisions_like(70, n_columns)
    broken = d.copy()
    rows = [0, 5, 63, 64, 69]
    for row in rows:
        broken[row, row % n_columns] = bad
    others = np.setdiff1d(np.arange(70), rows)
    for name in SCORES:
        scores = score(broken, name)
        assert np.isnan(scores[rows]).all()
        np.testing.assert_array_equal(scores[others], score(d, name)[others])
    n_classes = max(2, n_columns)
    out = np.zeros((70, n_classes))
    for kernel in [kernels.softmax, kernels.one_vs_rest][: 1 + (n_columns > 1)]:
        kernel(read_only(broken), out)
        assert np.isnan(out[rows]).any(axis=1).all()
        assert np.isfinite(out[others]).all()
    votes = np.zeros(70, dtype=np.int64)
    kernels.votes(read_only(broken), np.arange(n_classes), votes)
    assert (votes[rows] == -1).all()
    assert (votes[others] >= 0).all()


@pytest.mark.parametrize("high", [1e3, 1e15, 1e290, 1e300, 1e308])
@pytest.mark.parametrize("n_columns", [1, 2, 3])
def test_huge_decision_values_are_certain(n_columns, high):
    d = np.zeros((3, n_columns))
    d[0, 0], d[1, 0] = high, -high
    d[2] = high
    tied = 0.0 if n_columns == 1 else 1.0
    n_tied = {1: 1, 2: 2, 3: 3}[n_columns]
    second = 1.0 if n_columns == 3 else 0.0
    wanted = {
        "entropy": [0.0, math.log(2) * second, math.log(n_tied)],
        "margin": [0.0, second, tied],
        "least_confidence": [0.0, 0.5 * second, 1.0 - 1.0 / n_tied],
        "distance_to_boundary": [-high, 0.0 if n_columns == 3 else -high, 0.0 if tied else -high],
    }
    for name, expected in wanted.items():
        np.testing.assert_allclose(score(d, name), expected, rtol=1e-15, atol=1e-15)


def test_the_difference_of_decision_values_may_overflow():
    d = np.array([[1.7e308, -1.7e308]])
    for name in SCORES[:3]:
        np.testing.assert_allclose(score(d, name), [0.0], atol=1e-300)
    assert score(d, "distance_to_boundary") == [-np.inf]


@pytest.mark.parametrize("n_columns", N_COLUMNS)
def test_equal_rows_score_equally_wherever_they_stand(n_columns):
    few = decisions_like(5, n_columns, seed=2)
    which = np.random.default_rng(0).integers(0, 5, 200)
    for name in SCORES:
        scores = score(few[which], name)
        alone = [score(few[i : i + 1], name)[0] for i in range(5)]
        np.testing.assert_array_equal(scores, np.array(alone)[which])


# --- rows -> decisions --------------------------------------------------------------------------


def model_of(n_features, n_columns, known=1.0, places=False, seed=0):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(n_features, n_columns))
    weights[rng.uniform(size=n_features) >= known] = 0.0
    intercept = rng.normal(size=n_columns)
    full = Linear(weights, intercept, SOFTMAX, np.arange(max(2, n_columns)))
    if not places:
        return full, full
    kept = weights.any(axis=1)
    where = np.zeros(n_features, dtype=np.int32)
    where[kept] = np.arange(1, kept.sum() + 1)
    small = np.vstack([np.zeros((1, n_columns)), weights[kept]])
    return full, full._replace(weights=small, places=where)


def rows_of_many_lengths():
    """Rows of 0 to 9 entries, in any order."""
    rng = np.random.default_rng(0)
    lengths = rng.permutation(np.arange(70) % 10)
    columns = np.concatenate([rng.permutation(30)[:length] for length in lengths])
    values = rng.normal(size=columns.size)
    return sp.csr_matrix((values, columns, np.append(0, np.cumsum(lengths))), shape=(70, 30))


def decisions(model, X, start=0, stop=None):
    rows = MatrixRows(X, model.n_features, "X")
    (out,) = rows.decisions([model], start, rows.n_rows if stop is None else stop)
    return out


@pytest.mark.parametrize("n_columns", [1, 2, 3, 20])
@pytest.mark.parametrize("places", [False, True])
@pytest.mark.parametrize(
    ("data", "index"), [("f8", "i4"), ("f4", "i4"), ("f8", "i8"), ("i2", "i4"), ("?", "i4")]
)
def test_decisions_of_sparse_rows_are_those_of_scipy(n_columns, places, data, index):
    X = rows_of_many_lengths()
    X.data = (8 * X.data if data == "i2" else X.data).astype(data)
    X.indices, X.indptr = X.indices.astype(index), X.indptr.astype(index)
    full, model = model_of(30, n_columns, known=0.5, places=places)
    # Not X.astype, which would sort its rows.
    wide = sp.csr_matrix((X.data.astype("f8"), X.indices, X.indptr), shape=X.shape)
    expected = wide @ full.weights + full.intercept
    np.testing.assert_array_equal(decisions(model, X), expected)
    np.testing.assert_array_equal(decisions(model, X, 11, 60), expected[11:60])
    assert decisions(model, X, 5, 5).shape == (0, n_columns)


@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("n_features", [1, 3, 4, 5, 8, 11])
@pytest.mark.parametrize("dtype", ["f8", "f4"])
def test_decisions_of_dense_rows_are_those_of_sparse_ones(n_columns, n_features, dtype):
    X = np.random.default_rng(0).normal(size=(9, n_features)).astype(dtype)
    model, _ = model_of(n_features, n_columns)
    for layout in (X, np.asfortranarray(X), np.repeat(X, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(
            decisions(model, layout), decisions(model, sp.csr_matrix(X.astype("f8")))
        )
    np.testing.assert_array_equal(decisions(model, X, 2, 7), decisions(model, X)[2:7])


@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("places", [False, True])
@pytest.mark.parametrize("column", [-1, 30, 31, 2**31 - 1, -(2**31)])
def test_a_column_that_does_not_exist(n_columns, places, column):
    X = random_csr(np.random.default_rng(0), 70, 30, 0.15)
    full, model = model_of(30, n_columns, known=0.5, places=places)
    expected = decisions(full, X)
    entry = X.indptr[20]
    row = np.searchsorted(X.indptr, entry, side="right") - 1
    X.indices[entry] = column
    with pytest.raises(ValueError, match=f"row {row} has a column outside 0..29"):
        decisions(model, X)
    with pytest.raises(ValueError, match=f"row {row} has a column outside 0..29"):
        decisions(model, X, row - 1)
    np.testing.assert_array_equal(decisions(model, X, row + 1), expected[row + 1 :])
    np.testing.assert_array_equal(decisions(model, X, 0, row), expected[:row])


@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("places", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_not_finite_shows_whatever_its_weight(n_columns, places, bad):
    X = random_csr(np.random.default_rng(0), 70, 30, 0.15)
    _, model = model_of(30, n_columns, known=0.5, places=places)
    full, _ = model_of(30, n_columns, known=0.5)
    unknown = np.flatnonzero(~full.weights.any(axis=1)[X.indices])[3]
    known = np.flatnonzero(full.weights.any(axis=1)[X.indices])[-3]
    for entry in (unknown, known):
        broken = X.copy()
        broken.data[entry] = bad
        row = np.searchsorted(X.indptr, entry, side="right") - 1
        for form in (broken, broken.toarray()) if not places else (broken,):
            d = decisions(model, form)
            assert not np.isfinite(d[row]).any()
            assert np.isfinite(np.delete(d, row, axis=0)).all()
            with pytest.raises(ValueError, match=f"X must be finite, but row {row} holds {bad}"):
                MatrixRows(form, 30, "X").explain(row)


def testknown_entries__keeps_those_with_a_place():
    X = random_csr(np.random.default_rng(0), 70, 30, 0.15)
    _, model = model_of(30, 2, known=0.3, places=True)
    data, rows_of_weights, ends = known_entries(X.data, X.indices, X.indptr, model.places)
    kept = model.places[X.indices] > 0
    assert 0 < kept.sum() < kept.size
    np.testing.assert_array_equal(data, X.data[kept])
    np.testing.assert_array_equal(rows_of_weights, model.places[X.indices[kept]])
    np.testing.assert_array_equal(ends, np.append(0, np.cumsum(kept))[X.indptr])


# --- votes of many models -----------------------------------------------------------------------


def members_of(n_members, n_features, scale, seed):
    """Models of 2 to 5 of 6 classes, whose weights are of the order of `scale`."""
    rng = np.random.default_rng(seed)
    models = []
    for _ in range(n_members):
        classes = np.sort(rng.permutation(6)[: rng.integers(2, 6)])
        shape = n_features, 1 if len(classes) == 2 else len(classes)
        weights = rng.normal(size=shape) * scale
        intercept = rng.normal(size=shape[1]) * scale * rng.integers(0, 2)
        models.append(Linear(weights, intercept, SOFTMAX, classes, votes=True))
    return models


def rough_and_exact(models, X):
    read = prepared(models, True, always=True)
    entries = MatrixRows(X, X.shape[1], "X").entries(read[0], 0, X.shape[0])
    votes, unsure = votes_of_most(stack(read, np.arange(6)), *entries)
    exact = votes_of(models, np.arange(6), [decisions(model, X) for model in models])
    return votes, unsure, exact


@pytest.mark.parametrize("n_members", [1, 2, 7])
@pytest.mark.parametrize("n_rows", N_ROWS)
def test_votes_that_are_sure_are_those_of_double_precision(n_members, n_rows):
    X = rows_of_many_lengths()[np.arange(n_rows) % 70]
    votes, unsure, exact = rough_and_exact(members_of(n_members, 30, 1.0, n_rows), X)
    sure = np.setdiff1d(np.arange(n_rows), unsure)
    np.testing.assert_array_equal(votes[sure], exact[sure])
    # Rows without an entry and an intercept tie; hardly any other is in doubt.
    assert set(unsure) <= set(np.flatnonzero(np.diff(X.indptr) == 0))


@pytest.mark.parametrize("gap", [0.0, 1e-16, 1e-9, 1e-7, 1e-6, 1e-4, 1e-2])
def test_votes_within_rounding_of_each_other_are_never_sure(gap):
    # A second class that is ahead or behind by `gap` of the sum of all terms, which cancel.
    rng = np.random.default_rng(0)
    weights = rng.normal(size=(30, 1))
    weights = np.hstack([weights, weights + gap * rng.normal(size=(30, 1)), weights - 1e3])
    model = Linear(weights, np.array([5.0, 5.0, 0.0]), SOFTMAX, np.array([0, 3, 5]), votes=True)
    X = rows_of_many_lengths()
    X.data = np.abs(X.data)
    votes, unsure, exact = rough_and_exact([model], X)
    sure = np.setdiff1d(np.arange(70), unsure)
    np.testing.assert_array_equal(votes[sure], exact[sure])
    assert (sure.size > 20) == (gap > 1e-3)
    assert gap > 1e-8 or not sure.size


def check_votes_of_size(weight, value, seed):
    X = rows_of_many_lengths()
    X.data = X.data * value
    X.data[::4] /= 1e30
    models = members_of(3, 30, weight, seed)
    with np.errstate(over="ignore"):
        votes, unsure, exact = rough_and_exact(models, X)
    sure = np.setdiff1d(np.arange(70), unsure)
    np.testing.assert_array_equal(votes[sure], exact[sure])


@pytest.mark.parametrize("weight", [1e30, 1e37, 1e40, 1e200])
def test_large_weights_are_not_for_single_precision(weight):
    assert stack(prepared(members_of(3, 30, weight, 0), True, always=True), np.arange(6)) is None


@pytest.mark.parametrize("weight", [1e-300, 1e-30, 1e5, 1e9])
@pytest.mark.parametrize("value", [1e-40, 1e-20, 1.0, 1e39, 1e100])
def test_votes_of_huge_and_tiny_numbers(weight, value):
    check_votes_of_size(weight, value, 0)


@pytest.mark.parametrize("weight", [1e-44, 1e-38, 1e9])
def test_votes_at_the_ends_of_the_range_of_single_precision(weight):
    for seed in range(5):
        check_votes_of_size(weight, 1.0, seed)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_votes_of_a_row_that_is_not_finite_are_never_sure(bad):
    models = members_of(3, 30, 1.0, 0)
    for column in range(30):
        X = rows_of_many_lengths()
        row = X.indptr[25]
        X.data[row], X.indices[row] = bad, column
        assert 25 in rough_and_exact(models, X)[1]


def test_take_rows():
    X = rows_of_many_lengths()
    rows = np.array([3, 4, 17, 69])
    part = slice(X.indptr[2], X.indptr[70])
    taken = take_rows(rows - 2, X.data[part], X.indices[part], X.indptr[2:])
    for actual, expected in zip(
        taken, (X[rows].data, X[rows].indices, X[rows].indptr), strict=True
    ):
        np.testing.assert_array_equal(actual, expected)


# --- distance_to_boundary -----------------------------------------------------------------------

some_decisions = hnp.arrays(
    np.float64,
    st.one_of(st.tuples(st.integers(0, 90)), st.tuples(st.integers(0, 90), st.integers(1, 9))),
    elements=st.one_of(st.integers(-2, 2).map(float), st.floats(-1e300, 1e300)),
)


@settings(max_examples=60, deadline=None)
@given(decision=some_decisions)
def test_distance_to_boundary_equals_reference__property(decision):
    before = decision.copy()
    scores = fastal.distance_to_boundary(decision)
    assert scores.dtype == np.float64
    np.testing.assert_array_equal(scores, _reference.distance_to_boundary(decision))
    assert (scores <= 0).all()
    np.testing.assert_array_equal(decision, before)


def test_distance_to_boundary__worked_by_hand():
    np.testing.assert_array_equal(fastal.distance_to_boundary([2, -0.5]), [-2.0, -0.5])
    np.testing.assert_array_equal(fastal.distance_to_boundary([[2], [-1]]), [-2.0, -1.0])
    np.testing.assert_array_equal(
        fastal.distance_to_boundary([[1, 5, 3], [4, 4, 0], [-7, -9, -8]]), [-2.0, 0.0, -1.0]
    )


@pytest.mark.parametrize("dtype", ["f4", "f2", "i1", "?", ">f8"])
def test_distance_to_boundary__dtypes_and_layouts(dtype):
    decision = np.random.default_rng(0).integers(0, 2, (80, 3)).astype(dtype)
    expected = _reference.distance_to_boundary(decision.astype("f8"))
    for layout in (decision, np.asfortranarray(decision), decision.tolist()):
        np.testing.assert_array_equal(fastal.distance_to_boundary(layout), expected)


@pytest.mark.parametrize(
    ("decision", "error", "message"),
    [
        ([0.0, np.nan], ValueError, "decision must be finite, but row 1 is not"),
        ([[0.0, 1.0], [np.inf, 0.0]], ValueError, "decision must be finite, but row 1"),
        ([[0.0, 1.0], [0.0, -np.inf]], ValueError, "decision must be finite, but row 1"),
        (1.0, ValueError, "shape"),
        ([[[1.0]]], ValueError, "shape"),
        (np.empty((3, 0)), ValueError, "at least one value"),
        (sp.csr_matrix([[1.0]]), TypeError, "sparse"),
        (["a"], TypeError, "real numbers"),
        ([1j], TypeError, "real numbers"),
    ],
)
def test_distance_to_boundary__bad_input(decision, error, message):
    with pytest.raises(error, match=message):
        fastal.distance_to_boundary(decision)


@compiled_only
def test_distance_to_boundary__threads(monkeypatch):
    decision = np.random.default_rng(0).normal(size=(100_001, 3))
    expected = _reference.distance_to_boundary(decision)
    for n_threads in ("1", "3"):
        monkeypatch.setenv("FASTAL_NUM_THREADS", n_threads)
        np.testing.assert_array_equal(fastal.distance_to_boundary(decision), expected)
    decision[77_777, 1] = np.nan
    with pytest.raises(ValueError, match="row 77777 is not"):
        fastal.distance_to_boundary(decision)


# --- the best of a stream of scores -------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(
    scores=hnp.arrays(
        np.float64,
        st.integers(0, 120),
        elements=st.one_of(st.integers(0, 3).map(float), st.floats(0, 1), st.just(-np.inf)),
    ),
    k=st.integers(1, 40),
    block=st.integers(1, 50),
    n_shares=st.integers(1, 3),
    seed=st.one_of(st.none(), st.integers(0, 99)),
    left_out=st.sets(st.integers(0, 119), max_size=30),
)
def test_best_equals_top_k__property(scores, k, block, n_shares, seed, left_out):
    exclude = sorted(row for row in left_out if row < len(scores))
    offered = scores.copy()
    offered[exclude] = np.nan
    best = [Best(k, keep_ties=seed is not None) for _ in range(n_shares)]
    for each in best:
        each._limit = 0  # so that it settles after each block
    for number, first in enumerate(range(0, len(scores), block)):
        best[number % n_shares].offer(first, offered[first : first + block])
    for other in best[1:]:
        best[0].merge(other)
    rng = None if seed is None else np.random.RandomState(seed)
    rows, of_rows = best[0].result(rng)
    np.testing.assert_array_equal(rows, fastal.top_k(scores, k, seed, exclude=exclude))
    np.testing.assert_array_equal(of_rows, scores[rows])


@pytest.mark.parametrize("keep_ties", [False, True])
def test_best__forgets_what_cannot_be_among_the_best(keep_ties):
    best = Best(10, keep_ties)
    for first in range(0, 200_000, 10_000):
        best.offer(first, np.random.default_rng(first).uniform(size=10_000))
        assert best.rows.size + best._n_waiting < 20_000
    ties = Best(10, keep_ties)
    for first in range(0, 50_000, 1000):
        ties.offer(first, np.zeros(1000))
    rows, _ = ties.result(None)
    np.testing.assert_array_equal(rows, np.arange(10))
    assert ties.rows.size == (50_000 if keep_ties else 10)
