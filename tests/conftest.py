"""Shared makers of nasty input, and the one place where tolerances live."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

NO_JIT = os.environ.get("NUMBA_DISABLE_JIT") == "1"

# Compiled arithmetic wraps and divides by zero in silence; the same lines run as Python, for the
# coverage of the kernels, use NumPy scalars, which warn.
compiled_only = pytest.mark.skipif(NO_JIT, reason="takes minutes as plain Python")

# Modules of fastal.adapters, and what each of them needs.
LIBRARIES = {
    "alipy": "alipy",
    "apricot": "apricot",
    "asreview": "asreview",
    "baal": "baal",
    "cardinal": "cardinal",
    "libact": "libact",
    "modal": "modAL",
    "skactiveml": "skactiveml",
    "small_text": "small_text",
}
# Too large or impossible to install beside the others: may be absent where those must be there.
HARD_TO_INSTALL = {"baal", "libact"}


def library(name):
    """Import the library of an adapter; skips without it, but not where CI tests the adapters."""
    if os.environ.get("FASTAL_ADAPTERS") == "required" and name not in HARD_TO_INSTALL:
        return importlib.import_module(LIBRARIES[name])
    return pytest.importorskip(LIBRARIES[name], exc_type=ImportError)


def pytest_configure(config):
    if NO_JIT:
        config.addinivalue_line("filterwarnings", "ignore:.* encountered in scalar:RuntimeWarning")


def assert_scores_equal(actual, expected, dtype=np.float64):
    """Equal up to rounding; zeros to 1e-12 (float64) because sums of them cancel."""
    assert isinstance(actual, np.ndarray)
    assert actual.dtype == np.float64
    rtol, atol = (1e-10, 1e-12) if dtype == np.float64 else (1e-5, 1e-6)
    np.testing.assert_allclose(actual, expected, rtol=rtol, atol=atol)


def nasty_probas() -> dict[str, np.ndarray]:
    """Probability arrays that have broken other libraries, by what is nasty about them."""
    rng = np.random.default_rng(0)
    plain = rng.dirichlet(np.full(5, 0.3), 40)
    read_only = plain.copy()
    read_only.flags.writeable = False
    spaced = np.zeros((80, 10))
    spaced[::2, ::2] = plain
    return {
        "plain": plain,
        "one row": plain[:1],
        "one class": np.ones((7, 1)),
        "two classes": rng.dirichlet(np.ones(2), 33),
        "many classes": rng.dirichlet(np.full(700, 0.05), 5),
        "more classes than a block": rng.dirichlet(np.full(1500, 0.05), 3),
        "no rows": np.empty((0, 4)),
        "one-hot rows": np.eye(4)[[0, 3, 1, 1]],
        "uniform rows": np.full((3, 6), 1 / 6),
        "ties": np.array([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4], [1 / 3, 1 / 3, 1 / 3]]),
        "duplicates": np.repeat(plain[:2], 5, axis=0),
        "denormals": np.array([[1.0, 5e-324, 1e-310], [0.5, 0.5, 2e-308]]),
        "negative zeros": np.array([[-0.0, 1.0], [0.5, 0.5]]),
        "float32": plain.astype(np.float32),
        "float16": np.array([[0.5, 0.25, 0.25]], dtype=np.float16),
        "integers": np.array([[0, 1], [1, 0]]),
        "Fortran order": np.asfortranarray(plain),
        "non-contiguous": spaced[::2, ::2],
        "read-only": read_only,
        "big-endian": plain.astype(">f8"),
        "sums a little off": plain * (1 + 5e-4),
    }


def random_csr(rng, n_rows=60, n_features=40, density=0.1, dtype=np.float64) -> sp.csr_matrix:
    """Rows with empty ones, duplicates and both signs."""
    X = sp.random(n_rows, n_features, density, format="csr", random_state=rng, dtype=np.float64)
    X.data -= 0.3
    rows = np.arange(n_rows)
    twins = min(5, n_rows - n_rows // 2)
    rows[n_rows // 2 : n_rows // 2 + twins] = rows[:twins]
    return sp.csr_matrix(X[rows], dtype=dtype)


@pytest.fixture(scope="session")
def real_tfidf():
    """TF-IDF rows of one of the real data sets; skips where the folder is absent."""

    def load(name: str, n_rows: int) -> sp.csr_matrix:
        path = REAL_DATA / f"{name}.parquet"
        if not path.exists():
            pytest.skip(f"{path.name} is not on this machine")
        parquet = pytest.importorskip("pyarrow.parquet")
        from sklearn.feature_extraction.text import TfidfVectorizer

        texts = parquet.read_table(path, columns=["text"])["text"].to_pylist()[:n_rows]
        return TfidfVectorizer().fit_transform(texts)

    return load
