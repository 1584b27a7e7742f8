from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import assert_scores_equal, compiled_only, nasty_probas
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastal
from fastal import _reference
from fastal._kernels_scores import SUM_TOLERANCE

NAMES = ["entropy", "margin", "least_confidence"]
PROBAS = nasty_probas()

rows_of_weights = hnp.arrays(
    np.float64,
    st.tuples(st.integers(1, 40), st.integers(1, 30)),
    elements=st.one_of(st.just(0.0), st.floats(1e-300, 1.0), st.floats(0.5, 1.0)),
)


def normalised(weights):
    weights = weights.copy()
    weights[weights.sum(axis=1) < 1e-200, 0] = 1.0
    return weights / weights.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("case", PROBAS)
@pytest.mark.parametrize("name", NAMES)
def test_score_equals_reference(name, case):
    proba = PROBAS[case]
    before = proba.copy()
    scores = getattr(fastal, name)(proba)
    assert_scores_equal(scores, getattr(_reference, name)(proba), proba.dtype)
    np.testing.assert_array_equal(proba, before)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=60, deadline=None)
@given(weights=rows_of_weights, dtype=st.sampled_from([np.float64, np.float32]))
def test_score_equals_reference__property(name, weights, dtype):
    proba = normalised(weights).astype(dtype)
    assert_scores_equal(getattr(fastal, name)(proba), getattr(_reference, name)(proba), dtype)


@settings(max_examples=60, deadline=None)
@given(weights=rows_of_weights)
def test_bounds_and_class_permutation(weights):
    proba = normalised(weights)
    n_classes = proba.shape[1]
    highest = {
        "entropy": math.log(n_classes),
        "margin": 1.0 if n_classes > 1 else 0.0,
        "least_confidence": 1.0 - 1.0 / n_classes,
    }
    for name in NAMES:
        scores = getattr(fastal, name)(proba)
        assert (scores >= -1e-15).all()
        assert (scores <= highest[name] + 1e-12).all()
        assert_scores_equal(getattr(fastal, name)(proba[:, ::-1]), scores)


def test_values_worked_by_hand():
    proba = [[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]]
    assert_scores_equal(fastal.entropy(proba), [1.5 * math.log(2), 0.0])
    np.testing.assert_array_equal(fastal.margin(proba), [0.75, 0.0])
    np.testing.assert_array_equal(fastal.least_confidence(proba), [0.5, 0.0])


def test_accuracy_of_the_logarithm():
    # Against exact arithmetic by math.fsum and libm's log, over 600 orders of magnitude.
    rng = np.random.default_rng(1)
    small = 10.0 ** rng.uniform(-300, -0.1, 5000)
    proba = np.column_stack([small, 1.0 - small])
    exact = [-math.fsum(p * math.log(p) for p in row if p > 0) for row in proba]
    np.testing.assert_allclose(fastal.entropy(proba), exact, rtol=1e-15, atol=1e-15)


def test_entropy__does_not_renormalise():
    # scipy.stats.entropy would: what looks like probabilities and is not must not pass unnoticed.
    with pytest.raises(ValueError, match=r"proba.*must sum to 1.*row 1.*sum 1\.4"):
        fastal.entropy([[0.5, 0.5], [0.7, 0.7]])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("proba", "message"),
    [
        ([[0.5, np.nan]], "must be finite"),
        ([[0.5, 0.5], [np.inf, 0.0]], "must be finite, but row 1"),
        ([[1.2, -0.2]], "must not be negative"),
        ([[0.5, 0.5], [1.2, -0.2]], "must not be negative, but row 1"),
        ([[1.0, 1e-9, -1e-9]], "must not be negative"),
        ([[0.0, 0.0]], "must sum to 1"),
        ([[0.2, 0.2]], "must sum to 1"),
        ([0.5, 0.5], r"shape \(n_samples, n_classes\)"),
        ([[[1.0]]], r"shape \(n_samples, n_classes\)"),
        (np.empty((3, 0)), "at least one class"),
        ([[0.5, 0.5], [1.0]], r"shape \(n_samples, n_classes\)"),
    ],
)
def test_bad_values(name, proba, message):
    with pytest.raises(ValueError, match=message):
        getattr(fastal, name)(proba)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "proba", [sp.csr_matrix([[1.0]]), [["a", "b"]], np.array([[1j, 0]]), [[object()]]]
)
def test_bad_types(name, proba):
    with pytest.raises(TypeError, match="proba must"):
        getattr(fastal, name)(proba)


@compiled_only
@pytest.mark.parametrize("name", NAMES)
def test_a_bad_row_is_found_wherever_it_stands(name):
    # Kernels work in blocks: first, last and the rows beside a block's edge.
    proba = np.full((1000, 20), 0.05)
    for row in (0, 24, 25, 26, 511, 998, 999):
        broken = proba.copy()
        broken[row, 3] += 0.1
        with pytest.raises(ValueError, match=f"row {row} is"):
            getattr(fastal, name)(broken)


@pytest.mark.parametrize("name", NAMES)
def test_no_row_scores_nan_in_silence(name):
    # Sums within a last bit of the tolerance, where two orders of addition disagree.
    rng = np.random.default_rng(0)
    for _ in range(300):
        proba = rng.dirichlet(np.ones(9), 4) * (1 + SUM_TOLERANCE)
        try:
            scores = getattr(fastal, name)(proba)
        except ValueError:
            continue
        assert not np.isnan(scores).any()


@pytest.mark.parametrize("name", NAMES)
def test_data_frame_and_memory_map(name, tmp_path):
    proba = PROBAS["plain"]
    np.save(tmp_path / "p.npy", proba)
    mapped = np.load(tmp_path / "p.npy", mmap_mode="r")
    expected = getattr(fastal, name)(proba)
    np.testing.assert_array_equal(getattr(fastal, name)(mapped), expected)
    np.testing.assert_array_equal(getattr(fastal, name)(pd.DataFrame(proba)), expected)


@compiled_only
@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_threads_changes_nothing(name, monkeypatch):
    proba = np.random.default_rng(0).dirichlet(np.ones(20), 50_000)
    monkeypatch.setenv("FASTAL_NUM_THREADS", "1")
    one = getattr(fastal, name)(proba)
    monkeypatch.setenv("FASTAL_NUM_THREADS", "3")
    np.testing.assert_array_equal(getattr(fastal, name)(proba), one)
