"""The formats of labelled data: one file each in this folder, found by its name."""

import importlib
import pkgutil
from functools import cache

from study.data.readers.base import Labelled, TaskReader

__all__ = ["Labelled", "TaskReader", "get", "names"]

SHARED = {"base"}


@cache
def names() -> list[str]:
    """All readers, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in SHARED)


@cache
def get(name: str) -> type[TaskReader]:
    """The reader of the file called so."""
    module = importlib.import_module(f"{__name__}.{name}")
    [found] = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, TaskReader) and each.__module__ == module.__name__
    ]
    return found
