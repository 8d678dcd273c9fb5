"""Slices to random views: batched views against the usual chain of PIL transforms, slice by slice.

    python -m tests.benchmarks.views

Both start at windowed 16-bit slices and end in a float32 batch of MoCo v2's views. What pre-training reads are slices
resized once to 1.5 times the view's side, so that is measured as well.
"""

from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional
from torchvision import transforms

from tests.benchmarks import slices
from tests.benchmarks.side_by_side import compare
from trainables.methods import moco_v2
from trainables.methods.settings import Recipe
from trainables.pretraining.corpus_images import MARGIN
from trainables.transforms import ssl_views

BATCH, ROUNDS = 16, 15


def chain(recipe: Recipe, size: int) -> Callable[[Image.Image], Tensor]:
    """The recipe in torchvision's transforms of PIL images, which have 8 bits."""
    pixel = size / 224
    sigma = tuple(bound * pixel for bound in recipe.blur_sigma)
    jitter = transforms.ColorJitter(brightness=recipe.brightness, contrast=recipe.contrast)
    blur = transforms.GaussianBlur(2 * int(np.ceil(3 * sigma[1])) + 1, sigma)
    bilinear = transforms.InterpolationMode.BILINEAR
    turn = transforms.RandomRotation(recipe.rotation, interpolation=bilinear)
    return transforms.Compose(
        [
            transforms.RandomApply([turn], p=recipe.rotation_probability),
            transforms.RandomResizedCrop(size, scale=recipe.crop_scale, ratio=recipe.crop_ratio, antialias=True),
            transforms.RandomHorizontalFlip(recipe.horizontal_flip),
            transforms.RandomVerticalFlip(recipe.vertical_flip),
            transforms.RandomApply([jitter], p=recipe.jitter_probability),
            transforms.RandomApply([blur], p=recipe.blur_probability),
            transforms.ToTensor(),
            transforms.RandomApply(
                [transforms.Lambda(lambda image: _noisy(image, recipe))], p=recipe.noise_probability
            ),
        ]
    )


def _noisy(image: Tensor, recipe: Recipe) -> Tensor:
    low, high = np.log(recipe.noise_variance)
    deviation = float(torch.empty(()).uniform_(low, high).exp().sqrt())
    return (image + deviation * torch.randn_like(image)).clamp(0, 1)


def main() -> None:
    recipe, generator = moco_v2.Settings().view, torch.Generator().manual_seed(0)
    whole = np.rint(slices.shown(slices.draw(BATCH)) * 65535).astype(np.uint16)

    def slice_by_slice(size: int) -> Callable[[], Tensor]:
        make = chain(recipe, size)

        return lambda: torch.stack([make(Image.fromarray((pixels >> 8).astype(np.uint8))) for pixels in whole])

    def batched(pixels: Tensor, size: int) -> Tensor:
        return ssl_views.view(pixels.float().div_(65535), recipe, generator, size=size, window=slices.WINDOW)

    for size in (224, 96):
        print(f"views of {size} px from windowed 16-bit slices of 512 px")
        pixels = torch.from_numpy(whole).unsqueeze(1)
        contenders: dict[str, Callable[[], Tensor]] = {
            "batched": lambda pixels=pixels, size=size: batched(pixels, size),
            "PIL chain": slice_by_slice(size),
        }
        compare(contenders, rounds=ROUNDS, warm=2, units=BATCH, unit="view")
        side = int(MARGIN * size)
        print(f"views of {size} px, batched from the store's {side} px, the chain from 512 px")
        stored = functional.interpolate(pixels.float(), (side, side), mode="bilinear", antialias=True).to(torch.uint16)
        contenders["batched"] = lambda pixels=stored, size=size: batched(pixels, size)
        compare(contenders, rounds=ROUNDS, warm=2, units=BATCH, unit="view")


if __name__ == "__main__":
    main()
