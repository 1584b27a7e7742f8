"""The learner: any classifier, any rows, any strategy; never a labelled or repeated row."""

from __future__ import annotations

import pickle
import tracemalloc

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron, RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.naive_bayes import GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import check_is_fitted
from threadpoolctl import threadpool_limits

import fastal
from fastal import ActiveLearner, Committee
from fastal.strategies import MODEL_FREE
from fastal.strategies import __all__ as STRATEGIES

X, CODES = make_classification(
    n_samples=120, n_features=8, n_informative=5, n_classes=3, class_sep=1.5, random_state=0
)
Y = np.array(["ham", "spam", "eggs"])[CODES]
TEXTS = [
    f"{word} {other} number{i}"
    for i, (word, other) in enumerate([("goal", "match"), ("vote", "law"), ("rain", "wind")] * 20)
]
TEXT_LABELS = np.array(["sport", "politics", "weather"] * 20)
LR = LogisticRegression()


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread():
    # On a busy machine the threads of BLAS make these tiny fits ten times slower.
    with threadpool_limits(1):
        yield


def text_model():
    return make_pipeline(TfidfVectorizer(), LogisticRegression())


CHECKS = parametrize_with_checks([ActiveLearner(LR), Committee(LR, n_members=3)])


# Older scikit-learn hands over a generator, which pytest is about to refuse.
@pytest.mark.parametrize(CHECKS.args[0], list(CHECKS.args[1]), **CHECKS.kwargs)
def test_sklearn_estimator_checks(estimator, check):
    check(estimator)


CONTAINERS = {
    "dense": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "list of lists": lambda X: X.tolist(),
    "read-only": lambda X: pickle.loads(pickle.dumps(X)).view(),
    "Fortran order": np.asfortranarray,
    "csr_matrix": sp.csr_matrix,
    "csr_array": sp.csr_array,
    "csc_array": sp.csc_array,
    "coo_matrix": sp.coo_matrix,
    "DataFrame": lambda X: pd.DataFrame(X, columns=list("abcdefgh")).set_index(np.arange(120) + 7),
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_container_gives_the_same_rows(container):
    pool = CONTAINERS[container](X)
    if container == "read-only":
        pool.flags.writeable = False
    first = np.arange(20)
    indexed = pool.tocsr() if sp.issparse(pool) else pool
    start = (
        indexed.iloc[first]
        if hasattr(pool, "iloc")
        else [pool[i] for i in first]
        if isinstance(pool, list)
        else indexed[first]
    )
    learner = ActiveLearner(LR, "margin").fit(start, Y[:20])
    rows = learner.query(pool, 10, labeled=first)
    more = (
        indexed.iloc[rows]
        if hasattr(pool, "iloc")
        else [pool[i] for i in rows]
        if isinstance(pool, list)
        else indexed[rows]
    )
    learner.teach(more, Y[rows])

    reference = LogisticRegression().fit(X[:20], Y[:20])
    expected = fastal.top_k(fastal.margin(reference.predict_proba(X)), 10, exclude=first)
    np.testing.assert_array_equal(rows, expected)
    everything = np.r_[first, rows]
    both = LogisticRegression().fit(X[everything], Y[everything])
    np.testing.assert_allclose(learner.predict_proba(pool), both.predict_proba(X), atol=1e-3)
    np.testing.assert_array_equal(learner.y_labeled_, Y[everything])


MODELS = [
    LR,
    MultinomialNB(),
    GaussianNB(),
    KNeighborsClassifier(3),
    DecisionTreeClassifier(random_state=0),
    LinearSVC(),
    RidgeClassifier(),
    Perceptron(),
    SVC(),
    make_pipeline(StandardScaler(), LinearSVC()),
    GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
    Committee(LogisticRegression(), n_members=3, random_state=0),
]


# One strategy of each kind with every model, and every strategy with one model of each kind.
SELECTING = {
    *MODEL_FREE,
    "badge",
    "batch_bald",
    "cluster_margin",
    "discriminative",
    "falcun",
    "k_center_uncertainty",
    "power_bald",
    "power_margin",
    "prob_cover",
    "ranked_batch",
    "softmax_margin",
    "softrank_margin",
    "uncertainty_herding",
    "weighted_k_means",
}
NEGATIVE = {"distance_to_boundary", "expected_error_reduction"}
PAIRS = [
    *((model, name) for model in MODELS for name in ("margin", "query_by_committee", "k_center")),
    *((model, name) for model in (LR, LinearSVC(), MODELS[-1]) for name in STRATEGIES),
]
# Members of a committee may have decision values; it has none itself.
PAIRS.remove((MODELS[-1], "distance_to_boundary"))
PAIRS.remove((MODELS[-1], "expected_gradient_length"))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("model", "strategy"), PAIRS, ids=lambda each: type(each).__name__)
def test_strategies_with_models(model, strategy, n_classes):
    keep = n_classes > CODES
    pool, y = np.abs(X[keep][:60]), Y[keep][:60]
    learner = ActiveLearner(model, strategy, random_state=0).teach(pool[:25], y[:25])
    rows, scores = learner.query(pool, 6, labeled=np.arange(25), return_scores=True)
    assert rows.dtype == np.int64
    assert len(set(rows.tolist())) == 6
    assert rows.min() >= 25
    assert scores.shape == (6,)
    if strategy in SELECTING and strategy != "auto":
        assert np.isnan(scores).all()
    else:
        assert (np.diff(scores) <= 0).all()
        assert (scores >= 0).all() or strategy in NEGATIVE


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_texts_through_a_pipeline(strategy):
    # k_center would be its own cold start, but needs features: texts have none before a fit.
    learner = ActiveLearner(text_model(), strategy, cold_start="random", random_state=1)
    known = learner.query(TEXTS, 9)
    learner.teach([TEXTS[row] for row in known], TEXT_LABELS[known])
    while len(known) < len(TEXTS):
        rows = learner.query(TEXTS, 20, labeled=known)
        assert len(rows) == min(20, len(TEXTS) - len(known))
        known = np.r_[known, rows]
        learner.teach([TEXTS[row] for row in rows], TEXT_LABELS[rows])
    assert sorted(known) == list(range(len(TEXTS)))
    assert learner.query(TEXTS, 3, labeled=known).size == 0
    assert learner.score(TEXTS, TEXT_LABELS) == 1.0
    assert isinstance(learner.X_labeled_, list)


