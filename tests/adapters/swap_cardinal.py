"""cardinal's own tests, which its wheel brings, with our samplers: see their_tests.py."""

DISTRIBUTION = "cardinal"
TESTS_IN = "wheel"
TESTS = ["cardinal.tests.test_uncertainty", "cardinal.tests.test_clustering"]
OPTIONS = ["--pyargs"]
REPLACED = [
    ("cardinal.uncertainty", "ConfidenceSampler", "cardinal"),
    ("cardinal.uncertainty", "MarginSampler", "cardinal"),
    ("cardinal.uncertainty", "EntropySampler", "cardinal"),
    ("cardinal.random", "RandomSampler", "cardinal"),
    ("cardinal.clustering", "KCenterGreedy", "cardinal"),
    ("cardinal.clustering", "KMeansSampler", "cardinal"),
    ("cardinal.clustering", "MiniBatchKMeansSampler", "cardinal"),
    ("cardinal.batch", "RankedBatchSampler", "cardinal"),
    ("cardinal.zhdanov2019", "TwoStepKMeansSampler", "cardinal"),
]
EXPLAINED: dict[str, str] = {}
