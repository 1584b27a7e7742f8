"""Looking ahead: closed forms equal refits, approximations come near, nobody evaluates itself."""

from __future__ import annotations

import os

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import NO_JIT, REAL_DATA, compiled_only
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import entr
from scipy.stats import spearmanr
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, GaussianNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier
from threadpoolctl import threadpool_limits

import fastal
from fastal import ActiveLearner, _lookahead_bayes, _reference, lookahead

# Plain Python is slow: it need only see every line.
SMALL = 5 if NO_JIT else 25


@pytest.fixture(autouse=True, scope="module")
def one_blas_thread():
    with threadpool_limits(1):
        yield


def counts(rng, n_rows=14, n_features=9, tfidf=False, sparse=True):
    """Rows with an empty one, duplicates and a term that all of them have."""
    X = rng.poisson(0.6, (n_rows, n_features)).astype(float)
    if tfidf:
        X *= rng.uniform(0.05, 0.5, X.shape)
    X[:, 0] = 1.0
    X[1], X[2] = 0.0, X[3]
    return sp.csr_matrix(X) if sparse else X


def case(model, seed=0, n_classes=3, n_labeled=8, **kwargs):
    rng = np.random.RandomState(seed)
    X = counts(rng, **kwargs)
    y = np.append(np.arange(n_classes), rng.randint(n_classes, size=n_labeled - n_classes))
    labels = np.array([f"class {c}" for c in range(n_classes)])[y]
    return model.fit(X[:n_labeled], labels), X, X[:n_labeled], labels


def both(args, *more, **options):
    result = fastal.expected_error_reduction(*args, *more, **options)
    assert result.dtype == np.float64
    return result, _reference.expected_error_reduction(*args, *more, **options)


def assert_equal(pair):
    np.testing.assert_allclose(*pair, rtol=1e-9, atol=1e-14)


BAYES = {
    "multinomial": lambda alpha: MultinomialNB(alpha=alpha),
    "uniform prior": lambda alpha: MultinomialNB(alpha=alpha, fit_prior=False),
    "given prior": lambda alpha: MultinomialNB(alpha=alpha, class_prior=[0.2, 0.5, 0.3]),
    "bernoulli": lambda alpha: BernoulliNB(alpha=alpha),
    "bernoulli, high threshold": lambda alpha: BernoulliNB(alpha=alpha, binarize=0.9),
    "bernoulli, given prior": lambda alpha: BernoulliNB(alpha=alpha, class_prior=[0.2, 0.5, 0.3]),
    "complement": lambda alpha: ComplementNB(alpha=alpha),
    "complement, norm": lambda alpha: ComplementNB(alpha=alpha, norm=True),
}


@settings(max_examples=SMALL, deadline=None)
@given(
    st.integers(0, 10**6), st.sampled_from(sorted(BAYES)), st.booleans(), st.booleans(),
    st.sampled_from([1e-3, 0.3, 1.0, 20.0]), st.sampled_from(["log", "zero_one"]),
)  # fmt: skip
def test_naive_bayes_equals_refits(seed, kind, tfidf, sparse, alpha, loss):
    n_rows = 10 if NO_JIT else 14
    args = case(BAYES[kind](alpha), seed, n_rows=n_rows, tfidf=tfidf, sparse=sparse)
    assert_equal(both(args, loss, method="exact"))


@pytest.mark.parametrize("kind", ["multinomial", "bernoulli", "complement"])
@pytest.mark.parametrize("n_classes", [2, 7])
def test_few_and_many_classes(kind, n_classes):
    args = case(BAYES[kind](0.5), n_classes=n_classes)
    assert_equal(both(args))
    assert_equal(both(args, "zero_one"))


def test_alpha_for_each_feature_and_tiny_alpha():
    alpha = np.linspace(0.01, 2.0, 9)
    assert_equal(both(case(MultinomialNB(alpha=alpha))))
    assert_equal(both(case(ComplementNB(alpha=alpha))))
    assert_equal(both(case(MultinomialNB(alpha=1e-12, force_alpha=True))))


@pytest.mark.parametrize("model", [MultinomialNB, ComplementNB, BernoulliNB])
def test_blocks_of_rows_and_terms_that_many_rows_have(model, monkeypatch):
    args = case(model(alpha=0.2), n_rows=20)
    expected = both(args)
    monkeypatch.setattr(_lookahead_bayes, "_ROWS_AT_ONCE", 6)
    monkeypatch.setattr(lookahead, "_LOSSES_PER_CALL", 100)
    for share in (0.0, 0.5, 1.0):
        monkeypatch.setattr(_lookahead_bayes, "_FREQUENT", share)
        assert_equal((fastal.expected_error_reduction(*args), expected[1]))


