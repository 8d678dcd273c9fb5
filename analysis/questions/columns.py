"""What the columns of the answers hold: (unit, meaning), for the documentation. Factors are those of the tables."""

import polars as pl

from study.errors import InputRefused
from study.ledger.columns import COLUMN_MEANINGS
from study.ledger.scan import schema
from study.ledger.schemas import TABLES
from study.vocabulary import COMPLETED, PRUNED

_WHERE = {
    "test_set": COLUMN_MEANINGS["test_set"],
    "metric": COLUMN_MEANINGS["metric"],
    "unit": ("", "what was scored: image, patient (mean of its images) or patient_max"),
    "n_labels": ("labels", "paid for, median over draws: training and, where it is paid, validation"),
    "n_labels_min": ("labels", "fewest over draws"),
    "n_labels_max": ("labels", "most over draws"),
    "n_patients": ("patients", "of the subset"),
}
_INTERVAL = {
    "mean": ("", "over draws, final seeds averaged within a draw"),
    "low": ("", "lower end of the 95 % interval; null where there is none"),
    "high": ("", "upper end of the 95 % interval; null where there is none"),
    "target": ("", "what the interval speaks of"),
    "reason": ("", "why the interval is narrower than that of new patients, or why there is none"),
    "n_draws": ("draws", "behind the row"),
}
ANSWERS: dict[str, tuple[str, dict[str, tuple[str, str]]]] = {
    "label_efficiency": (
        "A point of a curve: an initialisation at a size, by one metric.",
        _WHERE | {"n_train": ("labels", "that were trained on, median"), "n_val": ("labels", "that validated, median"),
                  "pool_share": ("", "patients of the subset over those of the full size")} | _INTERVAL | {
            "pi_low": ("", "lower end for one new model of one new subset"),
            "pi_high": ("", "upper end for one new model of one new subset"),
            "pi_reason": ("", "why these are null"),
            "n_encoders": ("encoders", "behind the row"),
            "n_seeds": ("seeds", "final runs of a cell"),
            "n_runs": ("runs", "final runs behind the row"),
            "searched": ("cells", "whose setting a search chose"),
            "defaults": ("cells", "that ran with default settings"),
            "search_budget": COLUMN_MEANINGS["search_budget"],
            "cross_validated": ("cells", "of the searched, judged by cross-validation"),
        },
    ),
    "differences": (
        "The paired difference of two initialisations at a size.",
        {"against": ("", "the initialisation that is subtracted")} | _WHERE | _INTERVAL | {
            "error": ("", "standard error"),
            "df": ("", "degrees of freedom"),
            "family": ("differences", "judged together"),
            "family_p": ("", "p value that holds for the family"),
            "family_low": ("", "lower end that holds for the family"),
            "family_high": ("", "upper end that holds for the family"),
            "family_level": ("", "level of a single interval that gives the family 95 %"),
            "detectable": ("", "smallest difference that this design would have shown with a power of 80 %"),
            "separated": ("", "whether the family's interval for new patients leaves out zero"),
        },
    ),
    "labels_needed": (
        "With how many labels an initialisation reaches a score.",
        {name: _WHERE[name] for name in ("test_set", "metric", "unit")} | {
            "score": ("", "that is wanted"),
            "best": ("labels", "where the curve itself meets the score; null where it never does"),
            "low": ("labels", "fewest for which the data allow it; null: fewer than were tried"),
            "high": ("labels", "most that it may need; null: more than were tried"),
            "fewest": ("labels", "that were tried"),
            "most": ("labels", "that were tried"),
            "answer": ("", "the same in words, or why there is none"),
        },
    ),
    "more_draws": (
        "How wide an interval would be with other numbers of draws, all else alike.",
        _WHERE | {
            "n_draws": ("draws", "the study has"),
            "draws": ("draws", "asked about"),
            "mean": _INTERVAL["mean"],
            "width": ("", "expected width of the 95 % interval with so many draws"),
            "from_draws": ("", "share of the variance then that more draws would lower"),
            "from_patients": ("", "share of it that only more test patients would lower"),
            "from_encoders": ("", "share of it that only more pre-training runs would lower"),
        },
    ),
    "chosen": (
        "The setting that a cell's search chose, for its final runs.",
        {name: COLUMN_MEANINGS[name] for name in ("selection", "search_budget", "selected_trial", "objective")} | {
            "score": ("", "of the chosen trial on validation data; null for default settings"),
            "finals": ("runs", "completed final runs with it"),
        },
    ),
    "budget": (
        "What the searches of an adaptation, task, initialisation and size have spent.",
        {
            "cells": ("cells", "with trials"),
            "trials": ("trials", "ended in any way: pruned and failed ones spend budget"),
            "least": ("trials", "of the cell with the fewest"),
            "most": ("trials", "of the cell with the most"),
            COMPLETED: ("trials", "that came to their end"),
            PRUNED: ("trials", "ended early"),
            "failed": ("trials", "failed or timed out"),
            "audited": ("trials", "pruned, and finished all the same to see what pruning costs"),
            "epochs": COLUMN_MEANINGS["epochs"],
            "device_seconds": ("s", "summed over trials"),
            "even": ("", "whether every initialisation has the same least and most here"),
        },
    ),
    "pruned": (
        "A pruned trial that was finished for the audit, beside the best completed trial of its cell.",
        {name: COLUMN_MEANINGS[name] for name in ("key", "index", "pruned_at", "audit_score")} | {
            "best": ("", "score of the best completed trial of the cell"),
            "regret": ("", "audit_score less best: above 0 the pruned trial would have been chosen"),
        },
    ),
    "judged": (
        "A prediction of a compared final run with its labels and whether it is right.",
        {name: COLUMN_MEANINGS[name] for name in
         ("key", "index", "n_train", "n_val", "split", "test_set", "corruption", "severity", "sample", "patient",
          "labels", "p")} | {
            "label": ("", "number of the class; null of findings"),
            "predicted": ("", "class with the largest probability; null of findings"),
            "wrong": ("", "whether another class was predicted, or any finding (given above 0.5) wrongly"),
            "p_true": ("", "probability of what is true: of the class, or mean over findings"),
        },
    ),
    "patients": (
        "How often a patient is predicted wrongly, over all compared final runs on a test set.",
        {name: COLUMN_MEANINGS[name] for name in ("test_set", "patient")} | {
            "images": ("images", "of the patient in the test set"),
            "runs": ("runs", "that predicted them"),
            "wrong": ("", "share of these predictions that are wrong"),
            "p_true": ("", "mean probability of what is true"),
            "always_wrong": ("", "whether every one of them is wrong"),
        },
    ),
    "calibration": (
        "A bin of predicted probabilities, and how often it came true (of more than two classes: of the largest one).",
        {"test_set": COLUMN_MEANINGS["test_set"], "bin": ("", "lower end of the bin")} | {
            "images": ("", "predictions in it, runs and findings counted each"),
            "predicted": ("", "mean probability"),
            "observed": ("", "share that came true"),
        },
    ),
    "cost": (
        "What an initialisation took, by phase.",
        {
            "phase": ("", "pretraining, trials or finals"),
            "runs": ("runs", "ended in any way"),
            "images": COLUMN_MEANINGS["images"],
            "seconds": ("s", "wall time, summed over runs"),
            "device_seconds": ("s", "of it, what computed, summed over runs and workers"),
        },
    ),
    "robustness": (
        "A mean score under a corruption beside that without.",
        {name: _WHERE[name] for name in ("test_set", "unit", "metric")} | {
            "corruption": ("", "its name"),
            "severity": ("", "how strong it is"),
            "clean": ("", "mean score of the same runs without it"),
            "corrupted": ("", "mean score with it"),
            "change": ("", "corrupted less clean, paired run by run"),
            "runs": ("runs", "that have both"),
        },
    ),
}  # fmt: skip
"""By question: what a row is, and its columns beside factors and hyperparameters."""


def meaning(answer: str, column: str) -> tuple[str, str]:
    """(unit, meaning) of a column of an answer; a factor or hyperparameter has that of the tables."""
    return ANSWERS[answer][1].get(column) or COLUMN_MEANINGS[column]


def described(table: str) -> pl.DataFrame:
    """column, type, unit, meaning of a table. Raises InputRefused for one that is not there."""
    if table not in TABLES:
        raise InputRefused(f"there is no table {table!r}; the tables are {', '.join(TABLES)}")
    rows = [(name, str(kind), *COLUMN_MEANINGS[name]) for name, kind in schema(table).items()]
    return pl.DataFrame(rows, schema=["column", "type", "unit", "meaning"], orient="row")
