"""The stage that searches: every cell's trials, side by side."""

import json
import logging
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import polars as pl

from study import identity
from study.config.search_space import Space, present
from study.execution.cell_context import CellContext
from study.execution.ledger_rows import curve_rows, run_row
from study.execution.limits import Limits
from study.failpoints import failpoint
from study.ledger import ATTEMPTS, frame
from study.planning.plan import Cell
from study.progress import Progress
from study.search import FinishedTrial, PastTrial, Pruning, Search, SearchCell, search
from trainables import adaptations

log = logging.getLogger(__name__)


def search_stage(context: CellContext, adaptation: str, *, root: str, folder: Path) -> None:
    """All trials of one adaptation that the ledger lacks; its cells advance side by side."""
    study = context.study
    asked, slot = study.adaptations[adaptation], study.resources.trial
    cells = {cell.id: cell for cell in context.plan.of(adaptation) if cell.searched}
    space = asked.plain_space() or adaptations.get(adaptation).space
    searched = _with_history(context, cells, space, asked.pruning.min_val_images, root)
    total, done = sum(cell.budget for cell in searched), sum(len(cell.past) for cell in searched)
    if done >= total:
        return
    log.info(f"{adaptation}: {total - done} of {total} trials in {len(cells)} cells")
    left = {cell.id: cell.budget - len(cell.past) for cell in searched}
    progress = Progress(f"{adaptation} trials", left, done=done)
    for each in searched:
        for trial in each.past.values():
            progress.best(trial.score, _scored(context, cells[each.id], trial.score))

    def commit(trial: FinishedTrial) -> None:
        failpoint("trial-ended")
        cell = cells[trial.cell]
        key, settings = context.trial_key(cell, trial.index), context.settings(cell, trial.settings)
        row = run_row(context, cell, trial, key=key, index=trial.index, settings=settings)
        row |= {"objective": study.selection.objective, "score": trial.score}
        row |= {"pruned_at": trial.pruned_at, "audit_score": trial.audit_score}
        curves = curve_rows(key, trial.curves)
        context.ledger.commit("trials", row, curves=curves)
        failpoint("trial-committed")
        context.mirror.trial(row, curves)
        progress.best(trial.score, _scored(context, cell, trial.score))
        progress.ended(cell.id, trial.status)

    some = next(iter(cells.values()))
    search(
        searched,
        space,
        seed_of=lambda id, index: identity.seed(context.trial_key(cells[id], index)),
        commit=commit,
        run_job=context.run_job,
        how=Search(asked.search.sampler, asked.search.random_trials, asked.search.generation),
        pruning=Pruning(asked.pruning.enabled, asked.pruning.startup_trials, asked.pruning.warmup_epochs),
        audited=lambda id, index: identity.chosen(f"audit/{context.trial_key(cells[id], index)}", asked.pruning.audit),
        release=lambda proposed: context.settings(some, proposed).get("release_epoch", 0),
        limits=Limits(slot.timeout, slot.memory, oom_alone=slot.gpus > 0),
        cpus=slot.cpus,
        gpus=slot.gpus,
        slots=context.slots,
        folder=folder,
    )


def _with_history(
    context: CellContext, cells: Mapping[str, Cell], space: Space, min_val_images: int, root: str
) -> list[SearchCell]:
    """The cells with their trials in the ledger, each checked against what the study would run there now."""
    objective = context.study.selection.objective
    sign = -1 if objective == "log_loss" else 1
    reports: dict[str, list[tuple[int, float]]] = defaultdict(list)
    on_validation = (pl.col("split") == "val") & (pl.col("metric") == objective) & pl.col("value").is_not_null()
    for key, epoch, value in frame(root, "curves").filter(on_validation).select("key", "epoch", "value").iter_rows():
        reports[key].append((epoch, sign * value))
    stored = {row["key"]: row for row in context.ledger.rows("trials")}
    attempts = {row["key"]: row for row in context.ledger.rows(ATTEMPTS) if row["table"] == "trials"}
    searched = []
    for cell in cells.values():
        past, again = {}, {}
        for index in range(cell.trials):
            key = context.trial_key(cell, index)
            row = stored.get(key) or attempts.get(key)
            if row is None:
                continue
            settings = json.loads(row["settings"])
            context.check_stored(cell, row, settings)
            proposed = present(space, settings)
            if key not in stored:
                again[index] = proposed
                continue
            seen = [(epoch, score) for epoch, score in sorted(reports[key]) if epoch <= (row["pruned_at"] or epoch)]
            past[index] = PastTrial(proposed, row["status"], row["score"], seen)
        judged_on = len(cell.subset.val) or len(cell.subset.train)  # cross-validation judges on all of the subset
        pruned = judged_on >= min_val_images
        searched.append(SearchCell(cell.id, cell.trials, context.job(cell), past, again, pruned))
    return searched


def _scored(context: CellContext, cell: Cell, score: float | None) -> str:
    """A trial's score in words, with the cell that it is of."""
    objective, of = context.study.selection.objective, cell.factors
    value = 0.0 if score is None else abs(score)
    return f"{objective} {value:.3f} ({cell.encoder} on {of['task']}, {of['size_kind']} {of['size_value']:g})"