@pytest.mark.parametrize(
    "form", [np.array, pd.Series, lambda texts: np.array(texts, dtype=object)]
)
def test_texts_in_other_containers(form):
    pool = form(TEXTS)
    take = pool.iloc if hasattr(pool, "iloc") else pool
    learner = ActiveLearner(text_model(), "margin").fit(take[np.arange(6)], TEXT_LABELS[:6])
    rows = learner.query(pool, 5, labeled=np.arange(6))
    np.testing.assert_array_equal(
        rows,
        ActiveLearner(text_model(), "margin")
        .fit(TEXTS[:6], TEXT_LABELS[:6])
        .query(TEXTS, 5, labeled=np.arange(6)),
    )
    learner.teach(take[rows], TEXT_LABELS[rows])
    assert list(learner.X_labeled_) == [TEXTS[row] for row in [*range(6), *rows]]


def test_rows_of_tokens_of_any_length():
    pool = [text.split()[: 2 + i % 2] for i, text in enumerate(TEXTS)]
    model = make_pipeline(TfidfVectorizer(analyzer=list), LogisticRegression())
    learner = ActiveLearner(model).fit(pool[:6], TEXT_LABELS[:6])
    learner.teach(pool[6:8], TEXT_LABELS[6:8])
    assert learner.X_labeled_ == pool[:8]


@pytest.mark.parametrize(
    "labels", [[10, 20, 30], [-1, 0, 7], ["a", "b", "long label"], [0.0, 1, 2]]
)
def test_labels_of_any_kind(labels):
    y = np.array(labels)[CODES]
    for strategy in ("margin", "query_by_committee", "kl_to_consensus"):
        learner = ActiveLearner(LR, strategy, random_state=0).teach(X[:9], y[:9])
        learner.teach(X[9:30], y[9:30])
        np.testing.assert_array_equal(learner.classes_, np.unique(y))
        assert learner.query(X, 5, labeled=np.arange(30)).min() >= 30
        assert set(learner.predict(X)) <= set(labels)


