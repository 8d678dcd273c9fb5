"""MoCo v2: momentum contrast with an MLP head (Chen et al. 2020, arXiv 2003.04297; MoCo is arXiv 1911.05722)."""

import copy
import math
from typing import Any

import torch
from pydantic import BaseModel, Field, field_validator
from torch import Generator, Tensor, nn
from torch.nn import functional

from trainables import distributed, optim
from trainables import views as view
from trainables.methods import register
from trainables.methods.base import Method, Output

VIEWS_PER_IMAGE = 2


class Settings(BaseModel, extra="forbid"):
    """Defaults are those of Wolf et al. 2023; MoCo v2's own paper has a temperature of 0.2.

    `blur_sigma` is in pixels of a view 224 pixels wide and scales with the image size.
    """

    queue: int = Field(65_536, ge=1, description="keys kept as negatives")
    temperature: float = Field(0.07, gt=0)
    momentum: float = Field(0.999, ge=0, lt=1, description="of the key encoder")
    dim: int = Field(128, ge=2)
    bn_splits: int = Field(4, ge=1, description="parts of a rank's batch with batch statistics of their own")
    base_lr: float = Field(0.03, gt=0, description="learning rate at a batch of 256")
    warmup: float = Field(0.0, ge=0, lt=1, description="share of the budget")
    weight_decay: float = Field(1e-4, ge=0)
    crop_scale: tuple[float, float] = (0.2, 1.0)
    rotation: float = Field(180.0, ge=0, le=180, description="largest angle in degrees")
    rotation_probability: float = Field(0.5, ge=0, le=1)
    brightness: float = Field(0.4, ge=0, le=1)
    contrast: float = Field(0.4, ge=0, le=1)
    jitter_probability: float = Field(0.8, ge=0, le=1)
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    blur_probability: float = Field(0.5, ge=0, le=1)
    flip: float = Field(0.5, ge=0, le=1, description="probability of each of the two flips")
    noise_variance: tuple[float, float] = (1e-5, 1e-4)
    noise_probability: float = Field(0.5, ge=0, le=1)

    @field_validator("crop_scale", "blur_sigma", "noise_variance")
    @classmethod
    def _is_range(cls, value: tuple[float, float]) -> tuple[float, float]:
        if not 0 < value[0] <= value[1]:
            raise ValueError("must be two numbers above 0, the smaller one first")
        return value


@register
class MoCoV2(Method):
    """Tells the other view of an image from a queue of views of other images.

    Each encoder normalises in `bn_splits` parts, keys in a shuffled order, so that batch statistics do not give the
    pair away: what the paper does by shuffling over GPUs. The queue starts empty; only keys that are there count.
    """

    queue: Tensor
    pointer: Tensor
    filled: Tensor

    def __init__(self, backbone: Any, settings: Settings, *, image_size: int, batch: int) -> None:
        super().__init__(backbone, settings, image_size=image_size, batch=batch)
        width = backbone.num_features
        self.head = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, settings.dim))
        self.key_backbone = copy.deepcopy(self.backbone).requires_grad_(False)
        self.key_head = copy.deepcopy(self.head).requires_grad_(False)
        self.register_buffer("queue", torch.zeros(settings.queue, settings.dim))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.long))
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))
        self._fresh = self.queue[:0]  # keys of the step under way

    def views(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        return tuple(self._view(images, generator) for _ in range(VIEWS_PER_IMAGE))

    def _view(self, images: Tensor, generator: Generator) -> Tensor:
        s, pixel = self.settings, self.image_size / 224
        images = view.rotate(images, generator, degrees=s.rotation, probability=s.rotation_probability)
        images = view.random_resized_crop(images, generator, size=self.image_size, scale=s.crop_scale)
        images = view.flip(images, generator, horizontal=s.flip, vertical=s.flip)
        images = view.jitter(
            images, generator, brightness=s.brightness, contrast=s.contrast, probability=s.jitter_probability
        )
        sigma = (s.blur_sigma[0] * pixel, s.blur_sigma[1] * pixel)
        images = view.blur(images, generator, sigma=sigma, probability=s.blur_probability)
        return view.noise(images, generator, variance=s.noise_variance, probability=s.noise_probability)

    def forward(self, views: tuple[Tensor, ...], *, progress: float, generator: Generator) -> Output:
        first, second = views
        queries = self._embed(first, self.backbone, self.head)
        keys = self._keys(second, generator)
        negatives = self.queue[: int(self.filled)]
        loss = info_nce(queries, keys, negatives, self.settings.temperature)
        self._fresh = distributed.gather(keys)
        return Output(loss, math.log(1 + len(negatives)), queries.detach(), views=VIEWS_PER_IMAGE)

    @torch.no_grad()
    def _keys(self, images: Tensor, generator: Generator) -> Tensor:
        order = torch.randperm(len(images), generator=generator).to(images.device)
        return self._embed(images[order], self.key_backbone, self.key_head)[order.argsort()]

    def _embed(self, images: Tensor, backbone: nn.Module, head: nn.Module) -> Tensor:
        splits = self.settings.bn_splits
        if len(images) % splits:
            raise ValueError(
                f"pretraining.methods.moco_v2.bn_splits: {splits} does not divide the batch of {len(images)} a worker"
            )
        features = torch.cat([backbone(part) for part in images.chunk(splits)])
        return functional.normalize(head(features).to(self.queue.dtype), dim=1)  # full precision under autocast

    @torch.no_grad()
    def after_step(self, progress: float) -> None:
        """The key encoder follows by a moving average; the step's keys of all ranks replace the oldest in the queue."""
        for slow, fast in ((self.key_backbone, self.backbone), (self.key_head, self.head)):
            torch._foreach_lerp_(list(slow.parameters()), list(fast.parameters()), 1 - self.settings.momentum)
        length, keys = len(self.queue), self._fresh[-len(self.queue) :]
        self.queue[(self.pointer + torch.arange(len(keys), device=keys.device)) % length] = keys
        self.pointer.add_(len(keys)).remainder_(length)
        self.filled.add_(len(keys)).clamp_(max=length)
        self._fresh = self.queue[:0]

    def optimizer(self) -> torch.optim.Optimizer:
        return optim.make("sgd", optim.parameter_groups(self, decay_all=True), momentum=0.9)

    def schedule(self, progress: float) -> dict[str, float]:
        s, peak = self.settings, self.settings.base_lr * self.batch / 256
        rate = optim.warmup_cosine(progress, peak=peak, warmup=s.warmup)
        return {"lr": rate, "weight_decay": s.weight_decay}


def info_nce(queries: Tensor, keys: Tensor, negatives: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of finding each query's key (B, D) among it and the negatives (K, D), all of length 1."""
    positive = (queries * keys).sum(1, keepdim=True)
    logits = torch.cat([positive, queries @ negatives.T], 1) / temperature
    return functional.cross_entropy(logits, torch.zeros(len(logits), dtype=torch.long, device=logits.device))
