"""What the answer says about numbers of labels."""

from types import SimpleNamespace
from typing import Any

import pytest

from analysis.report.sections.answer import labels
from analysis.statistics.labels_needed import Labels
from analysis.statistics.savings import Saving

CURVES: Any = SimpleNamespace(labels=[60.0, 480.0], patients_at=lambda n: n / 2)


@pytest.mark.parametrize(
    ("needed", "words"),
    [
        (
            Labels(None, None, None, empty=True, above=True),
            "with fewer than 60, the fewest tried, from at most 30 instead of 240 patients",
        ),
        (Labels(None, 70.0, None), "with at most 70, from at most 35 instead of 240 patients"),
        (Labels(80.0, 120.0, 100.0), "with 80 to 120, from at most 60 instead of 240 patients"),
    ],
)
def test_a_saving_is_said_as_far_as_it_is_known(needed, words):
    said = labels([Saving(CURVES, "spark", "scratch", 480.0, needed)], [])
    assert said == f"spark reaches what scratch does with 480 labels {words}."
