"""SparK's step as it is usually put together: whole maps throughout, multiplied by the mask after every layer.

Written from Tian et al. 2023, section 3, for convolutional networks with plain batch norms (the ResNets). Parameters
have the names of `trainables.methods.spark`, so one state serves both.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from trainables.methods.spark import reconstruction_loss
from trainables.methods.sparse.encoder import feature_levels


class Shown:
    """The mask (B, 1, f, f) of the batch at hand."""

    mask: Tensor

    def on(self, maps: Tensor) -> Tensor:
        times = maps.shape[-1] // self.mask.shape[-1]
        return self.mask.repeat_interleave(times, 2).repeat_interleave(times, 3)


class Masked:
    shown: Shown

    def forward(self, x: Tensor) -> Tensor:
        x = super().forward(x)  # type: ignore[misc]
        return x * self.shown.on(x)


class OverVisible:
    shown: Shown

    def forward(self, x: Tensor) -> Tensor:
        """Visible positions are gathered, normed as one list, and put back among zeros."""
        image, row, column = self.shown.on(x).squeeze(1).nonzero(as_tuple=True)
        rows = x.permute(0, 2, 3, 1)
        normed = super().forward(rows[image, row, column])  # type: ignore[misc]
        return torch.zeros_like(rows).index_put((image, row, column), normed).permute(0, 3, 1, 2)


class Conv2d(Masked, nn.Conv2d):
    pass


class MaxPool2d(Masked, nn.MaxPool2d):
    pass


class BatchNorm2d(OverVisible, nn.BatchNorm2d):
    def _check_input_dim(self, input: Tensor) -> None:
        pass  # a list of positions has two dimensions


KINDS: dict[type, type] = {nn.Conv2d: Conv2d, nn.MaxPool2d: MaxPool2d, nn.BatchNorm2d: BatchNorm2d}


class Densify(nn.Module):
    def __init__(self, channels: int, width: int, kernel: int, shown: Shown) -> None:
        super().__init__()
        self.norm, self.shown = BatchNorm2d(channels), shown
        self.norm.shown = shown
        self.embedding = nn.Parameter(torch.zeros(1, channels, 1, 1))
        same = kernel == 1 and channels == width
        self.project = nn.Identity() if same else nn.Conv2d(channels, width, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.project(torch.where(self.shown.on(x), self.norm(x), self.embedding.expand_as(x)))


class Decoder(nn.Module):
    def __init__(self, channels: Sequence[int], width: int, shown: Shown) -> None:
        super().__init__()
        widths = [width // 2**level for level in range(6)]
        self.densify = nn.ModuleList(
            Densify(c, w, 1 if level == 0 else 3, shown)
            for level, (c, w) in enumerate(zip(channels, widths, strict=False))
        )
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.ConvTranspose2d(a, a, 4, stride=2, padding=1),
                nn.Conv2d(a, a, 3, padding=1, bias=False),
                nn.BatchNorm2d(a),
                nn.ReLU6(inplace=True),
                nn.Conv2d(a, b, 3, padding=1, bias=False),
                nn.BatchNorm2d(b),
            )
            for a, b in zip(widths[:-1], widths[1:], strict=True)
        )
        self.to_pixels = nn.Conv2d(widths[-1], 1, 1)

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        x = torch.zeros(())
        for level, block in enumerate(self.blocks):
            x = block(x + self.densify[level](maps[level]) if level < len(maps) else x)
        return self.to_pixels(x)


class PlainSparK(nn.Module):
    def __init__(self, backbone: Any, width: int) -> None:
        super().__init__()
        self.backbone, self.shown = backbone, Shown()
        self.indices, channels = feature_levels(backbone)
        for layer in backbone.modules():
            layer.__class__ = KINDS.get(type(layer), type(layer))
            layer.shown = self.shown
        self.decoder = Decoder(channels, width, self.shown)

    def forward(self, images: Tensor, mask: Tensor) -> Tensor:
        """The loss."""
        self.shown.mask = mask
        hidden = images * self.shown.on(images)
        maps = self.backbone.forward_intermediates(hidden, indices=self.indices, intermediates_only=True)
        return reconstruction_loss(images, self.decoder(maps[::-1]), mask)[0]

    def step(self, views: tuple[Tensor, ...], optimizer: torch.optim.Optimizer, clip: float) -> float:
        optimizer.zero_grad()
        loss = self(*views)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters(), clip)
        optimizer.step()
        return loss.item()
