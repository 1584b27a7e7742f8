"""The arguments of the command line, and their help."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fastal import __version__, strategies
from fastal._cli_experiment import SETS
from fastal._cli_stop import stop_when

__all__ = ["make_parser"]

_OVERVIEW = """\
Label fewer texts: a model asks about those it can learn most from.

commands:
  demo         see it work on real text that is on this machine (two minutes)
  label        label the texts of a file, here in the terminal
  query        print which texts of a file to label next
  finish       let the model label the rest of the file
  audit        check a random sample of its labels: how many are wrong?
  experiment   find out which strategy would have saved labels, on labelled data
"""

_START = """\
examples:
  fastal demo
  fastal label reviews.csv --classes good,bad
  fastal query reviews.csv --labels reviews.csv.labels.jsonl --n 20
  fastal finish reviews.csv
  fastal audit reviews.finished.csv
  fastal experiment reviews_labelled.csv

fastal COMMAND --help explains each of them.
"""

_FILES = """\
files: .csv or .tsv (first line = column names), .jsonl (one JSON object a line), .parquet.
The texts are in the column "text"; --text-column names another. Rows count from 0.
"""

_STRATEGIES = """\
strategies:
  auto                                   typical texts first, then texts the model is
                                         unsure of that differ from one another
  margin, entropy, least_confidence,     what the model is least sure about
  distance_to_boundary
  power_margin, softmax_margin,          the same, drawn by chance
  softrank_margin
  query_by_committee, vote_entropy,      what five models, trained on different
  consensus_entropy, kl_to_consensus,    samples of the labels, disagree about
  max_kl_to_consensus, variation_ratio
  batch_bald, power_bald                 the same, without asking k times the same
  uncertainty_herding, weighted_k_means, unsure, and typical or different from one
  falcun, badge, cluster_margin,         another and from what is labelled
  prob_cover, k_center_uncertainty,
  ranked_batch, information_density
  contrastive, discriminative            what is unlike the labelled texts near it, or
                                         unlike all of them
  expected_gradient_length               which label would change the model most;
  expected_model_change,                 the other two are slow
  expected_error_reduction
  k_center, k_center_density,            typical of the pool, or unlike what is
  kmeans_plusplus, robust_k_center,      labelled; these need no model
  facility_location, max_herding,
  typiclust
  random                                 a random draw, which all others must beat
