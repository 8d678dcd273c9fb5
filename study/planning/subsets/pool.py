"""A task's patients outside the test set, and what planning has to know of each."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl

from study.vocabulary import Kind

Label = int | tuple[int, ...]
"""A class's number, or a 0 or 1 for each finding."""


HEALTHY = -1
"""The stratum of patients without any finding."""


@dataclass(frozen=True)
class PoolPatient:
    """A patient's content token and role, with rows, digests and labels of its images.

    ``stratum``: its rarest class; of several findings the rarest positive one, ``HEALTHY`` without any.
    """

    token: str
    role: str
    stratum: int
    rows: tuple[int, ...]
    digests: tuple[str, ...]
    labels: tuple[Label, ...]


@dataclass(frozen=True)
class Pool:
    """The patients that may be trained on and validated with.

    What a subset must hold of each role is called its needs: an image of each class, or of each finding an image with
    it and one without.
    """

    classes: Sequence[str]
    kind: Kind
    patients: list[PoolPatient] = field(repr=False)

    @classmethod
    def of(cls, samples: pl.DataFrame, classes: Sequence[str], kind: Kind = "single") -> "Pool":
        """The patients of ``samples`` (see ``study.data.frozen_task.FrozenTask``) whose role is not test."""
        images: dict[str, list[tuple]] = {}
        rows = samples.filter(pl.col("role") != "test").sort("digest")
        for token, *image in rows.select("token", "role", "row", "digest", "label").iter_rows():
            images.setdefault(token, []).append(tuple(image))
        labels = {token: tuple(_plain(image[3]) for image in own) for token, own in images.items()}
        found = {token: _found(own, kind) for token, own in labels.items()}
        frequency = Counter(each for own in found.values() for each in own)
        patients = [
            PoolPatient(
                token=token,
                role=own[0][0],
                stratum=min(found[token], key=lambda each: (frequency[each], -each), default=HEALTHY),
                rows=tuple(image[1] for image in own),
                digests=tuple(image[2] for image in own),
                labels=labels[token],
            )
            for token, own in images.items()
        ]
        return cls(classes, kind, patients)

    @property
    def needs(self) -> int:
        return len(self.classes) * (2 if self.kind == "multi" else 1)

    @cached_property
    def meets(self) -> np.ndarray:
        """(patients, needs): which needs each patient's images meet."""
        meets = np.zeros((len(self.patients), self.needs), bool)
        for row, patient in zip(meets, self.patients, strict=True):
            row[self.met(patient.labels)] = True
        return meets

    @cached_property
    def validated_by_all(self) -> np.ndarray:
        """(needs): how many validation patients meet each need."""
        return self.meets[~self.training].sum(0)

    @cached_property
    def tokens(self) -> list[bytes]:
        return [patient.token.encode() for patient in self.patients]

    @cached_property
    def token_ranks(self) -> np.ndarray:
        """Of each patient, the place of its token among the sorted ones."""
        ranks = np.empty(len(self.patients), int)
        ranks[sorted(range(len(self.patients)), key=lambda number: self.patients[number].token)] = range(len(ranks))
        return ranks

    @cached_property
    def groups(self) -> np.ndarray:
        """A number for each patient's role and stratum."""
        return 2 * (self.strata + 1) + ~self.training

    @cached_property
    def images(self) -> np.ndarray:
        return np.array([len(patient.rows) for patient in self.patients], int)

    @cached_property
    def strata(self) -> np.ndarray:
        return np.array([patient.stratum for patient in self.patients], int)

    @cached_property
    def training(self) -> np.ndarray:
        return np.array([patient.role == "train" for patient in self.patients], bool)

    def met(self, labels: Sequence[Label]) -> list[int]:
        """The needs, as numbers below ``needs``, that images with these labels meet."""
        return [need for label in set(labels) for need in _needs_of(label)]

    def described(self, need: int) -> str:
        """A need in words: ``of class ill``, ``with edema``, ``without edema``."""
        if self.kind == "single":
            return f"of class {self.classes[need]}"
        return f"{'with' if need % 2 else 'without'} {self.classes[need // 2]}"

    def told_stratum(self, stratum: int) -> str:
        """Whose rarest class this is, in words."""
        if stratum == HEALTHY:
            return "without any finding"
        return f"{'of class' if self.kind == 'single' else 'with'} {self.classes[stratum]}"


def _plain(label: int | Sequence[int]) -> Label:
    return label if isinstance(label, int) else tuple(label)


def _found(labels: Sequence[Label], kind: Kind) -> set[int]:
    """What a patient counts for: its classes, or the findings that any image shows."""
    if kind == "single":
        return {label for label in labels if isinstance(label, int)}
    return {place for label in labels if isinstance(label, tuple) for place, value in enumerate(label) if value}


def _needs_of(label: Label) -> list[int]:
    return [label] if isinstance(label, int) else [2 * place + value for place, value in enumerate(label)]
