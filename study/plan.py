"""From a study and its frozen tasks to everything that will be run; pure, and the same wherever it is computed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from study import keys, subsets
from study.errors import InputRefused
from study.spec import Adaptation, Study
from study.subsets import Subset


class SplitTask(Protocol):
    """What planning needs of a frozen task."""

    @property
    def name(self) -> str: ...

    @property
    def classes(self) -> list[str]: ...

    @property
    def samples(self) -> pl.DataFrame: ...


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
        return f"{self.initialisation}-{self.pretrain_seed}"


@dataclass(frozen=True)
class Cell:
    """One combination of all factors, with the labels it may use and the budget it has."""

    id: str
    factors: Mapping[str, Any]
    subset: Subset
    searched: bool
    trials: int
    finals: int

    @property
    def encoder(self) -> str:
        return f"{self.factors['initialisation']}-{self.factors['pretrain_seed']}"


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
    cells: list[Cell] = []
    left_out: list[str] = []
    for adaptation_name, adaptation in study.adaptations.items():
        for task in tasks.values():
            drawn = _drawn(study, adaptation_name, task, left_out)
            for draw in range(adaptation.draws):
                for (kind, value), subsets_of_draws in drawn.items():
                    subset = subsets_of_draws[draw]
                    searched = subset.val_patients >= study.selection.min_val_patients
                    for encoder in (each for own in compared.values() for each in own):
                        factors = {
                            "initialisation": encoder.initialisation,
                            "pretrain_seed": encoder.pretrain_seed,
                            "task": task.name,
                            "size_kind": kind,
                            "size_value": value,
                            "draw": draw,
                            "adaptation": adaptation_name,
                        }
                        cells.append(
                            Cell(
                                id=keys.key(identity, factors, "cell", None),
                                factors=factors,
                                subset=subset,
                                searched=searched,
                                trials=adaptation.trials if searched else 0,
                                finals=adaptation.finals,
                            )
                        )
    return Plan(identity, _with_starts(study, list(compared)), cells, left_out)


def _drawn(study: Study, name: str, task: SplitTask, left_out: list[str]) -> dict[tuple[str, float], list[Subset]]:
    """The subset of every draw at each size; a size that one draw cannot have is refused, or left out and noted."""
    adaptation, drawn = study.adaptations[name], {}
    orders = [subsets.order(task.samples, seed=study.seed, draw=draw) for draw in range(adaptation.draws)]
    for kind, value in _sizes(adaptation):
        where = f"adaptations.{name}.sizes"
        try:
            drawn[kind, value] = [_subset(task, order, kind, value, where, draw) for draw, order in enumerate(orders)]
        except InputRefused as refused:
            if adaptation.sizes.impossible == "refuse":
                raise
            left_out.append(str(refused))
    return drawn


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
    return f"{entry.start}-{seed if entry.start in study.pretraining.methods else 0}"


def _with_starts(study: Study, names: list[str]) -> list[Encoder]:
    """The encoders of these initialisations, each behind those that it goes on from, which need not be compared."""
    order: list[str] = []
    for name in names:
        chain = [name]
        while (entry := study.pretraining.methods.get(chain[-1])) and entry.start != "scratch":
            chain.append(entry.start)
        order += [each for each in reversed(chain) if each not in order]
    return [encoder for name in order for encoder in _encoders(study, name)]


def _sizes(adaptation: Adaptation) -> list[tuple[str, float]]:
    return [("share", float(s)) for s in adaptation.sizes.share] + [("count", float(n)) for n in adaptation.sizes.count]


def _subset(task: SplitTask, ordered: list[subsets.Patient], kind: str, value: float, where: str, draw: int) -> Subset:
    held = sum(len(patient.labels) for patient in ordered)
    wanted = round(value * held) if kind == "share" else int(value)
    asked = f"{where}.{kind} {value:g}: task {task.name}"
    if wanted > held:
        raise InputRefused(f"{asked} has {held} labels outside its test set; ask for {held} or fewer")
    subset = subsets.take(ordered, wanted)
    lacks = subsets.lacking(subset, len(task.classes))
    if lacks is None:
        return subset
    least = subsets.smallest(ordered, len(task.classes))
    if least is None:
        raise InputRefused(f"{asked} has {lacks} even with all its labels; its split cannot be studied")
    smallest = f"share {-(-least * 1000 // held) / 1000:g}" if kind == "share" else f"count {least}"
    raise InputRefused(
        f"{asked} gives {subset.n_labels} labels in draw {draw}, with {lacks}; "
        f"the smallest that works there is {smallest}"
    )
