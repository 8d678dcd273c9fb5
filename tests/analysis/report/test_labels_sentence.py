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
        (Labels(None, None, None, empty=True, above=True), "fewer than 30 patients (60 images, the fewest tried)"),
        (Labels(None, 70.0, None), "at most 35 patients (70 images)"),
        (Labels(80.0, 120.0, 100.0), "at most 60 patients (120 images)"),
    ],
)
def test_a_saving_is_said_as_far_as_it_is_known(needed, words):
    said = labels([Saving(CURVES, "spark", "scratch", 480.0, needed)], [])
    assert f"spark needs {words} for what scratch does with 240 (480)" in said
