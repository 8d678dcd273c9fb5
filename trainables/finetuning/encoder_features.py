"""A job's encoder: made from its weights or from a seed, used to embed images, and hashed to prove that it stayed as
it was."""

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from study.data import node_cache
from trainables import backbones, device
from trainables.contracts import FeaturesJob, FileRef, TrialJob

EMBED_BATCH = 128
"""Images a forward pass without gradients."""


class StoredImages:
    """Rows of a store, resident once a node: a memory map of uint16 that all its workers share, of which float32 images
    in [0, 1] are made a batch at a time."""

    def __init__(self, pixels: np.ndarray, rows: Sequence[int] | None) -> None:
        self._pixels = pixels
        self._rows = np.arange(len(pixels)) if rows is None else np.asarray(rows, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, chosen: Tensor | slice) -> Tensor:
        """Images (B, 1, size, size) at positions among the rows."""
        which = self._rows[chosen if isinstance(chosen, slice) else chosen.numpy()]
        return torch.from_numpy(np.divide(self._pixels[which], 65535, dtype=np.float32)).unsqueeze(1)

    def split(self, size: int) -> Iterator[Tensor]:
        """All images in their order, `size` at a time; one empty batch where there are none."""
        for start in range(0, max(1, len(self)), size):
            yield self[start : start + size]


def images(ref: FileRef, rows: Sequence[int] | None, *, size: int, window: tuple[float, float]) -> StoredImages:
    """The store's rows, all of them for None."""
    low, high = window
    return StoredImages(node_cache.resized(ref, size=size, window=(low, high)), rows)


def encoder(backbone: str, ref: FileRef | None, *, seed: int, image_size: int | None = None) -> nn.Module:
    """The backbone with the weights of `ref`, or (None) a random one of `seed`. The process's random state is left
    alone."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        module = backbones.build(backbone, image_size)
    if ref is not None:
        backbones.load(module, node_cache.local(ref))
    return module


@torch.inference_mode()
def embed(module: nn.Module, pixels: Tensor | StoredImages, where: torch.device) -> Tensor:
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


def job_images(job: TrialJob | FeaturesJob, ref: FileRef, rows: Sequence[int] | None) -> StoredImages:
    """Rows of a store at the size and in the window of the job."""
    return images(ref, rows, size=job.image_size, window=job.window)
