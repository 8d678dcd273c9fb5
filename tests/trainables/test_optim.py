"""Schedules at their corners, and which parameters weight decay reaches."""

from typing import get_args

import pytest
import torch
from torch import nn

from trainables import optim


def test_cosine_runs_from_first_to_last():
    assert optim.cosine(0, 0.04, 0.2) == pytest.approx(0.04)
    assert optim.cosine(0.5, 0.04, 0.2) == pytest.approx(0.12)
    assert optim.cosine(1, 0.04, 0.2) == pytest.approx(0.2)


def test_warmup_is_straight_and_then_falls():
    rate = [optim.warmup_cosine(p, peak=1.0, warmup=0.2, first=0.1, last=0.01) for p in (0, 0.1, 0.2, 0.6, 1)]
    assert rate == pytest.approx([0.1, 0.55, 1.0, 0.505, 0.01])


def test_no_warmup_begins_at_the_peak():
    assert optim.warmup_cosine(0, peak=0.3, warmup=0) == pytest.approx(0.3)
    assert optim.warmup_cosine(1, peak=0.3, warmup=0) == pytest.approx(0)


def network():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1).requires_grad_(False))


@pytest.mark.parametrize("name", get_args(optim.Name))
def test_norms_and_biases_are_spared_and_frozen_weights_left_out(name):
    net = network()
    before = [p.clone() for p in net.parameters()]
    optimizer = optim.make(name, optim.parameter_groups(net))
    optim.apply(optimizer, {"lr": 0.1, "weight_decay": 0.5})
    groups = [(group["lr"], group["weight_decay"], len(group["params"])) for group in optimizer.param_groups]
    assert groups == [(0.1, 0.5, 1), (0.1, 0, 3)]
    net(torch.rand(2, 1, 8, 8)).square().sum().backward()
    optimizer.step()
    changed = [not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True)]
    assert changed[0] and not any(changed[4:])


def test_everything_can_be_decayed_alike():
    (group,) = optim.parameter_groups(network(), decay_all=True)
    assert group["decay"] and len(group["params"]) == 4
