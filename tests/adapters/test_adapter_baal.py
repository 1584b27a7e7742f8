"""Our heuristics against baal's own.

baal needs torch, which is several gigabytes.  Where baal is there without it
(``pip install --no-deps baal structlog``), its heuristics, which are NumPy, are executed with an
empty module in torch's place, and only what draws with torch is left out.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextlib import contextmanager
from types import ModuleType

import numpy as np
import pytest
from conftest import assert_scores_equal
from hypothesis import given, settings
from hypothesis import strategies as st


@contextmanager
def without_torch():
    """Let baal's packages be imported file by file, and forget them afterwards."""
    found = importlib.util.find_spec("baal")
    if found is None or not importlib.util.find_spec("structlog"):
        pytest.skip("baal is not installed", allow_module_level=True)
    (root,) = found.submodule_search_locations
    before = dict(sys.modules)
    torch = ModuleType("torch")
    torch.Tensor = type("Tensor", (), {})
    sys.modules["torch"] = torch
    for name in ("baal", "baal.active", "baal.utils"):
        # As a namespace: its own __init__ would import networks and data sets.
        package = sys.modules[name] = ModuleType(name)
        package.__path__ = ["/".join([root, *name.split(".")[1:]])]
    try:
        yield
    finally:
        for name in set(sys.modules) - set(before):
            if name.split(".")[0] in ("torch", "baal") or (
                name.startswith("fastal.adapters.") and "baal" in name
            ):
                del sys.modules[name]


def import_both():
    names = "baal.active.heuristics", "baal.active.heuristics.stochastics", "fastal.adapters.baal"
    return tuple(importlib.import_module(name) for name in names)


HAS_TORCH = importlib.util.find_spec("torch") is not None
if HAS_TORCH:
    pytest.importorskip("baal", exc_type=ImportError)
    theirs, stochastics, ours = import_both()
else:
    with without_torch():
        theirs, stochastics, ours = import_both()

needs_torch = pytest.mark.skipif(not HAS_TORCH, reason="baal draws with torch")
OF_PROBABILITIES = ("BALD", "Entropy", "Margin", "Certainty")
STOCHASTIC = ("PowerSampling", "GibbsSampling", "RankBasedSampling")


def predictions():
    rng = np.random.default_rng(0)
    plain = np.moveaxis(rng.dirichlet(np.full(5, 0.4), (60, 8)), 1, -1)
    pixels = np.moveaxis(rng.dirichlet(np.ones(3), (12, 4, 3, 7)), -1, 1)
    return {
        "plain": plain,
        "two classes": np.moveaxis(rng.dirichlet(np.ones(2), (40, 6)), 1, -1),
        "pixels": pixels,
        "one iteration": plain[..., :1],
        "certain": np.repeat(np.eye(3)[:, :, np.newaxis], 4, axis=2),
        "duplicates": np.repeat(plain[:6], 3, axis=0),
        "logits": rng.normal(size=(30, 4, 5)) * 3,
        "float32": plain.astype(np.float32),
        "not contiguous": plain[::2, :, ::-1],
    }


def close(actual, expected, dtype):
    assert actual.dtype == np.float64
    assert actual.shape == expected.shape
    assert_scores_equal(actual.ravel(), expected.ravel(), dtype)


@pytest.mark.parametrize("p", predictions().values(), ids=predictions().keys())
@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_scores_are_theirs(name, p):
    if name == "Certainty" and p.min() < 0:
        pytest.skip("theirs takes the largest logit: see below")
    before = p.copy()
    actual, expected = (
        getattr(ours, name)().compute_score(p),
        getattr(theirs, name)().compute_score(p),
    )
    close(actual, expected, p.dtype)
    np.testing.assert_array_equal(p, before)


@pytest.mark.parametrize("reduction", ["mean", "max", "sum", "min", lambda x: x.mean(axis=(1, 2))])
@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_ranks_and_reductions_are_theirs(name, reduction):
    for p in (predictions()["pixels"], predictions()["plain"]):
        if p.ndim == 3 and callable(reduction):
            continue
        kind = reduction if p.ndim > 3 else "none"
        mine, other = getattr(ours, name)(reduction=kind), getattr(theirs, name)(reduction=kind)
        assert isinstance(mine, type(other))
        actual, expected = mine.get_ranks(p), other.get_ranks(p)
        np.testing.assert_array_equal(actual[0], expected[0])
        close(actual[1], expected[1], p.dtype)
        np.testing.assert_array_equal(mine(p), expected[0])


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1), st.integers(2, 6), st.integers(1, 5))
def test_any_tables_are_scored_as_theirs(seed, n_classes, n_iterations):
    rng = np.random.default_rng(seed)
    # Sixteenths: many ties, and margins are equal to the last bit.
    p = rng.multinomial(16, np.full(n_classes, 1 / n_classes), (9, n_iterations)) / 16
    p = np.moveaxis(p, 1, -1)
    for name in OF_PROBABILITIES:
        close(
            getattr(ours, name)().compute_score(p), getattr(theirs, name)().compute_score(p), float
        )
    table = p[..., 0]
    for name in OF_PROBABILITIES[1:]:
        mine, other = getattr(ours, name)(), getattr(theirs, name)()
        close(mine.compute_score(table), other.compute_score(table), float)
    np.testing.assert_array_equal(ours.Margin()(table), theirs.Margin()(table))


