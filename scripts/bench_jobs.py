"""Times our job kinds and their peers in turns, checks the answers, and prints a table of medians.

Ours is always the whole command, process start included. NumPy's and Polars' reductions are the call alone, in
a Python that has started already, on a file that is mapped or read anew; the other peers are whole programs.
CPU is user and system time of all processes: it says what the wall clock can't on a busy machine.

Below each reduction of an array stands what its workers did by themselves (the bytes by the time that a worker was
busy), beside the floor: two processes that do nothing but read the same mapped file.
"""

import argparse
import functools
import json
import math
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cv2
import numpy
import polars

from bench_programs import machine

COORDINATOR = Path("target/release/coordinator").resolve()
DATA = Path("target/bench-data").resolve()
# Outputs of earlier rounds; removed when all is measured.
ASIDE = DATA / "aside"
PEERS = Path("scripts/peers").resolve()
READ_FLOOR = Path("target/read_floor").resolve()
SEED = 20261121


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1600, help="size of each array; the table has 5/8")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="only comparisons with this in their name")
    options = parser.parse_args()
    ASIDE.mkdir(parents=True, exist_ok=True)
    print(f"{versions()}; seed {SEED}; load {os.getloadavg()[0]:.1f}\n")
    print("| what | ours | peer | peer's time / ours | ours, CPU | peer, CPU | answer |")
    print("|---|---|---|---|---|---|---|")
    bad = 0
    for makes in (sums, table, primes, pi, images):
        for case in makes(options):
            bad += not compare(options.rounds, **case)
    shutil.rmtree(ASIDE)
    sys.exit(1 if bad else 0)


def versions():
    sieve = subprocess.run(["primesieve", "--version"], capture_output=True, text=True).stdout.split("\n")[0] \
        if shutil.which("primesieve") else "no primesieve"
    return (f"{machine()}; Python {platform.python_version()}, NumPy {numpy.__version__}, "
            f"Polars {polars.__version__}, OpenCV {cv2.__version__}, {sieve}")


def compare(rounds, name, ours, peer, right, size=None, floor=None):
    """Runs all in turns, after one run of each that is not timed."""
    right_answer = right(ours())
    peer()
    times = []
    for _ in range(rounds):
        mine, busy = timed(ours), busy_seconds(ours.summary) if floor else 0
        times.append((mine, timed(peer), (busy, floor() if floor else 0)))
    wall, cpu, peer_wall, peer_cpu, busy, floor_wall = (
        statistics.median(row[side][what] for row in times) for side in (0, 1, 2) for what in (0, 1))
    rate = lambda seconds: f"{seconds * 1000:.0f} ms" + (f" ({size / seconds / 1e9:.1f} GB/s)" if size else "")
    print(f"| {name} | {rate(wall)} | {rate(peer_wall)} | **{peer_wall / wall:.2f}** | {cpu:.2f} s | "
          f"{peer_cpu:.2f} s | {'right' if right_answer else 'WRONG'} |", flush=True)
    if floor:
        print(f"| … its workers alone (peer: the floor) | {rate(busy)} | {rate(floor_wall)} | "
              f"**{floor_wall / busy:.2f}** | | | |", flush=True)
    return right_answer


def busy_seconds(summary):
    """How long a worker had tasks."""
    return statistics.mean(worker["busy_seconds"] for worker in summary["per_worker"])


def timed(call):
    """Wall-clock and CPU seconds, those of children included."""
    def cpu():
        both = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
        return sum(usage.ru_utime + usage.ru_stime for usage in both)
    before, start = cpu(), time.perf_counter()
    call()
    return time.perf_counter() - start, cpu() - before


def coordinator(name, text, *flags):
    """A call that runs a job file and returns the summary's result."""
    job, summary = DATA / f"{name}.toml", DATA / "summary.json"
    def call():
        job.write_text(text)
        command = [COORDINATOR, "run", job, "--quiet", "--summary-json", summary, *flags]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        call.summary = json.loads(summary.read_text())
        return call.summary["result"]
    return call


def program(*command):
    return lambda: subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def sums(options):
    count = options.megabytes * 1_000_000 // 8
    random = numpy.random.default_rng(SEED)
    make = {
        "i64": lambda: random.integers(-2**63, 2**63 - 1, count, dtype=numpy.int64),
        "f64": lambda: random.normal(0, 1e6, count),
    }
    for dtype, op, params in [("i64", "sum", ""), ("i64", "min", ""), ("f64", "sum", ""),
                              ("f64", "sum", "exact = true"), ("f64", "variance", "")]:
        name = f"{op} {dtype}{', exact' if params else ''}"
        if options.only not in name:
            continue
        path = DATA / f"{dtype}-{count}.npy"
        if not path.exists():
            numpy.save(path, make[dtype]())
        reduce = {"sum": numpy.sum, "min": numpy.min, "variance": numpy.var}[op]
        yield {
            "name": f"{name}, {count / 1e6:g} M",
            "ours": coordinator("reduce", f"kind = 'reduce'\n[input]\nfile = '{path}'\n[params]\nop = '{op}'\n{params}\n"),
            "peer": lambda: reduce(numpy.load(path, mmap_mode="r")),
            "right": lambda result: is_right(numpy.load(path, mmap_mode="r"), op, bool(params), result["value"]),
            "size": count * 8,
            "floor": lambda: float(program(READ_FLOOR, 2, path)()),
        }


