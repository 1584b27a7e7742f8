"""Strategies by name: from a learner and a pool to scores, or to the rows to label next.

A strategy is a function ``strategy(learner, X_pool, n, *, labeled, random_state)``:

- `learner`, an `ActiveLearner`, holds ``estimator_`` (if fitted), ``X_labeled_``, ``y_labeled_``;
- `n` is how many rows are wanted, never more than there are;
- `labeled` holds the rows of X_pool that must not come back, int64, sorted;
- `random_state` is None (ties go to the lowest row) or a random stream, as `fastal.top_k` and
  `fastal.k_center_greedy` take it.

It returns either a floating array of shape (n_pool,), one score for each row of the pool, higher =
query first, from which the learner selects; or an integer array of the n rows it selected itself.
Your own function is handed to the learner in place of a name.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.special import expit, softmax

from fastal import committee, uncertainty
from fastal._rows import as_rows, n_rows, stack_rows
from fastal._validation import check_random_state
from fastal.diversity import k_center_greedy

__all__ = [
    "consensus_entropy",
    "entropy",
    "k_center",
    "kl_to_consensus",
    "least_confidence",
    "margin",
    "max_kl_to_consensus",
    "query_by_committee",
    "random",
    "variation_ratio",
    "vote_entropy",
]

Scores = NDArray[np.float64]
Rows = NDArray[np.int64]


def class_probabilities(estimator: Any, X: Any) -> NDArray[Any]:
    """Class probabilities of a fitted classifier, also of one that has only decision values.

    Decision values become probabilities by the logistic function (two classes) or softmax: not
    calibrated, but monotone, so that rows are ordered as by the distance to the boundary.

    Parameters
    ----------
    estimator : fitted classifier
        With ``predict_proba`` or ``decision_function``.
    X : rows, as the estimator takes them

    Returns
    -------
    proba : ndarray of shape (n_samples, n_classes)
        Columns in the order of ``estimator.classes_``.

    Raises
    ------
    TypeError
        If the estimator has neither method.
    ValueError
        If there is not one decision value for each class (``decision_function_shape="ovo"``).

    Examples
    --------
    >>> from sklearn.svm import LinearSVC
    >>> from fastal.strategies import class_probabilities
    >>> svm = LinearSVC().fit([[-1.0], [1.0]], ["ham", "spam"])
    >>> class_probabilities(svm, [[0.0]]).round(2)
    array([[0.5, 0.5]])
    """
    if hasattr(estimator, "predict_proba"):
        return np.asarray(estimator.predict_proba(X))
    name = type(estimator).__name__
    if not hasattr(estimator, "decision_function"):
        raise TypeError(
            "this strategy needs an estimator with predict_proba or decision_function, but "
            f"{name} has neither"
        )
    decision = np.asarray(estimator.decision_function(X), dtype=np.float64)
    if decision.ndim == 1:
        return np.column_stack([expit(-decision), expit(decision)])
    if decision.shape[1] != len(estimator.classes_):
        raise ValueError(
            f"decision_function of {name} gives {decision.shape[1]} values for "
            f"{len(estimator.classes_)} classes; for an SVC use decision_function_shape='ovr'"
        )
    return np.asarray(softmax(decision, axis=1))


def _fitted(learner: Any) -> Any:
    if hasattr(learner, "estimator_"):
        return learner.estimator_
    from sklearn.exceptions import NotFittedError

    raise NotFittedError(
        "this strategy needs a fitted model, but fewer than two classes are labelled so far; "
        "for the cold start use a strategy that needs none, such as 'random' or 'k_center'"
    )


def random(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """Rows drawn uniformly, without replacement: the yardstick for every other strategy."""
    left = np.setdiff1d(np.arange(n_rows(X, "X_pool")), labeled, assume_unique=True)
    drawn = check_random_state(random_state).choice(left, size=n, replace=False)
    return np.asarray(drawn, dtype=np.int64)


def entropy(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.entropy` of the model's class probabilities."""
    return uncertainty.entropy(class_probabilities(_fitted(learner), X))


