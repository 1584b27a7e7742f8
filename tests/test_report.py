from __future__ import annotations

import builtins
import csv
import math
import pickle
import re

import numpy as np
import pytest

from fastal.report import Comparison, LearningCurve

N_LABELS = [10, 20, 40]


def curve(strategy, seed, accuracies, n_labels=N_LABELS):
    n = len(n_labels)
    return LearningCurve(
        n_labels=np.array(n_labels),
        accuracies=np.array(accuracies, dtype=float),
        seconds_choosing=np.arange(n) * 1.0,
        seconds_training=np.arange(n) * 10.0,
        seconds_predicting=np.arange(n) * 0.5,
        rows=np.arange(n_labels[-1]),
        strategy=strategy,
        seed=seed,
    )


@pytest.fixture
def comparison():
    return Comparison(
        [
            curve("random", 0, [0.2, 0.4, 0.6]),
            curve("random", 1, [0.4, 0.4, 0.6]),
            curve("margin", 0, [0.2, 0.6, 0.8]),
            curve("margin", 1, [0.4, 0.4, 0.4]),
        ],
        full_accuracy=0.8,
        n_pool=1234,
    )


def test_area_is_the_trapezoid_over_the_range_of_labels():
    # (0.2 + 0.4) / 2 * 10 + (0.4 + 0.6) / 2 * 20 = 13, over 30 labels.
    assert curve("random", 0, [0.2, 0.4, 0.6]).area == pytest.approx(13 / 30)
    assert curve("random", 0, [0.7], [20]).area == 0.7


def test_labels_to_reach():
    falling = curve("random", 0, [0.2, 0.6, 0.5])
    assert falling.labels_to_reach(0.1) == 10
    assert falling.labels_to_reach(0.6) == 20
    assert math.isinf(falling.labels_to_reach(0.61))


def test_curve_unpacks():
    n_labels, accuracies = curve("random", 0, [0.2, 0.6, 0.5])
    assert n_labels.tolist() == N_LABELS
    assert accuracies.tolist() == [0.2, 0.6, 0.5]


def test_summary(comparison):
    random, margin = comparison.summary()
    # Areas: random 13/30 and 14/30; margin 18/30 and 12/30.
    assert random["strategy"] == "random"
    assert random["area"] == pytest.approx(13.5 / 30)
    assert random["area_minus_random"] == 0
    assert random["seeds_won"] == 0
    assert random["labels_to_90"] == math.inf
    assert margin["n_seeds"] == 2
    assert margin["final_accuracy"] == pytest.approx(0.6)
    assert margin["area"] == pytest.approx(15 / 30)
    assert margin["area_sd"] == pytest.approx(np.std([18 / 30, 12 / 30], ddof=1))
    assert margin["area_minus_random"] == pytest.approx(1.5 / 30)
    assert margin["seeds_won"] == 1
    assert margin["seconds_choosing"] == 3
    assert margin["seconds_training"] == 30
    assert margin["seconds_predicting"] == 1.5


@pytest.mark.parametrize(
    ("finals", "expected"), [([0.8, 0.8, 0.1], 40), ([0.8, 0.1, 0.1], math.inf)]
)
def test_labels_to_reach_is_the_median_over_the_seeds(finals, expected):
    curves = [curve("random", seed, [0.1, 0.1, final]) for seed, final in enumerate(finals)]
    assert Comparison(curves, 0.8, 100).summary()[0]["labels_to_90"] == expected


def test_90_and_95_per_cent_are_of_the_whole_pool():
    # 90 % of 0.8 is 0.72, 95 % is 0.76.
    row = Comparison([curve("random", 0, [0.7, 0.73, 0.77])], 0.8, 100).summary()[0]
    assert (row["labels_to_90"], row["labels_to_95"]) == (20, 40)


def test_table(comparison):
    lines = comparison.table().splitlines()
    assert lines[0] == ("Whole pool (1,234 labels): accuracy 0.800, 90 % of it 0.720, 95 % 0.760")
    header, rule, random, margin = lines[2:6]
    assert len(random) == len(margin) == len(header) == len(rule) <= 99
    assert re.sub(" +", " ", random) == "random 0.600 0.450 ± 0.024 > 40 > 40 3.00 30.00 1.50"
    assert re.sub(" +", " ", margin) == (
        "margin 0.600 0.500 ± 0.141 +0.050 1/2 > 40 > 40 3.00 30.00 1.50"
    )
    assert header.index("vs random") + len("vs random") == margin.index("+0.050") + len("+0.050")
    assert "2 seeds" in comparison.table()


def test_table_of_one_seed_has_no_spread():
    table = Comparison([curve("random", 0, [0.1, 0.2, 0.8])], 0.8, 100).table()
    assert "nan" not in table
    assert "±" not in table.splitlines()[4]
    assert "same 1 seed;" in table


