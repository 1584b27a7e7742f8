"""modAL's core tests; only its repository has them.

    python tests/adapters/their_tests.py modal --source CHECKOUT

They were written for older versions of NumPy and pandas, and need torch for strategies that are
not ours: ``before`` puts back ``numpy.float``, without which modAL.expected_error cannot be
imported, and stands in for torch, so that the other tests can run.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

DISTRIBUTION = "modAL-python"
TESTS_IN = "repository"
TESTS = ["tests/core_tests.py"]

_NAMES = {
    "modAL.models.learners": ["ActiveLearner", "Committee"],
    "modAL.uncertainty": [
        "classifier_uncertainty",
        "classifier_margin",
        "classifier_entropy",
        "uncertainty_sampling",
        "margin_sampling",
        "entropy_sampling",
    ],
    "modAL.disagreement": [
        "vote_entropy",
        "consensus_entropy",
        "KL_max_disagreement",
        "vote_entropy_sampling",
        "consensus_entropy_sampling",
        "max_disagreement_sampling",
    ],
    "modAL.density": ["information_density"],
    "modAL.batch": ["select_cold_start_instance", "ranked_batch", "uncertainty_batch_sampling"],
    "modAL.expected_error": ["expected_error_reduction"],
}
REPLACED = [(module, name, "modal") for module, names in _NAMES.items() for name in names]

EXPLAINED: dict[str, str] = {}


class _Absent(ModuleType):
    """In place of a module that is not installed: has every class, none of which does anything."""

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def before(source: Path) -> None:
    """Let modAL and its tests be imported."""
    sys.path[:0] = [str(source / "tests")]
    vars(np)["float"] = float
    if importlib.util.find_spec("torch") is None:
        torch = _Absent("torch")
        torch.nn = _Absent("torch.nn")
        absent = {"torch": torch, "torch.nn": torch.nn}
        names = ("skorch", "skorch.utils")
        sys.modules |= absent | {name: _Absent(name) for name in names}