def test_certain_models():
    # Long documents: every row is all but certain, and the losses are sums of tiny numbers.
    rng = np.random.RandomState(0)
    X = counts(rng, sparse=False) * 40.0
    X[4:8, 3] = 300.0
    X = sp.csr_matrix(X)
    y = np.arange(8) % 3
    for model in (MultinomialNB(alpha=0.01), ComplementNB(), BernoulliNB(alpha=1e-3)):
        args = (model.fit(X[:8], y), X, X[:8], y)
        for loss in ("log", "zero_one"):
            actual, expected = both(args, loss)
            assert np.isfinite(actual).all()
            np.testing.assert_allclose(actual, expected, rtol=1e-9, atol=1e-15)


def test_worked_by_hand():
    # One term, one label of each class: P(a | x) = 1/2 for x = 1 by symmetry.  After (x, a), the
    # class priors are 2/3 and 1/3 and the term, being the only one, says nothing.
    model = MultinomialNB().fit([[1], [1]], ["a", "b"])
    args = (model, [[1], [1]], [[1], [1]], ["a", "b"])
    entropy = -(2 / 3 * np.log(2 / 3) + 1 / 3 * np.log(1 / 3))
    np.testing.assert_allclose(fastal.expected_error_reduction(*args), -entropy, rtol=1e-14)
    scores = fastal.expected_error_reduction(*args, "zero_one")
    np.testing.assert_allclose(scores, -1 / 3, rtol=1e-14)


def test_models_of_partial_fit_and_of_sample_weights():
    X = counts(np.random.RandomState(0))
    y = np.array([0, 1, 2, 0, 1, 2, 1, 1])
    whole = MultinomialNB().fit(X[:8], y)
    parts = MultinomialNB().partial_fit(X[:3], y[:3], classes=[0, 1, 2]).partial_fit(X[3:8], y[3:])
    assert_equal([fastal.expected_error_reduction(m, X, X[:8], y) for m in (whole, parts)])
    # Weight 2 is the row twice.
    weighted = MultinomialNB().fit(X[:8], y, sample_weight=[2] + [1] * 7)
    rows = np.append(0, np.arange(8))
    expected = _reference.expected_error_reduction(
        MultinomialNB().fit(X[rows], y[rows]), X, X[rows], y[rows]
    )
    assert_equal((fastal.expected_error_reduction(weighted, X, X[:8], y), expected))


@pytest.mark.parametrize("model", [MultinomialNB(), BernoulliNB()])
def test_a_class_that_has_no_row_yet(model):
    # Only the model knows the class: no label leaks from elsewhere, and log 0 does no harm.
    X = counts(np.random.RandomState(0))
    y = np.array([0, 2, 0, 2])
    model.partial_fit(X[:4], y, classes=[0, 1, 2])
    args = (model, X, X[:4], y)
    for loss in ("log", "zero_one"):
        scores = fastal.expected_error_reduction(*args, loss, method="exact")
        # Refits lack the class, and its probability is 0 before and after.
        np.testing.assert_allclose(
            scores, fastal.expected_error_reduction(*args, loss, method="refit"), rtol=1e-9
        )


def test_one_class_is_certain():
    X = counts(np.random.RandomState(0))
    for model in (MultinomialNB(), BernoulliNB(), ComplementNB(), KNeighborsClassifier(1)):
        args = (model.fit(X[:4], ["only"] * 4), X, X[:4], ["only"] * 4)
        np.testing.assert_array_equal(fastal.expected_error_reduction(*args), np.zeros(14))
    np.testing.assert_allclose(both(args)[1], 0.0)


# ---- ridge and logistic regression ------------------------------------------------------------


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("n_features", [4, 30])  # fewer than labelled rows, and more
def test_ridge_equals_refits(n_features, n_classes, fit_intercept):
    model = RidgeClassifier(alpha=0.3, fit_intercept=fit_intercept, solver="cholesky")
    args = case(model, n_classes=n_classes, n_features=n_features, tfidf=True, sparse=False)
    for loss in ("log", "zero_one"):
        assert_equal(both(args, loss, method="exact"))
    # Sparse rows are refitted by an iterative solver; the closed form is the same.
    sparse = fastal.expected_error_reduction(args[0], *map(sp.csr_matrix, args[1:3]), args[3])
    assert_equal((sparse, fastal.expected_error_reduction(*args)))


