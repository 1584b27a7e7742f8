"""scikit-activeml: its tests with ours in place; see their_tests.py.

The wheel has no tests.  They are those of a checkout of the repository, beside the installed
version: ``--source DIR``.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

DISTRIBUTION = "scikit-activeml"
TESTS_IN = "repository"
_POOL = "skactiveml/pool/tests"
TESTS = [
    f"{_POOL}/test_uncertainty_sampling.py",
    f"{_POOL}/test_query_by_committee.py",
    f"{_POOL}/test_core_set.py",
    f"{_POOL}/test_badge.py",
    f"{_POOL}/test_typi_clust.py",
    f"{_POOL}/test_expected_error_reduction.py",
    "skactiveml/classifier/tests/test_wrapper.py",
]
REPLACED = [
    ("skactiveml.classifier", "SklearnClassifier", "skactiveml"),
    *(
        ("skactiveml.pool", name, "skactiveml")
        for name in (
            "UncertaintySampling",
            "uncertainty_scores",
            "QueryByCommittee",
            "average_kl_divergence",
            "vote_entropy",
            "variation_ratios",
            "CoreSet",
            "TypiClust",
            "Badge",
            "MonteCarloEER",
        )
    ),
]
EXPLAINED: dict[str, str] = {}


def before(source: Path) -> None:
    """Find their test modules in the checkout, and everything else in the installed version."""
    sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != source]
    for name in ("skactiveml", "skactiveml.pool", "skactiveml.classifier"):
        package = importlib.import_module(name)
        package.__path__.append(str(source.joinpath(*name.split("."))))
