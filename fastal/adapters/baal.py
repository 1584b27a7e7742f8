"""The heuristics of baal 2, with fastal's scores.

Each is a subclass of baal's own and overrides what makes the scores; ``get_ranks``, ``reduction``,
``shuffle_prop`` and ``reversed`` are inherited.  Scores are float64.  Nothing here uses torch;
baal itself needs it.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from baal.active import heuristics
from baal.active.heuristics import require_single_item
from baal.utils.array_utils import to_prob
from numpy.typing import NDArray

import fastal
from fastal.adapters._baal_stochastic import GibbsSampling, PowerSampling, RankBasedSampling

__all__ = [
    "BALD",
    "BatchBALD",
    "Certainty",
    "Entropy",
    "GibbsSampling",
    "Margin",
    "PowerSampling",
    "Random",
    "RankBasedSampling",
    "Variance",
]

# How far from 1 fastal lets the probabilities of a row sum.
_TOLERANCE = 1e-3


def _probabilities(given: Any) -> NDArray[Any]:
    """Return predictions (n, n_classes, ...) as they are, or the softmax of logits."""
    predictions: NDArray[Any] = np.asarray(given)
    if predictions.size == 0:
        return predictions
    low, high = predictions.min(), predictions.max()
    if not np.isfinite(low + high):
        bad = ~np.isfinite(predictions).reshape(len(predictions), -1).all(axis=1)
        raise ValueError(f"predictions must be finite, but those of row {bad.argmax()} are not")
    # One channel holds probabilities that need not sum to 1.
    if low >= 0 and high <= 1 and predictions.shape[1] > 1:
        if np.abs(predictions.sum(axis=1, dtype=np.float64) - 1).max() <= _TOLERANCE:
            return predictions
        warnings.warn(
            "predictions lie between 0 and 1, but do not sum to 1: they are taken for logits",
            UserWarning,
            stacklevel=4,
        )
    return np.asarray(to_prob(predictions))


def _mean(predictions: Any) -> NDArray[Any]:
    """Return the mean over the iterations, if there are some."""
    array: NDArray[Any] = np.asarray(predictions)
    return np.asarray(array.mean(-1)) if array.ndim >= 3 else array


def _members(predictions: Any) -> NDArray[Any]:
    """Return probabilities, the iterations in front and the classes last."""
    if np.ndim(predictions) < 3:
        raise ValueError(
            "predictions must have shape (n, n_classes, ..., n_iterations), "
            f"got {np.shape(predictions)}"
        )
    return np.moveaxis(_probabilities(predictions), (-1, 1), (0, -1))


def _flat(proba: NDArray[Any]) -> NDArray[Any]:
    """Return probabilities (n, n_classes, ...) as a table of one row for each item."""
    return np.moveaxis(proba, 1, -1).reshape(-1, proba.shape[1])


def _shape(proba: NDArray[Any]) -> tuple[int, ...]:
    return proba.shape[:1] + proba.shape[2:]


class BALD(heuristics.BALD):
    """Mutual information of label and model, highest first.

    As ``baal.active.heuristics.BALD``, by `fastal.kl_to_consensus`, which is the same number.

    Parameters
    ----------
    shuffle_prop, reduction
        As in baal.

    Notes
    -----
    Probabilities that sum to 1 within 0.001 are taken as they are (baal takes the softmax of all
    if one sum is more than 1e-5 off); other numbers between 0 and 1 are taken for logits, as in
    baal, but with a warning.  Numbers that are not finite are an error; baal puts such rows last.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.baal import BALD
    >>> predictions = np.array([[[1.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]])
    >>> BALD().get_ranks(predictions)
    (array([1, 0]), array([0.        , 0.69314718]))
    """

    @require_single_item
    def compute_score(self, predictions: Any, target_predictions: Any = None) -> NDArray[Any]:
        """Score each item.

        Parameters
        ----------
        predictions : array-like of shape (n, n_classes, ..., n_iterations)
            Probabilities or logits; finite.
        target_predictions : ignored

        Returns
        -------
        scores : ndarray of shape (n, ...), float64

        Raises
        ------
        ValueError
            If predictions have fewer dimensions or are not finite.
        """
        members = _members(predictions)
        if members.shape[-1] == 1:
            return np.asarray(super().compute_score(predictions))
        flat = members.reshape(len(members), -1, members.shape[-1])
        return fastal.kl_to_consensus(flat).reshape(members.shape[1:-1])


class BatchBALD(heuristics.BatchBALD):
    """Rows whose labels, taken together, tell most about the model.

    As ``baal.active.heuristics.BatchBALD``, by `fastal.batch_bald`: exact while the picks can be
    labelled in at most num_draw ways, then estimated from that many configurations.  Ranks are
    the order picked; baal orders its picks by another number, and picks one more.

    Parameters
    ----------
    num_samples : int
        How many rows to pick.
    num_draw : int, default 500
        The paper suggests 40,000 divided by the number of classes.
    shuffle_prop, reduction
        As in baal.
    random_state : None, int, RandomState or Generator, default None
        For `fastal.batch_bald`; baal draws from torch's global state.

    Examples
    --------
    Rows 0 and 1 split the members in the same way, row 2 in another:

    >>> import numpy as np
    >>> from fastal.adapters.baal import BatchBALD
    >>> first = np.array([[1, 1, 1], [1, 1, 0], [0, 0, 1], [0, 0, 0.0]])
    >>> predictions = np.stack([first.T, 1 - first.T], axis=1)
    >>> BatchBALD(num_samples=2)(predictions)[:2]
    array([0, 2])
    """

    def __init__(
        self,
        num_samples: int,
        num_draw: int = 500,
        shuffle_prop: Any = heuristics.DEPRECATED,
        reduction: Any = "none",
        random_state: Any = None,
    ) -> None:
        super().__init__(num_samples, num_draw, shuffle_prop, reduction)
        self.random_state = random_state

    def _pick(self, predictions: Any) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        members = _members(predictions)
        if members.ndim != 3:
            raise ValueError(
                "BatchBALD only works on classification: predictions must have shape "
                f"(n, n_classes, n_iterations), got {np.shape(predictions)}"
            )
        rows, information = fastal.batch_bald(
            members, self.num_samples, self.random_state, max_configurations=self.num_draw
        )
        scores = np.zeros(members.shape[1])
        scores[rows] = np.diff(information, prepend=0.0)
        return rows, scores

    @require_single_item
    def compute_score(self, predictions: Any, target_predictions: Any = None) -> NDArray[Any]:
        """Return what each pick adds to the joint information, and 0 for all other rows.

        Parameters
        ----------
        predictions : array-like of shape (n, n_classes, n_iterations)
            Probabilities or logits; finite.
        target_predictions : ignored

        Returns
        -------
        scores : ndarray of shape (n,), float64

        Raises
        ------
        ValueError
            For another shape or numbers that are not finite.
        """
        return self._pick(predictions)[1]

    def get_ranks(
        self, predictions: Any, target_predictions: Any = None
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        """Return the picks in their order and then all other rows, and the scores.

        Parameters and errors are those of `compute_score`.
        """
        rows, scores = self._pick(predictions)
        order = np.zeros(len(scores))
        order[rows] = np.arange(rows.size, 0, -1)
        return self.reorder_indices(order), scores


class Entropy(heuristics.Entropy):
    """Entropy of the mean prediction, highest first.

    As ``baal.active.heuristics.Entropy``, by `fastal.entropy`.  Parameters and differences are
    those of `BALD`; predictions may also be (n, n_classes).

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.baal import Entropy
    >>> Entropy()(np.array([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3]]))
    array([1, 2, 0])
    """

    @require_single_item
    def compute_score(self, predictions: Any, target_predictions: Any = None) -> NDArray[Any]:
        """Score each item, as `BALD.compute_score`."""
        proba = _probabilities(_mean(predictions))
        return fastal.entropy(_flat(proba)).reshape(_shape(proba))


class Margin(heuristics.Margin):
    """Difference of the two highest probabilities of the mean prediction, lowest first.

    As ``baal.active.heuristics.Margin``, by `fastal.distance_to_boundary`.  Parameters and
    differences are those of `BALD`; predictions may also be (n, n_classes).

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.baal import Margin
    >>> Margin()(np.array([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3]]))
    array([1, 2, 0])
    """

    @require_single_item
    def compute_score(self, predictions: Any, target_predictions: Any = None) -> NDArray[Any]:
        """Score each item, as `BALD.compute_score`."""
        proba = _probabilities(_mean(predictions))
        if proba.shape[1] < 2:
            raise ValueError(f"a margin needs two classes, got predictions of {proba.shape}")
        return -fastal.distance_to_boundary(_flat(proba)).reshape(_shape(proba))


class Certainty(heuristics.Certainty):
    """Highest probability of the mean prediction, lowest first.

    As ``baal.active.heuristics.Certainty``, by `fastal.least_confidence`.  Parameters and
    differences are those of `BALD`; predictions may also be (n, n_classes).  Logits become
    probabilities first; baal takes the largest logit.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.baal import Certainty
    >>> Certainty()(np.array([[0.9, 0.1], [0.5, 0.5], [0.7, 0.3]]))
    array([1, 2, 0])
    """

    @require_single_item
    def compute_score(self, predictions: Any, target_predictions: Any = None) -> NDArray[Any]:
        """Score each item, as `BALD.compute_score`."""
        proba = _probabilities(_mean(predictions))
        return 1 - fastal.least_confidence(_flat(proba)).reshape(_shape(proba))


class Variance(heuristics.Variance):
    """Variance over the iterations, highest first: baal's own, so that one import is enough.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.baal import Variance
    >>> Variance()(np.array([[[1.0, 1.0], [0.0, 0.0]], [[1.0, 0.0], [0.0, 1.0]]]))
    array([1, 0])
    """


class Random(heuristics.Random):
    """Rows at random: baal's own, so that one import is enough.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.baal import Random
    >>> Random(seed=0)(np.zeros((3, 2, 5)))
    array([0, 2, 1])
    """
