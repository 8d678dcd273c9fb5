"""One pre-training run on Ray Train, found again by its name, so that asking for it twice goes on with it."""

import json
import logging
import shutil
import time
from pathlib import Path
from typing import Any

from study.config import Pretraining, Slot
from study.errors import SurroundingsFailed, last_line
from study.storage.file_ref import FileRef
from trainables.contracts import CorpusImageRows, PretrainConfig, PretrainRow, ProbeTask

log = logging.getLogger(__name__)

RECIPE = (
    *("method", "settings", "backbone", "image_size", "seed", "batch", "images", "device_seconds"),
    *("accumulate", "precision", "compile", "sync_batch_norm"),
)
"""What of an encoder's recipe the loop is told as it is; of the two budgets a recipe has one, and the other is None."""
WORKER_FAILURES = 3
SNAPSHOT = "checkpoint_manager_snapshot.json"
"""Ray Train's list of a run's checkpoints."""


def _kept_in(storage: str) -> dict[str, Any]:
    """Where Ray Train keeps checkpoints, as RunConfig wants it: a URL is opened as all others of ours are."""
    if "://" not in storage:
        return {"storage_path": storage}
    from fsspec.core import url_to_fs
    from pyarrow.fs import FSSpecHandler, PyFileSystem

    fs, path = url_to_fs(storage, use_listings_cache=False)
    return {"storage_path": path, "storage_filesystem": PyFileSystem(FSSpecHandler(fs))}


def pretrain(
    recipe: dict,
    *,
    start: FileRef | None,
    sources: list[CorpusImageRows],
    probe_tasks: list[ProbeTask],
    asked: Pretraining,
    slot: Slot,
    name: str,
    storage: str,
    weights: Path,
) -> list[PretrainRow]:
    """Run the recipe to its end, write the encoder to ``weights`` and return the run's logged rows.

    A method's picture, where it has one, comes to lie beside the weights as a PNG.

    A worker that dies is replaced and goes on from the last checkpoint in ``storage``, as does a run whose driver died.

    Raises:
        SurroundingsFailed: when the run failed for good, with the reason in its last line.
    """
    from ray.train import CheckpointConfig, FailureConfig, RunConfig, ScalingConfig
    from ray.train.torch import TorchTrainer

    from study.pretraining.live_report import watched
    from trainables.pretraining.loop import loop

    started = time.monotonic()

    encoder = name.rpartition("-")[0]

    def tell(line: str) -> None:
        log.info(f"  {encoder}: {line}")

    of_recipe: dict[str, Any] = {key: recipe.get(key) for key in RECIPE}
    config = PretrainConfig(
        **of_recipe,
        window=tuple(recipe["window"]),
        start=start,
        sources=sources,
        threads=slot.cpus,
        gpus=slot.gpus,
        resume=newest_whole_checkpoint(Path(storage) / name),
        probes=asked.probes,
        probe_tasks=probe_tasks,
        checkpoint_every=asked.checkpoint_every,
        log_every=asked.log_every,
    )
    per_worker: dict[str, float] = {"CPU": slot.cpus} | ({"GPU": slot.gpus} if slot.gpus else {})
    with watched(
        encoder,
        budget="images" if "images" in recipe else "device_seconds",
        amount=recipe.get("images") or recipe["device_seconds"],
    ) as callbacks:
        trainer = TorchTrainer(
            loop,
            train_loop_config={"config": config},
            scaling_config=ScalingConfig(
                num_workers=slot.workers, use_gpu=slot.gpus > 0, resources_per_worker=per_worker
            ),
            run_config=RunConfig(
                name=name,
                **_kept_in(storage),
                failure_config=FailureConfig(max_failures=WORKER_FAILURES),
                checkpoint_config=CheckpointConfig(num_to_keep=2),
                callbacks=callbacks,  # type: ignore[arg-type]  # annotated for Tune, documented for Train
            ),
        )
        try:
            result = trainer.fit()
        except Exception as error:
            raise SurroundingsFailed(f"pre-training {name} failed: {last_line(error)}") from error
    if result.checkpoint is None:
        raise SurroundingsFailed(f"pre-training {name} ended without a checkpoint in {storage}")
    with result.checkpoint.as_directory() as folder:
        shutil.copyfile(Path(folder) / "encoder.safetensors", weights)
        if (Path(folder) / "picture.png").exists():
            shutil.copyfile(Path(folder) / "picture.png", weights.with_suffix(".png"))
        history = [PretrainRow(**row) for row in json.loads((Path(folder) / "history.json").read_text())]
    last, ratio = history[-1], history[-1].loss_over_trivial
    tell(
        f"{last.images:,} images in {time.monotonic() - started:.0f} s, loss {last.loss:.3f}"
        + (f", {ratio:.2f} of its trivial value" if ratio is not None else "")
    )
    if last.warning:
        tell(f"warning: {last.warning}")
    return history


def newest_whole_checkpoint(run: Path) -> str | None:
    """The newest whole checkpoint of a run whose list of checkpoints is half written, to go on from; else None.

    Ray writes that list in place, so a kill can leave a part of it, and refuses ever to go on from that. It is removed.
    """
    import torch

    from trainables.pretraining.run import STATE

    try:
        json.loads((run / SNAPSHOT).read_bytes())
        return None
    except FileNotFoundError:
        return None
    except ValueError:
        (run / SNAPSHOT).unlink()
    for state in sorted(run.glob(f"checkpoint_*/{STATE}"), reverse=True):
        try:
            torch.load(state, map_location="cpu", weights_only=True)
        except Exception:  # what is no whole file fails in torch in almost any way
            continue
        return str(state.parent)
    return None
