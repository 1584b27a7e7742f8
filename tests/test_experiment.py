from __future__ import annotations

import builtins
import functools
import sys
import time

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_info, threadpool_limits

from fastal import compare_strategies, run_experiment
from fastal._progress import progress
from fastal.datasets import load_digits, split
from fastal.experiment import STRATEGIES

WORDS = {"fruit": "apple pear plum fig lime", "metal": "iron zinc tin lead gold"}


@pytest.fixture(scope="module", autouse=True)
def one_blas_thread():
    # Small fits on a busy machine take many times as long with more.
    with threadpool_limits(limits=1, user_api="blas"):
        yield


@pytest.fixture(scope="module")
def digits():
    X_pool, y_pool, X_test, y_test = split(load_digits())
    return X_pool[:300], y_pool[:300], X_test, y_test


@pytest.fixture(scope="module")
def texts():
    rng = np.random.RandomState(0)
    y = np.array(["fruit", "metal"] * 60)
    X = [" ".join(rng.choice(WORDS[label].split(), 3)) for label in y]
    return X[:80], y[:80], X[80:], y[80:]


def first_rows(learner, X_pool, n, *, labeled, random_state):
    return np.setdiff1d(np.arange(len(X_pool)), labeled)[:n]


class Slow(ClassifierMixin, BaseEstimator):
    """Takes a known time to train and another to predict."""

    def fit(self, X, y):
        time.sleep(0.02)
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        time.sleep(0.05)
        return np.full(len(X), self.classes_[0])


# One run


def test_numbers_of_labels_and_rows(digits):
    curve = run_experiment("margin", *digits, initial_samples=10, batch_size=7, iterations=4)
    assert curve.n_labels.tolist() == [10, 17, 24, 31, 38]
    assert curve.n_labels.dtype == curve.rows.dtype == np.int64
    assert len(set(curve.rows.tolist())) == len(curve.rows) == 38
    assert curve.accuracies.shape == (5,)
    assert (curve.strategy, curve.seed) == ("margin", 0)


def test_the_signature_asked_for(digits):
    n_labels, accuracies = run_experiment("random", *digits, 20, 10, 10)
    assert n_labels.tolist() == list(range(20, 121, 10))
    assert accuracies[-1] > 0.7


def test_accuracy_is_that_of_a_model_trained_on_these_rows(digits):
    X_pool, y_pool, X_test, y_test = digits
    curve = run_experiment("entropy", *digits, estimator=MultinomialNB(), iterations=3)
    for n_labels, accuracy in zip(*curve, strict=True):
        rows = curve.rows[:n_labels]
        model = MultinomialNB().fit(X_pool[rows], y_pool[rows])
        assert accuracy == model.score(X_test, y_test)


def test_default_model_is_logistic_regression(digits):
    by_default = run_experiment("margin", *digits, iterations=2)
    named = run_experiment(
        "margin", *digits, iterations=2, estimator=LogisticRegression(max_iter=1000)
    )
    assert by_default.rows.tolist() == named.rows.tolist()
    assert by_default.accuracies.tolist() == named.accuracies.tolist()


def test_all_strategies_start_from_the_same_rows(digits):
    run = functools.partial(run_experiment, estimator=MultinomialNB())
    starts = {
        tuple(run(s, *digits, iterations=1, random_state=5).rows[:20])
        for s in (*STRATEGIES, first_rows)
    }
    assert len(starts) == 1
    assert tuple(run("random", *digits, iterations=1).rows[:20]) not in starts


@pytest.mark.parametrize("seed", range(8))
def test_initial_rows_are_of_two_classes(seed):
    X = np.arange(100.0)[:, None]
    y = np.array([0] * 99 + [1])
    curve = run_experiment("random", X, y, X, y, 2, 1, 1, random_state=seed)
    assert sorted(y[curve.rows[:2]]) == [0, 1]


def test_initial_rows_are_not_always_the_same_class_order():
    X = np.arange(100.0)[:, None]
    y = np.arange(100) % 2
    rows = [
        run_experiment("random", X, y, X, y, 4, 1, 1, random_state=s).rows[:4] for s in range(20)
    ]
    assert len(np.unique(rows)) > 40


