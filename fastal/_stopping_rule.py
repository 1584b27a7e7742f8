"""What all stopping rules have in common, and how they are handed over."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any, Protocol

from fastal._rows import as_rows, n_rows


class StoppingRule(Protocol):
    """What every rule has."""

    history: list[tuple[int, float]]
    reason: str

    def update(self, learner: Any) -> bool:
        """Look at the learner after a round of labels; whether to stop."""


class Rule(ABC):
    """What the rules share: rounds are counted, and the model is there."""

    needs_model = True

    def __init__(self) -> None:
        self.history: list[tuple[int, float]] = []
        self.status = ""
        self.reason = ""

    def update(self, learner: Any) -> bool:
        """Look at the learner after a round of labels.

        Parameters
        ----------
        learner : ActiveLearner
            While it has no model, and while it has no more labels than at the last call, nothing
            is looked at: a round in which everything was skipped makes no model stable.

        Returns
        -------
        stop : bool
            Whether the rule says stop now; it can take that back in a later round.
        """
        n_labels = len(getattr(learner, "y_labeled_", ()))
        if self.history and n_labels <= self.history[-1][0]:
            return bool(self.reason)
        if self.needs_model and not hasattr(learner, "estimator_"):
            return False
        value, stop, status = self._look(learner, n_labels)
        self.history.append((n_labels, value))
        self.status = status
        self.reason = status if stop else ""
        return stop

    @abstractmethod
    def _look(self, learner: Any, n_labels: int) -> tuple[float, bool, str]:
        """Return this round's value, whether to stop, and both in words."""

    def last(self, n: int) -> list[float]:
        return [value for _, value in self.history[-n:]] if n else []


def check_rows(X: Any, name: str) -> Any:
    X = as_rows(X, name)
    if not n_rows(X, name):
        raise ValueError(f"{name} must have at least one row, got none")
    return X


def rounds(n: int) -> str:
    return "1 round" if n == 1 else f"{n} rounds"


def check_rules(stop: Any) -> dict[str, StoppingRule]:
    """Rules by name: of one rule, several, or a dict of name to rule."""
    if stop is None:
        return {}
    if isinstance(stop, dict):
        named = dict(stop)
    else:
        rules: Iterable[Any] = [stop] if hasattr(stop, "update") else stop
        if isinstance(stop, str) or not hasattr(rules, "__iter__"):
            raise TypeError(
                "stop must be a rule, a list of rules or a dict from name to rule, got "
                f"{stop!r:.60}"
            )
        named = {}
        for rule in rules:
            name = type(rule).__name__
            if name in named:
                raise ValueError(
                    f"stop has two rules called {name}; give names of your own with a dict from "
                    "name to rule"
                )
            named[name] = rule
    for name, rule in named.items():
        if not all(hasattr(rule, what) for what in ("update", "history", "reason")):
            raise TypeError(
                f"stop must hold rules with update, history and reason, but {name} is {rule!r:.60}"
            )
        if rule.history:
            raise ValueError(f"stop: the rule {name} has been used before; pass a new one")
    return named
