"""Write the speed table of a Markdown file from asv's results, losses included.

    python benchmarks/make_table.py [README.md] [--results FOLDER] [--commit HASH]

The table goes between the two marker lines, which must be there already.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from pathlib import Path
from typing import Any

BEGIN = "<!-- speed table: begin -->"
END = "<!-- speed table: end -->"
HERE = Path(__file__).resolve().parent

Times = dict[tuple[str, ...], float]


def newest(results: Path, commit: str | None) -> Path:
    """Return the result file of the run that started last (of that commit, if one is given)."""
    files = [file for file in results.glob("*/*.json") if file.name != "machine.json"]
    if commit:
        files = [file for file in files if file.name.startswith(commit[:8])]
    if not files:
        wanted = f" for commit {commit}" if commit else ""
        raise SystemExit(f"no asv results in {results}{wanted}: run asv first")
    return max(files, key=lambda file: json.loads(file.read_text()).get("date", 0))


def measured(run: dict[str, Any]) -> dict[str, Times]:
    """Benchmark name -> its number for each combination of parameters; failures are left out."""
    columns = run["result_columns"]
    numbers: dict[str, Times] = {}
    for name, values in run["results"].items():
        entry = dict(zip(columns, values, strict=False))
        cases = itertools.product(*entry["params"])
        pairs = zip(cases, entry["result"] or [], strict=False)
        numbers[name] = {
            tuple(text.strip("'") for text in case): number
            for case, number in pairs
            if number is not None and number == number  # skipped ones are NaN
        }
    return numbers


def lines(numbers: dict[str, Times]) -> list[str]:
    """One line for each case of each function that both implementations were timed on."""
    table = [
        "| function | case | fastal | reference | times as fast |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for name in sorted(numbers):
        module, _, function = name.partition(".time_")
        if not function:
            continue
        speedups = numbers.get(f"{module}.track_speedup_{function}", {})
        for (*case, impl), ours in numbers[name].items():
            theirs = numbers[name].get((*case, "reference"))
            if impl != "fastal" or theirs is None:
                continue
            # Timed in turn in one process where that was run; the quotient of two runs otherwise.
            ratio = speedups.get(tuple(case), theirs / ours)
            shown = f"{ratio:.2g}" if ratio < 10 else f"{ratio:.0f}"
            table.append(
                f"| `{function}` | {', '.join(case)} | {seconds(ours)} | {seconds(theirs)} "
                f"| {shown if ratio >= 1 else f'**{shown}** (slower)'} |"
            )
    if len(table) == 2:
        raise SystemExit("the results hold no function timed with both implementations")
    return table


def seconds(value: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if value >= size:
            return f"{value / size:.3g} {unit}"
    return f"{value / 1e-6:.3g} µs"


def caption(run: dict[str, Any]) -> str:
    machine = run.get("params", {})
    # In an existing environment asv knows the interpreter's path instead of its version.
    python = str(run.get("python", ""))
    python = f", Python {python}" if python[:1].isdigit() else ""
    packages = ", ".join(
        f"{name} {version}" for name, version in (run.get("requirements") or {}).items() if version
    )
    return (
        f"One thread, {machine.get('cpu') or 'unknown CPU'}{python}"
        f"{', ' + packages if packages else ''}; commit {run['commit_hash'][:8]}. "
        "The last column is the median of ratios taken side by side in one process; "
        "the times are for orientation."
    )


def replace(text: str, table: str, name: str) -> str:
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise SystemExit(f"{name} must hold the lines {BEGIN} and {END} once each, in this order")
    before, rest = text.split(BEGIN)
    return f"{before}{BEGIN}\n\n{table}\n\n{END}{rest.split(END)[1]}"


def main() -> None:
    assert __doc__ is not None
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("file", type=Path, nargs="?", default=HERE.parent / "README.md")
    parser.add_argument("--results", type=Path, default=HERE / ".asv" / "results")
    parser.add_argument("--commit", help="the run of this commit instead of the newest run")
    args = parser.parse_args()
    file = newest(args.results, args.commit)
    run = json.loads(file.read_text())
    table = "\n".join([*lines(measured(run)), "", caption(run)])
    text = args.file.read_text(encoding="utf-8")
    args.file.write_text(replace(text, table, args.file.name), encoding="utf-8")
    print(f"{args.file}: {table.count(chr(10)) - 3} lines from {file.name}", file=sys.stderr)


if __name__ == "__main__":
    main()
