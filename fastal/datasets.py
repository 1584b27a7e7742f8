"""Data to try active learning on: real text that is on every machine, and your own files.

`load_docstrings` needs no download and is what ``fastal demo`` runs on; `load_file` reads a CSV,
JSON-lines or Parquet file; `split` turns a set into the four arguments of an experiment.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fastal._docstrings import labeled_docstrings
from fastal._files import check_labels, check_split, check_texts, read_columns
from fastal._validation import check_count, check_random_state

__all__ = [
    "Dataset",
    "load_20newsgroups",
    "load_digits",
    "load_docstrings",
    "load_file",
    "load_timeseries",
    "split",
]


@dataclass(frozen=True, eq=False)
class Dataset:
    """Documents or rows of features, with their labels.

    Attributes
    ----------
    name : str
    X : list of str, or ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,) or None
        Labels, strings or int64.  None when the set has no labels; in a partly labelled file (see
        `load_file`) an object array that holds None where a label is missing.
    split : ndarray of shape (n_samples,) or None
        "train" or "test" for each row, when the set comes with a split of its own.
    description : str
        Where the set comes from, in a sentence or two.

    Examples
    --------
    >>> from fastal.datasets import load_digits
    >>> digits = load_digits()
    >>> len(digits), digits.X.shape
    (1797, (1797, 64))
    """

    name: str
    X: list[str] | NDArray[Any]
    y: NDArray[Any] | None
    split: NDArray[Any] | None = None
    description: str = ""

    def __len__(self) -> int:
        return len(self.X)

    @property
    def texts(self) -> list[str]:
        """The documents; TypeError for a set of numbers."""
        if not isinstance(self.X, list):
            raise TypeError(f"{self.name} holds rows of numbers, not texts; use its X")
        return self.X


def load_docstrings() -> Dataset:
    """Docstrings of the installed numpy, scipy, scikit-learn and numba: real text, no download.

    The task is to tell which subpackage ("scipy.sparse", "numba.core") a docstring comes from.
    The source files are read and parsed, never imported.  Kept are docstrings of modules, classes
    and functions in subpackages, of at least 40 characters; tests are left out, and so are
    subpackages with fewer than 150 of them.  A text that occurs more than once, in whichever
    subpackages, is kept where it comes first.  The order is that of the packages and the files'
    names, so it is the same on every machine, but the set depends on the installed versions.

    A docstring may name its own module, which would give the label away, so every dotted name that
    starts with one of the four packages ("scipy.sparse.linalg.eigs") is replaced by "[...]".  What
    remains is how the subject itself is written about.

    Returns
    -------
    dataset : Dataset
        About 8,400 texts with 22 labels (numpy 2.4, scipy 1.17, scikit-learn 1.9, numba 0.68 on
        Python 3.11).  A second call in the same process is quick.

    Examples
    --------
    >>> from fastal.datasets import load_docstrings
    >>> docstrings = load_docstrings()
    >>> "scipy.sparse" in docstrings.y
    True
    >>> any("scipy.sparse" in text for text in docstrings.texts)
    False
    """
    texts, labels = labeled_docstrings(("numpy", "scipy", "sklearn", "numba"))
    return Dataset(
        "docstrings",
        list(texts),
        np.array(labels),
        description="Docstrings of the installed numpy, scipy, scikit-learn and numba; the label "
        "is the subpackage.",
    )


def load_20newsgroups(remove: tuple[str, ...] = ()) -> Dataset:
    """20 Newsgroups, fetched by scikit-learn: 18,846 posts with the usual split.

    Parameters
    ----------
    remove : tuple of {"headers", "footers", "quotes"}, default ()
        Parts of the posts to leave out, as in `sklearn.datasets.fetch_20newsgroups`.

    Returns
    -------
    dataset : Dataset

    Raises
    ------
    OSError
        If the set is not on this machine yet and cannot be downloaded.

    Notes
    -----
    The first call downloads 14 MB into scikit-learn's data folder.

    Examples
    --------
    >>> from fastal.datasets import load_20newsgroups
    >>> news = load_20newsgroups()  # doctest: +SKIP
    >>> len(news)  # doctest: +SKIP
    18846
    """
    from sklearn.datasets import fetch_20newsgroups

    texts: list[str] = []
    labels: list[NDArray[Any]] = []
    split: list[str] = []
    for part in ("train", "test"):
        try:
            posts = fetch_20newsgroups(subset=part, remove=remove, shuffle=False)
        except OSError as error:
            raise OSError(
                f"20 Newsgroups is not on this machine and could not be downloaded ({error}); "
                "load_docstrings() needs no download"
            ) from error
        texts += posts.data
        labels.append(np.array(posts.target_names)[posts.target])
        split += [part] * len(posts.data)
    return Dataset(
        "20newsgroups",
        texts,
        np.concatenate(labels),
        np.array(split),
        "20 Newsgroups (Lang 1995), the by-date version of scikit-learn.",
    )


def load_digits() -> Dataset:
    """Small images: 1,797 handwritten digits of 8 x 8 pixels, part of scikit-learn.

    Returns
    -------
    dataset : Dataset
        X of shape (1797, 64), float64 between 0 and 1; y the digit, int64.

    Examples
    --------
    >>> from fastal.datasets import load_digits
    >>> load_digits().y[:5]
    array([0, 1, 2, 3, 4])
    """
    from sklearn.datasets import load_digits as sklearn_load_digits

    digits = sklearn_load_digits()
    return Dataset(
        "digits",
        digits.data / 16.0,
        digits.target.astype(np.int64),
        description="8 x 8 images of handwritten digits (UCI, part of scikit-learn).",
    )


def load_timeseries(n_per_class: int = 300, random_state: Any = 0) -> Dataset:
    r"""Cylinder-bell-funnel: three shapes of a noisy time series, generated.

    Each series has 128 steps: noise, and between a random start a and a random end b a plateau
    ("cylinder"), a rise ("bell") or a fall ("funnel") of height about 6,

    .. math::

        c(t) &= (6 + \eta)\,\chi_{[a,b]}(t) + \varepsilon(t) \\
        b(t) &= (6 + \eta)\,\chi_{[a,b]}(t)\,(t - a)/(b - a) + \varepsilon(t) \\
        f(t) &= (6 + \eta)\,\chi_{[a,b]}(t)\,(b - t)/(b - a) + \varepsilon(t)

    with :math:`\eta, \varepsilon(t)` standard normal, a whole in 16..32 and b - a in 32..96.
    The values can be negative, so MultinomialNB does not apply.

    Parameters
    ----------
    n_per_class : int, default 300
    random_state : None, int, RandomState or Generator, default 0

    Returns
    -------
    dataset : Dataset
        X of shape (3 * n_per_class, 128), float64; y "cylinder", "bell" or "funnel" in turn.

    References
    ----------
    Saito (1994), "Local feature extraction and its application using a library of bases",
    PhD thesis, Yale University.

    Examples
    --------
    >>> from fastal.datasets import load_timeseries
    >>> series = load_timeseries()
    >>> series.X.shape, series.y[:3].tolist()
    ((900, 128), ['cylinder', 'bell', 'funnel'])
    """
    n = 3 * check_count(n_per_class, "n_per_class")
    rng = check_random_state(random_state)
    shape = np.arange(n)[:, None] % 3
    start = np.floor(rng.uniform(16, 33, (n, 1)))
    length = np.floor(rng.uniform(32, 97, (n, 1)))
    t = np.arange(1, 129)
    done = (t - start) / length
    height = (6 + rng.standard_normal((n, 1))) * ((done >= 0) & (done <= 1))
    X = height * np.choose(shape, [np.ones_like(done), done, 1 - done])
    X += rng.standard_normal(X.shape)
    return Dataset(
        "timeseries",
        X,
        np.array(["cylinder", "bell", "funnel"])[shape[:, 0]],
        description="Cylinder-bell-funnel series (Saito 1994), generated.",
    )


def load_file(
    path: str | os.PathLike[str],
    text_column: str = "text",
    label_column: str | None = "label",
    split_column: str | None = "split",
    *,
    partly_labeled: bool = False,
) -> Dataset:
    r"""Texts and labels from a CSV, TSV, JSON-lines or Parquet file.

    The ending decides: .csv, .tsv (first line = column names, UTF-8), .jsonl, .ndjson (one JSON
    object a line, UTF-8) or .parquet (needs ``pip install 'fastal[files]'``).  Labels are kept as
    they stand: text in CSV, text or whole numbers in the other two.

    Parameters
    ----------
    path : str or path
    text_column : str, default "text"
    label_column : str or None, default "label"
        None: the file has no labels (or they are not to be read), and the set's ``y`` is None.
    split_column : str or None, default "split"
        A column of "train" and "test".  The default is read when the file has it; any other name
        must be there.
    partly_labeled : bool, default False
        True: a label may be missing (empty in CSV, null in the others), and the set's ``y`` is an
        object array with None there.  False: a missing label is an error.

    Returns
    -------
    dataset : Dataset

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        For an unknown ending, an empty file, a column that is not there, texts that are all empty,
        a label that is missing or of a wrong kind, a broken line or a wrong encoding.  The message
        names the file, and the line or row (rows are counted from 0).
    ImportError
        For Parquet without pyarrow.

    Warns
    -----
    UserWarning
        If some texts are empty or missing; they are kept, as "", so that row numbers stay those
        of the file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from fastal.datasets import load_file
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "pool.csv")
    ...     _ = path.write_text("text,label\nFree prize,spam\nSee you at five,ham\n")
    ...     mails = load_file(path)
    >>> mails.texts, mails.y.tolist()
    (['Free prize', 'See you at five'], ['spam', 'ham'])
    """
    path = Path(path)
    required = [text_column] if label_column is None else [text_column, label_column]
    optional: list[str] = []
    if split_column is not None:
        (optional if split_column == "split" else required).append(split_column)
    columns = read_columns(path, required, optional)
    return Dataset(
        path.stem,
        check_texts(path, columns, text_column),
        None
        if label_column is None
        else check_labels(path, columns, label_column, partly_labeled),
        check_split(path, columns, split_column),
        f"Read from {path.name}.",
    )


def split(
    dataset: Dataset, test_size: float = 0.25, random_state: Any = 0
) -> tuple[list[str] | NDArray[Any], NDArray[Any], list[str] | NDArray[Any], NDArray[Any]]:
    """Pool and test set of an experiment.

    The set's own split is used when it has one; otherwise a random part of every class is held
    out, in proportion to its size.  At least one row of each class stays in the pool, so a class
    of a single member is never in the test set.

    Parameters
    ----------
    dataset : Dataset
        With a label for every row.
    test_size : float, default 0.25
        Share of the rows to hold out, between 0 and 1.  Not used with a split of its own.
    random_state : None, int, RandomState or Generator, default 0

    Returns
    -------
    X_pool, X_test : list of str or ndarray
        As the set's X.  Rows keep their order.
    y_pool, y_test : ndarray
        Returned in the order X_pool, y_pool, X_test, y_test: the first four arguments of data to
        `fastal.run_experiment`.

    Raises
    ------
    ValueError
        If labels are missing, or either part would be empty.
    TypeError
        If the argument is no Dataset.

    Examples
    --------
    >>> from fastal.datasets import load_digits, split
    >>> X_pool, y_pool, X_test, y_test = split(load_digits())
    >>> X_pool.shape, X_test.shape
    ((1348, 64), (449, 64))
    """
    if not isinstance(dataset, Dataset):
        raise TypeError(f"dataset must be a Dataset of fastal.datasets, got {type(dataset)}")
    y = dataset.y
    if y is None:
        raise ValueError(f"dataset {dataset.name!r} has no labels, so it cannot be split")
    unlabeled = sum(label is None for label in y.tolist())
    if unlabeled:
        raise ValueError(f"dataset {dataset.name!r}: {unlabeled} of {len(y)} rows have no label")
    if dataset.split is not None:
        is_test = dataset.split == "test"
    else:
        is_test = _stratified(y, test_size, random_state)
    if is_test.all() or not is_test.any():
        raise ValueError(
            f"dataset {dataset.name!r}: {int(is_test.sum())} of {len(y)} rows fall into the test "
            "set; both parts need rows"
        )
    pool, test = np.flatnonzero(~is_test), np.flatnonzero(is_test)
    return _take(dataset.X, pool), y[pool], _take(dataset.X, test), y[test]


def _stratified(y: NDArray[Any], test_size: float, random_state: Any) -> NDArray[np.bool_]:
    """Mask of the test rows: every (1 / test_size)th row of the rows sorted by class."""
    if not 0 < test_size < 1:
        raise ValueError(f"test_size must lie between 0 and 1, got {test_size}")
    shuffled = check_random_state(random_state).permutation(len(y))
    by_class = shuffled[np.argsort(y[shuffled], kind="stable")]
    _, first_of_class = np.unique(y[by_class], return_index=True)
    free = np.delete(by_class, first_of_class)
    n_test = min(round(len(y) * test_size), len(free))
    is_test = np.zeros(len(y), dtype=bool)
    # Evenly spaced places in the sorted rows take the same share of every class, to one row.
    is_test[free[np.arange(n_test) * len(free) // max(n_test, 1)]] = True
    return is_test


def _take(X: list[str] | NDArray[Any], rows: NDArray[np.int64]) -> list[str] | NDArray[Any]:
    return [X[row] for row in rows.tolist()] if isinstance(X, list) else X[rows]
