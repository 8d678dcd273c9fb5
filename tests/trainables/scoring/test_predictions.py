import dataclasses

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from study.data import node_cache
from tests.trainables.jobs import adapted
from trainables.contracts import FileRef, TestSet
from trainables.finetuning import finetuning, linear_probe
from trainables.scoring import metrics, thresholds


def result_of(run, job):
    return dataclasses.asdict(list(run(adapted(run, job)))[-1].result)


@pytest.fixture
def elsewhere(pixels, tmp_path, monkeypatch, trial):
    """An external test set of eight images in a store of its own, brighter than the task's."""
    other = np.minimum(pixels[:8].astype(int) + 9000, 65535).astype(np.uint16)
    monkeypatch.setattr(node_cache, "resized", lambda ref, *, size, window: other if ref.uri == "other" else pixels)
    rows = [1, 0, 5, 6]
    pq.write_table(pa.table({"row": rows, "digest": list("abcd"), "label": [1, 0, 1, 0]}), tmp_path / "other.parquet")
    return TestSet(FileRef("other", "01"), rows, None, str(tmp_path / "other.parquet"))


@pytest.mark.parametrize("run", [finetuning.run, linear_probe.run])
def test_each_test_set_is_scored_under_its_name_on_images_of_its_own(trial, test_set, elsewhere, run):
    job = trial(tests={"test": test_set, "hospital_b": elsewhere})
    found = result_of(run, job)
    assert {row[0] for row in found["scores"]} == {"test", "hospital_b"}
    outside = [row for row in found["predictions"] if row[1] == "hospital_b"]
    assert [(row[0], row[2], row[3]) for row in outside] == [("test", row, [row % 2]) for row in elsewhere.rows]
    alone = result_of(run, trial(tests={"test": test_set}))
    assert [row for row in found["predictions"] if row[1] != "hospital_b"] == alone["predictions"]
    assert [row for row in found["scores"] if row[0] == "test"] == alone["scores"]
    inside = result_of(run, trial(tests={"test": test_set, "same": dataclasses.replace(elsewhere, images=job.images)}))
    assert [row[4] for row in inside["predictions"] if row[1] == "same"] != [row[4] for row in outside]


def test_a_probes_features_of_other_images_are_computed_once_a_node(trial, elsewhere, monkeypatch):
    there = dataclasses.replace(elsewhere, images=FileRef("other", "02"))
    calls, here = [], linear_probe.features
    monkeypatch.setattr(linear_probe, "features", lambda job: calls.append(job.images.uri) or here(job))
    first, again = (
        result_of(linear_probe.run, trial(tests={"b": there}, settings={"weight_decay": w})) for w in (1.0, 2.0)
    )
    assert calls.count("other") == 1
    assert first["predictions"] != again["predictions"]
    result_of(linear_probe.run, trial(tests={"b": there}, seed=2))  # another encoder
    assert calls.count("other") == 2


def test_patients_with_several_images_are_scored_as_patients_too(trial, test_set):
    patients, val_patients = [row // 4 for row in test_set.rows], [row // 3 for row in range(48, 72)]
    job = trial(
        tests={"test": dataclasses.replace(test_set, patients=patients)}, val_patients=val_patients, sensitivity_at=0.5
    )
    found = result_of(linear_probe.run, job)
    units = {
        unit: {metric: value for _, u, metric, value in found["scores"] if u == unit} for unit in ("image", "patient")
    }
    assert {row[1] for row in found["scores"]} == set(units)
    assert units["image"].keys() == units["patient"].keys()

    def by_patient(split, who):
        rows = [row for row in found["predictions"] if row[0] == split]
        labels, p = {}, {}
        for patient, (*_, [label], prediction) in zip(who, rows, strict=True):
            labels.setdefault(patient, []).append(label), p.setdefault(patient, []).append(prediction)
        together = np.array([np.mean(np.float32(p[each]).astype(float), 0) for each in sorted(p)])
        return np.array([max(labels[each]) for each in sorted(p)]), together

    tested, validated = by_patient("test", patients), by_patient("val", val_patients)
    expected = metrics.evaluate(*tested) | thresholds.evaluate(*tested, *validated, specificity=0.5)
    assert units["patient"] == expected

    as_max = result_of(linear_probe.run, job.but(patient_score="max"))
    assert {row[1] for row in as_max["scores"]} == {"image", "patient_max"}


def test_one_image_a_patient_leaves_images_alone(trial, test_set):
    job = trial(tests={"test": dataclasses.replace(test_set, patients=test_set.rows)}, val_patients=list(range(24)))
    assert {row[1] for row in result_of(linear_probe.run, job)["scores"]} == {"image"}


def test_an_unknown_rule_for_patients_is_refused(trial):
    with pytest.raises(ValueError, match="patient_score: 'median' is none of mean, max"):
        next(linear_probe.run(trial(adaptation="linear", patient_score="median")))


def test_a_row_of_findings_without_a_label_is_named(trial, findings):
    multi, test_set = findings
    with pytest.raises(ValueError, match="no label for 1 test rows, the first of them row 3"):
        result_of(linear_probe.run, trial(tests={"test": dataclasses.replace(test_set, rows=[72, 3])}, **multi))


@pytest.mark.parametrize("label", [[1, 0], [0, 1, 2], [0, 1, 1, 0]])
def test_labels_that_are_not_a_mark_for_each_finding_are_refused(trial, findings, label):
    multi, _ = findings
    job = trial(**multi)
    job.val_labels[3] = label
    with pytest.raises(ValueError, match="val: a label is not a list of 3 times 0 or 1"):
        next(linear_probe.run(job.but(adaptation="linear")))