def test_reproducible(digits):
    run = functools.partial(run_experiment, estimator=MultinomialNB(), iterations=3)
    for strategy in ("random", "query_by_committee"):
        one, two = (run(strategy, *digits, random_state=7) for _ in "ab")
        assert one.rows.tolist() == two.rows.tolist()
        assert one.accuracies.tolist() == two.accuracies.tolist()
        assert run(strategy, *digits, random_state=8).rows.tolist() != one.rows.tolist()


@pytest.mark.parametrize(
    "random_state", [None, np.random.RandomState(0), np.random.default_rng(0), np.int64(3)]
)
def test_kinds_of_random_state(digits, random_state):
    curve = run_experiment(
        "random", *digits, estimator=MultinomialNB(), iterations=1, random_state=random_state
    )
    assert curve.seed == (3 if isinstance(random_state, np.int64) else None)


def test_global_random_state_is_left_alone(digits):
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()
    run_experiment("query_by_committee", *digits, iterations=1)
    assert np.random.get_state()[1].tolist() == before


def test_stops_when_the_pool_is_used_up(digits):
    X_pool, y_pool, X_test, y_test = digits
    curve = run_experiment("margin", X_pool[:43], y_pool[:43], X_test, y_test, iterations=10)
    assert curve.n_labels.tolist() == [20, 30, 40, 43]
    assert sorted(curve.rows) == list(range(43))
    at_once = run_experiment("margin", X_pool[:20], y_pool[:20], X_test, y_test)
    assert at_once.n_labels.tolist() == [20]
    assert at_once.seconds_choosing.tolist() == [0]


def test_seconds_are_kept_apart(digits):
    def slow(learner, X_pool, n, *, labeled, random_state):
        time.sleep(0.1)
        return first_rows(learner, X_pool, n, labeled=labeled, random_state=random_state)

    curve = run_experiment(slow, *digits, iterations=2, estimator=Slow())
    assert curve.seconds_choosing[0] == 0
    assert curve.seconds_choosing[1:] == pytest.approx(0.1, abs=0.03)
    assert curve.seconds_training == pytest.approx(0.02, abs=0.015)
    assert curve.seconds_predicting == pytest.approx(0.05, abs=0.03)


def test_callback(digits):
    seen = []
    curve = run_experiment(
        "random", *digits, iterations=2, callback=lambda *args: seen.append(args)
    )
    assert seen == list(zip(curve.n_labels.tolist(), curve.accuracies.tolist(), strict=True))


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_texts_with_a_pipeline(texts, strategy):
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    _, accuracies = run_experiment(strategy, *texts, 6, 4, 3, estimator=pipeline)
    assert accuracies[-1] > 0.9


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_every_kind_of_matrix_gives_the_same_rows(digits, strategy):
    X_pool, y_pool, X_test, y_test = digits
    chosen = []
    for kind in (np.asarray, sp.csr_matrix, sp.csr_array, sp.csc_matrix):
        data = (kind(X_pool), y_pool, kind(X_test), y_test)
        curve = run_experiment(strategy, *data, estimator=MultinomialNB(), iterations=2)
        chosen.append(curve.rows.tolist())
    assert all(rows == chosen[0] for rows in chosen)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_model_without_probabilities(digits, strategy):
    _, accuracies = run_experiment(strategy, *digits, estimator=LinearSVC(), iterations=3)
    assert accuracies[-1] > accuracies[0]


def test_data_frames_and_series(digits):
    X_pool, y_pool, X_test, y_test = digits
    frames = (pd.DataFrame(X_pool), pd.Series(y_pool), pd.DataFrame(X_test), pd.Series(y_test))
    frames[0].index = frames[1].index = np.arange(len(y_pool))[::-1]
    from_frames = run_experiment("margin", *frames, iterations=2)
    assert (
        from_frames.rows.tolist() == run_experiment("margin", *digits, iterations=2).rows.tolist()
    )


def test_the_pool_is_neither_copied_nor_changed(digits):
    X_pool, y_pool, X_test, y_test = (np.array(part) for part in digits)
    for part in (X_pool, y_pool, X_test, y_test):
        part.flags.writeable = False
    seen = []

    def look(learner, X_pool, n, *, labeled, random_state):
        seen.append(X_pool)
        return first_rows(learner, X_pool, n, labeled=labeled, random_state=random_state)

    run_experiment(look, X_pool, y_pool, X_test, y_test, iterations=2)
    assert all(X is X_pool for X in seen)
    sparse = sp.csr_matrix(X_pool)
    seen.clear()

    def look_sparse(learner, X_pool, n, *, labeled, random_state):
        seen.append(X_pool)
        return np.setdiff1d(np.arange(X_pool.shape[0]), labeled)[:n]

    run_experiment(look_sparse, sparse, y_pool, sp.csr_matrix(X_test), y_test, iterations=2)
    assert all(X.data is sparse.data for X in seen)


