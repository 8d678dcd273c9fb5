import dataclasses

import numpy as np
import pytest

from tests.trainables.jobs import adapted
from trainables.finetuning import cross_validation, finetuning, linear_probe
from trainables.scoring import metrics

FOLDS = [list(range(first, 48, 3)) for first in range(3)]


def records_of(run, job):
    found = [dataclasses.asdict(record) for record in run(adapted(run, job))]
    for record in found:
        if record["result"]:
            record["result"].pop("seconds"), record["result"].pop("device_seconds")
    return found


def test_each_row_is_held_out_once_and_trained_on_in_every_other_fold(trial):
    job = trial(val=[], folds=FOLDS, train=list(range(20, 68)), train_patients=list(range(48)))
    parts = cross_validation.parts(job)
    assert sorted(row for part in parts for row in part.val) == job.train
    for part in parts:
        assert sorted(part.train + part.val) == job.train
        assert part.train_labels == [row % 2 for row in part.train]
        assert part.val_labels == [row % 2 for row in part.val]
        assert part.val_patients == [row - 20 for row in part.val]
    assert len({part.seed for part in parts} | {job.seed}) == 4


@pytest.mark.parametrize("run", [finetuning.run, linear_probe.run])
def test_a_trial_is_scored_by_the_mean_over_its_folds(trial, run):
    job = trial(val=[], folds=FOLDS, features=None)
    cross = records_of(run, job)
    # The random encoder that a probe stands on is the job's own, so the parts of a probe share its seed.
    parts = [part.but(seed=job.seed) if run is linear_probe.run else part for part in cross_validation.parts(job)]
    apart = [records_of(run, part) for part in parts]
    for number, record in enumerate(cross):
        assert record["score"] == pytest.approx(np.mean([each[number]["score"] for each in apart]))
        assert record["images"] == sum(each[number]["images"] for each in apart) == 96 * (number + 1)
        assert record["step"] == max(each[number]["step"] for each in apart)
    assert cross[-1]["result"]["predictions"] == []
    assert records_of(run, job) == cross


@pytest.mark.parametrize("run", [finetuning.run, linear_probe.run])
def test_a_final_run_trains_on_the_whole_subset_and_keeps_out_of_fold_predictions(trial, test_set, run):
    job = trial(val=[], folds=FOLDS, tests={"test": test_set})
    cross = records_of(run, job)[-1]
    whole = records_of(run, job.but(folds=None))[-1]
    tested = [row for row in cross["result"]["predictions"] if row[0] == "test"]
    assert tested == [row for row in whole["result"]["predictions"] if row[0] == "test"]
    val = [row for row in cross["result"]["predictions"] if row[0] == "val"]
    assert [row[2] for row in val] == [row for fold in FOLDS for row in fold]
    apart = []
    for fold in FOLDS:
        of_fold = [row for row in val if row[2] in fold]
        apart.append(metrics.auc([row[3][0] for row in of_fold], np.array([row[4] for row in of_fold])))
    assert cross["score"] == pytest.approx(np.mean(apart), abs=1e-6)
    assert cross["images"] == (96 + 48) * cross["epoch"]


def test_folds_advance_side_by_side_in_equal_updates(trial):
    job = trial(val=[], folds=FOLDS, updates=5, epochs=2, settings={"batch": 8})
    assert [record.step for record in finetuning.run(job)] == [2, 5]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"folds": [list(range(48))]}, "2 or more that part the positions 0..47"),
        ({"folds": [list(range(30)), list(range(29, 48))]}, "that part the positions"),
        ({"folds": [list(range(20)), list(range(30, 48))]}, "that part the positions"),
        ({"folds": [list(range(47)), [47]]}, "2 images or more outside every fold"),
        ({"folds": FOLDS, "val": [50, 51]}, "takes no validation rows besides"),
    ],
)
def test_folds_that_do_not_part_the_subset_are_refused(trial, changes, message):
    with pytest.raises(ValueError, match=message):
        next(linear_probe.run(trial(adaptation="linear", **{"val": [], **changes})))
