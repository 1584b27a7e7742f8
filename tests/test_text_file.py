from __future__ import annotations

import csv
import gc
import itertools
import json
import os
import random
import threading
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from conftest import REAL_DATA

from fastal.datasets import load_file
from fastal.text_file import TextFile

ENDINGS = [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet"]
WORDS = [
    "plain", "two\nlines", "a\r\nb", 'a "quoted" one', "tab\there, comma", "Grüße", "日本語",
    "\N{GRINNING FACE}", " padded ", "\ufeffmark", "a\u2028b", "x" * 140_000, "0",
]  # fmt: skip


def write(path, texts, ids=None):
    """Write a file of the kind that its ending says, with columns that nobody asks for."""
    columns = {"before": ["b"] * len(texts), "text": texts, "id": ids or list(range(len(texts)))}
    if path.suffix == ".parquet":
        write_parquet(path, columns)
    elif path.suffix in (".jsonl", ".ndjson"):
        rows = zip(*columns.values(), strict=True)
        lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
        path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
    else:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter=delimiter)
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    return path


def write_parquet(path, columns, **options):
    import pyarrow
    import pyarrow.parquet

    pyarrow.parquet.write_table(pyarrow.table(columns), path, **options)
    return path


def joined(file):
    return list(itertools.chain.from_iterable(file))


def open_files(path):
    """How many times this process holds the file open."""
    gc.collect()
    folder = Path("/proc/self/fd")
    if not folder.is_dir():
        pytest.skip("no list of open files on this system")
    real = os.path.realpath(path)
    return sum(os.path.realpath(link) == real for link in folder.iterdir())


# Reading


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("block_rows", [1, 3, 13, 4096])
def test_blocks_are_the_texts_of_load_file(tmp_path, ending, block_rows):
    path = write(tmp_path / f"pool{ending}", WORDS)
    file = TextFile(path, block_rows=block_rows)
    blocks = list(file)
    assert joined(blocks) == WORDS == load_file(path, label_column=None).texts
    assert [len(block) for block in blocks[:-1]] == [block_rows] * (len(blocks) - 1)
    assert 1 <= len(blocks[-1]) <= block_rows
    assert list(file) == blocks
    assert file.n_rows == (len(WORDS) if ending == ".parquet" else None)
    assert file.path == path
    assert not hasattr(file, "__len__")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("seed", range(5))
def test_random_texts_with_blanks_agree_with_load_file(tmp_path, ending, seed):
    rng = random.Random(seed)
    texts = [rng.choice([*WORDS[:-2], "", " ", "\n"]) for _ in range(200)] + ["end"]
    path = write(tmp_path / f"pool{ending}", texts)
    with pytest.warns(UserWarning, match="texts are empty") as whole:
        expected = load_file(path, label_column=None).texts
    file = TextFile(path, block_rows=rng.randint(1, 70))
    with pytest.warns(UserWarning, match="texts are empty") as streamed:
        assert joined(file) == expected
    assert str(streamed[0].message) == str(whole[0].message)
    assert streamed[0].filename == __file__
    rows = rng.choices(range(201), k=50)
    assert [document["text"] for document in file.take(rows)] == [expected[row] for row in rows]


def test_spreadsheet_programs_and_blank_lines(tmp_path):
    path = tmp_path / "pool.csv"
    path.write_bytes(b'\xef\xbb\xbftext,id\r\n\r\nhello,a\r\n\r\n"two\r\nlines",b\r\n')
    file = TextFile(path, id_column="id", block_rows=1)
    assert list(file) == [["hello"], ["two\r\nlines"]]
    assert file.take([1]) == [{"row": 1, "id": "b", "text": "two\r\nlines"}]


@pytest.mark.parametrize("ending", [".jsonl", ".parquet"])
def test_missing_texts_keep_their_rows(tmp_path, ending):
    texts = ["a", None, "b", None, "c"]
    file = TextFile(write(tmp_path / f"pool{ending}", texts), block_rows=2)
    first = {".jsonl": "line 3", ".parquet": "row 1"}[ending]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        blocks = iter(file)
        seen = [next(blocks), next(blocks), next(blocks)]
        assert not caught
        assert next(blocks, None) is None
    assert seen == [["a", ""], ["b", ""], ["c"]]
    assert [str(w.message) for w in caught] == [
        f"{file.path}: 2 of 5 texts are empty, the first in {first}"
    ]
    assert file.take([3]) == [{"row": 3, "id": 3, "text": ""}]


