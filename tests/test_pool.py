"""query_pool and score_pool: pools of every form, streams, threads, errors, the learner."""

from __future__ import annotations

import functools
import inspect
import multiprocessing
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import joblib
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from conftest import compiled_only, random_csr
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

import fastal
from fastal import ActiveLearner, Committee, _pool_scores, _reference, _threads, pool, strategies
from fastal._models import SparseLogisticRegression
from fastal._pool_scores import OF_COMMITTEE, OF_ONE_MODEL, PoolScorer

# What only some models have is tested in test_loss.py.
SCORES = OF_ONE_MODEL[:4]

N_FEATURES = 40


@functools.cache
def counts(n_rows=400, n_classes=3):
    """Whole numbers that every dtype holds; empty rows and duplicates."""
    X = random_csr(np.random.default_rng(0), n_rows, N_FEATURES, 0.1)
    X.data = np.ceil(5 * np.abs(X.data))
    y = np.random.default_rng(1).integers(0, n_classes, n_rows)
    assert (np.diff(X.indptr) == 0).sum() > 2
    return X, y


@functools.cache
def model_of(kind="logistic", n_classes=3):
    X, y = counts(400, n_classes)
    models = {
        "logistic": LogisticRegression(),
        "Bernoulli": BernoulliNB(binarize=1.5),
        "multinomial": MultinomialNB(),
        "SVM": LinearSVC(),
        "rest": SGDClassifier(loss="log_loss", random_state=0),
        "huber": SGDClassifier(loss="modified_huber", random_state=0),
        "sigmoid": CalibratedClassifierCV(LinearSVC(), cv=2),
        "isotonic": CalibratedClassifierCV(LinearSVC(), cv=2, method="isotonic"),
        "tree": DecisionTreeClassifier(random_state=0),
        "committee": Committee(LogisticRegression(), 3, random_state=0),
    }
    return models[kind].fit(X, y)


def arrays_of(X):
    if sp.issparse(X):
        return [X.tocsr().data, X.tocsr().indices, X.tocsr().indptr]
    return [np.asarray(X)]


# --- forms of a pool ----------------------------------------------------------------------------


def unsorted(X):
    X = X.copy()
    for row in range(X.shape[0]):
        own = slice(X.indptr[row], X.indptr[row + 1])
        X.data[own], X.indices[own] = X.data[own][::-1].copy(), X.indices[own][::-1].copy()
    X.has_sorted_indices = False
    return X


def duplicated(X):
    """Every entry as two that add up to it."""
    parts = np.repeat(X.data, 2)
    parts[::2] -= 3.0
    parts[1::2] = 3.0
    return sp.csr_matrix((parts, np.repeat(X.indices, 2), X.indptr * 2), shape=X.shape)


def spare_entries(X):
    """Arrays longer than the matrix, as after deleting rows in place."""
    longer = X.copy()
    longer.data = np.append(longer.data, [np.nan] * 5)
    longer.indices = np.append(longer.indices, [10**6] * 5).astype(longer.indices.dtype)
    return longer


def with_indices(X, dtype):
    X = X.copy()
    X.indices, X.indptr = X.indices.astype(dtype), X.indptr.astype(dtype)
    return X


def read_only(X):
    X = X.copy()
    for array in arrays_of(X):
        array.flags.writeable = False
    return X


def explicit_zeros(X):
    X = sp.csr_matrix(X + sp.csr_matrix(np.ones(X.shape)))
    X.data -= 1.0
    return X


def wide_rows(X):
    return np.repeat(X.toarray(), 2, axis=1)[:, ::2]


FORMS = {
    "as it is": lambda X: X,
    "unsorted": unsorted,
    "duplicate entries": duplicated,
    "spare entries": spare_entries,
    "int64 indices": lambda X: with_indices(X, np.int64),
    "read-only": read_only,
    "explicit zeros": explicit_zeros,
    "float32": lambda X: X.astype(np.float32),
    "int8": lambda X: X.astype(np.int8),
    "uint32": lambda X: X.astype(np.uint32),
    "CSC": sp.csc_matrix,
    "COO": sp.coo_matrix,
    "BSR": sp.bsr_matrix,
    "LIL": sp.lil_matrix,
    "csr_array": sp.csr_array,
    "coo_array": sp.coo_array,
    "dense": lambda X: X.toarray(),
    "dense, Fortran order": lambda X: np.asfortranarray(X.toarray()),
    "dense, spaced": wide_rows,
    "dense, read-only": lambda X: read_only(X.toarray()),
    "dense float32": lambda X: X.toarray().astype(np.float32),
    "dense float16": lambda X: X.toarray().astype(np.float16),
    "dense ints": lambda X: X.toarray().astype(int),
    "dense objects": lambda X: X.toarray().astype(object),
    "dense big-endian": lambda X: X.toarray().astype(">f4"),
    "list": lambda X: X.toarray().tolist(),
    "tuple": lambda X: tuple(map(tuple, X.toarray())),
}


