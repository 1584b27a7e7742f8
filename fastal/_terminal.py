"""Foreign text on a terminal: harmless, wrapped, and short where it must be."""

from __future__ import annotations

import shutil
import textwrap
import unicodedata

_WIDEST = 100  # longer lines are hard to read, however wide the terminal
_LINES_AT_ONCE = 14  # with the rest of a question, this fits a terminal of 24 lines


def terminal_width() -> int:
    """Columns to write in: those of the terminal, 80 when there is none, never too many."""
    return min(shutil.get_terminal_size().columns, _WIDEST)


def printable(text: object) -> str:
    r"""Return the text with every control character spelt out, so that a terminal obeys none.

    Line breaks stay; tabs become spaces.  ASCII controls are written ``^X``, others ``\u...``:
    those that turn the direction of writing, and lone surrogates, among them.

    Examples
    --------
    >>> from fastal._terminal import printable
    >>> printable("red: \x1b[31m!")
    'red: ^[[31m!'
    """
    text = str(text).replace("\r\n", "\n").replace("\t", "    ")
    return text if text.isprintable() else "".join(map(_spelt_out, text))


def _spelt_out(character: str) -> str:
    code = ord(character)
    if character == "\n" or character.isprintable():
        return character
    if code < 0x20 or code == 0x7F:
        return "^" + chr(code ^ 0x40)
    if unicodedata.category(character) == "Zs":  # a no-break space and its kind
        return " "
    # Joiners make up emoji and whole scripts, and a soft hyphen is harmless.
    if character in "\u00ad\u200c\u200d":
        return character
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def one_line(text: object, width: int | None = None) -> str:
    r"""Return the text in one line of at most `width` columns, cut with dots where it is longer.

    Examples
    --------
    >>> from fastal._terminal import one_line
    >>> one_line("Dear  all,\n\nsee you at six.", 16)
    'Dear all, see...'
    """
    # Far more than fits a line is never looked at: a text can be a book.
    start = str(text) if width is None else str(text)[: 20 * width + 200]
    line = " ".join(printable(" ".join(start.split())).split())
    if width is None or _columns(line) <= width:
        return line
    while _columns(line) > max(width - 3, 1):
        line = line[: min(len(line) - 1, width)]
    return line.rstrip() + "..."


def pages(text: str, width: int) -> list[list[str]]:
    """Split the text into wrapped, indented lines, a screenful at a time."""
    room = width - 5
    # East Asian characters take two columns; textwrap counts characters.
    if _columns(text) > len(text):
        room //= 2
    lines: list[str] = []
    for paragraph in printable(text).split("\n"):
        body = paragraph.strip()
        if not body:
            if lines and lines[-1]:
                lines.append("")
            continue
        indent = paragraph[: len(paragraph) - len(paragraph.lstrip())][: room // 4]
        lines += textwrap.wrap(
            body, max(room, 20), initial_indent=indent, subsequent_indent=indent
        )
    if lines and not lines[-1]:
        lines.pop()
    lines = ["  " + line if line else "" for line in lines] or ["  (this text is empty)"]
    # One or two lines more are shown at once rather than on a page of their own.
    if len(lines) <= _LINES_AT_ONCE + 2:
        return [lines]
    return [lines[i : i + _LINES_AT_ONCE] for i in range(0, len(lines), _LINES_AT_ONCE)]


def flow(items: list[str], width: int) -> str:
    """Lay the items out in lines; none is broken in the middle."""
    lines = [""]
    for item in items:
        if lines[-1] and _columns(lines[-1]) + _columns(item) + 4 > width:
            lines.append("")
        lines[-1] += ("   " if lines[-1] else "  ") + item
    return "\n".join(lines)


def _columns(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) + sum(unicodedata.east_asian_width(c) in "WF" for c in text)
