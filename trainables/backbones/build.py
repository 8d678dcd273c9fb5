"""Encoders: timm networks with one input channel and no classifier, and the files that hold their weights."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from study.suggestions import did_you_mean

SHOWN = 3
"""How many names of each kind a refusal lists."""


def build(name: str, image_size: int | None = None) -> nn.Module:
    """timm's `name` with random weights: (B, 1, H, W) -> (B, num_features).

    image_size: that of the images, told to networks which are built for one size. Raises ValueError with the nearest
    name for one that timm does not have.
    """
    if not timm.is_model(name):
        raise ValueError(f"backbone: timm has no network called {name!r}{did_you_mean(name, timm.list_models())}")
    if image_size and _of_one_size(name):
        try:
            return _created(name, img_size=image_size)
        except TypeError:  # a network of one size that cannot be told another
            pass
    return _created(name)


def check_forward(module: nn.Module, image_size: int) -> None:
    """Raises ValueError where the network, on the meta device, does not turn images of this size into features."""
    images = torch.empty(2, 1, image_size, image_size, device="meta")
    try:
        features = module.eval()(images)
    except Exception as error:  # a network fails in whatever way its layers do
        line = " ".join(str(error).split())
        raise ValueError(f"cannot take images of {image_size} px: {line}") from None
    if features.shape != (2, module.num_features):
        raise ValueError(f"gives {tuple(features.shape[1:])} for an image, and not {module.num_features} features")


def _created(name: str, **options: Any) -> nn.Module:
    return timm.create_model(name, pretrained=False, in_chans=1, num_classes=0, **options)


def _of_one_size(name: str) -> bool:
    """Whether timm builds this network for images of one size."""
    about = timm.get_pretrained_cfg(name)
    return about is not None and about.fixed_input_size


def save(module: nn.Module, path: str | Path, meta: Mapping[str, Any]) -> None:
    """Write the weights as safetensors under timm's names; `meta` goes into the file's header as JSON.

    Equal weights and `meta` give equal bytes, so a file's digest stands for its weights. That is why the header has a
    single entry: safetensors writes several in an order that changes from process to process.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in module.state_dict().items()}
    save_file(tensors, path, metadata={"labelcurve": json.dumps(dict(meta), sort_keys=True)})


def load(module: nn.Module, path: str | Path) -> None:
    """Put the weights of a safetensors or torch file into `module`, every name and shape of it and no other.

    Raises ValueError naming the file and what does not fit. Nothing is unpickled but tensors.
    """
    weights, wanted = _read(Path(path)), module.state_dict()
    missing = [name for name in wanted if name not in weights]
    foreign = [name for name in weights if name not in wanted]
    if missing or foreign:
        parts = [f"lacks {some(missing)}"] * bool(missing) + [f"has in excess {some(foreign)}"] * bool(foreign)
        raise ValueError(f"{path}: the weights do not fit the network: the file {' and '.join(parts)}")
    for name, tensor in wanted.items():
        if weights[name].shape != tensor.shape:
            raise ValueError(
                f"{path}: the weights do not fit the network: '{name}' is {tuple(weights[name].shape)} "
                f"in the file and {tuple(tensor.shape)} in the network"
            )
    module.load_state_dict(weights, strict=True)


def check_weights(path: str | Path, backbone: str) -> None:
    """Raise ValueError, as `load` does, unless the file's weights fit the backbone."""
    load(build(backbone), path)


def _read(path: Path) -> dict[str, Tensor]:
    if not path.is_file():
        raise ValueError(f"{path}: there is no such weights file")
    try:
        weights = load_file(path) if path.suffix == ".safetensors" else _read_torch(path)
    except Exception as error:  # what is no weights file fails in torch in almost any way, with an IndexError too
        raise ValueError(f"{path}: not a weights file (neither safetensors nor a torch file of tensors)") from error
    if not isinstance(weights, dict) or not all(isinstance(value, Tensor) for value in weights.values()):
        raise ValueError(f"{path}: not a weights file (it must hold a dictionary of tensors)")
    return weights


def _read_torch(path: Path) -> Any:
    return torch.load(path, map_location="cpu", weights_only=True)


def some(names: list[str]) -> str:
    """The first of them, quoted, and how many more there are."""
    shown = ", ".join(f"'{name}'" for name in names[:SHOWN])
    return shown if len(names) <= SHOWN else f"{shown} and {len(names) - SHOWN} more"
