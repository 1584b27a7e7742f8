"""A committee: several classifiers that know the same labels and yet differ."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from fastal._proba import class_probabilities
from fastal._rows import (
    as_rows,
    bootstraps,
    check_classifier,
    check_labels,
    distinct_labels,
    fit_clone,
    take_rows,
)
from fastal._validation import check_count, check_random_state

__all__ = ["Committee"]


class Committee(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):  # type: ignore[misc]
    """Classifiers that vote, for query-by-committee.

    Parameters
    ----------
    estimator : classifier or list of classifiers
        One classifier: each member is a clone fitted to its own bootstrap sample of the rows, with
        its own seed if it takes one.  A list: each is cloned and fitted to all rows; two that are
        the same (object, or class and parameters) would always agree and are refused.
    n_members : int, optional
        How many bootstrapped members, 5 by default.  With a list: its length, or left out.
    random_state : None, int, RandomState or Generator, default None
        Draws the samples and the members' seeds; a list's members keep seeds of their own.

    Attributes
    ----------
    members_ : list of fitted classifiers
    classes_ : ndarray of shape (n_classes,)
        All labels, sorted.  A member may know fewer.

    Notes
    -----
    A bootstrap sample always holds at least two classes if the labels do, two samples are the same
    only if there are hardly any others, and every row is in at least one of them.

    References
    ----------
    Seung, Opper & Sompolinsky (1992), "Query by committee"; bootstrapped: Abe & Mamitsuka (1998),
    "Query learning strategies using boosting and bagging".

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal import Committee
    >>> X, y = [[0.0], [1.0], [4.0], [5.0]], ["ham", "ham", "spam", "spam"]
    >>> committee = Committee(LogisticRegression(), n_members=3, random_state=0).fit(X, y)
    >>> committee.votes([[0.0], [9.0]])
    array([['ham', 'ham', 'ham'],
           ['spam', 'spam', 'spam']], dtype='<U4')
    """

    def __init__(
        self, estimator: Any, n_members: int | None = None, *, random_state: Any = None
    ) -> None:
        self.estimator = estimator
        self.n_members = n_members
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Committee:
        """Fit the members.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or list of texts
            What the members take.
        y : array-like of shape (n_samples,)
            Labels.

        Returns
        -------
        self : Committee

        Raises
        ------
        ValueError, TypeError
            If two members are the same, n_members is wrong, or X and y do not fit each other or
            the members.
        """
        y = check_labels(y, X, "Committee.fit")
        X = as_rows(X, "X")
        rng = check_random_state(self.random_state)
        if isinstance(self.estimator, (list, tuple)):
            _check_listed(self.estimator, self.n_members)
            # Without a random_state nothing is asked to be reproducible: leave the members' None.
            seeded = self.random_state is not None
            members = [_seeded(m, rng, keep=True) if seeded else m for m in self.estimator]
            self.members_ = [fit_clone(member, X, y) for member in members]
        else:
            check_classifier(self.estimator)
            n_members = 5 if self.n_members is None else check_count(self.n_members, "n_members")
            self.members_ = [
                fit_clone(_seeded(self.estimator, rng, keep=False), take_rows(X, rows), y[rows])
                for rows in bootstraps(y, n_members, rng)
            ]
        self.classes_ = distinct_labels(y)
        return self

    def votes(self, X: Any) -> NDArray[Any]:
        """Return the label each member predicts for each row.

        Returns
        -------
        votes : ndarray of shape (n_samples, n_members), of the dtype of ``classes_``
        """
        check_is_fitted(self)
        predicted = [np.ravel(member.predict(X)) for member in self.members_]
        return np.stack(predicted, axis=1).astype(self.classes_.dtype, copy=False)

    def member_probas(self, X: Any) -> NDArray[np.float64]:
        """Return the class probabilities of each member, aligned by label.

        A class a member does not know has probability 0.  A member with decision values only gives
        the probabilities of `fastal.strategies.class_probabilities`; one without them, 1 for the
        label it predicts.

        Returns
        -------
        probas : ndarray of shape (n_members, n_samples, n_classes), float64
            Columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        return np.stack([self._aligned(member, X) for member in self.members_])

    def _aligned(self, member: Any, X: Any) -> NDArray[np.float64]:
        if hasattr(member, "predict_proba") or hasattr(member, "decision_function"):
            own = class_probabilities(member, X)
            aligned = np.zeros((len(own), len(self.classes_)))
            aligned[:, np.searchsorted(self.classes_, member.classes_)] = own
            return aligned
        votes = np.searchsorted(self.classes_, np.ravel(member.predict(X)))
        return np.eye(len(self.classes_))[votes]

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """Return the mean of `member_probas`, of shape (n_samples, n_classes)."""
        check_is_fitted(self)
        total = self._aligned(self.members_[0], X)
        for member in self.members_[1:]:
            total += self._aligned(member, X)
        return total / len(self.members_)

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the label of the highest mean probability for each row."""
        best = np.argmax(self.predict_proba(X), axis=1)
        return np.asarray(self.classes_[best])

    @property
    def n_features_in_(self) -> int:
        """Features seen in `fit`, if the members count them."""
        return int(_first_member(self).n_features_in_)

    @property
    def feature_names_in_(self) -> NDArray[Any]:
        """Feature names seen in `fit`, if X had any."""
        return np.asarray(_first_member(self).feature_names_in_)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "members_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        given = self.estimator if isinstance(self.estimator, (list, tuple)) else [self.estimator]
        members = [get_tags(each) for each in given if hasattr(each, "__sklearn_tags__")]
        if members:
            tags.input_tags = deepcopy(members[0].input_tags)
            tags.input_tags.sparse = all(each.input_tags.sparse for each in members)
            tags.input_tags.allow_nan = all(each.input_tags.allow_nan for each in members)
        return tags


def _check_listed(members: Any, n_members: Any) -> None:
    if not members:
        raise ValueError("estimator must hold at least one classifier, got an empty list")
    if n_members not in (None, len(members)):
        raise ValueError(
            f"n_members must be left out or {len(members)}, the length of the list of "
            f"classifiers, got {n_members}"
        )
    for i, one in enumerate(members):
        check_classifier(one)
        for j in range(i):
            if _same(one, members[j]):
                raise ValueError(
                    f"estimator[{j}] and estimator[{i}] are the same ({type(one).__name__} "
                    "with the same parameters) and would always agree: give them different "
                    "parameters or random_state, or pass one classifier and n_members to "
                    "have it bootstrapped"
                )


def _first_member(committee: Committee) -> Any:
    if not hasattr(committee, "members_"):
        raise AttributeError("the committee is not fitted yet")
    return committee.members_[0]


def _seeded(estimator: Any, rng: Any, *, keep: bool) -> Any:
    """Clone with a seed for every random_state, of nested estimators too; keep those given."""
    seeded = clone(estimator)
    params = seeded.get_params(deep=True)
    seeds = {
        name: int(rng.choice(2**31))
        for name in sorted(params)
        if name.split("__")[-1] == "random_state" and not (keep and params[name] is not None)
    }
    return seeded.set_params(**seeds) if seeds else seeded


def _same(one: Any, other: Any) -> bool:
    """Whether two estimators (or their parameters) are equal in class and all parameters."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if hasattr(one, "get_params"):
        one, other = one.get_params(deep=False), other.get_params(deep=False)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, other))
    return bool(one == other)
