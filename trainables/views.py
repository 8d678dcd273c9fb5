"""Random views of image batches (B, 1, H, W) in [0, 1], float32, on any device.

Every function draws from an explicit generator on the CPU, so the same generator state gives the same views
whatever the device, and treats each image by its own random amounts.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from trainables.methods._settings import Recipe

TRIES = 10
"""Boxes proposed for an image before the whole of it is taken, as in torchvision."""


def view(images: Tensor, recipe: Recipe, generator: Generator, *, size: int, window: tuple[float, float]) -> Tensor:
    """One random view (B, 1, size, size) of each image, all steps of the recipe in its order.

    window: the Hounsfield units that 0 and 1 stand for.
    """
    r, pixel = recipe, size / 224
    images = rotate(images, generator, degrees=r.rotation, probability=r.rotation_probability)
    images = random_resized_crop(images, generator, size=size, scale=r.crop_scale, ratio=r.crop_ratio)
    images = flip(images, generator, horizontal=r.horizontal_flip, vertical=r.vertical_flip)
    images = shift(images, generator, largest=r.shift / (window[1] - window[0]))
    images = jitter(images, generator, brightness=r.brightness, contrast=r.contrast, probability=r.jitter_probability)
    sigma = (r.blur_sigma[0] * pixel, r.blur_sigma[1] * pixel)
    images = blur(images, generator, sigma=sigma, probability=r.blur_probability)
    return noise(images, generator, variance=r.noise_variance, probability=r.noise_probability)


def random_resized_crop(
    images: Tensor,
    generator: Generator,
    *,
    size: int,
    scale: tuple[float, float],
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """A box of a random share `scale` of the area and a log-uniform aspect `ratio`, resized to (B, 1, size, size)."""
    return crop(images, _boxes(len(images), images.shape[-2:], scale, ratio, generator), size)


def crop(images: Tensor, boxes: Tensor, size: int) -> Tensor:
    """Resize the boxes (B, 4: top, left, height, width, in pixels) bilinearly with antialiasing.

    Both axes are products with per-image weight matrices, so the whole batch is two batched matrix products. Equals
    `interpolate(mode="bilinear", antialias=True)` of each crop.
    """
    top, left, height, width = boxes.to(images.dtype).unbind(1)
    rows = _resize_weights(top, height, images.shape[-2], size).to(images.device)
    columns = _resize_weights(left, width, images.shape[-1], size).to(images.device)
    return (rows @ images.squeeze(1) @ columns.transpose(1, 2)).unsqueeze(1)


def resize(images: Tensor, size: int) -> Tensor:
    """(B, 1, H, W) -> (B, 1, size, size), the whole image, nothing left to chance."""
    whole = torch.tensor([0.0, 0.0, *images.shape[-2:]]).expand(len(images), 4)
    return crop(images, whole, size)


def flip(images: Tensor, generator: Generator, *, horizontal: float, vertical: float = 0.0) -> Tensor:
    """Mirror images left to right and upside down, each with its own probability."""
    for share, axis in ((horizontal, -1), (vertical, -2)):
        chosen = _chosen(images, share, generator)
        images = torch.where(chosen.view(-1, 1, 1, 1), images.flip(axis), images)
    return images


def rotate(images: Tensor, generator: Generator, *, degrees: float, probability: float) -> Tensor:
    """Turn by an angle uniform in [-degrees, degrees] about the centre, bilinearly; what comes in from outside is 0."""
    if not degrees or not probability:
        return images
    angle = (torch.rand(len(images), generator=generator) * 2 - 1) * math.radians(degrees)
    chosen = _chosen(images, probability, generator)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    theta = torch.stack([cos, -sin, zero, sin, cos, zero], 1).view(-1, 2, 3).to(images)[chosen]
    if not len(theta):
        return images
    turned = images[chosen]
    grid = functional.affine_grid(theta, list(turned.shape), align_corners=False)
    result = images.clone()
    result[chosen] = functional.grid_sample(turned, grid, align_corners=False)
    return result


def blur(images: Tensor, generator: Generator, *, sigma: tuple[float, float], probability: float) -> Tensor:
    """Gaussian blur with a standard deviation uniform in `sigma` (pixels); borders are reflected."""
    low, high = sigma
    sigmas = low + (high - low) * torch.rand(len(images), generator=generator)
    chosen = _chosen(images, probability, generator)
    radius = min(math.ceil(3 * high), min(images.shape[-2:]) - 1)
    if radius < 1 or not chosen.any():
        return images
    at = torch.arange(-radius, radius + 1)
    kernel = torch.exp(-0.5 * (at / sigmas.clamp_min(1e-3)[:, None]) ** 2)
    kernel = (kernel / kernel.sum(1, keepdim=True)).to(images)[chosen]
    blurred = images[chosen].transpose(0, 1)
    blurred = functional.pad(blurred, (radius,) * 4, mode="reflect")
    blurred = functional.conv2d(blurred, kernel[:, None, :, None], groups=len(kernel))
    blurred = functional.conv2d(blurred, kernel[:, None, None, :], groups=len(kernel))
    result = images.clone()
    result[chosen] = blurred.transpose(0, 1)
    return result


def jitter(images: Tensor, generator: Generator, *, brightness: float, contrast: float, probability: float) -> Tensor:
    """Scale by 1 ± brightness, then the distance from the image's mean by 1 ± contrast; clamped to [0, 1]."""
    bright, strong = (torch.rand(2, len(images), generator=generator) * 2 - 1).to(images).view(2, -1, 1, 1, 1)
    chosen = _chosen(images, probability, generator).view(-1, 1, 1, 1)
    scaled = (images * (1 + brightness * bright)).clamp(0, 1)
    mean = scaled.mean((-2, -1), keepdim=True)
    changed = (mean + (scaled - mean) * (1 + contrast * strong)).clamp(0, 1)
    return torch.where(chosen, changed, images)


