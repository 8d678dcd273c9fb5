"""Figures show what the table holds, in colours that do not change from report to report."""

import math

import polars as pl
import pytest

from analysis.report.figures.learning_curves import fitting, learning_curves, shown
from analysis.report.figures.pretraining import pretraining
from analysis.report.figures.style import png, spec, style, svg
from analysis.report.figures.training_curves import training_curves
from analysis.statistics.convergence import chosen_curves
from analysis.statistics.label_efficiency import label_efficiency
from analysis.statistics.points import points


@pytest.fixture(scope="module")
def table(made):
    return label_efficiency(points(made, metrics=("auc",)))


def panels(chart):
    return spec(chart)["concat"]


def values(panel):
    return panel["data"]["values"] if "data" in panel else panel["layer"][-1]["data"]["values"]


def test_a_panel_a_task_and_adaptation_with_the_sizes_as_ticks_and_one_legend(table):
    drawn = svg(learning_curves(table))
    for words in ("covid, full fine-tuning", "organs, full fine-tuning", "covid, linear probe", "organs, linear probe"):
        assert words in drawn
    assert len(panels(learning_curves(table))) == 4
    for tick in ("24", "48", "96", "192", "scratch", "moco_v2", "spark"):
        assert f">{tick}</text>" in drawn
    assert drawn.count(">moco_v2</text>") == 1


def test_axis_and_unit_and_each_initialisation_are_parameters(table):
    named = {each["name"]: each.get("value") for each in spec(learning_curves(table))["params"]}
    assert named == {"axis": "log", "unit": "labels"} | {shown(name): True for name in ("scratch", "moco_v2", "spark")}


def test_a_name_with_a_hyphen_or_a_quote_is_drawn_too(table):
    renamed = table.with_columns(initialisation=pl.col("initialisation").replace("spark", "spark-2's"))
    assert "spark-2's" in svg(learning_curves(renamed))


def test_a_mean_without_interval_is_drawn_open(table):
    own = table.filter(task="covid", adaptation="linear", initialisation="scratch")
    bare = own.with_columns(low=pl.lit(None, pl.Float64), high=pl.lit(None, pl.Float64))
    assert _marks(learning_curves(own)) == ["rule", "line", "rule", "point filled"]
    assert _marks(learning_curves(bare)) == ["rule", "line", "point open"]


def _marks(chart):
    (panel,) = panels(chart)
    marks = [layer["mark"] for layer in panel["layer"] if layer["mark"]["type"] != "text"]
    kind = {True: " filled", False: " open", None: ""}
    return [mark["type"] + kind[mark.get("filled")] for mark in marks]


def test_sizes_that_lie_close_have_one_tick(table):
    near = table.with_columns(n_labels=pl.when(pl.col("n_labels") == 24).then(46.0).otherwise("n_labels"))
    drawn = svg(learning_curves(near))
    assert ">46</text>" in drawn and ">48</text>" in drawn, "the full curves have no 46"
    assert svg(learning_curves(near.filter(adaptation="linear"))).count(">48</text>") == 0


@pytest.mark.parametrize("scale", [math.log, float])
@pytest.mark.parametrize("wide", [60, 150, 400])
def test_ticks_are_sizes_with_room_between_them(scale, wide):
    counts = [10.0, 11.0, 12.0, 20.0, 100.0, 110.0, 1000.0, 1100.0]
    kept = fitting(counts, wide, scale)
    assert {10.0, 1100.0} <= set(kept) <= set(counts) and kept == sorted(kept)
    at = [(scale(n) - scale(10)) / (scale(1100) - scale(10)) * (wide - 28) for n in kept]
    needed = [7 * (len(f"{a:,.0f}") + len(f"{b:,.0f}")) / 2 for a, b in zip(kept, kept[1:], strict=False)]
    assert all(b - a >= room for a, b, room in zip(at, at[1:], needed, strict=False))
    assert len(kept) >= 3 or wide < 400


def test_one_size_has_one_tick():
    assert fitting([24.0], 300, math.log) == [24.0]


def test_colours_are_fixed_for_known_names_and_distinct_for_a_users_own():
    inits = ["scratch", "spark", "mine", "yours"]
    assert style("spark", inits) == style("spark", ["spark"])
    assert len({style(name, inits) for name in inits}) == 4
    many = [f"mine{k}" for k in range(24)] + [*inits, "moco_v2", "byol", "swav", "imagenet"]
    assert len({style(name, many) for name in many}) == len(many)


def test_figures_are_left_out_when_there_is_nothing(make, made, table):
    assert training_curves(chosen_curves(make.study())) is None
    assert pretraining(make.study().pretraining) is None and learning_curves(table.clear()) is None
    assert len(panels(training_curves(chosen_curves(made)))) == 4, "probes fit in one step and have no curve"


def test_a_png_is_on_white(made):
    assert png(training_curves(chosen_curves(made)))[:4] == b"\x89PNG"
