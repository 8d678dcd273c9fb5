"""What an adaptation is: its hyperparameters, what of an encoder it trains, and how a report calls it. No torch."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from sys import float_info
from typing import TYPE_CHECKING, Any

from study.suggestions import did_you_mean
from trainables.contracts import EpochRecord, TrialJob

if TYPE_CHECKING:
    from torch import nn

FLOAT_MAX = float_info.max


@dataclass(frozen=True)
class Hyperparameter:
    """One hyperparameter: its default, the values that make sense, and where a search looks unless it is told
    otherwise.

    `low` and `high` bound what is accepted (`open_low`, `open_high`: the bound itself is not); `search` is a plain
    description of a distribution, `{"low", "high", "log"}` or `{"choices"}`, or None where the default space leaves
    it at its default.
    """

    default: float | int
    low: float
    high: float = float("inf")
    open_low: bool = False
    open_high: bool = False
    search: Mapping[str, Any] | None = None

    def check(self, name: str, value: Any) -> float | int:
        """The value in its own type. Raises ValueError when it has the wrong type or lies outside the bounds."""
        kind = type(self.default)
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not isinstance(value, int | float) or (kind is int and not whole):
            raise ValueError(f"setting {name}: {value!r} is not {'a whole' if kind is int else 'a'} number")
        below = value <= self.low if self.open_low else value < self.low
        above = value >= self.high if self.open_high else value > self.high
        if below or above or not -FLOAT_MAX <= value <= FLOAT_MAX:
            raise ValueError(f"setting {name}: {value!r} is outside {self.bounds}")
        return kind(value)

    @property
    def bounds(self) -> str:
        return f"{'(' if self.open_low else '['}{self.low:g}, {self.high:g}{')' if self.open_high else ']'}"


class Adaptation:
    """A way of putting an encoder to a task; a file of this folder defines one subclass, and is called like it.

    words: in a report. hyperparameters: by name. on_features: it sees the features of one fixed encoder alone, computed
    once per encoder and task. module: where ``run(job)`` is, which imports torch.
    """

    words: str
    hyperparameters: Mapping[str, Hyperparameter]
    on_features = False
    module = "trainables.finetuning.finetuning"

    def __init__(self, name: str) -> None:
        self.name = name

    def trained_parameters(self, encoder: "nn.Module") -> "list[nn.Parameter]":
        """What of the encoder is trained once it is released; the head always is."""
        return list(encoder.parameters())

    def check(self, encoder: "nn.Module") -> None:
        """Raises ValueError, saying what the encoder lacks, where it cannot be adapted so."""

    @property
    def defaults(self) -> dict[str, float | int]:
        return {name: each.default for name, each in self.hyperparameters.items()}

    @property
    def space(self) -> dict[str, dict[str, Any]]:
        """The default search space: name -> {"low", "high", "log"} or {"choices"}."""
        return {name: dict(each.search) for name, each in self.hyperparameters.items() if each.search is not None}

    def resolve(self, settings: Mapping[str, Any]) -> dict[str, float | int]:
        """The defaults with `settings` laid over them. Raises ValueError for an unknown name or an impossible value."""
        resolved = self.defaults
        for name, value in settings.items():
            if name not in self.hyperparameters:
                raise ValueError(f"adaptation {self.name} has no setting {name!r}{did_you_mean(name, resolved)}")
            resolved[name] = self.hyperparameters[name].check(name, value)
        return resolved

    def starts_frozen(self, settings: Mapping[str, Any], space: Mapping[str, Any]) -> bool:
        """Whether runs under these settings and in this space may see features of the encoder as it was given, which
        can then be computed once for all of them."""
        return self.on_features or "release_epoch" in space or settings.get("release_epoch", 0) > 0

    def run(self, job: TrialJob) -> Iterator[EpochRecord]:
        """Import the module (and with it torch) and start the job there: a generator of records, one an epoch."""
        return importlib.import_module(self.module).run(job)


LABEL_SMOOTHING = Hyperparameter(0.0, 0, 1, open_high=True, search={"low": 0.0, "high": 0.2, "log": False})
DROPOUT = Hyperparameter(0.0, 0, 1, open_high=True, search={"low": 0.0, "high": 0.5, "log": False})
AUGMENTATION = Hyperparameter(0.5, 0, 1, search={"low": 0.0, "high": 1.0, "log": False})
WEIGHT_DECAY = Hyperparameter(0.01, 0, search={"low": 1e-4, "high": 0.3, "log": True})
HEAD_LR = Hyperparameter(1.0, 0, open_low=True, search={"low": 1.0, "high": 10.0, "log": True})
BATCH = Hyperparameter(32, 2)

OF_FEW_PARAMETERS = {
    # They bear larger rates than all of a network.
    "lr": Hyperparameter(3e-3, 0, open_low=True, search={"low": 1e-4, "high": 3e-2, "log": True}),
    "weight_decay": WEIGHT_DECAY,
    "head_lr": HEAD_LR,
    "label_smoothing": LABEL_SMOOTHING,
    "dropout": DROPOUT,
    "augmentation": AUGMENTATION,
    "batch": BATCH,
}
"""The hyperparameters of an adaptation that trains a small part of the encoder."""
