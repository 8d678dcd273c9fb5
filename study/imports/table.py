"""A file of predictions, CSV or Parquet, as a frame with known columns and types."""

import re
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from study.errors import InputRefused
from study.ledger.scan import schema
from study.suggestions import did_you_mean
from study.vocabulary import DEFAULT_FACTORS, FACTOR_NAMES, SIZE_FACTORS, Kind

SPLITS = ("train", "val", "test")
RUN = [*(name for name in FACTOR_NAMES if name not in SIZE_FACTORS), "size", "final_seed"]
"""What says which run a row belongs to."""
NEEDED = [name for name in RUN if name not in DEFAULT_FACTORS] + ["split", "sample", "patient"]
WHERE = ["test_set", "corruption", "severity"]
OPTIONAL = [*DEFAULT_FACTORS, *WHERE, "n_patients"]
_TYPES = {name: kind for table in ("finals", "predictions") for name, kind in schema(table).items()}
TYPES: dict[str, pl.DataType] = {
    name: _TYPES.get(name, pl.Int32()) for name in (*NEEDED, *OPTIONAL)
}  # size and final_seed are whole numbers
GUIDE = "docs/GUIDE.md says which columns there are"


@dataclass(frozen=True)
class PredictionsFile:
    """rows: the columns above, those left out at their default, `row` (from 1, without the header), `file`, `label` (of
    findings a list of 0 and 1) and `p` (a list). classes: their names, or the findings', in the order of `p`."""

    path: Path
    rows: pl.DataFrame
    classes: list[str]
    kind: Kind

    @property
    def name(self) -> str:
        return self.path.name


def read(path: Path) -> PredictionsFile:
    """Raises InputRefused naming the file, and what is missing or which row has a value of another type."""
    raw = _raw(path)
    classes = [name.removeprefix("p_") for name in raw.columns if name.startswith("p_")]
    several = "label" not in raw.columns
    labels = [f"label_{name}" for name in classes] if several else ["label"]
    _check_columns(path, raw.columns, classes, labels)
    if not several and sorted(classes) == sorted(map(str, range(len(classes)))):
        classes = [str(number) for number in range(len(classes))]  # p_10 is the eleventh class, wherever it stands
    kinds = TYPES | dict.fromkeys(labels, pl.Int16()) | {f"p_{name}": pl.Float64() for name in classes}
    given = {name: kind for name, kind in kinds.items() if name in raw.columns}
    rows = raw.with_row_index("row", offset=1).with_columns(
        _cast(path, raw[name], kind) for name, kind in given.items()
    )
    absent = {name: kinds[name] for name in OPTIONAL if name not in raw.columns}
    rows = rows.with_columns(pl.lit(None, kind).alias(name) for name, kind in absent.items())
    label = pl.concat_list(labels) if several else pl.col("label")
    defaults = (pl.col(name).fill_null(level) for name, level in DEFAULT_FACTORS.items() if level is not None)
    rows = rows.with_columns(
        *defaults,
        pl.col("test_set").fill_null("test"),
        label=label,
        p=pl.concat_list(f"p_{name}" for name in classes),
        file=pl.lit(path.name),
    ).select("file", "row", *NEEDED, *OPTIONAL, "label", "p")
    return PredictionsFile(path, rows, classes, "multi" if several else "single")


def _raw(path: Path) -> pl.DataFrame:
    if not path.is_file():
        raise InputRefused(f"{path}: there is no such file")
    try:
        if path.suffix == ".parquet":
            return pl.read_parquet(path, glob=False)
        return pl.read_csv(path, infer_schema=False, glob=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise InputRefused(f"{path}: it is no {_form(path)} that can be read ({str(error).splitlines()[0]})") from None


def _form(path: Path) -> str:
    return "Parquet file" if path.suffix == ".parquet" else "CSV file"


def _check_columns(path: Path, columns: list[str], classes: list[str], labels: list[str]) -> None:
    missing = [name for name in NEEDED if name not in columns]
    missing += [name for name in labels if name not in columns]
    if len(classes) < (2 if labels == ["label"] else 1):
        missing.append("p_0, p_1, ... (a probability for each class; or label_NAME and p_NAME for each finding)")
    if missing:
        raise InputRefused(f"{path}: it lacks the columns {', '.join(missing)}; add them, {GUIDE}")
    known = [*NEEDED, *OPTIONAL, *labels, *(f"p_{name}" for name in classes)]
    for name in columns:
        if name not in known:
            raise InputRefused(f"{path}: unknown column {name!r}{did_you_mean(name, known)}; {GUIDE}")
    if labels == ["label"] and not all(re.fullmatch(r"\d+", name) for name in classes):
        raise InputRefused(f"{path}: of one class an image the probabilities are called p_0, p_1, ..., by its number")
    if labels == ["label"] and sorted(map(int, classes)) != list(range(len(classes))):
        raise InputRefused(f"{path}: p_0 to p_{len(classes) - 1} are expected, and there are p_{', p_'.join(classes)}")


def _cast(path: Path, column: pl.Series, kind: pl.DataType) -> pl.Series:
    given = column.replace("", None) if column.dtype == pl.String else column
    if kind.is_integer() and given.dtype == pl.String:
        found = given.str.strip_chars().cast(pl.Float64, strict=False)
        found = pl.select(pl.when(found == found.floor()).then(found)).to_series().cast(kind, strict=False)
    elif kind.is_integer() and given.dtype.is_float():
        found = pl.select(pl.when(given == given.floor()).then(given)).to_series().cast(kind, strict=False)
    else:
        found = given.cast(kind, strict=False)
    bad = (found.is_null() & given.is_not_null()).arg_true()
    if len(bad):
        wanted = "a whole number" if kind.is_integer() else "a number" if kind.is_numeric() else "text"
        raise InputRefused(f"{path}: row {bad[0] + 1}: {column.name} is {given[bad[0]]!r}, and {wanted} is expected")
    return found.alias(column.name)
