"""modAL's measures of disagreement, and the strategies that pick by them."""

from __future__ import annotations

from typing import Any

import numpy as np
from modAL.disagreement import KL_max_disagreement as _divergence
from modAL.disagreement import consensus_entropy as _consensus
from sklearn.exceptions import NotFittedError

import fastal
from fastal.adapters._modal_pool import Picks, Scores, highest, of_committee


def vote_entropy(committee: Any, X: Any, **predict_proba_kwargs: Any) -> Scores:
    """Entropy of the members' votes, as ``modAL.disagreement.vote_entropy``.

    Parameters
    ----------
    committee : modAL committee
    X : array-like or sparse matrix of shape (n_samples, n_features), or what the members take
    **predict_proba_kwargs
        For ``committee.vote``.

    Returns
    -------
    disagreement : ndarray of shape (n_samples,), float64
        In nats; rows with the same counts of votes are exactly equal.  All zeros if the committee
        is not fitted.

    Notes
    -----
    Labels may be strings, for which modAL's fails.

    Examples
    --------
    >>> from fastal.adapters.modal import ActiveLearner, Committee, vote_entropy
    >>> from sklearn.linear_model import LogisticRegression
    >>> committee = Committee([
    ...     ActiveLearner(LogisticRegression(), X_training=X, y_training=["ham", "spam"])
    ...     for X in ([[0], [4]], [[0], [8]])
    ... ])
    >>> vote_entropy(committee, [[0], [3], [9]]).round(3)
    array([0.   , 0.693, 0.   ])
    """
    scores = of_committee(committee, X, "vote_entropy", predict_proba_kwargs)
    if scores is not None:
        return scores
    try:
        return fastal.vote_entropy(committee.vote(X, **predict_proba_kwargs))
    except NotFittedError:
        return np.zeros(X.shape[0])


def consensus_entropy(committee: Any, X: Any, **predict_proba_kwargs: Any) -> Scores:
    """Entropy of the members' mean probabilities, as ``modAL.disagreement.consensus_entropy``.

    Parameters
    ----------
    committee, X
        As for `vote_entropy`.
    **predict_proba_kwargs
        For ``committee.predict_proba``.

    Returns
    -------
    disagreement : ndarray of shape (n_samples,), float64
        In nats.  All zeros if the committee is not fitted.

    Notes
    -----
    Read by `fastal.score_pool` if all members are linear models or naive Bayes, otherwise scored
    by modAL's own function.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.modal import ActiveLearner, Committee, consensus_entropy
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> committee = Committee([
    ...     ActiveLearner(DecisionTreeClassifier(), X_training=X, y_training=[0, 1])
    ...     for X in ([[0], [4]], [[0], [8]])
    ... ])
    >>> consensus_entropy(committee, np.array([[0], [3], [9]])).round(3)
    array([0.   , 0.693, 0.   ])
    """
    scores = of_committee(committee, X, "consensus_entropy", predict_proba_kwargs)
    return _consensus(committee, X, **predict_proba_kwargs) if scores is None else scores


def KL_max_disagreement(committee: Any, X: Any, **predict_proba_kwargs: Any) -> Scores:
    """Divergence from the mean of the member that differs most, as in ``modAL.disagreement``.

    Parameters
    ----------
    committee, X
        As for `vote_entropy`.
    **predict_proba_kwargs
        For ``committee.vote_proba``.

    Returns
    -------
    disagreement : ndarray of shape (n_samples,), float64
        In nats.  All zeros if the committee is not fitted.

    See Also
    --------
    fastal.kl_to_consensus : The mean over the members, which the literature has.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.modal import ActiveLearner, Committee, KL_max_disagreement
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> committee = Committee([
    ...     ActiveLearner(DecisionTreeClassifier(), X_training=X, y_training=[0, 1])
    ...     for X in ([[0], [4]], [[0], [8]])
    ... ])
    >>> KL_max_disagreement(committee, np.array([[0], [3], [9]])).round(3)
    array([0.   , 0.693, 0.   ])
    """
    scores = of_committee(committee, X, "max_kl_to_consensus", predict_proba_kwargs)
    return _divergence(committee, X, **predict_proba_kwargs) if scores is None else scores