@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_generators_and_single_item_lists(name):
    p = predictions()["plain"]
    mine, other = getattr(ours, name)(), getattr(theirs, name)()
    chunks = [p[:20], p[20:21], p[21:]]
    np.testing.assert_array_equal(mine(chunk for chunk in chunks), other(p))
    np.testing.assert_array_equal(mine.compute_score([p]), mine.compute_score(p))
    with pytest.raises(ValueError, match="CombineHeuristics"):
        mine.compute_score([p, p])


@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_shuffled_shares_are_theirs(name):
    p, before, ranks = predictions()["plain"], np.random.get_state(), []
    try:
        for module in (theirs, ours):
            np.random.seed(0)
            with pytest.warns(DeprecationWarning, match="shuffle_prop"):
                heuristic = getattr(module, name)(0.5)
            ranks.append(heuristic(p))
    finally:
        np.random.set_state(before)
    np.testing.assert_array_equal(*ranks)


def test_variance_and_random_are_theirs():
    p = predictions()["plain"]
    np.testing.assert_array_equal(ours.Variance()(p), theirs.Variance()(p))
    np.testing.assert_array_equal(ours.Random(seed=3)(p), theirs.Random(seed=3)(p))


def test_heuristics_combine_as_theirs():
    p = predictions()
    given, orders = [p["plain"][:12], p["pixels"]], []
    for module in (theirs, ours):
        parts = [module.BALD(), module.Entropy(reduction="mean")]
        orders.append(theirs.CombineHeuristics(parts, [0.7, 0.3])(given))
    np.testing.assert_array_equal(*orders)


def test_a_single_channel_is_scored_as_theirs():
    p = np.random.default_rng(0).random((10, 1, 4))
    close(ours.BALD().compute_score(p), theirs.BALD().compute_score(p), float)
    with pytest.raises(ValueError, match="two classes"):
        ours.Margin().compute_score(np.ones((4, 1)))


# Defects


def test_theirs_takes_the_softmax_of_rounded_probabilities():
    # If this fails, baal tells probabilities that are rounded from logits.
    p = predictions()["plain"].round(4)
    exact = theirs.Entropy().compute_score(predictions()["plain"])
    flattened = theirs.Entropy().compute_score(p)
    assert np.abs(flattened - exact).max() > 0.1
    assert np.abs(ours.Entropy().compute_score(p) - exact).max() < 0.01
    # One row a little off changes the scores of all.
    p = predictions()["plain"].copy()
    p[0] *= 1 + 5e-4
    assert np.abs(theirs.BALD().compute_score(p) - theirs.BALD().compute_score(p[1:])[0]).max() > 0
    np.testing.assert_array_equal(
        ours.BALD().compute_score(p)[1:], ours.BALD().compute_score(p[1:])
    )
    assert not np.allclose(theirs.BALD().compute_score(p)[1:], theirs.BALD().compute_score(p[1:]))


@pytest.mark.parametrize("name", OF_PROBABILITIES[:3])
def test_numbers_taken_for_logits_are_so_with_a_warning(name):
    p = np.random.default_rng(0).random((10, 4, 3))
    expected = getattr(theirs, name)().compute_score(p)  # no warning
    with pytest.warns(UserWarning, match="do not sum to 1"):
        actual = getattr(ours, name)().compute_score(p)
    close(actual, expected, float)


def test_theirs_certainty_takes_the_largest_logit():
    # If this fails, baal's Certainty turns logits into probabilities, as its other heuristics do.
    logits = np.array([[5.0, 5.0], [1.0, -4.0]])
    assert theirs.Certainty()(logits).tolist() == [1, 0]
    assert ours.Certainty()(logits).tolist() == [0, 1]
    shifted = logits + np.array([[0.0], [9.0]])
    close(ours.Certainty().compute_score(shifted), ours.Certainty().compute_score(logits), float)


@pytest.mark.parametrize("name", OF_PROBABILITIES)
def test_theirs_ranks_what_is_not_finite(name):
    # If this fails, baal refuses NaN.
    p = predictions()["plain"].copy()
    p[3, 0, 0] = np.nan
    with pytest.warns(UserWarning, match="Invalid value in the score"):
        ranks, scores = getattr(theirs, name)().get_ranks(p)
    assert ranks[-1] == 3 or name == "BALD"
    assert scores[3] == (0 if getattr(theirs, name)().reversed else 10000)
    with pytest.raises(ValueError, match="finite, but those of row 3"):
        getattr(ours, name)().get_ranks(p)


def test_wrong_shapes_are_refused():
    for mine in (ours.BALD(), ours.BatchBALD(2)):
        with pytest.raises(ValueError, match=r"n_classes.*got \(3, 2\)"):
            mine.compute_score(np.full((3, 2), 0.5))


