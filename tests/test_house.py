"""The house rules that a script can check."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastal
from fastal import _reference

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "fastal"
SUBJECTS = [
    "uncertainty",
    "model_change",
    "committee",
    "batch_committee",
    "contrast",
    "diversity",
    "coverage",
    "representation",
    "batches",
    "typical",
    "herding",
    "proba_batches",
    "selection",
    "pool",
    "lookahead",
]
KERNEL_FILES = sorted(PACKAGE.glob("_kernels*.py"))
NAMES = sorted(
    name for subject in SUBJECTS for name in importlib.import_module(f"fastal.{subject}").__all__
)

# Their public function is NumPy around the kernel of another name; nothing else loops over rows.
KERNEL_OF = {
    "cluster_margin": "distances_above_csr",
    "discriminative": "decisions_csr_one",
    "distance_to_boundary": "softmax_scores",
    "epsilon_greedy": "top_k",
    "expected_gradient_length": "softmax_gradient",
    "information_density": "unit_row_sum",
    "expected_error_reduction": "one_class_changes",
    "k_center_greedy": "k_center_greedy_csr",
    "kmeans_plusplus": "kmeans_plusplus_csr",
    "max_herding": "facility_location",
    "mean_similarity": "unit_row_sum",
    "robust_k_center": "next_pick",
    "purity_radius": "distances_above_csr",
    "query_pool": "softmax_scores",
    "score_pool": "softmax_scores",
    "uncertainty_herding": "facility_location",
    "stochastic_batch": "top_k",
}

# Refits models by scikit-learn, and loops over nothing else.
WITHOUT_KERNEL = {"expected_model_change"}


def _functions(path: Path) -> dict[str, ast.FunctionDef]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}


KERNELS = {name: node for path in KERNEL_FILES for name, node in _functions(path).items()}


def test_every_scoring_name_is_public():
    assert set(NAMES) <= set(fastal.__all__)
    assert len(NAMES) == 38


@pytest.mark.parametrize("name", NAMES)
def test_public_name_has_kernel_reference_test_and_benchmark(name):
    public = getattr(fastal, name)
    assert (KERNEL_OF.get(name, name) in KERNELS) != (name in WITHOUT_KERNEL)
    twin = getattr(_reference, name)
    assert list(inspect.signature(twin).parameters) == list(inspect.signature(public).parameters)
    tests = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "tests").glob("test_*.py")
    )
    assert re.search(rf"def test_{name}_|\"{name}\"|fastal\.{name}\(", tests)
    class_name = name.replace("_", "")
    benchmarks = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "benchmarks").glob("bench_*.py")
    )
    assert f"class {class_name}(" in benchmarks.lower()


@pytest.mark.parametrize("name", fastal.__all__)
def test_public_name_has_a_full_docstring(name):
    docstring = inspect.getdoc(getattr(fastal, name))
    assert docstring
    assert "Examples\n--------" in docstring
    assert "Parameters\n----------" in docstring


@pytest.mark.parametrize("name", sorted(KERNELS))
def test_kernels_are_compiled_by_the_one_decorator(name):
    decorators = [node.id for node in KERNELS[name].decorator_list]
    assert decorators in (["njit"], ["njit_borrow"], ["njit_reorder"])


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: path.name)
def test_nobody_bypasses_the_rules(path):
    text = path.read_text(encoding="utf-8")
    if path.name != "_jit.py":
        assert not re.search(r"^\s*(import|from) numba", text, re.MULTILINE)
    banned = r"parallel=|prange|guvectorize|jitclass|numba\.extending|\bexec\(|\beval\("
    assert not re.search(banned, text)
    assert not re.search(r"np\.random\.(seed|rand|randn|choice|shuffle|permutation)\(", text)
    if not path.name.startswith("_reference"):
        assert "_reference" not in re.sub(r'""".*?"""', "", text, flags=re.DOTALL)
    assert len(text.splitlines()) <= 400


def test_unpickling_happens_nowhere():
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"pickle\.loads?\(|joblib\.load\(|allow_pickle=True", text), path


def _run(code: str) -> str:
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    return result.stdout.strip()


def test_import_is_light():
    code = (
        "import sys, fastal;"
        "print([m for m in ('numba', 'sklearn', 'matplotlib', 'pandas') if m in sys.modules])"
    )
    assert _run(code) == "[]"


def test_scoring_needs_no_scikit_learn():
    code = (
        "import sys, fastal; fastal.top_k(fastal.entropy([[0.5, 0.5]]), 1);"
        "print('sklearn' in sys.modules)"
    )
    assert _run(code) == "False"


def test_names_loaded_on_first_use():
    assert set(fastal.__all__) <= set(dir(fastal))
    assert fastal.ActiveLearner.__module__ == "fastal.learner"
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        fastal.nothing  # noqa: B018


def test_the_version_is_in_the_changelog():
    assert f"## {fastal.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
