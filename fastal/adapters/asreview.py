"""Queriers for ASReview 3: ``asreview simulate DATASET -q fastal-max``, and so on.

Installing fastal registers them (``[project.entry-points."asreview.models.queriers"]``), so that
nothing needs to be imported.  In Python they have the names of ASReview's own:
``from fastal.adapters.asreview import Max``.

An ASReview querier sees one number for each record and returns all of them in order.  That order
is a full, stable sort, as ASReview's own: `fastal.top_k`, made for the few best rows, is slower
when asked for all.  What is mended and faster are the two queriers that mix two orders.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from asreview.models.mixin import QueryMixin
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state

from fastal import distance_to_boundary

__all__ = ["HybridMaxRandom", "HybridMaxUncertainty", "Max", "Random", "Uncertainty"]


def _numbers(p: ArrayLike) -> NDArray[Any]:
    """Return p as floats, each as precise as it came: rounding decides ties."""
    values = np.asarray(p)
    if values.dtype.kind not in "biuf":
        raise TypeError(
            f"p must hold probabilities or decision values, got {type(p).__name__} of "
            f"{values.dtype}; a querier that needs them needs a classifier as well"
        )
    if values.ndim != 1:
        raise ValueError(
            "p must hold one number for each record, as predict_proba(X)[:, 1] does; "
            f"got shape {values.shape}"
        )
    values = values if values.dtype.kind == "f" else values.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(values))
    if bad.size:
        raise ValueError(f"p must be finite, but record {bad[0]} is not ({bad.size} in all)")
    return values


def _best_first(scores: NDArray[Any]) -> NDArray[np.int64]:
    return np.argsort(-scores, kind="stable")


class Max(QueryMixin, BaseEstimator):
    """Likeliest records first: ``-q fastal-max``.

    The order of ``asreview.models.queriers.Max``, also among equal numbers (first come, first
    served).  A NaN is an error here; there it comes last.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.asreview import Max
    >>> Max().query(np.array([0.1, 0.9, 0.5, 0.9]))
    array([1, 3, 2, 0])
    """

    name = "fastal-max"
    label = "Maximum (fastal)"

    def query(self, p: ArrayLike) -> NDArray[np.int64]:
        """Rank the records.

        Parameters
        ----------
        p : array-like of shape (n_records,)
            Probabilities or decision values of the relevant class; finite.

        Returns
        -------
        order : ndarray of shape (n_records,), int64
            All record numbers, the first to be read first.

        Raises
        ------
        ValueError
            If p is not one-dimensional or not finite.
        TypeError
            If p holds no real numbers.
        """
        return _best_first(_numbers(p))


class Uncertainty(QueryMixin, BaseEstimator):
    """Records nearest to the boundary first: ``-q fastal-uncertainty``.

    The order of ``asreview.models.queriers.Uncertainty``, by `fastal.distance_to_boundary`.

    Parameters
    ----------
    u : float, optional
        The boundary; by default 0.5, or 0 if proba is false.
    proba : bool, default True
        Whether p holds probabilities.  ASReview sets it for a classifier that has decision
        values only.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.asreview import Uncertainty
    >>> Uncertainty().query(np.array([0.1, 0.9, 0.5, 0.7]))
    array([2, 3, 0, 1])
    """

    name = "fastal-uncertainty"
    label = "Uncertainty (fastal)"

    def __init__(self, u: float | None = None, proba: bool = True) -> None:
        self.u = u
        self.proba = proba

    def query(self, p: ArrayLike) -> NDArray[np.int64]:
        """Rank the records, as `Max.query`."""
        boundary = (0.5 if self.proba else 0) if self.u is None else self.u
        return _best_first(distance_to_boundary(_numbers(p) - boundary))


class Random(QueryMixin, BaseEstimator):
    """Records in random order: ``-q fastal-random``.

    The order of ``asreview.models.queriers.Random`` for every random_state; p may also be a
    sparse matrix of features, as ASReview hands over if there is no classifier.

    Parameters
    ----------
    random_state : None, int or RandomState, default None
        None is NumPy's global state, which ``asreview simulate --seed`` seeds.

    Examples
    --------
    >>> from fastal.adapters.asreview import Random
    >>> Random(random_state=0).query([0.1, 0.9, 0.5])
    array([2, 1, 0])
    """

    name = "fastal-random"
    label = "Random (fastal)"

    def __init__(self, random_state: Any = None) -> None:
        self.random_state = random_state

    def query(self, p: Any) -> NDArray[np.int64]:
        """Rank the records.

        Parameters
        ----------
        p : array-like or sparse matrix of n_records rows
            Only its length matters.

        Returns
        -------
        order : ndarray of shape (n_records,), int64
            All record numbers.
        """
        n = p.shape[0] if hasattr(p, "shape") else len(p)
        return np.asarray(check_random_state(self.random_state).permutation(n))


class _Mixed(QueryMixin, BaseEstimator):
    """Two orders mixed at random."""

    probability: float
    random_state: Any

    def _generator(self) -> Any:
        """Return a generator that goes on where it stopped, also for an int."""
        if not isinstance(self.random_state, (int, np.integer)):
            # Not kept: a copy of the querier would hold a copy of NumPy's global generator.
            return check_random_state(self.random_state)
        seed, generator = getattr(self, "_seeded", (None, None))
        if generator is None or seed != self.random_state:
            generator = check_random_state(self.random_state)
            self._seeded = (self.random_state, generator)
        return generator

    def _mix(
        self, first: NDArray[np.int64], second: NDArray[np.int64], rng: np.random.RandomState
    ) -> NDArray[np.int64]:
        """Take the next of the first order with the probability, else the next of the second."""
        if not 0 <= self.probability <= 1:
            raise ValueError(f"probability must lie between 0 and 1, got {self.probability}")
        n, n_first, n_second = first.size, 0, 0
        drawn = [np.empty(0, dtype=bool)]
        # As many draws as are needed in any case, so that the generator gives what it gives
        # ASReview, which draws until one of the orders is at its end.
        while n_first < n and n_second < n:
            drawn.append(rng.rand(n - max(n_first, n_second)) < self.probability)
            n_taken = np.count_nonzero(drawn[-1])
            n_first, n_second = n_first + n_taken, n_second + drawn[-1].size - n_taken
        from_first = np.concatenate(drawn)
        mixed = np.empty(from_first.size, dtype=np.int64)
        mixed[from_first], mixed[~from_first] = first[:n_first], second[:n_second]
        # The earlier of two places is written last.
        place = np.empty(n, dtype=np.int64)
        place[mixed[::-1]] = np.arange(mixed.size)[::-1]
        return mixed[np.sort(place)]


class HybridMaxUncertainty(_Mixed):
    """Likeliest records, mixed with uncertain ones: ``-q fastal-max-uncertainty``.

    Equal to ``asreview.models.queriers.HybridMaxUncertainty`` for a RandomState or None, except
    where that is at fault: proba is true by default here (there it is None, and the "uncertain"
    records are those of the lowest probability), and an int seeds one generator for the life of
    the querier (there it seeds each single draw, so that all are equal and nothing is mixed).

    Parameters
    ----------
    probability : float, default 0.95
        How often the next record is the likeliest.
    u, proba
        As for `Uncertainty`.
    random_state : None, int or RandomState, default None
        None is NumPy's global state, which ``asreview simulate --seed`` seeds.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.asreview import HybridMaxUncertainty
    >>> querier = HybridMaxUncertainty(probability=0.5, random_state=0)
    >>> querier.query(np.array([0.1, 0.9, 0.5, 0.7]))
    array([2, 3, 0, 1])
    """

    name = "fastal-max-uncertainty"
    label = "Mixed (95% Maximum and 5% Uncertainty, fastal)"

    def __init__(
        self,
        probability: float = 0.95,
        u: float | None = None,
        proba: bool = True,
        random_state: Any = None,
    ) -> None:
        self.probability = probability
        self.u = u
        self.proba = proba
        self.random_state = random_state

    def query(self, p: ArrayLike) -> NDArray[np.int64]:
        """Rank the records, as `Max.query`; ValueError also for a wrong probability."""
        uncertain = Uncertainty(u=self.u, proba=self.proba).query(p)
        return self._mix(Max().query(p), uncertain, self._generator())


class HybridMaxRandom(_Mixed):
    """Likeliest records, mixed with random ones: ``-q fastal-max-random``.

    Equal to ``asreview.models.queriers.HybridMaxRandom`` for a RandomState or None; an int seeds
    one generator for the life of the querier (there each single draw, see
    `HybridMaxUncertainty`).

    Parameters
    ----------
    probability : float, default 0.95
        How often the next record is the likeliest.
    random_state : None, int or RandomState, default None
        None is NumPy's global state, which ``asreview simulate --seed`` seeds.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.asreview import HybridMaxRandom
    >>> querier = HybridMaxRandom(probability=0.5, random_state=0)
    >>> querier.query(np.array([0.1, 0.9, 0.5, 0.7]))
    array([2, 3, 1, 0])
    """

    name = "fastal-max-random"
    label = "Mixed (95% Maximum and 5% Random, fastal)"

    def __init__(self, probability: float = 0.95, random_state: Any = None) -> None:
        self.probability = probability
        self.random_state = random_state

    def query(self, p: ArrayLike) -> NDArray[np.int64]:
        """Rank the records, as `Max.query`; ValueError also for a wrong probability."""
        likeliest, rng = Max().query(p), self._generator()
        return self._mix(likeliest, np.asarray(rng.permutation(likeliest.size)), rng)
