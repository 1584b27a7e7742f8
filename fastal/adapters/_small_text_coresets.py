"""Core-sets of features."""

from __future__ import annotations

from typing import Any

import numpy as np
import small_text
from numpy.typing import NDArray
from sklearn import preprocessing
from small_text.query_strategies import lightweight_coreset as _theirs

import fastal
from fastal.adapters._small_text_features import OnFeatures, Round, arranged

_METRICS = ("cosine", "euclidean")
# More than what rounding adds to the cosine of two equal directions.
_SHRINK = 1 - 1e-12


def greedy_coreset(
    x: Any,
    indices_unlabeled: Any,
    indices_labeled: Any,
    n: int,
    distance_metric: str = "cosine",
    batch_size: int = 100,
    normalized: bool = False,
) -> NDArray[np.int64]:
    """Pick rows, each the farthest from all rows picked or labelled before.

    `small_text.greedy_coreset`, by `fastal.k_center_greedy`: the same rows in the same order where
    the unlabelled rows come first in x, and the right ones where they do not.

    Parameters
    ----------
    x : ndarray or sparse matrix of shape (n_samples, n_features)
        Rows to pick from; a sparse one stays sparse.
    indices_unlabeled, indices_labeled : array-like of int
        Row numbers of x.  Without a labelled row the first pick is the row nearest to the mean.
    n : int
        How many rows to pick, at least 1.
    distance_metric : {"cosine", "euclidean"}, default "cosine"
        Equal distances go to the row that comes first in indices_unlabeled.
    batch_size, normalized
        Have no effect: rows are not compared in batches, and cosines need no unit rows.

    Returns
    -------
    indices : ndarray of shape (n,), int64
        Row numbers of x, distinct, all of them unlabelled.

    Raises
    ------
    ValueError
        If n is below 1 or more than are unlabelled, the metric is unknown, or x is not finite.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.small_text import greedy_coreset
    >>> x = np.array([[0.0], [1.0], [5.0], [9.0]])
    >>> greedy_coreset(x, np.array([1, 2, 3]), np.array([0]), 2, distance_metric="euclidean")
    array([3, 2])
    """
    if distance_metric not in _METRICS:
        raise ValueError(
            f"Invalid distance metric: {distance_metric}. Possible values: {list(_METRICS)}"
        )
    unlabeled = np.asarray(indices_unlabeled, dtype=np.int64)
    if n > len(unlabeled):
        raise ValueError(
            f"n (n={n}) is greater the number of available samples (num_samples={len(unlabeled)})"
        )
    labeled = np.asarray(indices_labeled, dtype=np.int64)
    X, known, rows = arranged(x, unlabeled, labeled)
    metric: Any = distance_metric
    picks, _ = fastal.k_center_greedy(X, n, labeled=known, metric=metric)
    return unlabeled[np.searchsorted(rows, picks)]


class GreedyCoreset(OnFeatures, small_text.GreedyCoreset):
    """Select the rows farthest from all labelled and selected ones, one after the other.

    `small_text.GreedyCoreset`, by `fastal.k_center_greedy`: the same rows in the same order.

    Parameters
    ----------
    distance_metric : {"euclidean", "cosine"}, default "euclidean"
        As in `greedy_coreset`.
    normalize : bool, default True
        Whether rows are scaled to unit length first.
    batch_size : int, default 100
        Has no effect.

    Notes
    -----
    ``query(..., n=10, embeddings=None)``: embeddings are the rows of dataset (the original takes
    them for the unlabelled rows, then the labelled ones), sparse or dense; without them and
    without ``clf.embed()``, ``dataset.x``.  ``sample`` returns positions within indices_unlabeled.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from small_text import SklearnDataset
    >>> from fastal.adapters.small_text import GreedyCoreset
    >>> y = np.array([0, 1, 0, 0])
    >>> x = sp.csr_matrix([[1.0, 0.0], [2.0, 0.1], [1.0, 1.0], [0.0, 2.0]])
    >>> dataset = SklearnDataset(x, y, np.arange(2))
    >>> strategy = GreedyCoreset(distance_metric="cosine")
    >>> strategy.query(None, dataset, np.array([1, 2, 3]), np.array([0]), y[:1], n=2)
    array([3, 2])
    """

    def _pick(self, this: Round) -> NDArray[np.int64]:
        X = preprocessing.normalize(this.X) if self.normalize else this.X
        indices = (this.unlabeled, this.labeled)
        rows = greedy_coreset(X, *indices, this.n, distance_metric=self.distance_metric)
        return this.positions(rows)


def lightweight_coreset(
    x: Any, x_mean: Any, n: int, normalized: bool = False, proba: Any = None
) -> NDArray[Any]:
    """Draw rows, half by chance and half by their squared angle to the mean.

    `small_text.lightweight_coreset` itself, on rows that it can take: the same rows for the same
    state of ``np.random``.  Nothing of fastal's is faster here; what is new is sparse rows,
    rows of zeros, and rows that all point in one direction.

    Parameters
    ----------
    x : ndarray or sparse matrix of shape (n_samples, n_features)
        Rows to draw from.
    x_mean : ndarray of shape (n_features,)
        Their mean.
    n : int
        How many rows to draw.
    normalized : bool, default False
        Whether x and x_mean are of unit length already.
    proba : ndarray of shape (n_samples,), optional
        In place of chance.

    Returns
    -------
    indices : ndarray of shape (n,)
        Row numbers of x.

    Raises
    ------
    ValueError
        If n is larger than n_samples.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from fastal.adapters.small_text import lightweight_coreset
    >>> x = sp.csr_matrix([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    >>> sorted(lightweight_coreset(x, np.array([0.7, 0.4]), 3).tolist())
    [0, 1, 2]
    """
    mean = np.asarray(x_mean, dtype=np.float64).ravel()
    if not normalized:
        x = preprocessing.normalize(x)
        mean = preprocessing.normalize(mean[np.newaxis])[0]
    # The original takes the arccos of cosines that rounding has made larger than 1.
    return np.asarray(_theirs(x, mean * _SHRINK, n, normalized=True, proba=proba))


class LightweightCoreset(OnFeatures, small_text.LightweightCoreset):
    """Draw rows, half by chance and half by their squared angle to the mean.

    `small_text.LightweightCoreset`, over sparse rows as well: see `lightweight_coreset`.

    Parameters
    ----------
    normalize : bool, default True
        Changes nothing: the angle is that of unit rows either way.

    Notes
    -----
    As `GreedyCoreset` for embeddings.

    Examples
    --------
    >>> import numpy as np
    >>> import scipy.sparse as sp
    >>> from small_text import SklearnDataset
    >>> from fastal.adapters.small_text import LightweightCoreset
    >>> x, y = sp.eye(4, format="csr"), np.array([0, 1, 0, 0])
    >>> dataset = SklearnDataset(x, y, np.arange(2))
    >>> unlabeled = np.array([1, 2, 3])
    >>> len(LightweightCoreset().query(None, dataset, unlabeled, np.array([0]), y[:1], n=2))
    2
    """

    def _pick(self, this: Round) -> NDArray[Any]:
        X = this.X[this.unlabeled]
        return lightweight_coreset(X, X.mean(axis=0), this.n)
