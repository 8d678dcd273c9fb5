"""SparK's way back from sparse feature maps to pixels (Tian et al. 2023, section 3.2; channels as published)."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.methods.sparse.plan import Plan, to_rows

LEVELS = 5
"""Doublings from the encoder's stride of 32 back to pixels."""

PRODUCT_UP_TO = 8
"""Maps up to this wide are doubled by a product, which on a CPU mostly takes half the time of the convolution."""


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
        return self.project(_laid_out(x + hidden * self.embedding.to(x.dtype)))


class Doubled(nn.ConvTranspose2d):
    """A transposed convolution that doubles the side of square maps, (B, C, H, H) -> (B, C', 2H, 2H)."""

    def forward(self, x: Tensor, output_size: list[int] | None = None) -> Tensor:
        side = x.shape[-1]
        if side > PRODUCT_UP_TO:
            return super().forward(x, output_size)
        rows = to_rows(x) @ self.weight.flatten(1)
        columns = rows.view(len(x), side**2, -1).transpose(1, 2)
        maps = functional.fold(columns, 2 * side, self.kernel_size, stride=self.stride, padding=self.padding)  # type: ignore[arg-type]
        return maps if self.bias is None else maps + self.bias.view(1, -1, 1, 1)


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

    def _apply(self, fn: Callable, recurse: bool = True) -> "Decoder":
        return super()._apply(lambda tensor: _laid_out(fn(tensor)), recurse)


def _laid_out(x: Tensor) -> Tensor:
    """Channels first in memory on a CPU, where the decoder is then 1.2 times as fast, whatever else is last."""
    return x.contiguous() if x.device.type == "cpu" else x


def _block(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        Doubled(inputs, inputs, 4, stride=2, padding=1),
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
