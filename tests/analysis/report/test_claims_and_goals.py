"""Claims and goals stand on the page, and are examined on the command line, in the same words."""

import pytest

from analysis.report.claims_text import claim_words, examined
from analysis.report.results import Results
from analysis.report.sections import claims, goals
from analysis.statistics.claims import Claim
from analysis.statistics.goals import Goal


@pytest.fixture
def results(made, tmp_path):
    asked = [Claim("difference", "spark", "scratch", labels=24), Claim("non_inferior", "scratch", "spark", 0.01)]
    nowhere = Claim("difference", "spark", "byol", post_hoc=True)
    return Results(made, str(tmp_path), {}, [], {}, "auc", "scratch", [*asked, nowhere], [Goal(0.8, task="covid")])


def test_a_claim_has_a_row_for_each_place_and_its_verdict(results):
    page = claims.render(results)
    assert page.count("spark with 24 labels is better than scratch (AUC)") == 4
    assert "undecided, post hoc" in page and "no task and setting has runs of both" in page
    assert "if the estimate stayed" in page or "supported" in page


def test_a_goal_has_a_row_for_each_initialisation_of_a_setting(results):
    page = goals.render(results)
    for name in ("scratch", "moco_v2", "spark"):
        assert page.count(f"<td>{name}</td>") == 2, "linear and full"
    assert "AUC of at least 0.8" in page and "organs" not in page


def test_lines_for_a_terminal_say_post_hoc(made):
    claim = {"form": "difference", "initialisation": "spark", "against": "scratch", "task": "covid", "metric": "auc"}
    lines = examined(made, [claim], [{"metric": "auc", "at_least": 0.8, "task": "covid"}])
    assert lines[0].endswith("post hoc: spark is better than scratch (AUC), on covid")
    assert any("mean over the curve" in line for line in lines)
    assert any(
        line.startswith("AUC of at least 0.8, covid") and line.endswith(("labels", "patients")) for line in lines
    )


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (
            Claim("saves_labels", "a", "b", labels=0.6),
            "a reaches with 60% of the labels what b does with the most (AUC)",
        ),
        (Claim("more_robust", "a", "b"), "a loses less than b down to the fewest labels (AUC)"),
        (Claim("equivalent", "a", "b", 0.02, unit="image"), "a and b differ by less than 0.02 (AUC), per image"),
        (
            Claim("crosses_below", "a", "b", labels=100, metric="brier", task="t"),
            "a is better than b with the fewest labels, worse from 100 labels on (Brier score), on t",
        ),
    ],
)
def test_a_claim_is_a_sentence(claim, words):
    assert claim_words(claim) == words
