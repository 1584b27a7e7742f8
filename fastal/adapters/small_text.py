"""small-text's query strategies, computed by fastal.

Every name is the one of ``small_text``, with its arguments and its index base.  The classes are
subclasses of the originals, so that ``isinstance``, ``str`` and wrappers such as
``SubsamplingQueryStrategy`` see what they expect; ``BADGE`` needs no PyTorch here.

Strategies on features read more than the originals do: ``embeddings`` are the rows of ``dataset``;
without them, where the classifier has no ``embed()``, the features ``dataset.x`` are taken.  Both
may be sparse, and stay so.  What is random follows NumPy's global random state, as there.
"""

from fastal.adapters._small_text_batches import (
    BADGE,
    ContrastiveActiveLearning,
    DiscriminativeActiveLearning,
    EmbeddingKMeans,
)
from fastal.adapters._small_text_coresets import (
    GreedyCoreset,
    LightweightCoreset,
    greedy_coreset,
    lightweight_coreset,
)
from fastal.adapters._small_text_proba import BreakingTies, LeastConfidence, PredictionEntropy

__all__ = [
    "BADGE",
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
