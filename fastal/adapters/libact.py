"""libact's query strategies, computed by fastal.

Subclasses of libact's own: arguments, ``make_query``, ``update`` and the way ties are broken are
theirs; what they score by is a function of fastal, and sparse rows stay sparse.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp
from libact import query_strategies as theirs
from libact.base.dataset import Dataset
from libact.base.interfaces import ProbabilisticModel
from libact.models import LogisticRegression, SklearnAdapter, SklearnProbaAdapter
from libact.query_strategies.multiclass import EER as TheirEER
from numpy.typing import NDArray
from sklearn.metrics import pairwise_distances_argmin_min

import fastal

__all__ = ["BALD", "EER", "CoreSet", "QueryByCommittee", "UncertaintySampling"]

Scores = tuple[NDArray[Any], NDArray[np.float64]]

# Bags that may lack a class before one is made that does not.
_TRIES = 100

_MEASURES = {
    "lc": ("least_confidence", fastal.least_confidence, 1.0),
    "sm": ("margin", fastal.margin, 1.0),
    "entropy": ("entropy", fastal.entropy, 0.0),
}


def _classifier(model: Any) -> Any:
    """Return the scikit-learn classifier that one of libact's models passes everything on to."""
    if type(model) is LogisticRegression:
        return model.model
    return model._model if type(model) in (SklearnAdapter, SklearnProbaAdapter) else None


def _nothing() -> Scores:
    return np.array([], dtype=int), np.array([], dtype=float)


class UncertaintySampling(theirs.UncertaintySampling):
    """The row a model is least sure of.

    Parameters
    ----------
    dataset : libact Dataset
        Of an array or a CSR matrix.
    model : ContinuousModel or ProbabilisticModel
    method : {"lc", "sm", "entropy"}, default "lc"

    Notes
    -----
    Scores are libact's: minus the largest probability, minus the margin, or the entropy, in which
    a probability of 0 counts for nothing (libact's is NaN, and NaN is asked about first).  Models
    without probabilities are scored by libact itself.

    Examples
    --------
    >>> from libact.base.dataset import Dataset
    >>> from libact.models import LogisticRegression
    >>> from fastal.adapters.libact import UncertaintySampling
    >>> dataset = Dataset([[0.0], [1.0], [0.4], [3.0]], [0, 1, None, None])
    >>> int(UncertaintySampling(dataset, model=LogisticRegression()).make_query())
    2
    """

    def _get_scores(self) -> Scores:
        if not isinstance(self.model, ProbabilisticModel):
            scored: Scores = super()._get_scores()
            return scored
        self.model.train(self.dataset)
        ids, pool = self.dataset.get_unlabeled_entries()
        if not len(ids):
            return _nothing()
        name, score, highest = _MEASURES[self.method]
        classifier = _classifier(self.model)
        if classifier is not None:
            return ids, fastal.score_pool(classifier, pool, name) - highest
        return ids, score(self.model.predict_proba(pool)) - highest


