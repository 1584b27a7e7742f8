"""The wrapper of scikit-activeml around classifiers of scikit-learn, for sparse rows as well."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from skactiveml.classifier import SklearnClassifier as TheirClassifier
from skactiveml.utils import check_n_features, match_signature, rand_argmin
from sklearn.utils import check_array
from sklearn.utils.validation import check_is_fitted

__all__ = ["SklearnClassifier"]


class SklearnClassifier(TheirClassifier):
    """A classifier of scikit-learn that leaves rows without labels out, dense or sparse.

    The same as ``skactiveml.classifier.SklearnClassifier``, of which it is a subclass, but for
    two things: `fit`, `partial_fit`, `predict`, `predict_proba` and `score` take sparse rows
    too, and with a cost matrix `predict` returns labels where theirs returns their numbers.

    Parameters
    ----------
    estimator : classifier of scikit-learn
        If it is to be fitted to sparse rows, it must be able to.
    include_unlabeled_samples : bool, default False
        Hand all rows to the estimator, also those whose label is `missing_label`.
    classes : array-like of shape (n_classes,), optional
        All labels there are; without it, those seen in `fit`.
    missing_label : scalar, str or None, default nan
        Marks a row without a label.
    cost_matrix : array-like of shape (n_classes, n_classes), optional
        Entry (i, j) is the cost of predicting ``classes[j]`` for a row of class ``classes[i]``.
    random_state : None, int or RandomState, default None
        For `predict` among equal costs, and where there are no labels at all.

    Raises
    ------
    ValueError, TypeError
        In `fit` and `predict`, as theirs.  Sparse rows become CSR.

    Examples
    --------
    >>> import numpy as np
    >>> from scipy.sparse import csr_matrix
    >>> from sklearn.linear_model import LogisticRegression
    >>> from fastal.adapters.skactiveml import SklearnClassifier
    >>> X = csr_matrix([[0.0, 1.0], [1.0, 0.0], [2.0, 0.0]])
    >>> clf = SklearnClassifier(LogisticRegression(), classes=[0, 1])
    >>> clf.fit(X, [0, np.nan, 1]).predict(X)
    array([0, 1, 1])
    """

    n_features_in_: int

    def _validate_data(
        self,
        X: Any,
        y: Any,
        sample_weight: Any = None,
        check_X_dict: Any = None,
        check_y_dict: Any = None,
        y_ensure_1d: bool = True,
        reset: bool = True,
    ) -> Any:
        rest = (sample_weight, check_X_dict, check_y_dict, y_ensure_1d)
        if not sparse.issparse(X):
            return super()._validate_data(X, y, *rest, reset)
        X = check_array(X, accept_sparse="csr", **{**check_X_dict, "allow_nd": False})
        n_features = X.shape[1] if reset else self.n_features_in_
        # Their checks ask for len(X) and for columns; one column of zeros has both.
        _, y, sample_weight = super()._validate_data(np.zeros((X.shape[0], 1)), y, *rest, True)
        self.n_features_in_ = n_features
        check_n_features(self, X, reset=False)
        return X, y, sample_weight

    @match_signature("estimator", "predict")
    def predict(self, X: Any, **predict_kwargs: Any) -> NDArray[Any]:
        """Return the label of each row; rows as for `predict_proba`."""
        check_is_fitted(self)
        if not (sparse.issparse(X) or (self.is_fitted_ and self.cost_matrix is not None)):
            return np.asarray(super().predict(X, **predict_kwargs))
        if self.is_fitted_ and self.cost_matrix is None:
            predicted = self.estimator_.predict(self._rows(X), **predict_kwargs)
        elif self.is_fitted_:
            costs = self.predict_proba(X) @ self.cost_matrix_
            predicted = self.classes_[rand_argmin(costs, random_state=self.random_state_, axis=1)]
        else:
            shares = self.predict_proba(X)
            drawn = self.random_state_.choice(len(self.classes_), len(shares), p=shares[0])
            predicted = self.classes_[drawn]
        return np.asarray(predicted).astype(self.classes_.dtype)

    @match_signature("estimator", "predict_proba")
    def predict_proba(self, X: Any, **predict_proba_kwargs: Any) -> NDArray[Any]:
        """Return the class probabilities of each row.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        predict_proba_kwargs : dict
            Handed on to the estimator.

        Returns
        -------
        P : ndarray of shape (n_samples, n_classes)
            Columns in the order of ``classes_``; 0 for a class that no label has had so far.
            Where the estimator could not be fitted, the shares of the labels, and a warning.
        """
        if not sparse.issparse(X):
            return np.asarray(super().predict_proba(X, **predict_proba_kwargs))
        check_is_fitted(self)
        X = self._rows(X)
        if self.is_fitted_:
            P = self._widened(self.estimator_.predict_proba(X, **predict_proba_kwargs))
            if not np.isnan(P).any():
                return P
        warnings.warn(
            "the estimator could not be fitted to any label, so the shares of the labels "
            f"(counts: {self._label_counts}) are the probabilities",
            stacklevel=2,
        )
        counts = np.asarray(self._label_counts, dtype=float)
        shares = counts / counts.sum() if counts.any() else np.full(len(counts), 1 / len(counts))
        return np.tile(shares, (X.shape[0], 1))

    def _rows(self, X: Any) -> Any:
        X = check_array(X, accept_sparse="csr", dtype=None)
        check_n_features(self, X, reset=False)
        return X

    def _widened(self, P: NDArray[Any]) -> NDArray[Any]:
        """Probabilities with a column for each class, also for those not seen so far."""
        if P.shape[1] == len(self.classes_):
            return P
        wide = np.zeros((len(P), len(self.classes_)))
        seen = np.isin(self.estimator_.classes_, self.classes_)
        places = np.searchsorted(self.classes_, self.estimator_.classes_[seen])
        wide[:, places] = 1 if len(places) == 1 else P
        return wide
