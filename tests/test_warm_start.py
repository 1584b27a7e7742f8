"""Warm starts: the same model in fewer steps, and a fresh fit wherever that is not sure."""

from __future__ import annotations

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
import sklearn.linear_model
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.datasets import make_classification
from sklearn.decomposition import TruncatedSVD
from sklearn.ensemble import BaggingClassifier, GradientBoostingClassifier, RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import HashingVectorizer, TfidfVectorizer
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Perceptron, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import FunctionTransformer, Normalizer, StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks
from threadpoolctl import threadpool_limits

from fastal import ActiveLearner, Committee, compare_strategies, run_experiment
from fastal._models import SparseLogisticRegression
from fastal._warm_start import refit
from fastal.cli import main

X, CODES = make_classification(
    n_samples=300, n_features=20, n_informative=8, n_classes=3, random_state=0
)
Y = np.array(["ham", "spam", "eggs"])[CODES]
TEXTS = [
    f"{word} {other} number{i % 17} extra{i % 5}"
    for i, (word, other) in enumerate([("goal", "match"), ("vote", "law"), ("rain", "wind")] * 20)
]
TEXT_LABELS = np.array(["sport", "politics", "weather"] * 20)
# Tight, so that "the same model" can be asked for to many digits.
LR = LogisticRegression(C=10, tol=1e-8, max_iter=5000)
LINEAR = [
    LogisticRegression(),
    SparseLogisticRegression(),
    SGDClassifier(loss="log_loss", random_state=0),
    SGDClassifier(average=True, random_state=0),
    Perceptron(random_state=0),
]


# Deprecated, and one day gone.
PASSIVE = getattr(sklearn.linear_model, "PassiveAggressiveClassifier", None)


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread():
    with threadpool_limits(1):
        yield


@pytest.fixture
def starts(monkeypatch):
    """Coefficients that each fit of the kinds of models below started from; None = afresh."""
    seen = []

    def spy(kind):
        fit = kind.__dict__["fit"]

        def wrapped(self, X, y, *args, **kwargs):
            start = getattr(self, "coef_", getattr(self, "coefs_", None))
            seen.append(start if self.warm_start else None)
            return fit(self, X, y, *args, **kwargs)

        monkeypatch.setattr(kind, "fit", wrapped)

    for kind in filter(None, (LogisticRegression, SGDClassifier, PASSIVE, MLPClassifier)):
        # Some have their method from a base.
        spy(next(base for base in kind.__mro__ if "fit" in vars(base)))
    return seen


def taught(model, *parts, warm_start=True, X=X, y=Y):
    learner = ActiveLearner(model, warm_start=warm_start)
    for rows in parts:
        learner.teach([X[i] for i in rows] if isinstance(X, list) else X[rows], y[rows])
    return learner


FIRST, MORE = np.arange(100), np.arange(100, 130)
CHECKS = parametrize_with_checks([ActiveLearner(LogisticRegression(), warm_start=True)])


@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_sklearn_estimator_checks(estimator, check):
    check(estimator)


# ---- the same model, sooner -------------------------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "saga"])
def test_the_same_model_in_fewer_iterations(solver, n_classes):
    keep = n_classes > CODES
    pool, y = StandardScaler().fit_transform(X[keep][:160]), Y[keep][:160]
    model = LogisticRegression(C=10, solver=solver, tol=1e-6, max_iter=20_000, random_state=0)
    cold, warm = (
        taught(model, np.arange(150), np.arange(150, 155), warm_start=w, X=pool, y=y).estimator_
        for w in (False, True)
    )
    np.testing.assert_allclose(warm.coef_, cold.coef_, atol=2e-3)
    np.testing.assert_allclose(warm.intercept_, cold.intercept_, atol=2e-3)
    np.testing.assert_allclose(warm.predict_proba(pool), cold.predict_proba(pool), atol=1e-3)
    assert warm.n_iter_.max() < cold.n_iter_.max()


def test_fewer_iterations_on_text():
    rng = np.random.RandomState(0)
    rows = sp.random(400, 2000, density=0.02, format="csr", random_state=rng)
    y = np.asarray(rows[:, :600].sum(axis=1)).ravel() > 3
    n_iter = {False: 0, True: 0}
    for warm_start in n_iter:
        learner = ActiveLearner(SparseLogisticRegression(C=10), warm_start=warm_start)
        for start in range(0, 400, 20):
            learner.teach(rows[start : start + 20], y[start : start + 20])
            n_iter[warm_start] += int(learner.estimator_.n_iter_.max())
    assert n_iter[True] < 0.9 * n_iter[False]


