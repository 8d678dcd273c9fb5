"""Label subsets nest, keep patients whole and roles fixed, and hold every class's share."""

import subprocess
import sys
from collections import Counter
from itertools import combinations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from study.planning.subsets import Draw, Pool, Subset
from tests.study.planning.subsets.pools import multi, pool_of, samples_of, single, tokens

EXAMPLES = settings(max_examples=40, deadline=None)
POOLS = st.one_of(single.map(pool_of), multi.map(lambda drawn: pool_of(drawn, 2, "multi")))
MODES = st.sampled_from(["paid", "full", "cv"])


@given(POOLS, MODES, st.integers(0, 5), st.integers(1, 100), st.integers(1, 100))
@EXAMPLES
def test_subsets_nest_and_patients_stay_whole_and_on_their_side(pool, validation, number, a, b):
    draw = Draw(pool, seed=0, draw=number, validation=validation)
    small, large = (Subset(draw, draw.prefix(n)) for n in (min(a, b), max(a, b)))
    assert set(small.train) <= set(large.train) and set(small.val) <= set(large.val)
    rows = {row: patient for patient in pool.patients for row in patient.rows}
    trained, validated = ({row for row, _ in side} for side in (large.train, large.val))
    assert {rows[row].token for row in trained}.isdisjoint(rows[row].token for row in validated)
    if validation != "cv":
        assert {rows[row].role for row in trained} <= {"train"} and {rows[row].role for row in validated} <= {"val"}
    unpaid = validated if validation == "full" else set()
    paid = trained | validated - unpaid
    assert paid == {row for patient in pool.patients if patient.token in tokens(large) for row in patient.rows}
    assert (large.n_labels, large.n_patients) == (len(paid), len(tokens(large)))
    if validation == "full":
        assert validated == {row for row, patient in rows.items() if patient.role == "val"}


@given(POOLS, MODES, st.integers(1, 6), st.integers(1, 6))
@EXAMPLES
def test_shots_nest_and_are_so_many_training_patients_of_each_class(pool, validation, a, b):
    draw = Draw(pool, seed=0, draw=0, validation=validation)
    small, large = (Subset(draw, draw.shots(k)) for k in (min(a, b), max(a, b)))
    assert tokens(small) <= tokens(large)
    there = Counter(draw.strata[draw.training].tolist())
    held = Counter(draw.strata[large.chosen[draw.training[large.chosen]]].tolist())
    assert held == {stratum: min(max(a, b), count) for stratum, count in there.items()}


@given(POOLS, st.integers(0, 3))
@EXAMPLES
def test_every_prefix_holds_the_same_part_of_each_stratum_to_within_one_patient(pool, number):
    draw = Draw(pool, seed=1, draw=number)
    stratum = [(patient.role, patient.stratum) for patient in draw.patients]
    size = Counter(stratum)
    for n in range(len(stratum) + 1):
        seen = Counter(stratum[:n])
        for one, other in combinations(size, 2):
            gap = abs(seen[one] / size[one] - seen[other] / size[other])
            assert gap <= 1 / size[one] + 1 / size[other]


@given(POOLS, st.integers(1, 100))
@EXAMPLES
def test_the_prefix_is_the_one_whose_label_count_is_nearest(pool, asked):
    draw = Draw(pool, seed=0, draw=0)
    taken = Subset(draw, draw.prefix(asked)).n_labels
    gaps = [abs(Subset(draw, np.arange(count)).n_labels - asked) for count in range(len(draw.patients) + 1)]
    assert abs(taken - asked) == min(gaps)
    assert draw.prefix(asked).stop == gaps.index(min(gaps))


def test_a_patient_counts_for_its_rarest_class_or_finding():
    pool = pool_of([("train", [0]), ("train", [0, 1]), ("train", [2, 0]), ("val", [1])])
    assert [patient.stratum for patient in pool.patients] == [0, 1, 2, 1]
    findings = [[[0, 0]], [[1, 0]], [[1, 0], [0, 1]], [[1, 1]], [[1, 0]]]
    pool = pool_of([("train", labels) for labels in findings], 2, "multi")
    assert [patient.stratum for patient in pool.patients] == [-1, 0, 1, 1, 0]


def test_draws_differ_and_row_order_does_not_matter():
    samples = samples_of([("train", [i % 2]) for i in range(30)])
    first, second = (order_of(samples, seed=0, draw=number) for number in (0, 1))
    assert first != second
    assert first == order_of(samples.reverse(), seed=0, draw=0)


def order_of(samples, **position):
    return [patient.token for patient in Draw(Pool.of(samples, ["a", "b"]), **position).patients]


SCRIPT = """
import polars as pl
from study.planning.subsets import Draw, Pool, Subset
samples = pl.DataFrame({
    "row": range(40),
    "digest": [f"d{i}" for i in range(40)],
    "token": [f"t{i // 2}" for i in range(40)],
    "role": [role for i in range(10) for role in ("train", "train", "val", "val")],
    "label": [i // 4 % 3 for i in range(40)],
})
for how in ({"label_noise": 0.3}, {"imbalance": 2.0}):
    draw = Draw(Pool.of(samples, ["a", "b", "c"]), seed=3, draw=1, **how)
    for chosen in (draw.prefix(17), draw.shots(2)):
        for validation in ("paid", "cv"):
            subset = Subset(draw, chosen, validation=validation)
            print(subset.train, subset.val, subset.folds, subset.hash)
"""


def test_subsets_are_the_same_in_another_process_with_another_hash_seed():
    run = [sys.executable, "-c", SCRIPT]
    zero, one = (
        subprocess.run(run, capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."})
        for seed in "01"
    )
    assert zero.stdout == one.stdout and len(zero.stdout.splitlines()) == 8


def test_a_paid_subset_of_clean_labels_has_the_hash_that_it_always_had():
    """Guards results of earlier versions: their fingerprints hold it."""
    draw = Draw(pool_of([(role, [i % 2]) for i in range(6) for role in ("train", "val")], 2), seed=0, draw=0)
    subset = Subset(draw, draw.prefix(6))
    assert [patient.token for patient in draw.patients] == KNOWN_ORDER
    assert subset.hash == KNOWN_HASH


KNOWN_ORDER = "t8 t6 t5 t11 t4 t10 t9 t7 t0 t2 t1 t3".split()
KNOWN_HASH = "455b9b68e5881cd6"


def test_the_samples_of_test_patients_are_in_no_pool():
    samples = samples_of([("train", [0]), ("test", [1]), ("val", [1])])
    hidden = samples.with_columns(label=pl.when(pl.col("role") != "test").then("label"))
    assert {patient.token for patient in Pool.of(hidden, ["a", "b"]).patients} == {"t0", "t2"}
