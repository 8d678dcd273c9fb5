"""The normalisations of a network."""

from torch import nn


def batch_norms(encoder: nn.Module) -> list[nn.modules.batchnorm._BatchNorm]:
    """The batch norms of a network."""
    return [each for each in encoder.modules() if isinstance(each, nn.modules.batchnorm._BatchNorm)]
