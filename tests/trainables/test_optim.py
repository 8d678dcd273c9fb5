"""Which parameters weight decay reaches."""

from typing import get_args

import pytest
import torch
from torch import nn

from trainables import optim


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
