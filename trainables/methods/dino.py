"""DINO: self-distillation with no labels (Caron et al. 2021, arXiv 2104.14294), with its settings for convolutions."""

import math
from collections.abc import Iterable
from typing import Any

import torch
from pydantic import Field
from torch import Generator, Tensor, nn
from torch.nn import functional

from trainables.methods import register
from trainables.methods._momentum import follow, follower
from trainables.methods._multi_crop import LARGE, across_views, crops, each
from trainables.methods.base import Method, Output
from trainables.methods.settings import Common, Recipe, Share
from trainables.optimization import distributed, optimizers
from trainables.optimization.schedules import Moment, cosine, warmup_cosine, warmup_linear
from trainables.precision import full_precision, unit_length


class Settings(Common):
    """Defaults are of the published runs on a ResNet-50: rate, optimizer, decay and crops of the one of 100 epochs, all
    else of that of 800. Colours and solarisation, which CT has not, are left out, and both large views are blurred as
    often."""

    published_epochs: int = Field(800, ge=1)
    """Epochs of the published run, which the budget `published` asks for."""
    outputs: int = Field(65_536, ge=2)
    """Width of the last layer."""
    hidden: int = Field(2048, ge=2)
    """Width of the head's hidden layers."""
    bottleneck: int = Field(256, ge=2)
    """Width before the last layer."""
    head_norm: bool = Field(True, description="batch norm in the head")
    student_temperature: float = Field(0.1, gt=0)
    """Of the student's softmax."""
    teacher_temperature_start: float = Field(0.04, gt=0)
    """Of the teacher's softmax at the beginning."""
    teacher_temperature: float = Field(0.07, gt=0)
    """Of the teacher's softmax after its warm-up."""
    teacher_warmup: Share = Field(0.0625, description="share of the budget in which its temperature rises")
    momentum: float = Field(0.996, ge=0, lt=1, description="of the teacher at first; at last it is 1")
    center_momentum: float = Field(0.9, ge=0, lt=1)
    """Of the moving centre of the teacher's outputs."""
    freeze_last: Share = Field(0.00125, description="share of the budget in which the last layer stays as it is")
    small_views: int = Field(6, ge=0)
    """Small views of an image."""
    small_size: float = Field(96 / 224, gt=0, le=1, description="share of the image size")
    together: bool = Field(True, description="views of one size are one batch and share its statistics, as published")
    base_lr: float = Field(0.03, gt=0, description="learning rate at a batch of 256")
    warmup: Share = Field(0.0125, description="share of the budget")
    weight_decay: float = Field(1e-4, ge=0)
    """On weights; vectors have their own rule in the method."""
    view: Recipe = Recipe(
        crop_scale=(0.14, 1.0), horizontal_flip=0.5, brightness=0.4, contrast=0.4, blur_probability=0.5
    )
    """How a view is made."""
    small_view: Recipe = Recipe(
        crop_scale=(0.05, 0.14), horizontal_flip=0.5, brightness=0.4, contrast=0.4, blur_probability=0.5
    )
    """How a small view is made."""


class Head(nn.Module):
    """(B, width) -> (B, outputs): three layers to a bottleneck of length 1, then cosines with `outputs` rows."""

    def __init__(self, width: int, settings: Settings) -> None:
        super().__init__()
        s, layers = settings, list[nn.Module]()
        for inputs, outputs in ((width, s.hidden), (s.hidden, s.hidden)):
            layers.append(nn.Linear(inputs, outputs, bias=not s.head_norm))
            layers += [nn.BatchNorm1d(outputs)] * s.head_norm
            layers.append(nn.GELU())
        self.layers = nn.Sequential(*layers, nn.Linear(s.hidden, s.bottleneck))
        self.last = nn.Linear(s.bottleneck, s.outputs, bias=False)
        for layer in self.layers:
            if isinstance(layer, nn.Linear):
                nn.init.trunc_normal_(layer.weight, std=0.02)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, x: Tensor) -> Tensor:
        return _similarities(unit_length(self.layers(x)), unit_length(self.last.weight))


@register
class DINO(Method):
    """A student matches its own moving average's softened outputs, which are centred so that no output wins."""

    center: Tensor

    def __init__(self, backbone: Any, settings: Settings, **about: Any) -> None:
        super().__init__(backbone, settings, **about)
        self.head = Head(backbone.num_features, settings)
        self.teacher_backbone = follower(self.backbone)
        self.teacher_head = follower(self.head)
        self.register_buffer("center", torch.zeros(1, settings.outputs))
        self._fresh: list[Tensor] = []  # means of the teacher's outputs, one for each part of the step under way

    def views(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        return crops(images, generator, self.settings, size=self.image_size, window=self.window)

    def forward(self, views: tuple[Tensor, ...], at: Moment) -> Output:
        s = self.settings
        student = each(lambda images: self.head(self.backbone(images)), views, together=s.together)
        with torch.no_grad():
            teacher = each(
                lambda images: self.teacher_head(self.teacher_backbone(images)), views[:LARGE], together=s.together
            )
            aims = [torch.softmax((rows - self.center) / self._temperature(at), 1) for rows in teacher]
            self._fresh.append(distributed.mean(torch.stack(teacher).mean((0, 1))))
        loss = across_views(student, aims, s.student_temperature)
        return Output(loss, math.log(s.outputs), student[0].detach(), views=len(views))

    def frozen(self, at: Moment) -> Iterable[Tensor]:
        return [self.head.last.weight] if at.progress < self.settings.freeze_last else []

    @torch.no_grad()
    def after_step(self, at: Moment) -> None:
        """The teacher follows by a moving average, the centre by one over the outputs of all ranks."""
        follow(self.teacher_backbone, self.backbone, self._momentum(at))
        follow(self.teacher_head, self.head, self._momentum(at))
        self.center.lerp_(torch.stack(self._fresh).mean(0, keepdim=True), 1 - self.settings.center_momentum)
        self._fresh = []

    def _momentum(self, at: Moment) -> float:
        return cosine(at.progress, self.settings.momentum, 1.0)

    def _temperature(self, at: Moment) -> float:
        s = self.settings
        first, last = s.teacher_temperature_start, s.teacher_temperature
        return warmup_linear(at.progress, first=first, last=last, warmup=s.teacher_warmup)

    def optimizer(self) -> torch.optim.Optimizer:
        return optimizers.make("sgd", optimizers.parameter_groups(self), momentum=0.9)

    def schedule(self, at: Moment) -> dict[str, float]:
        s, peak = self.settings, self.settings.base_lr * self.batch / 256
        return {
            "lr": warmup_cosine(at.progress, peak=peak, warmup=s.warmup, last=1e-6 * self.batch / 256),
            "weight_decay": s.weight_decay,
            "momentum": self._momentum(at),
            "teacher_temperature": self._temperature(at),
        }


_similarities = full_precision(functional.linear)
