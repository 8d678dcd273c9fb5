"""Weights from elsewhere for a backbone of ours: what format they are in, what of them is kept, and how they fit."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import timm
import torch
from torch import Size, Tensor, nn

from trainables import backbones
from trainables.checkpoints import read_checkpoint

TIMM = "timm:"
"""A source that begins so is no file: timm downloads it. After it stands a name with a tag, or nothing."""

WRAPPERS = ("state_dict", "model_state", "model_state_dict", "model", "module", "teacher")
"""Keys under which checkpoints keep the weights, in the order in which they are looked for."""


class Origin(NamedTuple):
    """Who wrote the weights: the prefix of the encoder's names, and the names beside it that belong to the training."""

    format: str
    prefix: str
    beside: tuple[str, ...]


ORIGINS = (
    Origin("SparK", "sparse_encoder.sp_cnn.", ("dense_decoder.", "densify_", "mask_token", "imn_", "norm_black")),
    Origin(
        "BYOL", "online_network.encoder.", ("online_network.", "target_network.", "predictor.", "non_linear_evaluator.")
    ),
    Origin("MoCo", "encoder_q.", ("encoder_k.", "queue", "val_queue", "non_linear_evaluator.")),
    Origin("SwAV", "model.", ("queue", "non_linear_evaluator.")),
    Origin("backbone", "backbone.", ("momentum_", "predictor.", "queue", "dino_loss.", "online_classifier.")),
    Origin("SimCLR", "encoder.", ("projection.", "non_linear_evaluator.")),
)
HEADS = ("fc.", "head.", "classifier.", "projection_head.", "projection.", "projector.", "prototypes.", "decoder.")
"""What stands on an encoder in training; none of it is part of one."""
KEPT = ("head.norm.",)
"""timm counts the last norm of a ConvNeXt among its head, and features are taken behind it."""

TORCHVISION_CONVNEXT = (
    (r"features\.0\.([01])\.", r"stem.\1."),
    (r"features\.([246])\.([01])\.", lambda m: f"stages.{int(m[1]) // 2}.downsample.{m[2]}."),
    (r"features\.([1357])\.(\d+)\.", lambda m: f"stages.{int(m[1]) // 2}.blocks.{m[2]}."),
    (r"(blocks\.\d+)\.layer_scale$", r"\1.gamma"),
    (r"(blocks\.\d+)\.block\.0\.", r"\1.conv_dw."),
    (r"(blocks\.\d+)\.block\.2\.", r"\1.norm."),
    (r"(blocks\.\d+)\.block\.3\.", r"\1.mlp.fc1."),
    (r"(blocks\.\d+)\.block\.5\.", r"\1.mlp.fc2."),
    (r"^classifier\.0\.", r"head.norm."),
)
OFFICIAL_CONVNEXT = (
    (r"^downsample_layers\.0\.", r"stem."),
    (r"^downsample_layers\.(\d)\.", r"stages.\1.downsample."),
    (r"^(stages\.\d)\.(\d+)\.", r"\1.blocks.\2."),
    (r"\.dwconv\.", r".conv_dw."),
    (r"\.pwconv([12])\.", r".mlp.fc\1."),
    (r"^norm\.", r"head.norm."),
)
LAYOUTS: dict[str, tuple[str, tuple[tuple[str, str | Callable[[re.Match], str]], ...]]] = {
    "torchvision's ConvNeXt": (r"^features\.1\.0\.layer_scale$", TORCHVISION_CONVNEXT),
    "the official ConvNeXt": (r"^downsample_layers\.0\.0\.weight$", OFFICIAL_CONVNEXT),
}
"""Format -> (a name that only it has, the names that timm has otherwise)."""
FOREIGN = {
    r"^features\.1\.(0\.)?block\.0\.0\.weight$": "torchvision's EfficientNet and MobileNet are laid out otherwise than "
    "timm's; give timm's own weights",
    r"^\d+(\.\d+)*\.": "its layers are numbered, not named; give the network's own state_dict",
}
"""A name in layouts that are known and not read -> why not."""

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
    """A file's encoder under timm's names; `said`: what was taken from where and what was dropped, for the user."""

    path: Path
    format: str
    tensors: dict[str, Tensor]
    said: list[str]

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
    said = [f"does not read {', '.join(foreign)}: only tensors are read"] if foreign else []
    tensors, wrapper = _unwrapped(path, content, said)
    names = [f"{wrapper} of a checkpoint"] if wrapper else []
    tensors = _without("module.", tensors)
    while origin := next((o for o in ORIGINS if any(name.startswith(o.prefix) for name in tensors)), None):
        names.append(f"{origin.format} ({origin.prefix}*)")
        tensors = _inside(path, origin, tensors, said)
    for layout, (telltale, renames) in LAYOUTS.items():
        if any(re.search(telltale, name) for name in tensors):
            names.append(layout)
            tensors = {_renamed(name, renames): tensor for name, tensor in tensors.items()}
            tensors = {n: t.flatten() if n.endswith(".gamma") else t for n, t in tensors.items()}
    tensors = _headless(tensors, said)
    if not tensors:
        raise ValueError(f"{path}: not a weights file (none of its tensors belongs to an encoder)")
    return Weights(path, ", ".join(names) or "plain names (timm, torchvision)", tensors, said)


