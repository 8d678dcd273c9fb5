"""Each method small enough for a test, and a network whose norms hide nothing."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from trainables import backbones, methods
from trainables.methods.base import Method

SMALL: dict[str, dict[str, Any]] = {
    "barlow_twins": {"dim": 16},
    "byol": {"hidden": 24, "dim": 8},
    "dino": {"outputs": 12, "hidden": 24, "bottleneck": 8, "small_views": 2, "small_size": 0.5},
    "disruptive_autoencoder": {"decoder_width": 32},
    "moco_v2": {"queue": 8, "dim": 8, "bn_splits": 2},
    "spark": {"decoder_width": 32},
    "swav": {
        **{"prototypes": 7, "hidden": 24, "dim": 8, "queue": 8, "queue_from": 0},
        **{"freeze_prototypes": 2, "small_views": 2, "small_size": 0.5},
    },
    "vicreg": {"dim": 16},
}
"""What a method that is not here is tested with are its defaults."""


def make(
    name: str,
    *,
    backbone: str = "test_resnet",
    size: int = 64,
    batch: int = 4,
    seed: int = 0,
    prepare: Callable[[nn.Module], Any] = lambda network: network,
    **settings: Any,
) -> Method:
    """The method around a backbone, batch norms with random weights (timm's zeros would hide whole blocks).

    prepare: what is done to the backbone before the method has it.
    """
    torch.manual_seed(seed)
    parsed = methods.settings_class(name).model_validate({**SMALL.get(name, {}), **settings})
    method = methods.get(name)(prepare(backbones.build(backbone)), parsed, image_size=size, batch=batch)
    for layer in method.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.normal_(layer.bias)
    return method.train()
