"""A study that grows goes on through its driver: what was run stays, what is new is added, what changed is refused."""

import dataclasses
import importlib.util
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest

from cluster.session import Resources
from study.config.load import check
from study.errors import InputRefused
from study.ledger import frame
from study.maintenance.status import status
from study.pretraining.encoder_weights import draw_weights
from study.run import run_study
from trainables.contracts import PretrainRow

spec = importlib.util.spec_from_file_location("trivial_job", Path(__file__).with_name("trivial_job.py"))
job = importlib.util.module_from_spec(spec)
spec.loader.exec_module(job)

TABLES = ("pretraining", "trials", "finals", "curves", "scores", "predictions")


def study(*, methods=("spark",), seeds=1, weights=None, backbone="resnet18", **asked):
    adaptation = {"sizes": {"share": [1.0]}, "draws": 1, "trials": 2, "finals": 1, "epochs": 4}
    adaptation["space"] = {"lr": {"low": 1e-4, "high": 4e-3, "log": True}}
    return check(
        {
            "name": "growing",
            "image_size": 64,
            "backbone": backbone,
            "corpus": {"task_images": ["finding"]},
            "tasks": {"finding": {"phantom": {"labelled_patients": 80, "labelled_slices": 1, "size": 64}}},
            "pretraining": {"methods": {name: {} for name in methods}, "seeds": seeds, "probes": 0},
            "weights": weights or {},
            "selection": {"min_val_patients": 1},
            "adaptations": {"full": adaptation | asked},
        },
        source="study.yaml",
        folder=Path("/"),
    )


@pytest.fixture
def run(tmp_path, ray_cluster, monkeypatch):
    """The driver, on the Ray that is there, with runs that train nothing and no report."""

    @contextmanager
    def joined(address):
        yield Resources(cpus=2, gpus=0, nodes=1)

    def pretrain(recipe, *, weights, **_):
        draw_weights(recipe["backbone"], recipe["seed"], weights)
        nothing = dict.fromkeys(field.name for field in dataclasses.fields(PretrainRow))
        return [PretrainRow(**nothing | {"step": 1, "images": 64, "loss": 0.5})]

    monkeypatch.setattr("study.run.session", joined)
    monkeypatch.setattr("study.pretraining.encoders.pretrain", pretrain)
    monkeypatch.setattr("study.run.write_report", lambda root, **_: root.full("report.html"))

    def run(of) -> Path:
        run_study(of, tmp_path / "results", run_job=job.run_job)
        return tmp_path / "results" / "growing"

    return run


def stored(root: Path) -> dict[str, pl.DataFrame]:
    return {table: frame(root, table) for table in TABLES}


@pytest.mark.slow
def test_extents_grow_in_every_direction_and_nothing_is_run_twice(run, tmp_path):
    root = run(study())
    before = stored(root)
    assert (before["trials"].height, before["finals"].height) == (4, 2)
    assert status(root).cells["trials_missing"].sum() == 0

    draw_weights("resnet18", 7, tmp_path / "ready.safetensors")
    grown = study(
        methods=["spark", "moco_v2"],
        seeds=2,
        weights={"ready": str(tmp_path / "ready.safetensors")},
        sizes={"share": [0.5, 1.0]},
        draws=2,
        trials=3,
        finals=2,
    )
    run(grown)
    after = stored(root)
    for table in TABLES:
        kept = after[table].join(before[table].select("key").unique(), on="key", how="semi", maintain_order="left")
        assert kept.equals(before[table]), f"rows of {table} changed"
    cells = 6 * 2 * 2  # scratch, two seeds of each method, and the weights file
    assert after["trials"].height == cells * 3 and after["finals"].height == cells * 2 + 2
    assert after["trials"]["key"].is_unique().all() and after["finals"]["key"].is_unique().all()
    assert after["pretraining"].height == 4

    found = status(root)
    assert found.cells["finals_superseded"].sum() == 2 and found.outside == {"trials": 0, "finals": 0}
    missing = found.cells.select("trials_missing", "finals_missing").sum().row(0)
    assert missing == (0, 0) and found.without_score() == 0

    run(study())  # going back: all that it asks for is there
    assert all(stored(root)[table].equals(after[table]) for table in TABLES)
    assert status(root).cells["finals_completed"].sum() == 2 and status(root).outside["trials"] == cells * 3 - 4


def test_a_changed_identity_is_refused_with_the_difference_and_nothing_is_run(run):
    root = run(study(trials=1, methods=[]))
    before = stored(root)
    for changed, difference in (
        (study(epochs=5), "adaptations.full.epochs was 4 when its results were made and is 5 now"),
        (study(backbone="resnet34"), "backbone was 'resnet18' when its results were made and is 'resnet34' now"),
    ):
        with pytest.raises(InputRefused, match=difference):
            run(changed)
    assert all(stored(root)[table].equals(before[table]) for table in TABLES)
