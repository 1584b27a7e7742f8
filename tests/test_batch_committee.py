"""BatchBALD: joint disagreement of a committee about a batch."""

from __future__ import annotations

import itertools
import sys

import numpy as np
import pytest
from conftest import NO_JIT, compiled_only
from hypothesis import given, settings
from hypothesis import strategies as st

import fastal
from fastal import _reference, _threads

MODULE = sys.modules["fastal.batch_committee"]
EXAMPLES = settings(max_examples=10 if NO_JIT else 60, deadline=None)


def members(seed, n_members=4, n_rows=12, n_classes=3, concentration=0.4, steps=None):
    p = np.random.default_rng(seed).dirichlet(
        np.full(n_classes, concentration), (n_members, n_rows)
    )
    if steps:  # many zeros and many exact ties
        p = np.floor(p * steps) / steps
        p[..., 0] += 1 - p.sum(axis=-1)
    return p


def joint_information(p, rows):
    """The definition, from all ways to label the rows."""
    n_members, _, n_classes = p.shape
    entropy = 0.0
    for labels in itertools.product(range(n_classes), repeat=len(rows)):
        chance = np.mean(
            [
                np.prod([p[m, row, label] for row, label in zip(rows, labels, strict=True)])
                for m in range(n_members)
            ]
        )
        entropy -= chance * np.log(chance) if chance > 0 else 0.0
    own = p[:, rows]
    logs = np.log(np.where(own > 0, own, 1.0))
    return entropy + (own * logs).sum(axis=(1, 2)).mean()


def assert_equal(p, k, **kwargs):
    rows, information = fastal.batch_bald(p, k, **kwargs)
    expected_rows, expected = _reference.batch_bald(p, k, **kwargs)
    np.testing.assert_array_equal(rows, expected_rows)
    np.testing.assert_allclose(information, expected, rtol=1e-10, atol=1e-12)
    assert rows.dtype == np.int64
    assert information.dtype == np.float64
    assert len(rows) == len(information) == len(set(rows.tolist()))
    assert (np.diff(information) >= 0).all()
    return rows, information


@EXAMPLES
@given(
    seed=st.integers(0, 10_000),
    n_members=st.integers(1, 6),
    n_rows=st.integers(1, 15),
    n_classes=st.integers(1, 4),
    steps=st.sampled_from([None, 1, 2, 4]),
    k=st.integers(1, 8),
    most=st.sampled_from([1, 7, 40, 10_000]),
    random_state=st.integers(0, 3),
    n_excluded=st.integers(0, 4),
    few=st.sampled_from([1, 16]),
)
def test_picks_equal_reference(
    seed, n_members, n_rows, n_classes, steps, k, most, random_state, n_excluded, few
):
    if NO_JIT:
        n_rows, k, most = min(n_rows, 5), min(k, 3), min(most, 40)
    p = members(seed, n_members, n_rows, n_classes, steps=steps)
    exclude = np.random.default_rng(seed).permutation(n_rows)[:n_excluded]
    with pytest.MonkeyPatch.context() as patch:
        # As in a large pool: few rows are evaluated at once, and groups of configurations first.
        patch.setattr(MODULE, "_FEW", few)
        patch.setattr(MODULE, "_ENTRIES", few)
        patch.setattr(MODULE, "_GROUPS", (2, 8))
        rows, _ = assert_equal(
            p, k, random_state=random_state, exclude=exclude, max_configurations=most
        )
    assert len(rows) == min(k, n_rows - len(exclude))
    assert not set(rows.tolist()) & set(exclude.tolist())


def test_batch_bald_is_the_definition():
    for seed in range(3):
        p = members(seed, 3, 7, 3)
        rows, information = fastal.batch_bald(p, 4)
        for i in range(4):
            np.testing.assert_allclose(information[i], joint_information(p, rows[: i + 1]))
            # Each pick is the best there is.
            others = [row for row in range(7) if row not in rows[:i]]
            best = max(joint_information(p, [*rows[:i], row]) for row in others)
            np.testing.assert_allclose(information[i], best)


def test_by_hand():
    # Four members: row 0 tells the first two from the last two, and so does row 1; row 2 tells
    # the first from the second and the third from the fourth; row 3 says nothing.
    p = np.eye(2)[[[0, 0, 0, 0], [0, 0, 1, 0], [1, 1, 0, 0], [1, 1, 1, 0]]]
    rows, information = fastal.batch_bald(p, 4)
    np.testing.assert_array_equal(rows, [0, 2, 1, 3])
    np.testing.assert_allclose(information, np.log([2, 4, 4, 4]))
    # BALD would take the first two, which say the same.
    assert fastal.top_k(fastal.kl_to_consensus(p), 2).tolist() == [0, 1]


def test_the_first_pick_is_that_of_bald():
    for seed in range(5):
        p = members(seed, n_rows=40)
        scores = fastal.kl_to_consensus(p)
        rows, information = fastal.batch_bald(p, 1)
        assert rows[0] == scores.argmax()
        np.testing.assert_allclose(information[0], scores.max())


