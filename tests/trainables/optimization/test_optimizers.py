"""Which parameters weight decay reaches."""

from typing import get_args

import pytest
import torch
from torch import nn

from trainables.optimization import optimizers


def network():
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 2, 1).requires_grad_(False))


@pytest.mark.parametrize("name", get_args(optimizers.Name))
def test_norms_and_biases_are_spared_and_frozen_weights_left_out(name):
    net = network()
    before = [p.clone() for p in net.parameters()]
    optimizer = optimizers.make(name, optimizers.parameter_groups(net))
    optimizers.apply(optimizer, {"lr": 0.1, "weight_decay": 0.5})
    groups = [(group["lr"], group["weight_decay"], len(group["params"])) for group in optimizer.param_groups]
    assert groups == [(0.1, 0.5, 1), (0.1, 0, 3)]
    net(torch.rand(2, 1, 8, 8)).square().sum().backward()
    optimizer.step()
    changed = [not torch.equal(a, b) for a, b in zip(before, net.parameters(), strict=True)]
    assert changed[0] and not any(changed[4:])


def test_everything_can_be_decayed_alike():
    (group,) = optimizers.parameter_groups(network(), decay_all=True)
    assert group["decay"] and len(group["params"]) == 4


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("sgd", lambda groups: torch.optim.SGD(groups, lr=0.0, momentum=0.9)),
        ("adam", lambda groups: torch.optim.Adam(groups, lr=0.0)),
        ("adamw", lambda groups: torch.optim.AdamW(groups, lr=0.0)),
    ],
)
def test_fused_steps_are_the_plain_ones(name, plain):
    torch.manual_seed(0)
    ours, theirs = (network().double() for _ in range(2))
    for net in (ours, theirs):  # a norm makes its gradient rounding alone, which Adam scales up to whole steps
        net[0].bias.requires_grad_(False)
    theirs.load_state_dict(ours.state_dict())
    nets = {
        ours: optimizers.make(name, optimizers.parameter_groups(ours)),
        theirs: plain(optimizers.parameter_groups(theirs)),
    }
    for rate in (0.1, 0.05, 0.01, 0.0):
        images = torch.rand(2, 1, 8, 8, dtype=torch.float64)
        for net, optimizer in nets.items():
            optimizers.apply(optimizer, {"lr": rate, "weight_decay": 0.3})
            optimizer.zero_grad()
            net(images).square().sum().backward()
            optimizer.step()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, atol=1e-12, rtol=0)
