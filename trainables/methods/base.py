"""What the training loop asks of a method."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Generator, Tensor, nn

from trainables.optimization.schedules import Moment


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

    All state that a resumed run needs is in parameters and buffers. All that is random lies in `views`, so `forward`
    is a function of views and state. Schedules are pure functions of the `Moment`. `batch` is the global number of
    source images a step, `window` the Hounsfield units that images' 0 and 1 stand for.
    """

    backbone: Any
    clip_norm: float | None = None
    """The gradients' norm is clipped to this before each step."""

    splits_norms: bool = False
    """Batch statistics are kept apart on purpose, so they are not synchronised over ranks."""

    def __init__(
        self,
        backbone: nn.Module,
        settings: Any,
        *,
        image_size: int,
        batch: int,
        window: tuple[float, float] = (-1000.0, 1000.0),
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.settings = settings
        self.image_size = image_size
        self.batch = batch
        self.window = window

    @property
    def encoder(self) -> nn.Module:
        """The backbone whose weights are exported."""
        return self.backbone

    def views(self, images: Tensor, generator: Generator) -> tuple[Tensor, ...]:
        """Random views of (B, 1, H, W) images in [0, 1], and whatever else is drawn (masks, orders): B rows each."""
        raise NotImplementedError

    def forward(self, views: tuple[Tensor, ...], at: Moment) -> Output:
        """The loss of a part of a step's batch; called once for each part that gradients are accumulated over."""
        raise NotImplementedError

    def frozen(self, at: Moment) -> Iterable[Tensor]:
        """Parameters that this step leaves as they are."""
        return ()

    def after_step(self, at: Moment) -> None:
        """Called once the optimizer has stepped: moving averages, queues, centres."""

    def picture(self, images: Tensor, generator: Generator) -> Tensor | None:
        """What a look at the run may show: a grey picture (B, H, W) in [0, 1] of each image (B, 1, h, w); or nothing.

        A method that fills in what was hidden shows the image, what was left of it, and the image filled in, from left
        to right. It leaves parameters, buffers and random states as they are.
        """
        return None

    def optimizer(self) -> torch.optim.Optimizer:
        raise NotImplementedError

    def schedule(self, at: Moment) -> dict[str, float]:
        """Learning rate `lr`, `weight_decay`, and what else of the method changes over the budget, by name."""
        raise NotImplementedError
