"""Pi from random points with NumPy, a million at a time, in a pool of processes.

Usage: pi.py PROCESSES MILLIONS-OF-SAMPLES
"""

import multiprocessing
import sys

import numpy

CHUNK = 1_000_000


def inside(task):
    # Counter-based random numbers, as ours: the answer does not depend on who draws which chunk.
    random = numpy.random.Generator(numpy.random.Philox(key=1, counter=[0, 0, task, 0]))
    x, y = random.random((2, CHUNK))
    return int(numpy.count_nonzero(x * x + y * y < 1.0))


if __name__ == "__main__":
    processes, chunks = int(sys.argv[1]), int(sys.argv[2])
    with multiprocessing.Pool(processes) as pool:
        print(4 * sum(pool.imap_unordered(inside, range(chunks), 4)) / (chunks * CHUNK))
