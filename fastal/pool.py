"""From a fitted model and a pool straight to scores, or to the rows to label next.

The pool is read once.  Of a linear model and rows of features, decision values, probabilities
and scores are made in compiled code for one block of rows after the other, and the best rows are
kept on the way: nothing of size rows x classes ever exists.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, Literal, overload

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._best import Best
from fastal._block_jobs import scores_of_blocks
from fastal._pool_scores import BlockScores, PoolScorer, Receive, check_score, parts
from fastal._progress import counter
from fastal._rows import as_rows, is_foreign, n_rows
from fastal._threads import n_threads
from fastal._validation import check_count, check_random_state, check_rows

__all__ = ["query_pool", "score_pool"]


def score_pool(
    estimator: Any,
    X_pool: Any,
    score: str = "margin",
    *,
    n_jobs: int | None = None,
    progress: bool = False,
) -> NDArray[np.float64]:
    """Score every row of a pool by a fitted model, in one read of the pool.

    The same scores as ``fastal.entropy(estimator.predict_proba(X_pool))``, and so on, to rounding;
    the array of probabilities never exists.

    Parameters
    ----------
    estimator, X_pool, score, n_jobs, progress
        As for `fastal.query_pool`.

    Returns
    -------
    scores : ndarray of shape (n_pool,), float64
        Higher = query first.

    Raises
    ------
    ValueError, TypeError
        As `fastal.query_pool`.

    See Also
    --------
    query_pool : The best rows only, in memory that does not grow with the pool.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> import fastal
    >>> model = LogisticRegression().fit([[0.0], [1.0]], ["ham", "spam"])
    >>> fastal.score_pool(model, [[0.5], [3.0]]).round(2)
    array([1. , 0.5])
    """
    check_score(estimator, score)
    received: list[tuple[int, NDArray[np.float64]]] = []
    n = _each_block(
        estimator, X_pool, score, n_jobs, progress, lambda _, first, s: received.append((first, s))
    )
    out = np.empty(n)
    for first, scores in received:
        out[first : first + len(scores)] = scores
    return out


@overload
def query_pool(
    estimator: Any, X_pool: Any, k: int, score: str = ..., random_state: Any = ..., *,
    exclude: ArrayLike | None = ..., return_scores: Literal[False] = ...,
    n_jobs: int | None = ..., progress: bool = ...,
) -> NDArray[np.int64]: ...  # fmt: skip


@overload
def query_pool(
    estimator: Any, X_pool: Any, k: int, score: str = ..., random_state: Any = ..., *,
    exclude: ArrayLike | None = ..., return_scores: Literal[True],
    n_jobs: int | None = ..., progress: bool = ...,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]: ...  # fmt: skip


def query_pool(
    estimator: Any,
    X_pool: Any,
    k: int,
    score: str = "margin",
    random_state: Any = None,
    *,
    exclude: ArrayLike | None = None,
    return_scores: bool = False,
    n_jobs: int | None = None,
    progress: bool = False,
) -> NDArray[np.int64] | tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows of a pool with the highest scores by a fitted model, best first, in one read of it.

    The same rows as ``fastal.top_k(fastal.entropy(estimator.predict_proba(X_pool)), k)``, and so
    on; besides the pool, memory holds a few blocks of rows.

    Parameters
    ----------
    estimator : fitted classifier, pipeline or `fastal.Committee`
        With ``predict_proba`` or ``decision_function``; a pipeline may begin with a vectoriser.
        Linear models of scikit-learn (logistic regression, SGDClassifier, linear SVM, ridge,
        perceptron, naive Bayes for counts; calibrated or one-vs-rest ones) are computed in
        compiled code on several threads; any other classifier is asked for the probabilities of
        one block of rows after the other.
    X_pool : array-like or sparse matrix (n_pool, n_features), list of texts, DataFrame, or stream
        What the estimator takes.  It may be memory-mapped; it is neither copied nor changed.  A
        stream is an iterator of blocks of such rows, or a `fastal.TextFile`: of it only one block
        at a time (with processes, a few) is in memory.
    k : int
        How many rows, at least 1.  If fewer are left, all of them are returned.
    score : str, default "margin"
        "entropy", "margin", "least_confidence", "distance_to_boundary" (which needs
        ``decision_function``, or naive Bayes' joint log-probabilities) or
        "expected_gradient_length" (which needs a linear model of scikit-learn); for a
        committee the first three, "vote_entropy", "consensus_entropy", "kl_to_consensus",
        "max_kl_to_consensus" or "variation_ratio".  Each is the function of that name in `fastal`.
    random_state : None, int, RandomState or Generator, default None
        None: equal scores go to the lowest row.  Otherwise ties are broken uniformly at random.
    exclude : array-like of int or bool, optional
        Row numbers, or a mask over the pool, that are never returned (labelled ones, say).
    return_scores : bool, default False
        Also return the scores of the rows.
    n_jobs : int, optional
        Processes for pools that come in blocks, as in joblib: None is 1, -1 all processors.
        Worth it where a pipeline makes features of texts.  A matrix is always scored on the
        threads that ``FASTAL_NUM_THREADS`` allows.
    progress : bool, default False
        Show on standard error how many rows are done.

    Returns
    -------
    rows : ndarray of shape (min(k, n_left),), int64
        Distinct row numbers, best first.
    scores : ndarray of the same shape, float64
        Only with ``return_scores=True``.

    Raises
    ------
    ValueError
        If the pool has another number of features than the model, a number that is not finite, or
        an invalid structure (the message names the row, and the block of a stream), or k, score or
        exclude is wrong.
    TypeError
        If the estimator has neither ``predict_proba`` nor ``decision_function``.
    RuntimeError
        If an iterator of blocks fails, or a process dies.

    Notes
    -----
    A linear model is read anew with each call, and its word on the first eight rows of the pool is
    compared with its own methods; if they differ (a future version, say), it is asked block by
    block, as is a subclass with methods of its own.  Scores differ from theirs by rounding.

    Models that are not linear, and steps before a classifier, see one block of rows at a time: a
    transformer of your own that looks at the other rows of a call gives other results then.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> import fastal
    >>> model = LogisticRegression().fit([[0.0], [1.0]], ["ham", "spam"])
    >>> fastal.query_pool(model, [[0.1], [0.5], [3.0], [0.4]], k=2, exclude=[1])
    array([3, 0])
    """
    check_score(estimator, score)
    k = check_count(k, "k")
    rng = None if random_state is None else check_random_state(random_state)
    n_pool = None if is_stream(X_pool) else n_rows(X_pool, "X_pool")
    left_out, n_expected = _rows_to_leave_out(exclude, n_pool)
    best = [Best(k, keep_ties=rng is not None) for _ in range(n_threads())]

    def receive(share: int, first: int, scores: NDArray[np.float64]) -> None:
        own = left_out[slice(*np.searchsorted(left_out, (first, first + len(scores))))]
        scores[own - first] = np.nan
        best[share].offer(first, scores)

    n_read = _each_block(estimator, X_pool, score, n_jobs, progress, receive)
    if n_expected not in (None, n_read):
        raise ValueError(f"exclude is a mask of {n_expected} entries for {n_read} rows")
    if left_out.size and left_out[-1] >= n_read:
        raise ValueError(f"exclude must lie in 0..{n_read - 1}, got {left_out[-1]}")
    for other in best[1:]:
        best[0].merge(other)
    rows, scores = best[0].result(rng)
    return (rows, scores) if return_scores else rows


