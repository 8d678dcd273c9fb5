"""A search space in plain values: which of its dimensions exist beside which values of others. No Optuna.

A space maps a name to ``{"low", "high", "log", "int"}`` or ``{"choices"}``. With ``"when": {other: [values]}`` a
dimension exists only where the other has one of these values; a trial without it runs at the default.
"""

import importlib.util
from collections.abc import Mapping
from typing import Any

Space = Mapping[str, Mapping[str, Any]]

SAMPLERS = {"tpe": (), "random": (), "gp": ("scipy", "torch"), "cmaes": ("cmaes",)}
"""The samplers by name, and the packages that each needs beside Optuna."""


def lacking(sampler: str) -> list[str]:
    """The packages that a sampler needs and that are not installed."""
    return [package for package in SAMPLERS[sampler] if importlib.util.find_spec(package) is None]


def order(space: Space) -> list[str]:
    """The dimensions, each behind those that its condition names, otherwise as written.

    Raises ``ValueError`` for a condition that names no dimension or a value which that can never have, and for
    dimensions that wait for each other.
    """
    for name, entry in space.items():
        for other, values in entry.get("when", {}).items():
            if other not in space:
                raise ValueError(f"{name}.when: {other} is no dimension of the space")
            for value in values:
                if not _can_be(space[other], value):
                    raise ValueError(f"{name}.when: {other} can never be {value!r}")
    placed: list[str] = []
    waiting = list(space)
    while waiting:
        free = next((name for name in waiting if set(space[name].get("when", {})) <= set(placed)), None)
        if free is None:
            raise ValueError(f"{waiting[0]}.when: {', '.join(waiting)} exist each only beside another of them")
        waiting.remove(free)
        placed.append(free)
    return placed


def exists(entry: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Whether a dimension exists beside these settings of the dimensions before it."""
    return all(name in settings and settings[name] in values for name, values in entry.get("when", {}).items())


def present(space: Space, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Of a trial's settings those that the space proposed, without dimensions that did not exist there."""
    found: dict[str, Any] = {}
    for name in order(space):
        if exists(space[name], found):
            found[name] = settings[name]
    return found


def _can_be(entry: Mapping[str, Any], value: Any) -> bool:
    if "choices" in entry:
        return value in entry["choices"]
    return bool(entry.get("int")) and isinstance(value, int) and entry["low"] <= value <= entry["high"]
