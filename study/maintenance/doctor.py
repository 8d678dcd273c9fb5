"""Looking through all that a study's results hold for what is damaged, lost or does not belong, and mending it."""

import hashlib
import json
import logging
from pathlib import Path

import polars as pl
import yaml

from study.ledger import DEPENDENTS, Ledger, Problem, check, frame, lock, set_aside
from study.storage import Storage

log = logging.getLogger(__name__)

MADE = {"encoders": ".safetensors", "features": ".npy", "models": ".safetensors"}
"""Folders of files that computing has made, each with a JSON file beside it that names its sha256 as `digest`."""
BESIDE = {"encoders": (".png",)}
MOVED = ("damaged", "empty", "foreign", "leftover", "duplicate")


def examine(root: str | Path | Storage) -> list[Problem]:
    """Everything that is wrong with a study's results; nothing is changed. A driver may be at work meanwhile."""
    storage = Storage.at(root)
    found = check(storage)
    for folder in MADE:
        found += _made(storage, folder)
    return found + _accepted(storage)


def mend(root: str | Path) -> list[Problem]:
    """Set aside what cannot be used, so that the same `labelcurve run` computes what was lost; what was found.

    A run whose curves, scores or predictions were lost counts as not done. Raises LockHeld while a driver is at work.
    """
    with lock(root) as storage:
        found = examine(storage)
        lost = {storage.inside(each.path).partition("/")[0] for each in found if each.needs_a_hand}
        for each in found:
            path = storage.inside(each.path)
            if path.partition("/")[0] in MADE and path.endswith(".json"):
                _unmake(storage, path)
            elif each.kind in MOVED or each.kind == "missing":
                set_aside(storage, each.path)
        if not any(each.kind == "newer" for each in found):
            ledger = Ledger(storage)
            for table, keys in _without(storage, lost & set(DEPENDENTS)).items():
                ledger.forget(table, keys)
                log.info(f"{len(keys)} {table} have lost what belongs to them and will be run again")
    return found


def _made(storage: Storage, folder: str) -> list[Problem]:
    """What is wrong with the files of one folder. Each stands for itself and its JSON, which is named where both go."""
    found = []
    there = storage.list(folder)
    for path in there:
        stem, kind = f"{folder}/{Path(path).stem}", Path(path).suffix
        about, file = f"{stem}.json", f"{stem}{MADE[folder]}"
        if kind == ".json":
            wrong = _wrong(storage, about, file if file in there else None)
            if wrong:
                found.append(Problem(wrong[0], storage.full(about), wrong[1]))
        elif kind not in (MADE[folder], *BESIDE.get(folder, ())):
            found.append(Problem("foreign", storage.full(path), f"a file of {folder} ends in {MADE[folder]} or .json"))
        elif about not in there:
            found.append(Problem("leftover", storage.full(path), "the driver that made it died before it had it all"))
    return found


def _wrong(storage: Storage, about: str, file: str | None) -> tuple[str, str] | None:
    """The kind of finding and its detail for a file and the JSON that tells of it; None where they agree."""
    content = storage.read_bytes(about)
    try:
        digest = json.loads(content)["digest"]
    except (ValueError, KeyError, TypeError):
        return ("empty" if not content else "damaged"), "it says no digest of the file beside it; both are made again"
    if file is None:
        return "missing", "the file beside it is gone; it is made again"
    bytes_of = storage.read_bytes(file)
    if hashlib.sha256(bytes_of).hexdigest() != digest:
        kind = "damaged" if bytes_of else "empty"
        return kind, f"{storage.full(file)} is not what was written (its sha256 differs); it is made again"
    return None


def _unmake(storage: Storage, about: str) -> None:
    """Set aside all that was made under a name, its JSON first: while that is there, the rest counts as made."""
    set_aside(storage, storage.full(about))
    stem = about.removesuffix(".json")
    for path in storage.list(stem.partition("/")[0]):
        if path.rpartition(".")[0] == stem:
            set_aside(storage, storage.full(path))


def _accepted(storage: Storage) -> list[Problem]:
    """Accepted study files that cannot be read."""
    found = []
    for path in storage.list("spec"):
        content = storage.read_bytes(path)
        if not path.endswith(".yaml"):
            found.append(Problem("foreign", storage.full(path), "a file of spec ends in .yaml"))
            continue
        try:
            whole = isinstance(yaml.safe_load(content), dict)
        except (yaml.YAMLError, UnicodeDecodeError):
            whole = False
        if not whole:
            kind = "damaged" if content else "empty"
            found.append(Problem(kind, storage.full(path), "no study can be read from it; the next run writes it anew"))
    return found


def _without(storage: Storage, tables: set[str]) -> dict[str, list[str]]:
    """Committed runs that must have had rows in one of these tables and have none: trials, finals -> keys."""
    lost: dict[str, list[str]] = {}
    for table in ("trials", "finals"):
        rows = frame(storage, table)
        for belonging in sorted(tables):
            scored = pl.col("status") == "completed" if table == "finals" else pl.lit(False)
            expected = rows.filter(pl.col("epochs") > 0 if belonging == "curves" else scored)
            held = frame(storage, belonging)["key"].unique()
            lost.setdefault(table, []).extend(set(expected["key"]) - set(held))
    return {table: sorted(set(keys)) for table, keys in lost.items() if keys}
