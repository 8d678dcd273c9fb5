"""How often something is said to differ where nothing does.

    python -m tests.simulations.equal_methods [--repeats 2000] [--jobs 2] [--only WORDS] [--page]

Studies of 2, 4 and 8 equal methods on rising curves: the percent in which one difference taken by itself leaves out
zero, anything on a task's page is called separated, a saving of labels is printed, or one of four claims is supported
(with 95 % intervals over repeats); then, of a method worse by a margin, a claim of non-inferiority. A minus B must be B
minus A turned round, and every saving must hold together. With --page each study goes through its tables to the
sentences of the report's answer.
"""

import argparse
import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from analysis.report.sections.answer import answers
from analysis.statistics.claims import SUPPORTED, Claim, examine
from analysis.statistics.differences import differences
from analysis.statistics.savings import Saving, savings

from .page import results
from .repeats import percent, repeated
from .world import World, placed, study

LABELS, SHARES = (20, 40, 80, 160), (0.05, 0.1, 0.2, 0.4)
RISING = (0.68, 0.75, 0.80, 0.83)
MARGIN = 0.02
CLAIMS = (
    Claim("difference", "m0", "m1"),
    Claim("more_robust", "m0", "m1"),
    Claim("saves_labels", "m0", "m1", labels=0.5),
    Claim("crosses_below", "m0", "m1", labels=80),
)


def equal(count: int, *, encoders: int = 1, draws: int = 5, patients: int = 50, sizes: int = 4) -> World:
    """So many methods with one rising curve. Where each has a single encoder, encoders are alike too: what is said of
    `this encoder` would otherwise be true of it."""
    names = [f"m{k}" for k in range(count)]
    return World(
        auc=dict.fromkeys(names, RISING[-sizes:]), labels=LABELS[-sizes:], shares=SHARES[-sizes:], draws=draws,
        positive=patients, negative=patients, encoders=dict.fromkeys(names, encoders),
        encoder=0.1 if encoders > 1 else 0.0,
    )  # fmt: skip


def on_page(world: World) -> World:
    """Its largest size is the whole pool, which is one and the same for all draws; what a subset does to one method
    alone is left out, since methods would truly differ by it on this pool."""
    return replace(world, shares=(*world.shares[:-1], 1.0), draw_method=0.0, training=0.1)


WORLDS = {
    f"{count} methods, {sizes} sizes, {encoders} encoders each, {draws} draws, {patients} + {patients} patients": equal(
        count, encoders=encoders, draws=draws, patients=patients, sizes=sizes
    )
    for count in (2, 4, 8)
    for sizes, encoders, draws, patients in ((4, 1, 5, 50), (3, 3, 5, 50), (4, 1, 3, 20))
}


def once(world: World, rng: np.random.Generator) -> dict[str, bool]:
    points = placed(study(world, rng))
    table = differences(points)
    check_mirrored(table)
    saved = savings(points, table)
    for saving in saved:
        check_saving(saving)
    smallest = float(world.labels[0])
    one = table.filter(initialisation="m0", against="m1", size_value=smallest).row(0, named=True)
    return {
        "one difference": one["low"] > 0 or one["high"] < 0,
        "any separated": bool(table["separated"].any()),
        "any saving": bool(saved),
        "a claim supported": any(examine(points, claim).verdict == SUPPORTED for claim in CLAIMS),
    }


def at_margin(world: World, rng: np.random.Generator) -> dict[str, bool]:
    """The first method is worse than the second by the margin at every size."""
    worse = {"m0": tuple(auc - MARGIN for auc in world.auc["m1"])}
    points = placed(study(replace(world, auc={**world.auc, **worse}), rng))
    claim = Claim("non_inferior", "m0", "m1", MARGIN)
    return {"said to be not worse": examine(points, claim).verdict == SUPPORTED}


def on_paper(world: World, rng: np.random.Generator) -> dict[str, bool]:
    """What the page says in words."""
    (answer,) = answers(results(study(world, rng)))
    return {
        "said to be better": "is better than" in answer.which,
        "said to save labels": "No saving of labels is shown" not in answer.labels,
    }


def check_mirrored(table: pl.DataFrame) -> None:
    """A minus B is B minus A turned round, in every column."""
    keys = ["size_value", "initialisation", "against"]
    turned = table.rename({"initialisation": "against", "against": "initialisation"}).sort(keys)
    there = table.sort(keys)
    for low, high in (("mean", "mean"), ("low", "high"), ("family_low", "family_high")):
        assert np.allclose(there[low], -turned[high])
    for same in ("error", "df", "family_p", "detectable"):
        assert np.allclose(there[same], turned[same])
    assert (there["separated"] == turned["separated"]).all() and (there["target"] == turned["target"]).all()


def check_saving(saving: Saving) -> None:
    """The estimate lies in the set, or below the curve's fewest labels with an open lower end."""
    needed = saving.needed
    if needed.empty:
        assert needed.above and saving.most < saving.labels
        return
    assert needed.high is not None and needed.high < saving.labels
    if needed.best is None:
        assert needed.low is None
    else:
        assert (needed.low or 0) / 1.01 <= needed.best <= needed.high * 1.01


def row(words: str, found: Sequence[dict[str, bool]]) -> str:
    return f"| {words} | " + " | ".join(percent([each[what] for each in found]) for what in found[0]) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=[""], help="worlds whose words hold one of these")
    parser.add_argument("--page", action="store_true", help="by the sentences of the page")
    options = parser.parse_args()
    warnings.simplefilter("error")
    heads = ("said to be better", "said to save labels") if options.page else (
        "one difference", "any separated", "any saving", "a claim supported")  # fmt: skip
    print("| equal methods |" + "".join(f" {head}, % |" for head in heads))
    print("| --- |" + " --- |" * len(heads))
    for words, world in WORLDS.items():
        if any(part in words for part in options.only):
            judge, own = (on_paper, on_page(world)) if options.page else (once, world)
            print(row(words, repeated(judge, own, options.repeats, options.jobs)), flush=True)
    if not options.page:
        print("\n| worse by the margin | said to be not worse, % |\n| --- | --- |")
        for words, world in WORLDS.items():
            if words.startswith("2") and any(part in words for part in options.only):
                print(row(words, repeated(at_margin, world, options.repeats, options.jobs)), flush=True)


if __name__ == "__main__":
    main()
