"""Who answers: known labels (a simulation), or a person at the terminal.

An oracle is anything that is called with row numbers and returns as many labels.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fastal._terminal import flow, one_line, pages, terminal_width
from fastal.label_store import Label, LabelStore

__all__ = ["KnownLabels", "TerminalOracle"]

_HELP = """\
  Type the number of a class, its name, or the start of its name, then Enter.
  A name that is not in the list can be added to it: you are asked first.
    {p}s     skip: no label for this text, and do not ask about it again
    {p}u     undo: take back the last answer, also one of an earlier day
    {p}m     more: show more of a long text
    {p}q     quit: stop here (Ctrl-D and Ctrl-C do the same)
    =NAME   exactly NAME, where it looks like a number, a command or a start
  Every answer is saved before the next question. Stop whenever you like: the
  same command goes on from there."""

_COMMANDS = {"s": "skip", "u": "undo", "m": "more", "q": "quit", "?": "help"}


class KnownLabels:
    """Answer from labels that are already known: the oracle of a simulation.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        The label of every row of the pool.

    Raises
    ------
    ValueError
        If `y` is not one-dimensional, or a row asked for does not exist.
    TypeError
        If the rows asked for are not whole numbers.

    Examples
    --------
    >>> from fastal.oracle import KnownLabels
    >>> oracle = KnownLabels(["ham", "spam", "ham"])
    >>> oracle([1, 0]).tolist()
    ['spam', 'ham']
    """

    def __init__(self, y: ArrayLike) -> None:
        self.y = np.asarray(y)
        if self.y.ndim != 1:
            raise ValueError(f"y must have shape (n_samples,), got shape {self.y.shape}")

    def __call__(self, rows: ArrayLike) -> NDArray[Any]:
        """Return the labels of these rows, in the order of the rows."""
        rows = np.asarray(rows)
        if rows.ndim != 1:
            raise ValueError(f"rows must have shape (n_rows,), got shape {rows.shape}")
        if rows.size == 0:
            return self.y[:0]
        if rows.dtype.kind not in "iu":
            raise TypeError(f"rows must be row numbers, got dtype {rows.dtype}")
        outside = rows[(rows < 0) | (rows >= len(self.y))]
        if outside.size:
            raise ValueError(f"rows must lie in 0..{len(self.y) - 1}, got {outside[0]}")
        labels: NDArray[Any] = self.y[rows]
        return labels


class TerminalOracle:
    """Ask a person at the terminal, row by row; every answer goes to a journal at once.

    A row that the journal already has is not asked about again, so a program that was killed can
    simply run again.  The end of the input and Ctrl-C stop the questions; they raise nothing.

    Parameters
    ----------
    texts : sequence of str
        The pool; control characters in it are shown, never sent to the terminal.
    store : LabelStore
        Where the answers go.
    classes : iterable of str or int, optional
        Names to choose from, after those that the journal knows.  A name that is not among them
        is added when the person confirms it.
    input, output : callable, optional
        Called with the prompt, and with each piece of text, as the built-in `input` and `print`.

    Attributes
    ----------
    stopped : bool
        The person has stopped: unanswered rows are left.
    interrupted : bool
        ... by Ctrl-C.

    Raises
    ------
    ValueError
        If the journal was made for other texts.

    Examples
    --------
    >>> import tempfile, os
    >>> from fastal.label_store import LabelStore
    >>> from fastal.oracle import TerminalOracle
    >>> store = LabelStore(os.path.join(tempfile.mkdtemp(), "labels.jsonl"))
    >>> answers = iter(["2", "s", "h"])
    >>> oracle = TerminalOracle(
    ...     ["Win a prize!", "???", "See you at six."], store, ["ham", "spam"],
    ...     input=lambda prompt: next(answers), output=lambda text: None,
    ... )
    >>> oracle([0, 1, 2])
    ['spam', None, 'ham']
    """

    def __init__(
        self,
        texts: Sequence[str],
        store: LabelStore,
        classes: Iterable[Label] | None = None,
        *,
        input: Callable[[str], str] = input,
        output: Callable[[str], Any] = print,
    ) -> None:
        store.bind(texts)
        if classes is not None:
            store.add_classes(classes)
        self.texts = texts
        self.store = store
        self.stopped = False
        self.interrupted = False
        self._input = input
        self._output = output

    def __call__(self, rows: ArrayLike) -> list[Label | None]:
        """Ask about these rows; None for those skipped and those not reached before a stop."""
        wanted = [int(row) for row in np.asarray(rows).ravel()]
        for row in wanted:
            if not 0 <= row < len(self.texts):
                raise ValueError(f"rows must lie in 0..{len(self.texts) - 1}, got {row}")
        waiting = wanted[::-1]
        while waiting and not self.stopped:
            row = waiting.pop()
            if row in self.store.labels or row in self.store.skipped:
                continue
            where = f"Text {len(wanted) - len(waiting)} of {len(wanted)}"
            try:
                undone = self._ask(row, where if row in wanted else "An earlier text")
            except (EOFError, KeyboardInterrupt) as stop:
                self._output("")
                self.stopped = True
                self.interrupted = isinstance(stop, KeyboardInterrupt)
                break
            if undone is not None:
                waiting += [row, undone]
        return [self.store.labels.get(row) for row in wanted]

    def _ask(self, row: int, where: str) -> int | None:
        """Ask until there is an answer; return the row whose answer was taken back, if any."""
        unseen = pages(self.texts[row], terminal_width())
        self._show_question(row, where, unseen)
        while True:
            answer = self._input("> ").strip()
            command = self._command(answer)
            if command == "skip":
                self.store.skip(row)
                self._output(f"  skipped ({self._prefix}u takes it back)")
                return None
            if command == "quit":
                self.stopped = True
                return None
            if command == "undo":
                undone = self.store.undo()
                if undone is not None:
                    self._output(f"  taken back: row {undone} is asked about again")
                    return undone
                self._output("  There is nothing to undo.")
            elif command == "help":
                self._output(_HELP.format(p=self._prefix))
                self._show_choices(unseen)
            elif command == "more":
                if unseen:
                    self._show_page(unseen)
                    self._show_choices(unseen)
                else:
                    self._output("  That was all of it.")
            elif answer:
                label = self._meant(answer)
                if label is not None:
                    self.store.label(row, label)
                    self._output(f"  saved: {one_line(label)}")
                    return None

    # ---------------------------------------------------------------- what is shown

    def _show_question(self, row: int, where: str, unseen: list[list[str]]) -> None:
        width = terminal_width()
        done = len(self.store.labels)
        self._output("\n" + "-" * (width - 1))
        self._output(f"{where} (row {row}), {done} labelled so far\n")
        self._show_page(unseen)
        self._show_choices(unseen)

    def _show_choices(self, unseen: list[list[str]]) -> None:
        width = terminal_width()
        classes = [one_line(c) for c in self.store.classes]
        if self._numbered:
            classes = [f"{number} {name}" for number, name in enumerate(classes, start=1)]
        p = self._prefix
        commands = [f"[{p}s skip]", f"[{p}u undo]", f"[{p}q quit]", "[? help]"]
        if unseen:
            commands.insert(2, f"[{p}m more]")
        self._output("\n" + flow(classes or ["No class yet: type the name of one."], width))
        self._output(flow(commands, width))

    def _show_page(self, unseen: list[list[str]]) -> None:
        """Print the next page of the text and drop it."""
        self._output("\n".join(unseen.pop(0)))
        left = sum(len(page) for page in unseen)
        if left:
            self._output(f"  ... {left} more lines: {self._prefix}m shows them")

    @property
    def _numbered(self) -> bool:
        # Classes that are numbers themselves get none: 1 would have two meanings.
        return not any(_is_number(c) for c in self.store.classes)

    @property
    def _prefix(self) -> str:
        # Where a class is called m or s, that is the class, and commands need a colon.
        names = {str(c).casefold() for c in self.store.classes}
        return ":" if names & (_COMMANDS.keys() | set(_COMMANDS.values())) else ""

    # ---------------------------------------------------------------- what was typed

    def _command(self, answer: str) -> str | None:
        typed = answer.casefold()
        if typed.startswith(":"):
            typed = typed[1:].strip()
        elif self._prefix and typed != "?":
            return None
        return _COMMANDS.get(typed, typed if typed in _COMMANDS.values() else None)

    def _meant(self, answer: str) -> Label | None:
        """Return the class that was meant, or None when the person has to answer again."""
        classes = self.store.classes
        if not answer.isprintable():
            self._output("  That holds keys that are no letters (arrows?). Type it again.")
            return None
        if answer.startswith(":"):
            self._output(f"  {answer!r} is no command; ? explains what can be typed.")
            return None
        exactly = answer.startswith("=")
        name = answer[1:].strip() if exactly else answer
        known = _same_name(name, classes)
        if known is not None:
            return known
        if not exactly and classes and self._numbered and name.isdecimal():
            if 1 <= int(name) <= len(classes):
                return classes[int(name) - 1]
            self._output(f"  The numbers go from 1 to {len(classes)}.")
            return None
        if not exactly:
            meant = [c for c in classes if str(c).casefold().startswith(name.casefold())]
            if len(meant) == 1:
                return meant[0]
            if meant:
                names = ", ".join(one_line(c) for c in meant)
                self._output(f"  {name!r} can be {names}: type more of it.")
                return None
        return self._new_class(name) if name else None

    def _new_class(self, name: str) -> Label | None:
        classes = self.store.classes
        label: Label = name
        if classes and all(isinstance(c, int) for c in classes):
            try:
                label = int(name)
            except ValueError:
                self._output("  The classes are whole numbers: type one.")
                return None
        near = difflib.get_close_matches(name, [str(c) for c in classes], n=1)
        hint = f" (the nearest is {one_line(near[0])!r})" if near else ""
        self._output(f"  There is no class {name!r} yet{hint}.")
        answer = self._input(f"  Add {name!r} as a new class? y/n > ")
        if answer.strip().casefold() not in ("y", "yes"):
            self._output("  Not added. Which class is it?")
            return None
        self.store.add_classes([label])
        return label


def _same_name(name: str, classes: list[Label]) -> Label | None:
    """Return the class of exactly this name, else the first that differs in capitals only."""
    for same in (str, str.casefold):
        for c in classes:
            if same(str(c)) == same(name):
                return c
    return None


def _is_number(label: Label) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True
