"""A pre-training run from step to step.

Order, views and masks follow from (seed, step, rank), schedules from the step; all else that matters is in the
checkpoint. So on the CPU, with fixed threads, a run that was cut short ends in the weights of one that was not.
"""

import dataclasses
import hashlib
import json
import math
import tempfile
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import ray.train.torch
import torch
from PIL import Image
from torch import Tensor, nn

from study.data import node_cache
from trainables import backbones, device, methods
from trainables.contracts import PretrainConfig, PretrainRow
from trainables.methods.base import Method
from trainables.optimization import distributed, optimizers
from trainables.optimization.schedules import Moment
from trainables.pretraining import collapse, cost, probes
from trainables.pretraining.corpus_images import CorpusImages, stream

ENCODER, HISTORY, STATE, PICTURE = "encoder.safetensors", "history.json", "state.pt", "picture.png"
PICTURED = 6


class Run:
    """One rank's part in the run; of a run that `config` describes."""

    def __init__(self, config: PretrainConfig, *, steps: int, rank: int, world: int, device: torch.device) -> None:
        self.parts = config.accumulate
        if config.batch % (world * self.parts):
            raise ValueError(
                f"pretraining: a batch of {config.batch} cannot be divided over {world} workers"
                + (f" in {self.parts} parts each" if self.parts > 1 else "")
            )
        self.config, self.steps, self.rank, self.world, self.device = config, steps, rank, world, device
        self.share = config.batch // world
        self.images = CorpusImages(config.sources, image_size=config.image_size, window=config.window)
        self.method: Method = self._method()
        self.model = _distribute(self.method, device) if world > 1 else self.method
        self.optimizer = self.method.optimizer()
        self.history: list[PretrainRow] = []
        self.step, self.views, self.pixels = 0, 0, 0
        self.flops = cost.Flops()
        self.sums = torch.zeros(2, dtype=torch.float64)  # loss and its trivial value since the last row
        self.since = 0
        self.embedding = torch.zeros(0)
        self.values: dict[str, float] = {}
        self.seconds, self._began = 0.0, time.perf_counter()

    def _method(self) -> Any:
        """The backbone is drawn first, so one seed means one random backbone whatever the method."""
        config, name = self.config, self.config.method
        kind = methods.get(name)
        settings = methods.settings_class(name).model_validate(config.settings)
        torch.manual_seed(config.seed)
        backbone = backbones.build(config.backbone, config.image_size)
        if config.start:
            backbones.load(backbone, node_cache.local(config.start))
        sync = config.sync_batch_norm and self.world > 1 and not kind.splits_norms
        if sync:
            backbone = distributed.synchronise_norms(backbone)
        method = kind(
            backbone,
            settings,
            image_size=config.image_size,
            batch=config.batch,
            window=tuple(config.window),
        )
        method = distributed.synchronise_norms(method) if sync else method
        method = device.place(method, self.device, channels_last=True)
        if config.compile:
            backbone.compile()
        return method

    def begin(self) -> None:
        """The row of the encoder as it is before any training, where probes are asked for."""
        if self.config.probes:
            self.log()

    def restore(self, state: Mapping[str, Any]) -> None:
        self.method.load_state_dict(state["method"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step = state["step"]
        self.history = [PretrainRow(**row) for row in json.loads(state["history"])]
        self.views, self.pixels, self.seconds = state["views"], state["pixels"], state["seconds"]
        self.flops.total, self.flops.step = state["flops"]
        self.sums, self.since = state["sums"].clone(), state["since"]

    def due(self, every: int) -> bool:
        return self.step % every == 0 or self.step == self.steps

    def advance(self) -> None:
        """One optimizer step."""
        at = Moment(self.step, self.steps)
        self.method.train()
        torch.manual_seed(_seed(self.config.seed, self.step, self.rank, "layers"))
        generator = torch.Generator().manual_seed(_seed(self.config.seed, self.step, self.rank, "views"))
        self.values = self.method.schedule(at)
        optimizers.apply(self.optimizer, self.values)
        self.optimizer.zero_grad(set_to_none=True)
        batch = self._batch().chunk(self.parts)
        with self.flops.counted(self.since == 0):
            for number, images in enumerate(batch, start=1):
                self._learn(images, generator, at, last=number == self.parts)
        for parameter in self.method.frozen(at):
            parameter.grad = None
        if self.method.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.method.parameters(), self.method.clip_norm)
        self.optimizer.step()
        self.method.after_step(at)
        self.step, self.since = self.step + 1, self.since + 1

    def _learn(self, images: Tensor, generator: torch.Generator, at: Moment, *, last: bool) -> None:
        """Add the gradient of one part of the batch; ranks meet at the last one."""
        views = self.method.views(images, generator)
        alone = not last and isinstance(self.model, nn.parallel.DistributedDataParallel)
        with self.model.no_sync() if alone else nullcontext():  # type: ignore[operator]
            with device.autocast(self.device, self.config.precision):
                output = self.model(views, at)
            loss = output.loss.item()
            if not math.isfinite(loss):
                raise RuntimeError(f"{self.config.method}: the loss is {loss} at step {at.step + 1} of {at.steps}")
            (output.loss / self.parts).backward()
        self.embedding = output.embedding
        self.sums += torch.tensor([loss, output.trivial or 0.0], dtype=torch.float64) / self.parts
        self.views += output.views * len(images) * self.world
        self.pixels += cost.pixels(views) * self.world

    def _batch(self) -> Tensor:
        first = self.step * self.config.batch + self.rank * self.share
        pixels = self.images.read(stream(len(self.images), seed=self.config.seed, start=first, count=self.share))
        return device.send(pixels, self.device).float().div_(65535)

    def elapsed(self) -> float:
        """Seconds of training; probes are not part of it."""
        return self.seconds + time.perf_counter() - self._began

    def log(self) -> None:
        """Add a row to the history."""
        seconds = self.elapsed()
        row = PretrainRow(
            step=self.step,
            images=self.step * self.config.batch,
            views=self.views,
            pixels=self.pixels,
            flops=self.flops.total * self.world,
            seconds=seconds,
            device_seconds=seconds * self.world,
            peak_memory=cost.peak_memory(self.device),
            lr=self.values.get("lr"),
            schedule=self.values,
            **self._learnt(),
            **self._probes(),
        )
        room = min(len(self.embedding) * self.world, self.embedding.shape[-1])
        warning = probes.warning(row, self.history, steps=self.steps, room=room)
        self.history.append(dataclasses.replace(row, warning=warning))
        self.seconds, self._began = seconds, time.perf_counter()

    def _learnt(self) -> dict[str, Any]:
        if not self.since:
            return dict.fromkeys(("loss", "loss_over_trivial", "spread", "rank"))
        loss, trivial = distributed.mean((self.sums / self.since).to(self.device)).tolist()
        embedding = distributed.gather(self.embedding.float()).cpu()
        self.sums.zero_()
        self.since = 0
        return {
            "loss": loss,
            "loss_over_trivial": loss / trivial if trivial else None,
            "spread": collapse.spread(embedding),
            "rank": collapse.effective_rank(embedding),
        }

    def _probes(self) -> dict[str, Any]:
        """Labelled probes of the encoder as it is; they leave no trace in it, and nothing but the row sees them."""
        times = self.config.probes
        if self.rank or not times or not probes.due(self.step, self.steps, times, self.config.log_every):
            return {"probe_knn": None, "probe_ridge": None, "probes": None}
        return probes.probe(
            self.method.encoder,
            self.config.probe_tasks,
            image_size=self.config.image_size,
            window=self.config.window,
            device=self.device,
        )

    def checkpoint(self) -> tuple[PretrainRow | None, Path | None]:
        """The latest row, if there is one, and on rank 0 a new folder with all that a resumed run and a user of the
        encoder need."""
        row = self.history[-1] if self.history else None
        if self.rank:
            return row, None
        folder = Path(tempfile.mkdtemp(prefix="labelcurve-"))
        torch.save(self._state(), folder / STATE)
        (folder / HISTORY).write_text(self._history())
        meta = {"method": self.config.method, "backbone": self.config.backbone, "image_size": self.config.image_size}
        meta |= {"seed": self.config.seed, "step": self.step}
        backbones.save(self.method.encoder, folder / ENCODER, meta)
        if self.step == self.steps:
            self._picture(folder / PICTURE)
        return row, folder

    def _picture(self, path: Path) -> None:
        """The method's picture of a few images spread over the corpus, one below the other, where it has one."""
        which = np.linspace(0, len(self.images) - 1, num=min(PICTURED, len(self.images))).round().astype(np.int64)
        images = device.send(self.images.read(which), self.device).float() / 65535
        drawn = self.method.picture(images, torch.Generator().manual_seed(self.config.seed))
        if drawn is not None:
            grey = (drawn.clamp(0, 1) * 255).round().to(torch.uint8).flatten(0, 1)
            Image.fromarray(grey.cpu().numpy()).save(path)

    def _history(self) -> str:
        return json.dumps([dataclasses.asdict(row) for row in self.history])

    def _state(self) -> dict[str, Any]:
        return {
            "method": self.method.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "steps": self.steps,
            "history": self._history(),
            "views": self.views,
            "pixels": self.pixels,
            "flops": [self.flops.total, self.flops.step],
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
