"""`labelcurve claims` examines a file of claims against results, and names what is wrong with the file."""

import re

import pytest

from study.cli import main
from study.config import Study
from study.planning.accepted import accept
from study.planning.plan import Plan


@pytest.fixture
def root(tmp_path):
    study = Study.model_validate(
        {
            "name": "lungs",
            "tasks": {"lung": {"images": "x", "labels": "y"}},
            "corpus": {"task_images": ["lung"]},
            "pretraining": {"methods": {"spark": {}}},
            "adaptations": {"linear": {"sizes": {"share": [1.0]}}},
        }
    )
    accept(tmp_path / "lungs", study, Plan({}, [], [], []))
    return tmp_path / "lungs"


def examine(root, text, capsys):
    path = root.parent / "claims.yaml"
    path.write_text(text)
    code = main(["claims", str(root), str(path)])
    return code, capsys.readouterr()


def test_claims_without_results_are_undecided_and_post_hoc(root, capsys):
    code, said = examine(root, "claims: [{form: difference, initialisation: spark, against: scratch}]", capsys)
    assert code == 0 and said.out == "undecided, post hoc: spark is better than scratch (AUC)\n"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("claims:\n  - {form: difference, initialisation: sparc, against: scratch}", "line 2.*did you mean 'spark'"),
        ("claims:\n  - {form: differnce, initialisation: spark, against: scratch}", "line 2.*form"),
        ("[1, 2]", "a file of claims is a mapping"),
        ("claim: []", "a file of claims is a mapping"),
        ("claims: [", "not readable as YAML"),
    ],
)
def test_a_file_that_cannot_be_examined_is_refused_by_its_place(root, capsys, text, line):
    code, said = examine(root, text, capsys)
    assert code == 2
    assert re.search(rf"claims.yaml.*{line}", said.err), said.err


def test_a_missing_file_is_named(root, capsys):
    assert main(["claims", str(root), "nowhere.yaml"]) == 2
    assert "nowhere.yaml: there is no such file" in capsys.readouterr().err