def is_stream(X: Any) -> bool:
    """Whether a pool comes block by block: an iterator, or an iterable of unknown length."""
    return hasattr(X, "__next__") or (
        hasattr(X, "__iter__") and not (hasattr(X, "__len__") or hasattr(X, "shape"))
    )


def _rows_to_leave_out(
    exclude: ArrayLike | None, n_pool: int | None
) -> tuple[NDArray[np.int64], int | None]:
    """Return the rows, and how many the pool must have, as the length of a mask says."""
    if n_pool is not None:
        return check_rows(exclude, n_pool, "exclude"), None
    mask = np.asarray([] if exclude is None else exclude)
    if mask.dtype == bool:
        return check_rows(mask, mask.size, "exclude"), mask.size
    return check_rows(exclude, np.iinfo(np.int64).max, "exclude"), None


def _each_block(
    estimator: Any,
    X_pool: Any,
    score: str,
    n_jobs: int | None,
    show: bool,
    receive: Receive,
) -> int:
    """Hand over the scores of all rows, in blocks; return how many rows there are."""
    if is_stream(X_pool):
        with counter(getattr(X_pool, "n_rows", None), "rows scored", show) as tick:
            return _in_turn(iter(X_pool), BlockScores(estimator, score), n_jobs, receive, tick)
    X = X_pool if is_foreign(X_pool) else as_rows(X_pool, "X_pool")
    n = n_rows(X, "X_pool")
    with counter(n, "rows scored", show) as tick:
        scorer = PoolScorer(estimator, score)
        if n == 0:
            return 0
        if scorer.takes_whole and hasattr(X, "shape") and not hasattr(X, "iloc"):
            scorer(X, _ticking(receive, tick))
            return n
        blocks = (block for _, block in parts(X, scorer.rows_at_once()))
        return _in_turn(blocks, BlockScores(estimator, score), n_jobs, receive, tick)


def _in_turn(
    blocks: Iterator[Any],
    score_block: BlockScores,
    n_jobs: int | None,
    receive: Receive,
    tick: Callable[[int], None],
) -> int:
    n = 0
    for first, scores in scores_of_blocks(blocks, score_block, n_jobs):
        receive(0, first, scores)
        tick(len(scores))
        n = first + len(scores)
    return n


def _ticking(receive: Receive, tick: Callable[[int], None]) -> Receive:
    lock = threading.Lock()

    def both(share: int, first: int, scores: NDArray[np.float64]) -> None:
        receive(share, first, scores)
        with lock:
            tick(len(scores))

    return both
