"""`labelcurve status` on a study of many trials, beside a plain scan of the same files.

    python -m tests.benchmarks.status [TRIALS] [CELLS]          default 1,000,000 trials of 100,000 cells

The study is made up in a temporary folder: as many files of 1,000 rows as a driver would leave, every column filled.
`status()` is the work, the command a fresh process with all of its imports. The scan counts the rows of each
adaptation, task, initialisation, size and status in Polars; it knows nothing of what is missing and names no broken
file. Wall clock, since reading is spread over the cores.
"""

import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from study.config import Study
from study.ledger.rows import to_table
from study.ledger.schemas import TABLES
from study.ledger.segments import limit, path_of
from study.maintenance.status import status
from study.planning.accepted import accept
from study.planning.plan import Cell, Plan
from study.vocabulary import GROUP_FACTORS
from tests.benchmarks.side_by_side import compare

TRIALS, CELLS, ROUNDS = 1_000_000, 100_000, 9
INITIALISATIONS, TASKS, SIZES = ["scratch", "spark", "moco_v2", "byol", "swav"], ["covid", "organs"], 20
NOW = datetime(2026, 1, 2, tzinfo=UTC)
FILLED = {
    "study": "large", "label_unit": "image", "validation": "paid", "length": "epochs", "label_noise": 0.0,
    "adaptation": "full", "size_kind": "share", "n_train": 40, "n_val": 10, "n_patients": 20, "pretrain_seed": 0,
    "subset_hash": "a" * 16, "split_hash": "b" * 16, "encoder_hash": "c" * 64, "corpus_hash": "d" * 16,
    "hp_weight_decay": 0.01, "hp_batch": 32, "epochs": 30, "images": 3000, "seconds": 3.0, "device_seconds": 3.0,
    "started_at": NOW, "ended_at": NOW, "version": "0.1.0", "commit": "e" * 40, "python": "3.11", "torch": "2.14",
    "device": "cpu", "threads": 1, "host_os": "Linux", "objective": "auc",
}  # fmt: skip


def places(cells: int) -> list[dict]:
    """The factors of so many cells."""
    number = np.arange(cells)
    columns = {
        "initialisation": np.array(INITIALISATIONS)[number % 5],
        "task": np.array(TASKS)[number // 5 % 2],
        "size_value": (number // 10 % SIZES + 1) / SIZES,
        "draw": number // (10 * SIZES),
    }
    fixed = {"pretrain_seed": 0, "size_kind": "share", "adaptation": "full"}
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [dict(zip(columns, row, strict=True)) | fixed for row in rows]


def make(root: Path, trials: int, cells: int) -> None:
    """A planned study and its trials, dealt evenly over the cells."""
    where = places(cells)
    asked = {"sizes": {"share": [1.0]}, "trials": trials // cells + 2}
    study = Study.model_validate({"name": "large", "tasks": {"covid": {"phantom": {}}}, "adaptations": {"full": asked}})
    planned = [Cell({"name": "large"}, at, None, "search", asked["trials"], 3) for at in where]
    accept(root, study, Plan({}, [], planned, []))
    (root / "trials").mkdir()
    chance, rows = np.random.default_rng(0), limit("trials")
    names = {name: pa.array([at[name] for at in where], TABLES["trials"].field(name).type) for name in where[0]}
    filled = to_table("trials", [FILLED | {"key": "-", "fingerprint": "-", "status": "completed"}] * rows)
    for number in range(trials // rows):
        index = np.arange(number * rows, (number + 1) * rows)
        drawn = chance.random((3, rows))
        varied = {name: column.take(pa.array(index % cells)) for name, column in names.items()} | {
            "key": pa.array([f"{i:016x}" for i in index]),
            "fingerprint": pa.array([f"{int(1e15 * x):016x}" for x in drawn[0]]),
            "index": pa.array(index // cells, pa.int32()),
            "status": pa.array(
                np.where(drawn[0] < 0.02, "failed_oom", np.where(drawn[0] < 0.3, "pruned", "completed"))
            ),
            "hp_lr": pa.array(drawn[1]),
            "score": pa.array(drawn[2]),
            "settings": pa.array([f'{{"lr": {x}}}' for x in drawn[1]]),
        }
        table = pa.table([varied.get(name, filled[name]) for name in filled.column_names], schema=TABLES["trials"])
        pq.write_table(table, root / path_of("trials", number), compression="zstd", write_page_checksum=True)


def scan(root: Path) -> pl.DataFrame:
    return pl.scan_parquet(root / "trials" / "*.parquet").group_by(*GROUP_FACTORS, "status").len().collect()


def main(trials: int = TRIALS, cells: int = CELLS) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "large"
        make(root, trials, cells)
        counted = status(root).cells["trials_missing"].sum()
        print(f"{trials:,} trials of {cells:,} cells in {trials // limit('trials'):,} files, {counted:,} missing")
        command = [sys.executable, "-m", "labelcurve", "status", str(root)]
        compare(
            {
                "status()": lambda: status(root),
                "a plain scan": lambda: scan(root),
                "the command": lambda: subprocess.run(command, check=True, stdout=subprocess.DEVNULL),
            },
            rounds=ROUNDS,
            unit="call",
            clock=time.perf_counter,
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
