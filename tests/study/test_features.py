"""Features of an encoder are computed once for all runs that see it frozen."""

from types import SimpleNamespace

import pytest

from study.features import shares_features
from study.reading import read_study

SIZES = "sizes: {share: [1]}"


@pytest.mark.parametrize(
    ("adaptation", "asked", "initialisation", "shared"),
    [
        ("linear", "", "spark", True),
        ("linear", "", "scratch", True),
        ("full", "", "spark", False),
        ("full", ", settings: {release_epoch: 10}", "spark", True),
        ("full", ", settings: {release_epoch: 10}", "scratch", False),  # each run draws an encoder of its own
        ("full", ", space: {release_epoch: {choices: [0, 5]}}", "spark", True),
        ("full", ", space: {lr: {low: 0.001, high: 0.01}}", "spark", False),
        ("batch_norm", "", "spark", False),
    ],
)
def test_what_sees_a_frozen_encoder_shares_its_features(adaptation, asked, initialisation, shared):
    study = read_study("quickstart", [f"adaptations={{{adaptation}: {{{SIZES}{asked}}}}}"])
    cell = SimpleNamespace(factors={"adaptation": adaptation, "initialisation": initialisation})
    assert shares_features(study, cell) == shared
