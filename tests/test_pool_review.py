"""Cases that a review found wrong, each beside the model's own word."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_digits
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

import fastal
from fastal import Committee
from fastal._threads import over_blocks

RNG = np.random.default_rng(0)
X = np.abs(RNG.normal(size=(60, 5))) * 7
Y = np.arange(60) % 3


def assert_own_word(model, rows):
    own = fastal.entropy(model.predict_proba(rows))
    scores = fastal.score_pool(model, rows, "entropy")
    np.testing.assert_allclose(scores, own, rtol=1e-11, atol=1e-12)


@pytest.mark.filterwarnings("ignore:Maximum number of iteration")
@pytest.mark.parametrize("seed", range(4))
def test_decision_values_below_the_range_of_the_logistic_function(seed):
    # Of some rows the highest decision value is -706 or -722, where most classes have exactly 0.
    pixels, digits = load_digits(return_X_y=True)
    model = SGDClassifier(loss="log_loss", random_state=seed, max_iter=50)
    assert_own_word(model.fit(pixels[:200], digits[:200]), pixels)


@pytest.mark.parametrize("scaler", [StandardScaler(with_mean=False, copy=False), MaxAbsScaler()])
def test_a_scaler_that_works_in_place_leaves_the_pool_alone(scaler):
    scaler.set_params(copy=False)
    model = make_pipeline(scaler, LogisticRegression()).fit(X.copy(), Y)
    rows = X.copy()
    scores = fastal.score_pool(model, rows, "entropy")
    np.testing.assert_array_equal(rows, X)
    np.testing.assert_allclose(scores, fastal.entropy(model.predict_proba(rows)), rtol=1e-12)


def test_naive_bayes_that_waits_for_a_class():
    few = Y < 2
    assert_own_word(MultinomialNB().partial_fit(X[few], Y[few], classes=[0, 1, 2]), X)


class Wrapped(ClassifierMixin, BaseEstimator):
    """Fitted, by an attribute that scikit-learn would not look for."""

    def fit(self, X, y):
        self.model = LogisticRegression().fit(X, y)
        return self

    @property
    def classes_(self):
        return self.model.classes_

    def predict_proba(self, X):
        return self.model.predict_proba(X)


def test_a_classifier_that_scikit_learn_takes_for_unfitted():
    assert_own_word(Wrapped().fit(X, Y), X)


class Even(MultinomialNB):
    def predict_log_proba(self, X):
        return np.log(np.full((len(X), 3), 1 / 3))


class Last(MultinomialNB):
    def predict(self, X):
        return np.full(X.shape[0], 2)


class Own(OneVsRestClassifier):
    def predict_proba(self, X):
        return np.full((X.shape[0], 3), [0.5, 0.3, 0.2])


@pytest.mark.parametrize("model", [Even(), Own(LogisticRegression())])
def test_a_subclass_is_asked_also_when_the_first_rows_say_nothing(model):
    assert_own_word(model.fit(X, Y), np.vstack([np.zeros((8, 5)), X]))


def test_votes_of_a_subclass_are_its_own():
    committee = Committee([Last(), MultinomialNB()]).fit(X, Y)
    rows = np.vstack([np.zeros((8, 5)), X])
    np.testing.assert_array_equal(
        fastal.score_pool(committee, rows, "vote_entropy"),
        fastal.vote_entropy(committee.votes(rows)),
    )


@pytest.mark.parametrize("first", [0, 30])
def test_rows_of_probability_zero_are_an_error_wherever_they_stand(first):
    model = OneVsRestClassifier(LogisticRegression()).fit(X, Y)
    for member in model.estimators_:
        member.coef_, member.intercept_ = np.array([[1.0, 0, 0, 0, 0]]), np.zeros(1)
    rows = X.copy()
    rows[30, 0] = -1000.0
    with pytest.raises(ValueError, match="must sum to 1"):
        fastal.score_pool(model, rows[first:])


def test_a_step_that_drops_a_column_of_nan():
    rows = np.column_stack([X, np.where(np.arange(60) % 2, np.nan, 1.0)])
    assert_own_word(make_pipeline(VarianceThreshold(), LogisticRegression()).fit(rows, Y), rows)


def test_whole_numbers_for_a_sparse_model_of_single_precision():
    model = LogisticRegression().fit(X.astype(np.float32), Y).sparsify()
    assert_own_word(model, sp.csr_matrix(np.round(X).astype(np.int32)))


class Foreign:
    """An array of a kind that only the model knows."""

    def __init__(self, array):
        self.array, self.shape = array, array.shape

    def __array__(self, dtype=None, copy=None):
        raise AssertionError("taken for a NumPy array")


def test_an_array_that_only_the_model_knows_is_handed_on():
    class OfForeign(Wrapped):
        def predict_proba(self, X):
            return self.model.predict_proba(X.array)

    model = OfForeign().fit(X, Y)
    np.testing.assert_array_equal(
        fastal.query_pool(model, Foreign(X), 5), fastal.query_pool(model.model, X, 5)
    )


def test_a_stream_that_yields_none():
    with pytest.raises(TypeError, match="block 1 of X_pool must be an array"):
        fastal.score_pool(LogisticRegression().fit(X, Y), iter([X[:20], None, X[20:]]))


def test_an_interrupt_while_threads_start_ends_them(monkeypatch):
    monkeypatch.setenv("FASTAL_NUM_THREADS", "3")
    begun = []

    class Pool:
        def submit(self, call, share):
            raise KeyboardInterrupt

    monkeypatch.setattr("fastal._threads._workers", lambda size: Pool())
    with pytest.raises(KeyboardInterrupt):
        over_blocks(lambda share, start, stop: begun.append(start), 100, 1, 3)
    assert not begun
