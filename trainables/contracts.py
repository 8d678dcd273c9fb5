"""What crosses between the driver and its workers: frozen, of plain values, so that it pickles and hashes anywhere.

A field has no default where the driver has to decide it: a worker that fell back to one of its own would compute
something else than what was asked, and nobody would see it.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from study.storage.file_ref import FileRef
from study.vocabulary import Kind, Objective


@dataclass(frozen=True)
class TestSet:
    """Rows of a store of images that a final run is scored on. patients: each row's, by number, or None if unknown."""

    __test__ = False  # pytest would collect it

    images: FileRef
    rows: Sequence[int]
    patients: Sequence[int] | None
    labels_uri: str


@dataclass(frozen=True, kw_only=True)
class CellJob:
    """What every trial and final run of a cell has in common; it holds no path to a test label.

    window: Hounsfield units, of a store in units of grey without effect. Labels are the numbers of classes, or a list
    of 0 or 1 for each finding. positive: the class that sensitivity is told of, None for each class against the rest.
    folds: the positions of ``train`` that each fold of a cross-validation holds out; there is no ``val`` then. encoder:
    its weights, None where each run draws fresh ones of its seed. features: of every image under a frozen encoder,
    where they were computed beforehand. updates: optimizer updates in all, judged in ``epochs`` equal spans, or None
    for passes over the images. sensitivity_at: a specificity. patient_score: ``mean`` or ``max`` over a patient's
    images. gpus: how many the worker was given, or what part of one.
    """

    adaptation: str
    backbone: str
    image_size: int
    window: tuple[float, float]
    images: FileRef
    classes: int
    label_kind: Kind
    positive: int | None
    train: Sequence[int]
    train_labels: Sequence[Any]
    train_patients: Sequence[int] | None
    val: Sequence[int]
    val_labels: Sequence[Any]
    val_patients: Sequence[int] | None
    folds: Sequence[Sequence[int]] | None
    encoder: FileRef | None
    features: FileRef | None
    epochs: int
    updates: int | None
    objective: Objective
    sensitivity_at: float
    patient_score: str
    threads: int
    gpus: float

    def run(self, settings: Mapping[str, Any], seed: int, tests: Mapping[str, TestSet] | None = None) -> "TrialJob":
        """The job of one trial, or with test sets of one final run."""
        shared = {field.name: getattr(self, field.name) for field in dataclasses.fields(CellJob)}
        return TrialJob(**shared, settings=dict(settings), seed=seed, tests=dict(tests or {}))


@dataclass(frozen=True, kw_only=True)
class TrialJob(CellJob):
    """One trial or, where it has test sets (``test`` is the task's own), one final run."""

    settings: Mapping[str, Any]
    seed: int
    tests: Mapping[str, TestSet]

    @property
    def multi(self) -> bool:
        """Whether an image has several findings rather than one class."""
        return self.label_kind == "multi"

    def but(self, **changes: Any) -> Self:
        """The job with some of it changed."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True, kw_only=True)
class FeaturesJob:
    """Features of every image of a store under an encoder, or (None) under a random one of ``seed``."""

    backbone: str
    image_size: int
    window: tuple[float, float]
    images: FileRef
    encoder: FileRef | None
    threads: int
    gpus: float
    seed: int = 0


@dataclass(frozen=True)
class CorpusImageRows:
    """Rows of a store of images, None for all of them."""

    images: FileRef
    rows: Sequence[int] | None


@dataclass(frozen=True, kw_only=True)
class ProbeTask:
    """Labelled training images that an encoder in the making is probed on: a row of the store, a class's number and a
    patient's number each. A name stands for the task in what is logged."""

    name: str
    images: FileRef
    rows: Sequence[int]
    labels: Sequence[int]
    patients: Sequence[int]
    classes: int


@dataclass(frozen=True, kw_only=True)
class PretrainConfig:
    """One pre-training run; its budget is either ``images`` (source images) or ``device_seconds``.

    settings: the method's own, resolved. sources: the corpus. batch: source images a step over all ranks, each rank's
    computed in ``accumulate`` parts. threads, gpus: of a worker. checkpoint_every, log_every: steps. start: weights to
    go on from. resume: the folder of an earlier checkpoint, where Ray knows of none. precision: ``auto`` or
    ``float32``. sync_batch_norm: over workers. probes: how often, on ``probe_tasks``.
    """

    method: str
    settings: Mapping[str, Any]
    backbone: str
    image_size: int
    window: tuple[float, float]
    sources: Sequence[CorpusImageRows]
    seed: int
    batch: int
    accumulate: int
    images: float | None
    device_seconds: float | None
    threads: int
    gpus: float
    checkpoint_every: int
    log_every: int
    start: FileRef | None
    resume: str | None
    precision: str
    compile: bool
    sync_batch_norm: bool
    probes: int
    probe_tasks: Sequence[ProbeTask]


@dataclass(frozen=True, kw_only=True)
class PretrainRow:
    """Where a pre-training run stands after a step: a row of its history.

    Sums over all ranks since the run began: images (source images), views, pixels (of all views), flops,
    device_seconds. seconds: of training, without probes. peak_memory: bytes, of one worker. Means since the row before:
    loss, loss_over_trivial; None before the first step. spread, rank: of the last embeddings. lr and schedule (name ->
    value): of the last step. probe_knn, probe_ridge: AUC, means over tasks, and probes: task -> name -> AUC; None where
    nothing was probed. warning: signs of collapse in words, or None.
    """

    step: int
    images: int
    views: int
    pixels: int
    flops: float
    seconds: float
    device_seconds: float
    peak_memory: int
    loss: float | None
    loss_over_trivial: float | None
    spread: float | None
    rank: float | None
    lr: float | None
    schedule: Mapping[str, float]
    probe_knn: float | None
    probe_ridge: float | None
    probes: Mapping[str, Mapping[str, float | None]] | None
    warning: str | None = None


@dataclass(frozen=True)
class RunResult:
    """What a run came to. images: training images seen. seconds, device_seconds: of all its work, and of the part that
    computed. scores: ``[test_set, unit, metric, value]``. predictions: ``[split, test_set, row, labels, p]``."""

    epochs: int
    images: int
    seconds: float
    device_seconds: float
    device: str
    threads: int
    scores: Sequence[Sequence[Any]] = ()
    predictions: Sequence[Sequence[Any]] = ()


@dataclass(frozen=True)
class EpochRecord:
    """A judgement. score: the objective turned so that larger is better, None where it is not defined. curves:
    ``[split, metric, value]``. result: in the last record alone."""

    epoch: int
    step: int
    images: int
    score: float | None
    curves: Sequence[Sequence[Any]]
    result: RunResult | None = None


@dataclass(frozen=True)
class Failure:
    """How a run that did not come to its end has failed: the status, and the error in one line."""

    status: str
    error: str


Record = EpochRecord | Failure
