"""The rest labelled by the model, and what an audit says about it."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from scipy.stats import beta, binom
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.naive_bayes import BernoulliNB, ComplementNB, MultinomialNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler
from sklearn.svm import LinearSVC

from fastal import (
    ActiveLearner,
    Committee,
    TextFile,
    audit_error,
    audit_rows,
    label_rest,
    n_for_audit,
    threshold_table,
)
from fastal._intervals import percent
from fastal.finish import _BlockLabels

RNG = np.random.RandomState(0)
N = 700
X = RNG.poisson(1.0, (N, 12)).astype(float)
Y = np.array(["ham", "spam", "eggs"])[X[:, :3].argmax(axis=1)]
LABELED = np.array([5, 3, 600, 41, 17, 2, 333, 90])
MODEL = MultinomialNB().fit(X[100:160], Y[100:160])


def expected(min_confidence: float) -> tuple[list[Any], list[str], np.ndarray]:
    """Row by row."""
    labels: list[Any] = []
    sources = []
    confidence = np.full(N, np.nan)
    given = dict(zip(LABELED.tolist(), Y[LABELED].tolist(), strict=True))
    for row, proba in enumerate(MODEL.predict_proba(X)):
        if row in given:
            labels.append(given[row])
            sources.append("person")
            continue
        confidence[row] = proba.max()
        sure = proba.max() >= min_confidence
        labels.append(MODEL.classes_[proba.argmax()] if sure else None)
        sources.append("model" if sure else "none")
    return labels, sources, confidence


@pytest.mark.parametrize("min_confidence", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(
    "make",
    [
        np.asarray,
        sp.csr_matrix,
        sp.csc_array,
        pd.DataFrame,
        lambda X: X.tolist(),
        lambda X: iter([X[:10], X[10:10], X[10:]]),
        lambda X: (sp.csr_matrix(X[i : i + 64]) for i in range(0, N, 64)),
    ],
)
@pytest.mark.filterwarnings("ignore:X has feature names")
def test_label_rest_row_by_row(make: Any, min_confidence: float) -> None:
    done = label_rest(MODEL, make(X), LABELED, Y[LABELED], min_confidence)
    labels, sources, confidence = expected(min_confidence)
    assert done.labels.tolist() == labels
    assert done.source.tolist() == sources
    np.testing.assert_allclose(done.confidence, confidence, rtol=1e-12)
    assert len(done) == N
    assert done.counts() == {s: sources.count(s) for s in ("none", "model", "person")}


def test_label_rest_takes_blocks_of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = label_rest(MODEL, X, None, None)
    monkeypatch.setattr("fastal.finish._BLOCK", 1)
    calls: list[int] = []
    ask = _BlockLabels.__call__
    monkeypatch.setattr(
        _BlockLabels,
        "__call__",
        lambda self, block: (calls.append(len(block)), ask(self, block))[1],
    )
    blocks = label_rest(MODEL, X, None, None)
    assert calls == [256, 256, 188]
    np.testing.assert_array_equal(whole.codes, blocks.codes)
    np.testing.assert_array_equal(whole.confidence, blocks.confidence)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        OneVsRestClassifier(LogisticRegression()),
        SGDClassifier(loss="modified_huber", random_state=0),
        MultinomialNB(),
        ComplementNB(),
        BernoulliNB(binarize=0.5),
        CalibratedClassifierCV(LinearSVC(), cv=2),
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2),
    ],
)
@pytest.mark.parametrize("kind", [sp.csr_matrix, sp.csr_array])
def test_sparse_rows_are_not_copied_for_linear_models(
    model: Any, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Nor may scikit-learn write on them: rows that are not sorted, with zeros stored.
    pool = kind(X)
    pool.data[::7] = 0.0
    for row in range(N):
        own = slice(pool.indptr[row], pool.indptr[row + 1])
        pool.indices[own], pool.data[own] = pool.indices[own][::-1], pool.data[own][::-1]
    pool.has_sorted_indices = False
    before = [array.copy() for array in (pool.data, pool.indices, pool.indptr)]
    fitted = clone(model).fit(X[:80], Y[:80])
    whole = fitted.predict_proba(pool.copy())
    shared: list[bool] = []
    ask = _BlockLabels.__call__

    def spy(self: _BlockLabels, block: Any) -> Any:
        shared.append(np.shares_memory(block.data, pool.data))
        assert isinstance(block, kind)
        return ask(self, block)

    monkeypatch.setattr("fastal.finish._BLOCK", 1)
    monkeypatch.setattr(_BlockLabels, "__call__", spy)
    done = label_rest(fitted, pool, None, None)
    assert shared == [True] * 3
    np.testing.assert_array_equal(done.codes, whole.argmax(axis=1))
    np.testing.assert_array_equal(done.confidence, whole.max(axis=1))
    for array, old in zip((pool.data, pool.indices, pool.indptr), before, strict=True):
        np.testing.assert_array_equal(array, old)


def test_a_step_that_writes_on_its_rows_gets_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastal.finish._BLOCK", 1)
    pool = sp.csr_matrix(X)
    model = make_pipeline(MaxAbsScaler(copy=False), LogisticRegression())
    model.fit(X[:80].copy(), Y[:80])
    done = label_rest(model, pool, None, None)
    assert (pool != sp.csr_matrix(X)).nnz == 0
    assert done.labels.tolist() == model.predict(X.copy()).tolist()


def test_labels_keep_the_order_of_the_rows_and_a_mask_that_of_the_pool() -> None:
    mask = np.zeros(N, dtype=bool)
    mask[LABELED] = True
    by_mask = label_rest(MODEL, X, mask, Y[mask])
    by_rows = label_rest(MODEL, X, LABELED[::-1], Y[LABELED[::-1]])
    assert by_mask.labels.tolist() == by_rows.labels.tolist() == expected(0.0)[0]


def test_the_person_knows_a_class_that_the_model_does_not() -> None:
    done = label_rest(MODEL, X, [1, 0], ["bacon", "zest"])
    assert done.labels[:2].tolist() == ["zest", "bacon"]
    assert done.classes.tolist() == ["bacon", "eggs", "ham", "spam", "zest"]
    assert done.labels[2:].tolist() == MODEL.predict(X)[2:].tolist()


def test_numbers_stay_numbers_and_another_threshold_asks_nobody() -> None:
    model = MultinomialNB().fit(X[:50], np.arange(50) % 3)
    done = label_rest(model, X, [0], [7], 0.9)
    assert {type(label) for label in done.labels} == {int, type(None)}
    assert done.at(0.0).labels.tolist() == [7, *model.predict(X)[1:].tolist()]
    assert done.at(0.0).counts()["none"] == 0
    with pytest.raises(ValueError, match="min_confidence"):
        done.at(2)


@pytest.mark.parametrize(
    "estimator",
    [
        ActiveLearner(MultinomialNB()).fit(X[:60], Y[:60]),
        Committee(MultinomialNB(), n_members=3, random_state=0).fit(X[:60], Y[:60]),
        CalibratedClassifierCV(LinearSVC(random_state=0), cv=3).fit(X[:60], Y[:60]),
        make_pipeline(LogisticRegression()).fit(X[:60].astype(np.float32), Y[:60]),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_label_rest_with_other_models(estimator: Any) -> None:
    done = label_rest(estimator, X, None, None)
    np.testing.assert_array_equal(done.labels, estimator.predict(X).tolist())


def test_a_file_of_texts_in_processes_and_with_progress(tmp_path: Any, capsys: Any) -> None:
    texts = [f"{'win a prize' if i % 2 else 'see you at noon'} {i % 7}" for i in range(300)]
    path = tmp_path / "pool.csv"
    path.write_text("text\n" + "\n".join(texts) + "\n")
    model = make_pipeline(HashingVectorizer(n_features=256), LogisticRegression())
    model.fit(texts[:4], ["ham", "spam"] * 2)
    file = TextFile(path, block_rows=50)
    done = label_rest(model, file, [0], ["spam"], n_jobs=2, progress=True)
    assert done.labels.tolist() == ["spam", *model.predict(texts)[1:].tolist()]
    assert "rows labelled" in capsys.readouterr().err


class Broken:
    classes_ = np.array([0, 1])

    def __init__(self, proba: Any) -> None:
        self.proba = proba

    def predict_proba(self, block: Any) -> Any:
        return self.proba


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((MultinomialNB(), X, None, None), ValueError, "fitted classifier, and this Multinom"),
        ((LinearSVC().fit(X[:60], Y[:60]), X, None, None), TypeError, "CalibratedClassifierCV"),
        (
            (ActiveLearner(LinearSVC()).fit(X[:60], Y[:60]), X, None, None),
            TypeError,
            r"CalibratedClassifierCV\(LinearSVC",
        ),
        ((MODEL, X, [0, 0], ["ham", "ham"]), ValueError, "labeled holds a row twice"),
        ((MODEL, X, [N], ["ham"]), ValueError, "labeled must lie in 0..699, got 700"),
        ((MODEL, iter([X]), [N], ["ham"]), ValueError, "labeled must lie in 0..699, got 700"),
        ((MODEL, iter([X]), np.ones(9, bool), ["a"] * 9), ValueError, "mask of 9 entries for 700"),
        ((MODEL, X, np.ones(9, bool), ["a"] * 9), ValueError, "mask of 9 entries for 700"),
        ((MODEL, X, [0, 1], ["ham"]), ValueError, "label for each of the 2 rows"),
        ((MODEL, X, None, ["ham"]), ValueError, "label for each of the 0 rows"),
        ((MODEL, X, [0.5], ["ham"]), TypeError, "labeled must hold row numbers"),
        ((MODEL, X, [0], [1]), TypeError, "same kind"),
        ((MODEL, X, [0], [np.nan]), ValueError, "NaN"),
        ((MODEL, X, None, None, 1.1), ValueError, "min_confidence must be a number from 0 to 1"),
        ((MODEL, X, None, None, "high"), TypeError, "min_confidence"),
        ((MODEL, X[:, :5], None, None), ValueError, "features"),
        ((Broken([[np.nan, 1.0]]), [[0.0]], None, None), ValueError, "row 0 of the block are not"),
        ((Broken([[0.5, 0.5]] * 2), [[0.0]], None, None), ValueError, "must return shape"),
    ],
)
def test_what_label_rest_refuses(arguments: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        label_rest(*arguments)


def test_inputs_stay_as_they_are() -> None:
    pool, rows, y = X.copy(), LABELED.copy(), Y[LABELED].copy()
    for array in (pool, rows, y):
        array.flags.writeable = False
    label_rest(MODEL, pool, rows, y)


def test_a_row_at_the_threshold_keeps_its_label() -> None:
    done = label_rest(Broken([[0.75, 0.25]]), [[0.0]], None, None)
    assert done.at(0.75).labels.tolist() == [0]
    assert done.at(np.nextafter(0.75, 1)).labels.tolist() == [None]


def test_an_empty_pool() -> None:
    done = label_rest(MODEL, X[:0], None, None)
    assert (len(done), done.labels.tolist(), done.source.tolist()) == (0, [], [])


# ---------------------------------------------------------------- the sample


def test_audit_rows_are_distinct_and_none_is_excluded() -> None:
    exclude = np.arange(0, 1000, 3)
    mask = np.zeros(1000, dtype=bool)
    mask[exclude] = True
    for seed in range(20):
        rows = audit_rows(1000, 100, exclude, seed)
        assert rows.dtype == np.int64
        assert len(set(rows.tolist())) == 100
        assert not set(rows.tolist()) & set(exclude.tolist())
        np.testing.assert_array_equal(rows, audit_rows(1000, 100, mask, seed))
        # In random order: a person who stops early has a random sample too.
        assert (np.diff(rows) < 0).any()
    assert sorted(audit_rows(5, 99, [1], 0).tolist()) == [0, 2, 3, 4]
    assert audit_rows(5, 2, range(5), 0).size == 0
    assert audit_rows(100, 5).tolist() != audit_rows(100, 5).tolist()
    generator = np.random.default_rng(0)
    assert audit_rows(100, 5, random_state=generator).size == 5


def test_audit_rows_are_uniform() -> None:
    counts = np.zeros(10)
    for seed in range(4000):
        counts[audit_rows(10, 3, [0, 9], seed)] += 1
    assert counts[0] == counts[9] == 0
    # 3 of 8 each: 1500 of 4000, standard deviation 31.
    assert abs(counts[1:9] - 1500).max() < 5 * 31


def test_a_larger_or_changed_audit_keeps_the_rows_so_far() -> None:
    few, many = audit_rows(500, 50, [3], 1), audit_rows(500, 200, [3], 1)
    np.testing.assert_array_equal(many[:50], few)
    # Rows that were labelled since are left out, and nothing else changes place.
    since = few[::5]
    again = audit_rows(500, 190, [3, *since], 1)
    np.testing.assert_array_equal(again, np.setdiff1d(many, since)[_order(many, since)])


def _order(many: np.ndarray, since: np.ndarray) -> np.ndarray:
    left = [row for row in many.tolist() if row not in set(since.tolist())]
    return np.searchsorted(np.setdiff1d(many, since), left)


# ---------------------------------------------------------------- the error


def test_audit_error_by_hand() -> None:
    # No wrong one of n: the upper end is 1 - (alpha / 2)^(1 / n).
    assert audit_error(0, 100).high == pytest.approx(1 - 0.025**0.01)
    assert audit_error(0, 100).low == 0
    assert audit_error(100, 100).low == pytest.approx(0.025**0.01)
    found = audit_error(4, 190, level=0.9)
    assert found.error == 4 / 190
    assert found.low == pytest.approx(beta.ppf(0.05, 4, 187))
    assert found.high == pytest.approx(beta.ppf(0.95, 5, 186))
    # What the ends are: the share at which as many, or as few, have a probability of 5 %.
    assert binom.sf(3, 190, found.low) == pytest.approx(0.05)
    assert binom.cdf(4, 190, found.high) == pytest.approx(0.05)


def test_errors_left_by_hand() -> None:
    found = audit_error(6, 200, n_model=4000, n_person=1000)
    # 3 % of 4000 are 120, of which 6 are right by now.
    assert found.left.error == pytest.approx(114 / 5000)
    assert found.left.low == pytest.approx((found.low * 4000 - 6) / 5000)
    assert found.left.high == pytest.approx((found.high * 4000 - 6) / 5000)
    # Looked at all of them: nothing is left, with certainty.
    assert audit_error(6, 200, 200, 50).left == (0, 0, 0)
    assert audit_error(200, 200, 300).left == pytest.approx((1 / 3, 0.315058, 1 / 3), abs=1e-5)
    assert audit_error(0, 0, 0).left[1:] == (0, 0)
    with pytest.raises(ValueError, match="n_model"):
        audit_error(1, 5).left  # noqa: B018


def test_an_audit_of_nothing_knows_nothing() -> None:
    found = audit_error(0, 0, 100)
    assert math.isnan(found.error)
    assert (found.low, found.high) == (0, 1)
    assert math.isnan(found.left.error)
    assert found.left[1:] == (0, 1)


def test_audit_error_in_words() -> None:
    assert str(audit_error(4, 190, 3920)) == (
        "Of 3,920 labels by the model about 2.1 % are wrong (95 % interval 0.6 to 5.3 %)."
    )
    assert str(audit_error(0, 50, level=0.9)).startswith("Of the labels by the model about 0.0 %")
    assert [percent(s) for s in (0.0, 0.0004, 0.00094, 0.00096, 0.021, 1.0)] == [
        "0.0", "0.04", "0.09", "0.1", "2.1", "100.0",
    ]  # fmt: skip
    # Nobody reads 1e-05 %.
    assert percent(1.27e-7) == "0.00001"


@pytest.mark.parametrize("error", [0.0, 0.005, 0.03, 0.2, 0.5])
def test_the_interval_covers_the_true_error(error: float) -> None:
    # Labels of a model, some wrong, audited without replacement, 1,000 times over.
    n_model, n, times = 2000, 150, 1000
    wrong = np.arange(n_model) < round(error * n_model)
    rng = np.random.RandomState(int(1000 * error))
    covered = left_covered = 0
    for _ in range(times):
        rows = audit_rows(n_model, n, random_state=rng)
        n_wrong = int(wrong[rows].sum())
        found = audit_error(n_wrong, n, n_model, 500)
        covered += found.low <= wrong.mean() <= found.high
        left = (wrong.sum() - n_wrong) / (n_model + 500)
        left_covered += found.left.low - 1e-12 <= left <= found.left.high + 1e-12
    # 95 % of 1,000 with three standard deviations of slack.
    assert covered >= 930
    # The same event, said of what is left.
    assert left_covered == covered


def test_coverage_is_exact_not_only_simulated() -> None:
    # All outcomes of the binomial, each with its probability: never below the level.
    for error, n, level in itertools.product((0.001, 0.02, 0.1, 0.4), (20, 200), (0.9, 0.95)):
        hits = np.arange(n + 1)
        inside = [
            audit_error(int(k), n, level=level).low <= error
            and error <= audit_error(int(k), n, level=level).high
            for k in hits
        ]
        assert binom.pmf(hits, n, error)[inside].sum() >= level


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((5, 4), ValueError, "n_wrong must be at most n_audited, got 5 of 4"),
        ((-1, 4), ValueError, "n_wrong must be a whole number"),
        ((1.0, 4), TypeError, "n_wrong must be a whole number"),
        ((True, 4), TypeError, "n_wrong must be a whole number"),
        ((1, 4, 3), ValueError, "n_model counts the 4 audited"),
        ((1, 4, 9, -1), ValueError, "n_person"),
    ],
)
def test_what_audit_error_refuses(arguments: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        audit_error(*arguments)
    with pytest.raises(ValueError, match="level must be a number between"):
        audit_error(1, 4, level=1)


# ---------------------------------------------------------------- how many


def test_n_for_audit_is_the_least_number() -> None:
    for max_error in (0.5, 0.05, 0.01, 0.002):
        n = n_for_audit(max_error)
        # The rule of three, with an upper and a lower end: ln(1 / 0.025) = 3.69.
        assert n == math.ceil(math.log(0.025) / math.log(1 - max_error))
        assert audit_error(0, n).high <= max_error < audit_error(0, n - 1).high
    assert n_for_audit(0.01, level=0.9) == math.ceil(math.log(0.05) / math.log(0.99))


@pytest.mark.parametrize(
    ("max_error", "expected_error"), [(0.05, 0.02), (0.03, 0.025), (0.5, 0.1)]
)
def test_n_for_audit_with_errors_expected(max_error: float, expected_error: float) -> None:
    n = n_for_audit(max_error, expected_error)
    assert audit_error(math.ceil(expected_error * n), n).high <= max_error
    # Far fewer would not do.
    less = int(0.9 * n)
    assert audit_error(math.ceil(expected_error * less), less).high > max_error


def test_what_n_for_audit_refuses() -> None:
    with pytest.raises(ValueError, match="expected_error must be less than max_error"):
        n_for_audit(0.05, 0.05)
    with pytest.raises(ValueError, match="max_error"):
        n_for_audit(0)


# ---------------------------------------------------------------- thresholds


def test_threshold_table_by_hand() -> None:
    confidence = np.array([np.nan, 0.55, 0.65, 0.75, 0.85, 0.95, 0.96, 1.0])
    rows, wrong = np.array([1, 6, 3, 5]), np.array([True, False, True, False])
    table = threshold_table(confidence, rows, wrong, (0.7, 0.0, 0.9))
    assert [line["threshold"] for line in table] == [0.0, 0.7, 0.9]
    assert [line["n_model"] for line in table] == [7, 5, 3]
    assert [line["share"] for line in table] == [1, 5 / 7, 3 / 7]
    assert [(line["n_wrong"], line["n_audited"]) for line in table] == [(2, 4), (1, 3), (0, 2)]
    assert [line["error"] for line in table] == [1 / 2, 1 / 3, 0]
    for line in table:
        found = audit_error(line["n_wrong"], line["n_audited"], level=1 - 0.05 / 3)
        assert (line["low"], line["high"]) == (found.low, found.high)
    # Below the threshold of the sample nobody looked.
    assert [line["threshold"] for line in threshold_table(
        confidence, rows[1:3], wrong[1:3], (0.5, 0.9), min_confidence=0.7
    )] == [0.7, 0.9]  # fmt: skip
    last = threshold_table(confidence, rows, wrong, [1.0])[-1]
    assert (last["n_model"], last["n_audited"], last["low"], last["high"]) == (1, 0, 0, 1)
    assert math.isnan(last["error"])


def test_all_intervals_of_the_table_hold_at_once() -> None:
    # Whichever line looks best is chosen, 500 times over: the truth is inside all the same.
    rng = np.random.RandomState(0)
    confidence = rng.uniform(0.5, 1, 3000)
    wrong = rng.uniform(size=3000) < 0.3 * (1 - confidence) + 0.02
    truth = {t: wrong[confidence >= t].mean() for t in (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)}
    chosen_covered, optimism = 0, []
    for seed in range(500):
        rows = audit_rows(3000, 120, random_state=seed)
        table = threshold_table(confidence, rows, wrong[rows])
        shares = [line["share"] for line in table]
        assert shares == sorted(shares, reverse=True)
        best = min((line for line in table if line["n_audited"] >= 20), key=lambda r: r["error"])
        chosen_covered += best["low"] <= truth[best["threshold"]] <= best["high"]
        optimism.append(truth[best["threshold"]] - best["error"])
    assert chosen_covered >= 475
    # ... and the estimate there is too good, as the docstring says.
    assert np.mean(optimism) > 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0.5, np.nan], [1], [True]), ValueError, "no label for row 1"),
        (([0.5], [0], [1]), TypeError, "True or False"),
        (([0.5], [0], [True, False]), ValueError, "one length"),
        (([0.5], [0, 0], [True, False]), ValueError, "twice"),
        (([0.5], [1], [True]), ValueError, "rows must lie in 0..0"),
        (([[0.5]], [0], [True]), ValueError, "shape"),
        (([0.5], [0], [True], [2]), ValueError, "thresholds"),
    ],
)
def test_what_threshold_table_refuses(arguments: Any, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        threshold_table(*arguments)
    with pytest.raises(ValueError, match=r"no label for row 0 .*min_confidence 0\.9"):
        threshold_table([0.5], [0], [True], min_confidence=0.9)
