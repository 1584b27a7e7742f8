"""The samplers of cardinal 0.0.9, from its five modules, with fastal's scores and searches.

Each is a subclass of cardinal's own: constructor, ``fit``, order (ascending score, best last,
where there is a score) and warnings are inherited.  What cardinal leaves to scikit-learn's k-means
stays there.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

import fastal
from fastal.adapters._cardinal_uncertainty import (
    ConfidenceSampler,
    EntropySampler,
    MarginSampler,
    quietly,
)

with quietly():
    from cardinal import batch, clustering, random, zhdanov2019

__all__ = [
    "ConfidenceSampler",
    "EntropySampler",
    "KCenterGreedy",
    "KMeansSampler",
    "MarginSampler",
    "MiniBatchKMeansSampler",
    "RandomSampler",
    "RankedBatchSampler",
    "TwoStepKMeansSampler",
]


class RandomSampler(random.RandomSampler):
    """Rows at random.

    As ``cardinal.random.RandomSampler``, and the same rows for a seed; the highest of the random
    numbers are found without sorting all (`fastal.top_k`).

    Parameters
    ----------
    batch_size : int
        How many rows to select.
    random_state : None, int or RandomState, default None
        None is NumPy's global state.  It counts from ``fit`` on.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.cardinal import RandomSampler
    >>> RandomSampler(2, random_state=0).fit().select_samples(np.zeros((5, 1)))
    array([2, 1])
    """

    def select_samples(self, X: Any) -> NDArray[np.int64]:
        """Select rows.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
            Only its length matters.

        Returns
        -------
        rows : ndarray of shape (batch_size,), int64
            All rows, with a warning, if there are fewer.
        """
        if self._not_enough_samples(X):
            return np.arange(X.shape[0])
        self.sample_scores_ = self.score_samples(X)
        return fastal.top_k(self.sample_scores_, self.batch_size)[::-1]


def _pool_and_labeled(pool: Any, labeled: Any) -> tuple[Any, NDArray[np.int64]]:
    """Stack labelled rows below those of the pool; return which they are as well."""
    stacked = (
        sp.vstack([pool, labeled], format="csr")
        if sp.issparse(pool) or sp.issparse(labeled)
        else np.vstack([pool, labeled])
    )
    return stacked, np.arange(pool.shape[0], stacked.shape[0])


class KCenterGreedy(clustering.KCenterGreedy):
    """Rows each the farthest from all labelled and selected ones.

    As ``cardinal.clustering.KCenterGreedy``, with `fastal.k_center_greedy`, also for sparse
    embeddings and with nothing labelled.  Once all distances are 0 the rows left are selected in
    their order; cardinal draws them from NumPy's global state, and takes distances below 1e-8
    for 0.

    Parameters
    ----------
    embedding_fun : callable
        Makes features of rows: ``lambda X: X`` for none.
    batch_size : int
        How many rows to select.
    metric : str or callable, default "euclidean"
        "euclidean" and "cosine" are fastal's; any other metric is left to cardinal.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.cardinal import KCenterGreedy
    >>> sampler = KCenterGreedy(lambda X: X, batch_size=2).fit(np.array([[0.0]]))
    >>> sampler.select_samples(np.array([[1.0], [5.0], [9.0]]))
    array([2, 1])
    """

    def select_samples(self, X: Any, sample_weight: ArrayLike | None = None) -> NDArray[np.int64]:
        """Select rows.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
            What embedding_fun takes.
        sample_weight : ignored
            As in cardinal.

        Returns
        -------
        rows : ndarray of shape (batch_size,), int64
            In the order selected; all rows, with a warning, if there are fewer.

        Raises
        ------
        ValueError
            If the features are not finite, or as `fastal.k_center_greedy`.
        """
        if self._not_enough_samples(X) or self.metric not in ("euclidean", "cosine"):
            return np.asarray(super().select_samples(X, sample_weight))
        stacked, labeled = _pool_and_labeled(self._embedding_fun(X), self._X_centers)
        return fastal.k_center_greedy(stacked, self.batch_size, labeled, self.metric)[0]


class RankedBatchSampler(batch.RankedBatchSampler):
    """Rows that are uncertain and unlike all labelled and selected ones.

    As ``cardinal.batch.RankedBatchSampler``, with `fastal.ranked_batch`, also for sparse rows and
    with nothing labelled.  No row is selected twice; cardinal may.

    Parameters
    ----------
    batch_size : int
        How many rows to select.
    metric : str or callable, default "euclidean"
        "euclidean" is fastal's; any other metric is left to cardinal.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.cardinal import RankedBatchSampler
    >>> sampler = RankedBatchSampler(batch_size=2).fit(np.array([[0.0]]))
    >>> sampler.select_samples(np.array([[1.0], [5.0], [9.0]]), np.array([0.9, 0.1, 0.2]))
    array([2, 0])
    """

    def select_samples(self, X: Any, samples_weights: ArrayLike) -> NDArray[np.int64]:
        """Select rows.

        Parameters
        ----------
        X : array or sparse matrix of shape (n_samples, n_features)
            Finite numbers.
        samples_weights : array-like of shape (n_samples,)
            Scores of the rows, such as those of `MarginSampler`; finite.

        Returns
        -------
        rows : ndarray of shape (batch_size,), int64
            Distinct, in the order selected; all rows, with a warning, if there are fewer.

        Raises
        ------
        ValueError
            If there is not one weight for each row, or as `fastal.ranked_batch`.
        """
        if self._not_enough_samples(X) or self.metric != "euclidean":
            return np.asarray(super().select_samples(X, samples_weights))
        weights = np.asarray(samples_weights)
        if weights.shape != (X.shape[0],):
            raise ValueError(
                f"samples_weights must hold a number for each of {X.shape[0]} rows, "
                f"got shape {weights.shape}"
            )
        stacked, labeled = _pool_and_labeled(X, self.X_selected)
        # Labelled rows are never picked: their weights are not read.
        scores = np.concatenate([weights, np.zeros(labeled.size)])
        return fastal.ranked_batch(scores, stacked, self.batch_size, labeled, "euclidean")[0]


class KMeansSampler(clustering.KMeansSampler):
    """Rows near the centres of a k-means clustering, which is scikit-learn's: cardinal's own.

    It is here so that one import is enough.  `fastal.weighted_k_means` selects other rows.

    Parameters
    ----------
    batch_size : int
        How many rows to select: the number of clusters.
    **kmeans_args
        For ``sklearn.cluster.KMeans``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.cardinal import KMeansSampler
    >>> KMeansSampler(2, random_state=0).select_samples(np.array([[0.0], [1.0], [2.0], [9.0]]))
    array([1, 3])
    """

    def __init__(self, batch_size: int, **kmeans_args: Any) -> None:
        with quietly():
            super().__init__(batch_size, **kmeans_args)


class MiniBatchKMeansSampler(clustering.MiniBatchKMeansSampler):
    """Rows near the centres of a mini-batch k-means clustering: cardinal's own.

    It is here so that one import is enough.

    Parameters
    ----------
    batch_size : int
        How many rows to select: the number of clusters.
    **kmeans_args
        For ``sklearn.cluster.MiniBatchKMeans``.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.cardinal import MiniBatchKMeansSampler
    >>> sampler = MiniBatchKMeansSampler(2, random_state=0)
    >>> sampler.select_samples(np.array([[0.0], [0.0], [9.0]])).size
    2
    """

    def __init__(self, batch_size: int, **kmeans_args: Any) -> None:
        with quietly():
            super().__init__(batch_size, **kmeans_args)


class TwoStepKMeansSampler(zhdanov2019.TwoStepKMeansSampler):
    """Rows near the centres of a k-means clustering of the rows of smallest margin.

    As ``cardinal.zhdanov2019.TwoStepKMeansSampler``, with `MarginSampler` of this module for the
    first step; the second is scikit-learn's k-means.

    Parameters
    ----------
    beta : int
        How many times batch_size rows are clustered.
    classifier, batch_size, assume_fitted, verbose
        As for `MarginSampler`.
    **kmeans_args
        For ``sklearn.cluster.KMeans``.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal.adapters.cardinal import TwoStepKMeansSampler
    >>> X = np.array([[0.0], [2.1], [2.2], [2.9], [5.0]])
    >>> sampler = TwoStepKMeansSampler(2, LogisticRegression(), 2, random_state=0)
    >>> sorted(sampler.fit(X[[0, 4]], [0, 1]).select_samples(X).tolist())
    [0, 2]
    """

    def __init__(
        self,
        beta: int,
        classifier: Any,
        batch_size: int,
        assume_fitted: bool = False,
        verbose: int = 0,
        **kmeans_args: Any,
    ) -> None:
        with quietly():
            super().__init__(beta, classifier, batch_size, assume_fitted, verbose, **kmeans_args)
        self.sampler_list[0] = MarginSampler(
            classifier, beta * batch_size, assume_fitted=assume_fitted, verbose=verbose
        )
