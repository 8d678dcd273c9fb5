"""The little that methods and loop need of other ranks; with one process everything is the identity."""

import torch
import torch.distributed as dist
from torch import Tensor, nn


def world_size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gather(rows: Tensor) -> Tensor:
    """All ranks' rows (B, ...) one after the other, (world * B, ...), without gradient. B is the same on each."""
    if world_size() == 1:
        return rows.detach()
    parts = [torch.empty_like(rows) for _ in range(world_size())]
    dist.all_gather(parts, rows.detach().contiguous())
    return torch.cat(parts)


def mean(values: Tensor) -> Tensor:
    """The mean over ranks."""
    if world_size() > 1:
        dist.all_reduce(values)
        values = values / world_size()
    return values


def synchronise_norms(module: nn.Module) -> nn.Module:
    """Plain batch norms become `SyncBatchNorm` (CUDA only); kinds of their own are left as they are."""
    for name, child in module.named_children():
        if type(child) in (nn.BatchNorm1d, nn.BatchNorm2d):
            setattr(module, name, nn.SyncBatchNorm.convert_sync_batchnorm(child))
        else:
            synchronise_norms(child)
    return module
