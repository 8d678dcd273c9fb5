"""Biases alone: of the encoder nothing but its biases, and the head (BitFit: Ben Zaken et al. 2022, arXiv 2106.10199).

Of a convolutional network with batch norm these are the shifts of its normalisations, where convolutions have no bias.
"""

from typing import TYPE_CHECKING

from trainables.adaptations.base import (
    AUGMENTATION,
    BATCH,
    DROPOUT,
    HEAD_LR,
    LABEL_SMOOTHING,
    WEIGHT_DECAY,
    Adaptation,
    Hyperparameter,
)

if TYPE_CHECKING:
    from torch import nn


class BitFit(Adaptation):
    words = "biases alone"
    hyperparameters = {
        # As for batch norm: so few parameters bear larger rates.
        "lr": Hyperparameter(3e-3, 0, open_low=True, search={"low": 1e-4, "high": 3e-2, "log": True}),
        "weight_decay": WEIGHT_DECAY,
        "head_lr": HEAD_LR,
        "label_smoothing": LABEL_SMOOTHING,
        "dropout": DROPOUT,
        "augmentation": AUGMENTATION,
        "batch": BATCH,
    }

    def trained_parameters(self, encoder: "nn.Module") -> "list[nn.Parameter]":
        return [each for name, each in encoder.named_parameters() if name.rpartition(".")[2] == "bias"]

    def check(self, encoder: "nn.Module") -> None:
        if not self.trained_parameters(encoder):
            raise ValueError("has no bias to train")