def fit(weights: Weights, backbone: str) -> tuple[dict[str, Tensor], list[str]]:
    """(state dict, what was done) of a backbone with one input channel, every name and shape of it and no other.

    A stem of three channels is summed over them, which gives grey images the output that they had as three equal
    channels. Raises ValueError in one line: what is missing or in excess, and which backbone would fit.
    """
    wanted, stem = _shapes(backbone)
    tensors, said = _adapted(weights.tensors, wanted, stem)
    wrong = _mismatch(tensors, wanted)
    if wrong:
        raise ValueError(
            f"{weights.path}: does not fit {backbone}: {wrong} (read as {weights.format}); {_advice(weights)}"
        )
    return tensors, said


def fitting(weights: Weights) -> list[str]:
    """The backbones among `CANDIDATES` that the weights fit."""
    found = []
    count = sum(name.endswith(".weight") for name in weights.tensors)
    for backbone in [name for name, own in CANDIDATES.items() if own == count]:
        wanted, stem = _shapes(backbone)
        if not _mismatch(_adapted(weights.tensors, wanted, stem)[0], wanted):
            found.append(backbone)
    return found


def load(source: str | Path, backbone: str) -> tuple[nn.Module, list[str]]:
    """(the backbone with the weights of a file or of `timm:<name>`, what was done to make them fit).

    Raises ValueError where they cannot be used, ConnectionError where timm cannot download them.
    """
    module = backbones.build(backbone)
    if str(source).startswith(TIMM):
        name = str(source).removeprefix(TIMM) or backbone
        state, said = _downloaded(str(source), name, backbone), [f"takes timm's {name}"]
    else:
        weights = read(source)
        state, fitted = fit(weights, backbone)
        said = [f"reads {weights.path.name}: {weights.format}", *weights.said, *fitted]
    module.load_state_dict(state, strict=True)
    return module, said


