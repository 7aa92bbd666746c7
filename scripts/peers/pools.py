"""Python's ways to run tasks in processes, measured as bench_pool measures ours.

Usage: pools.py NAME CASE [SCALE] checks the answers and prints one line of JSON. Two processes, one for round
trips. Starts and stops are timed in the case `start` only, and every pool has answered a few tasks before it is timed.
"""

import json
import multiprocessing
import os
import random
import sys
import tempfile
import time

WORKERS = 2
MIB = 1 << 20
# Of 1,000, 4,000, 16,000 and 64,000, the fastest for doubling numbers (the last is as fast).
CHUNK = 16_000
# How many tiny tasks keep each busy for about a second.
TINY = {"pool": 50_000, "pool-map": 4_000_000, "executor": 15_000, "queue": 40_000, "joblib": 100_000, "ray": 5_000, "dask": 3_000}


def double(number):
    return 2 * number


def look(payload):
    """One byte of each page, as bench_pool looks at them."""
    return sum(payload[::4096])


def echo(payload):
    return payload


def is_inside(_):
    x, y = random.random(), random.random()
    return x * x + y * y < 1.0


def count_inside(samples):
    return sum(is_inside(None) for _ in range(samples))


class Pool:
    """One task a message, and the answers in order."""

    def __init__(self, _):
        self.pool = multiprocessing.Pool(WORKERS)

    def answers(self, function, tasks):
        return self.pool.imap(function, tasks)

    def ask(self, function, task):
        return self.pool.apply(function, (task,))

    def stop(self):
        self.pool.close()
        self.pool.join()


class PoolMap(Pool):
    """In chunks, whose size somebody has found out by trying."""

    def answers(self, function, tasks):
        return self.pool.map(function, tasks, CHUNK)


class Executor:
    def __init__(self, _):
        from concurrent.futures import ProcessPoolExecutor
        self.executor = ProcessPoolExecutor(WORKERS)

    def answers(self, function, tasks):
        return self.executor.map(function, tasks)

    def ask(self, function, task):
        return self.executor.submit(function, task).result()

    def stop(self):
        self.executor.shutdown()


class Queue:
    """The textbook's: a joinable queue, a queue of results, and a pill for each process at the end."""

    def __init__(self, function):
        self.tasks, self.results = multiprocessing.JoinableQueue(), multiprocessing.Queue()
        self.processes = [
            multiprocessing.Process(target=consume, args=(function, self.tasks, self.results)) for _ in range(WORKERS)]
        for process in self.processes:
            process.start()

    def answers(self, _, tasks):
        count = 0
        for count, task in enumerate(tasks, 1):
            self.tasks.put((count, task))
        for _ in range(count):
            yield self.results.get()[1]
        self.tasks.join()

    def ask(self, function, task):
        return next(self.answers(function, [task]))

    def stop(self):
        for _ in self.processes:
            self.tasks.put(None)
        self.tasks.join()
        for process in self.processes:
            process.join()


def consume(function, tasks, results):
    while True:
        task = tasks.get()
        if task is None:
            return tasks.task_done()
        results.put((task[0], function(task[1])))
        tasks.task_done()


class Joblib:
    """Its default: loky's processes, and batches whose size it finds itself."""

    def __init__(self, _):
        import joblib
        self.parallel, self.delayed = joblib.Parallel(n_jobs=WORKERS), joblib.delayed

    def answers(self, function, tasks):
        return self.parallel(self.delayed(function)(task) for task in tasks)

    def stop(self):
        from joblib.externals.loky import get_reusable_executor
        get_reusable_executor().shutdown()


class Ray:
    def __init__(self, function):
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        import ray
        self.folder = tempfile.TemporaryDirectory()
        ray.init(num_cpus=WORKERS, include_dashboard=False, logging_level="ERROR", log_to_driver=False,
                 _temp_dir=self.folder.name)
        self.ray, self.remote = ray, ray.remote(function)

    def answers(self, _, tasks):
        return self.ray.get([self.remote.remote(task) for task in tasks])

    def stop(self):
        self.ray.shutdown()
        self.folder.cleanup()


