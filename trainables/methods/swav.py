"""SwAV: one view predicts the cluster that another was assigned to (Caron et al. 2020, arXiv 2006.09882)."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn import functional

from trainables.methods import register
from trainables.methods._heads import mlp
from trainables.methods._multi_crop import LARGE, across_views, crops, each
from trainables.methods._sinkhorn import sinkhorn
from trainables.methods.base import Method, Output
from trainables.methods.settings import Common, Recipe, Share
from trainables.optimization import distributed, optimizers
from trainables.optimization.schedules import Moment, warmup_cosine
from trainables.precision import full_precision, unit_length


class Settings(Common):
    """Defaults are those of Wolf et al. 2023; SwAV's own paper has 3,000 prototypes and large crops of 0.14 to 1.

    LARS leaves norms and biases to the plain rate, without decay, as its paper and SimCLR's have it. The queue fills
    from the first step on, and is used from `queue_from` on.
    """

    published_epochs: int = Field(800, ge=1)
    """Epochs of the published run, which the budget `published` asks for."""
    prototypes: int = Field(500, ge=2)
    """Clusters that embeddings are assigned to."""
    hidden: int = Field(2048, ge=2)
    """Width of the head's hidden layers."""
    dim: int = Field(128, ge=2)
    """Width of the embedding."""
    temperature: float = Field(0.1, gt=0)
    """What similarities are divided by."""
    epsilon: float = Field(0.05, gt=0, description="of Sinkhorn's iteration; larger is softer")
    iterations: int = Field(3, ge=1, description="of Sinkhorn's iteration")
    queue: int = Field(0, ge=0, description="features kept so that a small batch fills the clusters; 0 for none")
    queue_from: Share = Field(0.02, description="share of the budget after which the queue is used")
    freeze_prototypes: int = Field(313, ge=0, description="steps at the beginning")
    small_views: int = Field(6, ge=0)
    """Small views of an image."""
    small_size: float = Field(96 / 224, gt=0, le=1, description="share of the image size")
    together: bool = Field(True, description="views of one size are one batch and share its statistics, as published")
    base_lr: float = Field(0.3, gt=0, description="learning rate at a batch of 256")
    warmup: Share = Field(0.0125, description="share of the budget")
    weight_decay: float = Field(1e-6, ge=0)
    """On weights; vectors have their own rule in the method."""
    view: Recipe = Recipe(crop_scale=(0.9, 1.0), brightness=0.32, contrast=0.32, blur_probability=0.5)
    """How a view is made."""
    small_view: Recipe = Recipe(crop_scale=(0.1, 0.33), brightness=0.32, contrast=0.32, blur_probability=0.5)
    """How a small view is made."""


@register
class SwAV(Method):
    """Assigns large views to prototypes, all equally used, and predicts the assignment from every other view."""

    queue: Tensor
    filled: Tensor

    def __init__(self, backbone: Any, settings: Settings, **about: Any) -> None:
        super().__init__(backbone, settings, **about)
        s = settings
        self.head = mlp(backbone.num_features, s.hidden, s.dim)
        self.prototypes = nn.Linear(s.dim, s.prototypes, bias=False)
        self.register_buffer("queue", torch.zeros(LARGE, s.queue, s.dim))  # newest first
        self.register_buffer("filled", torch.zeros((), dtype=torch.long))
        self._fresh: list[Tensor] = []  # features of the step under way, (LARGE, B, dim) for each part
        self._to_unit_length()

    def views(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        return crops(images, generator, self.settings, size=self.image_size, window=self.window)

    def forward(self, views: tuple[Tensor, ...], at: Moment) -> Output:
        s, weight = self.settings, self.prototypes.weight
        rows = each(self._embed, views, together=s.together)
        units = [unit_length(row) for row in rows]
        scores = [_similarities(unit, weight) for unit in units]
        codes = [self._codes(scores[number], number, at) for number in range(LARGE)]
        loss = across_views(scores, codes, s.temperature)
        if s.queue:
            self._fresh.append(torch.stack([distributed.gather(unit) for unit in units[:LARGE]]))
        return Output(loss, math.log(s.prototypes), units[0].detach(), views=len(views))

    def _embed(self, images: Tensor) -> Tensor:
        return self.head(self.backbone(images))

    @torch.no_grad()
    def _codes(self, scores: Tensor, number: int, at: Moment) -> Tensor:
        """(B, K) for the rows of this rank."""
        s, everywhere = self.settings, distributed.gather(scores)
        if s.queue and int(self.filled) == s.queue and at.progress >= s.queue_from:
            everywhere = torch.cat([everywhere, _similarities(self.queue[number], self.prototypes.weight)])
        first = distributed.rank() * len(scores)
        return sinkhorn(everywhere, epsilon=s.epsilon, iterations=s.iterations)[first : first + len(scores)]

    def frozen(self, at: Moment) -> Iterable[Tensor]:
        return [self.prototypes.weight] if at.step < self.settings.freeze_prototypes else []

    @torch.no_grad()
    def after_step(self, at: Moment) -> None:
        """Prototypes go back to length 1; the step's features of all ranks enter the queue."""
        self._to_unit_length()
        if self._fresh:
            fresh = torch.cat(self._fresh, 1)
            self.queue.copy_(torch.cat([fresh, self.queue], 1)[:, : self.settings.queue])
            self.filled.add_(fresh.shape[1]).clamp_(max=self.settings.queue)
            self._fresh = []

    @torch.no_grad()
    def _to_unit_length(self) -> None:
        self.prototypes.weight.copy_(functional.normalize(self.prototypes.weight, dim=1))

    def optimizer(self) -> torch.optim.Optimizer:
        return optimizers.make("lars", optimizers.parameter_groups(self), momentum=0.9)

    def schedule(self, at: Moment) -> dict[str, float]:
        s, peak = self.settings, self.settings.base_lr * self.batch / 256
        rate = warmup_cosine(at.progress, peak=peak, warmup=s.warmup, last=0.001 * peak)
        return {"lr": rate, "weight_decay": s.weight_decay, "prototypes_frozen": float(at.step < s.freeze_prototypes)}


_similarities = full_precision(functional.linear)
