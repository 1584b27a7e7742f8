"""libact 0.2.0: what ``their_tests.py`` needs."""

from __future__ import annotations

DISTRIBUTION = "libact"
TESTS_IN = "repository"
_FOLDER = "libact/query_strategies"
TESTS = [
    *(
        f"{_FOLDER}/tests/test_{name}.py"
        for name in ("uncertainty_sampling", "coreset", "bald", "get_scores", "realdata")
    ),
    f"{_FOLDER}/multiclass/tests/test_iris.py",
]
# One file imports the strategies in C.
OPTIONS = ["--continue-on-collection-errors"]
REPLACED = [
    *(
        ("libact.query_strategies", name, "libact")
        for name in ("BALD", "CoreSet", "QueryByCommittee", "UncertaintySampling")
    ),
    ("libact.query_strategies.multiclass", "EER", "libact"),
]
EXPLAINED: dict[str, str] = {}