def vote_entropy_sampling(
    committee: Any,
    X: Any,
    n_instances: int = 1,
    random_tie_break: bool = False,
    **disagreement_measure_kwargs: Any,
) -> Picks:
    """Rows of the highest `vote_entropy`.

    Parameters
    ----------
    committee, X, **disagreement_measure_kwargs
        As for `vote_entropy`.
    n_instances : int, default 1
        At most the number of rows.
    random_tie_break : bool, default False
        Break ties at random, by NumPy's global generator as modAL does.

    Returns
    -------
    rows : ndarray of shape (n_instances,), int64
        In modAL's order: that of ``argpartition``, or the best last with `random_tie_break`.
    scores : ndarray of the same shape, float64

    Raises
    ------
    AssertionError
        If n_instances is above the number of rows.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.modal import ActiveLearner, Committee, vote_entropy_sampling
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> members = [
    ...     ActiveLearner(DecisionTreeClassifier(), X_training=X, y_training=[0, 1])
    ...     for X in ([[0], [4]], [[0], [8]])
    ... ]
    >>> Committee(members, vote_entropy_sampling).query(np.array([[0], [3], [9]]))
    (array([1]), array([[3]]))
    """
    scores = vote_entropy(committee, X, **disagreement_measure_kwargs)
    return highest(scores, n_instances, random_tie_break)


def consensus_entropy_sampling(
    committee: Any,
    X: Any,
    n_instances: int = 1,
    random_tie_break: bool = False,
    **disagreement_measure_kwargs: Any,
) -> Picks:
    """Rows of the highest `consensus_entropy`.

    Parameters
    ----------
    committee, X, n_instances, random_tie_break, **disagreement_measure_kwargs
        As for `vote_entropy_sampling`.

    Returns
    -------
    rows, scores
        As `vote_entropy_sampling`.

    Raises
    ------
    AssertionError
        If n_instances is above the number of rows.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.modal import ActiveLearner, Committee, consensus_entropy_sampling
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> members = [
    ...     ActiveLearner(DecisionTreeClassifier(), X_training=X, y_training=[0, 1])
    ...     for X in ([[0], [4]], [[0], [8]])
    ... ]
    >>> Committee(members, consensus_entropy_sampling).query(np.array([[0], [3], [9]]))
    (array([1]), array([[3]]))
    """
    scores = consensus_entropy(committee, X, **disagreement_measure_kwargs)
    return highest(scores, n_instances, random_tie_break)


def max_disagreement_sampling(
    committee: Any,
    X: Any,
    n_instances: int = 1,
    random_tie_break: bool = False,
    **disagreement_measure_kwargs: Any,
) -> Picks:
    """Rows of the highest `KL_max_disagreement`.

    Parameters
    ----------
    committee, X, n_instances, random_tie_break, **disagreement_measure_kwargs
        As for `vote_entropy_sampling`.

    Returns
    -------
    rows, scores
        As `vote_entropy_sampling`.

    Raises
    ------
    AssertionError
        If n_instances is above the number of rows.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.adapters.modal import ActiveLearner, Committee, max_disagreement_sampling
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> members = [
    ...     ActiveLearner(DecisionTreeClassifier(), X_training=X, y_training=[0, 1])
    ...     for X in ([[0], [4]], [[0], [8]])
    ... ]
    >>> Committee(members, max_disagreement_sampling).query(np.array([[0], [3], [9]]))
    (array([1]), array([[3]]))
    """
    scores = KL_max_disagreement(committee, X, **disagreement_measure_kwargs)
    return highest(scores, n_instances, random_tie_break)