def test_ridge_that_has_no_closed_form_is_refitted():
    args = case(RidgeClassifier(class_weight="balanced", solver="cholesky"), sparse=False)
    assert_equal(both(args))
    with pytest.raises(ValueError, match=r"only without class_weight.*try 'refit'"):
        fastal.expected_error_reduction(*args, method="exact")


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("n_features", [4, 30])
def test_newton_step_by_the_dense_hessian(n_features, n_classes, fit_intercept):
    model = LogisticRegression(C=2.0, fit_intercept=fit_intercept)
    args = case(model, n_classes=n_classes, n_features=n_features, tfidf=True)
    for loss in ("log", "zero_one"):
        assert_equal(both(args, loss, method="newton"))


def test_newton_step_is_the_refit_where_the_penalty_rules():
    # The stronger the penalty, the more the objective is quadratic: the error falls with C
    # squared, the change itself with C.
    errors = []
    for C in (0.1, 0.01):
        model = LogisticRegression(C=C, tol=1e-12, max_iter=10_000, fit_intercept=False)
        args = case(model, n_classes=2, tfidf=True)
        step, refit = (
            fastal.expected_error_reduction(*args, method=method) for method in ("newton", "refit")
        )
        errors.append(np.abs(step - refit).max())
    assert errors[0] < 1e-4
    assert errors[1] < errors[0] / 50


def test_newton_steps_of_a_certain_model():
    model, X, X_labeled, y = case(LogisticRegression(C=2.0), n_classes=2, tfidf=True)
    args = (model, 1000.0 * X, X_labeled, y)
    assert (model.predict_proba(1000.0 * X) == 1.0).any()
    for loss in ("log", "zero_one"):
        actual, expected = both(args, loss, method="newton")
        np.testing.assert_allclose(actual, expected, rtol=1e-6, atol=1e-9)


def test_newton_orders_rows_as_refits_do():
    model = LogisticRegression(C=10, max_iter=1000)
    for n_classes in (2, 3):
        args = case(model, n_classes=n_classes, n_labeled=20, n_rows=40, n_features=30, tfidf=True)
        scores = [
            fastal.expected_error_reduction(*args, method=method) for method in ("newton", "refit")
        ]
        assert spearmanr(*scores)[0] > 0.95


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(class_weight="balanced"),
        LogisticRegression(solver="liblinear"),
        GaussianNB(),
    ],
)
def test_where_there_is_no_newton_step(model):
    args = case(model, sparse=False, n_classes=2)
    with pytest.raises(ValueError, match="method='newton' is for logistic regression, but"):
        fastal.expected_error_reduction(*args, method="newton")


# ---- refits -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [DecisionTreeClassifier(random_state=0), KNeighborsClassifier(2), LinearSVC(), SVC()],
    ids=lambda model: type(model).__name__,
)
def test_any_other_model_is_refitted(model):
    args = case(model, n_rows=10)
    options = {"candidates": [0, 8, 9], "evaluation": [1, 4, 8, 9]}
    for loss in ("log", "zero_one"):
        assert_equal(both(args, loss, **options))