def shift(images: Tensor, generator: Generator, *, largest: float) -> Tensor:
    """Add to each image a number uniform in [-largest, largest]; clamped to [0, 1]."""
    if not largest:
        return images
    amount = (torch.rand(len(images), generator=generator) * 2 - 1) * largest
    return (images + amount.to(images).view(-1, 1, 1, 1)).clamp(0, 1)


def noise(images: Tensor, generator: Generator, *, variance: tuple[float, float], probability: float) -> Tensor:
    """Add Gaussian noise whose variance is log-uniform in `variance`; clamped to [0, 1]."""
    low, high = (math.log(bound) for bound in variance)
    deviation = torch.exp(0.5 * (low + (high - low) * torch.rand(len(images), generator=generator)))
    deviation = (deviation.to(images) * _chosen(images, probability, generator)).view(-1, 1, 1, 1)
    seed = int(torch.randint(2**62, (), generator=generator))
    local = torch.Generator(images.device).manual_seed(seed)  # a whole batch of noise is best drawn where it is used
    field = torch.randn(images.shape, generator=local, device=images.device, dtype=images.dtype)
    return torch.where(deviation > 0, (images + deviation * field).clamp(0, 1), images)


def _chosen(images: Tensor, probability: float, generator: Generator) -> Tensor:
    return (torch.rand(len(images), generator=generator) < probability).to(images.device)


def _boxes(
    count: int,
    shape: tuple[int, int] | torch.Size,
    scale: tuple[float, float],
    ratio: tuple[float, float],
    generator: Generator,
) -> Tensor:
    """(count, 4): top, left, height, width of the first of TRIES random boxes that fits, else the whole image."""
    high, wide = shape
    area = high * wide * (scale[0] + (scale[1] - scale[0]) * torch.rand(count, TRIES, generator=generator))
    narrow, broad = math.log(ratio[0]), math.log(ratio[1])
    aspect = torch.exp(narrow + (broad - narrow) * torch.rand(count, TRIES, generator=generator))
    width, height = (area * aspect).sqrt().round(), (area / aspect).sqrt().round()
    fits = (width >= 1) & (height >= 1) & (width <= wide) & (height <= high)
    first = fits.to(torch.uint8).argmax(1, keepdim=True)
    any_fits = fits.any(1)
    height = torch.where(any_fits, height.gather(1, first).squeeze(1), torch.tensor(float(high)))
    width = torch.where(any_fits, width.gather(1, first).squeeze(1), torch.tensor(float(wide)))
    places = torch.rand(2, count, generator=generator)
    top, left = (places[0] * (high - height + 1)).floor(), (places[1] * (wide - width + 1)).floor()
    return torch.stack([top, left, height, width], 1)


def _resize_weights(start: Tensor, length: Tensor, source: int, size: int) -> Tensor:
    """(B, size, source): each row a triangle filter inside [start, start + length), normalised to 1."""
    step = (length / size).view(-1, 1, 1)
    reach = step.clamp_min(1)
    centre = start.view(-1, 1, 1) + (torch.arange(size).view(1, -1, 1) + 0.5) * step
    at = torch.arange(source).view(1, 1, -1) + 0.5
    weights = (1 - (at - centre).abs() / reach).clamp_min(0)
    inside = (at > start.view(-1, 1, 1)) & (at < (start + length).view(-1, 1, 1))
    weights = weights * inside
    return weights / weights.sum(2, keepdim=True)
