"""Batches by features and a model."""

from __future__ import annotations

from typing import Any

import numpy as np
import small_text
from numpy.typing import NDArray
from sklearn import preprocessing
from sklearn.utils import check_random_state
from small_text.query_strategies import constraints

import fastal
from fastal.adapters._small_text_features import OnFeatures, Round, arranged, seed
from fastal.adapters._small_text_proba import are_distributions, asks_its_model

_MOST_ITERATIONS = 300  # of scikit-learn's KMeans, which the original runs


class EmbeddingKMeans(OnFeatures, small_text.EmbeddingKMeans):
    """Select the row nearest to each centre of a k-means over the unlabelled rows.

    `small_text.EmbeddingKMeans`, by `fastal.weighted_k_means`: k-means is drawn otherwise, so rows
    are the same where there are n clear clusters, and as good where there are not.

    Parameters
    ----------
    normalize : bool, default True
        Whether rows are scaled to unit length first.

    Notes
    -----
    As `GreedyCoreset` for embeddings.  Rows come in the order of their numbers, not of clusters.
    Nearest is by Euclidean distance, as in k-means; the original takes the largest cosine, which
    is the same for unit rows.  One number from ``np.random`` decides the draws.

    Examples
    --------
    >>> import numpy as np
    >>> from small_text import SklearnDataset
    >>> from fastal.adapters.small_text import EmbeddingKMeans
    >>> y = np.array([0, 1, 0, 0, 1])
    >>> x = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [0.0, 1.0], [0.0, 2.0]])
    >>> dataset = SklearnDataset(x, y, np.arange(2))
    >>> unlabeled = np.array([0, 1, 2, 3])
    >>> EmbeddingKMeans().query(None, dataset, unlabeled, np.array([4]), y[4:], n=2)
    array([1, 3])
    """

    def _pick(self, this: Round) -> NDArray[np.int64]:
        X = preprocessing.normalize(this.X, axis=1) if self.normalize else this.X
        n_rows = X.shape[0]
        rows = fastal.weighted_k_means(
            X, this.n, np.ones(n_rows), labeled=this.others,
            n_candidates=n_rows, max_iter=_MOST_ITERATIONS, random_state=seed(),
        )  # fmt: skip
        return this.positions(rows)


class ContrastiveActiveLearning(OnFeatures, small_text.ContrastiveActiveLearning):
    """Select the rows that the model sees most unlike the rows nearest to them.

    `small_text.ContrastiveActiveLearning`, by `fastal.contrastive`: the same rows in the same
    order.

    Parameters
    ----------
    k : int, default 10
        How many neighbours, the row itself among them.
    embed_kwargs : dict, optional
        For ``clf.embed()``.
    normalize : bool, default True
        Whether rows are scaled to unit length first.
    batch_size : int, default 100
        Has no effect.
    pbar : "tqdm" or None, default "tqdm"
        For ``clf.embed()``.

    Notes
    -----
    As `GreedyCoreset` for embeddings, which the original's ``query`` takes and does not use; where
    they are used, or ``dataset.x`` is, probabilities are ``clf.predict_proba(dataset)``.
    Neighbours are sought among all rows, labelled or not, as there; the paper and
    `fastal.contrastive` compare with labelled rows only, which takes a tenth of the time or less.
    Probabilities that are no distributions are left to the original's own code.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from small_text import SklearnClassifier, SklearnDataset
    >>> from fastal.adapters.small_text import ContrastiveActiveLearning
    >>> x, y = np.array([[9, 0], [0, 9], [9, 2], [9, 8], [7, 9.0]]), np.array([0, 1, 0, 0, 1])
    >>> dataset, labeled = SklearnDataset(x, y, np.arange(2)), np.array([0, 1])
    >>> clf = SklearnClassifier(LogisticRegression(), 2).fit(dataset[labeled])
    >>> strategy = ContrastiveActiveLearning(k=2)
    >>> strategy.query(clf, dataset, np.array([2, 3, 4]), labeled, y[:2], n=1)
    array([4])
    """

    def _proba(self, clf: Any, dataset: Any) -> Any:
        return clf.predict_proba(dataset)

    def _pick(self, this: Round) -> NDArray[Any]:
        # Where a probability is 0 the divergence is infinite there, and large here.
        unlike = this.proba is None or not are_distributions(this.proba)
        if unlike or not np.all(this.proba):
            indices = (this.unlabeled, this.labeled)
            rest = (this.y, this.n, this.X, this.proba)
            theirs = super(OnFeatures, self).sample
            return np.asarray(theirs(this.clf, this.dataset, *indices, *rest))
        X = preprocessing.normalize(this.X) if self.normalize else this.X
        proba, own = np.asarray(this.proba), this.unlabeled
        scores = fastal.contrastive(proba[own], X[own], proba, X, n_neighbors=self.k)
        # As the original selects, for the same order.
        return np.argpartition(-scores, this.n)[: this.n]


