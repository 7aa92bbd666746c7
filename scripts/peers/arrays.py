"""NumPy's and Polars' reductions, timed; and what is right, and the data.

Stays, and answers lines of JSON on its standard input with one line each:
    {"make": "i64" | "f64" | "column", "path": …, "count": …}       makes the file where it is missing
    {"time": "sum" | "min" | "variance" | "column", "path": …}      the call alone: its wall_seconds and cpu_seconds
    {"right": …, "path": …, "value": …, "exact": …}                 true where the value is right
"""

import functools
import json
import math
import os
import resource
import sys
import time

import numpy

SEED = 20261121


def make(what, path, count):
    if os.path.exists(path):
        return
    random = numpy.random.default_rng(SEED)
    if what == "column":
        import polars
        polars.DataFrame({"n": random.integers(-10**9, 10**9, count)}).write_csv(path)
    elif what == "i64":
        numpy.save(path, random.integers(-2**63, 2**63 - 1, count, dtype=numpy.int64))
    else:
        numpy.save(path, random.normal(0, 1e6, count))


def column_sum(path):
    import polars
    return polars.scan_csv(path).select(polars.col("n").sum()).collect().item()


def call(what, path):
    if what == "column":
        return column_sum(path)
    return {"sum": numpy.sum, "min": numpy.min, "variance": numpy.var}[what](numpy.load(path, mmap_mode="r"))


def timed(what, path):
    def cpu():
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime
    before, begin = cpu(), time.perf_counter()
    call(what, path)
    return {"wall_seconds": time.perf_counter() - begin, "cpu_seconds": cpu() - before}


def is_right(what, path, value, exact):
    if what == "column":
        return int(value) == answer(what, path)
    array = numpy.load(path, mmap_mode="r")
    if what == "min":
        return value == int(answer(what, path))
    if array.dtype == numpy.int64:
        return int(value) == wide_sum(path)
    if what == "variance":
        return math.isclose(value, answer(what, path), rel_tol=1e-12)
    # Compensated: far better than one rounding of each term, at this size usually the very nearest float.
    right = exact_sum(path)
    return value == right if exact else abs(value - right) <= abs(right) * 2**-52 + magnitude(path) * 2**-90


@functools.cache
def answer(what, path):
    return call(what, path).item() if what != "column" else column_sum(path)


@functools.cache
def wide_sum(path):
    """NumPy's own sum wraps; Python's integers say what is right."""
    array = numpy.load(path, mmap_mode="r")
    return int((array >> 32).sum()) * 2**32 + int((array & 0xFFFF_FFFF).sum())


@functools.cache
def exact_sum(path):
    return math.fsum(numpy.load(path, mmap_mode="r"))


@functools.cache
def magnitude(path):
    return float(abs(numpy.load(path, mmap_mode="r")).sum())


def main():
    for line in sys.stdin:
        asked = json.loads(line)
        path = asked["path"]
        if "make" in asked:
            said = make(asked["make"], path, asked["count"])
        elif "time" in asked:
            said = timed(asked["time"], path)
        else:
            said = bool(is_right(asked["right"], path, asked["value"], asked.get("exact", False)))
        print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
