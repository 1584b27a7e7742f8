"""What the strategies on features have in common."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state
from small_text.query_strategies import EmbeddingBasedQueryStrategy


@dataclass(frozen=True)
class Round:
    """The arguments of a strategy's ``sample``."""

    clf: Any
    dataset: Any
    unlabeled: NDArray[Any]
    labeled: NDArray[Any]
    y: Any
    n: int
    X: Any
    proba: Any

    @property
    def others(self) -> NDArray[np.bool_]:
        """Mask of the rows that are not to be picked."""
        mask = np.ones(self.X.shape[0], dtype=bool)
        mask[self.unlabeled] = False
        return mask

    def positions(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Where the rows stand among the unlabelled ones."""
        place = np.empty(self.X.shape[0], dtype=np.int64)
        place[self.unlabeled] = np.arange(len(self.unlabeled))
        return np.asarray(place[rows])


class OnFeatures(EmbeddingBasedQueryStrategy):
    """The original's query, and one over features that are there already."""

    def query(
        self,
        clf: Any,
        dataset: Any,
        indices_unlabeled: Any,
        indices_labeled: Any,
        y: Any,
        n: int = 10,
        pbar: Any = "tqdm",
        embeddings: Any = None,
        embed_kwargs: Any = None,
    ) -> NDArray[Any]:
        """Return n row numbers of dataset."""
        self._validate_query_input(indices_unlabeled, n)
        unlabeled = np.asarray(indices_unlabeled)
        if embeddings is None and hasattr(clf, "embed"):
            rest = {"n": n, "pbar": pbar, "embed_kwargs": embed_kwargs or {}}
            return np.asarray(super().query(clf, dataset, unlabeled, indices_labeled, y, **rest))
        if len(unlabeled) == n:
            return np.array(unlabeled)
        X = _features(dataset) if embeddings is None else _rows_of(embeddings, dataset)
        proba = self._proba(clf, dataset)
        labeled = np.asarray(indices_labeled, dtype=np.int64)
        picks = self.sample(clf, dataset, unlabeled, labeled, y, n, X, embeddings_proba=proba)
        return np.asarray(unlabeled[picks])

    def _proba(self, clf: Any, dataset: Any) -> Any:
        """Probabilities for `sample`, where ``clf.embed()`` is not asked for them."""
        return None

    def sample(
        self,
        clf: Any,
        dataset: Any,
        indices_unlabeled: Any,
        indices_labeled: Any,
        y: Any,
        n: int,
        embeddings: Any,
        embeddings_proba: Any = None,
    ) -> NDArray[Any]:
        """Return n positions within indices_unlabeled; embeddings are the rows of dataset."""
        indices = (indices_unlabeled, indices_labeled)
        return self._pick(Round(clf, dataset, *indices, y, n, embeddings, embeddings_proba))

    @abstractmethod
    def _pick(self, this: Round) -> NDArray[Any]:
        """Return positions within the unlabelled rows."""


def _features(dataset: Any) -> Any:
    # An active learner's query(representation=...) hands over an array in place of the dataset.
    X = getattr(dataset, "x", dataset)
    if len(getattr(X, "shape", ())) != 2:
        raise TypeError(
            "clf has no embed() and dataset.x is no matrix of features, but "
            f"{type(X).__name__}; pass embeddings with a row for each row of dataset"
        )
    return X


def _rows_of(embeddings: Any, dataset: Any) -> Any:
    X = embeddings if hasattr(embeddings, "shape") else np.asarray(embeddings)
    n_rows = dataset.shape[0] if hasattr(dataset, "shape") else len(dataset)
    if len(X.shape) != 2 or X.shape[0] != n_rows:
        raise ValueError(
            f"embeddings must be a matrix with a row for each of {n_rows} rows of dataset, got "
            f"shape {tuple(X.shape)}"
        )
    return X


def arranged(
    X: Any, unlabeled: NDArray[Any], labeled: NDArray[Any]
) -> tuple[Any, NDArray[Any], NDArray[Any]]:
    """Return rows, which of them are labelled, and which are not, ascending.

    Equal rows go to the lowest in fastal, to the first of those unlabelled in the originals:
    rows are only copied where that is not the same, or where some are neither.
    """
    known = np.zeros(X.shape[0], dtype=bool)
    known[unlabeled] = known[labeled] = True
    if known.all() and (np.diff(unlabeled) > 0).all():
        return X, labeled, unlabeled
    first, total = len(unlabeled), len(unlabeled) + len(labeled)
    return X[np.concatenate([unlabeled, labeled])], np.arange(first, total), np.arange(first)


def seed() -> int:
    """One number from the state that ``np.random.seed`` sets."""
    return int(check_random_state(None).randint(2**31 - 1))
