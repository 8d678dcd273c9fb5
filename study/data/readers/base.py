"""What a reader of labelled data is."""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from study.data.labels_csv import Coding, LabelRow
from study.data.slice_store import Unit
from study.fields import StrictConfig


@dataclass(frozen=True)
class Labelled:
    """A labelled set that is open.

    rows: by the digest of their images' content, each once, in any order; a given split of theirs is kept. pixels: of a
    row, (H, W) in the reader's unit; raises InputRefused naming the row where they cannot be had.
    """

    rows: Mapping[str, LabelRow]
    coding: Coding
    pixels: Callable[[LabelRow], np.ndarray]


class TaskReader(StrictConfig):
    """A format of labelled data; a file of this folder defines one subclass.

    Its fields are its keys in the study file, beside those that every task has; paths are typed `DataFolder` or
    `DataFile`, so that they are checked, made absolute and may move. Several readers may share a key of one type.
    """

    unit: ClassVar[Unit] = "grey"
    """Of the pixels: ``grey`` (uint8 without unit) or ``hu`` (Hounsfield units)."""
    public: ClassVar[bool] = False
    """Whether its patients are nobody, so that pseudonyms need no key of the user's."""

    @classmethod
    def needed(cls) -> list[str]:
        """The keys without a default, by which a task is known to be read so."""
        return [name for name, field in cls.model_fields.items() if field.is_required()]

    def check(self, *, outer_folds: int | None, external: Mapping[str, Any]) -> None:
        """Raises ValueError where a task of this format cannot have what else was asked for."""

    def identity(self) -> tuple[Any, dict[str, Any]]:
        """What of the keys decides the task besides its files: a value, and what is left out where it is not used."""
        raise NotImplementedError

    def listing(self, identity: list[Any]) -> str:
        """The fingerprint of the task: ``identity`` with names, sizes and times of the files, none of them decoded."""
        raise NotImplementedError

    def opened(self, name: str) -> AbstractContextManager[Labelled]:
        """The set, its rows read and hashed, its images not decoded yet. Raises InputRefused naming file and row."""
        raise NotImplementedError
