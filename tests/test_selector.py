from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest
import scipy.sparse as sp
from conftest import compiled_only, random_csr
from hypothesis import given, settings
from hypothesis import strategies as st

import fastal
from fastal import KCenterSelector

ACTIONS = ["all", "some", "none", "others", "again", "extend", "weigh", "file"]


def assert_as_afresh(selector, X, k, **options):
    rows, radii = selector.query(k, sample_weight=options.get("sample_weight"))
    labeled = selector.labeled_ if selector.labeled_.size else None
    expected = fastal.k_center_greedy(
        X, k, labeled, selector.metric, selector.random_state, **options
    )
    np.testing.assert_array_equal(rows, expected[0])
    np.testing.assert_array_equal(radii, expected[1])
    return rows


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    metric=st.sampled_from(["euclidean", "cosine"]),
    storage=st.sampled_from(["csr", "dense"]),
    random_state=st.sampled_from([None, 3]),
    start=st.integers(0, 3),
    actions=st.lists(
        st.sampled_from(["all", "some", "none", "others", "again", "extend", "weigh", "file"])
    ),
)
def test_rounds_equal_starting_afresh(
    tmp_path_factory, seed, metric, storage, random_state, start, actions
):
    rng = np.random.RandomState(seed)
    whole = random_csr(rng, 60, 20, 0.2)
    whole = whole if storage == "csr" else whole.toarray()
    n_rows = 30
    X = whole[:n_rows]
    labeled = rng.permutation(n_rows)[:start] if start else None
    selector = KCenterSelector(X, labeled, metric, random_state)
    for action in actions:
        weights = rng.random_sample(X.shape[0]) if action == "weigh" else None
        rows = assert_as_afresh(selector, X, 4, sample_weight=weights)
        if action in ("all", "weigh"):
            selector.add_labeled(rows)
        elif action == "some":
            selector.add_labeled(rows[::2])
        elif action == "others":
            selector.add_labeled(rng.permutation(X.shape[0])[:3])
        elif action == "extend":
            n_rows = min(60, n_rows + 7)
            X = whole[:n_rows]
            selector.extend(X)
        elif action == "file":
            path = tmp_path_factory.mktemp("selector") / "state"
            selector.save(path)
            selector = KCenterSelector.load(path, X, random_state)
    assert_as_afresh(selector, X, 60)


@compiled_only
def test_rounds_equal_starting_afresh_on_real_text(real_tfidf):
    X = real_tfidf("sms_spam", 3000)
    selector = KCenterSelector(X[:2500], np.arange(20))
    for _ in range(4):
        rows = assert_as_afresh(selector, X[:2500], 50)
        selector.add_labeled(rows)
    selector.extend(X)
    selector.add_labeled(assert_as_afresh(selector, X, 50))
    assert_as_afresh(selector, X, 50)


def test_later_rounds_look_at_few_rows(monkeypatch):
    # What the object is for: no pass over the pool after the first round.
    from fastal._centers import SparseSearch

    X = random_csr(np.random.RandomState(0), 200, 30, 0.2)
    selector = KCenterSelector(X, [0])
    selector.add_labeled(selector.query(5)[0])
    passes = []
    monkeypatch.setattr(SparseSearch, "bound_all", lambda self, *args: passes.append(args))
    selector.add_labeled(selector.query(5)[0])
    selector.query(5)
    assert passes == []


def test_a_query_alone_labels_nothing():
    X = random_csr(np.random.RandomState(0))
    selector = KCenterSelector(X)
    first = selector.query(5)
    np.testing.assert_array_equal(selector.query(5)[0], first[0])
    assert selector.labeled_.size == 0
    selector.add_labeled(np.isin(np.arange(60), [3, 4]))
    np.testing.assert_array_equal(selector.labeled_, [3, 4])
    assert selector.n_samples_ == 60


def interrupted_at_line(number, call):
    """Raise KeyboardInterrupt at the number-th line that fastal/selector.py runs in the call."""
    lines = 0

    def trace(frame, event, argument):
        nonlocal lines
        if not frame.f_code.co_filename.endswith("selector.py"):
            return None
        if event == "line":
            lines += 1
            if lines == number:
                raise KeyboardInterrupt
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return False


@compiled_only  # coverage traces as well
@pytest.mark.parametrize("storage", [sp.csr_matrix, np.asarray])
@pytest.mark.parametrize("action", ["query", "weighted", "tried", "others", "extend"])
@pytest.mark.parametrize("labeled", [None, [0, 7]])
def test_an_interrupt_leaves_no_trace(storage, action, labeled):
    X = random_csr(np.random.RandomState(1)).toarray()
    weights = np.random.RandomState(2).random_sample(60)
    number = 0
    interrupted = True
    while interrupted:
        number += 1
        pool = storage(X[:50])
        selector = KCenterSelector(pool, labeled)
        rows, _ = selector.query(5)
        call = {
            "query": lambda s=selector: s.query(10),
            "weighted": lambda s=selector: s.query(10, weights[:50]),
            "tried": lambda s=selector, r=rows: s.add_labeled([*r, 44, 45]),
            "others": lambda s=selector: s.add_labeled([44, 45]),
            "extend": lambda s=selector: s.extend(storage(X)),
        }[action]
        interrupted = interrupted_at_line(number, call)
        pool = storage(X[: selector.n_samples_])
        assert_as_afresh(selector, pool, 4)
        selector.add_labeled([3])
        assert_as_afresh(selector, pool, 4)
    assert number > 5


