"""How a report says things, and which results stand side by side: those of one task that differ in initialisation,
size, draw and seed alone."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from study.vocabulary import DEFAULT_FACTORS, FACTORS, METRICS, SETTINGS
from trainables import adaptations

METRIC_WORDS = {metric.name: metric.words for metric in METRICS}


def setting(of: Mapping[str, Any]) -> str:
    """What a row's panel is called beside its task: the adaptation and every further factor that is off its default.

    ``of``: a row of a table, or the factors of a cell; what it lacks or holds as null is at its default.
    """
    words = [adapted(str(of["adaptation"]))]
    for factor in FACTORS:
        level = of.get(factor.name)
        if factor.name in SETTINGS and factor.name in DEFAULT_FACTORS and level not in (None, factor.default):
            words.append(factor.level_words(level))
    if of.get("test_set") not in (None, "test"):
        words.append(f"tested on {of['test_set']}")
    return ", ".join(word for word in words if word)


def with_setting(table: pl.DataFrame) -> pl.DataFrame:
    """The table with a column ``setting``."""
    factors = [name for name in (*SETTINGS, "test_set") if name in table.columns]
    known = table.select(factors).unique(maintain_order=True)
    words = pl.Series("setting", [setting(row) for row in known.iter_rows(named=True)], pl.String)
    return table.join(known.with_columns(words), on=factors, how="left", nulls_equal=True, maintain_order="left")


def adapted(adaptation: str) -> str:
    """An adaptation's name in words."""
    return adaptations.words(adaptation)


def metric_words(metric: str) -> str:
    """A metric's name in words; its own where there are none."""
    return METRIC_WORDS.get(metric, metric)
