"""Which models are better scored by `fastal.score_pool` than by their probabilities."""

from __future__ import annotations

from typing import Any


def is_read_at_once(model: Any) -> bool:
    """Whether `fastal.score_pool` reads the model; if it does not after all, it is only slower.

    For other models asking for probabilities takes far longer than scoring these, and
    probabilities of a few values only (neighbours, trees) have many ties, which a library's own
    rounding breaks.
    """
    if len(getattr(model, "classes_", ())) < 2 or not hasattr(model, "predict_proba"):
        return False
    if hasattr(model, "steps"):
        return is_read_at_once(model[-1])
    model = getattr(model, "best_estimator_", model)
    known = ("coef_", "feature_log_prob_", "calibrated_classifiers_", "label_binarizer_")
    is_sklearn = type(model).__module__.startswith("sklearn.")
    return is_sklearn and any(hasattr(model, name) for name in known)
