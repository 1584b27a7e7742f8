"""fastal behind scikit-activeml: its query strategies, faster, and on sparse rows.

Change ``from skactiveml.pool import UncertaintySampling`` to
``from fastal.adapters.skactiveml import UncertaintySampling``, and so on; everything else stays.
For sparse rows take `SklearnClassifier` from here as well: theirs refuses them.
"""

from __future__ import annotations

from fastal.adapters import (
    _skactiveml_classifier,
    _skactiveml_committee,
    _skactiveml_features,
    _skactiveml_gradients,
    _skactiveml_lookahead,
    _skactiveml_model,
)
from fastal.adapters._skactiveml_classifier import *  # noqa: F403
from fastal.adapters._skactiveml_committee import *  # noqa: F403
from fastal.adapters._skactiveml_features import *  # noqa: F403
from fastal.adapters._skactiveml_gradients import *  # noqa: F403
from fastal.adapters._skactiveml_lookahead import *  # noqa: F403
from fastal.adapters._skactiveml_model import *  # noqa: F403

__all__ = [
    *_skactiveml_classifier.__all__,
    *_skactiveml_committee.__all__,
    *_skactiveml_features.__all__,
    *_skactiveml_gradients.__all__,
    *_skactiveml_lookahead.__all__,
    *_skactiveml_model.__all__,
]
