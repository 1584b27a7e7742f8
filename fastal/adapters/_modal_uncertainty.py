"""modAL's measures of uncertainty, and the strategies that pick by them."""

from __future__ import annotations

from typing import Any

from modAL.uncertainty import classifier_entropy as _entropy
from modAL.uncertainty import classifier_margin as _margin
from modAL.uncertainty import classifier_uncertainty as _uncertainty
from modAL.utils.selection import multi_argmin, shuffled_argmin

from fastal.adapters._modal_pool import Picks, Scores, highest, of_classifier


def classifier_uncertainty(classifier: Any, X: Any, **predict_proba_kwargs: Any) -> Scores:
    """1 - the largest probability, as ``modAL.uncertainty.classifier_uncertainty``.

    Parameters
    ----------
    classifier : modAL learner or committee, or scikit-learn classifier
        With ``predict_proba``.
    X : array-like or sparse matrix of shape (n_samples, n_features), or what the classifier takes
    **predict_proba_kwargs
        For ``classifier.predict_proba``.

    Returns
    -------
    uncertainty : ndarray of shape (n_samples,), float64
        All ones if the classifier is not fitted.

    Raises
    ------
    AttributeError
        If the classifier has no ``predict_proba``.

    Notes
    -----
    Of linear models, naive Bayes, and calibrated, one-vs-rest or piped ones, no array of
    probabilities is made; the scores equal modAL's to rounding.  All others, and calls with
    arguments for ``predict_proba``, are scored by modAL's own function, to the last bit.

    Examples
    --------
    >>> from fastal.adapters.modal import ActiveLearner, classifier_uncertainty
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> tree = DecisionTreeClassifier(max_depth=1)
    >>> learner = ActiveLearner(tree, X_training=[[0], [2], [2], [2]], y_training=[0, 1, 1, 0])
    >>> classifier_uncertainty(learner, [[0], [3]]).round(3)
    array([0.   , 0.333])
    """
    scores = of_classifier(classifier, X, "least_confidence", predict_proba_kwargs)
    return _uncertainty(classifier, X, **predict_proba_kwargs) if scores is None else scores


def classifier_margin(classifier: Any, X: Any, **predict_proba_kwargs: Any) -> Scores:
    """Difference of the two largest probabilities, as ``modAL.uncertainty.classifier_margin``.

    Parameters
    ----------
    classifier, X, **predict_proba_kwargs
        As for `classifier_uncertainty`.

    Returns
    -------
    margin : ndarray of shape (n_samples,), float64
        **Lower** = more uncertain.  All zeros if the classifier is not fitted or knows one class
        only.

    Raises
    ------
    AttributeError
        If the classifier has no ``predict_proba``.

    Examples
    --------
    >>> from fastal.adapters.modal import ActiveLearner, classifier_margin
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> tree = DecisionTreeClassifier(max_depth=1)
    >>> learner = ActiveLearner(tree, X_training=[[0], [2], [2], [2]], y_training=[0, 1, 1, 0])
    >>> classifier_margin(learner, [[0], [3]]).round(3)
    array([1.   , 0.333])
    """
    scores = of_classifier(classifier, X, "margin", predict_proba_kwargs)
    return _margin(classifier, X, **predict_proba_kwargs) if scores is None else 1.0 - scores


def classifier_entropy(classifier: Any, X: Any, **predict_proba_kwargs: Any) -> Scores:
    """Entropy of the probabilities, as ``modAL.uncertainty.classifier_entropy``.

    Parameters
    ----------
    classifier, X, **predict_proba_kwargs
        As for `classifier_uncertainty`.

    Returns
    -------
    entropy : ndarray of shape (n_samples,), float64
        In nats.  All zeros if the classifier is not fitted.

    Raises
    ------
    AttributeError
        If the classifier has no ``predict_proba``.

    Examples
    --------
    >>> from fastal.adapters.modal import ActiveLearner, classifier_entropy
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> tree = DecisionTreeClassifier(max_depth=1)
    >>> learner = ActiveLearner(tree, X_training=[[0], [2], [2], [2]], y_training=[0, 1, 1, 0])
    >>> classifier_entropy(learner, [[0], [3]]).round(3)
    array([0.   , 0.637])
    """
    scores = of_classifier(classifier, X, "entropy", predict_proba_kwargs)
    return _entropy(classifier, X, **predict_proba_kwargs) if scores is None else scores


def uncertainty_sampling(
    classifier: Any,
    X: Any,
    n_instances: int = 1,
    random_tie_break: bool = False,
    **uncertainty_measure_kwargs: Any,
) -> Picks:
    """Rows of the highest `classifier_uncertainty`.

    Parameters
    ----------
    classifier, X, **uncertainty_measure_kwargs
        As for `classifier_uncertainty`.
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
    >>> from fastal.adapters.modal import ActiveLearner, uncertainty_sampling
    >>> from sklearn.linear_model import LogisticRegression
    >>> learner = ActiveLearner(
    ...     LogisticRegression(), uncertainty_sampling, X_training=[[0], [4]], y_training=[0, 1]
    ... )
    >>> learner.query([[1], [2], [5]])
    (array([1]), [[2]])
    """
    scores = classifier_uncertainty(classifier, X, **uncertainty_measure_kwargs)
    return highest(scores, n_instances, random_tie_break)


def margin_sampling(
    classifier: Any,
    X: Any,
    n_instances: int = 1,
    random_tie_break: bool = False,
    **uncertainty_measure_kwargs: Any,
) -> Picks:
    """Rows of the lowest `classifier_margin`.

    Parameters
    ----------
    classifier, X, n_instances, random_tie_break, **uncertainty_measure_kwargs
        As for `uncertainty_sampling`.

    Returns
    -------
    rows, margins
        As `uncertainty_sampling`.

    Raises
    ------
    AssertionError
        If n_instances is above the number of rows.

    Examples
    --------
    >>> from fastal.adapters.modal import ActiveLearner, margin_sampling
    >>> from sklearn.linear_model import LogisticRegression
    >>> learner = ActiveLearner(LogisticRegression(), X_training=[[0], [4]], y_training=[0, 1])
    >>> rows, margins = margin_sampling(learner, [[1], [2], [5]])
    >>> rows, margins.round(3)
    (array([1]), array([0.]))
    """
    margins = classifier_margin(classifier, X, **uncertainty_measure_kwargs)
    pick = shuffled_argmin if random_tie_break else multi_argmin
    rows, values = pick(margins, n_instances=n_instances)
    return rows, values


def entropy_sampling(
    classifier: Any,
    X: Any,
    n_instances: int = 1,
    random_tie_break: bool = False,
    **uncertainty_measure_kwargs: Any,
) -> Picks:
    """Rows of the highest `classifier_entropy`.

    Parameters
    ----------
    classifier, X, n_instances, random_tie_break, **uncertainty_measure_kwargs
        As for `uncertainty_sampling`.

    Returns
    -------
    rows, scores
        As `uncertainty_sampling`.

    Raises
    ------
    AssertionError
        If n_instances is above the number of rows.

    Examples
    --------
    >>> from fastal.adapters.modal import ActiveLearner, entropy_sampling
    >>> from sklearn.linear_model import LogisticRegression
    >>> learner = ActiveLearner(LogisticRegression(), X_training=[[0], [4]], y_training=[0, 1])
    >>> rows, scores = entropy_sampling(learner, [[1], [2], [5]])
    >>> rows, scores.round(3)
    (array([1]), array([0.693]))
    """
    scores = classifier_entropy(classifier, X, **uncertainty_measure_kwargs)
    return highest(scores, n_instances, random_tie_break)
