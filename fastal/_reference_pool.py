"""Plain twins of fastal.pool and of the score of decision values: the probabilities of all rows.

As in fastal/_reference.py: same names, same arguments, same results, inputs taken to be valid.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import expit, softmax

from fastal._loss import loss_of
from fastal._proba import class_probabilities


def distance_to_boundary(decision: Any) -> NDArray[np.float64]:
    """Second largest - largest; of two classes the other one's decision value is minus this one's.

    0.0 - x, not -x: a tie scores 0.0, not -0.0.
    """
    decision = np.asarray(decision, dtype=np.float64)
    if decision.ndim == 1 or decision.shape[1] == 1:
        return np.asarray(0.0 - np.abs(decision.reshape(-1)))
    largest = np.partition(decision, -2, axis=1)
    return np.asarray(largest[:, -2] - largest[:, -1])


def expected_gradient_length(
    decision: Any, X: Any, loss: str = "softmax", fit_intercept: bool = True
) -> NDArray[np.float64]:
    """Write down the gradient of every row and class, and measure it."""
    decision = np.asarray(decision, dtype=np.float64)
    rows = np.asarray(X.toarray() if sp.issparse(X) else X, dtype=np.float64)
    if fit_intercept:
        rows = np.column_stack([rows, np.ones(len(rows))])
    f = decision[:, np.newaxis] if decision.ndim == 1 else decision
    p = _proba_of(f, loss)
    out = np.zeros(len(rows))
    for i, x in enumerate(rows):
        for y in range(p.shape[1]):
            slope = np.atleast_1d(_derivative(f[i], y, loss))
            # hypot, as squares of small numbers are zero.
            out[i] += p[i, y] * math.hypot(*np.outer(slope, x).ravel())
    return out


def _proba_of(f: Any, loss: str) -> Any:
    """Class probabilities of decision values (n, C), or (n, 1) of two classes."""
    if loss == "modified_huber":
        p = (np.clip(f, -1.0, 1.0) + 1.0) / 2.0
    elif loss == "logistic" or f.shape[1] == 1:
        p = expit(f)
    else:
        return softmax(f, axis=1)
    if f.shape[1] == 1:
        return np.column_stack([1.0 - p, p])
    total = p.sum(axis=1, keepdims=True)
    return np.where(total > 0, p / np.where(total > 0, total, 1.0), 1.0 / p.shape[1])


def _derivative(f: Any, y: int, loss: str) -> Any:
    """Derivative in each decision value of one row that has class y."""
    if loss == "softmax" and f.size > 1:
        e = np.exp(f - f.max())
        others = np.delete(e, y).sum()
        gradient = e / e.sum()
        gradient[y] = -others / e.sum()
        return gradient
    t = np.where(np.arange(f.size) == y, 1.0, -1.0) if f.size > 1 else np.array([2.0 * y - 1.0])
    u = t * f
    return (
        t
        * {
            "softmax": -expit(-u),
            "logistic": -expit(-u),
            "hinge": np.where(u <= 1.0, -1.0, 0.0),
            "squared_hinge": -2.0 * np.maximum(0.0, 1.0 - u),
            "modified_huber": np.where(u < -1.0, -4.0, -2.0 * np.maximum(0.0, 1.0 - u)),
            "perceptron": np.where(u <= 0.0, -1.0, 0.0),
            "squared_error": -2.0 * (1.0 - u),
        }[loss]
    )


def score_pool(
    estimator: Any,
    X_pool: Any,
    score: str = "margin",
    *,
    n_jobs: int | None = None,
    progress: bool = False,
) -> NDArray[np.float64]:
    """Ask the model about all rows at once; n_jobs and progress do nothing."""
    from fastal import _reference

    X = _whole(X_pool)
    if (X.shape[0] if hasattr(X, "shape") else len(X)) == 0:
        return np.empty(0)
    model = estimator
    if hasattr(estimator, "steps"):
        model = estimator[-1]
        X = estimator[:-1].transform(X) if len(estimator.steps) > 1 else X
    if score in ("entropy", "margin", "least_confidence"):
        answer = class_probabilities(model, X)
    elif score == "vote_entropy":
        answer = model.votes(X)
    elif score not in ("distance_to_boundary", "expected_gradient_length"):
        answer = model.member_probas(X)
    elif hasattr(model, "predict_joint_log_proba"):
        answer = model.predict_joint_log_proba(X)
    else:
        answer = model.decision_function(X)
    if score == "expected_gradient_length":
        return expected_gradient_length(answer, X, *loss_of(model))
    return np.asarray(getattr(_reference, score)(answer))


def query_pool(
    estimator: Any,
    X_pool: Any,
    k: int,
    score: str = "margin",
    random_state: Any = None,
    *,
    exclude: Any = None,
    return_scores: bool = False,
    n_jobs: int | None = None,
    progress: bool = False,
) -> NDArray[np.int64] | tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Score everything, sort everything."""
    from fastal import _reference

    scores = score_pool(estimator, X_pool, score)
    rows = _reference.top_k(scores, k, random_state, exclude=exclude)
    return (rows, scores[rows]) if return_scores else rows


def _whole(X: Any) -> Any:
    """Put the blocks of a stream together; anything else stays as it is."""
    if hasattr(X, "__len__") or hasattr(X, "shape"):
        return X
    blocks = list(X)
    if not blocks:
        return []
    if sp.issparse(blocks[0]):
        return sp.vstack(blocks, format="csr")
    if hasattr(blocks[0], "iloc"):
        import pandas as pd

        return pd.concat(blocks)
    if hasattr(blocks[0], "shape"):
        return np.concatenate(blocks)
    return [row for block in blocks for row in block]
