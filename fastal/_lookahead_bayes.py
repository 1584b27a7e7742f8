"""Expected error reduction of naive Bayes without refits: what one more row does to the counts.

Adding (x, y) changes the counts of class y (multinomial, Bernoulli) or those of all other classes
(complement) in the columns of x, and totals that all rows see alike.  Class logits of an
evaluation row u therefore change by a sum over the terms that u and x share, plus numbers that
depend on x only, or on u only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax

from fastal._validation import read_only

Floats = NDArray[np.float64]


class Task(NamedTuple):
    """What all ways to look ahead are told: `own` is a candidate's place among `evaluation`."""

    candidates: Any
    evaluation: Any
    weights: Floats  # (n_candidates, n_classes), the model's word on the candidates
    own: NDArray[np.int64]  # -1 if the candidate is no evaluation row
    zero_one: bool


# Evaluation rows that a kernel works on at once: their arrays stay in the cache.
_ROWS_AT_ONCE = 2048
# Terms that more than this share of the rows have are held as dense columns.
_FREQUENT = 1 / 8

# Sums of the losses of all evaluation rows but the candidate, expected over its label.
Block = Callable[[int, int], Floats]


def why_not(model: Any) -> str | None:
    """Say why refits of naive Bayes have no closed form here; None if they have."""
    name = type(model).__name__
    if name not in ("MultinomialNB", "ComplementNB", "BernoulliNB"):
        return f"{name} has none"
    if not (np.isfinite(model.feature_log_prob_).all() and np.all(_alpha(model) > 0)):
        return f"{name} needs an alpha above 0"
    # A model whose parameters were changed since, or of a scikit-learn that counts otherwise.
    expected = _log_prob(model)
    if expected.shape != model.feature_log_prob_.shape or not np.allclose(
        expected, model.feature_log_prob_, rtol=1e-7, atol=1e-9
    ):
        return f"the counts of this {name} do not give its probabilities"
    return None


def _alpha(model: Any) -> Any:
    alpha = np.asarray(model.alpha, dtype=np.float64)
    return alpha if model.force_alpha else np.maximum(alpha, 1e-10)


def _log_prob(model: Any) -> Floats:
    """``feature_log_prob_`` from the counts."""
    name = type(model).__name__
    if name == "BernoulliNB":
        total = model.class_count_ + 2.0 * float(np.max(_alpha(model)))
        return np.asarray(np.log(model.feature_count_ + _alpha(model)) - np.log(total)[:, None])
    counts = _smoothed(model)
    logs = np.log(counts) - np.log(counts.sum(axis=1, keepdims=True))
    if name == "MultinomialNB":
        return np.asarray(logs)
    return np.asarray(logs / logs.sum(axis=1, keepdims=True) if model.norm else -logs)


def _smoothed(model: Any) -> Floats:
    """Counts that the probabilities are in proportion to, (n_classes, n_features)."""
    counts = model.feature_count_
    if type(model).__name__ == "ComplementNB":
        counts = model.feature_all_ - counts
    return np.asarray(counts + _alpha(model), dtype=np.float64)


def losses(model: Any, task: Task) -> Block:
    """Return a function of a range of candidates that gives their summed losses."""
    if type(model).__name__ == "ComplementNB":
        return _complement(model, task)
    if type(model).__name__ == "BernoulliNB":
        return _bernoulli(model, task)
    return _multinomial(model, task)


def _multinomial(model: Any, task: Task) -> Block:
    counts = _smoothed(model)
    totals = counts.sum(axis=1)
    columns = np.ascontiguousarray(counts.T)
    likelihood = task.evaluation @ model.feature_log_prob_.T
    prior, raised = _priors(model)

    def changes(x: Any) -> tuple[Floats, Floats, Floats]:
        gains = np.log(1.0 + x.data[:, np.newaxis] / columns[x.indices])
        slopes = np.log1p(_row_sums(x)[:, np.newaxis] / totals)
        return gains, slopes, np.zeros_like(slopes)

    return _one_class(task, likelihood + prior, likelihood + raised, changes)


def _bernoulli(model: Any, task: Task) -> Block:
    from sklearn.preprocessing import binarize

    if model.binarize is not None:
        rows = [
            sp.csr_matrix(binarize(X, threshold=model.binarize), dtype=np.float64)
            for X in (task.candidates, task.evaluation)
        ]
        task = task._replace(candidates=rows[0], evaluation=rows[1])
    present = model.feature_count_ + _alpha(model)
    total = model.class_count_[:, np.newaxis] + 2.0 * _alpha(model)
    absent = total - present
    prior, raised = _priors(model)
    old = _joint(task.evaluation, present, absent, total) + prior
    # The new row has none of the terms, until the candidate's own are put right below.
    new = _joint(task.evaluation, present, absent + 1.0, total + 1.0) + raised
    with_term, without = np.ascontiguousarray(present.T), np.ascontiguousarray(absent.T)

    def changes(x: Any) -> tuple[Floats, Floats, Floats]:
        value = x.data[:, np.newaxis]
        lost = np.log((without[x.indices] + (1.0 - value)) / (without[x.indices] + 1.0))
        gains = np.log(1.0 + value / with_term[x.indices]) - lost
        shifts = np.zeros((x.shape[0], len(prior)))
        np.add.at(shifts, np.repeat(np.arange(x.shape[0]), np.diff(x.indptr)), lost)
        return gains, np.zeros_like(shifts), shifts

    return _one_class(task, old, new, changes)


def _joint(X: Any, present: Floats, absent: Floats, total: Floats) -> Floats:
    """Log-likelihood of each class, (n_rows, n_classes)."""
    missing = np.log(absent) - np.log(total)
    return np.asarray(X @ (np.log(present) - np.log(absent)).T + missing.sum(axis=1))


