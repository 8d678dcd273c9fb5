import numpy as np
import pytest

from trainables.scoring import patients

WHO = [7, 2, 7, 2, 5]


def test_a_patient_is_positive_if_an_image_is_and_bears_the_mean_or_the_largest_probability():
    labels, p = np.array([0, 0, 1, 0, 1]), np.array([[0.8, 0.2], [0.9, 0.1], [0.4, 0.6], [0.7, 0.3], [0.5, 0.5]])
    by_label, mean = patients.gathered(WHO, labels, p, rule="mean")
    assert by_label.tolist() == [0, 1, 1]  # patients 2, 5, 7
    assert mean[:, 1].tolist() == pytest.approx([0.2, 0.5, 0.4])
    _, largest = patients.gathered(WHO, labels, p, rule="max")
    assert largest[:, 1].tolist() == pytest.approx([0.3, 0.5, 0.6]) and largest.sum(1).tolist() == pytest.approx(
        [1] * 3
    )


def test_findings_are_gathered_one_by_one():
    labels = np.array([[1, 0], [0, 0], [0, 1], [0, 0], [0, 1]])
    p = np.array([[0.9, 0.2], [0.1, 0.1], [0.3, 0.8], [0.3, 0.5], [0.2, 0.6]])
    by_label, largest = patients.gathered(WHO, labels, p, rule="max")
    assert by_label.tolist() == [[0, 0], [0, 1], [1, 1]]
    assert largest.tolist() == [[0.3, 0.5], [0.2, 0.6], [0.9, 0.8]]


def test_more_classes_need_one_class_a_patient():
    p = np.array([[0.6, 0.3, 0.1], [0.1, 0.8, 0.1], [0.2, 0.4, 0.4], [0.3, 0.1, 0.6], [0.2, 0.2, 0.6]])
    assert patients.gathered(WHO, np.array([0, 1, 1, 1, 2]), p, rule="mean") is None
    by_label, largest = patients.gathered(WHO, np.array([0, 1, 0, 1, 2]), p, rule="max")
    assert by_label.tolist() == [1, 2, 0]
    assert largest[2] == pytest.approx(np.array([0.6, 0.4, 0.4]) / 1.4)


def test_patients_with_one_image_each_are_no_unit_of_their_own():
    assert patients.several([1, 2, 1]) and not patients.several([1, 2, 3]) and not patients.several(None)


def test_nobody_gives_nothing():
    by_label, p = patients.gathered([], np.empty(0, dtype=int), np.empty((0, 2)), rule="mean")
    assert len(by_label) == 0 and p.shape == (0, 2)
