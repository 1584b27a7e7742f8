"""Plain NumPy and SciPy twins of contrast.py and batch_committee.py.

Same names, same arguments, same results: nothing is skipped, bounded or reused.  Nothing in fastal
imports this module.  Inputs are taken to be valid.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import entr, rel_entr

# Rows of the pool at once.
_BLOCK = 4096
# Numbers of a temporary array that stays in the cache.
_CELLS = 2**17


def align(probas: Any, classes: Any) -> NDArray[np.float64]:
    """Members side by side, columns by label."""
    if classes is None:
        return np.asarray(probas, dtype=np.float64)
    union = sorted({label for own in classes for label in np.asarray(own).tolist()})
    out = np.zeros((len(probas), len(probas[0]), len(union)))
    for m, own in enumerate(classes):
        for column, label in enumerate(np.asarray(own).tolist()):
            out[m, :, union.index(label)] = np.asarray(probas[m])[:, column]
    return out


def _random(seed: Any) -> Any:
    return np.random.RandomState(seed) if seed is None or isinstance(seed, int) else seed


def _mask(rows: Any, n_rows: int) -> NDArray[np.bool_]:
    mask = np.zeros(n_rows, dtype=bool)
    if rows is not None:
        mask[np.asarray(rows) if len(rows) else []] = True
    return mask


def contrastive(
    proba: Any,
    X: Any,
    proba_labeled: Any,
    X_labeled: Any,
    n_neighbors: int = 10,
    metric: str = "euclidean",
) -> NDArray[np.float64]:
    """All distances of a block of rows, sorted; then the divergences, one neighbour at a time."""
    p = np.maximum(np.asarray(proba, dtype=np.float64), np.finfo(np.float64).tiny)
    q = np.asarray(proba_labeled, dtype=np.float64)
    out = np.zeros(len(p))
    m = min(n_neighbors, len(q))
    for start in range(0, len(p), _BLOCK):
        rows = slice(start, min(start + _BLOCK, len(p)))
        distances = _distances(X[rows], X_labeled, metric == "cosine")
        nearest = np.argsort(distances, axis=1, kind="stable")[:, :m]
        for i in range(m):
            out[rows] += rel_entr(q[nearest[:, i]], p[rows]).sum(axis=1)
    return np.maximum(out / m, 0.0)


def _distances(X: Any, L: Any, cosine: bool) -> NDArray[np.float64]:
    """Cosine or squared Euclidean; from products in steps beyond what rounding changes."""
    if not sp.issparse(X) and not cosine:
        X = np.asarray(X, dtype=np.float64)
        L = np.asarray(L.toarray() if sp.issparse(L) else L, dtype=np.float64)
        out = np.zeros((len(X), len(L)))
        for j in range(X.shape[1]):
            out += (X[:, [j]] - L[:, j]) ** 2
        return out
    X, L = sp.csr_matrix(X, dtype=np.float64), sp.csr_matrix(L, dtype=np.float64)
    x, y = np.asarray(X.multiply(X).sum(axis=1)), np.asarray(L.multiply(L).sum(axis=1)).ravel()
    dots = (X @ L.T).toarray()
    if cosine:
        zero = x * y == 0
        distances = np.where(zero, x != y, 1 - dots / np.sqrt(np.where(zero, 1, x * y)))
        return np.asarray(np.rint(np.maximum(distances, 0) * 2**36))
    distances = np.maximum(x + y - 2 * dots, 0)
    return np.asarray(np.rint(distances * (2**36 / np.maximum(x + y.max(), 1e-290))))


def discriminative(
    X: Any,
    k: int,
    labeled: Any,
    n_sub_batches: int = 10,
    estimator: Any = None,
    random_state: Any = None,
    *,
    n_unlabeled: int | None = None,
) -> NDArray[np.int64]:
    """Train, ask about all rows, sort, take; again."""
    from sklearn.base import clone

    taken = np.flatnonzero(_mask(labeled, X.shape[0]))
    k = min(k, X.shape[0] - taken.size)
    rng = _random(random_state)
    picks: list[int] = []
    for part in np.array_split(np.arange(k), min(n_sub_batches, k) or 1):
        if not part.size:
            break
        others = np.setdiff1d(np.arange(X.shape[0]), [*taken, *picks])
        n_known = taken.size + len(picks)
        most = max(10 * n_known, 10_000) if n_unlabeled is None else n_unlabeled
        sample = others
        if most < others.size:
            sample = np.sort(rng.choice(others, size=most, replace=False))
        rows = np.array([*taken, *picks, *sample], dtype=np.int64)
        y = np.arange(rows.size) >= n_known
        if estimator is None:
            scores = _logistic(X, rows, y.astype(int))[others]
        else:
            model = clone(estimator).fit(X[rows], y.astype(int))
            ask = getattr(model, "decision_function", None)
            scores = ask(X[others]) if ask else model.predict_proba(X[others])[:, 1]
        if random_state is not None:
            # As top_k: all rows at least as good as the last one are shuffled.
            enough = scores >= np.sort(scores)[-part.size]
            order = rng.permutation(np.flatnonzero(enough))
            others, scores = others[order], scores[order]
        picks += others[np.argsort(-scores, kind="stable")][: part.size].tolist()
    return np.array(picks, dtype=np.int64)


def _logistic(X: Any, rows: Any, y: Any) -> NDArray[np.float64]:
    """Decision values; columns that are empty in the rows to train on have no weight."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(class_weight="balanced", tol=1e-3, max_iter=1000)
    if not sp.issparse(X):
        coef = model.fit(X[rows], y).coef_[0]
        return np.asarray(sp.csr_matrix(X) @ coef + model.intercept_)
    filled = np.unique(X[rows].indices) if X[rows].nnz else np.array([0])
    coef = np.zeros(X.shape[1])
    coef[filled] = model.fit(X[rows][:, filled], y).coef_[0]
    return np.asarray(X @ coef + model.intercept_)