@pytest.mark.parametrize("kind", ["logistic", "SVM", "multinomial"])
@pytest.mark.parametrize("form", FORMS)
def test_form_of_the_pool(form, kind):
    X, model = counts()[0], model_of(kind)
    given = FORMS[form](X)
    before = [array.copy() for array in arrays_of(given)]
    for score in SCORES[:: 1 if kind == "logistic" else 2]:
        expected = _reference.score_pool(model, X, score)
        scores = fastal.score_pool(model, given, score)
        np.testing.assert_allclose(scores, expected, rtol=1e-11, atol=1e-13)
        rows = fastal.query_pool(model, given, 20, score)
        np.testing.assert_array_equal(rows, fastal.top_k(scores, 20))
    for array, old in zip(arrays_of(given), before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_bool_entries_and_a_threshold():
    X, model = counts()[0] > 0, model_of("Bernoulli")
    assert X.dtype == bool
    # 1 is not above 1.5: all rows are alike.
    assert np.ptp(fastal.score_pool(model, X)) == 0
    logistic = model_of()
    np.testing.assert_allclose(
        fastal.score_pool(logistic, X),
        _reference.score_pool(logistic, X.astype(float)),
        rtol=1e-12,
    )
    np.testing.assert_allclose(
        fastal.score_pool(logistic, X.toarray()), fastal.score_pool(logistic, X), rtol=1e-12
    )


def test_sparse_float16():
    X = counts()[0]
    half = sp.csr_matrix((X.data.astype("f2"), X.indices, X.indptr), shape=X.shape)
    # scikit-learn takes it.
    expected = fastal.margin(model_of().predict_proba(half))
    np.testing.assert_allclose(fastal.score_pool(model_of(), half), expected, rtol=1e-12)


@pytest.mark.parametrize("as_array", [False, True])
def test_memory_mapped_rows(as_array, tmp_path):
    X, model = counts()[0], model_of()
    expected = fastal.score_pool(model, X)
    if as_array:
        joblib.dump(X.toarray(), tmp_path / "X.joblib")
        mapped = joblib.load(tmp_path / "X.joblib", mmap_mode="r")
        assert isinstance(mapped, np.memmap)
        np.testing.assert_array_equal(fastal.score_pool(model, mapped), expected)
        return
    joblib.dump(X, tmp_path / "X.joblib")
    mapped = joblib.load(tmp_path / "X.joblib", mmap_mode="r")
    assert isinstance(mapped.data, np.memmap)
    np.testing.assert_array_equal(fastal.score_pool(model, mapped), expected)
    parts = []
    for name, array in zip("abc", arrays_of(X), strict=True):
        part = np.memmap(tmp_path / name, dtype=array.dtype, mode="w+", shape=array.shape)
        part[:] = array
        part.flush()
        parts.append(np.memmap(tmp_path / name, dtype=array.dtype, mode="r"))
    by_hand = sp.csr_matrix(tuple(parts), shape=X.shape, copy=False)
    np.testing.assert_array_equal(fastal.score_pool(model, by_hand), expected)
    np.testing.assert_array_equal(fastal.query_pool(model, by_hand, 9), fastal.top_k(expected, 9))


@pytest.mark.parametrize("kind", ["logistic", "tree"])
def test_data_frame_with_names(kind, monkeypatch):
    monkeypatch.setattr(_pool_scores, "_OTHER_ROWS", 256)
    X, y = counts()
    frame = pd.DataFrame(X.toarray(), columns=[f"word{i}" for i in range(N_FEATURES)])
    named = type(model_of(kind))(**model_of(kind).get_params()).fit(frame, y)
    expected = _reference.score_pool(named, frame)
    np.testing.assert_allclose(fastal.score_pool(named, frame), expected, rtol=1e-12)
    with pytest.raises(ValueError, match="feature names should match"):
        fastal.score_pool(named, frame.rename(columns={"word3": "other"}))
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        fastal.score_pool(named, X)


@pytest.mark.parametrize("kind", ["logistic", "Bernoulli", "tree", "committee"])
@pytest.mark.parametrize("form", [sp.csr_matrix, np.asarray, list])
def test_no_rows_and_one_row(kind, form):
    X, model = counts()[0].toarray(), model_of(kind)
    for part in (X[:0], X[:1]):
        expected = _reference.score_pool(model, part) if len(part) else []
        given = form(part) if len(part) or form is not list else []
        np.testing.assert_allclose(
            fastal.score_pool(model, given), expected, rtol=1e-12, atol=1e-15
        )
        rows, scores = fastal.query_pool(model, given, 3, return_scores=True)
        np.testing.assert_array_equal(rows, np.arange(len(part)))
        assert (rows.dtype, scores.dtype) == (np.int64, np.float64)


def test_weights_of_zero_and_huge_weights():
    X = counts()[0]
    model = LogisticRegression().fit(*counts())
    model.coef_[:] = 0.0
    model.intercept_[:] = 0.0
    np.testing.assert_allclose(fastal.score_pool(model, X, "entropy"), np.log(3), rtol=1e-15)
    np.testing.assert_array_equal(fastal.query_pool(model, X, 5), np.arange(5))
    model.coef_[0] = 1e300
    scores = fastal.score_pool(model, X, "entropy")
    empty = np.diff(X.indptr) == 0
    np.testing.assert_allclose(scores[~empty], 0.0, atol=1e-15)
    model.coef_[0] = 1e308
    with pytest.raises(ValueError, match=r"decision values for row .* are not finite"):
        fastal.score_pool(model, X, "entropy")


@compiled_only
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("form", [sp.csr_matrix, lambda X: X.toarray()])
def test_equal_rows_score_equally_wherever_they_stand(form, n_classes):
    X, model = counts(400, n_classes)[0], model_of("logistic", n_classes)
    which = np.random.default_rng(0).integers(0, 30, 70_001)
    many = form(X[which])
    for score in SCORES:
        few = fastal.score_pool(model, form(X[:30]), score)
        np.testing.assert_array_equal(fastal.score_pool(model, many, score), few[which])


# --- what is wrong with a pool ------------------------------------------------------------------

LINEAR = ["logistic", "SVM", "multinomial", "Bernoulli", "rest", "sigmoid", "committee"]
# Their ways from decision values to probabilities hide an infinity.
HIDING = ["huber", "isotonic"]


def check_not_finite(kind, bad, dense, row):
    X, model = counts()[0].copy(), model_of(kind)
    entry = X.indptr[row]
    row = int(np.searchsorted(X.indptr, entry, side="right") - 1)
    X.data[entry] = bad
    scores = ["entropy"] if kind != "committee" else ["entropy", "vote_entropy", "kl_to_consensus"]
    for score in scores:
        with pytest.raises(ValueError, match=f"X_pool must be finite, but row {row} holds {bad}"):
            fastal.score_pool(model, X.toarray() if dense else X, score)


@pytest.mark.parametrize("row", [3, 200])
@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", LINEAR)
def test_a_number_that_is_not_finite_is_named(kind, bad, dense, row):
    check_not_finite(kind, bad, dense, row)


@pytest.mark.parametrize("kind", HIDING)
def test_a_number_that_is_not_finite_is_named_behind_any_link(kind):
    for bad in (np.nan, np.inf, -np.inf):
        check_not_finite(kind, bad, False, 200)


@pytest.mark.parametrize("dense", [False, True])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_not_finite_in_a_column_without_weights(bad, dense):
    X, model = counts()[0].copy(), LogisticRegression().fit(*counts())
    model.coef_[:, :] = 0.0
    X.data[X.indptr[100]] = bad
    row = int(np.searchsorted(X.indptr, X.indptr[100], side="right") - 1)
    with pytest.raises(ValueError, match=f"row {row} holds {bad}"):
        fastal.query_pool(model, X.toarray() if dense else X, 3)


def few_known():
    """A model that knows few of many columns, so that only those are looked at."""
    rng = np.random.default_rng(0)
    X = sp.random(300, 70_000, 0.001, format="csr", random_state=rng)
    return X, SparseLogisticRegression().fit(X[:20], np.arange(20) % 3)


@pytest.mark.parametrize("known", [False, True])
@pytest.mark.parametrize("row", [4, 150, 299])
@pytest.mark.parametrize("column", [None, -1, -(2**31), 2**31 - 1])
def test_a_column_that_does_not_exist_is_named(column, row, known):
    X, model = few_known() if known else (counts()[0].copy(), model_of())
    while X.indptr[row] == X.indptr[row + 1]:
        row -= 1
    X.indices[X.indptr[row]] = X.shape[1] if column is None else column
    for score in SCORES:
        with pytest.raises(ValueError, match=f"X_pool is not a valid CSR.*row {row} has a column"):
            fastal.score_pool(model, X, score)
    X, model = few_known() if known else (counts()[0].copy(), model_of())
    X.data[X.indptr[row]] = np.nan
    with pytest.raises(ValueError, match=f"row {row} holds nan"):
        fastal.score_pool(model, X)


def break_descending(X):
    X.indptr[50], X.indptr[51] = X.indptr[51] + 1, X.indptr[50]


def break_end(X):
    X.indptr[-1] += 1


def break_start(X):
    X.indptr[0] = 1


def break_negative(X):
    X.indptr[10] = -5


def break_data(X):
    X.data = X.data[:-3]


@pytest.mark.parametrize(
    "damage", [break_descending, break_end, break_start, break_negative, break_data]
)
def test_a_structure_that_is_broken_is_refused(damage):
    X = counts()[0].copy()
    damage(X)
    for kind in ("logistic", "committee"):
        with pytest.raises(ValueError, match="not a valid CSR matrix"):
            fastal.query_pool(model_of(kind), X, 3)


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (np.ones((5, 39)), ValueError, "X_pool has 39 features, but the model was fitted on 40"),
        (sp.csr_matrix((5, 41)), ValueError, "X_pool has 41 features"),
        (np.ones(40), ValueError, r"X_pool must have shape \(n_samples, n_features\)"),
        (np.ones((2, 40, 1)), ValueError, "X_pool must have shape"),
        (np.array(1.0), ValueError, "X_pool must hold rows"),
        (np.full((2, 40), "a"), TypeError, "X_pool must hold real numbers"),
        (np.full((2, 40), 1j), TypeError, "X_pool must hold real numbers"),
        (np.full((2, 40), object()), TypeError, "X_pool must hold real numbers"),
        (np.full((2, 40), None), ValueError, "row 0 holds nan"),
        ("text", TypeError, "X_pool must hold one item for each row"),
        (None, TypeError, "X_pool must be"),
        (3, TypeError, "X_pool must be"),
    ],
)
def test_a_pool_of_a_wrong_form(X, error, message, score):
    for function in (fastal.score_pool, functools.partial(fastal.query_pool, k=1)):
        with pytest.raises(error, match=message):
            function(model_of(), X, score=score)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"k": 0}, ValueError, "k must be a whole number of at least 1"),
        ({"k": 2.0}, TypeError, "k must be a whole number"),
        ({"score": "Margin"}, ValueError, "score must be one of entropy, margin"),
        ({"score": "vote_entropy"}, ValueError, "those of a committee need a fitted"),
        ({"score": None}, ValueError, "score must be one of"),
        ({"score": np.array(["margin"] * 2)}, ValueError, "score must be one of"),
        ({"exclude": [400]}, ValueError, r"exclude must lie in 0..399, got 400"),
        ({"exclude": [-1]}, ValueError, "exclude must lie in"),
        ({"exclude": [True]}, ValueError, "exclude is a mask of 1 entries for 400 rows"),
        ({"exclude": [0.5]}, TypeError, "exclude must hold row numbers"),
        ({"random_state": "a"}, TypeError, "random_state"),
        ({"n_jobs": 0, "X_pool": [[0] * 40]}, ValueError, "n_jobs must not be 0"),
        ({"n_jobs": 0.5, "X_pool": [[0] * 40]}, TypeError, "n_jobs must be None or a whole"),
        ({"estimator": object()}, TypeError, "needs an estimator with predict_proba or decision"),
        ({"estimator": DecisionTreeClassifier().fit(*counts()), "score": "distance_to_boundary"},
         TypeError, "distance_to_boundary needs an estimator with decision_function"),
    ],
)  # fmt: skip
def test_a_wrong_argument(arguments, error, message):
    given = {"estimator": model_of(), "X_pool": counts()[0], "k": 3} | arguments
    with pytest.raises(error, match=message):
        fastal.query_pool(**given)


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(),
        MultinomialNB(),
        LinearSVC(),
        CalibratedClassifierCV(LinearSVC()),
        DecisionTreeClassifier(),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore")
