"""Cross-validation inside a subset keeps patients whole and classes everywhere, and what a subset lacks is said."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.planning.subsets import Draw, Subset
from tests.study.planning.subsets.pools import multi, pool_of, single

EXAMPLES = settings(max_examples=40, deadline=None)
POOLS = st.one_of(single.map(pool_of), multi.map(lambda drawn: pool_of(drawn, 2, "multi")))


@given(POOLS, st.integers(2, 40), st.integers(2, 5))
@EXAMPLES
def test_folds_part_the_subset_by_patient_and_every_class_is_trained_on_in_each(pool, asked, folds):
    draw = Draw(pool, seed=0, draw=0)
    subset = Subset(draw, draw.prefix(asked)).crossed(folds)
    if subset.lacks is not None:
        return
    assert subset.val == () and 2 <= len(subset.folds) <= folds
    assert sorted(position for fold in subset.folds for position in fold) == list(range(len(subset.train)))
    numbers = subset.patient_numbers(subset.train)
    of_fold = [{numbers[position] for position in fold} for fold in subset.folds]
    assert sum(map(len, of_fold)) == len(set(numbers)) == subset.n_patients
    for fold in subset.folds:
        rest = [subset.train[position][1] for position in range(len(subset.train)) if position not in set(fold)]
        assert set(pool.met(rest)) == set(range(pool.needs))


@given(POOLS, st.integers(2, 40), st.integers(2, 40))
@EXAMPLES
def test_a_patient_stays_in_its_fold_as_the_subset_grows(pool, a, b):
    draw = Draw(pool, seed=0, draw=0)
    small, large = (Subset(draw, draw.prefix(n)).crossed(2) for n in (min(a, b), max(a, b)))
    if small.lacks is None and large.lacks is None:
        for few, many in zip(small.folds, large.folds, strict=True):
            assert {small.train[position] for position in few} <= {large.train[position] for position in many}


@given(POOLS, st.sampled_from(["paid", "full"]), st.integers(1, 60))
@EXAMPLES
def test_a_subset_lacks_nothing_where_every_class_is_in_training_and_validation(pool, validation, asked):
    draw = Draw(pool, seed=0, draw=0, validation=validation)
    subset = Subset(draw, draw.prefix(asked))
    sides = [[label for _, label in side] for side in (subset.train, subset.val)]
    complete = all(set(pool.met(labels)) == set(range(pool.needs)) for labels in sides)
    assert (subset.lacks is None) == complete


def lacks(patients, classes=2, kind="single", **how):
    draw = Draw(pool_of(patients, classes, kind), seed=0, draw=0)
    return Subset(draw, np.arange(len(patients)), **how).lacks


def test_what_is_missing_is_named():
    few = [("train", [0]), ("train", [1]), ("val", [0])]
    assert lacks(few) == "no validation image of class c1"
    assert lacks(few, validation="cv") == "fewer than 2 patients of class c1 to cross-validate with"
    findings = [("train", [[0, 1]]), ("train", [[1, 1]]), ("val", [[1, 0]])]
    assert lacks(findings, 2, "multi") == "no training image without c1"


@pytest.mark.parametrize(("classes", "expected"), [([0, 0, 1, 1], 2), ([0] * 6 + [1] * 4, 4), ([0] * 9 + [1] * 9, 5)])
def test_there_are_no_more_folds_than_patients_of_a_class(classes, expected):
    draw = Draw(pool_of([("train", [code]) for code in classes], 2), seed=0, draw=0, validation="cv")
    assert len(Subset(draw, draw.prefix(len(classes)), folds=5).folds) == expected


def test_validation_patients_are_counted_of_the_class_that_has_fewest():
    patients = [("train", [0, 1])] * 2 + [("val", [0])] * 3 + [("val", [1, 1])] * 2
    draw = Draw(pool_of(patients, 2), seed=0, draw=0)
    assert Subset(draw, np.arange(7)).val_patients == 2
    assert Subset(draw, np.arange(7)).crossed(5).val_patients == 4


def test_what_was_done_to_the_labels_is_in_the_hash():
    pool = pool_of([(role, [i % 2]) for i in range(20) for role in ("train", "val")], 2)
    hows = [{}, {"label_noise": 0.2}, {"label_noise": 0.3}, {"imbalance": 2.0}, {"validation": "full"}]
    hashes = [Subset(draw := Draw(pool, seed=0, draw=0, **how), draw.prefix(20)).hash for how in hows]
    whole = Draw(pool, seed=0, draw=0)
    hashes += [Subset(whole, whole.prefix(20)).crossed(folds).hash for folds in (2, 3)]
    assert len(set(hashes)) == len(hashes)