def test_csv(tmp_path, comparison):
    comparison.to_csv(tmp_path / "curves.csv")
    with (tmp_path / "curves.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 12
    assert rows[7] == {
        "strategy": "margin",
        "seed": "0",
        "n_labels": "20",
        "accuracy": "0.6",
        "seconds_choosing": "1.0",
        "seconds_training": "10.0",
        "seconds_predicting": "0.5",
    }


def curves_on(figure):
    (axes,) = figure.axes
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


@pytest.fixture
def saved(monkeypatch):
    """Return the figures that were saved."""
    from matplotlib.figure import Figure

    figures = []
    save = Figure.savefig

    def keep(self, *args, **kwargs):
        figures.append(self)
        save(self, *args, **kwargs)

    monkeypatch.setattr(Figure, "savefig", keep)
    return figures


def test_plot(tmp_path, comparison, saved):
    comparison.plot(tmp_path / "curves.png", title="A title")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    (figure,) = saved
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("labels", "test accuracy")
    assert "2 seeds; shaded: ± 1 standard deviation" in axes.get_title(loc="left")
    lines = curves_on(figure)
    assert set(lines) == {"random", "margin"}
    np.testing.assert_allclose(lines["margin"].get_ydata(), [0.3, 0.5, 0.6])
    assert lines["margin"].get_color() != lines["random"].get_color()
    assert len(axes.collections) == 2
    heights = sorted(
        line.get_ydata()[0] for line in axes.lines if line.get_label().startswith("_")
    )
    assert heights == pytest.approx([0.72, 0.76, 0.8])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["margin", "random"]


def test_plot_shades_one_standard_deviation(tmp_path, comparison, saved):
    comparison.plot(tmp_path / "curves.png")
    margin, _ = saved[0].axes[0].collections
    last = margin.get_paths()[0].vertices
    sd = np.std([0.8, 0.4], ddof=1)
    assert last[last[:, 0] == 40][:, 1].min() == pytest.approx(0.6 - sd)
    assert last[last[:, 0] == 40][:, 1].max() == pytest.approx(0.6 + sd)


def test_plot_of_one_seed_and_many_strategies(tmp_path, saved):
    names = ["random", *"abcdefgh"]
    curves = [curve(name, 0, [0.1, 0.2, 0.3]) for name in names]
    Comparison(curves, 0.8, 100).plot(tmp_path / "curves.svg")
    lines = curves_on(saved[0])
    styles = {(line.get_color(), line.get_linestyle()) for line in lines.values()}
    assert len(styles) == len(names)
    assert not saved[0].axes[0].collections
    assert saved[0].axes[0].get_title(loc="left") == "Mean of 1 seed"


def test_plot_leaves_pyplot_alone(tmp_path, comparison):
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    comparison.plot(tmp_path / "curves.png")
    assert plt.get_fignums() == before


def test_plot_without_matplotlib(tmp_path, comparison, monkeypatch):
    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("matplotlib"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=re.escape("pip install 'fastal[plots]'")):
        comparison.plot(tmp_path / "curves.png")


def test_comparison_pickles(comparison):
    assert pickle.loads(pickle.dumps(comparison)).table() == comparison.table()


@pytest.mark.parametrize(
    ("curves", "message"),
    [
        ([curve("margin", 0, [0, 0, 0])], "must hold those of the strategy 'random'"),
        ([], "must hold those of the strategy 'random'"),
        (
            [curve("random", 0, [0, 0, 0]), curve("margin", 1, [0, 0, 0])],
            "'margin' and 'random' must be of the same seeds",
        ),
        (
            [curve("random", 0, [0, 0, 0]), curve("margin", 0, [0, 0], [10, 20])],
            "must all have the same numbers of labels",
        ),
    ],
)
def test_comparison_of_curves_that_cannot_be_compared(curves, message):
    with pytest.raises(ValueError, match=message):
        Comparison(curves, 0.8, 100)


def test_labels_saved():
    def curve(strategy, accuracies):
        zeros = np.zeros(3)
        n_labels = np.array([20, 30, 40])
        rows = np.arange(40)
        return LearningCurve(
            n_labels, np.array(accuracies), zeros, zeros, zeros, rows, strategy, 0
        )

    quick = curve("margin", [0.5, 0.8, 0.9])
    slow = curve("entropy", [0.5, 0.5, 0.6])
    random = curve("random", [0.5, 0.6, 0.8])
    comparison = Comparison([quick, slow, random], 0.9, 100)
    saved = {row["strategy"]: row["labels_to_random"] for row in comparison.summary()}
    assert saved == {"margin": 30, "entropy": math.inf, "random": 40}
    assert comparison.table().endswith("reaches 0.800; margin needs 30 labels for that.")
    only_slow = Comparison([slow, random], 0.9, 100)
    assert only_slow.table().endswith("none of the others gets there with fewer than 40.")