def test_a_model_that_was_not_fitted(estimator):
    with pytest.raises(NotFittedError):
        fastal.score_pool(estimator, counts()[0])


def test_arguments_of_the_twins():
    for name in ("score_pool", "query_pool", "distance_to_boundary"):
        public = inspect.signature(getattr(fastal, name)).parameters.values()
        twin = inspect.signature(getattr(_reference, name)).parameters.values()
        assert [(p.name, p.kind, p.default) for p in public] == [
            (p.name, p.kind, p.default) for p in twin
        ]


# --- picks --------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", SCORES)
@pytest.mark.parametrize("kind", ["logistic", "Bernoulli", "tree"])
@pytest.mark.parametrize("k", [1, 7, 150, 399, 400, 10_000])
def test_picks_are_those_of_top_k(k, kind, score):
    # Rows that are twice there, rows without an entry: ties, which are exact.
    X, model = sp.vstack([counts()[0]] * 3, format="csr"), model_of(kind)
    if score == "distance_to_boundary" and kind == "tree":
        return
    scores = fastal.score_pool(model, X, score)
    assert len(np.unique(scores)) < 400
    rng = np.random.default_rng(k)
    mask = rng.uniform(size=1200) < 0.3
    for exclude in (None, [], [5], mask, np.flatnonzero(mask), rng.permutation(1200), mask | True):
        for seed in (None, 0, 7):
            rows, of_rows = fastal.query_pool(
                model, X, k, score, seed, exclude=exclude, return_scores=True
            )
            np.testing.assert_array_equal(rows, fastal.top_k(scores, k, seed, exclude=exclude))
            np.testing.assert_array_equal(of_rows, scores[rows])
            assert (rows.dtype, of_rows.dtype) == (np.int64, np.float64)