def test_new_classes_and_longer_labels_may_come_later():
    learner = ActiveLearner(LR).teach(X[:2], ["a", "b"]).teach(X[2:3], ["a much longer label"])
    assert learner.classes_.tolist() == ["a", "a much longer label", "b"]


# ---- cold start -------------------------------------------------------------------------------


@pytest.mark.parametrize("cold_start", ["random", "k_center"])
def test_cold_start_is_a_normal_state(cold_start):
    learner = ActiveLearner(LR, cold_start=cold_start, random_state=0)
    rows, scores = learner.query(X, 4, return_scores=True)
    assert len(set(rows.tolist())) == 4
    assert np.isnan(scores).all()
    with pytest.raises(NotFittedError, match=r"teach or fit, and has 0 rows"):
        learner.predict(X)
    for method in ("predict_proba", "decision_function"):
        with pytest.raises(NotFittedError):
            getattr(learner, method)(X)
    with pytest.raises(NotFittedError):
        learner.score(X, Y)
    with pytest.raises(NotFittedError):
        check_is_fitted(learner)
    for attribute in ("classes_", "n_features_in_", "feature_names_in_"):
        assert not hasattr(learner, attribute)


def test_one_class_so_far_is_kept_and_stays_cold():
    learner = ActiveLearner(LR, random_state=0).teach(X[:2], ["ham", "ham"])
    assert not hasattr(learner, "estimator_")
    with pytest.raises(NotFittedError, match="has 2 rows of one class"):
        learner.predict(X)
    assert learner.query(X, 5, labeled=[0, 1]).min() > 1
    learner.teach(X[2:3], ["spam"])
    assert learner.classes_.tolist() == ["ham", "spam"]
    np.testing.assert_array_equal(learner.X_labeled_, X[:3])


def test_cold_k_center_keeps_away_from_the_rows_labelled_so_far():
    pool = np.array([[0.0], [1.0], [10.0], [20.0]])
    learner = ActiveLearner(LR, cold_start="k_center").teach([[19.0]], ["ham"])
    np.testing.assert_array_equal(learner.query(pool, 2), [0, 2])


def test_fit_with_one_class_says_what_the_estimator_says():
    learner = ActiveLearner(LR)
    with pytest.raises(ValueError, match="at least 2 classes"):
        learner.fit(X[:2], ["ham", "ham"])
    assert not hasattr(learner, "X_labeled_")
    # A tree is content with one class; its only probability is 1 and every score 0.
    tree = ActiveLearner(DecisionTreeClassifier(), "margin").fit(X[:2], ["ham", "ham"])
    rows, scores = tree.query(X, 3, labeled=[0], return_scores=True)
    np.testing.assert_array_equal(rows, [1, 2, 3])
    np.testing.assert_array_equal(scores, 0)
    tree.teach(X[2:3], ["ham"])
    assert len(tree.X_labeled_) == 3


def test_cold_start_with_a_strategy_that_needs_a_model_says_so():
    with pytest.raises(NotFittedError, match="cold start use a strategy that needs none"):
        ActiveLearner(LR, cold_start="margin").query(X, 2)


def test_teaching_nothing_changes_nothing():
    learner = ActiveLearner(LR).teach(X[:5], Y[:5])
    model = learner.estimator_
    assert learner.teach(X[:0], Y[:0]).estimator_ is model
    assert learner.teach([], []).estimator_ is model
    assert not hasattr(ActiveLearner(LR).teach([], []), "X_labeled_")


def test_fit_replaces_and_teach_adds():
    learner = ActiveLearner(LR).teach(X[:10], Y[:10]).fit(X[10:40], Y[10:40])
    np.testing.assert_array_equal(learner.y_labeled_, Y[10:40])
    learner.teach(X[:5], Y[:5])
    np.testing.assert_array_equal(learner.X_labeled_, np.r_[X[10:40], X[:5]])
    np.testing.assert_array_equal(
        learner.predict_proba(X),
        LogisticRegression().fit(learner.X_labeled_, learner.y_labeled_).predict_proba(X),
    )


