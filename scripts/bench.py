"""Runs every comparison of bench_cases.py, its sides in turns, and prints the medians as a table in Markdown.

A side whose answers are wrong, or that fails, is said and left out from then on; the others go on.
"""

import argparse
import importlib.metadata
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

from bench_cases import DATA, Cases
from bench_programs import Failed, machine


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--scale", type=float, default=1, help="of the numbers of tasks")
    parser.add_argument("--only", default="", help="only comparisons with this in their name")
    parser.add_argument("--quick", action="store_true", help="one round of a fiftieth, to try the script")
    parser.add_argument("--list", action="store_true", help="only say what would be compared")
    parser.add_argument("--built", default="release", help="the folder below target/ with the programs")
    options = parser.parse_args()
    rounds, scale = (1, 0.02) if options.quick else (options.rounds, options.scale)
    comparisons = [each for each in Cases(options.built, scale).all() if options.only in each.name]
    if options.list:
        for each in comparisons:
            print(f"{each.name}: {', '.join(side.name for side in each.sides)}")
        return
    DATA.mkdir(parents=True, exist_ok=True)
    print(f"{versions()}.\n\n{options.built} build, medians of {rounds}, {scale:g} of the tasks, "
          f"load at the beginning {os.getloadavg()[0]:.1f}.\n")
    print("| what | who | median | least to most | the first is better by |\n|---|---|---|---|---|")
    sys.exit(0 if all([compare(each, rounds) for each in comparisons]) else 1)


def versions():
    def version(module):
        try:
            return f"{module} {importlib.metadata.version(module)}"
        except importlib.metadata.PackageNotFoundError:
            return f"no {module}"
    lock = tomllib.loads(Path("scripts/peers/rust/Cargo.lock").read_text())["package"]
    crates = [f"{each['name']} {each['version']}" for each in lock if each["name"] in ("procspawn", "rayon")]
    parallel = subprocess.run(["parallel", "--version"], capture_output=True, text=True).stdout.split("\n")[0] \
        if shutil.which("parallel") else "no parallel"
    return ", ".join([machine(), "Linux " + ".".join(platform.release().split(".")[:2]), f"Python {platform.python_version()}",
                      *map(version, ("joblib", "ray", "distributed")), *crates, parallel])


def compare(comparison, rounds):
    """Runs and prints one comparison; False where a side failed."""
    figures = {side.name: [] for side in comparison.sides}
    failures = {}
    for number in range(rounds):
        # Nobody is always the first, or always after the same one.
        turn = number % len(comparison.sides)
        for side in comparison.sides[turn:] + comparison.sides[:turn]:
            if side.missing or side.name in failures:
                continue
            try:
                figures[side.name].append(one_round(side, comparison))
            except (Failed, OSError) as error:
                failures[side.name] = str(error)
                print(f"FAILED: {comparison.name}: {side.name}: {error}", file=sys.stderr)
    for side in comparison.sides:
        if side.missing:
            print(f"SKIPPED: {comparison.name}: {side.name}: {side.missing} is not installed", file=sys.stderr)
    for metric in comparison.metrics:
        print_rows(comparison, metric, figures, failures)
    return not failures


def one_round(side, comparison):
    runs = [side.measure() for _ in range(comparison.repeat)]
    return {metric.key: statistics.median(run[metric.key] for run in runs) for metric in comparison.metrics}


def print_rows(comparison, metric, figures, failures):
    what = f"{comparison.name}{', ' * bool(metric.name)}{metric.name}"
    first = figures[comparison.sides[0].name]
    for side in comparison.sides:
        if side.missing or side.name in failures:
            why = "FAILED" if side.name in failures else "not installed"
            print(f"| {what} | {side.name} | {why} | | |")
        else:
            rounds = figures[side.name]
            values = [each[metric.key] for each in rounds]
            median, *ends = (text(value, metric) for value in (statistics.median(values), min(values), max(values)))
            # Round by round: what disturbs one side in a round disturbs the others as well.
            pairs = [(ours[metric.key], theirs[metric.key]) for ours, theirs in zip(first, rounds)]
            ratio = "" if side is comparison.sides[0] else better_by(pairs, metric)
            print(f"| {what} | {side.name} | {median} | {' to '.join(ends)} | {ratio} |", flush=True)
        what = ""


def better_by(pairs, metric):
    ratios = [ours / theirs if metric.more else theirs / ours for ours, theirs in pairs if ours and theirs]
    return f"× {statistics.median(ratios):.3g}" if ratios else ""


def text(value, metric):
    """A figure with its unit, in three digits."""
    if metric.unit == "%":
        return f"{value * 100:.1f} %"
    if metric.unit == "B":
        return f"{value / 2**20:.1f} MiB"
    if metric.unit in ("GB/s", "µs", ""):
        return f"{value:.{0 if value >= 100 else 1 if value >= 10 else 2}f} {metric.unit}".strip()
    if metric.unit == "s":
        return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.3g} ms"
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if value >= size:
            return f"{value / size:.3g} {letter}{metric.unit}"
    return f"{value:.3g} {metric.unit}"


if __name__ == "__main__":
    main()