@pytest.mark.parametrize("seed", [None, 0, 3])
def test_picks_are_those_of_the_plain_twin(seed):
    X, model = sp.vstack([counts()[0]] * 3, format="csr"), model_of("SVM")
    exclude = np.arange(0, 1200, 7)
    arguments = {"score": "distance_to_boundary", "random_state": seed, "exclude": exclude}
    rows, scores = fastal.query_pool(model, X, 200, return_scores=True, **arguments)
    wanted, expected = _reference.query_pool(model, X, 200, return_scores=True, **arguments)
    np.testing.assert_array_equal(rows, wanted)
    np.testing.assert_array_equal(scores, expected)


def test_random_streams_are_used_and_ties_are_broken_evenly():
    X, model = sp.csr_matrix((50, N_FEATURES)), model_of()
    for make in (np.random.RandomState, np.random.default_rng):
        one, other = make(0), make(0)
        for _ in range(3):
            np.testing.assert_array_equal(
                fastal.query_pool(model, X, 5, random_state=one),
                fastal.top_k(np.zeros(50), 5, other),
            )
    rng = np.random.RandomState(0)
    picked = [fastal.query_pool(model, X, 5, random_state=rng) for _ in range(600)]
    times = np.bincount(np.concatenate(picked), minlength=50)
    assert times.min() > 30
    assert times.max() < 95


