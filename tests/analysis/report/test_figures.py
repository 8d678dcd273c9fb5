"""Figures show what the table holds, in colours that do not change from report to report."""

import polars as pl

from analysis.report.figures.learning_curves import learning_curves
from analysis.report.figures.style import style
from analysis.report.figures.training_curves import training_curves
from analysis.statistics.convergence import chosen_curves
from analysis.statistics.label_efficiency import label_efficiency
from analysis.statistics.points import points


def test_a_panel_a_task_and_adaptation_with_the_sizes_as_ticks_and_one_legend(made):
    figure = learning_curves(label_efficiency(points(made, metrics=("auc",))))
    assert len(figure.axes) == 4
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles[:2] == ["covid, full fine-tuning", "organs, full fine-tuning"]
    assert list(figure.axes[3].xaxis.get_major_locator().locs) == [24, 48, 96, 192]
    (legend,) = figure.legends
    assert [t.get_text() for t in legend.get_texts()] == ["scratch", "moco_v2", "spark"]


def test_a_mean_without_interval_is_drawn_open(made):
    table = label_efficiency(points(made, metrics=("auc",))).filter(
        task="covid", adaptation="linear", initialisation="scratch"
    )
    table = table.with_columns(low=pl.lit(None, pl.Float64), high=pl.lit(None, pl.Float64))
    (ax,) = learning_curves(table).axes
    markers = [line for line in ax.get_lines() if line.get_linestyle() == "None"]
    assert len(markers) == 4 and {line.get_markerfacecolor() for line in markers} == {"white"}


def test_colours_are_fixed_for_known_names_and_distinct_for_a_users_own():
    inits = ["scratch", "spark", "mine", "yours"]
    assert style("spark", inits) == style("spark", ["spark"])
    assert len({style(name, inits) for name in inits}) == 4


def test_the_figure_of_training_is_left_out_when_there_is_nothing(make, made):
    assert training_curves(chosen_curves(make.study())) is None
    assert len(training_curves(chosen_curves(made)).axes) == 4, "probes fit in one step and have no curve"
