"""BADGE for scikit-activeml: rows whose gradients are long and unlike one another."""

from __future__ import annotations

from typing import Any

import numpy as np
import skactiveml.pool as theirs
from numpy.typing import NDArray
from scipy import sparse
from skactiveml.base import SkactivemlClassifier
from skactiveml.utils import check_equal_missing_label, check_scalar, check_type, is_labeled
from sklearn import clone
from sklearn.utils.extmath import row_norms, safe_sparse_dot

from fastal.adapters._skactiveml_base import SparsePoolQueryStrategy
from fastal.adapters._skactiveml_features import limited

__all__ = ["Badge"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

# Squared distances below this share of both squared lengths are rounding.
_ROUNDING = 1e-13


class Badge(SparsePoolQueryStrategy, theirs.Badge):
    r"""Draw rows whose gradients are long and unlike one another (BADGE).

    Takes the place of `skactiveml.pool.Badge`, with the same arguments, utilities and, for the
    same ``random_state``, the same draws; samples, candidates and embeddings may be sparse.

    Parameters
    ----------
    clf_embedding_flag_name : str, dict or None, default None
        With it ``clf.predict_proba(X, **{name: True})`` (a dict: ``**dict``) returns probabilities
        and embeddings; without, the rows themselves are the embeddings, unless ``predict_proba``
        returns both anyway.
    missing_label : scalar, str, np.nan or None, default np.nan
    random_state : None, int or RandomState

    Notes
    -----
    As scikit-activeml's, the first pick is the row of the longest gradient embedding
    :math:`g_u = (p_u - e_{\hat y_u}) \otimes x_u`, and each other one is drawn with a
    probability in proportion to its squared distance from the nearest earlier pick or, unlike in
    `fastal.badge`, from the origin.  The n x (classes * features) embeddings are never built:
    :math:`g_u \cdot g_v = \big((p_u - e_u) \cdot (p_v - e_v)\big)\,(x_u \cdot x_v)`.

    Results differ where all rows that are left are at distance 0 from a pick: scikit-activeml
    may pick a row twice, as it forgets earlier picks; here the others are equally likely.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal.adapters.skactiveml import Badge, SklearnClassifier
    >>> X = np.array([[0.0, 1.0], [4.0, 1.0], [1.0, 1.0], [1.9, 1.0], [2.1, 1.0]])
    >>> y = np.array([0, 1, np.nan, np.nan, np.nan])
    >>> clf = SklearnClassifier(LogisticRegression(), classes=[0, 1])
    >>> [int(row) for row in Badge(random_state=0).query(X, y, clf, batch_size=2)]
    [4, 2]
    """

    def query(
        self,
        X: Any,
        y: Any,
        clf: Any,
        fit_clf: bool = True,
        sample_weight: Any = None,
        candidates: Any = None,
        batch_size: int = 1,
        return_utilities: bool = False,
    ) -> Any:
        """Draw rows to label.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
            Labels, `missing_label` where there is none.
        clf : SkactivemlClassifier
            With ``fit`` and ``predict_proba``.
        fit_clf : bool, default True
            Whether a clone of clf is fitted first.
        sample_weight : array-like of shape (n_samples,), optional
            For ``fit``.
        candidates : array-like of int, or rows of shape (n_candidates, n_features), optional
            Row numbers of X, or rows dense or sparse.  All rows without a label by default.
        batch_size : int, default 1
        return_utilities : bool, default False

        Returns
        -------
        query_indices : list of batch_size int64 numbers
            Row numbers of X, or of the candidates if these are rows.
        utilities : ndarray of shape (batch_size, n_samples or n_candidates)
            Only with ``return_utilities=True``: the probabilities of each draw (for the first
            pick: shares of the squared lengths); NaN for rows that cannot be picked.

        Raises
        ------
        ValueError, TypeError
            As `skactiveml.pool.Badge`.
        """
        X, y, candidates, batch_size, return_utilities = self._validate_data(
            X, y, candidates, batch_size, return_utilities, reset=True
        )
        X_cand, mapping = self._transform_candidates(candidates, X, y)
        check_type(clf, "clf", SkactivemlClassifier)
        check_equal_missing_label(clf.missing_label, self.missing_label_)
        check_scalar(fit_clf, "fit_clf", bool)
        options = self._embedding_options()
        if fit_clf:
            clf = clone(clf).fit(X, y, *([] if sample_weight is None else [sample_weight]))
        n_out = X_cand.shape[0] if mapping is None else X.shape[0]
        rows = np.arange(n_out) if mapping is None else mapping
        if candidates is not None and mapping is not None:
            free = ~is_labeled(y[mapping], missing_label=self.missing_label_)
            rows, X_cand = rows[free], X_cand[free]
            batch_size = limited(batch_size, rows.size)
        proba = clf.predict_proba(X_cand, **options)
        if isinstance(proba, tuple):
            proba, X_cand = proba
        picks, utilities = _draw(proba, X_cand, batch_size, self.random_state_)
        indices = list(rows[picks])
        if not return_utilities:
            return indices
        out = np.full((batch_size, n_out), np.nan)
        out[:, rows] = utilities
        return indices, out

    def _embedding_options(self) -> dict[str, Any]:
        name = self.clf_embedding_flag_name
        if name is None:
            return {}
        check_type(name, "clf_embedding_flag_name", dict, str)
        return {name: True} if isinstance(name, str) else name


def _draw(
    proba: Floats, X: Any, n_picks: int, random_state: np.random.RandomState
) -> tuple[Rows, Floats]:
    """Draw by k-means++ among gradient embeddings, of which the origin is the first centre."""
    residuals = proba - np.eye(proba.shape[1])[proba.argmax(axis=1)]
    lengths = row_norms(residuals, squared=True) * row_norms(X, squared=True)
    nearest = lengths.copy()
    rows = np.zeros(n_picks, dtype=np.int64)
    shares = np.full((n_picks, len(proba)), np.nan)
    for i in range(n_picks):
        if i:
            last = rows[i - 1]
            x = X[[last]].toarray()[0] if sparse.issparse(X) else X[last]
            products = (residuals @ residuals[last]) * safe_sparse_dot(X, x)
            both = lengths + lengths[last]
            distances = both - 2.0 * products
            nearest = np.minimum(nearest, np.where(distances > _ROUNDING * both, distances, 0.0))
            nearest[rows[:i]] = 0.0
        weights = nearest
        if not nearest.any():
            weights = np.ones(len(proba))
            weights[rows[:i]] = 0.0
        p = weights / weights.sum()
        rows[i] = random_state.choice(len(p), 1, replace=False, p=p)[0] if i else p.argmax()
        p[rows[:i]] = np.nan
        shares[i] = p
    return rows, shares
