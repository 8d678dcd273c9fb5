"""What is done to images (B, 1, H, W) so that a network can learn to undo it or to name it.

As in `views`, every function draws from an explicit generator on the CPU and treats each image by its own amounts.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional


def coarsen(images: Tensor, generator: Generator, *, factor: tuple[int, int]) -> Tensor:
    """Lose resolution: each image is averaged over squares of a whole number of pixels in `factor`, and enlarged."""
    low, high = factor
    chosen = torch.randint(low, high + 1, (len(images),), generator=generator).to(images.device)
    result = images.clone()
    for side in range(max(low, 2), high + 1):
        some = chosen == side
        if some.any():
            small = functional.avg_pool2d(images[some], side, ceil_mode=True)
            large = functional.interpolate(small, scale_factor=side, mode="bilinear", align_corners=False)
            result[some] = large[..., : images.shape[-2], : images.shape[-1]]  # squares may reach beyond the image
    return result


def hide(images: Tensor, generator: Generator, *, patch: int, share: float) -> Tensor:
    """Set a `share` of the patches of each image to 0, as many in each; a rest at the lower right stays."""
    rows, columns = images.shape[-2] // patch, images.shape[-1] // patch
    order = torch.rand(len(images), rows * columns, generator=generator).argsort(1)
    kept = (order >= round(rows * columns * share)).view(-1, 1, rows, columns).to(images)
    result = images.clone()
    result[..., : rows * patch, : columns * patch] *= kept.repeat_interleave(patch, 2).repeat_interleave(patch, 3)
    return result


def shuffle(images: Tensor, generator: Generator, *, pieces: int) -> Tensor:
    """Put the `pieces` x `pieces` parts of each image in a random order; a rest at the lower right stays."""
    high, wide = images.shape[-2] // pieces, images.shape[-1] // pieces
    inner = images[..., : high * pieces, : wide * pieces]
    parts = inner.unfold(2, high, high).unfold(3, wide, wide).reshape(len(images), pieces**2, high, wide)
    order = torch.rand(len(images), pieces**2, generator=generator).argsort(1).to(images.device)
    parts = parts.gather(1, order[:, :, None, None].expand_as(parts)).view(-1, pieces, pieces, high, wide)
    result = images.clone()
    result[..., : high * pieces, : wide * pieces] = parts.transpose(2, 3).reshape(inner.shape)
    return result


def gamma(images: Tensor, generator: Generator, *, largest: float) -> Tensor:
    """Bend the grey scale: images in [0, 1] to a power between sqrt(largest) and `largest`, or one over it."""
    exponent = torch.rand(len(images), generator=generator) * 0.5 + 0.5
    up = torch.rand(len(images), generator=generator) < 0.5
    power = torch.exp(torch.where(up, 1.0, -1.0) * exponent * math.log(largest))
    return images.clamp(0, 1) ** power.to(images).view(-1, 1, 1, 1)
