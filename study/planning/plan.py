"""From a study and its frozen tasks to everything that will be run; pure, and the same wherever it is computed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any, Protocol

import polars as pl

from study import identity
from study.config import AdaptationConfig, Study
from study.planning.sizes import Drawing, Levels
from study.planning.subsets import Pool, Subset
from study.vocabulary import Kind, encoder_name, position


class SplitTask(Protocol):
    """What planning needs of a frozen task; ``folds`` are its outer folds, each with samples of its own."""

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> list[str]: ...

    @property
    def kind(self) -> Kind: ...

    @property
    def samples(self) -> pl.DataFrame: ...

    @property
    def folds(self) -> "Sequence[SplitTask]": ...


@dataclass(frozen=True)
class Encoder:
    """Weights that the study makes (a method), draws at random (scratch) or is handed (a file)."""

    initialisation: str
    pretrain_seed: int
    pretrained_here: bool
    start: str | None = None
    """The encoder that its pre-training goes on from; None for random weights."""

    @property
    def name(self) -> str:
        return encoder_name(self.initialisation, self.pretrain_seed)

    @property
    def factors(self) -> dict[str, Any]:
        return position(initialisation=self.initialisation, pretrain_seed=self.pretrain_seed)


@dataclass(frozen=True)
class Cell:
    """One combination of all factors, with the labels it may use and the budget it has.

    ``factors``: those that are not at their default. ``selection``: how its setting is found: ``search`` judged on
    validation images, ``cv`` (a search judged by cross-validation inside the subset), or ``defaults``.
    """

    identity: Mapping[str, Any]
    factors: Mapping[str, Any]
    subset: Subset
    selection: str
    trials: int
    finals: int

    @cached_property
    def id(self) -> str:
        return identity.key(self.identity, self.factors, "cell", None)

    @property
    def searched(self) -> bool:
        return self.selection != "defaults"

    @property
    def encoder(self) -> str:
        return encoder_name(self.factors["initialisation"], self.factors["pretrain_seed"])


@dataclass(frozen=True)
class Plan:
    identity: Mapping[str, Any]
    encoders: list[Encoder]
    cells: list[Cell]
    left_out: list[str]
    """Sizes that a task cannot have, each with the reason, where the study asks to go on without them."""

    def of(self, adaptation: str) -> list[Cell]:
        return [cell for cell in self.cells if cell.factors["adaptation"] == adaptation]

    @property
    def pretraining_runs(self) -> list[Encoder]:
        return [encoder for encoder in self.encoders if encoder.pretrained_here]


def make_plan(study: Study, tasks: Mapping[str, SplitTask]) -> Plan:
    """Every encoder and every cell of the study.

    Raises:
        InputRefused: where a size cannot be had of a task, naming the smallest (or largest) that can.
    """
    identity = {"name": study.name, "seed": study.seed}
    compared = {name: _encoders(study, name) for name in study.compared()}
    encoders = [each.factors for own in compared.values() for each in own]
    drawings = {task.name: _drawings(study, task) for task in tasks.values()}
    cells: list[Cell] = []
    left_out: list[str] = []
    for adaptation_name, adaptation in study.adaptations.items():
        for task in tasks.values():
            for drawing in drawings[task.name]:
                for factors, subset in _subsets(study, adaptation_name, drawing, left_out):
                    selection, subset = _selection(study, subset)
                    trials = adaptation.trials if selection != "defaults" else 0
                    cells += [
                        Cell(identity, encoder | factors, subset, selection, trials, adaptation.finals)
                        for encoder in encoders
                    ]
    return Plan(identity, _with_starts(study, list(compared)), cells, [*dict.fromkeys(left_out)])


def _drawings(study: Study, task: SplitTask) -> list[Drawing]:
    """A task's pool of patients, or those of its outer folds."""
    if not task.folds:
        return [Drawing(task.name, None, Pool.of(task.samples, task.classes, task.kind), study.seed)]
    return [
        Drawing(task.name, fold, Pool.of(each.samples, task.classes, task.kind), study.seed)
        for fold, each in enumerate(task.folds)
    ]


def _subsets(study: Study, name: str, drawing: Drawing, left_out: list[str]) -> Iterator[tuple[dict[str, Any], Subset]]:
    """All factors but the encoder, of each cell of an adaptation on a pool, with the subset that belongs to them."""
    adaptation = study.adaptations[name]
    where_drawn = position(task=drawing.task, adaptation=name, fold=drawing.fold)
    at, folds = f"adaptations.{name}.sizes", study.selection.folds
    for each in dict.fromkeys(product(adaptation.validation, adaptation.label_noise, adaptation.imbalance)):
        levels = Levels(*each)
        drawn = drawing.subsets(adaptation, at, levels=levels, folds=folds, left_out=left_out)
        for draw in range(adaptation.draws):
            for (kind, value), of_draws in drawn.items():
                chosen = position(size_kind=kind, size_value=value, draw=draw, **levels._asdict())
                for length in _lengths(adaptation):
                    yield where_drawn | chosen | length, of_draws[draw]


def _lengths(adaptation: AdaptationConfig) -> list[dict[str, str]]:
    """The factor's levels: left out for epochs, otherwise ``n updates``."""
    updates = dict.fromkeys(0 if length == "epochs" else length.updates for length in adaptation.length)
    return [{"length": f"{each} updates"} if each else {} for each in updates]


def _selection(study: Study, subset: Subset) -> tuple[str, Subset]:
    """How a cell on this subset finds its setting, and the subset as it is then used."""
    asked = study.selection
    if subset.val_patients >= asked.min_val_patients:
        return ("cv" if subset.validation == "cv" else "search"), subset
    if asked.otherwise == "cv" and subset.validation != "cv":
        crossed = subset.crossed(asked.folds)
        if crossed.val_patients >= asked.min_val_patients and crossed.lacks is None:
            return "cv", crossed
    return "defaults", subset


def _encoders(study: Study, name: str) -> list[Encoder]:
    """A method has an encoder a seed; scratch and files have one."""
    here = name in study.pretraining.methods
    return [
        Encoder(name, seed, here, _start(study, name, seed)) for seed in range(study.pretraining.seeds if here else 1)
    ]


def _start(study: Study, name: str, seed: int) -> str | None:
    entry = study.pretraining.methods.get(name)
    if entry is None or entry.start == "scratch":
        return None
    return encoder_name(entry.start, seed if entry.start in study.pretraining.methods else 0)


def _with_starts(study: Study, names: list[str]) -> list[Encoder]:
    """The encoders of these initialisations, each behind those that it goes on from, which need not be compared."""
    order: list[str] = []
    for name in names:
        chain = [name]
        while (entry := study.pretraining.methods.get(chain[-1])) and entry.start != "scratch":
            chain.append(entry.start)
        order += [each for each in reversed(chain) if each not in order]
    return [encoder for name in order for encoder in _encoders(study, name)]
