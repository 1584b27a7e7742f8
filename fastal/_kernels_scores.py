"""Compiled loops behind the scores over probabilities, of one model or of a committee.

Conventions: rows [start, stop) are filled, outputs come last, nothing is validated except what
costs nothing on the way: a row that is no probability distribution scores NaN, and the public
function then looks for the reason.  All helpers of a kernel stand in its file, because numba's
disk cache does not notice a change in a callee elsewhere.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastal._jit import njit, njit_reorder

# Rows are scored in blocks of about this many entries, so that scratch stays in the L1 cache.
# Loops index slices from 0: `array[offset + i]` would make numba guard against a negative index
# and LLVM fall back to gathers.
_BLOCK = 512

# How far the sum of a row of probabilities may be from 1: wide enough for float32 and for
# probabilities printed with four digits, narrow enough to catch scores that are none.
SUM_TOLERANCE = 1e-3

# log(m) = s * (2 + z * P(z)), s = (m - 1) / (m + 1), z = s * s, for m in [sqrt(1/2), sqrt(2)):
# the series of 2 * atanh(s) with the coefficients of fdlibm's e_log.c (error below 2**-58).
_LG1 = 6.666666666666735130e-01
_LG2 = 3.999999999940941908e-01
_LG3 = 2.857142874366239149e-01
_LG4 = 2.222219843214978396e-01
_LG5 = 1.818357216161805012e-01
_LG6 = 1.531383769920937332e-01
_LG7 = 1.479819860511658591e-01
_MANTISSA = 0x000FFFFFFFFFFFFF
_SQRT_HALF = 0x3FE6A09E00000000  # bits of sqrt(1/2), low word zero
_ONE_MINUS_SQRT_HALF = 0x3FF0000000000000 - 0x3FE6A09E00000000
_LN2_PER_EXPONENT_UNIT = math.log(2.0) / 2.0**52


@njit_reorder
def _log(x: Any, out: Any) -> bool:
    """Write the logarithms of x to out (flat, float64); False if x has a negative entry.

    Written as bit arithmetic plus a polynomial because it vectorises: pip's numba has no vector
    math library, and a call of libm's log per element costs several times as much.
    log(0) comes out as -709: finite, so that 0 * log(0) is 0 without a branch.  Denormals are
    off by less than 5 %, in terms below 1e-305.  NaN stays NaN once multiplied with its entry.
    """
    bits = x.view(np.int64)
    mantissa = out.view(np.int64)
    sign = np.int64(0)
    for i in range(x.size):
        sign |= bits[i]
        mantissa[i] = ((bits[i] + _ONE_MINUS_SQRT_HALF) & _MANTISSA) + _SQRT_HALF
    for i in range(x.size):
        # The difference holds nothing but the exponent, k << 52: its value is k * 2**52 exactly.
        k_log2 = np.float64(bits[i] - mantissa[i]) * _LN2_PER_EXPONENT_UNIT
        m = out[i]
        s = (m - 1.0) / (m + 1.0)
        z = s * s
        w = z * z
        odd = z * (_LG1 + w * (_LG3 + w * (_LG5 + w * _LG7)))
        even = w * (_LG2 + w * (_LG4 + w * _LG6))
        out[i] = s * (2.0 + odd + even) + k_log2
    return sign >= 0 or not _has_negative(x)


@njit_reorder
def _has_negative(x: Any) -> bool:
    # Reached only when a sign bit is set: -0.0 sets it too and is an ordinary zero.
    for i in range(x.size):
        if x[i] < 0.0:
            return True
    return False


@njit_reorder
def _entropy_block(p: Any, log_p: Any, scores: Any) -> None:
    valid = _log(p.reshape(-1), log_p.reshape(-1)[: p.size])
    for i in range(p.shape[0]):
        total = 0.0
        score = 0.0
        for k in range(p.shape[1]):
            total += p[i, k]
            score -= p[i, k] * log_p[i, k]
        # `not <=` instead of `>`: a NaN total must fail.
        scores[i] = score if abs(total - 1.0) <= SUM_TOLERANCE else np.nan
    if not valid:
        for i in range(p.shape[0]):
            if _has_negative(p[i]):
                scores[i] = np.nan


@njit_reorder
def entropy(start: int, stop: int, proba: Any, out: Any) -> None:
    """Proba (n, C) float64 -> out (n,): -sum_k p_k log p_k."""
    n_classes = proba.shape[1]
    block = max(1, _BLOCK // n_classes)
    log_p = np.empty((block, n_classes))
    for first in range(start, stop, block):
        last = min(first + block, stop)
        _entropy_block(proba[first:last], log_p, out[first:last])


@njit_reorder
def entropy_float32(start: int, stop: int, proba: Any, out: Any) -> None:
    """As entropy, for float32: each block is widened first, which float64 need not pay for."""
    n_classes = proba.shape[1]
    block = max(1, _BLOCK // n_classes)
    log_p = np.empty((block, n_classes))
    wide = np.empty((block, n_classes))
    for first in range(start, stop, block):
        p = proba[first : min(first + block, stop)]
        _widen(p.reshape(-1), wide.reshape(-1))
        _entropy_block(wide[: p.shape[0]], log_p, out[first : first + p.shape[0]])


@njit
def _widen(p: Any, wide: Any) -> None:
    for i in range(p.size):
        wide[i] = p[i]


@njit
def _take_two_columns(p: Any, k: int, a: Any, b: Any) -> None:
    """Columns k and k + 1 into contiguous arrays; behind the last column come zeros."""
    column = p[:, k]
    for i in range(column.size):
        a[i] = column[i]
    if k + 1 == p.shape[1]:
        b[:] = 0.0
        return
    column = p[:, k + 1]
    for i in range(column.size):
        b[i] = column[i]


@njit
def _two_largest(start: int, stop: int, proba: Any, want_second: bool, out: Any) -> None:
    """1 - (largest - second largest), or 1 - largest.

    Column by column over a block of rows: running values of many rows side by side vectorise,
    those along one row do not (a comparison must not be reordered where NaN may come).  Two
    columns at a time, because every step loads and stores the running values.
    """
    n_classes = proba.shape[1]
    block = max(16, 2 * _BLOCK // n_classes)
    scratch = np.empty((block, n_classes))
    running = np.empty((6, block))
    for begin in range(start, stop, block):
        source = proba[begin : min(begin + block, stop)]
        n = source.shape[0]
        p = scratch[:n]
        _widen(source.reshape(-1), p.reshape(-1))
        a, b, total = running[0, :n], running[1, :n], running[2, :n]
        lowest, first, second = running[3, :n], running[4, :n], running[5, :n]
        running[2:] = 0.0
        for k in range(0, n_classes, 2):
            _take_two_columns(p, k, a, b)
            for i in range(n):
                total[i] += a[i] + b[i]
                high = a[i] if a[i] > b[i] else b[i]
                low = b[i] if a[i] > b[i] else a[i]
                lowest[i] = low if low < lowest[i] else lowest[i]
                if want_second:
                    loser = high if high < first[i] else first[i]
                    rival = low if low > second[i] else second[i]
                    second[i] = loser if loser > rival else rival
                first[i] = high if high > first[i] else first[i]
        scores = out[begin : begin + n]
        for i in range(n):
            valid = abs(total[i] - 1.0) <= SUM_TOLERANCE and lowest[i] >= 0.0
            scores[i] = 1.0 - (first[i] - second[i]) if valid else np.nan


@njit
def margin(start: int, stop: int, proba: Any, out: Any) -> None:
    """Proba (n, C) -> out (n,): 1 - (largest - second largest); one class: second is 0."""
    _two_largest(start, stop, proba, True, out)


@njit
def least_confidence(start: int, stop: int, proba: Any, out: Any) -> None:
    """Proba (n, C) -> out (n,): 1 - largest."""
    _two_largest(start, stop, proba, False, out)


@njit_reorder
def _consensus(p: Any, first: int, mean: Any) -> bool:
    """Mean over members of rows first .. first + len(mean); False if one is no distribution."""
    valid = True
    for i in range(mean.shape[0]):
        for k in range(mean.shape[1]):
            mean[i, k] = 0.0
    for m in range(p.shape[0]):
        member = p[m, first : first + mean.shape[0]]
        for i in range(mean.shape[0]):
            total = 0.0
            lowest = 0.0
            for k in range(mean.shape[1]):
                p_k = np.float64(member[i, k])
                total += p_k
                lowest = min(lowest, p_k)
                mean[i, k] += p_k
            valid &= abs(total - 1.0) <= SUM_TOLERANCE and lowest >= 0.0
    for i in range(mean.shape[0]):
        for k in range(mean.shape[1]):
            mean[i, k] /= p.shape[0]
    return valid


@njit_reorder
def consensus_entropy(start: int, stop: int, probas: Any, out: Any) -> None:
    """Probas (M, n, C) -> out (n,): entropy of the mean over the members."""
    n_classes = probas.shape[2]
    block = max(1, _BLOCK // n_classes)
    mean_block = np.empty((block, n_classes))
    log_mean = np.empty((block, n_classes))
    for first in range(start, stop, block):
        scores = out[first : min(first + block, stop)]
        mean = mean_block[: scores.size]
        valid = _consensus(probas, first, mean)
        _log(mean.reshape(-1), log_mean.reshape(-1)[: mean.size])
        for i in range(scores.size):
            score = 0.0
            for k in range(n_classes):
                score -= mean[i, k] * log_mean[i, k]
            scores[i] = score if valid else np.nan


@njit_reorder
def _divergences(start: int, stop: int, probas: Any, take_max: bool, out: Any) -> None:
    n_members, _, n_classes = probas.shape
    block = max(1, _BLOCK // n_classes)
    wide = np.empty((block, n_classes))
    mean_block = np.empty((block, n_classes))
    log_mean = np.empty((block, n_classes))
    log_p = np.empty((block, n_classes))
    for first in range(start, stop, block):
        scores = out[first : min(first + block, stop)]
        mean = mean_block[: scores.size]
        valid = _consensus(probas, first, mean)
        _log(mean.reshape(-1), log_mean.reshape(-1)[: mean.size])
        for i in range(scores.size):
            scores[i] = 0.0 if valid else np.nan
        for m in range(n_members):
            p = wide[: scores.size]
            _widen(probas[m, first : first + scores.size].reshape(-1), p.reshape(-1))
            _log(p.reshape(-1), log_p.reshape(-1)[: p.size])
            for i in range(scores.size):
                divergence = 0.0
                for k in range(n_classes):
                    divergence += p[i, k] * (log_p[i, k] - log_mean[i, k])
                # A divergence is never negative; rounding of identical members can make it so.
                divergence = max(divergence, 0.0)
                if take_max:
                    scores[i] = max(scores[i], divergence) if valid else np.nan
                else:
                    scores[i] += divergence / n_members


@njit_reorder
def kl_to_consensus(start: int, stop: int, probas: Any, out: Any) -> None:
    """Probas (M, n, C) -> out (n,): mean over members of KL(member || mean)."""
    _divergences(start, stop, probas, False, out)


@njit_reorder
def max_kl_to_consensus(start: int, stop: int, probas: Any, out: Any) -> None:
    """Probas (M, n, C) -> out (n,): maximum over members of KL(member || mean)."""
    _divergences(start, stop, probas, True, out)


@njit
def variation_ratio(start: int, stop: int, probas: Any, out: Any) -> None:
    """Probas (M, n, C) -> out (n,): share of members that do not vote for the most voted class."""
    n_members, _, n_classes = probas.shape
    counts = np.zeros(n_classes, dtype=np.int64)
    for i in range(start, stop):
        valid = True
        modal = 0
        for k in range(n_classes):
            counts[k] = 0
        for m in range(n_members):
            row = probas[m, i]
            total = 0.0
            lowest = 0.0
            vote = 0
            for k in range(n_classes):
                total += np.float64(row[k])
                lowest = min(lowest, np.float64(row[k]))
                if row[k] > row[vote]:
                    vote = k
            valid &= abs(total - 1.0) <= SUM_TOLERANCE and lowest >= 0.0
            counts[vote] += 1
            modal = max(modal, counts[vote])
        out[i] = (n_members - modal) / n_members if valid else np.nan
