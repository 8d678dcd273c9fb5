"""The test-set components of final runs, from their stored predictions."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from trainables.scoring.patients import gathered

from .point import NEW_IMAGES, NEW_PATIENTS
from .variance_components import Components, NoComponents, components

AGREEMENT = 1e-3
"""A recorded score may differ from the one its predictions give by rounding to float32, not by more."""


@dataclass(frozen=True)
class Predicted:
    """One run's clean test predictions by order of sample: labels (N,) or (N, findings), p (N, C), and the patient of
    each image as a number, or the image's own where none is named (`unit` says which)."""

    labels: np.ndarray
    p: np.ndarray
    patients: np.ndarray
    unit: str

    def by(self, unit: str) -> "Predicted":
        """These in rows of a unit that scores are given in: image, patient (mean) or patient_max."""
        if unit == "image":
            return self
        rule = "max" if unit == "patient_max" else "mean"
        found = gathered(self.patients, self.labels, self.p, rule=rule)
        if found is None:
            raise NoComponents("images of one patient belong to different classes")
        return Predicted(*found, np.unique(self.patients), self.unit)


def predicted(predictions: pl.DataFrame, keys: list[str], test_set: str) -> dict[str, Predicted | str]:
    """Each key's predictions on the clean test set, or why there are none."""
    clean = (pl.col("split") == "test") & (pl.col("test_set") == test_set) & pl.col("corruption").is_null()
    rows = predictions.filter(clean, pl.col("key").is_in(keys)).select("key", "sample", "patient", "labels", "p")
    # Sorted and told apart as numbers in the order of the names, of which there are few.
    rows = rows.with_columns(_as_enum(rows[name]) for name in ("key", "sample", "patient")).sort("key", "sample")
    found: dict[str, Predicted | str] = dict.fromkeys(keys, "no test predictions are stored")
    if rows.is_empty():
        return found
    labels, p = _Lists(rows["labels"]), _Lists(rows["p"])
    patients, samples = (rows[name].to_physical().cast(pl.Int64).to_numpy() for name in ("patient", "sample"))
    start = 0
    for key, count in rows.group_by("key", maintain_order=True).len().iter_rows():
        part = slice(start, start + count)
        start += count
        who = patients[part].astype(float)
        unit = NEW_IMAGES if np.isnan(who).any() else NEW_PATIENTS
        own = samples[part] if unit == NEW_IMAGES else who
        try:
            y = labels.rows(part)
            found[key] = Predicted(y[:, 0] if y.shape[1] == 1 else y, p.rows(part), own.astype(np.int64), unit)
        except ValueError:
            found[key] = "its predictions have rows of different lengths"
    return found


def _as_enum(names: pl.Series) -> pl.Series:
    return names.cast(pl.Enum(names.unique().drop_nulls().sort()))


class _Lists:
    """A column of lists as arrays of some of its rows."""

    def __init__(self, column: pl.Series) -> None:
        self.lengths = column.list.len().to_numpy().astype(np.int64)
        self.ends = np.concatenate([[0], np.cumsum(self.lengths)])
        self.values = column.explode().to_numpy()

    def rows(self, part: slice) -> np.ndarray:
        """(rows, length); raises ValueError where the lengths differ."""
        if len(set(self.lengths[part].tolist())) != 1:
            raise ValueError
        return self.values[self.ends[part.start] : self.ends[part.stop]].reshape(part.stop - part.start, -1)


def of_runs(
    found: Mapping[str, Predicted | str], recorded: Mapping[str, float], metric: str, unit: str = "image"
) -> dict[str, Components] | str:
    """Components of `metric` for every key of `recorded` (its stored score), or one line saying why there are none."""
    parts: dict[str, Components] = {}
    for key, value in recorded.items():
        run = found[key]
        if isinstance(run, str):
            return run
        try:
            own = run.by(unit)
            parts[key] = components(metric, own.labels, own.p, own.patients)
        except NoComponents as why:
            return str(why)
        if abs(parts[key].estimate - value) > AGREEMENT:
            return f"a recorded score ({value:.4f}) is not what its predictions give ({parts[key].estimate:.4f})"
    return parts