def batch_bald(
    probas: Any,
    k: int,
    random_state: Any = None,
    *,
    classes: Any = None,
    exclude: Any = None,
    max_configurations: int = 10_000,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The joint entropy of the picks with every other row, from the table of all configurations.

    When the table would be too large, the mean over sampled configurations.
    """
    p = align(probas, classes)
    n_members, n_rows = p.shape[:2]
    rng = _random(random_state)
    rank = np.arange(n_rows) if random_state is None else rng.permutation(n_rows)
    left = ~_mask(exclude, n_rows)
    given_member = entr(p).sum(axis=2)
    table = np.ones((n_members, 1))
    sample = None
    rows: list[int] = []
    information: list[float] = []
    for _ in range(min(k, int(left.sum()))):
        others = np.flatnonzero(left)
        so_far = information[-1] if information else 0.0
        if sample is None:
            known = given_member[:, rows].sum(axis=1).mean()
            joint = _joint_entropies(table, p[:, others])
            gains = joint - known - given_member[:, others].mean(axis=0) - so_far
        else:
            gains = sample.gains(p[:, others], given_member[:, others])
        gains = np.maximum(gains, 0.0)
        # What differs by rounding alone is a tie.
        steps = np.rint(gains * 2**30)
        best = others[steps == steps.max()]
        row = int(best[np.argmin(rank[best])])
        rows.append(row)
        information.append(so_far + float(gains[others == row][0]))
        left[row] = False
        if sample is not None:
            sample.extend(p[:, row])
            continue
        table = (table[:, :, np.newaxis] * p[:, row, np.newaxis]).reshape(n_members, -1)
        table = table[:, table.any(axis=0)]
        if table.shape[1] > max_configurations:
            sample = _Sample(n_members, max_configurations, rng)
            for pick in rows:
                sample.extend(p[:, pick])
    return np.array(rows, dtype=np.int64), np.array(information, dtype=np.float64)


def _joint_entropies(table: Any, p: Any) -> NDArray[np.float64]:
    """H(picks, row) for every row: table holds P(configuration | member), (M, n)."""
    n_members, n_rows, n_classes = p.shape
    out = np.zeros(n_rows)
    by_row = np.ascontiguousarray(p.transpose(1, 0, 2))
    block = max(1, _CELLS // n_classes)
    for start in range(0, table.shape[1], block):
        part = table[:, start : start + block].T / n_members
        at_once = max(1, _CELLS // (len(part) * n_classes))
        for first in range(0, n_rows, at_once):
            rows = slice(first, first + at_once)
            out[rows] += entr(part @ by_row[rows]).sum(axis=(1, 2))
    return out


class _Sample:
    """Configurations drawn from the members, and the posterior of the members given each."""

    def __init__(self, n_members: int, most: int, rng: Any) -> None:
        self.member = np.repeat(np.arange(n_members), -(-most // n_members))
        self.posterior = np.full((n_members, self.member.size), 1 / n_members)
        self.rng = rng

    def extend(self, p: Any) -> None:
        steps = np.cumsum(p, axis=1)[self.member]
        heights = self.rng.uniform(size=self.member.size) * steps[:, -1]
        labels = (heights[:, np.newaxis] >= steps[:, :-1]).sum(axis=1)
        joint = self.posterior * p[:, labels]
        chance = joint.sum(axis=0)
        self.posterior = np.where(chance > 0, joint / np.maximum(chance, 1e-300), self.posterior)

    def gains(self, p: Any, given_member: Any) -> NDArray[np.float64]:
        """Mean over the configurations of the mutual information of label and member."""
        distinct, counts = np.unique(self.posterior, axis=1, return_counts=True)
        n = self.member.size
        out = -(distinct @ counts / n) @ given_member
        by_row = np.ascontiguousarray(p.transpose(1, 0, 2))
        for row in range(len(out)):
            out[row] += entr(distinct.T @ by_row[row]).sum(axis=1) @ counts / n
        return np.asarray(out)
