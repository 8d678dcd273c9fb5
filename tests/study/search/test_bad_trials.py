"""Bad trials of every kind in one study: each ends as its own row, harms nothing else, and can be run again."""

import contextlib
import ctypes
import functools
import math
import os
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import yaml

from cluster.session import Resources
from study import run
from study.cli import main
from study.ledger import frame
from trainables.contracts import EpochRecord, RunResult

FAULTS = {
    14: "fine",
    16: "failed_error",
    18: "failed_nan",
    20: "exit",
    22: "abrupt exit",
    24: "segfault",
    26: "timed_out",
    28: "failed_oom",
    30: "first fails",
}
"""What the trials of a cell do, by its number of labels."""

STATUSES = {n: {"failed_error"} for n in FAULTS} | {14: {"completed"}, 18: {"failed_nan"}}
STATUSES |= {26: {"timed_out"}, 28: {"failed_oom"}, 30: {"failed_error", "completed"}}
STUDY = {
    "name": "bad",
    "image_size": 32,
    "tasks": {
        "finding": {"phantom": {"labelled_patients": 60, "labelled_slices": 1, "size": 32}, "positive": "finding"}
    },
    "selection": {"min_val_patients": 1},
    "resources": {"trial": {"timeout": 5, "memory": 2}},
    "adaptations": {
        "full": {
            "sizes": {"count": list(FAULTS)},
            "draws": 1,
            "trials": 2,
            "finals": 1,
            "epochs": 2,
            "space": {"lr": {"low": 1e-4, "high": 1e-2, "log": True}},
        }
    },
}


def make_run_job(faults: dict, mended: str):
    """A job that trains nothing and breaks in its second epoch, until the file ``mended`` is there."""

    def run_job(job):
        better = os.path.exists(mended)
        fault = "fine" if better else faults[len(job.train) + len(job.val)]
        if fault == "first fails":
            first = Path(f"{mended}-first")
            fault = "fine" if first.exists() else "failed_error"
            first.touch()
        for epoch in (1, 2):
            score = 0.5 + 0.2 * better + job.seed % 1000 / 1e4
            if epoch == 2 and fault != "fine":
                if fault == "failed_error":
                    raise RuntimeError("diverged")
                if fault == "failed_nan":
                    score = math.nan
                if fault == "exit":
                    sys.exit(3)
                if fault == "abrupt exit":
                    os._exit(3)
                if fault == "segfault":
                    ctypes.string_at(0)
                if fault == "timed_out":
                    time.sleep(10**6)
                if fault == "failed_oom":
                    bytearray(2**40)
            result = None
            if epoch == 2:
                scores = [["test", "image", "auc", score]] if job.tests else []
                result = RunResult(2, 2, 0.1, 0.1, "cpu", 1, scores)
            curves = [["val", "auc", score]]
            yield EpochRecord(epoch, epoch, epoch, score, curves, result)

    return run_job


pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def driven(ray_cluster, tmp_path_factory):
    """The study run once, and run again with its failures mended: exit codes and tables after each command."""
    folder = tmp_path_factory.mktemp("bad")
    file, mended, results = folder / "study.yaml", folder / "mended", folder / "results"
    file.write_text(yaml.safe_dump(STUDY))
    place = [str(file), "--results", str(results)]
    seen = []

    def after(command, *more):
        code = main([command, *place, *more])
        tables = {table: frame(str(results / "bad"), table) for table in ("trials", "finals", "attempts")}
        seen.append((code, tables))

    job = make_run_job(FAULTS, str(mended))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run, "session", lambda address: contextlib.nullcontext(Resources(cpus=2, gpus=0, nodes=1)))
        patch.setattr(run, "run_study", functools.partial(run.run_study, run_job=job))
        after("run")
        Path(mended).touch()
        after("run")
        after("retry", "--status", "timed_out,failed_oom")
        after("retry", "--status", "failed_error")
        after("retry", "--status", "failed_nan")
    return seen


def labels(rows: pl.DataFrame) -> dict[int, set[str]]:
    """The statuses in each cell, by its number of labels."""
    counted = rows.with_columns(labels=pl.col("n_train") + pl.col("n_val"))
    return {n: set(group["status"]) for (n,), group in counted.group_by("labels")}


def test_every_kind_of_failure_is_a_status_and_the_other_cell_completes(driven):
    code, tables = driven[0]
    assert code == 4
    assert labels(tables["trials"]) == STATUSES
    assert len(tables["trials"]) == 18 and tables["trials"]["key"].n_unique() == 18
    assert labels(tables["finals"]) == {14: {"completed"}, 30: {"completed"}}
    failed = tables["trials"].filter(pl.col("status") != "completed")
    assert failed["error"].null_count() == 0 and failed["score"].null_count() == len(failed)


def test_running_again_repeats_no_failure(driven):
    (_, first), (code, second) = driven[:2]
    assert code == 4 and all(first[table].equals(second[table]) for table in first)


def test_retry_runs_the_named_failures_again_and_nothing_else(driven):
    (_, before), (code, after) = driven[1:3]
    assert code == 4 and set(after["trials"]["key"]) == set(before["trials"]["key"])
    again = before["trials"].filter(pl.col("status").is_in(["timed_out", "failed_oom"]))
    kept = before["trials"].filter(~pl.col("status").is_in(["timed_out", "failed_oom"]))
    assert after["trials"].filter(pl.col("key").is_in(kept["key"].to_list())).sort("key").equals(kept.sort("key"))
    redone = after["trials"].filter(pl.col("key").is_in(again["key"].to_list())).sort("key")
    assert set(redone["status"]) == {"completed"} and len(redone) == 4
    for column in ("settings", "seed", "fingerprint", "index"):
        assert redone[column].equals(again.sort("key")[column])
    assert sorted(after["attempts"]["key"]) == sorted(again["key"])
    assert set(labels(after["finals"])) == {14, 26, 28, 30}


def test_final_run_of_a_setting_that_is_no_longer_chosen_is_superseded(driven):
    (_, before), (_, after) = driven[2:4]
    of_30 = pl.col("n_train") + pl.col("n_val") == 30
    [old], [new] = (tables["finals"].filter(of_30).to_dicts() for tables in (before, after))
    assert old["key"] == new["key"] and old["selected_trial"] != new["selected_trial"]
    set_aside = after["attempts"].filter(table="finals").to_dicts()
    assert [(row["key"], row["selected_trial"]) for row in set_aside] == [(old["key"], old["selected_trial"])]


def test_all_failures_mended_end_the_study_whole(driven):
    code, tables = driven[-1]
    assert [code for code, _ in driven] == [4, 4, 4, 4, 0] and code == 0
    assert set(tables["trials"]["status"]) == {"completed"} and len(tables["finals"]) == 9
    assert len(tables["attempts"]) == 15 + 1


def test_retry_of_what_is_no_failure_is_refused(capsys):
    with pytest.raises(SystemExit) as refused:
        main(["retry", "quickstart", "--status", "completed"])
    assert refused.value.code == 2 and "'completed' is not among" in capsys.readouterr().err
