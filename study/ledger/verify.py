"""Looking through a whole ledger for what should not be there, and setting a damaged file aside."""

from dataclasses import dataclass
from pathlib import Path

from study.errors import Damaged, UnknownVersion
from study.storage.storage import TMP, Storage

from .schemas import COMMITTED, DEPENDENTS, TABLES
from .segments import NAME, path_of, read, write

HARMLESS = ("orphan", "leftover")
"""Kinds of findings that the next writer clears away, or that one at work has just not finished."""


@dataclass(frozen=True)
class Problem:
    """`kind` is damaged, empty, foreign, missing, duplicate, newer, orphan or leftover.

    All but the last two need a hand, of which a file of a newer version needs none but a newer Labelcurve.
    """

    kind: str
    path: str
    detail: str

    @property
    def needs_a_hand(self) -> bool:
        return self.kind not in HARMLESS


def check(root: str | Path | Storage) -> list[Problem]:
    """Read every file of every table, checksums verified, and name what is wrong; nothing is changed."""
    storage = Storage.at(root)
    findings = [
        Problem("leftover", storage.full(path), "half a write of a driver that died, or a whole one that is under way")
        for path in storage.list(TMP)
    ]
    keys = {table: _read_all(storage, table, findings) for table in TABLES}
    done: dict[str, str] = {}
    for table in COMMITTED:
        for path, stored in keys[table].items():
            twice = []
            for key in stored:
                if key in done:
                    twice.append(f"{key} ({done[key]})")
                done[key] = path
            if twice:
                detail = f"{len(twice)} keys that are stored already, such as {twice[0]}"
                findings.append(Problem("duplicate", storage.full(path), detail))
    for table in DEPENDENTS:
        for path, stored in keys[table].items():
            strange = sum(key not in done for key in stored)
            if strange:
                detail = f"{strange} rows of runs that were never committed; the next writer drops them"
                findings.append(Problem("orphan", storage.full(path), detail))
    return findings


def set_aside(root: str | Path | Storage, path: str) -> str:
    """Move a file (a path as `Finding` gives it) to `<root>/damaged`, durably, and return its new path.

    A file of a table leaves an empty one in its place, so that the next check misses nothing; so does one that is gone.
    To be done under `lock`.
    """
    storage = Storage.at(root)
    inside, target = storage.inside(path), ""
    if storage.exists(inside):
        name = f"damaged/{inside.replace('/', '-')}"
        there = set(storage.list("damaged"))
        target = next(each for n in range(len(there) + 1) if (each := f"{name}.{n}" if n else name) not in there)
        storage.move(inside, target)
    table, _, name = inside.partition("/")
    if table in TABLES and NAME.fullmatch(name):
        write(storage, inside, TABLES[table].empty_table())
    return storage.full(target)


def _read_all(storage: Storage, table: str, findings: list[Problem]) -> dict[str, list[str]]:
    """Path -> keys of each file of a table that can be read."""
    keys: dict[str, list[str]] = {}
    numbers = []
    for path in storage.list(table):
        name = path.removeprefix(f"{table}/")
        if not NAME.fullmatch(name):
            findings.append(Problem("foreign", storage.full(path), "this is no file of the ledger; move it away"))
            continue
        numbers.append(int(name[:6]))
        try:
            rows = read(storage, table, path)
        except (Damaged, UnknownVersion) as error:
            findings.append(Problem(_kind(error, storage, path), storage.full(path), str(error)))
        else:
            keys[path] = rows["key"].to_pylist() if "key" in rows.column_names else []
    for number in sorted(set(range(max(numbers, default=-1) + 1)) - set(numbers)):
        detail = "a file of the table is gone; what it held is missing"
        findings.append(Problem("missing", storage.full(path_of(table, number)), detail))
    return keys


def _kind(error: Exception, storage: Storage, path: str) -> str:
    if not storage.read_bytes(path):
        return "empty"
    return "damaged" if isinstance(error, Damaged) else "newer"
