"""Results in an object store: the same study as on a disk, killed there and run again, seen by every command."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import yaml

from study.cli import main
from study.data import node_cache, remote_store
from study.data.slice_store import SliceStore
from study.ledger import frame
from study.ledger.lease import LEASE
from study.storage import Storage
from study.storage.file_ref import FileRef

STUDY = {
    "name": "away",
    "image_size": 64,
    "tasks": {
        "finding": {"phantom": {"labelled_patients": 40, "labelled_slices": 1, "size": 32}, "positive": "finding"}
    },
    "selection": {"min_val_patients": 1},
    "adaptations": {"linear": {"sizes": {"share": [0.5, 1.0]}, "draws": 1, "trials": 3, "finals": 1}},
    "initialisations": ["scratch"],
}
METHOD = {
    "corpus": {"phantom": {"patients": 4, "size": 32}},
    "pretraining": {
        "images": 64,
        "batch": 8,
        "methods": {"spark": {"decoder_width": 32}},
        "checkpoint_every": 2,
        "log_every": 2,
    },
    "initialisations": ["scratch", "spark"],
}
TIMES = ["seconds", "device_seconds", "peak_memory", "started_at", "ended_at", "at"]


def run(file: Path, results: str, failpoint: str = "") -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "labelcurve", "run", str(file), "--results", results],
        env={**os.environ, "LABELCURVE_FAILPOINT": failpoint},
        capture_output=True,
        text=True,
        timeout=1200,
    )


def what_was_done(root: str, table: str) -> pl.DataFrame:
    return frame(root, table).drop(TIMES, strict=False).sort(pl.all().exclude("labels", "p"))


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_killed_and_run_again_a_study_in_an_object_store_equals_one_on_a_disk(bucket, tmp_path, capsys):
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(STUDY | METHOD))
    there, here = f"{bucket}/away", str(tmp_path / "away")
    for failpoint in ("pretraining-rows-written", "trial-committed:4"):
        killed = run(file, bucket, failpoint)
        assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
        storage = Storage(there)
        lease = json.loads(storage.read_bytes(LEASE))
        storage.write_atomic(LEASE, json.dumps(lease | {"seconds": 1}).encode())  # nobody waits a minute for the dead
    for results in (bucket, str(tmp_path)):
        done = run(file, results)
        assert done.returncode == 0, done.stdout + done.stderr
    for table in ("pretraining", "trials", "finals", "curves", "scores", "predictions"):
        assert what_was_done(there, table).height > 0
        assert what_was_done(there, table).equals(what_was_done(here, table)), table
    assert (
        Storage(there).read_bytes("encoders/spark-0.safetensors")
        == Path(here, "encoders/spark-0.safetensors").read_bytes()
    ), "a run on Train is resumed from its checkpoint in the object store"
    assert Storage(there).list("train") == [] and Storage(there).list("log")
    for command in ("status", "report", "doctor"):
        assert main([command, there]) == 0, capsys.readouterr()
    assert "every file is what was written" in capsys.readouterr().out
    assert b"<html" in Storage(there).read_bytes("report.html")[:2000]


def test_an_ingested_store_is_copied_up_once_and_read_by_uri_and_digest(bucket, tmp_path, monkeypatch, said):
    from study.config.load import check
    from study.ingest import ingest

    study = check(
        STUDY | {"corpus": METHOD["corpus"], "pretraining": METHOD["pretraining"]}, source="", folder=tmp_path
    )
    monkeypatch.setenv("LABELCURVE_CACHE", str(tmp_path / "driver"))
    first = ingest(study, store=bucket, key=None)
    assert sum(line.startswith("copying") for line in said) == 2
    images, scans = first.tasks["finding"].images, first.sources[0].images
    assert images.uri.startswith(f"{bucket}/task-finding-") and scans.uri.startswith(f"{bucket}/corpus-")
    assert first.tasks["finding"].test_labels_uri.startswith(bucket)

    monkeypatch.setenv("LABELCURVE_CACHE", str(tmp_path / "worker"))
    assert len(SliceStore.open(node_cache.local(images))) == 40
    monkeypatch.setenv("LABELCURVE_CACHE", str(tmp_path / "another driver"))
    monkeypatch.setattr("study.data.frozen_task._write", None)  # it is fetched, not made again
    said.clear()
    again = ingest(study, store=bucket, key=None)
    assert again.tasks["finding"].images == images and again.corpus_hash == first.corpus_hash
    assert again.tasks["finding"].samples.equals(first.tasks["finding"].samples)
    assert not [line for line in said if line.startswith("copying")]


def test_bytes_that_a_worker_leaves_under_a_url_are_read_there_and_checked(bucket, tmp_path, monkeypatch):
    import hashlib

    monkeypatch.setenv("LABELCURVE_CACHE", str(tmp_path / "cache"))
    node_cache.put(f"{bucket}/study/features/one.npy", b"features")
    ref = FileRef(f"{bucket}/study/features/one.npy", hashlib.sha256(b"features").hexdigest())
    assert node_cache.local(ref).read_bytes() == b"features"
    with pytest.raises(ValueError, match="has changed"):
        node_cache.local(replace(ref, digest="0" * 64))


def test_a_local_store_is_its_own_local_side(tmp_path):
    assert remote_store.local_side(tmp_path) == tmp_path and remote_store.published({"a": str(tmp_path)}, tmp_path) == {
        "a": str(tmp_path)
    }


def test_results_in_a_store_without_conditional_writes_are_refused_in_one_line(tmp_path, capsys):
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(STUDY))
    assert main(["run", str(file), "--results", "memory://results"]) == 5
    said = capsys.readouterr().err.strip()
    assert "speaks S3" in said and "\n" not in said


def test_a_url_without_a_study_is_refused(bucket, capsys):
    assert main(["status", bucket]) == 2
    assert "no such folder" in capsys.readouterr().err
