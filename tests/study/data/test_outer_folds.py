"""With outer folds every patient is tested once, and its label is nowhere but in that fold's own file of labels."""

from collections import Counter

import polars as pl
import pytest

from study.data.frozen_task import freeze_task, preview_task
from study.data.splits import SplitPatient, freeze_folds, token_of
from study.data.task import Task
from study.errors import InputRefused


def patients(count, role=None):
    return [SplitPatient(token_of([str(i)]), (i % 3 == 0, 0), role) for i in range(count)]


def test_each_patient_is_tested_in_one_fold_and_folds_hold_each_class_alike():
    given = patients(60)
    folds = freeze_folds("t", given, ["a", "b"], folds=5, val=0.25, seed=0)
    tested = Counter(token for roles in folds for token, role in roles.items() if role == "test")
    assert tested == {patient.token: 1 for patient in given}
    for roles in folds:
        assert roles.keys() == {patient.token for patient in given}
        ill = Counter(roles[patient.token] for patient in given if 1 in patient.labels)
        assert ill["test"] == 4 and ill["val"] == 4 and ill["train"] == 12


def test_row_order_changes_nothing_and_the_seed_does():
    def folds(given, seed):
        return freeze_folds("t", given, ["a", "b"], folds=4, val=0.25, seed=seed)

    assert folds(patients(40), 0) == folds(patients(40)[::-1], 0) != folds(patients(40), 1)


def test_given_roles_and_classes_with_too_few_patients_are_refused():
    with pytest.raises(InputRefused, match="leave the column split out"):
        freeze_folds("t", patients(40, "train"), ["a", "b"], folds=4, val=0.25, seed=0)
    with pytest.raises(InputRefused, match=r"task t, fold \d: class 'b' .* is missing in"):
        freeze_folds("t", patients(9), ["a", "b"], folds=4, val=0.25, seed=0)


@pytest.fixture
def source(tiny_phantom):
    return Task(phantom=tiny_phantom, outer_folds=2)


def test_labels_of_a_fold_lie_in_its_own_file_and_images_are_stored_once(source, tmp_path):
    task = freeze_task("finding", source, store=tmp_path, key=None, seed=0)
    assert set(task.samples["role"]) == {"outer"} and task.samples["label"].null_count() == len(task.samples)
    assert {fold.images for fold in task.folds} == {task.images}
    seen = []
    for fold in task.folds:
        assert fold.samples.select("row", "digest", "token").equals(task.samples.select("row", "digest", "token"))
        hidden = pl.read_parquet(fold.test_labels_uri)
        tested = fold.samples.filter(role="test")
        assert tested["label"].null_count() == len(tested) and tested["row"].to_list() == hidden["row"].to_list()
        assert fold.samples.filter(pl.col("role") != "test")["label"].null_count() == 0
        seen += hidden["row"].to_list()
    assert sorted(seen) == task.samples["row"].to_list()
    assert len({fold.split_hash for fold in task.folds}) == 2
    again = freeze_task("finding", source, store=tmp_path, key=None, seed=0)
    assert again.split_hash == task.split_hash and len(again.folds) == 2


def test_the_preview_has_the_frozen_folds(source, tmp_path):
    task = freeze_task("finding", source, store=tmp_path, key=None, seed=0)
    preview = preview_task("finding", source, seed=0)
    assert preview.split_hash == task.split_hash
    for seen, fold in zip(preview.folds, task.folds, strict=True):
        assert seen.split_hash == fold.split_hash
        assert seen.samples.drop("patient").equals(fold.samples.drop("patient"))
