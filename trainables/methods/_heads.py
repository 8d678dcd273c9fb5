"""The small networks behind a backbone."""

from itertools import pairwise

from torch import nn


def mlp(*widths: int, last_norm: bool = False) -> nn.Sequential:
    """Linear layers of these widths, (B, widths[0]) -> (B, widths[-1]), with batch norm and ReLU between them.

    last_norm: a batch norm behind the last layer too. A layer that is normed has no bias, which the norm would undo.
    """
    layers: list[nn.Module] = []
    for number, (inputs, outputs) in enumerate(pairwise(widths), start=1):
        last = number == len(widths) - 1
        normed = not last or last_norm
        layers.append(nn.Linear(inputs, outputs, bias=not normed))
        layers += [nn.BatchNorm1d(outputs)] * normed
        layers += [nn.ReLU(inplace=True)] * (not last)
    return nn.Sequential(*layers)