def test_greedy_guarantee():
    for seed in range(3):
        p = members(seed, 3, 7, 2)
        best = max(joint_information(p, some) for some in itertools.combinations(range(7), 3))
        assert fastal.batch_bald(p, 3)[1][-1] >= (1 - 1 / np.e) * best


def test_estimates_are_near_the_exact_numbers():
    p = members(0, 5, 15, 3, concentration=1.0)
    rows, exact = fastal.batch_bald(p, 4)
    for seed in range(3):
        drawn, estimate = fastal.batch_bald(p, 4, seed, max_configurations=20 if NO_JIT else 2000)
        if not NO_JIT:
            np.testing.assert_allclose(estimate, exact, atol=0.02)
            np.testing.assert_allclose(
                joint_information(p, drawn), joint_information(p, rows), atol=0.03
            )


@compiled_only
def test_estimates_have_the_right_mean():
    p = members(3, 3, 4, 2, concentration=2.0)
    # All four rows are picked, so their exact information is known whatever the order.
    exact = joint_information(p, [0, 1, 2, 3])
    estimates = [fastal.batch_bald(p, 4, seed, max_configurations=3)[1][-1] for seed in range(400)]
    error = np.std(estimates) / np.sqrt(len(estimates))
    assert abs(np.mean(estimates) - exact) < 4 * error + 1e-3


def test_certain_members_stay_exact():
    # Of 3**9 ways to label the batch no more than five are possible: one for each member.
    p = np.eye(3)[np.random.default_rng(0).integers(0, 3, (5, 12))]
    rows, information = fastal.batch_bald(p, 9, max_configurations=5)
    same = fastal.batch_bald(p, 9, 7, max_configurations=10_000)[1]
    np.testing.assert_allclose(information, same)
    np.testing.assert_allclose(information[-1], np.log(5))
    for i in range(3):
        np.testing.assert_allclose(information[i], joint_information(p, rows[: i + 1]))


def test_equal_rows_go_to_the_lowest_or_to_any():
    p = np.repeat(members(1, n_rows=1), 6, axis=1)
    np.testing.assert_array_equal(fastal.batch_bald(p, 6)[0], np.arange(6))
    firsts = {int(fastal.batch_bald(p, 1, seed)[0][0]) for seed in range(60)}
    assert firsts == set(range(6))
    # Classes in another order: the same gain but for rounding.
    p = members(2, 4, 1, 5)
    p = np.concatenate([p[..., rng] for rng in itertools.permutations(range(5))][:40], axis=1)
    assert fastal.batch_bald(p, 1)[0].tolist() == [0]


def test_members_that_agree_tell_nothing():
    p = np.repeat(members(0, n_members=1), 5, axis=0)
    rows, information = fastal.batch_bald(p, 3)
    np.testing.assert_array_equal(rows, [0, 1, 2])
    np.testing.assert_allclose(information, 0, atol=1e-12)


def test_groups_bound_the_gains(monkeypatch):
    p = members(5, 4, 30, 3)
    monkeypatch.setattr(MODULE, "_GROUPS", (2, 8))
    monkeypatch.setattr(MODULE, "_FEW", 2)
    monkeypatch.setattr(MODULE, "_ENTRIES", 1)
    picked = MODULE._Configurations(4, 10_000, None)
    for row in (3, 7, 9, 1):
        picked.add(p[:, row])
    levels = MODULE._groups(picked.posteriors, picked.weights, (1, 4, 16))
    assert [weights.size for _, weights in levels] == [1, 4, 16, 81]
    search = MODULE._Search(p, np.arange(30), np.arange(30))
    gains = [search._gains(np.arange(30), MODULE._Level(*level)) for level in levels]
    for lower, upper in itertools.pairwise(reversed(gains)):
        assert (upper >= lower - 1e-12).all()
        assert (upper > lower + 1e-6).any()
    assert_equal(p, 6, random_state=0)
    assert_equal(p, 6, random_state=0, max_configurations=50)


def test_bounds_leave_ties_to_the_rank(monkeypatch):
    monkeypatch.setattr(MODULE, "_GROUPS", (2,))
    monkeypatch.setattr(MODULE, "_FEW", 1)
    monkeypatch.setattr(MODULE, "_ENTRIES", 1)
    p = np.repeat(members(1, 3, 1, 9), 6, axis=1)
    # A row all members agree about leaves equal posteriors: the bound by groups is the gain.
    picked = MODULE._Configurations(3, 10_000, None)
    picked.add(np.full((3, 9), 1 / 9))
    search = MODULE._Search(p, np.arange(6), np.arange(6)[::-1])
    assert [search.best(picked)[0] for _ in range(6)] == [5, 4, 3, 2, 1, 0]


