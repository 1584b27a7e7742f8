"""``python -m fastal`` is ``fastal``."""

from __future__ import annotations

import sys

from fastal.cli import main

if __name__ == "__main__":
    sys.exit(main())
