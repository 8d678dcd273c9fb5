"""SparK's way back from sparse feature maps to pixels (Tian et al. 2023, section 3.2; channels as published)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from trainables.methods._sparse_plan import Plan

LEVELS = 5
"""Doublings from the encoder's stride of 32 back to pixels."""


class Densify(nn.Module):
    """One feature map made dense: normed over visible positions, a mask embedding at hidden ones, projected.

    The deepest level is projected by a 1x1 convolution (none if the widths agree), the others by 3x3, as published.
    """

    def __init__(self, channels: int, width: int, *, deepest: bool) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(channels)
        self.embedding = nn.Parameter(nn.init.trunc_normal_(torch.zeros(1, channels, 1, 1), std=0.02))
        if deepest:
            self.project = nn.Identity() if channels == width else nn.Conv2d(channels, width, 1)
        else:
            self.project = nn.Conv2d(channels, width, 3, padding=1)

    def forward(self, x: Tensor, plan: Plan) -> Tensor:
        """x (T, C, p, p) -> (B, width, f * p, f * p)"""
        x = plan.unpack(self.norm(x))
        hidden = 1 - plan.keep(plan.patch(x), x)
        return self.project(x + hidden * self.embedding.to(x.dtype))


class Decoder(nn.Module):
    """The light U-Net: five blocks that double the side and halve the channels, fed at the first by the deepest map,
    then by each shallower one; a 1x1 convolution makes one pixel channel.

    channels: the encoder's at strides 32, 16, 8, 4. forward: those maps, packed, and the plan -> (B, 1, 32f, 32f).
    """

    def __init__(self, channels: Sequence[int], width: int) -> None:
        super().__init__()
        widths = [width // 2**level for level in range(LEVELS + 1)]
        self.densify = nn.ModuleList(
            Densify(c, w, deepest=level == 0) for level, (c, w) in enumerate(zip(channels, widths, strict=False))
        )
        self.blocks = nn.ModuleList(_block(a, b) for a, b in zip(widths[:-1], widths[1:], strict=True))
        self.to_pixels = nn.Conv2d(widths[-1], 1, 1)
        self.apply(_initialise)

    @property
    def embeddings(self) -> list[nn.Parameter]:
        """The mask embeddings of all levels, which weight decay spares."""
        return [level.embedding for level in self.densify]  # type: ignore[misc]

    def forward(self, maps: Sequence[Tensor], plan: Plan) -> Tensor:
        dense = [make(x, plan) for make, x in zip(self.densify, maps, strict=True)]
        x = dense[0]
        for level, block in enumerate(self.blocks):
            x = block(x + dense[level] if 0 < level < len(dense) else x)
        return self.to_pixels(x)


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose2d(inputs, inputs, 4, stride=2, padding=1),
        nn.Conv2d(inputs, inputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(inputs),
        nn.ReLU6(inplace=True),
        nn.Conv2d(inputs, outputs, 3, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
    )


def _initialise(layer: nn.Module) -> None:
    if isinstance(layer, nn.ConvTranspose2d):
        nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(layer, nn.Conv2d):
        nn.init.trunc_normal_(layer.weight, std=0.02)
    else:
        return
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)
