"""A study's tables as Polars frames, and which final runs may be compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from study.vocabulary import ADAPTATION, COMPLETED, FACTOR_NAMES, SEARCHED, TASK

if TYPE_CHECKING:
    from study.storage import Storage

TABLES = ("finals", "scores", "predictions", "trials", "curves", "pretraining", "attempts")


@dataclass(frozen=True)
class StudyTables:
    """The tables of one study, each with the ledger's columns, possibly without rows."""

    finals: pl.DataFrame
    scores: pl.DataFrame
    predictions: pl.DataFrame
    trials: pl.DataFrame
    curves: pl.DataFrame
    pretraining: pl.DataFrame
    attempts: pl.DataFrame = field(default_factory=pl.DataFrame)


def load(root: str | Path | Storage) -> StudyTables:
    """The committed rows of the study at `root`; raises study.ledger.Damaged for a damaged file."""
    from study import ledger

    return StudyTables(**{table: ledger.frame(root, table) for table in TABLES})


@dataclass(frozen=True)
class Compared:
    """Completed final runs that compare like with like.

    finals: the runs kept. superseded: how many completed runs another search budget replaced. uneven: the (adaptation,
    task) pairs in which no one budget is complete in every cell, so that each cell keeps its largest.
    """

    finals: pl.DataFrame
    superseded: int
    uneven: list[tuple[str, str]]


def compared(finals: pl.DataFrame) -> Compared:
    """Keep, in each adaptation x task, the largest search budget that every cell with final runs has completed.

    A cell set by defaults was never searched and stays whatever the budget.
    """
    done = finals.filter(pl.col("status") == COMPLETED)
    kept, uneven = [], []
    for (adaptation, task), group in done.group_by((ADAPTATION, TASK), maintain_order=True):
        searched, unsearched = group.filter(was_searched()), group.filter(~was_searched())
        cells = [set(cell["search_budget"]) for _, cell in searched.group_by(FACTOR_NAMES)]
        common = set.intersection(*cells) if cells else set()
        if common:
            searched = searched.filter(pl.col("search_budget") == max(common))
        elif cells:
            uneven.append((adaptation, task))
            searched = searched.filter(pl.col("search_budget") == pl.col("search_budget").max().over(FACTOR_NAMES))
        # A cell that was later searched after all is no longer one of defaults.
        unsearched = unsearched.join(
            searched.select(FACTOR_NAMES).unique(), on=FACTOR_NAMES, how="anti", nulls_equal=True
        )
        kept += [searched, unsearched]
    runs = pl.concat(kept) if kept else done
    return Compared(runs, len(done) - len(runs), sorted(uneven))


def was_searched() -> pl.Expr:
    """Whether a final run's setting was found by a search, judged on validation images or by cross-validation."""
    return pl.col("selection").is_in(SEARCHED).fill_null(False)


def openings(finals: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """task, test_set, opened: how many final runs, superseded ones included, were scored on each test set."""
    return (
        scores.select("key", "test_set").unique()
        .join(finals.select("key", "task"), on="key")
        .group_by("task", "test_set").agg(opened=pl.len())
        .sort("task", "test_set")
    )  # fmt: skip


def missing(finals: pl.DataFrame, planned: Sequence[dict]) -> list[dict]:
    """The planned cells (factor dicts) that hold no completed final run."""
    done = finals.filter(pl.col("status") == COMPLETED)
    have = {_cell(row) for row in done.select(FACTOR_NAMES).unique().iter_rows(named=True)}
    return [cell for cell in planned if _cell(cell) not in have]


def _cell(factors: dict) -> tuple:
    return tuple(factors.get(name) for name in FACTOR_NAMES)
