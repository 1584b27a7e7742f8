"""ALiPy 1.2.5: what ``their_tests.py`` needs.

Most files of its folder of tests are programs without a test, which need other releases of NumPy
and scikit-learn; of the others, one uses strategies.
"""

from __future__ import annotations

import collections
import collections.abc
from pathlib import Path

DISTRIBUTION = "alipy"
TESTS_IN = "sdist"
TESTS = ["test/test_analyser.py"]
REPLACED = [
    ("alipy.query_strategy", name, "alipy")
    for name in (
        "QueryInstanceUncertainty",
        "QueryInstanceQBC",
        "QueryExpectedErrorReduction",
        "QueryInstanceCoresetGreedy",
        "QueryInstanceDensityWeighted",
    )
]
EXPLAINED: dict[str, str] = {}


def before(source: Path) -> None:
    """Give both sides the name that Python 3.10 took away, and which all of ALiPy asks for."""
    collections.Iterable = collections.abc.Iterable  # type: ignore[attr-defined]
    import alipy.query_strategy  # noqa: F401
