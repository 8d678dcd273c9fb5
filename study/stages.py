"""The third and fourth stage: every cell's trials, then final runs of the settings that they chose."""

import json
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from study import keys
from study.dimensions import Space, present
from study.failpoints import failpoint
from study.final import FinalDone, FinalJob, run_finals
from study.grid import Grid
from study.jobs import final_job
from study.ledger import ATTEMPTS, Ledger, frame
from study.plan import Cell
from study.progress import Progress
from study.records import curve_rows, prediction_rows, run_row, score_rows
from study.search import Limits, Past, Pruning, Search, SearchCell, TrialDone, search
from study.select import select
from trainables import adaptations


def search_stage(grid: Grid, adaptation: str, *, root: str, folder: Path) -> None:
    """All trials of one adaptation that the ledger lacks; its cells advance side by side."""
    study = grid.study
    asked, slot = study.adaptations[adaptation], study.resources.trial
    cells = {cell.id: cell for cell in grid.plan.of(adaptation) if cell.searched}
    space = asked.plain_space() or adaptations.get(adaptation).space
    searched = _with_history(grid, cells, space, asked.pruning.min_val_images, root)
    total, done = sum(cell.budget for cell in searched), sum(len(cell.past) for cell in searched)
    if done >= total:
        return
    grid.say(f"{adaptation}: {total - done} of {total} trials in {len(cells)} cells")
    left = {cell.id: cell.budget - len(cell.past) for cell in searched}
    progress = Progress(grid.say, f"{adaptation} trials", left, done=done)
    for each in searched:
        for trial in each.past.values():
            progress.best(trial.score, _scored(grid, cells[each.id], trial.score))

    def commit(trial: TrialDone) -> None:
        failpoint("trial-ended")
        cell = cells[trial.cell]
        key, settings = grid.trial_key(cell, trial.index), grid.settings(cell, trial.settings)
        row = run_row(grid, cell, trial, key=key, index=trial.index, settings=settings)
        row |= {"objective": study.selection.objective, "score": trial.score}
        row |= {"pruned_at": trial.pruned_at, "audit_score": trial.audit_score}
        curves = curve_rows(key, trial.curves)
        grid.ledger.commit("trials", row, curves=curves)
        failpoint("trial-committed")
        grid.mirror.trial(row, curves)
        progress.best(trial.score, _scored(grid, cell, trial.score))
        progress.ended(cell.id, trial.status)

    some = next(iter(cells.values()))
    search(
        searched,
        space,
        seed_of=lambda id, index: keys.seed(grid.trial_key(cells[id], index)),
        commit=commit,
        run_job=grid.run_job,
        how=Search(asked.search.sampler, asked.search.random_trials, asked.search.generation),
        pruning=Pruning(asked.pruning.enabled, asked.pruning.startup_trials, asked.pruning.warmup_epochs),
        audited=lambda id, index: keys.chosen(f"audit/{grid.trial_key(cells[id], index)}", asked.pruning.audit),
        release=lambda proposed: grid.settings(some, proposed).get("release_epoch", 0),
        limits=Limits(slot.timeout, slot.memory, oom_alone=slot.gpus > 0),
        cpus=slot.cpus,
        gpus=slot.gpus,
        slots=grid.slots,
        folder=folder,
        say=grid.say,
    )


def final_stage(grid: Grid, adaptation: str) -> None:
    """Each cell's chosen setting, trained again with fresh seeds and scored on the test set.

    A stored run of a setting that is no longer the chosen one, since failed trials were run again, is superseded.
    """
    trials = {row["key"]: row for row in grid.ledger.rows("trials")}
    stored = {row["key"]: row for row in grid.ledger.rows("finals")}
    runs: dict[str, tuple[Cell, int, int | None, dict]] = {}
    superseded = []
    for cell in grid.plan.of(adaptation):
        chosen, settings = _chosen(grid, cell, trials)
        if settings is None:
            continue
        for seed_index in range(cell.finals):
            key = grid.final_key(cell, seed_index)
            if key in stored and stored[key]["selected_trial"] == chosen:
                grid.check_stored(cell, stored[key], settings)
                continue
            runs[key] = (cell, seed_index, chosen, settings)
            superseded += [key] if key in stored else []
    if not runs:
        return
    if grid.ledger.supersede("finals", superseded):
        grid.say(f"{adaptation}: {len(superseded)} final runs are superseded, since other trials are chosen now")
    grid.say(f"{adaptation}: {len(runs)} final runs")
    left = Counter(cell.id for cell, *_ in runs.values())
    progress = Progress(grid.say, f"{adaptation} final runs", left)

    def commit(final: FinalDone) -> None:
        failpoint("final-ended")
        cell, seed_index, chosen, settings = runs[final.key]
        row = run_row(grid, cell, final, key=final.key, index=seed_index, settings=settings)
        row |= {
            "search_budget": grid.study.adaptations[adaptation].trials,
            "selected_trial": chosen,
            "selection": cell.selection,
        }
        result = final.result or {}
        scores = score_rows(final.key, result.get("scores", []))
        grid.ledger.commit(
            "finals",
            row,
            curves=curve_rows(final.key, final.curves),
            predictions=prediction_rows(final.key, grid.task(cell), result.get("predictions", [])),
            scores=scores,
        )
        failpoint("final-committed")
        grid.mirror.final(row, scores)
        progress.ended(cell.id, final.status)

    slot = grid.study.resources.trial
    jobs = [
        FinalJob(key, final_job(grid.job(cell), grid.task(cell), settings, keys.seed(key)))
        for key, (cell, _, _, settings) in runs.items()
    ]
    run_finals(
        jobs,
        commit=commit,
        run_job=grid.run_job,
        limits=Limits(slot.timeout, slot.memory, oom_alone=slot.gpus > 0),
        cpus=slot.cpus,
        gpus=slot.gpus,
        slots=grid.slots,
    )


