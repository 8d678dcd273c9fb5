"""Optimizers and their parameter groups; what they do at a step comes from the schedules."""

from collections.abc import Collection, Mapping
from typing import Any, Literal

import torch
from timm.optim import Lamb, Lars
from torch import nn

Name = Literal["sgd", "adam", "adamw", "lamb", "lars"]


def parameter_groups(
    module: nn.Module, *, decay_all: bool = False, spared_rate: float = 1.0, spare: Collection[nn.Parameter] = ()
) -> list[dict[str, Any]]:
    """The trained parameters in a group that weight decay acts on and one, norms and biases, that it spares.

    `decay_all` puts everything into the first, as methods published with plain SGD do. The second learns at
    `spared_rate` times the learning rate, and takes in `spare`, such as embeddings.
    """
    trained = [p for p in module.parameters() if p.requires_grad]
    also = {id(p) for p in spare}
    decayed = [p for p in trained if decay_all or (p.ndim > 1 and id(p) not in also)]
    kept = {id(p) for p in decayed}
    spared = [p for p in trained if id(p) not in kept]
    groups = [
        {"params": decayed, "decay": True, "rate": 1.0},
        {"params": spared, "decay": False, "rate": spared_rate},
    ]
    return [group for group in groups if group["params"]]


def make(
    name: Name, groups: list[dict[str, Any]], *, momentum: float = 0.9, betas: tuple[float, float] = (0.9, 0.999)
) -> torch.optim.Optimizer:
    """An optimizer over `groups`; the rate and weight decay come from `apply` before every step.

    LAMB clips nothing by itself: a method says what its gradients are clipped to. torch's own take each parameter in
    one fused pass, on a CPU two (SGD) to five times (Adam) as fast as one operation after the other.
    """
    if name == "sgd":
        return torch.optim.SGD(groups, lr=0.0, momentum=momentum, fused=True)
    if name == "lars":
        return Lars(groups, lr=0.0, momentum=momentum)
    if name == "adam":
        return torch.optim.Adam(groups, lr=0.0, betas=betas, fused=True)
    if name == "adamw":
        return torch.optim.AdamW(groups, lr=0.0, betas=betas, weight_decay=0.0, fused=True)
    return Lamb(groups, lr=0.0, betas=betas, weight_decay=0.0, max_grad_norm=None)


def apply(optimizer: torch.optim.Optimizer, values: Mapping[str, float]) -> None:
    """Set `lr` and `weight_decay` in every group; groups that are spared keep a decay of 0."""
    for group in optimizer.param_groups:
        group["lr"] = values["lr"] * group["rate"]
        group["weight_decay"] = values["weight_decay"] if group["decay"] else 0.0
