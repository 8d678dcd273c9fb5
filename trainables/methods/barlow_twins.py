"""Barlow Twins: the cross-correlation of two views' embeddings nears the identity (Zbontar et al. 2021, arXiv
2103.03230)."""

from typing import Any

import torch
from pydantic import Field
from torch import Generator, Tensor

from trainables.methods import register
from trainables.methods._heads import mlp
from trainables.methods.base import Method, Output
from trainables.methods.settings import Common, Recipe, Share
from trainables.optimization import distributed, optimizers
from trainables.optimization.schedules import Moment, warmup_cosine
from trainables.precision import full_precision
from trainables.transforms import ssl_views as view

EPSILON = 1e-5
"""Added to variances, as batch norm does."""


class Settings(Common):
    """Defaults are the published ones; colours and solarisation, which CT has not, are left out."""

    published_epochs: int = Field(1000, ge=1)
    """Epochs of the published run, which the budget `published` asks for."""
    dim: int = Field(8192, ge=2, description="of all three layers of the projector")
    redundancy: float = Field(0.0051, ge=0, description="weight of the entries off the diagonal")
    base_lr: float = Field(0.2, gt=0, description="learning rate at a batch of 256")
    spared_rate: float = Field(0.024, gt=0, description="times the learning rate, for norms and biases")
    warmup: Share = Field(0.01, description="share of the budget")
    weight_decay: float = Field(1.5e-6, ge=0)
    """On weights; vectors have their own rule in the method."""
    view: Recipe = Recipe(
        crop_scale=(0.08, 1.0), horizontal_flip=0.5, brightness=0.4, contrast=0.4, blur_probability=1.0
    )
    """How a view is made."""
    second_view: Recipe = Recipe(
        crop_scale=(0.08, 1.0), horizontal_flip=0.5, brightness=0.4, contrast=0.4, blur_probability=0.1
    )
    """How the second view is made."""


@register
class BarlowTwins(Method):
    """Views that have nothing in common cost as much as there are dimensions, which is the trivial value."""

    def __init__(self, backbone: Any, settings: Settings, **about: Any) -> None:
        super().__init__(backbone, settings, **about)
        self.projector = mlp(backbone.num_features, *(settings.dim,) * 3)

    def views(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        recipes, size = (self.settings.view, self.settings.second_view), self.image_size
        return tuple(view.view(images, recipe, generator, size=size, window=self.window) for recipe in recipes)

    def forward(self, views: tuple[Tensor, ...], at: Moment) -> Output:
        first, second = (self.projector(self.backbone(images)) for images in views)
        loss = decorrelation(first, second, self.settings.redundancy)
        return Output(loss, float(self.settings.dim), first.detach(), views=2)

    def optimizer(self) -> torch.optim.Optimizer:
        groups = optimizers.parameter_groups(self, spared_rate=self.settings.spared_rate)
        return optimizers.make("lars", groups, momentum=0.9)

    def schedule(self, at: Moment) -> dict[str, float]:
        s, peak = self.settings, self.settings.base_lr * self.batch / 256
        rate = warmup_cosine(at.progress, peak=peak, warmup=s.warmup, last=0.001 * peak)
        return {"lr": rate, "weight_decay": s.weight_decay}


@full_precision
def decorrelation(first: Tensor, second: Tensor, redundancy: float) -> Tensor:
    """Squared distance of the correlations (D, D) of rows (B, D) from the identity; `redundancy` weighs the rest.

    Means, deviations and correlations are those of all ranks' rows.
    """
    count = len(first) * distributed.world_size()
    correlations = distributed.total(_standardised(first, count).T @ _standardised(second, count) / count)
    diagonal = correlations.diagonal()
    rest = correlations.square().sum() - diagonal.square().sum()
    return (diagonal - 1).square().sum() + redundancy * rest


def _standardised(rows: Tensor, count: int) -> Tensor:
    centred = rows - distributed.total(rows.sum(0)) / count
    variance = distributed.total(centred.square().sum(0)) / count
    return centred * torch.rsqrt(variance + EPSILON)
