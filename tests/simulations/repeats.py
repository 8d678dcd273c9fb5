"""Running a simulation many times, on several processes, with a seed for each repeat."""

from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from scipy.stats import beta

from .world import World

Once = Callable[[World, np.random.Generator], Any]


def repeated(once: Once, world: World, repeats: int, jobs: int = 1) -> list[Any]:
    """What `once` gave for the seeds 0, 1, 2, ..."""
    if jobs == 1:
        return [_one(once, world, seed) for seed in range(repeats)]
    with ProcessPoolExecutor(jobs) as pool:
        return list(pool.map(partial(_one, once, world), range(repeats), chunksize=max(repeats // jobs // 8, 1)))


def _one(once: Once, world: World, seed: int) -> Any:
    return once(world, np.random.default_rng([20260101, seed]))


def rate(hits: Sequence[bool]) -> tuple[float, float, float]:
    """A rate with its 95 % interval (Clopper and Pearson, Biometrika 1934)."""
    n, k = len(hits), int(np.sum(hits))
    low = float(beta.ppf(0.025, k, n - k + 1)) if k else 0.0
    high = float(beta.ppf(0.975, k + 1, n - k)) if k < n else 1.0
    return k / n, low, high


def percent(hits: Sequence[bool]) -> str:
    """A rate in percent with its interval, or a dash where nothing was counted."""
    if not len(hits):
        return "-"
    middle, low, high = (100 * value for value in rate(hits))
    return f"{middle:.1f} ({low:.1f} to {high:.1f})"