@pytest.mark.parametrize("model", LINEAR, ids=repr)
def test_linear_models_continue(model, starts):
    first = taught(model, FIRST)
    before = first.estimator_
    coef = before.coef_.copy()
    learner = first.teach(X[MORE], Y[MORE])
    assert starts[0] is None
    np.testing.assert_array_equal(starts[1], coef)
    # SGD works on what it is given: that must not be the old model's own array.
    np.testing.assert_array_equal(before.coef_, coef)
    assert learner.estimator_ is not before
    assert not np.shares_memory(learner.estimator_.coef_, before.coef_)
    assert learner.score(X, Y) > 0.5
    assert not hasattr(learner.estimator, "coef_")


@pytest.mark.skipif(PASSIVE is None, reason="this scikit-learn has it no more")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_passive_aggressive_continues(starts):
    taught(PASSIVE(random_state=0), FIRST, MORE)
    assert [start is None for start in starts] == [True, False]


def test_fit_continues_too(starts):
    learner = ActiveLearner(LR, warm_start=True).fit(X[:100], Y[:100]).fit(X[50:150], Y[50:150])
    assert [start is None for start in starts] == [True, False]
    np.testing.assert_array_equal(learner.y_labeled_, Y[50:150])
    fresh = clone(LR).fit(X[50:150], Y[50:150])
    np.testing.assert_allclose(learner.estimator_.coef_, fresh.coef_, atol=1e-3)


def test_off_by_default_and_then_as_ever(starts):
    learner = ActiveLearner(LogisticRegression()).teach(X[FIRST], Y[FIRST]).teach(X[MORE], Y[MORE])
    assert starts == [None, None]
    fresh = LogisticRegression().fit(X[:130], Y[:130])
    np.testing.assert_array_equal(learner.estimator_.coef_, fresh.coef_)


def test_changed_parameters_are_those_of_the_next_fit(starts):
    learner = taught(LR, FIRST)
    learner.set_params(estimator__C=0.01).teach(X[MORE], Y[MORE])
    assert starts[1] is not None
    fresh = clone(LR).set_params(C=0.01).fit(X[:130], Y[:130])
    np.testing.assert_allclose(learner.estimator_.coef_, fresh.coef_, atol=1e-4)
    learner.set_params(estimator=SGDClassifier(random_state=0)).teach(X[130:140], Y[130:140])
    assert starts[2] is None


@pytest.mark.parametrize("own", [False, True])
def test_the_parameter_stays_the_users(own):
    model = clone(LR).set_params(warm_start=own)
    learner = taught(model, FIRST, MORE)
    assert learner.estimator_.get_params() == model.get_params()
    assert model.warm_start is own
    pipeline = make_pipeline(StandardScaler(), model)
    fitted = taught(pipeline, FIRST, MORE).estimator_
    assert fitted[-1].warm_start is own
    assert list(fitted.named_steps) == list(pipeline.named_steps)


# ---- when it is not valid ---------------------------------------------------------------------


def test_a_new_class_is_a_fresh_fit(starts):
    few = CODES[:100] < 2
    learner = ActiveLearner(LR, warm_start=True).teach(X[:100][few], Y[:100][few])
    learner.teach(X[100:160], Y[100:160])
    assert learner.classes_.tolist() == ["eggs", "ham", "spam"]
    assert starts == [None, None]
    expected = clone(LR).fit(learner.X_labeled_, learner.y_labeled_)
    np.testing.assert_array_equal(learner.estimator_.coef_, expected.coef_)
    learner.teach(X[160:170], Y[160:170])
    assert starts[3] is not None


@pytest.mark.parametrize("codes", [np.array([0, 1, 3]), np.array(["a", "b", "c"])])
def test_as_many_other_classes_are_a_fresh_fit(codes, starts):
    learner = ActiveLearner(LR, warm_start=True).fit(X[FIRST], CODES[FIRST])
    learner.fit(X[FIRST], codes[CODES[FIRST]])
    assert starts == [None, None]


def test_other_columns_are_a_fresh_fit(starts):
    learner = ActiveLearner(LR, warm_start=True).fit(X[FIRST], Y[FIRST])
    learner.fit(X[FIRST, :7], Y[FIRST])
    assert learner.estimator_.coef_.shape == (3, 7)
    learner.fit(pd.DataFrame(X[FIRST, :7], columns=list("abcdefg")), Y[FIRST])
    assert starts == [None] * 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learner.fit(pd.DataFrame(X[FIRST, :7], columns=list("tuvwxyz")), Y[FIRST])
        assert starts == [None] * 4
        # Of the same names in another order, each takes its own coefficient along.
        old = learner.estimator_.coef_
        learner.fit(pd.DataFrame(X[FIRST, :7], columns=list("tuvwxyz"))[list("zyx")], Y[FIRST])
    np.testing.assert_array_equal(starts[4], old[:, [6, 5, 4]])


