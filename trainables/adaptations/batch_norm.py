"""Batch norm alone: scale and shift of the normalisations, and the head (Frankle et al. 2021, arXiv 2003.00152)."""

from typing import TYPE_CHECKING

from trainables.adaptations.base import OF_FEW_PARAMETERS, Adaptation

if TYPE_CHECKING:
    from torch import nn


class BatchNorm(Adaptation):
    words = "batch norm alone"
    hyperparameters = OF_FEW_PARAMETERS

    def trained_parameters(self, encoder: "nn.Module") -> "list[nn.Parameter]":
        from trainables.backbones.norms import batch_norms

        return [each for norm in batch_norms(encoder) for each in norm.parameters()]

    def check(self, encoder: "nn.Module") -> None:
        if not self.trained_parameters(encoder):
            raise ValueError("has no batch norm to train")
