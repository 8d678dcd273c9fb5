"""The words that everything else is written in: factors, metrics, statuses, hyperparameters, and how they are said.

Pure data, which imports nothing of ours. Schemas, keys, panels, status lines and the CSV derive from it: a new factor
or metric is a row here, beside the place where it acts.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, get_args

NEEDED: Any = object()
"""Stands for the default of a factor that every cell has."""


@dataclass(frozen=True)
class Factor:
    """One of the factors that together name a cell.

    of: what it belongs to; the factors of a ``replicate`` are what curves average over, those of a ``setting`` name a
    panel. default: where a factor is at it, it is left out of keys, so that a new one changes no key there is.
    level_words: a level that is off its default, as a reader would say it.
    """

    name: str
    type: type[str] | type[int] | type[float]
    of: Literal["encoder", "task", "size", "replicate", "setting"]
    meaning: str
    default: Any = NEEDED
    level_words: Callable[[Any], str] = str


FACTORS = (
    Factor("initialisation", str, "encoder", "where the encoder's weights come from: a method, scratch or a file"),
    Factor("pretrain_seed", int, "replicate", "which of a method's encoders"),
    Factor("task", str, "task", "the labelled set"),
    Factor("size_kind", str, "size", "how the size was asked for: share, count or shots"),
    Factor("size_value", float, "size", "the size as it was asked for"),
    Factor("draw", int, "replicate", "which random order of the training patients"),
    Factor("fold", int, "replicate", "the outer fold that is tested, where the task has such folds", None),
    Factor("adaptation", str, "setting", "how the encoder is put to the task"),
    Factor(
        "validation", str, "setting", "who pays for validation images: paid (of the subset), full, or cv", "paid",
        lambda level: {"full": "unpaid validation set", "cv": "cross-validated"}.get(level, ""),
    ),
    Factor("length", str, "setting", "how long a run is: epochs, or so many updates", "epochs"),
    Factor(
        "label_noise", float, "setting", "share of the training labels that were changed", 0.0,
        lambda level: f"{level * 100:.0f} % label noise",
    ),
    Factor(
        "imbalance", float, "setting", "images of the commonest class for one of the rarest, where it was forced", None,
        lambda level: f"imbalance {level:g} : 1",
    ),
)  # fmt: skip

FACTOR_NAMES = tuple(factor.name for factor in FACTORS)
DEFAULT_FACTORS = {factor.name: factor.default for factor in FACTORS if factor.default is not NEEDED}
INITIALISATION, PRETRAIN_SEED, TASK, DRAW, ADAPTATION = "initialisation", "pretrain_seed", "task", "draw", "adaptation"
FOLD = "fold"
ENCODER_FACTORS = (INITIALISATION, PRETRAIN_SEED)
SIZE_FACTORS = tuple(factor.name for factor in FACTORS if factor.of == "size")
REPLICATES = tuple(factor.name for factor in FACTORS if factor.of == "replicate")
SETTINGS = tuple(factor.name for factor in FACTORS if factor.of == "setting")
CURVE_FACTORS = tuple(name for name in FACTOR_NAMES if name not in REPLICATES)
"""What names one point of a learning curve: a cell without what is averaged over."""
GROUP_FACTORS = (ADAPTATION, TASK, INITIALISATION, *SIZE_FACTORS)
"""By what a study's cells are counted together, in the order of a table's columns."""
POOL_FACTORS = (TASK, "validation", "imbalance")
"""What decides which patients there are to choose from."""


def position(**levels: Any) -> dict[str, Any]:
    """The factors given, in the order given and without those at their default; raises TypeError for an unknown one."""
    if unknown := [name for name in levels if name not in FACTOR_NAMES]:
        raise TypeError(f"{unknown[0]} is no factor")
    return {name: level for name, level in levels.items() if DEFAULT_FACTORS.get(name, NEEDED) != level}


def encoder_name(initialisation: str, pretrain_seed: int) -> str:
    """What an encoder's files are called."""
    return f"{initialisation}-{pretrain_seed}"


@dataclass(frozen=True)
class Metric:
    """A number that a classifier is judged by. in_report: whether curves and differences are drawn of it."""

    name: str
    words: str
    bounds: tuple[float, float]
    smaller_is_better: bool = False
    in_report: bool = False


METRICS = (
    Metric("auc", "AUC", (0.0, 1.0), in_report=True),
    Metric("auprc", "AUPRC", (0.0, 1.0), in_report=True),
    Metric("accuracy", "accuracy", (0.0, 1.0)),
    Metric("balanced_accuracy", "balanced accuracy", (0.0, 1.0), in_report=True),
    Metric("macro_f1", "macro F1", (0.0, 1.0)),
    Metric("brier", "Brier score", (0.0, math.inf), smaller_is_better=True, in_report=True),
    Metric("log_loss", "log loss", (0.0, math.inf), smaller_is_better=True, in_report=True),
    Metric("ece", "calibration error", (0.0, 1.0), smaller_is_better=True),
)
"""Of probabilities, each a function of that name in ``trainables.scoring.metrics``."""

REPORTED = tuple(metric for metric in METRICS if metric.in_report)
METRIC_NAMES = tuple(metric.name for metric in METRICS)
SMALLER_IS_BETTER = frozenset(metric.name for metric in METRICS if metric.smaller_is_better)

Objective = Literal["auc", "log_loss"]
OBJECTIVES: tuple[Objective, ...] = get_args(Objective)
"""What a trial may be chosen by."""

LOSS = "loss"
"""The metric of a training curve: the training loss of the images seen since the last judgement."""

COMPLETED, PRUNED = "completed", "pruned"
FAILED = ("failed_nan", "failed_oom", "failed_error", "timed_out")
STATUSES = (COMPLETED, PRUNED, *FAILED)
"""How a trial or a final run has ended."""

SEARCHED = ("search", "cv")
SELECTIONS = (*SEARCHED, "defaults")
"""How a cell's setting is found: a search judged on validation images, one judged by cross-validation, or none."""

Kind = Literal["single", "multi"]
"""Of labels: one class an image, or findings that come together."""

Unit = Literal["image", "patient"]
UNITS: tuple[Unit, ...] = get_args(Unit)
"""What a score counts."""

HYPERPARAMETERS: dict[str, type[int] | type[float]] = {
    "lr": float,
    "weight_decay": float,
    "head_lr": float,
    "layer_decay": float,
    "label_smoothing": float,
    "dropout": float,
    "augmentation": float,
    "batch": int,
    "release_epoch": int,
}
"""Those with a column ``hp_...`` of their own; what an adaptation has besides lies in ``settings``."""
