"""Seeded data for the benchmarks.

Only ever appended to: a change in what a maker returns makes old results incomparable.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse as sp

# Rows of a text pool made at once: bounds the memory, and belongs to the data (one seed a block).
_POOL_BLOCK = 50_000
_TOPICS = 50


def probabilities(
    n_samples: int, n_classes: int, dtype: Any = "float64", seed: int = 0
) -> np.ndarray:
    """Rows drawn from a Dirichlet distribution: mostly one or two likely classes, some unsure."""
    rng = np.random.default_rng(seed)
    return rng.dirichlet(np.full(n_classes, 0.3), n_samples).astype(dtype)


def member_probabilities(
    n_members: int, n_samples: int, n_classes: int, dtype: Any = "float64", seed: int = 0
) -> np.ndarray:
    """Members that see the same rows: each mixes shared probabilities with its own."""
    shared = probabilities(n_samples, n_classes, seed=seed)
    members = np.empty((n_members, n_samples, n_classes), dtype=dtype)
    for m in range(n_members):
        members[m] = 0.7 * shared + 0.3 * probabilities(n_samples, n_classes, seed=seed + m + 1)
    return members


def votes(
    n_samples: int, n_members: int, n_classes: int, dtype: Any = "int64", seed: int = 0
) -> np.ndarray:
    """Members that agree on most rows: each votes for a shared class or, 3 in 10, for any."""
    rng = np.random.default_rng(seed)
    shared = rng.integers(n_classes, size=(n_samples, 1))
    own = rng.integers(n_classes, size=(n_samples, n_members))
    return np.where(rng.random((n_samples, n_members)) < 0.7, shared, own).astype(dtype)


def scores(n_samples: int, dtype: Any = "float64", seed: int = 0) -> np.ndarray:
    """Scores between 0 and 1 in random order."""
    return np.random.default_rng(seed).random(n_samples).astype(dtype)


def dense_rows(
    n_samples: int, n_features: int, dtype: Any = "float64", seed: int = 0
) -> np.ndarray:
    """Embedding-like rows in a few clusters."""
    rng = np.random.default_rng(seed)
    centers = rng.standard_normal((20, n_features))
    rows = centers[rng.integers(20, size=n_samples)] + rng.standard_normal((n_samples, n_features))
    return rows.astype(dtype)


def text_pool(
    n_rows: int,
    terms_per_row: int = 80,
    vocabulary: int = 50_000,
    dtype: Any = "float64",
    seed: int = 0,
) -> sp.csr_matrix:
    """TF-IDF rows as real text gives them, with about terms_per_row different terms on average.

    Words follow Zipf's law; half of a document's words come from its topic, one of 50, in which
    other words are the frequent ones; document lengths are log-normal.  ``scipy.sparse.random``
    has none of this, and flat columns hide what inverted lists cost.  Rows have unit length.
    """
    tokens = _tokens_for(terms_per_row, vocabulary)
    offsets = np.random.default_rng(seed).integers(vocabulary, size=_TOPICS)
    blocks = [
        _pool_block(min(_POOL_BLOCK, n_rows - first), tokens, vocabulary, offsets, (seed, first))
        for first in range(0, n_rows, _POOL_BLOCK)
    ]
    lengths = np.concatenate([block[0] for block in blocks])
    indices = np.concatenate([block[1] for block in blocks])
    counts = np.concatenate([block[2] for block in blocks])
    del blocks
    indptr = np.zeros(n_rows + 1, dtype=np.int64)
    np.cumsum(lengths, out=indptr[1:])
    frequency = np.bincount(indices, minlength=vocabulary)
    idf = np.log((1 + n_rows) / (1 + frequency)) + 1
    data = np.empty(len(indices), dtype=dtype)
    for first in range(0, n_rows, _POOL_BLOCK):
        edges = indptr[first : first + _POOL_BLOCK + 1]
        block = slice(edges[0], edges[-1])
        weights = counts[block] * idf[indices[block]]
        norms = np.sqrt(np.add.reduceat(weights * weights, edges[:-1] - edges[0]))
        data[block] = weights / np.repeat(norms, np.diff(edges))
    if indptr[-1] < 2**31:
        indptr = indptr.astype(np.int32)
    return sp.csr_matrix((data, indices, indptr), shape=(n_rows, vocabulary))


def _pool_block(
    n_rows: int, tokens: float, vocabulary: int, offsets: np.ndarray, seed: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the number of terms in each row, the terms (sorted in a row) and their counts."""
    rng = np.random.default_rng(seed)
    sigma = 0.6
    lengths = tokens * rng.lognormal(-sigma * sigma / 2, sigma, n_rows)
    lengths = np.maximum(lengths.astype(np.int64), 1)
    row = np.repeat(np.arange(n_rows), lengths)
    # The integer part of a log-uniform number is distributed by Zipf's law.
    draws = rng.random(len(row), dtype=np.float32)
    term = np.exp(draws * np.float32(np.log(vocabulary + 1.0))).astype(np.int64) - 1
    of_topic = rng.random(len(row), dtype=np.float32) < 0.5
    topic = rng.integers(len(offsets), size=n_rows)
    term += np.where(of_topic, offsets[topic][row], 0)
    term %= vocabulary
    keys = row * vocabulary + term
    keys.sort()
    first = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    counts = np.diff(np.append(first, len(keys)))
    row, term = np.divmod(keys[first], vocabulary)
    return np.bincount(row, minlength=n_rows), term.astype(np.int32), counts.astype(np.uint16)


def _tokens_for(terms: int, vocabulary: int) -> float:
    """Words of a document that give this many different terms, by bisection."""
    if not 1 <= terms <= vocabulary // 4:
        raise ValueError(f"terms_per_row must lie in 1..{vocabulary // 4}, got {terms}")
    ranks = np.arange(1, vocabulary + 1)
    share = np.log1p(1 / ranks) / np.log(vocabulary + 1.0)
    # Half the words are common ones, half the topic's: as good as two separate vocabularies.
    low, high = 1.0, 100.0 * terms
    for _ in range(40):
        middle = (low + high) / 2
        distinct = 2 * -np.expm1(middle / 2 * np.log1p(-share)).sum()
        low, high = (middle, high) if distinct < terms else (low, middle)
    return high


def labeled_rows(n_rows: int, n_labeled: int = 20, seed: int = 0) -> np.ndarray:
    """Row numbers that are taken as labelled."""
    return np.random.default_rng(seed).choice(n_rows, n_labeled, replace=False)
