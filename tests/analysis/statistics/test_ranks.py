"""How likely an initialisation is the best, where that can be worked out."""

import pytest
from scipy.stats import t

from analysis.statistics.point import joint
from analysis.statistics.ranks import RANK_SCHEMA, ranks

from .placed import curve


def three(**world):
    return [p for name, height in (("scratch", 0.70), ("spark", 0.72), ("byol", 0.60))
            for p in curve(name, {40: height}, noise=0.02, error=0.02, **world)]  # fmt: skip


def by_name(table):
    return {row["initialisation"]: row for row in table.iter_rows(named=True)}


def test_of_two_it_is_the_one_sided_p_of_their_difference():
    points = three()[:2]
    c = joint([p.point for p in points]).means.contrast([-1, 1])
    found = by_name(ranks(points))
    assert found["spark"]["p_best"] == pytest.approx(t.cdf(c.value / c.error, c.df), abs=0.01)
    assert found["spark"]["p_best"] + found["scratch"]["p_best"] == pytest.approx(1)
    assert (found["scratch"]["rank_low"], found["scratch"]["rank_high"]) == (1, 2)


def test_one_that_is_far_behind_is_last():
    found = by_name(ranks(three()))
    assert found["byol"]["p_best"] < 0.02 and found["byol"]["rank_high"] == 3 == found["byol"]["rank_low"]
    assert sum(row["p_best"] for row in found.values()) == pytest.approx(1)


def test_a_smaller_loss_is_the_better_one():
    found = by_name(ranks(three(metric="log_loss"), metric="log_loss"))
    assert found["byol"]["p_best"] > 0.95


def test_what_cannot_be_ranked_is_left_out():
    assert ranks(curve("spark", {40: 0.7})).columns == list(RANK_SCHEMA)
    assert ranks(three(tests="no test predictions are stored")).is_empty()
    assert ranks(three(draws=1)).is_empty()
