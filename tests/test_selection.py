from __future__ import annotations

import collections

import numpy as np
import pytest
from conftest import NO_JIT, compiled_only
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastal
from fastal import _reference

NAMES = ["top_k", "weighted_draw", "epsilon_greedy", "stochastic_batch"]
KINDS = ["power", "softmax", "softrank"]

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


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(
    scores=hnp.arrays(
        np.float64,
        st.integers(1, 40),
        elements=st.floats(0, 1e308) | st.sampled_from([0.0, 1.0, 2.0]),
    ),
    k=st.integers(1, 50),
    beta=st.sampled_from([1e-300, 0.1, 1.0, 7.0, 1e300]),
    seed=st.integers(0, 5),
)
def test_stochastic_batch_equals_reference(kind, scores, k, beta, seed):
    rows = fastal.stochastic_batch(scores, k, kind, beta, seed)
    expected = _reference.stochastic_batch(scores, k, kind, beta, seed)
    np.testing.assert_array_equal(rows, expected)
    assert len(set(rows.tolist())) == min(k, len(scores))


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


def chances_of_pairs(weights):
    """Chance of each ordered pair in a draw of two without replacement."""
    n, total = len(weights), sum(weights)
    return np.array(
        [
            [
                0 if i == j else weights[i] / total * weights[j] / (total - weights[i])
                for j in range(n)
            ]
            for i in range(n)
        ]
    )


@pytest.mark.parametrize(
    ("kind", "beta", "weights"),
    [
        ("power", 1.0, [1, 4, 4, 2]),
        ("power", 2.0, [1, 16, 16, 4]),
        ("softmax", 1.0, np.exp([1.0, 4, 4, 2])),
        ("softmax", 0.25, np.exp([0.25, 1, 1, 0.5])),
        # Two rows share the ranks 1 and 2.
        ("softrank", 1.0, [1 / 4, 1 / 1.5, 1 / 1.5, 1 / 3]),
        ("softrank", 3.0, [4**-3, 1.5**-3, 1.5**-3, 3**-3]),
    ],
)
def test_stochastic_batch__distribution(kind, beta, weights):
    n_draws = 300 if NO_JIT else 4000
    rng = np.random.RandomState(0)
    counts = np.zeros((4, 4))
    for _ in range(n_draws):
        counts[tuple(fastal.stochastic_batch([1.0, 4, 4, 2], 2, kind, beta, rng))] += 1
    pairs = ~np.eye(4, dtype=bool)
    expected = n_draws * chances_of_pairs(weights)[pairs]
    # Chi-square with 11 degrees of freedom: 31.3 is exceeded once in a thousand times.
    assert ((counts[pairs] - expected) ** 2 / expected).sum() < 31.3


def test_stochastic_batch__power_is_the_weighted_draw():
    scores = np.random.default_rng(0).random(50)
    for seed in range(20):
        for exclude in (None, [3, 4, 40]):
            np.testing.assert_array_equal(
                fastal.stochastic_batch(scores, 50, random_state=seed, exclude=exclude),
                fastal.weighted_draw(scores, 50, random_state=seed, exclude=exclude),
            )
    # Not softmax with noise on the raw scores, as the PowerBALD of ALPBench has it: a row of
    # score 0 never comes before one that has any.
    assert all(
        fastal.stochastic_batch([0.0, 1e-300, 0.0], 1, random_state=seed)[0] == 1
        for seed in range(30)
    )


@pytest.mark.parametrize("kind", KINDS)
def test_stochastic_batch__high_beta_is_top_k(kind):
    # Not the other way round, as of a score that is reversed.
    scores = np.random.default_rng(0).permutation(30) / 30
    np.testing.assert_array_equal(
        fastal.stochastic_batch(scores, 10, kind, 1e6, 0), fastal.top_k(scores, 10)
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("beta", [1.0, 1e20, 1e300])
def test_stochastic_batch__equal_scores_are_equally_likely(kind, beta):
    # Also where the noise is lost beside the key, which a plain sum of both would not survive.
    scores = np.array([0.0, 1e300, 1e300, 1e300, 0.0])
    rng = np.random.RandomState(1)
    batches = [fastal.stochastic_batch(scores, 4, kind, beta, rng) for _ in range(300)]
    high, low = [np.bincount([b[i] for b in batches], minlength=5) for i in (0, 3)]
    if beta > 1 or kind != "softrank":
        assert high[[0, 4]].tolist() == [0, 0]
        assert low[1:4].tolist() == [0, 0, 0]
        # 150 +- 9 and 100 +- 8 (one standard deviation).
        assert abs(low[0] - 150) < 40
    assert (np.abs(high[1:4] - high[1:4].mean()) < 35).all()


def test_stochastic_batch__ranks_are_those_of_rows_that_are_left():
    scores = [9.0, 8.0, 7.0, 6.0]
    rng = np.random.RandomState(0)
    n_draws = 300 if NO_JIT else 3000
    firsts = [
        fastal.stochastic_batch(scores, 1, "softrank", 1.0, rng, exclude=[0, 1])[0]
        for _ in range(n_draws)
    ]
    # Ranks 1 and 2, not 3 and 4.
    assert abs(np.mean(np.array(firsts) == 2) - 2 / 3) < (0.1 if NO_JIT else 0.04)


def test_stochastic_batch__infinite_scores():
    for kind in ("softmax", "softrank"):
        rows = fastal.stochastic_batch([-np.inf, 1.0, -np.inf, 2.0], 4, kind, 50.0, 0)
        assert rows[:2].tolist() == [3, 1]
        assert len(set(rows.tolist())) == 4
    thirds = {
        int(fastal.stochastic_batch([-np.inf, 1.0, -np.inf], 2, "softmax", 1.0, s)[1])
        for s in range(30)
    }
    assert thirds == {0, 2}
    assert fastal.stochastic_batch([1.0, np.inf], 1, "softrank", 50.0, 0)[0] == 1
    assert sorted(fastal.stochastic_batch([-np.inf, -np.inf], 2, "softmax")) == [0, 1]


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
    for kind, bad in (("power", -1.0), ("power", np.inf), ("softmax", np.inf)):
        with pytest.raises(ValueError, match=r"scores must be .* row 1 is"):
            fastal.stochastic_batch([1.0, bad], 1, kind)
    for beta in (0.0, -1.0, np.inf, np.nan):
        with pytest.raises(ValueError, match="beta must be above 0 and finite, got"):
            fastal.stochastic_batch([1.0], 1, beta=beta)
    with pytest.raises(ValueError, match="kind must be 'power', 'softmax' or 'softrank', got 'x'"):
        fastal.stochastic_batch([1.0], 1, "x")
    with pytest.raises(ValueError, match="kind must be 'power', 'softmax' or 'softrank', got arr"):
        fastal.stochastic_batch([1.0], 1, np.array(["power", "power"]))
    for beta in (np.ones(2), "1", None):
        with pytest.raises(TypeError, match="beta must be a number above 0, got"):
            fastal.stochastic_batch([1.0], 1, beta=beta)
    with pytest.raises(ValueError, match=r"epsilon must lie between 0 and 1, got 1\.5"):
        fastal.epsilon_greedy([1.0], 1, epsilon=1.5)


@pytest.mark.parametrize("name", NAMES)
def test_empty_pool(name):
    assert getattr(fastal, name)([], 3, random_state=0).shape == (0,)
