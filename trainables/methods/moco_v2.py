"""MoCo v2: momentum contrast with an MLP head (Chen et al. 2020, arXiv 2003.04297; MoCo is arXiv 1911.05722)."""

import math
from typing import Any

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn import functional

from trainables.methods import register
from trainables.methods._momentum import follow, follower
from trainables.methods.base import Method, Output
from trainables.methods.settings import Common, Recipe, Share
from trainables.optimization import distributed, optimizers
from trainables.optimization.schedules import Moment, warmup_cosine
from trainables.precision import full_precision, unit_length
from trainables.transforms import ssl_views as view

VIEWS_PER_IMAGE = 2


class Settings(Common):
    """Defaults are those of Wolf et al. 2023; MoCo v2's own paper has a temperature of 0.2."""

    published_epochs: int = Field(800, ge=1)
    """Epochs of the published run, which the budget `published` asks for."""
    queue: int = Field(65_536, ge=1, description="keys kept as negatives")
    temperature: float = Field(0.07, gt=0)
    """What similarities are divided by."""
    momentum: float = Field(0.999, ge=0, lt=1, description="of the key encoder")
    dim: int = Field(128, ge=2)
    """Width of the embedding."""
    bn_splits: int = Field(4, ge=1, description="parts of a rank's batch with batch statistics of their own")
    base_lr: float = Field(0.03, gt=0, description="learning rate at a batch of 256")
    warmup: Share = Field(0.0, description="share of the budget")
    weight_decay: float = Field(1e-4, ge=0)
    """On weights; vectors have their own rule in the method."""
    view: Recipe = Recipe(
        rotation=180,
        crop_scale=(0.2, 1.0),
        horizontal_flip=0.5,
        vertical_flip=0.5,
        brightness=0.4,
        contrast=0.4,
        blur_probability=0.5,
        noise_probability=0.5,
    )
    """How a view is made."""


@register
class MoCoV2(Method):
    """Tells the other view of an image from a queue of views of other images.

    Each encoder normalises in `bn_splits` parts, keys in a shuffled order, so that batch statistics do not give the
    pair away: what the paper does by shuffling over GPUs. The queue starts empty; only keys that are there count.
    """

    splits_norms = True
    queue: Tensor
    pointer: Tensor
    filled: Tensor
    fresh: Tensor

    def __init__(self, backbone: Any, settings: Settings, **about: Any) -> None:
        super().__init__(backbone, settings, **about)
        width = backbone.num_features
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, settings.dim))
        self.key_backbone = follower(self.backbone)
        self.key_head = follower(self.head)
        self.register_buffer("queue", torch.zeros(settings.queue, settings.dim))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))
        self.register_buffer("fresh", self.queue[:0], persistent=False)  # keys of the step under way

    def views(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        """Two views and the order (B,) in which the keys are put into parts."""
        recipe = self.settings.view
        first, second = (
            view.view(images, recipe, generator, size=self.image_size, window=self.window)
            for _ in range(VIEWS_PER_IMAGE)
        )
        return first, second, torch.randperm(len(images), generator=generator).to(images.device)

    def forward(self, views: tuple[Tensor, ...], at: Moment) -> Output:
        first, second, order = views
        queries = self._embed(first, self.backbone, self.head)
        keys = self._keys(second, order)
        negatives = self.queue[: int(self.filled)]
        loss = info_nce(queries, keys, negatives, self.settings.temperature)
        self.fresh = torch.cat([self.fresh, distributed.gather(keys)])
        return Output(loss, math.log(1 + len(negatives)), queries.detach(), views=VIEWS_PER_IMAGE)

    @torch.no_grad()
    def _keys(self, images: Tensor, order: Tensor) -> Tensor:
        return self._embed(images[order], self.key_backbone, self.key_head)[order.argsort()]

    def _embed(self, images: Tensor, backbone: nn.Module, head: nn.Module) -> Tensor:
        splits = self.settings.bn_splits
        if len(images) % splits:
            raise ValueError(
                f"pretraining.methods.moco_v2.bn_splits: {splits} does not divide the batch of {len(images)} a worker"
            )
        features = torch.cat([backbone(part) for part in images.chunk(splits)])
        return unit_length(head(features))

    @torch.no_grad()
    def after_step(self, at: Moment) -> None:
        """The key encoder follows by a moving average; the step's keys of all ranks replace the oldest in the queue."""
        follow(self.key_backbone, self.backbone, self.settings.momentum)
        follow(self.key_head, self.head, self.settings.momentum)
        length, keys = len(self.queue), self.fresh[-len(self.queue) :]
        self.queue[(self.pointer + torch.arange(len(keys), device=keys.device)) % length] = keys
        self.pointer.add_(len(keys)).remainder_(length)
        self.filled.add_(len(keys)).clamp_(max=length)
        self.fresh = self.queue[:0]

    def optimizer(self) -> torch.optim.Optimizer:
        return optimizers.make("sgd", optimizers.parameter_groups(self, decay_all=True), momentum=0.9)

    def schedule(self, at: Moment) -> dict[str, float]:
        s, peak = self.settings, self.settings.base_lr * self.batch / 256
        rate = warmup_cosine(at.progress, peak=peak, warmup=s.warmup)
        return {"lr": rate, "weight_decay": s.weight_decay}


@full_precision
def info_nce(queries: Tensor, keys: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of finding each query's key (B, D) among it and the negatives (K, D), all of length 1."""
    positive = (queries * keys).sum(1, keepdim=True)
    logits = torch.cat([positive, queries @ negatives.T], 1) / temperature
    return functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))
