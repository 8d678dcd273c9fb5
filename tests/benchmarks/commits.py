"""What a commit costs as a study grows: `python -m tests.benchmarks.commits [COMMITS] [--url URL]`.

Trials with 20 rows of curves each go through one ledger. Printed are, for each tenth of the way, the median processor
and wall seconds of a commit and this process's memory: neither may grow. The files of a table are rewritten whole up to
a limit, so the cost rises and falls within a tenth, which is why each spans many files.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import psutil

from study.ledger import Ledger, lock


def trial(number: int) -> dict:
    row = {"key": f"{number:016x}", "fingerprint": f"f{number:015x}", "study": "one", "index": number % 10}
    row |= {"status": "completed", "initialisation": "scratch", "task": "finding", "draw": number // 10}
    return row | {"adaptation": "full", "hp_lr": 0.001, "settings": {"lr": number / 7}, "score": number / 1000}


def curves(number: int) -> list[dict]:
    about = {"key": f"{number:016x}", "split": "val", "metric": "auc"}
    return [about | {"epoch": epoch, "step": epoch * 10, "value": number / (epoch + 7)} for epoch in range(20)]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("commits", type=int, nargs="?", default=20_000)
    parser.add_argument("--url", help="an object store to write to, by default a temporary folder")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, lock(options.url or Path(folder) / "study") as storage:
        ledger, memory = Ledger(storage), psutil.Process()
        print("commits     processor ms   wall ms   memory MB")
        for first in range(0, options.commits, options.commits // 10):
            spent = []
            for number in range(first, first + options.commits // 10):
                began = time.process_time(), time.perf_counter()
                ledger.commit("trials", trial(number), curves=curves(number))
                spent.append((time.process_time() - began[0], time.perf_counter() - began[1]))
            cpu, wall = (1000 * statistics.median(each) for each in zip(*spent, strict=True))
            print(f"{first:>7,}+ {cpu:>13.1f} {wall:>9.1f} {memory.memory_info().rss / 2**20:>11.0f}", flush=True)


if __name__ == "__main__":
    main()
