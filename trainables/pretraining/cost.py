"""What a training step costs: floating-point operations, pixels, memory."""

import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode


class Flops:
    """Counts the operations of steps: one in so many is counted, the ones after it are taken to cost the same.

    Products and convolutions count, forward and backward; a multiplication with its addition is two operations. What
    `torch.compile` has fused is not seen.
    """

    def __init__(self) -> None:
        self.total = 0
        self.step = 0

    @contextmanager
    def counted(self, measure: bool) -> Iterator[None]:
        """One step; `measure` says whether it is looked at."""
        if measure:
            with FlopCounterMode(display=False) as counter:
                yield
            self.step = counter.get_total_flops()
        else:
            yield
        self.total += self.step


def pixels(views: tuple[Tensor, ...]) -> int:
    """Pixels of the images (B, 1, H, W) among a step's views; masks and orders are no images."""
    return sum(view.numel() for view in views if view.ndim == 4 and view.is_floating_point())


def peak_memory(device: torch.device) -> int:
    """The most bytes held so far: of the GPU by this process, or of main memory by this process."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return held if sys.platform == "darwin" else held * 1024
