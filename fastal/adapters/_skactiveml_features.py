"""Strategies of scikit-activeml that look at the rows alone: k-center greedy and TypiClust."""

from __future__ import annotations

import warnings
from copy import deepcopy
from inspect import signature
from typing import Any

import numpy as np
import skactiveml.pool as theirs
from numpy.typing import NDArray
from scipy import sparse
from skactiveml.utils import check_scalar, is_labeled, rand_argmax
from sklearn.metrics import pairwise_distances_argmin_min
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.extmath import row_norms

from fastal import k_center_greedy
from fastal.adapters._skactiveml_base import SparsePoolQueryStrategy

__all__ = ["CoreSet", "TypiClust"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

# Distances that differ by less than this share may change places by rounding.
_NEARLY_EQUAL = 1e-5
# Distances below this share of the longest row are mostly rounding in |x|^2 - 2xy + |y|^2.
_NEXT_TO_NOTHING = 1e-3


class CoreSet(SparsePoolQueryStrategy, theirs.CoreSet):
    """k-center greedy (core-set): each pick is the row farthest from all labelled and picked ones.

    Takes the place of `skactiveml.pool.CoreSet`, with the same arguments, picks and utilities;
    samples and candidates may be sparse.

    Parameters
    ----------
    metric : str or callable, default 'euclidean'
        As for `sklearn.metrics.pairwise_distances_argmin_min`.  Euclidean and cosine distances
        are the fast ones.
    metric_dict : dict, optional
        Further arguments of the metric.
    missing_label : scalar, str, np.nan or None, default np.nan
    random_state : None, int or RandomState
        Draws the first row if none is labelled, and among rows at equal distances.

    Notes
    -----
    Without ``return_utilities`` the picks come from two runs of `fastal.k_center_greedy` whose
    weights favour early and late rows by next to nothing: where they agree, no two distances were
    equal up to rounding, so that nothing is left to chance.  Otherwise, and for utilities,
    distances to each pick are computed by scikit-learn as scikit-activeml does.

    Two results differ, both with candidates at distance 0: scikit-activeml forgets all earlier
    rows once the distances sum to zero, and returns row 0 once all candidates are labelled or
    picked.  Here the former stay known, and the batch ends, with a warning.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.skactiveml import CoreSet
    >>> X = np.array([[0.0], [1.0], [5.0], [9.0]])
    >>> y = np.array([0, np.nan, np.nan, np.nan])
    >>> CoreSet(random_state=0).query(X, y, batch_size=2)
    array([3, 2])
    """

    def query(
        self,
        X: Any,
        y: Any,
        candidates: Any = None,
        batch_size: int = 1,
        return_utilities: bool = False,
    ) -> Any:
        """Pick rows to label.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels, `missing_label` where there is none.
        candidates : array-like of int, or rows of shape (n_candidates, n_features), optional
            Row numbers of X, or rows dense or sparse.  All rows without a label by default.
        batch_size : int, default 1
        return_utilities : bool, default False

        Returns
        -------
        query_indices : ndarray of shape (batch_size,), int64
            Row numbers of X, or of the candidates if these are rows.
        utilities : ndarray of shape (batch_size, n_samples or n_candidates)
            Only with ``return_utilities=True``: before each pick, the distances to the nearest
            labelled or picked row; NaN for rows that cannot be picked.

        Raises
        ------
        ValueError, TypeError
            As `skactiveml.pool.CoreSet`.

        Examples
        --------
        See the class.
        """
        X, y, candidates, batch_size, return_utilities = self._validate_data(
            X, y, candidates, batch_size, return_utilities, reset=True
        )
        X_cand, mapping = self._transform_candidates(candidates, X, y)
        centers = np.flatnonzero(is_labeled(y, missing_label=self.missing_label_))
        if mapping is None:
            n_out = X_cand.shape[0]
            left = np.arange(n_out)
            X, centers = stack(X_cand, X[centers]), n_out + np.arange(centers.size)
        else:
            n_out = X.shape[0]
            left = np.setdiff1d(mapping, centers)
        batch_size = limited(batch_size, left.size)
        first = left[:0]
        if centers.size == 0 and batch_size:
            # All are as good as each other.
            line = np.where(np.isin(np.arange(n_out), left), 0.0, np.nan)
            first = rand_argmax(line, random_state=self.random_state_)
        task = (X, centers, left, first, batch_size, n_out)
        if return_utilities:
            return self._one_by_one(*task)
        rows = self._certain(*task)
        return self._one_by_one(*task)[0] if rows is None else rows

    def _certain(
        self, X: Any, centers: Rows, left: Rows, first: Rows, batch_size: int, n_out: int
    ) -> Rows | None:
        """Return the picks, or None if chance or rounding has a say in them."""
        n_picks = batch_size - first.size
        if n_picks == 0:
            return first
        if self.metric not in ("euclidean", "cosine") or self.metric_dict:
            return None
        norms = row_norms(X)
        if self.metric == "cosine" and not norms.all():
            # Rows of zeros: at distance 1 from each other for scikit-learn, at 0 for fastal.
            return None
        centers, rows = np.concatenate([centers, first]), np.arange(X.shape[0])
        left = np.setdiff1d(left, first)
        if left.size + centers.size < rows.size:
            rows = np.concatenate([left, centers])
            X, centers = X[rows], np.arange(left.size, rows.size)
        tilt = 1.0 + _NEARLY_EQUAL * np.arange(rows.size) / rows.size
        picks, radii = k_center_greedy(X, n_picks, centers, self.metric, sample_weight=tilt)
        again, _ = k_center_greedy(X, n_picks, centers, self.metric, sample_weight=tilt[::-1])
        scale = norms.max() if self.metric == "euclidean" else 1.0
        # The radius before the last pick is that pick's distance.
        if radii[-2:][0] <= _NEXT_TO_NOTHING * scale or not np.array_equal(picks, again):
            return None
        if self.random_state_ is np.random.mtrand._rand:
            # Who draws next from NumPy's global state finds the numbers that they would find.
            self.random_state_.random_sample((n_picks, n_out))
        return np.concatenate([first, rows[picks]])

    def _one_by_one(
        self, X: Any, centers: Rows, left: Rows, first: Rows, batch_size: int, n_out: int
    ) -> tuple[Rows, Floats]:
        """Pick by scikit-learn's distances and scikit-activeml's draws among equals."""
        utilities = np.full((batch_size, n_out), np.nan)
        rows = np.zeros(batch_size, dtype=np.int64)
        rows[: first.size] = first
        utilities[: first.size, left] = 0.0
        X_left, nearest = X[left], np.full(left.size, np.inf)
        for i in range(first.size, batch_size):
            _, distances = pairwise_distances_argmin_min(
                X_left,
                X[rows[i - 1 : i] if i else centers],
                metric=self.metric,
                metric_kwargs=self.metric_dict or {},
            )
            nearest = np.minimum(nearest, distances)
            utilities[i, left] = nearest
            utilities[i, rows[:i]] = np.nan
            rows[i] = rand_argmax(utilities[i], random_state=self.random_state_)[0]
        return rows, utilities


class TypiClust(SparsePoolQueryStrategy, theirs.TypiClust):
    """Typical rows of clusters without a label (TypiClust).

    Takes the place of `skactiveml.pool.TypiClust`, with the same arguments, clusters, picks and
    utilities; samples may be sparse.

    Parameters
    ----------
    missing_label : scalar, str, np.nan or None, default np.nan
    random_state : None, int or RandomState
    cluster_algo : class, default sklearn.cluster.KMeans
        For sparse samples it must take such.
    cluster_algo_dict : dict, optional
        Its arguments, without the number of clusters.
    n_cluster_param_name : str, default 'n_clusters'
        The name of that argument.
    k : int, default 5
        Nearest neighbours that make a row typical.

    Notes
    -----
    Nearly all the time goes into ``cluster_algo``, so that this class is as fast as
    scikit-activeml's; `fastal.typiclust` is faster, with clusters of its own.

    Results differ where no cluster without labels is left, or none of its rows is a candidate:
    scikit-activeml may pick a row twice, or raises UnboundLocalError; here one of the other
    candidates is drawn.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.skactiveml import TypiClust
    >>> X = np.array([[0.0], [0.1], [5.0], [5.1], [5.3]])
    >>> y = np.array([0, np.nan, np.nan, np.nan, np.nan])
    >>> TypiClust(random_state=0).query(X, y)
    array([3])
    """

    def query(
        self,
        X: Any,
        y: Any,
        candidates: Any = None,
        batch_size: int = 1,
        return_utilities: bool = False,
    ) -> Any:
        """Pick rows to label.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels, `missing_label` where there is none.
        candidates : array-like of int, optional
            Row numbers of X.  All rows without a label by default.
        batch_size : int, default 1
        return_utilities : bool, default False

        Returns
        -------
        query_indices : ndarray of shape (batch_size,), int64
            Row numbers of X.
        utilities : ndarray of shape (batch_size, n_samples)
            Only with ``return_utilities=True``: how typical each row of the cluster is, -inf for
            candidates outside of it, NaN for rows that cannot be picked.

        Raises
        ------
        ValueError, TypeError
            As `skactiveml.pool.TypiClust`.
        """
        X, y, candidates, batch_size, return_utilities = self._validate_data(
            X, y, candidates, batch_size, return_utilities, reset=True
        )
        _, mapping = self._transform_candidates(candidates, X, y, enforce_mapping=True)
        check_scalar(self.k, "k", target_type=int, min_val=1)
        labeled = np.flatnonzero(is_labeled(y, missing_label=self.missing_label_))
        clusters = self._clusters(X, labeled.size + batch_size)
        sizes = np.bincount(clusters, minlength=labeled.size + batch_size).astype(np.float64)
        sizes[clusters[labeled]] = 0
        utilities = np.full((batch_size, X.shape[0]), np.nan)
        rows = np.zeros(batch_size, dtype=np.int64)
        for i in range(batch_size):
            values = np.ones(X.shape[0])
            if sizes.any():
                cluster = rand_argmax(sizes, random_state=self.random_state_)[0]
                values = _typicality(X, np.flatnonzero(clusters == cluster), self.k)
                sizes[cluster] = 0
            values[rows[:i]] = np.nan
            utilities[i, mapping] = values[mapping]
            rows[i] = mapping[rand_argmax(values[mapping], random_state=self.random_state_)[0]]
        return (rows, utilities) if return_utilities else rows

    def _clusters(self, X: Any, n_clusters: int) -> Rows:
        """Number the clusters of all rows."""
        if not isinstance(self.cluster_algo_dict, dict | None):
            raise TypeError(
                "cluster_algo_dict must be a dict of arguments of cluster_algo or None, got "
                f"{self.cluster_algo_dict!r}"
            )
        if not isinstance(self.n_cluster_param_name, str):
            raise TypeError(
                f"n_cluster_param_name must be a string, got {self.n_cluster_param_name!r}"
            )
        options = {**(self.cluster_algo_dict or {}), self.n_cluster_param_name: n_clusters}
        takes_seed = "random_state" in signature(self.cluster_algo.__init__).parameters
        if self.random_state is not None and takes_seed:
            options.setdefault("random_state", deepcopy(self.random_state))
        return np.asarray(self.cluster_algo(**options).fit_predict(X))


def _typicality(X: Any, rows: Rows, k: int) -> Floats:
    """1 / the mean distance to the nearest rows of the same cluster; -inf outside of it."""
    values = np.full(X.shape[0], -np.inf)
    if rows.size == 1:
        values[rows] = 1.0
        return values
    k = min(rows.size - 1, k)
    neighbors = NearestNeighbors(n_neighbors=k + 1).fit(X[rows])
    distances, _ = neighbors.kneighbors(X[rows])
    values[rows] = 1.0 / ((1.0 / k) * (distances.sum(axis=1) + 1e-7))
    return values


def stack(first: Any, second: Any) -> Any:
    if sparse.issparse(first) or sparse.issparse(second):
        return sparse.csr_matrix(sparse.vstack([first, second]))
    return np.concatenate([first, second])


def limited(batch_size: int, n_candidates: int) -> int:
    """As many as there are candidates without a label."""
    if batch_size > n_candidates:
        warnings.warn(
            f"'batch_size={batch_size}' is larger than number of candidates without a label. "
            f"Instead, 'batch_size={n_candidates}' was set.",
            stacklevel=3,
        )
    return min(batch_size, n_candidates)
