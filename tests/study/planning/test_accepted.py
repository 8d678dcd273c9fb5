"""A claim made after a test set was opened is post hoc, whenever the study is accepted again."""

import pytest

from study.config import Study
from study.ledger import Ledger
from study.planning.accepted import OPENED, accept, claims_made
from study.planning.plan import Plan

FIRST = {"initialisation": "spark", "not_worse_than": "scratch", "margin": 0.02}
SECOND = {"form": "more_robust", "initialisation": "spark", "against": "scratch"}


def study(*claims) -> Study:
    return Study.model_validate(
        {
            "name": "lungs",
            "tasks": {name: {"images": "x", "labels": "y"} for name in ("lung", "brain")},
            "corpus": {"task_images": ["lung"]},
            "pretraining": {"methods": {"spark": {}}},
            "adaptations": {"full": {"sizes": {"share": [1.0]}}},
            "claims": claims,
        }
    )


def late(root) -> list[bool]:
    return [claim["post_hoc"] for claim in claims_made(root)]


@pytest.fixture
def accepted(tmp_path):
    def again(*claims):
        accept(tmp_path, study(*claims), Plan({}, [], [], []))
        return late(tmp_path)

    return again


def open_test_set(root, task):
    about = {"study": "lungs", "fingerprint": "f", "validation": "paid", "length": "epochs", "label_noise": 0.0}
    place = {"initialisation": "scratch", "task": task, "adaptation": "full", "size_kind": "share", "size_value": 1.0}
    Ledger(root).commit("finals", about | place | {"key": task, "draw": 0, "index": 0, "status": "completed"})


def test_claims_made_before_the_first_final_run_stay_beforehand(tmp_path, accepted):
    assert accepted(FIRST) == [False]
    open_test_set(tmp_path, "lung")
    assert accepted(FIRST, SECOND) == [False, True]
    assert accepted(SECOND, FIRST) == [True, False], "in whatever order"


def test_a_claim_taken_back_and_made_again_is_made_again(tmp_path, accepted):
    accepted(FIRST)
    open_test_set(tmp_path, "lung")
    accepted(SECOND)
    assert accepted(FIRST) == [True]


def test_a_claim_about_a_task_looks_at_its_test_set_alone(tmp_path, accepted):
    accepted()
    open_test_set(tmp_path, "lung")
    assert accepted(SECOND | {"task": "brain"}, SECOND | {"task": "lung"}) == [False, True]


def test_of_a_study_accepted_before_this_was_noted_only_the_first_file_is_beforehand(tmp_path, accepted):
    accepted(FIRST)
    accepted(FIRST, SECOND)
    for path in (tmp_path / "spec").glob("*.yaml"):
        first, _, rest = path.read_text().partition("\n")
        assert first.startswith(OPENED)
        path.write_text(rest)
    assert late(tmp_path) == [False, True]
