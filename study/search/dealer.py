"""Who is next, and what becomes of it: trials dealt evenly over the cells, and committed when they end.

Knows nothing of Ray, so that the order in which things end can be played through in a test.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from study.ended import EndedRun
from study.search.cells import CellStudy, Past


@dataclass(frozen=True)
class SearchCell:
    """A cell to search: its id, the trials it may spend in all, and a trial's job without ``settings`` and ``seed``."""

    id: str
    budget: int
    job: dict[str, Any]


@dataclass(kw_only=True)
class TrialDone(EndedRun):
    """An ended trial.

    ``score`` is that of a completed trial's last epoch and None for any other; ``reports`` holds every epoch's.
    """

    cell: str
    index: int
    score: float | None
    reports: list[tuple[int, float]]


@dataclass
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

    def began(self, seconds: float) -> None:
        """Note when a worker began with it, in seconds since 1970; before, it may have waited for one."""
        self.started_at = datetime.fromtimestamp(seconds, UTC)


class Dealer:
    """Deals at most ``slots`` trials at a time, one a cell, and commits each when it ends.

    A cell may start a trial only while no cell with budget left has started fewer, so that started trials differ by
    one at most.
    """

    def __init__(self, studies: dict[str, CellStudy], *, slots: int, commit: Callable[[TrialDone], None]):
        self.studies = studies
        self._slots = slots
        self._commit = commit
        self._running = 0

    @property
    def left(self) -> int:
        """Trials that are still to be started."""
        return sum(max(0, study.budget - study.started) for study in self.studies.values())

    def deal(self) -> OpenTrial | None:
        """Start the next trial, or None while everything that may start is running."""
        if self._running >= self._slots:
            return None
        left = {cell: study for cell, study in self.studies.items() if study.started < study.budget}
        fewest = min((study.started for study in left.values()), default=0)
        for cell, study in left.items():
            if study.started == fewest and not study.open:
                self._running += 1
                index, settings, seed = study.propose()
                return OpenTrial(cell, study, index, settings, seed, datetime.now(UTC))
        return None

    def restart(self, trial: OpenTrial) -> None:
        """Forget what a trial reported before its worker died: it runs again from its beginning."""
        trial.study.propose()
        trial.curves, trial.reports, trial.epochs, trial.images = [], [], 0, 0

    def take(self, trial: OpenTrial, record: dict[str, Any]) -> bool:
        """Take a worker's record in; True when the trial has ended with it and its worker is to stop."""
        if "failed" in record:
            self.end(trial, record["failed"], error=record["error"])
            return True
        epoch, step, score = record["epoch"], record["step"], record["score"]
        trial.epochs, trial.images = epoch, record["images"]
        trial.curves += [(epoch, step, split, metric, finite(value)) for split, metric, value in record["curves"]]
        if score is None or not math.isfinite(score):
            self.end(trial, "failed_nan", error=f"the score of epoch {epoch} is {score}")
            return True
        trial.reports.append((epoch, score))
        prune = trial.study.report(epoch, score)
        if record["result"] is not None:
            self.end(trial, "completed", score=score, result=record["result"])
            return True
        if prune:
            self.end(trial, "pruned")
        return prune

    def end(
        self,
        trial: OpenTrial,
        status: str,
        *,
        score: float | None = None,
        result: dict[str, Any] | None = None,
        error: str | None = None,
    ) -> None:
        """Commit a trial, then close it: a trial that could not be committed has not ended."""
        done = TrialDone(
            cell=trial.cell,
            index=trial.index,
            settings=trial.settings,
            status=status,
            score=score,
            curves=trial.curves,
            reports=trial.reports,
            result=result,
            seed=trial.seed,
            error=error,
            started_at=trial.started_at,
            ended_at=datetime.now(UTC),
            epochs=trial.epochs,
            images=trial.images,
        )
        self._commit(done)
        trial.study.end(Past(trial.settings, status, score, trial.reports))
        self._running -= 1


def finite(value: float | None) -> float | None:
    """The value, or None where there is no finite one: tables hold null, never NaN."""
    return value if value is not None and math.isfinite(value) else None
