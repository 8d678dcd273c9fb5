"""Heights, areas and drops of a curve by hand."""

import pytest

from analysis.statistics.curves import curves, panels
from analysis.statistics.point import NothingShared
from tests.analysis.statistics.placed import curve


def test_between_its_sizes_a_curve_is_straight_on_the_logarithm_of_labels():
    found = curves(curve("spark", {10: 0.6, 40: 0.8}))
    heights = [found.contrast(found.height("spark", labels)).value for labels in (10, 20, 40)]
    assert heights == pytest.approx([0.6, 0.7, 0.8])


def test_area_is_the_mean_height_over_doublings():
    """One doubling at a mean of .65, two at .75."""
    found = curves(curve("spark", {10: 0.6, 20: 0.7, 80: 0.8}))
    assert found.contrast(found.area("spark")).value == pytest.approx((0.65 + 2 * 0.75) / 3)


def test_a_drop_is_the_largest_size_less_a_smaller():
    found = curves(curve("spark", {10: 0.6, 20: 0.7, 80: 0.85}))
    assert found.contrast(found.drop("spark", 0)).value == pytest.approx(0.25)
    assert found.contrast(found.drop("spark", 1)).value == pytest.approx(0.15)


def test_the_variance_of_a_height_by_hand():
    """Draws: .03^2 / 4 times 1 + 5 x .1 / .9; patients: .02^2, the same whatever the draw."""
    found = curves(curve("spark", {10: 0.6, 40: 0.8}, noise=0.03, error=0.02))
    parts = found.contrast(found.height("spark", 20)).parts
    assert parts["draws"] == (pytest.approx(0.03**2 / 4 * (1 + 5 * 0.1 / 0.9)), 4)
    assert parts["patients"] == (pytest.approx(0.02**2), 19)


def test_what_moves_all_sizes_alike_leaves_a_drop_alone():
    found = curves(curve("spark", {10: 0.6, 40: 0.8}, noise=0.03, error=0.02))
    assert found.contrast(found.drop("spark", 0)).variance == pytest.approx(0, abs=1e-20)


def test_sizes_that_one_lacks_are_left_out_and_scratch_stands_first():
    found = curves(curve("byol", {10: 0.6, 20: 0.7, 40: 0.8}) + curve("scratch", {10: 0.5, 40: 0.7}))
    assert found.initialisations == ["scratch", "byol"]
    assert found.labels.tolist() == [10, 40] and found.patients.tolist() == [5, 20]
    assert found.patients_at(20) == pytest.approx(10)


def test_a_curve_needs_two_sizes_and_a_draw_that_all_have():
    assert curves(curve("spark", {10: 0.6})) is None
    first, second = curve("spark", {10: 0.6, 20: 0.7}), curve("byol", {10: 0.6, 20: 0.7})
    for p in second:
        p.point.subsets.update(dict.fromkeys(p.point.subsets, "another"))
    with pytest.raises(NothingShared):
        curves(first + second)


def test_a_panel_is_one_task_and_setting():
    mixed = curve("spark", {10: 0.6, 20: 0.7}) + curve("byol", {10: 0.6}, task="organs")
    assert sorted(len(points) for points in panels(mixed).values()) == [1, 2]