def margin(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.margin` of the model's class probabilities."""
    return uncertainty.margin(class_probabilities(_fitted(learner), X))


def least_confidence(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.least_confidence` of the model's class probabilities."""
    return uncertainty.least_confidence(class_probabilities(_fitted(learner), X))


def _committee(learner: Any, X: Any, random_state: Any) -> tuple[Any, Any]:
    """Return the committee of `query_by_committee`, and X as its members take it."""
    from fastal.committee_model import Committee

    model = _fitted(learner)
    if isinstance(model, Committee):
        return model, X
    if hasattr(model, "steps") and isinstance(model[-1], Committee):
        return model[-1], _before_last_step(model, X)
    seed = int(check_random_state(random_state).choice(2**31))
    made = Committee(learner.estimator, n_members=5, random_state=seed)
    return made.fit(learner.X_labeled_, learner.y_labeled_), X


def _probas(learner: Any, X: Any, random_state: Any) -> NDArray[np.float64]:
    members, X = _committee(learner, X, random_state)
    return np.asarray(members.member_probas(X))


def vote_entropy(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.vote_entropy` of the votes of the committee of `query_by_committee`."""
    members, X = _committee(learner, X, random_state)
    return committee.vote_entropy(members.votes(X))


def query_by_committee(
    learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any
) -> Scores:
    """Vote entropy of a committee: how much models that know the same labels disagree.

    The committee is the learner's own model if that is a `fastal.Committee` (or a pipeline that
    ends in one), else five clones of the learner's estimator, each fitted to a bootstrap sample of
    the labelled rows.

    References
    ----------
    Seung, Opper & Sompolinsky (1992), "Query by committee"; Dagan & Engelson (1995).
    """
    return vote_entropy(learner, X, n, labeled=labeled, random_state=random_state)


def consensus_entropy(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.consensus_entropy` of the committee of `query_by_committee`."""
    return committee.consensus_entropy(_probas(learner, X, random_state))


def kl_to_consensus(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.kl_to_consensus` of the committee of `query_by_committee`."""
    return committee.kl_to_consensus(_probas(learner, X, random_state))


def max_kl_to_consensus(
    learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any
) -> Scores:
    """`fastal.max_kl_to_consensus` of the committee of `query_by_committee`."""
    return committee.max_kl_to_consensus(_probas(learner, X, random_state))


def variation_ratio(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Scores:
    """`fastal.variation_ratio` of the committee of `query_by_committee`."""
    return committee.variation_ratio(_probas(learner, X, random_state))


def k_center(learner: Any, X: Any, n: int, *, labeled: Rows, random_state: Any) -> Rows:
    """`fastal.k_center_greedy` around the labelled rows (core-set).

    Distances are measured between features: what all steps but the last make of a row, if the
    learner's model is a fitted pipeline, else the rows themselves.  Centres are the rows `labeled`
    of the pool; if none are given, the learner's own labelled rows (the features of pool and
    labelled rows are then copied into one array).
    """
    features = _features(learner, X)
    if not labeled.size and hasattr(learner, "X_labeled_"):
        own = _features(learner, learner.X_labeled_)
        labeled = np.arange(features.shape[0], features.shape[0] + own.shape[0])
        features = stack_rows(features, own)
    return k_center_greedy(features, n, labeled, random_state=random_state)[0]


def _features(learner: Any, X: Any) -> Any:
    model = getattr(learner, "estimator_", None)
    X = as_rows(_before_last_step(model, X) if hasattr(model, "steps") else X, "X_pool")
    X = X if sp.issparse(X) else np.asarray(X)
    if X.ndim == 1 and X.dtype.kind in "USTO":
        raise TypeError(
            "k_center measures distances between numeric features, but the rows are texts and no "
            "pipeline that turns them into features is fitted yet; use cold_start='random', or "
            "vectorise the texts before the learner"
        )
    return X


def _before_last_step(pipeline: Any, X: Any) -> Any:
    return pipeline[:-1].transform(X) if len(pipeline.steps) > 1 else X
