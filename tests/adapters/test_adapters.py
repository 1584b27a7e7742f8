"""What all adapters have in common."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import re
from pathlib import Path

import pytest
from conftest import LIBRARIES, library

ROOT = Path(__file__).resolve().parents[2]
ADAPTERS = ROOT / "fastal" / "adapters"


def test_every_module_has_a_library_and_a_page():
    modules = {path.stem for path in ADAPTERS.glob("*.py") if not path.stem.startswith("_")}
    assert modules == set(LIBRARIES)
    assert {path.stem for path in (ROOT / "docs").glob("adapter-*.md")} == {
        f"adapter-{name.replace('_', '-')}" for name in LIBRARIES
    }


@pytest.mark.parametrize("path", sorted(ADAPTERS.glob("*.py")), ids=lambda path: path.name)
def test_adapters_use_public_names_only(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fastal"):
            within = node.module.startswith("fastal.adapters")
            assert within or not re.search(r"\._", node.module), node.module
            assert within or not any(alias.name.startswith("_") for alias in node.names)


@pytest.mark.parametrize("name", LIBRARIES)
def test_public_names_have_full_docstrings_that_run(name):
    library(name)
    adapter = importlib.import_module(f"fastal.adapters.{name}")
    for public in adapter.__all__:
        docstring = inspect.getdoc(getattr(adapter, public)) or ""
        assert "Examples\n--------" in docstring, public
    sources = {
        adapter,
        *(inspect.getmodule(getattr(adapter, public)) for public in adapter.__all__),
    }
    options = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS
    for module in sources:
        if module.__name__.startswith("fastal.adapters"):
            assert doctest.testmod(module, optionflags=options).failed == 0


@pytest.mark.parametrize("name", LIBRARIES)
def test_code_in_the_page_runs(name, tmp_path, monkeypatch):
    library(name)
    page = ROOT / "docs" / f"adapter-{name.replace('_', '-')}.md"
    blocks = re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.M | re.S)
    assert blocks
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {}
    for block in blocks:
        exec(compile(block, page.name, "exec"), namespace)
