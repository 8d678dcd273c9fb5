"""A made study: every table of a ledger, small, seeded, with effects that are known."""

import hashlib
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from sklearn.metrics import roc_auc_score

from analysis.tables import StudyTables
from study.ledger import Ledger
from study.vocabulary import FACTOR_NAMES as FACTORS

LABELS = {0.125: 24, 0.25: 48, 0.5: 96, 1.0: 192}
GAIN = {"scratch": 0.0, "moco_v2": 0.35, "spark": 0.75}
TASKS = {"covid": 2, "organs": 3}

COLLAPSED = "the loss stands at its trivial value, the embeddings hardly differ"

RUN = {name: pl.String for name in (
       "key", "fingerprint", "study", "status", "subset_hash", "split_hash", "encoder_hash", "label_unit",
       "selection", "error", "settings", "version", "commit", "python", "torch", "device", "host_os")} | {
       name: pl.Int32 for name in ("index", "n_train", "n_val", "n_patients", "search_budget", "selected_trial",
       "epochs", "threads", "pruned_at")} | {
       name: pl.Float64 for name in ("seconds", "score", "audit_score")} | {"objective": pl.String} | {
       name: pl.Int32 if name in ("pretrain_seed", "draw", "fold") else
       pl.Float64 if name in ("size_value", "label_noise", "imbalance") else pl.String for name in FACTORS}  # fmt: skip
SCHEMAS = {
    "finals": {k: v for k, v in RUN.items() if k not in ("score", "objective", "pruned_at", "audit_score")},
    "trials": {k: v for k, v in RUN.items() if k not in ("search_budget", "selected_trial", "selection")},
    "scores": {"key": pl.String, "test_set": pl.String, "corruption": pl.String, "severity": pl.Int32,
               "unit": pl.String, "metric": pl.String, "value": pl.Float64},
    "predictions": {"key": pl.String, "split": pl.String, "test_set": pl.String, "corruption": pl.String,
                    "severity": pl.Int32, "sample": pl.String, "patient": pl.String, "labels": pl.List(pl.Int8),
                    "p": pl.List(pl.Float32)},
    "curves": {"key": pl.String, "epoch": pl.Int32, "step": pl.Int64, "split": pl.String, "metric": pl.String,
               "value": pl.Float64},
    "pretraining": {"key": pl.String, "fingerprint": pl.String, "study": pl.String, "initialisation": pl.String,
                    "method": pl.String, "pretrain_seed": pl.Int32, "step": pl.Int64, "images": pl.Int64,
                    "views": pl.Int64, "pixels": pl.Int64, "flops": pl.Float64, "seconds": pl.Float64,
                    "device_seconds": pl.Float64, "peak_memory": pl.Int64, "loss": pl.Float64,
                    "loss_over_trivial": pl.Float64, "spread": pl.Float64, "rank": pl.Float64,
                    "probe_knn": pl.Float64, "probe_ridge": pl.Float64, "lr": pl.Float64, "probes": pl.String,
                    "schedule": pl.String, "warning": pl.String, "device": pl.String},
}  # fmt: skip


def key_of(*parts) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


def cell(init="scratch", task="covid", size=0.25, draw=0, adaptation="linear") -> dict:
    return dict.fromkeys(FACTORS) | {
        "initialisation": init, "pretrain_seed": None if init == "scratch" else 0, "task": task, "size_kind": "share",
        "size_value": size, "draw": draw, "adaptation": adaptation,
    }  # fmt: skip


def run(factors: dict, phase: str, index: int, **more) -> dict:
    labels = LABELS[factors["size_value"]]
    return factors | {
        "key": key_of(factors, phase, index, more.get("search_budget")), "fingerprint": key_of(factors, index),
        "study": "made", "status": "completed", "index": index, "n_train": labels * 3 // 4, "n_val": labels // 4,
        "n_patients": labels // 2, "label_unit": "image", "split_hash": "split", "epochs": 20, "seconds": 3.0,
        "subset_hash": key_of(factors["task"], labels, factors["draw"]), "version": "0.1.0", "commit": "abc1234",
        "python": "3.11.9", "torch": "2.14.1", "device": "cpu", "threads": 1, "host_os": "Linux",
    } | more  # fmt: skip


def study_of(**tables: list[dict]) -> StudyTables:
    made = {}
    for name, schema in SCHEMAS.items():
        rows = [{k: row.get(k) for k in schema} for row in tables.get(name, [])]
        made[name] = pl.DataFrame(rows, schema=schema)
    return StudyTables(**made)


@pytest.fixture(scope="session")
def make():
    """The builders of rows and studies, for tests that put a few rows together by hand."""

    class Make:
        cell, run, study = staticmethod(cell), staticmethod(run), staticmethod(study_of)
        write = staticmethod(write)

    return Make


