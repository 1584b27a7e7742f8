"""baal's own tests, from a checkout, with our heuristics: see their_tests.py."""

DISTRIBUTION = "baal"
TESTS_IN = "repository"
TESTS = ["tests/active/heuristic_test.py", "tests/active/stochastic_heuristic_test.py"]
REPLACED = [
    ("baal.active.heuristics", name, "baal")
    for name in ("BALD", "BatchBALD", "Certainty", "Entropy", "Margin", "Random", "Variance")
] + [
    ("baal.active.heuristics.stochastics", name, "baal")
    for name in ("GibbsSampling", "PowerSampling", "RankBasedSampling")
]
EXPLAINED = {
    "heuristic_test::test_batch_bald[distributions0-none]": (
        "it wants the picks in the order of baal's scores, where the first pick, the row of the "
        "highest BALD, is not the first; ours come in the order picked"
    ),
}
