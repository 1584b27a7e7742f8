"""Defects that a second reader found in batches, typical rows, herding and gradient lengths."""

from __future__ import annotations

import math

import numba
import numpy as np
import pytest
import scipy.sparse as sp

import fastal
from fastal import _reference, typical


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_dense_rows_are_equally_like_the_pool(dtype):
    """BLAS sums the last rows of a matrix in another order than the others."""
    rng = np.random.default_rng(0)
    for n_rows in (3, 7, 9):
        for n_features in (8, 17, 50, 101):
            X = np.tile(rng.normal(size=(1, n_features)), (n_rows, 1)).astype(dtype)
            assert np.unique(fastal.mean_similarity(X)).size == 1
            assert fastal.ranked_batch(np.zeros(n_rows), X, k=1)[0].tolist() == [0]


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_matrix])
def test_rows_whose_squares_vanish_are_no_rows_of_zeros(storage):
    X = storage(np.array([[0.0, 0.0], [1.0, 0.0], [1e-200, 1e-170]]))
    scores, proba = [0.1, 0.2, 0.3], np.full((3, 2), 0.5)
    for call in (
        lambda: fastal.mean_similarity(X),
        lambda: fastal.information_density(scores, X),
        lambda: fastal.ranked_batch(scores, X, k=1),
        lambda: fastal.cluster_margin(scores, X, k=1),
        lambda: fastal.badge(proba, X, k=1),
        lambda: fastal.k_center_greedy(X, k=1, metric="cosine"),
    ):
        with pytest.raises(ValueError, match=r"X must be of a scale .* row 2"):
            call()


def test_stored_zeros_are_no_tiny_numbers():
    X = sp.csr_matrix(([0.0, 1.0, 0.0], [0, 0, 1], [0, 1, 3]), shape=(2, 2))
    assert fastal.mean_similarity(X).tolist() == [0.0, 0.5]


@pytest.mark.parametrize("gamma", [1e17, 1e300])
def test_falcun_of_any_power_draws_the_highest(gamma):
    """1 / top times top is not always 1: its power is 0 or infinite, and all rows were drawn."""
    rng = np.random.default_rng(0)
    for seed in range(30):
        proba = rng.dirichlet(np.ones(3), 20)
        relevance = fastal.margin(proba)
        # All distances start as the scores, so the highest of both is the same row.
        (row,) = fastal.falcun(proba, k=1, gamma=gamma, random_state=seed)
        assert row == relevance.argmax()
        rows = fastal.falcun(proba, k=5, gamma=gamma, random_state=seed)
        np.testing.assert_array_equal(
            rows, _reference.falcun(proba, k=5, gamma=gamma, random_state=seed)
        )


@pytest.mark.parametrize("value", ["1", None, [1.0], 2j, True])
def test_numbers_of_another_kind(value):
    X, proba = [[1.0], [2.0]], [[0.5, 0.5], [0.5, 0.5]]
    with pytest.raises(TypeError, match="sigma must be a number"):
        fastal.max_herding(X, k=1, sigma=value)
    with pytest.raises(TypeError, match="sigma must be a number"):
        fastal.uncertainty_herding([1.0, 1.0], X, k=1, sigma=value)
    with pytest.raises(TypeError, match="gamma must be a number"):
        fastal.falcun(proba, k=1, gamma=value)


def test_gradient_of_nearly_certain_rows_keeps_its_length():
    """Squares of probabilities below 1e-162 are zero: the length was half of what it is."""
    for gap in (40.0, 300.0, 380.0, 600.0, 690.0):
        decision = np.array([[0.0, -gap, -gap - 1.0]])
        p, q = np.exp(decision[0, 1:])
        expected = math.hypot(p + q, p, q) + math.sqrt(2.0) * (p + q)
        for module in (fastal, _reference):
            scores = module.expected_gradient_length(
                decision, np.array([[1.0]]), fit_intercept=False
            )
            np.testing.assert_allclose(scores, expected, rtol=1e-7)


@pytest.mark.parametrize("column", [-1, 2, 10**6])
@pytest.mark.parametrize("is_sorted", [False, True])
def test_gradient_length_refuses_columns_that_do_not_exist(column, is_sorted):
    """The row of an unsorted matrix was written where the column would have been."""
    X = sp.csr_matrix(([1.0, 1.0, 1.0], [0, 1, 0], [0, 1, 3]), shape=(2, 2))
    X.indices[1 if column < 0 or not is_sorted else 2] = column
    X.indices[2 if column < 0 or not is_sorted else 1] = 0
    with pytest.raises(ValueError, match=r"row 1 has a column outside 0..1"):
        fastal.expected_gradient_length([0.0, 0.0], X)


# NumPy's own numbers warn where kernels run as plain Python.
@pytest.mark.filterwarnings("ignore" if numba.config.DISABLE_JIT else "error")
def test_gradient_length_of_numbers_too_large_is_one_clear_error():
    X = sp.csr_matrix(([1.0, 1e200, 1e200], [0, 0, 0], [0, 1, 3]), shape=(2, 1))
    with pytest.raises(ValueError, match="row 1"):
        fastal.expected_gradient_length([0.0, 0.0], X)
    with pytest.raises(ValueError, match="row 0"):
        fastal.expected_gradient_length([1e200], [[1e140]], loss="squared_error")
    with pytest.raises(ValueError, match="row 0"):
        fastal.expected_gradient_length([-1e300], [[1e140]], loss="squared_error")


class _Queue:
    """Rows of a large cluster: the third is one too many."""

    size = 10_000

    def __init__(self, rows):
        self.rows = rows

    def __getitem__(self, turn):
        assert turn < 2, "a turn that is not needed"
        return self.rows[turn]


def test_typiclust_takes_no_more_turns_than_needed(monkeypatch):
    """The largest cluster was gone through to its end, once for each cluster that has a turn."""
    monkeypatch.setattr(typical, "_by_typicality", lambda unit, rows, *_: _Queue(rows))
    X = np.repeat([[1.0, 0.0], [0.0, 1.0]], 6, axis=0)
    rows = fastal.typiclust(X, k=3, n_clusters=2, random_state=0)
    assert sorted(rows[:2] // 6) == [0, 1]
    assert rows[2] == rows[0] + 1
