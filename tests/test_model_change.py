"""Expected gradient length; also run as plain Python."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import assert_scores_equal, compiled_only, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import approx_fprime
from scipy.special import log_softmax

import fastal
from fastal import _reference
from fastal._loss import LOSSES


def egl_like(n_rows, n_columns, seed=0):
    """Decision values of all magnitudes, with ties, and rows with empty ones and repeats."""
    rng = np.random.default_rng(seed)
    d = rng.normal(size=(n_rows, n_columns)) * 10.0 ** rng.uniform(-2, 1.5, (n_rows, 1))
    d[::5] = np.round(d[::5])
    d[n_rows // 2] = 0.0
    return d, random_csr(rng, n_rows, 30)


@pytest.mark.parametrize("n_columns", [1, 2, 3, 20])
@pytest.mark.parametrize("loss", LOSSES)
def test_expected_gradient_length_equals_reference(loss, n_columns):
    d, X = egl_like(130, n_columns)
    for fit_intercept in (True, False):
        expected = _reference.expected_gradient_length(d, X, loss, fit_intercept)
        assert_scores_equal(fastal.expected_gradient_length(d, X, loss, fit_intercept), expected)
        dense = fastal.expected_gradient_length(d, X.toarray(), loss, fit_intercept)
        assert_scores_equal(dense, expected)


@settings(max_examples=60, deadline=None)
@given(
    n_rows=st.integers(0, 70),
    n_columns=st.integers(1, 6),
    loss=st.sampled_from(LOSSES),
    seed=st.integers(0, 999),
    whole=st.booleans(),
)
def test_expected_gradient_length_equals_reference__property(n_rows, n_columns, loss, seed, whole):
    rng = np.random.default_rng(seed)
    d = rng.normal(0, 3, (n_rows, n_columns))
    d = np.round(d) if whole else d
    X = random_csr(rng, n_rows, 12, 0.3) if n_rows else sp.csr_matrix((0, 12))
    before = d.copy()
    scores = fastal.expected_gradient_length(d, X, loss)
    assert_scores_equal(scores, _reference.expected_gradient_length(d, X, loss))
    assert (scores >= 0).all()
    np.testing.assert_array_equal(d, before)


def loss_of_weights(flat, x, y, n_columns, loss):
    """The loss itself, as a function of all weights: what the gradient is the gradient of."""
    f = flat.reshape(n_columns, -1) @ x
    if loss == "softmax" and n_columns > 1:
        return -log_softmax(f)[y]
    t = np.where(np.arange(n_columns) == y, 1.0, -1.0) if n_columns > 1 else 2.0 * y - 1.0
    u = t * f
    each = {
        "softmax": np.log1p(np.exp(-u)),
        "logistic": np.log1p(np.exp(-u)),
        "hinge": np.maximum(0, 1 - u),
        "squared_hinge": np.maximum(0, 1 - u) ** 2,
        "modified_huber": np.where(u < -1, -4 * u, np.maximum(0, 1 - u) ** 2),
        "perceptron": np.maximum(0, -u),
        "squared_error": (1 - u) ** 2,
    }[loss]
    return each.sum()


@pytest.mark.parametrize("n_columns", [1, 3])
@pytest.mark.parametrize("loss", LOSSES)
def test_expected_gradient_length__finite_differences(loss, n_columns):
    """Numerical gradients of the loss, in the probabilities that a model of that loss gives."""
    rng = np.random.default_rng(1)
    W = rng.normal(size=(n_columns, 5))
    X = np.column_stack([rng.normal(size=(6, 4)), np.ones(6)])
    d = X @ W.T
    if loss == "modified_huber":
        positive = (np.clip(d, -1, 1) + 1) / 2
    elif loss == "softmax" or loss not in ("logistic",):
        positive = np.exp(d) / np.exp(d).sum(axis=1, keepdims=True)
    if loss == "logistic" or (n_columns == 1 and loss != "modified_huber"):
        positive = 1 / (1 + np.exp(-d))
    p = np.column_stack([1 - positive, positive]) if n_columns == 1 else positive
    p = p / p.sum(axis=1, keepdims=True)
    expected = [
        sum(
            p[i, y]
            * np.linalg.norm(
                approx_fprime(W.ravel(), loss_of_weights, 1e-7, x, y, n_columns, loss)
            )
            for y in range(p.shape[1])
        )
        for i, x in enumerate(X)
    ]
    scores = fastal.expected_gradient_length(d, X[:, :-1], loss)
    np.testing.assert_allclose(scores, expected, rtol=1e-5)


def test_expected_gradient_length__worked_by_hand():
    X = [[3.0, 4.0]]
    # p = (1/2, 1/2): 2 * 1/2 * 1/2 * 5; and [x; 1] is sqrt(26) long.
    assert fastal.expected_gradient_length([0.0], X, fit_intercept=False) == 2.5
    assert_scores_equal(fastal.expected_gradient_length([0.0], X), [0.5 * np.sqrt(26)])
    # Softmax of two columns has two gradients, each of the opposite of the other.
    two = fastal.expected_gradient_length([[0.0, 0.0]], X, fit_intercept=False)
    assert_scores_equal(two, [2.5 * np.sqrt(2)])
    # p = (1/4, 1/4, 1/2): |p - e_y| = sqrt(14)/4, sqrt(14)/4, sqrt(6)/4.
    three = fastal.expected_gradient_length(np.log([[1.0, 1.0, 2.0]]), X, fit_intercept=False)
    assert_scores_equal(three, [5 * (np.sqrt(14) / 8 + np.sqrt(6) / 8)])
    # Within the margin both classes move the plane; beyond it only the one that is wrong.
    hinge = fastal.expected_gradient_length([0.5, 2.0], X * 2, "hinge", False)
    assert_scores_equal(hinge, [5.0, 5.0 / (1 + np.exp(2.0))])


def test_expected_gradient_length__digits_of_certain_rows():
    """1 - p would leave eight digits where the model is certain to 1e-9, and none at 1e-17."""
    gaps = np.array([5.0, 20.0, 36.0, 80.0, 300.0])
    e = np.exp(-gaps)
    d = np.column_stack([np.zeros(5), -gaps, -gaps])
    # |p - e_0| = p_1 sqrt(6), |p - e_1| = sqrt(p_0^2 + p_1^2 + (p_0 + p_1)^2).
    p0, p1 = 1 / (1 + 2 * e), e / (1 + 2 * e)
    expected = p0 * p1 * np.sqrt(6) + 2 * p1 * np.sqrt(p0**2 + p1**2 + (p0 + p1) ** 2)
    X = np.ones((5, 1))
    scores = fastal.expected_gradient_length(d, X, fit_intercept=False)
    np.testing.assert_allclose(scores, expected, rtol=1e-12)
    logistic = fastal.expected_gradient_length(-gaps, X, "logistic", False)
    np.testing.assert_allclose(logistic, 2 * e / (1 + e) ** 2, rtol=1e-12)
    ovr = fastal.expected_gradient_length(np.where(d < 0, d, gaps[:, None]), X, "logistic", False)
    s = e / (1 + e)
    total = 1 - s + 2 * s
    expected = (1 - s) / total * s * np.sqrt(3)
    expected += 2 * s / total * np.sqrt(2 * (1 - s) ** 2 + s**2)
    np.testing.assert_allclose(ovr, expected, rtol=1e-12)


def test_expected_gradient_length__ends_of_the_range():
    X = np.ones((4, 1))
    d = np.array([[0.0, -1e308, -800.0], [1e300, 1e300, 1e300], [-1e300, 5.0, 5.0], [7.0] * 3])
    expected = [0.0, 2 / 3 * np.sqrt(6) / 2, np.sqrt(0.5), 2 / 3 * np.sqrt(6) / 2]
    assert_scores_equal(fastal.expected_gradient_length(d, X, fit_intercept=False), expected)
    for loss in ("logistic", "hinge", "perceptron"):
        assert np.isfinite(fastal.expected_gradient_length(d, X, loss)).all()
    assert_scores_equal(
        fastal.expected_gradient_length([-1e300, 1e300, 0.0, 800.0], X, fit_intercept=False),
        [0.0, 0.0, 0.5, 0.0],
    )


def test_expected_gradient_length__entries_in_pieces_and_any_order():
    # Row 0 holds 3 in column 2 as 1 + 2; row 1 is sorted backwards; row 2 sums to nothing.
    X = sp.csr_matrix(
        ([1.0, 2.0, 4.0, 4.0, 3.0, 1.0, -1.0], [2, 2, 0, 3, 1, 1, 1], [0, 3, 5, 7]), shape=(3, 4)
    )
    assert not X.has_canonical_format
    data = X.data.copy()
    scores = fastal.expected_gradient_length(np.zeros(3), X, fit_intercept=False)
    assert_scores_equal(scores, [2.5, 2.5, 0.0])
    np.testing.assert_array_equal(X.data, data)


@pytest.mark.parametrize("dtype", ["f4", "f2", "i4", "?", ">f8"])
@pytest.mark.parametrize("index", ["i4", "i8"])
def test_expected_gradient_length__dtypes(dtype, index):
    d, X = egl_like(70, 3)
    dense = np.round(X.toarray() * 4).astype(dtype)
    wide = sp.csr_matrix(dense.astype("f8"))
    expected = _reference.expected_gradient_length(d, wide)
    if dtype not in ("f2", ">f8"):
        sparse = sp.csr_matrix(dense)
        sparse.indices, sparse.indptr = sparse.indices.astype(index), sparse.indptr.astype(index)
        for array in (sparse.data, sparse.indices, sparse.indptr):
            array.flags.writeable = False
        assert_scores_equal(fastal.expected_gradient_length(d, sparse), expected)
    for layout in (dense, np.asfortranarray(dense)):
        assert_scores_equal(fastal.expected_gradient_length(d, layout), expected)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0.0], [[1.0]], "log"), ValueError, "loss must be one of softmax, .* got 'log'"),
        (([0.0], [[1.0]], np.array(["hinge"] * 2)), ValueError, "loss must be one of"),
        (([0.0], [[1.0]], "hinge", np.ones(2)), TypeError, "fit_intercept must be True or False"),
        (([0.0], [[1.0]], "hinge", 1), TypeError, "fit_intercept must be True or False, got 1"),
        (([0.0], [[1.0], [2.0]]), ValueError, "X has 2 rows, but decision has 1"),
        (([0.0], [1.0]), ValueError, "X must have shape"),
        (([np.nan], [[1.0]]), ValueError, "decision must be finite, but row 0"),
        (([0.0, 0.0], [[1.0], [np.inf]]), ValueError, "X must be finite, but row 1 holds inf"),
        (([0.0], sp.csr_matrix([[np.nan]])), ValueError, "X must be finite, but row 0"),
        (([0.0], [[1e200]]), ValueError, "too large"),
        (([0.0], [["a"]]), TypeError, "X must hold real numbers"),
        ((sp.csr_matrix([[1.0]]), [[1.0]]), TypeError, "sparse"),
    ],
)
def test_expected_gradient_length__bad_input(arguments, error, message):
    with pytest.raises(error, match=message):
        fastal.expected_gradient_length(*arguments)


@compiled_only
def test_expected_gradient_length__threads(monkeypatch):
    d, X = egl_like(70_001, 3)
    monkeypatch.setenv("FASTAL_NUM_THREADS", "1")
    expected = fastal.expected_gradient_length(d, X)
    monkeypatch.setenv("FASTAL_NUM_THREADS", "3")
    np.testing.assert_array_equal(fastal.expected_gradient_length(d, X), expected)
