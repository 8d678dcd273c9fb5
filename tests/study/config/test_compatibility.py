"""What shaped results cannot change under them; how much of it there is may."""

import pytest

from study.config.compatibility import check_growth, plain
from study.config.load import read_study
from study.errors import InputRefused


def quickstart(*assignments: str):
    return read_study("quickstart", list(assignments))


@pytest.mark.parametrize(
    "grown",
    [
        "adaptations.linear.draws=9",
        "adaptations.linear.trials=50",
        "adaptations.linear.sizes={count: [20]}",
        "adaptations.full.finals=5",
        "pretraining.seeds=6",
        "resources.trial.cpus=2",
        "tasks.second={phantom: {seed: 9}}",
        "claims=[{initialisation: spark, not_worse_than: other, margin: 0.02}]",
    ],
)
def test_extents_grow(grown):
    two = "pretraining.methods.other={method: spark}"  # so that a claim has somebody to compare with
    check_growth(plain(quickstart(two)), quickstart(two, grown))


def test_a_study_accepted_before_claims_were_known_takes_them_up():
    two = "pretraining.methods.other={method: spark}"
    old = {name: value for name, value in plain(quickstart(two)).items() if name != "claims"}
    check_growth(old, quickstart(two, "claims=[{initialisation: spark, not_worse_than: other, margin: 0.02}]"))


@pytest.mark.parametrize(
    ("changed", "named"),
    [
        ("backbone=resnet50", "backbone was 'test_resnet'"),
        ("image_size=96", "image_size was 64"),
        ("adaptations.full.epochs=99", "adaptations.full.epochs"),
        ("pretraining.images=1", "pretraining.images"),
        ("pretraining.methods.spark.mask_ratio=0.75", "pretraining.methods.spark.mask_ratio"),
        ("tasks.finding.phantom.visibility=1.0", "tasks.finding.phantom.visibility"),
        ("adaptations.full.space.lr.high=1.0", "adaptations.full.space.lr.high"),
    ],
)
def test_identity_does_not(changed, named):
    with pytest.raises(InputRefused, match=named):
        check_growth(plain(quickstart()), quickstart(changed))
