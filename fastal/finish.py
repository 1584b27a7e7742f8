"""Label the rest: the person's labels where there are some, the model's everywhere else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from fastal._block_jobs import scores_of_blocks
from fastal._intervals import check_share
from fastal._linear import read_linear
from fastal._pool_scores import parts
from fastal._progress import counter
from fastal._rows import as_rows, distinct_labels, is_foreign, n_rows, stack_labels
from fastal._validation import check_rows, read_only
from fastal.pool import is_stream

__all__ = ["SOURCES", "Finished", "label_rest"]

SOURCES = ("none", "model", "person")

# Probabilities and rows that the model is asked for at once.
_BLOCK = 2**20
_ROWS = 16384
_ANSWER = np.dtype([("code", np.int32), ("confidence", np.float64)])


@dataclass(frozen=True, eq=False)
class Finished:
    """A whole pool, labelled.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        Every label, sorted.
    codes : ndarray of shape (n_pool,), int32
        Which of the classes the person gave the row, or else the model would.
    confidence : ndarray of shape (n_pool,), float64
        The model's probability of its label; NaN where the label is the person's.
    is_person : ndarray of shape (n_pool,), bool
        Whether the label is the person's.
    min_confidence : float
        Rows the model is less sure of have no label.

    Examples
    --------
    >>> import numpy as np
    >>> from fastal.finish import Finished
    >>> done = Finished(
    ...     classes=np.array(["ham", "spam"]),
    ...     codes=np.array([1, 0, 1], dtype=np.int32),
    ...     confidence=np.array([np.nan, 0.9, 0.6]),
    ...     is_person=np.array([True, False, False]),
    ...     min_confidence=0.8,
    ... )
    >>> done.labels.tolist(), done.source.tolist()
    (['spam', 'ham', None], ['person', 'model', 'none'])
    >>> done.at(0.5).counts()
    {'none': 0, 'model': 2, 'person': 1}
    """

    classes: NDArray[Any]
    codes: NDArray[np.int32]
    confidence: NDArray[np.float64]
    is_person: NDArray[np.bool_]
    min_confidence: float

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def is_model(self) -> NDArray[np.bool_]:
        """Whether the label is the model's: of these rows `fastal.audit_rows` draws."""
        sure: NDArray[np.bool_] = self.confidence >= self.min_confidence
        return sure & ~self.is_person

    @property
    def labels(self) -> NDArray[Any]:
        """Label of every row, an array of objects: None where there is none."""
        known = self.is_model | self.is_person
        every: NDArray[Any] = np.array([*self.classes.tolist(), None], dtype=object)
        labels: NDArray[Any] = every[np.where(known, self.codes, len(self.classes))]
        return labels

    @property
    def source(self) -> NDArray[np.str_]:
        """Where the label of every row comes from: "person", "model" or "none"."""
        return np.array(SOURCES)[np.where(self.is_person, 2, self.is_model)]

    def counts(self) -> dict[str, int]:
        """How many rows there are of each source."""
        n_person, n_model = int(self.is_person.sum()), int(self.is_model.sum())
        return {"none": len(self) - n_model - n_person, "model": n_model, "person": n_person}

    def at(self, min_confidence: float) -> Finished:
        """The same with another threshold; the model is not asked again."""
        return replace(self, min_confidence=check_share(min_confidence, "min_confidence"))


