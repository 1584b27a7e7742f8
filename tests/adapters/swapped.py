"""pytest plugin: another library's tests see our strategies in place of its own.

``their_tests.py`` starts pytest with ``-p swapped`` and names the library in FASTAL_SWAP.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

_SWAP = importlib.import_module(f"swap_{os.environ['FASTAL_SWAP']}")

# The folder where the tests lie: it may have helpers that the distribution leaves out.
if hasattr(_SWAP, "before"):
    _SWAP.before(Path(os.environ["FASTAL_SWAP_SOURCE"]))

if os.environ["FASTAL_SWAP_SIDE"] == "ours":
    for _module, _name, _adapter in _SWAP.REPLACED:
        _ours = getattr(importlib.import_module(f"fastal.adapters.{_adapter}"), _name)
        _theirs = getattr(importlib.import_module(_module), _name)
        # Everyone who imported the name before sees ours as well.
        for _loaded in list(sys.modules.values()):
            if getattr(_loaded, "__name__", "").split(".")[0] != _module.split(".")[0]:
                continue
            # Where a class of theirs is defined, it calls super() by its own name.
            _home = _loaded.__name__ == _theirs.__module__ != _module
            if vars(_loaded).get(_name) is _theirs and not _home:
                setattr(_loaded, _name, _ours)
