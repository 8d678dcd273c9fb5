"""Whether the runs had been trained long enough, from their recorded curves."""

import math
import statistics

import polars as pl

from analysis.tables import StudyTables, compared, was_searched
from analysis.words import with_setting
from study.vocabulary import FACTOR_NAMES, LOSS

TOLERANCE = 0.05
"""A cell has levelled where its last fifth of epochs changes the training loss by less than this share of its fall."""

TRAINING_LOSSES = (LOSS, "log_loss")
LEVELLED_SCHEMA = {
    "task": pl.String, "setting": pl.String, "cells": pl.Int32, "epochs": pl.Int32, "last_fifth": pl.Float64,
    "share_levelled": pl.Float64, "verdict": pl.String,
}  # fmt: skip


def chosen_curves(study: StudyTables) -> pl.DataFrame:
    """task, setting, cell, epoch, split, metric, value of each compared cell's selected trial.

    A cell set by defaults has no trial: its first final run's curve stands in, where it is stored.
    """
    finals = compared(study.finals).finals
    searched = finals.filter(was_searched()).select(*FACTOR_NAMES, index="selected_trial").unique()
    trials = study.trials.select("key", "index", *FACTOR_NAMES)
    chosen = trials.join(searched, on=[*FACTOR_NAMES, "index"], how="semi", nulls_equal=True)
    unsearched = finals.filter(~was_searched()).sort("index").unique(FACTOR_NAMES, keep="first")
    runs = with_setting(pl.concat([chosen, unsearched.select(chosen.columns)])).select("task", "setting", cell="key")
    return runs.join(study.curves, left_on="cell", right_on="key").sort("task", "setting", "cell", "epoch")


def train_loss(curves: pl.DataFrame) -> pl.DataFrame:
    """The rows of the training loss, by whichever of its names the study recorded."""
    rows = curves.filter(pl.col("split") == "train")
    for name in TRAINING_LOSSES:
        if (rows["metric"] == name).any():
            return rows.filter(pl.col("metric") == name)
    return rows.clear()


def levelled(curves: pl.DataFrame) -> pl.DataFrame:
    """One row per task x setting of `chosen_curves`, with the columns of LEVELLED_SCHEMA.

    last_fifth: median over cells of (loss at four fifths of the epochs - loss at the end) / (first - lowest loss).
    """
    rows = []
    loss = train_loss(curves)
    for (task, setting), every in curves.group_by(["task", "setting"], maintain_order=True):
        changes = []
        for _, cell in loss.filter(task=task, setting=setting).group_by("cell", maintain_order=True):
            if len(cell) >= 5:
                changes.append(_last_fifth(cell["value"].to_list()))
        size = {"cells": every["cell"].n_unique(), "epochs": every["epoch"].max()}
        rows.append({"task": task, "setting": setting} | size | _verdict(changes, int(every["epoch"].n_unique())))
    return pl.DataFrame(rows, schema=LEVELLED_SCHEMA)


def _last_fifth(values: list[float]) -> float:
    fall = values[0] - min(values)
    before = values[len(values) - 1 - max(len(values) // 5, 1)]
    return (before - values[-1]) / fall if fall > 0 else float("inf")


def _verdict(changes: list[float], epochs: int) -> dict:
    if not changes:
        verdict = "fitted in one step" if epochs == 1 else "too few recorded epochs to say"
        return {"last_fifth": None, "share_levelled": None, "verdict": verdict}
    share = sum(abs(change) < TOLERANCE for change in changes) / len(changes)
    verdict = "levelled" if share >= 0.5 else "not levelled: more epochs may change the scores"
    finite = [change for change in changes if math.isfinite(change)]
    return {"last_fifth": statistics.median(finite) if finite else None, "share_levelled": share, "verdict": verdict}