def label_rest(
    estimator: Any,
    X_pool: Any,
    labeled: ArrayLike | None,
    y_labeled: ArrayLike | None,
    min_confidence: float = 0.0,
    *,
    n_jobs: int | None = None,
    progress: bool = False,
) -> Finished:
    """Label every row of a pool: as the person did, or else as a fitted model predicts.

    How many of the model's labels are wrong, only a person can tell: draw some of them with
    `fastal.audit_rows`, and see `fastal.audit_error`.

    Parameters
    ----------
    estimator : fitted classifier, pipeline, `fastal.Committee` or `fastal.ActiveLearner`
        With ``predict_proba``.  For one without (a linear SVM), which has no confidence, wrap it
        in scikit-learn's ``CalibratedClassifierCV``.
    X_pool : array-like or sparse matrix (n_pool, n_features), list of texts, DataFrame, or stream
        The whole pool, labelled rows included; it is read once, in blocks.  A stream is a
        `fastal.TextFile` or an iterator of blocks, of which only one is in memory at a time.
    labeled : array-like of int or bool, or None
        Row numbers, or a mask over the pool, of the rows that a person labelled; no row twice.
    y_labeled : array-like of shape (n_labeled,), or None
        Their labels, in the order of `labeled`.  They may hold a class the model does not know.
    min_confidence : float, default 0.0
        Rows to whose label the model gives a smaller probability than that are left without one.
    n_jobs : int, optional
        Processes for pools that come in blocks, as in joblib: None is 1, -1 all processors.
    progress : bool, default False
        Show on standard error how many rows are done.

    Returns
    -------
    finished : Finished
        With ``labels``, ``source`` and ``confidence`` for each row, 13 bytes a row of memory
        (``labels`` and ``source`` are made when they are asked for).

    Raises
    ------
    ValueError
        If labeled and y_labeled do not fit each other or the pool, or a probability is NaN.
    TypeError
        If the estimator has no ``predict_proba``, or labels are of two kinds.
    NotFittedError
        If the estimator is not fitted.

    Notes
    -----
    The label is the class of the highest probability, and of equal ones the first.  Of most models
    that is what ``predict`` says; a support vector machine with ``probability=True`` can differ.

    A probability of 0.9 need not mean that nine of ten such labels are right: few models are
    calibrated, least of all when the rows they learnt from were chosen for being hard.  What a
    threshold is worth, `fastal.threshold_table` tells.

    The model itself is asked, block by block: the probabilities of the whole pool never exist.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal import label_rest
    >>> X = [[0.0], [9.0], [1.0], [4.6]]
    >>> model = LogisticRegression().fit(X[:2], ["ham", "spam"])
    >>> done = label_rest(model, X, labeled=[0, 1], y_labeled=["ham", "spam"], min_confidence=0.8)
    >>> done.labels.tolist(), done.source.tolist()
    (['ham', 'spam', 'ham', None], ['person', 'person', 'model', 'none'])
    """
    classes = _check_model(estimator)
    min_confidence = check_share(min_confidence, "min_confidence")
    n_pool = None if is_stream(X_pool) else n_rows(X_pool, "X_pool")
    rows, y, n_expected = _check_labeled(labeled, y_labeled, n_pool)
    known = distinct_labels(stack_labels(classes, y))
    answers = _ask(estimator, X_pool, n_pool, n_jobs, progress)
    if n_expected not in (None, len(answers)):
        raise ValueError(f"labeled is a mask of {n_expected} entries for {len(answers)} rows")
    if rows.size and rows.max() >= len(answers):
        raise ValueError(f"labeled must lie in 0..{len(answers) - 1}, got {rows.max()}")
    codes = np.searchsorted(known, classes).astype(np.int32)[answers["code"]]
    confidence = answers["confidence"].copy()
    is_person = np.zeros(len(answers), dtype=bool)
    codes[rows] = np.searchsorted(known, y)
    confidence[rows] = np.nan
    is_person[rows] = True
    return Finished(known, codes, confidence, is_person, min_confidence)


def _check_model(estimator: Any) -> NDArray[Any]:
    """Return the classes of a fitted model that has probabilities."""
    name = type(estimator).__name__
    classes = getattr(estimator, "classes_", None)
    if classes is None:
        from sklearn.exceptions import NotFittedError

        raise NotFittedError(f"label_rest needs a fitted classifier, and this {name} is not")
    if not hasattr(estimator, "predict_proba"):
        # Of a learner, the model inside: a learner is nothing to calibrate.
        name = type(getattr(estimator, "estimator", estimator)).__name__
        raise TypeError(
            f"label_rest needs probabilities, which {name} has not; fit "
            f"CalibratedClassifierCV({name}(...)) of sklearn.calibration in its place"
        )
    return np.asarray(classes)