def test_lists_of_rows_continue(starts):
    taught(LR, FIRST, MORE, X=X.tolist())
    assert [start is None for start in starts] == [True, False]


@pytest.mark.parametrize(
    "model",
    [
        RandomForestClassifier(5, random_state=0),
        RandomForestClassifier(5, random_state=0, warm_start=True),
        GradientBoostingClassifier(n_estimators=5, random_state=0),
        BaggingClassifier(LogisticRegression(), n_estimators=3, random_state=0),
        Committee(LogisticRegression(), n_members=3, random_state=0),
        GaussianNB(),
        make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)),
    ],
    ids=lambda model: type(model).__name__,
)
def test_more_trees_and_the_like_are_fresh_fits(model):
    warm, cold = (taught(model, FIRST, MORE, warm_start=w) for w in (True, False))
    np.testing.assert_array_equal(warm.predict_proba(X), cold.predict_proba(X))
    stale = taught(model, FIRST)
    assert (warm.predict_proba(X) != stale.predict_proba(X)).any()


@pytest.mark.parametrize("change", ["nan", "sparse", "no classes"])
def test_coefficients_that_are_no_start(change, starts):
    learner = taught(LR, FIRST)
    model = learner.estimator_
    if change == "nan":
        model.coef_[0, 0] = np.nan
    elif change == "sparse":
        model.sparsify()
    else:
        del model.classes_
    assert taught(LR, FIRST, MORE).score(X, Y) == learner.teach(X[MORE], Y[MORE]).score(X, Y)
    assert starts[-1] is None


# ---- failures ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [*LINEAR, make_pipeline(StandardScaler(), LR)], ids=repr)
def test_a_failed_fit_leaves_the_learner_as_it_was(model):
    learner = taught(model, FIRST)
    before = pickle.dumps(learner)
    broken = X[MORE].copy()
    broken[0, 0] = np.nan
    for method in (learner.fit, learner.teach):
        with pytest.raises(ValueError, match="NaN"):
            method(broken, Y[MORE])
    assert pickle.dumps(learner) == before


class Interrupted(SGDClassifier):
    """Stops in the middle of its second fit, after it has written into its coefficients."""

    def fit(self, X, y):
        again = hasattr(self, "coef_")
        super().fit(X, y)
        if again:
            raise KeyboardInterrupt
        return self


@pytest.mark.parametrize("wrap", [lambda m: m, lambda m: make_pipeline(StandardScaler(), m)])
def test_an_interrupt_leaves_the_learner_as_it_was(wrap):
    learner = taught(wrap(Interrupted(random_state=0)), FIRST)
    before, estimator = pickle.dumps(learner), learner.estimator
    with pytest.raises(KeyboardInterrupt):
        learner.teach(X[MORE], Y[MORE])
    assert pickle.dumps(learner) == before
    assert learner.estimator is estimator
    assert learner.predict(X).shape == (300,)


# ---- pipelines --------------------------------------------------------------------------------


def test_a_pipeline_continues_in_its_last_step(starts):
    learner = taught(make_pipeline(StandardScaler(), LR), FIRST)
    old = learner.estimator_
    coef, mean = old[-1].coef_.copy(), old[0].mean_.copy()
    learner.teach(X[MORE], Y[MORE])
    np.testing.assert_array_equal(starts[1], coef)
    np.testing.assert_array_equal(old[-1].coef_, coef)
    np.testing.assert_array_equal(old[0].mean_, mean)
    # The steps before are fitted to all rows, as always.
    np.testing.assert_allclose(learner.estimator_[0].mean_, X[:130].mean(axis=0))
    fresh = make_pipeline(StandardScaler(), clone(LR)).fit(X[:130], Y[:130])
    np.testing.assert_allclose(learner.predict_proba(X), fresh.predict_proba(X), atol=1e-4)
    pickle.loads(pickle.dumps(learner))


