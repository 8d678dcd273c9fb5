"""Between Tune and the scheduler: Tune asks the searcher what is next and tells the scheduler what workers report."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray import cloudpickle
from ray.tune import TuneError
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from study.execution.held_signals import HeldSignals
from study.execution.limits import no_report
from study.execution.worker import describe, status_of
from study.execution.worker_failures import unwrapped
from study.search.scheduler import CellScheduler, OpenTrial
from trainables.contracts import Record


class TrialTable:
    """Which of Tune's trials is which of the scheduler's, and the error of ours that Tune would wrap.

    At most ``most`` trials are handed to Tune; a running one is ended after ``timeout`` seconds without a report.
    """

    def __init__(self, scheduler: CellScheduler, *, most: int, timeout: float | None):
        self.scheduler = scheduler
        self.failure: BaseException | None = None
        self._most = most
        self._timeout = timeout
        self._open: dict[str, OpenTrial] = {}
        self._trials: dict[str, Trial] = {}
        self._heard: dict[str, float] = {}

    def next(self, trial_id: str) -> Any:
        """What Tune shall run under this id: a configuration, nothing for now, or nothing any more."""
        self.sweep()
        if not self.scheduler.left or not self._most:
            return Searcher.FINISHED
        trial = self.scheduler.next_trial()
        if trial is None:
            return None
        self._most -= 1
        self._open[trial_id] = trial
        return {"cell": trial.cell, "settings": trial.settings, "seed": trial.seed}

    def added(self, trial: Trial) -> None:
        """A trial waits for a worker."""
        self._trials[trial.trial_id] = trial

    def reported(self, trial: Trial, began: float, record: Record) -> bool:
        """Take a record in; whether the trial has ended with it."""
        open_trial = self._open[trial.trial_id]
        open_trial.began(began)
        self._heard[trial.trial_id] = time.monotonic()
        with self._ours():
            ended = self.scheduler.on_record(open_trial, record)
        if ended:
            self._forget(trial.trial_id)
        return ended

    def sweep(self) -> None:
        """Deal the trials again whose workers died, and end those that have lost too many."""
        for trial_id, open_trial in list(self._open.items()):
            trial = self._trials.get(trial_id)
            if trial is not None and trial.status == Trial.ERROR:
                error = last_error(trial)
                if open_trial.failures.may_retry(error):
                    self.scheduler.again(open_trial)
                else:
                    with self._ours():
                        self.scheduler.end(open_trial, status_of(describe(error)), error=describe(error))
                self._forget(trial_id)

    def end_silent(self) -> None:
        """End the trials whose workers have had the time and reported nothing."""
        if self._timeout is None:
            return
        now = time.monotonic()
        for trial_id, open_trial in list(self._open.items()):
            trial = self._trials.get(trial_id)
            if trial is None or trial.status != Trial.RUNNING:
                self._heard.pop(trial_id, None)  # it waits for a worker
            elif now - self._heard.setdefault(trial_id, now) > self._timeout:
                kill_worker(trial)
                with self._ours():
                    self.scheduler.end(open_trial, "timed_out", error=no_report(self._timeout))
                self._forget(trial_id)

    def kill_workers(self) -> None:
        """End what is running now, rather than at the end of its epoch."""
        for trial_id in self._open:
            if trial_id in self._trials:
                kill_worker(self._trials[trial_id])

    @contextmanager
    def _ours(self) -> Iterator[None]:
        """An error in here is kept for the caller of the search, and nothing runs on."""
        try:
            yield
        except BaseException as error:
            self.failure = error
            self.kill_workers()
            raise

    def _forget(self, trial_id: str) -> None:
        del self._open[trial_id], self._trials[trial_id]
        self._heard.pop(trial_id, None)


def kill_worker(trial: Trial) -> None:
    """End the process that runs a trial, if one does."""
    if trial.temporary_state.ray_actor is not None:
        ray.kill(trial.temporary_state.ray_actor)


def last_error(trial: Trial) -> BaseException:
    """Why Tune gave a trial up."""
    if trial.pickled_error_file is None:
        return TuneError("the worker could not be used again")
    return unwrapped(cloudpickle.loads(Path(trial.pickled_error_file).read_bytes()))


class CellSearcher(Searcher):
    """Hands Tune what the scheduler deals. The ledger is its only state: what Tune saves of it is empty."""

    def __init__(self, table: TrialTable):
        super().__init__()
        self._table = table

    def suggest(self, trial_id: str) -> Any:
        return self._table.next(trial_id)

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        pass  # Tune swallows what is raised here, so a trial ends with its last record or in a sweep

    def save(self, checkpoint_path: str) -> None:
        pass

    def restore(self, checkpoint_path: str) -> None:
        raise NotImplementedError("a search goes on from its ledger")

    def __getstate__(self) -> dict[str, Any]:
        return {}


class RecordScheduler(FIFOScheduler):
    """Stops a trial when the scheduler says that it has ended, and everything when a signal came."""

    def __init__(self, table: TrialTable, signals: HeldSignals):
        super().__init__()
        self._table = table
        self._signals = signals

    def on_trial_add(self, tune_controller: Any, trial: Trial) -> None:
        self._table.added(trial)

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        began, record = result["message"]
        return TrialScheduler.STOP if self._table.reported(trial, began, record) else TrialScheduler.CONTINUE

    def choose_trial_to_run(self, tune_controller: Any) -> Trial | None:
        """End the silent, and everything once a signal came. Tune calls this at every step and raises what it raises.

        Prefers no trial: Tune would give a free worker to the trial that already has one on its way, throw that one
        away and start another for the next trial, over and over while trials are shorter than a worker's start.
        """
        self._table.end_silent()
        try:
            self._signals.check()
        except Exception:
            self._table.kill_workers()
            raise
        return None

    def __getstate__(self) -> dict[str, Any]:
        return {}