"""


def make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="fastal",
        usage="fastal [--help] [--version] COMMAND ...",
        description=_OVERVIEW,
        epilog=_START,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"fastal {__version__}")
    parser.set_defaults(command=None)
    commands = parser.add_subparsers(metavar="COMMAND", help=argparse.SUPPRESS)
    _add_demo(commands)
    _add_label(commands)
    _add_query(commands)
    _add_experiment(commands)
    # It needs the helpers below.
    from fastal._cli_arguments_finish import add_audit, add_finish

    add_finish(commands)
    add_audit(commands)
    return parser


def _command(commands: Any, name: str, text: str, epilog: str) -> argparse.ArgumentParser:
    # argparse would list every option on five lines; the list below says more.
    operand = {"demo": "", "experiment": " FILE_OR_SET"}.get(name, " FILE")
    command: argparse.ArgumentParser = commands.add_parser(
        name,
        prog=f"fastal {name}",
        usage=f"fastal {name} [options]{operand}",
        description=text,
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        # An abbreviation that works today is an error once there is another option like it.
        allow_abbrev=False,
    )
    return command


def _add_demo(commands: Any) -> None:
    command = _command(
        commands,
        "demo",
        "Compare seven strategies on the docstrings of the installed scientific packages: which\n"
        "subpackage does a text come from? Takes two minutes on two processors, needs no\n"
        "download, and writes learning_curves.csv and, with matplotlib, learning_curves.png.",
        "examples:\n  fastal demo\n  fastal demo --seeds 2 --output /tmp/demo\n\n" + _STRATEGIES,
    )
    # 22 classes: a batch of 10 would show nothing but chance.
    _add_comparison(command, initial=50, batch=50, output="fastal-demo")
    command.set_defaults(command="demo")


def _add_experiment(commands: Any) -> None:
    command = _command(
        commands,
        "experiment",
        "Compare strategies on data whose labels are all known: how accurate is a model after\n"
        "each round of labels, when each strategy chooses what is labelled? Part of the rows is\n"
        'held out for the test (those marked "test" in a column "split", if there is one).',
        "examples:\n"
        "  fastal experiment digits\n"
        "  fastal experiment reviews.csv --text-column review --label-column stars\n"
        "  fastal experiment reviews.csv --strategies margin,k_center --seeds 10 --batch 50\n\n"
        + _FILES
        + "\n"
        + _STRATEGIES,
    )
    command.add_argument(
        "data", metavar="FILE_OR_SET", help=f"a file, or one of {', '.join(SETS)}"
    )
    command.add_argument(
        "--text-column", default="text", metavar="NAME", help="column of the texts (default: text)"
    )
    command.add_argument(
        "--label-column",
        default="label",
        metavar="NAME",
        help="column of the labels (default: label)",
    )
    command.add_argument(
        "--test-size",
        type=_share,
        default=0.25,
        metavar="SHARE",
        help="share of the rows to hold out, if the data has no split (default: 0.25)",
    )
    _add_comparison(command, initial=20, batch=10, output="fastal-experiment")
    command.set_defaults(command="experiment")


def _add_comparison(
    command: argparse.ArgumentParser, *, initial: int, batch: int, output: str
) -> None:
    command.add_argument(
        "--strategies",
        type=_strategies,
        metavar="A,B,...",
        help="strategies to compare (default: random,auto,entropy,margin,least_confidence,"
        "query_by_committee,k_center); random is always one",
    )
    _add_estimator(command)
    for name, default, text in (
        ("seeds", 5, "runs of each strategy, each from other initial rows"),
        ("initial", initial, "rows labelled at the start, drawn at random"),
        ("batch", batch, "rows labelled in each round"),
        ("iterations", 10, "rounds"),
    ):
        command.add_argument(
            f"--{name}",
            type=_count,
            default=default,
            metavar="N",
            help=f"{text} (default: {default})",
        )
    command.add_argument(
        "--jobs",
        type=_jobs,
        default=-1,
        metavar="N",
        help="processes to use (default: -1, one for each processor)",
    )
    command.add_argument(
        "--warm-start",
        action="store_true",
        help="train logistic regression from the coefficients of the round before",
    )
    command.add_argument(
        "--output",
        type=Path,
        default=Path(output),
        metavar="FOLDER",
        help=f"where to write the CSV and the picture (default: {output})",
    )


def _add_query(commands: Any) -> None:
    command = _command(
        commands,
        "query",
        "Print the texts of a file to label next, best first, given the labels so far. With no\n"
        "labels, or labels of one class only, the texts are drawn at random.",
        "examples:\n"
        "  fastal query reviews.csv --labels reviews.csv.labels.jsonl\n"
        "  fastal query reviews.csv --labels labels.csv --n 50 --format csv > next.csv\n\n"
        "labels come from any of these:\n"
        "  --labels FILE         the journal of fastal label, or a .csv, .jsonl or .parquet\n"
        "                        with the columns row and label\n"
        '  a column of the file  named by --label-column (default: "label", if there is one);\n'
        "                        empty = no label yet\n\n" + _FILES + "\n" + _STRATEGIES,
    )
    _add_pool(command)
    command.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="labels so far (see below; default: FILE.labels.jsonl, if there is one)",
    )
    command.add_argument(
        "--n", type=_count, default=10, metavar="N", help="how many texts (default: 10)"
    )
    _add_model(command)
    command.add_argument(
        "--format",
        choices=("table", "csv", "jsonl"),
        default="table",
        help="table cuts the texts to the width of the terminal, csv and jsonl hold all of them "
        "(default: table)",
    )
    command.set_defaults(command="query")


def _add_label(commands: Any) -> None:
    command = _command(
        commands,
        "label",
        "Label the texts of a file in this terminal. A model learns from your labels, and after\n"
        "every batch chooses the texts to ask about next. Every answer is on disk before the\n"
        "next question: stop whenever you like, the same command goes on from there.",
        "examples:\n"
        "  fastal label reviews.csv --classes good,bad\n"
        "  fastal label reviews.csv --export labelled.csv\n"
        "  fastal label reviews.csv --stop-when stable,labels=500\n\n"
        "Classes need not be given: a new name is added when it is typed and confirmed. Texts\n"
        'that have a label in the column "label" of the file are learnt from, not asked about.\n\n'
        + _FILES
        + "\n"
        + _STRATEGIES,
    )
    _add_pool(command)
    command.add_argument(
        "--labels",
        type=Path,
        metavar="JOURNAL",
        help="where the answers are kept (default: FILE.labels.jsonl)",
    )
    command.add_argument(
        "--classes", type=_names, metavar="A,B,...", help="names to choose from, in this order"
    )
    _add_model(command)
    command.add_argument(
        "--batch",
        type=_count,
        default=10,
        metavar="N",
        help="texts to ask about before the model learns again (default: 10)",
    )
    command.add_argument(
        "--export",
        type=Path,
        metavar="CSV",
        help="at the end, write row, text and label of everything labelled to this file",
    )
    command.add_argument(
        "--stop-when",
        type=stop_when,
        metavar="RULE,...",
        help="say when it may be enough, but never stop by itself: stable (predictions), f-stable "
        "(F measure), certain (of nearly all texts), labels=N, accuracy=SHARE (by "
        "cross-validation)",
    )
    command.set_defaults(command="label")


def _add_pool(command: argparse.ArgumentParser) -> None:
    command.add_argument("file", metavar="FILE", help="the texts")
    command.add_argument(
        "--text-column", default="text", metavar="NAME", help="column of the texts (default: text)"
    )
    labels = command.add_mutually_exclusive_group()
    labels.add_argument(
        "--label-column",
        metavar="NAME",
        help="column of labels known so far, empty = none (default: label, if there is one)",
    )
    labels.add_argument(
        "--ignore-labels", action="store_true", help="do not read labels from the file of texts"
    )


def _add_model(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--strategy",
        choices=strategies.__all__,
        default="auto",
        metavar="NAME",
        help="how the texts are chosen (see below; default: auto)",
    )
    _add_estimator(command)
    command.add_argument(
        "--seed",
        type=_seed,
        default=0,
        metavar="N",
        help="for what is drawn at random; the same seed draws the same (default: 0)",
    )


def _add_estimator(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--estimator",
        choices=("logistic", "naive-bayes"),
        default="logistic",
        help="the model: logistic regression, or naive Bayes, which is faster and mostly less "
        "accurate (default: logistic)",
    )


def _whole(text: str, lowest: int, highest: float = float("inf")) -> int:
    try:
        number = int(text)
    except ValueError:
        number = lowest - 1
    if not lowest <= number <= highest:
        raise argparse.ArgumentTypeError(
            f"a whole number from {lowest} was expected, got {text!r}"
        )
    return number


def _count(text: str) -> int:
    return _whole(text, 1)


def _seed(text: str) -> int:
    return _whole(text, 0, 2**32 - 1)


def _jobs(text: str) -> int:
    if text.strip() == "0":
        raise argparse.ArgumentTypeError("0 processes do no work; -1 means all processors")
    return _whole(text, -1)


def _share(text: str) -> float:
    try:
        share = float(text)
    except ValueError:
        share = 0.0
    if not 0 < share < 1:
        raise argparse.ArgumentTypeError(f"a number between 0 and 1 was expected, got {text!r}")
    return share


def _names(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names) or len(set(names)) < len(names):
        raise argparse.ArgumentTypeError(
            f"different names with commas between them were expected, got {text!r}"
        )
    return names


def _strategies(text: str) -> list[str]:
    names = _names(text)
    for name in names:
        if name not in strategies.__all__:
            raise argparse.ArgumentTypeError(
                f"no strategy is called {name!r}; there are {', '.join(strategies.__all__)}"
            )
    return names
