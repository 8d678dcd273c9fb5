"""The three sentences of an answer are no stronger than their intervals."""

import dataclasses

import polars as pl
import pytest

from analysis.report.results import Results
from analysis.report.sections import answer
from analysis.statistics.goals import Goal


def results(study, goals=()):
    return Results(study, "/nowhere", {}, [], {}, "auc", "scratch", goals=goals)


def of(study, goals=()):
    return {(each.task, each.setting): each for each in answer.answers(results(study, goals))}


@pytest.fixture(scope="module")
def linear(made):
    return of(made)["covid", "linear probe"]


def test_which_says_at_how_many_sizes_and_of_whom(linear):
    assert linear.which.startswith("spark is better than scratch at 4 of 4 sizes, by 0.2")
    assert "with 12 patients (24 images)" in linear.which
    assert linear.which.endswith("Said of the encoders trained here, not of methods.")


def test_three_encoders_a_method_make_it_a_verdict_on_methods(made):
    seeds = [made.finals.filter(pl.col("initialisation") != "scratch").with_columns(
        pretrain_seed=pl.lit(k, pl.Int32), key=pl.col("key") + str(k)) for k in range(3)]  # fmt: skip
    keyed = [pl.concat([t.with_columns(key=pl.col("key") + str(k)) for k in range(3)] + [t]) for t in
             (made.scores, made.predictions)]  # fmt: skip
    scratch = made.finals.filter(pl.col("initialisation") == "scratch")
    study = dataclasses.replace(made, finals=pl.concat([scratch, *seeds]), scores=keyed[0], predictions=keyed[1])
    assert "not of methods" not in of(study)["covid", "linear probe"].which


def test_score_names_what_its_intervals_are_for_and_that_the_best_is_selected(linear):
    assert linear.score.startswith("With 96 patients (192 images), spark has an AUC per image of 0.9")
    assert "with 12 patients (24 images), spark has one of 0.8" in linear.score
    assert "Intervals are for new patients, this encoder" in linear.score
    assert linear.score.endswith("The best of 3 is selected, and so a little too good.")


def test_a_score_whose_interval_holds_chance_says_so(made):
    own = made.finals.filter(pl.col("initialisation") == "scratch", pl.col("size_value") == 0.125)
    said = of(dataclasses.replace(made, finals=own))["covid", "linear probe"]
    assert "not shown to be better than chance" not in said.score
    draws = dict(made.finals.select("key", "draw").iter_rows())
    values = pl.col("key").replace_strict(draws, return_dtype=pl.Float64) * 0.05 + 0.45
    low = dataclasses.replace(
        made, finals=own, scores=made.scores.with_columns(value=values), predictions=made.predictions.clear()
    )
    assert (
        "has an AUC per image of 0.50 (0.38 to 0.62), not shown to be better" in of(low)["covid", "linear probe"].score
    )


def test_sensitivity_stands_beside_the_score_where_it_was_scored(made):
    more = made.scores.with_columns(metric=pl.lit("sensitivity_at_specificity_0.9"), value=0.5 + pl.col("value") * 0.25)
    said = of(dataclasses.replace(made, scores=pl.concat([made.scores, more])))["covid", "linear probe"].score
    assert " and a sensitivity of 7" in said and "at a specificity of 90% on validation" in said
    assert "of sensitivity, for this pool and test set" in said
    assert "sensitivity" not in of(made)["covid", "linear probe"].score


def test_goals_and_savings_are_told_in_patients_and_images(made):
    said = of(made, [Goal(0.8)])["covid", "linear probe"].labels
    assert said.startswith("For an AUC of at least 0.8: scratch ")
    assert "spark needs at most" in said and "for what scratch does with 96 (192)" in said


def test_only_what_is_spoken_well_of_is_warned_of(made):
    assert [line.partition(",")[0] for line in of(made)["covid", "linear probe"].warned] == ["moco_v2"]
    two = dataclasses.replace(made, finals=made.finals.filter(pl.col("initialisation") != "spark"))
    pair = dataclasses.replace(made, finals=made.finals.filter(pl.col("initialisation") != "moco_v2"))
    assert of(two)["covid", "linear probe"].warned and not of(pair)["covid", "linear probe"].warned


def test_the_setting_with_most_scores_stands_first_and_others_are_folded(made):
    page = answer.render(results(made))
    first, _, folded = page.partition("<details>")
    assert "covid, linear probe" in first and "covid, full fine-tuning" not in first
    assert "covid, full fine-tuning" in folded and "Other settings: covid, full fine-tuning" in folded


def test_many_tasks_are_summed_up_in_a_table_first(made):
    keyed, tables = [made.finals], {"scores": [made.scores], "predictions": [made.predictions]}
    own = made.finals.filter(pl.col("task") == "covid")
    keyed.append(own.with_columns(task=pl.lit("third"), key=pl.col("key") + "t"))
    for rows in tables.values():
        rows.append(rows[0].with_columns(key=pl.col("key") + "t"))
    more = {name: pl.concat(rows) for name, rows in tables.items()}
    found = results(dataclasses.replace(made, finals=pl.concat(keyed), **more))
    first, _, rest = answer.render(found).partition("<details><summary>Each task in full")
    assert first.count('<th scope="row">') == 3 and first.count("Warning: moco_v2") == 1
    assert "spark is better than scratch at 4 of 4 sizes" in first and "selected, and so a little too good" in first
    assert rest.count('<div class="answer">') == 6 and "answers" in found.written
