"""What the caller of a look-ahead hands over: checked, and the way to compute chosen."""

from __future__ import annotations

import numbers
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastal import _lookahead_bayes, _lookahead_linear
from fastal._proba import class_probabilities
from fastal._rows import (
    as_rows,
    before_last_step,
    check_classifier,
    check_labels,
    n_rows,
    take_rows,
)
from fastal._validation import CSR, check_count, check_csr, check_matrix, check_rows

EXACT, NEWTON, REFIT = "exact", "newton", "refit"


class Given(NamedTuple):
    """A fitted classifier that takes the rows as they are here, and these rows."""

    model: Any
    pool: Any
    X_labeled: Any
    y_labeled: NDArray[Any]
    candidates: NDArray[np.int64]
    evaluation: NDArray[np.int64]
    weights: NDArray[np.float64]  # the model's probabilities of the candidates
    own: NDArray[np.int64]  # a candidate's place in evaluation, or -1


def read(
    estimator: Any, X_pool: Any, X_labeled: Any, y_labeled: Any,
    candidates: Any, evaluation: Any, rng: Any,
) -> Given:  # fmt: skip
    """Check all of it; a pipeline gives its last step, and what the others make of the rows."""
    check_classifier(estimator)
    model = last_step(estimator)
    y = check_labels(y_labeled, X_labeled, "y_labeled")
    if not hasattr(model, "classes_"):
        raise TypeError(
            f"estimator must be a fitted classifier; this {type(model).__name__} has no classes_"
        )
    unknown = np.setdiff1d(y, model.classes_)
    if unknown.size:
        raise ValueError(
            f"y_labeled holds {unknown[:1].tolist()[0]!r}, which the estimator does not know; it "
            f"was fitted to {model.classes_}"
        )
    if hasattr(estimator, "steps"):
        X_pool = before_last_step(estimator, X_pool)
        X_labeled = before_last_step(estimator, X_labeled)
    pool, labeled = as_rows(X_pool, "X_pool"), as_rows(X_labeled, "X_labeled")
    size = n_rows(pool, "X_pool")
    chosen = draw(candidates, size, "candidates", rng)
    rows = draw(evaluation, size, "evaluation", rng)
    weights = np.empty((0, len(model.classes_)))
    if chosen.size:
        weights = class_probabilities(model, take_rows(pool, chosen)).astype(np.float64)
    place = np.full(size, -1, dtype=np.int64)
    place[rows] = np.arange(rows.size)
    own = place[chosen]
    alone = np.flatnonzero(rows.size - (own >= 0) == 0)
    if alone.size:
        raise ValueError(
            "evaluation must hold a row other than the candidate, but there is none for "
            f"row {chosen[alone[0]]}"
        )
    return Given(model, pool, labeled, y, chosen, rows, weights, own)


def last_step(estimator: Any) -> Any:
    """Return the classifier at the end of a pipeline, or the estimator itself."""
    return estimator.steps[-1][1] if hasattr(estimator, "steps") else estimator


def draw(rows: Any, size: int, name: str, rng: Any) -> NDArray[np.int64]:
    """All rows, so many drawn at random, or those given; ascending."""
    if rows is None:
        return np.arange(size)
    if isinstance(rows, numbers.Integral) and not isinstance(rows, bool):
        count = check_count(rows, name)
        if count >= size:
            return np.arange(size)
        return np.sort(rng.choice(size, size=count, replace=False)).astype(np.int64)
    return check_rows(rows, size, name)


def choose(model: Any, method: str) -> str:
    """Return "exact", "newton" or "refit"; an error if the method is not for this model."""
    solvable = (_lookahead_bayes.why_not(model), _lookahead_linear.why_no_solution(model))
    if method in ("auto", EXACT):
        if None in solvable:
            return EXACT
        if method == EXACT:
            own = solvable[1 if type(model).__name__ == "RidgeClassifier" else 0]
            raise ValueError(f"method='exact' needs a closed form, but {own}; try 'refit'")
    if method in ("auto", NEWTON):
        reason = _lookahead_linear.why_no_newton(model)
        if reason is None:
            return NEWTON
        if method == NEWTON:
            raise ValueError(f"method='newton' is for logistic regression, but {reason}")
    return REFIT


def sparse_rows(X: Any, n_features: int, name: str) -> sp.csr_matrix:
    """Rows of finite numbers as a CSR matrix of float64 without duplicate entries."""
    try:
        matrix = check_matrix(X)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name}: {error}") from error
    if not isinstance(matrix, CSR):
        matrix = check_csr(sp.csr_matrix(matrix))
    if matrix.shape[1] != n_features:
        raise ValueError(
            f"{name} has {matrix.shape[1]} features, but the model was fitted on {n_features}"
        )
    data = matrix.data.astype(np.float64)
    return sp.csr_matrix((data, matrix.indices, matrix.indptr), shape=matrix.shape)
