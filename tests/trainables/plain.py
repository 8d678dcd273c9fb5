"""Disruptions, layers and losses written out: one image after the other, one pixel, weight or part at a time.

Those that draw take the numbers that ours take from the generator, and go their own way from there.
"""

import math

import numpy as np
import torch
from torch import Generator, Tensor, nn


def each(images: Tensor, do) -> Tensor:
    """(B, 1, H, W): what `do` makes of every image (H, W) as an array, given its number."""
    made = [do(number, image) for number, image in enumerate(images[:, 0].numpy())]
    return torch.from_numpy(np.stack(made)[:, None])


def coarsen(images: Tensor, generator: Generator, *, factor: tuple[int, int]) -> Tensor:
    sides = torch.randint(factor[0], factor[1] + 1, (len(images),), generator=generator).tolist()
    return each(images, lambda number, image: enlarged(averaged(image, sides[number]), sides[number], image.shape))


def averaged(image: np.ndarray, side: int) -> np.ndarray:
    rows, columns = range(0, image.shape[0], side), range(0, image.shape[1], side)
    return np.array([[image[r : r + side, c : c + side].mean() for c in columns] for r in rows])


def enlarged(small: np.ndarray, side: int, shape: tuple[int, ...]) -> np.ndarray:
    """Bilinear: the pixel between whose neighbours' centres a place lies; the border goes on outside."""

    def neighbours(at, count):
        place = min(max((at + 0.5) / side - 0.5, 0), count - 1)
        low = int(place)
        return low, min(low + 1, count - 1), place - low

    made = np.empty(shape)
    for r in range(shape[0]):
        up, down, lower = neighbours(r, small.shape[0])
        for c in range(shape[1]):
            left, right, farther = neighbours(c, small.shape[1])
            above = small[up, left] * (1 - farther) + small[up, right] * farther
            below = small[down, left] * (1 - farther) + small[down, right] * farther
            made[r, c] = above * (1 - lower) + below * lower
    return made


def blur(images: Tensor, generator: Generator, *, sigma: tuple[float, float], probability: float) -> Tensor:
    low, high = sigma
    sigmas = (low + (high - low) * torch.rand(len(images), generator=generator)).tolist()
    chosen = (torch.rand(len(images), generator=generator) < probability).tolist()
    radius = min(math.ceil(3 * high), min(images.shape[-2:]) - 1)
    return each(images, lambda n, image: blurred(image, sigmas[n], radius) if chosen[n] else image)


def blurred(image: np.ndarray, sigma: float, radius: int) -> np.ndarray:
    """Along the rows, then along the columns; outside, the image is mirrored at its outermost pixels."""
    weights = [math.exp(-(offset**2) / (2 * sigma**2)) for offset in range(-radius, radius + 1)]
    for _ in range(2):
        wide, made = image.shape[1], np.zeros_like(image)
        for c in range(wide):
            for offset, weight in zip(range(-radius, radius + 1), weights, strict=True):
                at = abs(c + offset)
                made[:, c] += weight / sum(weights) * image[:, at if at < wide else 2 * (wide - 1) - at]
        image = made.T
    return image


def noise(images: Tensor, generator: Generator, *, variance: tuple[float, float]) -> Tensor:
    """Added to every image."""
    shares = torch.rand(len(images), generator=generator).tolist()
    torch.rand(len(images), generator=generator)  # whether an image is chosen, which all are
    local = torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=generator)))
    field = torch.randn(images.shape, generator=local, dtype=images.dtype)[:, 0].numpy()
    low, high = variance
    deviations = [math.sqrt(low * (high / low) ** share) for share in shares]
    return each(images, lambda n, image: np.clip(image + deviations[n] * field[n], 0, 1))


def hide(images: Tensor, generator: Generator, *, patch: int, share: float) -> Tensor:
    rows, columns = images.shape[-2] // patch, images.shape[-1] // patch
    order = torch.rand(len(images), rows * columns, generator=generator).argsort(1).tolist()

    def one(number, image):
        made = image.copy()
        for place, rank in enumerate(order[number]):
            if rank < round(rows * columns * share):
                top, left = place // columns * patch, place % columns * patch
                made[top : top + patch, left : left + patch] = 0
        return made

    return each(images, one)


