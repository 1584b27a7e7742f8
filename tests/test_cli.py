"""The command line, mostly in this process: what it prints, writes and returns."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import fastal
import fastal.experiment
from fastal import datasets, strategies
from fastal._cli_arguments import make_parser
from fastal.cli import main
from fastal.label_store import LabelStore
from fastal.oracle import TerminalOracle

SPORT = ["the match was won {}", "a goal in minute {}", "the team of {} lost the cup"]
POLITICS = ["the vote on law {}", "minister {} resigned", "the party of {} won the election"]
TEXTS = [pattern.format(f"name{i}") for i in range(10) for pattern in (*SPORT, *POLITICS)]
TRUTH = [name for _ in range(10) for name in ["sport"] * 3 + ["politics"] * 3]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("FASTAL_DEBUG", raising=False)


def write_pool(name: str = "pool.csv", **columns: list[Any]) -> str:
    columns = {"text": TEXTS, **columns}
    with Path(name).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return name


def some_labels(*rows: int) -> list[str]:
    return [TRUTH[row] if row in rows else "" for row in range(len(TRUTH))]


def run_as_process(*arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "fastal", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        **options,
    )


# ------------------------------------------------------------------ help, version, usage


def test_alone_it_prints_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: fastal")
    assert "fastal demo" in out
    assert not err


@pytest.mark.parametrize("command", ["demo", "experiment", "query", "label"])
def test_help_of_each_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([command, "--help"])
    assert stop.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(f"usage: fastal {command} [options]")
    assert "examples:\n  fastal " + command in out
    for name in strategies.__all__:
        assert name in out
    # argparse puts the names of the arguments it was not told about in capitals.
    assert "==SUPPRESS==" not in out
    assert max(map(len, out.splitlines())) <= 96


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"fastal {fastal.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lable"], "invalid choice: 'lable'"),
        (["label"], "required: FILE"),
        (["query", "x.csv", "--n", "0"], "a whole number from 1 was expected, got '0'"),
        (["query", "x.csv", "--n", "many"], "got 'many'"),
        (["query", "x.csv", "--strategy", "best"], "invalid choice: 'best'"),
        (["query", "x.csv", "--strat", "margin"], "unrecognized"),
        (["query", "x.csv", "--label-column", "a", "--ignore-labels"], "not allowed with"),
        (["query", "x.csv", "--seed", "-1"], "from 0"),
        (["query", "x.csv", "--seed", "4294967296"], "got '4294967296'"),
        (["label", "x.csv", "--classes", "a,,b"], "names with commas"),
        (["label", "x.csv", "--classes", "a,b, a"], "different names"),
        (["experiment", "digits", "--strategies", "margin,best"], "called 'best'; there are"),
        (["experiment", "digits", "--test-size", "1"], "between 0 and 1"),
        (["experiment", "digits", "--jobs", "0"], "-1 means all"),
        (["demo", "--estimator", "forest"], "invalid choice"),
    ],
)
def test_wrong_usage_is_exit_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    out, err = capsys.readouterr()
    assert message in err
    assert not out


def test_help_needs_none_of_the_extras_nor_scikit_learn() -> None:
    code = (
        "import sys\n"
        "for name in ('matplotlib', 'tqdm', 'pyarrow', 'pandas', 'sklearn', 'numba'):\n"
        "    sys.modules[name] = None\n"
        "from fastal.cli import main\n"
        "main(['demo', '--help'])\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert "fastal demo" in run.stdout


def test_module_and_entry_point_are_the_same_program() -> None:
    run = run_as_process("--version")
    assert (run.returncode, run.stdout) == (0, f"fastal {fastal.__version__}\n")


def test_defaults_that_the_documents_promise() -> None:
    parse = make_parser().parse_args
    demo, experiment = parse(["demo"]), parse(["experiment", "x"])
    assert (demo.output, demo.seeds, demo.strategies) == (Path("fastal-demo"), 5, None)
    assert (experiment.initial, experiment.batch, experiment.iterations) == (20, 10, 10)
    assert (parse(["query", "x"]).strategy, parse(["query", "x"]).n) == ("auto", 10)


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize("command", ["query", "label", "experiment"])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.csv", None, "no such file: absent.csv"),
        ("empty.csv", b"", "empty.csv is empty"),
        ("broken.csv", b"text,label\n\xff,a\n", "broken.csv, line 2: not UTF-8"),
        ("other.csv", b"body,label\nx,a\n", "no column 'text'; its columns are 'body', 'label'"),
        ("pool.docx", b"text", "the ending must be one of .csv"),
        ("pool.jsonl", b'{"text": "a b", "label": "x"}\n{"text": ', "line 2: broken JSON"),
    ],
)
def test_files_that_cannot_be_read(
    command: str,
    name: str,
    content: bytes | None,
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if content is not None:
        Path(name).write_bytes(content)
    assert main([command, name]) == 1
    err = capsys.readouterr().err
    assert err.startswith("fastal: error: ")
    assert message in err
    assert "Traceback" not in err
    # A mistake in the name of the file leaves no journal behind.
    assert list(Path().glob("*labels.jsonl")) == []


def test_debug_shows_the_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTAL_DEBUG", "1")
    with pytest.raises(FileNotFoundError):
        main(["query", "absent.csv"])
    monkeypatch.setenv("FASTAL_DEBUG", "0")
    assert main(["query", "absent.csv"]) == 1


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (PermissionError(13, "Permission denied", "x.csv"), "x.csv: Permission denied"),
        (MemoryError(), "not enough memory"),
        (ImportError("reading Parquet needs pyarrow"), "reading Parquet needs pyarrow"),
        (ValueError(), "ValueError"),
    ],
)
def test_errors_are_one_line(
    error: Exception,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(args: Any) -> int:
        raise error

    monkeypatch.setattr("fastal._cli_label.query", fail)
    assert main(["query", "x.csv"]) == 1
    assert capsys.readouterr().err == f"fastal: error: {shown}\n"


def test_a_defect_of_fastal_is_not_dressed_up_as_a_mistake_of_the_user(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("fastal._cli_label.query", lambda args: {}["key"])
    with pytest.raises(KeyError):
        main(["query", "x.csv"])


def test_ctrl_c_is_exit_code_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(args: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("fastal._cli_label.query", interrupt)
    assert main(["query", "x.csv"]) == 130
    assert capsys.readouterr().err == "\nfastal: stopped\n"


@pytest.mark.skipif(os.name != "posix", reason="POSIX only")
def test_a_reader_that_goes_away_is_no_error() -> None:
    # More than a pipe holds, so that the writer notices.
    long = [f"{text} {'word ' * 3000}" for text in TEXTS]
    write_pool(text=long)
    with subprocess.Popen(
        [sys.executable, "-m", "fastal", "query", "pool.csv", "--n", "60", "--format", "csv"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        assert run.stdout.readline() == "row,score,text\n"
        run.stdout.close()
        messages = run.stderr.read()
        assert run.wait() == 141
    assert "Traceback" not in messages
    assert "rror" not in messages


# ------------------------------------------------------------------ query


def query_rows(out: str) -> list[tuple[int, float, str]]:
    rows = list(csv.reader(io.StringIO(out)))
    assert rows[0] == ["row", "score", "text"]
    return [(int(row), float(score or "nan"), text) for row, score, text in rows[1:]]


def expected_margin_rows(labeled: list[int], n: int) -> tuple[list[int], list[float]]:
    """The same by hand: scikit-learn alone, and a plain sort."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    X = TfidfVectorizer(sublinear_tf=True).fit_transform(TEXTS)
    model = LogisticRegression(C=10, tol=1e-3, max_iter=1000)
    proba = model.fit(X[labeled], [TRUTH[row] for row in labeled]).predict_proba(X)
    scores = 1 - np.abs(proba[:, 0] - proba[:, 1])
    scores[labeled] = -1
    best = np.argsort(-scores, kind="stable")[:n]
    return best.tolist(), scores[best].tolist()


