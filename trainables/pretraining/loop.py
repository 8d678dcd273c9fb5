"""Pre-training of one encoder: a loop for Ray Train that resumes bit by bit."""

import dataclasses
import math
import shutil
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import ray.train
import ray.train.torch
import torch

from trainables.contracts import PretrainConfig, PretrainRow
from trainables.optimization import distributed
from trainables.pretraining.run import STATE, Run

Report = Callable[[PretrainRow | None, Path | None], None]
"""Takes the latest row of the history, if there is one, and at a checkpoint a folder that is then its own (None on all
ranks but 0)."""

WARM, TIMED = 2, 6
"""Steps that are run and thrown away to learn how many fit into a budget of device seconds."""


def loop(handed: dict[str, Any]) -> None:
    """The `train_loop_per_worker` of a TorchTrainer, with any number of workers, 0 included.

    handed: ``{"config": PretrainConfig}``, since Ray Train hands on dicts alone.

    The last report's checkpoint holds encoder.safetensors under timm's names and history.json, a list of rows
    (`PretrainRow`).
    """
    config: PretrainConfig = handed["config"]
    context, start = ray.train.get_context(), ray.train.get_checkpoint()
    reported: list[Path] = []

    def report(row: PretrainRow | None, folder: Path | None) -> None:
        checkpoint = ray.train.Checkpoint.from_directory(folder) if folder else None
        ray.train.report(
            dataclasses.asdict(row) if row else {}, checkpoint=checkpoint, delete_local_checkpoint_after_upload=True
        )
        if folder:  # without workers Ray uploads nothing and the last folder is the result
            for earlier in reported:
                shutil.rmtree(earlier, ignore_errors=True)
            reported[:] = [folder]

    with start.as_directory() if start else nullcontext(config.resume) as folder:
        state = torch.load(Path(folder) / STATE, map_location="cpu", weights_only=True) if folder else None
    train(
        config,
        state,
        report,
        rank=context.get_world_rank(),
        world=context.get_world_size(),
        device=ray.train.torch.get_device() if config.gpus else torch.device("cpu"),
    )


def train(
    config: PretrainConfig,
    state: Mapping[str, Any] | None,
    report: Report,
    *,
    rank: int = 0,
    world: int = 1,
    device: torch.device | None = None,
) -> None:
    """The loop itself. state: what an earlier `report` found in its folder's state.pt, or None to begin.

    Raises ValueError for settings that cannot work, RuntimeError once the loss is not finite.
    """
    torch.set_num_threads(config.threads)
    place: dict[str, Any] = {"rank": rank, "world": world, "device": device or torch.device("cpu")}
    run = Run(config, steps=state["steps"] if state else _steps(config, place), **place)
    if state:
        run.restore(state)
    else:
        run.begin()
    if not state and config.device_seconds is not None or run.step >= run.steps:
        report(*run.checkpoint())  # the number of steps, once measured, is part of what a resumed run needs
    while run.step < run.steps:
        run.advance()
        log, keep = run.due(config.log_every), run.due(config.checkpoint_every)
        if log:
            run.log()
        if keep:
            report(*run.checkpoint())
        elif log:
            report(run.history[-1], None)


def _steps(config: PretrainConfig, place: Mapping[str, Any]) -> int:
    """The budget in steps. Device seconds are turned into steps beforehand, so that schedules know their end."""
    if config.device_seconds is None:
        return math.ceil((config.images or 0) / config.batch)
    trial = Run(config, steps=WARM + TIMED, **place)
    for _ in range(WARM):
        trial.advance()
    before = trial.elapsed()
    for _ in range(TIMED):
        trial.advance()
    each = torch.tensor((trial.elapsed() - before) / TIMED, device=place["device"])
    return max(1, int(config.device_seconds / (float(distributed.mean(each)) * place["world"])))
