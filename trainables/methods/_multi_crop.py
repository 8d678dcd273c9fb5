"""Multi-crop: two large views of an image and several small ones (Caron et al. 2020, arXiv 2006.09882, section 3.2)."""

from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Generator, Tensor
from torch.nn import functional

from trainables.precision import full_precision
from trainables.transforms import ssl_views as view

LARGE = 2


def crops(
    images: Tensor, generator: Generator, settings: Any, *, size: int, window: tuple[float, float]
) -> tuple[Tensor, ...]:
    """LARGE views by the recipe `view`, `size` wide, then `small_views` by `small_view`, `small_size` times as wide."""
    s, small = settings, max(round(size * settings.small_size), 1)
    plans = [(s.view, size)] * LARGE + [(s.small_view, small)] * s.small_views
    return tuple(view.view(images, recipe, generator, size=side, window=window) for recipe, side in plans)


def each(network: Callable[[Tensor], Tensor], views: Sequence[Tensor], *, together: bool) -> list[Tensor]:
    """The network's output (B, D) of each view.

    together: views of one size go through as one batch, which also shares their batch statistics, as published.
    """
    if not together:
        return [network(images) for images in views]
    groups = [list(group) for _, group in groupby(views, key=lambda images: images.shape[-1])]
    return [rows for group in groups for rows in network(torch.cat(group)).chunk(len(group))]


@full_precision
def across_views(scores: list[Tensor], aims: list[Tensor], temperature: float) -> Tensor:
    """Mean cross-entropy of what one large view gives under the scores of another view, over all such pairs.

    scores: (B, K) of each view. aims: (B, K), rows of sum 1, of each large view.
    """
    logs = [functional.log_softmax(rows / temperature, dim=1) for rows in scores]
    pairs = [(aim, log) for number, aim in enumerate(aims) for other, log in enumerate(logs) if other != number]
    return torch.stack([-(aim * log).sum(1).mean() for aim, log in pairs]).mean()
