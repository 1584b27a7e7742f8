from __future__ import annotations

import collections

import numpy as np
import pytest
from conftest import compiled_only
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastal
from fastal import _reference

NAMES = ["top_k", "weighted_draw", "epsilon_greedy"]

few_values = hnp.arrays(np.float64, st.integers(1, 60), elements=st.sampled_from([0.0, 1, 2, 3]))


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=80, deadline=None)
@given(scores=few_values, k=st.integers(1, 80), seed=st.integers(0, 5), data=st.data())
def test_selection_equals_reference(name, scores, k, seed, data):
    exclude = data.draw(st.none() | st.lists(st.integers(0, len(scores) - 1), unique=True))
    before = scores.copy()
    rows = getattr(fastal, name)(scores, k, random_state=seed, exclude=exclude)
    expected = getattr(_reference, name)(scores, k, random_state=seed, exclude=exclude)
    np.testing.assert_array_equal(rows, expected)
    n_left = len(scores) - len(exclude or [])
    assert rows.dtype == np.int64
    assert len(rows) == min(k, n_left) == len(set(rows.tolist()))
    assert not set(rows.tolist()) & set(exclude or [])
    np.testing.assert_array_equal(scores, before)


@settings(max_examples=80, deadline=None)
@given(
    scores=hnp.arrays(
        np.float64, st.integers(0, 200), elements=st.floats(allow_nan=False) | st.just(1.0)
    ),
    k=st.integers(1, 210),
)
def test_top_k__deterministic(scores, k):
    rows = fastal.top_k(scores, k)
    np.testing.assert_array_equal(rows, _reference.top_k(scores, k))


@compiled_only
def test_top_k__large():
    scores = np.random.default_rng(0).integers(0, 1000, 100_000).astype(float)
    np.testing.assert_array_equal(fastal.top_k(scores, 5000), _reference.top_k(scores, 5000))


def test_top_k__ties_go_to_the_lowest_row():
    np.testing.assert_array_equal(fastal.top_k(np.zeros(9), 4), [0, 1, 2, 3])
    np.testing.assert_array_equal(fastal.top_k([1, 2, 2, 2, 3], 3), [4, 1, 2])


def test_top_k__random_ties_are_uniform_and_reproducible():
    scores = [5.0, 1.0, 1.0, 1.0, 1.0, 0.0]
    firsts = collections.Counter(
        int(fastal.top_k(scores, 2, random_state=seed)[1]) for seed in range(2000)
    )
    assert set(firsts) == {1, 2, 3, 4}
    # 500 expected each, standard deviation 19: four of them either way.
    assert all(abs(count - 500) < 80 for count in firsts.values())
    for make in (lambda: 7, lambda: np.random.RandomState(7), lambda: np.random.default_rng(7)):
        a = fastal.top_k(scores, 3, random_state=make())
        np.testing.assert_array_equal(a, fastal.top_k(scores, 3, random_state=make()))
        assert a[0] == 0


def test_no_global_random_state_is_touched():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    for name in NAMES:
        getattr(fastal, name)([1.0, 1.0, 1.0], 2, random_state=0)
        getattr(fastal, name)([1.0, 1.0, 1.0], 2)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


@pytest.mark.parametrize("name", NAMES)
def test_exclude__mask_and_rows(name):
    scores = np.array([3.0, 2.0, 1.0, 0.0])
    mask = np.array([True, False, False, True])
    by_mask = getattr(fastal, name)(scores, 4, random_state=1, exclude=mask)
    by_rows = getattr(fastal, name)(scores, 4, random_state=1, exclude=[0, 3, 3])
    np.testing.assert_array_equal(by_mask, by_rows)
    assert sorted(by_mask) == [1, 2]
    assert getattr(fastal, name)(scores, 2, random_state=1, exclude=[0, 1, 2, 3]).size == 0


