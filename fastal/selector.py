"""k-center greedy that remembers, from round to round, what it knows of the pool."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any, Literal, NamedTuple
from zipfile import BadZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._file_writer import sync_folder
from fastal._search import DenseSearch, SparseSearch, make_search
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
_UNREADABLE = (
    AttributeError,
    BadZipFile,
    EOFError,
    KeyError,
    NotImplementedError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zlib.error,
)


class _State(NamedTuple):
    """All that a selector knows; replaced as a whole, so that Ctrl-C leaves no half of it."""

    search: SparseSearch | DenseSearch  # its centres: the labelled rows, or those and more
    labeled: NDArray[np.int64]
    bound: NDArray[np.float64]
    seen: NDArray[np.int32]
    # Picks of the last query that are centres of the search, and the bounds that go with them.
    tried: tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int32]] | None


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
    Besides the pool it keeps some 40 bytes for each row, 24 for each column and the entries of the
    labelled rows.

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
        search = make_search(check_matrix(X), self._cosine, np.empty(0))
        known = check_rows(labeled, search.n_rows, "labeled")
        search.add(known)
        bound, seen = np.full(search.n_rows, np.inf), np.zeros(search.n_rows, dtype=np.int32)
        self._state = _State(search, known, bound, seen, None)

    @property
    def _cosine(self) -> bool:
        return self.metric == "cosine"

    @property
    def labeled_(self) -> NDArray[np.int64]:
        """Rows labelled so far, in the order in which they were added."""
        return np.array(self._state.labeled)

    @property
    def n_samples_(self) -> int:
        """Rows of the pool."""
        return self._state.search.n_rows

    def _restart(self) -> _State:
        """Forget what the last query tried out: the labelled rows alone are centres again."""
        state = self._state
        if state.search.n_centers != state.labeled.size:
            state.search.reset()
            state.search.add(state.labeled)
        self._state = state._replace(tried=None)
        return self._state

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
        search, known, bound, seen, _ = self._restart()
        rank = draw_rank(search.n_rows, self.random_state)
        left = rows_left(search.n_rows, known)
        if left.size == 0:
            return np.empty(0, dtype=np.int64), np.empty(0)
        first = known[:0]
        if known.size == 0:
            first = first_center(search, rank, weights, central=self.random_state is None)
            search.add(first)
            left = rows_left(search.n_rows, first)
        else:
            _bound_new_rows(search, bound, seen)
        # Tried out on copies: not before the rows are labelled does it hold for good.
        bound, seen = bound.copy(), seen.copy()
        factors = weights if self._cosine else weights * weights
        search.weigh(factors)
        if first.size:
            search.bound_all(bound, seen)
        elif weights.size:
            bound *= factors
        rows, radii = farthest(search, first, left, rank, bound, seen, k, self._cosine, progress)
        # Bounds that a weight went into hold for this query only.
        if not weights.size:
            tried = rows[: search.n_centers - known.size].copy()
            self._state = self._state._replace(tried=(tried, bound, seen))
        return rows, radii

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
        rows = check_rows(rows, self.n_samples_, "rows")
        state = self._state
        new = np.setdiff1d(rows, state.labeled)
        if state.tried is not None and np.isin(state.tried[0], new).all():
            tried, bound, seen = state.tried
            labeled = np.concatenate([state.labeled, tried])
            state = state._replace(labeled=labeled, bound=bound, seen=seen, tried=None)
            new = np.setdiff1d(new, tried)
        else:
            state = self._restart()
        state.search.add(new)
        self._state = state._replace(labeled=np.concatenate([state.labeled, new]))
        return self

    def extend(self, X: Any) -> KCenterSelector:
        """Go on with a pool that has more rows.

        Parameters
        ----------
        X : sparse matrix or array-like of shape (n_more_samples, n_features)
            The rows of the pool so far, unchanged and in their order, then the new ones; sparse
            if the pool so far is.  (Two numbers of each row are compared, not all of it.)

        Returns
        -------
        self : KCenterSelector

        Raises
        ------
        ValueError
            If X does not start with the rows of the pool so far.
        """
        search = make_search(check_matrix(X), self._cosine, np.empty(0))
        state = self._state
        _check_same_rows(_identity(state.search), search, "the pool so far")
        search.add(state.labeled)
        n_new = search.n_rows - state.bound.size
        bound = np.concatenate([state.bound, np.full(n_new, np.inf)])
        seen = np.concatenate([state.seen, np.zeros(n_new, dtype=np.int32)])
        self._state = _State(search, state.labeled, bound, seen, None)
        return self

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
        state = self._state
        try:
            with part.open("wb") as file:
                np.savez(
                    file,
                    format=_FORMAT,
                    metric=self.metric,
                    labeled=state.labeled,
                    bound=state.bound,
                    seen=state.seen,
                    **_identity(state.search),
                )
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, path)
        finally:
            part.unlink(missing_ok=True)
        sync_folder(path.parent)

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
        search, _, bound, seen, _ = selector._state
        _check_same_rows(known, search, f"the pool of {path}")
        bound[: known["bound"].size], seen[: known["seen"].size] = known["bound"], known["seen"]
        search.add(known["labeled"])
        selector._state = _State(search, known["labeled"], bound, seen, None)
        return selector


def _bound_new_rows(search: Any, bound: NDArray[np.float64], seen: NDArray[np.int32]) -> None:
    """Bound the rows of which nothing is known: all of them, or those added to the pool."""
    unknown = np.flatnonzero(np.isinf(bound))
    if unknown.size:
        search.weigh(np.empty(0))
        search.bound_all(bound, seen, int(unknown[0]))


def _identity(search: Any) -> dict[str, Any]:
    """What tells one pool from another."""
    return {
        "sparse": isinstance(search, SparseSearch),
        "n_features": search.n_features,
        "sq_norms": search.sq_norms,
        "fingerprint": search.fingerprint(),
    }


def _check_same_rows(old: dict[str, Any], search: Any, name: str) -> None:
    """Refuse a pool that does not start with the rows of an old one."""
    new, n_old = _identity(search), old["sq_norms"].size
    if bool(old["sparse"]) != new["sparse"]:
        kinds = ["dense", "sparse"]
        raise ValueError(
            f"X must be {kinds[bool(old['sparse'])]} as {name} is, got {kinds[new['sparse']]} rows"
        )
    if int(old["n_features"]) != search.n_features or search.n_rows < n_old:
        raise ValueError(
            f"X must hold the rows of {name}, {n_old} of {old['n_features']} features, or more, "
            f"got {search.n_rows} of {search.n_features}"
        )
    same = old["sq_norms"] == new["sq_norms"][:n_old]
    same &= old["fingerprint"] == new["fingerprint"][:n_old]
    if not same.all():
        raise ValueError(
            f"X must start with the rows of {name}, but row {np.flatnonzero(~same)[0]} differs "
            f"({np.count_nonzero(~same)} rows like it)"
        )


def _read(path: Path) -> dict[str, Any]:
    """Read the arrays of a saved selector; data only, nothing is unpickled."""
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            known = {name: file[name] for name in file.files}
        if int(known["format"]) != _FORMAT:
            raise ValueError(f"its format is {known['format']}, not {_FORMAT}")
        if not _fits(known):
            raise ValueError("its arrays do not fit each other")
    except FileNotFoundError:
        raise
    except _UNREADABLE as error:
        raise ValueError(
            f"{path} is not a file written by KCenterSelector.save: {error}"
        ) from error
    return known


def _fits(known: dict[str, Any]) -> bool:
    """Whether the arrays can be the state of a selector: compiled code will index with them."""
    labeled, bound, seen = known["labeled"], known["bound"], known["seen"]
    shape = known["sq_norms"].shape
    types = [known[name].dtype for name in ("labeled", "bound", "seen", "sq_norms", "fingerprint")]
    return bool(
        types == [np.int64, np.float64, np.int32, np.float64, np.float64]
        and labeled.ndim == len(shape) == 1
        and bound.shape == seen.shape == known["fingerprint"].shape == shape
        and np.unique(labeled).size == labeled.size
        and ((labeled >= 0) & (labeled < shape[0])).all()
        and ((seen >= 0) & (seen <= labeled.size)).all()
        and not np.isnan(bound).any()
    )
