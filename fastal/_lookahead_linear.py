"""Expected error reduction of linear models by solving for one more row.

The model minimises the squared or logistic loss of the labelled rows plus half the squared norm of
its weights; the intercept is not penalised.  Let H be the Hessian over the labelled rows.  Adding
(x, y) moves the decision value of a row u by

    r * c(u, x) / (s + c(x, x)),     c(u, x) = [u; 1]' H^-1 [x; 1],

r the residual of x (s = 1 / its curvature): by Sherman and Morrison's formula exactly the new
solution for squared loss.  For logistic loss the labelled rows' part of the objective is taken as
the parabola that it is near the fitted model, the new row's loss as it is:

    C * r * c(u, x),     r = e_y - p(m),     m = decision values of x + C * r * c(x, x).

(A plain Newton step has the new row's loss as a parabola as well, and leaps too far where a label
surprises the model: the loss is almost straight there.)
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.special import expit, softmax, wrightomega

from fastal._lookahead_bayes import Block, Floats, Task, _padded
from fastal._validation import read_only

# Curvature of a labelled row whose probability is 0 or 1 to the last digit: keeps H invertible.
_LEAST_CURVATURE = 1e-12

# Where the search for the residuals of the new row ends.
_MOST_STEPS = 60
_CLOSE = 1e-13


def why_no_solution(model: Any) -> str | None:
    """Say why a refit of this model is no rank-one update; None if it is one."""
    if type(model).__name__ != "RidgeClassifier":
        return f"{type(model).__name__} has none"
    if model.class_weight is not None or model.positive:
        return "RidgeClassifier has one only without class_weight and positive"
    if np.ndim(model.alpha) != 0 or not model.alpha > 0:
        return "RidgeClassifier needs an alpha above 0"
    if len(model.classes_) < 2 or np.ndim(model.classes_) != 1:
        return "RidgeClassifier must be fitted to two classes or more"
    return None


def why_no_newton(model: Any) -> str | None:
    """Say why there is no Newton step for this model; None if there is."""
    from sklearn.linear_model import LogisticRegression, LogisticRegressionCV

    if not isinstance(model, LogisticRegression) or isinstance(model, LogisticRegressionCV):
        return f"{type(model).__name__} is no LogisticRegression"
    plain = getattr(model, "multi_class", "deprecated") in ("deprecated", "auto", "multinomial")
    l2 = model.penalty in ("l2", "deprecated") and getattr(model, "l1_ratio", 0) in (0, None)
    if model.class_weight is not None or model.solver == "liblinear" or not (plain and l2):
        return "it needs an L2 penalty, no class_weight, and a solver other than liblinear"
    return None if np.isfinite(model.C) else "it needs a penalty: a finite C"


def ridge(model: Any, task: Task, X: Any, y: NDArray[Any]) -> Block:
    """Squared loss, targets -1 and 1: exact."""
    from fastal._kernels_lookahead import _LANES, all_class_changes

    targets = np.where(y[:, np.newaxis] == model.classes_, 1.0, -1.0)
    targets = targets[:, 1:] if len(model.classes_) == 2 else targets
    alpha = float(model.alpha)
    curvature = np.full((X.shape[0], 1), 1.0 / alpha)
    hessian = _Hessian(X, curvature, model.fit_intercept, task)
    known, own = hessian.decisions(targets / alpha)
    # The decision value of the label's column goes towards 1, all others towards -1.
    bonuses = np.full(known.shape[1], 2.0)
    bonuses = bonuses if known.shape[1] > 1 else np.array([0.0, 2.0])
    logits, shifts = read_only(_padded(_two_columns(known).T, _LANES)), _two_columns(-1.0 - own)

    def block(start: int, stop: int) -> Floats:
        across, variance = hessian.covariances(task.candidates[start:stop])
        across /= (alpha + variance).T[:, :, np.newaxis]
        out = np.zeros(stop - start)
        all_class_changes(
            0, stop - start, read_only(task.weights[start:stop]), read_only(task.own[start:stop]),
            read_only(shifts[start:stop]), read_only(bonuses), read_only(_padded(across, _LANES)),
            logits, len(known), task.zero_one, out,
        )  # fmt: skip
        return out

    return block


def newton(model: Any, task: Task, X: Any, y: NDArray[Any]) -> Block:
    """A Newton step for logistic loss; several classes: as if each had a Hessian of its own.

    The Hessian of the softmax loss of one row is diag(p) - pp'.  Its part diag(p) alone has the
    same effect on all gradients of the loss, p - e_y: (diag(p) - pp') diag(1/p) g = g if g sums to
    zero.  So pp', which ties the classes together, is left out.
    """
    from fastal._kernels_lookahead import _LANES, label_changes

    def decisions(rows: Any) -> Floats:
        return np.asarray(rows @ model.coef_.T + model.intercept_)

    p = _proba(decisions(X))
    curvature = p[:, 1:] * p[:, :1] if len(model.classes_) == 2 else p
    curvature = np.maximum(model.C * curvature, _LEAST_CURVATURE)
    hessian = _Hessian(X, curvature, model.fit_intercept, task)
    known, own_decisions = decisions(task.evaluation), decisions(task.candidates)
    logits = read_only(_padded(_two_columns(known).T, _LANES))

    def block(start: int, stop: int) -> Floats:
        across, own = hessian.covariances(task.candidates[start:stop])
        residuals = residuals_of(own_decisions[start:stop], model.C * own)
        weights = task.weights[start:stop]
        out = np.zeros(stop - start)
        label_changes(
            0, stop - start, read_only(weights),
            read_only(np.argsort(-weights, axis=1, kind="stable")),
            read_only(task.own[start:stop]), read_only(residuals),
            read_only(_padded(model.C * across, _LANES)), logits, len(known), task.zero_one, out,
        )  # fmt: skip
        return out

    return block


def residuals_of(decisions: Floats, scale: Floats) -> Floats:
    """Residuals e_y - p of rows whose own loss is in the objective, (n_rows, n_labels, n_classes).

    A row with the residual r has moved its own decision values by scale * r, and p follows from
    where they are then: m = decisions + scale * (e_y - p(m)).
    """
    if decisions.shape[1] == 1:
        return _two_residuals(decisions, scale)
    scale = np.maximum(scale, np.finfo(np.float64).tiny)[:, np.newaxis, :]
    target = np.eye(decisions.shape[1])
    start = decisions[:, np.newaxis, :] + scale * target
    # Let z be the log of the summed odds exp(m).  Then scale * p solves w + log w = log(scale) +
    # start - z, which is Wright's omega, and the p must sum to 1.  Their sum is convex and falls
    # with z: Newton's method from a z where one p is 1 never leaps over the solution.
    level = np.log(scale) + start
    z = (start - scale).max(axis=2, keepdims=True)
    for _ in range(_MOST_STEPS):
        w = wrightomega(level - z)
        excess = (w / scale).sum(axis=2, keepdims=True) - 1.0
        if (excess <= _CLOSE).all():
            break
        z += excess / (w / (1.0 + w) / scale).sum(axis=2, keepdims=True)
    return np.asarray(target - wrightomega(level - z) / scale)


def _two_residuals(decisions: Floats, scale: Floats) -> Floats:
    """The same for a single decision value, by bisection."""
    target = np.array([0.0, 1.0])
    low, high = decisions - scale * (1.0 - target), decisions + scale * target
    for _ in range(_MOST_STEPS):
        middle = 0.5 * (low + high)
        below = middle + scale * expit(middle) < decisions + scale * target
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    middle = 0.5 * (low + high)
    residuals = np.zeros((*middle.shape, 2))
    residuals[:, :, 1] = np.where(target > 0, expit(-middle), -expit(middle))
    return residuals


def _two_columns(decisions: Floats) -> Floats:
    """A column of zeros before a single decision value."""
    if decisions.shape[1] > 1:
        return decisions
    return np.column_stack([np.zeros(len(decisions)), decisions])


def _proba(decisions: Floats) -> Floats:
    if decisions.shape[1] == 1:
        return np.column_stack([expit(-decisions), expit(decisions)])
    return np.asarray(softmax(decisions, axis=1))


class _Hessian:
    """c(u, x) for all evaluation rows u and a block of candidates x, one Hessian a column.

    Solved in the span of the labelled rows, or of the features if there are fewer of them.
    """

    def __init__(self, X: Any, curvature: Floats, fit_intercept: bool, task: Task) -> None:
        self.task = task
        self.n_columns = curvature.shape[1]
        self.fit_intercept = fit_intercept
        self.primal = X.shape[1] + fit_intercept <= X.shape[0]
        self.X = self._dense(X) if self.primal else X
        self.root = np.sqrt(curvature)
        if self.primal:
            self.evaluation = self._dense(task.evaluation)
            penalty = np.ones(self.X.shape[1])
            penalty[X.shape[1] :] = 0.0
            self.factors = [
                cho_factor((self.X.T * weight) @ self.X + np.diag(penalty), lower=True)
                for weight in curvature.T
            ]
            return
        self.evaluation = _products(task.evaluation, X)
        gram = _products(X, X)
        self.factors, self.levels, self.left = [], [], []
        for root in self.root.T:
            matrix = gram * root[:, np.newaxis] * root
            matrix[np.diag_indices_from(matrix)] += 1.0
            factor = cho_factor(matrix, lower=True)
            level = cho_solve(factor, root)
            self.factors.append(factor)
            self.levels.append(level * root)
            self.left.append(float(root @ level))

    def _dense(self, X: Any) -> Floats:
        X = X.toarray() if sp.issparse(X) else np.asarray(X, dtype=np.float64)
        return np.column_stack([X, np.ones(len(X))]) if self.fit_intercept else X

    def decisions(self, pull: Floats) -> tuple[Floats, Floats]:
        """Decision values of evaluation rows and candidates where the gradient is zero.

        For squared loss, with pull = curvature times target, (n_labeled, n_targets).
        """
        rows = self.task.candidates
        if self.primal:
            weights = cho_solve(self.factors[0], self.X.T @ pull)
            return self.evaluation @ weights, self._dense(rows) @ weights
        root = self.root[:, :1]
        intercept = np.zeros(pull.shape[1])
        if self.fit_intercept:
            intercept = self.levels[0] @ (pull / root**2) / self.left[0]
        weights = root * cho_solve(self.factors[0], pull / root - root * intercept)
        own = _products(rows, self.X)
        return self.evaluation @ weights + intercept, own @ weights + intercept

    def covariances(self, x: Any) -> tuple[Floats, Floats]:
        """c(u, x), (n_columns, n_x, n_evaluation), and c(x, x), (n_x, n_columns)."""
        across = np.empty((self.n_columns, x.shape[0], len(self.evaluation)))
        own = np.empty((x.shape[0], self.n_columns))
        if self.primal:
            dense = self._dense(x)
            for r, factor in enumerate(self.factors):
                weights = cho_solve(factor, dense.T)
                across[r] = weights.T @ self.evaluation.T
                own[:, r] = np.sum(dense * weights.T, axis=1)
            return across, own
        k = _products(x, self.X)
        k_own = np.asarray(x.multiply(x).sum(axis=1)).reshape(-1)
        k_across = _products(x, self.task.evaluation)
        for r, factor in enumerate(self.factors):
            root = self.root[:, r]
            weights = root[:, np.newaxis] * cho_solve(factor, root[:, np.newaxis] * k.T)
            across[r] = k_across - weights.T @ self.evaluation.T
            own[:, r] = k_own - np.sum(k * weights.T, axis=1)
            if self.fit_intercept:
                level, left = self.levels[r], np.sqrt(self.left[r])
                here, there = (1.0 - k @ level) / left, (1.0 - self.evaluation @ level) / left
                across[r] += here[:, np.newaxis] * there
                own[:, r] += here * here
        return across, own


def _products(A: Any, B: Any) -> Floats:
    """Inner products of the rows of two sparse matrices, dense."""
    return np.asarray((A @ B.T).toarray())
