"""apricot's own tests with our selectors; its distribution has none, so they need a checkout."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

DISTRIBUTION = "apricot-select"
TESTS_IN = "repository"
TESTS = [
    "tests/test_functions/test_facility_location.py",
    "tests/test_functions/test_feature_based.py",
    "tests/test_optimizers",
]
REPLACED = [
    ("apricot", "FacilityLocationSelection", "apricot"),
    ("apricot", "FeatureBasedSelection", "apricot"),
]
# Rows 384 and 1545 both gain exactly 8645 (their test of 'naive' compares other picks only).
_TIE = "an exact tie of two rows: the lowest goes first with us, the older bound with their queue"
EXPLAINED = {
    f"test_facility_location::test_digits_euclidean_{optimizer}{initial}": _TIE
    for optimizer in ("lazy", "two_stage")
    for initial in ("", "_init")
}


def compile_once() -> None:
    """Let apricot keep the kernels it compiles, and compile none that is not called.

    It makes the same two anew at every fit, one of them for streams only.  Nothing else changes,
    and its tests take minutes instead of an hour.
    """
    from apricot.functions import facilityLocation, featureBased

    for module in (facilityLocation, featureBased):
        for name, make in list(vars(module).items()):
            if name.startswith("calculate_gains"):
                setattr(module, name, _lazily(make))


def _lazily(make: Any) -> Any:
    @functools.cache
    def kernel(*options: Any) -> Any:
        compiled = functools.cache(lambda: make(*options))
        return lambda *args: compiled()(*args)

    return kernel


def before(source: Path) -> None:
    """Called in the test process."""
    compile_once()
