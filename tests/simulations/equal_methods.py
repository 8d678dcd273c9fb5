"""How often something is said to differ where nothing does.

    python -m tests.simulations.equal_methods [--repeats 2000] [--jobs 2]

Studies of 2, 4 and 8 equal methods on rising curves: the percent in which anything on a task's page is called
separated, a saving of labels is printed, or a claim is supported (with 95 % intervals over repeats); first where one
difference is taken by itself, at the margin a claim of non-inferiority. A minus B must be B minus A turned round.
"""

import argparse
import warnings
from collections.abc import Sequence

import numpy as np
import polars as pl

from analysis.statistics.claims import SUPPORTED, Claim, examine
from analysis.statistics.differences import differences
from analysis.statistics.savings import savings

from .repeats import percent, repeated
from .world import World, placed, study

LABELS, SHARES = (20, 40, 80, 160), (0.05, 0.1, 0.2, 0.4)
RISING = (0.68, 0.75, 0.80, 0.83)
MARGIN = 0.02
FORMS = ("difference", "more_robust", "saves_labels", "crosses_below")


def equal(count: int, *, encoders: int = 1, draws: int = 5, patients: int = 50) -> World:
    """So many methods with one rising curve. Where each has a single encoder, encoders are alike too: what is said of
    `this encoder` would otherwise be true of it."""
    names = [f"m{k}" for k in range(count)]
    return World(
        auc=dict.fromkeys(names, RISING), labels=LABELS, shares=SHARES, draws=draws, positive=patients,
        negative=patients, encoders=dict.fromkeys(names, encoders), encoder=0.1 if encoders > 1 else 0.0,
    )  # fmt: skip


WORLDS = {
    f"{count} methods, {encoders} encoders each, {draws} draws, {patients} + {patients} patients": equal(
        count, encoders=encoders, draws=draws, patients=patients
    )
    for count in (2, 4, 8)
    for encoders, draws, patients in ((1, 5, 50), (3, 5, 50), (1, 3, 20))
}


def at_margin(world: World) -> World:
    """The first method worse than the second by the margin at every size."""
    first, *others = world.auc
    return World(**{**vars(world), "auc": {first: tuple(a - MARGIN for a in RISING), **dict.fromkeys(others, RISING)}})


def once(world: World, rng: np.random.Generator) -> dict[str, bool]:
    points = placed(study(world, rng))
    table = differences(points)
    _check_mirrored(table)
    one = table.filter(initialisation="m0", against="m1", size_value=float(LABELS[0])).row(0, named=True)
    claims = [examine(points, Claim(form, "m0", "m1", labels=_labels(form))) for form in FORMS]
    return {
        "one difference": one["low"] > 0 or one["high"] < 0,
        "any separated": bool(table["separated"].any()),
        "any saving": bool(savings(points, table)),
        "a claim supported": any(claim.verdict == SUPPORTED for claim in claims),
    }


def _labels(form: str) -> float | None:
    """A saving is claimed where a curve that rises no more would give it: half of the labels."""
    return {"saves_labels": 0.5, "crosses_below": 80}.get(form)


def non_inferior(world: World, rng: np.random.Generator) -> dict[str, bool]:
    points = placed(study(world, rng))
    verdict = examine(points, Claim("non_inferior", "m0", "m1", MARGIN)).verdict
    return {"non-inferior at the margin": verdict == SUPPORTED}


def _check_mirrored(table: pl.DataFrame) -> None:
    keys = ["size_value", "initialisation", "against"]
    turned = table.rename({"initialisation": "against", "against": "initialisation"}).sort(keys)
    there = table.sort(keys)
    assert np.allclose(there["mean"], -turned["mean"]) and np.allclose(there["family_low"], -turned["family_high"])
    assert (there["separated"] == turned["separated"]).all()


def row(words: str, found: Sequence[dict[str, bool]]) -> str:
    return f"| {words} | " + " | ".join(percent([each[what] for each in found]) for what in found[0]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", default="", help="worlds whose words hold this")
    options = parser.parse_args()
    warnings.simplefilter("error")
    print("| equal methods | one difference, % | any separated, % | any saving, % | a claim supported, % |")
    print("| --- | --- | --- | --- | --- |")
    for words, world in WORLDS.items():
        if options.only in words:
            print(row(words, repeated(once, world, options.repeats, options.jobs)), flush=True)
    print("\n| worse by the margin | non-inferior, % |\n| --- | --- |")
    for words, world in WORLDS.items():
        if options.only in words and words.startswith("2"):
            print(row(words, repeated(non_inferior, at_margin(world), options.repeats, options.jobs)), flush=True)


if __name__ == "__main__":
    main()
