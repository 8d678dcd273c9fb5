"""Biases alone: of the encoder nothing but its biases, and the head (BitFit: Ben Zaken et al. 2022, arXiv 2106.10199).

Of a convolutional network with batch norm these are the shifts of its normalisations, where convolutions have no bias.
"""

from typing import TYPE_CHECKING

from trainables.adaptations.base import OF_FEW_PARAMETERS, Adaptation

if TYPE_CHECKING:
    from torch import nn


class BitFit(Adaptation):
    words = "biases alone"
    hyperparameters = OF_FEW_PARAMETERS

    def trained_parameters(self, encoder: "nn.Module") -> "list[nn.Parameter]":
        return [each for name, each in encoder.named_parameters() if name.rpartition(".")[2] == "bias"]

    def check(self, encoder: "nn.Module") -> None:
        if not self.trained_parameters(encoder):
            raise ValueError("has no bias to train")
