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
    encoders = [encoder for name in study.compared() for encoder in _encoders(study, name)]
    cells = []
    for adaptation_name, adaptation in study.adaptations.items():
        for task in tasks.values():
            for draw in range(adaptation.draws):
                ordered = subsets.order(task.samples, seed=study.seed, draw=draw)
                for kind, value in _sizes(adaptation):
                    subset = _subset(task, ordered, kind, value, f"adaptations.{adaptation_name}.sizes", draw)
                    searched = subset.val_patients >= study.selection.min_val_patients
                    for encoder in encoders:
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
    return Plan(identity, encoders, cells)


def _encoders(study: Study, name: str) -> list[Encoder]:
    """A method has an encoder a seed; scratch and files have one."""
    here = name in study.pretraining.methods
    return [Encoder(name, seed, here) for seed in range(study.pretraining.seeds if here else 1)]


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
