"""Weights files of others, read without running anything that they hold."""

import pickle
import re
from collections import OrderedDict
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from safetensors.torch import load_file

_ONE_AT_A_TIME = Lock()  # torch keeps its list of known names for the whole process


class Inert:
    """Stands for whatever class or function a pickle names besides tensors: an empty mapping, which runs nothing.

    Checkpoints of training frameworks hold their arguments and callbacks too. An ordered mapping is the one thing that
    torch's restricted reader lets a pickle both set items of and give a state to.
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return OrderedDict()


def read_checkpoint(path: str | Path) -> tuple[Any, list[str]]:
    """(what a safetensors or torch file holds, the foreign names in it that inert objects stand for).

    Raises ValueError naming the file where it is neither.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: there is no such weights file")
    try:
        if _is_safetensors(path):
            return load_file(path), []
        with _ONE_AT_A_TIME:
            return _read_torch(path)
    except Exception as error:  # what is no weights file fails in torch in almost any way, with an IndexError too
        raise ValueError(f"{path}: not a weights file (neither safetensors nor a torch file of tensors)") from error


def _is_safetensors(path: Path) -> bool:
    """By content, whatever the name ends in: the length of the header in 8 bytes, then the header, which is JSON."""
    with path.open("rb") as file:
        return file.read(9)[8:] == b"{"


def _read_torch(path: Path) -> tuple[Any, list[str]]:
    stood_for: set[str] = set()
    while True:
        try:
            with torch.serialization.safe_globals([(Inert, name) for name in stood_for]):
                return torch.load(path, map_location="cpu", weights_only=True), sorted(stood_for)
        except pickle.UnpicklingError as error:
            more = _refused(path, str(error)) - stood_for
            if not more:
                raise
            stood_for |= more


def _refused(path: Path, message: str) -> set[str]:
    """The names that torch would not read: of a file in today's format all at once, in the old one the first."""
    try:
        return set(torch.serialization.get_unsafe_globals_in_checkpoint(str(path)))
    except ValueError:
        found = re.findall(r"GLOBAL (\S+) was not an allowed global", message)
        return {name for short in found for name in (short, f"builtins.{short}", f"__builtin__.{short}")}
