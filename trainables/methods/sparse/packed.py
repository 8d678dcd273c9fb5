"""The packed form: visible patches alone, (T, C, p, p), run through the network's own code.

Pointwise layers and batch norms are the plain ones, since every row is visible. A layer whose kernel looks beyond a
patch first collects what it sees from visible neighbours; hidden ones count as zero, as in the dense form.
"""

import math
from typing import Any

from timm.layers import SEModule
from timm.models._efficientnet_blocks import SqueezeExcite
from torch import Tensor, nn
from torch.nn import functional

from trainables.methods.sparse.plan import Plan, from_rows, shown, to_rows

COLUMNS_UP_TO = 4
"""Patches up to this wide are convolved as one product of collected columns: their borders outweigh them."""

ROWS_UP_TO = 2
"""Patches up to this wide go through 1x1 convolutions as rows."""


def crosses(layer: nn.Module) -> bool:
    """Whether a layer's kernel looks beyond the block of positions that its stride steps over."""
    kernel, stride, padding = (_side(getattr(layer, name)) for name in ("kernel_size", "stride", "padding"))
    return kernel > stride or padding > 0


def gate(layer: nn.Module, pooled: Tensor) -> Tensor:
    """What a squeeze-and-excitation layer multiplies channels by, (B, C, 1, 1) -> the same."""
    if isinstance(layer, SqueezeExcite):
        return layer.gate(layer.conv_expand(layer.act1(layer.conv_reduce(pooled))))
    return layer.gate(layer.fc2(layer.act(layer.bn(layer.fc1(pooled)))))  # type: ignore[operator]


class PackedConv2d(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        plan = shown()
        if plan is None:
            return super().forward(x)
        kernel, stride, p = self.kernel_size[0], self.stride[0], x.shape[-1]
        if not crosses(self):
            return self._pointwise(x) if kernel == 1 and p <= ROWS_UP_TO and self.groups == 1 else super().forward(x)
        sees = (p, kernel, stride, _side(self.padding))
        if self.groups > 1:
            return plan.pack(super().forward(plan.unpack(x)))
        if p <= COLUMNS_UP_TO:
            columns = plan.columns(*sees)(to_rows(x)).view(-1, kernel * kernel * x.shape[1])
            weight = self.weight.permute(0, 2, 3, 1).reshape(self.out_channels, -1)
            return from_rows(functional.linear(columns, weight, self.bias), p // stride)
        return functional.conv2d(_windows(plan, x, sees)[0], self.weight, self.bias, self.stride)

    def _pointwise(self, x: Tensor) -> Tensor:
        stride = self.stride[0]
        x = x[:, :, ::stride, ::stride] if stride > 1 else x
        return from_rows(functional.linear(to_rows(x), self.weight.flatten(1), self.bias), x.shape[-1])


class PackedMaxPool2d(nn.MaxPool2d):
    def forward(self, x: Tensor) -> Tensor:
        plan = shown()
        if plan is None or not crosses(self):
            return super().forward(x)
        kernel, stride, padding = (_side(size) for size in (self.kernel_size, self.stride, self.padding))
        windows, outside = _windows(plan, x, (x.shape[-1], kernel, stride, padding))
        if len(outside):  # hidden positions are zeros, but nothing outside the image can be the largest
            windows = from_rows(to_rows(windows).index_fill(0, outside, -math.inf), windows.shape[-1])
        return functional.max_pool2d(windows, kernel, stride)


class _PackedSqueeze:
    def forward(self, x: Tensor) -> Tensor:
        plan = shown()
        if plan is None:
            return super().forward(x)  # type: ignore[misc]
        factors = gate(self, plan.pool(x)[:, :, None, None])  # type: ignore[arg-type]
        return x * factors.index_select(0, plan.image)


class PackedSqueezeExcite(_PackedSqueeze, SqueezeExcite):
    pass


class PackedSEModule(_PackedSqueeze, SEModule):
    pass


PACKED: dict[type, type] = {
    nn.Conv2d: PackedConv2d,
    nn.MaxPool2d: PackedMaxPool2d,
    SqueezeExcite: PackedSqueezeExcite,
    SEModule: PackedSEModule,
}


def _windows(plan: Plan, x: Tensor, sees: tuple[int, int, int, int]) -> tuple[Tensor, Tensor]:
    p, kernel, stride, _ = sees
    link, outside = plan.windows(*sees)
    return from_rows(link(to_rows(x)), p - stride + kernel), outside


def _side(size: Any) -> int:
    return size if isinstance(size, int) else size[0]