def test_names_of_columns(tmp_path):
    path = tmp_path / "pool.csv"
    path.write_text("key,body\nk1,one\nk2,two\n")
    file = TextFile(str(path), "body", "key")
    assert list(file) == [["one", "two"]]
    assert file.take([1]) == [{"row": 1, "id": "k2", "text": "two"}]
    assert TextFile(path, "key", "key").take([0]) == [{"row": 0, "id": "k1", "text": "k1"}]
    assert repr(file) == f"TextFile('{path}', 'body', 'key')"


# Rows by number


@pytest.mark.parametrize("ending", ENDINGS)
def test_take(tmp_path, ending):
    path = write(tmp_path / f"pool{ending}", WORDS, [f"id{row}" for row in range(len(WORDS))])
    rows = np.array([7, 0, 12, 7, 3])
    documents = TextFile(path, id_column="id", block_rows=4).take(rows)
    assert documents == [{"row": r, "id": f"id{r}", "text": WORDS[r]} for r in rows.tolist()]
    assert {type(document["row"]) for document in documents} == {int}
    assert documents[0] is not documents[3]
    without = TextFile(path, block_rows=4)
    assert without.take([5, 4]) == [{"row": r, "id": r, "text": WORDS[r]} for r in (5, 4)]
    assert without.take([]) == []
    last = len(WORDS) - 1
    assert without.take([last])[0]["text"] == WORDS[last]
    for row in (last + 1, 10**15):
        with pytest.raises(ValueError, match=rf"rows must lie in 0\.\.12, .*{ending}, got {row}"):
            without.take([0, row])


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([-1], ValueError, "rows must not be negative, got -1"),
        ([0.5], TypeError, "rows must hold row numbers, got float64"),
        ([True, False], TypeError, "rows must hold row numbers, got bool"),
        (["a"], TypeError, "rows must hold row numbers"),
        (3, ValueError, "rows must be a list of row numbers"),
        ([[1]], ValueError, "rows must be a list of row numbers"),
    ],
)
def test_take_bad_rows(tmp_path, rows, error, message):
    file = TextFile(write(tmp_path / "pool.csv", ["a", "b"]))
    with pytest.raises(error, match=message):
        file.take(rows)


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_take_reads_as_far_as_the_last_row_wanted(tmp_path, ending):
    path = write(tmp_path / f"pool{ending}", [str(row) for row in range(20)])
    with path.open("ab") as file:
        file.write(b"\xff broken\n")
    file = TextFile(path, block_rows=8)
    assert [document["text"] for document in file.take([19, 2])] == ["19", "2"]
    with pytest.raises(ValueError, match="not UTF-8"):
        file.take([20])


# Memory


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
def test_memory_does_not_grow_with_the_file(tmp_path, ending):
    rng = random.Random(0)
    texts = [f"{row} {rng.randbytes(250).hex()}" for row in range(20_000)]
    path = write(tmp_path / f"pool{ending}", texts)
    del texts
    file = TextFile(path, block_rows=256)
    tracemalloc.start()
    try:
        assert sum(len(block) for block in file) == 20_000
        assert file.take([19_999, 4])[0]["row"] == 19_999
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The texts are 10 MB, and a block 0.13 MB.
    assert peak < 2_000_000