def test_weighted_draw__frequencies():
    scores = np.array([1.0, 2.0, 0.0, 7.0])
    draws = [fastal.weighted_draw(scores, 2, random_state=seed) for seed in range(4000)]
    first = np.bincount([d[0] for d in draws], minlength=4) / 4000
    np.testing.assert_allclose(first, [0.1, 0.2, 0.0, 0.7], atol=0.03)
    # Given the first was row 3, the second is drawn from what is left: 1/3 and 2/3.
    second = np.bincount([d[1] for d in draws if d[0] == 3], minlength=4)
    np.testing.assert_allclose(second / second.sum(), [1 / 3, 2 / 3, 0, 0], atol=0.04)


def test_weighted_draw__only_ratios_matter():
    draws = {tuple(fastal.weighted_draw(np.full(1000, 1e-300), 3, s)) for s in range(5)}
    assert len(draws) == 5


def test_weighted_draw__rows_of_weight_zero_come_last_and_at_random():
    thirds = {
        int(fastal.weighted_draw([0.0, 0.0, 1e-320], 2, random_state=s)[1]) for s in range(40)
    }
    assert thirds == {0, 1}
    assert all(fastal.weighted_draw([0.0, 1e-320], 1, random_state=s)[0] == 1 for s in range(40))


def test_epsilon_greedy__extremes():
    scores = np.arange(50.0)
    np.testing.assert_array_equal(
        fastal.epsilon_greedy(scores, 5, epsilon=0.0, random_state=0), [49, 48, 47, 46, 45]
    )
    drawn = [fastal.epsilon_greedy(scores, 1, 1.0, random_state=s)[0] for s in range(1000)]
    assert len(set(drawn)) == 50
    share = np.mean([fastal.epsilon_greedy(scores, 1, 0.3, s)[0] != 49 for s in range(2000)])
    assert abs(share - 0.3 * 49 / 50) < 0.05


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    ("scores", "kwargs", "error", "message"),
    [
        ([1.0, np.nan], {"k": 1}, ValueError, "scores must not be NaN, but row 1"),
        ([[1.0]], {"k": 1}, ValueError, r"scores must have shape \(n_samples,\)"),
        (["a"], {"k": 1}, TypeError, "scores must hold real numbers"),
        ([1.0], {"k": 0}, ValueError, "k must be a whole number of at least 1, got 0"),
        ([1.0], {"k": -1}, ValueError, "k must be"),
        ([1.0], {"k": 1.0}, TypeError, "k must be"),
        ([1.0], {"k": True}, TypeError, "k must be"),
        ([1.0], {"k": 1, "exclude": [1]}, ValueError, r"exclude must lie in 0\.\.0, got 1"),
        ([1.0], {"k": 1, "exclude": [-1]}, ValueError, "exclude must lie in"),
        ([1.0], {"k": 1, "exclude": [0.5]}, TypeError, "exclude must hold row numbers"),
        ([1.0], {"k": 1, "exclude": [True, False]}, ValueError, "mask of 2 entries for 1 rows"),
        ([1.0], {"k": 1, "random_state": "seed"}, TypeError, "random_state must be"),
        ([1.0], {"k": 1, "random_state": -1}, ValueError, "random_state must lie"),
    ],
)
def test_bad_input(name, scores, kwargs, error, message):
    with pytest.raises(error, match=message):
        getattr(fastal, name)(scores, **kwargs)


def test_bad_weights_and_epsilon():
    for bad in (-1.0, np.inf):
        with pytest.raises(ValueError, match=r"scores must be finite and not negative.*row 1"):
            fastal.weighted_draw([1.0, bad], 1)
    with pytest.raises(ValueError, match=r"epsilon must lie between 0 and 1, got 1\.5"):
        fastal.epsilon_greedy([1.0], 1, epsilon=1.5)


@pytest.mark.parametrize("name", NAMES)
def test_empty_pool(name):
    assert getattr(fastal, name)([], 3, random_state=0).shape == (0,)
