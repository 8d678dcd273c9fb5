import random
from collections import Counter

import pytest

from study.data.splits import SplitPatient, freeze, split_hash, token_of
from study.errors import InputRefused


def _patients(count, role=None, label=lambda i: i % 2):
    return [SplitPatient(token_of([f"{role}{i}"]), (label(i),), role) for i in range(count)]


def _freeze(patients, classes=("a", "b"), test=0.3, val=0.25, seed=0):
    return freeze("t", patients, list(classes), test=test, val=val, seed=seed)


def test_shares_hold_in_each_class():
    patients = _patients(100)
    roles = _freeze(patients)
    counts = Counter((roles[p.token], p.labels[0]) for p in patients)
    assert counts["test", 0] == counts["test", 1] == 15 and counts["val", 0] == counts["val", 1] == 9


def test_row_order_changes_nothing_and_the_seed_does():
    patients = _patients(60)
    roles = _freeze(patients)
    random.Random(1).shuffle(patients)
    assert _freeze(patients) == roles != _freeze(patients, seed=1)


def test_known_roles_never_change():
    """Guards against dependence on the interpreter's hash seed, and against silent changes of a frozen split."""
    roles = _freeze(_patients(10))
    assert "".join(roles[p.token][1] for p in _patients(10)) == KNOWN


def test_fixed_roles_stay_and_val_is_carved_out_of_train_only():
    patients = _patients(40, "train") + _patients(20, "test")
    roles = _freeze(patients)
    assert all(roles[p.token] == "test" for p in patients[40:])
    assert Counter(roles[p.token] for p in patients[:40]) == {"train": 30, "val": 10}
    full = _patients(10, "train") + _patients(6, "val") + _patients(8, "test")
    assert _freeze(full) == {p.token: p.role for p in full}


def test_three_patients_a_class_are_enough_and_two_are_not():
    few = _patients(20) + [SplitPatient(token_of([f"rare{i}"]), (2,), None) for i in range(3)]
    roles = _freeze(few, "abc")
    assert sorted(roles[p.token] for p in few[-3:]) == ["test", "train", "val"]
    with pytest.raises(InputRefused, match=r"class 'c' has 2 patients .* missing in"):
        _freeze(few[:-1], "abc")


def test_a_class_seen_only_beside_another_still_counts():
    mixed = [SplitPatient(token_of([str(i)]), (0, 1), None) for i in range(6)]
    assert set(_freeze(mixed).values()) == {"train", "val", "test"}


def test_splits_without_test_or_train_are_refused():
    with pytest.raises(InputRefused, match="'test'"):
        _freeze(_patients(10, "train") + _patients(10, "val"))
    with pytest.raises(InputRefused, match="'train'"):
        _freeze(_patients(10, "test"))


def test_the_split_hash_sees_all_but_test_labels():
    samples = [("d1", "t1", "train", 0), ("d2", "t2", "test", 1)]
    assert split_hash(samples) == split_hash(samples[::-1])
    assert split_hash(samples) == split_hash([samples[0], ("d2", "t2", "test", 0)])
    assert split_hash(samples) != split_hash([("d1", "t1", "train", 1), samples[1]])


KNOWN = "eeeearrarr"  # the second letters of train, val and test
