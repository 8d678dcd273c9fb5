"""Schedules: pure functions of the step, so that a resumed run has nothing to lose and every value can be plotted."""

import math
from typing import NamedTuple


class Moment(NamedTuple):
    """Where a run stands: the step under way, counted from 0, of `steps`."""

    step: int
    steps: int

    @property
    def progress(self) -> float:
        """The share of the budget at the step's middle, in (0, 1), so that no rate is wasted on either end's zero."""
        return (self.step + 0.5) / self.steps


def cosine(progress: float, first: float, last: float) -> float:
    """Half a cosine from `first` at progress 0 to `last` at 1."""
    return last + (first - last) * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def warmup_cosine(progress: float, *, peak: float, warmup: float, first: float = 0.0, last: float = 0.0) -> float:
    """A straight line from `first` to `peak` over the share `warmup` of the budget, then a cosine to `last` at 1."""
    if progress < warmup:
        return first + (peak - first) * progress / warmup
    return cosine((progress - warmup) / (1 - warmup), peak, last) if warmup < 1 else peak


def warmup_linear(progress: float, *, first: float, last: float, warmup: float) -> float:
    """A straight line from `first` to `last` over the share `warmup` of the budget, then `last`."""
    return last if progress >= warmup else first + (last - first) * progress / warmup
