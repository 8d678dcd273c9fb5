"""The report is one file, says what is known and what is not, and lets nothing from outside into its markup."""

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest

from analysis.report import report
from analysis.report.results import Results
from study.storage import Storage

SPEC = {"name": "made <b>study</b>", "tasks": {"covid": {"images": "x & y"}}}


def render(study, root, planned, **more):
    options = {"spec": SPEC, "planned": planned, "metric": "auc", "against": "scratch"} | more
    return Path(report.render(study, Storage(root), **options)).read_text()


@pytest.fixture(scope="module")
def html(made, cells, make, tmp_path_factory):
    root = tmp_path_factory.mktemp("results") / "study"
    return render(made, root, [*cells, make.cell("spark", size=0.5, draw=9)]), root


def test_the_page_stands_alone_with_its_figures_and_tables_beside_it(html):
    page, root = html
    assert page.partition("<script>")[0].count("<svg") == 3
    links = re.findall(r' (?:src|href)="([^"]*)"', page.partition("<script>")[0])
    local = [link for link in links if not link.startswith(("#", "data:"))]
    assert local and all((root / link).is_file() for link in local), "nothing but what lies beside it"
    assert not re.search(r"@import|url\(", page.partition("<script>")[0])
    figures = sorted(p.name for p in (root / "figures").iterdir())
    names = ("learning_curves", "pretraining", "training_curves")
    assert figures == sorted(["label_efficiency.csv", *(f"{name}.{kind}" for name in names for kind in ("png", "svg"))])
    assert len(pl.read_csv(root / "figures" / "label_efficiency.csv")) == 36
    written = pl.read_csv(root / "tables" / "differences.csv")
    assert written.columns[:3] == ["task", "initialisation", "labels"] and len(written) == 24


def test_the_tables_are_written_for_a_paper_too(html):
    _, root = html
    text = (root / "tables" / "differences.tex").read_text()
    head = "\\caption{Difference in AUC from scratch}\n\\begin{tabular}{llrrrrrl}\n\\toprule\ntask & initialisation"
    assert head in text and "moco\\_v2" in text and "<" not in text
    body = text.partition("\\midrule")[2].partition("\\bottomrule")[0]
    assert body.count(r"\\") == 24 and r"\textsuperscript{a}" in body
    assert r"\textsuperscript{a} target: new patients, this encoder\\" in text


def test_every_mean_has_an_interval_whose_target_is_named_or_a_reason(html):
    page, _ = html
    assert "target: new patients, this encoder" in page
    assert "every draw holds the same patients: there is no other subset" in page
    assert "1 of 109 planned cells have no final run yet" in page
    assert "spark on covid, linear probe, share 0.5: draws 9" in page
    assert "was opened by 108 final runs" in page
    assert "Warning: the loss stands at its trivial value, the embeddings hardly differ" in page


def test_what_comes_from_outside_is_escaped(html):
    page = html[0].partition("<script>")[0]
    assert "<b>" not in page and "made &lt;b&gt;study&lt;/b&gt;" in page and "x &amp; y" in page


def test_methods_that_do_not_differ_are_called_not_separated(made, cells, tmp_path):
    twin = made.finals.filter(pl.col("initialisation") == "scratch").with_columns(
        initialisation=pl.lit("twin"), key=pl.col("key") + "t"
    )
    renamed = {
        table: pl.concat([rows, rows.with_columns(key=pl.col("key") + "t")])
        for table, rows in (("scores", made.scores), ("predictions", made.predictions))
    }
    scratch = made.finals.filter(pl.col("initialisation") == "scratch")
    study = dataclasses.replace(made, finals=pl.concat([scratch, twin]), **renamed)
    page = render(study, tmp_path / "twins", [])
    assert "No difference between scratch and twin is shown" in page and "is better than" not in page


