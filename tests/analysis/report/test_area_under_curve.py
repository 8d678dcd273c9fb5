"""The area under a label-efficiency curve is its mean height over the logarithm of the labels."""

import dataclasses

import polars as pl

from analysis.report.results import Results
from analysis.report.sections import area_under_curve


def results(study):
    return Results(study, "/nowhere", {}, [], {}, "auc", "scratch")


def test_each_panel_has_the_curves_of_all_over_the_sizes_that_all_have(made):
    found = area_under_curve.areas(results(made))
    assert len(found) == 4  # two tasks, two adaptations
    for whole in found:
        assert whole.initialisations == ["scratch", "moco_v2", "spark"] and len(whole.joint.draws) == 3
        for name in whole.initialisations:
            weights = whole.area(name)
            assert 0.4 < whole.contrast(weights).value < 1 and abs(weights.sum() - 1) < 1e-12


def test_a_size_that_one_draw_lacks_is_kept_with_the_draws_that_all_have(made):
    linear = made.finals.filter(pl.col("adaptation") == "linear")
    largest = linear["size_value"].max()
    less = linear.filter(~((pl.col("size_value") == largest) & (pl.col("draw") == 1)))
    for whole in area_under_curve.areas(results(dataclasses.replace(made, finals=less))):
        assert whole.joint.draws == [0, 2] and len(whole.labels) == 4


def test_one_size_gives_no_area(made):
    one = dataclasses.replace(made, finals=made.finals.filter(pl.col("size_value") == 1))
    assert area_under_curve.areas(results(one)) == [] and area_under_curve.render(results(one)) == ""