def test_refits_over_processes_and_their_progress(capsys):
    args = case(MultinomialNB(), n_rows=9)
    one, two = (
        fastal.expected_error_reduction(*args, method="refit", n_jobs=n_jobs, progress=True)
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(one, two)
    assert "refits" in capsys.readouterr().err
    assert_equal((one, fastal.expected_error_reduction(*args, progress=True)))
    assert "candidates" in capsys.readouterr().err


def test_threads_change_nothing(monkeypatch):
    args = case(MultinomialNB(alpha=0.1), n_rows=30)
    monkeypatch.setattr(lookahead, "_LOSSES_PER_CALL", 200)
    monkeypatch.setattr(lookahead, "MIN_SHARE", 1)
    scores = []
    for threads in ("1", "3"):
        monkeypatch.setitem(os.environ, "FASTAL_NUM_THREADS", threads)
        scores.append(fastal.expected_error_reduction(*args))
    np.testing.assert_array_equal(*scores)


def test_labelled_rows_that_lack_a_class():
    # Refits know two of three classes: the third has probability 0, in its own column.
    X = counts(np.random.RandomState(0))
    y = np.array(["a", "b", "c", "a", "b", "c"])
    model = MultinomialNB().fit(X[:6], y)
    rows = np.array([0, 2, 3, 5])
    assert_equal(both((model, X, X[rows], y[rows]), method="refit"))


# ---- candidates, evaluation rows, pipelines, errors --------------------------------------------


@pytest.mark.parametrize("method", ["exact", "refit"])
def test_a_candidate_does_not_evaluate_itself(method):
    args = case(MultinomialNB())
    model, X = args[:2]
    options = {"candidates": [2, 9], "evaluation": [9, 5], "method": method}
    scores = fastal.expected_error_reduction(*args, **options)
    assert (np.flatnonzero(np.isfinite(scores)) == [2, 9]).all()
    assert (scores[[0, 1, 3]] == -np.inf).all()
    for row, others in ((2, [5, 9]), (9, [5])):
        expected = 0.0
        for k, label in enumerate(model.classes_):
            y = np.append(args[3], label)
            after = MultinomialNB().fit(sp.vstack([args[2], X[row]]), y).predict_proba(X[others])
            expected -= model.predict_proba(X[row])[0, k] * entr(after).sum(axis=1).mean()
        np.testing.assert_allclose(scores[row], expected, rtol=1e-12)


def test_masks_rows_and_draws():
    args = case(MultinomialNB())
    mask = np.zeros(14, dtype=bool)
    mask[[3, 12]] = True
    expected = fastal.expected_error_reduction(*args, candidates=[12, 3], evaluation=[4, 5, 6])
    other = np.isin(np.arange(14), [4, 5, 6])
    actual = fastal.expected_error_reduction(*args, candidates=mask, evaluation=other)
    np.testing.assert_array_equal(actual, expected)
    assert_equal(both(args, candidates=4, evaluation=6, random_state=3))
    drawn = [
        fastal.expected_error_reduction(*args, candidates=4, random_state=seed)
        for seed in range(8)
    ]
    assert all(np.isfinite(scores).sum() == 4 for scores in drawn)
    assert len({tuple(np.isfinite(scores)) for scores in drawn}) > 1
    everything = fastal.expected_error_reduction(*args, candidates=99, evaluation=99)
    np.testing.assert_array_equal(everything, fastal.expected_error_reduction(*args))
    nothing = fastal.expected_error_reduction(*args, candidates=[])
    np.testing.assert_array_equal(nothing, np.full(14, -np.inf))


def test_forms_of_input():
    model, X, X_labeled, y = args = case(MultinomialNB(), tfidf=True)
    expected = fastal.expected_error_reduction(*args)
    shuffled = X.copy()
    for row in range(14):
        own = slice(shuffled.indptr[row], shuffled.indptr[row + 1])
        shuffled.indices[own] = shuffled.indices[own][::-1]
        shuffled.data[own] = shuffled.data[own][::-1]
    twice = sp.csr_matrix(
        (np.repeat(X.data / 2, 2), np.repeat(X.indices, 2), X.indptr * 2), shape=X.shape
    )
    wide = sp.csr_matrix((X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)), X.shape)
    fixed = X.copy()
    for array in (fixed.data, fixed.indices, fixed.indptr):
        array.flags.writeable = False
    for pool in (X.toarray(), shuffled, twice, wide, fixed, X.tocoo(), sp.csr_array(X)):
        before = pool.copy()
        scores = fastal.expected_error_reduction(model, pool, X_labeled, y)
        np.testing.assert_allclose(scores, expected, rtol=1e-12)
        unchanged = before == pool if isinstance(pool, np.ndarray) else (before != pool).nnz == 0
        assert np.all(unchanged)
    single = fastal.expected_error_reduction(model, X.astype(np.float32), X_labeled, y)
    np.testing.assert_allclose(single, expected, rtol=1e-6)


