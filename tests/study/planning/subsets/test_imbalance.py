"""A training part is thinned to its ratio by whole patients, the same for every size; validation stays as it is."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from study.planning.subsets import Draw, Subset, Unreachable
from tests.study.planning.subsets.pools import pool_of, tokens

EXAMPLES = settings(max_examples=40, deadline=None)
ONE_CLASS = st.tuples(st.sampled_from(["train", "train", "val"]), st.integers(0, 2), st.integers(1, 4)).map(
    lambda drawn: (drawn[0], [drawn[1]] * drawn[2])
)
POOLS = st.lists(ONE_CLASS, min_size=10, max_size=80).map(pool_of)


def drawn(pool, ratio):
    try:
        return Draw(pool, seed=0, draw=0, imbalance=ratio)
    except Unreachable:
        return None


def counts(draw, classes=3):
    trained = [label for patient in draw.patients if patient.role == "train" for label in patient.labels]
    return [trained.count(code) for code in range(classes)]


@given(POOLS, st.floats(1, 12))
@EXAMPLES
def test_classes_follow_the_ratio_to_within_one_patient(pool, ratio):
    draw = drawn(pool, ratio)
    assume(draw is not None)
    before = counts(Draw(pool, seed=0, draw=0))
    held = sorted(counts(draw), reverse=True)
    present = sum(map(bool, before))
    shares = [ratio ** (-i / max(1, present - 1)) for i in range(present)]
    assert all(abs(count - held[0] * share) <= 4 for count, share in zip(held, shares, strict=False))
    order = sorted(range(3), key=lambda code: (-before[code], code))
    after = counts(draw)
    assert all(after[one] >= after[other] - 4 for one, other in zip(order, order[1:], strict=False))


@given(POOLS, st.floats(1, 12), st.integers(1, 80), st.integers(1, 80))
@EXAMPLES
def test_sizes_nest_at_a_ratio_and_validation_patients_all_stay(pool, ratio, a, b):
    draw = drawn(pool, ratio)
    assume(draw is not None)
    small, large = (Subset(draw, draw.prefix(n)) for n in (min(a, b), max(a, b)))
    assert tokens(small) <= tokens(large)
    validating = {patient.token for patient in pool.patients if patient.role == "val"}
    assert validating <= {patient.token for patient in draw.patients}


@given(st.lists(ONE_CLASS, min_size=20, max_size=80), st.floats(1, 12), st.floats(1, 12))
@EXAMPLES
def test_of_two_classes_a_higher_ratio_keeps_a_part_of_what_a_lower_one_keeps(patients, ratio, other):
    pool = pool_of([(role, [min(label, 1) for label in labels]) for role, labels in patients], 2)
    natural = [max(counts(each, 2)) / max(1, min(counts(each, 2))) for each in [Draw(pool, seed=0, draw=0)]][0]
    low, high = (drawn(pool, natural + ratio - 1 + extra) for extra in (0, abs(other - 1)))
    assume(low is not None and high is not None)
    assert {p.token for p in high.patients} <= {p.token for p in low.patients}


def test_two_classes_are_thinned_to_n_and_n_over_the_ratio():
    pool = pool_of([("train", [i % 2]) for i in range(200)] + [("val", [i % 2]) for i in range(40)], 2)
    assert counts(Draw(pool, seed=0, draw=0, imbalance=5.0), 2) == [100, 20]
    assert counts(Draw(pool, seed=0, draw=0, imbalance=1.0), 2) == [100, 100]
    rare = pool_of([("train", [int(i < 10)]) for i in range(200)] + [("val", [i % 2]) for i in range(40)], 2)
    majority, minority = counts(Draw(rare, seed=0, draw=0, imbalance=4.0), 2)
    assert minority == 10 and abs(majority / 4 - minority) <= 0.5, "the larger class is thinned to reach it"


def test_patients_with_both_classes_are_counted_with_all_their_images():
    ill, well = ("train", [0, 0, 1, 1]), ("train", [0, 0])
    pool = pool_of([ill] * 30 + [well] * 60 + [("val", [0]), ("val", [1])], 2)
    majority, minority = counts(Draw(pool, seed=0, draw=0, imbalance=6.0), 2)
    assert abs(majority / 6 - minority) <= 1 and majority <= 2 * 60 + minority


def test_a_ratio_that_whole_patients_cannot_give_is_refused():
    mixed = pool_of([("train", [0, 1])] * 10 + [("val", [0]), ("val", [1])], 2)
    with pytest.raises(Unreachable, match="cannot be thinned to 4 : 1"):
        Draw(mixed, seed=0, draw=0, imbalance=4.0)
    findings = pool_of([("train", [[0, 1]]), ("val", [[1, 0]])], 2, "multi")
    with pytest.raises(Unreachable, match="its images have findings"):
        Draw(findings, seed=0, draw=0, imbalance=4.0)
