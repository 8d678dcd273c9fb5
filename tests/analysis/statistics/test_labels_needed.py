"""Sets of label counts that can be worked out by hand."""

import pytest
from scipy.stats import t

from analysis.statistics.curves import curves
from analysis.statistics.labels_needed import GRID, crossing, equal_to, goal
from tests.analysis.statistics.placed import curve

ANY = (-10.0, 10.0)
"""Bounds so far away that the natural scale is used."""
STEP = 2 ** (2 / GRID)
"""From one count to the next over two doublings."""


def near(value):
    return pytest.approx(value, rel=STEP - 1)


def test_a_goal_is_reached_where_the_curves_interval_holds_it():
    """Standard error .01 on 19 df, .1 a doubling: 20 labels give or take t x .1 doublings."""
    found = curves(curve("spark", {10: 0.6, 40: 0.8}, error=0.01))
    half = t.ppf(0.975, found.contrast(found.height("spark", 20)).df) * 0.1
    labels = goal(found, "spark", 0.7, ANY)
    assert labels.best == pytest.approx(20)
    assert (labels.low, labels.high) == (near(20 / 2**half), near(20 * 2**half))
    assert labels.holds(20) and not labels.holds(10) and not labels.holds(40)


def test_a_higher_level_takes_in_more_labels():
    found = curves(curve("spark", {10: 0.6, 40: 0.8}, error=0.01))
    assert goal(found, "spark", 0.7, ANY, 0.99).high > goal(found, "spark", 0.7, ANY).high


def test_a_goal_beyond_a_curve_is_open_at_its_end_or_out_of_reach():
    wide, narrow = (curves(curve("spark", {10: 0.6, 40: 0.8}, error=error)) for error in (0.02, 0.001))
    beyond = goal(wide, "spark", 0.81, ANY)
    assert beyond.high is None and beyond.best is None and beyond.low > 20 and beyond.holds(1000)
    never, always = goal(narrow, "spark", 0.9, ANY), goal(narrow, "spark", 0.5, ANY)
    assert (never.empty, never.above) == (True, False)
    assert (always.empty, always.above) == (True, True)
    assert not never.holds(20) and not always.holds(20)


def test_another_curves_level_is_reached_with_fewer_labels_by_one_that_is_ahead():
    """One doubling ahead: spark has with 20 what scratch has with 40."""
    both = curves(curve("spark", {10: 0.7, 40: 0.9}) + curve("scratch", {10: 0.6, 40: 0.8}))
    found = equal_to(both, "spark", "scratch", 40)
    assert (found.low, found.best, found.high) == (near(20), pytest.approx(20), near(20))
    assert equal_to(both, "scratch", "spark", 20).best == pytest.approx(40)


def test_equal_curves_may_stand_level_anywhere_if_they_are_flat():
    both = curves(curve("spark", {10: 0.7, 40: 0.7}, noise=0.01) + curve("scratch", {10: 0.7, 40: 0.7}, noise=0.01))
    found = equal_to(both, "spark", "scratch", 40)
    assert (found.low, found.high, found.empty) == (None, None, False)


def test_curves_cross_where_their_difference_may_be_none():
    """Flat at .7 against .6 to .8: at 20 labels, give or take t x .1 doublings of the error of a difference."""
    both = curves(curve("spark", {10: 0.7, 40: 0.7}, error=0.01) + curve("scratch", {10: 0.6, 40: 0.8}))
    apart = both.contrast(both.height("spark", 20) - both.height("scratch", 20))
    assert both.joint.reason is not None, "a side without any variance of patients: the test set counts as fixed"
    assert apart.variance == 0
    found = crossing(both, "spark", "scratch")
    assert found.best == pytest.approx(20) and (found.low, found.high) == (near(20), near(20))
    assert crossing(both, "scratch", "spark").best == pytest.approx(20)


def test_curves_that_cross_between_two_counts_of_the_grid_meet_in_a_point():
    both = curves(curve("spark", {10: 0.7, 40: 0.7}) + curve("scratch", {10: 0.59, 40: 0.8037}))
    found = crossing(both, "spark", "scratch")
    assert found.low == found.best == found.high == pytest.approx(10 * 4 ** (0.11 / 0.2137), rel=1e-3)


def test_a_curve_that_is_ahead_all_along_crosses_nowhere():
    both = curves(curve("spark", {10: 0.7, 40: 0.9}) + curve("scratch", {10: 0.6, 40: 0.8}))
    found = crossing(both, "spark", "scratch")
    assert found.empty and found.above and not crossing(both, "scratch", "spark").above