def test_an_unfinished_study_says_so_instead_of_failing(make, cells, made, tmp_path):
    page = render(make.study(), tmp_path / "empty", cells)
    assert "nothing to compare" in page and "108 of 108 planned cells" in page
    few = made.finals.filter(pl.col("draw") == 0, pl.col("task") == "covid")
    failed = few.head(1).with_columns(status=pl.lit("failed_oom"), key=pl.lit("f"))
    bare = dataclasses.replace(
        made, finals=pl.concat([few, failed]), predictions=made.predictions.clear(), curves=made.curves.clear(),
        pretraining=made.pretraining.clear(),
    )  # fmt: skip
    page = render(bare, tmp_path / "few", cells)
    assert "one draw: the variance between label subsets cannot be estimated" in page
    assert "1 failed_oom" in page and "No encoder was pre-trained" in page


def test_no_number_of_labels_is_named_for_the_level_of_another(made, cells, tmp_path):
    page = render(made, tmp_path, cells).partition("<script>")[0]
    assert "How many labels" in page
    assert "level of" not in page and "going by the means" not in page and "range of the sizes" not in page


def test_a_study_on_disk_is_read_through_the_ledger(cells, make, tmp_path):
    from study import ledger

    factors = make.cell()
    final = make.run(factors, "final", 0, search_budget=4, selection="search")
    with ledger.lock(str(tmp_path)):
        score = {"key": final["key"], "test_set": "test", "unit": "image", "metric": "auc", "value": 0.75}
        ledger.Ledger(str(tmp_path)).commit("finals", final, scores=[score])
    page = report.write_report(tmp_path, spec={"name": "stored"}, planned=[factors])
    assert page == str(tmp_path / "report.html") and "0.750" in Path(page).read_text()


def test_sensitivity_stands_beside_the_score_on_the_first_screen(made, cells, tmp_path):
    sensitive = made.scores.with_columns(pl.col("value") - 0.1, metric=pl.lit("sensitivity_at_specificity_0.9"))
    study = dataclasses.replace(made, scores=pl.concat([made.scores, sensitive]))
    page = render(study, tmp_path, cells).partition("<figure")[0]
    assert re.search(
        r"and a sensitivity of \d+% \(\d+% to \d+%\) at a specificity of 90%.*; of sensitivity, for [^.]*test set", page
    )


def test_a_name_that_is_a_script_ends_nothing(made, cells, tmp_path):
    bad = "</script><script>alert(1)</script>"
    finals = made.finals.with_columns(task=pl.col("task").replace("covid", bad))
    page = render(dataclasses.replace(made, finals=finals), tmp_path, [], spec={"name": bad})
    assert "<script>alert" not in page and "&lt;script&gt;alert(1)" in page


class Outline(HTMLParser):
    """The tags that are open, and the headings."""

    def __init__(self, page):
        super().__init__()
        self.open, self.headings = [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        if tag not in ("meta", "img", "input", "link"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, text):
        if self.open and self.open[-1] == "h2":
            self.headings.append(text)


def results(study, root, planned=()):
    return Results(study, str(root), SPEC, planned, {}, "auc", "scratch")


@pytest.mark.parametrize("section", report.SECTIONS, ids=lambda section: section.__name__.rpartition(".")[2])
def test_every_section_has_a_title_and_gives_whole_html_of_much_and_of_nothing(section, made, make, cells, tmp_path):
    assert section.title.format(against="scratch") and section.__doc__
    for study, planned in ((made, cells), (make.study(), [])):
        assert Outline(section.render(results(study, tmp_path, planned))).open == []


def test_the_sections_stand_on_the_page_in_their_order(html):
    titles = [section.title.format(against="scratch") for section in report.SECTIONS]
    headings = Outline(html[0]).headings
    assert headings == [title for title in titles if title in headings] and len(headings) >= len(titles) - 2


def test_every_file_of_the_sections_is_on_the_page():
    files = {path.stem for path in Path(report.__file__).with_name("sections").glob("[a-z]*.py")}
    assert files == {section.__name__.rpartition(".")[2] for section in report.SECTIONS}