@pytest.mark.parametrize("score", OF_COMMITTEE)
def test_picks_of_a_committee(score):
    X, model = sp.vstack([counts()[0]] * 2, format="csr"), model_of("committee")
    expected = _reference.score_pool(model, X, score)
    scores = fastal.score_pool(model, X, score)
    np.testing.assert_allclose(scores, expected, rtol=1e-12, atol=1e-14)
    for seed in (None, 1):
        rows = fastal.query_pool(model, X, 30, score, seed, exclude=[1, 2])
        np.testing.assert_array_equal(rows, fastal.top_k(scores, 30, seed, exclude=[1, 2]))


# --- streams ------------------------------------------------------------------------------------


def cut(X, size):
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    for first in range(0, n, size):
        yield X.iloc[first : first + size] if hasattr(X, "iloc") else X[first : first + size]


STREAMED = {
    "CSR": lambda X: X,
    "CSC": sp.csr_array,
    "dense": lambda X: X.toarray(),
    "lists": lambda X: X.toarray().tolist(),
}


@pytest.mark.parametrize("size", [1, 64, 100, 1000])
@pytest.mark.parametrize("form", STREAMED)
@pytest.mark.parametrize("kind", ["logistic", "committee", "tree"])
def test_stream_is_scored_as_the_whole(kind, form, size):
    X, model = counts()[0], model_of(kind)
    part = STREAMED[form](X[:120] if size == 1 else X)
    n = 120 if size == 1 else 400
    whole = fastal.score_pool(model, X[:n], "entropy")
    scores = fastal.score_pool(model, cut(part, size), "entropy")
    np.testing.assert_allclose(scores, whole, rtol=1e-13, atol=1e-15)
    np.testing.assert_allclose(
        scores, _reference.score_pool(model, cut(part, size), "entropy"), rtol=1e-12, atol=1e-14
    )
    mask = np.arange(n) % 3 == 0
    for exclude in (None, [n - 1, 0, 5], mask):
        for seed in (None, 5):
            rows, of_rows = fastal.query_pool(
                model, cut(part, size), 30, "entropy", seed, exclude=exclude, return_scores=True
            )
            np.testing.assert_array_equal(rows, fastal.top_k(scores, 30, seed, exclude=exclude))
            np.testing.assert_array_equal(of_rows, scores[rows])


def test_stream_of_texts_through_a_pipeline():
    rng = np.random.default_rng(0)
    words = np.array([f"word{i}" for i in range(30)])
    texts = [" ".join(rng.choice(words, rng.integers(0, 6))) for _ in range(300)]
    model = make_pipeline(TfidfVectorizer(), LogisticRegression()).fit(texts, np.arange(300) % 3)
    expected = _reference.score_pool(model, texts)
    for n_jobs in (None, 2):
        scores = fastal.score_pool(model, cut(texts, 70), n_jobs=n_jobs)
        np.testing.assert_allclose(scores, expected, rtol=1e-12)
    np.testing.assert_array_equal(
        _reference.score_pool(model, cut(texts, 70)), _reference.score_pool(model, texts)
    )
    learner = ActiveLearner(model, "margin").fit(texts, np.arange(300) % 3)
    np.testing.assert_array_equal(
        learner.query(cut(texts, 70), 9, labeled=[0, 299]),
        learner.query(texts, 9, labeled=[0, 299]),
    )