def _check_labeled(
    labeled: ArrayLike | None, y_labeled: ArrayLike | None, n_pool: int | None
) -> tuple[NDArray[np.int64], NDArray[Any], int | None]:
    """Rows in the order of their labels, the labels, and the length of the pool by a mask."""
    y = np.asarray([] if y_labeled is None else y_labeled)
    array = np.asarray([] if labeled is None else labeled)
    n = np.iinfo(np.int64).max if n_pool is None else n_pool
    n_expected = None
    if array.dtype == bool:
        n_expected = array.size
        array = check_rows(array, array.size if n_pool is None else n_pool, "labeled")
    # Their order is that of the labels, which check_rows would lose.
    if check_rows(array, n, "labeled").size < array.size:
        raise ValueError("labeled holds a row twice")
    if y.shape != array.shape:
        raise ValueError(
            f"y_labeled must hold a label for each of the {array.size} rows of labeled, got shape "
            f"{y.shape}"
        )
    if not array.size:
        return np.empty(0, dtype=np.int64), y, n_expected
    if y.dtype.kind == "f" and not np.isfinite(y).all():
        raise ValueError("y_labeled must hold a label for each row, got NaN or infinity")
    return array.astype(np.int64), y, n_expected


def _ask(
    estimator: Any, X_pool: Any, n_pool: int | None, n_jobs: int | None, show: bool
) -> NDArray[Any]:
    """Ask the model for the label of each row and its probability, block by block."""
    if n_pool is None:
        blocks, total = iter(X_pool), getattr(X_pool, "n_rows", None)
    else:
        X = X_pool if is_foreign(X_pool) else as_rows(X_pool, "X_pool")
        n_at_once = max(256, min(_ROWS, _BLOCK // max(1, len(estimator.classes_))))
        blocks, total = _blocks(estimator, X, n_at_once), n_pool
    answers = [np.empty(0, dtype=_ANSWER)]
    with counter(total, "rows labelled", show) as tick:
        for _, answer in scores_of_blocks(blocks, _BlockLabels(estimator), n_jobs):
            answers.append(answer)
            tick(len(answer))
    return np.concatenate(answers)


def _blocks(estimator: Any, X: Any, n_at_once: int) -> Iterator[Any]:
    """Split the rows; CSR is not copied for a model that is known not to write on its rows."""
    is_csr = sp.issparse(X) and X.format == "csr"
    if not is_csr or n_rows(X) <= n_at_once or read_linear(estimator) is None:
        yield from (block for _, block in parts(X, n_at_once))
        return
    for first in range(0, X.shape[0], n_at_once):
        indptr = X.indptr[first : first + n_at_once + 1]
        own = slice(indptr[0], indptr[-1])
        # The constructor would copy them: small parts of large arrays.
        block = type(X)((len(indptr) - 1, X.shape[1]))
        block.data, block.indices = read_only(X.data[own]), read_only(X.indices[own])
        block.indptr = indptr - indptr[0]
        yield block


class _BlockLabels:
    """Label one block of rows after the other; can be sent to another process."""

    def __init__(self, estimator: Any) -> None:
        self.estimator = estimator

    def __call__(self, block: Any) -> NDArray[Any]:
        proba = np.asarray(self.estimator.predict_proba(block))
        expected = (n_rows(block), len(self.estimator.classes_))
        if proba.shape != expected:
            raise ValueError(f"predict_proba must return shape {expected}, got {proba.shape}")
        answer = np.empty(len(proba), dtype=_ANSWER)
        best = proba.argmax(axis=1)
        answer["code"], answer["confidence"] = best, proba[np.arange(len(proba)), best]
        bad = np.flatnonzero(~np.isfinite(answer["confidence"]))
        if bad.size:
            raise ValueError(f"the probabilities of row {bad[0]} of the block are not finite")
        return answer
