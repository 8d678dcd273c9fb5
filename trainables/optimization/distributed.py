"""The little that methods and loop need of other ranks; with one process everything is the identity.

Gradients are averaged over ranks after the backward pass (DistributedDataParallel). So a loss that every rank computes
from `gather_trained` rows, or with `total`, ends in the gradient of one process that holds the whole batch.
"""

from typing import Any, TypeVar

import torch
import torch.distributed as dist
from timm.layers import BatchNormAct2d
from torch import Tensor, nn

Net = TypeVar("Net", bound=nn.Module)


def world_size() -> int:
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    return dist.get_rank() if world_size() > 1 else 0


def gather(rows: Tensor) -> Tensor:
    """All ranks' rows (B, ...) one after the other, (world * B, ...), without gradient. B is the same on each."""
    if world_size() == 1:
        return rows.detach()
    parts = [torch.empty_like(rows) for _ in range(world_size())]
    dist.all_gather(parts, rows.detach().contiguous())
    return torch.cat(parts)


def gather_trained(rows: Tensor) -> Tensor:
    """As `gather`, with gradient: what each rank's loss asks of a row is summed at the rank that owns it."""
    return rows if world_size() == 1 else _Gather.apply(rows)


def total(values: Tensor) -> Tensor:
    """The sum over ranks, with gradient: that of every rank's loss in the sum is summed."""
    return values if world_size() == 1 else _Total.apply(values)


def mean(values: Tensor) -> Tensor:
    """The mean over ranks, without gradient."""
    return total(values.detach()) / world_size()


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        ctx.count = len(rows)
        return gather(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        summed = gradient.contiguous().clone()
        dist.all_reduce(summed)
        return summed[rank() * ctx.count : (rank() + 1) * ctx.count]


class _Total(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        summed = values.contiguous().clone()
        dist.all_reduce(summed)
        return summed

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (gradient,) = gradients
        summed = gradient.contiguous().clone()
        dist.all_reduce(summed)
        return summed


class _OverRanks:
    """Batch norm whose training statistics are those of all ranks' batches, of any size each, on any device.

    Statistics are taken in two passes, the mean first, so that float32 loses nothing to cancellation.
    """

    def forward(self, x: Tensor) -> Tensor:
        layer: Any = self
        if not layer.training or world_size() == 1:
            return super().forward(x)  # type: ignore[misc]
        axes, shape = [axis for axis in range(x.ndim) if axis != 1], [1, -1] + [1] * (x.ndim - 2)
        count = total(torch.full((), x.numel() / x.shape[1], dtype=x.dtype, device=x.device))
        average = total(x.sum(axes)) / count
        centred = x - average.view(shape)
        variance = total(centred.square().sum(axes)) / count
        if layer.track_running_stats:
            with torch.no_grad():
                layer.num_batches_tracked.add_(1)
                momentum = layer.momentum if layer.momentum is not None else 1 / float(layer.num_batches_tracked)
                layer.running_mean.lerp_(average, momentum)
                layer.running_var.lerp_(variance * (count / (count - 1)), momentum)
        y = centred * torch.rsqrt(variance + layer.eps).view(shape)
        y = y * layer.weight.view(shape) + layer.bias.view(shape) if layer.affine else y
        return layer.act(layer.drop(y)) if isinstance(layer, BatchNormAct2d) else y


class BatchNorm1dOverRanks(_OverRanks, nn.BatchNorm1d):
    pass


class BatchNorm2dOverRanks(_OverRanks, nn.BatchNorm2d):
    pass


class BatchNormAct2dOverRanks(_OverRanks, BatchNormAct2d):
    pass


OVER_RANKS: dict[type, type] = {
    nn.BatchNorm1d: BatchNorm1dOverRanks,
    nn.BatchNorm2d: BatchNorm2dOverRanks,
    BatchNormAct2d: BatchNormAct2dOverRanks,
}


def synchronise_norms(module: Net) -> Net:
    """Batch norms take their statistics over all ranks, in place; parameters, buffers and names stay.

    torch's own SyncBatchNorm is for GPUs alone, and there knows no norm that is fused with an activation. Raises
    ValueError for a norm of another class, which would stay as it is.
    """
    for name, layer in module.named_modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm) and not isinstance(layer, _OverRanks):
            kind = OVER_RANKS.get(type(layer))
            if kind is None:
                raise ValueError(f"layer '{name}' ({type(layer).__name__}) cannot be synchronised over workers")
            layer.__class__ = kind
    return module
