"""Query by committee, as in scikit-activeml."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from skactiveml.base import SkactivemlClassifier, SkactivemlRegressor
from skactiveml.pool import QueryByCommittee as TheirCommittee
from skactiveml.pool import average_kl_divergence as their_divergence
from skactiveml.pool import vote_entropy as their_vote_entropy
from skactiveml.pool._query_by_committee import _check_ensemble
from skactiveml.utils import check_classifier_params, check_scalar, check_type
from sklearn.ensemble import (
    BaggingClassifier,
    ExtraTreesClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.utils import check_array

import fastal
from fastal.adapters._skactiveml_base import (
    SparsePoolQueryStrategy,
    candidate_rows,
    select,
    settle,
    spread,
    take,
)

__all__ = [
    "QueryByCommittee",
    "average_kl_divergence",
    "variation_ratios",
    "vote_entropy",
]

# Entries of an array of probabilities that are copied at once.
_BLOCK = 2**20
# Their members know the classes by number, whatever the labels are.
_NUMBERED = (
    BaggingClassifier,
    ExtraTreesClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)

Scores = NDArray[np.float64]


class QueryByCommittee(SparsePoolQueryStrategy, TheirCommittee):
    """Samples that a committee disagrees about; ``skactiveml.pool.QueryByCommittee``.

    Parameters
    ----------
    method : {"KL_divergence", "vote_entropy", "variation_ratios"}, default "KL_divergence"
        Ignored for a committee of regressors, which their code scores by the variance.
    eps : float, default 1e-7
        Smaller probabilities are taken for this one, by "KL_divergence".
    sample_predictions_method_name : str, optional
        Method of `ensemble` that returns probabilities of shape (n_members, n_samples,
        n_classes).
    sample_predictions_dict : dict, optional
        Arguments of that method besides the samples.
    missing_label : scalar, str or None, default nan
        Marks a sample without a label.
    random_state : None, int or RandomState, default None
        For ties.

    Raises
    ------
    ValueError, TypeError
        In `query`, as theirs, but for forests and the like, whose members know the classes by
        number: theirs takes these numbers for labels and fails if they are others.

    Notes
    -----
    ``query`` has their parameters and results; X and candidates may be sparse if the members
    take sparse rows.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from fastal.adapters.skactiveml import QueryByCommittee, SklearnClassifier
    >>> X, y = np.array([[0.0], [1.0], [5.0], [6.0]]), np.array(["ham", "?", "?", "spam"])
    >>> forest = RandomForestClassifier(n_estimators=9, random_state=0)
    >>> clf = SklearnClassifier(forest, classes=["ham", "spam"], missing_label="?")
    >>> strategy = QueryByCommittee("vote_entropy", missing_label="?", random_state=0)
    >>> strategy.query(X, y, clf).shape
    (1,)
    """

    def query(
        self,
        X: Any,
        y: Any,
        ensemble: Any,
        fit_ensemble: bool = True,
        sample_weight: Any = None,
        candidates: Any = None,
        batch_size: int = 1,
        return_utilities: bool = False,
    ) -> Any:
        """Choose a batch; see ``skactiveml.pool.QueryByCommittee.query``."""
        first = ensemble[0] if isinstance(ensemble, (list, tuple)) and ensemble else ensemble
        if isinstance(first, SkactivemlRegressor):
            options = (fit_ensemble, sample_weight, candidates, batch_size, return_utilities)
            return super().query(X, y, ensemble, *options)
        X, y, candidates, batch_size, return_utilities = self._validate_data(
            X, y, candidates, batch_size, return_utilities, reset=True
        )
        rows, mapping = candidate_rows(candidates, X, y, self.missing_label_)
        check_type(fit_ensemble, "fit_ensemble", bool)
        ensemble, members, classes, sample, options = _check_ensemble(
            ensemble=ensemble,
            estimator_types=[SkactivemlClassifier, SkactivemlRegressor],
            X=X,
            y=y,
            sample_weight=sample_weight,
            fit_ensemble=fit_ensemble,
            missing_label=self.missing_label_,
            sample_predictions_method_name=self.sample_predictions_method_name,
            sample_predictions_dict=self.sample_predictions_dict,
        )
        check_type(
            self.method,
            "method",
            target_vals=["KL_divergence", "vote_entropy", "variation_ratios"],
        )
        rows = take(rows, mapping)
        predict = None if sample is None else lambda: sample(rows, **options)
        utilities = self._disagreement(ensemble, members, classes, rows, predict, batch_size)
        utilities = spread(utilities, mapping, X.shape[0])
        return select(utilities, self.random_state_, batch_size, return_utilities)

    def _disagreement(
        self, ensemble: Any, members: Any, classes: Any, rows: Any, predict: Any, batch_size: int
    ) -> Scores:
        if self.method == "KL_divergence":
            probas = predict() if predict else _probabilities(ensemble, members, classes, rows)
            utilities = average_kl_divergence(probas, self.eps)
            settle(
                utilities,
                batch_size,
                lambda best: their_divergence(probas[:, best].copy(), self.eps),
            )
            return utilities
        votes = predict().argmax(-1).T if predict else _votes(ensemble, members, classes, rows)
        if self.method == "variation_ratios":
            return variation_ratios(votes)
        numbers = np.arange(len(classes))
        utilities = vote_entropy(votes, numbers)
        settle(utilities, batch_size, lambda best: their_vote_entropy(votes[best], numbers))
        return utilities


def average_kl_divergence(probas: ArrayLike, eps: float = 1e-7) -> Scores:
    """Mean divergence of members from their mean; ``skactiveml.pool.average_kl_divergence``.

    Parameters
    ----------
    probas : array-like of shape (n_estimators, n_samples, n_classes)
        Not changed; theirs writes into it.
    eps : float, default 1e-7
        Smaller probabilities are taken for this one; above 0, at most 0.1.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        Higher = query first.

    Raises
    ------
    ValueError, TypeError
        For a wrong shape or eps, or probabilities that are not finite.

    Examples
    --------
    >>> from fastal.adapters.skactiveml import average_kl_divergence
    >>> average_kl_divergence([[[1.0, 0.0]], [[0.0, 1.0]]]).round(3)
    array([0.693])
    """
    check_scalar(eps, "eps", min_val=0, max_val=0.1, target_type=(float, int), min_inclusive=False)
    probas = np.asarray(check_array(probas, allow_nd=True))
    if probas.ndim != 3:
        raise ValueError(f"Expected 3D array, got {probas.ndim}D array instead.")
    step = max(1, _BLOCK // (probas.shape[0] * probas.shape[2]))
    scores = np.empty(probas.shape[1])
    for first in range(0, len(scores), step):
        block = np.clip(probas[:, first : first + step], eps, 1)
        block /= block.sum(axis=2, keepdims=True)
        scores[first : first + step] = fastal.kl_to_consensus(block)
    return scores


def vote_entropy(votes: ArrayLike, classes: ArrayLike) -> Scores:
    """Entropy of the votes for each row; ``skactiveml.pool.vote_entropy``.

    Parameters
    ----------
    votes : array-like of shape (n_samples, n_estimators)
        The label that each member predicts: numbers, or (which theirs refuses) strings.
    classes : array-like of shape (n_classes,)
        All labels.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64
        In nats; rows of equal counts score the same to the last bit, of theirs to rounding.

    Raises
    ------
    ValueError
        For a wrong shape, or a vote that is none of the classes.
    TypeError
        For classes that are no labels.

    Examples
    --------
    >>> from fastal.adapters.skactiveml import vote_entropy
    >>> vote_entropy([["a", "a"], ["a", "b"]], classes=["a", "b"]).round(3)
    array([0.   , 0.693])
    """
    check_classifier_params(classes, missing_label=None)
    return fastal.vote_entropy(_numbered_votes(votes, np.unique(np.asarray(classes))))


def variation_ratios(votes: ArrayLike) -> Scores:
    """Share of the votes that are not for the most voted; ``skactiveml.pool.variation_ratios``.

    Parameters
    ----------
    votes : array-like of shape (n_samples, n_estimators)
        The label that each member predicts: numbers, or (which theirs refuses) strings.

    Returns
    -------
    scores : ndarray of shape (n_samples,), float64

    Raises
    ------
    ValueError
        For a wrong shape, NaN or infinite votes.

    Examples
    --------
    >>> from fastal.adapters.skactiveml import variation_ratios
    >>> variation_ratios([[1, 1], [1, 2]])
    array([0. , 0.5])
    """
    votes = _checked_votes(votes)
    classes, numbers = np.unique(votes, return_inverse=True)
    numbers = numbers.reshape(votes.shape)
    step = max(1, _BLOCK // (votes.shape[1] * len(classes)))
    certain = np.eye(len(classes))
    blocks = (numbers[first : first + step].T for first in range(0, len(votes), step))
    return np.concatenate([fastal.variation_ratio(certain[block]) for block in blocks])


def _checked_votes(votes: Any) -> NDArray[Any]:
    is_text = np.asarray(votes).dtype.kind in "OUS"
    return np.asarray(check_array(votes, dtype=None if is_text else "numeric"))


def _numbered_votes(votes: Any, classes: NDArray[Any]) -> NDArray[np.int64]:
    """Return the place of each vote among the classes, which are sorted."""
    votes = _checked_votes(votes)
    places: NDArray[np.int64] = np.minimum(np.searchsorted(classes, votes), len(classes) - 1)
    wrong = np.argwhere(classes[places] != votes)
    if wrong.size:
        row = wrong[0, 0]
        raise ValueError(
            f"votes must be among the classes {classes.tolist()}, but those of row {row} are "
            f"{votes[row].tolist()}"
        )
    return places


def _places(ensemble: Any, member: Any, labels: Any, classes: NDArray[Any]) -> NDArray[np.int64]:
    """Return a place among the classes for each label that a member predicts, or knows."""
    # Without any labels the wrapper itself stands for each of its members.
    if member is not ensemble and isinstance(getattr(ensemble, "estimator_", None), _NUMBERED):
        # Of those the ensemble has seen; which column is whose matters to no score.
        return np.asarray(labels, dtype=np.int64)
    return _numbered_votes(np.reshape(labels, (-1, 1)), classes)[:, 0]


def _votes(ensemble: Any, members: Any, classes: Any, rows: Any) -> NDArray[np.int64]:
    votes = [_places(ensemble, member, member.predict(rows), classes) for member in members]
    return np.stack(votes, axis=1)


def _probabilities(ensemble: Any, members: Any, classes: Any, rows: Any) -> Scores:
    out = np.zeros((len(members), rows.shape[0], len(classes)))
    for own, member in zip(out, members, strict=True):
        own[:, _places(ensemble, member, member.classes_, classes)] = member.predict_proba(rows)
    return out
