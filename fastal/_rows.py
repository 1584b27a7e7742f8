"""Labelled rows in every form scikit-learn takes them: take some, stack two lots, fit a model.

Rows are a sparse matrix, a NumPy array, a pandas object, or a sequence such as a list of texts.
Their values are left for the estimator to judge: what it accepts is accepted here.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

_RESAMPLE_TRIES = 20


def as_rows(X: Any, name: str) -> Any:
    """Return X in a form whose rows can be counted and taken; only X without one is converted."""
    if sp.issparse(X):
        return X.tocsr()
    if isinstance(X, (str, bytes, dict, set)):
        raise TypeError(f"{name} must hold one item for each row, got a single {_kind(X)}")
    if isinstance(X, (np.ndarray, list, tuple)) or hasattr(X, "iloc"):
        return X
    if hasattr(X, "__array__"):
        return np.asarray(X)
    raise TypeError(
        f"{name} must be an array, a sparse matrix, a DataFrame or a list, got {_kind(X)}"
    )


def is_foreign(X: Any) -> bool:
    """Whether X is an array of a kind that only the estimator knows: handed on as it is."""
    known = sp.issparse(X) or isinstance(X, (np.ndarray, list, tuple)) or hasattr(X, "iloc")
    return not known and hasattr(X, "shape")


def n_rows(X: Any, name: str = "X") -> int:
    """Count the rows of X without converting it."""
    if not hasattr(X, "shape"):
        return len(as_rows(X, name))
    if not X.shape:
        raise ValueError(f"{name} must hold rows, got a single number")
    return int(X.shape[0])


def take_rows(X: Any, rows: NDArray[np.int64]) -> Any:
    """Copy the given rows of X, in that order."""
    X = as_rows(X, "X")
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if hasattr(X, "shape"):
        return X[rows]
    return [X[row] for row in rows.tolist()]


def copy_rows(X: Any) -> Any:
    """Copy X, so that later changes by the caller do not reach the learner."""
    X = as_rows(X, "X")
    return X.copy() if hasattr(X, "shape") else list(X)


def stack_rows(above: Any, below: Any) -> Any:
    """Rows of `above`, then those of `below`, which must be of the same kind and width."""
    above, below = as_rows(above, "X"), as_rows(below, "X")
    kinds = [_kind(below), _kind(above)]
    if len({_family(above), _family(below)}) > 1:
        raise TypeError(
            f"X must be of the same kind as the rows so far: got {kinds[0]}, those are {kinds[1]}"
        )
    # Lists stay lists: their items may be texts, dicts or lists of tokens of any length.
    if isinstance(above, (list, tuple)) and isinstance(below, (list, tuple)):
        return [*above, *below]
    if _family(above) == "array":
        above, below = np.asarray(above), np.asarray(below)
    columns = [list(getattr(X, "columns", ())) or X.shape[1:] for X in (below, above)]
    if columns[0] != columns[1]:
        raise ValueError(
            f"X must have the columns of the rows so far, {columns[1]}, got {columns[0]}"
        )
    if sp.issparse(above):
        return sp.vstack([above, below], format="csr")
    if isinstance(above, np.ndarray):
        return np.concatenate([above, below])
    import pandas as pd

    return pd.concat([above, below], ignore_index=True)


def _kind(X: Any) -> str:
    return type(X).__name__


def _family(X: Any) -> str:
    return "sparse" if sp.issparse(X) else _kind(X) if hasattr(X, "iloc") else "array"


def bootstraps(y: NDArray[Any], n_samples: int, rng: Any) -> list[NDArray[np.int64]]:
    """Row numbers of bootstrap samples, sorted.

    Each holds two classes if y has them, no two are the same (unless y allows hardly any others),
    and every row is in one of them: labels are too dear to go unused, and a row that cannot be
    fitted should fail always, not by chance.
    """
    samples: list[NDArray[np.int64]] = []
    seen = set()
    for _ in range(n_samples):
        for _ in range(_RESAMPLE_TRIES):
            rows = _bootstrap(y, rng)
            if rows.tobytes() not in seen:
                break
        seen.add(rows.tobytes())
        samples.append(rows)
    unused = np.setdiff1d(np.arange(len(y)), np.concatenate(samples))
    owner = rng.choice(n_samples, size=unused.size)
    for m, rows in enumerate(samples):
        # In place of repeats, of which a sample has as many as rows it lacks.
        repeats = rng.permutation(np.flatnonzero(rows[1:] == rows[:-1]))
        own = unused[owner == m]
        rows[repeats[: own.size]] = own
        rows.sort()
    return samples


def _bootstrap(y: NDArray[Any], rng: Any) -> NDArray[np.int64]:
    if not len(y):
        return np.empty(0, dtype=np.int64)
    rows = np.asarray(rng.choice(len(y), size=len(y)), dtype=np.int64)
    others = np.flatnonzero(y != y[rows[0]])
    if others.size and (y[rows] == y[rows[0]]).all():
        # Drawing again until it fits might take for ever when a class has one row of many.
        rows[0] = rng.choice(others)
    return np.sort(rows)


def check_classifier(estimator: Any) -> None:
    """Refuse a class, a regressor, or something that cannot be fitted."""
    from sklearn.base import is_regressor

    if isinstance(estimator, type) or not hasattr(estimator, "fit") or is_regressor(estimator):
        raise TypeError(f"estimator must be a classifier (an instance), got {estimator!r}")


def check_labels(y: Any, X: Any, method: str) -> NDArray[Any]:
    """One label for each row of X: finite, discrete, of one kind."""
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import assert_all_finite, column_or_1d

    if y is None:
        raise ValueError(f"{method} requires y to be passed, but the target y is None")
    labels: NDArray[Any] = column_or_1d(y, warn=True)
    if n_rows(X) != len(labels):
        raise ValueError(
            f"X and y must hold as many rows as labels, got {n_rows(X)} and {len(labels)}"
        )
    if labels.size:
        try:
            assert_all_finite(labels)
        except ValueError as error:
            raise ValueError(f"y must hold a label for each row: {error}") from error
        distinct_labels(labels)
        with few_rows_of_many_classes():
            check_classification_targets(labels)
    return labels


def distinct_labels(y: NDArray[Any]) -> NDArray[Any]:
    """Return the sorted labels in y; labels of mixed kinds (numbers and texts) are refused."""
    try:
        return np.unique(y)
    except TypeError as error:
        raise TypeError(f"y must hold labels of one kind that can be sorted: {error}") from error


def stack_labels(above: NDArray[Any], below: NDArray[Any]) -> NDArray[Any]:
    """Labels so far, then the new ones; numbers never silently become texts."""
    if above.size and below.size and _is_text(above) != _is_text(below):
        raise TypeError(
            f"y must hold labels of the same kind as those so far: got {below[0]!r}, "
            f"but those are like {above[0]!r}"
        )
    return np.concatenate([above, below])


def _is_text(y: NDArray[Any]) -> bool:
    return isinstance(y[0], (str, bytes))


def fit_clone(estimator: Any, X: Any, y: NDArray[Any]) -> Any:
    """Return a fitted clone of the estimator."""
    from sklearn.base import clone

    with few_rows_of_many_classes():
        model = clone(estimator)
        model.fit(X, y)
        return model


@contextmanager
def few_rows_of_many_classes() -> Iterator[None]:
    """Silence scikit-learn's guess that few labels of many classes are a regression target.

    That is how every labelling starts.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The number of unique classes is greater than")
        yield


def before_last_step(pipeline: Any, X: Any) -> Any:
    """Return what all steps but the last of a fitted pipeline make of X."""
    return pipeline[:-1].transform(X) if len(pipeline.steps) > 1 else X
