"""apricot's selectors for facility location and feature-based functions, with fastal's search.

Both are subclasses of apricot's: whatever is not exact greedy selection (other optimizers, costs,
streams, concave functions of your own) is done by apricot itself, as before.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from apricot import FacilityLocationSelection as _TheirFacilityLocation
from apricot import FeatureBasedSelection as _TheirFeatureBased
from apricot.optimizers import LazyGreedy, NaiveGreedy, TwoStageGreedy
from apricot.utils import _calculate_pairwise_distances
from tqdm import tqdm

from fastal import facility_location, feature_based

__all__ = ["FacilityLocationSelection", "FeatureBasedSelection"]

_GREEDY = ("naive", "lazy", "two-stage")
_CURVES = {"sqrt": "sqrt", np.sqrt: "sqrt", "log": "log", np.log1p: "log", "sigmoid": "sigmoid"}


def _is_greedy(optimizer: Any, options: Any) -> bool:
    """Whether it takes the row of the largest gain at every step."""
    if isinstance(optimizer, str):
        halves = (options.get(half, "lazy") for half in ("optimizer1", "optimizer2"))
        return optimizer in _GREEDY and (
            optimizer != "two-stage" or all(_is_greedy(half, {}) for half in halves)
        )
    if type(optimizer) is TwoStageGreedy:
        return all(_is_greedy(half, {}) for half in (optimizer.optimizer1, optimizer.optimizer2))
    return type(optimizer) in (NaiveGreedy, LazyGreedy)


class _Selection:
    """What both selectors share: apricot's checks and attributes around a greedy search."""

    def fit(
        self: Any, X: Any, y: Any = None, sample_weight: Any = None, sample_cost: Any = None
    ) -> Any:
        """Select rows.

        Parameters
        ----------
        X : sparse matrix or array-like of shape (n_samples, n_features) or, if precomputed, square
        y, sample_weight : ignored
        sample_cost : array-like of shape (n_samples,), optional
            If given, apricot does the work.

        Returns
        -------
        self
        """
        if sample_cost is not None or not self._is_ours():
            # apricot would take `subset` from the rows of an earlier fit.
            self._X = self.sparse = None
            return super().fit(X, y, sample_weight, sample_cost)  # type: ignore[misc]
        X = sp.csr_matrix(X) if sp.issparse(X) else np.asarray(X)
        if X.ndim != 2:
            raise ValueError(f"X must have exactly two dimensions, got the shape {X.shape}.")
        initial = self._initial_rows(X.shape[0])
        if self.n_samples + len(initial) > X.shape[0]:
            raise ValueError(
                f"n_samples must leave room for an initial_subset of {len(initial)} rows among "
                f"the {X.shape[0]} of X, got {self.n_samples}."
            )
        self._keep(X, initial, *self._select(X, initial))
        return self

    def _initial_rows(self: Any, n_rows: int) -> Any:
        """Rows of X that are selected from the start."""
        subset = self.initial_subset
        if subset is None or subset.ndim == 2 or subset.size == 0:
            return np.empty(0, dtype=np.int64)
        rows = np.flatnonzero(subset) if subset.dtype == bool else np.unique(subset)
        if rows.size and not 0 <= rows[0] <= rows[-1] < n_rows:
            raise ValueError(f"initial_subset must lie in 0..{n_rows - 1}, got {subset}.")
        return rows

    def _keep(self: Any, X: Any, initial: Any, ranking: Any, gains: Any) -> None:
        """Set the attributes that a fit of apricot's leaves behind."""
        self._X, self.sparse = X, sp.issparse(X)
        self.ranking, self.gains = ranking, gains
        self.mask = np.zeros(X.shape[0], dtype="int8")
        self.mask[initial] = 1
        self.mask[ranking] = 1
        self.idxs = np.flatnonzero(self.mask == 0)
        # A matrix of similarities holds no examples.
        picked = X[ranking[:0] if self.metric == "precomputed" else ranking]
        self.subset = (picked.toarray() if self.sparse else picked).astype(np.float64)
        if self.verbose:
            with tqdm(total=self.n_samples, unit_scale=True) as self.pbar:
                self.pbar.update(len(ranking))


