"""Who is next, and what becomes of it: trials dealt evenly over the cells, and committed when they end.

Starts nothing itself, so that the order in which things end can be played through in a test.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from study.execution.finished_run import FinishedRun, finite
from study.execution.worker_failures import WorkerFailures
from study.search.cell_study import CellStudy, PastTrial
from study.vocabulary import COMPLETED
from trainables.contracts import CellJob, Failure, Record, RunResult

CACHED_STUDIES = 1000
"""Cells whose Optuna study is kept; that of any other is built again from its trials when its turn comes."""


@dataclass(frozen=True)
class SearchCell:
    """A cell to search: its id, the trials it may spend in all, and what its trials' jobs have in common.

    ``past`` are its ended trials by index, ``again`` the settings of trials that are run once more as they were;
    ``pruned``: whether its validation set is large enough to judge a trial before its end.
    """

    id: str
    budget: int
    job: CellJob
    past: Mapping[int, PastTrial] = field(default_factory=dict)
    again: Mapping[int, dict[str, Any]] = field(default_factory=dict)
    pruned: bool = True


@dataclass(kw_only=True)
class FinishedTrial(FinishedRun):
    """An ended trial.

    ``score`` is that of a completed trial's last epoch and None for any other; ``reports`` holds every epoch's up to
    ``pruned_at``, the epoch at which it was pruned. A pruned trial that was finished for the audit has an
    ``audit_score``, which the search itself never sees.
    """

    cell: str
    index: int
    score: float | None
    reports: list[tuple[int, float]]
    pruned_at: int | None
    audit_score: float | None


@dataclass(eq=False)
class OpenTrial:
    """A trial that has been dealt and not ended, with what it has reported so far."""

    cell: str
    study: CellStudy
    index: int
    settings: dict[str, Any]
    seed: int
    started_at: datetime
    curves: list[tuple[int, int, str, str, float | None]] = field(default_factory=list)
    reports: list[tuple[int, float]] = field(default_factory=list)
    epochs: int = 0
    images: int = 0
    pruned_at: int | None = None
    failures: WorkerFailures = field(default_factory=WorkerFailures)
    alone: bool = False
    """Whether it has run out of memory once and now runs with nothing beside it."""

    def began(self, seconds: float) -> None:
        """Note when a worker began with it, in seconds since 1970; before, it may have waited for one."""
        self.started_at = datetime.fromtimestamp(seconds, UTC)


class CellScheduler:
    """Deals at most ``slots`` trials at a time, of a cell only those of one generation, and commits each when it ends.

    A cell may start a trial only while no cell with budget left has started fewer, so that started trials differ by
    one at most. ``audited`` picks, by cell and index, the trials that are finished although they are pruned;
    ``oom_alone`` deals a trial that ran out of memory once more, when nothing else is running.
    """

    def __init__(
        self,
        studies: dict[str, CellStudy],
        *,
        slots: int,
        commit: Callable[[FinishedTrial], None],
        audited: Callable[[str, int], bool] = lambda cell, index: False,
        oom_alone: bool = False,
    ):
        self._left = sum(max(0, study.budget - study.started) for study in studies.values())
        self._levels: dict[int, dict[str, CellStudy]] = {}  # the cells with budget left, by their started trials
        for cell, study in studies.items():
            self._place(cell, study)
        self._slots = slots
        self._commit = commit
        self._audited = audited
        self._oom_alone = oom_alone
        self._running: list[OpenTrial] = []
        self._cached: dict[str, CellStudy] = {}
        self._lost: list[OpenTrial] = []
        self._held_back: list[OpenTrial] = []

    @property
    def left(self) -> int:
        """Trials that are still to be started, or to be started again."""
        return self._left + len(self._lost) + len(self._held_back)

    def next_trial(self) -> OpenTrial | None:
        """Start the next trial, or None while everything that may start is running."""
        if self._held_back or any(trial.alone for trial in self._running):
            return None if self._running else self._run(self._held_back.pop(0))
        if len(self._running) >= self._slots:
            return None
        if self._lost:
            return self._run(self._lost.pop(0))
        if not self._levels:
            return None
        level = self._levels[min(self._levels)]
        for cell, study in level.items():  # of those in front that are not ready, each has a running trial
            if study.ready:
                index, settings, seed = study.propose()
                self._cache(cell, study)
                self._left -= 1
                del level[cell]
                self._place(cell, study)
                return self._run(OpenTrial(cell, study, index, settings, seed, datetime.now(UTC)))
        return None

    def again(self, trial: OpenTrial) -> None:
        """Deal a trial once more whose worker is gone; it runs from its beginning."""
        self._running.remove(trial)
        self._restart(trial)
        self._lost.append(trial)

    def _restart(self, trial: OpenTrial) -> None:
        """Forget what a trial has reported."""
        trial.study.restart(trial.index)
        trial.curves, trial.reports, trial.epochs, trial.images, trial.pruned_at = [], [], 0, 0, None

    def on_record(self, trial: OpenTrial, record: Record) -> bool:
        """Take a worker's record in; True when the trial has ended with it and its worker is to stop."""
        if isinstance(record, Failure):
            self.end(trial, record.status, error=record.error)
            return True
        epoch, step, score = record.epoch, record.step, record.score
        trial.epochs, trial.images = epoch, record.images
        trial.curves += [(epoch, step, split, metric, finite(value)) for split, metric, value in record.curves]
        if score is None or not math.isfinite(score):
            self.end(trial, "failed_nan", error=f"the score of epoch {epoch} is {score}")
            return True
        prune = False
        if trial.pruned_at is None:
            trial.reports.append((epoch, score))
            prune = trial.study.report(trial.index, epoch, score)
        if record.result is not None:
            self.end(trial, COMPLETED, score=score, result=record.result)
            return True
        if prune:
            trial.pruned_at = epoch
            if not self._audited(trial.cell, trial.index):
                self.end(trial, "pruned")
                return True
        return False

    def end(
        self,
        trial: OpenTrial,
        status: str,
        *,
        score: float | None = None,
        result: RunResult | None = None,
        error: str | None = None,
    ) -> None:
        """Commit a trial, then close it: a trial that could not be committed has not ended.

        One that was pruned stays so, whatever its audit came to.
        """
        self._running.remove(trial)
        if status == "failed_oom" and self._oom_alone and not trial.alone:
            self._restart(trial)
            trial.alone = True
            self._held_back.append(trial)
            return
        pruned = trial.pruned_at is not None
        done = FinishedTrial(
            cell=trial.cell,
            index=trial.index,
            settings=trial.settings,
            status="pruned" if pruned else status,
            score=None if pruned else score,
            curves=trial.curves,
            reports=trial.reports,
            pruned_at=trial.pruned_at,
            audit_score=score if pruned else None,
            result=result,
            seed=trial.seed,
            error=error,
            started_at=trial.started_at,
            ended_at=datetime.now(UTC),
            epochs=trial.epochs,
            images=trial.images,
        )
        self._commit(done)
        trial.study.end(trial.index, PastTrial(trial.settings, done.status, done.score, trial.reports))

    def _cache(self, cell: str, study: CellStudy) -> None:
        """Let the cell rest that was dealt from the longest ago, when there are too many."""
        self._cached.pop(cell, None)
        self._cached[cell] = study
        if len(self._cached) > CACHED_STUDIES:
            self._cached.pop(next(iter(self._cached))).drop_study()

    def _place(self, cell: str, study: CellStudy) -> None:
        """Put a cell among those that have started as many trials, unless its budget is spent."""
        self._levels = {started: cells for started, cells in self._levels.items() if cells}
        if study.started < study.budget:
            self._levels.setdefault(study.started, {})[cell] = study

    def _run(self, trial: OpenTrial) -> OpenTrial:
        self._running.append(trial)
        return trial
