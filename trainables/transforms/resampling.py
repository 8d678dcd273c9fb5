"""Means over neighbouring pixels along each axis, with weights of every image's own: resizing and blurring.

`Taps` say which pixels a new one is a mean of: (places (B, N, K), weights (B, N, K)). As sparse matrices they cost a
CPU a fraction of what dense products or convolutions do.
"""

from collections.abc import Iterable

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

Taps = tuple[Tensor, Tensor]


def triangle(length: Tensor, size: int) -> Taps:
    """Resizes `length` (B,) pixels to `size`, bilinearly with antialiasing; nothing beyond them counts."""
    length = length.view(-1, 1, 1)
    step = length / size
    reach = step.clamp_min(1)
    centre = (torch.arange(size, dtype=length.dtype).view(1, -1, 1) + 0.5) * step
    at = (centre - reach - 0.5).ceil() + torch.arange(int(2 * reach.max()) + 2)
    weights = (1 - (at + 0.5 - centre).abs() / reach).clamp_min(0) * ((at >= 0) & (at < length))
    return at.clamp_min(0).minimum(length - 1).int(), weights / weights.sum(2, keepdim=True)


def gaussian(sigma: Tensor, radius: int, size: int) -> Taps:
    """Blurs `size` pixels by standard deviations (B,), cut off at `radius` < size; borders are reflected."""
    offsets = torch.arange(-radius, radius + 1)
    at = (torch.arange(size)[:, None] + offsets).abs()
    at = size - 1 - (size - 1 - at).abs()
    kernel = gaussian_kernel(sigma, radius)
    return at.int().expand(len(sigma), -1, -1), kernel[:, None].expand(-1, size, -1)


def gaussian_kernel(sigma: Tensor, radius: int) -> Tensor:
    """(B, 2 * radius + 1), each row summing to 1."""
    offsets = torch.arange(-radius, radius + 1)
    kernel = torch.exp(-0.5 * (offsets / sigma.clamp_min(1e-3)[:, None]) ** 2)
    return kernel / kernel.sum(1, keepdim=True)


def mirrored(taps: Taps, chosen: Tensor) -> Taps:
    """The other way round where `chosen` (B,), which costs nothing later on."""
    at, weights = (torch.where(chosen.view(-1, 1, 1), part.flip(1), part) for part in taps)
    return at, weights


def dense(taps: Taps, start: Tensor, source: int) -> Tensor:
    """The same as matrices (B, N, source), the first place being `start` (B,)."""
    at, weights = taps
    matrix = weights.new_zeros(*weights.shape[:2], source)
    return matrix.scatter_add_(2, at.long() + start.long().view(-1, 1, 1), weights)


def along_both(images: Iterable[Tensor], rows: Taps, columns: Taps) -> Tensor:
    """(B, 1, N, M) of B images (H, W), which may differ in size, on the CPU."""
    made = torch.empty(len(rows[0]), 1, rows[0].shape[1], columns[0].shape[1], dtype=rows[1].dtype)
    for out, image, high, wide in zip(made.numpy(), images, _each(rows), _each(columns), strict=True):
        halfway = _sparse(*high, image.shape[0]) @ image.numpy()
        out[0] = (_sparse(*wide, image.shape[1]) @ np.ascontiguousarray(halfway.T)).T  # both run along memory
    return made


def _each(taps: Taps) -> Iterable[tuple[np.ndarray, np.ndarray]]:
    at, weights = (part.contiguous().numpy() for part in taps)
    return zip(at, weights, strict=True)


def _sparse(at: np.ndarray, weights: np.ndarray, source: int) -> csr_array:
    count, taken = at.shape
    ends = np.arange(0, count * taken + 1, taken, dtype=np.int32)
    return csr_array((weights.ravel(), at.ravel(), ends), shape=(count, source))
