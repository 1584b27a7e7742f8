"""What all query strategies for scikit-activeml share: sparse rows, and the choice of a batch."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from skactiveml.base import SingleAnnotatorPoolQueryStrategy
from skactiveml.utils import unlabeled_indices
from sklearn.utils import check_array

from fastal import top_k

__all__ = ["SparsePoolQueryStrategy", "candidate_rows", "select", "settle", "spread", "take"]

# Scores that lie no farther apart may change places by rounding, in single precision too.
_ROUNDING = 1e-6


class SparsePoolQueryStrategy(SingleAnnotatorPoolQueryStrategy):
    """A query strategy of scikit-activeml that takes sparse rows as well.

    `_validate_data` and `_transform_candidates` have the arguments and results of their base
    class.  If the samples or the candidates are sparse, both come back in CSR; then ``len(X)``
    is an error of SciPy's and ``X.shape[0]`` what to write.
    """

    n_features_in_: int

    def _validate_data(
        self,
        X: Any,
        y: Any,
        candidates: Any,
        batch_size: int,
        return_utilities: bool,
        reset: bool = True,
        check_X_dict: dict[str, Any] | None = None,
    ) -> tuple[Any, NDArray[Any], Any, int, bool]:
        rest = (batch_size, return_utilities)
        if not (sparse.issparse(X) or sparse.issparse(candidates)):
            return super()._validate_data(X, y, candidates, *rest, reset, check_X_dict)  # type: ignore[no-any-return]
        options = {**(check_X_dict or {}), "accept_sparse": "csr", "allow_nd": False}
        X = sparse.csr_matrix(check_array(X, **options))
        n_features: int = X.shape[1] if reset else self.n_features_in_
        samples = None
        stand_in = candidates
        if sparse.issparse(candidates) or np.ndim(candidates) == 2:
            samples = sparse.csr_matrix(check_array(candidates, **options))
            _same_features(samples, X.shape[1], "candidates")
            stand_in = np.zeros((samples.shape[0], 1))
        _same_features(X, n_features, "X")
        # Everything but the samples is checked by them, beside one column instead of sparse ones.
        checked = super()._validate_data(np.zeros((X.shape[0], 1)), y, stand_in, *rest, True)
        self.n_features_in_ = n_features
        return X, checked[1], checked[2] if samples is None else samples, *checked[3:]


def _same_features(X: Any, n_features: int, name: str) -> None:
    if X.shape[1] != n_features:
        raise ValueError(f"{name} has {X.shape[1]} features, but {n_features} were expected")


def candidate_rows(candidates: Any, X: Any, y: Any, missing_label: Any) -> tuple[Any, Any]:
    """Return rows, and which of them are candidates (None: all), without copying any."""
    if candidates is None:
        return X, unlabeled_indices(y, missing_label)
    return (X, candidates) if candidates.ndim == 1 else (candidates, None)


def take(rows: Any, mapping: Any) -> Any:
    return rows if mapping is None else rows[mapping]


def spread(
    utilities: NDArray[np.float64], mapping: NDArray[np.int64] | None, n_samples: int
) -> NDArray[np.float64]:
    """Return utilities of all samples, NaN for those that are no candidates."""
    if mapping is None:
        return utilities
    out = np.full(n_samples, np.nan)
    out[mapping] = utilities
    return out


def settle(
    utilities: NDArray[np.float64], batch_size: int, exact: Callable[[NDArray[np.int64]], Any]
) -> None:
    """Give those that rounding could move into the batch, or within, the library's own scores."""
    if not (len(utilities) and batch_size and np.isfinite(utilities).all()):
        return
    lowest = utilities[top_k(utilities, batch_size)[-1]]
    best = np.flatnonzero(utilities >= lowest - _ROUNDING * max(1.0, abs(lowest)))
    utilities[best] = exact(best)


def select(
    utilities: NDArray[np.float64],
    random_state: Any,
    batch_size: int,
    return_utilities: bool = False,
) -> Any:
    """Choose as ``skactiveml.utils.simple_batch`` does, draw by draw, and change no input.

    It draws one number for every sample and pick, but they decide among equal utilities only:
    without ties nothing is drawn, except from NumPy's global state, of which the next one to
    draw must find the same numbers left.

    Parameters
    ----------
    utilities : ndarray of shape (n_samples,), float64
        NaN: not to be chosen.
    random_state : RandomState
        What `_validate_data` left in ``self.random_state_``.
    batch_size : int
        More than there are candidates: a warning, and all of them.
    return_utilities : bool, default False
        Also return an array of shape (batch_size, n_samples).

    Returns
    -------
    rows : ndarray of shape (batch_size,), int64
    batch_utilities : ndarray of shape (batch_size, n_samples), float64
        Only with ``return_utilities=True``: the utilities, in each line NaN for earlier picks.
    """
    utilities = check_array(
        utilities, ensure_2d=False, dtype=float, ensure_all_finite="allow-nan", input_name="X"
    )
    candidates = np.flatnonzero(~np.isnan(utilities))
    if len(candidates) < batch_size:
        warnings.warn(
            f"'batch_size={batch_size}' is larger than number of candidate samples in "
            f"'utilities'. Instead, 'batch_size={len(candidates)}' was set.",
            stacklevel=3,
        )
        batch_size = len(candidates)
    if batch_size == 0:
        rows = np.empty(0, dtype=np.int64)
    else:
        rows = candidates[top_k(utilities[candidates], batch_size)]
        rows = _draw_ties(utilities, rows, random_state)
    if not return_utilities:
        return rows
    batch_utilities = np.tile(utilities, (batch_size, 1))
    for i in range(batch_size):
        batch_utilities[i, rows[:i]] = np.nan
    return rows, batch_utilities


def _draw_ties(
    utilities: NDArray[np.float64], rows: NDArray[np.int64], rng: np.random.RandomState
) -> NDArray[np.int64]:
    """Replace picks among equals by those that the random numbers of simple_batch choose."""
    best = utilities[rows]
    seen_by_others = rng is np.random.mtrand._rand
    last_is_tied = np.count_nonzero(utilities == best[-1]) > np.count_nonzero(best == best[-1])
    tied = np.flatnonzero(np.append(best[1:] == best[:-1], last_is_tied))
    if not (tied.size or seen_by_others):
        return rows
    out: NDArray[np.int64] = rows.copy()
    left = rows
    # The last of equals is what the others left.
    for i in range(len(rows) if seen_by_others else min(tied[-1] + 2, len(rows))):
        draws = rng.random_sample(len(utilities))
        if i == 0 or best[i] != best[i - 1]:
            left = np.flatnonzero(utilities == best[i])
        chosen = np.argmax(draws[left])
        out[i] = left[chosen]
        left = np.delete(left, chosen)
    return out
