"""What is compared, with whom, and what each run is asked for. The first side of a comparison is the one that the
others are held against."""

import importlib.util
import json
import math
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bench_programs as programs
from bench_programs import Failed

DATA = Path("target/bench-data").resolve()
SCRIPTS = Path(__file__).parent.resolve()
# Of `primes` over 10⁷ small numbers, on average.
BYTES_A_LINE = 130
UPPER = SCRIPTS.parent / "jobs/upper.py"


@dataclass
class Metric:
    """What of a side's figures goes into the table."""
    key: str
    unit: str
    # Larger is better.
    more: bool
    name: str = ""


@dataclass
class Side:
    name: str
    # Runs it once, checks the answers, and returns its figures by name; raises Failed.
    measure: Callable[[], dict]
    # Why it can't be run here.
    missing: str | None = None


@dataclass
class Comparison:
    name: str
    metrics: list[Metric]
    sides: list[Side]
    # How often each side runs in a round; the round's figure is the median.
    repeat: int = 1


RATE = [Metric("per_second", "/s", True)]
THROUGHPUT = [Metric("gb_per_second", "GB/s", True)]
TIME = [Metric("wall_seconds", "s", False)]
TRIP = [Metric("p50_micros", "µs", False, "p50"), Metric("p99_micros", "µs", False, "p99")]


