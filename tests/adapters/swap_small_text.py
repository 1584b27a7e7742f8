"""small-text's tests of its query strategies, those that need no PyTorch."""

import builtins
from types import SimpleNamespace

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
_MORE_THAN_THERE_ARE = (
    "asks for more rows than are unlabelled and expects one of them over and over; ours refuses"
)
EXPLAINED = {
    **{
        f"GreedyCoresetWith{metric}DistanceMetricFunctionTest::{test}": _MORE_THAN_THERE_ARE
        for metric in ("Cosine", "Euclidean")
        for test in ("test_query", "test_query_with_num_unlabeled_smaller_than_num_batches")
    },
    "EmbeddingKMeansTest::test_sample_with_fallback": (
        "replaces a private method, and expects that a second one is called"
    ),
    "ContrastiveActiveLearningTest::test_query_with_precomputed_embeddings": (
        "expects that embeddings given to query() are ignored (their comment: not really usable); "
        "ours uses them, with the probabilities of a classifier that the test has not fitted"
    ),
}


def before(source):
    """Their helpers name a type of PyTorch in a default argument, installed or not."""
    builtins.torch = SimpleNamespace(long=None)