class _Bagged:
    """What the two committees have in common."""

    dataset: Any
    random_state_: Any

    def _labeled_uniform_sample(self, sample_size: int) -> Any:
        X, y = self.dataset.get_labeled_entries()
        rows = self._draw(X.shape[0], sample_size)
        return Dataset(X[rows], np.array(y)[rows])

    def _draw(self, n: int, size: int) -> Any:
        # One by one or all at once, libact's two committees get the same numbers.
        return self.random_state_.randint(0, n, size=size)

    def _train_all(self, models: list[Any]) -> None:
        """Train each on its bag; libact's draws, but they come to an end."""
        n_labels = self.dataset.get_num_of_labels()
        for model in models:
            for _ in range(_TRIES):
                bag = self._labeled_uniform_sample(int(self.dataset.len_labeled()))
                if bag.get_num_of_labels() == n_labels:
                    break
            else:
                bag = self._complete_bag()
            model.train(bag)

    def _complete_bag(self) -> Any:
        """One row of each class, the others drawn."""
        X, y = self.dataset.get_labeled_entries()
        first = np.unique(y, return_index=True)[1]
        drawn = self._draw(X.shape[0], X.shape[0] - first.size)
        rows = np.concatenate([first, drawn])
        return Dataset(X[rows], np.array(y)[rows])

    def _disagreement(self, models: list[Any], by_votes: bool) -> Scores:
        ids, pool = self.dataset.get_unlabeled_entries()
        if not len(ids):
            return _nothing()
        members = [_classifier(model) for model in models]
        if all(member is not None for member in members):
            committee = fastal.Committee(members)
            committee.members_ = members
            committee.classes_ = members[0].classes_
            name = "vote_entropy" if by_votes else "kl_to_consensus"
            return ids, fastal.score_pool(committee, pool, name)
        if by_votes:
            votes = np.stack([np.ravel(model.predict(pool)) for model in models], axis=1)
            return ids, fastal.vote_entropy(votes)
        return ids, fastal.kl_to_consensus([model.predict_proba(pool) for model in models])


class QueryByCommittee(_Bagged, theirs.QueryByCommittee):
    """The row on which models that learned from bags of the labelled rows disagree most.

    Parameters
    ----------
    dataset : libact Dataset
        Of an array or a CSR matrix.
    models : list of libact models, or of their names
    disagreement : {"vote", "kl_divergence"}, default "vote"
    random_state : int, RandomState or None

    Notes
    -----
    Bags are drawn as by libact, with the same numbers for the same seed.  libact draws until a bag
    holds every class, which may take for ever where classes have few rows; here the 100th bag
    that lacks one is replaced by one that holds a row of each.

    Examples
    --------
    >>> from libact.base.dataset import Dataset
    >>> from libact.models import LogisticRegression
    >>> from fastal.adapters.libact import QueryByCommittee
    >>> dataset = Dataset([[0.0], [1.0], [0.4], [9.0]], [0, 1, None, None])
    >>> models = [LogisticRegression(C=1.0), LogisticRegression(C=0.1)]
    >>> strategy = QueryByCommittee(
    ...     dataset, models=models, disagreement="kl_divergence", random_state=0
    ... )
    >>> int(strategy.make_query())
    3
    """

    def teach_students(self) -> None:
        """Train each model on a bag of its own."""
        self._train_all(self.students)

    def _get_scores(self) -> Scores:
        if self.disagreement not in ("vote", "kl_divergence"):
            raise ValueError(
                f"disagreement must be 'vote' or 'kl_divergence', got {self.disagreement!r}"
            )
        return self._disagreement(self.students, self.disagreement == "vote")


class BALD(_Bagged, theirs.BALD):
    """The row whose label should tell most about which of the models is right.

    Parameters
    ----------
    dataset : libact Dataset
        Of an array or a CSR matrix.
    models : list of ProbabilisticModel, optional
    base_model : ProbabilisticModel with ``clone``, optional
        One of the two must be given.
    n_models : int, default 10
        Copies of base_model.
    random_state : int, RandomState or None

    Notes
    -----
    libact gives up after ten bags that lack a class, and then fails where members have fewer
    columns than others; here bags are those of `QueryByCommittee`.

    Examples
    --------
    >>> from libact.base.dataset import Dataset
    >>> from libact.models import LogisticRegression
    >>> from fastal.adapters.libact import BALD
    >>> dataset = Dataset([[0.0], [1.0], [0.4], [9.0]], [0, 1, None, None])
    >>> models = [LogisticRegression(C=1.0), LogisticRegression(C=0.1)]
    >>> int(BALD(dataset, models=models, random_state=0).make_query())
    3
    """

    def _train_ensemble(self) -> None:
        if self.dataset.len_labeled():
            self._train_all(self.models)

    def _get_scores(self) -> Scores:
        return self._disagreement(self.models, by_votes=False)


