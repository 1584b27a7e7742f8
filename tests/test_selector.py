from __future__ import annotations

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


def test_an_interrupted_query_leaves_no_trace(monkeypatch):
    from fastal import _kernels_diversity

    X = random_csr(np.random.RandomState(1))
    selector = KCenterSelector(X, [0])
    pick = _kernels_diversity.k_center_greedy_csr

    def interrupted(*args):
        pick(*args)
        raise KeyboardInterrupt

    for sample_weight in (None, np.full(60, 2.0)):
        monkeypatch.setattr(_kernels_diversity, "k_center_greedy_csr", interrupted)
        with pytest.raises(KeyboardInterrupt):
            selector.query(10, sample_weight)
        monkeypatch.undo()
        assert_as_afresh(selector, X, 10)
    monkeypatch.setattr(_kernels_diversity, "k_center_greedy_csr", interrupted)
    with pytest.raises(KeyboardInterrupt):
        selector.query(10)
    monkeypatch.undo()
    selector.add_labeled([5])
    assert_as_afresh(selector, X, 10)


def test_files_of_other_pools_and_other_files_are_refused(tmp_path):
    X = random_csr(np.random.RandomState(2))
    path = tmp_path / "state.npz"
    KCenterSelector(X, [1]).save(path)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["state.npz"]
    other = X.copy()
    other.data[7] *= 2
    with pytest.raises(ValueError, match="the squared norm of row 1 is"):
        KCenterSelector.load(path, other)
    with pytest.raises(ValueError, match=r"X must be the pool of .*, 60 rows of 40 features, got"):
        KCenterSelector.load(path, X[:50])
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
    np.savez(
        path, format=1, metric="cosine", n_features=40, labeled=[99], bound=np.ones(60),
        seen=np.zeros(60), sq_norms=np.ones(60),
    )  # fmt: skip
    with pytest.raises(ValueError, match="its arrays do not fit each other"):
        KCenterSelector.load(path, X)


def test_bad_input():
    X = sp.csr_matrix(np.eye(4))
    selector = KCenterSelector(X, [0])
    with pytest.raises(ValueError, match="k must be a whole number of at least 1"):
        selector.query(0)
    with pytest.raises(ValueError, match=r"rows must lie in 0\.\.3, got 4"):
        selector.add_labeled([4])
    with pytest.raises(ValueError, match="sample_weight must hold 4 weights"):
        selector.query(1, sample_weight=[1.0])
    with pytest.raises(ValueError, match="X must hold the 4 rows of 4 features"):
        selector.extend(X[:2])
    with pytest.raises(ValueError, match="X must start with the rows of the pool so far"):
        selector.extend(sp.vstack([X * 2, X], format="csr"))
    with pytest.raises(ValueError, match="metric must be"):
        KCenterSelector(X, metric="manhattan")
    with pytest.raises(TypeError, match="random_state must be"):
        KCenterSelector(X, random_state="seed")
    assert selector.add_labeled([0, 1, 2, 3]).query(2)[0].size == 0
