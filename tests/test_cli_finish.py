"""``fastal label --stop-when``, ``finish``, ``audit``: a whole file labelled, its error known."""

from __future__ import annotations

import csv
import errno
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from fastal import audit_error, audit_rows
from fastal._cli_arguments import make_parser
from fastal._cli_stop import Advice
from fastal.cli import main
from fastal.datasets import load_file
from fastal.label_store import LabelStore
from fastal.oracle import TerminalOracle

WORDS = {"sport": "match goal team cup coach", "politics": "vote law party minister state"}
SHARED = ["the", "a", "of", "and", "said", "today", "year", "people", "new", "day", "week"]


def make_texts(n: int) -> tuple[list[str], list[str]]:
    """Texts of two classes with words in common; some hardly tell what they are about."""
    rng = np.random.RandomState(0)
    truth = rng.choice(["sport", "politics"], n, p=[0.3, 0.7]).tolist()
    texts = []
    for i, label in enumerate(truth):
        own = rng.choice(WORDS[label].split(), rng.randint(0, 4)).tolist()
        texts.append(" ".join([*own, *rng.choice(SHARED, 4), f"n{i % 50}"]))
    return texts, truth


TEXTS, TRUTH = make_texts(600)


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FASTAL_DEBUG", raising=False)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[int]]:
    """Let somebody answer with the truth, at most so many times; returns the rows asked about."""

    def will(n: int, skip: Callable[[int], bool] = lambda row: False) -> list[int]:
        asked: list[int] = []

        def ask(self: TerminalOracle, row: int, where: str) -> None:
            if len(asked) >= n:
                self.stopped = True
                return
            asked.append(row)
            if skip(row):
                self.store.skip(row)
            else:
                self.store.label(row, TRUTH[row])

        monkeypatch.setattr(TerminalOracle, "_ask", ask)
        return asked

    return will


def write_pool(name: str = "pool.csv", texts: list[str] = TEXTS, **columns: list[Any]) -> str:
    every = {"text": texts, **columns}
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(every)
        writer.writerows(zip(*every.values(), strict=True))
    return name


def write_labels(rows: Any, texts: list[str] = TEXTS, path: str = "pool.csv.labels.jsonl") -> None:
    with LabelStore(path, texts) as store:
        for row in rows:
            store.label(row, TRUTH[row])


