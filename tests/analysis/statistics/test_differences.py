"""Pairs of a task by hand: each both ways, judged as one family."""

import dataclasses

import pytest
from scipy.stats import t

from analysis.statistics.differences import better, differences, pairs
from analysis.statistics.variance_components import Components
from tests.analysis.statistics.placed import curve

SMALL = {10: 0.6, 40: 0.7}


def apart(gap, **more):
    return curve("spark", {n: h + gap for n, h in SMALL.items()}, **more) + curve("scratch", SMALL, **more)


def test_each_pair_stands_both_ways_and_one_is_the_other_turned_round():
    table = differences(apart(0.05, noise=0.01, error=0.01))
    assert len(table) == 4 and table["family"].to_list() == [2] * 4
    for labels in SMALL:
        (row,) = table.filter(size_value=labels, initialisation="spark").to_dicts()
        (back,) = table.filter(size_value=labels, initialisation="scratch").to_dicts()
        assert row["mean"] == pytest.approx(0.05) and back["mean"] == pytest.approx(-0.05)
        assert (row["low"], row["family_low"]) == pytest.approx((-back["high"], -back["family_high"]))
        same = ("error", "df", "family_p", "family_level", "detectable", "separated", "target")
        assert all(row[name] == back[name] for name in same)


def test_an_interval_by_hand():
    """One draw's noise is twice the other's and opposite to it: what is left is what both patients' errors give."""
    table = differences(apart(0.05, error=0.01))
    row = table.filter(size_value=10, initialisation="spark").row(0, named=True)
    half = t.ppf(0.975, row["df"]) * row["error"]
    assert (row["low"], row["high"]) == pytest.approx((0.05 - half, 0.05 + half))
    ours, theirs = (p.point.tests[0, 0].values for p in apart(0.05, error=0.01)[::2])
    assert row["error"] ** 2 == pytest.approx(float(((ours - theirs) ** 2).sum())) and row["df"] == 19


def test_without_a_variance_of_patients_nothing_is_called_separated():
    table = differences(apart(0.2, noise=0.001, tests="no test predictions are stored"))
    assert (table["family_p"] < 0.001).all() and not table["separated"].any()
    assert set(table["reason"]) == {"no test predictions are stored"}
    assert differences(apart(0.2, noise=0.001, error=0.001))["separated"].all()


def test_better_is_smaller_where_smaller_is_better():
    for metric, winner in (("auc", "spark"), ("brier", "scratch")):
        table = differences(apart(0.1, error=0.001, noise=0.001, metric=metric), metric=metric)
        assert {row["initialisation"] for row in table.to_dicts() if better(row)} == {winner}
    assert differences(apart(0.1), metric="brier").is_empty()


def test_a_family_is_one_task():
    two = apart(0.05, noise=0.01, error=0.01, task="covid") + apart(0.05, noise=0.01, error=0.01, task="organs")
    three = curve("byol", SMALL, noise=0.01, error=0.01, task="organs")
    table = differences(two + three)
    assert set(table.filter(task="covid")["family"]) == {2} and set(table.filter(task="organs")["family"]) == {6}
    assert {len(found) for found in pairs(two + three, "auc").values()} == {2, 6}


def test_a_pair_of_one_draw_has_a_mean_alone():
    row = differences(apart(0.05, draws=1, error=0.01)).row(0, named=True)
    assert abs(row["mean"]) == pytest.approx(0.05) and row["low"] is None and not row["separated"]
    assert "one draw" in row["reason"] and row["family"] is None


def test_a_pair_that_shares_no_draw_is_left_out():
    spark, scratch = curve("spark", {10: 0.6}), curve("scratch", {10: 0.6})
    moved = dataclasses.replace(spark[0], point=dataclasses.replace(spark[0].point, subsets={}))
    assert differences([moved, *scratch]).is_empty()


def test_a_family_is_wider_than_one_and_no_wider_than_bonferronis():
    table = differences(apart(0.05, noise=0.01, error=0.01) + curve("byol", SMALL, noise=0.01, error=0.01))
    for row in table.to_dicts():
        assert row["family_low"] < row["low"] < row["high"] < row["family_high"]
        assert 0.95 < row["family_level"] <= 1 - 0.05 / row["family"] + 1e-12


def test_a_draw_of_one_side_alone_changes_nothing():
    spark, scratch = apart(0.05, noise=0.01, error=0.01)[:1], curve("scratch", {10: 0.6}, noise=0.01, error=0.01)
    before = differences(spark + scratch)
    lucky = Components(0.99, spark[0].point.tests[0, 0].values, spark[0].point.tests[0, 0].patients, 19)
    own = dataclasses.replace(
        spark[0].point,
        scores={**spark[0].point.scores, (9, 0): 0.99}, tests={**spark[0].point.tests, (9, 0): lucky},
        subsets={**spark[0].point.subsets, 9: 10},
    )  # fmt: skip
    assert differences([dataclasses.replace(spark[0], point=own), *scratch]).equals(before)
