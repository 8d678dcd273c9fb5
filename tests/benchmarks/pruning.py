"""What pruning saves in device seconds, and what it costs in score: the same searches with it and without.

    python -m tests.benchmarks.pruning [--trials 30] [--rounds 3] [--labels 32] [--epochs 12] [--backbone NAME]

Each round is a study with a seed of its own: a phantom's finding at 32 px, 32 labelled images, a ResNet-18 from random
weights, two draws, thus two cells, which share two cores. It runs by the real driver once with pruning as it is by
default, its audit included, and once without; which goes first turns from round to round. The first settings of both
are the same, then each search goes its own way by what it has seen. Device seconds are those of the trials' rows.
Regret is the best validation score that the search without pruning found, less that of the one with it; beside it
stands the same difference of the final runs on test images. Both have the noise of so few cells.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from analysis.statistics.search_audit import pruning as audit
from study.ledger import frame

DRAWS = 2


def study(name: str, seed: int, asked: argparse.Namespace, pruned: bool) -> dict[str, Any]:
    return {
        "name": name,
        "seed": seed,
        "backbone": asked.backbone,
        "image_size": 32,
        "window": [-200, 300],
        "tasks": {"finding": {"phantom": {"labelled_patients": 130, "labelled_slices": 3, "size": 64, "seed": seed}}},
        "adaptations": {
            "full": {
                "sizes": {"count": [asked.labels]},
                "validation": ["full"],
                "draws": DRAWS,
                "trials": asked.trials,
                "finals": 3,
                "epochs": asked.epochs,
                "pruning": {"enabled": pruned},
                "space": {
                    "lr": {"low": 1e-5, "high": 3e-2, "log": True},
                    "weight_decay": {"low": 1e-6, "high": 1e-2, "log": True},
                },
            }
        },
    }


def run(folder: Path, seed: int, asked: argparse.Namespace, pruned: bool) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The trials of a study that is run from nothing, and the test scores of its final runs."""
    name = f"{'pruned' if pruned else 'whole'}-{seed}"
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(study(name, seed, asked, pruned)))
    command = [sys.executable, "-m", "labelcurve", "run", str(path), "--results", str(folder)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    root = str(folder / name)
    scores = frame(root, "scores").filter(metric="auc", unit="image")
    return frame(root, "trials"), scores.join(frame(root, "finals").select("key", "draw"), on="key")


def cells(trials: pl.DataFrame, scores: pl.DataFrame) -> pl.DataFrame:
    """Of each draw: what its search took and found, and what the final runs scored."""
    searched = trials.group_by("draw").agg(
        seconds=pl.sum("device_seconds"), epochs=pl.sum("epochs"), best=pl.max("score")
    )
    tested = scores.group_by("draw").agg(test=pl.mean("value"))
    return searched.join(tested, on="draw").sort("draw")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in {"trials": 30, "rounds": 3, "labels": 32, "epochs": 12}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--backbone", default="resnet18")
    asked = parser.parse_args()
    pairs, audits = [], []
    print(f"{'round':>5} {'draw':>4} {'seconds without':>16} {'with':>6} {'ratio':>6} {'regret':>8} {'test':>8}")
    with tempfile.TemporaryDirectory() as folder:
        for number in range(asked.rounds):
            order = (True, False) if number % 2 else (False, True)
            ran = {pruned: run(Path(folder), number, asked, pruned) for pruned in order}
            audits += audit(ran[True][0])
            for whole, short in zip(*(cells(*ran[each]).iter_rows(named=True) for each in (False, True)), strict=True):
                ratio = whole["seconds"] / short["seconds"]
                regret, test = whole["best"] - short["best"], whole["test"] - short["test"]
                pairs.append((whole["seconds"], short["seconds"], whole["epochs"] / short["epochs"], regret, test))
                print(
                    f"{number:>5} {whole['draw']:>4} {whole['seconds']:>16.1f} {short['seconds']:>6.1f} {ratio:>6.2f} "
                    f"{regret:>+8.4f} {test:>+8.4f}",
                    flush=True,
                )
    whole, short, epochs, regrets, tests = (list(column) for column in zip(*pairs, strict=True))
    saved = statistics.median(whole) / statistics.median(short)
    print(f"{asked.trials} trials a cell, {len(pairs)} cells: pruning takes {saved:.2f} times fewer device seconds")
    print(f"  and {statistics.median(epochs):.2f} times fewer epochs (median)")
    for what, values in {"regret on validation images": regrets, "difference on test images": tests}.items():
        print(f"  {what}: {statistics.mean(values):+.4f} in the mean, {min(values):+.4f} to {max(values):+.4f}")
    print(*audits, sep="\n")


if __name__ == "__main__":
    main()
