"""What the training loop asks of a method."""

from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn


class Output(NamedTuple):
    """What one forward pass gives.

    loss: scalar. trivial: the loss of an encoder that has learnt nothing, None where nothing is known of it. embedding:
    (B, D), without gradient, watched for collapse. views: images fed to encoders for each source image.
    """

    loss: Tensor
    trivial: float | None
    embedding: Tensor
    views: int


class Method(nn.Module):
    """A self-supervised objective around a backbone.

    All state that a resumed run needs is in parameters and buffers. `progress` runs from 0 to 1 over the budget;
    schedules are pure functions of it. `batch` is the global number of source images a step.
    """

    backbone: Any
    clip_norm: float | None = None
    """The gradients' norm is clipped to this before each step."""

    def __init__(self, backbone: nn.Module, settings: Any, *, image_size: int, batch: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.settings = settings
        self.image_size = image_size
        self.batch = batch

    @property
    def encoder(self) -> nn.Module:
        """The backbone whose weights are exported."""
        return self.backbone

    def views(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        """Random views of (B, 1, H, W) images in [0, 1]."""
        raise NotImplementedError

    def forward(self, views: tuple[Tensor, ...], *, progress: float, generator: Generator) -> Output:
        raise NotImplementedError

    def after_step(self, progress: float) -> None:
        """Called once the optimizer has stepped: moving averages, queues."""

    def optimizer(self) -> torch.optim.Optimizer:
        raise NotImplementedError

    def schedule(self, progress: float) -> dict[str, float]:
        """Learning rate `lr` and `weight_decay` at this progress."""
        raise NotImplementedError
