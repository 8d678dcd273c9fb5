"""Claims of non-inferiority: is one pre-training not worse than another by more than a stated margin?"""

from dataclasses import dataclass

import numpy as np
import polars as pl

from analysis.tables import StudyTables, compared
from study.vocabulary import FACTOR_NAMES, SMALLER_IS_BETTER

from .intervals import over_blocks
from .point import ENCODERS_FOR_A_METHOD

BLOCKS = 10
"""Fewer paired pre-training runs show nothing, however narrow their interval."""

TARGET = "new pre-training runs on this corpus, with these draws of this pool and these test sets"

PLACE = [name for name in FACTOR_NAMES if name != "initialisation"] + ["test_set"]
"""Where two scores stand that may be a pair."""

ALIKE = ["subset_hash", "split_hash", "selection", "search_budget"]
"""What the two final runs of a pair have in common besides."""


@dataclass(frozen=True)
class Claim:
    """`initialisation` scores less than `margin` of `metric` below `not_worse_than`; None: over all adaptations."""

    initialisation: str
    not_worse_than: str
    margin: float
    metric: str = "auc"
    adaptation: str | None = None


@dataclass(frozen=True)
class ClaimVerdict:
    """What the study says to a claim.

    mean: of the blocks' differences, positive where the claimed one is better; low, high: its 95 % interval over
    blocks, None with the `reason`. pairs: of scores, in all and in the smallest and largest block. incomplete: places
    at which one side lacks a score, or was searched or drawn otherwise. verdict: "non-inferior", "worse" or
    "not shown".
    """

    claim: Claim
    blocks: int
    pairs: int
    pairs_a_block: tuple[int, int]
    incomplete: int
    mean: float | None
    low: float | None
    high: float | None
    verdict: str
    reason: str | None


def examine(study: StudyTables, claim: Claim) -> ClaimVerdict:
    """The verdict on a claim from the study's completed final runs."""
    found, incomplete = pairs(study, claim)
    return verdict(claim, found, incomplete)


def pairs(study: StudyTables, claim: Claim) -> tuple[pl.DataFrame, int]:
    """(`PLACE` and `difference`, a row a pair of scores; how many places lack one), final seeds averaged.

    The two sides of a pair have the same pretrain_seed, labels and search budget, and are scored on the same test set.
    """
    names = (claim.initialisation, claim.not_worse_than)
    finals = study.finals.filter(pl.col("initialisation").is_in(names))
    if claim.adaptation is not None:
        finals = finals.filter(pl.col("adaptation") == claim.adaptation)
    scores = study.scores.filter(
        pl.col("corruption").is_null(), pl.col("unit") == "image", pl.col("metric") == claim.metric,
        pl.col("value").is_not_null(),
    )  # fmt: skip
    scored = compared(finals).finals.join(scores.select("key", "test_set", "value"), on="key")
    means = scored.group_by("initialisation", *PLACE, *ALIKE, maintain_order=True).agg(pl.col("value").mean())
    first, second = (means.filter(pl.col("initialisation") == name).drop("initialisation") for name in names)
    both = first.join(second, on=[*PLACE, *ALIKE], nulls_equal=True, suffix="_other")
    sign = -1 if claim.metric in SMALLER_IS_BETTER else 1
    both = both.select(*PLACE, difference=sign * (pl.col("value") - pl.col("value_other"))).sort(PLACE)
    return both, len(means.select(PLACE).unique()) - len(both)


def verdict(claim: Claim, found: pl.DataFrame, incomplete: int) -> ClaimVerdict:
    """The verdict from pairs: differences are averaged within each pretrain_seed, which is a block.

    "non-inferior" takes `BLOCKS` blocks and a one-sided 97.5 % lower bound (the lower end of the 95 % interval, by
    Student's t over blocks) above -margin; "worse" an interval that lies below it as a whole; else "not shown".
    """
    blocks = found.group_by("pretrain_seed", maintain_order=True).agg(pl.col("difference").mean(), pairs=pl.len())
    differences = blocks["difference"].to_numpy()
    interval = over_blocks(differences)
    low, high = interval or (None, None)
    verdict, reason = _verdict(claim.margin, interval, differences)
    counts = blocks["pairs"].to_list() or [0]
    return ClaimVerdict(
        claim, len(blocks), len(found), (min(counts), max(counts)), incomplete,
        float(differences.mean()) if len(blocks) else None, low, high, verdict, reason,
    )  # fmt: skip


def _verdict(margin: float, interval: tuple[float, float] | None, differences: np.ndarray) -> tuple[str, str | None]:
    count = len(differences)
    if not count:
        return "not shown", "no pair of final runs is complete"
    few = f"too few blocks, {count} of {BLOCKS}" if count < BLOCKS else None
    if interval is None:
        return "not shown", few or "the blocks do not differ, so there is no variance to take an interval from"
    low, high = interval
    if high < -margin and count >= ENCODERS_FOR_A_METHOD:
        return "worse", None
    below = f"the interval reaches below -{margin:g}" if low <= -margin else None
    reasons = [why for why in (few, below) if why]
    return ("not shown", " and ".join(reasons)) if reasons else ("non-inferior", None)
