"""baal's three ways to draw a batch: see `fastal.adapters.baal`."""

from __future__ import annotations

from typing import Any

import numpy as np
from baal.active.heuristics import stochastics
from numpy.typing import NDArray


class _Stochastic:
    """What baal's three ways to draw a batch have in common."""

    _bh: Any

    def get_scores(self, predictions: Any) -> NDArray[Any]:
        """Return the scores of the heuristic, higher = more uncertain.

        Parameters
        ----------
        predictions : as the heuristic takes them

        Returns
        -------
        scores : ndarray of shape (n,)
        """
        scores = np.asarray(super().get_scores(predictions))  # type: ignore[misc]
        # Margins and certainties: the lowest are the most uncertain, and none is above 1.
        return scores if self._bh.reversed else 1 - scores

    def get_ranks(
        self, predictions: Any, target_predictions: Any = None
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Draw query_size rows from NumPy's global state.

        Parameters
        ----------
        predictions : as the heuristic takes them
        target_predictions : ignored
            ``ActiveLearningLoop`` passes it.

        Returns
        -------
        rows : ndarray of shape (query_size,)
        distribution : ndarray of shape (n,)
        """
        return super().get_ranks(predictions)  # type: ignore[misc,no-any-return]


class PowerSampling(_Stochastic, stochastics.PowerSampling):
    """A draw in proportion to powers of the scores.

    As ``baal.active.heuristics.stochastics.PowerSampling``, and the same rows; of a heuristic that
    ranks the lowest first (`Margin`, `Certainty`) the scores are turned round, which baal leaves
    out, so that it prefers the most certain rows.

    Parameters
    ----------
    base_heuristic : heuristic
        Its scores must not be negative, or lie between 0 and 1 if it ranks the lowest first.
    query_size, temperature
        As in baal.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.baal import Margin, PowerSampling
    >>> sampler = PowerSampling(Margin(), query_size=1)
    >>> sampler.get_ranks(np.array([[1.0, 0.0], [0.5, 0.5]]))
    (array([1]), array([0., 1.]))
    """


class GibbsSampling(_Stochastic, stochastics.GibbsSampling):
    """A draw in proportion to the exponentials of the scores.

    As ``baal.active.heuristics.stochastics.GibbsSampling``; parameters and the difference are
    those of `PowerSampling`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.baal import GibbsSampling, Margin
    >>> sampler = GibbsSampling(Margin(), query_size=1, temperature=0.5)
    >>> sampler.get_ranks(np.array([[1.0, 0.0], [0.5, 0.5]]))[1].round(2)
    array([0.12, 0.88])
    """


class RankBasedSampling(_Stochastic, stochastics.RankBasedSampling):
    """A draw in proportion to powers of the ranks of the scores.

    As ``baal.active.heuristics.stochastics.RankBasedSampling``; parameters and the difference are
    those of `PowerSampling`.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.baal import Margin, RankBasedSampling
    >>> sampler = RankBasedSampling(Margin(), query_size=1)
    >>> sampler.get_ranks(np.array([[1.0, 0.0], [0.5, 0.5]]))[1].round(2)
    array([0.33, 0.67])
    """
