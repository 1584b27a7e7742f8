"""Query strategies of scikit-activeml that ask one classifier."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skactiveml.base import SkactivemlClassifier
from skactiveml.classifier import SklearnClassifier as TheirClassifier
from skactiveml.pool import UncertaintySampling as TheirUncertaintySampling
from skactiveml.pool import expected_average_precision
from skactiveml.pool import uncertainty_scores as their_scores
from skactiveml.utils import (
    check_equal_missing_label,
    check_type,
)
from sklearn.base import clone
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

import fastal
from fastal.adapters._skactiveml_base import (
    SparsePoolQueryStrategy,
    candidate_rows,
    select,
    settle,
    spread,
    take,
)
from fastal.adapters._skactiveml_classifier import SklearnClassifier

__all__ = [
    "UncertaintySampling",
    "uncertainty_scores",
]

# Their name of a method, and ours of the score.
_SCORES = {
    "least_confident": "least_confidence",
    "margin_sampling": "margin",
    "entropy": "entropy",
}
Scores = NDArray[np.float64]


class UncertaintySampling(SparsePoolQueryStrategy, TheirUncertaintySampling):
    """Samples that the classifier is unsure of; ``skactiveml.pool.UncertaintySampling``.

    Parameters
    ----------
    method : str, default "least_confident"
        "least_confident", "margin_sampling", "entropy" or "expected_average_precision" (theirs,
        unchanged, whose time grows with the cube of the samples).
    cost_matrix : array-like of shape (n_classes, n_classes), optional
        Of "least_confident" and "margin_sampling"; then the scores are computed by their code.
    missing_label : scalar, str or None, default nan
        Marks a sample without a label.
    random_state : None, int or RandomState, default None
        For ties.

    Raises
    ------
    ValueError, TypeError
        In `query`, as theirs.

    Notes
    -----
    ``query`` has their parameters and results; X and candidates may be sparse if `clf` takes
    sparse rows, as `fastal.adapters.skactiveml.SklearnClassifier` does.  Picks are theirs, also
    among ties: samples whose order rounding could decide are scored by their function.

    Density goes into ``query`` as ``utility_weight``: ``fastal.mean_similarity(X)``, say.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal.adapters.skactiveml import SklearnClassifier, UncertaintySampling
    >>> X = csr_matrix([[0.0], [1.0], [2.5], [4.0], [9.0]])
    >>> y = np.array([0, np.nan, np.nan, 1, np.nan])
    >>> clf = SklearnClassifier(LogisticRegression(), classes=[0, 1])
    >>> UncertaintySampling("entropy", random_state=0).query(X, y, clf, batch_size=2)
    array([2, 1])
    """

    def query(
        self,
        X: Any,
        y: Any,
        clf: Any,
        fit_clf: bool = True,
        sample_weight: Any = None,
        utility_weight: Any = None,
        candidates: Any = None,
        batch_size: int = 1,
        return_utilities: bool = False,
    ) -> Any:
        """Choose a batch; see ``skactiveml.pool.UncertaintySampling.query``."""
        X, y, candidates, batch_size, return_utilities = self._validate_data(
            X, y, candidates, batch_size, return_utilities, reset=True
        )
        rows, mapping = candidate_rows(candidates, X, y, self.missing_label_)
        check_type(clf, "clf", SkactivemlClassifier)
        check_equal_missing_label(clf.missing_label, self.missing_label_)
        check_type(fit_clf, "fit_clf", bool)
        weight = _weight_of_candidates(utility_weight, rows.shape[0], mapping)
        if not isinstance(self.method, str):
            raise TypeError(f"method must be a string, got {type(self.method)}")
        if fit_clf:
            weights = () if sample_weight is None else (sample_weight,)
            clf = clone(clf).fit(X, y, *weights)
        utilities, exact = self._score(clf, rows, mapping)
        utilities *= weight
        if exact is not None:
            settle(utilities, batch_size, lambda best: exact(best) * weight[best])
        utilities = spread(utilities, mapping, X.shape[0])
        return select(utilities, self.random_state_, batch_size, return_utilities)

    def _score(
        self, clf: Any, rows: Any, mapping: Any
    ) -> tuple[Scores, Callable[[NDArray[np.int64]], Any] | None]:
        """Scores of the candidates, and what theirs are of a few of them, if rounding differs."""
        method, cost_matrix = self.method, self.cost_matrix
        model = _model_within(clf) if method in _SCORES and cost_matrix is None else None
        if model is not None and rows.ndim == 2:
            try:
                scores = _score_rows(model, rows, mapping, _SCORES[method])
            except ValueError:
                # Rows or numbers that are not accepted: the classifier itself is to say so.
                pass
            else:
                return scores, lambda best: their_scores(
                    clf.predict_proba(rows[best if mapping is None else mapping[best]]),
                    method=method,
                )
        probas = clf.predict_proba(take(rows, mapping))
        if method == "expected_average_precision":
            with np.errstate(divide="ignore"):
                return expected_average_precision(clf.classes_, probas), None
        scores = uncertainty_scores(probas, cost_matrix, method)
        if method != "entropy":
            return scores, None
        return scores, lambda best: their_scores(probas[best], method=method)


def uncertainty_scores(
    probas: ArrayLike, cost_matrix: ArrayLike | None = None, method: str = "least_confident"
) -> Scores:
    """Uncertainty of each row of probabilities; ``skactiveml.pool.uncertainty_scores``.

    Parameters
    ----------
    probas : array-like of shape (n_samples, n_classes)
        Each row sums to 1 within 0.001.  A single column is certain: theirs raises an error
        for "margin_sampling" then.
    cost_matrix : array-like of shape (n_classes, n_classes), optional
        Of "least_confident" and "margin_sampling"; the scores are computed by their code then.
    method : {"least_confident", "margin_sampling", "entropy"}, default "least_confident"

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        Higher = query first.

    Raises
    ------
    ValueError
        For rows that are no probabilities (theirs takes negative ones), a wrong matrix or method.

    Examples
    --------
    >>> from fastal.adapters.skactiveml import uncertainty_scores
    >>> uncertainty_scores([[0.5, 0.5], [0.9, 0.1]], method="margin_sampling").round(2)
    array([1. , 0.2])
    """
    if cost_matrix is not None or method not in _SCORES:
        scores: Scores = their_scores(probas, cost_matrix, method)
        return scores
    score: Callable[..., Scores] = getattr(fastal, _SCORES[method])
    return score(check_array(probas))


def _weight_of_candidates(weight: Any, n_rows: int, mapping: Any) -> Any:
    if weight is None:
        return np.ones(n_rows if mapping is None else len(mapping))
    weight = check_array(weight, ensure_2d=False)
    if len(weight) != n_rows:
        wanted = "n_candidates" if mapping is None else "n_samples"
        raise ValueError(
            f"'utility_weight' must have length '{wanted}' but {len(weight)} != {n_rows}."
        )
    return take(weight, mapping)


def _model_within(clf: Any) -> Any:
    """Return the fitted model of scikit-learn that alone makes the probabilities, or None."""
    # A subclass may have a predict_proba of its own.
    if type(clf) not in (SklearnClassifier, TheirClassifier):
        return None
    check_is_fitted(clf)
    model = clf.estimator_
    if not (clf.is_fitted_ and type(model).__module__.startswith("sklearn.")):
        return None
    # Without it score_pool would make do with decision values, where theirs raises an error.
    return model if hasattr(model, "predict_proba") and len(model.classes_) > 1 else None


def _score_rows(model: Any, rows: Any, mapping: Any, score: str) -> Scores:
    if mapping is not None and 2 * len(mapping) < rows.shape[0]:
        rows, mapping = rows[mapping], None
    # A few more rows are read faster than most are copied.
    return np.asarray(take(fastal.score_pool(model, rows, score), mapping))
