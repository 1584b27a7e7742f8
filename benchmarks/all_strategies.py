"""Every strategy on every text set: learning curves, cold starts, and who may be the default.

    python benchmarks/all_strategies.py --data FOLDER --out curves.csv
    python benchmarks/all_strategies.py --out curves.csv --report

The first command appends to the file and leaves out what is in it already: it may be stopped and
started again.  The second prints Markdown tables, and with --plots draws pictures.

Each run begins with no label at all: the cold start chooses the first rows.  The curves of one
seed share the same pool, and those that start "random" the same first rows.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.real_data import find

SETS = (
    "sms_spam", "clickbait", "movie_review_mr", "ag_news_27k", "webkb", "bbc_news", "trec6",
    "reuters_r8", "20newsgroups", "20newsgroups_stripped", "novels_sentences", "wordnet_glosses",
    "debian_packages", "banking77",
)  # fmt: skip
FIELDS = (
    "set", "estimator", "strategy", "cold_start", "initial", "batch", "seed", "n_labels",
    "accuracy", "classes_found", "seconds",
)  # fmt: skip


class Case(NamedTuple):
    """One curve to be drawn."""

    strategy: str
    cold_start: str
    initial: int
    batch: int
    iterations: int
    seed: int


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder of the files")
    parser.add_argument("--out", type=Path, required=True, help="CSV file of the curves")
    parser.add_argument("--sets", default=",".join(SETS), help="names without ending")
    parser.add_argument("--strategies", help="names, comma between them; default: all")
    parser.add_argument("--cold-starts", default="random", help="names, comma between them")
    parser.add_argument("--estimator", choices=("logistic", "naive-bayes"), default="logistic")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--initial", type=int, default=20)
    parser.add_argument("--batch", type=int, default=20)
    parser.add_argument("--iterations", type=int, default=9)
    parser.add_argument("--rows", type=int, default=5000, help="rows of the pool, and of the test")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--report", action="store_true", help="print tables of what is there")
    parser.add_argument("--plots", type=Path, help="folder for pictures (with --report)")
    parser.add_argument(
        "--curves", type=Path, metavar="PICTURE",
        help="draw learning curves of --strategies on --sets, after --initial and --batch labels, "
        "beside random and margin (with --report)",
    )  # fmt: skip
    arguments = parser.parse_args()
    if arguments.report:
        names = arguments.sets.split(",")
        rows = [row for row in read(arguments.out) if row["set"] in names]
        if arguments.curves:
            draw_curves(rows, arguments)
        else:
            report(rows, arguments.plots)
        return
    if arguments.data is None:
        parser.error("--data is needed to draw curves")
    run(arguments)


def run(arguments: argparse.Namespace) -> None:
    from joblib import Parallel, delayed

    done = {key(row) for row in read(arguments.out)} if arguments.out.exists() else set()
    if not done:
        with arguments.out.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerow(FIELDS)
    cases = cases_of(arguments)
    tasks = []
    for name in arguments.sets.split(","):
        left = [
            case
            for case in cases
            if (name, arguments.estimator, *case._replace(iterations=0)) not in done
        ]
        # One seed a task: its data are loaded once for all strategies.
        for seed in sorted({case.seed for case in left}):
            own = [case for case in left if case.seed == seed]
            tasks.append(delayed(draw)(arguments, name, own))
    for took in Parallel(n_jobs=arguments.jobs, return_as="generator_unordered")(tasks):
        print(took, file=sys.stderr, flush=True)


def key(row: dict[str, str]) -> tuple[Any, ...]:
    numbers = (int(row["initial"]), int(row["batch"]), 0, int(row["seed"]))
    return (row["set"], row["estimator"], row["strategy"], row["cold_start"], *numbers)


def cases_of(arguments: argparse.Namespace) -> list[Case]:
    from fastal import strategies

    names = arguments.strategies.split(",") if arguments.strategies else strategies.__all__
    sizes = (arguments.initial, arguments.batch, arguments.iterations)
    return [
        Case(name, cold_start, *sizes, seed)
        for seed in range(arguments.seeds)
        for cold_start in arguments.cold_starts.split(",")
        for name in names
    ]


def draw(arguments: argparse.Namespace, name: str, cases: list[Case]) -> str:
    """Draw the curves of one seed on one set, and append them to the file."""
    import os
    import warnings

    from threadpoolctl import threadpool_limits

    # Processes use the processors; the second thread of each would wait for another one's first.
    os.environ["FASTAL_NUM_THREADS"] = "1"
    start = time.perf_counter()
    data = load(arguments, name, cases[0].seed)
    with threadpool_limits(limits=1, user_api="blas"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in cases:
            rows = [
                (name, arguments.estimator, *case[:4], case.seed, *step)
                for step in curve(case, arguments.estimator, *data)
            ]
            # One write of whole lines: other processes append to the same file.
            text = "".join(",".join(map(str, row)) + "\n" for row in rows)
            with arguments.out.open("a", encoding="utf-8") as file:
                file.write(text)
    return f"{name}, seed {cases[0].seed}: {time.perf_counter() - start:.0f} s"


def load(arguments: argparse.Namespace, name: str, seed: int) -> tuple[Any, ...]:
    """TF-IDF rows and labels of a random part of pool and test set."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    from fastal.datasets import load_file, split

    texts, y, test_texts, y_test = split(load_file(find(arguments.data, name)))
    rng = np.random.RandomState(seed)
    rows = np.sort(rng.permutation(len(texts))[: arguments.rows])
    test_rows = np.sort(rng.permutation(len(test_texts))[: arguments.rows])
    vectorizer = TfidfVectorizer(sublinear_tf=True, min_df=2)
    X = vectorizer.fit_transform([texts[row] for row in rows])
    X_test = vectorizer.transform([test_texts[row] for row in test_rows])
    return X, y[rows], X_test, y_test[test_rows]


