"""Docstrings from the source files of installed packages, without importing any of them."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
import warnings
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

__all__ = ["labeled_docstrings"]

_MIN_CHARACTERS = 40
_MIN_PER_LABEL = 150
_OWN_NAMES = re.compile(r"\b(?:numpy|scipy|sklearn|scikit-learn|numba)\b(?:\.\w+)*", re.IGNORECASE)


@functools.lru_cache(maxsize=4)
def labeled_docstrings(
    packages: tuple[str, ...],
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Texts and labels as `fastal.datasets.load_docstrings` describes them."""
    label_of: dict[str, str] = {}
    for package in packages:
        for label, docstring in _package_docstrings(package):
            text = _OWN_NAMES.sub("[...]", docstring)
            if len(text) >= _MIN_CHARACTERS:
                label_of.setdefault(text, label)
    counts = Counter(label_of.values())
    kept = [(text, label) for text, label in label_of.items() if counts[label] >= _MIN_PER_LABEL]
    if not kept:
        raise ValueError(f"no docstrings found in the source files of {', '.join(packages)}")
    texts, labels = zip(*kept, strict=True)
    return texts, labels


def _package_docstrings(package: str) -> Iterator[tuple[str, str]]:
    """Yield (subpackage, docstring) for the source files of an installed package."""
    # For a name without a dot this only looks for the package; it does not import it.
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations if spec else None) or ():
        root = Path(folder)
        paths = {path.relative_to(root).parts: path for path in root.rglob("*.py")}
        for parts in sorted(paths):
            if len(parts) > 1 and not _is_test(parts):
                for docstring in _file_docstrings(paths[parts]):
                    yield f"{package}.{parts[0]}", docstring


def _is_test(parts: tuple[str, ...]) -> bool:
    return (
        not {"tests", "testing"}.isdisjoint(parts)
        or parts[-1].startswith("test_")
        or parts[-1] == "conftest.py"
    )


def _file_docstrings(path: Path) -> Iterator[str]:
    source = path.read_bytes()
    if b'"""' not in source and b"'''" not in source:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # other people's invalid escape sequences
            module = ast.parse(source)
    except (SyntaxError, ValueError):
        return  # a template, or a file for another Python
    for node in (module, *_definitions(module.body)):
        docstring = ast.get_docstring(node)
        if docstring:
            yield docstring


def _definitions(
    body: Sequence[ast.AST],
) -> Iterator[ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef]:
    """Classes and functions in order; statements only, which is far quicker than `ast.walk`."""
    for node in body:
        if isinstance(node, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        for field in ("body", "handlers", "orelse", "finalbody"):
            inner = getattr(node, field, None)
            # A lambda or a conditional expression has a body that is no list of statements.
            if isinstance(inner, list):
                yield from _definitions(inner)
