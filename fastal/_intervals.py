"""Exact confidence intervals of a share, and the checks of what they are made from."""

from __future__ import annotations

import numbers
from functools import lru_cache
from typing import Any

import numpy as np


@lru_cache(maxsize=4096)  # scipy computes a p-value along with it
def exact_interval(n_hits: int, n: int, level: float) -> tuple[float, float]:
    """Bounds of a share of which `n_hits` of `n` were seen (Clopper & Pearson 1934)."""
    if n == 0:
        return 0.0, 1.0
    # scipy.stats takes longer to import than all of fastal.
    from scipy.stats import binomtest

    low, high = binomtest(n_hits, n).proportion_ci(confidence_level=level, method="exact")
    return float(low), float(high)


def check_level(level: Any, name: str = "level") -> float:
    """A number strictly between 0 and 1."""
    return _check_number(level, name, "between 0 and 1", lambda number: 0 < number < 1)


def check_share(share: Any, name: str) -> float:
    """A number from 0 to 1."""
    return _check_number(share, name, "from 0 to 1", lambda number: 0 <= number <= 1)


def check_how_many(n: Any, name: str) -> int:
    """A whole number of at least 0."""
    if isinstance(n, (bool, np.bool_)) or not isinstance(n, numbers.Integral):
        raise TypeError(f"{name} must be a whole number of at least 0, got {n!r}")
    if n < 0:
        raise ValueError(f"{name} must be a whole number of at least 0, got {n}")
    return int(n)


def _check_number(number: Any, name: str, where: str, inside: Any) -> float:
    if isinstance(number, (bool, np.bool_)) or not isinstance(number, numbers.Real):
        raise TypeError(f"{name} must be a number {where}, got {number!r}")
    if not inside(number):
        raise ValueError(f"{name} must be a number {where}, got {number}")
    return float(number)


def percent(share: float) -> str:
    """Write a share in per cent, with a digit behind the point; of a small one the first digit."""
    number = 100 * share
    if not 0 < number < 0.095:
        return f"{number:.1f}"
    return np.format_float_positional(number, precision=1, fractional=False, trim="-")