def free_failed(ledger: Ledger, statuses: Collection[str]) -> tuple[int, int]:
    """Set aside the trials and final runs that ended so, to be run again; how many there were of each.

    A trial runs again with the settings and the seed that it had. Trials behind it stay as they are: they were proposed
    without its outcome. Where the cell's choice changes with it, `final_stage` makes its final runs anew.
    """
    moved = []
    for table in ("trials", "finals"):
        failed = {row["key"] for row in ledger.rows(table) if row["status"] in statuses}
        moved.append(ledger.supersede(table, failed))
    return moved[0], moved[1]


def failed_cells(grid: Grid) -> int:
    """Cells without one completed final run."""
    scored = {row["key"] for row in grid.ledger.rows("finals") if row["status"] == "completed"}
    return sum(not any(grid.final_key(cell, i) in scored for i in range(cell.finals)) for cell in grid.plan.cells)


def _with_history(
    grid: Grid, cells: Mapping[str, Cell], space: Space, min_val_images: int, root: str
) -> list[SearchCell]:
    """The cells with their trials in the ledger, each checked against what the study would run there now."""
    objective = grid.study.selection.objective
    sign = -1 if objective == "log_loss" else 1
    reports: dict[str, list[tuple[int, float]]] = defaultdict(list)
    on_validation = (pl.col("split") == "val") & (pl.col("metric") == objective) & pl.col("value").is_not_null()
    for key, epoch, value in frame(root, "curves").filter(on_validation).select("key", "epoch", "value").iter_rows():
        reports[key].append((epoch, sign * value))
    stored = {row["key"]: row for row in grid.ledger.rows("trials")}
    attempts = {row["key"]: row for row in grid.ledger.rows(ATTEMPTS) if row["table"] == "trials"}
    searched = []
    for cell in cells.values():
        past, again = {}, {}
        for index in range(cell.trials):
            key = grid.trial_key(cell, index)
            row = stored.get(key) or attempts.get(key)
            if row is None:
                continue
            settings = json.loads(row["settings"])
            grid.check_stored(cell, row, settings)
            proposed = present(space, settings)
            if key not in stored:
                again[index] = proposed
                continue
            seen = [(epoch, score) for epoch, score in sorted(reports[key]) if epoch <= (row["pruned_at"] or epoch)]
            past[index] = Past(proposed, row["status"], row["score"], seen)
        judged_on = len(cell.subset.val) or len(cell.subset.train)  # cross-validation judges on all of the subset
        pruned = judged_on >= min_val_images
        searched.append(SearchCell(cell.id, cell.trials, grid.job(cell), past, again, pruned))
    return searched


def _chosen(grid: Grid, cell: Cell, trials: dict[str, dict[str, Any]]) -> tuple[int | None, dict | None]:
    """(trial, settings) for a cell's final runs; settings are None where no trial of it completed."""
    if not cell.searched:
        return None, grid.settings(cell, {})
    rows = [trials[grid.trial_key(cell, index)] for index in range(cell.trials)]
    index = select(rows)
    return (None, None) if index is None else (index, json.loads(rows[index]["settings"]))


def _scored(grid: Grid, cell: Cell, score: float | None) -> str:
    """A trial's score in words, with the cell that it is of."""
    objective, of = grid.study.selection.objective, cell.factors
    value = 0.0 if score is None else abs(score)
    return f"{objective} {value:.3f} ({cell.encoder} on {of['task']}, {of['size_kind']} {of['size_value']:g})"
