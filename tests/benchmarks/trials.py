"""Seconds a trivial trial takes: our search, plain Tune with a fresh process a trial, and Optuna's own loop.

    python -m tests.benchmarks.trials [trials a round]        the three side by side
    python -m tests.benchmarks.trials many [trials]           one driver, in ten blocks: time a trial, and memory

Trials do nothing and report three epochs; each process of Tune's imports torch, as a real trial would. Wall seconds on
a private Ray of two CPUs, ratios of medians over rounds whose order turns. The second form, with 20,000 trials unless
told otherwise, says how the later half of the blocks compares with the earlier one, its first left out as the start.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import psutil
import ray
from ray import tune

from cluster.session import session
from study.execution.limits import Limits
from study.search import Pruning, Search, SearchCell, search
from study.search.tune_environment import quiet_tune
from tests.benchmarks.side_by_side import compare
from trainables.contracts import EpochRecord, RunResult, TrialJob

SPACE = {"lr": {"low": 1e-4, "high": 1e-1, "log": True}}
EPOCHS, ROUNDS, IN_A_CELL = 3, 5, 20


class Nothing:
    """A cell whose jobs are told nothing but settings and seed."""

    def run(self, settings: dict[str, Any], seed: int) -> SimpleNamespace:
        return SimpleNamespace(settings=settings, seed=seed)


def make_job() -> Any:
    """A trial that computes nothing; a closure, so that workers need no file of the tests."""

    def run_job(job: TrialJob) -> Iterator[EpochRecord]:
        import torch  # noqa: F401

        for epoch in range(1, 4):
            result = RunResult(3, 3, 0.1, 0.1, "cpu", 1) if epoch == 3 else None
            score = job.settings["lr"] * epoch
            yield EpochRecord(epoch, epoch, epoch, score, [], result)

    return run_job


def ours(trials: int, commit: Any = lambda trial: None) -> None:
    with tempfile.TemporaryDirectory() as folder:
        search(
            [SearchCell(str(cell), IN_A_CELL, Nothing(), pruned=False) for cell in range(max(1, trials // IN_A_CELL))],
            SPACE,
            seed_of=lambda cell, index: 1000 * int(cell) + index,
            commit=commit,
            run_job=make_job(),
            how=Search(),
            pruning=Pruning(),
            limits=Limits(),
            cpus=1,
            gpus=0,
            slots=2,
            folder=Path(folder),
        )


def plain_tune(trials: int) -> None:
    """What a first program with Tune does: a function, a random search, each trial in a process of its own."""
    job = make_job()

    def trainable(config: dict[str, Any]) -> None:
        for record in job({"settings": config}):
            tune.report({"score": record["score"]})

    with tempfile.TemporaryDirectory() as folder, quiet_tune(pending=2):
        tune.Tuner(
            tune.with_resources(trainable, {"cpu": 1}),
            param_space={"lr": tune.loguniform(1e-4, 1e-1)},
            tune_config=tune.TuneConfig(num_samples=trials, reuse_actors=False),
            run_config=tune.RunConfig(storage_path=folder, verbose=0),
        ).fit()


def optuna_loop(trials: int) -> None:
    """No processes and no records: the bound that nothing with workers reaches."""
    for cell in range(max(1, trials // IN_A_CELL)):
        optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=cell)).optimize(
            lambda trial: trial.suggest_float("lr", 1e-4, 1e-1, log=True), n_trials=min(trials, IN_A_CELL)
        )


def side_by_side(trials: int) -> None:
    contenders = {"ours": ours, "plain Tune": plain_tune, "Optuna's loop": optuna_loop}
    print(f"{trials} trivial trials a round")
    compare(
        {name: lambda run=run: run(trials) for name, run in contenders.items()},
        rounds=ROUNDS,
        units=trials,
        unit="trial",
        clock=time.perf_counter,
    )


def many(trials: int) -> None:
    """Time a trial and this process's memory, in ten blocks."""
    process, block = psutil.Process(), max(1, trials // 10)
    ended, stamps, resident = 0, [time.perf_counter()], []

    def commit(trial: Any) -> None:
        nonlocal ended
        ended += 1
        if ended % block == 0:
            stamps.append(time.perf_counter())
            resident.append(process.memory_info().rss / 2**20)
            last = 1000 * (stamps[-1] - stamps[-2]) / block
            print(f"  {ended:7d} trials {last:8.1f} ms a trial {resident[-1]:7.0f} MiB", flush=True)

    ours(trials, commit)
    taken = [after - before for before, after in zip(stamps, stamps[1:], strict=False)]
    half = len(taken) // 2
    ratio = statistics.median(taken[half:]) / statistics.median(taken[1:half])
    print(f"time a trial, second half over first: {ratio:.2f}; memory grew by {resident[-1] - resident[1]:.0f} MiB")


if __name__ == "__main__":
    arguments = sys.argv[1:]
    with session(None, cpus=2):
        assert ray.is_initialized()
        if arguments[:1] == ["many"]:
            many(int(arguments[1]) if len(arguments) > 1 else 20_000)
        else:
            side_by_side(int(arguments[0]) if arguments else 40)