def _priors(model: Any) -> tuple[Floats, Floats]:
    """Log-priors now, and that of each class once it has one more row, up to the same constant."""
    if model.class_prior is None and model.fit_prior:
        with np.errstate(divide="ignore"):
            return np.log(model.class_count_), np.log(model.class_count_ + 1.0)
    return model.class_log_prior_, model.class_log_prior_


def _row_sums(X: Any) -> Floats:
    return np.asarray(X.sum(axis=1), dtype=np.float64).reshape(-1)


def _complement(model: Any, task: Task) -> Block:
    """All classes but y get a row more in their complement, whichever of them it is."""
    from fastal._kernels_lookahead import other_class_changes

    counts = _smoothed(model)
    totals = counts.sum(axis=1)
    columns = np.ascontiguousarray(counts.T)
    logs = np.log(counts) - np.log(totals)[:, np.newaxis]
    norms = logs.sum(axis=1) if model.norm else np.full(len(totals), -1.0)
    likelihood = np.asarray(task.evaluation @ logs.T)

    def changes(x: Any) -> tuple[Floats, Floats, Floats]:
        gains = np.log(1.0 + x.data[:, np.newaxis] / columns[x.indices])
        slopes = np.log1p(_row_sums(x)[:, np.newaxis] / totals)
        new_norms = norms - slopes * (len(columns) if model.norm else 0.0)
        if model.norm:
            np.add.at(new_norms, np.repeat(np.arange(x.shape[0]), np.diff(x.indptr)), gains)
        return gains, slopes, 1.0 / new_norms

    return _by_chunks(other_class_changes, task, likelihood.T, (likelihood / norms).T, changes)


def _one_class(
    task: Task, old: Floats, new: Floats, changes: Callable[[Any], tuple[Floats, ...]]
) -> Block:
    """Candidates that change one logit: `new` where they share no term, all others stay `old`."""
    from fastal._kernels_lookahead import one_class_changes

    return _by_chunks(one_class_changes, task, *_against_others(old, new, task.zero_one), changes)


def _by_chunks(
    kernel: Callable[..., None], task: Task, base: Floats, other: Floats,
    changes: Callable[[Any], tuple[Floats, ...]],
) -> Block:  # fmt: skip
    n_rows = base.shape[1]
    starts = range(0, n_rows, _ROWS_AT_ONCE)
    chunks = [_chunk(task.evaluation, first, base, other) for first in starts]

    def block(start: int, stop: int) -> Floats:
        x = task.candidates[start:stop]
        gains, slopes, shifts = (read_only(each) for each in changes(x))
        weights = task.weights[start:stop]
        # Likely classes first.
        order = read_only(np.argsort(-weights, axis=1, kind="stable"))
        weights = read_only(weights)
        indptr, terms = (read_only(each.astype(np.int64)) for each in (x.indptr, x.indices))
        out = np.zeros(stop - start)
        for first, chunk in zip(starts, chunks, strict=True):
            kernel(
                0, stop - start, weights, order, read_only(task.own[start:stop] - first), slopes,
                shifts, indptr, terms, gains, *chunk, min(_ROWS_AT_ONCE, n_rows - first),
                task.zero_one, out,
            )  # fmt: skip
        return out

    return block


def _chunk(X: Any, first: int, base: Floats, other: Floats) -> tuple[NDArray[Any], ...]:
    """Arrays of some evaluation rows as the kernels take them."""
    from fastal._kernels_lookahead import _LANES

    X = X[first : first + _ROWS_AT_ONCE].tocsc()
    held = np.flatnonzero(np.diff(X.indptr) > _FREQUENT * X.shape[0])
    column_of = np.full(X.shape[1], -1, dtype=np.int64)
    column_of[held] = np.arange(held.size)
    # A tile of rows after the other, so that what is read together lies together.
    columns = _padded(X[:, held].toarray().T, _LANES)
    columns = columns.reshape(held.size, columns.shape[1] // _LANES, _LANES).transpose(1, 0, 2)
    kept = np.repeat(column_of < 0, np.diff(X.indptr))
    starts = np.append(0, np.cumsum(np.where(column_of < 0, np.diff(X.indptr), 0)))
    own = np.s_[:, first : first + _ROWS_AT_ONCE]
    rows, values = X.indices[kept].astype(np.int32), X.data[kept].astype(np.float64)
    dense = (_padded(each, _LANES) for each in (base[own], other[own], _row_sums(X)))
    arrays = (starts, rows, values, column_of, columns, *dense)
    return tuple(read_only(each) for each in arrays)


def _against_others(old: Floats, new: Floats, zero_one: bool) -> tuple[Floats, Floats]:
    """For each class, (n_classes, n_rows): new logit minus the log-odds of all others together,
    and the loss of the others among themselves.
    """  # noqa: D205
    base, rest = np.empty(old.T.shape), np.zeros(old.T.shape)
    for y in range(old.shape[1]):
        others = np.delete(old, y, axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            base[y] = new[:, y] - logsumexp(others, axis=1)
            p = np.nan_to_num(softmax(others, axis=1))
        if zero_one:
            # The sum of all but the first, not 1 - first: that would cancel.
            p.sort(axis=1)
            rest[y] = p[:, :-1].sum(axis=1)
        else:
            rest[y] = -np.sum(p * np.log(np.where(p > 0, p, 1.0)), axis=1)
    return base, rest


def _padded(array: Floats, lanes: int) -> Floats:
    """Zeros behind the last axis, up to a multiple of the lanes."""
    more = -array.shape[-1] % lanes
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, more)])