def test_a_pipeline_learns_with_its_last_step():
    texts = ["goal match", "vote law", "goal goal", "rain wind", "law law vote", "match rain"]
    labels = ["sport", "law", "sport", "rain"]
    for vectorizer, last in (
        (CountVectorizer(), MultinomialNB()),
        (TfidfVectorizer(), LogisticRegression()),
        (TfidfVectorizer(), DecisionTreeClassifier(random_state=0)),
    ):
        model = make_pipeline(vectorizer, last).fit(texts[:4], labels)
        features = model[:-1].transform(texts)
        options = {"method": "newton"} if isinstance(last, LogisticRegression) else {}
        expected = _reference.expected_error_reduction(
            model[-1], features, features[:4], labels, **options
        )
        scores = fastal.expected_error_reduction(model, texts, texts[:4], labels)
        assert_equal((scores, expected))
    scaled = make_pipeline(StandardScaler(), RidgeClassifier(solver="cholesky"))
    args = case(scaled, sparse=False)
    X = scaled[0].transform(args[1])
    expected = _reference.expected_error_reduction(scaled[1], X, X[:8], args[3])
    assert_equal((fastal.expected_error_reduction(*args), expected))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"loss": "binary"}, "loss must be one of 'log', 'zero_one', got 'binary'"),
        ({"method": "magic"}, "method must be one of 'auto', 'exact', 'newton', 'refit'"),
        ({"candidates": 0}, "candidates must be a whole number of at least 1"),
        ({"candidates": [14]}, "candidates must lie in 0..13, got 14"),
        ({"evaluation": [-1]}, "evaluation must lie in 0..13, got -1"),
        ({"evaluation": [3]}, "other than the candidate, but there is none for row 3"),
        ({"evaluation": []}, "other than the candidate, but there is none for row 0"),
        ({"random_state": -1, "candidates": 3}, "random_state must lie in"),
    ],
)
def test_wrong_options(options, match):
    with pytest.raises(ValueError, match=match):
        fastal.expected_error_reduction(*case(MultinomialNB()), **options)


def test_wrong_input():
    model, X, X_labeled, y = case(MultinomialNB())
    call = fastal.expected_error_reduction
    with pytest.raises(ValueError, match="y_labeled holds 'other', which the estimator does not"):
        call(model, X, X_labeled, ["other"] * 8)
    with pytest.raises(ValueError, match="as many rows as labels, got 8 and 7"):
        call(model, X, X_labeled, y[:7])
    with pytest.raises(TypeError, match="must be a fitted classifier; this MultinomialNB has no"):
        call(MultinomialNB(), X, X_labeled, y)
    with pytest.raises(TypeError, match="estimator must be a classifier"):
        call(MultinomialNB, X, X_labeled, y)
    negative = X.copy()
    negative.data[0] = -1.0
    with pytest.raises(ValueError, match="X_pool must not be negative"):
        call(model, negative, X_labeled, y)
    ridge = RidgeClassifier().fit(X_labeled, y)
    with pytest.raises(ValueError, match="X_labeled has 8 features, but the model was fitted on"):
        call(ridge, X, X_labeled[:, :8], y)
    missing = X_labeled.copy()
    missing.data[0] = np.nan
    with pytest.raises(ValueError, match="X_labeled: X must be finite, but row 0 holds nan"):
        call(ridge, X, missing, y)
    infinite = X.copy()
    infinite.data[0] = np.inf
    with pytest.raises(ValueError, match=r"inf"):
        call(model, infinite, X_labeled, y)


def test_the_name_of_the_loss_is_compared_by_value():
    args = case(MultinomialNB())
    name = "".join(["zero", "_one"])
    np.testing.assert_array_equal(
        *(fastal.expected_error_reduction(*args, n) for n in (name, "zero_one"))
    )


def test_models_whose_counts_say_otherwise_are_refitted():
    args = case(MultinomialNB())
    args[0].feature_log_prob_ = args[0].feature_log_prob_ - 0.5
    with pytest.raises(ValueError, match="the counts of this MultinomialNB do not give"):
        fastal.expected_error_reduction(*args, method="exact")
    # Without smoothing a term that a class never had rules the class out.
    with np.errstate(divide="ignore"):
        zero = case(MultinomialNB(alpha=0.0, force_alpha=True))
    with pytest.raises(ValueError, match="needs an alpha above 0"):
        fastal.expected_error_reduction(*zero, method="exact")


# ---- expected model change ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "model",
    [
        MultinomialNB(), BernoulliNB(), LogisticRegression(), LinearSVC(),
        DecisionTreeClassifier(random_state=0), KNeighborsClassifier(2),
    ],
    ids=lambda model: type(model).__name__,
)  # fmt: skip
def test_model_change_by_refits(model):
    args = case(model, n_rows=10)
    options = {"candidates": [0, 8, 9], "evaluation": [1, 4, 8, 9]}
    actual = fastal.expected_model_change(*args, **options)
    assert_equal((actual, _reference.expected_model_change(*args, **options)))
    assert np.isfinite(actual).sum() == 3
    if not isinstance(model, (DecisionTreeClassifier, KNeighborsClassifier)):
        assert (actual[[0, 8, 9]] > 0).all()


