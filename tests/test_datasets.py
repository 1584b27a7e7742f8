from __future__ import annotations

import builtins
import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fastal._docstrings import labeled_docstrings
from fastal.datasets import (
    Dataset,
    load_20newsgroups,
    load_digits,
    load_docstrings,
    load_file,
    load_timeseries,
    split,
)

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"


# Docstrings


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that writes the files of a package of its own and returns its name."""

    def write(name, files):
        for path, source in files.items():
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(source.encode("utf-8"))
        monkeypatch.syspath_prepend(str(tmp_path))
        return name

    return write


def functions(n, about):
    return "\n".join(
        f'def f{i}():\n    """Number {i} of the functions that are about {about}, as said."""\n'
        for i in range(n)
    )


def test_docstrings_are_labelled_by_subpackage(package):
    name = package(
        "fastal_toy_a", {"b/__init__.py": functions(150, "b"), "c/d/e.py": functions(151, "c")}
    )
    texts, labels = labeled_docstrings((name,))
    assert labels == ("fastal_toy_a.b",) * 150 + ("fastal_toy_a.c",) * 151
    assert texts[0] == "Number 0 of the functions that are about b, as said."
    assert name not in sys.modules


def test_docstrings_leave_out_tests_small_subpackages_short_texts_and_repeats(package):
    kept = functions(150, "b")
    name = package(
        "fastal_toy_b",
        {
            "__init__.py": functions(150, "the top level"),
            "b/_hypotests.py": kept + 'def g():\n    """Short."""\n',
            "b/again.py": kept,
            "b/tests/helper.py": functions(150, "tests"),
            "b/test_x.py": functions(150, "more tests"),
            "small/x.py": functions(149, "small"),
            "testing/x.py": functions(150, "testing"),
        },
    )
    texts, labels = labeled_docstrings((name,))
    assert len(texts) == 150
    assert set(labels) == {"fastal_toy_b.b"}


def test_docstrings_are_found_inside_classes_branches_and_handlers(package):
    source = '''
try:
    import nothing
except ImportError:
    class A:
        """The docstring of a class in a handler, quite long."""
        if True:
            async def f(self):
                """The docstring of a method in a branch, quite long."""
                f = lambda x: (1 if x else 2)
                def g():
                    """The docstring of a function in a function."""
'''
    name = package(
        "fastal_toy_c", {"b/x.py": source + functions(150, "b"), "b/y.py": "def f(: '''"}
    )
    texts, _ = labeled_docstrings((name,))
    assert [text.split(",")[0] for text in texts[:3]] == [
        "The docstring of a class in a handler",
        "The docstring of a method in a branch",
        "The docstring of a function in a function.",
    ]


def test_docstrings_do_not_name_their_package(package):
    source = 'def f():\n    """See SciPy, scipy.sparse.linalg.eigs, numba, and not numbat."""\n'
    name = package("fastal_toy_d", {"b/x.py": source + functions(150, "b")})
    texts, _ = labeled_docstrings((name,))
    assert texts[0] == "See [...], [...], [...], and not numbat."


def test_docstrings_of_a_package_that_is_not_there():
    with pytest.raises(
        ValueError, match="no docstrings found in the source files of fastal_nowhere"
    ):
        labeled_docstrings(("fastal_nowhere",))


def test_load_docstrings_real():
    docstrings = load_docstrings()
    names, counts = np.unique(docstrings.y, return_counts=True)
    assert len(docstrings) == len(set(docstrings.texts)) > 5000
    assert len(names) >= 15
    assert counts.min() >= 150
    assert {name.split(".")[0] for name in names} == {"numpy", "scipy", "sklearn", "numba"}
    assert min(map(len, docstrings.texts)) >= 40
    again = load_docstrings()
    again.texts.append("changed")
    assert load_docstrings().texts == docstrings.texts


def test_load_docstrings_imports_nothing():
    code = (
        "import sys, fastal.datasets as d; d.labeled_docstrings(('numba',));"
        "print([m for m in ('sklearn', 'numba', 'llvmlite', 'pyarrow') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


# Other sets


def test_load_digits():
    digits = load_digits()
    assert digits.X.shape == (1797, 64)
    assert digits.X.min() == 0
    assert digits.X.max() == 1
    assert digits.y.dtype == np.int64
    with pytest.raises(TypeError, match="digits holds rows of numbers, not texts"):
        _ = digits.texts


def test_load_timeseries_shapes_are_what_their_names_say():
    series = load_timeseries(200, random_state=3)
    assert series.X.shape == (600, 128)
    assert not np.array_equal(series.X, load_timeseries(200, random_state=4).X)
    np.testing.assert_array_equal(series.X, load_timeseries(200, random_state=3).X)
    mean = {name: series.X[series.y == name].mean(axis=0) for name in np.unique(series.y)}
    # No shape starts before step 16; a bell is highest late, a funnel early, a cylinder between.
    assert all(abs(curve[:15].mean()) < 0.1 for curve in mean.values())
    peak = {
        name: np.argmax(np.convolve(curve, np.ones(15), "same")) for name, curve in mean.items()
    }
    assert peak["funnel"] < peak["cylinder"] < peak["bell"]
    assert 5 < mean["cylinder"][40:45].mean() < 7


@pytest.mark.parametrize(("n", "error"), [(0, ValueError), (1.5, TypeError)])
def test_load_timeseries_bad_count(n, error):
    with pytest.raises(error, match="n_per_class"):
        load_timeseries(n)


def test_load_20newsgroups_keeps_the_split(monkeypatch):
    def fetch(subset, remove, shuffle):
        assert remove == ("headers",)
        assert not shuffle
        return SimpleNamespace(
            data=[subset, "x"], target=np.array([1, 0]), target_names=["a", "b"]
        )

    monkeypatch.setattr("sklearn.datasets.fetch_20newsgroups", fetch)
    news = load_20newsgroups(remove=("headers",))
    assert news.texts == ["train", "x", "test", "x"]
    assert news.y.tolist() == ["b", "a", "b", "a"]
    assert news.split.tolist() == ["train", "train", "test", "test"]


def test_load_20newsgroups_without_network(monkeypatch):
    def fetch(**_):
        raise OSError("no route to host")

    monkeypatch.setattr("sklearn.datasets.fetch_20newsgroups", fetch)
    with pytest.raises(
        OSError, match=r"could not be downloaded \(no route to host\); load_docstr"
    ):
        load_20newsgroups()


# Files

TEXTS = ["one, two", 'a "quoted"\nline', "Grüße, 日本"]
LABELS = ["a", "b", "a"]


def write_csv(path, rows, **options):
    with path.open("w", newline="", encoding=options.pop("encoding", "utf-8")) as file:
        csv.writer(file, **options).writerows(rows)


def write_parquet(path, columns):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(columns), path)


def write(path, texts, labels, split):
    rows = list(zip(texts, labels, split, strict=True))
    if path.suffix == ".parquet":
        write_parquet(path, {"text": texts, "label": labels, "split": split})
    elif path.suffix in (".jsonl", ".ndjson"):
        lines = [json.dumps({"split": s, "text": t, "label": y}) for t, y, s in rows]
        path.write_text("\n".join(lines) + "\n\n", encoding="utf-8")
    else:
        options = {"delimiter": "\t"} if path.suffix == ".tsv" else {}
        write_csv(path, [("text", "label", "split"), *rows], **options)


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"])
def test_load_file(tmp_path, ending):
    path = tmp_path / f"pool{ending}"
    write(path, TEXTS, LABELS, ["train", "test", "train"])
    dataset = load_file(str(path))
    assert dataset.name == "pool"
    assert dataset.texts == TEXTS
    assert dataset.y.tolist() == LABELS
    assert dataset.split.tolist() == ["train", "test", "train"]
    unlabeled = load_file(path, label_column=None, split_column=None)
    assert unlabeled.texts == TEXTS
    assert unlabeled.y is None
    assert unlabeled.split is None


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_load_file_whole_numbers(tmp_path, ending):
    path = tmp_path / f"pool{ending}"
    write(path, TEXTS, [2, 0, -1], ["train"] * 3)
    assert load_file(path).y.tolist() == [2, 0, -1]
    assert load_file(path).y.dtype == np.int64


def test_load_file_names_of_columns(tmp_path):
    write_csv(tmp_path / "pool.csv", [("x", "body", "class", "part"), ("1", "t", "a", "test")])
    dataset = load_file(tmp_path / "pool.csv", "body", "class", "part")
    assert (dataset.texts, dataset.y.tolist(), dataset.split.tolist()) == (["t"], ["a"], ["test"])


def test_load_file_of_spreadsheet_programs(tmp_path):
    path = tmp_path / "pool.csv"
    path.write_bytes(b"\xef\xbb\xbftext,label\r\n\r\nhello,a\r\n")
    assert load_file(path).texts == ["hello"]


def test_load_file_long_text(tmp_path):
    limit = csv.field_size_limit()
    assert limit < 10**6
    write_csv(tmp_path / "pool.csv", [("text", "label"), ("x" * (limit + 10), "a")])
    assert len(load_file(tmp_path / "pool.csv").texts[0]) == limit + 10
    assert csv.field_size_limit() == limit


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_load_file_partly_labeled(tmp_path, ending):
    path = tmp_path / f"pool{ending}"
    write(path, TEXTS, ["a", None, "b"], ["train"] * 3)
    assert load_file(path, partly_labeled=True).y.tolist() == ["a", None, "b"]
    where = {".csv": "line 3", ".jsonl": "line 2", ".parquet": "row 1"}[ending]
    with pytest.raises(ValueError, match=f"{where}: the 'label' is missing"):
        load_file(path)


BROKEN = {
    "pool.txt": (b"x", r"pool.txt: the ending must be one of \.csv, .*got \.txt"),
    "pool": (b"x", "ending must be one of .* got none"),
    "empty.csv": (b"", "empty.csv is empty"),
    "blank.csv": (b"\n\n", "blank.csv is empty"),
    "empty.jsonl": (b"", "empty.jsonl is empty"),
    "blank.jsonl": (b"\n \n", "no rows"),
    "header.csv": (b"text,label\n", "no rows"),
    "column.csv": (b"body,label\nx,a\n", r"no column 'text'; its columns are 'body', 'label'$"),
    "label.csv": (b"text,lable\nx,a\n", r"no column 'label'; its columns are 'text', 'lable'$"),
    "semicolon.csv": (b"text;label\nx;a\n", "its columns are 'text;label'"),
    "twice.csv": (b"text,text,label\nx,y,a\n", "has 2 columns called 'text'"),
    "latin1.csv": (
        b"text,label\nx,a\ncaf\xe9,a\n",
        r"line 3: not UTF-8 \(byte 0xe9 at position 4",
    ),
    "utf16.csv": ("text,label\nx,a\n".encode("utf-16"), "is UTF-16"),
    "nul.csv": (b"text,label\nx\0,a\n", "line 2: there is a NUL byte"),
    "short.csv": (b"text,label\nx,a\n\nx\n", "line 4: 1 fields, but the first line names 2"),
    "long.csv": (b'text,label\n"x\ny",a\nx,y,a\n', "line 4: 3 fields, but the first line names 2"),
    "quote.csv": (b'text,label\nx,a\n"x,a\ny,a\n', "line 4: broken CSV .* row starts on line 3"),
    "after.csv": (b'text,label\n"x"y,a\n', "line 2: broken CSV"),
    "text.csv": (b"text,label\n,a\n ,a\n", "every 'text' is empty"),
    "split.csv": (b"text,label,split\nx,a,dev\n", "line 2: the 'split' must be .* got 'dev'"),
    "broken.jsonl": (b'{"text": "x", "label": 1}\n{"text": \n', "line 2: broken JSON"),
    "array.jsonl": (b'[{"text": "x"}]\n', "line 1: every line must be a JSON object .* got list"),
    "key.jsonl": (
        b'{"text": "x", "label": 1}\n\n{"text": "x", "y": 1}\n',
        "line 3: no 'label'; its keys are 'text', 'y'",
    ),
    "none.jsonl": (b'{"text": null, "label": 1}\n', "every 'text' is empty"),
    "number.jsonl": (b'{"text": 5, "label": 1}\n', "line 1: the 'text' must be text, got 5"),
    "float.jsonl": (b'{"text": "x", "label": 0.5}\n', "'label' must be text or a whole number"),
    "bool.jsonl": (b'{"text": "x", "label": true}\n', "whole number, got True"),
    "big.jsonl": (b'{"text": "x", "label": 99999999999999999999}\n', "outside the range of int64"),
    "mixed.jsonl": (
        b'{"text": "x", "label": 1}\n{"text": "x", "label": "1"}\n',
        "line 2: the 'label' is '1', but earlier labels are whole numbers",
    ),
    "deep.jsonl": (b"[" * 100_000 + b"\n", "line 1: broken JSON"),
    "surrogate.jsonl": (b'{"text": "x\\ud800", "label": 1}\n', "line 1: the 'text' is broken"),
    "part.jsonl": (b'{"text": "x", "label": 1, "split": null}\n', "'split' must be .* got None"),
    "not.parquet": (b"text,label\nx,a\n", "not.parquet: not a Parquet file that can be read"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_load_file_broken(tmp_path, name):
    content, message = BROKEN[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message) as caught:
        load_file(tmp_path / name)
    assert name in str(caught.value)


def test_load_file_json_lines_labelled_in_part(tmp_path):
    # Any line may be the first with a label; a line without the key has none.
    path = tmp_path / "pool.jsonl"
    path.write_text(
        '{"text": "x"}\n{"text": "y", "split": "train"}\n{"text": "z", "split": "test"}\n'
    )
    with pytest.raises(ValueError, match="line 1: the 'split' must be"):
        load_file(path, label_column=None)


def test_load_file_broken_parquet_columns(tmp_path):
    import pyarrow

    path = tmp_path / "pool.parquet"
    write_parquet(path, {"body": ["x"]})
    with pytest.raises(ValueError, match="no column 'text'; its columns are 'body'"):
        load_file(path)
    write_parquet(path, {"text": ["x", None], "label": ["a", "b"]})
    with pytest.warns(UserWarning, match="1 of 2 texts are empty, the first in row 1"):
        assert load_file(path).texts == ["x", ""]
    latin1 = pyarrow.Array.from_buffers(
        pyarrow.string(),
        1,
        [None, pyarrow.py_buffer(np.int32([0, 1])), pyarrow.py_buffer(b"\xe9")],
    )
    write_parquet(path, {"text": latin1, "label": ["a"]})
    with pytest.raises(ValueError, match=r"pool\.parquet: a column holds text that is not UTF-8"):
        load_file(path)


def test_load_file_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file: .*nothing\.csv"):
        load_file(tmp_path / "nothing.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match="is not a file"):
        load_file(tmp_path / "folder.csv")


def test_load_file_a_split_column_of_another_name_must_be_there(tmp_path):
    write(tmp_path / "pool.csv", TEXTS, LABELS, ["train"] * 3)
    with pytest.raises(ValueError, match="no column 'fold'"):
        load_file(tmp_path / "pool.csv", split_column="fold")


def test_load_file_without_pyarrow(tmp_path, monkeypatch):
    path = tmp_path / "pool.parquet"
    write(path, TEXTS, LABELS, ["train"] * 3)
    original = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ModuleNotFoundError(f"No module named {name!r}")
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=re.escape("pip install 'fastal[files]'")):
        load_file(path)


# Split


def dataset(y, split=None):
    return Dataset("toy", [str(row) for row in range(len(y))], np.array(y), split)


@pytest.mark.parametrize("seed", range(5))
def test_split_takes_the_same_share_of_every_class(seed):
    y = np.repeat(["a", "b", "c"], [400, 80, 12])
    _, y_pool, _, y_test = split(dataset(y), random_state=seed)
    assert len(y_test) == 123
    for name, size in zip("abc", (400, 80, 12), strict=True):
        assert abs(np.sum(y_test == name) - size / 4) <= 2
        assert np.sum(y_test == name) + np.sum(y_pool == name) == size


def test_split_keeps_every_class_in_the_pool():
    y = [0] * 10 + [1] * 2 + list(range(2, 30))
    X_pool, y_pool, X_test, y_test = split(dataset(y), test_size=0.9)
    assert set(y_pool) == set(y)
    assert set(y_test) == {0, 1}
    assert sorted(map(int, X_pool + X_test)) == list(range(40))
    assert X_pool == sorted(X_pool, key=int)
    assert [y[int(row)] for row in X_test] == y_test.tolist()


def test_split_depends_on_the_seed_only():
    y = [0, 1] * 50
    assert split(dataset(y))[2] == split(dataset(y))[2]
    assert split(dataset(y))[2] != split(dataset(y), random_state=1)[2]


def test_split_uses_the_sets_own():
    own = np.array(["test", "train", "test"])
    X_pool, y_pool, X_test, y_test = split(dataset(["a", "b", "c"], own))
    assert (X_pool, y_pool.tolist(), X_test, y_test.tolist()) == (
        ["1"],
        ["b"],
        ["0", "2"],
        ["a", "c"],
    )


@pytest.mark.parametrize(
    ("y", "own", "test_size", "message"),
    [
        (["a", "b"], ["train", "train"], 0.25, "0 of 2 rows fall into the test set"),
        (["a", "b"], ["test", "test"], 0.25, "2 of 2 rows fall into the test set"),
        (["a", "b", "c"], None, 0.25, "0 of 3 rows fall into the test set"),
        (["a", None, "b"], None, 0.25, "1 of 3 rows have no label"),
        (["a", "a"], None, 0, "test_size must lie between 0 and 1, got 0"),
        (["a", "a"], None, 1.0, "test_size must lie between 0 and 1, got 1.0"),
    ],
)
def test_split_bad_input(y, own, test_size, message):
    with pytest.raises(ValueError, match=message):
        split(dataset(y, None if own is None else np.array(own)), test_size)


def test_split_without_labels():
    with pytest.raises(ValueError, match="'toy' has no labels"):
        split(Dataset("toy", ["x"], None))
    with pytest.raises(TypeError, match="must be a Dataset"):
        split([1, 2])


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real sets are not on this machine")
def test_load_file_real():
    trec = load_file(REAL_DATA / "trec6.parquet")
    X_pool, y_pool, X_test, _ = split(trec)
    assert (len(X_pool), len(X_test), len(set(y_pool))) == (5452, 500, 6)
