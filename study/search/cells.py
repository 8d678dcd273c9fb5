"""One Optuna study a cell, rebuilt from what has ended before each proposal.

Proposal i of a cell is a pure function of its seed and of the trials 0..i-1 of that cell, and a prune is one of the
reports so far and of those trials. A search that goes on after a crash, a trial that runs again and an undisturbed
search therefore share one path.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState, create_trial

optuna.logging.set_verbosity(optuna.logging.WARNING)

Space = Mapping[str, Mapping[str, Any]]
STATES = {"completed": TrialState.COMPLETE, "pruned": TrialState.PRUNED}


@dataclass(frozen=True)
class Pruning:
    """Optuna's median rule: stop a trial whose best score so far is below the completed trials' median at that epoch.

    ``n_startup_trials`` completed trials are awaited first, and no trial is stopped before epoch ``n_warmup_steps``.
    """

    enabled: bool = True
    n_startup_trials: int = 4
    n_warmup_steps: int = 1

    def pruner(self) -> optuna.pruners.BasePruner:
        """The Optuna pruner of these settings."""
        if not self.enabled:
            return optuna.pruners.NopPruner()
        return optuna.pruners.MedianPruner(n_startup_trials=self.n_startup_trials, n_warmup_steps=self.n_warmup_steps)


@dataclass(frozen=True)
class Past:
    """An ended trial as the ledger keeps it; ``reports`` are its ``(epoch, score)`` pairs."""

    settings: dict[str, Any]
    status: str
    score: float | None
    reports: list[tuple[int, float]] = field(default_factory=list)


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Optuna's distributions of a plain space: ``{"low", "high", "log", "int"}`` or ``{"choices"}`` a name.

    Raises ``ValueError`` where bounds or choices are impossible.
    """
    made: dict[str, BaseDistribution] = {}
    for name, entry in space.items():
        if "choices" in entry:
            made[name] = CategoricalDistribution(entry["choices"])
        elif entry.get("int", False):
            made[name] = IntDistribution(entry["low"], entry["high"], log=entry.get("log", False))
        else:
            made[name] = FloatDistribution(entry["low"], entry["high"], log=entry.get("log", False))
    return made


class CellStudy:
    """The trials of one cell: at most one is open, and what it is proposed depends on the ended ones alone."""

    def __init__(
        self,
        budget: int,
        space: Space,
        past: Iterable[Past],
        *,
        seed_of: Callable[[int], int],
        pruning: Pruning,
        random_trials: int,
    ):
        self.budget = budget
        self.past = list(past)
        self._space = distributions(space)
        self._seed_of = seed_of
        self._pruner = pruning.pruner()
        self._random_trials = random_trials
        self._open: optuna.Trial | None = None

    @property
    def open(self) -> bool:
        """Whether a trial of this cell is running."""
        return self._open is not None

    @property
    def started(self) -> int:
        """How many trials have been started, the open one among them."""
        return len(self.past) + self.open

    def propose(self) -> tuple[int, dict[str, Any], int]:
        """Open the next trial, or the same one again with nothing reported: its index, settings and seed."""
        index = len(self.past)
        seed = self._seed_of(index)
        sampler = optuna.samplers.TPESampler(seed=seed % 2**32, n_startup_trials=self._random_trials)
        study = optuna.create_study(direction="maximize", sampler=sampler, pruner=self._pruner)
        study.add_trials([self._replayed(trial) for trial in self.past])
        self._open = study.ask(self._space)
        return index, dict(self._open.params), seed

    def report(self, epoch: int, score: float) -> bool:
        """Note the open trial's score (larger is better) after an epoch; whether the cell's pruner stops it there."""
        assert self._open is not None
        self._open.report(score, step=epoch)
        return self._open.should_prune()

    def end(self, trial: Past) -> None:
        """Close the open trial; it counts against the budget however it ended."""
        self._open = None
        self.past.append(trial)

    def _replayed(self, trial: Past) -> optuna.trial.FrozenTrial:
        return create_trial(
            state=STATES.get(trial.status, TrialState.FAIL),
            value=trial.score if trial.status == "completed" else None,
            params={name: trial.settings[name] for name in self._space},
            distributions=self._space,
            intermediate_values=dict(trial.reports),
        )
