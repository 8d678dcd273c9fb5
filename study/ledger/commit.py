"""Writing to a ledger: what belongs to a run first, then its row, which is the commit point."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from study.errors import Contradiction, Damaged
from study.storage.storage import TMP, Storage

from .read import committed
from .rows import Row, to_table
from .schemas import ATTEMPTS, COMMITTED, DEPENDENTS, TABLES
from .segments import Tail, read, read_held, write

_CARRIES = {"trials": ("curves", "predictions"), "finals": DEPENDENTS, "pretraining": ()}
_MAY_DIFFER = {"fingerprint", "started_at", "ended_at", "at", "seconds", "device_seconds"}


class Ledger:
    """A study's tables, open for writing by the one process that holds `lock(root)`.

    `root` is the storage that `lock` gave; on a local disk its path does too. Opening drops what an interrupted writer
    left: rows in curves, scores and predictions whose run was never committed. Raises Damaged when a file that is
    needed for that cannot be read. `failpoint` is called with the name of each place where a test may want this process
    to die.
    """

    def __init__(self, root: str | Path | Storage, *, failpoint: Callable[[str], None] = lambda name: None) -> None:
        self.storage = Storage.at(root)
        if self.storage.local_root is None and self.storage.fence is None:
            raise ValueError(f"{self.storage.root}: on an object store a ledger is written through what `lock` gives")
        self._failpoint = failpoint
        self._load()

    def commit(
        self,
        table: str,
        row: Row | Sequence[Row],
        curves: Sequence[Row] = (),
        predictions: Sequence[Row] | pa.Table = (),
        scores: Sequence[Row] = (),
    ) -> None:
        """Store one run (or all rows of one pre-training run) with what belongs to it. Durable when it returns.

        Raises ValueError for a row that the tables refuse or a key that is stored already, Contradiction for a key that
        is stored with another fingerprint, OSError when the disk fails; then look at `keys` before trying again. On an
        object store Overtaken once another driver holds the study: whatever it has done stays as it is.
        """
        self._settle()
        rows = to_table(table, [row] if isinstance(row, Mapping) else list(row))
        given: dict[str, Sequence[Row] | pa.Table] = {"curves": curves, "predictions": predictions, "scores": scores}
        belongings = {name: to_table(name, given[name]) for name in DEPENDENTS if len(given[name])}
        self._admit(table, rows)
        _check_belongings(table, rows, belongings)

        self._settled = False  # until the row is there: a failure half-way leaves rows behind that must go
        for name, part in belongings.items():
            self._tails[name].append(part)
        self._failpoint("between-dependents-and-row")
        self._tails[table].append(rows)
        self._fingerprints[table].update(_fingerprints(rows))
        self._settled = True

    def append(self, table: str, rows: Sequence[Row]) -> int:
        """Add rows to a table without keys and return how many were new: a row that is there is left out."""
        if table in COMMITTED or table in DEPENDENTS:
            raise ValueError(f"{table}: rows of this table are stored by commit alone")
        self._settle()
        offered = to_table(table, rows).to_pylist()
        stored = {tuple(row.values()) for row in self.rows(table)}
        new = [dict(zip(TABLES[table].names, values, strict=True)) for values in _unseen(offered, stored)]
        if new:
            self._settled = False
            self._tails[table].append(to_table(table, new))
            self._settled = True
        return len(new)

    def forget(self, table: str, keys: Collection[str]) -> None:
        """Drop the rows of these runs with all that belongs to them, so that they are run again. Durable."""
        self._settle()
        self._settled = False
        gone = pa.array(keys, pa.string())
        self._filter(table, lambda rows: pc.invert(pc.is_in(rows["key"], value_set=gone)))
        self._load()

    def supersede(self, table: str, keys: Collection[str]) -> int:
        """Move the rows of these runs to `attempts`, so that their keys are free again, and return how many there were.

        What belonged to them goes. A row is in `attempts` before it leaves its table, so a writer that dies in between
        loses nothing and only has to ask again; until then the row still counts. Durable when it returns.
        """
        moved = [row for row in self.rows(table) if row["key"] in keys]
        if moved:
            self.append(ATTEMPTS, [{"table": table} | row for row in moved])
            self._failpoint("between-attempts-and-removal")
            self.forget(table, [row["key"] for row in moved])
        return len(moved)

    def rows(self, table: str) -> list[dict]:
        """All rows of a table, read from disk and verified, as plain dicts in the order of commit."""
        self._settle()
        return committed(self.storage, table).to_dicts()

    def keys(self, table: str) -> set[str]:
        """The keys that are done, out of memory (a copy)."""
        self._settle()
        return set(self._fingerprints[table])

    def __contains__(self, key: str) -> bool:
        self._settle()
        return any(key in stored for stored in self._fingerprints.values())

    def _settle(self) -> None:
        if not self._settled:
            self._load()

    def _load(self) -> None:
        self._settled = False
        for path in self.storage.list(TMP) if self.storage.local_root else ():
            if ".parquet." in path:  # half a file of a writer that died: this one is alone
                self.storage.remove(path)
        # First the growing files, which on an object store shuts earlier drivers out: what is read then is all.
        self._tails = {table: Tail(self.storage, table) for table in TABLES}
        self._fingerprints = {table: self._stored(table) for table in COMMITTED}
        done = pa.array({key for stored in self._fingerprints.values() for key in stored}, pa.string())
        for table in DEPENDENTS:  # in all files: setting aside a damaged file of trials makes orphans of older rows
            self._filter(table, lambda rows: pc.is_in(rows["key"], value_set=done))
        self._settled = True

    def _filter(self, table: str, wanted: Callable[[pa.Table], pa.Array]) -> None:
        """Drop the rows of a table that are not wanted, of which `key` is looked at.

        A file that loses every row is kept, empty, so that a reader who has listed the folder never finds one gone.
        """
        tail = self._tails[table]
        tail.keep(wanted(tail.rows))
        for path in tail.full:
            if not pc.all(wanted(read(self.storage, table, path, ["key"])), min_count=0).as_py():
                held = read_held(self.storage, table, path)
                write(self.storage, path, held.rows.filter(wanted(held.rows)), tag=held.tag, sealed=True)

    def _stored(self, table: str) -> dict[str, str]:
        stored: dict[str, str] = {}
        tail = self._tails[table]
        columns = ["key", "fingerprint"]
        parts = [(path, read(self.storage, table, path, columns)) for path in tail.full] + [(tail.path, tail.rows)]
        for path, found in parts:
            new = _fingerprints(found)
            if len(new) < found.num_rows or new.keys() & stored.keys():
                where = self.storage.full(path)
                raise Damaged(f"{where}: it holds a key twice, or one that an earlier file holds; set it aside")
            stored |= new
        return stored

    def _admit(self, table: str, rows: pa.Table) -> None:
        if table not in COMMITTED:
            raise ValueError(f"{table}: commit takes rows of {', '.join(COMMITTED)}")
        offered = _fingerprints(rows)
        if not offered or len(offered) < rows.num_rows:
            raise ValueError(f"{table}: no row, or two rows with one key")
        for key, fingerprint in offered.items():
            for other, stored in self._fingerprints.items():
                if key not in stored:
                    continue
                if other == table and stored[key] != fingerprint:
                    raise Contradiction(self._difference(table, key, rows))
                raise ValueError(f"{table}: key {key} is stored in {other} already")

    def _difference(self, table: str, key: str, rows: pa.Table) -> str:
        stored = committed(self.storage, table).filter(pl.col("key") == key).to_dicts()[0]
        offered = rows.filter(pc.equal(rows["key"], key)).to_pylist()[0]
        differ = [name for name in stored if name not in _MAY_DIFFER and stored[name] != offered[name]]
        shown = "; ".join(f"{name}: {_short(stored[name])} stored, {_short(offered[name])} offered" for name in differ)
        return (
            f"{self.storage.full(table)}: key {key} is stored with fingerprint {stored['fingerprint']}, offered with"
            f" {offered['fingerprint']} ({shown or 'no column differs'}); what changed needs a study of another name"
        )


def _fingerprints(rows: pa.Table) -> dict[str, str]:
    return dict(zip(rows["key"].to_pylist(), rows["fingerprint"].to_pylist(), strict=True))


def _check_belongings(table: str, rows: pa.Table, belongings: dict[str, pa.Table]) -> None:
    keys = set(rows["key"].to_pylist())
    for name, part in belongings.items():
        if name not in _CARRIES[table]:
            raise ValueError(f"{table}: a row here carries no {name}")
        strange = set(part["key"].to_pylist()) - keys
        if strange:
            raise ValueError(f"{name}: key {min(strange)} is not among the committed rows")
        if table == "trials" and "test" in part["split"].to_pylist():
            raise ValueError(f"{name}: a trial is judged on validation data and may hold nothing about the test set")


def _unseen(offered: list[dict], stored: set[tuple]) -> list[tuple]:
    counted = Counter(tuple(row.values()) for row in offered)
    return [values for values in counted if values not in stored]


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
