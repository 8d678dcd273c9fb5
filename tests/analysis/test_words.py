"""Results under different factors stand in panels of their own."""

import polars as pl
import pytest

from analysis.report.figures.learning_curves import learning_curves
from analysis.report.figures.style import spec
from analysis.report.results import Results
from analysis.report.sections.answer import answers
from analysis.statistics.differences import differences
from analysis.statistics.label_efficiency import label_efficiency
from analysis.statistics.points import points
from analysis.tables import StudyTables
from analysis.words import setting, with_setting

LEVELS = {"validation": "cv", "length": "500 updates", "label_noise": 0.2, "imbalance": 5.0}


UNPAID = {"adaptation": "full", "validation": "full", "test_set": "there"}


@pytest.mark.parametrize(
    ("factors", "words"),
    [
        ({"adaptation": "full"}, "full fine-tuning"),
        ({"adaptation": "linear", "validation": "paid", "label_noise": 0.0, "length": "epochs"}, "linear probe"),
        (LEVELS, "full fine-tuning, cross-validated, 500 updates, 20 % label noise, imbalance 5 : 1"),
        (UNPAID, "full fine-tuning, unpaid validation set, tested on there"),
        ({"adaptation": "batch_norm", "test_set": "test"}, "batch norm alone"),
    ],
)
def test_what_is_off_its_default_is_named(factors, words):
    assert setting({"adaptation": "full"} | factors) == words


def test_each_row_of_a_table_gets_its_words():
    table = pl.DataFrame({"adaptation": ["full", "full", "linear"], "label_noise": [0.1, None, 0.1], "n": [1, 2, 3]})
    found = with_setting(table)
    assert found["n"].to_list() == [1, 2, 3]
    assert found["setting"].to_list() == [
        "full fine-tuning, 10 % label noise",
        "full fine-tuning",
        "linear probe, 10 % label noise",
    ]
    assert with_setting(table.clear())["setting"].to_list() == []


@pytest.fixture(scope="module", params=LEVELS)
def twice(request, made) -> StudyTables:
    """Linear probes on one task, and the same once more at another level of a factor with scores of 0.1 less."""
    finals = made.finals.filter(task="covid", adaptation="linear")
    tables = {
        name: getattr(made, name).filter(pl.col("key").is_in(finals["key"].implode()))
        for name in ("scores", "predictions")
    }
    level = pl.lit(LEVELS[request.param], dtype=finals.schema[request.param])
    again = finals.with_columns(level.alias(request.param), key=pl.col("key") + "x")
    scores = tables["scores"].with_columns(pl.col("value") - 0.1, key=pl.col("key") + "x")
    return StudyTables(
        finals=pl.concat([finals, again]),
        scores=pl.concat([tables["scores"], scores]),
        predictions=tables["predictions"],
        trials=made.trials.clear(),
        curves=made.curves.clear(),
        pretraining=made.pretraining,
    )


def test_no_panel_answer_or_difference_mixes_two_levels(twice, made):
    table, apart = label_efficiency(points(twice, metrics=("auc",))), differences(points(twice, metrics=("auc",)))
    alone = label_efficiency(points(made, metrics=("auc",))).filter(task="covid", adaptation="linear")
    assert len(table) == 2 * len(alone)
    own = with_setting(table).filter(setting="linear probe")
    assert own["mean"].to_list() == pytest.approx(alone["mean"].to_list())
    panels = spec(learning_curves(table))["concat"]
    assert len(panels) == 2
    assert len(answers(Results(twice, "/nowhere", {}, [], {}, "auc", "scratch"))) == 2
    alone = apart.filter(against="scratch")
    assert alone.group_by("initialisation", "size_value").len()["len"].unique().to_list() == [2]


def test_test_sets_stand_in_panels_of_their_own(made):
    runs = made.finals.filter(task="covid", adaptation="linear")
    scores = made.scores.filter(pl.col("key").is_in(runs["key"].implode()))
    both = pl.concat([scores, scores.with_columns(pl.col("value") - 0.1, test_set=pl.lit("there"))])
    study = StudyTables(runs, both, made.predictions, made.trials, made.curves, made.pretraining)
    figure = learning_curves(label_efficiency(points(study, metrics=("auc",))))
    assert [panel["layer"][-2]["title"] for panel in spec(figure)["concat"]] == [
        "covid, linear probe",
        "covid, linear probe, tested on there",
    ]


def test_unpaid_validation_labels_are_not_counted_as_paid(twice):
    finals = twice.finals.with_columns(validation=pl.lit("full"), imbalance=pl.lit(None, pl.Float64))
    study = StudyTables(finals, twice.scores, twice.predictions, twice.trials, twice.curves, twice.pretraining)
    table = label_efficiency(points(study, metrics=("auc",)))
    assert (table["n_labels"] == table["n_train"]).all() and (table["n_val"] > 0).all()


def test_a_search_judged_by_cross_validation_is_a_search(twice):
    finals = twice.finals.with_columns(selection=pl.lit("cv"), search_budget=pl.lit(20, pl.Int32))
    study = StudyTables(finals, twice.scores, twice.predictions, twice.trials, twice.curves, twice.pretraining)
    table = label_efficiency(points(study, metrics=("auc",)))
    assert set(table["search_budget"]) == {20} and set(table["defaults"]) == {0}
    assert (table["cross_validated"] == table["searched"]).all()
