"""The labels CSV of a labelled image folder: ``file,label[,patient][,split]``, one row an image.

A multi-label task has, in place of ``label``, a column of 0 and 1 for each finding. Spaces around values and a byte
order mark are dropped, further columns ignored. Whatever is wrong is refused with the CSV's name and line.
"""

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from study.errors import InputRefused
from study.suggestions import did_you_mean

SPLITS = ("train", "val", "test")
OPTIONAL = ("patient", "split")
"""Columns that change which patients train and test: one that is misspelt must not be ignored like any other."""
_SUFFIX = re.compile(r"(ids?|no|nr|number|code|name|key|s)$")
_NAMED = 3  # so many files or lines are named before "and n more"


@dataclass(frozen=True)
class LabelRow:
    """One image as the CSV has it. ``patient`` is raw and stays in the process; ``split`` is None where not given.

    ``label``: a class's name, or the findings' values in their order, as in ``0;1``.
    """

    line: int
    file: str
    label: str
    patient: str
    split: str | None


@dataclass(frozen=True)
class Coding:
    """How labels are stored: a class's place in ``classes``, or of several findings (``classes``) a 0 or 1 for each."""

    classes: list[str]
    positive: str | None
    kind: Literal["single", "multi"] = "single"

    def code(self, label: str) -> int | tuple[int, ...]:
        """The code of a row's label."""
        return self.classes.index(label) if self.kind == "single" else tuple(map(int, label.split(";")))


def read_labels(path: Path, findings: list[str] | None = None) -> tuple[list[LabelRow], bool]:
    """The rows, and whether the CSV names patients (without a patient column, each image is its own patient)."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise InputRefused(f"{path}: there is no such labels file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputRefused(f"{path}: cannot be read as a UTF-8 text file") from error
    reader = csv.reader(text.splitlines(), skipinitialspace=True)
    header = [name.strip() for name in next(reader, [])]
    _check_header(path, header, findings)
    rows = [_row(path, header, line, cells, findings) for line, cells in _lines(path, reader)]
    if not rows:
        raise InputRefused(f"{path}: there are no rows below the header")
    unsplit = [row.line for row in rows if row.split is None]
    if unsplit and len(unsplit) < len(rows):
        raise InputRefused(f"{path}: column split is empty on {some('line', unsplit)}; fill all rows or none")
    _check_patients(path, rows)
    return rows, "patient" in header


def classes_of(
    path: Path, rows: list[LabelRow], positive: str | None, *, order: Callable[[str], Any] = str
) -> tuple[list[str], str | None]:
    """(classes in coding order, positive class or None).

    Names are sorted, by ``order``. With two classes ``positive``, or else the later name, is the one coded as 1; with
    more, a given ``positive`` comes last.
    """
    classes = sorted({row.label for row in rows}, key=order)
    if len(classes) < 2:
        raise InputRefused(f"{path}: all rows have the label {classes[0]!r}; a task needs two classes or more")
    if positive is not None and positive not in classes:
        raise InputRefused(f"{path}: positive: no row has the label {positive!r}{did_you_mean(positive, classes)}")
    if positive is None and len(classes) > 2:
        return classes, None
    positive = positive if positive is not None else classes[-1]
    return [name for name in classes if name != positive] + [positive], positive


def some(noun: str, values: list[int] | list[str]) -> str:
    """``line 3``, or ``lines 3, 4, 7 and 12 more``."""
    more = f" and {len(values) - _NAMED} more" if len(values) > _NAMED else ""
    return f"{noun}{'s' if len(values) > 1 else ''} {', '.join(map(str, values[:_NAMED]))}{more}"


def _lines(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield reader.line_num, cells  # type: ignore[attr-defined]
    except csv.Error as error:
        raise InputRefused(f"{path}: cannot be read as a CSV file ({error})") from error


def _check_header(path: Path, header: list[str], findings: list[str] | None) -> None:
    labels = findings or ["label"]
    for name in ("file", *labels):
        if name not in header:
            raise InputRefused(f"{path}: there is no column {name!r} in line 1{did_you_mean(name, header)}")
    for name in ("file", *labels, *OPTIONAL):
        if header.count(name) > 1:
            raise InputRefused(f"{path}: column {name!r} stands twice in line 1")
    for name in OPTIONAL:
        others = [column for column in header if column not in ("file", *labels, *OPTIONAL)]
        meant = next((column for column in others if name not in header and _nearly(column, name)), None)
        if meant is not None:
            raise InputRefused(
                f"{path}: column {meant!r} in line 1 is not read; rename it {name!r} if that is what it holds, "
                "or take it out"
            )


def _nearly(column: str, name: str) -> bool:
    """Whether a column was probably meant to be that of this name: ``Patient ID``, ``patients``, ``pateint``."""
    bare = "".join(filter(str.isalnum, column.lower()))
    bare = _SUFFIX.sub("", bare) or bare
    return abs(len(bare) - len(name)) <= 1 and bool(get_close_matches(bare, [name], cutoff=0.8))


def _row(path: Path, header: list[str], line: int, cells: list[str], findings: list[str] | None) -> LabelRow:
    values = {name: cell.strip() for name, cell in zip(header, cells, strict=False)}
    labels = findings or ["label"]
    for name in ("file", *labels, "patient"):
        if name in header and not values.get(name):
            raise InputRefused(f"{path}, line {line}: column {name!r} is empty")
    for name in findings or []:
        if values[name] not in ("0", "1"):
            raise InputRefused(f"{path}, line {line}: column {name!r} holds {values[name]!r}; a finding is 0 or 1")
    file, split = values["file"], values.get("split", "").lower() or None
    if split is not None and split not in SPLITS:
        raise InputRefused(f"{path}, line {line} ({file}): unknown split {split!r}{did_you_mean(split, SPLITS)}")
    return LabelRow(line, file, ";".join(values[name] for name in labels), values.get("patient", file), split)


def _check_patients(path: Path, rows: list[LabelRow]) -> None:
    """A patient lies in one split only. Its lines are named, not the patient."""
    by_patient: dict[str, list[LabelRow]] = {}
    for row in rows:
        by_patient.setdefault(row.patient, []).append(row)
    for own in by_patient.values():
        splits = sorted({str(row.split) for row in own})
        if len(splits) > 1:
            firsts = [min(row.line for row in own if str(row.split) == split) for split in splits]
            where = ", ".join(f"{split} on line {line}" for split, line in zip(splits, firsts, strict=True))
            raise InputRefused(
                f"{path}: one patient is in {len(splits)} splits ({where}; {some('line', [r.line for r in own])}); "
                "a patient may be in one only"
            )
