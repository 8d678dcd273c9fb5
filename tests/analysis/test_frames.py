"""A results folder opens as lazy frames, and every public docstring's example runs on a made study."""

import doctest

import polars as pl
import pytest

import analysis
import analysis.frames
from analysis.questions.columns import ANSWERS
from study.errors import InputRefused
from study.ledger import frame
from study.ledger.scan import scan
from study.ledger.schemas import TABLES
from study.ledger.segments import Segment
from study.vocabulary import FACTOR_NAMES, HYPERPARAMETERS

EXAMPLES = [
    example
    for module in (analysis, analysis.frames)
    for example in doctest.DocTestFinder(exclude_empty=False).find(module)
]


@pytest.mark.parametrize("example", [e for e in EXAMPLES if e.examples], ids=lambda example: example.name)
def test_an_example_gives_what_it_says(example, results):
    example.globs.update(analysis=analysis, pl=pl, results=results)
    heard = []
    doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(example, out=heard.append, clear_globs=False)
    assert heard == [], "".join(heard)


def test_every_public_name_has_an_example():
    public = [name for name in vars(analysis.frames.Study) if not name.startswith("_")]
    shown = {example.name.rpartition(".")[2] for example in EXAMPLES if example.examples}
    assert {"open", "duckdb", "Study", *public} <= shown


@pytest.mark.parametrize("table", ["finals", "trials", "scores", "predictions", "curves", "pretraining"])
def test_a_table_is_lazy_and_is_that_of_the_ledger(results, table):
    lazy = getattr(analysis.open(results), table)
    assert isinstance(lazy, pl.LazyFrame) and lazy.collect().equals(frame(results, table))


def test_nothing_is_read_until_it_is_asked(results, monkeypatch):
    def read(self, columns=None):
        raise AssertionError("read")

    monkeypatch.setattr(Segment, "read", read)
    study = analysis.open(results)
    study.predictions.filter(pl.col("split") == "test").select("key")
    with pytest.raises(AssertionError):
        study.predictions.collect()


def test_a_folder_of_results_opens_where_it_holds_one_study(results, tmp_path):
    assert analysis.open(results.parent).root == str(results)
    with pytest.raises(InputRefused, match="no study has left results"):
        analysis.open(tmp_path)
    for name in ("one", "two"):
        (tmp_path / name / "spec").mkdir(parents=True)
        (tmp_path / name / "spec" / "001.yaml").write_text(f"name: {name}\n")
    with pytest.raises(InputRefused, match="several studies; name one of"):
        analysis.open(tmp_path)
    assert analysis.open(tmp_path / "one").finals.collect().is_empty()


def test_answers_of_an_empty_study_are_empty_tables(tmp_path):
    (tmp_path / "spec").mkdir()
    (tmp_path / "spec" / "001.yaml").write_text("name: new\n")
    study = analysis.open(tmp_path)
    for answer in (study.label_efficiency(), study.differences(), study.labels_needed(0.8), study.more_draws(),
                   study.chosen(), study.budget(), study.pruned(), study.judged().collect(), study.patients(),
                   study.calibration(), study.cost(), study.robustness()):  # fmt: skip
        assert answer.is_empty() and answer.columns


def test_label_efficiency_is_that_of_the_loaded_tables(results, made):
    from analysis.statistics.label_efficiency import label_efficiency
    from analysis.statistics.points import points

    assert analysis.open(results).label_efficiency().equals(label_efficiency(points(made)))


def test_a_study_in_an_object_store_opens_alike(results, bucket):
    import fsspec

    fsspec.filesystem("s3").put(str(results), bucket, recursive=True)
    there, here = analysis.open(bucket), analysis.open(results)
    assert there.name == "made" and there.scores.collect().equals(here.scores.collect())
    assert there.budget().equals(here.budget())


def test_a_long_scan_keeps_the_order_of_commit(results):
    keys = scan(results, "predictions").select("key").collect()["key"]
    assert keys.equals(frame(results, "predictions")["key"])


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_columns_of_an_answer_are_those_documented(results, answer):
    study = analysis.open(results)
    found = study.labels_needed(0.6) if answer == "labels_needed" else getattr(study, answer)()
    columns = found.collect_schema().names()
    beside = {*FACTOR_NAMES, *(f"hp_{name}" for name in HYPERPARAMETERS), "settings"}
    assert {*columns} - beside == {*ANSWERS[answer][1]}, answer
    assert len(columns) == len(set(columns))


@pytest.mark.parametrize("table", TABLES)
def test_the_columns_of_a_table_are_described_as_the_schema_has_them(results, table):
    described = analysis.open(results).columns(table)
    lazy = getattr(analysis.open(results), table)
    assert dict(zip(described["column"], described["type"], strict=True)) == {
        name: str(kind) for name, kind in lazy.collect_schema().items()
    }
    assert described["meaning"].str.len_chars().min() > 0
    with pytest.raises(InputRefused, match="no table 'prediction'"):
        study = analysis.open(results)
        study.columns("prediction")
