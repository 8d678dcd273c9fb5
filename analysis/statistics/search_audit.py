"""What the searches themselves show: what pruning cost, and whether the best settings lie inside the space."""

import json
import math
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import polars as pl

from analysis.tables import compared
from analysis.words import adapted
from study.vocabulary import COMPLETED, FACTOR_NAMES, PRUNED

Spaces = Mapping[str, Mapping[str, Mapping[str, Any]]]
"""Each adaptation's search space in plain values: its dimensions by name."""

NEAR = 0.05
"""A value this near to a bound, as a share of the range (of its logarithm, where it is searched so), lies at it."""


def pruning(trials: pl.DataFrame) -> list[str]:
    """How often a pruned trial that was finished for the audit would have been chosen, and by how much score.

    Each audited trial is compared with the best completed trial of its cell; ``audit_score`` above it is regret.
    """
    pruned = trials.filter(pl.col("status") == PRUNED)
    if pruned.is_empty():
        return []
    audited = pruned.filter(pl.col("audit_score").is_not_null())
    line = f"{len(pruned)} of {len(trials)} trials were pruned, {len(audited)} of these finished for the audit"
    best = trials.filter(pl.col("status") == COMPLETED).group_by(FACTOR_NAMES).agg(best=pl.max("score"), n=pl.len())
    beside = audited.join(best, on=FACTOR_NAMES, nulls_equal=True)
    if beside.is_empty():
        return [line + "."]
    gains = (beside["audit_score"] - beside["best"]).to_list()
    missed = [gain for gain in gains if gain > 0]
    if not missed:
        return [f"{line}: none of them would have been chosen."]
    mean, most = sum(missed) / len(missed), max(missed)
    return [
        f"{line}: {len(missed)} of them ({len(missed) / len(gains):.0%}) would have been chosen, "
        f"with a validation score higher by {mean:.3f} on average and {most:.3f} at most."
    ]


def at_bounds(finals: pl.DataFrame, spaces: Spaces) -> pl.DataFrame:
    """adaptation, setting, bound, cells, share: the share of searched cells whose chosen value lies at that bound.

    spaces: each adaptation's search space in plain values. Choices have no bounds; a dimension counts only the cells
    whose chosen setting has it.
    """
    found: dict[tuple[str, str, str], int] = defaultdict(int)
    cells: dict[tuple[str, str], int] = defaultdict(int)
    chosen = compared(finals).finals.filter(pl.col("selection") != "defaults", pl.col("adaptation").is_in(list(spaces)))
    chosen = chosen.unique(FACTOR_NAMES, maintain_order=True)
    for adaptation, text in chosen.select("adaptation", "settings").iter_rows():
        settings = json.loads(text)
        for name, entry in spaces[adaptation].items():
            beside = entry.get("when", {}).items()
            if "low" not in entry or not all(settings.get(other) in values for other, values in beside):
                continue
            cells[adaptation, name] += 1
            for bound in _reached(entry, settings[name]):
                found[adaptation, name, bound] += 1
    rows = [
        (adaptation, name, bound, cells[adaptation, name], n / cells[adaptation, name])
        for (adaptation, name, bound), n in found.items()
    ]
    schema = {"adaptation": pl.String, "setting": pl.String, "bound": pl.String, "cells": pl.Int64, "share": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row").sort("share", "setting", descending=[True, False])


def bounds(finals: pl.DataFrame, spaces: Spaces, *, least: float = 0.2) -> list[str]:
    """A line for each bound that at least this share of the cells chose: the space may end too early there."""
    return [
        f"{adapted(row['adaptation'])}: in {row['share']:.0%} of {row['cells']} cells the chosen {row['setting']} "
        f"lies at the {row['bound']} bound of what was searched."
        for row in at_bounds(finals, spaces).filter(pl.col("share") >= least).iter_rows(named=True)
    ]


def _reached(entry: Mapping[str, Any], value: float) -> list[str]:
    scale = math.log if entry.get("log") else float
    low, high = scale(entry["low"]), scale(entry["high"])
    place = (scale(value) - low) / (high - low)
    return ["lower"] * (place <= NEAR) + ["upper"] * (place >= 1 - NEAR)