@pytest.mark.parametrize("model", [LR, SparseLogisticRegression(C=10, tol=1e-8, max_iter=5000)])
def test_words_keep_their_coefficients_when_the_vocabulary_grows(model, starts):
    first, more = np.arange(9), np.arange(9, 40)
    pipeline = make_pipeline(TfidfVectorizer(), model)
    learner = taught(pipeline, first, X=TEXTS, y=TEXT_LABELS)
    old = learner.estimator_
    learner.teach([TEXTS[i] for i in more], TEXT_LABELS[more])
    words, old_words = (
        each[0].get_feature_names_out().tolist() for each in (learner.estimator_, old)
    )
    assert len(words) > len(old_words)
    for column, word in enumerate(words):
        expected = old[-1].coef_[:, old_words.index(word)] if word in old_words else 0
        np.testing.assert_array_equal(starts[1][:, column], expected)
    fresh = clone(pipeline).fit(TEXTS[:40], TEXT_LABELS[:40])
    np.testing.assert_allclose(learner.predict_proba(TEXTS), fresh.predict_proba(TEXTS), atol=1e-4)
    learner.query(TEXTS, 3, labeled=np.arange(40))


def test_no_word_in_common_is_a_fresh_fit(starts):
    learner = ActiveLearner(make_pipeline(TfidfVectorizer(), LR), warm_start=True)
    learner.fit(["one two", "three four"], [0, 1]).fit(["five", "six"], [0, 1])
    assert starts == [None, None]


@pytest.mark.parametrize(
    "before",
    [
        TruncatedSVD(5, random_state=0),
        FeatureUnion([("svd", TruncatedSVD(5, random_state=0)), ("all", StandardScaler())]),
    ],
    ids=lambda step: type(step).__name__,
)
def test_made_up_feature_names_are_not_trusted(before, starts):
    taught(make_pipeline(before, LR), FIRST, MORE)
    assert starts == [None, None]


