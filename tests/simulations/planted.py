"""How often a planted saving, crossing, drop or goal lies in its set, and how often a planted difference is found.

    python -m tests.simulations.planted [--repeats 2000] [--jobs 2]

Curves of two methods are straight on the logarithm of the labels, so that where they stand level is known. A row a
world: the percent of studies whose set holds the truth (95 % interval over repeats), the median width of the set in
factors of labels, and the percent whose set is open at an end; then the power to find a better initialisation.
"""

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from analysis.statistics.curves import curves
from analysis.statistics.differences import differences
from analysis.statistics.intervals import LEVEL
from analysis.statistics.labels_needed import Labels, crossing, equal_to, goal
from analysis.statistics.savings import savings

from .repeats import percent, repeated
from .world import World, placed, study

LABELS, SHARES = (20, 40, 80, 160, 320), (0.02, 0.04, 0.08, 0.16, 0.32)
STEPS = np.arange(5)


def _world(a: np.ndarray, b: np.ndarray, **more: int) -> World:
    """Of one encoder each, which do not differ: `this encoder` would otherwise be about another truth."""
    return World(auc={"a": tuple(a), "b": tuple(b)}, labels=LABELS, shares=SHARES, encoder=0.0, **more)


def ahead_by(gap: float, **more: int) -> World:
    """a ahead of b by as much at every size."""
    return _world(0.66 + gap + 0.04 * STEPS, 0.66 + 0.04 * STEPS, **more)


AHEAD = _world(0.70 + 0.04 * STEPS, 0.66 + 0.04 * STEPS)
"""One doubling ahead: with 80 labels a stands where b does with 160."""
CROSSING = _world(0.72 + 0.02 * STEPS, 0.68 + 0.04 * STEPS)
"""Level with 80 labels; a drops by .08 and b by .16."""
SIZES = {
    "5 draws, 50 + 50 patients": {},
    "10 draws, 200 + 200 patients": {"draws": 10, "positive": 200, "negative": 200},
    "3 draws, 20 + 20 patients": {"draws": 3, "positive": 20, "negative": 20},
}
SAVED_AT, NEEDED = 160, 80
GOAL, REACHED = 0.78, 80
WHAT = ("saving", "crossing", "drop", "goal")


def once(world: World, rng: np.random.Generator) -> dict[str, tuple[bool, float, bool]]:
    """(held, width, open): of sets, the width is the factor between the ends."""
    crossed = replace(world, auc=CROSSING.auc)
    ahead = curves(placed(study(world, rng)), ["a", "b"])
    level = curves(placed(study(crossed, rng)), ["a", "b"])
    drop = level.contrast(level.drop("a", 0) - level.drop("b", 0))
    low, high = drop.interval(LEVEL)
    return {
        "saving": _in(equal_to(ahead, "a", "b", SAVED_AT), NEEDED),
        "crossing": _in(crossing(level, "a", "b"), 80),
        "drop": (low <= 0.08 - 0.16 <= high, high - low, False),
        "goal": _in(goal(ahead, "a", GOAL, (0.0, 1.0)), REACHED),
    }


def _in(found: Labels, truth: float) -> tuple[bool, float, bool]:
    width = (found.high or LABELS[-1]) / (found.low or LABELS[0])
    return found.holds(truth * 1.0001) or found.holds(truth * 0.9999), width, found.low is None or found.high is None


def power(world: World, rng: np.random.Generator) -> tuple[bool, bool]:
    points = placed(study(world, rng))
    table = differences(points)
    found = table.filter(initialisation="a")["separated"]
    return bool(found.any()), bool(savings(points, table))


def row(words: str, found: Sequence[dict[str, tuple[bool, float, bool]]]) -> str:
    cells = []
    for what in WHAT:
        held, width, ends = zip(*(each[what] for each in found), strict=True)
        cells.append(f"{percent(held)} | {np.median(width):.2f} | {100 * np.mean(ends):.0f}")
    return f"| {words} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    options = parser.parse_args()
    warnings.simplefilter("error")
    print("| world |" + "".join(f" {what}: held, % | width | open, % |" for what in WHAT))
    print("| --- |" + " --- |" * (3 * len(WHAT)))
    for words, more in SIZES.items():
        print(row(words, repeated(once, replace(AHEAD, **more), options.repeats, options.jobs)), flush=True)
    print("\n| a is ahead by | world | separated anywhere, % | a saving printed, % |\n| --- | --- | --- | --- |")
    for ahead in (0.04, 0.08):
        for words, more in SIZES.items():
            world = ahead_by(ahead, **more)
            found = repeated(power, world, options.repeats, options.jobs)
            apart, saved = (percent(each) for each in zip(*found, strict=True))
            print(f"| {ahead:g} | {words} | {apart} | {saved} |", flush=True)


if __name__ == "__main__":
    main()
