"""The label-efficiency table holds numbers that can be worked out by hand."""

import dataclasses

import polars as pl
import pytest
from scipy.special import expit, logit

from analysis.statistics.cell_means import Contrast
from analysis.statistics.differences import DIFFERENCE_SCHEMA, differences
from analysis.statistics.label_efficiency import TABLE_SCHEMA, label_efficiency
from analysis.statistics.points import points


def by_hand(make, scores_of):
    """Finals and scores from {(initialisation, draw): [score of each final seed]}; no predictions."""
    finals, scores = [], []
    for (init, draw), values in scores_of.items():
        for index, value in enumerate(values):
            finals.append(make.run(make.cell(init, draw=draw), "final", index, search_budget=4, selection="search"))
            key = finals[-1]["key"]
            scores.append({"key": key, "test_set": "test", "unit": "image", "metric": "auc", "value": value})
    return make.study(finals=finals, scores=scores)


def test_final_seeds_are_averaged_within_a_draw_and_never_counted_as_draws(make):
    """Draw means .68 .70 .72 whatever the seeds do: half width 4.303 x .02 / sqrt 3 = .04968, on the logit scale.

    One new model: 4/3 of the variance between the draws' logits, and half the seeds' own mean, (.0008 + .0002 + .0002)
    / 3, brought to that scale.
    """
    study = by_hand(make, {("scratch", 0): [0.66, 0.70], ("scratch", 1): [0.69, 0.71], ("scratch", 2): [0.71, 0.73]})
    (row,) = label_efficiency(points(study)).to_dicts()
    assert row["mean"] == pytest.approx(0.7)
    assert row["high"] == pytest.approx(expit(logit(0.7) + 4.302653 * 0.02 / 3**0.5 / 0.21))
    draws = logit([0.68, 0.70, 0.72])
    middle = draws.mean()
    slope = 1 / (expit(middle) * expit(-middle))
    parts = {"draws": (draws.var(ddof=1) * 4 / 3, 2), "seeds": (0.0012 / 3 / 2 * slope**2, 3)}
    assert (row["pi_low"], row["pi_high"]) == pytest.approx(tuple(expit(Contrast(middle, parts).interval(0.95))))
    assert (row["n_draws"], row["n_seeds"], row["n_runs"]) == (3, 2, 6)
    assert (row["n_labels"], row["n_labels_min"], row["n_labels_max"]) == (48, 48, 48)
    assert (row["searched"], row["defaults"], row["search_budget"]) == (3, 0, 4)
    assert row["target"] == "this pool and test set"
    assert row["reason"] == "no test predictions are stored"


def test_a_difference_is_taken_within_draws_that_both_have(make):
    """Draws .1 and .3 apart, a third has no partner: mean .2, s = .1414, t(1) = 12.706."""
    study = by_hand(
        make,
        {("scratch", 0): [0.5], ("scratch", 1): [0.4], ("spark", 0): [0.6], ("spark", 1): [0.7], ("spark", 2): [0.9]},
    )
    (row,) = differences(points(study)).filter(against="scratch").to_dicts()
    assert row["initialisation"] == "spark" and row["against"] == "scratch"
    assert row["mean"] == pytest.approx(0.2)
    assert row["high"] == pytest.approx(0.2 + 12.7062 * 0.1, rel=1e-4)
    assert row["n_draws"] == 2
    assert row["target"] == "this pool and test set, this encoder"


def test_pairing_takes_away_what_both_share(made):
    table, apart = label_efficiency(points(made, metrics=("auc",))), differences(points(made)).filter(against="scratch")
    assert len(table) == 36 and len(apart) == 24
    widths = {(r["task"], r["adaptation"], r["initialisation"], r["size_value"]): r["high"] - r["low"]
              for r in table.to_dicts()}  # fmt: skip
    for row in apart.to_dicts():
        assert row["target"].startswith("new patients, this encoder")
        assert row["high"] - row["low"] < widths[row["task"], row["adaptation"], "scratch", row["size_value"]]


def test_at_the_full_size_there_is_no_prediction_interval(made):
    full = label_efficiency(points(made, metrics=("auc",))).filter(size_value=1, adaptation="linear").to_dicts()
    assert all("training noise only" in r["target"] and r["pi_low"] is None for r in full)


def test_a_score_that_its_predictions_do_not_give_is_not_trusted_with_their_variance(made):
    wrong = dataclasses.replace(made, scores=made.scores.with_columns(pl.col("value") - 0.05))
    row = label_efficiency(points(wrong, metrics=("auc",))).row(0, named=True)
    assert row["target"].startswith("this pool") and "not what its predictions give" in row["reason"]


def test_a_study_without_final_runs_has_an_empty_table_with_its_columns(make):
    table = label_efficiency(points(make.study()))
    assert table.is_empty() and table.columns == list(TABLE_SCHEMA)
    assert differences(points(make.study())).columns == list(DIFFERENCE_SCHEMA)