class Nameless(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X


@pytest.mark.parametrize(
    ("steps", "continues"),
    [
        ([Nameless()], False),
        ([Normalizer()], True),
        ([FunctionTransformer(np.abs)], True),
        (["passthrough"], True),
        ([StandardScaler(), SelectKBest(k="all")], True),
        ([], True),
    ],
)
def test_which_steps_before_allow_it(steps, continues, starts):
    taught(make_pipeline(*steps, LR), FIRST, MORE)
    assert (starts[1] is not None) == continues


def test_hashed_words_keep_their_columns(starts):
    pipeline = make_pipeline(HashingVectorizer(n_features=64), LR)
    taught(pipeline, np.arange(9), np.arange(9, 30), X=TEXTS, y=TEXT_LABELS)
    assert starts[1] is not None


def test_selected_features_are_told_by_name(starts):
    learner = taught(make_pipeline(SelectKBest(k=4), LR), np.arange(30))
    old = learner.estimator_
    learner.teach(X[30:200], Y[30:200])
    kept, old_kept = (
        each[0].get_support(indices=True).tolist() for each in (learner.estimator_, old)
    )
    assert kept != old_kept
    for column, feature in enumerate(kept):
        known = feature in old_kept
        expected = old[-1].coef_[:, old_kept.index(feature)] if known else 0
        np.testing.assert_array_equal(starts[1][:, column], expected)


def test_other_steps_are_a_fresh_fit(starts):
    learner = taught(make_pipeline(StandardScaler(), LR), FIRST)
    learner.set_params(estimator=make_pipeline(Normalizer(), LR)).teach(X[MORE], Y[MORE])
    assert starts == [None, None]


def test_a_pipeline_with_a_memory(tmp_path, starts):
    pipeline = make_pipeline(StandardScaler(), LR, memory=str(tmp_path))
    learner = taught(pipeline, FIRST, MORE)
    assert starts[1] is not None
    np.testing.assert_allclose(learner.estimator_[0].mean_, X[:130].mean(axis=0))


# ---- multi-layer perceptrons ------------------------------------------------------------------


@pytest.mark.parametrize("early_stopping", [False, True])
def test_layers_continue_and_go_on_learning(early_stopping, starts):
    # scikit-learn's own warm start measures its progress by the best loss or score of the rows
    # before, and stops at once.
    model = MLPClassifier((8,), early_stopping=early_stopping, max_iter=100, random_state=0)
    model.set_params(learning_rate_init=0.01)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        learner = taught(model, np.arange(40))
        old = learner.estimator_
        if early_stopping:
            old.best_validation_score_ = 1.0  # As four rows easily reach.
        before = pickle.dumps(old)
        learner.teach(X[40:], Y[40:])
        stuck = pickle.loads(before).set_params(warm_start=True).fit(X, Y)
    assert [start is None for start in starts] == [True, False, False]
    assert pickle.dumps(old) == before
    new = learner.estimator_
    assert new.get_params() == model.get_params()
    assert len(new.loss_curve_) == new.n_iter_
    assert stuck.n_iter_ < 15 < new.n_iter_
    assert new.score(X, Y) > stuck.score(X, Y) + 0.1


def test_layers_that_differ_are_fresh_fits(starts):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        learner = taught(MLPClassifier((8,), max_iter=5, random_state=0), FIRST)
        learner.set_params(estimator__hidden_layer_sizes=(4, 3)).teach(X[MORE], Y[MORE])
        learner.fit(X[FIRST, :5], Y[FIRST])
        words = make_pipeline(TfidfVectorizer(), MLPClassifier((4,), max_iter=5, random_state=0))
        taught(words, np.arange(6), np.arange(6, 40), X=TEXTS, y=TEXT_LABELS)
    assert starts == [None] * 5


# ---- logistic regression on the filled columns --------------------------------------------------


@pytest.mark.parametrize("n_classes", [2, 3])
def test_filled_columns_give_the_parents_warm_start(n_classes):
    rng = np.random.RandomState(0)
    rows = sp.random(60, 300, density=0.01, format="csr", random_state=rng)
    y = rng.randint(0, n_classes, 60)
    parameters = {"C": 10, "tol": 1e-9, "max_iter": 5000, "warm_start": True}
    ours, plain = (kind(**parameters) for kind in (SparseLogisticRegression, LogisticRegression))
    for n in (30, 60, 30):  # Back to fewer: columns filled before are empty again.
        ours.fit(rows[:n], y[:n])
        plain.fit(rows[:n], y[:n])
        np.testing.assert_allclose(ours.coef_, plain.coef_, rtol=0, atol=1e-5)
        np.testing.assert_allclose(ours.intercept_, plain.intercept_, rtol=0, atol=1e-5)
        empty = np.asarray(abs(rows[:n]).sum(axis=0)).ravel() == 0
        assert not ours.coef_[:, empty].any()
        assert ours.n_features_in_ == 300
    ours.fit(rows[:30], y[:30])
    assert ours.n_iter_.max() <= 3


def test_filled_columns_and_what_is_no_start():
    rng = np.random.RandomState(0)
    rows = sp.random(40, 50, density=0.05, format="csr", random_state=rng)
    y = rng.randint(0, 2, 40)
    model = SparseLogisticRegression(warm_start=True).fit(rows, y)
    coef = model.coef_
    with pytest.raises(ValueError, match="as many columns as before, 50, got 30"):
        model.fit(rows[:, :30], y)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(rows * np.nan, y)
    assert model.coef_ is coef
    np.testing.assert_allclose(model.fit(rows.toarray(), y).coef_, coef, atol=1e-3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Separable: without a penalty there is no end to it.
        model.set_params(C=np.inf, max_iter=3).fit(rows, y)
    assert model.coef_.shape == (1, 50)


def test_refit_without_a_model_before():
    assert refit(LR, None, X, Y).coef_.tolist() == clone(LR).fit(X, Y).coef_.tolist()


# ---- experiments and the command line -----------------------------------------------------------


def test_experiments(starts):
    data = (X[:200], Y[:200], X[200:], Y[200:])
    cold = run_experiment("random", *data, iterations=3, estimator=LR)
    assert starts == [None] * 4
    starts.clear()
    warm = run_experiment("random", *data, iterations=3, estimator=LR, warm_start=True)
    assert [start is None for start in starts] == [True, False, False, False]
    assert warm.rows.tolist() == cold.rows.tolist()
    np.testing.assert_allclose(warm.accuracies, cold.accuracies, atol=0.02)
    starts.clear()
    both = {"n_seeds": 1, "iterations": 3, "estimator": LR}
    compared = compare_strategies([], *data, **both, warm_start=True)
    assert sum(start is not None for start in starts) == 3
    assert compared.curves[0].accuracies.tolist() == warm.accuracies.tolist()


@pytest.mark.filterwarnings("default")
def test_command_line(tmp_path, monkeypatch, capsys, starts):
    monkeypatch.chdir(tmp_path)
    lines = [f"{text},{label}" for text, label in zip(TEXTS, TEXT_LABELS, strict=True)]
    (tmp_path / "texts.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    command = ["experiment", "texts.csv", "--strategies", "margin", "--seeds", "1", "--jobs", "1"]
    sizes = ["--initial", "9", "--batch", "5", "--iterations", "2"]
    assert main([*command, *sizes]) == 0
    assert all(start is None for start in starts)
    assert main([*command, *sizes, "--warm-start"]) == 0
    assert any(start is not None for start in starts)
    assert "margin" in capsys.readouterr().out
