"""What of the accepted plan is done, failed, missing and superseded, cell by cell."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from study.ledger import count, holder
from study.planning.accepted import accepted, planned
from study.storage import Storage
from study.vocabulary import FAILED, GROUP_FACTORS, STATUSES, encoder_name


@dataclass(frozen=True)
class Status:
    """A study as its folder tells it, which a driver may be adding to.

    driver: the process that is writing, None where nobody is. pretraining: the planned runs, each with `done`.
    cells: a row a planned cell: its factors; `trials` and `finals`, how many are planned; of both how many have each
    status, have `failed` in one way or another, and are `missing`; and `finals_superseded`, which a search of another
    budget chose. outside: rows of cells and budgets that the plan does not ask for any more.
    """

    study: str
    root: str
    driver: str | None
    pretraining: list[dict[str, Any]]
    cells: pl.DataFrame
    outside: dict[str, int]

    @property
    def report(self) -> str | None:
        storage = Storage(self.root)
        return storage.full("report.html") if storage.exists("report.html") else None

    def groups(self) -> pl.DataFrame:
        """The counts of adaptation, task, initialisation and size, over seeds, draws and everything else."""
        counts = pl.col([name for name in self.cells.columns if name.startswith(("trials", "finals"))])
        return self.cells.group_by(GROUP_FACTORS, maintain_order=True).agg(pl.len().alias("cells"), counts.sum())

    def without_score(self) -> int:
        """Cells that have no score and get none as things are: all of their trials or final runs have ended."""
        hopeless = (pl.col("finals_missing") == 0) | ((pl.col("trials") > 0) & (pl.col("trials_completed") == 0))
        ended = (pl.col("trials_missing") == 0) & (pl.col("finals_completed") == 0)
        return self.cells.filter(ended & hopeless).height


def status(root: str | Path) -> Status:
    """Count what the ledger under ``root`` holds of the plan that was accepted last.

    Of the tables the columns that are counted are read, and checksums of full files are not looked at.

    Raises:
        InputRefused: where nothing was planned yet.
        LedgerError: where a table cannot be read, naming the file.
    """
    storage = Storage(root)
    study, plan = accepted(storage), planned(storage)
    made = set(storage.list("encoders"))
    runs = [run | {"done": f"encoders/{encoder_name(**run)}.json" in made} for run in plan.pretraining]
    factors, chosen = plan.factors, [*plan.factors, "search_budget"]
    trials, finals = _counted(root, "trials", factors), _counted(root, "finals", chosen)
    superseded = (
        finals.join(plan.cells, on=chosen, how="anti", nulls_equal=True)
        .group_by(factors)
        .agg(pl.sum("finals_present").alias("finals_superseded"))
    )
    cells = plan.cells
    for counts, on in ((trials, factors), (finals, chosen), (superseded, factors)):
        cells = cells.join(counts, on=on, how="left", nulls_equal=True, maintain_order="left")
    cells = cells.with_columns(pl.col(pl.get_index_type()).fill_null(0))
    outside = {
        "trials": int(trials["trials_present"].sum()) - _within(cells, "trials"),
        "finals": int(finals["finals_present"].sum())
        - _within(cells, "finals")
        - int(cells["finals_superseded"].sum()),
    }
    for table in ("trials", "finals"):
        failed = pl.sum_horizontal(f"{table}_{status}" for status in FAILED)
        missing = pl.max_horizontal(pl.col(table) - pl.col(f"{table}_present").cast(pl.Int64), 0)
        cells = cells.with_columns(failed.alias(f"{table}_failed"), missing.alias(f"{table}_missing"))
    cells = cells.drop("search_budget", "trials_present", "finals_present")
    return Status(
        study["name"] if study else storage.root.rpartition("/")[2], storage.root, holder(root), runs, cells, outside
    )


def _within(cells: pl.DataFrame, table: str) -> int:
    """Rows of planned cells that are no more than were planned."""
    return cells.select(pl.min_horizontal(f"{table}_present", table).sum()).item()


def _counted(root: str | Path, table: str, by: list[str]) -> pl.DataFrame:
    """How many rows a table has of each combination of the columns ``by``, in all and of each status."""
    counts = [(pl.col("status") == status).sum().alias(f"{table}_{status}") for status in STATUSES]
    every = pl.len().alias(f"{table}_present")
    return count(root, table, [*by, "status"], lambda rows: rows.group_by(by).agg(every, *counts))