class Cases:
    def __init__(self, built, scale):
        self.scale = scale
        self.coordinator = Path(f"target/{built}/coordinator").resolve()
        self.bench_pool = Path(f"target/{built}/bench_pool").resolve()
        self.peers = Path(f"target/bench-peers/{built}/peers").resolve()

    def all(self):
        yield Comparison("tiny tasks, 2 workers", RATE, [
            self.ours("tiny"), self.python("Pool.imap", "pool", "tiny"),
            self.python("Pool.map, chunks of 16,000", "pool-map", "tiny"),
            self.python("ProcessPoolExecutor.map", "executor", "tiny"),
            self.python("JoinableQueue and pills", "queue", "tiny"),
            self.python("joblib (loky)", "joblib", "tiny", "joblib"), self.python("Ray", "ray", "tiny", "ray"),
            self.python("Dask", "dask", "tiny", "distributed"), self.rust("procspawn", "procspawn", "tiny"),
            self.rust("rayon, a spawn a task (threads)", "rayon", "tiny"),
            self.rust("rayon, par_iter (threads)", "rayon", "tiny-split")])
        # 20 million of them have the scale 1.
        yield Comparison("tiny tasks by their number, 2 workers", RATE, [
            self.ours("tiny", f"10{power}", scale=count / 2e7)
            for power, count in [("⁶", 1e6), ("⁴", 1e4), ("⁵", 1e5), ("⁷", 1e7), ("⁸", 1e8)]])
        yield Comparison("10⁷ tiny tasks by workers", RATE, [
            self.ours("tiny", f"{workers} worker{'s'[:workers - 1]}", workers=workers, scale=0.5) for workers in (2, 1, 4, 8, 16, 32, 64)])
        yield Comparison("`primes` over 10⁷ small numbers into JSONL, 2 workers", RATE, [
            Side("`run --store none`", lambda: self.primes(False)), Side("`run`", lambda: self.primes(True)),
            Side("`run --store none`, to /dev/null", lambda: self.primes_on_terminal("never")),
            Side("the file alone, by dd (floor)", self.file_alone)])
        yield Comparison("10⁷ tiny tasks with progress on a terminal", RATE, [
            Side(f"`--progress {mode}`", lambda mode=mode: self.primes_on_terminal(mode))
            for mode in ("always", "full", "never")], repeat=5)
        yield Comparison("round trip, idle pool", TRIP, [
            self.ours("trips", workers=1), self.rust("bare socket pair (floor)", "socketpair", "trips"),
            self.python("Pool.apply", "pool", "trips"), self.python("JoinableQueue", "queue", "trips"),
            self.rust("procspawn", "procspawn", "trips"), self.rust("rayon (threads)", "rayon", "trips")])
        yield Comparison("tasks of 1 MiB, small answers", THROUGHPUT, [
            self.ours("mib-copied", "ours, copied in"), self.ours("mib-in-place", "ours, made in place"),
            self.python("Pool.imap", "pool", "mib-copied"), self.python("JoinableQueue", "queue", "mib-copied"),
            self.rust("procspawn", "procspawn", "mib-copied")])
        yield Comparison("tasks of 16 MiB, echoed back", THROUGHPUT, [
            self.ours("16mib-echo"), self.python("Pool.imap", "pool", "16mib-echo"),
            self.rust("procspawn", "procspawn", "16mib-echo")])
        yield Comparison("start 2 workers, 2 tasks, stop: the calls", [Metric("seconds", "s", False)], [
            self.ours("start"), self.rust("procspawn", "procspawn", "start"), self.python("Pool", "pool", "start")],
            repeat=5)
        yield Comparison("start 2 workers, 2 tasks, stop: the whole program", TIME, [
            Side("`run`", lambda: self.two_numbers("kept")), Side("`run`, which makes its store", lambda: self.two_numbers("new")),
            Side("`run --store none`", lambda: self.two_numbers("none")),
            self.ours("start", "bench_pool (library)"), self.rust("procspawn", "procspawn", "start"),
            self.python("Pool", "pool", "start"),
            Side("/bin/true (floor)", lambda: {"wall_seconds": programs.run(["/bin/true"])[1]})], repeat=5)
        yield Comparison("memory with 2 workers at 2 tasks, all processes", [Metric("bytes", "B", False)], [
            Side("`run`", self.command_memory), self.memory("library", [self.bench_pool, "hold", 2]),
            self.memory("procspawn", [self.peers, "procspawn", "hold"], self.no_peers()),
            self.memory("Pool", [sys.executable, SCRIPTS / "peers/pools.py", "pool", "hold"])])
        for case, name in [("1ms", "1,000 tasks of 1 ms"), ("1us", "10⁶ tasks of 1 µs"), ("pareto", "Pareto, 20 µs to 50 ms"),
                           ("giant-in-the-middle", "a giant in the middle"), ("rising", "rising"), ("falling", "falling")]:
            # Alone in their messages, a million tasks would take too long.
            alone = 0.1 if case == "1us" else 1
            yield Comparison(f"share of the ideal, 2 workers: {name}", [Metric("of_ideal", "%", True)], [
                self.ours(case, "automatic batches"), self.ours(case, "batches of 1", scale=alone, batch=1),
                self.ours(case, "batches of 512", batch=512)])
        yield Comparison("the textbook's pi, samples", RATE, [
            Side("`run`, kind `pi`, 10⁶ samples", self.pi), self.python_pi("Pool, a sample a task", "pool"),
            self.python_pi("Pool, 64 chunks by hand", "pool-map")])
        yield Comparison("processes: /bin/true again and again, 2 at a time", RATE, [
            Side("`run`, kind `command`", lambda: self.trues(self.our_trues)),
            Side("xargs -P 2", lambda: self.trues(self.xargs_trues), None if shutil.which("xargs") else "xargs"),
            Side("GNU parallel", lambda: self.trues(self.parallel_trues, 0.2),
                 None if shutil.which("parallel") else "parallel")])
        yield Comparison("a Python program asked in lines, 2 workers", RATE, [Side("`run`, `mode = \"lines\"`", self.lines)])
        yield Comparison("64 idle workers, over 5 s", [
            Metric("cpu_seconds", "s", False, "processor time"), Metric("switches", "", False, "context switches")],
            [Side("`run --input -`", self.idle)])

    def many(self, count):
        return max(int(count * self.scale), 100)

    # The library, and the peers that print a line of their own.

    def ours(self, case, name="ours", workers=2, scale=1, batch=None):
        env = {"BENCH_BATCH": str(batch)} if batch else {}
        return Side(name, lambda: programs.line([self.bench_pool, case, workers, self.scale * scale], env=env))

    def rust(self, name, peer, case):
        return Side(name, lambda: programs.line([self.peers, peer, case, self.scale]), self.no_peers())

    def no_peers(self):
        return None if self.peers.exists() else "scripts/peers/rust"

    def python(self, name, peer, case, module=None):
        missing = module if module and not importlib.util.find_spec(module) else None
        return Side(name, lambda: programs.line([sys.executable, SCRIPTS / "peers/pools.py", peer, case, self.scale]), missing)

    def python_pi(self, name, peer):
        side = self.python(name, peer, "pi")
        return Side(name, lambda: near_pi(side.measure()))

    def memory(self, name, command, missing=None):
        return Side(name, lambda: programs.peak_memory(command), missing)

    # The command.

    def run_command(self, text, flags=(), stored=True, workers=2, quiet=True):
        """The arguments of a run with a fresh store, none, or one that is named, and where its summary will be."""
        shutil.rmtree(DATA / "run", ignore_errors=True)
        (DATA / "run").mkdir(parents=True)
        job = DATA / "run/job.toml"
        job.write_text(text)
        store = {True: DATA / "run/runs.db", False: "none"}.get(stored, stored)
        return [self.coordinator, "run", job, *(["--quiet"] if quiet else []), "--workers", workers, "--store", store,
                "--summary-json", DATA / "run/summary.json", *flags]

    def run_job(self, text, flags=(), stored=True, tasks=None):
        """Runs a job; what it printed, how long it took, and its summary. All its tasks must have ended well."""
        out, wall = programs.run(self.run_command(text, flags, stored))
        summary = json.loads((DATA / "run/summary.json").read_text())
        ok, failed = (summary["tasks"][key] for key in ("ok", "failed"))
        check(failed == 0 and tasks in (None, ok), f"{ok} tasks are ok and {failed} failed")
        return out, wall, summary

    def primes(self, stored):
        count, path = self.many(10**7), DATA / "run/primes.jsonl"
        text = f"kind = 'primes'\n[input]\nrange = {{ from = 0, to = {count} }}\n"
        # What others have left to be written must not weigh on this one.
        programs.run(["sync"])
        _, wall, _ = self.run_job(text, ["--output", path], stored, count)
        found = lines_with(path, b'"prime":true')
        path.unlink()
        check(found == sieve(count), f"{found} primes below {count}, not {sieve(count)}")
        return {"per_second": count / wall}

    def primes_on_terminal(self, mode):
        """Results to /dev/null; progress, if any, to a terminal of 80 columns."""
        count = self.many(10**7)
        text = f"kind = 'primes'\n[input]\nrange = {{ from = 0, to = {count} }}\n"
        command = self.run_command(text, ["--format", "jsonl", "--progress", mode], stored=False, quiet=False)
        wall = programs.on_terminal(command)
        ok = json.loads((DATA / "run/summary.json").read_text())["tasks"]["ok"]
        check(ok == count, f"{ok} tasks are ok")
        return {"per_second": count / wall}

    def file_alone(self):
        """As many bytes as a line of JSON a task takes, written by dd and brought to the disk."""
        count, path = self.many(10**7), DATA / "run/alone"
        path.parent.mkdir(parents=True, exist_ok=True)
        blocks = count * BYTES_A_LINE // (128 << 10) + 1
        programs.run(["sync"])
        _, wall = programs.run(["dd", "if=/dev/zero", f"of={path}", "bs=128k", f"count={blocks}", "conv=fsync"])
        path.unlink()
        return {"per_second": count / wall}

    def two_numbers(self, store):
        text = "kind = 'primes'\n[input]\nnumbers = [7, 9]\n"
        stores = {"kept": DATA / "kept.db", "new": True, "none": False}
        out, wall, _ = self.run_job(text, [], stores[store], 2)
        check(out == b"7 is prime\n9 is not prime\n", f"it printed {out!r}")
        return {"wall_seconds": wall}

    def command_memory(self):
        return programs.peak_memory(self.run_command("kind = 'sleep'\n[input]\nseconds = [1, 1]\n"))

    def pi(self):
        samples = self.many(10**6)
        _, wall, summary = self.run_job(f"kind = 'pi'\n[input]\nsamples = {samples}\nseed = 1\n")
        return near_pi({"samples": samples, "pi": summary["result"]["pi"], "per_second": samples / wall})

    def trues(self, measure, share=1):
        count = self.many(1000 * share)
        items = "".join(f"{number}\n" for number in range(count))
        return {"per_second": count / measure(count, items)}

    def our_trues(self, count, items):
        path = DATA / "items.txt"
        path.write_text(items)
        return self.run_job(
            f"kind = 'command'\n[input]\nfile = '{path}'\n[params]\nargv = ['/bin/true']\n", tasks=count)[1]

    def xargs_trues(self, _, items):
        # Its exit code is 0 only where all of them were.
        return programs.run(["xargs", "-P", 2, "-n", 1, "/bin/true"], items.encode())[1]

    def parallel_trues(self, count, items):
        home = DATA / "parallel"
        home.mkdir(parents=True, exist_ok=True)
        _, wall = programs.run(["parallel", "-j", 2, "--joblog", home / "log", "/bin/true"], items.encode(),
                               env={"PARALLEL_HOME": str(home)})
        rows = (home / "log").read_text().splitlines()[1:]
        check(len(rows) == count, f"{len(rows)} of {count} were run")
        return wall

    def lines(self):
        count, path = self.many(20_000), DATA / "items.txt"
        words = [f"word-{number}" for number in range(count)]
        path.write_text("\n".join(words) + "\n")
        out, wall, _ = self.run_job(
            f"kind = 'command'\n[input]\nfile = '{path}'\n[params]\nmode = 'lines'\nargv = ['{sys.executable}', '{UPPER}']\n",
            ["--format", "jsonl"], tasks=count)
        answers = [json.loads(line)["value"]["answer"] for line in out.splitlines()]
        check(answers == [word.upper() for word in words], "an answer is wrong")
        return {"per_second": count / wall}

    def idle(self):
        workers = 64
        command = self.run_command("kind = 'primes'\n[input]\nnumbers = []\n", ["--input", "-"], workers=workers)
        out, figures = programs.idle(command, workers, b"7\n" * workers, 5)
        check(out == b"7 is prime\n" * workers, f"it printed {out[:80]!r}")
        return figures


def check(right, otherwise):
    if not right:
        raise Failed(otherwise)


def near_pi(figures):
    """Within five standard errors: once in two million runs, chance alone is further off."""
    error = math.sqrt(math.pi * (4 - math.pi) / figures["samples"])
    check(abs(figures["pi"] - math.pi) < 5 * error, f"pi = {figures['pi']}")
    return figures


def lines_with(path, what):
    with open(path, "rb") as file:
        return sum(what in line for line in file)


def sieve(below):
    """How many primes there are."""
    prime = bytearray([1]) * below
    prime[:2] = b"\0\0"
    for number in range(2, math.isqrt(below) + 1):
        if prime[number]:
            prime[number * number::number] = bytes(len(range(number * number, below, number)))
    return sum(prime)