def is_right(array, op, exact, value):
    if op == "min":
        return value == int(array.min())
    if array.dtype == numpy.int64:
        # NumPy's own sum wraps; Python's integers say what is right.
        return int(value) == int((array >> 32).sum()) * 2**32 + int((array & 0xFFFF_FFFF).sum())
    if op == "variance":
        return math.isclose(value, float(array.var()), rel_tol=1e-12)
    # Compensated: far better than one rounding of each term, at this size usually the very nearest float.
    right = exact_sum(array.filename)
    return value == right if exact else abs(value - right) <= abs(right) * 2**-52 + float(abs(array).sum()) * 2**-90


@functools.cache
def exact_sum(path):
    return math.fsum(numpy.load(path, mmap_mode="r"))


def table(options):
    if options.only not in "sum of a CSV column":
        return
    rows = options.megabytes * 1_000_000 * 5 // 8 // 11
    path = DATA / f"column-{rows}.csv"
    if not path.exists():
        values = numpy.random.default_rng(SEED).integers(-10**9, 10**9, rows)
        polars.DataFrame({"n": values}).write_csv(path)
    query = lambda: polars.scan_csv(path).select(polars.col("n").sum()).collect()
    yield {
        "name": f"sum of a CSV column, {rows / 1e6:.0f} M rows",
        "ours": coordinator("table", f"kind = 'reduce'\n[input]\nfile = '{path}'\ncolumn = 'n'\n[params]\nop = 'sum'\n"),
        "peer": query,
        "right": lambda result: result["value"] == query().item(),
        "size": path.stat().st_size,
    }


def primes(options):
    start, span = 10**13, 10**9
    for threads in (1, 2):
        name = f"primes in [10¹³, 10¹³ + 10⁹), {threads} worker{'s' * (threads > 1)}"
        if options.only not in name or not shutil.which("primesieve"):
            continue
        text = f"kind = 'primes'\n[input]\nrange = {{ from = {start}, to = {start + span} }}\n[params]\ncount = true\n"
        peer = program("primesieve", start, start + span - 1, "--quiet", "--count", "--threads", threads)
        yield {
            "name": name,
            "ours": coordinator("primes", text, "--workers", str(threads)),
            "peer": peer,
            "right": lambda result: str(peer().split()[-1]) in json.dumps(result),
        }


def pi(options):
    if options.only not in "pi":
        return
    yield {
        "name": "pi from 200 M points (peer: NumPy and Pool)",
        "ours": coordinator("pi", "kind = 'pi'\n[input]\nsamples = 200_000_000\nseed = 1\n"),
        "peer": program(sys.executable, PEERS / "pi.py", os.cpu_count(), 200),
        "right": lambda result: abs(result["pi"] - math.pi) < 4 * result["standard_error"],
    }


def images(options):
    kinds = subprocess.run([COORDINATOR, "kinds"], capture_output=True, text=True).stdout
    if "images" not in kinds:
        print("SKIPPED: images: this build does not know the kind", file=sys.stderr)
        return
    for name, make in [("the textbook's 400 crops", make_crops), ("40 photos of 12 MP", make_photos)]:
        if options.only not in name:
            continue
        folder = DATA / ("crops" if make is make_crops else "photos")
        if not folder.exists():
            make(folder)
        out, peer_out = DATA / "images-out", DATA / "images-peer"
        text = (f"kind = 'images'\n[input]\nglob = '{folder}/*.jpg'\n[[params.step]]\nop = 'grayscale'\n"
                "[[params.step]]\nop = 'adaptive-threshold'\nmethod = 'gaussian'\nblock = 11\nc = 2\n"
                f"[output]\ndir = '{out}'\nformat = 'png'\n")
        yield {
            "name": f"{name} (peer: OpenCV and Pool)",
            "ours": into_new(out, coordinator("images", text)),
            "peer": into_new(peer_out, program(sys.executable, PEERS / "crops.py", os.cpu_count(), folder, peer_out)),
            "right": lambda _: len(list(out.rglob("*.png"))) == len(list(folder.iterdir())),
        }


def into_new(folder, call):
    """Neither side finds what it made before. That is only put aside: after many deletions ext4 is slow to make files."""
    def fresh():
        if folder.exists():
            folder.rename(tempfile.mkdtemp(dir=ASIDE))
        return call()
    return fresh


def photos():
    paths = sorted(path for path in Path("jobs/photos").iterdir() if path.suffix in (".jpg", ".png"))
    return [cv2.imread(str(path)) for path in paths]


def make_crops(folder):
    """One photo in 20 × 20 pieces."""
    folder.mkdir()
    photo = cv2.resize(photos()[-1], (4000, 3000), interpolation=cv2.INTER_CUBIC)
    for row in range(20):
        for column in range(20):
            crop = photo[row * 150:(row + 1) * 150, column * 200:(column + 1) * 200]
            cv2.imwrite(str(folder / f"{row:02}-{column:02}.jpg"), crop)


def make_photos(folder):
    folder.mkdir()
    sources = photos()
    for index in range(40):
        photo = cv2.resize(sources[index % len(sources)], (4000, 3000), interpolation=cv2.INTER_CUBIC)
        cv2.imwrite(str(folder / f"{index:02}.jpg"), cv2.flip(photo, 1) if index % 2 else photo)


if __name__ == "__main__":
    main()
