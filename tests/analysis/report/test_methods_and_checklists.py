"""The methods in prose and the checklists say what the study and the ledger know, and leave the rest to the authors."""

import dataclasses
import re

import polars as pl
import pytest

from analysis.report import methods_text, report
from analysis.report.checklists import CHECKLISTS
from analysis.report.results import Results
from analysis.report.sections import methods_in_prose, reporting_checklists

SPEC = {
    "seed": 7, "backbone": "resnet18", "image_size": 64, "window": [-200, 300],
    "corpus": {"dicom": ["/a", "/b"], "phantom": None, "task_images": ["covid"]},
    "tasks": {"covid": {"outer_folds": None}},
    "pretraining": {"methods": {"spark": {"method": "spark", "start": "imagenet"}}, "budget": "images",
                    "images": 200_000, "batch": 32, "seeds": 3},
    "adaptations": {"linear": {"draws": 3, "trials": 4, "finals": 2, "search": {"sampler": "tpe"},
                               "validation": ["cv"], "pruning": {"enabled": True}}},
    "selection": {"min_val_patients": 3, "otherwise": "cv", "objective": "auc"},
    "scoring": {"specificity": 0.95, "patient": "mean"},
}  # fmt: skip


def results(study, spec=SPEC, planned=()):
    return Results(study, "/nowhere", spec, planned, {}, "auc", "scratch")


def test_what_was_set_is_said(made, cells):
    text = methods_in_prose.render(results(made, planned=cells)).replace("&#x27;", "'")
    for words in (
        "DICOM series of 2 folders and the training images of covid", "side of 64 pixels",
        "Hounsfield units from -200 to 300", "spark by spark, from imagenet", "200,000 source images in batches of 32",
        "with 3 encoders a method", "For each of 3 draws", "4 trials a cell for linear probe",
        "tree-structured Parzen estimator, hopeless ones ended early", "cross-validation inside the subset",
        "trained again with 2 fresh seeds", "from the study's, 7", "specificity of 95%", "All 108 planned cells",
    ):  # fmt: skip
        assert words in text, words


def test_what_the_ledger_counts_is_said(made):
    assert "'test' of covid holds 120 images of 60 patients (class 0: 64, class 1: 56)" in methods_text.test_sets(
        results(made)
    )
    assert "covid: 24 (12), 48 (24), 96 (48), 192 (96)" in methods_text.sizes(results(made))
    assert methods_text.pretraining_runs(results(made)) == (
        "The ledger holds 2 pre-training runs. Runs of moco_v2 ended with a sign of collapse."
    )
    nameless = dataclasses.replace(made, predictions=made.predictions.with_columns(patient=pl.lit(None, pl.String)))
    assert "120 images, whose patients are not named" in methods_text.test_sets(results(nameless))


@pytest.mark.parametrize("heading", methods_text.PARAGRAPHS)
def test_a_study_of_which_nothing_is_known_invents_nothing(make, heading):
    said = [sentence(results(make.study(), {})) for sentence in methods_text.PARAGRAPHS[heading]]
    always = (
        methods_text.deidentification,
        methods_text.uncertainty,
        methods_text.comparisons,
        methods_text.labels_needed,
    )
    expected = [sentence(results(make.study(), {})) if sentence in always else "" for sentence in
                methods_text.PARAGRAPHS[heading]]  # fmt: skip
    assert said == expected
    assert methods_in_prose.render(results(make.study(), {})) == ""


def test_checklists_have_all_of_their_items_once():
    claim, tripod = CHECKLISTS
    assert [item.number for item in claim.items] == [str(k) for k in range(1, 45)]
    numbers = [item.number for item in tripod.items]
    assert len(set(numbers)) == len(numbers) == 52
    assert sorted({int(re.match(r"\d+", number)[0]) for number in numbers}) == list(range(1, 28))


def test_what_no_ledger_knows_is_left_to_the_authors(made):
    page = reporting_checklists.render(results(made))
    blank = reporting_checklists.BLANK
    for asked in ("Funding, and the funders&#x27; role", "Ethical approval and consent"):
        assert blank in page.partition(asked)[2].partition("</tr>")[0]
    known = page.partition("At which level partitions are disjoint")[2].partition("</tr>")[0]
    assert "disjoint by patient" in known and blank not in known


def test_an_item_that_the_study_could_answer_and_does_not_is_blank_too(made):
    page = reporting_checklists.render(results(made, {}))
    assert reporting_checklists.BLANK in page.partition("How images were pre-processed")[2].partition("</tr>")[0]


def test_the_sections_that_items_point_to_are_on_the_page(made, cells, tmp_path):
    titles = {section.title for section in report.SECTIONS}
    pointed = {item.section for each in CHECKLISTS for item in each.items if item.section}
    assert pointed and pointed <= titles