def _unwrapped(path: Path, content: Any, said: list[str]) -> tuple[dict[str, Tensor], str | None]:
    wrappers: list[str] = []
    while isinstance(content, Mapping):
        inner = next((key for key in WRAPPERS if isinstance(content.get(key), Mapping) and content[key]), None)
        if inner is None:
            break
        wrappers.append(inner)
        content = content[inner]
    if not isinstance(content, Mapping):
        raise ValueError(f"{path}: not a weights file (it must hold a dictionary of tensors)")
    tensors = {str(name): value.detach() for name, value in content.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ValueError(f"{path}: not a weights file (there is no tensor in it)")
    others = [str(name) for name, value in content.items() if not isinstance(value, Tensor)]
    if others:
        said.append(f"drops what is no tensor: {_some(others)}")
    return tensors, ".".join(wrappers) or None


def _without(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Less a prefix that all names have, as DistributedDataParallel gives them."""
    while all(name.startswith(prefix) for name in tensors):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _inside(path: Path, origin: Origin, tensors: dict[str, Tensor], said: list[str]) -> dict[str, Tensor]:
    """The encoder's tensors less their prefix, with what is beside them and known to be no part of it dropped."""
    inner = {n.removeprefix(origin.prefix): t for n, t in tensors.items() if n.startswith(origin.prefix)}
    outer = {name: tensor for name, tensor in tensors.items() if not name.startswith(origin.prefix)}
    dropped = [name for name in outer if name.startswith((*origin.beside, *HEADS))]
    if dropped:
        said.append(f"drops what {origin.format} trains beside the encoder: {_groups(dropped)}")
    return _without("module.", inner) | {name: tensor for name, tensor in outer.items() if name not in dropped}


def _headless(tensors: dict[str, Tensor], said: list[str]) -> dict[str, Tensor]:
    dropped = [name for name in tensors if name.startswith(HEADS) and not name.startswith(KEPT)]
    if dropped:
        said.append(f"drops the head: {_groups(dropped)}")
    return {name: tensor for name, tensor in tensors.items() if name not in dropped}


def _renamed(name: str, renames: tuple[tuple[str, str | Callable[[re.Match], str]], ...]) -> str:
    for pattern, to in renames:
        name = re.sub(pattern, to, name)
    return name


@cache
def _shapes(backbone: str) -> tuple[dict[str, Size], str]:
    """(the backbone's names and shapes, the name of its first convolution's weight)."""
    with torch.device("meta"):
        network = backbones.build(backbone)
    stem = getattr(network, "pretrained_cfg", {}).get("first_conv")
    return {name: tensor.shape for name, tensor in network.state_dict().items()}, f"{stem}.weight"


def _adapted(tensors: dict[str, Tensor], wanted: dict[str, Size], stem: str) -> tuple[dict[str, Tensor], list[str]]:
    made, said = dict(tensors), []
    kernel = made.get(stem)
    if kernel is not None and stem in wanted and kernel.ndim == 4 and kernel.shape[1] == 3 and wanted[stem][1] == 1:
        made[stem] = kernel.double().sum(1, keepdim=True).to(kernel.dtype)
        said.append(f"sums {stem} over its 3 input channels")
    counters = [
        name
        for name in wanted
        if name not in made
        and name.endswith(".num_batches_tracked")
        and name.replace("num_batches_tracked", "running_mean") in made
    ]
    if counters:
        said.append(f"sets {len(counters)} num_batches_tracked, which the file does not have, to 0")
    return made | {name: torch.tensor(0) for name in counters}, said


def _mismatch(tensors: dict[str, Tensor], wanted: dict[str, Size]) -> str:
    """What does not fit, in words; empty where all fits."""
    missing = [name for name in wanted if name not in tensors]
    foreign = [name for name in tensors if name not in wanted]
    parts = [f"the file lacks {_some(missing)}"] * bool(missing)
    parts += [f"the file has in excess {_some(foreign)}"] * bool(foreign)
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


def _some(names: list[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[: backbones.SHOWN])
    return shown if len(names) <= backbones.SHOWN else f"{shown} and {len(names) - backbones.SHOWN} more"


def _groups(names: list[str]) -> str:
    """`fc.* (2 tensors), queue`: names by what stands before their first dot."""
    counts: dict[str, int] = {}
    for name in names:
        group = f"{name.split('.')[0]}.*" if "." in name else name
        counts[group] = counts.get(group, 0) + 1
    return ", ".join(f"{group} ({count} tensors)" if group.endswith("*") else group for group, count in counts.items())
