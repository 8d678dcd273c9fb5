"""SimCLR: two views of an image agree against the views of all others (Chen et al. 2020, arXiv 2002.05709)."""

import math
from typing import Any

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn import functional

from trainables.methods import register
from trainables.methods._heads import mlp
from trainables.methods._multi_crop import each
from trainables.methods.base import Method, Output
from trainables.methods.settings import Common, Recipe, Share
from trainables.optimization import distributed, optimizers
from trainables.optimization.schedules import Moment, warmup_cosine
from trainables.precision import full_precision, unit_length
from trainables.transforms import ssl_views as view


class Settings(Common):
    """Defaults are the published ones, of the longest runs; colours, which CT has not, are left out."""

    published_epochs: int = Field(1000, ge=1)
    """Epochs of the published run, which the budget `published` asks for."""
    dim: int = Field(128, ge=2)
    """Width of the embedding."""
    temperature: float = Field(0.1, gt=0)
    """What similarities are divided by."""
    together: bool = Field(True, description="both views are one batch and share its statistics, as published")
    base_lr: float = Field(0.3, gt=0, description="learning rate at a batch of 256")
    warmup: Share = Field(0.01, description="share of the budget")
    weight_decay: float = Field(1e-6, ge=0)
    """On weights; vectors have their own rule in the method."""
    view: Recipe = Recipe(
        crop_scale=(0.08, 1.0), horizontal_flip=0.5, brightness=0.8, contrast=0.8, blur_probability=0.5
    )
    """How a view is made."""


@register
class SimCLR(Method):
    def __init__(self, backbone: Any, settings: Settings, **about: Any) -> None:
        super().__init__(backbone, settings, **about)
        width = backbone.num_features
        self.head = mlp(width, width, settings.dim, last_norm=True)

    def views(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        recipe, size = self.settings.view, self.image_size
        first, second = (view.view(images, recipe, generator, size=size, window=self.window) for _ in range(2))
        return first, second

    def forward(self, views: tuple[Tensor, ...], at: Moment) -> Output:
        rows = each(lambda images: self.head(self.backbone(images)), views, together=self.settings.together)
        first, second = (unit_length(row) for row in rows)
        loss = nt_xent(first, second, self.settings.temperature)
        others = 2 * len(first) * distributed.world_size() - 1
        return Output(loss, math.log(others), first.detach(), views=2)

    def optimizer(self) -> torch.optim.Optimizer:
        return optimizers.make("lars", optimizers.parameter_groups(self), momentum=0.9)

    def schedule(self, at: Moment) -> dict[str, float]:
        s, peak = self.settings, self.settings.base_lr * self.batch / 256
        return {"lr": warmup_cosine(at.progress, peak=peak, warmup=s.warmup), "weight_decay": s.weight_decay}


@full_precision
def nt_xent(first: Tensor, second: Tensor, temperature: float) -> Tensor:
    """Mean cross-entropy of finding a view's partner among all other views of all ranks (equation 1).

    first, second: (B, D) of this rank, of length 1.
    """
    mine = torch.cat([first, second])
    everyone = torch.cat([distributed.gather_trained(first), distributed.gather_trained(second)])
    own = torch.arange(len(first), device=first.device) + distributed.rank() * len(first)
    half = len(everyone) // 2
    scores = mine @ everyone.T / temperature
    itself = torch.cat([own, own + half]).unsqueeze(1)
    scores = scores.scatter(1, itself, -torch.inf)
    return functional.cross_entropy(scores, torch.cat([own + half, own]))
