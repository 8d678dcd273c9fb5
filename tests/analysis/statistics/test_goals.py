"""How many labels a score needs: between two counts, at least so many, or not within what was tried."""

import numpy as np
import pytest

from analysis.statistics.goals import Goal, needed

from .placed import curve

RISES = {20: 0.60, 40: 0.70, 80: 0.80}


def only(heights, goal, **world):
    (found,) = needed(curve("spark", heights, **{"noise": 0.004, "error": 0.004} | world), goal)
    return found


def test_the_set_lies_about_where_the_curve_has_the_score_and_patients_stand_beside():
    found = only(RISES, Goal(0.75))
    assert found.labels.best == pytest.approx(40 * 2**0.5, rel=0.02)
    assert 40 < found.labels.low < found.labels.best < found.labels.high < 80
    assert found.words == f"between {found.labels.low:.0f} and {found.labels.high:.0f}"
    assert found.patients == pytest.approx((found.labels.low / 2, found.labels.high / 2))


def test_the_ends_are_where_the_interval_of_the_curve_meets_the_score():
    """Where noise alone counts, the half width of a height is t(4) x s / sqrt 5 on the logit scale."""
    found = only(RISES, Goal(0.75), noise=0.01, error=1e-9)
    half = 2.776445 * (0.01 * (5 / 4) ** 0.5) / 5**0.5 * (1 + 5 * 0.1 / 0.9) ** 0.5
    for end, sign in ((found.labels.low, 1), (found.labels.high, -1)):
        height = np.interp(np.log2(end), np.log2([20, 40, 80]), [0.6, 0.7, 0.8])
        reach = half / (height * (1 - height))
        at = 1 / (1 + np.exp(-(np.log(height / (1 - height)) + sign * reach)))
        assert at == pytest.approx(0.75, abs=0.002)


def test_beyond_what_was_tried_nothing_is_said():
    assert only(RISES, Goal(0.9)).words == "not within 80"
    assert only(RISES, Goal(0.5)).words == "fewer than 20"
    assert only(RISES, Goal(0.797)).words.startswith("at least")
    assert only(RISES, Goal(0.603)).words.startswith("at most")
    assert only(RISES, Goal(0.7), noise=0.2).words == "cannot be told between 20 and 80"


def test_a_falling_loss_reaches_its_goal_from_above():
    falls = {20: 0.9, 40: 0.7, 80: 0.5}
    assert only(falls, Goal(0.4, "log_loss"), metric="log_loss").words == "not within 80"
    assert only(falls, Goal(0.95, "log_loss"), metric="log_loss").words == "fewer than 20"
    assert only(falls, Goal(0.6, "log_loss"), metric="log_loss").words.startswith("between")


def test_what_cannot_be_asked_says_why():
    assert only({20: 0.7}, Goal(0.75)).words == "cannot be said: a curve takes two sizes"
    assert "one draw" in only(RISES, Goal(0.75), draws=1).words
    assert "test set alone" in only(RISES, Goal(0.75), tests="no test predictions are stored").words


def test_goals_are_of_a_task_and_a_unit_and_of_patients_first():
    points = [p for unit in ("image", "patient") for task in ("covid", "organs")
              for p in curve("spark", RISES, noise=0.004, error=0.004, unit=unit, task=task)]  # fmt: skip
    assert [(n.placed.factors["task"], n.placed.unit) for n in needed(points, Goal(0.75))] == [
        ("covid", "patient"), ("organs", "patient")]  # fmt: skip
    (found,) = needed(points, Goal(0.75, task="organs", unit="image"))
    assert (found.placed.factors["task"], found.placed.unit) == ("organs", "image")