def test_a_failed_fit_leaves_the_learner_as_it_was():
    learner = ActiveLearner(LR).teach(X[:10], Y[:10])
    before = pickle.dumps(learner)
    broken = X[10:12].copy()
    broken[0, 0] = np.nan
    for method in (learner.fit, learner.teach):
        with pytest.raises(ValueError, match="NaN"):
            method(broken, Y[10:12])
    assert pickle.dumps(learner) == before


# ---- query ------------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["random", "margin", "k_center"])
@pytest.mark.parametrize("fitted", [False, True])
def test_query_gives_exactly_what_is_left(strategy, fitted):
    learner = ActiveLearner(LR, strategy, cold_start="random", random_state=0)
    if fitted:
        learner.teach(X[:20], Y[:20])
    mask = np.ones(len(X), dtype=bool)
    mask[[3, 50, 119]] = False
    assert sorted(learner.query(X, 10, labeled=mask)) == [3, 50, 119]
    assert sorted(learner.query(X, 2, labeled=np.flatnonzero(mask)[::-1])) != []
    assert learner.query(X, 2, labeled=np.ones(len(X), dtype=bool)).shape == (0,)
    rows, scores = learner.query(X[:0], 2, return_scores=True)
    assert rows.shape == scores.shape == (0,)
    assert rows.dtype == np.int64


def test_scores_come_with_the_rows():
    learner = ActiveLearner(LR, "entropy").fit(X[:20], Y[:20])
    rows, scores = learner.query(X, 7, return_scores=True)
    expected = fastal.entropy(learner.predict_proba(X))
    np.testing.assert_allclose(scores, expected[rows], rtol=1e-12)
    np.testing.assert_array_equal(rows, np.argsort(-expected, kind="stable")[:7])


def test_without_random_state_ties_go_to_the_lowest_row():
    pool = np.repeat(X[20:21], 30, axis=0)
    learner = ActiveLearner(LR).fit(X[:20], Y[:20])
    np.testing.assert_array_equal(learner.query(pool, 3, labeled=[1]), [0, 2, 3])
    shuffled = ActiveLearner(LR, random_state=0).fit(X[:20], Y[:20])
    assert shuffled.query(pool, 3).tolist() != [0, 1, 2]


@pytest.mark.parametrize("strategy", ["random", "margin", "query_by_committee", "k_center"])
@pytest.mark.parametrize(
    "make", [lambda: 0, lambda: np.random.RandomState(0)], ids=["int", "state"]
)
def test_the_sequence_of_queries_is_reproducible(strategy, make):
    def sequence(learner):
        known = learner.query(X, 12)
        learner.teach(X[known], Y[known])
        for _ in range(3):
            rows = learner.query(X, 8, labeled=known)
            known = np.r_[known, rows]
            learner.teach(X[rows], Y[rows])
        return known.tolist()

    assert sequence(ActiveLearner(LR, strategy, random_state=make())) == sequence(
        ActiveLearner(LR, strategy, random_state=make())
    )


def test_successive_queries_do_not_repeat_their_noise():
    learner = ActiveLearner(LR, "random", random_state=0)
    cold = learner.query(X, 20)
    learner.fit(X[:20], Y[:20])
    first, second = learner.query(X, 20), learner.query(X, 20)
    assert len({tuple(cold), tuple(first), tuple(second)}) == 3
    learner.fit(X[:20], Y[:20])  # does not begin the noise again either
    assert learner.query(X, 20).tolist() not in (cold.tolist(), first.tolist(), second.tolist())

    fresh = clone(learner)
    np.testing.assert_array_equal(fresh.query(X, 20), cold)
    np.testing.assert_array_equal(fresh.query(X, 20), first)
    fresh.set_params(random_state=1).query(X, 20)
    fresh.set_params(random_state=0)
    np.testing.assert_array_equal(fresh.query(X, 20), cold)


def test_random_without_a_seed_draws_afresh_and_leaves_the_global_state_alone():
    before = np.random.get_state()[1].copy()
    learner = ActiveLearner(LR, "random")
    assert learner.query(X, 20).tolist() != learner.query(X, 20).tolist()
    np.testing.assert_array_equal(np.random.get_state()[1], before)


