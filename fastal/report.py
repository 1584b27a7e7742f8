"""What came out of an experiment: learning curves, their comparison, table, CSV and picture."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal import _stops
from fastal._stops import Stop

__all__ = ["Comparison", "LearningCurve", "Stop"]


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """Accuracy on the test set after each round of one run of one strategy.

    All arrays but `rows` have one entry for the model trained on the initial rows and one for each
    round after it.

    Attributes
    ----------
    n_labels : ndarray of int64
        Labelled rows the model was trained on.
    accuracies : ndarray of float64
        Share of the test rows predicted correctly.
    seconds_choosing, seconds_training, seconds_predicting : ndarray of float64
        Seconds spent on the query that led to this entry (0 for the first), on training, and on
        predicting the test set.
    rows : ndarray of int64
        Rows of the pool in the order they were labelled.
    strategy : str
    seed : int or None
        What was given as `random_state`.
    stops : tuple of Stop
        Where each stopping rule would have stopped, if any were asked.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.report import LearningCurve
    >>> zeros = np.zeros(3)
    >>> curve = LearningCurve(
    ...     n_labels=np.array([10, 20, 30]),
    ...     accuracies=np.array([0.5, 0.7, 0.8]),
    ...     seconds_choosing=zeros, seconds_training=zeros, seconds_predicting=zeros,
    ...     rows=np.arange(30), strategy="margin", seed=0,
    ... )
    >>> n_labels, accuracies = curve
    >>> round(curve.area, 3)
    0.675
    >>> curve.labels_to_reach(0.7), curve.labels_to_reach(0.9)
    (20.0, inf)
    """

    n_labels: NDArray[np.int64]
    accuracies: NDArray[np.float64]
    seconds_choosing: NDArray[np.float64]
    seconds_training: NDArray[np.float64]
    seconds_predicting: NDArray[np.float64]
    rows: NDArray[np.int64]
    strategy: str
    seed: int | None
    stops: tuple[Stop, ...] = ()

    def __iter__(self) -> Iterator[NDArray[Any]]:
        yield self.n_labels
        yield self.accuracies

    @property
    def area(self) -> float:
        """Area under the curve (trapezoids) over its range of labels: its mean accuracy."""
        span = self.n_labels[-1] - self.n_labels[0]
        if span == 0:
            return float(self.accuracies[-1])
        heights = (self.accuracies[1:] + self.accuracies[:-1]) / 2
        return float(heights @ np.diff(self.n_labels) / span)

    def labels_to_reach(self, accuracy: float) -> float:
        """Return the number of labels of the first model this accurate; inf if there is none."""
        reached = np.flatnonzero(self.accuracies >= accuracy)
        return float(self.n_labels[reached[0]]) if reached.size else math.inf


@dataclass(frozen=True, eq=False)
class Comparison:
    """Learning curves of several strategies over the same seeds, "random" among them.

    Attributes
    ----------
    curves : sequence of LearningCurve
        Every strategy with every seed.
    full_accuracy : float
        Accuracy of the model trained on the whole pool.
    n_pool : int
        Rows of the pool.

    Examples
    --------
    >>> from sklearn.naive_bayes import MultinomialNB
    >>> from fastal.datasets import load_digits, split
    >>> from fastal.experiment import compare_strategies
    >>> comparison = compare_strategies(
    ...     ["margin"], *split(load_digits()), estimator=MultinomialNB(), n_seeds=2, iterations=3
    ... )
    >>> [row["strategy"] for row in comparison.summary()]
    ['margin', 'random']
    >>> print(comparison.table())
    Whole pool ... labels): accuracy 0.8...
    """

    curves: Sequence[LearningCurve]
    full_accuracy: float
    n_pool: int

    def __post_init__(self) -> None:
        if "random" not in self.strategies:
            raise ValueError("curves must hold those of the strategy 'random'")
        for strategy in self.strategies:
            seeds = [curve.seed for curve in self._of(strategy)]
            if seeds != [curve.seed for curve in self._of("random")]:
                raise ValueError(f"curves of {strategy!r} and 'random' must be of the same seeds")
        for curve in self.curves:
            if not np.array_equal(curve.n_labels, self.curves[0].n_labels):
                raise ValueError("curves must all have the same numbers of labels")

    @property
    def strategies(self) -> list[str]:
        """Names of the strategies, in order."""
        return list(dict.fromkeys(curve.strategy for curve in self.curves))

    def _of(self, strategy: str) -> list[LearningCurve]:
        return [curve for curve in self.curves if curve.strategy == strategy]

    def summary(self) -> list[dict[str, Any]]:
        """One dict for each strategy.

        Returns
        -------
        rows : list of dict
            With these keys:

            - strategy, n_seeds;
            - final_accuracy: mean over the seeds;
            - area, area_sd: mean and standard deviation over the seeds of the area under the
              learning curve, divided by its range of labels (so, a mean accuracy); the deviation
              is NaN for one seed;
            - area_minus_random: mean over the seeds of the difference of the areas;
            - seeds_won: how many seeds have the larger area than random;
            - labels_to_90, labels_to_95: labels needed to reach that share (in per cent) of the
              accuracy of the whole pool: the median over the seeds, inf if most never do;
            - labels_to_random: labels at which the mean curve first is as accurate as random with
              all its labels; inf if it never is;
            - seconds_choosing, seconds_training, seconds_predicting: of one run (the mean).
        """
        random = np.array([curve.area for curve in self._of("random")])
        return [self._summarise(strategy, random) for strategy in self.strategies]

    def _summarise(self, strategy: str, random: NDArray[np.float64]) -> dict[str, Any]:
        curves = self._of(strategy)
        areas = np.array([curve.area for curve in curves])
        row: dict[str, Any] = {
            "strategy": strategy,
            "n_seeds": len(curves),
            "final_accuracy": float(np.mean([curve.accuracies[-1] for curve in curves])),
            "area": float(areas.mean()),
            "area_sd": float(areas.std(ddof=1)) if len(areas) > 1 else math.nan,
            "area_minus_random": float((areas - random).mean()),
            "seeds_won": int((areas > random).sum()),
        }
        for percent in (90, 95):
            goal = self.full_accuracy * percent / 100
            reached = [curve.labels_to_reach(goal) for curve in curves]
            row[f"labels_to_{percent}"] = float(np.median(reached))
        finals = [curve.accuracies[-1] for curve in self._of("random")]
        mean_curve = np.mean([curve.accuracies for curve in curves], axis=0)
        as_good = np.flatnonzero(mean_curve >= np.mean(finals))
        row["labels_to_random"] = (
            float(curves[0].n_labels[as_good[0]]) if as_good.size else math.inf
        )
        for what in ("choosing", "training", "predicting"):
            times = [getattr(curve, f"seconds_{what}").sum() for curve in curves]
            row[f"seconds_{what}"] = float(np.mean(times))
        return row

    def table(self) -> str:
        """Return `summary` as aligned plain text, with what the columns mean."""
        header = ["strategy", "final", "area ± sd", "vs random", "won", "90 %", "95 %"]
        header += ["choose", "train", "predict"]
        rows = [header, *(self._cells(row) for row in self.summary())]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        lines = [
            "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip()
            for row in rows
        ]
        lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
        n_labels = self.curves[0].n_labels
        n_seeds = len(self._of("random"))
        return "\n".join(
            [
                f"Whole pool ({self.n_pool:,} labels): accuracy {self.full_accuracy:.3f}, 90 % of "
                f"it {0.9 * self.full_accuracy:.3f}, 95 % {0.95 * self.full_accuracy:.3f}",
                "",
                *lines,
                "",
                f"final: test accuracy with {n_labels[-1]:,} labels.  area: mean test accuracy "
                f"from {n_labels[0]:,} to {n_labels[-1]:,} labels.",
                f"vs random: area minus that of random, same {_seeds(n_seeds)}; won: seeds better "
                "than random.",
                "90 %, 95 %: labels (median) to reach that share of the whole pool's accuracy.",
                "choose, train, predict: seconds of one run.",
                *self._saving(),
                *_stops.table(self.curves),
            ]
        )

    def stops(self) -> list[dict[str, Any]]:
        """Where the stopping rules would have stopped: one dict for each strategy and rule.

        Returns
        -------
        rows : list of dict
            strategy, rule, n_seeds; n_stopped, in how many of the seeds the rule stopped at all;
            labels (the median over the seeds, inf if most never stopped); and, mean over the seeds
            that stopped: accuracy there, best_accuracy and final_accuracy of the same curves.
        """
        return _stops.summary(self.curves)

    def _saving(self) -> list[str]:
        """What it comes to: how many labels the best strategy saves over random sampling."""
        others = [row for row in self.summary() if row["strategy"] != "random"]
        if not others:
            return []
        best = min(others, key=lambda row: (row["labels_to_random"], -row["area"]))
        final = np.mean([curve.accuracies[-1] for curve in self._of("random")])
        total = int(self.curves[0].n_labels[-1])
        needed = best["labels_to_random"]
        if needed >= total:
            verdict = f"none of the others gets there with fewer than {total:,}"
        else:
            verdict = f"{best['strategy']} needs {needed:,.0f} labels for that"
        return ["", f"With {total:,} labels random reaches {final:.3f}; {verdict}."]

    def _cells(self, row: dict[str, Any]) -> list[str]:
        spread = "" if math.isnan(row["area_sd"]) else f" ± {row['area_sd']:.3f}"
        is_random = row["strategy"] == "random"
        last = self.curves[0].n_labels[-1]
        return [
            row["strategy"],
            f"{row['final_accuracy']:.3f}",
            f"{row['area']:.3f}{spread}",
            "" if is_random else f"{row['area_minus_random']:+.3f}",
            "" if is_random else f"{row['seeds_won']}/{row['n_seeds']}",
            *(
                f"> {last}" if math.isinf(row[key]) else f"{row[key]:.0f}"
                for key in ("labels_to_90", "labels_to_95")
            ),
            f"{row['seconds_choosing']:.2f}",
            f"{row['seconds_training']:.2f}",
            f"{row['seconds_predicting']:.2f}",
        ]

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write one line for each strategy, seed and number of labels.

        Parameters
        ----------
        path : str or path
            An existing file is replaced.  UTF-8, with a header line.
        """
        columns = ["n_labels", "accuracies"]
        columns += [f"seconds_{what}" for what in ("choosing", "training", "predicting")]
        with Path(path).open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["strategy", "seed", "n_labels", "accuracy", *columns[2:]])
            for curve in self.curves:
                values = [getattr(curve, column).tolist() for column in columns]
                for entry in zip(*values, strict=True):
                    writer.writerow([curve.strategy, curve.seed, *entry])

    def plot(self, path: str | os.PathLike[str], title: str | None = None) -> None:
        """Draw the learning curves: mean and standard deviation over the seeds.

        Parameters
        ----------
        path : str or path
            The ending decides the format: .png, .svg or .pdf.  An existing file is replaced.
        title : str, optional

        Raises
        ------
        ImportError
            If matplotlib is not installed (``pip install 'fastal[plots]'``).
        ValueError
            If matplotlib does not know the ending.
        """
        try:
            # The object interface: pyplot's global figures and windows are left alone.
            from matplotlib.backends.backend_agg import FigureCanvasAgg
            from matplotlib.figure import Figure
        except ImportError as error:
            raise ImportError(
                "a picture needs matplotlib, which is not installed: pip install 'fastal[plots]'"
            ) from error
        figure = Figure(figsize=(9, 5), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        self._draw_goals(axes)
        self._draw_curves(axes)
        _stops.draw(axes, self.curves)
        n_seeds = len(self._of("random"))
        shade = "; shaded: ± 1 standard deviation" if n_seeds > 1 else ""
        axes.set_title(f"Mean of {_seeds(n_seeds)}{shade}", fontsize=9, loc="left")
        if title is not None:
            figure.suptitle(title)
        axes.set_xlabel("labels")
        axes.set_ylabel("test accuracy")
        # Beside the axes it hides no curve; in the order of the curves' ends it reads across.
        handles, names = axes.get_legend_handles_labels()
        final = {row["strategy"]: row["final_accuracy"] for row in self.summary()}
        order = sorted(range(len(names)), key=lambda i: -final[names[i]])
        figure.legend(
            [handles[i] for i in order],
            [names[i] for i in order],
            loc="outside right center",
            fontsize=9,
            frameon=False,
        )
        axes.spines[["top", "right"]].set_visible(False)
        figure.savefig(path, dpi=150)

    def _draw_goals(self, axes: Any) -> None:
        goals = (
            (1.0, f"whole pool, {self.n_pool:,} labels", "-"),
            (0.95, "95 % of it", "--"),
            (0.9, "90 % of it", ":"),
        )
        for share, name, line in goals:
            height = share * self.full_accuracy
            axes.axhline(height, color="0.55", linestyle=line, linewidth=1, zorder=1)
            axes.annotate(
                f"{name}: {height:.3f}",
                xy=(0.005, height),
                xycoords=("axes fraction", "data"),
                xytext=(0, 2),
                textcoords="offset points",
                fontsize=8,
                color="0.35",
            )

    def _draw_curves(self, axes: Any) -> None:
        # Random is drawn last, on top: it is what the others are held against.
        others = [strategy for strategy in self.strategies if strategy != "random"]
        for position, strategy in enumerate([*others, "random"]):
            curves = self._of(strategy)
            heights = np.array([curve.accuracies for curve in curves])
            style = _RANDOM if strategy == "random" else _style(position)
            mean = heights.mean(axis=0)
            axes.plot(curves[0].n_labels, mean, label=strategy, markersize=4, **style)
            if len(curves) > 1:
                sd = heights.std(axis=0, ddof=1)
                low, high = np.clip(mean - sd, 0, 1), np.clip(mean + sd, 0, 1)
                axes.fill_between(
                    curves[0].n_labels, low, high, color=style["color"], alpha=0.12, linewidth=0
                )


# Okabe & Ito's colours, told apart by most colour-blind readers; markers tell the rest.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = "osv^DP"
_LINES = ("-", "--", "-.", ":")
_RANDOM = {"color": "black", "linestyle": "--", "marker": "x", "linewidth": 1.5}


def _style(position: int) -> dict[str, Any]:
    around, place = divmod(position, len(_COLOURS))
    return {
        "color": _COLOURS[place],
        "marker": _MARKERS[place],
        "linestyle": _LINES[around % len(_LINES)],
        "linewidth": 1.5,
    }


def _seeds(n_seeds: int) -> str:
    return "1 seed" if n_seeds == 1 else f"{n_seeds} seeds"
