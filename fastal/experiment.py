"""Is a strategy worth it?  Label a pool whose labels are known, and watch the accuracy."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal import strategies as _strategies
from fastal._experiment_data import (
    check_counts,
    check_data,
    check_same_kind,
    default_estimator,
    draw_seed,
    initial_rows,
)
from fastal._progress import progress as _show_progress
from fastal._rows import fit_clone, take_rows
from fastal._stopping_rule import check_rules
from fastal._stops import StopWatch
from fastal._validation import check_count, check_random_state
from fastal.learner import ActiveLearner
from fastal.report import Comparison, LearningCurve

__all__ = ["STRATEGIES", "compare_strategies", "run_experiment"]

STRATEGIES = (
    "random",
    "auto",
    "entropy",
    "margin",
    "least_confidence",
    "query_by_committee",
    "k_center",
)

Strategy = str | Callable[..., NDArray[Any]]


def run_experiment(
    sampling_strategy: Strategy,
    X_pool: Any,
    y_pool: Any,
    X_test: Any,
    y_test: Any,
    initial_samples: int = 20,
    batch_size: int = 10,
    iterations: int = 10,
    *,
    estimator: Any = None,
    random_state: Any = 0,
    callback: Callable[[int, float], None] | None = None,
    warm_start: bool = False,
    stop: Any = None,
) -> LearningCurve:
    """Label a pool batch by batch with one strategy, and test the model after every batch.

    Parameters
    ----------
    sampling_strategy : str or callable
        As in `fastal.ActiveLearner`: "random", "margin", ... or a function.
    X_pool, X_test : sparse matrix, array or DataFrame of shape (n_samples, n_features), or texts
        What the estimator takes; texts need a pipeline that starts with a vectoriser.  The pool
        is read where it stands and never copied.
    y_pool, y_test : array-like of shape (n_samples,)
        The labels.  The strategy sees those of the rows it has asked for.
    initial_samples : int, default 20
        Rows labelled at the start, at least 2: drawn at random, with at least two classes among
        them.  They are the same for every strategy with the same `random_state`.
    batch_size : int, default 10
        Rows labelled in each round.
    iterations : int, default 10
        Rounds.  Fewer are run when the pool is used up.
    estimator : scikit-learn classifier, optional
        Cloned, never changed.  Default ``LogisticRegression(max_iter=1000)``.
    random_state : None, int, RandomState or Generator, default 0
        Decides the initial rows and what the strategy draws; not the estimator's own.
    callback : callable, optional
        Called as ``callback(n_labels, accuracy)`` after every test of the model.
    warm_start : bool, default False
        Train from the coefficients of the round before; see `fastal.ActiveLearner`.
    stop : stopping rule, list of them, or dict from name to rule, optional
        Rules of `fastal.stopping`, asked after every round.  They end nothing: ``curve.stops``
        says at how many labels each would first have stopped, and how accurate the model was then.
        The rules you pass stay as they are: copies of them are asked.

    Returns
    -------
    curve : LearningCurve
        Unpacks as ``n_labels, accuracies = curve``.

    Raises
    ------
    ValueError
        If lengths differ, a set is empty, labels are missing, the pool has a single class or fewer
        rows than `initial_samples`, or a count is too small, or a rule has been used before.
    TypeError
        If a count is no whole number, or texts are given without a pipeline.

    Examples
    --------
    >>> from fastal import run_experiment
    >>> from fastal.datasets import load_digits, split
    >>> n_labels, accuracies = run_experiment("margin", *split(load_digits()), iterations=3)
    >>> n_labels
    array([20, 30, 40, 50])
    >>> bool(accuracies[-1] > accuracies[0])
    True
    """
    X_pool, y_pool = check_data(X_pool, y_pool, "pool")
    X_test, y_test = check_data(X_test, y_test, "test")
    check_same_kind(y_pool, y_test)
    counts = check_counts(initial_samples, batch_size, iterations, len(y_pool))
    model = default_estimator(estimator, X_pool)
    rng = check_random_state(random_state)
    # The initial rows are drawn first, so that they do not depend on the strategy.
    rows = initial_rows(y_pool, counts[0], rng)
    seed = draw_seed(rng)
    learner = ActiveLearner(model, sampling_strategy, random_state=seed, warm_start=warm_start)
    watch = StopWatch(stop)
    data = (X_pool, y_pool, X_test, y_test)
    steps = _label_in_rounds(learner, *data, rows, counts, callback, watch)
    n_labels, accuracies, choosing, training, predicting = zip(*steps, strict=True)
    return LearningCurve(
        np.array(n_labels, dtype=np.int64),
        np.array(accuracies),
        np.array(choosing),
        np.array(training),
        np.array(predicting),
        np.array(rows, dtype=np.int64),
        _name(sampling_strategy),
        int(random_state) if isinstance(random_state, (int, np.integer)) else None,
        watch.stops(),
    )


def _label_in_rounds(
    learner: ActiveLearner,
    X_pool: Any,
    y_pool: NDArray[Any],
    X_test: Any,
    y_test: NDArray[Any],
    rows: list[int],
    counts: tuple[int, int, int],
    callback: Callable[[int, float], None] | None,
    watch: StopWatch,
) -> list[tuple[int, float, float, float, float]]:
    """Run the rounds; append to `rows` what was labelled."""
    _, batch_size, iterations = counts
    labeled = np.zeros(len(y_pool), dtype=bool)
    new = np.array(rows, dtype=np.int64)
    steps = []
    choosing = 0.0
    for _ in range(iterations + 1):
        labeled[new] = True
        start = time.perf_counter()
        learner.teach(take_rows(X_pool, new), y_pool[new])
        trained = time.perf_counter()
        accuracy = float(np.mean(learner.predict(X_test) == y_test))
        predicted = time.perf_counter()
        n_labels = len(rows)
        steps.append((n_labels, accuracy, choosing, trained - start, predicted - trained))
        if callback is not None:
            callback(n_labels, accuracy)
        watch.look(learner, n_labels, accuracy)
        if labeled.all() or len(steps) > iterations:
            break
        start = time.perf_counter()
        new = learner.query(X_pool, batch_size, labeled=labeled)
        choosing = time.perf_counter() - start
        rows += new.tolist()
    return steps


def compare_strategies(
    strategies: Iterable[Strategy] | Mapping[str, Strategy] | None,
    X_pool: Any,
    y_pool: Any,
    X_test: Any,
    y_test: Any,
    *,
    estimator: Any = None,
    n_seeds: int = 5,
    initial_samples: int = 20,
    batch_size: int = 10,
    iterations: int = 10,
    n_jobs: int | None = None,
    random_state: int = 0,
    progress: bool = False,
    warm_start: bool = False,
    stop: Any = None,
) -> Comparison:
    """Run several strategies over several seeds, and random sampling as the yardstick.

    With one seed, all strategies start from the same initial rows, so their curves can be
    compared in pairs.  BLAS is held to one thread while the models are fitted, which makes the
    seconds comparable and, for models of this size, shorter.

    Parameters
    ----------
    strategies : iterable of str or callable, mapping of name to str or callable, or None
        None: ``fastal.experiment.STRATEGIES``, that is random, auto, entropy, margin,
        least_confidence, query_by_committee and k_center.  "random" is added when it is not
        among them.
    X_pool, y_pool, X_test, y_test
        As in `run_experiment`.
    estimator : scikit-learn classifier, optional
        Default ``LogisticRegression(max_iter=1000)``.
    n_seeds : int, default 5
        Runs of each strategy, with ``random_state``, ``random_state + 1``, ...
    initial_samples, batch_size, iterations : int
        As in `run_experiment`.
    n_jobs : int, optional
        Processes, as in joblib: None is 1, -1 all processors.
    random_state : int, default 0
        The first seed, not negative.
    progress : bool, default False
        Show on standard error how many runs are done.
    warm_start : bool, default False
    stop : stopping rule, list of them, or dict from name to rule, optional
        Both as in `run_experiment`; the table says where each rule would have stopped.

    Returns
    -------
    comparison : Comparison
        With ``table()``, ``summary()``, ``to_csv(path)`` and ``plot(path)``.

    Raises
    ------
    ValueError, TypeError
        As `run_experiment`; also for two strategies of one name.

    Examples
    --------
    >>> from sklearn.naive_bayes import MultinomialNB
    >>> from fastal import compare_strategies
    >>> from fastal.datasets import load_digits, split
    >>> comparison = compare_strategies(
    ...     ["margin", "entropy"], *split(load_digits()), estimator=MultinomialNB(), n_seeds=2
    ... )
    >>> comparison.strategies
    ['margin', 'entropy', 'random']
    """
    from joblib import Parallel, delayed

    named = _named(STRATEGIES if strategies is None else strategies)
    X_pool, y_pool = check_data(X_pool, y_pool, "pool")
    X_test, y_test = check_data(X_test, y_test, "test")
    check_same_kind(y_pool, y_test)
    check_counts(initial_samples, batch_size, iterations, len(y_pool))
    seeds = _seeds(random_state, check_count(n_seeds, "n_seeds"))
    model = default_estimator(estimator, X_pool)
    data = (X_pool, y_pool, X_test, y_test)
    sizes = (initial_samples, batch_size, iterations)
    options = {"warm_start": warm_start, "stop": check_rules(stop)}
    tasks = [delayed(_full_accuracy)(model, *data)]
    tasks += [
        delayed(_one_curve)(name, strategy, model, data, sizes, seed, options)
        for seed in seeds
        for name, strategy in named.items()
    ]
    done = Parallel(n_jobs=n_jobs, return_as="generator_unordered")(tasks)
    results = list(_show_progress(done, len(tasks), "runs", progress))
    full_accuracy = next(result for result in results if isinstance(result, float))
    curves = [result for result in results if isinstance(result, LearningCurve)]
    order = list(named)
    curves.sort(key=lambda curve: (order.index(curve.strategy), curve.seed))
    return Comparison(curves, full_accuracy, len(y_pool))


def _one_curve(
    name: str,
    strategy: Strategy,
    estimator: Any,
    data: tuple[Any, Any, Any, Any],
    sizes: tuple[int, int, int],
    seed: int,
    options: dict[str, Any],
) -> LearningCurve:
    from dataclasses import replace

    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        if isinstance(strategy, str):
            _warm_up(strategy, estimator, *data[:2], sizes[0])
        curve = run_experiment(
            strategy, *data, *sizes, estimator=estimator, random_state=seed, **options
        )
    return replace(curve, strategy=name)


def _warm_up(strategy: str, estimator: Any, X: Any, y: NDArray[Any], n_initial: int) -> None:
    """Query a handful of rows once: kernels are compiled or loaded here, not in the seconds.

    Only the strategies of fastal: a function of the user's is called for the queries alone.
    """
    rows = np.array(initial_rows(y, n_initial, np.random.RandomState(0)))
    few = take_rows(X, rows)
    ActiveLearner(estimator, strategy, random_state=0).fit(few, y[rows]).query(few, 1)


def _full_accuracy(estimator: Any, X_pool: Any, y_pool: Any, X_test: Any, y_test: Any) -> float:
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1, user_api="blas"):
        model = fit_clone(estimator, X_pool, y_pool)
        return float(np.mean(np.ravel(model.predict(X_test)) == y_test))


def _name(strategy: Strategy) -> str:
    return strategy if isinstance(strategy, str) else getattr(strategy, "__name__", repr(strategy))


def _named(strategies: Iterable[Strategy] | Mapping[str, Strategy]) -> dict[str, Strategy]:
    """Strategies by the name of their curve, random among them."""
    if isinstance(strategies, str):
        raise TypeError(f"strategies must be a list of strategies, got the string {strategies!r}")
    named: dict[str, Strategy] = {}
    if isinstance(strategies, Mapping):
        named = dict(strategies)
    else:
        for strategy in strategies:
            if _name(strategy) in named:
                raise ValueError(
                    f"strategies has two called {_name(strategy)!r}; give names of your own with "
                    "a dict from name to strategy"
                )
            named[_name(strategy)] = strategy
    if named.setdefault("random", "random") not in ("random", _strategies.random):
        raise ValueError("strategies: the name 'random' is taken by random sampling")
    return named


def _seeds(first: Any, n_seeds: int) -> range:
    if isinstance(first, bool) or not isinstance(first, (int, np.integer)):
        raise TypeError(f"random_state must be a whole number, the first seed, got {first!r}")
    if not 0 <= first <= 2**32 - n_seeds:
        raise ValueError(f"random_state must lie between 0 and 2**32 - n_seeds, got {first}")
    return range(int(first), int(first) + n_seeds)