LABELED = [0, 3, 7, 16]


def as_journal() -> list[str]:
    with LabelStore("given.jsonl", TEXTS) as store:
        for row in LABELED:
            store.label(row, TRUTH[row])
        store.label(1, "politics")
        store.undo()
    return ["--labels", "given.jsonl"]


def as_csv() -> list[str]:
    lines = [f"{TRUTH[row]},{row}" for row in LABELED]
    Path("given.csv").write_text("\n".join(["label,row", *lines, ",5"]))
    return ["--labels", "given.csv"]


def as_json_lines() -> list[str]:
    lines = [json.dumps({"row": row, "label": TRUTH[row]}) for row in LABELED]
    Path("given.jsonl").write_text("\n".join(lines))
    return ["--labels", "given.jsonl"]


def as_column() -> list[str]:
    write_pool(label=some_labels(*LABELED))
    return []


def as_named_column() -> list[str]:
    write_pool(topic=some_labels(*LABELED), label=["x"] * 60)
    return ["--label-column", "topic"]


MARGIN = ["query", "pool.csv", "--strategy", "margin"]


@pytest.mark.parametrize("given", [as_journal, as_csv, as_json_lines, as_column, as_named_column])
def test_query_takes_labels_from_everywhere(
    given: Callable[[], list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool()
    options = given()
    assert main([*MARGIN, "--n", "7", "--format", "csv", *options]) == 0
    out, err = capsys.readouterr()
    rows = query_rows(out)
    expected_rows, expected_scores = expected_margin_rows(LABELED, 7)
    np.testing.assert_allclose([score for _, score, _ in rows], expected_scores, rtol=1e-10)
    assert len({row for row, _, _ in rows}) == 7
    assert [text for _, _, text in rows] == [TEXTS[row] for row, _, _ in rows]
    assert not {row for row, _, _ in rows} & set(LABELED)
    # Texts of equal scores may change places: the same scores then stand elsewhere.
    assert [row for row, _, _ in rows] == expected_rows or len(set(expected_scores)) < 7
    assert "7 of 56 texts without a label, chosen by margin; labels so far: 4." in err


def test_labels_on_the_command_line_go_before_those_of_the_file(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_pool(label=some_labels(0, 3))
    Path("labels.csv").write_text("row,label\n7,sport\n3,sport\n")
    assert main(["query", "pool.csv", "--labels", "labels.csv"]) == 0
    # Row 3 is sport by now, so that there is one class.
    assert "has 1" in capsys.readouterr().err


def test_skipped_rows_are_not_proposed(capsys: pytest.CaptureFixture[str]) -> None:
    write_pool()
    with LabelStore("journal", TEXTS) as store:
        for row in (0, 3):
            store.label(row, TRUTH[row])
        for row in range(4, 56):
            store.skip(row)
    assert main(["query", "pool.csv", "--labels", "journal", "--format", "jsonl"]) == 0
    out, err = capsys.readouterr()
    rows = [json.loads(line)["row"] for line in out.splitlines()]
    assert sorted(rows) == [1, 2, 56, 57, 58, 59]
    assert err.startswith("6 of 6 texts")


def test_query_works_while_somebody_labels(capsys: pytest.CaptureFixture[str]) -> None:
    write_pool()
    with LabelStore("pool.csv.labels.jsonl", TEXTS) as store:
        store.label(0, "sport")
        store.label(3, "politics")
        assert main(["query", "pool.csv", "--labels", str(store.path)]) == 0
    assert "labels so far: 2" in capsys.readouterr().err


def test_table_is_as_wide_as_the_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_pool(
        text=[f"{text}\n\x1b[31m" + "word " * 50 for text in TEXTS], label=some_labels(0, 3)
    )
    for columns in (60, 80, 500):
        monkeypatch.setenv("COLUMNS", str(columns))
        assert main([*MARGIN, "--n", "3"]) == 0
        out, err = capsys.readouterr()
        lines = out.splitlines()
        assert lines[0].split() == ["row", "score", "text"]
        assert len(lines) == 4
        assert all(re.fullmatch(r" +\d+  [01]\.\d{4}  \w.*\.\.\.", line) for line in lines[1:])
        assert min(columns, 100) - 8 <= max(map(len, lines)) <= min(columns, 100)
        assert "\x1b" not in out + err


def test_scores_of_strategies_that_have_none(capsys: pytest.CaptureFixture[str]) -> None:
    write_pool(label=some_labels(0, 3))
    arguments = ["query", "pool.csv", "--strategy", "k_center", "--n", "2"]
    main(arguments)
    assert re.search(r"^ +\d+ +-  \w", capsys.readouterr().out, re.MULTILINE)
    main([*arguments, "--format", "csv"])
    assert np.isnan([score for _, score, _ in query_rows(capsys.readouterr().out)]).all()
    main([*arguments, "--format", "jsonl"])
    assert json.loads(capsys.readouterr().out.splitlines()[0])["score"] is None


@pytest.mark.parametrize("strategy", strategies.__all__)
@pytest.mark.parametrize("estimator", ["logistic", "naive-bayes"])
def test_every_strategy_with_both_models(
    strategy: str, estimator: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool(label=some_labels(0, 1, 3, 4, 8, 9))
    arguments = ["query", "pool.csv", "--strategy", strategy, "--estimator", estimator]
    assert main([*arguments, "--format", "csv"]) == 0
    first = capsys.readouterr().out
    rows = {row for row, _, _ in query_rows(first)}
    assert len(rows) == 10
    assert not rows & {0, 1, 3, 4, 8, 9}
    main([*arguments, "--format", "csv"])
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("strategy", "cold"),
    [
        ("margin", "random"),
        ("random", "random"),
        ("auto", "auto"),
        ("k_center", "k_center"),
        ("kmeans_plusplus", "kmeans_plusplus"),
        ("prob_cover", "random"),
    ],
)
@pytest.mark.parametrize("labeled", [[], [0], [0, 1]])
def test_query_before_there_is_a_model(
    strategy: str, cold: str, labeled: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool(label=some_labels(*labeled))
    arguments = ["query", "pool.csv", "--strategy", strategy, "--format", "csv"]
    assert main(arguments) == 0
    out, err = capsys.readouterr()
    rows = [row for row, _, _ in query_rows(out)]
    assert len(set(rows) - set(labeled)) == 10
    assert f"chosen by {cold}" in err
    assert f"needs labels of two classes, and has {min(len(labeled), 1)}." in err
    main([*arguments, "--seed", "7"])
    other = [row for row, _, _ in query_rows(capsys.readouterr().out)]
    assert other != rows


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("l.csv", "row,label\n1,a\nx,b\n", "l.csv, line 3: the row must be a number"),
        ("l.csv", "row,label\n60,a\n", "from 0 to 59"),
        ("l.csv", "row,label\n-1,a\n", "got '-1'"),
        ("l.csv", "row,label\n1.0,a\n", "got '1.0'"),
        ("l.csv", "row,label\n1,a\n1,b\n", "line 3: row 1 has another label further up"),
        ("l.csv", "row,label,text\n1,a,other\n", "row 1 is another text"),
        ("l.csv", "rows,label\n1,a\n", "no column 'row'"),
        ("l.jsonl", '{"row": true, "label": "a"}\n', "got True"),
        ("l.jsonl", '{"row": 1.0, "label": "a"}\n', "got 1.0"),
        ("l.jsonl", '{"action": "erase", "row": 1}\n', "line 1 is no event"),
        (
            "l.jsonl",
            '{"action": "label", "row": 1, "label": "a", "text": "0123456789abcdef"}\n',
            "made for other texts",
        ),
        ("l.txt", "1 a", "the ending must be one of"),
        ("l.csv", None, "l.csv: No such file"),
        ("l.jsonl", '{"row": 1, "label": 5}\n', "two kinds"),
    ],
)
def test_labels_that_make_no_sense(
    name: str, content: str | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool(label=some_labels(0))
    if content is not None:
        Path(name).write_text(content)
    assert main(["query", "pool.csv", "--labels", name]) == 1
    assert message in capsys.readouterr().err


def test_nothing_left_to_ask(capsys: pytest.CaptureFixture[str]) -> None:
    write_pool(label=TRUTH)
    assert main(["query", "pool.csv"]) == 1
    assert "every text of pool.csv has a label" in capsys.readouterr().err
    assert main(["query", "pool.csv", "--ignore-labels"]) == 0


def test_texts_without_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    write_pool(text=["!"] * 60)
    assert main(["query", "pool.csv"]) == 1
    assert "the texts hold no words" in capsys.readouterr().err


# ------------------------------------------------------------------ label


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """Let somebody type these keys, then Ctrl-D; returns the prompts that were shown."""

    def types(*keys: Any) -> list[str]:
        left, prompts = iter(keys), []

        def answer(prompt: str = "") -> str:
            prompts.append(prompt)
            key = next(left, EOFError)
            if isinstance(key, str):
                return key
            raise key

        monkeypatch.setitem(TerminalOracle.__init__.__kwdefaults__, "input", answer)
        return prompts

    return types


def asked(out: str) -> list[int]:
    return [int(row) for row in re.findall(r"^Text .* \(row (\d+)\)", out, re.MULTILINE)]


LABEL = ["label", "pool.csv", "--classes", "sport,politics", "--batch", "4"]


def test_label_learns_after_each_batch_and_says_how_well(
    person: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool()
    person(*"12121212")
    assert main(LABEL) == 0
    out, err = capsys.readouterr()
    assert not err
    rows = asked(out)
    assert len(set(rows)) == len(rows) == 9
    # Asked twice, answered in turn: both batches, and the first text of the third.
    assert re.findall(r"^(\d+) labelled, 0 skipped, (\d+) to go", out, re.MULTILINE) == [
        ("4", "56"),
        ("8", "52"),
    ]
    assert "sport 4   politics 4" in out or "politics 4   sport 4" in out
    (_, second) = re.findall(
        r"these (\d) labels alone: (\d\.\d\d)\n +95 % interval (.*) to (.*), by leave-one-out",
        out,
    )
    assert second[0] == "8"
    assert float(second[2]) <= float(second[1]) <= float(second[3])
    assert "no random sample" in out
    assert LabelStore("pool.csv.labels.jsonl", TEXTS).labels == dict(
        zip(rows, ["sport", "politics"] * 4, strict=False)
    )


def test_the_estimate_is_that_of_the_evaluation(
    person: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    from fastal._models import make_estimator, make_features
    from fastal.evaluation import estimate_accuracy

    rows = list(range(54))
    write_pool(label=some_labels(*rows))
    for estimator in ("logistic", "naive-bayes"):
        person()
        assert main([*LABEL, "--estimator", estimator]) == 0
        (X,) = make_features(TEXTS)
        found = estimate_accuracy(
            make_estimator(estimator), X[rows], np.array(TRUTH)[rows], n_leave_one_out=50
        )
        out = capsys.readouterr().out
        assert f"these 54 labels alone: {found.accuracy:.2f}" in out
        assert f"interval {found.low:.2f} to {found.high:.2f}, by 5-fold cross-val" in out


def test_label_goes_on_where_it_stopped(person: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write_pool()
    person("1", "2", "s", "q")
    assert main(LABEL) == 0
    first = asked(capsys.readouterr().out)
    person("u", "1", "s", "u", "u", "s")
    assert main(["label", "pool.csv"]) == 0
    out = capsys.readouterr().out
    assert "1 sport   2 politics" in out
    assert "2 labelled, 1 skipped, 57 to go" in out
    assert f"An earlier text (row {first[2]}), 2 labelled" in out
    with LabelStore("pool.csv.labels.jsonl", TEXTS) as store:
        assert store.labels == {first[0]: "sport", first[1]: "politics"}
        assert store.skipped == {first[2]}
    # No text that has an answer is asked about; the same labels lead to the same question.
    asked_again = asked(out)
    assert not set(asked_again) & set(first[:2])
    assert asked_again[0] not in first[:3]


def test_texts_labelled_in_the_file_are_learnt_from(
    person: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool(label=some_labels(*range(50)))
    person(*"1" * 10, "u", "q")
    assert main(["label", "pool.csv", "--export", "all.csv"]) == 0
    out = capsys.readouterr().out
    assert out.index("50 labelled, 0 skipped, 10 to go") < out.index("Text 1 of 10")
    assert set(asked(out)) == set(range(50, 60))
    assert "Every text has a label or was skipped." in out
    with Path("all.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["row"]) for row in rows] == list(range(60))
    assert [row["text"] for row in rows] == TEXTS
    assert [row["label"] for row in rows] == TRUTH[:50] + ["politics"] * 10


def test_a_file_that_is_all_labelled(person: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write_pool(label=TRUTH)
    person()
    assert main(["label", "pool.csv"]) == 0
    assert "--ignore-labels starts without them" in capsys.readouterr().out
    person("1")
    assert main([*LABEL, "--ignore-labels"]) == 0
    assert "New labels: 1;" in capsys.readouterr().out


def test_export_is_what_query_and_experiment_read(
    person: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = ['with, comma\nand "quotes"', *TEXTS[1:]]
    write_pool(text=texts)
    with LabelStore("pool.csv.labels.jsonl", texts) as store:
        for row in (0, 3, 4, 1):
            store.label(row, TRUTH[row])
    person("q")
    assert main([*LABEL, "--export", "out.csv"]) == 0
    labels = datasets.load_file("out.csv")
    assert labels.texts == [texts[row] for row in (0, 1, 3, 4)]
    assert labels.y is not None
    assert labels.y.tolist() == [TRUTH[row] for row in (0, 1, 3, 4)]
    capsys.readouterr()
    assert main(["query", "pool.csv", "--labels", "out.csv"]) == 0
    assert "labels so far: 4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("export", "message"),
    [
        ("pool.csv", "would replace"),
        ("./pool.csv.labels.jsonl", "would replace"),
        ("absent/out.csv", "lies in none"),
        (".", "is a folder"),
    ],
)
def test_an_export_that_cannot_be_is_refused_before_the_work(
    export: str, message: str, person: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool()
    prompts = person("1")
    before = Path("pool.csv").read_bytes()
    assert main([*LABEL, "--export", export]) == 1
    assert message in capsys.readouterr().err
    assert prompts == []
    assert Path("pool.csv").read_bytes() == before


@pytest.mark.parametrize("key", [KeyboardInterrupt, EOFError, "q"])
def test_every_way_to_stop_saves_and_exports(
    key: Any, person: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool()
    person("1", "2", key)
    code = main([*LABEL, "--export", "out.csv"])
    assert code == (130 if key is KeyboardInterrupt else 0)
    assert "New labels: 2; in all: 2, in pool.csv.labels.jsonl" in capsys.readouterr().out
    assert len(Path("out.csv").read_text().splitlines()) == 3


def test_ctrl_c_while_the_model_learns(
    person: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupt(*args: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    write_pool()
    person(*"1212")
    monkeypatch.setattr("fastal.evaluation.estimate_accuracy", interrupt)
    assert main([*LABEL, "--export", "out.csv"]) == 130
    assert "New labels: 4; in all: 4," in capsys.readouterr().out
    assert len(Path("out.csv").read_text().splitlines()) == 5


def test_one_class_only_goes_on_without_a_model(
    person: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool()
    person(*"11111")
    assert main(LABEL) == 0
    out = capsys.readouterr().out
    assert "A model needs two classes: auto chooses the next texts as well." in out
    assert "Accuracy" not in out


def test_estimate_of_a_random_sample(person: Any, capsys: pytest.CaptureFixture[str]) -> None:
    write_pool(label=some_labels(0, 1, 3, 4))
    person()
    assert main([*LABEL, "--strategy", "random"]) == 0
    out = capsys.readouterr().out
    assert "if all of these texts were drawn at random" in out
    assert "no random sample" not in out


def test_whole_number_labels_of_the_file(person: Any, capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        json.dumps({"text": text, "label": [None, 1, 2][(row < 6) * (1 + row // 3)]})
        for row, text in enumerate(TEXTS)
    ]
    Path("pool.jsonl").write_text("\n".join(lines))
    person("2", "3")
    assert main(["label", "pool.jsonl", "--classes", "3,1"]) == 0
    labels = LabelStore("pool.jsonl.labels.jsonl", TEXTS).labels
    assert list(labels.values()) == [2, 3]
    capsys.readouterr()
    assert main(["label", "pool.jsonl", "--labels", "other", "--classes", "good,bad"]) == 1
    assert "these must be too; got good,bad" in capsys.readouterr().err
    assert main(["query", "pool.jsonl", "--labels", "pool.jsonl.labels.jsonl"]) == 0


def test_journal_of_another_file_and_journal_in_use(
    person: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool()
    person("1", "2")
    assert main([*LABEL, "--labels", "journal"]) == 0
    write_pool(text=TEXTS[::-1])
    assert main([*LABEL, "--labels", "journal"]) == 1
    assert "was made for other texts" in capsys.readouterr().err
    pytest.importorskip("fcntl")
    with LabelStore("journal"):
        assert main([*LABEL, "--labels", "journal"]) == 1
        assert "being written by another process" in capsys.readouterr().err
    assert main([*LABEL, "--labels", "pool.csv"]) == 1
    assert "pool.csv, line 1 is no event" in capsys.readouterr().err


# ------------------------------------------------------------------ label, at a real terminal


class Terminal:
    """A program at a pseudo-terminal of 80 x 24."""

    def __init__(self, *arguments: str) -> None:
        import fcntl
        import pty
        import struct
        import termios

        self.own, other = pty.openpty()
        fcntl.ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        environment = {**os.environ, "TERM": "dumb"}
        environment.pop("COLUMNS", None)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "fastal", *arguments],
            stdin=other,
            stdout=other,
            stderr=other,
            env=environment,
            # A session of its own, so that Ctrl-C of this terminal reaches it.
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(other)
        self.screen = ""

    def wait_for(self, text: str, nudge: str = "") -> str:
        """Read until the text shows; return what was on the screen up to it.

        `nudge` is typed again every second: Python's readline does not notice a Ctrl-C that falls
        between the prompt and the wait for a key.
        """
        import select

        end, next_nudge = time.monotonic() + 30, time.monotonic()
        while text not in self.screen:
            assert time.monotonic() < end, self.screen
            if nudge and time.monotonic() > next_nudge:
                self.type(nudge)
                next_nudge += 1
            if select.select([self.own], [], [], 0.1)[0]:
                try:
                    self.screen += os.read(self.own, 4096).decode()
                except OSError:  # the program has ended
                    break
        before, found, self.screen = self.screen.partition(text)
        assert found, before
        return before

    def type(self, keys: str) -> None:
        os.write(self.own, keys.encode())


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    pytest.importorskip("pty")
    opened: list[Terminal] = []

    def start(*arguments: str) -> Terminal:
        opened.append(Terminal(*arguments))
        return opened[-1]

    yield start
    for each in opened:
        each.process.kill()
        each.process.wait()
        os.close(each.own)


def test_a_session_at_the_terminal_killed_and_taken_up_again(
    terminal: Callable[..., Terminal],
) -> None:
    write_pool(text=["\x1b[2J" + text for text in TEXTS])
    first = terminal(*LABEL)
    first.wait_for("Text 1 of 4")
    question = first.wait_for("> ")
    assert "^[[2J" in question
    assert "\x1b[2J" not in question
    assert "1 sport   2 politics" in question
    assert max(map(len, question.splitlines())) <= 80
    first.type("pol\n")
    first.wait_for("saved: politics")
    first.wait_for("> ")
    first.type("1")  # not answered: there was no Enter
    first.process.send_signal(signal.SIGKILL)
    first.process.wait()
    assert len(LabelStore("pool.csv.labels.jsonl", read_only=True).labels) == 1

    second = terminal("label", "pool.csv", "--batch", "1")
    second.wait_for("1 labelled, 0 skipped, 59 to go")
    second.wait_for("A model needs two classes")
    second.wait_for("> ")
    second.type("sport\n")
    second.wait_for("2 labelled")
    second.wait_for("Accuracy of the model")
    second.wait_for("> ")
    second.wait_for("New labels: 1; in all: 2, in pool.csv.labels.jsonl", nudge="\x03")
    assert second.process.wait() == 130


def test_keys_pressed_before_the_question_do_not_answer_it(
    terminal: Callable[..., Terminal],
) -> None:
    write_pool()
    early = terminal(*LABEL)
    early.type("1\n1\n1\n")
    early.wait_for("Text 1 of 4")
    early.wait_for("> ")
    time.sleep(0.2)
    early.type("\x04")
    early.wait_for("New labels: 0; in all: 0")
    assert early.process.wait() == 0


# ------------------------------------------------------------------ experiment, demo


SMALL = ["--seeds", "2", "--initial", "6", "--batch", "5", "--iterations", "2", "--jobs", "1"]


def read_csv(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_experiment_on_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("pool.csv").unlink(missing_ok=True)
    write_pool("own.csv", topic=TRUTH, words=TEXTS)
    columns = ["--text-column", "words", "--label-column", "topic"]
    options = ["--strategies", "margin,k_center", "--output", "a/b", "--test-size", "0.5"]
    assert main(["experiment", "own.csv", *columns, *options, *SMALL]) == 0
    out, _ = capsys.readouterr()
    assert "30 rows in the pool, 30 in the test set, 2 classes" in out
    assert re.search(r"^margin +\d\.\d{3}", out, re.MULTILINE)
    assert f"Numbers: {Path('a/b/learning_curves.csv')}" in out
    assert f"Picture: {Path('a/b/learning_curves.png')}" in out
    rows = read_csv("a/b/learning_curves.csv")
    assert {row["strategy"] for row in rows} == {"random", "margin", "k_center"}
    assert {row["n_labels"] for row in rows} == {"6", "11", "16"}
    assert len(rows) == 3 * 2 * 3
    assert Path("a/b/learning_curves.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("name", ["digits", "timeseries"])
def test_experiment_on_a_named_set(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["experiment", name, "--strategies", "entropy", *SMALL]
    assert main(arguments) == 0
    assert Path("fastal-experiment/learning_curves.csv").exists()
    out = capsys.readouterr().out
    assert out.startswith(f"{name}: ")
    code = main([*arguments, "--estimator", "naive-bayes"])
    assert code == (1 if name == "timeseries" else 0)
    assert ("negative numbers" in capsys.readouterr().err) == (name == "timeseries")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nonsense"], "is no file, and none of the sets docstrings, 20newsgroups"),
        (["partly.csv"], "all labels are 'sport'"),
        (["small.csv"], "initial_samples"),
        (["digits", "--output", "partly.csv"], "partly.csv: "),
    ],
)
def test_experiments_that_cannot_be(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pool("partly.csv", label=some_labels(0, 1))
    write_pool("small.csv", text=TEXTS[:12], label=TRUTH[:12])
    assert main(["experiment", *arguments]) == 1
    err = capsys.readouterr().err
    assert err.startswith("fastal: error: ")
    assert message in err


@pytest.fixture
def few_docstrings(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"{text}, see [...] {i}" for i in range(3) for text in TEXTS]
    few = datasets.Dataset("docstrings", texts, np.array(TRUTH * 3))
    monkeypatch.setattr(datasets, "load_docstrings", lambda: few)


@pytest.mark.usefixtures("few_docstrings")
def test_demo_ends_with_table_files_and_ten_documents(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[Any] = []
    compare = fastal.experiment.compare_strategies

    def keep(*args: Any, **options: Any) -> Any:
        found.append(compare(*args, **options))
        return found[-1]

    monkeypatch.setattr(fastal.experiment, "compare_strategies", keep)
    assert main(["demo", *SMALL]) == 0
    out, err = capsys.readouterr()
    assert out.index("Active learning: a model chooses") == 0
    assert "180 docstrings of 2 subpackages" in out
    for strategy in ("random", "auto", "entropy", "margin", "least_confidence", "k_center"):
        assert re.search(rf"^{strategy} +\d\.\d{{3}}", out, re.MULTILINE)
    assert re.search(r"^query_by_committee +\d\.\d{3}", out, re.MULTILINE)
    assert "Reading the docstrings" in err
    assert "runs" in err  # how far along it is
    table, rest = out.split("would ask a person about these ten next")
    assert "Numbers: " in table
    asked = re.findall(r"^ +(\d+) +(?:[01]\.\d{4}|-)  (\w.*)$", rest, re.MULTILINE)
    assert len({row for row, _ in asked}) == 10
    best = re.findall(r"After these 16 labels, (\w+)", table)
    curve = next(curve for curve in found[0].curves if [curve.strategy] == best)
    assert not {int(row) for row, _ in asked} & set(curve.rows.tolist())
    assert max(len(line) for line in rest.splitlines()) <= 80
    rows = read_csv("fastal-demo/learning_curves.csv")
    assert len({row["strategy"] for row in rows}) == 7
    assert {row["seed"] for row in rows} == {"0", "1"}
    assert Path("fastal-demo/learning_curves.png").stat().st_size > 10_000


@pytest.mark.usefixtures("few_docstrings")
def test_demo_without_the_extras(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [*sys.modules, "matplotlib", "tqdm"]:
        if name.split(".")[0] in ("matplotlib", "tqdm"):
            monkeypatch.setitem(sys.modules, name, None)
    assert main(["demo", "--strategies", "margin", "--output", "out", *SMALL]) == 0
    out, err = capsys.readouterr()
    assert "Picture: not drawn, a picture needs matplotlib" in out
    assert "pip install 'fastal[plots]'" in out
    assert "these ten next" in out
    assert "runs: 5 of 5" in err
    assert [path.name for path in Path("out").iterdir()] == ["learning_curves.csv"]


# ------------------------------------------------------------------ the models


def test_fit_on_the_filled_columns_is_the_same_model() -> None:
    import scipy.sparse as sp
    from sklearn.linear_model import LogisticRegression

    from fastal._models import SparseLogisticRegression

    rng = np.random.RandomState(0)
    X = sp.random(40, 300, density=0.01, format="csr", random_state=rng)
    pool = sp.random(50, 300, density=0.1, format="csr", random_state=rng)
    for y in (rng.randint(0, 2, 40), rng.choice(["a", "b", "c"], 40)):
        ours = SparseLogisticRegression(C=10).fit(X, y)
        plain = LogisticRegression(C=10).fit(X, y)
        assert np.count_nonzero(X.sum(axis=0)) < 200
        np.testing.assert_allclose(ours.coef_, plain.coef_, rtol=0, atol=1e-10)
        np.testing.assert_allclose(ours.intercept_, plain.intercept_, rtol=0, atol=1e-10)
        np.testing.assert_allclose(
            ours.predict_proba(pool), plain.predict_proba(pool), rtol=0, atol=1e-10
        )
        assert ours.n_features_in_ == 300
        dense = SparseLogisticRegression(C=10).fit(X.toarray(), y)
        np.testing.assert_allclose(dense.coef_, plain.coef_, rtol=0, atol=1e-6)
    with pytest.raises(ValueError, match="features"):
        ours.predict(pool[:, :299])


def test_fit_leaves_its_input_alone_and_takes_other_formats() -> None:
    import scipy.sparse as sp

    from fastal._models import SparseLogisticRegression

    X = sp.csr_matrix(np.eye(6)[:, [0, 1, 2, 3, 4, 5, 0]])
    data, indices = X.data.copy(), X.indices.copy()
    X.data.flags.writeable = X.indices.flags.writeable = False
    y = [0, 1] * 3
    expected = SparseLogisticRegression().fit(X, y).coef_
    for other in (X.tocsc(), X.tocoo(), sp.csr_array(X)):
        np.testing.assert_allclose(SparseLogisticRegression().fit(other, y).coef_, expected)
    np.testing.assert_array_equal(X.data, data)
    np.testing.assert_array_equal(X.indices, indices)


def test_terms_of_a_single_text_are_left_out_of_large_pools_only() -> None:
    from fastal._models import make_features

    texts = [f"common word{i // 2}" for i in range(1000)] + ["common once"]
    pool, other = make_features(texts, ["common once"])
    assert pool.shape == (1001, 501)
    assert other.nnz == 1
    assert make_features(["one", "two"])[0].shape == (2, 2)


@pytest.mark.filterwarnings("default:.*texts are empty")
def test_empty_texts_are_kept_but_never_asked_about(capsys: pytest.CaptureFixture[str]) -> None:
    lines = ["text,label", "a first text,", ",", "another text,", '"  ",', "words and words,"]
    Path("gaps.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert main(["query", "gaps.csv", "--n", "5", "--format", "jsonl"]) == 0
    shown = capsys.readouterr()
    # Row numbers are those of the file.
    assert sorted(json.loads(line)["row"] for line in shown.out.splitlines()) == [0, 2, 4]
    assert shown.err.startswith(
        "fastal: note: gaps.csv: 2 of 5 texts are empty, the first in line"
    )


def test_labels_in_some_json_lines_are_all_read(capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["nothing yet", "free prize", "see you", "prize money", "at noon", "and more"]
    labels = [None, "spam", "ham", "spam", "ham", None]
    entries = [
        {"text": text} | ({"label": label} if label else {})
        for text, label in zip(texts, labels, strict=True)
    ]
    Path("part.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    assert main(["query", "part.jsonl", "--format", "jsonl"]) == 0
    shown = capsys.readouterr()
    assert "labels so far: 4" in shown.err
    assert sorted(json.loads(line)["row"] for line in shown.out.splitlines()) == [0, 5]


def test_a_refused_run_leaves_the_journal_usable() -> None:
    entries = [
        {"text": f"text {i} of some words", "label": i % 2 if i > 3 else None} for i in range(8)
    ]
    Path("pool.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    first = ["label", "pool.jsonl", "--ignore-labels", "--classes", "spam,ham"]
    assert run_as_process(*first, input="q\n").returncode == 0
    refused = run_as_process("label", "pool.jsonl", input="q\n")
    assert refused.returncode == 1
    assert "of two kinds" in refused.stderr
    assert run_as_process(*first, input="q\n").returncode == 0


def test_texts_without_any_word_are_labels_like_others(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [
        "text,label",
        "\U0001f44d,pos",
        "\U0001f44e,neg",
        "a great product,",
        "as bad as can be,",
    ]
    Path("emoji.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert main(["query", "emoji.csv", "--n", "2"]) == 0


def test_query_finds_the_journal_of_label(capsys: pytest.CaptureFixture[str]) -> None:
    Path("mails.csv").write_text("text\nfree prize\nsee you there\nprize money\nat noon\n")
    assert run_as_process("label", "mails.csv", "--classes", "a,b", input="1\nq\n").returncode == 0
    assert main(["query", "mails.csv", "--n", "9", "--format", "jsonl"]) == 0
    shown = capsys.readouterr()
    assert "Labels so far: from mails.csv.labels.jsonl" in shown.err
    assert len(shown.out.splitlines()) == 3


def test_an_experiment_leaves_out_rows_without_a_label(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [f"word{i % 2} and word{i % 7},{'' if i % 5 == 0 else 'ab'[i % 2]}" for i in range(80)]
    Path("half.csv").write_text("text,label\n" + "\n".join(lines) + "\n")
    command = ["experiment", "half.csv", "--strategies", "margin", "--seeds", "1", "--jobs", "1"]
    assert main([*command, "--iterations", "1", "--estimator", "naive-bayes"]) == 0
    assert "16 of 80 rows have no label and are left out" in capsys.readouterr().err
