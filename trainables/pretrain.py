"""Pre-training of one encoder: a loop for Ray Train that resumes bit by bit.

Order, views and masks follow from (seed, step, rank), schedules from the step; all else that matters is in the
checkpoint. So on the CPU, with fixed threads, a run that was cut short ends in the weights of one that was not.
"""

import hashlib
import json
import math
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import ray.train
import ray.train.torch
import torch
from torch import Tensor, nn

from trainables import backbones, device, distributed, methods, monitor, optim
from trainables.corpus import Images, stream
from trainables.methods.base import Method

ENCODER, HISTORY, STATE = "encoder.safetensors", "history.json", "state.pt"

Report = Callable[[dict[str, Any], Path | None], None]
"""Takes the latest history row and, at a checkpoint, a folder that is then its own (None on all ranks but 0)."""


def loop(config: dict[str, Any]) -> None:
    """The `train_loop_per_worker` of a TorchTrainer, with any number of workers, 0 included.

    config: "method", "settings" (resolved), "backbone", "image_size", "window" [low, high], "sources" [{"uri",
    "digest", "rows": None for all}], "seed", "batch" (source images a step over all ranks), "images" (the budget, in
    source images), "threads" (of each worker), "checkpoint_every" and "log_every" (steps), and optionally
    "sync_batch_norm" (CUDA only).

    The last report's checkpoint holds encoder.safetensors under timm's names and history.json, a list of rows: step,
    images, views, seconds, device_seconds, loss (mean since the row before), loss_over_trivial, spread, rank, lr.
    """
    context, start = ray.train.get_context(), ray.train.get_checkpoint()
    reported: list[Path] = []

    def report(row: dict[str, Any], folder: Path | None) -> None:
        checkpoint = ray.train.Checkpoint.from_directory(folder) if folder else None
        ray.train.report(row, checkpoint=checkpoint, delete_local_checkpoint_after_upload=True)
        if folder:  # without workers Ray uploads nothing and the last folder is the result
            for earlier in reported:
                shutil.rmtree(earlier, ignore_errors=True)
            reported[:] = [folder]

    with start.as_directory() if start else nullcontext() as folder:
        state = torch.load(Path(folder) / STATE, map_location="cpu", weights_only=True) if folder else None
    train(
        config,
        state,
        report,
        rank=context.get_world_rank(),
        world=context.get_world_size(),
        device=ray.train.torch.get_device(),
    )


