"""Answers of known labels, and of a person: scripted keys in, the screen out."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fastal._terminal import flow, one_line, pages, printable
from fastal.label_store import LabelStore
from fastal.oracle import KnownLabels, TerminalOracle

TEXTS = ["match won", "vote lost", "goal scored", "law passed", "rain"]


class Person:
    """Types the given answers, then the end of the input; keeps what was on the screen."""

    def __init__(self, *keys: str | type[BaseException]) -> None:
        self.keys: Iterator[str | type[BaseException]] = iter(keys)
        self.screen = ""

    def input(self, prompt: str) -> str:
        key = next(self.keys, EOFError)
        # What is typed is echoed by the terminal, not by the program.
        self.screen += prompt + "\n"
        if isinstance(key, str):
            return key
        raise key

    def output(self, text: str) -> None:
        self.screen += text + "\n"


Ask = Callable[..., tuple[list[Any], Person, TerminalOracle]]


@pytest.fixture
def ask(tmp_path: Path) -> Iterator[Ask]:
    """Label rows with these keys: ``ask(rows, keys, classes, texts)``."""
    stores: list[LabelStore] = []

    def run(
        rows: Any, keys: Any, classes: Any = ("sport", "politics"), texts: Any = TEXTS
    ) -> tuple[list[Any], Person, TerminalOracle]:
        for store in stores:
            store.close()
        stores.append(LabelStore(tmp_path / "labels.jsonl"))
        person = Person(*keys)
        oracle = TerminalOracle(
            texts, stores[-1], classes, input=person.input, output=person.output
        )
        return oracle(rows), person, oracle

    yield run
    for store in stores:
        store.close()


# ------------------------------------------------------------------ known labels


def test_known_labels_follow_the_order_of_the_rows() -> None:
    y = np.array(["a", "b", "c"])
    assert KnownLabels(y)(np.array([2, 0, 2])).tolist() == ["c", "a", "c"]
    assert KnownLabels([3, 1])([]).shape == (0,)
    assert KnownLabels([3, 1])([]).dtype == np.int64


@pytest.mark.parametrize(
    ("rows", "error"),
    [
        ([3], ValueError),
        ([-1], ValueError),
        ([[0]], ValueError),
        ([0.0], TypeError),
        ([True, False, True], TypeError),
    ],
)
def test_known_labels_refuse_bad_rows(rows: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="rows"):
        KnownLabels(["a", "b", "c"])(rows)


def test_known_labels_refuse_a_table() -> None:
    with pytest.raises(ValueError, match="y must have shape"):
        KnownLabels([["a"], ["b"]])


# ------------------------------------------------------------------ answers


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("1", "sport"),
        ("2", "politics"),
        ("politics", "politics"),
        ("POLITICS", "politics"),
        (" pol ", "politics"),
        ("sp", "sport"),
        ("=sport", "sport"),
        ("s", None),
        ("S", None),
        ("skip", None),
        (":s", None),
    ],
)
def test_number_name_start_of_name_and_skip(ask: Ask, key: str, expected: Any) -> None:
    labels, _, oracle = ask([3], [key])
    assert labels == [expected]
    assert oracle.store.skipped == (set() if expected else {3})
    assert not oracle.stopped


def test_labels_come_in_the_order_of_the_rows(ask: Ask) -> None:
    labels, person, oracle = ask(np.array([4, 0, 2]), ["1", "s", "2"])
    assert labels == ["sport", None, "politics"]
    assert oracle.store.labels == {4: "sport", 2: "politics"}
    for line in ("Text 1 of 3 (row 4), 0", "Text 2 of 3 (row 0), 1", "Text 3 of 3 (row 2), 1"):
        assert line in person.screen
    assert "saved: politics" in person.screen


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        (["3"], "numbers go from 1 to 3"),
        (["0"], "numbers go from 1 to 3"),
        (["po"], "can be politics, poetry"),
        ([""], ""),
        ([":x"], "no command"),
        (["a\x1b[Ab"], "no letters"),
        (["sprot", "n"], "nearest is 'sport'"),
        (["?"], "Every answer is saved"),
        (["m"], "all of it"),
        (["u"], "nothing to undo"),
        (["="], ""),
    ],
)
def test_an_unclear_answer_is_asked_for_again(ask: Ask, keys: list[str], message: str) -> None:
    classes = ["sport", "politics", "poetry"]
    if message.startswith("numbers"):
        keys = ["4" if key == "3" else key for key in keys]
    labels, person, oracle = ask([1], [*keys, "poe"], classes)
    assert labels == ["poetry"]
    assert message in person.screen
    assert oracle.store.classes == classes
    # The question itself is not repeated.
    assert person.screen.count("vote lost") == 1


def test_new_class_is_added_only_when_confirmed(ask: Ask) -> None:
    labels, person, oracle = ask([0, 1], ["weather", "n", "", "weather", "y", "weat"])
    assert labels == ["weather", "weather"]
    assert oracle.store.classes == ["sport", "politics", "weather"]
    assert person.screen.count("Add 'weather' as a new class? y/n") == 2
    assert "3 weather" in person.screen


def test_first_class_of_all(ask: Ask) -> None:
    labels, person, _ = ask([0, 1], ["sport", "y", "1"], None)
    assert labels == ["sport", "sport"]
    assert "No class yet" in person.screen


def test_numbers_keep_their_classes_when_the_work_goes_on(ask: Ask) -> None:
    ask([0], ["2"], ["sport", "politics"])
    labels, person, _ = ask([1], ["2"], None)
    assert labels == ["politics"]
    assert "1 sport   2 politics" in person.screen
    labels, _, _ = ask([2], ["1"], ["politics", "sport"])
    assert labels == ["sport"]


def test_equals_sign_takes_the_name_as_it_is(ask: Ask) -> None:
    labels, _, oracle = ask([0, 1, 2, 3], ["=s", "y", "=po", "y", "=7", "y", ":s"])
    assert labels == ["s", "po", "7", None]
    assert oracle.store.classes == ["sport", "politics", "s", "po", "7"]


def test_a_class_named_like_a_command_wins_over_it(ask: Ask) -> None:
    labels, person, oracle = ask([0, 1, 2, 3], ["m", "1", ":s", ":u", "f", ":q"], ["f", "m"])
    assert labels == ["m", "f", "f", None]
    assert "[:s skip]   [:u undo]   [:q quit]   [? help]" in person.screen
    assert oracle.stopped


@pytest.mark.parametrize(
    ("classes", "key", "expected"),
    [
        (["1", "2", "10"], "10", "10"),
        (["1", "2", "10"], "1", "1"),
        ([5, 4, 10], "4", 4),
        ([0, 1], "0", 0),
        (["-1", "1"], "1", "1"),
        (["0.5", "x"], "x", "x"),
    ],
)
def test_classes_that_are_numbers_are_meant_by_name(
    ask: Ask, classes: list[Any], key: str, expected: Any
) -> None:
    labels, person, _ = ask([0], [key], classes)
    assert labels == [expected]
    assert type(labels[0]) is type(expected)
    assert "  " + "   ".join(map(str, classes)) in person.screen


def test_whole_number_classes_stay_whole_numbers(ask: Ask) -> None:
    labels, person, _ = ask([0], ["x", "7", "y"], [5, 4])
    assert labels == [7]
    assert "whole numbers" in person.screen


def test_ambiguous_capitals_prefer_the_exact_name(ask: Ask) -> None:
    labels, _, _ = ask([0, 1], ["Us", "us"], ["us", "Us"])
    assert labels == ["Us", "us"]


# ------------------------------------------------------------------ undo, stop, go on


def test_undo_asks_the_previous_text_again(ask: Ask) -> None:
    labels, person, oracle = ask([0, 1, 2], ["1", "1", "u", "2", "s"])
    assert labels == ["sport", "politics", None]
    assert oracle.store.skipped == {2}
    assert person.screen.count("vote lost") == 2
    assert person.screen.count("Text 2 of 3") == 2


def test_undo_twice_then_answer_forward(ask: Ask) -> None:
    labels, _, _ = ask([0, 1, 2], ["1", "s", "u", "u", "2", "2", "1"])
    assert labels == ["politics", "politics", "sport"]


def test_undo_reaches_an_earlier_batch_and_then_goes_on(ask: Ask) -> None:
    ask([4], ["1"])
    labels, person, oracle = ask([0, 1], ["u", "2", "1", "2"])
    assert labels == ["sport", "politics"]
    assert oracle.store.labels == {4: "politics", 0: "sport", 1: "politics"}
    assert "An earlier text (row 4), 0 labelled" in person.screen


@pytest.mark.parametrize(
    ("key", "interrupted"),
    [("q", False), ("quit", False), (EOFError, False), (KeyboardInterrupt, True)],
)
def test_stop_keeps_what_was_answered(ask: Ask, key: Any, interrupted: bool) -> None:
    labels, person, oracle = ask([0, 1, 2], ["1", key, "2", "2"])
    assert labels == ["sport", None, None]
    assert (oracle.stopped, oracle.interrupted) == (True, interrupted)
    assert oracle.store.labels == {0: "sport"}
    assert "goal scored" not in person.screen


@pytest.mark.parametrize("key", [EOFError, KeyboardInterrupt])
def test_stop_at_the_question_about_a_new_class(ask: Ask, key: Any) -> None:
    labels, _, oracle = ask([0], ["weather", key, "1"])
    assert labels == [None]
    assert oracle.stopped
    assert oracle.store.classes == ["sport", "politics"]


def test_a_row_in_the_journal_is_not_asked_about_again(ask: Ask) -> None:
    ask([0, 1, 2], ["2", "s", "q"])
    labels, person, _ = ask([0, 1, 2], ["1"])
    assert labels == ["politics", None, "sport"]
    assert person.screen.count("Text") == 1
    assert "goal scored" in person.screen


def test_a_repeated_row_is_asked_about_once(ask: Ask) -> None:
    assert ask([3, 3], ["1"])[0] == ["sport", "sport"]


@pytest.mark.parametrize("row", [5, -1])
def test_a_row_outside_the_pool_is_refused(ask: Ask, row: int) -> None:
    with pytest.raises(ValueError, match=r"rows must lie in 0\.\.4"):
        ask([0, row], ["1"])


def test_a_journal_of_other_texts_is_refused(ask: Ask) -> None:
    ask([0], ["1"])
    with pytest.raises(ValueError, match="other texts"):
        ask([1], ["1"], texts=["changed", *TEXTS[1:]])


PROGRAM = """
import sys
from fastal.label_store import LabelStore
from fastal.oracle import TerminalOracle
with LabelStore(sys.argv[1]) as store:
    print(TerminalOracle(["a", "b", "c"], store, ["x", "y"])([0, 1, 2]), flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX only")
def test_killed_between_two_questions_goes_on_at_the_second(tmp_path: Path) -> None:
    command = [sys.executable, "-u", "-c", PROGRAM, str(tmp_path / "labels.jsonl")]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, **pipes) as run:  # type: ignore[call-overload]
        run.stdin.write("2\n")
        run.stdin.flush()
        # The second question stands on the screen: the first answer must be on disk.
        while "Text 2 of 3" not in run.stdout.readline():
            pass
        os.kill(run.pid, signal.SIGKILL)
    run = subprocess.run(command, input="1\n1\n", capture_output=True, text=True, check=True)
    assert "Text 1 of" not in run.stdout
    assert run.stdout.endswith("['y', 'x', 'x']\n")


