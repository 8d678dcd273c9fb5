"""Synthetic CT with a labelled finding."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from study.data import store_entries
from study.data.phantom import scans
from study.data.phantom.settings import PhantomSettings
from study.data.readers.base import Labelled, TaskReader
from study.data.readers.labelled_folder import LabelledFolder


class Phantom(TaskReader):
    phantom: PhantomSettings
    """Synthetic CT with a labelled finding."""
    positive: str | None = None
    """Taken for the sake of likeness; a phantom's positive is its finding."""

    public = True

    def check(self, *, outer_folds: int | None, external: Mapping[str, Any]) -> None:
        if external:
            raise ValueError("a phantom has no `external` test sets: its pseudonym key is public")

    def identity(self) -> tuple[Any, dict[str, Any]]:
        return scans.identity(self.phantom), {}

    def listing(self, identity: list[Any]) -> str:
        return store_entries.fingerprint(identity)

    @contextmanager
    def opened(self, name: str) -> Iterator[Labelled]:
        """It lies in a temporary folder meanwhile."""
        with TemporaryDirectory() as folder:
            scans.write_task(self.phantom, Path(folder))
            written = LabelledFolder(images=Path(folder), labels=Path(folder) / "labels.csv", positive=scans.FINDING)
            with written.opened(name) as labelled:
                yield labelled