def read_finished(name: str) -> list[dict[str, str]]:
    with Path(name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("command", ["finish", "audit"])
def test_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: fastal {command} [options] FILE")
    assert "examples:\n  fastal " + command in out
    assert "==SUPPRESS==" not in out
    assert max(map(len, out.splitlines())) <= 96


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["finish", "x.csv", "--min-confidence", "2"], "a number from 0 to 1 was expected"),
        (["finish", "x.csv", "--min-confidence", "high"], "got 'high'"),
        (["audit", "x.csv", "--n", "0"], "a whole number from 1"),
        (["label", "x.csv", "--stop-when", "bored"], "stable, f-stable, certain, labels=N"),
        (["label", "x.csv", "--stop-when", "stable=3"], "got 'stable=3'"),
        (["label", "x.csv", "--stop-when", "labels=0"], "got 'labels=0'"),
        (["label", "x.csv", "--stop-when", "accuracy=90"], "got 'accuracy=90'"),
        (["label", "x.csv", "--stop-when", "stable,"], "got ''"),
        (["label", "x.csv", "--stop-when", "labels=5,labels=6"], "each rule once"),
    ],
)
def test_wrong_usage(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert message in capsys.readouterr().err


def test_stop_when_is_read() -> None:
    parse = make_parser().parse_args
    given = parse(["label", "x", "--stop-when", "stable, labels=500,accuracy=0.9"]).stop_when
    assert given == [("stable", 0.0), ("labels", 500), ("accuracy", 0.9)]
    assert parse(["label", "x"]).stop_when is None
    assert (parse(["audit", "x"]).n, parse(["finish", "x"]).min_confidence) == (200, 0)


# ------------------------------------------------------------------ the whole way


def test_label_stop_finish_audit(answers: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write_pool()
    asked = answers(120)
    rules = "stable,f-stable,certain,labels=40,accuracy=0.99"
    options = ["--estimator", "naive-bayes"]
    assert main(["label", "pool.csv", "--batch", "20", "--stop-when", rules, *options]) == 0
    out = capsys.readouterr().out
    rounds = out.split("=" * 79)
    assert "You may stop" not in rounds[1]
    assert re.search(r"You may stop \(q\), says .*labels", rounds[2])
    assert "labels: 40 labels, of a budget of 40." in rounds[2]
    # It never ends by itself.
    assert len(asked) == 120
    assert "The model labels the rest:  fastal finish pool.csv" in out
    assert max(map(len, out.splitlines())) <= 80

    assert main(["finish", "pool.csv", *options]) == 0
    out = capsys.readouterr().out
    assert "600 texts: 120 labelled by you, 480 by the model, 0 by nobody" in out
    finished = read_finished("pool.finished.csv")
    assert list(finished[0]) == ["text", "label", "source", "confidence"]
    assert [line["text"] for line in finished] == TEXTS
    persons = [row for row, line in enumerate(finished) if line["source"] == "person"]
    assert persons == sorted(asked)
    assert all(finished[row]["label"] == TRUTH[row] for row in persons)
    assert all(finished[row]["confidence"] == "" for row in persons)
    wrong = [
        line["label"] != label
        for line, label in zip(finished, TRUTH, strict=True)
        if line["source"] == "model"
    ]
    assert 0 < np.mean(wrong) < 0.3

    checked = answers(10**6)
    assert main(["audit", "pool.finished.csv", "--n", "150", "--output", "final.csv"]) == 0
    out = capsys.readouterr().out
    by_model = np.array([line["source"] == "model" for line in finished])
    assert checked == audit_rows(600, 150, ~by_model, 0).tolist()
    n_wrong = sum(finished[row]["label"] != TRUTH[row] for row in checked)
    found = audit_error(n_wrong, 150, 480, 120)
    assert f"150 checked, {n_wrong} of them wrong." in out
    assert str(found) in out.replace("\n", " ")
    # What the users came for: the true error is where the program says it is.
    assert found.low <= np.mean(wrong) <= found.high
    final = read_finished("final.csv")
    assert [line["source"] for line in final].count("audit") == 150
    left = np.mean([line["label"] != label for line, label in zip(final, TRUTH, strict=True)])
    assert found.left.low <= left <= found.left.high
    assert all(final[row]["label"] == TRUTH[row] for row in checked)
    # The labels of the person, and what was audited, are as they were.
    assert read_finished("pool.finished.csv") == finished
    assert len(LabelStore("pool.csv.labels.jsonl", TEXTS, read_only=True).labels) == 120


def test_advice_goes_on_where_the_last_session_stopped(
    answers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool()
    command = ["label", "pool.csv", "--batch", "20", "--stop-when", "stable,f-stable"]
    command += ["--estimator", "naive-bayes"]
    answers(120)
    main(command)
    whole = re.findall(r"  stable: (.*?)\.\n  f-stable: (.*?)\.\n", capsys.readouterr().out, re.S)
    Path("pool.csv.labels.jsonl").unlink()
    answers(100)
    main(command)
    capsys.readouterr()
    answers(20)
    main(command)
    out = capsys.readouterr().out
    again = re.findall(r"  stable: (.*?)\.\n  f-stable: (.*?)\.\n", out, re.S)
    # The round after 100 labels, and after 120; those of a single sitting the same.
    assert again[-2:] == whole[-2:]
    assert "kappa" in again[0][0]


def test_advice_before_there_is_a_model(answers: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write_pool()
    answers(0)
    assert main(["label", "pool.csv", "--stop-when", "stable,certain,accuracy=0.9"]) == 0
    out = capsys.readouterr().out
    assert out.count("there is no model yet") == 3
    assert "fastal finish" not in out


# ------------------------------------------------------------------ finish


def test_min_confidence_empty_texts_and_skipped_ones(capsys: pytest.CaptureFixture[str]) -> None:
    texts = [*TEXTS[:598], "", "  "]
    write_pool(texts=texts)
    write_labels(range(60), texts)
    with LabelStore("pool.csv.labels.jsonl", texts) as store:
        store.skip(100)
    with pytest.warns(UserWarning, match="2 of 600 texts are empty"):
        fastal_warns("finish", "pool.csv", "--min-confidence", "0.7")
    lines = read_finished("pool.finished.csv")
    assert [lines[row]["source"] for row in (59, 100, 598, 599)] == ["person"] + ["none"] * 3
    for line in lines[60:]:
        # What the model is not sure of has no label, and keeps its confidence.
        assert (line["label"] == "") == (line["source"] == "none")
        assert line["source"] == "none" or float(line["confidence"]) >= 0.7
    unsure = [line for line in lines if line["confidence"] and float(line["confidence"]) < 0.7]
    assert unsure
    assert {line["source"] for line in unsure} == {"none"}
    out = capsys.readouterr().out
    n_none = sum(line["source"] == "none" for line in lines)
    assert f"{n_none} by nobody" in out
    assert f"({n_none - 3} of which the model is not sure enough" in out
    assert "3 empty or skipped" in out


def fastal_warns(*arguments: str) -> None:
    # main shows warnings as notes: here they are wanted.
    from fastal import _cli_finish

    assert _cli_finish.finish(make_parser().parse_args(arguments)) == 0


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_every_kind_of_file_is_read_as_it_was_written(ending: str, answers: Any) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
    odd = [
        'a "quoted", text\nin two lines',
        "tab\there",
        "a\rcarriage return",
        "日本語 Grüße \u2028",
    ]
    texts = [f"{text} {TEXTS[i]}" for i, text in enumerate(odd)] + TEXTS[4:40]
    write_pool(texts=texts)
    write_labels(range(5, 30), texts)
    assert main(["finish", "pool.csv", "--output", f"out{ending}", "--min-confidence", "0.6"]) == 0
    data = load_file(f"out{ending}", "text", "label", partly_labeled=True)
    assert data.texts == texts
    assert data.y is not None
    assert data.y[5:30].tolist() == TRUTH[5:30]
    assert not list(Path().glob("*.part"))
    # And the next program takes it.
    asked = answers(10**6)
    assert main(["audit", f"out{ending}"]) == 0
    assert len(asked) > 0
    assert not set(asked) & set(range(5, 30))


def write_every_kind(path: Path, half: str = "") -> list[str]:
    """Forty texts with columns of all sorts, in a file of that ending; the columns' names."""
    rows = range(40)
    label: list[Any] = [*TRUTH[:20], *[None] * 20]
    columns: dict[str, list[Any]] = {
        "": [str(row) for row in rows],
        "id": [f"00{row}" for row in rows],
        "text": TEXTS[:40],
        "note": [
            ("", 'a "quote", and\nanother\r line', "日本語 \u2028", " ")[row % 4] for row in rows
        ],
        "label": label,
        "source": ["Reuters", "dpa"] * 20,
    }
    if path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, "excel" if path.suffix == ".csv" else "excel-tab")
            writer.writerows([columns, *zip(*columns.values(), strict=True)])
        return list(columns)
    columns["n"] = [row or None for row in rows]
    columns["share"] = [row / 3 for row in rows]
    columns["tags"] = [["a", "b"][: row % 3] for row in rows]
    columns["good"] = [bool(row % 2) for row in rows]
    if path.suffix == ".jsonl":
        entries = [{name: column[row] for name, column in columns.items()} for row in rows]
        entries[3] |= {"only here": {"x": [1, None]}, "half": half, "n": "three"}
        del entries[4]["good"]
        path.write_text("\n".join(map(json.dumps, entries)))
        return [*columns, "only here", "half"]
    import pyarrow
    import pyarrow.parquet

    columns["when"] = [np.datetime64("2024-01-31T12:30:15.123456789") + row for row in rows]
    columns["raw"] = [bytes([row, 0, 255]) for row in rows]
    table = pyarrow.table(columns)
    table = table.append_column("kind", pyarrow.array(["x", "y"] * 20).dictionary_encode())
    pyarrow.parquet.write_table(table, path, row_group_size=7)
    return list(table.column_names)


OWN = ["text", "label", "source", "confidence"]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_other_columns_are_kept(
    ending: str, answers: Any, capsys: pytest.CaptureFixture[str], monkeypatch: Any
) -> None:
    if ending == ".parquet":
        pytest.importorskip("pyarrow")
        monkeypatch.setattr("fastal._file_writer._GROUP_ROWS", 9)
    path = Path(f"pool{ending}")
    names = write_every_kind(path, half="\ud83d")
    others = [name for name in names if name not in ("text", "label")]
    kept = ["source_in_file" if name == "source" else name for name in others]
    assert main(["finish", str(path)]) == 0
    assert f"pool{ending}: its column 'source' is kept as 'source_in_file'" in (
        capsys.readouterr().err
    )
    answers(5)
    done = Path(f"pool.finished{ending}")
    assert main(["audit", str(done), "--output", f"final{ending}"]) == 0
    # What was finished is finished again: fastal's own columns are not taken for the user's.
    assert main(["finish", f"final{ending}", "--output", f"again{ending}"]) == 0
    for new in (done, Path(f"final{ending}"), Path(f"again{ending}")):
        if ending == ".parquet":
            import pyarrow.parquet

            before, after = pyarrow.parquet.read_table(path), pyarrow.parquet.read_table(new)
            assert after.column_names == [*OWN, *kept]
            assert after.select(kept).rename_columns(others).equals(before.select(others))
        elif ending == ".jsonl":
            old_lines, lines = (p.read_text().strip("\n").split("\n") for p in (path, new))
            for old, line in zip(map(json.loads, old_lines), map(json.loads, lines), strict=True):
                old["source_in_file"] = old.pop("source")
                assert {name: v for name, v in line.items() if name not in OWN} == {
                    name: v for name, v in old.items() if name not in OWN
                }
        else:
            delimiter = "\t" if ending == ".tsv" else ","
            with path.open(newline="") as a, new.open(newline="") as b:
                old_rows, rows = (list(csv.reader(file, delimiter=delimiter)) for file in (a, b))
            assert rows[0] == [*OWN, *kept]
            places = [names.index(name) for name in others]
            assert [row[4:] for row in rows[1:]] == [
                [row[place] for place in places] for row in old_rows[1:]
            ]


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("output", [".csv", ".jsonl", ".parquet"])
def test_other_columns_in_another_kind_of_file(ending: str, output: str, capsys: Any) -> None:
    pytest.importorskip("pyarrow")
    write_every_kind(Path(f"pool{ending}"))
    code = main(["finish", f"pool{ending}", "--output", f"out{output}"])
    err = capsys.readouterr().err
    if ending != output and ending != ".csv" and (ending, output) != (".jsonl", ".csv"):
        # Texts beside numbers in one column, or bytes: nothing is written, nothing left out.
        assert code == 1
        name = "n" if output == ".parquet" else None
        assert (f"the values of {name!r}" if name else "only Parquet holds values such") in err
        assert f"write a file that ends in {ending}" in err
        assert not Path(f"out{output}").exists()
        return
    assert code == 0
    data = load_file(f"out{output}", partly_labeled=True)
    assert data.texts == TEXTS[:40]
    if (ending, output) == (".jsonl", ".csv"):
        lines = read_finished("out.csv")
        assert (lines[2]["good"], lines[3]["good"], lines[4]["good"]) == ("false", "true", "")
        assert [line["n"] for line in lines[:5]] == ["", "1", "2", "three", "4"]
        assert lines[5]["tags"] == '["a", "b"]'
        assert lines[3]["only here"] == '{"x": [1, null]}'
    if output == ".jsonl" and ending == ".csv":
        entry = json.loads(Path("out.jsonl").read_text().splitlines()[1])
        assert list(entry) == [*OWN, *["", "id", "note", "source_in_file"]]
        assert entry["id"] == "001"


def test_the_columns_of_texts_and_labels_have_fastals_names(capsys: Any) -> None:
    lines = [
        {"review": text, "stars": label if row < 30 else None, "text": row, "label": [row]}
        for row, (text, label) in enumerate(zip(TEXTS, TRUTH, strict=True))
    ]
    Path("pool.jsonl").write_text("\n".join(map(json.dumps, lines)))
    options = ["--text-column", "review", "--label-column", "stars"]
    assert main(["finish", "pool.jsonl", *options]) == 0
    entries = list(map(json.loads, Path("pool.finished.jsonl").read_text().splitlines()))
    assert list(entries[0]) == [*OWN, "stars", "text_in_file", "label_in_file"]
    assert [entry["text"] for entry in entries] == TEXTS
    assert [entry["stars"] for entry in entries] == [line["stars"] for line in lines]
    assert entries[7]["label_in_file"] == [7]
    assert "its column 'label' is kept as 'label_in_file'" in capsys.readouterr().err


def test_labels_that_are_not_read_are_not_lost() -> None:
    write_pool(label=["mine"] * 600)
    write_labels(range(40))
    assert main(["finish", "pool.csv", "--ignore-labels"]) == 0
    assert {line["label_in_file"] for line in read_finished("pool.finished.csv")} == {"mine"}


def test_half_a_character_is_no_csv(capsys: Any) -> None:
    write_every_kind(Path("pool.jsonl"), half="\ud83d")
    assert main(["finish", "pool.jsonl", "--output", "out.csv"]) == 1
    assert "out.csv: nothing was written: a text holds half a char" in capsys.readouterr().err
    assert not list(Path().glob("out*"))


def test_two_columns_of_one_name(capsys: Any) -> None:
    with Path("pool.csv").open("w", newline="") as file:
        csv.writer(file).writerows(
            [["a", "a_in_file", "text", "a"], *([1, 2, text, 3] for text in TEXTS)]
        )
    write_labels(range(40))
    assert main(["finish", "pool.csv"]) == 0
    assert list(read_finished("pool.finished.csv")[0].values())[4:] == ["1", "2", "3"]
    assert list(read_finished("pool.finished.csv")[0])[4:] == [
        "a",
        "a_in_file",
        "a_in_file_in_file",
    ]


def test_whole_numbers_stay_whole_numbers() -> None:
    lines = [
        {"text": text, "stars": int(label == "sport") if row < 30 else None}
        for row, (text, label) in enumerate(zip(TEXTS, TRUTH, strict=True))
    ]
    Path("pool.jsonl").write_text("\n".join(map(json.dumps, lines)))
    assert main(["finish", "pool.jsonl", "--label-column", "stars"]) == 0
    entries = [json.loads(line) for line in Path("pool.finished.jsonl").read_text().splitlines()]
    assert {type(entry["label"]) for entry in entries} == {int}
    assert entries[0]["confidence"] is None
    assert isinstance(entries[-1]["confidence"], float)


def test_a_finished_file_is_not_taken_for_a_persons_labels(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_pool()
    write_labels(range(40))
    assert main(["finish", "pool.csv"]) == 0
    capsys.readouterr()
    assert main(["query", "pool.finished.csv", "--n", "3", "--format", "jsonl"]) == 0
    shown = capsys.readouterr()
    assert "labels by the model of fastal finish are left out" in shown.err
    assert "labels so far: 40." in shown.err
    assert all(json.loads(line)["row"] >= 40 for line in shown.out.splitlines())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--output", "pool.csv"], "--output would replace pool.csv"),
        (["--output", "./pool.csv.labels.jsonl"], "--output would replace"),
        (["--output", "absent/out.csv"], "lies in none"),
        (["--output", "out.docx"], "out.docx: the ending must be one of .csv"),
        (["--labels", "absent.csv"], "absent.csv: No such file"),
        (["--train-on-audit", "absent.jsonl"], "no such file: absent.jsonl"),
        (["--train-on-audit", "pool.csv", "--output", "x.csv"], "pool.csv, line 1 is no event"),
        (["--train-on-audit", "./pool.csv.labels.jsonl"], "is where your labels come from"),
    ],
)
def test_what_finish_refuses(
    options: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool()
    write_labels(range(40))
    before = {path.name: path.read_bytes() for path in Path().iterdir()}
    assert main(["finish", "pool.csv", *options]) == 1
    assert message in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in Path().iterdir()} == before


@pytest.mark.parametrize("output", [[], ["--output", "out.jsonl"]])
def test_finish_replaces_a_file_only_if_told_to(output: list[str], capsys: Any) -> None:
    write_pool()
    write_labels(range(40))
    path = Path(output[1] if output else "pool.finished.csv")
    path.write_text("what somebody put right by hand\n")
    assert main(["finish", "pool.csv", *output]) == 1
    assert f"error: {path} is there already; --overwrite replaces it" in capsys.readouterr().err
    assert path.read_text() == "what somebody put right by hand\n"
    assert main(["finish", "pool.csv", *output, "--overwrite"]) == 0
    assert len(load_file(path, label_column=None).texts) == 600
    # Not what the labels come from, whatever is said.
    assert main(["finish", "pool.csv", "--output", "pool.csv", "--overwrite"]) == 1
    assert "--output would replace pool.csv" in capsys.readouterr().err


@pytest.mark.parametrize("rows", [[], [0], [0, 1]])
def test_finish_needs_two_classes(rows: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    write_pool()
    write_labels([row for row in range(600) if TRUTH[row] == "sport"][: len(rows)])
    assert main(["finish", "pool.csv"]) == 1
    err = capsys.readouterr().err
    assert f"needs labels of two classes, and has {min(len(rows), 1)}" in err
    assert "fastal label pool.csv" in err


def test_a_finish_that_is_interrupted_leaves_the_old_file(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    write_pool()
    write_labels(range(40))
    assert main(["finish", "pool.csv"]) == 0
    before = Path("pool.finished.csv").read_bytes()

    def broken(*args: Any, **options: Any) -> Any:
        yield ["text", "label", "model", 0.5]
        raise KeyboardInterrupt

    monkeypatch.setattr("fastal._cli_finish.zip", broken, raising=False)
    assert main(["finish", "pool.csv", "--overwrite"]) == 130
    assert Path("pool.finished.csv").read_bytes() == before
    assert not list(Path().glob("*.part"))


def test_training_on_an_audit(answers: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write_pool()
    write_labels(range(40))
    assert main(["finish", "pool.csv"]) == 0
    first = answers(30)
    assert main(["audit", "pool.finished.csv", "--n", "30"]) == 0
    journal = "pool.finished.csv.audit.jsonl"
    # Not without being told to.
    assert main(["finish", "pool.csv", "--overwrite"]) == 0
    assert "40 labelled by you" in capsys.readouterr().out
    assert main(["finish", "pool.csv", "--overwrite", "--train-on-audit", journal]) == 0
    assert "70 labelled by you, 530 by the model" in capsys.readouterr().out
    # What the model learnt from is not what it is judged by: new rows are asked about.
    second = answers(10**6)
    assert main(["audit", "pool.finished.csv", "--n", "30"]) == 0
    assert len(second) == 30
    assert not set(second) & {*first, *range(40)}


# ------------------------------------------------------------------ audit


@pytest.fixture
def finished() -> str:
    write_pool()
    write_labels(range(60))
    assert main(["finish", "pool.csv"]) == 0
    return "pool.finished.csv"


def test_an_audit_in_several_sittings(
    answers: Any, finished: str, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = read_finished(finished)
    by_model = np.array([line["source"] == "model" for line in lines])
    sample = audit_rows(600, 100, ~by_model, 0).tolist()
    asked = answers(30, skip=lambda row: row in sample[:4])
    assert main(["audit", finished, "--n", "50"]) == 0
    out = capsys.readouterr().out
    n_wrong = sum(lines[row]["label"] != TRUTH[row] for row in sample[4:30])
    assert asked == sample[:30]
    assert "Checked: 26 of the model's labels; 4 skipped" in out
    assert f"26 checked, {n_wrong} of them wrong." in out
    assert "If the skipped texts are the hard ones" in out
    more = answers(10**6)
    assert main(["audit", finished, "--n", "100"]) == 0
    assert more == sample[30:]
    assert "96 checked" in capsys.readouterr().out
    # All answered: the result comes at once.
    nothing = answers(10**6)
    assert main(["audit", finished, "--n", "100"]) == 0
    assert nothing == []
    assert "96 checked" in capsys.readouterr().out


def test_answers_beyond_a_gap_do_not_count(
    answers: Any, finished: str, capsys: pytest.CaptureFixture[str]
) -> None:
    by_model = np.array([line["source"] == "model" for line in read_finished(finished)])
    sample = audit_rows(600, 50, ~by_model, 0)
    # As after an audit of other labels: every third row has an answer, and those are no sample.
    write_labels(sample[::3], path=f"{finished}.audit.jsonl")
    answers(5)
    assert main(["audit", finished, "--n", "50"]) == 0
    # Rows 1, 2, 4, 5 and 7 of the order were asked about: all up to the seventh are known.
    assert "Checked: 8 of the model's labels" in capsys.readouterr().out


def test_the_model_is_not_shown(
    finished: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    keys = iter(["1", "2", "1"])
    monkeypatch.setitem(
        TerminalOracle.__init__.__kwdefaults__, "input", lambda prompt: next(keys, "q")
    )
    assert main(["audit", finished, "--n", "20"]) == 0
    out = capsys.readouterr().out
    questions, report = out.split("Checked: 3")
    assert "1 politics   2 sport" in questions
    assert "confidence" not in questions
    assert "source" not in questions
    assert "3 checked" in report


@pytest.mark.parametrize("key", [KeyboardInterrupt, EOFError])
def test_ctrl_c_prints_what_is_known(
    key: Any, finished: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    keys = iter(["1", "2"])

    def answer(prompt: str) -> str:
        for typed in keys:
            return typed
        raise key

    monkeypatch.setitem(TerminalOracle.__init__.__kwdefaults__, "input", answer)
    assert main(["audit", finished, "--output", "final.csv"]) == (
        130 if key is KeyboardInterrupt else 0
    )
    assert "2 checked" in capsys.readouterr().out
    assert [line["source"] for line in read_finished("final.csv")].count("audit") == 2


def test_an_audit_without_an_answer(answers: Any, finished: str, capsys: Any) -> None:
    answers(0)
    assert main(["audit", finished]) == 0
    assert "nothing can be said" in capsys.readouterr().out


def test_labels_to_learn_from_are_no_audit(
    answers: Any, finished: str, capsys: pytest.CaptureFixture[str]
) -> None:
    journal = Path("pool.csv.labels.jsonl")
    with LabelStore("other", TEXTS) as store:
        # What fastal label --classes leaves before the first answer.
        store.add_classes(["sport", "politics"])
    asked = answers(10**6)
    for path in (journal, Path("other")):
        before = path.read_bytes()
        assert main(["audit", finished, "--journal", str(path)]) == 1
        assert f"{path} is not the journal of an audit" in capsys.readouterr().err
        assert path.read_bytes() == before
    assert asked == []
    # Its own journal is taken, whatever its name, also once the model has learnt from it.
    assert main(["audit", finished, "--journal", "mine", "--n", "20"]) == 0
    assert main(["finish", "pool.csv", "--overwrite", "--train-on-audit", "mine"]) == 0
    assert main(["audit", finished, "--journal", "mine", "--n", "20"]) == 0
    assert len(asked) == 40
    # And never filled with labels that are to be learnt from.
    before = Path("mine").read_bytes()
    assert main(["label", "pool.csv", "--labels", "mine"]) == 1
    assert "mine is the journal of an audit" in capsys.readouterr().err
    assert Path("mine").read_bytes() == before


def test_a_smaller_n_forgets_no_answer(
    answers: Any, finished: str, capsys: pytest.CaptureFixture[str]
) -> None:
    # What the hint of the first call says, typed again without its --n.
    answers(10**6)
    assert main(["audit", finished, "--n", "250"]) == 0
    capsys.readouterr()
    for n in ([], ["--n", "20"]):
        assert main(["audit", finished, *n, "--output", "final.csv"]) == 0
        out = capsys.readouterr().out
        assert "250 checked" in out
        assert "With your 250 answers in place" in out
        assert [line["source"] for line in read_finished("final.csv")].count("audit") == 250


def test_no_answer_is_left_out_of_the_output(
    answers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool()
    write_labels(range(60))
    assert main(["finish", "pool.csv"]) == 0
    asked = answers(80)
    assert main(["audit", "pool.finished.csv", "--n", "80"]) == 0
    # Some of those that were checked have no label any more, and one is the person's by now.
    confidence = [float(read_finished("pool.finished.csv")[row]["confidence"]) for row in asked]
    limit = str(sorted(confidence)[40])
    with LabelStore("pool.csv.labels.jsonl", TEXTS) as store:
        store.label(asked[0], "neither")
    assert main(["finish", "pool.csv", "--overwrite", "--min-confidence", limit]) == 0
    before = read_finished("pool.finished.csv")
    n_none = sum(before[row]["source"] == "none" for row in asked)
    assert n_none > 20
    n_labels = sum(line["source"] != "none" for line in before)
    capsys.readouterr()
    answers(0)
    assert main(["audit", "pool.finished.csv", "--output", "final.csv"]) == 0
    out = capsys.readouterr().out
    final = read_finished("final.csv")
    assert final[asked[0]]["label"] == "neither"
    assert final[asked[0]]["source"] == "person"
    assert [final[row]["label"] for row in asked[1:]] == [TRUTH[row] for row in asked[1:]]
    assert {final[row]["source"] for row in asked[1:]} == {"audit"}
    assert "With your 79 answers in place" in out
    # The counts add up: of how many labels the report speaks, the file holds.
    assert sum(line["source"] != "none" for line in final) == n_labels + n_none
    assert f"Of all {n_labels + n_none:,} labels" in out


def test_answers_that_do_not_count_are_spoken_of(
    answers: Any, finished: str, capsys: pytest.CaptureFixture[str]
) -> None:
    by_model = np.array([line["source"] == "model" for line in read_finished(finished)])
    sample = audit_rows(600, 50, ~by_model, 0)
    write_labels(sample[1:30:2], path=f"{finished}.audit.jsonl")
    answers(1)
    assert main(["audit", finished, "--n", "50", "--output", "final.csv"]) == 0
    out = capsys.readouterr().out
    assert "Checked: 2 of the model's labels" in out
    assert "14 more answers stand behind the first text without one: not counted yet." in out
    assert [line["source"] for line in read_finished("final.csv")].count("audit") == 16


def test_an_audit_of_labels_of_two_kinds(capsys: pytest.CaptureFixture[str]) -> None:
    write_pool()
    kinds = {"sport": 1, "politics": 0}
    for ending, kind in (("csv", str), ("jsonl", int)):
        with LabelStore(f"{ending}.labels.jsonl", TEXTS) as store:
            for row in range(40):
                store.label(row, kind(kinds[TRUTH[row]]))
        options = ["--labels", f"{ending}.labels.jsonl", "--output", f"out.{ending}"]
        assert main(["finish", "pool.csv", *options]) == 0
    with LabelStore("journal", TEXTS) as store:
        store.mark_audit()
        store.label(100, "1")
    before = Path("journal").read_bytes()
    assert main(["audit", "out.jsonl", "--journal", "journal"]) == 1
    assert "the labels are of two kinds, such as '1' and" in capsys.readouterr().err
    assert Path("journal").read_bytes() == before


def test_the_hint_of_an_audit_can_be_typed(
    answers: Any, finished: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("my file.csv").write_bytes(Path(finished).read_bytes())
    answers(3)
    assert main(["audit", "my file.csv", "--seed", "7", "--journal", "my journal"]) == 0
    hint = "fastal audit 'my file.csv' --journal 'my journal' --seed 7 --output FILE"
    assert hint in capsys.readouterr().out
    answers(3)
    assert main(["audit", finished]) == 0
    assert f"fastal audit {finished} --output FILE" in capsys.readouterr().out


def test_the_hint_of_label_names_the_model(
    answers: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool()
    answers(20)
    assert main(["label", "pool.csv", "--estimator", "naive-bayes"]) == 0
    assert "fastal finish pool.csv --estimator naive-bayes\n" in capsys.readouterr().out


def test_the_audit_is_not_drawn_like_the_stop_set() -> None:
    # Else the model stops when it is stable on those very rows that are then to judge it.
    X = sp.csr_matrix(np.arange(20_000.0)[:, None])
    rows = Advice([("stable", 0)], X, np.arange(20_000), 0).rules["stable"].X_stop.toarray()
    both = np.intersect1d(rows.ravel(), audit_rows(20_000, 2000, random_state=0))
    assert 140 < both.size < 260  # 200 are to be expected


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_a_full_disk_is_named(ending: str, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    write_pool()
    write_labels(range(40))

    def full(*args: Any, **options: Any) -> Any:
        yield ["text", "label", "model", 0.5]
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("fastal._cli_finish.zip", full, raising=False)
    assert main(["finish", "pool.csv", "--output", f"out.{ending}"]) == 1
    err = capsys.readouterr().err
    assert f"error: out.{ending}: nothing was written: No space left on device" in err
    assert not list(Path().glob("out*"))


def test_an_audit_killed_keeps_its_answers(finished: str) -> None:
    code = (
        "import time, fastal.oracle as o\n"
        "from fastal.cli import main\n"
        "keys = iter(['1', '2', '1'])\n"
        "def answer(prompt):\n"
        "    for key in keys: return key\n"
        "    print('waiting', flush=True); time.sleep(60)\n"
        "o.TerminalOracle.__init__.__kwdefaults__['input'] = answer\n"
        f"main(['audit', {finished!r}])\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        end = time.monotonic() + 60
        while "waiting" not in run.stdout.readline():
            assert run.poll() is None
            assert time.monotonic() < end
        run.send_signal(signal.SIGKILL)
        run.wait()
    assert len(LabelStore(f"{finished}.audit.jsonl", TEXTS, read_only=True).labels) == 3


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na,b\n", "no column 'source'; its columns are 'text', 'label'; fastal audit"),
        ("text,label,source,confidence\na,b,me,0.5\n", "line 2: label 'b' of source 'me'"),
        ("text,label,source,confidence\na,,model,0.5\n", "label None of source 'model'"),
        ("text,label,source,confidence\na,b,none,0.5\n", "label 'b' of source 'none'"),
        ("text,label,source,confidence\na,b,model,much\n", "model must be a number from 0 to 1"),
        ("text,label,source,confidence\na,b,person,much\n", "'confidence' must be a number"),
        ("text,label,source,confidence\na,b,model,\n", "line 2: the 'confidence' of a label by"),
        ("text,label,source,confidence\na,b,model,nan\n", "line 2: the 'confidence' of a label"),
        ("text,label,source,confidence\na,b,model,83\n", "must be a number from 0 to 1, got '83'"),
        ("text,label,source,confidence\na,b,person,\n", "no label in it is the model's"),
    ],
)
def test_files_that_are_not_of_finish(content: str, message: str, capsys: Any) -> None:
    Path("other.csv").write_text(content)
    assert main(["audit", "other.csv"]) == 1
    assert message in capsys.readouterr().err
    assert [path.name for path in Path().iterdir()] == ["other.csv"]


@pytest.mark.parametrize("output", ["pool.finished.csv", "pool.finished.csv.audit.jsonl"])
def test_audit_replaces_none_of_its_files(output: str, finished: str, capsys: Any) -> None:
    Path("pool.finished.csv.audit.jsonl").touch()
    assert main(["audit", finished, "--output", output]) == 1
    assert "--output would replace" in capsys.readouterr().err
    assert len(read_finished(finished)) == 600


def test_a_column_of_confidence_that_a_person_gave_is_kept(capsys: Any) -> None:
    lines = ["text,label,source,confidence"]
    lines += [
        f"{text},{label},person,0.7" for text, label in zip(TEXTS[:6], "ababab", strict=True)
    ]
    lines += [f"{text},,none,0.1" for text in TEXTS[6:12]]
    Path("mine.csv").write_text("\n".join(lines))
    assert main(["finish", "mine.csv"]) == 0
    assert "its column 'confidence' is kept as 'confidence_in_file'" in capsys.readouterr().err
    rows = read_finished("mine.finished.csv")
    assert [row["confidence_in_file"] for row in rows] == ["0.7"] * 6 + ["0.1"] * 6
    assert {row["source_in_file"] for row in rows} == {"person", "none"}


def test_the_label_column_by_name_is_the_label_column(finished: str, capsys: Any) -> None:
    arguments = ["finish", finished, "--output", "again.csv"]
    assert main(arguments) == 0
    plain = Path("again.csv").read_bytes()
    assert main([*arguments, "--label-column", "label", "--overwrite"]) == 0
    assert Path("again.csv").read_bytes() == plain
    assert b",model," in plain


def test_finish_takes_no_audit_for_labels(finished: str, answers: Any, capsys: Any) -> None:
    answers(*"12")
    main(["audit", finished, "--n", "2"])
    capsys.readouterr()
    assert main(["finish", finished, "--labels", f"{finished}.audit.jsonl"]) == 1
    assert "is the journal of an audit" in capsys.readouterr().err
