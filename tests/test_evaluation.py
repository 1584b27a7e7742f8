"""The accuracy estimate: every row is predicted by a model that has not seen it."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.stats import binomtest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import LeaveOneOut, cross_val_predict
from sklearn.naive_bayes import MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from fastal.evaluation import _deal, estimate_accuracy

RNG = np.random.default_rng(0)
X = RNG.normal(size=(40, 3))
Y = np.where(X[:, 0] + RNG.normal(size=40) > 0, "yes", "no")
NEAREST = KNeighborsClassifier(1)


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread():
    # On a busy machine the threads of BLAS make these tiny fits ten times slower.
    with threadpool_limits(1):
        yield


class Spy(ClassifierMixin, BaseEstimator):
    """Predicts "seen" for the rows it was fitted to; reports each fit."""

    fits: list = []  # noqa: RUF012 (shared by the clones on purpose)

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.X_ = X
        assert len(self.classes_) > 1
        self.fits.append(X[:, 0].tolist())
        return self

    def predict(self, X):
        return np.where(np.isin(X[:, 0], self.X_[:, 0]), "seen", "unseen")


def test_leave_one_out_equals_scikit_learns():
    estimate = estimate_accuracy(LogisticRegression(), X, Y)
    predicted = cross_val_predict(LogisticRegression(), X, Y, cv=LeaveOneOut())
    assert estimate.accuracy == np.mean(predicted == Y)
    assert (estimate.n, estimate.method) == (40, "leave-one-out")
    interval = binomtest(int((predicted == Y).sum()), 40).proportion_ci(method="wilson")
    np.testing.assert_allclose([estimate.low, estimate.high], interval, rtol=1e-9)
    assert str(estimate) == (
        f"{estimate.accuracy:.2f} (95 % interval {estimate.low:.2f} to {estimate.high:.2f}; "
        "leave-one-out over 40 rows)"
    )


@pytest.mark.parametrize(("limit", "n_fits", "size"), [(40, 40, 39), (39, 5, 32), (0, 5, 32)])
def test_no_row_is_predicted_by_a_model_that_saw_it(limit, n_fits, size):
    rows = np.arange(40.0)[:, None]
    y = np.array(["seen", "unseen"] * 20)
    Spy.fits.clear()
    estimate = estimate_accuracy(Spy(), rows, y, n_leave_one_out=limit)
    assert estimate.accuracy == 0.5  # every prediction was "unseen"
    assert [len(fit) for fit in Spy.fits] == [size] * n_fits
    left_out = [set(rows[:, 0]) - set(fit) for fit in Spy.fits]
    assert sorted(row for fold in left_out for row in fold) == list(range(40))
    assert estimate.method == ("leave-one-out" if limit == 40 else "5-fold cross-validation")


def test_folds_are_stratified_also_for_classes_of_few_rows():
    y = np.repeat(["a", "b", "c", "d"], [61, 30, 3, 1])
    fold = _deal(y, 5, np.random.RandomState(0))
    assert sorted(np.bincount(fold)) == [19] * 5
    for label in "abcd":
        counts = np.bincount(fold[y == label], minlength=5)
        assert counts.max() - counts.min() <= 1
    assert (fold != _deal(y, 5, np.random.RandomState(1))).any()
    estimate = estimate_accuracy(NEAREST, RNG.normal(size=(95, 2)), y, n_leave_one_out=10)
    assert estimate.n == 95


def test_classes_of_one_row_are_wrong_and_one_class_is_predicted():
    # Without its only row a class is unknown; without the other row, one class is left.
    two = estimate_accuracy(LogisticRegression(), [[0.0], [1.0]], ["a", "b"])
    assert (two.accuracy, two.low, two.n) == (0.0, 0.0, 2)
    three = estimate_accuracy(NEAREST, [[0.0], [0.1], [5.0]], ["a", "a", "b"])
    # Row 2 is predicted as "a", the only class left; rows 0 and 1 by each other.
    assert three.accuracy == 2 / 3
    same = estimate_accuracy(LogisticRegression(), X, ["a"] * 40)
    assert (same.accuracy, same.high) == (1.0, 1.0)
    assert same.low == pytest.approx(40 / (40 + 1.959963984540054**2))
    many = estimate_accuracy(NEAREST, X, np.arange(40))
    assert many.accuracy == 0.0


@pytest.mark.parametrize("limit", [100, 5])
def test_texts_and_sparse_rows(limit):
    texts = ["goal match goal", "vote law", "match goal", "law vote law"] * 5
    y = ["sport", "politics"] * 10
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    assert estimate_accuracy(model, texts, y, n_leave_one_out=limit).accuracy == 1.0
    counts = sp.coo_matrix(np.tile([[3, 0], [0, 2]], (10, 1)))
    assert estimate_accuracy(MultinomialNB(), counts, y, n_leave_one_out=limit).accuracy == 1.0


def test_same_seed_same_folds():
    values = {
        seed: [
            estimate_accuracy(NEAREST, X, Y, n_leave_one_out=0, random_state=seed).accuracy
            for _ in range(2)
        ]
        for seed in range(8)
    }
    assert all(first == second for first, second in values.values())
    assert len({first for first, _ in values.values()}) > 1


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"X": X[:1], "y": Y[:1]}, ValueError, "at least 2 labelled rows .* got 1"),
        ({"X": [], "y": []}, ValueError, "at least 2 labelled rows .* got 0"),
        ({"y": Y[:3]}, ValueError, "as many rows as labels, got 40 and 3"),
        ({"y": None}, ValueError, "estimate_accuracy requires y"),
        ({"cv": 1}, ValueError, "cv must be at least 2, got 1"),
        ({"cv": 2.5}, TypeError, "cv must be a whole number"),
        ({"estimator": LogisticRegression}, TypeError, "estimator must be a classifier"),
    ],
)
def test_bad_input(kwargs, error, match):
    with pytest.raises(error, match=match):
        estimate_accuracy(**{"estimator": NEAREST, "X": X, "y": Y, **kwargs})
