"""apricot's own tests with our selectors; its distribution has none, so they need a checkout.

Every fit of theirs compiles two kernels anew: each side takes half an hour on two slow cores.
"""

from __future__ import annotations

DISTRIBUTION = "apricot-select"
TESTS_IN = "repository"
TESTS = [
    "tests/test_functions/test_facility_location.py",
    "tests/test_functions/test_feature_based.py",
]
REPLACED = [
    ("apricot", "FacilityLocationSelection", "apricot"),
    ("apricot", "FeatureBasedSelection", "apricot"),
]
EXPLAINED: dict[str, str] = {}
