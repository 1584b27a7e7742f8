"""Stopping rules: by hand, in a loop, in an experiment, and against what breaks others."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import cohen_kappa_score
from sklearn.naive_bayes import MultinomialNB

import fastal
from fastal import (
    ActiveLearner,
    Budget,
    DeltaF,
    EstimatedAccuracy,
    OverallUncertainty,
    StablePredictions,
    reasons_to_stop,
)
from fastal._stopping_change import _delta_f, _kappa
from fastal.datasets import load_digits, split
from fastal.evaluation import estimate_accuracy
from fastal.report import Comparison

ROWS = [[float(i)] for i in range(6)]


class Script:
    """A learner whose models predict what is written down, one model a round."""

    def __init__(self, *rounds: list[Any]) -> None:
        self.rounds = list(rounds)
        self.now = -1
        self.estimator_ = self

    def teach(self) -> Script:
        self.now += 1
        self.y_labeled_ = [0] * (10 * (self.now + 1))
        return self

    def predict(self, X: Any) -> np.ndarray:
        return np.array(self.rounds[self.now])


def play(rule: Any, *rounds: list[Any]) -> list[bool]:
    learner = Script(*rounds)
    return [rule.update(learner.teach()) for _ in rounds]


def kappa_by_hand(a: list[int], b: list[int]) -> float:
    n = len(a)
    observed = sum(x == y for x, y in zip(a, b, strict=True)) / n
    chance = sum(a.count(k) * b.count(k) for k in {*a, *b}) / n**2
    return 1.0 if chance == 1 else (observed - chance) / (1 - chance)


def test_kappa_by_hand() -> None:
    # 4 of 6 agree; by chance 3/6 * 3/6 + 3/6 * 3/6 = 1/2: (2/3 - 1/2) / (1/2) = 1/3.
    a, b = np.array([0, 0, 0, 1, 1, 1]), np.array([0, 0, 1, 0, 1, 1])
    assert _kappa(a, b) == pytest.approx(1 / 3)
    rng = np.random.RandomState(0)
    for _ in range(50):
        a, b = rng.randint(0, rng.randint(1, 4), (2, 5))
        assert _kappa(a, b) == pytest.approx(kappa_by_hand(a.tolist(), b.tolist()))


def test_kappa_of_one_class_is_agreement() -> None:
    same = np.array(["ham"] * 4)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert math.isnan(cohen_kappa_score(same, same))
    assert _kappa(same, same) == 1
    assert _kappa(same, np.array(["spam"] * 4)) == 0


A, B, C = [0, 0, 0, 1, 1, 1], [0, 0, 1, 1, 1, 1], [0] * 6


def test_stable_predictions_needs_the_mean_of_all_its_rounds() -> None:
    rule = StablePredictions(ROWS, threshold=0.9, n_rounds=2)
    assert play(rule, A, B, B, B, A, A) == [False, False, False, True, False, False]
    between = kappa_by_hand(A, B)
    assert [n for n, _ in rule.history] == [10, 20, 30, 40, 50, 60]
    np.testing.assert_allclose([v for _, v in rule.history[1:]], [between, 1, 1, between, 1])
    assert math.isnan(rule.history[0][1])
    # A mean, not all of them: (between + 1) / 2 = 0.83.
    assert play(StablePredictions(ROWS, 0.8, 2), A, B, B) == [False, False, True]
    assert play(StablePredictions(ROWS, 0.8, 1), A, B, B) == [False, False, True]


def test_a_model_that_sees_one_class_everywhere_is_not_stable() -> None:
    rule = StablePredictions(ROWS)
    assert play(rule, C, C, C, C, C) == [False] * 5
    assert [v for _, v in rule.history[1:]] == [1.0] * 4
    assert rule.status == "all predictions are 0: that is no model yet"
    assert rule.reason == ""
    assert play(DeltaF(ROWS), C, C, C, C, C) == [False] * 5


def test_a_rule_can_take_it_back() -> None:
    rule = StablePredictions(ROWS, n_rounds=1)
    learner = Script(A, A, B)
    assert [rule.update(learner.teach()) for _ in range(2)] == [False, True]
    assert rule.reason == rule.status
    assert not rule.update(learner.teach())
    assert rule.reason == ""


def test_a_round_without_new_labels_does_not_count() -> None:
    rule = StablePredictions(ROWS, n_rounds=2)
    learner = Script(A, A, A).teach()
    assert [rule.update(learner) for _ in range(5)] == [False] * 5
    assert len(rule.history) == 1
    rule.update(learner.teach())
    rule.update(learner.teach())
    assert rule.update(learner)  # the verdict stands


def test_delta_f_by_hand() -> None:
    before, after = np.array([1, 1, 1, 0, 0, 0]), np.array([1, 1, 0, 1, 0, 0])
    # a = 2, b = 1, c = 1: 1 - 4 / 6; small-text adds the negatives that agree: 1 - 8 / 10.
    assert _delta_f(before, after, 1) == pytest.approx(1 / 3)
    # Of class 0: a = 2, b = c = 1 as well.
    assert _delta_f(before, after, None) == pytest.approx(1 / 3)
    assert _delta_f(before, before, None) == 0


def test_delta_f_without_a_positive_is_nothing_to_stop_by() -> None:
    # small-text: 0/0, NaN and a warning of numpy.
    rule = DeltaF(ROWS, positive=1)
    assert play(rule, C, C, C, C, C) == [False] * 5
    assert all(math.isnan(value) for _, value in rule.history)
    assert "neither" in rule.status
    assert play(DeltaF(ROWS, positive="no such class"), A, A, A, A, A) == [False] * 5
    # A NaN between good rounds counts against stopping.
    rule = DeltaF(ROWS, positive=1, n_rounds=2)
    assert play(rule, A, A, C, C, A, A, A)[-3:] == [False, False, True]


def test_delta_f_asks_every_round_of_the_window() -> None:
    near = [0, 0, 1, 1, 1, 1]  # from A: 1 - 6 / 7 = 0.14 of class 1
    rounds = A, near, near, near, A
    assert play(DeltaF(ROWS, 0.2, 2, positive=1), *rounds) == [False, False, True, True, True]
    assert play(DeltaF(ROWS, 0.1, 2, positive=1), *rounds) == [False, False, False, True, False]


@pytest.fixture(scope="module")
def digits() -> tuple[Any, ...]:
    X_pool, y_pool, X_test, y_test = split(load_digits())
    return X_pool[:300], y_pool[:300], X_test[:200], y_test[:200]


@pytest.mark.parametrize("make", [np.asarray, sp.csr_matrix, sp.csc_matrix])
@pytest.mark.parametrize("score", ["entropy", "margin", "least_confidence"])
def test_overall_uncertainty_is_the_mean_score(make: Any, score: str, digits: Any) -> None:
    X, y, *_ = digits
    learner = ActiveLearner(MultinomialNB()).fit(X[:50], y[:50])
    expected = getattr(fastal, score)(learner.predict_proba(X)).mean()
    if score == "entropy":
        expected /= np.log(len(learner.classes_))
    for threshold, stops in ((expected + 1e-6, True), (expected - 1e-6, False)):
        rule = OverallUncertainty(make(X), float(threshold), score)
        assert rule.update(learner) is stops
        np.testing.assert_allclose(rule.history, [(50, expected)], rtol=1e-10)


def test_overall_uncertainty_of_one_class_says_nothing() -> None:
    learner = ActiveLearner(MultinomialNB()).fit([[1.0], [2.0]], [0, 0])
    rule = OverallUncertainty([[1.0]])
    assert not rule.update(learner)
    assert math.isnan(rule.history[0][1])


def test_overall_uncertainty_reads_a_file_every_round(tmp_path: Any) -> None:
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.pipeline import make_pipeline

    path = tmp_path / "pool.csv"
    path.write_text("text\nwin a prize\nat noon\n")
    learner = ActiveLearner(make_pipeline(HashingVectorizer(n_features=64), LogisticRegression()))
    rule = OverallUncertainty(fastal.TextFile(path))
    for texts in (["win a prize", "at noon"], ["prize", "noon"]):
        rule.update(learner.teach(texts, [1, 0]))
    assert len(rule.history) == 2
    with pytest.raises(TypeError, match="an iterator only once"):
        OverallUncertainty(iter([["a"]]))


def test_estimated_accuracy_is_the_lower_end(digits: Any) -> None:
    from scipy.stats import beta

    X, y, X_val, y_val = digits
    learner = ActiveLearner(MultinomialNB()).fit(X[:100], y[:100])
    right, n = int((learner.predict(X_val) == y_val).sum()), len(y_val)
    low = beta.ppf(0.05, right, n - right + 1)
    rule = EstimatedAccuracy(low - 1e-6, X_val, y_val, level=0.9)
    assert rule.update(learner)
    np.testing.assert_allclose(rule.history, [(100, low)])
    assert f"accuracy {right / n:.2f}" in rule.reason
    assert not EstimatedAccuracy(low + 1e-6, X_val, y_val, level=0.9).update(learner)


def test_estimated_accuracy_without_validation_rows_says_what_it_is_worth(digits: Any) -> None:
    X, y, *_ = digits
    learner = ActiveLearner(MultinomialNB()).fit(X[:60], y[:60])
    rule = EstimatedAccuracy(0.99)
    assert not rule.update(learner)
    found = estimate_accuracy(MultinomialNB(), X[:60], y[:60])
    assert f"accuracy {found.accuracy:.2f}" in rule.status
    assert "no random sample" in rule.status
    assert 0 < rule.history[0][1] < found.accuracy


def test_budget_needs_no_model() -> None:
    learner = ActiveLearner(LogisticRegression())
    rules = [Budget(2), StablePredictions(ROWS), OverallUncertainty(ROWS)]
    assert reasons_to_stop(rules, learner) == []
    assert reasons_to_stop(rules, learner.teach([[0.0], [1.0]], ["a", "a"])) == [
        "2 labels, of a budget of 2"
    ]
    assert [len(rule.history) for rule in rules] == [2, 0, 0]


def test_all_rules_see_the_round_in_which_one_stops() -> None:
    learner = Script(A, A).teach()
    rules = [Budget(1), StablePredictions(ROWS)]
    assert len(reasons_to_stop(rules, learner)) == 1
    assert len(rules[1].history) == 1
    assert reasons_to_stop(Budget(99), learner.teach()) == []


def test_a_plain_loop_stops(digits: Any) -> None:
    X, y, *_ = digits
    learner = ActiveLearner(MultinomialNB(), random_state=0)
    rules = [StablePredictions(X, threshold=0.9, n_rounds=2), Budget(250)]
    labeled: list[int] = []
    while not reasons_to_stop(rules, learner):
        rows = learner.query(X, 20, labeled=labeled)
        learner.teach(X[rows], y[rows])
        labeled.extend(rows.tolist())
    assert 40 < len(labeled) <= 250


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: StablePredictions(np.empty((0, 2))), ValueError, "X_stop must have at least one"),
        (lambda: StablePredictions("text"), TypeError, "X_stop must hold one item for each row"),
        (lambda: StablePredictions(ROWS, 1.5), ValueError, "threshold must be a number from 0"),
        (lambda: StablePredictions(ROWS, "x"), TypeError, "threshold must be a number from 0"),
        (lambda: StablePredictions(ROWS, n_rounds=0), ValueError, "n_rounds must be"),
        (lambda: DeltaF(ROWS, True), TypeError, "threshold must be"),
        (lambda: OverallUncertainty(ROWS, score="vote_entropy"), ValueError, "score must be one"),
        (lambda: OverallUncertainty(ROWS, score=np.array(ROWS)), ValueError, "score must be"),
        (lambda: OverallUncertainty(ROWS, float("nan")), ValueError, "threshold must be"),
        (lambda: EstimatedAccuracy(1.0), ValueError, "target must be a number between 0 and 1"),
        (lambda: EstimatedAccuracy(0.9, ROWS), ValueError, "belong together"),
        (lambda: EstimatedAccuracy(0.9, ROWS, [1]), ValueError, "as many rows as labels"),
        (lambda: EstimatedAccuracy(0.9, level=0), ValueError, "level must be"),
        (lambda: Budget(0), ValueError, "n_labels must be a whole number"),
        (lambda: Budget(2.5), TypeError, "n_labels must be a whole number"),
    ],
)
def test_parameters_out_of_range(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()


# ---------------------------------------------------------------- experiments


def run(digits: Any, stop: Any) -> Any:
    return fastal.run_experiment(
        "margin", *digits, estimator=MultinomialNB(), batch_size=20, iterations=8, stop=stop
    )


def test_an_experiment_notes_where_rules_stop_and_goes_on(digits: Any) -> None:
    stable = StablePredictions(digits[0], 0.85, 2)
    curve = run(digits, [stable, Budget(70)])
    plain = run(digits, None)
    np.testing.assert_array_equal(curve.accuracies, plain.accuracies)
    np.testing.assert_array_equal(curve.rows, plain.rows)
    assert plain.stops == ()
    by_rule = {stop.rule: stop for stop in curve.stops}
    budget = by_rule["Budget"]
    assert (budget.n_labels, budget.accuracy) == (80, plain.accuracies[3])
    assert len(budget.history) == 9
    found = by_rule["StablePredictions"]
    kappas = [value for _, value in found.history]
    first = next(i for i in range(2, 9) if np.mean(kappas[i - 1 : i + 1]) >= 0.85)
    assert found.n_labels == plain.n_labels[first]
    assert found.accuracy == plain.accuracies[first]
    assert "kappa" in found.reason
    # Copies were asked.
    assert stable.history == []


def test_a_rule_that_never_stops(digits: Any) -> None:
    (stop,) = run(digits, {"mine": Budget(10**6)}).stops
    assert (stop.rule, stop.n_labels, stop.reason) == ("mine", math.inf, "")
    assert math.isnan(stop.accuracy)


def test_a_rule_of_ones_own(digits: Any) -> None:
    class Third:
        def __init__(self) -> None:
            self.history: list[tuple[int, float]] = []
            self.reason = "three rounds"

        def update(self, learner: Any) -> bool:
            self.history.append((len(learner.y_labeled_), 0.0))
            return len(self.history) >= 3

    (stop,) = run(digits, Third()).stops
    assert (stop.rule, stop.n_labels, stop.reason) == ("Third", 60, "three rounds")


def test_rules_that_an_experiment_refuses(digits: Any) -> None:
    used = Budget(3)
    used.update(ActiveLearner(LogisticRegression()).teach([[0.0]], [1]))
    for stop, error, message in (
        (used, ValueError, "has been used before"),
        ([Budget(1), Budget(2)], ValueError, "two rules called Budget"),
        ([0.99], TypeError, "rules with update"),
        ("stable", TypeError, "a rule, a list of rules or a dict"),
        (0.99, TypeError, "a rule, a list of rules or a dict"),
    ):
        with pytest.raises(error, match=message):
            run(digits, stop)
        with pytest.raises(error, match=message):
            fastal.compare_strategies(["margin"], *digits, stop=stop)


def test_a_comparison_says_where_its_rules_stop(digits: Any, tmp_path: Any) -> None:
    comparison = fastal.compare_strategies(
        ["margin"],
        *digits,
        estimator=MultinomialNB(),
        n_seeds=2,
        iterations=4,
        stop={"early": Budget(25), "late": Budget(10**6)},
    )
    rows = {(row["strategy"], row["rule"]): row for row in comparison.stops()}
    assert set(rows) == {(s, r) for s in ("margin", "random") for r in ("early", "late")}
    early, late = rows["margin", "early"], rows["margin", "late"]
    curves = [curve for curve in comparison.curves if curve.strategy == "margin"]
    assert (early["labels"], early["n_stopped"], early["n_seeds"]) == (30, 2, 2)
    assert early["accuracy"] == np.mean([curve.accuracies[1] for curve in curves])
    assert early["best_accuracy"] == np.mean([curve.accuracies.max() for curve in curves])
    assert early["final_accuracy"] == np.mean([curve.accuracies[-1] for curve in curves])
    assert (late["labels"], late["n_stopped"]) == (math.inf, 0)
    assert math.isnan(late["accuracy"])
    table = comparison.table()
    assert "Where the stopping rules would have stopped" in table
    assert [line.split()[:4] for line in table.splitlines() if "late" in line] == [
        ["margin", "late", "0/2", "never"],
        ["random", "late", "0/2", "never"],
    ]
    comparison.plot(tmp_path / "curves.png")
    assert (
        "rules"
        not in Comparison(
            [fastal.run_experiment("random", *digits, iterations=1)], 0.9, 300
        ).table()
    )
