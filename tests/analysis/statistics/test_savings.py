"""A saving of labels is spoken of where all of its set lies below, and only there."""

import pytest

from analysis.statistics.differences import differences
from analysis.statistics.savings import savings
from tests.analysis.statistics.placed import curve

RISING = {10: 0.6, 20: 0.7, 40: 0.8}


def found(points, metric="auc"):
    return savings(points, differences(points, metric=metric))


def ahead(gap, heights=RISING, **more):
    return curve("spark", {n: h + gap for n, h in heights.items()}, **more) + curve("scratch", heights, **more)


def test_one_doubling_ahead_half_of_the_labels_do():
    (saving,) = found(ahead(0.1, noise=0.004, error=0.004))
    assert (saving.initialisation, saving.other, saving.labels) == ("spark", "scratch", 40)
    assert saving.needed.best == pytest.approx(20)
    assert 14 < saving.needed.low < 20 < saving.needed.high < 28


def test_the_set_is_at_the_familys_level_and_so_wider_than_one_by_itself():
    points = ahead(0.1, noise=0.004, error=0.004)
    more = points + curve("byol", RISING, noise=0.004, error=0.004)
    (alone,), among = found(points), [s for s in found(more) if s.other == "scratch"]
    assert among[0].needed.low < alone.needed.low and among[0].needed.high > alone.needed.high


def test_where_the_fewest_labels_tried_may_do_the_set_is_open_below():
    """spark has with 10 what scratch has with 40."""
    (saving,) = found(ahead(0.1, {10: 0.7, 20: 0.75, 40: 0.8}, noise=0.004, error=0.004))
    assert saving.needed.low is None and 10 < saving.needed.high < 20
    assert saving.needed.best == pytest.approx(10)


@pytest.mark.parametrize(
    ("points", "why"),
    [
        (ahead(0.0, noise=0.01, error=0.01), "equal"),
        (ahead(0.1, noise=0.1, error=0.1), "not separated"),
        (ahead(0.1, {10: 0.42, 20: 0.43, 40: 0.45}, noise=0.004, error=0.004), "one is no better than a coin"),
        (ahead(0.1, error=0.004, noise=0.004, tests="no test predictions are stored"), "not for new patients"),
        (ahead(0.1, {20: 0.7}, noise=0.004, error=0.004), "one size"),
    ],
)
def test_nothing_is_said_where_nothing_is_shown(points, why):
    assert found(points) == [], why


def test_of_a_metric_whose_coin_is_not_known_no_saving_is_spoken_of():
    points = ahead(-0.1, noise=0.004, error=0.004, metric="brier")
    assert differences(points, metric="brier")["separated"].any()
    assert found(points, "brier") == []
