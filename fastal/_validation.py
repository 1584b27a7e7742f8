"""User input in, plain arrays out.

Everything a kernel receives was made here: C-contiguous, of one of a few dtypes, and a read-only
view, so that numba compiles each kernel once whatever the caller's flags are, and no kernel can
change its input.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from fastal._threads import over_rows


class CSR(NamedTuple):
    """The arrays of a CSR matrix without duplicate entries, in scipy's order."""

    data: NDArray[Any]
    indices: NDArray[Any]
    indptr: NDArray[Any]
    shape: tuple[int, int]
    positive: bool  # no entry is negative


def read_only(array: NDArray[Any]) -> NDArray[Any]:
    """Return a C-contiguous view (a copy only if the layout demands it) that cannot be written."""
    view = np.ascontiguousarray(array).view(np.ndarray)
    if view is array or view.flags.writeable:
        view = view.view()
        view.flags.writeable = False
    return view


def as_float(array: NDArray[Any], name: str) -> NDArray[Any]:
    """float32 and float64 pass, other numbers become float64, objects only if all numbers."""
    if array.dtype in (np.float32, np.float64) and array.dtype.isnative:
        return array
    if array.dtype.kind not in "biufO":
        raise TypeError(f"{name} must hold real numbers, got dtype {array.dtype}")
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise TypeError(f"{name} must hold real numbers: {error}") from error


def _dense(X: Any, name: str, n_dimensions: int, layout: str) -> NDArray[Any]:
    if sp.issparse(X):
        raise TypeError(f"{name} must be a dense array of shape {layout}, got a sparse matrix")
    try:
        array = np.asarray(X)
    except ValueError as error:
        raise ValueError(f"{name} must be an array of shape {layout}: {error}") from error
    if array.ndim != n_dimensions:
        raise ValueError(f"{name} must have shape {layout}, got an array of shape {array.shape}")
    return array


def check_proba(proba: ArrayLike, name: str = "proba") -> NDArray[Any]:
    """Class probabilities of shape (n_samples, n_classes); the kernel checks their values."""
    array = _dense(proba, name, 2, "(n_samples, n_classes)")
    if array.shape[1] == 0:
        raise ValueError(f"{name} must have at least one class, got shape {array.shape}")
    return read_only(as_float(array, name))


def check_decision(decision: ArrayLike) -> NDArray[np.float64]:
    """Decision values as (n_samples, 1) for two classes or (n_samples, n_classes), float64."""
    if np.ndim(decision) == 1:
        decision = np.reshape(decision, (-1, 1))
    array = _dense(decision, "decision", 2, "(n_samples,) or (n_samples, n_classes)")
    if array.shape[1] == 0:
        raise ValueError(f"decision must have at least one value a row, got shape {array.shape}")
    return read_only(as_float(array, "decision").astype(np.float64, copy=False))


def check_probas(
    probas: ArrayLike | Sequence[ArrayLike], classes: Sequence[ArrayLike] | None
) -> NDArray[Any]:
    """Probabilities of all members, (n_members, n_samples, n_classes), aligned by class label."""
    if isinstance(probas, np.ndarray) and probas.dtype != object and classes is None:
        array = _dense(probas, "probas", 3, "(n_members, n_samples, n_classes)")
        if 0 in (array.shape[0], array.shape[2]):
            raise ValueError(f"probas must have members and classes, got shape {array.shape}")
        return read_only(as_float(array, "probas"))
    members = [
        as_float(_dense(p, f"probas[{m}]", 2, "(n_samples, n_classes)"), f"probas[{m}]")
        for m, p in enumerate(probas)  # type: ignore[arg-type]
    ]
    if not members:
        raise ValueError("probas must hold at least one member, got none")
    for m, member in enumerate(members):
        if len(member) != len(members[0]):
            raise ValueError(
                f"probas[{m}] has {len(member)} rows, but probas[0] has {len(members[0])}"
            )
    if classes is not None:
        return read_only(_align(members, classes))
    widths = [member.shape[1] for member in members]
    if len(set(widths)) > 1:
        raise ValueError(
            f"probas: the members have {widths} classes; pass classes=[member.classes_, ...] "
            "so that they can be aligned by label"
        )
    if widths[0] == 0:
        raise ValueError("probas must have at least one class, got none")
    return read_only(np.stack(members))


