"""The self-supervised methods: one file each in this folder, found by its name.

A method's file defines one `class Settings(Common)` and one class under `@register`. Nothing here imports torch before
a method is asked for.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from study.suggestions import did_you_mean

T = TypeVar("T")

SHARED = {"base", "settings"}  # what the methods have in common

_CLASSES: dict[str, type] = {}


def names() -> list[str]:
    """All methods, sorted."""
    found = (module.name for module in pkgutil.iter_modules(__path__) if not module.ispkg)
    return sorted(name for name in found if name not in SHARED and not name.startswith("_"))


def register(cls: type[T]) -> type[T]:
    """Class decorator: makes the class the method that its file is named after."""
    _CLASSES[cls.__module__.rpartition(".")[2]] = cls
    return cls


def get(name: str) -> Any:
    """The method's class (`trainables.methods.base.Method`); imports torch."""
    _check_name(name)
    importlib.import_module(f"{__name__}.{name}")
    return _CLASSES[name]


def settings_class(name: str) -> type[BaseModel]:
    """The method's `Settings`; imports its file and with it torch."""
    _check_name(name)
    return importlib.import_module(f"{__name__}.{name}").Settings


def validate_settings(name: str, settings: Mapping[str, Any], *, entry: str | None = None) -> dict[str, Any]:
    """All settings of the method with their defaults filled in, as plain JSON values.

    Raises ValueError with one line for an unknown method or key (with the nearest name), a wrong type or value.
    entry: the name that a study gives to these settings, where it is not the method's own.
    """
    model = settings_class(name)
    try:
        return model.model_validate(dict(settings)).model_dump(mode="json")
    except ValidationError as refused:
        error = refused.errors()[0]
    key = ".".join(str(part) for part in error["loc"])
    where = f"pretraining.methods.{entry or name}" + (f".{key}" if key else "")
    if error["type"] == "extra_forbidden":
        group: Any = model
        for part in error["loc"][:-1]:
            group = group.model_fields[str(part)].annotation or group
        raise ValueError(f"{where}: unknown setting{did_you_mean(str(error['loc'][-1]), list(group.model_fields))}")
    message = error["msg"].removeprefix("Value error, ")
    raise ValueError(f"{where}: {message[0].lower()}{message[1:]}, but it is {error['input']!r}")


def _check_name(name: str) -> None:
    if name not in names():
        raise ValueError(f"pretraining.methods: unknown method '{name}'{did_you_mean(name, names())}")
