"""ALiPy's query strategies, computed by fastal.

The classes bear ALiPy's names and take its arguments.  `ToolBox` and `AlExperiment` are ALiPy's
own, except that the names of strategies given to them mean those of this module.
"""

from __future__ import annotations

from typing import Any

from alipy import ToolBox as TheirToolBox
from alipy.experiment import AlExperiment as TheirExperiment

from fastal.adapters._alipy_models import (
    QueryExpectedErrorReduction,
    QueryInstanceQBC,
    QueryInstanceUncertainty,
)
from fastal.adapters._alipy_pools import QueryInstanceCoresetGreedy, QueryInstanceDensityWeighted

__all__ = [
    "AlExperiment",
    "QueryExpectedErrorReduction",
    "QueryInstanceCoresetGreedy",
    "QueryInstanceDensityWeighted",
    "QueryInstanceQBC",
    "QueryInstanceUncertainty",
    "ToolBox",
]


_OURS = {
    each.__name__: each
    for each in (
        QueryExpectedErrorReduction,
        QueryInstanceCoresetGreedy,
        QueryInstanceDensityWeighted,
        QueryInstanceQBC,
        QueryInstanceUncertainty,
    )
}


class ToolBox(TheirToolBox):
    """ALiPy's tool box; `get_query_strategy` gives the strategies of this module.

    Parameters
    ----------
    y, X, instance_indexes, query_type, saving_path, **kwargs
        As of ``alipy.ToolBox``.

    Examples
    --------
    >>> from fastal.adapters.alipy import ToolBox
    >>> box = ToolBox(X=[[0.0], [1.0], [0.4]], y=[0, 1, 0])
    >>> strategy = box.get_query_strategy("QueryInstanceUncertainty", measure="margin")
    >>> strategy.select([0, 1], [2])
    array([2])
    """

    def get_query_strategy(self, strategy_name: str = "QueryInstanceRandom", **kwargs: Any) -> Any:
        """Return a strategy of this module, or ALiPy's own where there is none of that name."""
        if strategy_name in _OURS:
            return _OURS[strategy_name](X=self._X, y=self._y, **kwargs)
        return super().get_query_strategy(strategy_name, **kwargs)


class AlExperiment(TheirExperiment):
    """ALiPy's experiment; names of strategies mean those of this module.

    Parameters
    ----------
    X, y, model, performance_metric, stopping_criteria, stopping_value, batch_size, **kwargs
        As of ``alipy.experiment.AlExperiment``.

    Examples
    --------
    >>> from fastal.adapters.alipy import AlExperiment
    >>> experiment = AlExperiment([[0.0], [1.0], [0.4]], [0, 1, 0])
    >>> experiment.set_query_strategy("QueryInstanceUncertainty", measure="margin")
    """

    def set_query_strategy(
        self, strategy: Any = "QueryInstanceUncertainty", **kwargs: Any
    ) -> None:
        """Set the strategy, by name or as a class, which is made of X, y and kwargs.

        A name's strategy gets the experiment's model; a class is called without it, here as in
        ALiPy, and fits its default model.
        """
        super().set_query_strategy(strategy, **kwargs)
        if isinstance(strategy, str) and strategy in _OURS:
            self._query_function = _OURS[strategy](self._X, self._y, **kwargs)
