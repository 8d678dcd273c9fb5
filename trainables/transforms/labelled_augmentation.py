"""Augmentation of labelled images, whole batches at once on tensors."""

import torch
from torch import Tensor
from torch.nn import functional

FLIP, SHIFT, ZOOM = 0.5, 0.1, 0.15
"""At strength 1: share of images flipped left to right, largest shift as a share of the side, largest log of the
zoom."""


def augment(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Flip, shift and zoom each image by its own random amount, all scaled by `strength` in [0, 1]; 0 changes nothing.

    images: (B, C, H, W) on any device; the draws come from `generator` on the CPU, so they are the same on every
    device. What comes in from outside repeats the border.
    """
    if strength == 0:
        return images
    draws = torch.rand(len(images), 4, generator=generator)
    mirrored = 1 - 2 * (draws[:, 0] < FLIP * strength).float()
    zoom = torch.exp((2 * draws[:, 1] - 1) * ZOOM * strength)
    shifts = (2 * draws[:, 2:] - 1) * 2 * SHIFT * strength  # the grid's side is 2 long
    theta = torch.zeros(len(images), 2, 3)
    theta[:, 0, 0], theta[:, 1, 1], theta[:, :, 2] = mirrored / zoom, 1 / zoom, shifts
    grid = functional.affine_grid(theta.to(images.device), list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, padding_mode="border", align_corners=False)
