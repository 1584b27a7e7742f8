"""modAL's query strategies, scored by fastal: change the import, keep the program.

Names, arguments, results and ties are those of ``modAL.uncertainty``, ``modAL.disagreement``,
``modAL.density``, ``modAL.batch`` and ``modAL.expected_error``; `ActiveLearner` and `Committee`
are modAL's own, with these strategies as defaults, and work with a current scikit-learn.
"""

from __future__ import annotations

from fastal.adapters._modal_batch import (
    expected_error_reduction,
    information_density,
    ranked_batch,
    select_cold_start_instance,
    uncertainty_batch_sampling,
)
from fastal.adapters._modal_disagreement import (
    KL_max_disagreement,
    consensus_entropy,
    consensus_entropy_sampling,
    max_disagreement_sampling,
    vote_entropy,
    vote_entropy_sampling,
)
from fastal.adapters._modal_models import ActiveLearner, Committee
from fastal.adapters._modal_uncertainty import (
    classifier_entropy,
    classifier_margin,
    classifier_uncertainty,
    entropy_sampling,
    margin_sampling,
    uncertainty_sampling,
)

__all__ = [
    "ActiveLearner",
    "Committee",
    "KL_max_disagreement",
    "classifier_entropy",
    "classifier_margin",
    "classifier_uncertainty",
    "consensus_entropy",
    "consensus_entropy_sampling",
    "entropy_sampling",
    "expected_error_reduction",
    "information_density",
    "margin_sampling",
    "max_disagreement_sampling",
    "ranked_batch",
    "select_cold_start_instance",
    "uncertainty_batch_sampling",
    "uncertainty_sampling",
    "vote_entropy",
    "vote_entropy_sampling",
]