def _align(members: list[NDArray[Any]], classes: Sequence[ArrayLike]) -> NDArray[Any]:
    labels = [np.asarray(member_classes) for member_classes in classes]
    if len(labels) != len(members):
        raise ValueError(f"classes must hold {len(members)} arrays, got {len(labels)}")
    for m, (member, own) in enumerate(zip(members, labels, strict=True)):
        if own.ndim != 1 or len(own) != member.shape[1]:
            raise ValueError(
                f"classes[{m}] must hold {member.shape[1]} labels, one for each column of "
                f"probas[{m}], got shape {own.shape}"
            )
        if len(np.unique(own)) != len(own):
            raise ValueError(f"classes[{m}] holds a label twice: {own}")
    union = np.unique(np.concatenate(labels))
    dtype = np.result_type(*members)
    aligned = np.zeros((len(members), len(members[0]), len(union)), dtype=dtype)
    for m, (member, own) in enumerate(zip(members, labels, strict=True)):
        aligned[m][:, np.searchsorted(union, own)] = member
    return aligned


def explain_bad_rows(scores: NDArray[Any], proba: NDArray[Any], name: str) -> None:
    """Raise with the reason when a kernel marked a row as no probability distribution (NaN)."""
    if not np.isnan(scores).any():
        return
    from fastal._kernels_scores import SUM_TOLERANCE

    for m, member in enumerate(proba.reshape(-1, *proba.shape[-2:])):
        where = f"{name}[{m}]" if proba.ndim == 3 else name
        sums = member.sum(axis=1, dtype=np.float64)
        for bad, what in (
            (~np.isfinite(member).all(axis=1), "must be finite"),
            ((member < 0).any(axis=1), "must not be negative"),
            (~(np.abs(sums - 1) <= SUM_TOLERANCE), f"must sum to 1 within {SUM_TOLERANCE}"),
        ):
            rows = np.flatnonzero(bad)
            if rows.size:
                row = rows[0]
                values = np.array2string(member[row], threshold=10, precision=4)
                raise ValueError(
                    f"{where}: the probabilities of a row {what}, but row {row} is {values} "
                    f"(sum {sums[row]:.6g}); {rows.size} rows like it"
                )
    # The kernel added up in another order, and its sum is a last bit beyond the tolerance.
    row = np.flatnonzero(np.isnan(scores))[0]
    raise ValueError(f"{name}: row {row} must sum to 1 within {SUM_TOLERANCE}, it just does not")


def check_votes(votes: ArrayLike) -> NDArray[Any]:
    """Votes of shape (n_samples, n_members) as int32 or int64, equal where the labels are."""
    array = _dense(votes, "votes", 2, "(n_samples, n_members)")
    if array.shape[1] == 0:
        raise ValueError(f"votes must have at least one member, got shape {array.shape}")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise ValueError("votes must not be NaN or infinite")
    if array.dtype.kind not in "biufOUS":
        raise TypeError(f"votes must be class labels (integers or strings), got {array.dtype}")
    if array.dtype.kind in "bi" or array.dtype in (np.uint8, np.uint16, np.uint32):
        dtype = np.int32 if np.can_cast(array.dtype, np.int32) else np.int64
        return read_only(array.astype(dtype, copy=False))
    return read_only(number_votes(array))


def number_votes(votes: NDArray[Any]) -> NDArray[np.int64]:
    """Number the labels in votes from 0, in sorted order."""
    flat = votes.ravel()
    try:
        # Sorting all votes takes half a minute for a million rows of strings: collect the few
        # different labels first (most are among the first votes), then look each vote up.
        labels = np.unique(flat[:1024])
        while True:
            codes = np.searchsorted(labels, flat)
            codes[codes == labels.size] = 0
            missing = labels[codes] != flat if labels.size else np.empty(0, dtype=bool)
            if not missing.any():
                return codes.reshape(votes.shape).astype(np.int64)
            labels = np.union1d(labels, flat[missing])
    except TypeError as error:
        raise TypeError(f"votes must be labels of one kind that can be sorted: {error}") from error