def train(
    config: Mapping[str, Any],
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
    torch.set_num_threads(config["threads"])
    run = _Run(config, rank=rank, world=world, device=device or torch.device("cpu"))
    if state:
        run.restore(state)
    if run.step >= run.steps:
        run.checkpoint(report)
    for _ in run.remaining():
        run.advance()
        log, keep = run.due(config["log_every"]), run.due(config["checkpoint_every"])
        if log:
            run.log()
        if keep:
            run.checkpoint(report)
        elif log:
            report(run.history[-1], None)


class _Run:
    def __init__(self, config: Mapping[str, Any], *, rank: int, world: int, device: torch.device) -> None:
        if config["batch"] % world:
            raise ValueError(f"pretraining: a batch of {config['batch']} cannot be divided over {world} workers")
        self.config, self.rank, self.world, self.device = config, rank, world, device
        self.share = config["batch"] // world
        self.steps = math.ceil(config["images"] / config["batch"])
        self.images = Images(config["sources"], image_size=config["image_size"], window=config["window"])
        self.method: Method = self._method()
        self.model = _distribute(self.method, device) if world > 1 else self.method
        self.optimizer = self.method.optimizer()
        self.history: list[dict[str, Any]] = []
        self.step, self.views, self.seconds, self.lr = 0, 0, 0.0, 0.0
        self.sums = torch.zeros(2, dtype=torch.float64)  # loss and its trivial value since the last row
        self.since, self.began = 0, time.perf_counter()
        self.embedding = torch.zeros(0)

    def _method(self) -> Any:
        """The backbone is drawn first, so one seed means one random backbone whatever the method."""
        config, name = self.config, self.config["method"]
        kind = methods.get(name)
        settings = methods.settings_class(name).model_validate(config["settings"])
        torch.manual_seed(config["seed"])
        backbone = backbones.build(config["backbone"])
        sync = config.get("sync_batch_norm", False) and self.world > 1
        if sync:
            if self.device.type != "cuda":
                raise ValueError("pretraining: sync_batch_norm needs GPUs; torch has none for the CPU")
            backbone = distributed.synchronise_norms(backbone)
        method = kind(backbone, settings, image_size=config["image_size"], batch=config["batch"])
        method = distributed.synchronise_norms(method) if sync else method
        return device.place(method, self.device)

    def restore(self, state: Mapping[str, Any]) -> None:
        self.method.load_state_dict(state["method"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.history = state["step"], json.loads(state["history"])
        self.views, self.seconds = state["views"], state["seconds"]
        self.sums, self.since = state["sums"].clone(), state["since"]

    def remaining(self) -> Iterator[int]:
        while self.step < self.steps:
            yield self.step

    def due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.steps

    def advance(self) -> None:
        """One optimizer step. Progress is taken at the step's middle, so no rate is wasted at either end's zero."""
        self.method.train()
        progress = (self.step + 0.5) / self.steps
        torch.manual_seed(_seed(self.config["seed"], self.step, self.rank, "layers"))
        generator = torch.Generator().manual_seed(_seed(self.config["seed"], self.step, self.rank, "views"))
        views = self.method.views(self._batch(), generator)
        values = self.method.schedule(progress)
        optim.apply(self.optimizer, values)
        with device.autocast(self.device):
            output = self.model(views, progress=progress, generator=generator)
        loss = output.loss.item()
        if not math.isfinite(loss):
            raise RuntimeError(f"{self.config['method']}: the loss is {loss} at step {self.step + 1} of {self.steps}")
        self.optimizer.zero_grad(set_to_none=True)
        output.loss.backward()
        if self.method.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.method.parameters(), self.method.clip_norm)
        self.optimizer.step()
        self.method.after_step(progress)
        self.embedding, self.lr = output.embedding, values["lr"]
        self.step, self.since = self.step + 1, self.since + 1
        self.sums += torch.tensor([loss, output.trivial or 0.0], dtype=torch.float64)
        self.views += output.views * self.config["batch"]

    def _batch(self) -> Tensor:
        first = self.step * self.config["batch"] + self.rank * self.share
        pixels = self.images.read(stream(len(self.images), seed=self.config["seed"], start=first, count=self.share))
        return device.send(device.hold(pixels, self.device), self.device).float() / 65535

    def elapsed(self) -> float:
        return self.seconds + time.perf_counter() - self.began

    def log(self) -> None:
        loss, trivial = distributed.mean((self.sums / self.since).to(self.device)).tolist()
        embedding = distributed.gather(self.embedding.float()).cpu()
        seconds = self.elapsed()
        row = {
            "step": self.step,
            "images": self.step * self.config["batch"],
            "views": self.views,
            "seconds": seconds,
            "device_seconds": seconds * self.world,
            "loss": loss,
            "loss_over_trivial": loss / trivial if trivial else None,
            "spread": monitor.spread(embedding),
            "rank": monitor.effective_rank(embedding),
            "lr": self.lr,
        }
        self.history.append(row)
        self.sums.zero_()
        self.since = 0

    def checkpoint(self, report: Report) -> None:
        row = self.history[-1] if self.history else {}
        if self.rank:
            return report(row, None)
        folder = Path(tempfile.mkdtemp(prefix="labelcurve-"))
        torch.save(self.state(), folder / STATE)
        (folder / HISTORY).write_text(json.dumps(self.history))
        meta = {key: self.config[key] for key in ("method", "backbone", "image_size", "seed")} | {"step": self.step}
        backbones.save(self.method.encoder, folder / ENCODER, meta)
        report(row, folder)

    def state(self) -> dict[str, Any]:
        return {
            "method": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "history": json.dumps(self.history),
            "views": self.views,
            "seconds": self.elapsed(),
            "sums": self.sums,
            "since": self.since,
        }


def _distribute(method: Method, device: torch.device) -> nn.Module:
    """Ranks agree on gradients; buffers are not sent around, since queues are gathered and norms are a rank's own."""
    return ray.train.torch.prepare_model(
        method, move_to_device=device, parallel_strategy_kwargs={"broadcast_buffers": False}
    )


def _seed(*parts: Any) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:8], "big") >> 1
