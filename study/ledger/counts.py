"""Counting what a table holds without reading all of it."""

from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from study.errors import Damaged
from study.storage.storage import Storage

from .schemas import TABLES
from .segments import damage, read, segments


def count(
    root: str | Path, table: str, columns: Sequence[str], query: Callable[[pl.LazyFrame], pl.LazyFrame]
) -> pl.DataFrame:
    """The answer to a query over some columns of a table of runs; quick on a million rows. A writer may be at work.

    On a local disk the checksums of files that are full already are not looked at (`frame` and `check` do that), so
    the answer is good for counts that somebody looks at and for no decision. Raises Damaged or UnknownVersion, naming
    the file and what to do.
    """
    storage = Storage(root)
    if storage.local_root is not None:
        try:
            return query(_lazy(storage, table, columns)).collect()
        except (pl.exceptions.PolarsError, OSError):
            pass  # damaged, or replaced at this moment: reading all of it in earnest says which
    parts = [_read(storage, table, path, columns) for path in segments(storage, table)]
    return query(pl.concat([_empty(table, columns), *parts]).lazy()).collect()


def _lazy(storage: Storage, table: str, columns: Sequence[str]) -> pl.LazyFrame:
    files = segments(storage, table)
    if not files:
        return _empty(table, columns).lazy()
    parts = [_read(storage, table, files.pop(), columns).lazy()]  # a writer may be replacing this one
    paths = [Path(storage.full(path)) for path in files]
    for path in paths:
        if not path.stat().st_size:  # Polars passes over it in silence
            raise Damaged(damage(storage, table, f"{table}/{path.name}", "it is empty"))
    if paths:
        schema = _empty(table, TABLES[table].names).schema
        found = pl.scan_parquet(paths, schema=schema, missing_columns="insert", extra_columns="ignore", glob=False)
        parts.insert(0, found.select(columns))
    return pl.concat(parts)


def _read(storage: Storage, table: str, path: str, columns: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame(read(storage, table, path, list(columns)))


def _empty(table: str, columns: Sequence[str]) -> pl.DataFrame:
    return pl.DataFrame(TABLES[table].empty_table().select(columns))