def test_the_estimator_given_is_not_fitted(digits):
    estimator = MultinomialNB()
    run_experiment("margin", *digits, estimator=estimator, iterations=1)
    assert not hasattr(estimator, "classes_")


def test_single_class_in_the_batches_and_unseen_classes_in_the_test_set():
    X = np.arange(40.0)[:, None]
    y = np.repeat(["a", "b"], 20)
    _, accuracies = run_experiment("margin", X, y, X, np.repeat(["a", "c"], 20), 4, 4, 2)
    assert 0 < accuracies[-1] <= 0.5


BAD = {
    "lengths": ({"y_pool": [0, 1]}, ValueError, "y_pool: .*got 300 and 2"),
    "test lengths": ({"y_test": [0, 1]}, ValueError, "y_test: .*got 449 and 2"),
    "no pool": (
        {"X_pool": np.empty((0, 64)), "y_pool": []},
        ValueError,
        "X_pool must have at least",
    ),
    "no test": (
        {"X_test": np.empty((0, 64)), "y_test": []},
        ValueError,
        "X_test must have at least",
    ),
    "one class": (
        {"y_pool": np.ones(300, int)},
        ValueError,
        "y_pool must hold at least two classes",
    ),
    "NaN label": ({"y_pool": [np.nan] * 300}, ValueError, "y_pool: .*NaN"),
    "no label": ({"y_pool": None}, ValueError, "y_pool: "),
    "initial 1": ({"initial_samples": 1}, ValueError, "initial_samples .*between 2 and .*300"),
    "initial": (
        {"initial_samples": 301},
        ValueError,
        "initial_samples .*300 rows of X_pool, got 301",
    ),
    "batch": ({"batch_size": 0}, ValueError, "batch_size"),
    "batch float": ({"batch_size": 2.5}, TypeError, "batch_size"),
    "iterations": ({"iterations": 0}, ValueError, "iterations"),
    "strategy": ({"sampling_strategy": "best"}, ValueError, "strategy must be .* got 'best'"),
    "texts": ({"X_pool": ["a"] * 300}, TypeError, r"X_pool holds texts.*make_pipeline\(TfidfVec"),
    "one text": ({"X_pool": "a" * 300}, TypeError, "X_pool"),
    "seed": ({"random_state": "x"}, TypeError, "random_state"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(digits, case):
    changes, error, message = BAD[case]
    names = ("X_pool", "y_pool", "X_test", "y_test")
    arguments = {"sampling_strategy": "margin", **dict(zip(names, digits, strict=True)), **changes}
    with pytest.raises(error, match=message):
        run_experiment(**arguments)


# Comparison


def test_compare_strategies(digits):
    comparison = compare_strategies(
        ["margin", first_rows], *digits, n_seeds=2, iterations=2, random_state=4
    )
    names = [(curve.strategy, curve.seed) for curve in comparison.curves]
    assert names == [
        (strategy, seed) for strategy in ("margin", "first_rows", "random") for seed in (4, 5)
    ]
    assert comparison.n_pool == 300
    alone = run_experiment("margin", *digits, iterations=2, random_state=5)
    assert comparison.curves[1].rows.tolist() == alone.rows.tolist()
    assert comparison.curves[1].accuracies.tolist() == alone.accuracies.tolist()


def test_full_accuracy_is_that_of_the_whole_pool(digits):
    comparison = compare_strategies(
        [], *digits, estimator=MultinomialNB(), n_seeds=1, iterations=1
    )
    model = MultinomialNB().fit(*digits[:2])
    assert comparison.full_accuracy == model.score(*digits[2:])
    assert comparison.strategies == ["random"]


def test_default_strategies(digits):
    comparison = compare_strategies(
        None, *digits, estimator=MultinomialNB(), n_seeds=1, iterations=1
    )
    assert comparison.strategies == [
        "random",
        "auto",
        "entropy",
        "margin",
        "least_confidence",
        "query_by_committee",
        "k_center",
    ]


def test_strategies_by_names_of_ones_own(digits):
    own = {"mine": first_rows, "same": "margin"}
    comparison = compare_strategies(own, *digits, n_seeds=1, iterations=1)
    assert comparison.strategies == ["mine", "same", "random"]
    margin = run_experiment("margin", *digits, iterations=1)
    assert comparison.curves[1].rows.tolist() == margin.rows.tolist()


def test_a_function_of_the_users_is_called_for_the_queries_alone(digits):
    calls = []

    def count(learner, X_pool, n, *, labeled, random_state):
        calls.append(n)
        return first_rows(learner, X_pool, n, labeled=labeled, random_state=random_state)

    compare_strategies([count], *digits, n_seeds=2, iterations=3)
    assert calls == [10] * 6


def test_jobs_give_the_same_curves(texts):
    pipeline = make_pipeline(TfidfVectorizer(), MultinomialNB())
    arguments = {"estimator": pipeline, "n_seeds": 2, "iterations": 2, "batch_size": 5}
    one = compare_strategies(["margin", first_rows], *texts, **arguments)
    two = compare_strategies(["margin", first_rows], *texts, **arguments, n_jobs=2)
    assert one.full_accuracy == two.full_accuracy
    for a, b in zip(one.curves, two.curves, strict=True):
        assert (a.strategy, a.seed) == (b.strategy, b.seed)
        assert a.rows.tolist() == b.rows.tolist()
        assert a.accuracies.tolist() == b.accuracies.tolist()


def test_blas_is_held_to_one_thread(digits):
    seen = []

    def look(learner, X_pool, n, *, labeled, random_state):
        seen.extend(p["num_threads"] for p in threadpool_info() if p["user_api"] == "blas")
        return first_rows(learner, X_pool, n, labeled=labeled, random_state=random_state)

    with threadpool_limits(limits=2, user_api="blas"):
        run_experiment(look, *digits, iterations=1)
        assert set(seen) == {2}
        seen.clear()
        compare_strategies([look], *digits, n_seeds=1, iterations=1)
        assert set(seen) == {1}


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"strategies": "margin"}, TypeError, "strategies must be a list"),
        ({"strategies": ["margin", "margin"]}, ValueError, "two called 'margin'; give names"),
        ({"strategies": {"random": first_rows}}, ValueError, "'random' is taken"),
        ({"n_seeds": 0}, ValueError, "n_seeds"),
        ({"random_state": -1}, ValueError, "random_state must lie between 0 and"),
        ({"random_state": None}, TypeError, "random_state must be a whole number"),
        ({"random_state": True}, TypeError, "random_state must be a whole number"),
        ({"initial_samples": 1}, ValueError, "initial_samples"),
        ({"iterations": 0}, ValueError, "iterations"),
    ],
)
def test_compare_bad_input(digits, changes, error, message):
    arguments = {"strategies": ["margin"], **changes}
    with pytest.raises(error, match=message):
        compare_strategies(arguments.pop("strategies"), *digits, **arguments)


