"""Features of frozen encoders, computed once per encoder and task and shared by every cell, trial and final run."""

import json
import logging
from collections.abc import Mapping

from study import identity, versions
from study.config import Study
from study.data.frozen_task import FrozenTask
from study.execution.shared_features import Features, shares_features
from study.failpoints import failpoint
from study.planning.plan import Plan
from study.storage import Storage
from trainables.contracts import FeaturesJob, FileRef

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5


def make_features(
    study: Study, plan: Plan, tasks: Mapping[str, FrozenTask], encoders: Mapping[str, FileRef], *, storage: Storage
) -> Features:
    """Compute, as Ray tasks, what the cells need and the study's folder does not hold yet."""
    pairs = sorted({(cell.encoder, cell.factors["task"]) for cell in plan.cells if shares_features(study, cell)})
    jobs = {pair: _job(study, tasks[pair[1]], encoders[pair[0]]) for pair in pairs}
    names = {pair: f"features/{identity.digest(_content(jobs[pair]))}" for pair in pairs}
    made = set(storage.list("features"))
    missing = [pair for pair in pairs if not {f"{names[pair]}.json", f"{names[pair]}.npy"} <= made]
    if missing:
        import ray

        from trainables.finetuning.linear_probe import write_features

        log.info(f"features of {len(missing)} pairs of encoder and task")
        slot = study.resources.trial
        remote = ray.remote(num_cpus=slot.cpus, num_gpus=slot.gpus, max_retries=2)(write_features)
        written = _ended([remote.remote(jobs[pair], storage.full(f"{names[pair]}.npy")) for pair in missing])
        for pair, ref in zip(missing, written, strict=True):
            about = {"digest": ref.digest, "of": _content(jobs[pair])}
            storage.write_atomic(f"{names[pair]}.json", json.dumps(about, indent=1).encode())
        failpoint("features-written")
    return {pair: _ref(storage, name) for pair, name in names.items()}


def _ended(references: list) -> list[FileRef]:
    """The results of Ray tasks. A signal ends the wait between two looks: inside Ray its exit code would become 1."""
    import ray

    from study.execution.held_signals import HeldSignals

    with HeldSignals() as signals:
        waiting = references
        while waiting:
            signals.check()
            _, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=POLL_SECONDS)
    return ray.get(references)


def _job(study: Study, task: FrozenTask, encoder: FileRef) -> FeaturesJob:
    return FeaturesJob(
        backbone=study.backbone,
        image_size=study.image_size,
        window=study.window,
        images=task.images,
        encoder=encoder,
        threads=study.resources.trial.cpus,
        gpus=study.resources.trial.gpus,
    )


def _content(job: FeaturesJob) -> dict:
    """What decides the features' values; where the files lie, and where they are computed, does not."""
    return {
        "backbone": job.backbone,
        "image_size": job.image_size,
        "window": list(job.window),
        "images": job.images.digest,
        "encoder": job.encoder and job.encoder.digest,
        "threads": job.threads,
        "version": versions.RESULTS,
    }


def _ref(storage: Storage, name: str) -> FileRef:
    digest = json.loads(storage.read_bytes(f"{name}.json"))["digest"]
    return FileRef(storage.full(f"{name}.npy"), digest)
