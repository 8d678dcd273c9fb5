"""The area under a label-efficiency curve is its mean height over the logarithm of the labels."""

import dataclasses

import numpy as np
import polars as pl
import pytest

from analysis.report.results import Results
from analysis.report.sections import area_under_curve


def results(study):
    return Results(study, "/nowhere", {}, [], {}, "auc", "scratch")


def test_the_area_of_a_curve_by_hand():
    assert area_under_curve.area(np.array([8, 16, 64]), np.array([0.5, 0.7, 0.9])) == pytest.approx(
        (0.6 * 1 + 0.8 * 2) / 3
    )
    assert area_under_curve.area(np.array([10, 1000]), np.array([0.8, 0.8])) == pytest.approx(0.8)


def test_each_panel_has_a_row_an_initialisation_over_the_sizes_that_all_have(made):
    panels = area_under_curve.areas(results(made))
    assert len(panels) == 4 and list(panels) == sorted(panels)  # two tasks, two adaptations
    for rows in panels.values():
        assert [init for _, init, *_ in rows] == ["scratch", "moco_v2", "spark"]
        assert len({span for _, _, span, *_ in rows}) == 1
        for *_, draws, mean, interval in rows:
            low, high = map(float, interval.split(" to "))
            assert draws == 3 and 0 <= low <= float(mean) <= high <= 1


def test_a_size_that_one_draw_lacks_is_left_out_and_one_size_gives_no_area(made):
    linear = made.finals.filter(pl.col("adaptation") == "linear")
    largest = linear["size_value"].max()
    less = linear.filter(~((pl.col("size_value") == largest) & (pl.col("draw") == 1)))
    some = dataclasses.replace(made, finals=less)
    spans = {rows[0][2] for rows in area_under_curve.areas(results(some)).values()}
    whole = dataclasses.replace(made, finals=linear)
    all_spans = {rows[0][2] for rows in area_under_curve.areas(results(whole)).values()}
    assert spans and spans.isdisjoint(all_spans)
    one = dataclasses.replace(made, finals=linear.filter(pl.col("size_value") == largest))
    assert area_under_curve.areas(results(one)) == {} and area_under_curve.render(results(one)) == ""
