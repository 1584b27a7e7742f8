"""Where stopping rules would have stopped, while an experiment goes on to its end."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastal._stopping_rule import check_rules


@dataclass(frozen=True, eq=False)
class Stop:
    """Where one stopping rule would have ended one run of an experiment.

    Attributes
    ----------
    rule : str
        Its name.
    n_labels : float
        Labels when it first said stop; inf if it never did.
    accuracy : float
        Accuracy on the test set then; NaN if it never did.
    reason : str
        What it said.
    history : tuple of (int, float)
        Labels and the rule's value after every round, also those after the stop.

    Examples
    --------
    >>> from fastal import Budget, run_experiment
    >>> from fastal.datasets import load_digits, split
    >>> curve = run_experiment("margin", *split(load_digits()), iterations=3, stop=Budget(35))
    >>> curve.n_labels.tolist(), curve.stops[0].n_labels, curve.stops[0].reason
    ([20, 30, 40, 50], 40.0, '40 labels, of a budget of 35')
    """

    rule: str
    n_labels: float
    accuracy: float
    reason: str
    history: tuple[tuple[int, float], ...]


class StopWatch:
    """Asks copies of the rules after every round, and notes when each says stop first."""

    def __init__(self, stop: Any) -> None:
        self.rules = {name: deepcopy(rule) for name, rule in check_rules(stop).items()}
        self.first: dict[str, tuple[float, float, str]] = {}

    def look(self, learner: Any, n_labels: int, accuracy: float) -> None:
        for name, rule in self.rules.items():
            if rule.update(learner) and name not in self.first:
                self.first[name] = float(n_labels), accuracy, str(rule.reason)

    def stops(self) -> tuple[Stop, ...]:
        never = (math.inf, math.nan, "")
        return tuple(
            Stop(name, *self.first.get(name, never), tuple(rule.history))
            for name, rule in self.rules.items()
        )


def _by_strategy_and_rule(curves: Sequence[Any]) -> dict[tuple[str, str], list[tuple[Any, Stop]]]:
    """Curves with their stops, of all seeds together."""
    found: dict[tuple[str, str], list[tuple[Any, Stop]]] = {}
    for curve in curves:
        for stop in curve.stops:
            found.setdefault((curve.strategy, stop.rule), []).append((curve, stop))
    return found


def summary(curves: Sequence[Any]) -> list[dict[str, Any]]:
    rows = []
    for (strategy, rule), runs in _by_strategy_and_rule(curves).items():
        ended = [(curve, stop) for curve, stop in runs if math.isfinite(stop.n_labels)]
        accuracies = [
            (stop.accuracy, curve.accuracies.max(), curve.accuracies[-1]) for curve, stop in ended
        ]
        means = np.mean(accuracies, axis=0).tolist() if ended else [math.nan] * 3
        rows.append(
            {
                "strategy": strategy,
                "rule": rule,
                "n_seeds": len(runs),
                "n_stopped": len(ended),
                "labels": float(np.median([stop.n_labels for _, stop in runs])),
                "accuracy": means[0],
                "best_accuracy": means[1],
                "final_accuracy": means[2],
            }
        )
    return rows


def table(curves: Sequence[Any]) -> list[str]:
    """Lines of text; none if no rule was asked."""
    found = summary(curves)
    if not found:
        return []
    header = ["strategy", "rule", "stopped", "labels", "there", "best", "final"]
    cells = [header]
    for row in found:
        labels = "never" if math.isinf(row["labels"]) else f"{row['labels']:,.0f}"
        accuracies = [row[what] for what in ("accuracy", "best_accuracy", "final_accuracy")]
        shown = ["" if math.isnan(value) else f"{value:.3f}" for value in accuracies]
        stopped = f"{row['n_stopped']}/{row['n_seeds']}"
        cells.append([row["strategy"], row["rule"], stopped, labels, *shown])
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(
            [cell.ljust(width) for cell, width in zip(row[:2], widths[:2], strict=True)]
            + [cell.rjust(width) for cell, width in zip(row[2:], widths[2:], strict=True)]
        ).rstrip()
        for row in cells
    ]
    lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return [
        "",
        "Where the stopping rules would have stopped (labels: median; accuracies: mean of the",
        "seeds that stopped; best, final: of the same curves, which went on):",
        "",
        *lines,
    ]


def draw(axes: Any, curves: Sequence[Any]) -> None:
    """Mark on the learning curves where each rule would have stopped, on average."""
    colours = {line.get_label(): line.get_color() for line in axes.lines}
    for (strategy, rule), runs in _by_strategy_and_rule(curves).items():
        ended = [stop for _, stop in runs if math.isfinite(stop.n_labels)]
        if not ended:
            continue
        x = float(np.mean([stop.n_labels for stop in ended]))
        y = float(np.mean([stop.accuracy for stop in ended]))
        axes.plot(
            [x], [y], marker="s", markersize=9, markerfacecolor="none", linestyle="none",
            color=colours.get(strategy, "black"), label="_stop", zorder=3,
        )  # fmt: skip
        axes.annotate(
            rule, (x, y), xytext=(0, -14), textcoords="offset points", fontsize=7, ha="center"
        )