class CoreSet(theirs.CoreSet):
    """The row farthest from all labelled ones.

    Parameters
    ----------
    dataset : libact Dataset
        Of an array or a CSR matrix.
    metric : str, default "euclidean"
    transformer : object with ``transform``, optional
    random_state : int, RandomState or None

    Notes
    -----
    libact's contract asks for the distance of every row, which no function of fastal returns:
    they are scikit-learn's ``pairwise_distances_argmin_min``, block by block.

    Examples
    --------
    >>> from libact.base.dataset import Dataset
    >>> from fastal.adapters.libact import CoreSet
    >>> int(CoreSet(Dataset([[0.0], [1.0], [9.0]], [0, None, None])).make_query())
    2
    """

    def _get_scores(self) -> Scores:
        ids, pool = self.dataset.get_unlabeled_entries()
        if not len(ids):
            return _nothing()
        labeled, _ = self.dataset.get_labeled_entries()
        if not labeled.shape[0]:
            return ids, np.full(len(ids), np.inf)
        if self.transformer is not None:
            pool, labeled = (self.transformer.transform(rows) for rows in (pool, labeled))
        return ids, pairwise_distances_argmin_min(pool, labeled, metric=self.metric)[1]


class EER(TheirEER):
    """The row whose label should leave the least uncertainty on the unlabelled rows.

    Parameters
    ----------
    dataset : libact Dataset
        Of an array or a CSR matrix.
    model : LogisticRegression or SklearnProbaAdapter of libact
        Others than these two are refused.
    loss : {"log", "01"}, default "log"
    random_state : int, RandomState or None
    method : {"refit", "auto", "exact", "newton"}, default "refit"
        As for `fastal.expected_error_reduction`; "refit" is what libact does.

    Notes
    -----
    A row counts among those whose loss is expected, as with libact.  libact trains on the places
    of labels, 0, 1, ..., instead of the labels, and its log-loss is NaN where a probability is 0.

    Examples
    --------
    >>> from libact.base.dataset import Dataset
    >>> from libact.models import LogisticRegression
    >>> from fastal.adapters.libact import EER
    >>> dataset = Dataset([[0.0], [1.0], [0.4], [3.0]], [0, 1, None, None])
    >>> int(EER(dataset, model=LogisticRegression()).make_query())
    3
    """

    def __init__(
        self,
        dataset: Any,
        model: Any = None,
        loss: str = "log",
        random_state: Any = None,
        *,
        method: str = "refit",
    ) -> None:
        super().__init__(dataset, model, loss, random_state)
        if _classifier(model) is None:
            raise TypeError(
                "model must be LogisticRegression or SklearnProbaAdapter of libact, got "
                f"{type(model).__name__}"
            )
        self.method = method

    def _get_scores(self) -> Scores:
        ids, pool = self.dataset.get_unlabeled_entries()
        if not len(ids):
            return _nothing()
        self.model.train(self.dataset)
        labeled, y = self.dataset.get_labeled_entries()
        # The pool twice: fastal leaves a candidate out of the rows that count, libact does not.
        twice = sp.vstack([pool, pool], "csr") if sp.issparse(pool) else np.tile(pool, (2, 1))
        n = len(ids)
        scores = fastal.expected_error_reduction(
            _classifier(self.model), twice, labeled, y, "zero_one" if self.loss == "01" else "log",
            method=self.method, candidates=np.arange(n), evaluation=np.arange(n, 2 * n),
        )  # fmt: skip
        return ids, scores[:n]

    def make_query(self) -> Any:
        """Return the id of the best unlabelled row; ties are broken at random."""
        ids, scores = self._get_scores()
        if not len(ids):
            raise ValueError("No unlabeled samples available")
        return ids[self.random_state_.choice(np.flatnonzero(scores == scores.max()))]
