"""Ways of doing the same thing, timed side by side on one thread."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch


def compare(
    contenders: Mapping[str, Callable[[], Any]],
    *,
    rounds: int,
    warm: int = 1,
    units: int = 1,
    unit: str = "step",
    clock: Callable[[], float] = time.process_time,
) -> dict[str, float]:
    """Median seconds a call of each contender; prints them, and how many times as fast the first is as each other.

    Each round calls every contender once, in an order that turns from round to round, so what else the machine does
    meets all alike; the clock is the processor's, which other programs disturb least. `units` of `unit` are done in a
    call. A ratio is of medians; its spread is the middle half of the ratios that the rounds have by themselves.
    """
    torch.set_num_threads(1)
    names = list(contenders)
    taken = np.empty((warm + rounds, len(names)))
    for turn, row in enumerate(taken):
        for place in range(len(names)):
            which = (turn + place) % len(names)
            before = clock()
            contenders[names[which]]()
            row[which] = clock() - before
    taken = taken[warm:]
    medians = np.median(taken, axis=0)
    for name, seconds in zip(names, medians, strict=True):
        print(f"  {name:<28} {1000 * seconds / units:10.2f} ms a {unit} {units / seconds:10.2f} a second", flush=True)
    for number, name in enumerate(names[1:], start=1):
        low, high = np.quantile(taken[:, number] / taken[:, 0], (0.25, 0.75))
        ratio = medians[number] / medians[0]
        print(f"  {names[0]} is {ratio:.2f} times ({low:.2f} to {high:.2f}) as fast as {name}", flush=True)
    return dict(zip(names, medians.tolist(), strict=True))
