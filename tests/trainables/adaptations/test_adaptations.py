"""What every adaptation promises; a new file in trainables/adaptations is taken up by itself."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import torch

from trainables import adaptations, backbones
from trainables.finetuning.finetuning import WITHOUT, FineTuning

ALL = adaptations.names()


def test_they_are_known_without_importing_torch():
    program = (
        "import sys; from trainables import adaptations\n"
        "[adaptations.get(name).defaults for name in adaptations.names()]; print('torch' in sys.modules)"
    )
    known = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert known.stdout.strip() == "False"


@pytest.mark.parametrize("name", ALL)
def test_it_says_what_it_is_and_searches_where_its_settings_may_lie(name):
    adaptation = adaptations.get(name)
    assert adaptation.words and adaptation.words != name
    assert adaptation.space and adaptation.resolve({}) == adaptation.defaults
    for setting, where in adaptation.space.items():
        for value in where.get("choices") or (where["low"], where["high"]):
            assert adaptation.resolve({setting: value})[setting] == value


@pytest.mark.parametrize("name", ALL)
def test_a_trial_of_it_ends_in_a_result_and_is_repeatable_to_the_bit(name, trial, test_set):
    job = trial(adaptation=name, tests={"test": test_set}, label_kind="single")
    first, again = ([dataclasses.asdict(record) for record in adaptations.get(name).run(job)] for _ in range(2))
    assert first[-1]["result"]["predictions"] == again[-1]["result"]["predictions"]
    assert len(first[-1]["result"]["predictions"]) == 48 and first[-1]["score"] is not None
    p = np.array([row[4] for row in first[-1]["result"]["predictions"]])
    assert np.allclose(p.sum(1), 1) and np.ptp(p) > 0


@pytest.mark.parametrize("name", [name for name in ALL if not adaptations.get(name).on_features])
def test_what_it_trains_of_the_encoder_is_what_changes(name, trial):
    job = trial(adaptation=name, settings={"lr": 0.01, "batch": 8})
    tuning = FineTuning(job, WITHOUT | adaptations.get(name).resolve(job.settings))
    encoder = tuning.model.encoder
    before = {key: value.clone() for key, value in encoder.named_parameters()}
    head = tuning.model.head.weight.clone()
    tuning.span(1)
    named = {id(each) for each in adaptations.get(name).trained_parameters(encoder)}
    changed = {id(each) for key, each in encoder.named_parameters() if not torch.equal(each, before[key])}
    assert changed and changed <= named and not torch.equal(tuning.model.head.weight, head)


@pytest.mark.parametrize("name", ALL)
def test_a_network_is_checked_without_being_touched(name):
    encoder = backbones.build("test_resnet")
    before = {key: value.clone() for key, value in encoder.state_dict().items()}
    adaptations.get(name).check(encoder)
    assert all(torch.equal(value, before[key]) for key, value in encoder.state_dict().items())
    assert all(each.requires_grad for each in encoder.parameters())
