"""ASReview's own tests with our queriers: see their_tests.py."""

import os
from pathlib import Path

DISTRIBUTION = "asreview"
TESTS_IN = "sdist"
TESTS = [
    "tests/test_query.py",
    "tests/test_simulate.py",
    "tests/test_simulate_cli.py",
    "tests/test_learner.py",
]
# Done below: theirs are asked for by name, on the command line, and tell that name.
REPLACED: list[tuple[str, str, str]] = []
EXPLAINED: dict[str, str] = {}

NAMES = ("Max", "Uncertainty", "Random", "HybridMaxUncertainty", "HybridMaxRandom")


def before(source: Path) -> None:
    """Put ours behind the entry points of theirs, under the names of theirs."""
    if os.environ["FASTAL_SWAP_SIDE"] != "ours":
        return
    from asreview.models import queriers

    from fastal.adapters import asreview as ours

    for name in NAMES:
        known_as = {"name": getattr(queriers, name).name}
        setattr(queriers, name, type(name, (getattr(ours, name),), known_as))
