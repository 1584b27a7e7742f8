"""k-center greedy that remembers, from round to round, what it knows of the pool."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._search import search
from fastal._validation import (
    check_count,
    check_matrix,
    check_metric,
    check_random_state,
    check_rows,
    check_weights,
    draw_rank,
    rows_left,
)
from fastal.diversity import farthest, first_center

__all__ = ["KCenterSelector"]

# What a file holds beside the arrays; a file of another format is refused.
_FORMAT = 1
# What NumPy and zipfile raise, depending on what is wrong with a file.
_UNREADABLE = (BadZipFile, AttributeError, EOFError, KeyError, OSError, TypeError, ValueError)


class KCenterSelector:
    """Ask for k-center batches round after round; each costs only what the new labels add.

    Every answer is the one `fastal.k_center_greedy` gives when it starts afresh with the rows
    labelled so far.

    Parameters
    ----------
    X : sparse matrix or array-like of shape (n_samples, n_features)
        The pool, as in `fastal.k_center_greedy`.  It is not copied and must not change.
    labeled : array-like of int or bool, optional
        Row numbers of X, or a mask over its rows, that are labelled already.
    metric : {"euclidean", "cosine"}, default "euclidean"
    random_state : None, int, RandomState or Generator, default None
        As in `fastal.k_center_greedy`; a number is used afresh for every query.

    Attributes
    ----------
    labeled_ : ndarray of int64
        Rows labelled so far, in the order in which they were added.
    n_samples_ : int
        Rows of the pool.

    Raises
    ------
    ValueError, TypeError
        As `fastal.k_center_greedy`.

    Notes
    -----
    Besides the pool it keeps 20 bytes for each row and the entries of the labelled rows.

    Examples
    --------
    >>> from fastal import KCenterSelector
    >>> selector = KCenterSelector([[0.0], [1.0], [5.0], [9.0]], labeled=[0])
    >>> rows, radii = selector.query(1)
    >>> rows
    array([3])
    >>> selector.add_labeled(rows).query(1)
    (array([2]), array([1.]))
    """

    def __init__(
        self,
        X: Any,
        labeled: ArrayLike | None = None,
        metric: Literal["euclidean", "cosine"] = "euclidean",
        random_state: Any = None,
    ) -> None:
        self.metric = check_metric(metric)
        self.random_state = random_state
        if random_state is not None:
            check_random_state(random_state)
        self._search = search(check_matrix(X), self._cosine, np.empty(0))
        self._set_state(
            labeled=check_rows(labeled, self.n_samples_, "labeled"),
            bound=np.full(self.n_samples_, np.inf),
            seen=np.zeros(self.n_samples_, dtype=np.int32),
        )

    @property
    def _cosine(self) -> bool:
        return self.metric == "cosine"

    @property
    def n_samples_(self) -> int:
        """Rows of the pool."""
        return self._search.n_rows

    def _set_state(
        self, labeled: NDArray[np.int64], bound: NDArray[np.float64], seen: NDArray[np.int32]
    ) -> None:
        """Forget what the last query tried out, and take this as what is known."""
        self.labeled_ = labeled
        self._bound, self._seen = bound, seen
        self._search.reset()
        self._search.add(labeled)
        # Centres that a query added to the search, with the bounds that go with them.
        self._tried: tuple[Any, Any, Any] | None = None

    def query(
        self, k: int, sample_weight: ArrayLike | None = None, progress: bool = False
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Pick the next k rows; nothing counts as labelled until `add_labeled` is called.

        Parameters
        ----------
        k : int
            How many rows, at least 1.  If fewer are unlabelled, all of them.
        sample_weight : array-like of shape (n_samples,), optional
            As in `fastal.k_center_greedy`; may be another one for each query.
        progress : bool, default False
            Show on standard error how many picks are made.

        Returns
        -------
        rows : ndarray of int64
        radii : ndarray of float64
            As of `fastal.k_center_greedy`.

        Raises
        ------
        ValueError, TypeError
            As `fastal.k_center_greedy`.
        """
        k = check_count(k, "k")
        weights = check_weights(sample_weight, self.n_samples_)
        if self._search.n_centers != self.labeled_.size:
            self._set_state(self.labeled_, self._bound, self._seen)
        rank = draw_rank(self.n_samples_, self.random_state)
        left = rows_left(self.n_samples_, self.labeled_)
        if left.size == 0:
            return np.empty(0, dtype=np.int64), np.empty(0)
        first = np.empty(0, dtype=np.int64)
        if self.labeled_.size == 0:
            first = first_center(self._search, rank, weights, central=self.random_state is None)
            self._search.add(first)
            left = rows_left(self.n_samples_, first)
        else:
            self._bound_new_rows()
        bound, seen = self._bound.copy(), self._seen.copy()
        factors = weights if self._cosine else weights * weights
        if weights.size:
            bound *= np.where(np.isinf(bound), 1.0, factors)
        self._search.weigh(factors)
        try:
            if first.size:
                self._search.bound_all(bound, seen)
            rows, radii = farthest(
                self._search, first, left, rank, bound, seen, k, self._cosine, progress
            )
        finally:
            self._search.weigh(np.empty(0))
        tried = rows[: self._search.n_centers - self.labeled_.size]
        # Bounds that a weight went into hold for this query only.
        self._tried = None if weights.size else (tried, bound, seen)
        return rows, radii

    def _bound_new_rows(self) -> None:
        """Bound the rows of which nothing is known: all of them, or those added to the pool."""
        unknown = np.flatnonzero(np.isinf(self._bound))
        if unknown.size:
            self._search.bound_all(self._bound, self._seen, int(unknown[0]))

    def add_labeled(self, rows: ArrayLike) -> KCenterSelector:
        """Count rows as labelled, whether `query` proposed them or not.

        Parameters
        ----------
        rows : array-like of int or bool
            Row numbers, or a mask over the rows.  Rows labelled before are passed over.

        Returns
        -------
        self : KCenterSelector

        Raises
        ------
        ValueError, TypeError
            If a row does not exist.
        """
        new = np.setdiff1d(check_rows(rows, self.n_samples_, "rows"), self.labeled_)
        if self._tried is not None and np.isin(self._tried[0], new).all():
            tried, self._bound, self._seen = self._tried
            self.labeled_ = np.concatenate([self.labeled_, tried])
            new = np.setdiff1d(new, tried)
        elif self._search.n_centers != self.labeled_.size:
            self._set_state(self.labeled_, self._bound, self._seen)
        self._tried = None
        self._search.add(new)
        self.labeled_ = np.concatenate([self.labeled_, new])
        return self

    def extend(self, X: Any) -> KCenterSelector:
        """Go on with a pool that has more rows.

        Parameters
        ----------
        X : sparse matrix or array-like of shape (n_more_samples, n_features)
            The rows of the pool so far, unchanged and in their order, then the new ones.

        Returns
        -------
        self : KCenterSelector

        Raises
        ------
        ValueError
            If X does not start with the rows of the pool so far.
        """
        self._replace_pool(search(check_matrix(X), self._cosine, np.empty(0)), "X")
        return self

    def _replace_pool(self, larger: Any, name: str) -> None:
        old, new = self._search.sq_norms, larger.sq_norms
        if larger.n_features != self._search.n_features or new.size < old.size:
            raise ValueError(
                f"{name} must hold the {old.size} rows of {self._search.n_features} features of "
                f"the pool so far and more rows, got {new.size} of {larger.n_features}"
            )
        _check_same_rows(old, new, name)
        n_new = new.size - old.size
        self._search = larger
        self._set_state(
            self.labeled_,
            np.concatenate([self._bound, np.full(n_new, np.inf)]),
            np.concatenate([self._seen, np.zeros(n_new, dtype=np.int32)]),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write what is known, but not the pool, to a file (NumPy's npz).

        The file appears under its name only when it is complete.

        Parameters
        ----------
        path : str or path
            Taken as it is; no ending is added.
        """
        path = Path(path)
        part = path.with_name(path.name + ".part")
        with part.open("wb") as file:
            np.savez(
                file,
                format=_FORMAT,
                metric=self.metric,
                n_features=self._search.n_features,
                labeled=self.labeled_,
                bound=self._bound,
                seen=self._seen,
                sq_norms=self._search.sq_norms,
            )
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)

    @classmethod
    def load(
        cls, path: str | os.PathLike[str], X: Any, random_state: Any = None
    ) -> KCenterSelector:
        """Go on where a saved selector stopped.

        Parameters
        ----------
        path : str or path
            A file written by `save`.
        X : sparse matrix or array-like
            The pool it was saved with, or that pool with more rows at its end.
        random_state : None, int, RandomState or Generator, default None

        Returns
        -------
        selector : KCenterSelector

        Raises
        ------
        ValueError
            If the file was not written by `save`, or belongs to another pool.
        """
        known = _read(Path(path))
        selector = cls(X, None, str(known["metric"]), random_state)  # type: ignore[arg-type]
        norms = selector._search.sq_norms
        n_known = known["sq_norms"].size
        if selector._search.n_features != known["n_features"] or norms.size < n_known:
            raise ValueError(
                f"X must be the pool of {path}, {n_known} rows of {known['n_features']} features, "
                f"got {norms.size} of {selector._search.n_features}"
            )
        _check_same_rows(known["sq_norms"], norms, f"X, the pool of {path},")
        bound, seen = selector._bound, selector._seen
        bound[:n_known], seen[:n_known] = known["bound"], known["seen"]
        selector._set_state(known["labeled"], bound, seen)
        return selector


def _check_same_rows(old: NDArray[np.float64], new: NDArray[np.float64], name: str) -> None:
    changed = np.flatnonzero(old != new[: old.size])
    if changed.size:
        row = changed[0]
        raise ValueError(
            f"{name} must start with the rows of the pool so far, but the squared norm of row "
            f"{row} is {new[row]:.17g} and was {old[row]:.17g}"
        )


def _read(path: Path) -> dict[str, Any]:
    """Read the arrays of a saved selector; data only, nothing is unpickled."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            known = {name: file[name] for name in file.files}
        if int(known["format"]) != _FORMAT:
            raise ValueError(f"its format is {known['format']}, not {_FORMAT}")
        n_rows, n_labeled = known["sq_norms"].size, known["labeled"].size
        fits = (
            known["bound"].shape == known["seen"].shape == (n_rows,)
            and bool((known["seen"] <= n_labeled).all())
            and bool((known["labeled"] < n_rows).all())
        )
        if not fits:
            raise ValueError("its arrays do not fit each other")
    except (
        BadZipFile,
        AttributeError,
        KeyError,
        ValueError,
        TypeError,
        OSError,
        EOFError,
    ) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise ValueError(
            f"{path} is not a file written by KCenterSelector.save: {error}"
        ) from error
    return known
