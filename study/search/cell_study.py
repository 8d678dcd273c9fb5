"""One Optuna study a cell, which sees nothing but the cell's own trials, generation by generation.

Proposal i of a cell is a pure function of its seed, of the ended trials of earlier generations, and of the settings,
not the outcomes, of those before it in its own; a prune is one of the reports so far and of earlier generations. A
search that goes on after a crash, a trial that runs again and an undisturbed search therefore share one path.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState, create_trial

from study.config.search_space import Space, order
from study.search.distributions import distributions, suggest
from study.search.pruning import Pruning
from study.search.samplers import Search
from study.vocabulary import COMPLETED, PRUNED

STATES = {COMPLETED: TrialState.COMPLETE, PRUNED: TrialState.PRUNED}


@dataclass(frozen=True)
class PastTrial:
    """An ended trial as the ledger keeps it; ``reports`` are its ``(epoch, score)`` pairs up to its prune."""

    settings: dict[str, Any]
    status: str
    score: float | None
    reports: list[tuple[int, float]] = field(default_factory=list)


class CellStudy:
    """The trials of one cell: ``past`` by index, and the open ones, all of one generation.

    ``again`` holds settings by index that are run as they are: those of trials that an earlier attempt has failed at.
    ``release`` gives the epoch after which settings train the encoder.
    """

    def __init__(
        self,
        budget: int,
        space: Space,
        past: Mapping[int, PastTrial],
        *,
        seed_of: Callable[[int], int],
        pruning: Pruning,
        search: Search,
        again: Mapping[int, dict[str, Any]] | None = None,
        release: Callable[[Mapping[str, Any]], int] = lambda settings: 0,
    ):
        self.budget = budget
        self.past = dict(past)
        self._space = {name: space[name] for name in order(space)}
        self._distributions = distributions(space)
        self._seed_of = seed_of
        self._search = search
        self._again = dict(again or {})
        self._release = release
        self._pruner = pruning.pruner()
        self._open: dict[int, dict[str, Any]] = {}
        self._reports: dict[int, list[tuple[int, float]]] = {}
        self.drop_study()

    @property
    def started(self) -> int:
        """How many trials have been started, the open ones among them."""
        return len(self.past) + len(self._open)

    @property
    def ready(self) -> bool:
        """Whether the next trial may start: budget is left and the generations before it have ended."""
        return self.started < self.budget and all(each in self.past for each in range(self._first(self._next())))

    def propose(self) -> tuple[int, dict[str, Any], int]:
        """Open the next trial: its index, settings and seed."""
        index = self._next()
        seed = self._seed_of(index)
        self._open[index] = self._again.pop(index) if index in self._again else self._ask(index)
        self._reports[index] = []
        return index, dict(self._open[index]), seed

    def restart(self, index: int) -> None:
        """Forget what an open trial has reported: it runs again from its beginning."""
        self._reports[index] = []

    def report(self, index: int, epoch: int, score: float) -> bool:
        """Note an open trial's score (larger is better) after an epoch; whether the cell's pruner stops it there."""
        self._reports[index].append((epoch, score))
        steps = self._steps(self._open[index], self._reports[index])
        if not steps:
            return False
        self._advance(self._first(index))
        return self._pruner.prune(self._study, self._frozen(self._open[index], TrialState.RUNNING, steps))

    def end(self, index: int, trial: PastTrial) -> None:
        """Close an open trial; it counts against the budget however it ended."""
        del self._open[index], self._reports[index]
        self.past[index] = trial
        if len(self.past) == self.budget:
            self.drop_study()

    def drop_study(self) -> None:
        """Drop all that can be made again from the trials: thousands of cells shall not hold a study each."""
        self._held: optuna.Study | None = None
        self._given = 0
        self._asked: list[optuna.Trial] = []

    @property
    def _study(self) -> optuna.Study:
        if self._held is None:
            self._held = optuna.create_study(direction="maximize")
        return self._held

    def _next(self) -> int:
        return next(i for i in range(self.budget) if i not in self.past and i not in self._open)

    def _first(self, index: int) -> int:
        """The first index of the generation that this one belongs to."""
        return index - index % self._search.generation

    def _ask(self, index: int) -> dict[str, Any]:
        """What the sampler proposes there."""
        first = self._first(index)
        self._advance(first)
        for mate in range(first + len(self._asked), index):
            self._enter(mate, self._open[mate] if mate in self._open else self.past[mate].settings)
        trial = self._asks(index)
        self._asked.append(trial)
        return suggest(trial, self._space)

    def _advance(self, first: int) -> None:
        """Let the study hold the outcomes of all trials before this first one of a generation, and of no other."""
        if self._given > first:
            self.drop_study()
        while self._given < first:
            generation = range(self._given, self._given + self._search.generation)
            if self._asked or self._search.remembers:
                for index in generation[len(self._asked) :]:
                    self._enter(index, self.past[index].settings)
                for index, trial in zip(generation, self._asked, strict=True):
                    self._tell(trial, self.past[index])
            else:
                for index in generation:
                    self._study.add_trial(self._ended(self.past[index]))
            self._asked = []
            self._given += self._search.generation

    def _asks(self, index: int) -> optuna.Trial:
        self._study.sampler = self._search.made(self._seed_of(index))
        return self._study.ask()

    def _enter(self, index: int, settings: dict[str, Any]) -> None:
        """Open a trial of known settings in the study; the sampler takes notes as if it had proposed them."""
        self._study.enqueue_trial(settings)
        trial = self._asks(index)
        if self._search.remembers:
            assert trial.relative_params is not None  # looking is what makes the sampler take its notes
        suggest(trial, self._space)
        self._asked.append(trial)

    def _tell(self, trial: optuna.Trial, past: PastTrial) -> None:
        for step, score in self._steps(past.settings, past.reports).items():
            trial.report(score, step)
        state = STATES.get(past.status, TrialState.FAIL)
        self._study.tell(trial, past.score if state is TrialState.COMPLETE else None, state=state)

    def _ended(self, past: PastTrial) -> FrozenTrial:
        state = STATES.get(past.status, TrialState.FAIL)
        return self._frozen(past.settings, state, self._steps(past.settings, past.reports), value=past.score)

    def _frozen(
        self, settings: dict[str, Any], state: TrialState, steps: dict[int, float], *, value: float | None = None
    ) -> FrozenTrial:
        return create_trial(
            state=state,
            value=value if state is TrialState.COMPLETE else None,
            params=settings,
            distributions={name: self._distributions[name] for name in settings},
            intermediate_values=steps,
        )

    def _steps(self, settings: dict[str, Any], reports: list[tuple[int, float]]) -> dict[int, float]:
        """Scores by epochs since the encoder's release."""
        release = self._release(settings)
        return {epoch - release: score for epoch, score in reports if epoch > release}
