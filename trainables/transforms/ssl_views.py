"""Random views of image batches (B, 1, H, W) in [0, 1], float32, on any device.

Every function draws from an explicit generator on the CPU, so the same generator state gives the same views
whatever the device, and treats each image by its own random amounts.
"""

import math

import torch
from torch import Generator, Tensor
from torch.nn import functional

from trainables.transforms import resampling
from trainables.transforms.recipe import Recipe

TRIES = 10
"""Boxes proposed for an image before the whole of it is taken, as in torchvision."""


def view(images: Tensor, recipe: Recipe, generator: Generator, *, size: int, window: tuple[float, float]) -> Tensor:
    """One random view (B, 1, size, size) of each image, all steps of the recipe in its order.

    window: the Hounsfield units that 0 and 1 stand for.
    """
    r, pixel = recipe, size / 224
    angles = _angles(len(images), generator, degrees=r.rotation, probability=r.rotation_probability)
    boxes = _boxes(len(images), images.shape[-2:], r.crop_scale, r.crop_ratio, generator)
    mirrored = _mirrored(len(images), generator, horizontal=r.horizontal_flip, vertical=r.vertical_flip)
    images = _cut(images, angles, boxes, mirrored, size)
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

    Equals `interpolate(mode="bilinear", antialias=True)` of each crop. On a CPU it is a sparse product along each axis
    of each box; elsewhere the whole batch is two products with dense matrices.
    """
    return _cut(images, torch.zeros(len(images)), boxes, torch.zeros(2, len(images), dtype=torch.bool), size)


def resize(images: Tensor, size: int) -> Tensor:
    """(B, 1, H, W) -> (B, 1, size, size), the whole image, nothing left to chance."""
    whole = torch.tensor([0.0, 0.0, *images.shape[-2:]]).expand(len(images), 4)
    return crop(images, whole, size)


def flip(images: Tensor, generator: Generator, *, horizontal: float, vertical: float = 0.0) -> Tensor:
    """Mirror images left to right and upside down, each with its own probability."""
    mirrored = _mirrored(len(images), generator, horizontal=horizontal, vertical=vertical).to(images.device)
    for chosen, axis in zip(mirrored, (-1, -2), strict=True):
        images = torch.where(chosen.view(-1, 1, 1, 1), images.flip(axis), images)
    return images


def rotate(images: Tensor, generator: Generator, *, degrees: float, probability: float) -> Tensor:
    """Turn by an angle uniform in [-degrees, degrees] about the centre, bilinearly; what comes in from outside is 0."""
    return _rotate(images, _angles(len(images), generator, degrees=degrees, probability=probability))


def blur(images: Tensor, generator: Generator, *, sigma: tuple[float, float], probability: float) -> Tensor:
    """Gaussian blur with a standard deviation uniform in `sigma` (pixels); borders are reflected."""
    low, high = sigma
    sigmas = low + (high - low) * torch.rand(len(images), generator=generator)
    chosen = _chosen(images, probability, generator)
    radius = min(math.ceil(3 * high), min(images.shape[-2:]) - 1)
    if radius < 1 or not chosen.any():
        return images
    result = images.clone()
    if images.device.type == "cpu":
        rows, columns = (resampling.gaussian(sigmas[chosen].to(images), radius, side) for side in images.shape[-2:])
        result[chosen] = resampling.along_both(images[chosen, 0], rows, columns)
        return result
    kernel = resampling.gaussian_kernel(sigmas, radius).to(images)[chosen]
    blurred = functional.pad(images[chosen].transpose(0, 1), (radius,) * 4, mode="reflect")
    blurred = functional.conv2d(blurred, kernel[:, None, :, None], groups=len(kernel))
    blurred = functional.conv2d(blurred, kernel[:, None, None, :], groups=len(kernel))
    result[chosen] = blurred.transpose(0, 1)
    return result


def jitter(images: Tensor, generator: Generator, *, brightness: float, contrast: float, probability: float) -> Tensor:
    """Scale by 1 ± brightness, then the distance from the image's mean by 1 ± contrast; clamped to [0, 1]."""
    draws = torch.rand(2, len(images), generator=generator) * 2 - 1
    chosen = torch.rand(len(images), generator=generator) < probability
    amounts = torch.tensor([[brightness], [contrast]]) * draws * chosen  # images left alone are scaled by exactly 1
    bright, strong = (1 + amounts).to(images).view(2, -1, 1, 1, 1)
    scaled = (images * bright).clamp_(0, 1)
    mean = scaled.mean((-2, -1), keepdim=True)
    return scaled.mul_(strong).add_(mean * (1 - strong)).clamp_(0, 1)


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
    return field.mul_(deviation).add_(images).clamp_(0, 1)


