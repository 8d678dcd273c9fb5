"""No trial can read a test label, and what final runs are scored on is what the ledger says."""

from contextlib import contextmanager

import numpy as np
import polars as pl
import pytest
import yaml
from PIL import Image

from cluster.session import Resources
from study.config import Study
from study.config.load import read_study
from study.data.pseudonyms import PseudonymKey
from study.execution.cell_context import CellContext
from study.execution.trial_jobs import scored_on
from study.ingest import ingest
from study.ledger import frame
from study.planning.plan import make_plan
from study.run import run_study
from trainables.contracts import EpochRecord, FileRef, RunResult

TIMES = ["seconds", "device_seconds", "started_at", "ended_at"]
ROLES = ["train"] * 6 + ["val"] * 3 + ["test"] * 3


def write_study(folder, turn_test_labels=False):
    """60 patients of two images, and an external set of 10; the roles are in the CSV."""
    for name, patients in (("here", 60), ("elsewhere", 10)):
        pixels, lines = np.random.default_rng(len(name)), ["file,label,patient,split"]
        (folder / name).mkdir(parents=True)
        for i in range(2 * patients):
            role = ROLES[i // 2 % len(ROLES)] if name == "here" else "test"
            ill = (i // 2) % 5 in (0, 3)
            label = "ill" if ill ^ (turn_test_labels and role == "test") else "well"
            Image.fromarray(pixels.integers(0, 255, (8, 8), dtype=np.uint8)).save(folder / name / f"{i}.png")
            lines.append(f"{i}.png,{label},{name} {i // 2},{role}")
        (folder / name / "labels.csv").write_text("\n".join(lines))
    external = {"elsewhere": {"images": "elsewhere", "labels": "elsewhere/labels.csv"}}
    study = {
        "name": "hidden",
        "image_size": 32,
        "initialisations": ["scratch"],
        "tasks": {"lung": {"images": "here", "labels": "here/labels.csv", "positive": "ill", "external": external}},
        "adaptations": {
            "full": {
                "sizes": {"count": [60], "shots": [6]},
                "validation": ["paid", "cv"],
                "label_noise": 0.3,
                "length": {"updates": 30},
                "draws": 1,
                "trials": 2,
                "finals": 1,
                "space": {"lr": {"low": 1e-4, "high": 1e-2, "log": True}},
            }
        },
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(study))
    return folder / "study.yaml"


def make_run_job():
    """A job whose score hangs on every label that it is given; a closure, so that workers need no test file."""

    def run_job(job):
        import polars as pl

        given = [*job.train_labels, *job.val_labels]
        score = sum(label * (place + 1) for place, label in enumerate(given)) % 97 / 97
        scores, predictions = [], []
        for name, test in job.tests.items():
            labels = dict(pl.read_parquet(test.labels_uri).select("row", "label").rows())
            scores += [[name, "image", "auc", sum(labels[row] for row in test.rows) / 100]]
            predictions += [["test", name, row, [labels[row]], [0.5, 0.5]] for row in test.rows]
        result = RunResult(1, 1, 0.1, 0.1, "cpu", 1, scores, predictions)
        yield EpochRecord(1, 1, 1, score, [["val", "auc", score]], result)

    return run_job


@contextmanager
def joined(address):
    """The Ray that is there already."""
    yield Resources(cpus=2, gpus=0, nodes=1)


def run(folder, **how):
    key = folder / "key"
    study = read_study(str(write_study(folder, **how)))
    key.write_text("a key for tests only")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("study.run.session", joined)
        run_study(study, folder / "results", key_file=key, run_job=make_run_job())
    return {
        table: frame(str(folder / "results" / "hidden"), table) for table in ("trials", "finals", "scores", "curves")
    } | {"predictions": frame(str(folder / "results" / "hidden"), "predictions")}


@pytest.fixture(scope="module")
def both(tmp_path_factory, ray_cluster):
    """The tables of a study, and of one whose test labels are all turned round."""
    return [run(tmp_path_factory.mktemp(name), turn_test_labels=name == "turned") for name in ("as-is", "turned")]


def test_test_labels_change_no_search_row_but_its_times(both):
    one, two = (tables["trials"].drop(TIMES).sort("key") for tables in both)
    assert one.height == 8 and one["status"].unique().to_list() == ["completed"]
    assert one.equals(two)
    chosen = [
        tables["finals"].select("key", "fingerprint", "selected_trial", "settings").sort("key") for tables in both
    ]
    assert chosen[0].equals(chosen[1])


def test_they_do_change_what_final_runs_are_scored_on(both):
    one, two = (tables["scores"].sort("key", "test_set") for tables in both)
    assert set(one["test_set"]) == {"test", "elsewhere"} and one.select("key", "test_set").equals(
        two.select("key", "test_set")
    )
    assert (one["value"] != two["value"]).all()


def test_rows_say_how_they_came_about(both):
    finals = both[0]["finals"]
    assert set(finals["validation"]) == {"paid", "cv"} and set(finals["length"]) == {"30 updates"}
    assert set(finals["label_noise"]) == {0.3} and set(finals["size_kind"]) == {"count", "shots"}
    assert dict(finals.select("validation", "selection").unique().rows()) == {"paid": "search", "cv": "cv"}
    paid, crossed = (finals.filter(validation=mode, size_kind="count").row(0, named=True) for mode in ("paid", "cv"))
    assert (paid["n_train"] + paid["n_val"], crossed["n_train"], crossed["n_val"]) == (60, 60, 0)
    assert paid["n_patients"] == crossed["n_patients"] == 30
    shots = finals.filter(validation="cv", size_kind="shots").row(0, named=True)
    assert (shots["n_patients"], shots["n_train"]) == (12, 24)


def test_predictions_are_of_the_images_and_patients_of_their_test_set(both):
    rows = both[0]["predictions"].filter(key=both[0]["finals"]["key"][0])
    own, other = (rows.filter(test_set=name) for name in ("test", "elsewhere"))
    assert (len(own), own["patient"].n_unique(), len(other), other["patient"].n_unique()) == (30, 15, 20, 10)
    assert not set(own["sample"]) & set(other["sample"]) and not set(own["patient"]) & set(other["patient"])


def test_no_trial_of_an_outer_fold_holds_a_label_or_a_path_of_that_folds_test_set(tmp_path):
    phantom = {"labelled_patients": 24, "labelled_slices": 2, "size": 32}
    study = Study.model_validate(
        {
            "name": "folded",
            "tasks": {"finding": {"phantom": phantom, "outer_folds": 3}},
            "adaptations": {"full": {"sizes": {"share": [1.0]}, "validation": ["paid", "full", "cv"], "draws": 1}},
        }
    )
    ingested = ingest(study, store=tmp_path, key=PseudonymKey(b"k" * 16))
    plan = make_plan(study, ingested.tasks)
    encoders = {encoder.name: FileRef("", encoder.name) for encoder in plan.encoders}
    grid = CellContext(study, plan, ingested, encoders, {}, None, 1, None, None)
    tested = []
    for cell in plan.cells:
        task, job = grid.task(cell), grid.job(cell)
        hidden = set(task.samples.filter(role="test")["row"])
        assert not hidden & {*job.train, *job.val}
        assert "test_labels" not in str(job) and job.run({}, 0).tests == {}
        (test,) = job.run({}, 0, scored_on(task)).tests.values()
        assert set(test.rows) == hidden == set(pl.read_parquet(test.labels_uri)["row"])
        tested += [hidden] if cell.factors.get("validation") is None else []
    assert sorted(row for rows in tested for row in rows) == ingested.tasks["finding"].samples["row"].to_list()
