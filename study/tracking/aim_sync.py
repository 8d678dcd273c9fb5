"""Making a mirror say what the ledger says."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import polars as pl

from study.ledger import frame, lock

from .aim_repository import Repository
from .tracked_run import Entry, pretraining

log = logging.getLogger(__name__)

VALUES = {"trials": "curves", "finals": "scores"}
AT_ONCE = 1_000
SAID_EVERY = 100


def sync(root: str, folder: Path) -> tuple[int, int]:
    """Bring the Aim repository in `folder` up to the ledger under `root`; (written, removed) runs.

    A run that is there, whole, under the right key is left. Half a run, a second one of a key, and one that the ledger
    does not know (any more) are removed; what is missing is written. Runs of other studies, and those that others made,
    are left alone. Interrupted at any point, it goes on from there.

    Raises:
        LedgerError: while a driver is at work on the study, which writes to its mirror itself.
    """
    with lock(root):
        wanted = {entry.key: entry for entry in _entries(root)}
        repository = Repository(folder)
        try:
            there: set[str] = set()
            wrong: list[str] = []
            for study in {str(entry.row["study"]) for entry in wanted.values()} | {root.rpartition("/")[2]}:
                for hash, (key, mark) in repository.written(study).items():
                    if key in wanted and wanted[key].mark == mark and key not in there:
                        there.add(key)
                    else:
                        wrong.append(hash)
            repository.remove(wrong)
            missing = [entry for key, entry in wanted.items() if key not in there]
            for number, entry in enumerate(_complete(root, missing)):
                if number % SAID_EVERY == 0 and number:
                    log.info(f"{number} of {len(missing)} runs written")
                repository.write(entry)
        finally:
            repository.close()
    return len(missing), len(wrong)


def _entries(root: str) -> Iterator[Entry]:
    """All runs of the ledger; trials and final runs still without values."""
    steps = frame(root, "pretraining").sort("step")
    for run in steps.partition_by("initialisation", "pretrain_seed", maintain_order=True):
        yield pretraining(run.to_dicts())
    for table in VALUES:
        for row in frame(root, table).iter_rows(named=True):
            yield Entry(table, row, ())


def _complete(root: str, entries: list[Entry]) -> Iterator[Entry]:
    """The entries with their values, which are looked up for many at once."""
    yield from (entry for entry in entries if entry.table not in VALUES)
    for table, values in VALUES.items():
        written = [entry for entry in entries if entry.table == table]
        rows = frame(root, values)
        for first in range(0, len(written), AT_ONCE):
            some = written[first : first + AT_ONCE]
            parts = rows.filter(pl.col("key").is_in([entry.key for entry in some])).partition_by("key", as_dict=True)
            for entry in some:
                found = parts.get((entry.key,))
                yield replace(entry, values=[] if found is None else found.to_dicts())
