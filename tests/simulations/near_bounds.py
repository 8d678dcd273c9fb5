"""How near its bound a score may lie until what is said of it is no longer held often enough.

    python -m tests.simulations.near_bounds [--repeats 400] [--jobs 2]

A row for each AUC, number of test patients a class and of draws. Of the interval of a mean: the percent that hold
their truth, of those that are given (and the percent given), and of those among them whose mistakes (patients of the
rarest class times the distance of the mean from 1) reach a threshold: a stricter rule. Of one new subset: the same by
the width that is still given.
"""

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from unittest import mock

import numpy as np

from analysis.statistics import intervals
from analysis.statistics.intervals import estimate

from .coverage import Interval, interval
from .repeats import repeated
from .scenarios import BASE
from .world import World, study

AUCS = (0.7, 0.9, 0.95, 0.97, 0.99, 0.995)
PATIENTS = (8, 15, 30, 40)
DRAWS = (3, 5, 10)
MISTAKES = (0.0, 0.05, 0.25, 0.5, 1.0)
WIDTHS = (1.0, 0.9, 0.7, 0.5)


@dataclass(frozen=True)
class Found:
    """mistakes: patients of the rarest class times the distance of the mean from 1."""

    mistakes: float
    mean: Interval
    new: Interval


def once(world: World, rng: np.random.Generator) -> Found:
    made = study(world, rng)
    with mock.patch.object(intervals, "WIDEST", 1.0):
        found = estimate(made.points["a", 0], bounds=(0, 1))
    mean = interval(found.low, found.high, made.truth("a", 0, found.target or ""))
    new = interval(found.pi_low, found.pi_high, made.one_more["a", 0])
    return Found((1 - found.mean) * min(world.positive, world.negative), mean, new)


def cells(found: Sequence[Found]) -> list[str]:
    """Held of those that are given (share of all), both in percent."""
    by_mistakes = [[each.mean for each in found if each.mistakes >= threshold] for threshold in MISTAKES]
    by_width = [[each.new for each in found if each.new.width <= width] for width in WIDTHS]
    return [_cell(kept, len(found)) for kept in (*by_mistakes, *by_width)]


def _cell(kept: Sequence[Interval], count: int) -> str:
    held = [each.held for each in kept if each.held is not None]
    return f"{100 * np.mean(held):.1f} ({100 * len(held) / count:.0f})" if held else "-"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    warnings.simplefilter("error")
    heads = [f"mean, mistakes >= {threshold:g}" for threshold in MISTAKES] + [f"new, width <= {w:g}" for w in WIDTHS]
    print(f"| AUC | patients a class | draws | {' | '.join(heads)} |")
    print("| --- |" + " --- |" * (2 + len(heads)))
    for auc in AUCS:
        for patients in PATIENTS:
            for draws in DRAWS:
                world = replace(BASE, auc={"a": (auc,)}, positive=patients, negative=patients, draws=draws)
                found = repeated(once, world, options.repeats, options.jobs)
                print(f"| {auc:g} | {patients} | {draws} | {' | '.join(cells(found))} |", flush=True)


if __name__ == "__main__":
    main()
