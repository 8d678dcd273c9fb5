"""Reading a ledger lazily: a table as a Polars LazyFrame that reads what a query asks for, when it is asked.

What comes is what `frame` gives, verified and committed: of each file only the columns of the query are decoded, and of
a file in which its filter finds no row only those of the filter. Files are looked for anew at every query, so a frame
that was opened while a study runs shows what is committed by then.
"""

import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pyarrow as pa
from polars.io.plugins import register_io_source

from study.storage.storage import Storage

from .schemas import COMMITTED, DEPENDENTS, TABLES
from .segments import Segment, limit, segments

ROWS = 50_000
"""So many rows are decoded at a time."""
READERS = min(os.cpu_count() or 1, 8)


def scan(root: str | Path | Storage, table: str) -> pl.LazyFrame:
    """A study's table in the order of commit; see `frame`. What is damaged is named when it is read."""
    storage = Storage.at(root)

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, n_rows: int | None, batch_size: int | None
    ) -> Iterator[pl.DataFrame]:
        wanted = columns or TABLES[table].names[:1] if columns is not None else TABLES[table].names
        left = n_rows
        for rows in _batches(storage, table, wanted, predicate):
            found = rows.select(wanted)
            yield found if left is None else found.head(left)
            left = None if left is None else left - len(found)
            if left is not None and left <= 0:
                return

    return register_io_source(source, schema=schema(table))


def schema(table: str) -> pl.Schema:
    """The columns of a table with their types in Polars."""
    return pl.DataFrame(TABLES[table].empty_table()).schema


def _batches(storage: Storage, table: str, columns: list[str], predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
    # Keys first: whatever is committed by now has its rows already on disk, so none of its rows can be missed.
    done = _Committed(storage) if table in DEPENDENTS else None
    wanted = dict.fromkeys([*columns, *(["key"] if done else [])])
    for rows in _in_order(storage, table, list(wanted), predicate):
        yield rows if done is None else done.of(rows)


def _in_order(storage: Storage, table: str, columns: list[str], predicate: pl.Expr | None) -> Iterator[pl.DataFrame]:
    """The files' rows in their order, a few files at a time, read by some threads a little ahead."""
    files = segments(storage, table)
    step = max(ROWS // limit(table), 1)
    groups = deque(files[at : at + step] for at in range(0, len(files), step))
    running: deque[Future[pl.DataFrame]] = deque()
    with ThreadPoolExecutor(READERS) as readers:
        try:
            while groups or running:
                while groups and len(running) <= READERS:
                    running.append(readers.submit(_read, storage, table, groups.popleft(), columns, predicate))
                yield running.popleft().result()
        finally:
            for each in running:
                each.cancel()


def _read(
    storage: Storage, table: str, files: list[str], columns: list[str], predicate: pl.Expr | None
) -> pl.DataFrame:
    opened = [Segment(storage, table, file) for file in files]
    if predicate is None:
        return _frame(table, opened, columns)
    first = _frame(table, opened, list(dict.fromkeys(predicate.meta.root_names())) or columns[:1])
    wanted = first.with_columns(predicate.alias("")).get_column("").fill_null(False)
    if not wanted.any():
        return _frame(table, [], columns)
    others = [name for name in columns if name not in first.columns]
    whole = first.hstack(_frame(table, opened, others)) if others else first
    return (whole if wanted.all() else whole.filter(wanted)).select(columns)


def _frame(table: str, opened: list[Segment], columns: list[str]) -> pl.DataFrame:
    parts = [TABLES[table].empty_table().select(columns), *(each.read(columns) for each in opened)]
    return pl.DataFrame(pa.concat_tables(parts))


class _Committed:
    """The rows whose runs are committed. Trials are many and looked at only where a row is of no final run."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._known = self._keys("finals")
        self._left = [table for table in COMMITTED if table != "finals"]

    def of(self, rows: pl.DataFrame) -> pl.DataFrame:
        here = set(rows["key"].unique())
        while self._left and not here <= self._known:
            self._known |= self._keys(self._left.pop())
        strange = here - self._known
        return rows.filter(~pl.col("key").is_in(list(strange))) if strange else rows

    def _keys(self, table: str) -> set[str]:
        return {key for rows in _in_order(self._storage, table, ["key"], None) for key in rows["key"]}
