"""The program of test_losing_nodes: a node that dies under the same trial, and under the same final run, over and over.

A process of its own, since Ray reads when it is imported how its clusters are guarded. Prints what came out as JSON.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import ray
from ray.cluster_utils import Cluster

from cluster.private_ray import WORKER_SETUP
from study.execution.limits import Limits
from study.finals.final_runner import FinalJob, run_finals
from tests.study.search.quick_search import quick_search
from tests.study.search.quick_search import run_job as quick

DEATHS = 3


def slow(job, marks: str):
    """The quick job; each time it has begun, it says so and waits until it loses its node, three times."""
    told = job if isinstance(job, dict) else vars(job)
    for record in quick(told):
        if record.epoch == 2:
            (Path(marks) / f"{told['seed']}-{time.time_ns()}").touch()
            while len(list(Path(marks).glob(f"{told['seed']}-*"))) <= DEATHS:
                time.sleep(0.1)
        yield record


def drive(marks: str, address: str) -> None:
    """One trial and one final run, on whatever node there is."""
    ray.init(
        address=address,
        runtime_env={"worker_process_setup_hook": WORKER_SETUP},
        log_to_driver=False,
        logging_level="ERROR",
    )
    job = partial(slow, marks=marks)
    trials: list = []
    finals: list = []
    with tempfile.TemporaryDirectory() as folder:
        quick_search([("one", 1, {})], commit=trials.append, run_job=job, slots=1, folder=folder)
    final = SimpleNamespace(settings={"lr": 0.1, "mode": "a"}, seed=7)
    run_finals([FinalJob("final", final)], commit=finals.append, run_job=job, limits=Limits(), cpus=1, gpus=0, slots=1)
    for seed, run in ((trials[0].seed, trials[0]), (final.seed, finals[0])):
        print(json.dumps({"seed": seed, "status": run.status, "epochs": run.epochs, "error": run.error}), flush=True)


def main(marks: str) -> None:
    """Replace the node each time that a run has said it is there, until the driver ends."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, "include_dashboard": False})
    try:
        cluster.add_node(num_cpus=1)
        driver = subprocess.Popen([sys.executable, __file__, marks, cluster.address])
        lost: Counter = Counter()
        while driver.poll() is None:
            begun = Counter(path.name.split("-")[0] for path in Path(marks).iterdir())
            for run, times in begun.items():
                if lost[run] < min(times, DEATHS):
                    lost[run] += 1
                    cluster.remove_node(next(iter(cluster.worker_nodes)), allow_graceful=False)
                    cluster.add_node(num_cpus=1)
            time.sleep(0.1)
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    (main if len(sys.argv) == 2 else drive)(*sys.argv[1:])
