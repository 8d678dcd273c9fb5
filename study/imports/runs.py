"""From checked rows to those of the ledger: a final run each, scored by our own metrics."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from study import identity
from study.config.adaptation import Scoring
from study.data.pseudonyms import PseudonymKey
from study.imports.table import RUN, WHERE
from study.ledger.scan import schema
from study.provenance import provenance
from study.vocabulary import COMPLETED, FACTOR_NAMES, FOLD, SIZE_FACTORS, TASK, Kind, position
from trainables.scoring.predictions import Predictions, scored

IMPORTED = "imported"


@dataclass(frozen=True)
class ImportedRun:
    """A run's row of `finals`, its rows of `scores`, and its `predictions` as the table has them."""

    row: dict[str, Any]
    scores: list[dict[str, Any]]
    predictions: pl.DataFrame


def runs(name: str, rows: pl.DataFrame, kind: Kind, key: PseudonymKey) -> Iterator[ImportedRun]:
    """A study's runs in the order of their rows. Hashes are of what the files say, names are pseudonyms."""
    splits = _split_hashes(rows)
    for number, run in _named(rows, key).group_by(RUN, maintain_order=True):
        of = dict(zip(RUN, number, strict=True))
        run = run.sort("split", *WHERE, "raw", nulls_last=False)
        yield _run(name, of, run, splits[of["task"], of["fold"]], kind)


def _run(name: str, of: dict[str, Any], run: pl.DataFrame, split_hash: str, kind: Kind) -> ImportedRun:
    factors = {n: of[n] for n in FACTOR_NAMES if n in of} | dict(
        zip(SIZE_FACTORS, ("count", float(of["size"])), strict=True)
    )
    own = identity.key({"name": name, "source": IMPORTED}, position(**factors), "final", of["final_seed"])
    row = {
        "key": own,
        "fingerprint": identity.digest([list(map(_plain, each)) for each in run.select(_CONTENT).iter_rows()]),
        "study": name,
        "index": of["final_seed"],
        "status": COMPLETED,
        **factors,
        **_labels(run, of),
        "label_unit": "image",
        "split_hash": split_hash,
        "settings": json.dumps({IMPORTED: run["file"][0]}),
        "device": IMPORTED,
        **provenance(),
        "torch": None,
    }
    given = run.filter(pl.col("split") != "train")
    return ImportedRun(row, list(_scores(own, given, kind)), _predictions(own, given))


_CONTENT = ["split", *WHERE, "raw", "raw_patient", "label", "p", "n_patients"]


def _labels(run: pl.DataFrame, of: dict[str, Any]) -> dict[str, Any]:
    """How many labels and patients, and the hash of the subset where its rows are there."""
    count = dict(run["split"].value_counts().iter_rows())
    val = count.get("val", 0)
    paid = pl.col("split").is_in(["train"] if of["validation"] == "full" else ["train", "val"])
    if "train" not in count:
        train = of["size"] - (0 if of["validation"] == "full" else val)
        return {"n_train": train, "n_val": val, "n_patients": run["n_patients"].drop_nulls()[0], "subset_hash": None}
    subset = run.filter(pl.col("split").is_in(["train", "val"]))
    return {
        "n_train": count["train"],
        "n_val": val,
        "n_patients": run.filter(paid)["patient"].n_unique(),
        "subset_hash": identity.digest(sorted(subset.select("split", "raw").rows())),
    }


def _split_hashes(rows: pl.DataFrame) -> dict[tuple[str, int | None], str]:
    """Of each task, or fold of it: of its test images, their patients and labels."""
    tests = rows.filter(pl.col("split") == "test", pl.col("corruption").is_null())
    image = [TASK, FOLD, "test_set", "sample"]
    held = tests.select(*image, "patient", "label").unique(image)
    return {
        (str(task), fold): identity.digest(sorted(map(repr, part.drop("task", "fold").rows())))
        for (task, fold), part in held.group_by("task", "fold")
    }


def _named(rows: pl.DataFrame, key: PseudonymKey) -> pl.DataFrame:
    """Samples and patients under their pseudonyms; what the files call them beside, for hashes alone."""
    names = {
        column: pl.col(column).replace_strict({raw: key.of(raw) for raw in rows[column].unique()})
        for column in ("sample", "patient")
    }
    return rows.with_columns(raw=pl.col("sample"), raw_patient=pl.col("patient"), **names)


def _scores(key: str, run: pl.DataFrame, kind: Kind) -> Iterator[dict[str, Any]]:
    val = _arrays(run.filter(pl.col("split") == "val"), kind)
    asked = Scoring()
    for place, part in run.filter(pl.col("split") == "test").group_by(WHERE, maintain_order=True):
        found = scored(_arrays(part, kind), val, patient=asked.patient, specificity=asked.specificity, positive=None)
        for unit, metric, value in found:
            yield {"key": key, **dict(zip(WHERE, place, strict=True)), "unit": unit, "metric": metric, "value": value}


def _arrays(part: pl.DataFrame, kind: Kind) -> Predictions:
    """At the precision of the table, so that scores are those of what is stored."""
    width = len(part["p"][0]) if len(part) else 2
    p = part["p"].explode(empty_as_null=False).to_numpy().reshape(-1, width).astype(np.float32).astype(np.float64)
    labels = part["label"].explode(empty_as_null=False) if kind == "multi" else part["label"]
    shape = (-1, width) if kind == "multi" else (-1,)
    who = part["patient"].rank("dense").cast(pl.Int64).to_list()
    return Predictions(list(range(len(part))), labels.to_numpy().astype(np.int64).reshape(shape), p, who)


def _predictions(key: str, run: pl.DataFrame) -> pl.DataFrame:
    columns: Mapping[str, pl.DataType] = schema("predictions")
    label = pl.col("label") if run["label"].dtype == pl.List else pl.concat_list("label")
    named = run.with_columns(
        key=pl.lit(key),
        labels=label,
        test_set=pl.when(pl.col("split") == "test").then("test_set"),
    )
    return named.select(pl.col(name).cast(kind) for name, kind in columns.items())


def _plain(value: Any) -> Any:
    return value.to_list() if isinstance(value, pl.Series) else value
