"""Batch norm alone: scale and shift of the normalisations, and the head (Frankle et al. 2021, arXiv 2003.00152)."""

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


class BatchNorm(Adaptation):
    words = "batch norm alone"
    hyperparameters = {
        # So few parameters bear larger rates.
        "lr": Hyperparameter(3e-3, 0, open_low=True, search={"low": 1e-4, "high": 3e-2, "log": True}),
        "weight_decay": WEIGHT_DECAY,
        "head_lr": HEAD_LR,
        "label_smoothing": LABEL_SMOOTHING,
        "dropout": DROPOUT,
        "augmentation": AUGMENTATION,
        "batch": BATCH,
    }

    def trained_parameters(self, encoder: "nn.Module") -> "list[nn.Parameter]":
        from trainables.backbones.norms import batch_norms

        return [each for norm in batch_norms(encoder) for each in norm.parameters()]

    def check(self, encoder: "nn.Module") -> None:
        if not self.trained_parameters(encoder):
            raise ValueError("has no batch norm to train")
