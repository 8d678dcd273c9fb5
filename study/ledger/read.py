"""Reading a ledger as Polars frames: verified, and only what was committed."""

from pathlib import Path

import polars as pl
import pyarrow as pa
from fsspec.core import url_to_fs

from study.errors import LedgerError
from study.storage.storage import Storage

from .schemas import COMMITTED, DEPENDENTS, TABLES
from .segments import read, segments


def frame(root: str | Path | Storage, table: str) -> pl.DataFrame:
    """A study's table in the order of commit; empty, with all columns, where nothing is stored.

    May be called while a writer is at work. Rows of curves, scores and predictions come only with their run committed.
    Raises Damaged or UnknownVersion, naming the file and what to do.
    """
    return committed(Storage.at(root), table)


def committed(storage: Storage, table: str) -> pl.DataFrame:
    """`frame` over a storage that is open already."""
    if table not in DEPENDENTS:
        return _all(storage, table)
    # Keys first: whatever is committed by now has its rows already on disk, so none of its rows can be missed.
    done = pl.concat([_all(storage, name, ["key"]) for name in COMMITTED])
    return _all(storage, table).join(done, on="key", how="semi", maintain_order="left")


def frames(pattern: str | Path, table: str) -> pl.DataFrame:
    """A table over all studies whose folders match a glob, such as `results/*`.

    Raises LedgerError if one key is in two of them: two copies of one study would count everything twice.
    """
    fs, path = url_to_fs(str(pattern))
    roots = [fs.unstrip_protocol(root) for root in sorted(fs.glob(path)) if fs.isdir(root)]
    found = pl.concat([frame(root, table) for root in roots] or [_frame(TABLES[table].empty_table())])
    if table in COMMITTED and found["key"].is_duplicated().any():
        key = found.filter(pl.col("key").is_duplicated())["key"][0]
        raise LedgerError(f"{pattern}: key {key} is in two studies; a copy of a study must not match the pattern")
    return found


def _all(storage: Storage, table: str, columns: list[str] | None = None) -> pl.DataFrame:
    empty = TABLES[table].empty_table()
    parts = [read(storage, table, path, columns) for path in segments(storage, table)]
    return _frame(pa.concat_tables([empty.select(columns or empty.column_names), *parts]))


def _frame(rows: pa.Table) -> pl.DataFrame:
    found = pl.from_arrow(rows)
    assert isinstance(found, pl.DataFrame)
    return found
