"""What a user waits for before the first score: the import and the first call."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from typing import Any

# One small call of every public function; `import fastal, numpy as np` comes before it.
FIRST_CALLS = {
    "entropy": "fastal.entropy([[0.5, 0.5]])",
    "margin": "fastal.margin([[0.5, 0.5]])",
    "least_confidence": "fastal.least_confidence([[0.5, 0.5]])",
    "expected_gradient_length": "fastal.expected_gradient_length([0.5], [[1.0, 2.0]])",
    "vote_entropy": "fastal.vote_entropy([[0, 1, 1]])",
    "consensus_entropy": "fastal.consensus_entropy([[[0.5, 0.5]], [[0.2, 0.8]]])",
    "kl_to_consensus": "fastal.kl_to_consensus([[[0.5, 0.5]], [[0.2, 0.8]]])",
    "max_kl_to_consensus": "fastal.max_kl_to_consensus([[[0.5, 0.5]], [[0.2, 0.8]]])",
    "variation_ratio": "fastal.variation_ratio([[[0.5, 0.5]], [[0.2, 0.8]]])",
    "batch_bald": "fastal.batch_bald([[[0.5, 0.5]], [[0.2, 0.8]]], 1)",
    "contrastive": (
        "fastal.contrastive(np.eye(2), sp.csr_matrix(np.eye(2)), np.eye(2), np.eye(2))"
    ),
    "top_k": "fastal.top_k([0.1, 0.9], 1)",
    "weighted_draw": "fastal.weighted_draw([0.1, 0.9], 1, 0)",
    "stochastic_batch": "fastal.stochastic_batch([0.1, 0.9], 1, random_state=0)",
    "epsilon_greedy": "fastal.epsilon_greedy([0.1, 0.9], 1, 0.5, 0)",
    "k_center_greedy (csr)": "fastal.k_center_greedy(sp.csr_matrix(np.eye(4)), 2, [0])",
    "k_center_greedy (csr, a pool of many rows)": (
        "fastal.k_center_greedy(sp.identity(5000, format='csr'), 100, [0])"
    ),
    "k_center_greedy (dense)": "fastal.k_center_greedy(np.eye(4), 2, [0])",
    "kmeans_plusplus": "fastal.kmeans_plusplus(sp.csr_matrix(np.eye(4)), 2, [0])",
    "mean_similarity": "fastal.mean_similarity(sp.csr_matrix(np.eye(4)))",
    "prob_cover": "fastal.prob_cover(sp.csr_matrix(np.eye(4)), 2, 0.5)",
    "robust_k_center": "fastal.robust_k_center(sp.csr_matrix(np.eye(4)), 2, 1)",
    "purity_radius": "fastal.purity_radius(sp.csr_matrix(np.eye(4)), [0, 0, 1, 1])",
    "facility_location": "fastal.facility_location(sp.csr_matrix(np.eye(4)), 2)",
    "feature_based": "fastal.feature_based(sp.csr_matrix(np.eye(4)), 2)",
    "typiclust": "fastal.typiclust(sp.csr_matrix(np.eye(4)), 2)",
    "max_herding": "fastal.max_herding(sp.csr_matrix(np.eye(4)), 2)",
    "uncertainty_herding": (
        "fastal.uncertainty_herding([1, 1, 1, 1], sp.csr_matrix(np.eye(4)), 2)"
    ),
    "falcun": "fastal.falcun([[0.5, 0.5], [0.2, 0.8]], 2)",
    "weighted_k_means": "fastal.weighted_k_means(sp.csr_matrix(np.eye(4)), 2, [1, 1, 1, 1])",
    "badge": "fastal.badge(np.full((4, 2), 0.5), sp.csr_matrix(np.eye(4)), 2)",
    "ranked_batch": "fastal.ranked_batch([1, 1, 1, 1], sp.csr_matrix(np.eye(4)), 2, [0])",
    "information_density": ("fastal.information_density([1, 1, 1, 1], sp.csr_matrix(np.eye(4)))"),
    "cluster_margin": "fastal.cluster_margin([1, 1, 1, 1], sp.csr_matrix(np.eye(4)), 2)",
}
BEFORE = "import fastal, numpy as np, scipy.sparse as sp"
# A fitted model is there before the clock starts, and scikit-learn with it: (call, what comes
# before).  The model of 20 classes knows few of many terms, and these are sorted out by a kernel.
_MODEL = (
    f"{BEFORE}; from sklearn.linear_model import LogisticRegression; "
    "X = sp.identity(20_000, format='csr'); "
    "model = LogisticRegression().fit(X[:40], np.arange(40) % {n_classes})"
)
FIRST_CALLS_OF_MODELS = {
    f"query_pool (csr, LogisticRegression, {n_classes} classes)": (
        "fastal.query_pool(model, X, 2, 'entropy')",
        _MODEL.format(n_classes=n_classes),
    )
    for n_classes in (2, 20)
} | {
    "discriminative (without scikit-learn's import)": (
        "fastal.discriminative(sp.csr_matrix(np.eye(9)), 2, [0])",
        f"{BEFORE}; import sklearn.linear_model",
    )
}
# A model of counts, with scikit-learn, is there as well.
_BAYES = (
    f"{BEFORE}; from sklearn.naive_bayes import MultinomialNB; "
    "X, y = np.eye(4), [0, 1, 0, 1]; model = MultinomialNB().fit(X, y)"
)
FIRST_CALLS_OF_MODELS |= {
    name: (f"fastal.{name}(model, X, X, y)", _BAYES)
    for name in ("expected_error_reduction", "expected_model_change")
}
_CALLS = {name: (call, BEFORE) for name, call in FIRST_CALLS.items()} | FIRST_CALLS_OF_MODELS


class Import:
    """The import of fastal, and of what it cannot do without."""

    param_names = ("modules",)
    params = (("fastal", "numpy, scipy.sparse"),)
    number = 1

    def timeraw_import(self, modules: str) -> str:
        return f"import {modules}"


class FirstCall:
    """The first call in a new process, numba's own import included."""

    param_names = ("name", "cache")
    params = (tuple(_CALLS), ("warm", "empty"))
    number = 1
    repeat = 3
    rounds = 1
    timeout = 300

    def setup(self, name: str, cache: str) -> None:
        self.folder = tempfile.mkdtemp()
        if cache == "warm":
            call, before = _CALLS[name]
            subprocess.run(
                [sys.executable, "-c", f"{before}; {call}"],
                env=os.environ | {"NUMBA_CACHE_DIR": self.folder},
                check=True,
            )

    def teardown(self, name: str, cache: str) -> None:
        shutil.rmtree(self.folder)

    def timeraw_first_call(self, name: str, cache: str) -> tuple[str, Any]:
        # Every sample is a process of its own; those that want an empty cache each make one.
        folder = repr(self.folder)
        if cache == "empty":
            folder = f"tempfile.mkdtemp(dir={folder})"
        call, before = _CALLS[name]
        return call, f"import os, tempfile; os.environ['NUMBA_CACHE_DIR'] = {folder}; {before}"