# ------------------------------------------------------------------ the screen


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain äöü 漢字 👍", "plain äöü 漢字 👍"),
        ("\x1b[2J\x1b]0;title\x07", "^[[2J^[]0;title^G"),
        ("a\r\nb\rc\x08\x7f\x00", "a\nb^Mc^H^?^@"),
        ("\x9b31m \u202eabc\u202c", "\\u009b31m \\u202eabc\\u202c"),
        ("a\tb\u00a0c\u3000d", "a    b c d"),
        ("x\u2028y\ud800", "x\\u2028y\\ud800"),
        ("f\u00adg\u200dh", "f\u00adg\u200dh"),
        (7, "7"),
    ],
)
def test_no_control_character_reaches_the_terminal(text: Any, shown: str) -> None:
    assert printable(text) == shown


def test_no_escape_sequence_gets_through_from_text_or_classes(ask: Ask) -> None:
    bad = "\x1b[31mred\x9b0m\x07"
    # Prefixes, numbers, undo and the list of choices all show the name.
    _, person, _ = ask([0, 1, 2], ["r", "u", "1", "2", "x"], [bad, bad + "2"], [bad, bad, bad])
    _, more, _ = ask([2], ["", "\x1b", "^"], None, [bad, bad, bad])
    assert not set(person.screen + more.screen) & {"\x1b", "\x9b", "\x07"}


