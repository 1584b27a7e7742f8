"""Sphinx configuration: Markdown pages, API reference from the docstrings."""

from __future__ import annotations

import fastal

project = "fastal"
author = "the fastal developers"
copyright = "2026, the fastal developers"
version = release = fastal.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.mathjax",
]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
numpydoc_show_class_members = False
autodoc_member_order = "bysource"
autodoc_typehints = "none"
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = f"fastal {version}"
