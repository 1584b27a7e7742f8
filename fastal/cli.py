"""The command line: ``fastal demo``, ``experiment``, ``query``, ``label``, ``finish``, ``audit``.

Exit codes: 0 done, 1 something is wrong with what was given (one line on standard error says
what), 2 the command was not understood, 130 stopped with Ctrl-C, 141 the reader went away
(``| head``).  ``FASTAL_DEBUG=1`` shows the traceback of an error.
"""

from __future__ import annotations

import argparse
import os
import sys
import warnings
from collections.abc import Sequence

from fastal._cli_arguments import make_parser

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code; the entry point of ``fastal``.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments; those of the process by default.

    Returns
    -------
    code : int
        See the head of this module.

    Raises
    ------
    SystemExit
        From argparse: 0 after ``--help`` and ``--version``, 2 for arguments it cannot read.

    Examples
    --------
    >>> from fastal.cli import main
    >>> main(["query", "absent.csv"])
    1
    """
    for stream in (sys.stdout, sys.stderr):
        # A character that the terminal cannot show is spelt out, rather than an error.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    parser = make_parser()
    args = parser.parse_args(argv)
    if args.command is None:
        parser.print_help()
        return 0
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _print_note
            code = _run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print("\nfastal: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Python flushes once more at its end, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except (ValueError, TypeError, OSError, ImportError, MemoryError) as error:
        if os.environ.get("FASTAL_DEBUG", "0") not in ("", "0"):
            raise
        print(f"fastal: error: {_explain(error)}", file=sys.stderr)
        return 1
    return code


def _print_note(message: Warning | str, *_: object, **__: object) -> None:
    """Show a warning as one line for the person at the keyboard, without Python's source line."""
    print(f"fastal: note: {message}", file=sys.stderr)


def _explain(error: BaseException) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError):
        return f"not enough memory ({error})" if str(error) else "not enough memory"
    return str(error) or type(error).__name__


def _run(args: argparse.Namespace) -> int:
    # What a command needs is imported when it runs: --help and typing errors answer at once.
    from fastal import _cli_audit, _cli_experiment, _cli_finish, _cli_label

    commands = {
        "demo": _cli_experiment.demo,
        "experiment": _cli_experiment.experiment,
        "query": _cli_label.query,
        "label": _cli_label.label,
        "finish": _cli_finish.finish,
        "audit": _cli_audit.audit,
    }
    return commands[args.command](args)
