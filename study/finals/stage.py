"""The stage of final runs: each cell's chosen setting, trained again with fresh seeds and scored on the test sets."""

import json
import logging
from collections import Counter
from typing import Any

from study import identity
from study.execution.cell_context import CellContext
from study.execution.ledger_rows import curve_rows, prediction_rows, run_row, score_rows
from study.execution.limits import Limits
from study.execution.trial_jobs import scored_on
from study.failpoints import failpoint
from study.finals.final_runner import FinalJob, FinishedFinal, run_finals
from study.planning.plan import Cell
from study.progress import Progress
from study.search.selection import select

log = logging.getLogger(__name__)


def final_stage(context: CellContext, adaptation: str) -> None:
    """Each cell's chosen setting, trained again with fresh seeds and scored on the test set.

    A stored run of a setting that is no longer the chosen one, since failed trials were run again, is superseded.
    """
    trials = {row["key"]: row for row in context.ledger.rows("trials")}
    stored = {row["key"]: row for row in context.ledger.rows("finals")}
    runs: dict[str, tuple[Cell, int, int | None, dict]] = {}
    superseded = []
    for cell in context.plan.of(adaptation):
        chosen, settings = _chosen(context, cell, trials)
        if settings is None:
            continue
        for seed_index in range(cell.finals):
            key = context.final_key(cell, seed_index)
            if key in stored and stored[key]["selected_trial"] == chosen:
                context.check_stored(cell, stored[key], settings)
                continue
            runs[key] = (cell, seed_index, chosen, settings)
            superseded += [key] if key in stored else []
    if not runs:
        return
    if context.ledger.supersede("finals", superseded):
        log.info(f"{adaptation}: {len(superseded)} final runs are superseded, since other trials are chosen now")
    log.info(f"{adaptation}: {len(runs)} final runs")
    left = Counter(cell.id for cell, *_ in runs.values())
    progress = Progress(f"{adaptation} final runs", left)

    def commit(final: FinishedFinal) -> None:
        failpoint("final-ended")
        cell, seed_index, chosen, settings = runs[final.key]
        row = run_row(context, cell, final, key=final.key, index=seed_index, settings=settings)
        row |= {
            "search_budget": context.study.adaptations[adaptation].trials,
            "selected_trial": chosen,
            "selection": cell.selection,
        }
        result = final.result
        scores = score_rows(final.key, result.scores if result else [])
        context.ledger.commit(
            "finals",
            row,
            curves=curve_rows(final.key, final.curves),
            predictions=prediction_rows(final.key, context.task(cell), result.predictions if result else []),
            scores=scores,
        )
        failpoint("final-committed")
        context.mirror.final(row, scores)
        progress.ended(cell.id, final.status)

    slot = context.study.resources.trial
    jobs = [
        FinalJob(key, context.job(cell).run(settings, identity.seed(key), scored_on(context.task(cell))))
        for key, (cell, _, _, settings) in runs.items()
    ]
    run_finals(
        jobs,
        commit=commit,
        run_job=context.run_job,
        limits=Limits(slot.timeout, slot.memory, oom_alone=slot.gpus > 0),
        cpus=slot.cpus,
        gpus=slot.gpus,
        slots=context.slots,
    )


def failed_cells(context: CellContext) -> int:
    """Cells without one completed final run."""
    scored = {row["key"] for row in context.ledger.rows("finals") if row["status"] == "completed"}
    return sum(not any(context.final_key(cell, i) in scored for i in range(cell.finals)) for cell in context.plan.cells)


def _chosen(context: CellContext, cell: Cell, trials: dict[str, dict[str, Any]]) -> tuple[int | None, dict | None]:
    """(trial, settings) for a cell's final runs; settings are None where no trial of it completed."""
    if not cell.searched:
        return None, context.settings(cell, {})
    rows = [trials[context.trial_key(cell, index)] for index in range(cell.trials)]
    index = select(rows)
    return (None, None) if index is None else (index, json.loads(rows[index]["settings"]))
