"""A search of a second over a made-up objective, with a JSON-lines ledger.

As a script, ``quick_search.py ADDRESS LEDGER N`` ends itself by SIGKILL inside the N-th commit, before it is written.
"""

import ctypes
import json
import math
import os
import random
import signal
import sys
import tempfile
import time
import zlib
from dataclasses import asdict
from pathlib import Path

from trainables.contracts import EpochRecord, RunResult

SPACE = {
    "lr": {"low": 1e-4, "high": 1e-1, "log": True},
    "batch": {"low": 8, "high": 64, "log": True, "int": True},
    "mode": {"choices": ["a", "b"]},
}
EPOCHS = 5


def seed_of(cell, index):
    return zlib.crc32(f"{cell}/{index}".encode()) + 2**40


def score_of(settings, seed, epoch):
    """Best at a learning rate of 10 ** -2.5, rising over the epochs, with noise of the trial's seed."""
    noise = random.Random(seed * 100 + epoch).gauss(0, 0.1)
    return noise - abs(math.log10(settings["lr"]) + 2.5) - 1 / epoch - 0.1 * (settings["mode"] == "b")


class QuickJob(dict):
    """A job that trains nothing: what it is told by name, ``settings`` and ``seed`` among it."""

    def run(self, settings, seed):
        return QuickJob(self, settings=settings, seed=seed)


def run_job(job):
    """Sleeps up to ``nap`` seconds an epoch; breaks in its second epoch in the way that ``fault`` names."""
    eaten = []
    for epoch in range(1, EPOCHS + 1):
        time.sleep(job.get("nap", 0) * random.SystemRandom().random())
        score = score_of(job["settings"], job["seed"], epoch)
        fault = job.get("fault") if epoch == 2 else None
        if fault == "nan":
            score = math.nan
        elif fault == "floating point":
            raise FloatingPointError("overflow")
        elif fault == "error":
            raise RuntimeError("two\nlines")
        elif fault == "oom":
            raise type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory")
        elif fault == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault == "killed once" and not os.path.exists(job["marker"]):
            Path(job["marker"]).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        elif fault == "no result":
            return
        elif fault == "exit":
            sys.exit(3)
        elif fault == "abrupt exit":
            os._exit(3)
        elif fault == "segfault":
            ctypes.string_at(0)
        elif fault == "hang":
            Path(job["marker"]).touch()
            time.sleep(10**6)
        elif fault == "eats memory":
            while True:
                eaten.append(bytearray(2**26))
        curves = [["val", "auc", score], ["train", "loss", math.inf]]
        result = RunResult(epoch, epoch * 100, 0.1, 0.1, "cpu", 1) if epoch == EPOCHS else None
        yield EpochRecord(epoch, epoch * 10, epoch * 100, score, curves, result)


def past_of(history):
    """The ended trials of each cell by index, from rows of the ledger."""
    from study.search import PastTrial

    past = {}
    for row in history:
        reports = [tuple(pair) for pair in row["reports"]]
        past.setdefault(row["cell"], {})[row["index"]] = PastTrial(
            row["settings"], row["status"], row["score"], reports
        )
    return past


def quick_search(cells, *, history=(), commit, run_job=run_job, slots=2, folder=None, limits=None, **how):
    """Search ``cells`` (id, budget, job); ``history`` are rows of the ledger."""
    from study.execution.limits import Limits
    from study.search import Pruning, Search, SearchCell, search

    past = past_of(history)
    with tempfile.TemporaryDirectory() as spare:
        search(
            [SearchCell(id, budget, QuickJob(job), past.get(id, {})) for id, budget, job in cells],
            SPACE,
            seed_of=seed_of,
            commit=commit,
            run_job=run_job,
            how=Search(**{"random_trials": 3, **how}),
            pruning=Pruning(n_startup_trials=2),
            limits=limits or Limits(),
            cpus=1,
            gpus=0,
            slots=slots,
            folder=Path(folder or spare),
        )


def row_of(done):
    """What of a trial must not depend on time."""
    names = ("cell", "index", "settings", "status", "score", "reports", "pruned_at", "audit_score", "curves", "seed")
    names += ("epochs", "images", "result")
    return {name: getattr(done, name) for name in names} | {"result": done.result and asdict(done.result)}


CELLS = [("one", 6, {"nap": 0.02}), ("two", 6, {"nap": 0.01}), ("three", 6, {})]

if __name__ == "__main__":
    import ray

    address, ledger, last = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
    written = 0

    def commit(done):
        global written
        written += 1
        if written == last:
            os.kill(os.getpid(), signal.SIGKILL)
        with ledger.open("a") as file:
            file.write(json.dumps(row_of(done)) + "\n")

    ray.init(address=address, log_to_driver=False, logging_level="ERROR")
    quick_search(CELLS, commit=commit)
