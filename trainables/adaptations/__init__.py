"""The ways of adapting an encoder to a task: one file each in this folder, found by its name. No torch."""

import importlib
import pkgutil
from functools import cache

from study.suggestions import did_you_mean
from trainables.adaptations.base import Adaptation, Hyperparameter

__all__ = ["Adaptation", "Hyperparameter", "get", "names", "words"]

SHARED = {"base"}


@cache
def names() -> list[str]:
    """All adaptations, sorted."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in SHARED)


@cache
def get(name: str) -> Adaptation:
    """The adaptation called `name`. Raises ValueError naming the nearest one there is."""
    if name not in names():
        raise ValueError(f"there is no adaptation {name!r}{did_you_mean(name, names())}")
    module = importlib.import_module(f"{__name__}.{name}")
    [found] = [
        each
        for each in vars(module).values()
        if isinstance(each, type) and issubclass(each, Adaptation) and each.__module__ == module.__name__
    ]
    return found(name)


def words(name: str) -> str:
    """What a report calls an adaptation; one that is here no more, by its name."""
    return get(name).words if name in names() else name
