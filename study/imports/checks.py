"""What no study may hold: each refusal names file and row, and what to do."""

from collections.abc import Callable
from typing import Any

import polars as pl

from study.errors import InputRefused
from study.imports.table import NEEDED, RUN, SPLITS, WHERE
from study.vocabulary import DEFAULT_FACTORS, FOLD, TASK, Kind

SUM = 1e-3
"""How far from 1 the probabilities of one image may sum."""
PLACE = ["split", *WHERE]
VALIDATIONS = ("paid", "full", "cv")
Words = Callable[[dict[str, Any]], str]


def check(rows: pl.DataFrame, kind: Kind) -> None:
    """Raises InputRefused for the first row, or run, that cannot be."""
    _check_values(rows)
    predicted = rows.filter(pl.col("split") != "train")
    _check_probabilities(predicted, kind)
    _check_labels(predicted, kind)
    _check_runs(rows)
    _check_test_sets(rows)


def _refuse(rows: pl.DataFrame, wrong: pl.Expr, words: Words) -> None:
    found = rows.filter(wrong)
    if len(found):
        row = found.row(0, named=True)
        raise InputRefused(f"{row['file']}: row {row['row']}: {words(row)}")


def _says(name: str, wanted: str) -> Words:
    return lambda row: f"{name} is {'empty' if row[name] is None else repr(row[name])}, {wanted}"


def _another(name: str) -> Words:
    return lambda row: f"sample {row['sample']!r} has another {name} here than in an earlier row of task {row['task']}"


def _check_values(rows: pl.DataFrame) -> None:
    for name in NEEDED:
        _refuse(rows, pl.col(name).is_null(), _says(name, "and every row needs one"))
    for name, least in (("draw", 0), ("final_seed", 0), ("pretrain_seed", 0), ("size", 1), ("n_patients", 1)):
        _refuse(rows, pl.col(name) < least, _says(name, f"and {least} is the least"))
    for name, allowed in (("split", SPLITS), ("validation", VALIDATIONS)):
        _refuse(rows, ~pl.col(name).is_in(allowed), _says(name, f"and one of {', '.join(allowed)} is expected"))
    odd = (pl.col("split") != "test") & (pl.col("test_set") != "test") | (
        (pl.col("split") != "test") & pl.any_horizontal(pl.col("corruption", "severity").is_not_null())
    )
    _refuse(
        rows, odd, lambda row: f"test_set, corruption and severity belong to test rows, and split is {row['split']}"
    )


def _check_probabilities(rows: pl.DataFrame, kind: Kind) -> None:
    p = pl.col("p").list
    none = p.eval(pl.element().is_null() | pl.element().is_nan()).list.any()
    _refuse(rows, none, lambda row: "a probability is empty; only training rows need none")
    _refuse(rows, (p.min() < 0) | (p.max() > 1), lambda row: f"the probabilities {_list(row)} lie outside 0 to 1")
    if kind == "single":
        _refuse(rows, (p.sum() - 1).abs() > SUM, lambda row: (
            f"the probabilities {_list(row)} sum to {sum(row['p']):.4g}, and those of one image sum to 1"))  # fmt: skip


def _check_labels(rows: pl.DataFrame, kind: Kind) -> None:
    if kind == "multi":
        label = pl.col("label").list
        wrong = label.eval(pl.element().is_null() | ~pl.element().is_in([0, 1])).list.any()
        _refuse(rows, wrong, lambda row: f"the labels {row['label']} are not all 0 or 1")
        return
    wrong = (
        pl.col("label").is_null() | (pl.col("label") < 0) | (pl.col("label") >= pl.col("p").list.len().cast(pl.Int32))
    )
    _refuse(rows, wrong, lambda row: f"label is {row['label']}, and a class from 0 to {len(row['p']) - 1} is expected")


def _check_runs(rows: pl.DataFrame) -> None:
    again = pl.int_range(pl.len()).over([*RUN, *PLACE, "sample"]) > 0
    _refuse(rows, again, lambda row: f"sample {row['sample']!r} is there twice in this run, {run_words(row)}")
    first = pl.col("split").first().over([*RUN, "patient"])
    both = rows.with_columns(first=first)
    _refuse(both, pl.col("split") != pl.col("first"), lambda row: (
        f"patient {row['patient']!r} is in {row['split']} and in {row['first']} of one run, {run_words(row)}; a "
        "patient belongs to one split"))  # fmt: skip
    tested = (pl.col("split") == "test").any().over(RUN)
    _refuse(rows, ~tested, lambda row: f"this run, {run_words(row)}, has no row of split test, so it has no score")
    own = pl.col("n_patients").drop_nulls()
    _refuse(rows, own.n_unique().over(RUN) > 1, lambda row: f"n_patients differs within this run, {run_words(row)}")
    unknown = ~(pl.col("split") == "train").any().over(RUN) & (own.len().over(RUN) == 0)
    _refuse(rows, unknown, lambda row: (
        f"of this run, {run_words(row)}, it is not known from how many patients its labels are; add its rows of split "
        "train (their probabilities may be empty) or the column n_patients"))  # fmt: skip
    counts = rows.with_columns(labels=_labels_given())
    wrong = (pl.col("split") == "train").any().over(RUN) & (pl.col("labels") != pl.col("size"))
    _refuse(counts, wrong, lambda row: (
        f"size is {row['size']}, and this run, {run_words(row)}, has {row['labels']} rows of split train"
        f"{'' if row['validation'] == 'full' else ' and val'}; size counts the labels that were paid for"))  # fmt: skip


def _labels_given() -> pl.Expr:
    train, val = ((pl.col("split") == split).sum().over(RUN) for split in ("train", "val"))
    return train + pl.when(pl.col("validation") == "full").then(0).otherwise(val)


def _check_test_sets(rows: pl.DataFrame) -> None:
    """Runs of one task are scored on the same images with the same labels, or their scores compare nothing."""
    tests = rows.filter(pl.col("split") == "test")
    for name in ("label", "patient"):
        value = pl.col(name).cast(pl.List(pl.String)).list.join(",") if tests[name].dtype == pl.List else pl.col(name)
        first = value.first().over("task", "test_set", "sample")
        _refuse(tests, value.ne_missing(first), _another(name))
    sets = [TASK, FOLD, *WHERE]
    held = tests.group_by(*RUN, *WHERE, maintain_order=True).agg(
        pl.col("sample").sort(), pl.col("file").first(), pl.col("row").first()
    )
    held = held.with_columns(wanted=pl.col("sample").list.len().first().over(sets), images=pl.col("sample").list.len())
    same = pl.col("sample").list.join("\n")
    differs = same != same.first().over(sets)
    _refuse(held, differs, lambda row: (
        f"the test images of this run, {run_words(row)}, are not those of the first run of task {row['task']} "
        f"({row['images']} and {row['wanted']}); score all runs of a task on the same images, or name them by fold or "
        "test_set"))  # fmt: skip


def run_words(row: dict[str, Any]) -> str:
    """A run's factors, those at their defaults left out."""
    factors = {name: row[name] for name in RUN if row[name] is not None and row[name] != DEFAULT_FACTORS.get(name)}
    return ", ".join(f"{name} {level}" for name, level in factors.items())


def _list(row: dict[str, Any]) -> str:
    return ", ".join(f"{p:g}" for p in row["p"])
