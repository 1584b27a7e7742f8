from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from conftest import assert_scores_equal
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import fastal
from fastal import _reference

SOFT = ["consensus_entropy", "kl_to_consensus", "max_kl_to_consensus", "variation_ratio"]


def members(n_members=3, n_samples=50, n_classes=4, concentration=0.5, seed=0):
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(n_classes, concentration), (n_members, n_samples))


# --- hard votes ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "votes",
    [
        np.random.default_rng(0).integers(0, 20, (200, 5)),
        np.random.default_rng(0).integers(-3, 3, (50, 7)).astype(np.int8),
        np.random.default_rng(0).integers(0, 250, (50, 9)).astype(np.uint8),
        np.array([[2**63, 2**63 + 1], [2**63, 2**63]], dtype=np.uint64),
        np.array([[-(2**63), 2**63 - 1, 0]]),
        np.array([[0, 10**12], [10**12, 10**12]]),
        np.array([[True, False, True]]),
        np.array([[1.0, 2.0, 1.0]]),
        np.array([["spam", "ham", "ham"], ["ham", "ham", "ham"]]),
        np.array([["spam", "ham"], ["ham", "ham"]], dtype=object),
        np.zeros((4, 1), dtype=int),
        np.empty((0, 3), dtype=int),
        np.asfortranarray(np.random.default_rng(0).integers(0, 3, (20, 4))),
        np.random.default_rng(0).integers(0, 3, (20, 200)),
        np.random.default_rng(0).integers(-5, 4, (700, 16)),
        np.random.default_rng(0).integers(-5, 4, (700, 17)),
        np.random.default_rng(0).integers(0, 10**9, (20, 30)),
        np.random.default_rng(0).integers(0, 4, (5000, 5)) * 300,
        np.empty((0, 40), dtype=int),
    ],
)
def test_vote_entropy_equals_reference(votes):
    before = votes.copy()
    assert_scores_equal(fastal.vote_entropy(votes), _reference.vote_entropy(votes))
    np.testing.assert_array_equal(votes, before)


@settings(max_examples=100, deadline=None)
@given(
    votes=hnp.arrays(
        np.int64,
        st.tuples(st.integers(1, 30), st.integers(1, 20)),
        elements=st.one_of(st.integers(0, 3), st.integers(-(2**63), 2**63 - 1)),
    )
)
def test_vote_entropy_equals_reference__property(votes):
    assert_scores_equal(fastal.vote_entropy(votes), _reference.vote_entropy(votes))


def test_vote_entropy__equal_counts_tie_exactly():
    # The same counts in any order and for any classes: a sum of floats would differ in the last
    # bit and break the tie by accident.
    rng = np.random.default_rng(0)
    base = np.repeat([0, 1, 2, 3, 4], [5, 3, 2, 2, 1])
    votes = np.array([rng.permutation(rng.permutation(5)[base]) for _ in range(300)])
    scores = fastal.vote_entropy(votes)
    assert (scores == scores[0]).all()
    np.testing.assert_array_equal(fastal.top_k(scores, 3), [0, 1, 2])


@pytest.mark.parametrize("n_members", [1, 2, 3, 4, 5, 6])
def test_vote_entropy__every_possible_row(n_members):
    votes = np.array(list(itertools.product(range(n_members), repeat=n_members)))
    assert_scores_equal(fastal.vote_entropy(votes), _reference.vote_entropy(votes))


def test_vote_entropy__bytes_do_not_wrap_around():
    # 1 and 257 are the same byte.
    assert_scores_equal(fastal.vote_entropy([[1, 257], [1, 1]]), [math.log(2), 0.0])


def test_vote_entropy__worked_by_hand():
    scores = fastal.vote_entropy([[1, 1, 2, 2], [1, 1, 1, 1], [1, 2, 3, 4], [1, 1, 1, 2]])
    quarter = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))
    assert_scores_equal(scores, [math.log(2), 0.0, math.log(4), quarter])


@pytest.mark.parametrize(
    ("votes", "error", "message"),
    [
        ([1, 2, 3], ValueError, r"votes must have shape \(n_samples, n_members\)"),
        (np.empty((3, 0), int), ValueError, "at least one member"),
        ([[1.0, np.nan]], ValueError, "NaN"),
        ([[1.0, np.inf]], ValueError, "infinite"),
        (np.array([["a", 1]], dtype=object), TypeError, "one kind"),
        (np.array([[1j, 2]]), TypeError, "class labels"),
    ],
)
def test_vote_entropy__bad_input(votes, error, message):
    with pytest.raises(error, match=message):
        fastal.vote_entropy(votes)


# --- soft votes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SOFT)
@pytest.mark.parametrize(
    "probas",
    [
        members(),
        members(1),
        members(2, n_classes=1),
        members(3, n_classes=700, n_samples=4),
        members(4, n_samples=0),
        members(concentration=0.01),
        members(5).astype(np.float32),
        np.asfortranarray(members()),
        members()[:, ::2],
        np.eye(3)[np.array([[0, 1, 2], [0, 0, 2], [1, 0, 2]])],
    ],
)
def test_soft_score_equals_reference(name, probas):
    before = probas.copy()
    expected = getattr(_reference, name)(probas)
    assert_scores_equal(getattr(fastal, name)(probas), expected, probas.dtype)
    assert_scores_equal(getattr(fastal, name)(list(probas)), expected, probas.dtype)
    np.testing.assert_array_equal(probas, before)


