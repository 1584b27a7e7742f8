"""Run another library's own tests twice, with its strategies and with ours in their place.

    python tests/adapters/their_tests.py                      # all whose distribution has tests
    python tests/adapters/their_tests.py modal --source DIR   # DIR: a checkout of its repository

Each library has a file ``swap_NAME.py`` beside this one:

- ``DISTRIBUTION``: its name on the package index, of the version that is installed here;
- ``TESTS_IN``: "sdist" (downloaded), "wheel" (installed already) or "repository" (needs --source);
- ``TESTS``: paths of test files within the source, or modules if they are installed, or pytest
  node ids of single tests;
- ``REPLACED``: tuples (their module, name, our module under fastal.adapters);
- ``EXPLAINED``: {test: why it cannot pass with ours}, by the node id without its path;
- ``OPTIONS`` (may be left out): more arguments for pytest;
- ``before(source)`` (may be left out): called in the test process before anything is swapped.

Exits with 1 if a test that passes with theirs fails with ours and is not explained, or if one that
is explained passes.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import subprocess
import sys
import tarfile
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from types import ModuleType

HERE = Path(__file__).resolve().parent


def source_of(swap: ModuleType, given: str | None, folder: Path) -> Path | None:
    """Return where the tests lie, or None if they can be had from a checkout only."""
    if given:
        return Path(given).resolve()
    if swap.TESTS_IN == "wheel":
        return folder
    if swap.TESTS_IN == "repository":
        return None
    version = importlib.metadata.version(swap.DISTRIBUTION)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
    command += ["--no-binary", swap.DISTRIBUTION, f"{swap.DISTRIBUTION}=={version}"]
    subprocess.run(command, cwd=folder, check=True, stderr=subprocess.DEVNULL)
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    (unpacked,) = (path for path in folder.iterdir() if path.is_dir())
    return unpacked


def results(name: str, side: str, source: Path, report: Path) -> dict[str, str]:
    """Run the tests; return "passed", "failed" or "skipped" of each."""
    swap = importlib.import_module(f"swap_{name}")
    environment = os.environ | {
        "FASTAL_SWAP": name,
        "FASTAL_SWAP_SIDE": side,
        "FASTAL_SWAP_SOURCE": str(source),
        "PYTHONPATH": os.pathsep.join([str(HERE), os.environ.get("PYTHONPATH", "")]),
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "swapped", "-p", "no:cacheprovider"]
    command += ["-c", os.devnull, "--rootdir", str(source), "--benchmark-disable"]
    command += [f"--junitxml={report}", *getattr(swap, "OPTIONS", []), *swap.TESTS]
    done = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True)
    if not report.exists():
        raise SystemExit(f"{name}, {side}: pytest did not run\n{done.stdout}\n{done.stderr}")
    found = {}
    for case in ElementTree.parse(report).iter("testcase"):
        states = {child.tag for child in case}
        state = "failed" if states & {"failure", "error"} else "passed"
        test = f"{case.get('classname', '').split('.')[-1]}::{case.get('name')}"
        found[test] = "skipped" if "skipped" in states else state
    return found


def compare(name: str, given: str | None) -> bool | None:
    """Print one line (and what it takes to explain it); return whether all is as it should be."""
    swap = importlib.import_module(f"swap_{name}")
    with tempfile.TemporaryDirectory() as scratch:
        source = source_of(swap, given, Path(scratch))
        if source is None:
            print(f"{name}: the distribution has no tests; give --source")
            return None
        theirs, ours = (
            results(name, side, source, Path(scratch) / f"{side}.xml")
            for side in ("theirs", "ours")
        )
    passed = {test for test, state in theirs.items() if state == "passed"}
    lost = {test for test in passed if ours.get(test) != "passed"}
    print(
        f"{name}: of {len(theirs)} tests {len(passed)} pass with theirs, "
        f"{len(passed - lost)} of these with ours"
    )
    good = bool(passed)
    for test in sorted(lost | set(swap.EXPLAINED)):
        why = swap.EXPLAINED.get(test)
        good &= why is not None and test in lost
        print(f"  {test}: {why or 'NOT EXPLAINED'}{'' if test in lost else ' (BUT IT PASSES)'}")
    return good


def main() -> int:
    """Return 1 if a library's tests show what nobody has explained."""
    known = sorted(path.stem.removeprefix("swap_") for path in HERE.glob("swap_*.py"))
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("libraries", nargs="*", metavar="NAME", help=", ".join(known))
    parser.add_argument("--source", help="a checkout of the library's repository")
    args = parser.parse_args()
    if args.source and len(args.libraries) != 1:
        parser.error("--source belongs to exactly one library")
    for name in args.libraries:
        if name not in known:
            parser.error(f"no swap file for {name!r}; there are {', '.join(known)}")
    outcomes = [compare(name, args.source) for name in args.libraries or known]
    return int(False in outcomes)


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    sys.exit(main())
