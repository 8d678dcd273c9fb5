"""A job's encoder: made from its weights or from a seed, used to embed images, and hashed to prove that it stayed as
it was."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from study.data import cache
from trainables import backbones, device

EMBED_BATCH = 128
"""Images a forward pass without gradients."""


def images(ref: Mapping[str, str], rows: list[int] | None, *, size: int, window: tuple[float, float]) -> Tensor:
    """The store's rows (all of them for None) as one tensor (N, 1, size, size), float32 in [0, 1]."""
    low, high = window
    pixels = cache.resized(ref, size=size, window=(low, high))
    chosen = pixels if rows is None else pixels[np.asarray(rows, dtype=np.int64)]
    return torch.from_numpy(np.divide(chosen, 65535, dtype=np.float32)).unsqueeze(1)


def encoder(backbone: str, ref: Mapping[str, str] | None, *, seed: int) -> nn.Module:
    """The backbone with the weights of `ref`, or (None) a random one of `seed`. The process's random state is left
    alone."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        module = backbones.build(backbone)
    if ref is not None:
        backbones.load(module, cache.local(ref))
    return module


@torch.inference_mode()
def embed(module: nn.Module, pixels: Tensor, where: torch.device) -> Tensor:
    """Features (N, D), float32 on the CPU, of images (N, 1, H, W). The module is left in evaluation mode."""
    module.eval()
    parts = []
    for chunk in pixels.split(EMBED_BATCH):
        with device.autocast(where):
            parts.append(module(device.send(chunk, where)).float().cpu())
    return torch.cat(parts)


def state_hash(module: nn.Module) -> str:
    """sha256 over names, shapes and bytes of all parameters and buffers."""
    digest = hashlib.sha256()
    for key, tensor in sorted(module.state_dict().items()):
        digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def job_images(job: Mapping[str, Any], rows: list[int] | None) -> Tensor:
    return images(job["images"], rows, size=job["image_size"], window=job["window"])
