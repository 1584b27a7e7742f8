"""A quick look at speed, and a smoke test beside it: every public score against its reference.

The ordinary run calls each function once and compares.  ``pytest tests/test_speed.py
--benchmark-enable --benchmark-group-by=param:name`` times both sides; benchmarks/ measures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

import fastal
from fastal import _reference

N = 2000


def proba(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.full(10, 0.3), N)


def probas() -> tuple[np.ndarray, ...]:
    return (np.stack([proba(seed) for seed in range(4)]),)


def votes() -> tuple[np.ndarray, ...]:
    return (np.random.default_rng(0).integers(6, size=(N, 5)),)


def scores() -> np.ndarray:
    # Few different values: ties must go the same way as well.
    return np.random.default_rng(0).integers(1, 500, size=N) / 500


def text_rows() -> sp.csr_matrix:
    rng = np.random.default_rng(0)
    # Log-uniform word numbers: few frequent words, many rare ones.
    words = np.exp(rng.random((N, 40)) * np.log(3000)).astype(int) - 1
    X = sp.csr_matrix((np.ones(words.size), words.ravel(), np.arange(0, words.size + 1, 40)))
    X.sum_duplicates()
    X.data /= np.repeat(np.sqrt(np.add.reduceat(X.data**2, X.indptr[:-1])), np.diff(X.indptr))
    return X


CASES: dict[str, Callable[[], tuple[Any, ...]]] = {
    "entropy": lambda: (proba(),),
    "margin": lambda: (proba(),),
    "least_confidence": lambda: (proba(),),
    "distance_to_boundary": lambda: (np.log(proba()),),
    "expected_gradient_length": lambda: (np.log(proba()[:300]), text_rows()[:300]),
    "score_pool": lambda: (model(), text_rows(), "entropy"),
    "query_pool": lambda: (model(), text_rows(), 30, "entropy"),
    "expected_error_reduction": lambda: (naive_bayes(), text_rows()[:40], *labeled()),
    "expected_model_change": lambda: (naive_bayes(), text_rows()[:20], *labeled()),
    "vote_entropy": votes,
    "consensus_entropy": probas,
    "kl_to_consensus": probas,
    "max_kl_to_consensus": probas,
    "variation_ratio": probas,
    "batch_bald": lambda: (*probas(), 4),
    "contrastive": lambda: (proba(), text_rows(), proba(1)[:60], text_rows()[:60]),
    "discriminative": lambda: (text_rows(), 10, np.arange(20), 2, None, 0),
    "top_k": lambda: (scores(), 50),
    "weighted_draw": lambda: (scores(), 50, 0),
    "stochastic_batch": lambda: (scores(), 50, "softrank", 1.0, 0),
    "epsilon_greedy": lambda: (scores(), 50, 0.2, 0),
    "k_center_greedy": lambda: (text_rows(), 30, np.arange(5)),
    "kmeans_plusplus": lambda: (text_rows(), 30, np.arange(5), "euclidean", 0),
    "mean_similarity": lambda: (text_rows(),),
    "prob_cover": lambda: (text_rows(), 30, 0.6, np.arange(5)),
    "robust_k_center": lambda: (text_rows(), 10, 100, np.arange(5), "euclidean", 0.4),
    "purity_radius": lambda: (text_rows(), np.arange(N) % 3, 0.9, "cosine", 500, 0),
    "facility_location": lambda: (text_rows()[:500], 10, np.arange(5)),
    "feature_based": lambda: (text_rows(), 10, np.arange(5)),
    "typiclust": lambda: (text_rows(), 10, np.arange(5), None, 20, 20, 0),
    "max_herding": lambda: (text_rows()[:500], 10, np.arange(5)),
    "uncertainty_herding": lambda: (scores()[:500], text_rows()[:500], 10, np.arange(5)),
    "falcun": lambda: (proba(), 30, np.arange(5), 10.0, 0),
    "weighted_k_means": lambda: (text_rows(), 10, scores(), np.arange(5), 100, 20, 1e-4, 0),
    "badge": lambda: (proba(), text_rows(), 30, np.arange(5), 0),
    "ranked_batch": lambda: (scores(), text_rows(), 30, np.arange(5)),
    "information_density": lambda: (scores(), text_rows()),
    "cluster_margin": lambda: (scores(), text_rows(), 20, np.arange(5)),
}
RETURN_ROWS = {
    "badge",
    "cluster_margin",
    "ranked_batch",
    "batch_bald",
    "discriminative",
    "top_k",
    "weighted_draw",
    "stochastic_batch",
    "epsilon_greedy",
    "k_center_greedy",
    "kmeans_plusplus",
    "prob_cover",
    "robust_k_center",
    "facility_location",
    "falcun",
    "feature_based",
    "max_herding",
    "typiclust",
    "uncertainty_herding",
    "weighted_k_means",
    "query_pool",
}


def model() -> Any:
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(text_rows()[:60], np.arange(60) % 3)


def labeled() -> tuple[Any, Any]:
    return text_rows()[-60:], np.arange(60) % 3


def naive_bayes() -> Any:
    from sklearn.naive_bayes import MultinomialNB

    return MultinomialNB().fit(*labeled())


def test_every_score_is_here() -> None:
    elsewhere = {
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
        "compare_strategies",
        "label_rest",
        "n_for_audit",
        "reasons_to_stop",
        "run_experiment",
        "threshold_table",
    }
    assert set(CASES) == set(fastal.__all__) - elsewhere


@pytest.mark.parametrize("impl", ["fastal", "reference"])
@pytest.mark.parametrize("name", CASES)
def test_speed(name: str, impl: str, benchmark: Any) -> None:
    args = CASES[name]()
    expected = getattr(_reference, name)(*args)
    function = getattr(fastal if impl == "fastal" else _reference, name)
    function(*args)  # compiles
    result = benchmark(function, *args)
    if isinstance(result, tuple):  # rows, and a number for each
        np.testing.assert_allclose(result[1], expected[1], rtol=1e-12)
        result, expected = result[0], expected[0]
    if name in RETURN_ROWS:
        np.testing.assert_array_equal(result, expected)
    else:
        np.testing.assert_allclose(result, expected, rtol=1e-10, atol=1e-12)
