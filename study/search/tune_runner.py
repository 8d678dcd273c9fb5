"""The search on Ray Tune: one Tuner over all cells."""

import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray import tune
from ray.tune.experiment import Trial

from study.config.search_space import Space
from study.execution.held_signals import HeldSignals
from study.execution.limits import Limits
from study.execution.worker import RunJob, records
from study.search.cell_study import CellStudy
from study.search.pruning import Pruning
from study.search.samplers import Search
from study.search.scheduler import CellScheduler, FinishedTrial, SearchCell
from study.search.tune_adapters import CellSearcher, RecordScheduler, TrialTable
from study.search.tune_environment import quiet_tune

log = logging.getLogger(__name__)

THREAD_SECONDS = "120"
ROUND = 1000
"""Trials that one Tuner is given. It keeps all of its trials, and memory and the time a trial would grow with them."""


def search(
    cells: Sequence[SearchCell],
    space: Space,
    *,
    seed_of: Callable[[str, int], int],
    commit: Callable[[FinishedTrial], None],
    run_job: RunJob,
    how: Search,
    pruning: Pruning,
    audited: Callable[[str, int], bool] = lambda cell, index: False,
    release: Callable[[Mapping[str, Any]], int] = lambda settings: 0,
    limits: Limits,
    cpus: float,
    gpus: float,
    slots: int,
    folder: Path,
) -> None:
    """Spend what is left of every cell's budget, at most ``slots`` trials at a time on ``cpus`` and ``gpus`` each.

    A trial is pruned where its cell allows it, by its scores since the epoch that ``release`` gives for its settings;
    the pruned trials that ``audited`` picks, by cell and index, are finished all the same. ``commit`` is called in this
    process once for each trial, at its end; what it raises ends the search and is raised here. Whatever fails in a
    trial is the trial's status; one whose worker died is run once more, or as often as its nodes go. The same trials
    come out whatever ends first and wherever an earlier search was cut off.

    ``run_job`` yields a record an epoch, the last with a ``result``. Tune's own files lie in ``folder/tune`` and are
    gone afterwards. SIGINT and SIGTERM end the search between two commits and are then handed on to the handlers that
    were set before. Raises ``ValueError`` for a space with impossible bounds or conditions.
    """
    studies = {
        cell.id: CellStudy(
            cell.budget,
            space,
            cell.past,
            seed_of=partial(seed_of, cell.id),
            pruning=pruning if cell.pruned else Pruning(enabled=False),
            search=how,
            again=cell.again,
            release=release,
        )
        for cell in cells
    }
    scheduler = CellScheduler(studies, slots=slots, commit=commit, audited=audited, oom_alone=limits.oom_alone)
    if not scheduler.left:
        return
    if not any(fits(node, cpus, gpus) for node in ray.nodes()):
        log.info(f"no node of the cluster has {cpus:g} CPUs and {gpus:g} GPUs for a trial; waiting for one")
    jobs = {cell.id: ray.put(cell.job) for cell in cells if studies[cell.id].started < cell.budget}
    trainable = tune.with_resources(
        tune.with_parameters(run_trial, jobs=jobs, run_job=run_job, memory=limits.memory), {"cpu": cpus, "gpu": gpus}
    )
    with HeldSignals() as signals, quiet_tune(pending=slots):
        while scheduler.left:
            table = TrialTable(scheduler, most=ROUND, timeout=limits.timeout)
            play(table, signals, trainable, folder.resolve() / "tune")


def play(table: TrialTable, signals: HeldSignals, trainable: Any, files: Path) -> None:
    """Let Tune run trials until it has been given as many as it may, or there are no more."""
    shutil.rmtree(files, ignore_errors=True)
    tuner = tune.Tuner(
        trainable,
        tune_config=tune.TuneConfig(
            search_alg=CellSearcher(table),
            scheduler=RecordScheduler(table, signals),
            num_samples=ROUND,
            reuse_actors=True,
            trial_dirname_creator=trial_folder,
        ),
        run_config=tune.RunConfig(
            name="search",
            storage_path=str(files),
            verbose=0,
        ),
    )
    try:
        tuner.fit()
        table.sweep()
    except Exception:
        if table.failure is None:
            raise
    finally:
        shutil.rmtree(files, ignore_errors=True)
    if table.failure is not None:
        raise table.failure


def run_trial(config: dict[str, Any], jobs: dict[str, ray.ObjectRef], run_job: RunJob, memory: float | None) -> None:
    """One trial on a worker: pass on its job's records until Tune stops it, which it does at the last one."""
    # An actor waits this long for the thread of a stopped trial before the next one; giving up would lose the next.
    os.environ["TUNE_FUNCTION_THREAD_TIMEOUT_S"] = THREAD_SECONDS
    began = time.time()
    job = ray.get(jobs[config["cell"]]).run(config["settings"], config["seed"])
    with closing(records(run_job, job, memory=memory)) as stream:  # type: ignore[type-var]
        for record in stream:
            tune.report({"message": [began, record]})  # in a list, since Tune flattens dicts


def fits(node: dict[str, Any], cpus: float, gpus: float) -> bool:
    """Whether a node, as Ray lists it, could hold a trial."""
    has = node["Resources"]
    return node["Alive"] and has.get("CPU", 0) >= cpus and has.get("GPU", 0) >= gpus


def trial_folder(trial: Trial) -> str:
    """A short name for a trial's folder."""
    return trial.trial_id
