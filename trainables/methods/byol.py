"""BYOL: a network predicts what its own moving average makes of another view (Grill et al. 2020, arXiv 2006.07733)."""

from typing import Any

import torch
from pydantic import Field
from torch import Generator, Tensor
from torch.nn import functional

from trainables.methods import register
from trainables.methods._heads import mlp
from trainables.methods._momentum import follow, follower
from trainables.methods.base import Method, Output
from trainables.methods.settings import Common, Recipe, Share
from trainables.optimization import optimizers
from trainables.optimization.schedules import Moment, cosine, warmup_cosine
from trainables.precision import full_precision
from trainables.transforms import ssl_views as view


class Settings(Common):
    """Views and optimizer are those of Wolf et al. 2023, a rate of 1e-3 for Adam at a batch of 64."""

    published_epochs: int = Field(1000, ge=1)
    """Epochs of the published run, which the budget `published` asks for."""
    hidden: int = Field(4096, ge=2)
    """Width of the head's hidden layers."""
    dim: int = Field(256, ge=2)
    """Width of the embedding."""
    momentum: float = Field(0.996, ge=0, lt=1, description="of the target network at first; at last it is 1")
    base_lr: float = Field(4e-3, gt=0, description="learning rate at a batch of 256")
    warmup: Share = Field(0.01, description="share of the budget")
    weight_decay: float = Field(1.5e-6, ge=0)
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
class BYOL(Method):
    """The loss is 4 for predictions at right angles to their targets and 0 for exact ones.

    An encoder that maps all images to one point also has 0: no value of the loss tells what was learnt.
    """

    def __init__(self, backbone: Any, settings: Settings, **about: Any) -> None:
        super().__init__(backbone, settings, **about)
        self.projector = mlp(backbone.num_features, settings.hidden, settings.dim)
        self.predictor = mlp(settings.dim, settings.hidden, settings.dim)
        self.target_backbone = follower(self.backbone)
        self.target_projector = follower(self.projector)

    def views(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        recipe, size = self.settings.view, self.image_size
        first, second = (view.view(images, recipe, generator, size=size, window=self.window) for _ in range(2))
        return first, second

    def forward(self, views: tuple[Tensor, ...], at: Moment) -> Output:
        first, second = (self.projector(self.backbone(images)) for images in views)
        with torch.no_grad():
            aims = [self.target_projector(self.target_backbone(images)) for images in views]
        loss = distance(self.predictor(first), aims[1]) + distance(self.predictor(second), aims[0])
        return Output(loss, None, first.detach(), views=2)

    def after_step(self, at: Moment) -> None:
        momentum = self._momentum(at)
        follow(self.target_backbone, self.backbone, momentum)
        follow(self.target_projector, self.projector, momentum)

    def _momentum(self, at: Moment) -> float:
        return cosine(at.progress, self.settings.momentum, 1.0)

    def optimizer(self) -> torch.optim.Optimizer:
        return optimizers.make("adam", optimizers.parameter_groups(self))

    def schedule(self, at: Moment) -> dict[str, float]:
        s, peak = self.settings, self.settings.base_lr * self.batch / 256
        rate = warmup_cosine(at.progress, peak=peak, warmup=s.warmup)
        return {"lr": rate, "weight_decay": s.weight_decay, "momentum": self._momentum(at)}


@full_precision
def distance(predictions: Tensor, targets: Tensor) -> Tensor:
    """Mean squared distance of rows (B, D) brought to length 1: 2 - 2 cos."""
    return 2 - 2 * functional.cosine_similarity(predictions, targets).mean()
