"""What is watched while an encoder is pre-trained. It decides nothing: no checkpoint, no method, no stopping time."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn


def due(step: int, steps: int, times: int, log_every: int) -> bool:
    """Whether a row logged at `step` is probed: the first, the last, and about `times` in between."""
    every = max(log_every, round(steps / times / log_every) * log_every)
    return step in (0, steps) or step % every == 0


def probe(
    encoder: nn.Module,
    tasks: Sequence[Mapping[str, Any]],
    *,
    image_size: int,
    window: Sequence[float],
    device: torch.device,
) -> dict[str, Any]:
    raise NotImplementedError


def warning(row: Mapping[str, Any]) -> str | None:
    """What a history row says about collapse, in words; None where nothing is wrong or nothing is known."""
    return None
