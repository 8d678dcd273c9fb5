"""Weights from elsewhere for a backbone of ours: what format they are in, what of them is kept, and how they fit."""

import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import timm
import torch
from torch import Size, Tensor, nn

from trainables import backbones
from trainables.backbones.build import some
from trainables.backbones.untrusted_checkpoints import read_checkpoint
from trainables.backbones.weight_formats import FOREIGN, plain, unwrapped

TIMM = "timm:"
"""A source that begins so is no file: timm downloads it. After it stands a name with a tag, or nothing."""

CANDIDATES = {
    "resnet18": 40,
    "resnet26": 58,
    "resnet34": 72,
    "resnet50": 106,
    "resnet101": 208,
    "resnet152": 310,
    "wide_resnet50_2": 106,
    "resnext50_32x4d": 106,
    "convnext_atto": 57,
    "convnext_femto": 57,
    "convnext_pico": 57,
    "convnext_nano": 65,
    "convnext_tiny": 81,
    "convnext_small": 153,
    "convnext_base": 153,
    "convnext_large": 153,
    "efficientnet_b0": 130,
    "efficientnet_b1": 184,
    "efficientnet_b2": 184,
    "efficientnet_b3": 208,
    "efficientnet_b4": 256,
    "densenet121": 241,
    "mobilenetv3_large_100": 109,
    "test_resnet": 30,
    "test_convnext": 45,
    "test_efficientnet": 30,
}
"""The backbones among which one that fits is looked for, with the number of tensors called `weight` in each: to build
them all would take many seconds."""


@dataclass(frozen=True)
class Weights:
    """A file's encoder under timm's names; `notes`: what was taken from where and what was dropped, for the user."""

    path: Path
    format: str
    tensors: dict[str, Tensor]
    notes: list[str]

    @property
    def parameters(self) -> int:
        """Numbers in all tensors but the running statistics of norms."""
        buffers = ("running_mean", "running_var", "num_batches_tracked")
        return sum(tensor.numel() for name, tensor in self.tensors.items() if not name.endswith(buffers))

    @property
    def stem_channels(self) -> int | None:
        """Input channels of the first convolution; None where the file holds none."""
        return next((tensor.shape[1] for tensor in self.tensors.values() if tensor.ndim == 4), None)


def read(path: str | Path) -> Weights:
    """Read a weights file in any of the formats that this module knows, as they lie in the file, for no backbone yet.

    Raises ValueError naming the file where it holds no weights.
    """
    path = Path(path)
    content, foreign = read_checkpoint(path)
    notes = [f"does not read {', '.join(foreign)}: only tensors are read"] if foreign else []
    tensors, wrapper = unwrapped(path, content, notes)
    names = [f"{wrapper} of a checkpoint"] if wrapper else []
    tensors, formats = plain(path, tensors, notes)
    names += formats
    if not tensors:
        raise ValueError(f"{path}: not a weights file (none of its tensors belongs to an encoder)")
    return Weights(path, ", ".join(names) or "plain names (timm, torchvision)", tensors, notes)


def fit(weights: Weights, backbone: str) -> tuple[dict[str, Tensor], list[str]]:
    """(state dict, what was done) of a backbone with one input channel, every name and shape of it and no other.

    A stem of three channels is summed over them, which gives grey images the output that they had as three equal
    channels. Raises ValueError in one line: what is missing or in excess, and which backbone would fit.
    """
    wanted, stem = _shapes(backbone)
    tensors, notes = _adapted(weights.tensors, wanted, stem)
    wrong = _mismatch(tensors, wanted)
    if wrong:
        raise ValueError(
            f"{weights.path}: does not fit {backbone}: {wrong} (read as {weights.format}); {_advice(weights)}"
        )
    return tensors, notes


def fitting(weights: Weights) -> list[str]:
    """The backbones among `CANDIDATES` that the weights fit."""
    found = []
    count = sum(name.endswith(".weight") for name in weights.tensors)
    for backbone in [name for name, own in CANDIDATES.items() if own == count]:
        wanted, stem = _shapes(backbone)
        if not _mismatch(_adapted(weights.tensors, wanted, stem)[0], wanted):
            found.append(backbone)
    return found


