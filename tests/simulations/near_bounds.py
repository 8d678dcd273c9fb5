"""How near its bound a score may lie until what is said of it is no longer held often enough.

    python -m tests.simulations.near_bounds [--repeats 400] [--jobs 2]

Without the rule that refuses: a row for each AUC and number of test patients a class, over 3, 5 and 10 draws. Cells are
the percent of intervals that hold their truth among those whose mistakes (patients of the rarest class times the
distance of the mean from 1) reach a threshold, and the percent that reach it.
"""

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import replace
from unittest import mock

import numpy as np

from analysis.statistics import intervals
from analysis.statistics.intervals import estimate

from .coverage import interval
from .repeats import repeated
from .scenarios import BASE
from .world import World, study

AUCS = (0.9, 0.95, 0.97, 0.99)
PATIENTS = (8, 15, 20, 30, 40)
DRAWS = (3, 5, 10)
THRESHOLDS = (0.0, 0.1, 0.25, 0.5, 1.0)
Found = tuple[float, bool | None, bool | None]
"""Mistakes; whether the interval of the mean held, and that of one new subset."""


def once(world: World, rng: np.random.Generator) -> Found:
    made = study(world, rng)
    with mock.patch.object(intervals, "FEWEST_MISTAKES", 0.0):
        found = estimate(made.points["a", 0], bounds=(0, 1))
    fewest = min(world.positive, world.negative)
    truth = made.truth("a", 0, found.target or "")
    mean = interval(found.low, found.high, truth)
    new = interval(found.pi_low, found.pi_high, made.one_more["a", 0])
    return (1 - found.mean) * fewest, mean.held, new.held


def cells(found: Sequence[Found], kind: int) -> list[str]:
    """For each threshold: held of those that reach it (share that reaches it), both in percent."""
    made = []
    for threshold in THRESHOLDS:
        kept = [each for each in found if each[0] >= threshold]
        held = [each[kind] for each in kept if each[kind] is not None]
        rate = f"{100 * np.mean(held):.1f}" if held else "-"
        made.append(f"{rate} ({100 * len(kept) / len(found):.0f})")
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=400)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    warnings.simplefilter("error")
    heads = " | ".join(f"{kind} >= {threshold:g}" for kind in ("mean", "new") for threshold in THRESHOLDS)
    print(f"| AUC | patients a class | draws | {heads} |")
    print("| --- |" + " --- |" * (2 + 2 * len(THRESHOLDS)))
    for auc in AUCS:
        for patients in PATIENTS:
            for draws in DRAWS:
                world = replace(BASE, auc={"a": (auc,)}, positive=patients, negative=patients, draws=draws)
                found = repeated(once, world, options.repeats, options.jobs)
                print(
                    f"| {auc:g} | {patients} | {draws} | {' | '.join(cells(found, 1) + cells(found, 2))} |", flush=True
                )


if __name__ == "__main__":
    main()