def test_interrupt_goes_up(digits):
    def interrupted(learner, X_pool, n, *, labeled, random_state):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare_strategies([interrupted], *digits, n_seeds=1, progress=True)


# Progress


def test_progress_is_silent_unless_asked(digits, capsys):
    compare_strategies([], *digits, n_seeds=1, iterations=1)
    assert capsys.readouterr() == ("", "")
    compare_strategies([], *digits, n_seeds=1, iterations=1, progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "2/2" in err


def test_progress_without_tqdm(capsys, monkeypatch):
    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("tqdm"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    monkeypatch.delitem(sys.modules, "tqdm", raising=False)
    assert list(progress("ab", 2, "runs", True)) == ["a", "b"]
    assert capsys.readouterr().err == "runs: 1 of 2\nruns: 2 of 2\n"


class _ColumnPredictions(MultinomialNB):
    def predict(self, X):
        return super().predict(X)[:, np.newaxis]


def test_an_estimator_that_predicts_a_column():
    data = split(load_digits())
    curves = [
        run_experiment("random", *data, iterations=2, estimator=estimator)
        for estimator in (MultinomialNB(), _ColumnPredictions())
    ]
    np.testing.assert_array_equal(curves[0].accuracies, curves[1].accuracies)


def test_labels_of_two_kinds():
    X_pool, y_pool, X_test, y_test = split(load_digits())
    with pytest.raises(TypeError, match="y_pool and y_test must hold labels of one kind"):
        run_experiment("random", X_pool, y_pool.astype(str), X_test, y_test)