class FacilityLocationSelection(_Selection, _TheirFacilityLocation):
    """Select rows that stand for all: ``apricot.FacilityLocationSelection`` by fastal.

    'euclidean', 'cosine' and 'corr' need no matrix of all pairs, and the first two take sparse
    features.  With other metrics, with `n_neighbors` and for 'precomputed' the similarities are
    those that apricot computes, or yours.

    Parameters
    ----------
    n_samples : int
        How many rows to select.
    metric : str, default 'euclidean'
        As in apricot: the similarity is the largest squared distance minus the squared distance,
        the squared cosine, the squared correlation, or the largest distance minus the distance.
    initial_subset : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows, that are selected from the start.
    optimizer : str or optimizer, default 'lazy'
        'naive', 'lazy' and 'two-stage' are one and the same search here.  All others, and
        selections with `sample_cost`, are done by apricot, with its limits.
    optimizer_kwds, n_neighbors, reservoir, max_reservoir_size, n_jobs, random_state, verbose
        As in apricot.

    Attributes
    ----------
    ranking, gains : ndarray of shape (n_samples,)
        The rows in the order selected, and what each adds.
    subset : ndarray of shape (n_samples, n_features)
        The selected rows, dense; of no rows if X is precomputed.

    Raises
    ------
    ValueError
        As apricot's, or if X is not finite.

    Notes
    -----
    Equal gains go to the lowest row.  So they do in apricot's 'naive', but not in its 'lazy'.

    Examples
    --------
    >>> from fastal.adapters.apricot import FacilityLocationSelection
    >>> X = [[0.0], [1.0], [5.0], [5.0]]
    >>> selector = FacilityLocationSelection(2, metric="euclidean").fit(X)
    >>> selector.ranking, selector.gains
    (array([1, 2]), array([67., 32.]))
    """

    def _is_ours(self) -> bool:
        return _is_greedy(self.optimizer, self.optimizer_kwds)

    def _select(self, X: Any, initial: Any) -> Any:
        if self.initial_subset is not None and self.initial_subset.ndim != 1:
            raise ValueError(
                "initial_subset must be a one dimensional array of indices for facility location, "
                f"got {self.initial_subset.ndim} dimensions."
            )
        # apricot replaces "corr" in "correlation" as well.
        metric = self.metric.replace("correlationelation", "correlation")
        if self.n_neighbors is None and metric == "euclidean":
            return facility_location(X, self.n_samples, initial, "euclidean")
        if self.n_neighbors is None and metric in ("cosine", "correlation"):
            if metric == "correlation":
                X = _centred(X)
            X = _like_themselves(X)
            return facility_location(X, self.n_samples, initial, "squared_cosine")
        S = _calculate_pairwise_distances(X, metric=metric, n_neighbors=self.n_neighbors)
        if S.shape[0] != S.shape[1]:
            raise ValueError(f"X must be square if it is precomputed, got the shape {S.shape}.")
        if S.min() < 0 < S.max():
            raise ValueError("X must not hold negative similarities beside positive ones.")
        return facility_location(S, self.n_samples, initial, "precomputed")


def _centred(X: Any) -> Any:
    """Rows whose cosines are the correlations of those of X; a constant row is all zeros."""
    if sp.issparse(X):
        raise ValueError("X must be dense for the metric 'correlation', got a sparse matrix.")
    X = np.asarray(X, dtype=np.float64)
    return np.where(np.ptp(X, axis=1, keepdims=True), X - X.mean(axis=1, keepdims=True), 0.0)


def _like_themselves(X: Any) -> Any:
    """Give each row of zeros a feature of its own: in apricot it is similar to itself only."""
    zeros = np.flatnonzero(np.asarray((X != 0).sum(axis=1)).ravel() == 0)
    if not zeros.size:
        return X
    own = sp.csr_matrix(
        (np.ones(zeros.size), (zeros, np.arange(zeros.size))), (X.shape[0], zeros.size)
    )
    return sp.hstack([sp.csr_matrix(X), own], format="csr")


class FeatureBasedSelection(_Selection, _TheirFeatureBased):
    """Select rows that are rich in many features: ``apricot.FeatureBasedSelection`` by fastal.

    Parameters
    ----------
    n_samples : int
        How many rows to select.
    concave_func : {'sqrt', 'log', 'sigmoid'} or callable, default 'sqrt'
        As in apricot, which does the work for callables other than ``numpy.sqrt`` and
        ``numpy.log1p``.
    initial_subset : array-like, optional
        Row numbers of X, a mask over its rows, or other rows (two-dimensional), that are selected
        from the start.
    optimizer : str or optimizer, default 'two-stage'
        'naive', 'lazy' and 'two-stage' are one and the same search here.  All others, and
        selections with `sample_cost`, are done by apricot, with its limits.
    optimizer_kwds, reservoir, max_reservoir_size, n_jobs, random_state, verbose
        As in apricot.

    Attributes
    ----------
    ranking, gains : ndarray of shape (n_samples,)
        The rows in the order selected, and what each adds.
    subset : ndarray of shape (n_samples, n_features)
        The selected rows, dense.

    Raises
    ------
    ValueError
        As apricot's, or if X is not finite or negative anywhere.

    Notes
    -----
    Equal gains go to the lowest row.  So they do in apricot's 'naive', but not in its 'lazy'.

    Examples
    --------
    >>> from fastal.adapters.apricot import FeatureBasedSelection
    >>> X = [[4.0, 0.0], [4.0, 0.0], [0.0, 1.0]]
    >>> selector = FeatureBasedSelection(2, concave_func="sqrt").fit(X)
    >>> selector.ranking, selector.gains
    (array([0, 2]), array([2., 1.]))
    """

    def _is_ours(self) -> bool:
        greedy = _is_greedy(self.optimizer, self.optimizer_kwds)
        return greedy and self.concave_func_name in _CURVES

    def _select(self, X: Any, initial: Any) -> Any:
        curve: Any = _CURVES[self.concave_func_name]
        known = initial
        if self.initial_subset is not None and self.initial_subset.ndim == 2:
            known = X.shape[0] + np.arange(len(self.initial_subset))
            both = [sp.csr_matrix(X), sp.csr_matrix(self.initial_subset)]
            X = sp.vstack(both, format="csr")
        return feature_based(X, self.n_samples, known, curve)
