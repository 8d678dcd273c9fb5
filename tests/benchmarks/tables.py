"""Opening and asking a large study's results, and its table of curves beside a plain pandas formulation.

    python -m tests.benchmarks.tables [TRIALS] [PREDICTIONS] [ROUNDS]      default 1,000,000 and 5,000,000, 5 rounds

The study is made up in a temporary folder: as many files as a driver would leave, every column filled; 40 cells of
curves, each run of them predicting the same 500 test patients with two images each. The pandas formulation reads the
same files, computes each run's AUC by patient and Student's interval over draws, which is narrower in what it speaks of
than ours: it leaves the test patients out. Each is a process of its own, whose wall clock (imports left out) and peak
memory are printed; they take turns, and the ratio is of medians.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from study.ledger.rows import to_table
from study.ledger.schemas import TABLES
from study.ledger.segments import limit, path_of
from tests.benchmarks import status

TRIALS, PREDICTIONS, ROUNDS = 1_000_000, 5_000_000, 5
PATIENTS, IMAGES_EACH, SEEDS, DRAWS = 500, 2, 5, 25
INITIALISATIONS, SIZES = ["scratch", "spark", "moco_v2", "byol"], 10

CONTENDERS = {
    "open + a filter query": """
import analysis
study = analysis.open(root)
{start}
study = analysis.open(root)
found = study.trials.filter(pl.col("status") == "failed_oom").group_by("initialisation").len().collect()
found = study.predictions.filter(pl.col("key") == key).select("sample", "p").collect()
""",
    "right by initialisation": """
import analysis
study = analysis.open(root)
{start}
judged = study.judged().filter(pl.col("split") == "test")
found = judged.group_by("initialisation", "size_value").agg(pl.mean("wrong")).collect()
""",
    "curve table": """
import analysis
study = analysis.open(root)
from analysis.frames import Study
{start}
found = study.label_efficiency(metrics=["auc"])
found = found.filter(pl.col("unit") == "patient").sort("initialisation", "size_value")
means = found["mean"].to_list()
""",
    "curve table in pandas": """
import pandas as pd, numpy as np
from scipy.stats import rankdata, t
{start}
finals = pd.read_parquet(root + "/finals", columns=["key", "initialisation", "size_value", "draw", "status"])
rows = pd.read_parquet(root + "/predictions", columns=["key", "split", "test_set", "patient", "labels", "p"])
rows = rows[(rows["split"] == "test") & (rows["test_set"] == "test")]
rows["label"], rows["score"] = rows["labels"].str[0], rows["p"].str[1]
by = rows.groupby(["key", "patient"], sort=False).agg(label=("label", "max"), score=("score", "mean")).reset_index()

def auc(run):
    ranks, positive = rankdata(run["score"]), run["label"].to_numpy() == 1
    n = positive.sum()
    return (ranks[positive].sum() - n * (n + 1) / 2) / (n * (~positive).sum())