def _chosen(images: Tensor, probability: float, generator: Generator) -> Tensor:
    return (torch.rand(len(images), generator=generator) < probability).to(images.device)


def _angles(count: int, generator: Generator, *, degrees: float, probability: float) -> Tensor:
    """(count,) radians, 0 for images that are not chosen."""
    if not degrees or not probability:
        return torch.zeros(count)
    angles = (torch.rand(count, generator=generator) * 2 - 1) * math.radians(degrees)
    return angles * (torch.rand(count, generator=generator) < probability)


def _mirrored(count: int, generator: Generator, *, horizontal: float, vertical: float) -> Tensor:
    """(2, count) booleans: left to right, upside down."""
    return torch.stack([torch.rand(count, generator=generator) < share for share in (horizontal, vertical)])


def _cut(images: Tensor, angles: Tensor, boxes: Tensor, mirrored: Tensor, size: int) -> Tensor:
    """Turned, cropped and mirrored, in that order; on a CPU only what a box holds of a turned image is computed."""
    across, down = mirrored
    top, left, height, width = boxes.to(images.dtype).unbind(1)
    rows = resampling.mirrored(resampling.triangle(height, size), down)
    columns = resampling.mirrored(resampling.triangle(width, size), across)
    if images.device.type == "cpu":
        each = zip(images, angles, boxes.int().tolist(), strict=True)
        return resampling.along_both((_boxed(*one) for one in each), rows, columns)
    high = resampling.dense(rows, top, images.shape[-2]).to(images.device)
    wide = resampling.dense(columns, left, images.shape[-1]).to(images.device)
    return (high @ _rotate(images, angles).squeeze(1) @ wide.transpose(1, 2)).unsqueeze(1)


def _rotate(images: Tensor, angles: Tensor) -> Tensor:
    which = angles.nonzero().squeeze(1)
    if not len(which):
        return images
    result, there = images.clone(), which.to(images.device)
    result[there] = _turned(images[there], angles[which], [0, 0, *images.shape[-2:]])
    return result


def _boxed(image: Tensor, angle: Tensor, box: list[int]) -> Tensor:
    """The box (h, w) of the turned image (1, H, W)."""
    if angle:
        return _turned(image[None], angle[None], box)[0, 0]
    top, left, height, width = box
    return image[0, top : top + height, left : left + width]


def _turned(images: Tensor, angles: Tensor, box: list[int]) -> Tensor:
    """The box (B, 1, h, w) of all images (B, 1, H, W), each turned by its angle (B,)."""
    starts, counts, sides = box[:2], box[2:], images.shape[2:]
    y, x = (
        (torch.arange(start, start + count, dtype=images.dtype, device=images.device) * 2 + 1) / side - 1
        for start, count, side in zip(starts, counts, sides, strict=True)
    )
    turn = torch.polar(torch.ones_like(angles), angles).to(images.device, torch.result_type(x, 1j)).view(-1, 1, 1)
    places = turn * 1j * y[:, None] + turn * x  # where to look: x + iy turned as a complex number
    return functional.grid_sample(images, torch.view_as_real(places), align_corners=False)


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
