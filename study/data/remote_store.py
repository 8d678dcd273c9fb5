"""A store in an object store: ingest works on a folder of this machine, and each finished entry is copied up.

Entries are named by what they hold and never change, so there is nothing to keep in step: one that lacks on either side
is copied there, its JSON document last, which says that the rest is whole.
"""

import dataclasses
import hashlib
import logging
from pathlib import Path
from typing import Any

from study.data import node_cache
from study.storage import Storage
from study.storage.storage import is_url

log = logging.getLogger(__name__)

REMOTE = ".remote"
"""A file in the local side that holds the store's URL."""


def local_side(store: str | Path) -> Path:
    """The folder that ingest works on: the store itself, or for a URL one of this node's cache."""
    if not is_url(store):
        return Path(store)
    folder = node_cache.folder() / "stores" / hashlib.sha256(str(store).encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REMOTE).write_text(str(store))
    return folder


def fetch(entry: Path, document: str, into: Path) -> bool:
    """Copy an entry that the store's other side has into a folder; whether it has it."""
    remote = entry.parent / REMOTE
    if not remote.exists():
        return False
    storage = Storage(remote.read_text())
    if not storage.exists(f"{entry.name}/{document}"):
        return False
    for path in storage.list(entry.name):
        (into / Path(path).name).write_bytes(storage.read_bytes(path))
    return True


def published(value: Any, store: str | Path) -> Any:
    """`value` (dataclasses, mappings, sequences) with each path of the local side as the URL that workers read, once
    the entry in which it lies is there."""
    if not is_url(store):
        return value
    folder, storage, seen = local_side(store), Storage(store), set()

    def moved(value: Any) -> Any:
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            changed = {field.name: moved(getattr(value, field.name)) for field in dataclasses.fields(value)}
            return dataclasses.replace(value, **changed)
        if isinstance(value, dict):
            return {name: moved(each) for name, each in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(moved(each) for each in value)
        if isinstance(value, str) and value.startswith(f"{folder}/"):
            inside = value.removeprefix(f"{folder}/")
            entry = inside.partition("/")[0]
            if entry not in seen:
                seen.add(entry)
                _copy_up(folder / entry, storage)
            return storage.full(inside)
        return value

    return moved(value)


def _copy_up(entry: Path, storage: Storage) -> None:
    files = sorted(entry.iterdir(), key=lambda path: path.suffix == ".json")
    if all(storage.exists(f"{entry.name}/{path.name}") for path in files):
        return
    log.info(f"copying {entry.name} to {storage.root}")
    for path in files:
        storage.upload(path, f"{entry.name}/{path.name}")
