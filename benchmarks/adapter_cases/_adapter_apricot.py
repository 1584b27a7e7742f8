"""apricot's selectors beside ours; every fit of theirs compiles its kernels, as it always does."""

from __future__ import annotations

from typing import Any

import apricot
from sklearn.metrics.pairwise import cosine_similarity

from fastal.adapters import apricot as ours

N_SAMPLES = 100
# A matrix of all pairs of the whole pool would take 2.8 GB, several times over.
N_PAIRED = 5000
N_DENSIFIED = 2000


def fits(name: str, X: Any, *args: Any, theirs_on: Any = None, **options: Any) -> Any:
    """Return the two fits; theirs may need other rows."""
    n_samples = min(N_SAMPLES, X.shape[0] // 3)

    def fit(module: Any, rows: Any) -> Any:
        selector = getattr(module, name)(n_samples, *args, **options)
        return lambda: selector.fit(rows()).ranking

    return fit(apricot, theirs_on or (lambda: X)), fit(ours, lambda: X)


def features(concave: str, optimizer: str) -> Any:
    """Feature-based selection among the TF-IDF rows."""
    return lambda pool, quick: fits("FeatureBasedSelection", pool.X, concave, optimizer=optimizer)


def facilities(metric: str, optimizer: str) -> Any:
    """Facility location among dense rows."""

    def prepare(pool: Any, quick: bool) -> Any:
        X = pool.dense[:N_PAIRED].copy()
        return fits("FacilityLocationSelection", X, metric=metric, optimizer=optimizer)

    return prepare


def sparse_facilities(metric: str) -> Any:
    """Facility location among sparse rows, of which theirs needs a dense copy."""

    def prepare(pool: Any, quick: bool) -> Any:
        X = pool.X[:N_DENSIFIED]
        return fits("FacilityLocationSelection", X, metric=metric, theirs_on=X.toarray)

    return prepare


def similarities(pool: Any, quick: bool) -> Any:
    """Facility location of similarities that are there already."""
    S = cosine_similarity(pool.X[:N_PAIRED])
    return fits("FacilityLocationSelection", S, metric="precomputed")


CASES = {
    "FeatureBasedSelection, sqrt, two-stage, sparse": features("sqrt", "two-stage"),
    "FeatureBasedSelection, log, lazy, sparse": features("log", "lazy"),
    "FeatureBasedSelection, sigmoid, naive, sparse": features("sigmoid", "naive"),
    "FacilityLocationSelection, euclidean, lazy, 5,000 rows": facilities("euclidean", "lazy"),
    "FacilityLocationSelection, cosine, two-stage, 5,000 rows": facilities("cosine", "two-stage"),
    "FacilityLocationSelection, corr, lazy, 5,000 rows": facilities("corr", "lazy"),
    "FacilityLocationSelection, cosine, sparse (theirs: dense copy), 2,000 rows": (
        sparse_facilities("cosine")
    ),
    "FacilityLocationSelection, euclidean, sparse (theirs: dense copy), 2,000 rows": (
        sparse_facilities("euclidean")
    ),
    "FacilityLocationSelection, precomputed, 5,000 rows": similarities,
}
