"""How often intervals hold what they are about, and how wide they are.

    python -m tests.simulations.coverage [--repeats 2000] [--jobs 2] [--only WORDS]

A row a scenario: of the interval of a mean, of one new subset, and of a difference, the percent of printed ones that
hold the truth their target names (95 % interval over repeats), their median width, and the percent refused: not given,
or about this test set alone, and saying so.
"""

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analysis.statistics.intervals import Estimate, estimate, estimate_difference
from analysis.statistics.point import THIS_TEST_SET

from .repeats import percent, repeated
from .scenarios import EVERY
from .world import World, study

KINDS = ("mean", "one new subset", "difference")


@dataclass(frozen=True)
class Interval:
    """One that was printed: whether it held the truth, and its width."""

    held: bool
    width: float


def once(world: World, rng: np.random.Generator) -> dict[str, Interval | None]:
    """None stands for a refusal."""
    made = study(world, rng)
    a, b = made.points["a", 0], made.points["b", 0]
    mean, apart = estimate(a, bounds=(0, 1)), estimate_difference(a, b)
    truth = made.truth("a", 0, mean.target or "")
    between = made.truth("a", 0, _of("a", apart)) - made.truth("b", 0, _of("b", apart))
    if (mean.target or "").startswith(THIS_TEST_SET):
        mean = replace(mean, low=None)
    if (apart.target or "").startswith(THIS_TEST_SET):
        apart = replace(apart, low=None)
    return {
        "mean": _held(mean.low, mean.high, truth),
        "one new subset": _held(mean.pi_low, mean.pi_high, made.one_more["a", 0]),
        "difference": _held(apart.low, apart.high, between),
    }


def _of(name: str, apart: Estimate) -> str:
    """The part of a difference's target that is about one side: each side's encoders may have words of their own."""
    parts = (apart.target or "").split(", ")
    return ", ".join(part for part in parts if " of " not in part or part.endswith(f" of {name}"))


def _held(low: float | None, high: float | None, truth: float) -> Interval | None:
    return None if low is None or high is None else Interval(low <= truth <= high, high - low)


def row(words: str, found: Sequence[dict[str, Interval | None]]) -> str:
    cells = []
    for kind in KINDS:
        printed = [each[kind] for each in found if each[kind] is not None]
        refused = 100 * (1 - len(printed) / len(found))
        width = f"{np.median([interval.width for interval in printed]):.3f}" if printed else "-"
        cells.append(f"{percent([interval.held for interval in printed])} | {width} | {refused:.0f}")
    return f"| {words} | {' | '.join(cells)} |"


HEADER = "| scenario |" + "".join(f" {kind}: held, % | width | refused, % |" for kind in KINDS)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="scenarios whose words hold this")
    options = parser.parse_args()
    warnings.simplefilter("error")
    print(HEADER)
    print("| --- |" + " --- |" * (3 * len(KINDS)))
    for words, world in EVERY.items():
        if options.only in words:
            print(row(words, repeated(once, world, options.repeats, options.jobs)), flush=True)


if __name__ == "__main__":
    main()