def test_the_rows_of_an_answer_are_the_callers():
    X = random_csr(np.random.RandomState(0), 80, 20, 0.3)
    for change in (np.ndarray.sort, lambda rows: rows.fill(7)):
        selector = KCenterSelector(X, [0])
        rows, _ = selector.query(8)
        answered = rows.copy()
        change(rows)
        selector.add_labeled(answered)
        assert_as_afresh(selector, X, 3)
        selector.labeled_[:] = 1
        assert_as_afresh(selector, X, 10)


def test_files_of_other_pools_and_other_files_are_refused(tmp_path):
    X = random_csr(np.random.RandomState(2))
    path = tmp_path / "state.npz"
    KCenterSelector(X, [1]).save(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["state.npz"]
    other = X.copy()
    other.data[7] *= 2
    with pytest.raises(
        ValueError, match=r"X must start with the rows of the pool of .*row 1 diff"
    ):
        KCenterSelector.load(path, other)
    with pytest.raises(ValueError, match=r"X must hold the rows of the pool of .*, 60 of 40 feat"):
        KCenterSelector.load(path, X[:50])
    with pytest.raises(ValueError, match=r"X must be sparse as the pool of .* is, got dense rows"):
        KCenterSelector.load(path, X.toarray())
    with pytest.raises(ValueError, match="differs"):
        # The same norms in other columns.
        KCenterSelector.load(path, sp.csr_matrix(X.toarray()[:, ::-1]))
    with pytest.raises(FileNotFoundError):
        KCenterSelector.load(tmp_path / "nothing", X)
    whole = path.read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"is not a file written by KCenterSelector\.save"):
            KCenterSelector.load(path, X)
    np.savez(path, format=1, labeled=np.array([object()]))
    with pytest.raises(ValueError, match="is not a file written by"):
        KCenterSelector.load(path, X)
    np.savez(path, format=9)
    with pytest.raises(ValueError, match="its format is 9, not 1"):
        KCenterSelector.load(path, X)


def test_damaged_arrays_are_refused(tmp_path):
    X = random_csr(np.random.RandomState(2))
    path = tmp_path / "state.npz"
    KCenterSelector(X, [1, 5]).save(path)
    with np.load(path) as file:
        known = dict(file)
    damaged = {
        "labeled": [[99, 5], [-1, 5], [1, 1], [1.0, 5.0], [[1, 5]]],
        "seen": [np.full(60, 3, np.int32), np.full(60, -1, np.int32), np.zeros(9, np.int32)],
        "bound": [np.full(60, np.nan), np.zeros(60, np.float32)],
    }
    for name, arrays in damaged.items():
        for array in arrays:
            np.savez(path, **{**known, name: np.asarray(array)})
            with pytest.raises(ValueError, match="its arrays do not fit each other"):
                KCenterSelector.load(path, X)
    rng = np.random.RandomState(0)
    np.savez(path, **known)
    whole = path.read_bytes()
    for _ in range(300):
        spoilt = bytearray(whole)
        spoilt[rng.randint(len(spoilt))] ^= 1 << rng.randint(8)
        path.write_bytes(spoilt)
        try:
            selector = KCenterSelector.load(path, X)
        except ValueError:
            continue
        assert selector.query(3)[0].size == 3


def test_a_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    X = random_csr(np.random.RandomState(2))
    path = tmp_path / "state.npz"
    selector = KCenterSelector(X, [1])
    selector.save(path)
    old = path.read_bytes()

    def fail(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("fastal.selector.np.savez", fail)
    with pytest.raises(KeyboardInterrupt):
        selector.add_labeled([2]).save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["state.npz"]
    assert path.read_bytes() == old


def test_selectors_can_be_copied_and_pickled():
    X = random_csr(np.random.RandomState(2))
    selector = KCenterSelector(X, [1])
    selector.query(5)
    for twin in (copy.deepcopy(selector), pickle.loads(pickle.dumps(selector))):
        twin.add_labeled([3])
        assert_as_afresh(twin, X, 5)
    np.testing.assert_array_equal(selector.labeled_, [1])


def test_bad_input():
    X = sp.csr_matrix(np.eye(4))
    selector = KCenterSelector(X, [0])
    with pytest.raises(ValueError, match="k must be a whole number of at least 1"):
        selector.query(0)
    with pytest.raises(ValueError, match=r"rows must lie in 0\.\.3, got 4"):
        selector.add_labeled([4])
    with pytest.raises(ValueError, match="sample_weight must hold 4 weights"):
        selector.query(1, sample_weight=[1.0])
    with pytest.raises(
        ValueError, match="X must hold the rows of the pool so far, 4 of 4 features"
    ):
        selector.extend(X[:2])
    with pytest.raises(ValueError, match="X must start with the rows of the pool so far"):
        selector.extend(sp.vstack([X * 2, X], format="csr"))
    with pytest.raises(ValueError, match="X must be sparse as the pool so far is, got dense rows"):
        selector.extend(X.toarray())
    with pytest.raises(ValueError, match="metric must be"):
        KCenterSelector(X, metric="manhattan")
    with pytest.raises(TypeError, match="random_state must be"):
        KCenterSelector(X, random_state="seed")
    assert selector.add_labeled([0, 1, 2, 3]).query(2)[0].size == 0
