"""Runs the programs under test, and looks at their processes from outside, through /proc."""

import json
import os
import signal
import subprocess
import termios
import time
from pathlib import Path

# No run takes longer, except one that hangs.
PATIENCE = 180


class Failed(Exception):
    """A run came to a wrong end; the text says how."""


def machine():
    model = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if "model name" in line), "?")
    return f"{len(os.sched_getaffinity(0))} × {model}"


def start(command, **options):
    """A program in a process group of its own."""
    env = {**os.environ, **options.pop("env", {})}
    options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([str(part) for part in command], env=env, start_new_session=True, **options)


def end(process, text=None, patience=PATIENCE):
    """Waits for a program, and returns what it printed. Nothing of it is left, however it ends."""
    try:
        out, err = process.communicate(text, timeout=patience)
    except subprocess.TimeoutExpired:
        raise Failed(f"not done after {patience} s") from None
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    if process.returncode:
        last = (err or b"").decode(errors="replace").strip().splitlines()[-1:]
        raise Failed(f"exit code {process.returncode}: {' '.join(last)}")
    return out


def run(command, text=None, **options):
    """Runs a program to its end: what it printed, and how long it took, in seconds."""
    if text is not None:
        options["stdin"] = subprocess.PIPE
    begin = time.perf_counter()
    out = end(start(command, **options), text)
    return out, time.perf_counter() - begin


def on_terminal(command):
    """Runs a program to its end with its standard error on a terminal, and returns how long it took, in seconds."""
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    begin = time.perf_counter()
    process = start(command, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said = b""
    while True:
        try:
            part = os.read(ours, 1 << 16)
        except OSError:
            # What a terminal says when nobody is at its other end any more.
            part = b""
        if not part:
            break
        said = (said + part)[-1000:]
    code = process.wait(PATIENCE)
    wall = time.perf_counter() - begin
    os.close(ours)
    if code:
        raise Failed(f"exit code {code}: {said.decode(errors='replace').strip()[-200:]}")
    return wall


def line(command, **options):
    """Runs a program that prints what it has measured, as a line of JSON."""
    out, wall = run(command, **options)
    try:
        return {**json.loads(out.splitlines()[-1]), "wall_seconds": wall}
    except (IndexError, ValueError):
        raise Failed(f"printed no JSON: {out[:80]!r}") from None


def tree(root):
    """The ids of a process and all its descendants."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            fields = read(entry / "stat").rpartition(")")[2].split()
            # A zombie has neither memory nor threads.
            if fields and fields[0] != "Z":
                parents[int(entry.name)] = int(fields[1])
    found = {root}
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more:
            return found
        found |= more


def read(path):
    """A file of /proc; empty where its process is gone."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def proportional_memory(pids):
    """Bytes of memory, what is shared divided by the number of those who share it."""
    def pss(pid):
        rollup = read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
        return sum(int(line.split()[1]) for line in rollup if line.startswith("Pss:"))
    return sum(map(pss, pids)) * 1024


def activity(pids):
    """Seconds of processor time and context switches, of all threads, since their start."""
    nanos = switches = 0
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            nanos += int((read(thread / "schedstat").split() or [0])[0])
            status = read(thread / "status").splitlines()
            switches += sum(int(line.split()[1]) for line in status if "ctxt_switches" in line)
    return nanos / 1e9, switches


def peak_memory(command, **options):
    """Runs a program; the most memory that it and its descendants had at a time."""
    process, peak = start(command, **options), 0
    deadline = time.monotonic() + PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        peak = max(peak, proportional_memory(tree(process.pid)))
        time.sleep(0.02)
    end(process, patience=1)
    return {"bytes": peak}


def idle(command, workers, text, seconds):
    """A program that has done what `text` asks of it, and waits for more with all its workers: what that costs."""
    process = start(command, stdin=subprocess.PIPE)
    try:
        process.stdin.write(text)
        process.stdin.flush()
        deadline = time.monotonic() + 30
        while len(tree(process.pid)) <= workers:
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"{len(tree(process.pid)) - 1} workers of {workers} have started")
            time.sleep(0.05)
        # Their start is not what is looked at.
        time.sleep(1)
        pids = tree(process.pid)
        before = activity(pids)
        time.sleep(seconds)
        after = activity(pids)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    out = end(process)
    return out, {"cpu_seconds": after[0] - before[0], "switches": after[1] - before[1]}
