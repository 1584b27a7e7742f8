"""What an experiment is given: checked, and the first rows drawn."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

from fastal._rows import as_rows, check_labels
from fastal._validation import check_count


def check_data(X: Any, y: Any, which: str) -> tuple[Any, NDArray[Any]]:
    X = as_rows(X, f"X_{which}")
    try:
        y = check_labels(y, X, "the experiment")
    except (ValueError, TypeError) as error:
        raise type(error)(f"y_{which}: {error}") from error
    if not y.size:
        raise ValueError(f"X_{which} must have at least one row, got none")
    return X, y


def check_same_kind(y_pool: NDArray[Any], y_test: NDArray[Any]) -> None:
    # "1" and 1 are never equal: every accuracy would be 0, and nothing would say why.
    if (y_pool.dtype.kind in "biuf") != (y_test.dtype.kind in "biuf"):
        raise TypeError(
            f"y_pool and y_test must hold labels of one kind, got {y_pool[0]!r} and {y_test[0]!r}"
        )


def check_counts(initial: Any, batch: Any, iterations: Any, n_pool: int) -> tuple[int, int, int]:
    initial = check_count(initial, "initial_samples")
    if not 2 <= initial <= n_pool:
        raise ValueError(
            f"initial_samples must lie between 2 and the {n_pool} rows of X_pool, got {initial}"
        )
    return initial, check_count(batch, "batch_size"), check_count(iterations, "iterations")


def default_estimator(estimator: Any, X: Any) -> Any:
    if estimator is not None:
        return estimator
    if not hasattr(X, "shape") and isinstance(X[0], str):
        raise TypeError(
            "X_pool holds texts, which the default estimator cannot read; pass estimator="
            "make_pipeline(TfidfVectorizer(), LogisticRegression(max_iter=1000)), or vectorise "
            "them first"
        )
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression(max_iter=1000)


def initial_rows(y: NDArray[Any], n: int, rng: Any) -> list[int]:
    """Draw n rows, the last of them replaced if they would all be of one class."""
    order = rng.permutation(len(y))
    rows: list[int] = order[:n].tolist()
    if (y[rows] == y[rows[0]]).all():
        others = order[y[order] != y[rows[0]]]
        if not others.size:
            raise ValueError(f"y_pool must hold at least two classes, got only {y[0]!r}")
        rows[-1] = int(others[0])
    return rows


def draw_seed(rng: Any) -> int:
    # `choice` is common to RandomState and Generator.
    return int(rng.choice(2**31))
