"""Which results stand side by side: those of one task that differ in initialisation, size, draw and seed alone."""

from collections.abc import Mapping
from typing import Any

import polars as pl

ADAPTED = {"full": "full fine-tuning", "linear": "linear probe", "batch_norm": "batch norm alone"}
VALIDATED = {"full": "unpaid validation set", "cv": "cross-validated"}


def setting(of: Mapping[str, Any]) -> str:
    """What a row's panel is called beside its task: the adaptation and every further factor that is off its default.

    ``of``: a row of a table, or the factors of a cell; what it lacks or holds as null is at its default.
    """
    words = [adapted(str(of["adaptation"])), VALIDATED.get(of.get("validation") or "paid", "")]
    if of.get("length") not in (None, "epochs"):
        words.append(str(of["length"]))
    if of.get("label_noise"):
        words.append(f"{of['label_noise']:.0%} label noise".replace("%", " %"))
    if of.get("imbalance"):
        words.append(f"imbalance {of['imbalance']:g} : 1")
    if of.get("test_set") not in (None, "test"):
        words.append(f"tested on {of['test_set']}")
    return ", ".join(word for word in words if word)


def with_setting(table: pl.DataFrame) -> pl.DataFrame:
    """The table with a column ``setting``."""
    names = ("adaptation", "validation", "length", "label_noise", "imbalance", "test_set")
    factors = [name for name in names if name in table.columns]
    known = table.select(factors).unique(maintain_order=True)
    words = pl.Series("setting", [setting(row) for row in known.iter_rows(named=True)], pl.String)
    return table.join(known.with_columns(words), on=factors, how="left", nulls_equal=True, maintain_order="left")


def adapted(adaptation: str) -> str:
    """An adaptation's name in words."""
    return ADAPTED.get(adaptation, adaptation)
