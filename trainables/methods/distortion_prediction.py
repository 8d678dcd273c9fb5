"""Distortion prediction: which of several transformations was applied (after Gidaris et al. 2018, arXiv 1803.07728, who
turn images by quarters; the other distortions are those that scans suffer)."""

import math
from typing import Any

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn import functional

from trainables.methods import register
from trainables.methods.base import Method, Output
from trainables.methods.settings import Common, Recipe, Share
from trainables.optimization import optimizers
from trainables.optimization.schedules import Moment, warmup_cosine
from trainables.transforms import disruptions
from trainables.transforms import ssl_views as view

DISTORTIONS = (
    *("none", "quarter turn", "half turn", "three-quarter turn"),
    *("blurred", "noisy", "coarse", "patches hidden", "parts shuffled", "grey scale bent"),
)


class Settings(Common):
    """Rate, decay and length are those of Gidaris et al., whose rate falls in steps and here by a cosine."""

    published_epochs: int = Field(30, ge=1)
    """Epochs of the published run, which the budget `published` asks for."""
    base_lr: float = Field(0.0133, gt=0, description="learning rate at a batch of 256")
    warmup: Share = Field(0.02, description="share of the budget")
    weight_decay: float = Field(5e-4, ge=0)
    """On weights; vectors have their own rule in the method."""
    view: Recipe = Recipe(crop_scale=(0.67, 1.0), horizontal_flip=0.5)
    """How a view is made."""


@register
class DistortionPrediction(Method):
    """A linear layer on the encoder's features names the distortion; guessing costs the logarithm of their number."""

    def __init__(self, backbone: Any, settings: Settings, **about: Any) -> None:
        super().__init__(backbone, settings, **about)
        self.head = nn.Linear(backbone.num_features, len(DISTORTIONS))

    def views(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        """One distorted view and the number (B,) of its distortion."""
        images = view.view(images, self.settings.view, generator, size=self.image_size, window=self.window)
        which = torch.randint(len(DISTORTIONS), (len(images),), generator=generator)
        result = images.clone()
        for number in range(1, len(DISTORTIONS)):
            some = (which == number).to(images.device)
            if some.any():
                result[some] = _distort(images[some], DISTORTIONS[number], generator)
        return result, which.to(images.device)

    def forward(self, views: tuple[Tensor, ...], at: Moment) -> Output:
        images, which = views
        features = self.backbone(images)
        loss = functional.cross_entropy(self.head(features), which)
        return Output(loss, math.log(len(DISTORTIONS)), features.detach(), views=1)

    def optimizer(self) -> torch.optim.Optimizer:
        return optimizers.make("sgd", optimizers.parameter_groups(self, decay_all=True), momentum=0.9)

    def schedule(self, at: Moment) -> dict[str, float]:
        s, peak = self.settings, self.settings.base_lr * self.batch / 256
        rate = warmup_cosine(at.progress, peak=peak, warmup=s.warmup)
        return {"lr": rate, "weight_decay": s.weight_decay}


def _distort(images: Tensor, name: str, generator: Generator) -> Tensor:
    pixel = images.shape[-1] / 224
    if name.endswith("turn"):
        return images.rot90(DISTORTIONS.index(name), (2, 3))
    if name == "blurred":
        return view.blur(images, generator, sigma=(2 * pixel, 4 * pixel), probability=1.0)
    if name == "noisy":
        return view.noise(images, generator, variance=(2e-3, 2e-2), probability=1.0)
    if name == "coarse":
        return disruptions.coarsen(images, generator, factor=(2, 4))
    if name == "patches hidden":
        return disruptions.hide(images, generator, patch=max(images.shape[-1] // 8, 1), share=0.3)
    if name == "parts shuffled":
        return disruptions.shuffle(images, generator, pieces=3)
    return disruptions.gamma(images, generator, largest=2.5)
