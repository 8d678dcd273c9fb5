"""A study's status in lines for a terminal, and as plain values for a program."""

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from study.maintenance.status import Status
from study.vocabulary import (
    ADAPTATION,
    DEFAULT_FACTORS,
    DRAW,
    FAILED,
    GROUP_FACTORS,
    INITIALISATION,
    PRETRAIN_SEED,
    SIZE_FACTORS,
    TASK,
)

COUNTS = ("planned", "done", "failed", "missing")


def lines(status: Status, *, cells: bool = False) -> list[str]:
    """What is done and what is not: by adaptation, task, initialisation and size, or for every cell."""
    made = sum(run["done"] for run in status.pretraining)
    lacking = [f"{run['initialisation']}-{run['pretrain_seed']}" for run in status.pretraining if not run["done"]]
    text = [
        f"study {status.study} in {status.root}",
        f"  driver        {f'{status.driver} is at work' if status.driver else 'none is at work'}",
        f"  pre-training  {made} of {len(status.pretraining)} done"
        + (f"; missing: {', '.join(lacking)}" if lacking else ""),
        f"  report        {status.report or 'not written yet'}",
        "",
    ]
    text += _every_cell(status.cells) if cells else _grouped(status.groups())
    for table, name in (("trials", "trials"), ("finals", "final runs")):
        kinds = [(kind, status.cells[f"{table}_{kind}"].sum()) for kind in FAILED]
        if any(number for _, number in kinds):
            text.append(f"failed {name}: " + ", ".join(f"{number} {kind}" for kind, number in kinds if number))
        if status.outside[table]:
            text.append(f"{status.outside[table]} {name} lie outside the present plan; they are kept")
    if status.cells["finals_superseded"].sum():
        text.append("superseded: final runs that a search of another budget chose; they are kept")
    if hopeless := status.without_score():
        text.append(f"{hopeless} cells have no score, since every trial or final run of theirs failed")
    return text


def plain(status: Status, *, cells: bool = False) -> dict[str, Any]:
    """The same for a program, in values that JSON knows; `cells` only where they are asked for."""
    counts = status.cells.select(pl.col("^(trials|finals).*$").sum()).to_dicts()
    return {
        "study": status.study,
        "root": status.root,
        "driver": status.driver,
        "pretraining": status.pretraining,
        "total": {"cells": status.cells.height} | counts[0],
        "groups": status.groups().to_dicts(),
        "outside": status.outside,
        "cells_without_score": status.without_score(),
        "report": status.report,
    } | ({"cells": status.cells.to_dicts()} if cells else {})


def _grouped(groups: pl.DataFrame) -> list[str]:
    heads = [ADAPTATION, TASK, INITIALISATION, "size", "cells"]
    places = [
        [*place, _size(kind, value), cells]
        for *place, kind, value, cells in groups.select(*GROUP_FACTORS, "cells").rows()
    ]
    total = ["in all", "", "", "", groups["cells"].sum()]
    return _table(heads, [*places, total], [*_counts(groups), *_counts(groups.sum())])


def _every_cell(cells: pl.DataFrame) -> list[str]:
    """A line a cell, with those of its factors that differ somewhere in the study."""
    named = [ADAPTATION, TASK, INITIALISATION, "size", PRETRAIN_SEED, DRAW, *DEFAULT_FACTORS]
    shown = cells.with_columns(
        size=pl.struct(*SIZE_FACTORS).map_elements(lambda of: _size(*of.values()), return_dtype=pl.String)
    ).select(named)
    kept = [name for name in named if name not in DEFAULT_FACTORS or shown[name].n_unique() > 1]
    return _table(kept, shown.select(kept).rows(), _counts(cells))


def _counts(of: pl.DataFrame) -> list[tuple]:
    """Trials planned, done, failed, missing; final runs planned, done, failed, missing, superseded."""
    return of.select(
        "trials",
        pl.col("trials_completed") + pl.col("trials_pruned"),
        "trials_failed",
        "trials_missing",
        "finals",
        "finals_completed",
        "finals_failed",
        "finals_missing",
        "finals_superseded",
    ).rows()


def _table(heads: list[str], places: Iterable[Sequence[Any]], counts: list[tuple]) -> list[str]:
    """Places to the left, counts to the right: trials, then final runs."""
    words = [[_word(value) for value in (*place, *count)] for place, count in zip(places, counts, strict=True)]
    columns = [*heads, *COUNTS, *COUNTS, "superseded"]
    widths = [max(map(len, column)) for column in zip(columns, *words, strict=True)]
    left, trials = len(heads), len(heads) + len(COUNTS)

    def line(row: Sequence[str]) -> str:
        cut = [text.ljust(width) for text, width in zip(row[:left], widths, strict=False)]
        cut += [text.rjust(width) for text, width in zip(row[left:], widths[left:], strict=True)]
        return "  ".join(cut[:left]) + " |  " + "  ".join(cut[left:trials]) + " |  " + "  ".join(cut[trials:])

    over = [sum(widths[a:b]) + 2 * (b - a - 1) for a, b in ((0, left), (left, trials))]
    first = f"{'':{over[0]}} |  {'trials':{over[1]}} |  final runs"
    return [first, line(columns), *map(line, words), ""]


def _size(kind: str, value: float) -> str:
    return f"{kind} {value:g}"


def _word(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)