def test_a_row_group_of_parquet_is_not_held_whole(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    rng = random.Random(0)
    texts = [f"{row} {rng.randbytes(500).hex()}" for row in range(20_000)]
    path = write(tmp_path / "pool.parquet", texts)
    del texts
    before, most = pyarrow.total_allocated_bytes(), 0
    for _ in TextFile(path, block_rows=100):
        most = max(most, pyarrow.total_allocated_bytes() - before)
    # One row group of 20 MB.
    assert most < 8_000_000


# Files and limits that are held


@pytest.mark.parametrize("ending", ENDINGS)
def test_an_abandoned_iteration_closes_the_file(tmp_path, ending):
    path = write(tmp_path / f"pool{ending}", WORDS)
    file = TextFile(path, block_rows=2)
    assert open_files(path) == 0
    blocks = iter(file)
    assert next(blocks) == WORDS[:2]
    assert open_files(path) == 1
    blocks.close()
    assert open_files(path) == 0
    for _ in file:
        break
    file.take([1])
    assert open_files(path) == 0
    joined(file)
    assert open_files(path) == 0


@pytest.mark.parametrize("name", ["pool.csv", "pool.jsonl"])
def test_a_broken_file_is_closed(tmp_path, name):
    path = write(tmp_path / name, ["a", "b"])
    with path.open("ab") as file:
        file.write(b"\xff\n")
    with pytest.raises(ValueError, match="not UTF-8") as caught:
        joined(TextFile(path, block_rows=1))
    # Even while somebody still looks at the error.
    assert caught.value.__traceback__ is not None
    assert open_files(path) == 0


def test_the_limit_of_csv_is_not_left_raised(tmp_path):
    path = write(tmp_path / "pool.csv", WORDS)
    limit = csv.field_size_limit()
    assert limit < 10**6
    file = TextFile(path, block_rows=2)
    for _ in file:
        assert csv.field_size_limit() == limit
    abandoned = iter(file)
    next(abandoned)
    assert csv.field_size_limit() == limit
    # Nor is the lock held: readers in this thread and another one get on.
    for left, right in zip(file, TextFile(path, block_rows=2), strict=True):
        assert left == right
    results = []
    others = [threading.Thread(target=lambda: results.append(joined(file))) for _ in range(4)]
    for thread in others:
        thread.start()
    assert load_file(path, label_column=None).texts == WORDS
    for thread in others:
        thread.join(20)
    assert results == [WORDS] * 4
    path.write_bytes(b'text\n"x"y\n')
    with pytest.raises(ValueError, match="broken CSV"):
        joined(file)
    assert csv.field_size_limit() == limit
    del abandoned


# Mistakes and broken files

AT_ONCE = {
    "pool.txt": (b"x", r"pool\.txt: the ending must be one of"),
    "empty.csv": (b"", "empty.csv is empty"),
    "blank.csv": (b"\n\n", "blank.csv is empty"),
    "header.csv": (b"text\n", "holds column names but no rows"),
    "blank.jsonl": (b"\n \n", "no rows"),
    "column.csv": (b"body,label\nx,a\n", "no column 'text'; its columns are 'body', 'label'$"),
    "column.jsonl": (b'{"body": "x"}\n', "no column 'text'; its columns are 'body'$"),
    "twice.tsv": (b"text\ttext\nx\ty\n", "has 2 columns called 'text'"),
    "utf16.csv": ("text\nx\n".encode("utf-16"), "is UTF-16"),
    "first.csv": (b"text\nx,y\n", "line 2: 2 fields"),
    "number.jsonl": (b'{"text": 5}\n', "line 1: the 'text' must be text, got 5"),
    "array.jsonl": (b"[]\n", "line 1: every line must be a JSON object"),
    "not.parquet": (b"text\nx\n", "not a Parquet file that can be read"),
}


@pytest.mark.parametrize("name", AT_ONCE)
def test_mistakes_that_show_at_once(tmp_path, name):
    content, message = AT_ONCE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        TextFile(tmp_path / name)


LATER = {
    "latin1.csv": (b"text\nx\ncaf\xe9\n", r"line 3: not UTF-8 \(byte 0xe9 at position 4"),
    "nul.csv": (b"text\nx\ny\0\n", "line 3: there is a NUL byte"),
    "fields.csv": (b"text,id\nx,1\n\n\nx\n", "line 5: 1 fields, but the first line names 2"),
    "quote.csv": (b'text\nx\n"y\nz\n', "line 4: broken CSV .* row starts on line 3"),
    "cut.jsonl": (b'{"text": "x"}\n{"text": "y', "line 2: broken JSON"),
    "latin1.jsonl": (b'{"text": "x"}\n{"text": "\xe9"}\n', "line 2: not UTF-8"),
    "key.jsonl": (b'{"text": "x"}\n{"txt": "y"}\n', "line 2: no 'text'; its keys are 'txt'"),
    "number.jsonl": (b'{"text": "x"}\n{"text": 5}\n', "line 2: the 'text' must be text, got 5"),
    "half.jsonl": (b'{"text": "x"}\n{"text": "\\ud800"}\n', "line 2: the 'text' is broken"),
    "all.csv": (b"text,id\n,1\n ,2\n", "every 'text' is empty"),
}


@pytest.mark.parametrize("name", LATER)
@pytest.mark.parametrize("block_rows", [1, 4096])
def test_broken_lines(tmp_path, name, block_rows):
    content, message = LATER[name]
    (tmp_path / name).write_bytes(content)
    file = TextFile(tmp_path / name, block_rows=block_rows)
    with pytest.raises(ValueError, match=message) as streamed:
        joined(file)
    with pytest.raises(ValueError, match=message) as whole:
        load_file(tmp_path / name, label_column=None)
    assert str(streamed.value) == str(whole.value)
    assert name in str(streamed.value)
    if "all" not in name:
        with pytest.raises(ValueError, match=message):
            file.take([1])


def test_texts_before_a_broken_line_come_first(tmp_path):
    path = tmp_path / "pool.csv"
    path.write_bytes(b"text\na\nb\nc\nd,e\n")
    blocks = iter(TextFile(path, block_rows=2))
    assert next(blocks) == ["a", "b"]
    with pytest.raises(ValueError, match="line 5: 2 fields"):
        next(blocks)


def test_broken_parquet(tmp_path):
    path = write(tmp_path / "pool.parquet", [f"text number {row}" for row in range(3000)])
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"pool\.parquet: not a Parquet file that can be read"):
        TextFile(path)
    path.write_bytes(whole)
    file = TextFile(path, block_rows=100)
    # The end, which lists the columns, is sound, and the pages before it are not.
    rubbish = random.Random(0).randbytes(len(whole) - 2500)
    path.write_bytes(whole[:4] + rubbish + whole[4 + len(rubbish) :])
    for read in (joined, lambda file: file.take([2999])):
        with pytest.raises(ValueError, match=r"pool\.parquet: not a Parquet .* in row \d+ or"):
            read(file)
    with pytest.raises(ValueError, match=r"pool\.parquet: not a Parquet"):
        TextFile(path)
    path.write_bytes(whole)
    assert len(joined(file)) == 3000


