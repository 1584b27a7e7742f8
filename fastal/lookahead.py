"""What a label would do: expected error reduction and expected model change."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._progress import counter
from fastal._rows import n_rows
from fastal._threads import MIN_SHARE, over_blocks
from fastal._validation import check_random_state

__all__ = ["expected_error_reduction", "expected_model_change"]

# Losses that one call of a kernel computes: Python sees Ctrl-C in between, and a block of
# products of candidates with evaluation rows stays small.
_LOSSES_PER_CALL = 2**21


def expected_error_reduction(
    estimator: Any,
    X_pool: Any,
    X_labeled: Any,
    y_labeled: ArrayLike,
    loss: str = "log",
    *,
    method: str = "auto",
    candidates: ArrayLike | int | None = None,
    evaluation: ArrayLike | int | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    progress: bool = False,
) -> NDArray[np.float64]:
    r"""Minus the loss to expect on the pool once a row is labelled.

    .. math:: -\sum_y P(y \mid x) \, \frac{1}{|E \setminus x|} \sum_{u \in E \setminus x}
              \ell\big(P_{+(x, y)}(\cdot \mid u)\big)

    P is the fitted model, :math:`P_{+(x, y)}` the model fitted with row x and label y added, E the
    evaluation rows, and the loss :math:`\ell` the entropy or 1 - the largest probability.

    Parameters
    ----------
    estimator : fitted classifier or pipeline
        Fitted to X_labeled and y_labeled.  A classifier without ``predict_proba`` has the
        probabilities of `fastal.strategies.class_probabilities`, before and after.  Of a
        pipeline only the last step learns: the steps before it stay as they are.
    X_pool : array-like or sparse matrix (n_pool, n_features), or what the pipeline takes
    X_labeled : rows of the same kind, (n_labeled, n_features)
    y_labeled : array-like of shape (n_labeled,)
        Labels of classes that the estimator knows.
    loss : {"log", "zero_one"}, default "log"
        Entropy, or 1 - the largest probability (the expected error), of each evaluation row.
    method : {"auto", "exact", "newton", "refit"}, default "auto"
        "exact": what refitting gives, by a closed form, for MultinomialNB, ComplementNB,
        BernoulliNB (without alpha = 0) and RidgeClassifier (without class_weight).  "newton": for
        LogisticRegression, a Newton step from the fitted model, an approximation.  "refit": a
        clone is fitted for each candidate and class.  "auto": the first of these that the
        estimator has.
    candidates : array-like of int or bool, or int, optional
        Row numbers of X_pool, or a mask over it, that are scored; an int draws as many at
        random.  All rows by default.
    evaluation : array-like of int or bool, or int, optional
        Rows whose loss counts, likewise.
    n_jobs : int, optional
        Processes for refits, as in joblib: None is 1, -1 all processors.  The other methods use
        the threads that ``FASTAL_NUM_THREADS`` allows.
    random_state : None, int, RandomState or Generator, default None
        Draws candidates, then evaluation rows.  None draws afresh.
    progress : bool, default False
        Show on standard error how many candidates are done.

    Returns
    -------
    scores : ndarray of shape (n_pool,), float64
        Higher = query first; -inf for rows that are no candidates.

    Raises
    ------
    ValueError
        If loss or method is unknown or not for this estimator, a label is unknown to it, a row
        does not exist, X is not finite or has another number of features, naive Bayes gets
        negative numbers, or a candidate has no other evaluation row.
    TypeError
        If the estimator is no fitted classifier, or X holds no numbers.

    Notes
    -----
    Naive Bayes is read from its counts: a label adds x to counts in few columns, and the logits of
    all evaluation rows follow from the terms they share with x.  Models from ``partial_fit`` and
    with sample weights work (a new label weighs 1).  RidgeClassifier is solved exactly, whatever
    its solver's tolerance.

    The Newton step takes the loss of the labelled rows as the parabola that it is near the fitted
    model, by its Hessian there, and the loss of the new row as it is; with more than two classes,
    what ties the classes together in the Hessian is left out.  How close it comes to the order of
    refits is measured in docs/results-lookahead.md.

    Besides the pool, memory holds the evaluation rows times the classes; for the two linear models
    also evaluation rows times labelled rows (or features, if there are fewer).

    References
    ----------
    Roy & McCallum (2001), "Toward optimal active learning through sampling estimation of error
    reduction", ICML.

    Examples
    --------
    >>> from sklearn.naive_bayes import MultinomialNB
    >>> import fastal
    >>> X = [[2, 0], [0, 2], [1, 1], [3, 0]]
    >>> model = MultinomialNB().fit(X[:2], ["ham", "spam"])
    >>> scores = fastal.expected_error_reduction(model, X, X[:2], ["ham", "spam"])
    >>> scores.round(3)
    array([-0.367, -0.363, -0.37 , -0.374])
    """
    from fastal import _lookahead_input as given_input
    from fastal import _lookahead_refit

    _check_name(loss, ("log", "zero_one"), "loss")
    _check_name(method, ("auto", "exact", "newton", "refit"), "method")
    rng = check_random_state(random_state)
    given = given_input.read(estimator, X_pool, X_labeled, y_labeled, candidates, evaluation, rng)
    chosen = given_input.choose(given.model, method)
    out = np.full(n_rows(given.pool), -np.inf)
    if not given.candidates.size:
        return out
    if given.weights.shape[1] == 1:
        # One class: all is certain.
        out[given.candidates] = 0.0
    elif chosen == given_input.REFIT:
        refitted = _lookahead_refit.losses(given, loss == "zero_one", n_jobs, progress)
        out[given.candidates] = 0.0 - refitted
    else:
        total = _closed_form(given, chosen, loss == "zero_one", progress)
        others = given.evaluation.size - (given.own >= 0)
        out[given.candidates] = 0.0 - total / others
    return out


def _check_name(value: Any, known: tuple[str, ...], name: str) -> None:
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")


def _closed_form(given: Any, chosen: str, zero_one: bool, show: bool) -> NDArray[np.float64]:
    """Sums over the evaluation rows of the loss expected, one for each candidate."""
    from fastal import _lookahead_bayes, _lookahead_linear
    from fastal._lookahead_input import EXACT, sparse_rows

    model = given.model
    pool = sparse_rows(given.pool, model.n_features_in_, "X_pool")
    task = _lookahead_bayes.Task(
        pool[given.candidates], pool[given.evaluation], given.weights, given.own, zero_one
    )
    if chosen == EXACT and hasattr(model, "feature_log_prob_"):
        if pool.data.size and pool.data.min() < 0 and type(model).__name__ != "BernoulliNB":
            raise ValueError("X_pool must not be negative, as naive Bayes counts its entries")
        block = _lookahead_bayes.losses(model, task)
    else:
        solve = _lookahead_linear.ridge if chosen == EXACT else _lookahead_linear.newton
        labeled = sparse_rows(given.X_labeled, model.n_features_in_, "X_labeled")
        block = solve(model, task, labeled, given.y_labeled)
    n, work = given.candidates.size, given.evaluation.size * given.weights.shape[1]
    out = np.empty(n)
    lock = threading.Lock()
    with counter(n, "candidates", show) as tick:

        def run(share: int, start: int, stop: int) -> None:
            out[start:stop] = block(start, stop)
            with lock:
                tick(stop - start)

        over_blocks(run, n, max(1, _LOSSES_PER_CALL // work), n * work // MIN_SHARE + 1)
    return out


def expected_model_change(
    estimator: Any,
    X_pool: Any,
    X_labeled: Any,
    y_labeled: ArrayLike,
    *,
    method: str = "refit",
    candidates: ArrayLike | int | None = None,
    evaluation: ArrayLike | int | None = None,
    n_jobs: int | None = None,
    random_state: Any = None,
    progress: bool = False,
) -> NDArray[np.float64]:
    r"""How much a label is expected to change the model, by changing it: slow, for any classifier.

    .. math:: \sum_y P(y \mid x) \, \|\theta_{+(x, y)} - \theta\|_2

    The parameters :math:`\theta` are ``coef_`` and ``intercept_`` of a linear model, or
    ``feature_log_prob_`` and ``class_log_prior_`` of naive Bayes.  A model that has neither
    (trees, neighbours, kernels) is measured by what it says of the evaluation rows E:

    .. math:: \sum_y P(y \mid x) \, \frac{1}{|E \setminus x|} \sum_{u \in E \setminus x}
              \|P_{+(x, y)}(\cdot \mid u) - P(\cdot \mid u)\|_1

    Parameters
    ----------
    estimator, X_pool, X_labeled, y_labeled, candidates, evaluation, n_jobs, random_state, progress
        As for `expected_error_reduction`; evaluation rows are used only by models without
        parameters.
    method : {"refit", "partial_fit"}, default "refit"
        "refit": a clone is fitted to the labelled rows and the new one.  "partial_fit": a copy of
        the estimator learns the new row alone.

    Returns
    -------
    scores : ndarray of shape (n_pool,), float64
        Higher = query first; -inf for rows that are no candidates.

    Raises
    ------
    ValueError
        If the method is unknown, a label is unknown to the estimator, a row does not exist, or a
        candidate has no other evaluation row.
    TypeError
        If the estimator is no fitted classifier, or has no ``partial_fit`` where it is wanted.

    Notes
    -----
    One fit for each candidate and class; a linear model's gradient gives almost the same
    order in one read of the pool.  If a label of the estimator is missing in y_labeled, a refit
    may have other parameters, and the probabilities are compared.

    References
    ----------
    Settles, Craven & Ray (2007), "Multiple-instance active learning", NIPS; Settles (2009).

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> import fastal
    >>> X = [[0.0], [4.0], [1.5], [2.5]]
    >>> tree = DecisionTreeClassifier(random_state=0).fit(X[:2], ["ham", "spam"])
    >>> fastal.expected_model_change(tree, X, X[:2], ["ham", "spam"]).round(2)
    array([0.  , 0.  , 0.67, 0.67])
    """
    from fastal import _lookahead_input as given_input
    from fastal import _lookahead_refit

    _check_name(method, ("refit", "partial_fit"), "method")
    rng = check_random_state(random_state)
    given = given_input.read(estimator, X_pool, X_labeled, y_labeled, candidates, evaluation, rng)
    if method == "partial_fit" and not hasattr(given.model, "partial_fit"):
        raise TypeError(f"{type(given.model).__name__} has no partial_fit; use method='refit'")
    complete = method == "partial_fit" or np.isin(given.model.classes_, given.y_labeled).all()
    parameters = _lookahead_refit.has_parameters(given.model) and bool(complete)
    out = np.full(n_rows(given.pool), -np.inf)
    out[given.candidates] = _lookahead_refit.changes(given, method, parameters, n_jobs, progress)
    return out