@pytest.mark.parametrize("columns", [40, 80, 300])
def test_question_fits_the_width(ask: Ask, monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    text = "word " * 60 + "\n\n\n    indented " + "x" * 400 + "\n\n" + "漢字" * 100
    classes = [f"class-{i}" for i in range(30)]
    _, person, _ = ask([0], ["?" if columns >= 90 else "", "m", "3"], classes, [text])
    widths = [len(line) + len(re.findall("[漢字]", line)) for line in person.screen.splitlines()]
    assert max(widths) <= min(columns, 100)
    assert max(widths) > min(columns, 100) * 0.7
    assert "30 class-29" in person.screen


def test_help_fits_80_columns(ask: Ask) -> None:
    _, person, _ = ask([0], ["?"])
    assert max(map(len, person.screen.splitlines())) <= 80


def test_long_text_is_cut_and_shown_page_by_page(ask: Ask) -> None:
    text = "\n".join(f"line {i}." for i in range(40))
    _, person, _ = ask([0], ["m", "m", "m", "1"], texts=[text])
    first, second, third, fourth = person.screen.split("> ")[:4]
    assert "line 13." in first
    assert "line 14." not in first
    assert "... 26 more lines: m shows them" in first
    assert "[m more]" in first
    assert "line 14." in second
    assert "line 27." in second
    assert "... 12 more lines" in second
    assert "line 39." in third
    assert "more lines" not in third
    assert "all of it" in fourth


def test_every_word_of_a_text_is_on_some_page() -> None:
    words = [f"w{i}" for i in range(3000)]
    shown = " ".join(line for page in pages(" ".join(words), 80) for line in page).split()
    assert shown == words


def test_pages_keep_paragraphs_and_indents_and_drop_empty_ends() -> None:
    assert pages("\n\na\n\n\n  b\r\n\tc\n\n", 80) == [["  a", "", "    b", "      c"]]
    assert pages("  \n ", 80) == [["  (this text is empty)"]]
    assert pages("", 80) == [["  (this text is empty)"]]


def test_last_page_is_not_a_single_line() -> None:
    assert [len(page) for page in pages("\n".join("abcdefghijklmnop"), 80)] == [16]
    assert [len(page) for page in pages("\n".join("abcdefghijklmnopq"), 80)] == [14, 3]


@pytest.mark.parametrize(
    ("text", "width", "line"),
    [
        ("short", 5, "short"),
        ("longer", 5, "lo..."),
        (" a \n\n b\t c ", 9, "a b c"),
        ("漢字漢字", 7, "漢字..."),
        ("漢字漢字", 8, "漢字漢字"),
        ("\x1b" * 10, 10, "^[^[^[^..."),
        ("x" * 10**6, 8, "xxxxx..."),
        ("a b", None, "a b"),
        ("a\n" * 100, None, " ".join("a" * 100)),
    ],
)
def test_one_line(text: str, width: int | None, line: str) -> None:
    assert one_line(text, width) == line


def test_flow_breaks_between_items() -> None:
    assert flow(["aaa", "bbb", "ccc"], 13) == "  aaa   bbb\n  ccc"
    assert flow(["a" * 50], 10) == "  " + "a" * 50
