"""``fastal label --stop-when``: tell the person when it may be enough."""

from __future__ import annotations

import argparse
import textwrap
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from fastal._terminal import terminal_width
from fastal.label_store import Label

# Of the size that Bloodgood & Vijay-Shanker (2009) take.
_STOP_ROWS = 2000
# Models before the present one that a rule of three rounds looks back on.
_LOOK_BACK = 3

_KINDS = "stable, f-stable, certain, labels=N, accuracy=SHARE"


def stop_when(text: str) -> list[tuple[str, float]]:
    """Read the argument: rules with commas between them, some with a number."""
    rules: list[tuple[str, float]] = []
    for part in text.split(","):
        name, _, number = part.strip().partition("=")
        try:
            rules.append((name, _number(name, number)))
        except ValueError:
            raise argparse.ArgumentTypeError(
                f"one or more of {_KINDS} were expected, with commas between them, got {part!r}"
            ) from None
    if len({name for name, _ in rules}) < len(rules):
        raise argparse.ArgumentTypeError(f"each rule once, got {text!r}")
    return rules


def _number(name: str, number: str) -> float:
    if name in ("stable", "f-stable", "certain") and not number:
        return 0.0
    if name == "labels" and int(number) >= 1:
        return int(number)
    if name == "accuracy" and 0 < float(number) < 1:
        return float(number)
    raise ValueError


class Advice:
    """The rules of one session, and what they say.

    Parameters
    ----------
    wanted : list of (str, float)
        From `stop_when`.
    X : csr_matrix
        The pool.
    rows : array of int
        Its rows that have a text; of them the stop set is drawn.
    seed : int
    """

    def __init__(self, wanted: list[tuple[str, float]], X: Any, rows: Any, seed: int) -> None:
        from fastal import stopping

        # Not by the seed alone: `fastal audit` would draw its sample from just these rows, which a
        # model that stops when it is stable on them was chosen by.
        drawn = np.random.RandomState([seed, 1]).permutation(rows)[:_STOP_ROWS]
        X_stop = X[np.sort(drawn)]
        make: dict[str, Callable[[float], Any]] = {
            "stable": lambda _: stopping.StablePredictions(X_stop),
            "f-stable": lambda _: stopping.DeltaF(X_stop),
            "certain": lambda _: stopping.OverallUncertainty(X_stop),
            "labels": lambda n: stopping.Budget(int(n)),
            "accuracy": lambda target: stopping.EstimatedAccuracy(target),
        }
        self.rules = {name: make[name](number) for name, number in wanted}

    def look_back(
        self,
        answers: Mapping[int, Label],
        own: Mapping[int, Label],
        batch: int,
        learn: Callable[[dict[int, Label]], Any],
    ) -> None:
        """Learn again what an earlier session had learnt, so that this one goes on from there.

        `answers` are in the order in which they were given.
        """
        if not self.rules.keys() & {"stable", "f-stable"}:
            return
        rows = list(answers)
        for n in range(len(rows) - _LOOK_BACK * batch, len(rows), batch):
            if n > 0 or (n == 0 and own):
                self.look(learn({**own, **{row: answers[row] for row in rows[:n]}}))

    def look(self, learner: Any) -> None:
        """Let every rule see the model of this round."""
        for rule in self.rules.values():
            rule.update(learner)

    def lines(self) -> Sequence[str]:
        """What to tell the person."""
        lines: list[str] = []
        for name, rule in self.rules.items():
            line = f"{name}: {rule.status or 'there is no model yet'}."
            lines += textwrap.wrap(
                line, terminal_width() - 1, initial_indent="  ", subsequent_indent="    "
            )
        if any(rule.reason for rule in self.rules.values()):
            names = [name for name, rule in self.rules.items() if rule.reason]
            lines.append(f"You may stop (q), says {' and '.join(names)}; or go on.")
        return lines
