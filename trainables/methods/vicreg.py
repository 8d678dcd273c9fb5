"""VICReg: variance, invariance and covariance of two views' embeddings (Bardes et al. 2022, arXiv 2105.04906)."""

import math
from typing import Any

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn import functional

from trainables.methods import register
from trainables.methods._heads import mlp
from trainables.methods.base import Method, Output
from trainables.methods.settings import Common, Recipe, Share
from trainables.optimization import distributed, optimizers
from trainables.optimization.schedules import Moment, warmup_cosine
from trainables.precision import full_precision
from trainables.transforms import ssl_views as view

EPSILON = 1e-4
"""Added to variances, as published."""


class Settings(Common):
    """Defaults are the published ones; colours and solarisation, which CT has not, are left out."""

    published_epochs: int = Field(1000, ge=1)
    """Epochs of the published run, which the budget `published` asks for."""
    dim: int = Field(8192, ge=2, description="of all three layers of the expander")
    invariance: float = Field(25.0, ge=0)
    """Weight of the distance between the views' embeddings."""
    variance: float = Field(25.0, ge=0)
    """Weight of the variance term."""
    covariance: float = Field(1.0, ge=0)
    """Weight of the covariance term."""
    base_lr: float = Field(0.2, gt=0, description="learning rate at a batch of 256")
    warmup: Share = Field(0.01, description="share of the budget")
    weight_decay: float = Field(1e-6, ge=0)
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
class VICReg(Method):
    """The trivial value is that of an encoder which maps all images to one point: only the variance term is left."""

    def __init__(self, backbone: Any, settings: Settings, **about: Any) -> None:
        super().__init__(backbone, settings, **about)
        self.expander = mlp(backbone.num_features, *(settings.dim,) * 3)

    def views(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        recipes, size = (self.settings.view, self.settings.second_view), self.image_size
        return tuple(view.view(images, recipe, generator, size=size, window=self.window) for recipe in recipes)

    def forward(self, views: tuple[Tensor, ...], at: Moment) -> Output:
        s = self.settings
        first, second = (self.expander(self.backbone(images)) for images in views)
        loss = regularised_distance(first, second, (s.invariance, s.variance, s.covariance))
        return Output(loss, s.variance * (1 - math.sqrt(EPSILON)), first.detach(), views=2)

    def optimizer(self) -> torch.optim.Optimizer:
        return optimizers.make("lars", optimizers.parameter_groups(self), momentum=0.9)

    def schedule(self, at: Moment) -> dict[str, float]:
        s, peak = self.settings, self.settings.base_lr * self.batch / 256
        rate = warmup_cosine(at.progress, peak=peak, warmup=s.warmup, last=0.01 * peak)
        return {"lr": rate, "weight_decay": s.weight_decay}


@full_precision
def regularised_distance(first: Tensor, second: Tensor, weights: tuple[float, float, float]) -> Tensor:
    """Invariance, variance and covariance of rows (B, D), weighed and added (equation 6); the last two over all ranks.

    Of the views' variance terms the mean counts, of their covariance terms the sum, as in the authors' code.
    """
    invariance, variance, covariance = weights
    everyone = [distributed.gather_trained(rows) for rows in (first, second)]
    loss = invariance * functional.mse_loss(first, second)
    loss = loss + variance * sum(hinge(rows) for rows in everyone) / 2
    return loss + covariance * sum(redundancy(rows) for rows in everyone)


def hinge(rows: Tensor) -> Tensor:
    """By how much the deviations of the dimensions of (B, D) fall short of 1, on average (equation 1)."""
    return functional.relu(1 - (rows.var(0) + EPSILON).sqrt()).mean()


def redundancy(rows: Tensor) -> Tensor:
    """Squared covariances between different dimensions of (B, D), summed, over D (equations 3 and 4)."""
    centred = rows - rows.mean(0)
    covariance = centred.T @ centred / (len(rows) - 1)
    return (covariance.square().sum() - covariance.diagonal().square().sum()) / rows.shape[1]
