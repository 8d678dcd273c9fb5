"""What the design asked for and the results lack, and how often test sets were opened."""

from collections import defaultdict
from collections.abc import Sequence

import polars as pl

from analysis.report import html
from analysis.report.html import Raw
from analysis.report.results import Results
from analysis.tables import StudyTables, compared, missing, openings
from analysis.words import adapted, setting
from study.vocabulary import COMPLETED, FACTOR_NAMES, FAILED, SIZE_FACTORS

title = "What is missing, and how often test sets were opened"


def render(results: Results) -> Raw:
    return html.bullets(gaps(results.tables, results.planned))


def gaps(study: StudyTables, planned: Sequence[dict]) -> list[str]:
    """As lines."""
    lines, absent = [], missing(study.finals, planned)
    if absent:
        lines.append(f"{len(absent)} of {len(planned)} planned cells have no completed final run:")
        by_place = defaultdict(list)
        for cell in absent:
            place = [cell.get(n) for n in ("initialisation", *SIZE_FACTORS)]
            by_place[cell.get("task"), setting(cell), *place].append(cell.get("draw"))
        for (task, where, init, kind, value), draws in list(by_place.items())[:40]:
            which = ", ".join(str(d) for d in sorted({d for d in draws if d is not None}))
            lines.append(f"{init} on {task}, {where}, {kind} {value:g}: draws {which}")
        if len(by_place) > 40:
            lines.append(f"and {len(by_place) - 40} more groups of cells")
    elif planned:
        lines.append(f"All {len(planned)} planned cells have final runs.")
    lines += _statuses("trials", study.trials) + _statuses("final runs", study.finals)
    kept = compared(study.finals)
    for how, words in (
        ("defaults", "were set by default settings, without a search"),
        ("cv", "were set by a search that cross-validation inside the subset judged"),
    ):
        cells = len(kept.finals.filter(pl.col("selection") == how).unique(FACTOR_NAMES))
        lines += [f"{cells} cells {words}."] if cells else []
    if kept.superseded:
        lines.append(f"{kept.superseded} final runs of other search budgets are superseded and left out.")
    for adaptation, task in kept.uneven:
        lines.append(f"{task}, {adapted(adaptation)}: no search budget is complete in every cell, so budgets differ.")
    for row in openings(study.finals, study.scores).iter_rows(named=True):
        lines.append(f"Test set '{row['test_set']}' of {row['task']} was opened by {row['opened']} final runs.")
    if len(study.attempts):
        earlier = study.attempts.filter((pl.col("table") == "finals") & (pl.col("status") == COMPLETED))
        lines.append(f"{len(study.attempts)} trials and final runs were set aside and run again.")
        if len(earlier):
            lines.append(f"{len(earlier)} of them were final runs that had opened a test set, too.")
    return lines


def _statuses(what: str, rows: pl.DataFrame) -> list[str]:
    failed = rows.filter(pl.col("status").is_in(FAILED))
    if failed.is_empty():
        return []
    counts = failed["status"].value_counts().sort("status").iter_rows()
    return [f"{len(failed)} of {len(rows)} {what} failed: " + ", ".join(f"{n} {status}" for status, n in counts) + "."]