def test_few_candidates_at_once(monkeypatch):
    p = members(6, 5, 60 if not NO_JIT else 20, 3)
    results = []
    for few, entries in ((1, 1), (3, 1), (16, 2**20)):
        monkeypatch.setattr(MODULE, "_FEW", few)
        monkeypatch.setattr(MODULE, "_ENTRIES", entries)
        results.append(fastal.batch_bald(p, 5, 0, max_configurations=60))
    for rows, information in results[1:]:
        np.testing.assert_array_equal(rows, results[0][0])
        np.testing.assert_array_equal(information, results[0][1])


def test_the_number_of_threads_changes_nothing(monkeypatch):
    p = members(7, 5, 80 if not NO_JIT else 15, 4)
    monkeypatch.setattr(_threads, "MIN_SHARE", 1)
    monkeypatch.setattr(MODULE, "_PRODUCTS_PER_CALL", 500)
    results = []
    for threads in ("1", "2", "7"):
        monkeypatch.setenv("FASTAL_NUM_THREADS", threads)
        results.append(fastal.batch_bald(p, 4, 0, max_configurations=50))
    for rows, information in results[1:]:
        np.testing.assert_array_equal(rows, results[0][0])
        np.testing.assert_array_equal(information, results[0][1])


def test_long_batches_do_not_underflow():
    p = members(8, 3, 60, 4)
    k = 60 if not NO_JIT else 4
    rows, information = fastal.batch_bald(p, k, 0, max_configurations=200 if not NO_JIT else 20)
    assert len(set(rows.tolist())) == k
    assert np.isfinite(information).all()
    assert information[-1] <= np.log(3) + 0.1


def test_forms_of_probabilities():
    p = members(9).round(4)
    p[..., 0] += 1 - p.sum(axis=-1)
    expected, information = fastal.batch_bald(p, 4)
    before = p.copy()
    p.flags.writeable = False
    for form in (p, list(p), p.tolist(), np.asfortranarray(p), p.astype(">f8")):
        rows, same = fastal.batch_bald(form, 4)
        np.testing.assert_array_equal(rows, expected)
        np.testing.assert_allclose(same, information)
    rows, same = fastal.batch_bald(p.astype(np.float32), 4)
    np.testing.assert_array_equal(rows, expected)
    np.testing.assert_allclose(same, information, rtol=1e-5)
    np.testing.assert_array_equal(p, before)


def test_members_are_aligned_by_label():
    a, b = [[0.5, 0.5], [1.0, 0.0]], [[0.5, 0.5], [0.0, 1.0]]
    classes = [["ham", "spam"], ["spam", "ham"]]
    rows, information = fastal.batch_bald([a, b], 2, classes=classes)
    np.testing.assert_array_equal(rows, [0, 1])
    np.testing.assert_allclose(information, 0, atol=1e-12)
    assert_equal([a, b], 2, classes=classes)
    assert_equal([a, b], 2)


def test_empty_pool_and_nothing_left():
    for p, exclude in ((np.empty((2, 0, 3)), None), (members(0), np.ones(12, dtype=bool))):
        rows, information = fastal.batch_bald(p, 3, exclude=exclude)
        assert rows.shape == information.shape == (0,)


def test_no_global_random_state_is_touched():
    np.random.seed(3)
    before = np.random.get_state()[1].copy()
    fastal.batch_bald(members(0), 3, max_configurations=5)
    fastal.batch_bald(members(0), 3, 0, max_configurations=5)
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_fresh_draws_differ_and_generators_work():
    p = members(0)
    fresh = {fastal.batch_bald(p, 5, max_configurations=5)[1][-1] for _ in range(5)}
    assert len(fresh) > 1
    for make in (np.random.RandomState, np.random.default_rng):
        one, other = (fastal.batch_bald(p, 5, make(1), max_configurations=5) for _ in range(2))
        np.testing.assert_array_equal(one[0], other[0])


@pytest.mark.parametrize(
    ("p", "kwargs", "error", "message"),
    [
        (np.ones((2, 3, 1)), {"k": 0}, ValueError, "k must be a whole number of at least 1"),
        (np.ones((2, 3, 1)), {"k": 1.5}, TypeError, "k must be a whole number"),
        (np.ones((2, 3, 1)), {"max_configurations": 0}, ValueError, "max_configurations must be"),
        (np.ones((2, 3, 1)), {"max_configurations": "a"}, TypeError, "max_configurations must"),
        (np.ones((2, 3, 1)), {"exclude": [3]}, ValueError, r"exclude must lie in 0\.\.2"),
        (np.ones((2, 3, 1)), {"random_state": "a"}, TypeError, "random_state must be"),
        (np.ones((2, 3)), {}, ValueError, "probas must have shape"),
        (np.full((2, 3, 2), 0.3), {}, ValueError, r"probas\[0\]: .* must sum to 1"),
        (np.full((2, 3, 2), np.nan), {}, ValueError, r"probas\[0\]: .* must be finite"),
        ([], {}, ValueError, "probas must hold at least one member"),
    ],
)
def test_bad_input(p, kwargs, error, message):
    with pytest.raises(error, match=message):
        fastal.batch_bald(p, **{"k": 1, **kwargs})
