"""The Parquet files of a table: `<table>/000000.parquet`, `000001.parquet`, ...

Only the last one grows, and it is rewritten whole at every append, so a table stays a handful of files, needs no
compaction, and never shows a glob the same row twice. An append goes into one file alone: it is there or it is not.
Pages carry checksums, which Polars and DuckDB do not look at and which `read` verifies.
"""

import re

import pyarrow as pa
import pyarrow.parquet as pq

from .errors import Damaged, UnknownVersion
from .schemas import COMMITTED, DEPENDENTS, TABLES, VERSION
from .storage import Storage

NAME = re.compile(r"\d{6}\.parquet")
READABLE = {str(version) for version in range(1, VERSION + 1)}


def limit(table: str) -> int:
    """Rows at which a file is full. Small rows come in dozens a run, so their files hold more."""
    return 50_000 if table in DEPENDENTS else 1_000


def path_of(table: str, number: int) -> str:
    return f"{table}/{number:06d}.parquet"


def segments(storage: Storage, table: str) -> list[str]:
    """The files of a table in order. Raises Damaged for a Parquet file that is not ours: a glob would read it too."""
    paths = [path for path in storage.list(table) if path.endswith(".parquet")]
    for path in paths:
        if not NAME.fullmatch(path.removeprefix(f"{table}/")):
            raise Damaged(f"{storage.full(path)}: this is no file of the ledger; move it out of the folder")
    return paths


def write(storage: Storage, path: str, rows: pa.Table) -> None:
    """Replace a file with these rows, atomically and durably. Raises OSError."""
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", write_page_checksum=True)
    storage.write_atomic(path, memoryview(sink.getvalue()))


def read(storage: Storage, table: str, path: str, columns: list[str] | None = None) -> pa.Table:
    """A file's rows, verified, with today's columns. What a file of an earlier version lacks is null.

    Raises Damaged if it is not what was written, UnknownVersion if a later Labelcurve wrote it.
    """
    data = storage.read_bytes(path)
    try:
        file = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        metadata = {name.decode(): value.decode() for name, value in (file.schema_arrow.metadata or {}).items()}
        rows = file.read(columns=columns, use_threads=False)
    except Exception as error:  # a broken footer ends in almost any exception: Arrow's, Unicode, memory, overflow
        what = "it is empty" if not data else " ".join(str(error).split())
        raise Damaged(damage(storage, table, path, what)) from error
    if metadata.get("labelcurve.table") != table:
        raise Damaged(damage(storage, table, path, f"it does not say that it holds {table}"))
    version = metadata.get("labelcurve.version")
    if version not in READABLE:
        raise UnknownVersion(
            f"{storage.full(path)}: written in version {version}, this Labelcurve reads up to {VERSION}"
        )
    if not _fits(file.schema_arrow, TABLES[table], complete=version == str(VERSION)):
        raise Damaged(damage(storage, table, path, "its columns are not those of the table"))
    return _completed(rows, TABLES[table], columns)


def _fits(found: pa.Schema, today: pa.Schema, *, complete: bool) -> bool:
    """Whether a file has today's columns, or, unless `complete`, some of them, in their order."""
    kept = [field for field in today if complete or field.name in found.names]
    return found.equals(pa.schema(kept))


def _completed(rows: pa.Table, today: pa.Schema, columns: list[str] | None) -> pa.Table:
    schema = today if columns is None else pa.schema([today.field(name) for name in columns], today.metadata)
    held = [rows[f.name] if f.name in rows.column_names else pa.nulls(rows.num_rows, f.type) for f in schema]
    return pa.Table.from_arrays(held, schema=schema)


def damage(storage: Storage, table: str, path: str, what: str) -> str:
    """The line for a damaged file: which, what is wrong, what to do, and what that costs."""
    cost = "run again: what it held is computed anew" if table in COMMITTED else "do without what it held"
    aside = f"set it aside in {storage.full('damaged')}"
    return f"{storage.full(path)} is damaged ({what}); restore it from a copy, or {aside} and {cost}"


class Tail:
    """The file of a table that still grows."""

    def __init__(self, storage: Storage, table: str) -> None:
        self._storage, self._table = storage, table
        paths = segments(storage, table)
        self._number = int(paths[-1][-14:-8]) if paths else 0
        self._rows = read(storage, table, paths[-1]) if paths else TABLES[table].empty_table()

    def append(self, rows: pa.Table) -> None:
        """Add rows, all or none, in one file. Raises OSError."""
        number, gathered = self._number, self._rows
        if gathered.num_rows and gathered.num_rows + rows.num_rows > limit(self._table):
            number, gathered = number + 1, TABLES[self._table].empty_table()
        gathered = pa.concat_tables([gathered, rows]).combine_chunks()
        write(self._storage, path_of(self._table, number), gathered)
        self._number, self._rows = number, gathered
