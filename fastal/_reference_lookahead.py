"""Plain twins of fastal.lookahead: refit for each candidate and label, as the definition says.

As in fastal/_reference.py: same names, same arguments, same results, inputs taken to be valid.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import root
from scipy.special import entr, expit, softmax

from fastal._proba import class_probabilities


def expected_error_reduction(
    estimator: Any,
    X_pool: Any,
    X_labeled: Any,
    y_labeled: Any,
    loss: str = "log",
    *,
    method: str = "auto",
    candidates: Any = None,
    evaluation: Any = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    progress: bool = False,
) -> NDArray[np.float64]:
    """Refit, or for method "newton" a step by the dense Hessian; n_jobs, progress do nothing."""
    pool, rows, others = _drawn(X_pool, candidates, evaluation, random_state)
    scores = np.full(pool.shape[0], -np.inf)
    weights = class_probabilities(estimator, pool)
    for row in rows:
        rest = pool[others[others != row]]
        scores[row] = 0.0
        for label in range(len(estimator.classes_)):
            if method == "newton":
                p = _newton_probabilities(estimator, X_labeled, pool[[row]], label, rest)
            else:
                model = _refitted(estimator, X_labeled, y_labeled, pool[[row]], label)
                p = _aligned(model, rest, estimator.classes_)
            losses = entr(p).sum(axis=1) if loss == "log" else 1.0 - p.max(axis=1)
            scores[row] -= weights[row, label] * losses.mean()
    return scores


def expected_model_change(
    estimator: Any,
    X_pool: Any,
    X_labeled: Any,
    y_labeled: Any,
    *,
    method: str = "refit",
    candidates: Any = None,
    evaluation: Any = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    progress: bool = False,
) -> NDArray[np.float64]:
    """Refit, or update a copy; n_jobs and progress do nothing."""
    pool, rows, others = _drawn(X_pool, candidates, evaluation, random_state)
    scores = np.full(pool.shape[0], -np.inf)
    weights = class_probabilities(estimator, pool)
    for row in rows:
        rest = pool[others[others != row]]
        scores[row] = 0.0
        for label in range(len(estimator.classes_)):
            if method == "partial_fit":
                model = deepcopy(estimator)
                model.partial_fit(pool[[row]], estimator.classes_[[label]])
            else:
                model = _refitted(estimator, X_labeled, y_labeled, pool[[row]], label)
            scores[row] += weights[row, label] * _distance(estimator, model, rest)
    return scores


def _distance(before: Any, after: Any, X: Any) -> float:
    for pair in (("coef_", "intercept_"), ("feature_log_prob_", "class_log_prior_")):
        if hasattr(before, pair[0]):
            steps = [getattr(after, name) - getattr(before, name) for name in pair]
            return float(np.sqrt(sum(np.square(step).sum() for step in steps)))
    moved = _aligned(after, X, before.classes_) - class_probabilities(before, X)
    return float(np.abs(moved).sum(axis=1).mean())


def _drawn(
    X_pool: Any, candidates: Any, evaluation: Any, random_state: Any
) -> tuple[Any, NDArray[np.int64], NDArray[np.int64]]:
    pool = X_pool.tocsr() if sp.issparse(X_pool) else np.asarray(X_pool)
    rng = np.random.RandomState(random_state) if isinstance(random_state, int) else random_state
    sets = []
    for rows in (candidates, evaluation):
        if isinstance(rows, int) and rows < pool.shape[0]:
            sets.append(np.sort(rng.choice(pool.shape[0], size=rows, replace=False)))
        else:
            every = np.arange(pool.shape[0])
            sets.append(every if rows is None or isinstance(rows, int) else every[rows])
    return pool, sets[0], sets[1]


def _refitted(estimator: Any, X: Any, y: Any, x: Any, label: int) -> Any:
    from sklearn.base import clone

    return clone(estimator).fit(_stacked(X, x), np.append(y, estimator.classes_[label]))


def _stacked(X: Any, x: Any) -> Any:
    return sp.vstack([X, x], format="csr") if sp.issparse(X) else np.vstack([X, x])


def _aligned(model: Any, X: Any, classes: Any) -> NDArray[np.float64]:
    p = class_probabilities(model, X)
    out = np.zeros((p.shape[0], len(classes)))
    for column, label in enumerate(model.classes_.tolist()):
        out[:, classes.tolist().index(label)] = p[:, column]
    return out


def _newton_probabilities(model: Any, X: Any, x: Any, label: int, rest: Any) -> Any:
    """Probabilities of `rest` where the objective's model with the new row x is smallest.

    The labelled rows X are a parabola, each column of weights with a Hessian of its own (curvature
    p (1 - p) of two classes, p of more), and x has the loss that it has.
    """
    X, x, rest = (
        each.toarray() if sp.issparse(each) else np.asarray(each) for each in (X, x, rest)
    )
    weights, penalty = model.coef_, np.ones(X.shape[1])
    if model.fit_intercept:
        X, x, rest = (np.column_stack([each, np.ones(len(each))]) for each in (X, x, rest))
        weights, penalty = np.column_stack([weights, model.intercept_]), np.append(penalty, 0.0)
    two = len(weights) == 1
    p = expit(X @ weights.T) if two else softmax(X @ weights.T, axis=1)
    steps = []
    for k in range(len(weights)):
        curvature = p[:, k] * (1.0 - p[:, k]) if two else p[:, k]
        hessian = np.diag(penalty) + model.C * (X.T * curvature) @ X
        steps.append(model.C * np.linalg.solve(hessian, x[0]))
    own = weights @ x[0]
    scale = np.array([step @ x[0] for step in steps])
    target = np.array([float(label)]) if two else np.eye(len(weights))[label]

    def residual(m: Any) -> Any:
        return target - (expit(m) if two else softmax(m))

    # Gradually more of the loss of x: each solution is near the one before.
    m = own
    for share in np.linspace(0.05, 1.0, 20):
        m = root(lambda m, share=share: m - own - share * scale * residual(m), m, tol=1e-13).x
    moved = rest @ (weights + residual(m)[:, np.newaxis] * np.array(steps)).T
    return np.column_stack([expit(-moved), expit(moved)]) if two else softmax(moved, axis=1)
