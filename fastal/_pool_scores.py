"""Scores of a pool from a fitted model, block by block: nothing of size rows x classes is kept.

Of a linear model and rows of features, threads make one block after the other: decision values,
probabilities, scores.  Anything else is asked for the probabilities of a block of rows itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

from fastal import committee, model_change, uncertainty
from fastal._linear import (
    SOFTMAX,
    Decisions,
    Linear,
    on_columns,
    prepared,
    probabilities,
    read_linear,
)
from fastal._linear_steps import take_over
from fastal._linear_votes import Stacked, stack, take_rows, votes_of, votes_of_most
from fastal._loss import loss_of
from fastal._matrix_rows import MatrixRows, decisions_csr
from fastal._proba import class_probabilities
from fastal._rows import is_foreign, n_rows
from fastal._threads import MIN_SHARE, n_threads, over_blocks
from fastal._validation import read_only

OF_ONE_MODEL = (
    "entropy",
    "margin",
    "least_confidence",
    "distance_to_boundary",
    "expected_gradient_length",
)
# Scores that follow from the decision values, not from probabilities.
_OF_DECISIONS = ("distance_to_boundary", "expected_gradient_length")
OF_COMMITTEE = (
    "vote_entropy",
    "consensus_entropy",
    "kl_to_consensus",
    "max_kl_to_consensus",
    "variation_ratio",
)

# What gets scores of consecutive rows: called with share, first row, scores.
Receive = Callable[[int, int, NDArray[np.float64]], None]

# Decision values made at once, and entries read for them: as many as stay in a cache.  The block
# of a committee is larger: its weights, more than its rows, should be read as rarely as possible.
_BLOCK = 2**17
_COMMITTEE_BLOCK = 2**20
_ENTRIES = 2**20
# Probabilities and rows that other models are asked for at once.
_OTHER_BLOCK = 2**20
_OTHER_ROWS = 16384


class PoolScorer:
    """Score rows by a fitted model.

    Parameters
    ----------
    estimator : fitted classifier, pipeline or `fastal.Committee`
    score : str
        One of `OF_ONE_MODEL`; of a committee also one of `OF_COMMITTEE`.
    name : str
        What errors call the rows.
    """

    def __init__(self, estimator: Any, score: str, name: str = "X_pool") -> None:
        self.score = score
        self.name = name
        self.steps, self.model = _split(estimator)
        # Steps that the weights do as well; the model itself still needs them.
        self.taken_over: Any = None
        self.is_committee = hasattr(self.model, "members_")
        self.loss = loss_of(self.model) if score == "expected_gradient_length" else None
        own = self.is_committee and not type(self.model).__module__.startswith("fastal.")
        self.linear = None if own or _was_fitted_by_name(estimator) else self._read()
        # The length of a row is that of the row which the classifier itself gets.
        if self.linear and self.steps and not self.is_committee and self.loss is None:
            folded = take_over(self.steps, self.linear[0])
            if folded is not None:
                self.steps, self.taken_over, self.linear = None, self.steps, [folded]
        self._as_read = self.linear
        self._checked = False
        self._prepared: bool | None = None
        self._stacked: Stacked | None = None

    def _read(self) -> list[Linear] | None:
        """Members of the committee, or the one model; None if one is not known to be linear."""
        members = self.model.members_ if self.is_committee else [self.model]
        proba = self.score not in _OF_DECISIONS
        if self.is_committee and not proba:
            return None
        read = [read_linear(member, proba) for member in members]
        linear = [model for model in read if model is not None]
        alike = {(model.n_features, model.threshold) for model in linear}
        if len(linear) < len(members) or len(alike) > 1:
            return None
        if self.score == "vote_entropy" and not all(model.votes for model in linear):
            return None
        return linear

    @property
    def takes_whole(self) -> bool:
        """Whether a sparse or dense matrix of any size may be handed over in one piece."""
        return self.linear is not None and not self.steps

    def rows_at_once(self) -> int:
        """How many rows at most to hand over at once, where not all."""
        n_members = len(self.model.members_) if self.is_committee else 1
        n_classes = len(getattr(self.model, "classes_", ())) * n_members
        return max(256, min(_OTHER_ROWS, _OTHER_BLOCK // max(1, n_classes)))

    def __call__(self, X: Any, receive: Receive) -> None:
        """Score the rows of X and hand the scores over, in blocks."""
        if self.steps:
            X = self.steps.transform(X)
        if self.linear is None or not (sp.issparse(X) or isinstance(X, np.ndarray)):
            receive(0, 0, self._ask(X))
            return
        rows = MatrixRows(X, self.linear[0].n_features, self.name)
        self._prepare(rows.sparse)
        if rows.n_rows and not self._checked:
            if not self._agrees(rows):
                # A whole matrix may be too much to ask about at once.
                self.linear = None
                for start, part in parts(X, self.rows_at_once()):
                    receive(0, start, self._ask(part))
                return
            self._checked = True
        self._score_matrix(rows, receive)

    def _prepare(self, sparse: bool) -> None:
        """Bring the weights into the form for sparse or for dense rows."""
        if self._prepared == sparse:
            return
        linear = self._as_read
        assert linear is not None
        hard_votes = self.score == "vote_entropy"
        self.linear = prepared(linear, sparse, always=hard_votes)
        self._prepared = sparse
        self._stacked = stack(self.linear, self.model.classes_) if hard_votes and sparse else None

    def _score_matrix(self, rows: MatrixRows, receive: Receive) -> None:
        linear = self.linear
        assert linear is not None
        n_columns = sum(model.weights.shape[1] for model in linear)
        block = _block_rows(rows, n_columns, _COMMITTEE_BLOCK if self.is_committee else _BLOCK)

        def one_block(share: int, start: int, stop: int) -> None:
            scores = self._scores_of(rows, start, stop)
            bad = np.flatnonzero(np.isnan(scores))
            if bad.size:
                rows.explain(start + int(bad[0]))
            receive(share, start, scores)

        work = rows.n_entries * n_columns
        over_blocks(one_block, rows.n_rows, block, work // MIN_SHARE)

    def _scores_of(self, rows: MatrixRows, start: int, stop: int) -> NDArray[np.float64]:
        linear = self.linear
        assert linear is not None
        if not self.is_committee:
            if self.loss is not None:
                return self._gradient_lengths(rows, start, stop)
            (decisions,) = rows.decisions(linear, start, stop)
            return scores_of_decisions(linear[0], self.score, decisions)
        if self.score == "vote_entropy":
            return _vote_entropy(self._votes(rows, start, stop))
        probas = np.zeros((len(linear), stop - start, len(self.model.classes_)))
        for own, model, decisions in zip(
            probas, linear, rows.decisions(linear, start, stop), strict=True
        ):
            places = np.searchsorted(self.model.classes_, model.classes)
            own[:, places] = probabilities(model, decisions)
        if self.score in OF_COMMITTEE:
            return _or_nan(getattr(committee, self.score), probas)
        return _or_nan(getattr(uncertainty, self.score), _mean(probas))

    def _gradient_lengths(self, rows: MatrixRows, start: int, stop: int) -> NDArray[np.float64]:
        assert self.loss is not None
        assert self.linear is not None
        # First, while the processor fetches the rows one after the other: what reads them next,
        # with detours to the weights, finds them in the cache.
        lengths = rows.lengths(start, stop, self.loss.fit_intercept)
        (decisions,) = rows.decisions(self.linear, start, stop)
        out = model_change.gradient_lengths(decisions, lengths, self.loss.name)
        out[~np.isfinite(out)] = np.nan
        return out

    def _votes(self, rows: MatrixRows, start: int, stop: int) -> NDArray[np.int32]:
        linear = self.linear
        assert linear is not None
        if self._stacked is None:
            return votes_of(linear, self.model.classes_, rows.decisions(linear, start, stop))
        entries = rows.entries(linear[0], start, stop)
        votes, unsure = votes_of_most(self._stacked, *entries)
        if unsure.size:
            few = take_rows(unsure, *entries)
            exact = (decisions_csr(model, *few) for model in linear)
            votes[unsure] = votes_of(linear, self.model.classes_, exact)
        return votes

    def _agrees(self, rows: MatrixRows) -> bool:
        """Whether the model itself says the same of the first rows as what was read of it."""
        few = min(8, rows.n_rows)
        here = self._scores_of(rows, 0, few)
        bad = np.flatnonzero(np.isnan(here))
        if bad.size:
            rows.explain(int(bad[0]))
        model, X = self.model, rows.first(few)
        if rows.sparse and not self.taken_over:
            # Its own product would copy all weights for eight rows.
            columns = np.unique(np.append(X.indices, 0))
            narrow = on_columns(model, columns)
            model, X = (model, X) if narrow is None else (narrow, X[:, columns])
        # Single precision may be the model's own.
        return bool(np.allclose(here, self._ask(X, model), rtol=1e-4, atol=1e-5))

    def _ask(self, X: Any, model: Any = None) -> NDArray[np.float64]:
        """Scores of the rows X through the methods of the model, or of another one like it."""
        model = self.model if model is None else model
        if self.taken_over:
            X = self.taken_over.transform(X)
        if self.score in OF_COMMITTEE:
            if self.score == "vote_entropy":
                return committee.vote_entropy(model.votes(X))
            return np.asarray(getattr(committee, self.score)(model.member_probas(X)))
        if self.score == "distance_to_boundary":
            return uncertainty.distance_to_boundary(decision_values(model, X))
        if self.loss is not None:
            decisions = decision_values(model, X, self.score)
            return model_change.expected_gradient_length(decisions, X, *self.loss)
        return np.asarray(getattr(uncertainty, self.score)(class_probabilities(model, X)))


def _block_rows(rows: MatrixRows, n_columns: int, n_values: int) -> int:
    """Rows of a block: few enough for the cache, and for all threads to have some."""
    a_row = max(1, rows.n_entries // max(1, rows.n_rows))
    in_cache = min(n_values // n_columns, _ENTRIES // a_row)
    return max(256, min(in_cache, -(-rows.n_rows // (2 * n_threads()))))


def _split(estimator: Any) -> tuple[Any, Any]:
    """Return the steps before the classifier (None if there are none) and the classifier."""
    if not hasattr(estimator, "steps"):
        return None, estimator
    steps = estimator[:-1] if len(estimator.steps) > 1 else None
    return steps, estimator[-1]


def _was_fitted_by_name(estimator: Any) -> bool:
    """Whether columns have names: the classifier itself then compares them, or warns."""
    return hasattr(estimator, "feature_names_in_")


def decision_values(model: Any, X: Any, score: str = "distance_to_boundary") -> NDArray[Any]:
    """Decision values, (n_samples,) or (n_samples, n_classes); an error says what to do.

    Naive Bayes has joint log-probabilities instead: their differences are log-odds as well.
    """
    if hasattr(model, "predict_joint_log_proba"):
        if len(model.classes_) == 1:
            raise ValueError(f"{score} needs a model that knows two classes, not one")
        return np.asarray(model.predict_joint_log_proba(X), dtype=np.float64)
    if not hasattr(model, "decision_function"):
        raise TypeError(
            f"{score} needs an estimator with decision_function, but "
            f"{type(model).__name__} has none; use margin"
        )
    values = np.asarray(model.decision_function(X), dtype=np.float64)
    if values.ndim == 2 and values.shape[1] != len(model.classes_):
        raise ValueError(
            f"decision_function of {type(model).__name__} gives {values.shape[1]} values for "
            f"{len(model.classes_)} classes; for an SVC use decision_function_shape='ovr'"
        )
    return values


def scores_of_decisions(model: Linear, score: str, decisions: Decisions) -> NDArray[np.float64]:
    """One score for each row of a block of decision values; NaN where they are not finite."""
    from fastal import _kernels_linear

    code = OF_ONE_MODEL.index(score)
    if model.link == SOFTMAX or code == _kernels_linear.BOUNDARY:
        out = np.empty(len(decisions))
        _kernels_linear.softmax_scores(read_only(decisions), code, out)
        return out
    return _or_nan(getattr(uncertainty, score), probabilities(model, decisions))


def _or_nan(score: Callable[..., NDArray[np.float64]], proba: Decisions) -> NDArray[np.float64]:
    """Score probabilities, NaN where a row is none instead of an error."""
    finite = np.isfinite(proba).all(axis=-1)
    bad = np.logical_not(np.all(np.atleast_2d(finite), axis=0))
    if not bad.any():
        return score(proba)
    out = score(np.where(bad[..., np.newaxis], 1.0 / proba.shape[-1], proba))
    out[bad] = np.nan
    return out


def _mean(probas: Decisions) -> Decisions:
    return np.asarray(probas.sum(axis=0) / len(probas))


def _vote_entropy(votes: NDArray[np.int32]) -> NDArray[np.float64]:
    out = committee.vote_entropy(votes)
    out[(votes < 0).any(axis=1)] = np.nan
    return out


def parts(X: Any, n_at_once: int | None) -> Iterator[tuple[int, Any]]:
    """Split rows into parts of at most that many (None: leave them whole), with the first row."""
    n = n_rows(X, "X_pool")
    if n_at_once is None or n <= n_at_once or is_foreign(X):
        yield 0, X
        return
    for first in range(0, n, n_at_once):
        stop = first + n_at_once
        yield first, X.iloc[first:stop] if hasattr(X, "iloc") else X[first:stop]


class BlockScores:
    """Score one block of rows after the other; can be sent to another process before its first."""

    def __init__(self, estimator: Any, score: str) -> None:
        self.estimator, self.score = estimator, score
        self._scorer: PoolScorer | None = None

    def __call__(self, block: Any) -> NDArray[np.float64]:
        """Scores of the rows of the block."""
        if self._scorer is None:
            self._scorer = PoolScorer(self.estimator, self.score, "the block")
        received: dict[int, NDArray[np.float64]] = {}
        self._scorer(block, lambda share, first, scores: received.update({first: scores}))
        return np.concatenate([np.empty(0), *(received[first] for first in sorted(received))])


def check_score(estimator: Any, score: Any) -> str:
    """One of the scores that the estimator can have."""
    model = _split(estimator)[1]
    known = OF_ONE_MODEL + (OF_COMMITTEE if hasattr(model, "members_") else ())
    # An array compares with each of them by element.
    name = score if isinstance(score, str) else ""
    if name in known:
        return name
    hint = "; those of a committee need a fitted fastal.Committee" if name in OF_COMMITTEE else ""
    raise ValueError(f"score must be one of {', '.join(known)}, got {score!r}{hint}")
