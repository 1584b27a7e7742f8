"""small-text's tests of its query strategies, those that need no PyTorch."""

DISTRIBUTION = "small-text"
TESTS_IN = "sdist"
TESTS = [
    "tests/unit/small_text/query_strategies",
    "tests/unit/small_text/test_active_learner.py",
    "tests/integration/small_text/query_strategies",
    "tests/integration/small_text/test_serialization.py",
]
_STRATEGIES = [
    "BreakingTies",
    "ContrastiveActiveLearning",
    "DiscriminativeActiveLearning",
    "EmbeddingKMeans",
    "GreedyCoreset",
    "LeastConfidence",
    "LightweightCoreset",
    "PredictionEntropy",
    "greedy_coreset",
    "lightweight_coreset",
]
REPLACED = [("small_text.query_strategies", name, "small_text") for name in _STRATEGIES]
EXPLAINED: dict[str, str] = {}