def curve(
    case: Case, estimator: str, X: Any, y: Any, X_test: Any, y_test: Any
) -> Iterable[tuple[Any, ...]]:
    """Yield labels, accuracy, share of the classes found and seconds of the query, each round."""
    from sklearn.naive_bayes import MultinomialNB

    from fastal import ActiveLearner
    from fastal._models import SparseLogisticRegression

    model = SparseLogisticRegression(C=10, max_iter=300)
    if estimator == "naive-bayes":
        model = MultinomialNB(alpha=0.1)
    learner = ActiveLearner(
        model, case.strategy, cold_start=case.cold_start, random_state=case.seed
    )
    n_classes = len(np.unique(y))
    labeled = np.zeros(len(y), dtype=bool)
    for _ in range(case.iterations + 1):
        start = time.perf_counter()
        n = case.batch if labeled.any() else case.initial
        new = learner.query(X, n, labeled=labeled)
        seconds = time.perf_counter() - start
        labeled[new] = True
        learner.teach(X[new], y[new])
        known = learner.y_labeled_
        # As long as all labels are of one class there is no model: it is that class everywhere.
        told = learner.predict(X_test) if hasattr(learner, "estimator_") else known[0]
        accuracy = float(np.mean(told == y_test))
        yield len(known), f"{accuracy:.5f}", len(np.unique(known)) / n_classes, f"{seconds:.4f}"


# --- what came out ------------------------------------------------------------------------------


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def name_of(row: dict[str, str]) -> str:
    """Strategy, and the cold start before it unless that was a random draw."""
    after = "" if row["cold_start"] == "random" else f" after {row['cold_start']}"
    return row["strategy"] + after


def areas(rows: list[dict[str, str]]) -> dict[tuple[str, ...], dict[tuple[str, str], float]]:
    """Mean accuracy of each curve: by estimator, initial, batch, set; then by method, seed."""
    curves: dict[Any, dict[int, float]] = defaultdict(dict)
    for row in rows:
        group = (row["estimator"], row["initial"], row["batch"], row["set"])
        curves[group, (name_of(row), row["seed"])][int(row["n_labels"])] = float(row["accuracy"])
    out: dict[tuple[str, ...], dict[tuple[str, str], float]] = defaultdict(dict)
    for (group, own), steps in curves.items():
        n, accuracy = np.array(sorted(steps.items())).T
        span = n[-1] - n[0]
        out[group][own] = float(np.trapezoid(accuracy, n) / span if span else accuracy[-1])
    return out


def report(rows: list[dict[str, str]], plots: Path | None) -> None:
    by_group = areas(rows)
    settings = sorted({group[:3] for group in by_group})
    for setting in settings:
        sets = [name for name in SETS if (*setting, name) in by_group]
        print(f"\n### {setting[0]}, {setting[1]} labels at first, then {setting[2]} a round\n")
        print(table(setting, sets, by_group), flush=True)
        if plots:
            plots.mkdir(parents=True, exist_ok=True)
            picture(setting, sets, by_group, plots / ("-".join(setting) + ".png"))


def differences(
    setting: tuple[str, ...], sets: list[str], by_group: Any
) -> dict[str, dict[str, np.ndarray]]:
    """Area less that of random sampling with the same seed: by method, set."""
    out: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for name in sets:
        own = by_group[(*setting, name)]
        for method in {method for method, _ in own}:
            seeds = [s for m, s in own if m == method and ("random", s) in own]
            if seeds:
                out[method][name] = np.array([own[method, s] - own["random", s] for s in seeds])
    return out