def check_scores(scores: ArrayLike, name: str = "scores") -> NDArray[Any]:
    """Scores of shape (n_samples,), float64; infinities order as usual, NaN does not."""
    array = _dense(scores, name, 1, "(n_samples,)")
    array = as_float(array, name).astype(np.float64, copy=False)
    bad = np.flatnonzero(np.isnan(array))
    if bad.size:
        raise ValueError(f"{name} must not be NaN, but row {bad[0]} is ({bad.size} in all)")
    return read_only(array)


def check_importance(scores: ArrayLike, n_rows: int) -> NDArray[np.float64]:
    """Scores by which rows are weighted: finite and not negative, one for each row, float64."""
    array = check_scores(scores)
    if len(array) != n_rows:
        raise ValueError(f"scores must hold a number for each of {n_rows} rows, got {len(array)}")
    bad = np.flatnonzero((array < 0) | np.isinf(array))
    if bad.size:
        raise ValueError(f"scores must be finite and not negative, but row {bad[0]} is not")
    return array


def check_weights(weights: ArrayLike | None, n_rows: int) -> NDArray[np.float64]:
    """A finite weight, not negative, for each row as float64; an empty array for none."""
    if weights is None:
        return np.empty(0)
    array = check_scores(weights, "sample_weight")
    if len(array) != n_rows:
        raise ValueError(f"sample_weight must hold {n_rows} weights, one a row, got {len(array)}")
    bad = np.flatnonzero((array < 0) | np.isinf(array))
    if bad.size:
        raise ValueError(
            f"sample_weight must be finite and not negative, but row {bad[0]} weighs "
            f"{array[bad[0]]} ({bad.size} rows like it)"
        )
    # They multiply distances, squared where the distances are.
    bad = np.flatnonzero((array > 1e100) | ((array > 0) & (array < 1e-100)))
    if bad.size:
        raise ValueError(
            f"sample_weight must be 0 or lie between 1e-100 and 1e100, but row {bad[0]} weighs "
            f"{array[bad[0]]}; rescale the weights"
        )
    return array


def check_metric(metric: Any, known: Sequence[str] = ("euclidean", "cosine")) -> str:
    """One of the known metrics."""
    # An array compares with each of them by element.
    if not isinstance(metric, str) or metric not in known:
        raise ValueError(f"metric must be {' or '.join(map(repr, known))}, got {metric!r}")
    return str(metric)


def check_count(k: Any, name: str) -> int:
    """A whole number of at least 1."""
    if isinstance(k, (bool, np.bool_)) or not isinstance(k, (numbers.Integral, np.integer)):
        raise TypeError(f"{name} must be a whole number of at least 1, got {k!r}")
    if k < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, got {k}")
    return int(k)