def shuffle(images: Tensor, generator: Generator, *, pieces: int) -> Tensor:
    high, wide = images.shape[-2] // pieces, images.shape[-1] // pieces
    order = torch.rand(len(images), pieces**2, generator=generator).argsort(1).tolist()

    def one(number, image):
        made = image.copy()
        for to, source in enumerate(order[number]):
            (y, x), (v, u) = divmod(to, pieces), divmod(source, pieces)
            made[y * high : (y + 1) * high, x * wide : (x + 1) * wide] = image[
                v * high : (v + 1) * high, u * wide : (u + 1) * wide
            ]
        return made

    return each(images, one)


def gamma(images: Tensor, generator: Generator, *, largest: float) -> Tensor:
    shares = torch.rand(len(images), generator=generator).tolist()
    up = (torch.rand(len(images), generator=generator) < 0.5).tolist()
    powers = [largest ** ((0.5 + share / 2) * (1 if more else -1)) for share, more in zip(shares, up, strict=True)]
    return each(images, lambda n, image: np.array([[pixel ** powers[n] for pixel in row] for row in image]))


def turn(images: Tensor, quarters: int) -> Tensor:
    """Against the clock: what stood at the right end stands on top."""

    def one(_, image):
        for _ in range(quarters):
            high, wide = image.shape
            image = np.array([[image[r, wide - 1 - c] for r in range(high)] for c in range(wide)])
        return image

    return each(images, one)


def convolve(x: Tensor, layer: nn.Conv2d) -> Tensor:
    """Image by image, a product for each position of the kernel; stride 1."""
    high, wide, pad = *x.shape[-2:], layer.padding[0]
    made = []
    for image in x:
        padded = x.new_zeros(len(image), high + 2 * pad, wide + 2 * pad)
        padded[:, pad : pad + high, pad : pad + wide] = image
        taken = [
            torch.einsum("oc,chw->ohw", layer.weight[:, :, r, c], padded[:, r : r + high, c : c + wide])
            for r in range(layer.kernel_size[0]) for c in range(layer.kernel_size[1])
        ]  # fmt: skip
        made.append(sum(taken) + (0 if layer.bias is None else layer.bias[:, None, None]))
    return torch.stack(made)


def double(x: Tensor, layer: nn.ConvTranspose2d) -> Tensor:
    """A transposed convolution of kernel 4, stride 2 and padding 1: pixels are stamped on a canvas twice as wide."""
    high, wide = x.shape[-2:]
    made = []
    for image in x:
        canvas = x.new_zeros(layer.out_channels, 2 * high + 2, 2 * wide + 2)
        for r in range(4):
            for c in range(4):
                stamp = torch.einsum("co,chw->ohw", layer.weight[:, :, r, c], image)
                canvas[:, r : r + 2 * high : 2, c : c + 2 * wide : 2] += stamp
        made.append(canvas[:, 1:-1, 1:-1] + layer.bias[:, None, None])
    return torch.stack(made)


def norm(x: Tensor, layer: nn.BatchNorm2d) -> Tensor:
    """Batch norm in training: mean and variance over the positions of all images, gathered one by one."""
    values = torch.cat([image.flatten(1) for image in x], 1)
    mean = values.mean(1)
    variance = ((values - mean[:, None]) ** 2).mean(1)
    scaled = [(image - mean[:, None, None]) / torch.sqrt(variance + layer.eps)[:, None, None] for image in x]
    return torch.stack([one * layer.weight[:, None, None] + layer.bias[:, None, None] for one in scaled])


def sinkhorn(scores: list[list[float]], *, epsilon: float, iterations: int) -> list[list[float]]:
    """Prototypes scaled to equal use, then rows to sum 1, in turn, entry by entry."""
    codes = [[math.exp(score / epsilon) for score in row] for row in scores]
    rows, prototypes = len(codes), len(codes[0])
    for _ in range(iterations):
        used = [sum(row[k] for row in codes) for k in range(prototypes)]
        codes = [[row[k] / used[k] * rows / prototypes for k in range(prototypes)] for row in codes]
        codes = [[entry / sum(row) for entry in row] for row in codes]
    return codes