def test_model_change_by_partial_fit():
    for model in (MultinomialNB(), SGDClassifier(loss="log_loss", random_state=0)):
        args = case(model)
        before = fastal.expected_model_change(*args, method="partial_fit", candidates=3,
                                              random_state=0)  # fmt: skip
        again = _reference.expected_model_change(*args, method="partial_fit", candidates=3,
                                                 random_state=0)  # fmt: skip
        # Twice the same: the estimator itself is left as it is.
        assert_equal((before, again))
    with pytest.raises(TypeError, match="SVC has no partial_fit; use method='refit'"):
        fastal.expected_model_change(*case(SVC()), method="partial_fit")
    with pytest.raises(ValueError, match="method must be one of 'refit', 'partial_fit'"):
        fastal.expected_model_change(*case(SVC()), method="exact")


def test_model_change_worked_by_hand():
    # Two leaves; a third row of either class at 2 moves the threshold, which rows 0 and 4 survive.
    X = np.array([[0.0], [4.0], [1.5], [2.5]])
    tree = DecisionTreeClassifier(random_state=0).fit(X[:2], [0, 1])
    scores = fastal.expected_model_change(tree, X, X[:2], [0, 1], candidates=[2], evaluation=[3])
    # x = 1.5 is of class 0 for sure; then the threshold is (1.5 + 4) / 2 = 2.75, and 2.5 changes
    # from class 1 (it was above 2) to class 0: |0 - 1| + |1 - 0| = 2.
    assert scores[2] == 2.0


def test_model_change_where_a_class_is_missing():
    X = counts(np.random.RandomState(0))
    y = np.array(["a", "b", "c", "a", "b", "c"])
    model = MultinomialNB().fit(X[:6], y)
    rows = np.array([0, 2, 3, 5])
    scores = fastal.expected_model_change(model, X, X[rows], y[rows], candidates=[7, 8])
    assert np.isfinite(scores).sum() == 2
    # The probabilities were compared: at most 2 apart.
    assert (scores[[7, 8]] <= 2).all()
    # Each in the column of its class.
    args = (GaussianNB().fit(X[:6].toarray(), y), X.toarray(), X[rows].toarray(), y[rows])
    expected = _reference.expected_model_change(*args, candidates=[7, 8])
    assert_equal((fastal.expected_model_change(*args, candidates=[7, 8]), expected))


# ---- strategies --------------------------------------------------------------------------------


@pytest.mark.parametrize("strategy", ["expected_error_reduction", "expected_model_change"])
@pytest.mark.parametrize("model", [MultinomialNB(), LogisticRegression()])
@pytest.mark.parametrize("sparse", [True, False])
def test_strategies(strategy, model, sparse):
    X = counts(np.random.RandomState(0), sparse=sparse)
    y = np.arange(6) % 2
    for labeled in (np.arange(6), np.arange(13)):
        learner = ActiveLearner(model, strategy, random_state=0).fit(X[:6], y)
        rows, scores = learner.query(X, 4, labeled=labeled, return_scores=True)
        assert len(set(rows.tolist())) == min(4, 14 - labeled.size)
        assert rows.min() >= labeled.size
        assert np.isfinite(scores).all()
        again = ActiveLearner(model, strategy, random_state=0).fit(X[:6], y)
        np.testing.assert_array_equal(again.query(X, 4, labeled=labeled), rows)


def test_large_pools_are_sampled(monkeypatch):
    monkeypatch.setattr("fastal._strategies_lookahead._SIZES", {"exact": (3, 4)})
    X = counts(np.random.RandomState(0))
    learner = ActiveLearner(MultinomialNB(), "expected_error_reduction", random_state=0)
    learner.fit(X[:4], [0, 1, 0, 1])
    scores = fastal.strategies.expected_error_reduction(
        learner, X, 2, labeled=np.arange(4), random_state=np.random.RandomState(0)
    )
    assert np.isfinite(scores).sum() == 3
    # More are wanted than would be drawn.
    assert len(learner.query(X, 8, labeled=np.arange(4))) == 8


@compiled_only
def test_real_text_equals_refits(real_tfidf):
    if not (REAL_DATA / "trec6.parquet").exists():
        pytest.skip("trec6 is not on this machine")
    X = real_tfidf("trec6", 600)
    y = np.arange(100) % 6
    model = MultinomialNB(alpha=0.1).fit(X[:100], y)
    for loss in ("log", "zero_one"):
        assert_equal(both((model, X, X[:100], y), loss, candidates=[150, 380]))
