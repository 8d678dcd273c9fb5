"""A CNN that sees visible patches only (Tian et al. 2023, arXiv 2301.03580, section 3.1).

Its layers change class in place: they keep their parameters, buffers and names, and outside `visible` they are the
plain layers again. Of the two forms, which give the same numbers, the packed one computes visible patches alone.
"""

from typing import Any, Literal

import torch
from timm import layers
from torch import Tensor, nn

from trainables.methods.sparse.dense import DENSE
from trainables.methods.sparse.packed import PACKED, crosses
from trainables.methods.sparse.plan import PATCH, Plan, visible

Form = Literal["packed", "dense"]

FORMS: dict[str, dict[type, type]] = {"packed": PACKED, "dense": DENSE}

STRIDES = (4, 8, 16, 32)

POINTWISE = (
    *(nn.Identity, nn.Linear, nn.LayerNorm),
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.SiLU, nn.GELU, nn.Hardswish, nn.Hardsigmoid, nn.Sigmoid, nn.Tanh),
    *(nn.Mish, layers.GELU, layers.GELUTanh, layers.Sigmoid),
)
"""Layers that see one position at a time."""

GLOBAL = (nn.AdaptiveAvgPool2d, nn.Flatten)
"""The tail behind the last feature map, which masked modelling does not use."""

COMPOSED = (
    *(layers.Mlp, layers.ConvMlp, layers.ConvNormAct),
    *(layers.SelectAdaptivePool2d, layers.ClassifierHead, layers.NormMlpClassifierHead),
)
"""timm's modules that do no more than call their parts; others may attend to positions that are hidden."""


def sparsify(network: nn.Module, form: Form = "packed") -> nn.Module:
    """Give every layer of the network its sparse form, in place.

    Raises ValueError for a layer without one, since it might carry hidden pixels to visible positions.
    """
    for name, layer in network.named_modules():
        reason = _refusal(layer)
        if reason:
            raise ValueError(f"spark: layer '{name}' ({type(layer).__name__}) of the backbone {reason}")
    for layer in network.modules():
        layer.__class__ = FORMS[form].get(type(layer), type(layer))
    return network


class SparseEncoder:
    """The maps of a sparse network at strides 32, 16, 8, 4, packed: (T, C, p, p) with p = 1, 2, 4, 8.

    Raises ValueError for a network that has no sparse form. `unused` are the network's parameters that
    the maps do not depend on.
    """

    def __init__(self, network: Any, form: Form = "packed") -> None:
        self.form = form
        self.indices, self.channels = feature_levels(network)
        self.unused = self._unused(network)
        sparsify(network, form)

    def __call__(self, network: Any, images: Tensor, plan: Plan) -> list[Tensor]:
        images = images * plan.keep(PATCH, images)
        with visible(plan):
            maps = self._maps(network, images if self.form == "dense" else plan.pack(images))
        return [plan.pack(x) if self.form == "dense" else x for x in maps]

    def _maps(self, network: Any, x: Tensor) -> list[Tensor]:
        return network.forward_intermediates(x, indices=self.indices, intermediates_only=True)[::-1]

    def _unused(self, network: Any) -> list[nn.Parameter]:
        parameters, training = list(network.parameters()), network.training
        total = sum(x.sum() for x in self._maps(network.eval(), parameters[0].new_zeros(1, 1, 2 * PATCH, 2 * PATCH)))
        network.train(training)
        reached = torch.autograd.grad(total, parameters, allow_unused=True)  # type: ignore[arg-type]
        return [p for p, gradient in zip(parameters, reached, strict=True) if gradient is None]


def feature_levels(network: Any) -> tuple[list[int], list[int]]:
    """timm's indices of the maps at strides 4, 8, 16, 32, and the maps' channels from the deepest up.

    Raises ValueError for a network that has no map at one of these strides.
    """
    levels = [level["reduction"] for level in network.feature_info]
    for stride in STRIDES:
        if stride not in levels:
            raise ValueError(f"the backbone has no feature map at stride {stride}, which a decoder starts from")
    indices = [levels.index(stride) for stride in STRIDES]
    return indices, [network.feature_info[index]["num_chs"] for index in reversed(indices)]


def _refusal(layer: nn.Module) -> str | None:
    """Why a layer has no sparse form; None if it has one or needs none."""
    kind = type(layer)
    if kind in (nn.Conv2d, nn.MaxPool2d, nn.AvgPool2d):
        return None if _keeps_grid(layer) else "has a kernel, stride or padding without a masked form"
    if isinstance(layer, nn.Dropout):
        return "drops at random, patch by patch in one form and image by image in the other" if layer.p else None
    if kind in PACKED or kind in DENSE or isinstance(layer, (*POINTWISE, *GLOBAL)):
        return None
    known = kind in COMPOSED or not kind.__module__.startswith("timm.layers")
    return None if known and any(True for _ in layer.children()) else "has no masked form"


def _keeps_grid(layer: Any) -> bool:
    """Whether output position i is where the kernel has been moved i strides, on a map any number of strides wide."""
    sizes = [getattr(layer, name, 1) for name in ("kernel_size", "stride", "padding", "dilation")]
    pairs = [(size, size) if isinstance(size, int) else size for size in sizes]
    if any(isinstance(pair, str) or pair[0] != pair[1] for pair in pairs):
        return False
    kernel, stride, padding, dilation = (pair[0] for pair in pairs)
    fits = kernel - stride <= 2 * padding <= kernel - 1 and dilation == 1
    if isinstance(layer, nn.Conv2d):
        return fits and layer.padding_mode == "zeros"
    if crosses(layer) and (isinstance(layer, nn.AvgPool2d) or layer.ceil_mode and (2 * padding - kernel) % stride):
        return False
    return fits and not getattr(layer, "return_indices", False)
