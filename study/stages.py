"""The third and fourth stage: every cell's trials, then final runs of the settings that they chose."""

import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import polars as pl

from study import keys
from study.failpoints import failpoint
from study.final import FinalDone, FinalJob, run_finals
from study.grid import Grid
from study.jobs import final_job
from study.ledger import frame
from study.plan import Cell
from study.progress import Progress
from study.records import curve_rows, prediction_rows, run_row, score_rows
from study.search import Past, Pruning, SearchCell, TrialDone, search
from study.select import select
from trainables import adaptations


def search_stage(grid: Grid, adaptation: str, *, root: str, folder: Path) -> None:
    """All trials of one adaptation that the ledger lacks; its cells advance side by side."""
    study = grid.study
    asked = study.adaptations[adaptation]
    cells = {cell.id: cell for cell in grid.plan.of(adaptation) if cell.searched}
    space = {name: dimension.model_dump(exclude_none=True) for name, dimension in (asked.space or {}).items()}
    space = space or adaptations.get(adaptation).space
    history = _history(grid, list(cells.values()), list(space), root)
    total, done = sum(cell.trials for cell in cells.values()), sum(map(len, history.values()))
    if done >= total:
        return
    grid.say(f"{adaptation}: {total - done} of {total} trials in {len(cells)} cells")
    left = {id: cell.trials - len(history[id]) for id, cell in cells.items()}
    progress = Progress(grid.say, f"{adaptation} trials", left, done=done)
    for id, past in history.items():
        for trial in past:
            progress.best(trial.score, _scored(grid, cells[id], trial.score))

    def commit(trial: TrialDone) -> None:
        failpoint("trial-ended")
        cell = cells[trial.cell]
        key, settings = grid.trial_key(cell, trial.index), grid.settings(cell, trial.settings)
        row = run_row(grid, cell, trial, key=key, index=trial.index, settings=settings)
        row |= {"objective": study.selection.objective, "score": trial.score}
        curves = curve_rows(key, trial.curves)
        grid.ledger.commit("trials", row, curves=curves)
        failpoint("trial-committed")
        grid.mirror.trial(row, curves)
        progress.best(trial.score, _scored(grid, cell, trial.score))
        progress.ended(cell.id, trial.status)

    search(
        [SearchCell(id, cell.trials, grid.job(cell)) for id, cell in cells.items()],
        space,
        seed_of=lambda id, index: keys.seed(grid.trial_key(cells[id], index)),
        history=history,
        commit=commit,
        run_job=grid.run_job,
        pruning=Pruning(asked.pruning.enabled, asked.pruning.startup_trials, asked.pruning.warmup_epochs),
        cpus=study.resources.trial.cpus,
        gpus=study.resources.trial.gpus,
        slots=grid.slots,
        folder=folder,
        say=grid.say,
    )


def final_stage(grid: Grid, adaptation: str) -> None:
    """Each cell's chosen setting, trained again with fresh seeds and scored on the test set."""
    trials = {row["key"]: row for row in grid.ledger.rows("trials")}
    stored = {row["key"]: row for row in grid.ledger.rows("finals")}
    runs: dict[str, tuple[Cell, int, int | None, dict]] = {}
    for cell in grid.plan.of(adaptation):
        chosen, settings = _chosen(grid, cell, trials)
        if settings is None:
            continue
        for seed_index in range(cell.finals):
            key = grid.final_key(cell, seed_index)
            if key in stored:
                grid.check_stored(cell, stored[key], settings)
            else:
                runs[key] = (cell, seed_index, chosen, settings)
    if not runs:
        return
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
    run_finals(jobs, commit=commit, run_job=grid.run_job, cpus=slot.cpus, gpus=slot.gpus, slots=grid.slots)


def failed_cells(grid: Grid) -> int:
    """Cells without one completed final run."""
    scored = {row["key"] for row in grid.ledger.rows("finals") if row["status"] == "completed"}
    return sum(not any(grid.final_key(cell, i) in scored for i in range(cell.finals)) for cell in grid.plan.cells)


def _history(grid: Grid, cells: list[Cell], searched: list[str], root: str) -> dict[str, list[Past]]:
    """The cells' trials in the ledger, each checked against what the study would run there now."""
    objective = grid.study.selection.objective
    sign = -1 if objective == "log_loss" else 1
    reports: dict[str, list[tuple[int, float]]] = defaultdict(list)
    on_validation = (pl.col("split") == "val") & (pl.col("metric") == objective) & pl.col("value").is_not_null()
    for key, epoch, value in frame(root, "curves").filter(on_validation).select("key", "epoch", "value").iter_rows():
        reports[key].append((epoch, sign * value))
    stored = {row["key"]: row for row in grid.ledger.rows("trials")}
    history: dict[str, list[Past]] = {cell.id: [] for cell in cells}
    for cell in cells:
        for index in range(cell.trials):
            row = stored.get(grid.trial_key(cell, index))
            if row is None:
                break
            settings = json.loads(row["settings"])
            grid.check_stored(cell, row, settings)
            proposed = {name: settings[name] for name in searched}
            history[cell.id].append(Past(proposed, row["status"], row["score"], sorted(reports[row["key"]])))
    return history


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