def clearly_below(d: np.ndarray) -> bool:
    """Whether a method loses with every seed, and by more than half a point on average."""
    return bool((d < 0).all() and d.mean() < -0.005)


def table(setting: tuple[str, ...], sets: list[str], by_group: Any) -> str:
    from scipy.stats import rankdata

    found = differences(setting, sets, by_group)
    complete = sorted(method for method in found if len(found[method]) == len(sets))
    means = {m: np.array([found[m][name].mean() for name in sets]) for m in complete}
    # Equal areas, as of margin and entropy where there are two classes, share their places.
    places = rankdata(-np.array([means[m] for m in complete]), axis=0).mean(axis=1)
    ranks = dict(zip(complete, places, strict=True))
    head = ["strategy", "mean rank", "area - random", "worst", "clearly below random", *sets]
    lines = ["| " + " | ".join(head) + " |", "|:--|" + "--:|" * (len(head) - 1)]
    for method in sorted(complete, key=lambda m: ranks[m]):
        below = sum(clearly_below(found[method][name]) for name in sets)
        cells = [method, f"{ranks[method]:.1f}", f"{means[method].mean():+.3f}"]
        cells += [f"{means[method].min():+.3f}", f"{below} of {len(sets)}"]
        cells += [f"{value:+.3f}" for value in means[method]]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def picture(setting: tuple[str, ...], sets: list[str], by_group: Any, path: Path) -> None:
    """Area less that of random, each strategy a row, each set a dot."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    found = differences(setting, sets, by_group)
    complete = [m for m in found if len(found[m]) == len(sets)]
    methods = sorted(complete, key=lambda m: np.mean([d.mean() for d in found[m].values()]))
    figure, axes = plt.subplots(figsize=(9, 0.28 * len(methods) + 1.2), layout="constrained")
    colours = plt.get_cmap("tab20")
    for i, name in enumerate(sets):
        points = [(found[m][name].mean(), y) for y, m in enumerate(methods)]
        axes.scatter(*zip(*points, strict=True), s=18, color=colours(i), label=name)
    axes.axvline(0, color="grey", linewidth=0.8)
    axes.set_yticks(range(len(methods)), methods)
    axes.set_ylim(-0.8, len(methods) - 0.2)
    axes.set_xlabel("mean accuracy over the curve, less that of random sampling")
    axes.legend(fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_curves(rows: list[dict[str, str]], arguments: argparse.Namespace) -> None:
    """Mean accuracy over the seeds that all of the methods have, a panel a set."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    methods = [*arguments.strategies.split(","), "margin", "random"]
    setting = (arguments.estimator, str(arguments.initial), str(arguments.batch))
    found: dict[Any, dict[int, float]] = defaultdict(dict)
    for row in rows:
        if (row["estimator"], row["initial"], row["batch"]) == setting:
            key = row["set"], name_of(row), row["seed"]
            found[key][int(row["n_labels"])] = float(row["accuracy"])
    sets = arguments.sets.split(",")
    columns = min(len(sets), 4)
    lines = -(-len(sets) // columns)
    figure, panels = plt.subplots(
        lines, columns, figsize=(3.4 * columns, 2.7 * lines), layout="constrained", squeeze=False
    )
    for name, axes in zip(sets, panels.flat, strict=False):
        seeds = set.intersection(
            *({s for n, m, s in found if (n, m) == (name, own)} for own in methods)
        )
        # A method without a seed in common has no line to draw.
        for own in methods if seeds else ():
            steps = [found[name, own, seed] for seed in seeds]
            n = sorted(set.intersection(*(set(step) for step in steps)))
            style = {"random": ("black", ":"), "margin": ("grey", "--")}.get(own, (None, "-"))
            accuracy = [np.mean([step[labels] for step in steps]) for labels in n]
            axes.plot(n, accuracy, label=own, color=style[0], linestyle=style[1], linewidth=1.3)
        axes.set_title(f"{name} ({len(seeds)} seed{'s' * (len(seeds) > 1)})", fontsize=9)
        axes.tick_params(labelsize=7)
    for axes in list(panels.flat)[len(sets) :]:
        axes.axis("off")
    figure.supxlabel("labels", fontsize=9)
    figure.supylabel("test accuracy", fontsize=9)
    figure.legend(
        *panels.flat[0].get_legend_handles_labels(), loc="outside right center", fontsize=8
    )
    figure.savefig(arguments.curves, dpi=110)


if __name__ == "__main__":
    main()