def test_stream_of_data_frames():
    X, y = counts()
    frame = pd.DataFrame(X.toarray(), columns=[f"word{i}" for i in range(N_FEATURES)])
    model = LogisticRegression().fit(frame, y)
    np.testing.assert_allclose(
        fastal.score_pool(model, cut(frame, 90)), _reference.score_pool(model, frame), rtol=1e-12
    )
    np.testing.assert_array_equal(
        _reference.score_pool(model, cut(frame, 90)), _reference.score_pool(model, frame)
    )


def test_stream_of_blocks_of_several_kinds_some_empty():
    X, model = counts()[0], model_of()
    blocks = [X[:0], X[:10], X[10:25].toarray(), X[25:25], X[25:40].toarray().tolist(), X[40:], []]
    expected = fastal.score_pool(model, X)
    np.testing.assert_allclose(fastal.score_pool(model, iter(blocks)), expected, rtol=1e-14)
    np.testing.assert_array_equal(
        fastal.query_pool(model, iter(blocks), 12), fastal.top_k(expected, 12)
    )
    few = _committee_of_wide_rows()
    wide = fastal.score_pool(few[0], iter([few[1][:5], few[1][5:9].toarray(), few[1][9:]]), few[2])
    np.testing.assert_allclose(wide, fastal.score_pool(few[0], few[1], few[2]), rtol=1e-13)


def _committee_of_wide_rows():
    X, _ = few_known()
    model = Committee(SparseLogisticRegression(), 3, random_state=0)
    return model.fit(X[:20], np.arange(20) % 3), X, "vote_entropy"


@pytest.mark.parametrize("blocks", [[], [[]], [sp.csr_matrix((0, N_FEATURES))]])
def test_stream_without_rows(blocks):
    assert fastal.score_pool(model_of(), iter(blocks)).shape == (0,)
    rows, scores = fastal.query_pool(model_of(), iter(blocks), 3, return_scores=True)
    assert (rows.shape, scores.shape) == ((0,), (0,))
    assert rows.dtype == np.int64
    with pytest.raises(ValueError, match="exclude must lie in"):
        fastal.query_pool(model_of(), iter(blocks), 3, exclude=[0])


@pytest.mark.parametrize(
    ("exclude", "error", "message"),
    [
        ([400], ValueError, r"exclude must lie in 0..399, got 400"),
        (np.arange(500) > 450, ValueError, "exclude is a mask of 500 entries for 400 rows"),
        (np.zeros(50, dtype=bool), ValueError, "exclude is a mask of 50 entries for 400 rows"),
        (np.zeros((400, 1), dtype=bool), ValueError, "exclude must have shape"),
        ([-1], ValueError, "exclude must lie in"),
        ([[1]], ValueError, "exclude must have shape"),
        ([0.5], TypeError, "exclude must hold row numbers"),
    ],
)
def test_stream__exclude(exclude, error, message):
    with pytest.raises(error, match=message):
        fastal.query_pool(model_of(), cut(counts()[0], 90), 3, exclude=exclude)


def broken_off(X):
    yield X[:100]
    yield X[100:200]
    raise OSError("the disk is gone")


def test_stream_that_is_wrong():
    X, model = counts()[0], model_of()
    with pytest.raises(
        RuntimeError, match=r"after block 1 \(row 199\): OSError: the disk is gone"
    ):
        fastal.query_pool(model, broken_off(X), 3)
    with pytest.raises(ValueError, match=r"block 1 \(rows 100 to 101\).*has 39 features"):
        fastal.query_pool(model, iter([X[:100], sp.csr_matrix((2, 39))]), 3)
    bad = X[100:200].copy()
    bad.data[bad.indptr[50]] = np.inf
    row = int(np.searchsorted(bad.indptr, bad.indptr[50], side="right") - 1)
    with pytest.raises(ValueError, match=rf"block 1 \(rows 100 to 199\).*row {row} holds inf"):
        fastal.score_pool(model, iter([X[:100], bad]))
    with pytest.raises(TypeError, match="block 0"):
        fastal.score_pool(model, iter(["a text"]))


def test_stream_is_read_block_by_block():
    X, model = counts()[0], model_of()
    alive = []

    def blocks():
        for first in range(0, 400, 20):
            alive.append(first)
            yield X[first : first + 20]

    @contextmanager
    def slow(total, what, show):
        assert total is None
        seen = []

        def tick(more):
            seen.append(more)
            # No block is asked for long before its turn.
            assert len(alive) <= len(seen) + 2

        yield tick

    patched = pytest.MonkeyPatch()
    with patched.context() as patch:
        patch.setattr(pool, "counter", slow)
        fastal.query_pool(model, blocks(), 3)
    assert len(alive) == 20


# --- threads, processes, interruptions ----------------------------------------------------------


@functools.cache
def large_pool():
    X = counts()[0]
    return X[np.random.default_rng(0).integers(0, 400, 120_000)]


