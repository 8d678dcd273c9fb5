"""How often intervals hold what they are about, and how wide they are.

    python -m tests.simulations.coverage [--repeats 2000] [--jobs 2] [--only WORDS ...]

A row a scenario: of the interval of a mean, of one new subset, and of a difference, the percent of printed ones that
hold the truth their target names (95 % interval over repeats), their median width, and the percent refused: not given,
or about this test set alone, and saying so. One that is about this test set alone is held against its truth there.
"""

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analysis.statistics.intervals import Estimate, estimate, estimate_difference
from analysis.statistics.point import THIS_TEST_SET

from .repeats import percent, repeated
from .scenarios import EVERY
from .world import World, study

KINDS = ("mean", "one new subset", "difference")


@dataclass(frozen=True)
class Interval:
    """held: the truth, and `width`; None where there is none. narrowed: it is about this test set alone."""

    held: bool | None
    width: float = 0.0
    narrowed: bool = False


def once(world: World, rng: np.random.Generator) -> dict[str, Interval]:
    made = study(world, rng)
    a, b = made.points["a", 0], made.points["b", 0]
    mean, apart = estimate(a, bounds=(0, 1)), estimate_difference(a, b)
    truth = made.truth("a", 0, mean.target or "")
    between = made.truth("a", 0, of_side("a", apart.target)) - made.truth("b", 0, of_side("b", apart.target))
    return {
        "mean": _interval(mean, truth),
        "one new subset": interval(mean.pi_low, mean.pi_high, made.one_more["a", 0]),
        "difference": _interval(apart, between),
    }


def of_side(name: str, target: str | None) -> str:
    """The part of a difference's target that is about one side: each side's encoders may have words of their own."""
    parts = (target or "").split(", ")
    return ", ".join(part for part in parts if " of " not in part or part.endswith(f" of {name}"))


def _interval(found: Estimate, truth: float) -> Interval:
    return interval(found.low, found.high, truth, (found.target or "").startswith(THIS_TEST_SET))


def interval(low: float | None, high: float | None, truth: float, narrowed: bool = False) -> Interval:
    return Interval(None) if low is None or high is None else Interval(low <= truth <= high, high - low, narrowed)


def row(words: str, found: Sequence[dict[str, Interval]]) -> str:
    cells = []
    for kind in KINDS:
        printed = [each[kind] for each in found if each[kind].held is not None]
        refused = 100 * (1 - np.mean([each[kind].held is not None and not each[kind].narrowed for each in found]))
        width = f"{np.median([each.width for each in printed]):.3f}" if printed else "-"
        cells.append(f"{percent([bool(each.held) for each in printed])} | {width} | {refused:.0f}")
    return f"| {words} | {' | '.join(cells)} |"


HEADER = "| scenario |" + "".join(f" {kind}: held, % | width | refused, % |" for kind in KINDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=[""], help="scenarios whose words hold one of these")
    options = parser.parse_args()
    warnings.simplefilter("error")
    print(HEADER)
    print("| --- |" + " --- |" * (3 * len(KINDS)))
    for words, world in EVERY.items():
        if any(part in words for part in options.only):
            print(row(words, repeated(once, world, options.repeats, options.jobs)), flush=True)


if __name__ == "__main__":
    main()