def test_pickling_goes_on_where_it_was():
    learner = ActiveLearner(LR, "random", random_state=1234).fit(X[:20], Y[:20])
    learner.query(X, 5)
    twin = pickle.loads(pickle.dumps(learner))
    np.testing.assert_array_equal(twin.query(X, 5), learner.query(X, 5))
    np.testing.assert_array_equal(twin.predict(X), learner.predict(X))


def test_clone_get_params_set_params():
    learner = ActiveLearner(LogisticRegression(C=3), "entropy", random_state=5).fit(X, Y)
    twin = clone(learner)
    assert twin.get_params()["estimator__C"] == 3
    assert (twin.strategy, twin.random_state) == ("entropy", 5)
    assert not hasattr(twin, "estimator_")
    twin.set_params(estimator__C=4, strategy="margin")
    assert learner.estimator.C == 3
    assert cross_val_score(twin, X, Y, cv=3).mean() > 0.6
    assert not hasattr(learner.estimator, "coef_")


def test_methods_are_those_of_the_estimator():
    assert hasattr(ActiveLearner(LR), "predict_proba")
    svm = ActiveLearner(LinearSVC()).fit(X, Y)
    assert not hasattr(svm, "predict_proba")
    np.testing.assert_array_equal(svm.decision_function(X), svm.estimator_.decision_function(X))
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    assert ActiveLearner(LR).fit(frame, Y).feature_names_in_.tolist() == list("abcdefgh")
    assert not hasattr(ActiveLearner(text_model()).fit(TEXTS, TEXT_LABELS), "n_features_in_")


def test_inputs_are_not_changed_and_not_kept():
    pool, start, y = X.copy(), X[:20].copy(), Y[:20].copy()
    labeled = np.array([7, 3, 3])
    learner = ActiveLearner(LR).fit(start, y)
    learner.query(pool, 3, labeled=labeled)
    np.testing.assert_array_equal(pool, X)
    np.testing.assert_array_equal(labeled, [7, 3, 3])
    start[:], y[:] = 0, "x"
    np.testing.assert_array_equal(learner.X_labeled_, X[:20])
    np.testing.assert_array_equal(learner.y_labeled_, Y[:20])


def test_the_pool_is_not_copied():
    pool = sp.random(200_000, 50, 0.2, format="csr", random_state=0)
    pool_bytes = pool.data.nbytes + pool.indices.nbytes
    y = np.arange(30) % 2
    learner = ActiveLearner(LR, random_state=0)
    learner.query(pool[:100], 2)
    tracemalloc.start()
    rows = learner.query(pool, 30)
    learner.teach(pool[rows], y)
    learner.query(pool, 5, labeled=rows)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < pool_bytes / 2


def test_few_labels_of_many_classes_do_not_warn():
    y = np.arange(30) % 25
    ActiveLearner(LR).teach(X[:30], y).query(X, 3)


# ---- bad input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kwargs", "error", "match"),
    [
        ({"n": 0}, ValueError, "n must be a whole number of at least 1, got 0"),
        ({"n": -2}, ValueError, "n must"),
        ({"n": 1.5}, TypeError, "n must"),
        ({"n": True}, TypeError, "n must"),
        ({"labeled": [120]}, ValueError, "labeled must lie in 0..119, got 120"),
        ({"labeled": [-1]}, ValueError, "labeled must lie in"),
        ({"labeled": [True]}, ValueError, "labeled is a mask of 1 entries for 120 rows"),
        ({"labeled": [0.5]}, TypeError, "labeled must hold row numbers"),
        ({"labeled": [[1]]}, ValueError, "labeled must have shape"),
    ],
)
def test_bad_arguments_of_query(kwargs, error, match):
    with pytest.raises(error, match=match):
        ActiveLearner(LR).query(X, **kwargs)


@pytest.mark.parametrize("pool", ["a text", None, 3, {"a": 1}, iter([1])])
def test_a_pool_that_is_none(pool):
    with pytest.raises(TypeError, match="X_pool must"):
        ActiveLearner(LR).query(pool)
    with pytest.raises(ValueError, match="X_pool must hold rows"):
        ActiveLearner(LR).query(np.float64(3))