def _predictions(rng, task, skill):
    classes, patients = TASKS[task], 60
    world = np.random.default_rng(len(task))
    label = np.repeat(world.integers(0, classes, patients), 2)
    hard = np.repeat(world.normal(size=(patients, classes)), 2, axis=0)
    logits = np.eye(classes)[label] * skill + hard + rng.normal(size=hard.shape) * 0.4
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    return label, p.astype(np.float32)


@pytest.fixture(scope="session")
def cells() -> list[dict]:
    """2 tasks x 3 initialisations x 3 draws x (4 sizes of linear, 2 of full)."""
    return [
        cell(init, task, size, draw, adaptation)
        for task in TASKS for init in GAIN for adaptation in ("linear", "full") for size in LABELS for draw in range(3)
        if adaptation == "linear" or size in (0.25, 1.0)
    ]  # fmt: skip


@pytest.fixture(scope="session")
def made(cells) -> StudyTables:
    rng = np.random.default_rng(7)
    finals, trials, scores, predictions, curves, pretraining = [], [], [], [], [], []
    for factors in cells:
        epochs = 20 if factors["adaptation"] == "full" else 1
        trial = run(factors, "trial", 2, objective="auc", score=0.7, epochs=epochs)
        trials += [trial, run(factors, "trial", 1, objective="auc", status="pruned", epochs=epochs)]
        for epoch in range(1, epochs + 1):
            loss, auc = 0.2 + 0.5 * np.exp(-epoch / 4) + rng.normal() * 0.01, 0.75 - 0.25 * np.exp(-epoch / 4)
            at = {"key": trial["key"], "epoch": epoch, "step": epoch * 6}
            curves += [at | {"split": "train", "metric": "loss", "value": loss}] if epochs > 1 else []
            curves += [at | {"split": "val", "metric": "auc", "value": auc + rng.normal() * 0.02}]
        skill = 0.1 + 0.22 * np.log2(LABELS[factors["size_value"]] / 12) + GAIN[factors["initialisation"]]
        skill += np.random.default_rng(factors["draw"]).normal() * 0.25
        for index in range(2):
            final = run(factors, "final", index, search_budget=4, selected_trial=2, selection="search", epochs=epochs)
            finals.append(final)
            label, p = _predictions(rng, factors["task"], skill)
            auc = roc_auc_score(label, p[:, 1]) if p.shape[1] == 2 else roc_auc_score(
                label, p / p.sum(1, keepdims=True), multi_class="ovr")  # fmt: skip
            named = {"key": final["key"], "test_set": "test"}
            scores.append(named | {"unit": "image", "metric": "auc", "value": float(auc)})
            predictions += [
                named | {"split": "test", "sample": f"s{i:03}", "patient": f"p{i // 2:03}", "labels": [int(y)], "p": q}
                for i, (y, q) in enumerate(zip(label, p.tolist(), strict=True))
            ]
    for method, floor in (("spark", 0.4), ("moco_v2", 0.98)):
        for step in range(0, 101, 10):
            over = floor + (1 - floor) * np.exp(-step / 30)
            pretraining.append({
                "key": key_of(method, step), "method": method, "pretrain_seed": 0, "step": step, "images": step * 32,
                "views": step * 64, "pixels": step * 10**6, "seconds": step * 0.8, "device_seconds": step * 1.6,
                "flops": step * 1e12, "peak_memory": 3 * 10**9, "loss": over * 5, "loss_over_trivial": over,
                "spread": 0.9 if method == "spark" else 0.04, "rank": 40.0 - step / 5, "device": "cpu",
                "warning": COLLAPSED if method == "moco_v2" and step else None,
            })  # fmt: skip
    return study_of(finals=finals, trials=trials, scores=scores, predictions=predictions, curves=curves,
                    pretraining=pretraining)  # fmt: skip


@pytest.fixture(scope="session")
def results(made, tmp_path_factory) -> Path:
    """The made study as a driver would have left it on disk; nothing may change it."""
    root = tmp_path_factory.mktemp("results") / "made"
    write(root, made)
    return root


def write(root: Path, study: StudyTables, **spec) -> None:
    """Commit every table of a study into a ledger, each kind of run at once."""
    ledger = Ledger(root)
    rows = {table: getattr(study, table).to_dicts() for table in SCHEMAS}
    held = {table: [row["key"] for row in rows[table]] for table in ("trials", "finals")}
    for table in ("trials", "finals"):
        own = set(held[table])
        parts = {name: [row for row in rows[name] if row["key"] in own] for name in ("curves", "predictions", "scores")}
        if own:
            ledger.commit(table, rows[table], **parts)
    if rows["pretraining"]:
        steps = [row | {"fingerprint": "f", "initialisation": row["method"]} for row in rows["pretraining"]]
        ledger.commit("pretraining", steps)
    ledger.storage.write_atomic("spec/001.yaml", yaml.safe_dump({"name": "made"} | spec).encode())
