"""The layouts that checkpoints come in, and how the encoder in them gets its plain names."""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from trainables.backbones.build import some

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


def unwrapped(path: Path, content: Any, notes: list[str]) -> tuple[dict[str, Tensor], str | None]:
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
        notes.append(f"drops what is no tensor: {some(others)}")
    return tensors, ".".join(wrappers) or None


def plain(path: Path, tensors: dict[str, Tensor], notes: list[str]) -> tuple[dict[str, Tensor], list[str]]:
    """(the encoder's tensors under timm's names, the formats that were recognised); notes: what is dropped is added."""
    formats = []
    tensors = _without("module.", tensors)
    while origin := next((o for o in ORIGINS if any(name.startswith(o.prefix) for name in tensors)), None):
        formats.append(f"{origin.format} ({origin.prefix}*)")
        tensors = _inside(origin, tensors, notes)
    for layout, (telltale, renames) in LAYOUTS.items():
        if any(re.search(telltale, name) for name in tensors):
            formats.append(layout)
            tensors = {_renamed(name, renames): tensor for name, tensor in tensors.items()}
            tensors = {n: t.flatten() if n.endswith(".gamma") else t for n, t in tensors.items()}
    return _headless(tensors, notes), formats


def _without(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Less a prefix that all names have, as DistributedDataParallel gives them."""
    while all(name.startswith(prefix) for name in tensors):
        tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    return tensors


def _inside(origin: Origin, tensors: dict[str, Tensor], notes: list[str]) -> dict[str, Tensor]:
    """The encoder's tensors less their prefix, with what is beside them and known to be no part of it dropped."""
    inner = {n.removeprefix(origin.prefix): t for n, t in tensors.items() if n.startswith(origin.prefix)}
    outer = {name: tensor for name, tensor in tensors.items() if not name.startswith(origin.prefix)}
    dropped = [name for name in outer if name.startswith((*origin.beside, *HEADS))]
    if dropped:
        notes.append(f"drops what {origin.format} trains beside the encoder: {_groups(dropped)}")
    return _without("module.", inner) | {name: tensor for name, tensor in outer.items() if name not in dropped}


def _headless(tensors: dict[str, Tensor], notes: list[str]) -> dict[str, Tensor]:
    dropped = [name for name in tensors if name.startswith(HEADS) and not name.startswith(KEPT)]
    if dropped:
        notes.append(f"drops the head: {_groups(dropped)}")
    return {name: tensor for name, tensor in tensors.items() if name not in dropped}


def _renamed(name: str, renames: tuple[tuple[str, str | Callable[[re.Match], str]], ...]) -> str:
    for pattern, to in renames:
        name = re.sub(pattern, to, name)
    return name


def _groups(names: list[str]) -> str:
    """`fc.* (2 tensors), queue`: names by what stands before their first dot."""
    counts: dict[str, int] = {}
    for name in names:
        group = f"{name.split('.')[0]}.*" if "." in name else name
        counts[group] = counts.get(group, 0) + 1
    return ", ".join(f"{group} ({count} tensors)" if group.endswith("*") else group for group, count in counts.items())
