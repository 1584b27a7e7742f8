"""cardinal's samplers by class probabilities: see `fastal.adapters.cardinal`."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fastal


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Silence the warning with which cardinal looks at versions."""
    # cardinal compares versions by a part of distutils that is to go.
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "distutils Version", DeprecationWarning)
        yield


with quietly():
    from cardinal import uncertainty


def _scores(classifier: Any, X: Any, score: str) -> NDArray[np.float64]:
    of_proba: Callable[[Any], NDArray[np.float64]] = getattr(fastal, score)
    if isinstance(classifier, str):
        return of_proba(X)
    if hasattr(classifier, "classes_") and hasattr(classifier, "predict_proba"):
        return fastal.score_pool(classifier, X, score)
    # Keras: predict gives probabilities, and perhaps those of one of two classes only.
    predict = getattr(classifier, "predict_proba", None) or classifier.predict
    proba = np.asarray(predict(X))
    if proba.ndim == 2 and proba.shape[1] == 1:
        proba = np.hstack([1 - proba, proba])
    return of_proba(proba)


class ConfidenceSampler(uncertainty.ConfidenceSampler):
    """Rows whose most probable class is the least probable.

    As ``cardinal.uncertainty.ConfidenceSampler``, with `fastal.least_confidence`; a fitted
    classifier of scikit-learn and its rows, sparse or dense, are read in one pass, without an
    array of probabilities (`fastal.score_pool`).

    Parameters
    ----------
    classifier : classifier or "precomputed"
        With ``fit`` and ``predict_proba``; "precomputed" means that rows are probabilities.
    batch_size : int
        How many rows to select.
    strategy : {"top", "weighted"}, default "top"
        The highest scores, or a draw in proportion to them from NumPy's global state.
    assume_fitted : bool, default False
        Whether ``fit`` leaves the classifier alone.
    verbose : int, default 0
        Not used.

    Notes
    -----
    A row of probabilities that does not sum to 1 is an error here; cardinal scores it as it is,
    and one with NaN is selected first.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.cardinal import ConfidenceSampler
    >>> proba = np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4]])
    >>> ConfidenceSampler("precomputed", batch_size=2).select_samples(proba)
    array([2, 1])
    """

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return a score for each row, higher = more informative.

        Parameters
        ----------
        X : array-like or sparse matrix (n_samples, n_features)
            What the classifier takes, or probabilities (n_samples, n_classes).

        Returns
        -------
        scores : ndarray of shape (n_samples,), float64

        Raises
        ------
        ValueError
            If a row of probabilities is no distribution, or as `fastal.score_pool`.
        """
        return _scores(self.classifier_, X, "least_confidence")


class MarginSampler(uncertainty.MarginSampler):
    """Rows whose two most probable classes are nearly as probable.

    As ``cardinal.uncertainty.MarginSampler``, with `fastal.margin`.  Parameters and differences
    are those of `ConfidenceSampler`; a single column of probabilities of one class scores 0 (with
    "precomputed" cardinal fails).

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.naive_bayes import MultinomialNB
    >>> from fastal.adapters.cardinal import MarginSampler
    >>> sampler = MarginSampler(MultinomialNB(), batch_size=2)
    >>> sampler.fit([[2, 0], [0, 2]], [0, 1]).select_samples(np.array([[3, 0], [2, 2], [2, 1]]))
    array([2, 1])
    """

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return a score for each row, as `ConfidenceSampler.score_samples`."""
        return _scores(self.classifier_, X, "margin")


class EntropySampler(uncertainty.EntropySampler):
    """Rows whose class probabilities have the highest entropy.

    As ``cardinal.uncertainty.EntropySampler``, with `fastal.entropy`.  Parameters and differences
    are those of `ConfidenceSampler`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.cardinal import EntropySampler
    >>> proba = np.array([[0.9, 0.1], [0.5, 0.5], [0.6, 0.4]])
    >>> EntropySampler("precomputed", batch_size=2).score_samples(proba).round(2)
    array([0.33, 0.69, 0.67])
    """

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Return a score for each row, as `ConfidenceSampler.score_samples`."""
        return _scores(self.classifier_, X, "entropy")
