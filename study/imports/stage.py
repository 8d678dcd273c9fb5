"""Importing: files are read and checked as a whole, and then committed as a whole, or not at all."""

import hashlib
import json
import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import TypeAdapter, ValidationError

from study.data.pseudonyms import PseudonymKey
from study.errors import Contradiction, InputRefused
from study.fields import Name
from study.imports.checks import check, run_words
from study.imports.runs import ImportedRun, runs
from study.imports.table import PredictionsFile, read
from study.ledger import TABLES, Ledger, lock
from study.ledger.scan import schema
from study.planning.accepted import accepted, keep_plan, keep_spec
from study.storage import Storage
from study.vocabulary import FACTOR_NAMES

log = logging.getLogger(__name__)


def import_files(files: Sequence[str | Path], to: str | Path, *, key: PseudonymKey) -> int:
    """Add the runs of the files to the imported study in the folder ``to``, which is made; how many were new.

    A run that is there already with the same predictions is passed over, so importing again adds nothing. Samples and
    patients get pseudonyms under ``key``.

    Raises:
        InputRefused: naming file and row, or where ``to`` holds a study that was run here; nothing is written.
        Contradiction: where a run is there with other predictions.
    """
    storage = Storage(to)
    before = _importable(storage, key)
    read_files = [read(Path(file)) for file in files]
    _check_alike(read_files)
    rows = pl.concat([each.rows for each in read_files])
    check(rows, read_files[0].kind)
    name = storage.root.rpartition("/")[2]
    found = list(runs(name, rows, read_files[0].kind, key))
    with lock(storage.root) as held:
        ledger = Ledger(held)
        stored = {row["key"]: row for row in ledger.rows("finals")}
        new = [run for run in found if _is_new(run, stored)]
        _check_test_sets(new, stored.values())
        keep_spec(held, _spec(name, before, read_files, key))
        if new:
            _commit(ledger, new)
        keep_plan(held, [], _cells([*stored.values(), *(run.row for run in new)]))
    log.info(f"{len(new)} runs imported, {len(found) - len(new)} were there already")
    return len(new)


def _importable(storage: Storage, key: PseudonymKey) -> dict[str, Any]:
    """The spec of the imported study there; empty where there is none yet."""
    name = storage.root.rpartition("/")[2]
    before = accepted(storage)
    if before is None:
        inside = storage.folders()
        if set(inside) & TABLES.keys():
            raise InputRefused(f"{storage.root}: it holds tables that were not imported; name another folder")
        if any(storage.list(f"{folder}/spec") for folder in inside):
            raise InputRefused(
                f"{storage.root} holds studies; name a new folder in it, such as {storage.full('imported')}"
            )
        try:
            TypeAdapter(Name).validate_python(name)
        except ValidationError:
            raise InputRefused(
                f"{name!r} is no name of a study: lower case, digits, - and _, 40 at most; name another"
            ) from None
        return {}
    if not before.get("imported"):
        raise InputRefused(
            f"{storage.root} holds a study that was run here, and what was made elsewhere never mixes with it; name "
            "another folder"
        )
    if before["imported"]["pseudonym_key"] != key.check:
        raise InputRefused(
            f"{storage.root}: its patients have pseudonyms under another key, so they could not be matched; "
            "give that key with --pseudonym-key"
        )
    return before


def _check_alike(files: Sequence[PredictionsFile]) -> None:
    first = files[0]
    for each in files[1:]:
        if (each.kind, each.classes) != (first.kind, first.classes):
            raise InputRefused(
                f"{each.path}: its classes or findings ({', '.join(each.classes)}) are not those of {first.path} "
                f"({', '.join(first.classes)}); import the two by themselves"
            )


def _is_new(run: ImportedRun, stored: dict[str, dict[str, Any]]) -> bool:
    there = stored.get(run.row["key"])
    if there is None:
        return True
    if there["fingerprint"] != run.row["fingerprint"]:
        raise Contradiction(
            f"{_file(run.row)}: the run {_words(run.row)} is there already with other predictions or patients; import "
            "what changed into another folder"
        )
    return False


def _check_test_sets(new: Sequence[ImportedRun], stored: Any) -> None:
    known = {(row["task"], row["fold"]): row["split_hash"] for row in stored}
    for run in new:
        place = (run.row["task"], run.row["fold"])
        if known.get(place, run.row["split_hash"]) != run.row["split_hash"]:
            raise InputRefused(
                f"{_file(run.row)}: the run {_words(run.row)} has other test images, labels or patients than what was "
                f"imported of task {place[0]} before; give the task another name, or import into another folder"
            )


def _file(row: dict[str, Any]) -> str:
    return str(json.loads(row["settings"])["imported"])


def _words(row: dict[str, Any]) -> str:
    return run_words({**row, "size": int(row["size_value"]), "final_seed": row["index"]})


def _commit(ledger: Ledger, new: Sequence[ImportedRun]) -> None:
    """One commit of all runs: until it ends, none of them counts."""
    rows = pl.concat([run.predictions for run in new]).select(schema("predictions").names()).to_arrow()
    ledger.commit(
        "finals",
        [run.row for run in new],
        predictions=rows.cast(TABLES["predictions"]),
        scores=[row for run in new for row in run.scores],
    )


def _spec(name: str, before: dict[str, Any], files: Sequence[PredictionsFile], key: PseudonymKey) -> dict[str, Any]:
    """What the study says of itself: that it was imported, and of which files."""
    listed = list(before.get("imported", {}).get("files", []))
    for each in files:
        entry = {
            "file": each.name,
            "sha256": hashlib.sha256(each.path.read_bytes()).hexdigest(),
            "rows": len(each.rows),
            "kind": each.kind,
            "classes": each.classes,
        }
        listed += [] if entry in listed else [entry]
    return {"name": name, "imported": {"pseudonym_key": key.check, "files": listed}}


def _cells(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The cells that the runs fill, each with as many final runs as it has."""
    cells: dict[tuple, dict[str, Any]] = {}
    for row in rows:
        factors = {name: row[name] for name in FACTOR_NAMES}
        cell = cells.setdefault(tuple(factors.values()), factors | {"trials": 0, "finals": 0, "search_budget": None})
        cell["finals"] += 1
    return list(cells.values())
