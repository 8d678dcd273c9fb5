"""Looking through a whole ledger for what should not be there, and setting a damaged file aside."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from .errors import Damaged, UnknownVersion
from .schemas import COMMITTED, DEPENDENTS, TABLES
from .segments import NAME, path_of, read
from .storage import Storage


@dataclass(frozen=True)
class Finding:
    """`kind` is damaged, empty, foreign, missing, duplicate or orphan; all but an orphan needs a hand."""

    kind: str
    path: str
    detail: str


def check(root: str | Path) -> list[Finding]:
    """Read every file of every table, checksums verified, and name what is wrong; nothing is changed."""
    storage = Storage(root)
    findings: list[Finding] = []
    tables = {table: _read_all(storage, table, findings) for table in TABLES}
    done: dict[str, str] = {}
    for table in COMMITTED:
        for path, rows in tables[table].items():
            for key in rows["key"].to_pylist():
                if key in done:
                    findings.append(Finding("duplicate", storage.full(path), f"key {key} is in {done[key]} too"))
                done.setdefault(key, path)
    for table in DEPENDENTS:
        for path, rows in tables[table].items():
            strange = sum(key not in done for key in rows["key"].to_pylist())
            if strange:
                detail = f"{strange} rows of runs that were never committed; the next writer drops them"
                findings.append(Finding("orphan", storage.full(path), detail))
    return findings


def set_aside(root: str | Path, path: str) -> str:
    """Move a file of a table (a path as `Finding` gives it) to `<root>/damaged`, and return its new path."""
    storage = Storage(root)
    inside = storage.inside(path)
    target = f"damaged/{inside.replace('/', '-')}"
    storage.write_atomic(target, storage.read_bytes(inside))
    storage.remove(inside)
    return storage.full(target)


def _read_all(storage: Storage, table: str, findings: list[Finding]) -> dict[str, pa.Table]:
    tables: dict[str, pa.Table] = {}
    numbers = []
    for path in storage.list(table):
        name = path.removeprefix(f"{table}/")
        if not NAME.fullmatch(name):
            findings.append(Finding("foreign", storage.full(path), "this is no file of the ledger; move it away"))
            continue
        numbers.append(int(name[:6]))
        try:
            tables[path] = read(storage, table, path)
        except (Damaged, UnknownVersion) as error:
            kind = "damaged" if storage.read_bytes(path) else "empty"
            findings.append(Finding(kind, storage.full(path), str(error)))
    for number in sorted(set(range(max(numbers, default=-1) + 1)) - set(numbers)):
        detail = "a file of the table is gone; what it held is missing"
        findings.append(Finding("missing", storage.full(path_of(table, number)), detail))
    return tables
