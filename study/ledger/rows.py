"""Plain rows (dicts) into Arrow tables of the fixed schemas, refusing what must never be stored."""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pyarrow as pa

from study.vocabulary import STATUSES

from .schemas import TABLES

Row = Mapping[str, Any]
REQUIRED = ("key", "fingerprint", "status")


def to_table(table: str, rows: Sequence[Row] | pa.Table) -> pa.Table:
    """Rows as an Arrow table of `TABLES[table]`; one of just its columns is taken as it is.

    A missing column becomes null, and so does a number that is not finite: NaN passes filters and spoils means. A dict,
    such as `settings` may be, is stored as JSON with sorted keys. Raises ValueError, naming table and column, for an
    unknown table or column, a value of another type, a time without a zone, a status that does not exist, or a null in
    `key`, `fingerprint` or `status`.
    """
    if table not in TABLES:
        raise ValueError(f"there is no table {table!r}; the tables are {', '.join(TABLES)}")
    schema = TABLES[table]
    if isinstance(rows, pa.Table):
        if not rows.schema.equals(schema):
            raise ValueError(f"{table}: the columns are not those of the table")
        return rows.replace_schema_metadata(schema.metadata)
    unknown = sorted({name for row in rows for name in row} - set(schema.names))
    if unknown:
        raise ValueError(f"{table}: no column {', '.join(map(repr, unknown))}; what has no column goes into settings")
    columns = [_column(table, field, [_plain(row.get(field.name)) for row in rows]) for field in schema]
    return pa.Table.from_arrays(columns, schema=schema)


def _column(table: str, field: pa.Field, values: list) -> pa.Array:
    if field.name in REQUIRED and None in values:
        raise ValueError(f"{table}.{field.name}: every row needs one")
    if field.name == "status" and not set(values) <= set(STATUSES):
        raise ValueError(f"{table}.status: {set(values) - set(STATUSES)} not among {', '.join(STATUSES)}")
    if pa.types.is_timestamp(field.type) and any(isinstance(v, datetime) and v.tzinfo is None for v in values):
        raise ValueError(f"{table}.{field.name}: a time without a zone")
    if pa.types.is_integer(field.type) and any(isinstance(v, float) and not v.is_integer() for v in values):
        raise ValueError(f"{table}.{field.name} ({field.type}): a fraction")  # which pyarrow would cut off in silence
    if pa.types.is_floating(field.type):
        values = [float(v) if type(v) is int else v for v in values]  # pyarrow refuses whole numbers above 2^53
    try:
        return pa.array(values, field.type)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        raise ValueError(f"{table}.{field.name} ({field.type}): {error}") from error


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # numpy scalars and arrays
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return json.dumps(value, sort_keys=True, allow_nan=False)
    return value