scored = by.groupby("key", sort=False)[["label", "score"]].apply(auc).rename("auc").reset_index()
scored = scored.merge(finals, on="key")
scored = scored[scored["status"] == "completed"]
draws = scored.groupby(["initialisation", "size_value", "draw"])["auc"].mean()
found = draws.groupby(level=[0, 1]).agg(["mean", "std", "count"])
half = t.ppf(0.975, found["count"] - 1) * found["std"] / np.sqrt(found["count"])
found["low"], found["high"] = found["mean"] - half, found["mean"] + half
means = found.reset_index().sort_values(["initialisation", "size_value"])["mean"].tolist()
""",
}
FRAME = r"""
import json, re, sys, time
import polars as pl
root, key = sys.argv[1:]
means = None
{body}
seconds = time.perf_counter() - started
peak = 1024 * int(re.search(r"VmHWM:\s+(\d+)", open("/proc/self/status").read())[1])
cpu = time.process_time() - cpu
print(json.dumps({{"seconds": seconds, "cpu": cpu, "peak": peak, "rows": len(found), "means": means}}))
"""


def make(root: Path, trials: int, predictions: int) -> str:
    """A study of so many rows, or a few more; the key of one of its final runs."""
    status.make(root, trials, max(trials // 10, 1))
    images = PATIENTS * IMAGES_EACH
    runs = max(predictions // images, len(INITIALISATIONS) * SIZES * 2)
    number = np.arange(runs)
    cell, seed = number // SEEDS, number % SEEDS
    names = np.array(INITIALISATIONS)[cell % len(INITIALISATIONS)]
    size = (cell // len(INITIALISATIONS) % SIZES + 1) / SIZES
    draw = cell // (len(INITIALISATIONS) * SIZES)
    chance = np.random.default_rng(1)
    label = np.repeat(np.arange(PATIENTS) % 2, IMAGES_EACH)
    hard = np.repeat(chance.normal(size=PATIENTS), IMAGES_EACH)
    subsets = chance.normal(size=draw.max() + 1) / 4
    rows = []
    for run in range(runs):
        factors = {
            "initialisation": names[run],
            "size_value": size[run],
            "draw": int(draw[run]),
            "index": int(seed[run]),
        }
        subset = {"subset_hash": f"{int(draw[run])}-{size[run]}", "task": "covid"}
        rows.append(status.FILLED | factors | subset | {
            "key": f"f{run:015x}", "fingerprint": "-", "status": "completed", "search_budget": 10, "selected_trial": 1,
            "selection": "search", "settings": "{}"})  # fmt: skip
        rows[-1].pop("objective")
    _write(root, "finals", to_table("finals", rows))
    scores = []
    parts: list[pa.Table] = []
    samples, patients = [f"{i:032x}" for i in range(images)], [f"{i // IMAGES_EACH:016x}" for i in range(images)]
    files = 0
    for run in range(runs):
        skill = 0.5 + 0.5 * np.log2(1 + 4 * size[run]) + INITIALISATIONS.index(names[run]) / 4 + subsets[draw[run]]
        logit = (label - 0.5) * skill + hard + chance.normal(size=images) / 2
        p = (1 / (1 + np.exp(-logit))).astype(np.float32)
        scores += _scores(rows[run]["key"], label, p)
        parts.append(_predictions(rows[run]["key"], label, p, samples, patients))
        if len(parts) * images >= limit("predictions") or run == runs - 1:
            _write(root, "predictions", pa.concat_tables(parts).combine_chunks(), files)
            parts, files = [], files + 1
    _write(root, "scores", to_table("scores", scores))
    return str(rows[0]["key"])


def _scores(key: str, label: np.ndarray, p: np.ndarray) -> list[dict]:
    from trainables.scoring import metrics

    by = p.astype(np.float64).reshape(PATIENTS, IMAGES_EACH).mean(1)
    units = {"image": (label, p.astype(np.float64)), "patient": (label[::IMAGES_EACH], by)}
    return [
        {"key": key, "test_set": "test", "unit": unit, "metric": "auc",
         "value": metrics.auc(y, np.stack([1 - s, s], 1))}
        for unit, (y, s) in units.items()
    ]  # fmt: skip


def _predictions(key: str, label: np.ndarray, p: np.ndarray, samples: list[str], patients: list[str]) -> pa.Table:
    count, schema = len(label), TABLES["predictions"]
    ends = np.arange(count + 1)
    columns = {
        "key": pa.array([key] * count),
        "split": pa.array(["test"] * count),
        "test_set": pa.array(["test"] * count),
        "sample": pa.array(samples),
        "patient": pa.array(patients),
        "labels": pa.ListArray.from_arrays(pa.array(ends, pa.int32()), pa.array(label, pa.int8())),
        "p": pa.ListArray.from_arrays(pa.array(2 * ends, pa.int32()), pa.array(np.stack([1 - p, p], 1).ravel())),
    }
    return pa.table(
        [columns[f.name].cast(f.type) if f.name in columns else pa.nulls(count, f.type) for f in schema], schema=schema
    )


def _write(root: Path, table: str, rows: pa.Table, first: int = 0) -> None:
    (root / table).mkdir(exist_ok=True)
    for number, at in enumerate(range(0, rows.num_rows, limit(table)), start=first):
        part = rows.slice(at, limit(table))
        pq.write_table(part, root / path_of(table, number), compression="zstd", write_page_checksum=True)


def timed(name: str, root: Path, key: str) -> dict:
    body = CONTENDERS[name].replace("{start}", "started, cpu = time.perf_counter(), time.process_time()")
    done = subprocess.run(
        [sys.executable, "-c", FRAME.format(body=body), str(root), key], capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"{name}: {done.stderr}")
    return json.loads(done.stdout)


def main(trials: int = TRIALS, predictions: int = PREDICTIONS, rounds: int = ROUNDS) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "large"
        key = make(root, trials, predictions)
        files = {table: len(list((root / table).glob("*.parquet"))) for table in ("trials", "predictions")}
        print(
            f"{trials:,} trials and {predictions:,} predictions in {files['trials']} and {files['predictions']} files"
        )
        taken: dict[str, list[dict]] = {name: [] for name in CONTENDERS}
        for _ in range(rounds):
            for name, found in taken.items():
                found.append(timed(name, root, key))
        for name, found in taken.items():
            seconds = statistics.median(each["seconds"] for each in found)
            peak = max(each["peak"] for each in found)
            cpu = statistics.median(each["cpu"] for each in found)
            print(f"  {name:<26} {seconds:6.2f} s, processor {cpu:6.2f} s, peak memory {peak / 2**20:5.0f} MiB")
        ours, theirs = taken["curve table"], taken["curve table in pandas"]
        if not np.allclose(ours[0]["means"], theirs[0]["means"], atol=1e-6):
            raise AssertionError("the two tables of curves have different means")
        ratio = statistics.median(e["seconds"] for e in theirs) / statistics.median(e["seconds"] for e in ours)
        print(f"  our table of curves is {ratio:.2f} times as fast as that in pandas; the means are equal")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