class DiscriminativeActiveLearning(small_text.DiscriminativeActiveLearning):
    """Select the rows that a classifier is most sure are not labelled yet.

    `small_text.DiscriminativeActiveLearning`, by `fastal.discriminative`: for the same state of
    ``np.random`` it trains on the same rows and selects the same, best first in each iteration.

    Parameters
    ----------
    classifier_factory : small_text factory
        Its classifiers tell labelled rows from unlabelled ones.  Those of
        `small_text.SklearnClassifierFactory` are trained and asked by fastal, others as in the
        original.
    num_iterations : int
        How often a classifier is trained for one query.
    unlabeled_factor : int, default 10
        How many unlabelled rows it sees for each labelled one.
    pbar : "tqdm" or None, default "tqdm"
        As in the original, where it has no effect.

    Notes
    -----
    Rows are ordered by decision values if the classifier has them: probabilities next to 1 are
    equal, and the original takes any of them.  ``clf_``, the last classifier, stays None.

    Raises ValueError if num_iterations is more than n or nothing is labelled, and
    NotImplementedError for a multi-label dataset.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from small_text import SklearnClassifierFactory, SklearnDataset
    >>> from fastal.adapters.small_text import DiscriminativeActiveLearning
    >>> y = np.array([0, 1, 0, 0])
    >>> dataset = SklearnDataset(np.array([[0.0], [0.1], [5.0], [0.2]]), y, np.arange(2))
    >>> factory = SklearnClassifierFactory(LogisticRegression(), 2)
    >>> strategy = DiscriminativeActiveLearning(factory, 1)
    >>> strategy.query(None, dataset, np.array([1, 2, 3]), np.array([0]), y[:1], n=1)
    array([2])
    """

    def _train_and_get_most_confident(
        self, ds: Any, indices_unlabeled: Any, indices_labeled: Any, q: int
    ) -> NDArray[Any]:
        if ds.is_multi_label:
            raise NotImplementedError("Only single-label datasets are supported")
        clf = self.classifier_factory.new()
        if not asks_its_model(clf):
            rest = (indices_unlabeled, indices_labeled, q)
            return np.asarray(super()._train_and_get_most_confident(ds, *rest))
        n_unlabeled = min(len(indices_labeled) * self.unlabeled_factor, len(indices_unlabeled))
        X, known, rows = arranged(ds.x, indices_unlabeled, indices_labeled)
        picks = fastal.discriminative(
            X, q, known, n_sub_batches=1, estimator=clf.model,
            random_state=_state_before_choice(len(rows), n_unlabeled), n_unlabeled=n_unlabeled,
        )  # fmt: skip
        return np.searchsorted(rows, picks)


def _state_before_choice(n_rows: int, n_chosen: int) -> np.random.RandomState:
    """Return a copy of the global state, which moves on as the original's draw moves it."""
    shared, own = check_random_state(None), np.random.RandomState()
    own.set_state(shared.get_state())
    shared.choice(n_rows, n_chosen, replace=False)
    return own


@constraints(classification_type="single-label")
class BADGE(OnFeatures):
    """Draw rows whose gradients are long and unlike one another.

    small-text's ``BADGE`` for PyTorch classifiers (and its arguments), by `fastal.badge`, for all
    classifiers: rows are drawn by the paper's gradient embeddings, which the original's are not.

    Parameters
    ----------
    num_classes : int
        As there; what counts are the columns of the probabilities.

    Notes
    -----
    As `GreedyCoreset` for embeddings.  Probabilities come with ``clf.embed()``, or else from
    ``clf.predict_proba(dataset)``.  One number from ``np.random`` decides the draws.

    Raises RuntimeError for multi-label y, as the original, and ValueError if a row of
    probabilities is no distribution.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from small_text import SklearnClassifier, SklearnDataset
    >>> from fastal.adapters.small_text import BADGE
    >>> x, y = np.array([[9, 0], [0, 9], [9, 2], [9, 8], [7, 9.0]]), np.array([0, 1, 0, 0, 1])
    >>> dataset, labeled = SklearnDataset(x, y, np.arange(2)), np.array([0, 1])
    >>> clf = SklearnClassifier(LogisticRegression(), 2).fit(dataset[labeled])
    >>> BADGE(2).query(clf, dataset, np.array([2, 3, 4]), labeled, y[:2], n=1)
    array([3])
    """

    def __init__(self, num_classes: int) -> None:
        self.num_classes = num_classes

    def _pick(self, this: Round) -> NDArray[np.int64]:
        proba = this.clf.predict_proba(this.dataset) if this.proba is None else this.proba
        rows = fastal.badge(proba, this.X, this.n, labeled=this.others, random_state=seed())
        return this.positions(rows)

    def __str__(self) -> str:
        return f"BADGE(num_classes={self.num_classes})"