def load(source: str | Path, backbone: str, image_size: int | None = None) -> tuple[nn.Module, list[str]]:
    """(the backbone with the weights of a file or of `timm:<name>`, what was done to make them fit).

    Raises ValueError where they cannot be used, ConnectionError where timm cannot download them.
    """
    module = backbones.build(backbone, image_size)
    if str(source).startswith(TIMM):
        name = str(source).removeprefix(TIMM) or backbone
        state, notes = _downloaded(str(source), name, backbone), [f"takes timm's {name}"]
    else:
        weights = read(source)
        state, fitted = fit(weights, backbone)
        notes = [f"reads {weights.path.name}: {weights.format}", *weights.notes, *fitted]
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        why = " ".join(str(error).split())
        raise ValueError(f"{source}: does not fit {backbone} at {image_size} px: {why}") from None
    return module, notes


@cache
def _shapes(backbone: str) -> tuple[dict[str, Size], str]:
    """(the backbone's names and shapes, the name of its first convolution's weight)."""
    with torch.device("meta"):
        network = backbones.build(backbone)
    stem = getattr(network, "pretrained_cfg", {}).get("first_conv")
    return {name: tensor.shape for name, tensor in network.state_dict().items()}, f"{stem}.weight"


def _adapted(tensors: dict[str, Tensor], wanted: dict[str, Size], stem: str) -> tuple[dict[str, Tensor], list[str]]:
    made, notes = dict(tensors), []
    kernel = made.get(stem)
    if kernel is not None and stem in wanted and kernel.ndim == 4 and kernel.shape[1] == 3 and wanted[stem][1] == 1:
        made[stem] = kernel.double().sum(1, keepdim=True).to(kernel.dtype)
        notes.append(f"sums {stem} over its 3 input channels")
    counters = [
        name
        for name in wanted
        if name not in made
        and name.endswith(".num_batches_tracked")
        and name.replace("num_batches_tracked", "running_mean") in made
    ]
    if counters:
        notes.append(f"sets {len(counters)} num_batches_tracked, which the file does not have, to 0")
    return made | {name: torch.tensor(0) for name in counters}, notes


def _mismatch(tensors: dict[str, Tensor], wanted: dict[str, Size]) -> str:
    """What does not fit, in words; empty where all fits."""
    missing = [name for name in wanted if name not in tensors]
    foreign = [name for name in tensors if name not in wanted]
    parts = [f"the file lacks {some(missing)}"] * bool(missing)
    parts += [f"the file has in excess {some(foreign)}"] * bool(foreign)
    for name, shape in wanted.items():
        if name in tensors and tensors[name].shape != shape:
            return "; ".join([*parts, f"'{name}' is {tuple(tensors[name].shape)} in the file and not {tuple(shape)}"])
    return "; ".join(parts)


def _advice(weights: Weights) -> str:
    found = fitting(weights)
    if found:
        return f"it fits backbone {' or '.join(found)}"
    why = [why for telltale, why in FOREIGN.items() if any(re.search(telltale, name) for name in weights.tensors)]
    return why[0] if why else f"nor does it fit {', '.join(list(CANDIDATES)[:3])} or {len(CANDIDATES) - 3} more"


def _downloaded(source: str, name: str, backbone: str) -> dict[str, Tensor]:
    if name.split(".")[0] != backbone.split(".")[0]:
        raise ValueError(f"{source}: is not of the backbone {backbone}; write {TIMM}{backbone} or {TIMM} alone")
    if not timm.models.is_model_pretrained(name):
        tags = [each.partition(".")[2] for each in timm.list_pretrained(f"{backbone.split('.')[0]}.*")]
        raise ValueError(f"{source}: timm has no such weights; its tags of {backbone} are {', '.join(tags) or 'none'}")
    try:
        return timm.create_model(name, pretrained=True, in_chans=1, num_classes=0).state_dict()
    except (OSError, RuntimeError) as error:
        why = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ConnectionError(
            f"{source}: timm cannot download these weights ({why[:120]}); "
            "go on where there is a network, or give a file"
        ) from error