class Dask:
    def __init__(self, _):
        import dask
        from distributed import Client, LocalCluster
        self.folder = tempfile.TemporaryDirectory()
        dask.config.set({"temporary-directory": self.folder.name})
        self.cluster = LocalCluster(
            n_workers=WORKERS, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=50)
        self.client = Client(self.cluster)

    def answers(self, function, tasks):
        # Without `pure`, it would first hash every task.
        return self.client.gather(self.client.map(function, tasks, pure=False))

    def stop(self):
        self.client.close()
        self.cluster.close()
        self.folder.cleanup()


PEERS = {"pool": Pool, "pool-map": PoolMap, "executor": Executor, "queue": Queue, "joblib": Joblib,
         "ray": Ray, "dask": Dask}


def main(name, case, scale="1"):
    scale = float(scale)
    many = lambda count: max(int(count * scale), 100)
    measure = {
        "tiny": lambda: tiny(name, many(TINY[name])),
        "trips": lambda: trips(name, many(4000)),
        "start": lambda: start(name),
        "hold": lambda: hold(name),
        "mib-copied": lambda: large(name, max(int(200 * scale), 4), MIB, look, 256),
        "16mib-echo": lambda: large(name, max(int(20 * scale), 2), 16 * MIB, echo, bytes(b"\1" * 16 * MIB)),
        "pi": lambda: pi(name, many(20_000 if name == "pool" else 1_000_000)),
    }[case]
    print(json.dumps(measure()))


def timed(name, function, tasks, first):
    """The answers, and how long they took once the pool was warm."""
    peer = PEERS[name](function)
    warm = list(peer.answers(function, [first] * 20))
    begin = time.perf_counter()
    answers = list(peer.answers(function, tasks))
    seconds = time.perf_counter() - begin
    peer.stop()
    assert len(warm) == 20
    return answers, seconds


def tiny(name, count):
    answers, seconds = timed(name, double, range(count), 1)
    # The queue's come as they are ready.
    right = sorted(answers) if name == "queue" else answers
    assert right == list(range(0, 2 * count, 2)), "an answer is wrong"
    return {"tasks": count, "seconds": seconds, "per_second": count / seconds}


def large(name, count, size, function, right):
    payload = b"\1" * size
    answers, seconds = timed(name, function, [payload] * count, b"\1")
    assert len(answers) == count and all(answer == right for answer in answers), "an answer is wrong"
    return {"tasks": count, "bytes": size, "seconds": seconds, "gb_per_second": count * size / seconds / 1e9}


def trips(name, count):
    global WORKERS
    # A second worker would only take turns with the first.
    WORKERS = 1
    peer, took = PEERS[name](double), []
    for number in range(-20, count):
        begin = time.perf_counter()
        answer = peer.ask(double, number)
        took.append(time.perf_counter() - begin)
        assert answer == 2 * number, "an answer is wrong"
    peer.stop()
    took = sorted(took[20:])
    at = lambda share: took[int(count * share)] * 1e6
    return {"tasks": count, "p50_micros": at(0.5), "p99_micros": at(0.99)}


def start(name):
    begin = time.perf_counter()
    peer = PEERS[name](double)
    answers = list(peer.answers(double, [1, 2]))
    peer.stop()
    assert sorted(answers) == [2, 4], "an answer is wrong"
    return {"tasks": 2, "seconds": time.perf_counter() - begin}


def hold(name):
    """Two tasks that wait, so that somebody can look at the processes meanwhile."""
    peer = PEERS[name](time.sleep)
    answers = list(peer.answers(time.sleep, [1.0] * WORKERS))
    peer.stop()
    assert answers == [None] * WORKERS
    return {"tasks": WORKERS}


def pi(name, samples):
    """`pool`: a sample a task, as the textbook does it; `pool-map`: 64 tasks, cut by hand."""
    if name == "pool":
        answers, seconds = timed(name, is_inside, range(samples), 1)
    else:
        answers, seconds = timed("pool", count_inside, [samples // 64 + (task < samples % 64) for task in range(64)], 1)
    return {"samples": samples, "per_second": samples / seconds, "pi": 4 * sum(answers) / samples}


if __name__ == "__main__":
    main(*sys.argv[1:])