@compiled_only
@pytest.mark.parametrize("kind", ["logistic", "Bernoulli", "committee"])
@pytest.mark.parametrize("seed", [None, 0])
def test_the_number_of_threads_changes_nothing(kind, seed, monkeypatch):
    X, model = large_pool(), model_of(kind)
    score = "vote_entropy" if kind == "committee" else "margin"
    answers = []
    for n_threads in ("1", "2", "3"):
        monkeypatch.setenv("FASTAL_NUM_THREADS", n_threads)
        scores = fastal.score_pool(model, X, score)
        rows = fastal.query_pool(model, X, 500, score, seed, exclude=np.arange(0, 120_000, 5))
        answers.append((scores, rows))
        wanted = fastal.top_k(scores, 500, seed, exclude=np.arange(0, 120_000, 5))
        np.testing.assert_array_equal(rows, wanted)
    for scores, rows in answers[1:]:
        np.testing.assert_array_equal(scores, answers[0][0])
        np.testing.assert_array_equal(rows, answers[0][1])


@compiled_only
def test_several_threads_query_at_once_and_from_within_workers(monkeypatch):
    monkeypatch.setenv("FASTAL_NUM_THREADS", "3")
    X, model = large_pool(), model_of()
    expected = fastal.query_pool(model, X, 50, random_state=0)
    with ThreadPoolExecutor(6) as executor:
        for rows in executor.map(
            lambda _: fastal.query_pool(model, X, 50, "margin", 0), range(12)
        ):
            np.testing.assert_array_equal(rows, expected)
    # All threads of fastal's own pool at once, each of which asks it for more.
    workers = _threads._workers(2)
    asked = [workers.submit(fastal.query_pool, model, X, 50, "margin", 0) for _ in range(6)]
    for each in asked:
        np.testing.assert_array_equal(each.result(timeout=60), expected)