@pytest.mark.parametrize("name", SOFT)
@settings(max_examples=40, deadline=None)
@given(
    weights=hnp.arrays(
        np.float64,
        st.tuples(st.integers(1, 5), st.integers(1, 20), st.integers(1, 8)),
        elements=st.one_of(st.just(0.0), st.floats(1e-3, 1.0)),
    )
)
def test_soft_score_equals_reference__property(name, weights):
    weights = weights.copy()
    weights[weights.sum(axis=2) == 0, 0] = 1.0
    probas = weights / weights.sum(axis=2, keepdims=True)
    assert_scores_equal(getattr(fastal, name)(probas), getattr(_reference, name)(probas))


def test_kl_to_consensus__is_bald():
    probas = members(5)
    mutual_information = fastal.consensus_entropy(probas) - np.mean(
        [fastal.entropy(p) for p in probas], axis=0
    )
    assert_scores_equal(fastal.kl_to_consensus(probas), mutual_information)


def test_identical_members_agree():
    probas = np.repeat(members(1), 3, axis=0)
    for name in ("kl_to_consensus", "max_kl_to_consensus", "variation_ratio"):
        scores = getattr(fastal, name)(probas)
        assert (scores >= 0).all()
        np.testing.assert_allclose(scores, 0.0, atol=1e-15)


def test_soft_scores_worked_by_hand():
    certain = np.array([[[1.0, 0.0]], [[0.0, 1.0]], [[1.0, 0.0]]])
    h = -(2 / 3 * math.log(2 / 3) + 1 / 3 * math.log(1 / 3))
    assert_scores_equal(fastal.consensus_entropy(certain), [h])
    assert_scores_equal(fastal.kl_to_consensus(certain), [h])
    assert_scores_equal(fastal.max_kl_to_consensus(certain), [math.log(3)])
    assert_scores_equal(fastal.variation_ratio(certain), [1 / 3])


def test_variation_ratio__tied_probabilities_vote_for_the_first_class():
    probas = np.array([[[0.5, 0.5]], [[1.0, 0.0]]])
    np.testing.assert_array_equal(fastal.variation_ratio(probas), [0.0])


@pytest.mark.parametrize("name", SOFT)
@pytest.mark.parametrize("labels", [["ham", "spam", "eggs"], [30, 10, 20]])
def test_members_are_aligned_by_label(name, labels):
    # The same members, once with all classes in one order, once each in an order of its own
    # and without the class it gives no probability to.
    full = members(2, n_classes=3)
    full[1, :, 2] = 0.0
    full[1] /= full[1].sum(axis=1, keepdims=True)
    shuffled = [full[0][:, [2, 0, 1]], full[1][:, [1, 0]]]
    classes = [[labels[2], labels[0], labels[1]], [labels[1], labels[0]]]
    expected = getattr(fastal, name)(full, classes=[labels, labels])
    scores = getattr(fastal, name)(shuffled, classes=classes)
    assert_scores_equal(scores, expected)
    assert_scores_equal(scores, getattr(_reference, name)(shuffled, classes=classes))
    by_position = getattr(fastal, name)([p[:, :2] / p[:, :2].sum(1, keepdims=True) for p in full])
    assert not np.allclose(scores, by_position)


@pytest.mark.parametrize("name", SOFT)
@pytest.mark.parametrize(
    ("probas", "classes", "message"),
    [
        ([[[0.5, 0.5]], [[1.0]]], None, "classes=.*aligned by label"),
        ([[[0.5, 0.5]], [[0.5, 0.5], [1.0, 0.0]]], None, r"probas\[1\] has 2 rows"),
        ([], None, "at least one member"),
        ([[0.5, 0.5]], None, r"probas\[0\] must have shape"),
        ([[[0.5, 0.5]]], [[1, 2, 3]], r"classes\[0\] must hold 2 labels"),
        ([[[0.5, 0.5]]], [[1, 1]], "twice"),
        ([[[0.5, 0.5]]], [[1, 2], [1, 2]], "classes must hold 1 arrays"),
        (np.ones((0, 3, 1)), None, "members and classes"),
        ([np.empty((2, 0))], None, "at least one class"),
        ([[[0.5, 0.5]], [[0.9, 0.9]]], None, r"probas\[1\].*must sum to 1"),
        ([[[0.5, 0.5]], [[1.1, -0.1]]], None, r"probas\[1\].*must not be negative"),
        ([[[0.5, 0.5]], [[np.nan, 1.0]]], None, r"probas\[1\].*must be finite"),
    ],
)
def test_soft_scores__bad_input(name, probas, classes, message):
    with pytest.raises(ValueError, match=message):
        getattr(fastal, name)(probas, classes=classes)
