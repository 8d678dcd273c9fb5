"""A CNN that sees visible patches only, computed densely (Tian et al. 2023, arXiv 2301.03580, section 3.1).

Hidden positions are set to zero after every layer that could fill them, and batch norm counts visible positions
only. The layers keep their parameters and names, and outside `visible` they are the plain layers again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor, nn

_MASK: ContextVar[Tensor | None] = ContextVar("visible patches", default=None)

POINTWISE = (nn.ReLU, nn.ReLU6, nn.Identity)
"""Layers that map zero to zero position by position; an untouched one is right as it is."""

GLOBAL = (nn.AdaptiveAvgPool2d, nn.Flatten)
"""The tail behind the last feature map, which masked modelling does not use."""


@contextmanager
def visible(mask: Tensor) -> Iterator[None]:
    """Within this context the layers made by `sparsify` see only the patches where mask (B, 1, f, f) is true."""
    token = _MASK.set(mask)
    try:
        yield
    finally:
        _MASK.reset(token)


def spread_mask(mask: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The patch mask (B, 1, f, f) repeated to the height and width of a feature map of this shape."""
    times, left = divmod(shape[-1], mask.shape[-1])
    if left:
        raise ValueError(f"a feature map {shape[-1]} wide cannot be masked by {mask.shape[-1]} patches")
    return mask.repeat_interleave(times, 2).repeat_interleave(times, 3)


class _Hidden:
    """Sets hidden positions of the layer's output to zero."""

    def forward(self, x: Tensor) -> Tensor:
        mask, y = _MASK.get(), super().forward(x)  # type: ignore[misc]
        return y if mask is None else y * spread_mask(mask, y.shape)


class _OverVisible:
    """Normalises over visible positions, as one row (1, C, N, 1); hidden ones become zero."""

    def forward(self, x: Tensor) -> Tensor:
        mask = _MASK.get()
        if mask is None:
            return super().forward(x)  # type: ignore[misc]
        where, channels_last = spread_mask(mask, x.shape).squeeze(1), x.permute(0, 2, 3, 1)
        rows = channels_last[where]
        rows = super().forward(rows[None, :, None].permute(0, 3, 1, 2))  # type: ignore[misc]
        y = channels_last.new_zeros(channels_last.shape, dtype=rows.dtype)
        y[where] = rows.permute(0, 2, 3, 1).reshape(-1, rows.shape[1])
        return y.permute(0, 3, 1, 2)


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