def check_number(value: Any, name: str, range_: str) -> float:
    """A real number; whether it lies in the range is for the caller to check."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"{name} must be a number {range_}, got {value!r}")
    try:
        return float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return np.inf if value > 0 else -np.inf  # type: ignore[operator]


def check_rows(rows: ArrayLike | None, n_rows: int, name: str) -> NDArray[np.int64]:
    """Row numbers, or a boolean mask over the rows, as int64 row numbers without repeats."""
    if rows is None:
        return np.empty(0, dtype=np.int64)
    array = _dense(rows, name, 1, "(n_rows,)")
    if array.dtype == bool:
        if len(array) != n_rows:
            raise ValueError(f"{name} is a mask of {len(array)} entries for {n_rows} rows")
        return np.flatnonzero(array)
    if array.size == 0:
        return np.empty(0, dtype=np.int64)
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold row numbers or be a boolean mask, got {array.dtype}")
    outside = array[(array < 0) | (array >= n_rows)]
    if outside.size:
        raise ValueError(f"{name} must lie in 0..{n_rows - 1}, got {outside[0]}")
    return np.unique(array).astype(np.int64)


def check_random_state(seed: Any) -> np.random.RandomState | np.random.Generator:
    """None (fresh), a whole number, a RandomState or a Generator, as in scikit-learn.

    Only methods that RandomState and Generator share are used on the result.
    """
    if isinstance(seed, (np.random.RandomState, np.random.Generator)):
        return seed
    if seed is None:
        return np.random.RandomState()
    if isinstance(seed, (numbers.Integral, np.integer)) and not isinstance(seed, bool):
        if not 0 <= int(seed) < 2**32:
            raise ValueError(f"random_state must lie in 0..2**32 - 1, got {seed}")
        return np.random.RandomState(int(seed))
    raise TypeError(
        f"random_state must be None, a whole number, a RandomState or a Generator, got {seed!r}"
    )


def draw_rank(n_rows: int, random_state: Any) -> NDArray[np.int64]:
    """Order in which rows win ties: their own, or a random one."""
    if random_state is None:
        return np.arange(n_rows)
    return np.asarray(check_random_state(random_state).permutation(n_rows), dtype=np.int64)


def rows_left(n_rows: int, without: NDArray[np.int64]) -> NDArray[np.int64]:
    """All rows but those."""
    left = np.ones(n_rows, dtype=bool)
    left[without] = False
    return np.flatnonzero(left)


def check_matrix(X: Any, name: str = "X") -> CSR | NDArray[Any]:
    """Rows of features: CSR arrays if X is sparse, else a dense (n_samples, n_features) array."""
    if sp.issparse(X):
        return check_csr(X, name)
    array = as_float(_dense(X, name, 2, "(n_samples, n_features)"), name)
    bad = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if bad.size:
        raise ValueError(
            f"{name} must be finite, but row {bad[0]} is not ({bad.size} rows in all)"
        )
    return read_only(array)


def check_csr(X: Any, name: str = "X") -> CSR:
    """CSR arrays of a sparse X without duplicate entries; its own arrays unless it has some.

    The entries of a row may stand in any order: scikit-learn's vectorisers leave them unsorted.
    """
    if len(X.shape) != 2:
        raise ValueError(f"{name} must have shape (n_samples, n_features), got {X.shape}")
    X = X.tocsr()
    shape = (int(X.shape[0]), int(X.shape[1]))
    data = as_float(X.data, name)
    check_structure(X.indices, X.indptr, data.size, shape, name)
    n_entries = int(X.indptr[-1])
    matrix = CSR(
        read_only(data[:n_entries]),
        read_only(X.indices[:n_entries]),
        read_only(X.indptr),
        shape,
        True,
    )
    from fastal import _kernels_csr

    # Not scipy's has_canonical_format: it would store its answer in the caller's matrix, and it
    # does not tell unsorted rows, which are fine, from duplicate entries, which are not.
    verdict = np.empty(shape[0], dtype=np.uint8)
    integer = np.int32 if matrix.data.dtype == np.float32 else np.int64
    exponent = np.array(np.inf, dtype=matrix.data.dtype).view(integer)[()]
    over_rows(
        _kernels_csr.check_rows, shape[0], n_entries, matrix.data.view(integer), exponent,
        matrix.indices, matrix.indptr, shape[1], verdict,
    )  # fmt: skip
    worst = int(verdict.max(initial=0))
    if worst > _kernels_csr.DUPLICATE:
        raise ValueError(bad_entry(matrix, int(np.flatnonzero(verdict == worst)[0]), name))
    if worst == _kernels_csr.DUPLICATE:
        # sum_duplicates works in place: on a matrix of our own, never on the caller's.
        X = sp.csr_matrix((data, X.indices, X.indptr), shape=shape, copy=True)
        X.sum_duplicates()
        return check_csr(X, name)
    return matrix._replace(positive=worst == 0)


def bad_entry(matrix: CSR, row: int, name: str = "X", label: int | None = None) -> str | None:
    """Say what is wrong with an entry of a row, which errors call `label`; None if nothing is."""
    label = row if label is None else label
    own = slice(matrix.indptr[row], matrix.indptr[row + 1])
    columns, data = matrix.indices[own], matrix.data[own]
    if ((columns < 0) | (columns >= matrix.shape[1])).any():
        last = matrix.shape[1] - 1
        return f"{name} is not a valid CSR matrix: row {label} has a column outside 0..{last}"
    bad = data[~np.isfinite(data)]
    return f"{name} must be finite, but row {label} holds {bad[0]}" if bad.size else None


def check_structure(
    indices: NDArray[Any],
    indptr: NDArray[Any],
    n_entries: int,
    shape: tuple[int, int],
    name: str = "X",
) -> None:
    """Refuse what would make a compiled kernel read outside its arrays."""
    if (
        len(indptr) != shape[0] + 1
        or indptr[0] != 0
        or indptr[-1] > min(n_entries, len(indices))
        or (indptr[1:] < indptr[:-1]).any()
    ):
        raise ValueError(f"{name} is not a valid CSR matrix: its indptr does not fit its entries")
