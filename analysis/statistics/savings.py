"""Labels saved: what one initialisation reaches with fewer labels than another, where that is shown."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from study.vocabulary import INITIALISATION

from .curves import Curves, curves, panels
from .differences import better
from .labels_needed import Labels, equal_to
from .point import NothingShared
from .points import Placed, panel_of

CHANCE = {"auc": 0.5}
"""Of metrics whose score of a coin is known whatever the data. A level that may be chance is reached with any labels,
so of other metrics no saving is spoken of."""


@dataclass(frozen=True)
class Saving:
    """`initialisation` reaches the level that `other` has with `labels` labels with `needed`, all of which are fewer.

    Where `needed` is empty, these are fewer than any that were tried.
    """

    curves: Curves
    initialisation: str
    other: str
    labels: float
    needed: Labels


def savings(points: Sequence[Placed], differences: pl.DataFrame) -> list[Saving]:
    """For each pair of a panel the saving at the most labels at which one is separated as the better, where there is.

    differences: of the same points. A saving is spoken of only where the difference is separated in its family, neither
    level may be chance, and the whole set of label counts, at the family's level, lies below.
    """
    by_panel = panels(points)
    found: dict[tuple, Saving | None] = {}
    for row in differences.filter("separated").sort("n_labels", descending=True).iter_rows(named=True):
        place = (panel_of(row), row[INITIALISATION], row["against"])
        if better(row) and place not in found:
            found[place] = _saving(by_panel[place[0]], row)
    return [saving for saving in found.values() if saving is not None]


def _saving(panel: Sequence[Placed], row: dict) -> Saving | None:
    name, other, chance = row[INITIALISATION], row["against"], CHANCE.get(row["metric"])
    try:
        both = curves(panel, [name, other])
    except NothingShared:
        return None
    if chance is None or both is None or len(both.joint.draws) < 2:
        return None
    labels = float(both.labels[np.abs(np.log(both.labels / row["n_labels"])).argmin()])
    level = row["family_level"]
    if any(both.contrast(both.height(each, labels)).interval(level)[0] <= chance for each in (name, other)):
        return None
    needed = equal_to(both, name, other, labels, level)
    below = needed.empty and needed.above  # with the fewest that were tried it is better already
    if not below and (needed.high is None or needed.high >= labels):
        return None
    return Saving(both, name, other, labels, needed)