# Stochastic batches


def drawn(sampler, *arguments, seed=0):
    before = np.random.get_state()
    try:
        np.random.seed(seed)
        return sampler.get_ranks(*arguments)
    finally:
        np.random.set_state(before)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
@pytest.mark.parametrize("base", ["BALD", "Entropy"])
@pytest.mark.parametrize("name", STOCHASTIC)
def test_stochastic_batches_are_theirs(name, base, temperature):
    p = predictions()["plain"]
    other = getattr(stochastics, name)(getattr(theirs, base)(), 10, temperature)
    mine = getattr(ours, name)(getattr(ours, base)(), 10, temperature)
    actual, expected = drawn(mine, p), drawn(other, p)
    np.testing.assert_array_equal(actual[0], expected[0])
    close(actual[1], expected[1], float)


@pytest.mark.parametrize("base", ["Margin", "Certainty"])
@pytest.mark.parametrize("name", STOCHASTIC)
def test_theirs_stochastic_batches_prefer_the_most_certain(name, base):
    # If this fails, baal's stochastic heuristics heed which end is the uncertain one.
    p = predictions()["plain"]
    mean = np.sort(p.mean(-1), axis=1)
    certain = mean[:, -1] - mean[:, -2] if base == "Margin" else mean[:, -1]
    weights = drawn(getattr(stochastics, name)(getattr(theirs, base)(), 10), p)[1]
    assert np.corrcoef(weights, certain)[0, 1] > 0.3
    weights = drawn(getattr(ours, name)(getattr(ours, base)(), 10), p)[1]
    assert np.corrcoef(weights, certain)[0, 1] < -0.3


@pytest.mark.parametrize("name", STOCHASTIC)
def test_theirs_stochastic_batches_do_not_fit_their_loop(name):
    # If this fails, baal's get_ranks takes what ActiveLearningLoop passes.
    p = predictions()["plain"]
    with pytest.raises(TypeError, match="positional argument"):
        getattr(stochastics, name)(theirs.BALD(), 5)(p)
    rows = getattr(ours, name)(ours.BALD(), 5)(p)
    assert len(set(rows.tolist())) == 5


# BatchBALD


def test_batch_bald_ranks_are_the_picks_and_scores_their_gains():
    import fastal

    p = predictions()["plain"]
    members = np.moveaxis(p, -1, 0)
    rows, information = fastal.batch_bald(members, 3, max_configurations=500)
    ranks, scores = ours.BatchBALD(3).get_ranks(p)
    np.testing.assert_array_equal(ranks[:3], rows)
    assert sorted(ranks) == list(range(60))
    np.testing.assert_allclose(scores[rows].cumsum(), information)
    assert np.count_nonzero(scores) == 3
    assert scores[rows[0]] == pytest.approx(theirs.BALD().compute_score(p).max())
    np.testing.assert_array_equal(ours.BatchBALD(3).compute_score(p), scores)


def test_batch_bald_takes_more_than_there_are_and_seeds():
    p = predictions()["plain"]
    assert sorted(ours.BatchBALD(100, num_draw=50).get_ranks(p)[0]) == list(range(60))
    orders = [ours.BatchBALD(20, 50, random_state=1)(p).tolist() for _ in range(2)]
    assert orders[0] == orders[1]
    with pytest.raises(ValueError, match="only works on classification"):
        ours.BatchBALD(3)(predictions()["pixels"])


@needs_torch
def test_theirs_batch_bald_starts_with_the_same_row_but_ranks_it_elsewhere():
    # If this fails, baal's BatchBALD ranks its picks in the order picked.
    p = predictions()["plain"]
    best = theirs.BALD()(p)[0]
    ranks, scores = theirs.BatchBALD(3, num_draw=2000).get_ranks(p)
    assert np.count_nonzero(scores) == 4
    assert best in ranks[:4]
    assert ranks[0] != best
    assert ours.BatchBALD(3)(p)[0] == best


@needs_torch
def test_batch_bald_picks_are_theirs():
    # Far apart, so that the estimates of theirs decide as the exact numbers of ours.
    p = np.array(
        [
            [[1, 1, 0, 0], [0, 0, 1, 1]],
            [[1, 1, 0, 0.05], [0, 0, 1, 0.95]],
            [[0.95, 0.05, 0.95, 0.05], [0.05, 0.95, 0.05, 0.95]],
            [[0.5, 0.5, 0.5, 0.5], [0.5, 0.5, 0.5, 0.5]],
        ]
    )
    picks = np.flatnonzero(theirs.BatchBALD(1, num_draw=4000).get_ranks(p)[1])
    assert sorted(picks) == sorted(ours.BatchBALD(2)(p)[:2]) == [0, 2]


@needs_torch
def test_tensors_are_taken():
    import torch

    p = predictions()["plain"]
    for name in OF_PROBABILITIES:
        np.testing.assert_array_equal(
            getattr(ours, name)()(torch.from_numpy(p)), getattr(ours, name)()(p)
        )
