"""fastal: the scoring engine for active learning on large text pools.

Every scoring function below has its kernel in a ``fastal._kernels_*`` file and a plain NumPy twin
in ``fastal._reference``, all three under the same name.  The learner and the experiment live in
modules of their own and are loaded on first use, so that ``import fastal`` costs no more than
NumPy and ``scipy.sparse``.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from fastal.audit import audit_error, audit_rows, n_for_audit, threshold_table
from fastal.batch_committee import batch_bald
from fastal.batches import badge, cluster_margin, information_density, ranked_batch
from fastal.committee import (
    consensus_entropy,
    kl_to_consensus,
    max_kl_to_consensus,
    variation_ratio,
    vote_entropy,
)
from fastal.contrast import contrastive, discriminative
from fastal.coverage import prob_cover, purity_radius, robust_k_center
from fastal.diversity import k_center_greedy, kmeans_plusplus, mean_similarity
from fastal.finish import label_rest
from fastal.herding import max_herding, uncertainty_herding
from fastal.lookahead import expected_error_reduction, expected_model_change
from fastal.model_change import expected_gradient_length
from fastal.pool import query_pool, score_pool
from fastal.proba_batches import falcun
from fastal.representation import facility_location, feature_based, weighted_k_means
from fastal.selection import epsilon_greedy, stochastic_batch, top_k, weighted_draw
from fastal.selector import KCenterSelector
from fastal.stopping import (
    Budget,
    DeltaF,
    EstimatedAccuracy,
    OverallUncertainty,
    StablePredictions,
    reasons_to_stop,
)
from fastal.text_file import TextFile
from fastal.typical import typiclust
from fastal.uncertainty import distance_to_boundary, entropy, least_confidence, margin

if TYPE_CHECKING:
    from fastal.committee_model import Committee
    from fastal.experiment import compare_strategies, run_experiment
    from fastal.learner import ActiveLearner

__version__ = "0.1.0"

__all__ = [
    "ActiveLearner",
    "Budget",
    "Committee",
    "DeltaF",
    "EstimatedAccuracy",
    "KCenterSelector",
    "OverallUncertainty",
    "StablePredictions",
    "TextFile",
    "audit_error",
    "audit_rows",
    "badge",
    "batch_bald",
    "cluster_margin",
    "compare_strategies",
    "consensus_entropy",
    "contrastive",
    "discriminative",
    "distance_to_boundary",
    "entropy",
    "epsilon_greedy",
    "expected_error_reduction",
    "expected_gradient_length",
    "expected_model_change",
    "facility_location",
    "falcun",
    "feature_based",
    "information_density",
    "k_center_greedy",
    "kl_to_consensus",
    "kmeans_plusplus",
    "label_rest",
    "least_confidence",
    "margin",
    "max_herding",
    "max_kl_to_consensus",
    "mean_similarity",
    "n_for_audit",
    "prob_cover",
    "purity_radius",
    "query_pool",
    "ranked_batch",
    "reasons_to_stop",
    "robust_k_center",
    "run_experiment",
    "score_pool",
    "stochastic_batch",
    "threshold_table",
    "top_k",
    "typiclust",
    "uncertainty_herding",
    "variation_ratio",
    "vote_entropy",
    "weighted_draw",
    "weighted_k_means",
]

# These import scikit-learn (over a second on a small machine), which scoring never needs.
_LOADED_ON_FIRST_USE = {
    "ActiveLearner": "fastal.learner",
    "Committee": "fastal.committee_model",
    "compare_strategies": "fastal.experiment",
    "run_experiment": "fastal.experiment",
}


def __getattr__(name: str) -> Any:
    if name in _LOADED_ON_FIRST_USE:
        return getattr(importlib.import_module(_LOADED_ON_FIRST_USE[name]), name)
    raise AttributeError(f"module 'fastal' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
