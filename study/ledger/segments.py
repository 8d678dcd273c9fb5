"""The Parquet files of a table: `<table>/000000.parquet`, `000001.parquet`, ...

Only the last one grows, and it is rewritten whole at every append, so a table stays a handful of files, needs no
compaction, and never shows a glob the same row twice. An append goes into one file alone: it is there or it is not.
Pages carry checksums, which Polars and DuckDB do not look at and which `read` verifies.

On an object store each file carries the number of the driver that wrote it (its fence). A driver that opens a table
puts its own on the growing file, which changes the file's tag, so that whoever held the study before can neither write
it again nor, since it would first have to write into it that it is sealed, begin the next one.
"""

import re
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from study import versions
from study.errors import Damaged, UnknownVersion
from study.storage.storage import Storage

from .lease import overtaken
from .schemas import COMMITTED, DEPENDENTS, TABLES

NAME = re.compile(r"\d{6}\.parquet")
FENCE, SEALED = "labelcurve.fence", "labelcurve.sealed"


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


def write(storage: Storage, path: str, rows: pa.Table, *, tag: str | None = None, sealed: bool = False) -> str | None:
    """Replace a file that has this tag (None: make one) with these rows, atomically and durably; its new tag.

    Raises OSError, and Overtaken where another driver has written the file since it was read.
    """
    if storage.fence is not None:
        marks = {FENCE: str(storage.fence)} | ({SEALED: "yes"} if sealed else {})
        rows = rows.replace_schema_metadata((rows.schema.metadata or {}) | {k.encode(): v for k, v in marks.items()})
    sink = pa.BufferOutputStream()
    pq.write_table(rows, sink, compression="zstd", write_page_checksum=True)
    new = storage.swap(path, memoryview(sink.getvalue()), tag)
    if new is None:
        raise overtaken(storage)
    return new


@dataclass(frozen=True)
class Held:
    """A file as it was read: its rows, the tag to replace it under, and whether the next one was begun."""

    rows: pa.Table
    tag: str
    fence: int
    sealed: bool


def read_held(storage: Storage, table: str, path: str) -> Held:
    """A file to be replaced. Raises as `read`, and Overtaken where a later driver than this one wrote it."""
    data, tag = storage.read_tagged(path)
    rows, marks = _parsed(storage, table, path, data, None)
    fence = int(marks.get(FENCE, 0))
    if storage.fence is not None and fence > storage.fence:
        raise overtaken(storage)
    return Held(rows, tag, fence, SEALED in marks)


def read(storage: Storage, table: str, path: str, columns: list[str] | None = None) -> pa.Table:
    """A file's rows, verified, with today's columns. What a file of an earlier version lacks is null.

    Raises Damaged if it is not what was written, UnknownVersion if a later Labelcurve wrote it.
    """
    return _parsed(storage, table, path, storage.read_bytes(path), columns)[0]


def _parsed(
    storage: Storage, table: str, path: str, data: bytes, columns: list[str] | None
) -> tuple[pa.Table, dict[str, str]]:
    segment = Segment(storage, table, path, data)
    return segment.read(columns), segment.marks


class Segment:
    """A file that is open, checked to be one of its table in a version that is known; raises as `read`."""

    def __init__(self, storage: Storage, table: str, path: str, data: bytes | None = None) -> None:
        self._storage, self._table, self._path = storage, table, path
        self._data = storage.read_bytes(path) if data is None else data
        try:
            self._file = pq.ParquetFile(pa.BufferReader(self._data), page_checksum_verification=True)
            schema = self._file.schema_arrow
            self.marks = {name.decode(): value.decode() for name, value in (schema.metadata or {}).items()}
        except Exception as error:  # a broken footer ends in almost any exception: Arrow's, Unicode, memory, overflow
            raise self._damaged(error) from error
        if self.marks.get("labelcurve.table") != table:
            raise Damaged(damage(storage, table, path, f"it does not say that it holds {table}"))
        version = self.marks.get("labelcurve.version")
        if version not in versions.READABLE_LEDGERS:
            raise UnknownVersion(
                f"{storage.full(path)}: written in version {version}, this Labelcurve reads up to {versions.LEDGER}"
            )
        if not _fits(schema, TABLES[table], complete=version == str(versions.LEDGER)):
            raise Damaged(damage(storage, table, path, "its columns are not those of the table"))

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """The rows, verified, with today's columns or those named."""
        try:
            rows = self._file.read(columns=columns, use_threads=False)
        except Exception as error:
            raise self._damaged(error) from error
        return _completed(rows, TABLES[self._table], columns)

    def _damaged(self, error: Exception) -> Damaged:
        what = "it is empty" if not self._data else " ".join(str(error).split())
        return Damaged(damage(self._storage, self._table, self._path, what))


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
    """The file of a table that still grows, with `rows` in it, behind those that are full.

    On an object store it is made this driver's at once.
    """

    def __init__(self, storage: Storage, table: str) -> None:
        self._storage, self._table = storage, table
        self.full = segments(storage, table)
        self.rows, mine = TABLES[table].empty_table(), False
        self._tag: str | None = None
        if self.full:
            held = read_held(storage, table, self.full[-1])
            if not held.sealed:
                self.full.pop()
                self.rows, self._tag, mine = held.rows, held.tag, held.fence == storage.fence
        self._number = int(self.full[-1][-14:-8]) + 1 if self.full else 0
        if storage.fence is not None and not mine:
            self._write(self.rows)

    @property
    def path(self) -> str:
        return path_of(self._table, self._number)

    def keep(self, wanted: pa.Array) -> None:
        """Drop the rows that are not wanted, if there are any."""
        kept = self.rows.filter(wanted)
        if kept.num_rows < self.rows.num_rows:
            self._write(kept)

    def append(self, rows: pa.Table) -> None:
        """Add rows, all or none, in one file. Raises OSError, and Overtaken once another driver has the study."""
        if self.rows.num_rows and self.rows.num_rows + rows.num_rows > limit(self._table):
            self._begin_next()
        self._write(pa.concat_tables([self.rows, rows]).combine_chunks())

    def _begin_next(self) -> None:
        if self._storage.fence is not None:
            write(self._storage, self.path, self.rows, tag=self._tag, sealed=True)
        self._number, self.rows, self._tag = self._number + 1, TABLES[self._table].empty_table(), None

    def _write(self, rows: pa.Table) -> None:
        self._tag = write(self._storage, self.path, rows, tag=self._tag)
        self.rows = rows
