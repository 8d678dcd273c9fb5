"""A CNN that sees visible patches only, computed densely (Tian et al. 2023, arXiv 2301.03580, section 3.1).

Hidden positions are set to zero after every layer that could fill them, and batch norm counts visible positions
only. The layers keep their parameters and names, and outside `visible` they are the plain layers again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn

_VISIBLE: ContextVar["Visible | None"] = ContextVar("visible patches", default=None)

POINTWISE = (nn.ReLU, nn.ReLU6, nn.Identity)
"""Layers that map zero to zero position by position; an untouched one is right as it is."""

GLOBAL = (nn.AdaptiveAvgPool2d, nn.Flatten)
"""The tail behind the last feature map, which masked modelling does not use."""


class Visible:
    """A mask of patches (B, 1, f, f) with its forms for feature maps, each made once."""

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask
        self._keep: dict[tuple[int, torch.dtype], Tensor] = {}
        self._rows: dict[int, Tensor] = {}

    def keep(self, x: Tensor) -> Tensor:
        """x (B, C, H, W) with zeros at hidden positions."""
        key = (x.shape[-1], x.dtype)
        if key not in self._keep:
            self._keep[key] = spread_mask(self.mask, x.shape).to(x.dtype)
        return x * self._keep[key]

    def rows(self, x: Tensor) -> Tensor:
        """Indices of the visible ones among the B * H * W positions of x."""
        if x.shape[-1] not in self._rows:
            self._rows[x.shape[-1]] = spread_mask(self.mask, x.shape).flatten().nonzero().squeeze(1)
        return self._rows[x.shape[-1]]


@contextmanager
def visible(mask: Tensor) -> Iterator[None]:
    """Within this context the layers made by `sparsify` see only the patches where mask (B, 1, f, f) is true."""
    token = _VISIBLE.set(Visible(mask))
    try:
        yield
    finally:
        _VISIBLE.reset(token)


def spread_mask(mask: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The patch mask (B, 1, f, f) repeated to the height and width of a feature map of this shape."""
    times, left = divmod(shape[-1], mask.shape[-1])
    if left:
        raise ValueError(f"a feature map {shape[-1]} wide cannot be masked by {mask.shape[-1]} patches")
    return mask.repeat_interleave(times, 2).repeat_interleave(times, 3)


class _Hidden:
    """Sets hidden positions of the layer's output to zero."""

    def forward(self, x: Tensor) -> Tensor:
        shown, y = _VISIBLE.get(), super().forward(x)  # type: ignore[misc]
        return y if shown is None else shown.keep(y)


class _OverVisible:
    """Normalises over visible positions, as one row (1, C, N, 1); hidden ones become zero."""

    def forward(self, x: Tensor) -> Tensor:
        shown = _VISIBLE.get()
        if shown is None:
            return super().forward(x)  # type: ignore[misc]
        (batch, channels, height, width), where = x.shape, shown.rows(x)
        rows = x.permute(0, 2, 3, 1).reshape(-1, channels).index_select(0, where)
        rows = super().forward(rows[None, :, None].permute(0, 3, 1, 2))  # type: ignore[misc]
        rows = rows.permute(0, 2, 3, 1).reshape(-1, channels)
        y = rows.new_zeros(batch * height * width, channels).index_copy(0, where, rows)
        return y.view(batch, height, width, channels).permute(0, 3, 1, 2)


class MaskedConv2d(_Hidden, nn.Conv2d):
    pass


class MaskedMaxPool2d(_Hidden, nn.MaxPool2d):
    pass


class MaskedAvgPool2d(_Hidden, nn.AvgPool2d):
    pass


class MaskedBatchNorm2d(_OverVisible, nn.BatchNorm2d):
    pass


class MaskedSyncBatchNorm(_OverVisible, nn.SyncBatchNorm):
    pass


MASKED: dict[type, type] = {
    nn.Conv2d: MaskedConv2d,
    nn.MaxPool2d: MaskedMaxPool2d,
    nn.AvgPool2d: MaskedAvgPool2d,
    nn.BatchNorm2d: MaskedBatchNorm2d,
    nn.SyncBatchNorm: MaskedSyncBatchNorm,
}


def sparsify(network: nn.Module) -> nn.Module:
    """Give every layer of the network its masked form, in place; parameters, buffers and names stay.

    Raises ValueError for a layer without a masked form, since it might carry hidden pixels to visible positions.
    """
    for name, layer in network.named_modules():
        if type(layer) in MASKED:
            layer.__class__ = MASKED[type(layer)]
        elif not any(True for _ in layer.children()) and not isinstance(layer, (*POINTWISE, *GLOBAL, *MASKED.values())):
            raise ValueError(f"spark: layer '{name}' ({type(layer).__name__}) of the backbone has no masked form")
    return network