@pytest.mark.parametrize("parameter", ["strategy", "cold_start"])
def test_bad_strategies_show_at_the_first_query(parameter):
    with pytest.raises(ValueError, match=rf"{parameter} must be .*k_center.*got 'entropie'"):
        ActiveLearner(LR, **{parameter: "entropie"}).query(X)
    with pytest.raises(TypeError, match=f"{parameter} must be a name or a function, got 3"):
        ActiveLearner(LR, **{parameter: 3}).query(X)
    with pytest.raises(ValueError, match=f"{parameter} must be"):
        # A helper of the module, but no strategy.
        ActiveLearner(LR, **{parameter: "class_probabilities"}).query(X)


@pytest.mark.parametrize("seed", [-1, 1.5, "0"])
def test_bad_random_state(seed):
    with pytest.raises((ValueError, TypeError), match="random_state"):
        ActiveLearner(LR, random_state=seed).query(X)


@pytest.mark.parametrize("estimator", [LogisticRegression, LinearRegression(), "logistic", None])
@pytest.mark.parametrize("method", ["fit", "teach"])
def test_estimator_that_is_no_classifier(estimator, method):
    with pytest.raises(TypeError, match="estimator must be a classifier"):
        getattr(ActiveLearner(estimator), method)(X, Y)


@pytest.mark.parametrize("method", ["fit", "teach"])
@pytest.mark.parametrize(
    ("y", "error", "match"),
    [
        (None, ValueError, "requires y to be passed"),
        (Y[:3], ValueError, "as many rows as labels, got 120 and 3"),
        (np.eye(120), ValueError, "y should be a 1d array"),
        (np.linspace(0, 1, 120), ValueError, "Unknown label type"),
        (np.full(120, np.nan), ValueError, "y must hold a label for each row: Input contains NaN"),
        (np.array(["a", 1] * 60, dtype=object), TypeError, "y must hold labels of one kind"),
        (np.array(["a", None] * 60, dtype=object), TypeError, "y must hold labels of one kind"),
        (np.array([None] * 120), TypeError, "y must hold labels of one kind"),
        (
            np.array(["a", np.nan] * 60, dtype=object),
            ValueError,
            "y must hold a label for each row: Input contains NaN",
        ),
    ],
)
def test_bad_labels(method, y, error, match):
    with pytest.raises(error, match=match):
        getattr(ActiveLearner(LR), method)(X, y)


@pytest.mark.parametrize(
    ("more", "y", "error", "match"),
    [
        (X[:1, :5], Y[:1], ValueError, r"columns of the rows so far, \(8,\), got \(5,\)"),
        (sp.csr_array(X[:1]), Y[:1], TypeError, "same kind as the rows so far: got csr_array"),
        (pd.DataFrame(X[:1]), Y[:1], TypeError, "got DataFrame, those are ndarray"),
        (TEXTS[:1], Y[:1], ValueError, "columns of the rows so far"),
        (X[:1], [3], TypeError, "y must hold labels of the same kind as those so far: got"),
    ],
)
@pytest.mark.parametrize("cold", [False, True])
def test_teaching_rows_of_another_kind(more, y, error, match, cold):
    learner = ActiveLearner(LR).teach(X[:10], ["ham"] * 10 if cold else Y[:10])
    with pytest.raises(error, match=match):
        learner.teach(more, y)
    assert len(learner.X_labeled_) == 10


def test_teaching_a_frame_of_other_columns():
    frame = pd.DataFrame(X, columns=list("abcdefgh"))
    learner = ActiveLearner(LR).teach(frame[:10], Y[:10])
    with pytest.raises(ValueError, match="'h'"):
        learner.teach(frame[list("abcdefg")][:2], Y[:2])
    learner.teach(frame[10:12], Y[10:12])
    assert learner.feature_names_in_.tolist() == list("abcdefgh")


def test_k_center_is_its_own_cold_start():
    X = np.random.default_rng(0).normal(size=(30, 4))
    learner = ActiveLearner(LogisticRegression(), "k_center")
    np.testing.assert_array_equal(learner.query(X, 5), fastal.k_center_greedy(X, 5)[0])
    texts = ActiveLearner(text_model(), "k_center")
    with pytest.raises(TypeError, match="use cold_start='random'"):
        texts.query(TEXTS, 3)
