"""Two studies stand side by side: nothing of one is lost, and nothing is tested between them."""

import dataclasses
import re
from pathlib import Path

import polars as pl
import pytest
import yaml

from analysis.report import compare as module
from analysis.report.compare import compare
from study import cli
from study.storage import Storage


@pytest.fixture
def sides(made, tmp_path, monkeypatch):
    """Two results folders, the second without a task and without an initialisation."""
    less = made.finals.filter(pl.col("task") == "covid", pl.col("initialisation") != "moco_v2")
    tables = {"one": made, "two": dataclasses.replace(made, finals=less)}
    monkeypatch.setattr(module, "load", lambda storage: tables[storage.root.rpartition("/")[2]])
    specs = [
        {"name": "one", "image_size": 64, "tasks": {"covid": {"images": "a"}}, "weights": {}},
        {"name": "two", "image_size": 96, "tasks": {"covid": {"images": "a"}, "<b>": {}}},
    ]
    return [(Storage(tmp_path / name), spec) for name, spec in zip(tables, specs, strict=True)]


def test_the_page_has_both_answers_the_shared_curves_all_scores_and_the_differences(sides, tmp_path):
    path = Path(compare(sides, Storage(tmp_path / "out")))
    page = path.read_text().partition("<script>")[0]
    heads = re.findall(r'<div class="answer"><h3>(.*?)</h3>', page)
    assert heads[:2] == ["one: covid, full fine-tuning", "two: covid, full fine-tuning"]
    assert "two: organs, linear probe" in heads and page.count("No scores.") == 2
    assert [p.name for p in sorted((path.parent / "figures").iterdir())] == [
        "learning_curves_covid.png", "learning_curves_covid.svg"]  # fmt: skip
    scores = pl.read_csv(path.parent / "tables" / "scores.csv")
    assert scores["study"].value_counts().sort("study").rows() == [("one", 36), ("two", 12)]
    rows = pl.read_csv(path.parent / "tables" / "settings.csv", infer_schema=False).rows()
    assert rows == [
        ("name", '"one"', '"two"'), ("image_size", "64", "96"), ("weights", "{}", "-"),
        ("tasks.<b>", "-", "{}")]  # fmt: skip
    assert "<b>" not in page and "Nothing is tested between the two studies" in page


def test_studies_of_one_name_are_told_apart(sides, tmp_path):
    same = [(storage, {"name": "lungs"}) for storage, _ in sides]
    page = Path(compare(same, Storage(tmp_path / "out"))).read_text()
    assert "<h1>lungs (first) and lungs (second)</h1>" in page


def test_it_asks_for_nothing_in_a_browser(browser, sides, tmp_path):
    path = Path(compare(sides, Storage(tmp_path / "out")))
    browser.open(path)
    assert browser.requests() == [path.as_uri()] and browser.complaints() == []
    assert browser.js("document.documentElement.scrollWidth") <= 1280


@pytest.fixture
def folders(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "spec").mkdir(parents=True)
        (tmp_path / name / "spec" / "001.yaml").write_text(yaml.safe_dump({"name": name}))
    return tmp_path


def test_the_command_writes_a_page_of_its_own(folders, capsys, monkeypatch):
    monkeypatch.chdir(folders)
    assert cli.main(["report", "--compare", "a", "b"]) == 0
    assert capsys.readouterr().out.strip() == str(folders / "compare-a-b" / "compare.html")
    page = (folders / "compare-a-b" / "compare.html").read_text()
    assert "Neither study has a completed final run yet" in page
    assert not (folders / "a" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--compare", "a", "nowhere"], "nowhere: there is no such folder"),
        (["--compare", "a", "empty"], "empty: no study has left results here"),
        (["--compare", "a", "a"], "takes two different studies"),
        (["a", "--compare", "a", "b"], "not both"),
        (["--compare", "a", "b", "--to", "a"], "holds a study; name another one with --to"),
        (["a", "--to", "out"], "--to is for --compare"),
        ([], "name a study's folder"),
    ],
)
def test_what_is_no_pair_of_studies_is_refused(folders, capsys, monkeypatch, arguments, said):
    monkeypatch.chdir(folders)
    (folders / "empty").mkdir()
    assert cli.main(["report", *arguments]) == 2
    assert said in capsys.readouterr().err