def test_parquet_columns(tmp_path):
    import pyarrow

    path = write_parquet(tmp_path / "pool.parquet", {"body": ["x"]})
    with pytest.raises(ValueError, match="no column 'text'; its columns are 'body'"):
        TextFile(path)
    write_parquet(path, {"text": [None, 5]})
    with pytest.raises(ValueError, match="row 1: the 'text' must be text, got 5"):
        joined(TextFile(path))
    write_parquet(path, {"text": pyarrow.array([], pyarrow.string())})
    with pytest.raises(ValueError, match="no rows"):
        TextFile(path)
    latin1 = pyarrow.Array.from_buffers(
        pyarrow.string(),
        2,
        [None, pyarrow.py_buffer(np.int32([0, 1, 2])), pyarrow.py_buffer(b"e\xe9")],
    )
    write_parquet(path, {"text": latin1})
    with pytest.raises(ValueError, match=r"pool\.parquet: a column .* not UTF-8 in row 1 or"):
        joined(TextFile(path, block_rows=1))


@pytest.mark.parametrize("kind", ["groups", "dictionary", "large", "view"])
def test_kinds_of_parquet(tmp_path, kind):
    import pyarrow

    texts = [f"text {row % 7}" for row in range(1000)]
    array, options = pyarrow.array(texts), {}
    if kind == "groups":
        options = {"row_group_size": 30, "compression": "gzip", "data_page_size": 100}
    elif kind == "dictionary":
        array = array.dictionary_encode()
    elif kind == "large":
        array = array.cast(pyarrow.large_string())
    else:
        array = array.cast(pyarrow.string_view())
    path = write_parquet(tmp_path / "pool.parquet", {"text": array}, **options)
    blocks = list(TextFile(path, block_rows=64))
    assert max(map(len, blocks)) <= 64
    assert joined(blocks) == texts
    assert TextFile(path, block_rows=64).take([999, 31])[0]["text"] == texts[999]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"block_rows": 0}, ValueError, "block_rows must be a whole number of at least 1"),
        ({"block_rows": 1.5}, TypeError, "block_rows must be"),
        ({"text_column": None}, TypeError, "text_column must be the name of a column, got None"),
        ({"id_column": 3}, TypeError, "id_column must be the name of a column, got 3"),
        ({"id_column": ""}, ValueError, "id_column must be the name of a column, got ''"),
        ({"id_column": "key"}, ValueError, "no column 'key'; its columns are 'before', 'text'"),
    ],
)
def test_bad_arguments(tmp_path, arguments, error, message):
    path = write(tmp_path / "pool.csv", ["a"])
    with pytest.raises(error, match=message):
        TextFile(path, **arguments)


def test_files_that_are_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no such file: .*nothing\.csv"):
        TextFile(tmp_path / "nothing.csv")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ValueError, match="is not a file"):
        TextFile(tmp_path / "folder.csv")
    path = write(tmp_path / "pool.csv", ["a"])
    file = TextFile(path)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="no such file"):
        joined(file)


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason="the real sets are not on this machine")
@pytest.mark.parametrize("name", ["trec6", "sms_spam", "debian_packages"])
def test_real_files(name):
    path = REAL_DATA / f"{name}.parquet"
    texts = load_file(path, label_column=None).texts
    file = TextFile(path, block_rows=1000)
    assert file.n_rows == len(texts)
    assert joined(file) == texts
    rows = [len(texts) - 1, 0, 1000]
    assert [document["text"] for document in file.take(rows)] == [texts[row] for row in rows]