@pytest.mark.parametrize("n_threads", [1, 2, 5])
def test_over_blocks__every_row_once_and_no_share_twice_at_a_time(n_threads, monkeypatch):
    monkeypatch.setenv("FASTAL_NUM_THREADS", str(n_threads))
    for n_rows in (0, 1, 9, 10, 11, 1000):
        visits = np.zeros(n_rows, dtype=int)
        busy: set[int] = set()
        firsts: dict[int, list[int]] = {}

        def call(share, start, stop, visits=visits, busy=busy, firsts=firsts):
            assert share not in busy
            busy.add(share)
            visits[start:stop] += 1
            firsts.setdefault(share, []).append(start)
            assert _threads.over_blocks(lambda *_: None, 100, 1, 9) == 1
            busy.discard(share)

        shares = _threads.over_blocks(call, n_rows, 10, 4)
        assert (visits == 1).all()
        assert shares <= max(1, min(n_threads, 4, -(-n_rows // 10)))
        assert set(firsts) <= set(range(shares))
        assert all(each == sorted(each) for each in firsts.values())


def test_over_blocks__an_error_ends_it(monkeypatch):
    monkeypatch.setenv("FASTAL_NUM_THREADS", "3")
    done = []

    def call(share, start, stop):
        done.append(start)
        threading.Event().wait(0.001)  # so that the others begin, too
        if start == 300:
            raise RuntimeError("block failed")

    with pytest.raises(RuntimeError, match="block failed"):
        _threads.over_blocks(call, 10_000, 10, 9)
    assert 30 <= len(done) < 40
    n_done = len(done)
    assert not getattr(_threads._at_work, "on_blocks", False)
    threading.Event().wait(0.05)
    assert len(done) == n_done


@pytest.mark.parametrize("stream", [False, True])
def test_interrupted_by_its_progress(stream, monkeypatch):
    X, model = large_pool()[:30_000], model_of()
    expected = fastal.query_pool(model, X, 9)

    @contextmanager
    def interrupting(total, what, show):
        def tick(more):
            raise KeyboardInterrupt

        yield tick

    with monkeypatch.context() as patch:
        patch.setattr(pool, "counter", interrupting)
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                fastal.query_pool(model, cut(X, 5000) if stream else X, 9)
    np.testing.assert_array_equal(fastal.query_pool(model, X, 9), expected)


@compiled_only
@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no timer here")
def test_interrupted_by_a_signal(monkeypatch):
    monkeypatch.setenv("FASTAL_NUM_THREADS", "3")
    X, model = large_pool(), model_of()
    expected = fastal.query_pool(model, X, 9, "entropy")
    hits = 0
    for delay in np.linspace(0.0005, 0.02, 12):
        signal.setitimer(signal.ITIMER_REAL, delay)
        old = signal.signal(signal.SIGALRM, signal.default_int_handler)
        try:
            for _ in range(20):
                fastal.query_pool(model, X, 9, "entropy")
        except KeyboardInterrupt:
            hits += 1
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, old)
    assert hits
    np.testing.assert_array_equal(fastal.query_pool(model, X, 9, "entropy"), expected)


def _query_in_child(_):
    return fastal.query_pool(model_of(), large_pool()[:40_000], 5).tolist()


@compiled_only
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_in_a_forked_child(monkeypatch):
    monkeypatch.setenv("FASTAL_NUM_THREADS", "2")
    expected = _query_in_child(0)
    with multiprocessing.get_context("fork").Pool(2) as processes:
        assert processes.map_async(_query_in_child, range(3)).get(timeout=60) == [expected] * 3


def test_progress_is_shown_on_standard_error(capsys):
    X = counts()[0]
    for given in (X, cut(X, 100), X.toarray().tolist()):
        fastal.query_pool(model_of(), given, 3, progress=True)
        captured = capsys.readouterr()
        assert "rows scored" in captured.err
        assert "400" in captured.err
        assert captured.out == ""
    fastal.query_pool(model_of(), X, 3)
    assert capsys.readouterr().err == ""


# --- the learner --------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, 4])
@pytest.mark.parametrize("name", strategies.SCORED_IN_ONE_READ)
def test_learner_picks_by_the_scores_of_its_model(name, seed):
    X, y = counts()
    estimator = Committee(LogisticRegression(), 3, random_state=0)
    if name in OF_ONE_MODEL:
        estimator = LogisticRegression()
    learner = ActiveLearner(estimator, strategy=name, random_state=seed).fit(X[:60], y[:60])
    score = "vote_entropy" if name == "query_by_committee" else name
    scores = _reference.score_pool(learner.estimator_, X, score)
    given = [(X, np.arange(60)), (cut(X, 90), np.arange(60)), (X.toarray(), np.arange(400) < 60)]
    stream = None if seed is None else np.random.RandomState(seed)
    for pool_given, labeled in given:
        rows, of_rows = learner.query(pool_given, 11, labeled=labeled, return_scores=True)
        np.testing.assert_allclose(of_rows, scores[rows], rtol=1e-11, atol=1e-14)
        fused = fastal.score_pool(learner.estimator_, X, score)
        np.testing.assert_array_equal(rows, fastal.top_k(fused, 11, stream, exclude=np.arange(60)))
        left = np.delete(scores, np.arange(60))
        np.testing.assert_allclose(of_rows, np.sort(left)[::-1][:11], rtol=1e-11, atol=1e-14)
    assert learner.query(X, 3).shape == (3,)


def test_learner_makes_a_committee_for_a_stream():
    X, y = counts()
    made = [
        ActiveLearner(LogisticRegression(), "vote_entropy", random_state=0)
        .fit(X[:60], y[:60])
        .query(given, 7, labeled=np.arange(60), return_scores=True)
        for given in (X, cut(X, 90))
    ]
    np.testing.assert_array_equal(made[0][0], made[1][0])
    np.testing.assert_array_equal(made[0][1], made[1][1])


@pytest.mark.parametrize(
    "name", sorted(set(strategies.__all__) - {*strategies.SCORED_IN_ONE_READ, "auto"})
)
def test_learner_refuses_a_stream_where_all_rows_are_needed(name):
    X, y = counts()
    read = []
    learner = ActiveLearner(LogisticRegression(), strategy=name).fit(X[:60], y[:60])
    with pytest.raises(
        TypeError, match=f"X_pool must be one matrix or list.*the strategy is {name}"
    ):
        learner.query((read.append(block) for block in cut(X, 90)), 3)
    assert not read


def test_learner_without_a_model_refuses_a_stream():
    for learner in (
        ActiveLearner(LogisticRegression()),
        ActiveLearner(LogisticRegression()).teach(counts()[0][:2], ["ham", "ham"]),
    ):
        with pytest.raises(TypeError, match="no model is fitted"):
            learner.query(cut(counts()[0], 90), 3)


@pytest.mark.parametrize("labeled", [[400], [-1], np.arange(500) > 450])
def test_learner__rows_that_a_stream_does_not_have(labeled):
    learner = ActiveLearner(LogisticRegression()).fit(*counts())
    with pytest.raises(ValueError, match=r"must lie in|is a mask of 500 entries"):
        learner.query(cut(counts()[0], 90), 3, labeled=labeled)


def test_learner_with_a_model_that_is_not_linear():
    X, y = counts()
    learner = ActiveLearner(make_pipeline(Normalizer(), KNeighborsClassifier(5)), "margin").fit(
        X, y
    )
    scores = _reference.score_pool(learner.estimator_, X)
    rows, of_rows = learner.query(X, 20, return_scores=True)
    np.testing.assert_array_equal(rows, fastal.top_k(scores, 20))
    np.testing.assert_array_equal(of_rows, scores[rows])
    assert PoolScorer(learner.estimator_, "margin").linear is None
