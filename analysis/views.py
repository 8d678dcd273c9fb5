"""A study's tables as DuckDB views: committed rows alone, with all columns, whatever version wrote the files."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from study.errors import InputRefused
from study.ledger.scan import READERS
from study.ledger.schemas import COMMITTED, DEPENDENTS, TABLES
from study.ledger.segments import Segment, segments

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

    from study.storage import Storage


def connect(storage: Storage, *, verify: bool) -> DuckDBPyConnection:
    """An in-memory database with a view for every table.

    Raises InputRefused without the package, Damaged for a file that is not of the table or, with `verify`, damaged.
    """
    try:
        import duckdb
    except ImportError:
        raise InputRefused("DuckDB is not installed; run: pip install 'labelcurve[duckdb]'") from None
    database = duckdb.connect()
    if storage.local_root is None:
        database.register_filesystem(storage.filesystem)
    database.execute("SET TimeZone = 'UTC'")
    for table in TABLES:
        files = segments(storage, table)
        if verify:
            with ThreadPoolExecutor(READERS) as readers:
                list(readers.map(lambda file, of=table: _verify(storage, of, file), files))
        database.register(f"_no_{table}", TABLES[table].empty_table())
        database.execute(f"CREATE VIEW {_all(table)} AS {_select(table, [storage.full(file) for file in files])}")
    for table in TABLES:
        database.execute(f"CREATE VIEW {table} AS SELECT * FROM {_all(table)}{_committed(table)}")
    return database


def _verify(storage: Storage, table: str, file: str) -> None:
    Segment(storage, table, file).read()


def _all(table: str) -> str:
    return f"_all_{table}"


def _select(table: str, files: list[str]) -> str:
    """Every row of some files; what a file of an earlier version lacks is null."""
    empty = f"SELECT * FROM _no_{table}"
    if not files:
        return empty
    paths = ", ".join("'" + file.replace("'", "''") + "'" for file in files)
    return f"{empty} UNION ALL BY NAME SELECT * FROM read_parquet([{paths}], union_by_name = true)"


def _committed(table: str) -> str:
    if table not in DEPENDENTS:
        return ""
    return " WHERE key IN (" + " UNION ALL ".join(f"SELECT key FROM {_all(name)}" for name in COMMITTED) + ")"
