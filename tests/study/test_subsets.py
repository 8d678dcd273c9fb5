"""Label subsets nest, keep patients whole and roles fixed, and hold every class's share."""

import subprocess
import sys
from collections import Counter
from itertools import combinations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from study.subsets import lacking, order, smallest, take


def samples_of(patients: list[tuple[str, list[int]]]) -> pl.DataFrame:
    """A frozen task's samples, from (role, labels of the patient's images)."""
    rows = [
        {"row": None, "digest": f"d{p}-{i}", "token": f"t{p}", "role": role, "label": label}
        for p, (role, labels) in enumerate(patients)
        for i, label in enumerate(labels)
    ]
    return pl.DataFrame(rows).with_columns(row=pl.int_range(pl.len()))


patients = st.lists(
    st.tuples(st.sampled_from(["train", "val", "test"]), st.lists(st.integers(0, 2), min_size=1, max_size=5)),
    min_size=4,
    max_size=40,
).filter(lambda drawn: any(role != "test" for role, _ in drawn))


@given(patients, st.integers(0, 5), st.integers(1, 100), st.integers(1, 100))
@settings(max_examples=150, deadline=None)
def test_subsets_nest_and_patients_stay_whole_and_on_their_side(drawn, draw, a, b):
    samples = samples_of(drawn)
    ordered = order(samples, seed=0, draw=draw)
    small, large = take(ordered, min(a, b)), take(ordered, max(a, b))
    assert set(small.train) <= set(large.train) and set(small.val) <= set(large.val)
    rows = {row: (token, role) for row, token, role in samples.select("row", "token", "role").iter_rows()}
    for role, members in (("train", large.train), ("val", large.val)):
        assert all(rows[row][1] == role for row, _ in members)
    held = {rows[row][0] for row, _ in large.train + large.val}
    assert large.n_labels == samples.filter(pl.col("token").is_in(held)).height
    assert len(held) == large.n_patients


single_class = st.lists(
    st.tuples(st.sampled_from(["train", "val"]), st.integers(0, 2).map(lambda label: [label])), min_size=2, max_size=60
)


@given(single_class, st.integers(0, 3))
@settings(max_examples=150, deadline=None)
def test_every_prefix_holds_the_same_part_of_each_stratum_to_within_one_patient(drawn, draw):
    ordered = order(samples_of(drawn), seed=1, draw=draw)
    size = Counter((p.role, p.labels) for p in ordered)
    for n in range(len(ordered) + 1):
        seen = Counter((p.role, p.labels) for p in ordered[:n])
        for one, other in combinations(size, 2):
            gap = abs(seen[one] / size[one] - seen[other] / size[other])
            assert gap <= 1 / size[one] + 1 / size[other]


def test_the_smallest_working_size_works_and_one_label_less_does_not():
    drawn = [("train", [0])] * 12 + [("train", [1])] * 4 + [("val", [0])] * 4 + [("val", [1])] * 2
    ordered = order(samples_of(drawn), seed=0, draw=0)
    least = smallest(ordered, 2)
    assert least == 4
    assert lacking(take(ordered, least), 2) is None
    assert lacking(take(ordered, least - 1), 2) is not None


def test_a_class_missing_from_validation_is_named():
    ordered = order(samples_of([("train", [0]), ("train", [1]), ("val", [0])]), seed=0, draw=0)
    assert lacking(take(ordered, 3), 2) == "no validation image of class 1"
    assert smallest(ordered, 2) is None


def test_draws_differ_and_row_order_does_not_matter():
    samples = samples_of([("train", [i % 2]) for i in range(30)])
    first, second = (tuple(p.token for p in order(samples, seed=0, draw=d)) for d in (0, 1))
    assert first != second
    assert first == tuple(p.token for p in order(samples.reverse(), seed=0, draw=0))


@pytest.mark.parametrize("hash_seed", ["0", "1"])
def test_the_order_is_the_same_in_another_process_with_another_hash_seed(hash_seed):
    script = (
        "import polars as pl; from study.subsets import order;"
        "s = pl.DataFrame({'row': range(20), 'digest': [f'd{i}' for i in range(20)],"
        "'token': [f't{i}' for i in range(20)], 'role': ['train', 'val'] * 10,"
        "'label': [i // 2 % 2 for i in range(20)]});"
        "print([p.token for p in order(s, seed=3, draw=1)])"
    )
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONHASHSEED": hash_seed, "PYTHONPATH": "."},
    )
    here = pl.DataFrame(
        {
            "row": range(20),
            "digest": [f"d{i}" for i in range(20)],
            "token": [f"t{i}" for i in range(20)],
            "role": ["train", "val"] * 10,
            "label": [i // 2 % 2 for i in range(20)],
        }
    )
    assert run.stdout.strip() == str([p.token for p in order(here, seed=3, draw=1)])
