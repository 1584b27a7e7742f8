"""The one place that talks to numba: every compiled function is made here."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numba

F = TypeVar("F", bound=Callable[..., Any])

# nogil: threads of the caller (and of fastal._threads) run kernels side by side.
# error_model: x / 0 is inf or nan as in NumPy, and loops with a division stay vectorisable.
_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}

# The subset of fast-math that keeps NaN and infinities exact: sums may be taken in vector order,
# a * b + c in one rounding, and the sign of a zero is free.  Results do not depend on threads, but
# they differ from a plain loop in the last bit: never used where picks are compared exactly.
_REORDER = {"reassoc", "contract", "nsz"}


def _sources_digest(folder: Path) -> str:
    """Digest of all that goes into machine code.

    numba's cache looks only at the file of the function itself: not at the files of the helpers
    that it was compiled with, and not at the options.
    """
    digest = 0
    for path in sorted([*folder.glob("_kernels*.py"), folder / "_jit.py"]):
        digest = zlib.crc32(path.read_bytes(), digest)
    return f"{digest:08x}"


_DIGEST = _sources_digest(Path(__file__).parent)


def _cache_wanted() -> bool:
    value = os.environ.get("FASTAL_NUMBA_CACHE", "1")
    if value not in ("0", "1"):
        raise ValueError(f"FASTAL_NUMBA_CACHE must be 0 or 1, got {value!r}")
    return value == "1"


def _compile(function: F, **options: Any) -> F:
    if _cache_wanted():
        # The cache is looked up under this name.
        function.__qualname__ += f"_{_DIGEST}"
        try:
            return numba.njit(cache=True, **_OPTIONS, **options)(function)  # type: ignore[no-any-return]
        except RuntimeError as error:
            # numba raises at decoration when no directory is writable (a read-only install with
            # no usable home, as in many containers).  Compiling each time is better than failing.
            if "no locator available" not in str(error):
                raise
    return numba.njit(**_OPTIONS, **options)(function)  # type: ignore[no-any-return]


def njit(function: F) -> F:
    """Compile in nopython mode, cached on disk; loops keep the order they are written in."""
    return _compile(function)


def njit_reorder(function: F) -> F:
    """Like `njit`, for sums whose last bit does not matter: they vectorise."""
    return _compile(function, fastmath=_REORDER)


def njit_borrow(function: F) -> F:
    """Like `njit`, for functions that make no array: they count no references to those they use.

    The caller holds the arrays for as long as the call takes.  Counting costs two locked
    instructions whenever a field of a named tuple or a part of an array is named, and was a good
    part of the time of the search for centres.  With an allocation inside, numba refuses to
    compile.
    """
    return _compile(function, _nrt=False)
