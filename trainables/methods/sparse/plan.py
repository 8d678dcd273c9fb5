"""Which patches are visible, and where their neighbours lie: index tables, made once for a mask and a resolution.

A feature map at stride 32 / p is held packed as (T, C, p, p): the T visible patches of a batch, image by image, row by
row. Its `T * p * p` positions, patch by patch, are its rows; with channels last in memory a row lies in one piece.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

PATCH = 32

T = TypeVar("T")


class Link:
    """A table from `size` rows to len(index) rows, each a copy of the row it names, or zero where it names none (-1).

    It is a 0/1 matrix. `there` holds it by its lines and `back` by its columns, as the bags of rows that are summed.
    """

    def __init__(self, index: Tensor, size: int) -> None:
        self.index, self.size = index, size
        self._bags: dict[bool, tuple[Tensor, Tensor]] = {}

    def there(self) -> tuple[Tensor, Tensor]:
        if True not in self._bags:
            found = self.index >= 0
            self._bags[True] = (self.index[found], _starts(found))
        return self._bags[True]

    def back(self) -> tuple[Tensor, Tensor]:
        if False not in self._bags:
            ends = (self.index >= 0).nonzero().squeeze(1)
            sources = self.index[ends]
            self._bags[False] = (
                ends[sources.argsort(stable=True)],
                _starts(torch.bincount(sources, minlength=self.size)),
            )
        return self._bags[False]

    def __call__(self, rows: Tensor) -> Tensor:
        """(size, C) -> (len(index), C)"""
        return _Sums.apply(rows, self.there, self.back)

    def reverse(self, rows: Tensor) -> Tensor:
        """(len(index), C) -> (size, C): the transposed matrix, which sums all copies of a row."""
        return _Sums.apply(rows, self.back, self.there)


class _Sums(torch.autograd.Function):
    """Sums of bags of rows; the gradient goes the other way through the transposed table."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, there: Callable, back: Callable) -> Tensor:
        ctx.back = back
        return _sums(rows, *there())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        return _sums(gradients[0], *ctx.back()), None, None


def _sums(rows: Tensor, index: Tensor, starts: Tensor) -> Tensor:
    return functional.embedding_bag(index, rows.contiguous(), starts, mode="sum", include_last_offset=True)


def _starts(counts: Tensor) -> Tensor:
    return functional.pad(counts.long().cumsum(0), (1, 0))


class Plan:
    """The tables of one mask (B, 1, f, f), true where a patch is visible; as many in every image, else ValueError."""

    def __init__(self, mask: Tensor) -> None:
        self.batch, _, self.side, _ = mask.shape
        counts = mask.flatten(1).sum(1)
        if not counts.eq(counts[0]).all():
            raise ValueError("spark: every image of a batch must have the same number of visible patches")
        self.mask, self.count = mask, int(counts[0])
        self.image, self.row, self.column = mask.squeeze(1).nonzero(as_tuple=True)
        self.number = torch.full((self.batch, self.side, self.side), -1, device=mask.device)
        self.number[self.image, self.row, self.column] = torch.arange(len(self.image), device=mask.device)
        self._made: dict[Any, Any] = {}

    def positions(self, p: int) -> Link:
        """From packed rows to the positions of whole maps f * p wide, image by image, row by row."""
        return self._once(("positions", p), lambda: self._link(self._whole(p), p))

    def windows(self, p: int, kernel: int, stride: int, padding: int) -> tuple[Link, Tensor]:
        """From packed rows to every patch with the border that a kernel needs, w x w with w = p - stride + kernel.

        Also which of those T * w * w positions lie outside the image.
        """
        key = ("windows", p, kernel, stride, padding)
        return self._once(key, lambda: self._windows(p, kernel, stride, padding))

    def columns(self, p: int, kernel: int, stride: int, padding: int) -> Link:
        """From packed rows to what the kernel sees at each of its output positions, (T, p / stride, same, k, k)."""
        key = ("columns", p, kernel, stride, padding)
        return self._once(key, lambda: self._columns(p, kernel, stride, padding))

    def keep(self, p: int, like: Tensor) -> Tensor:
        """(B, 1, f * p, f * p), one where visible and zero elsewhere."""
        return self._once(("keep", p, like.dtype), lambda: spread_mask(self.mask, self.side * p).to(like.dtype))

    def pack(self, maps: Tensor) -> Tensor:
        """(B, C, f * p, f * p) -> (T, C, p, p)"""
        p = self.patch(maps)
        return from_rows(self.positions(p).reverse(to_rows(maps)), p)

    def unpack(self, packed: Tensor) -> Tensor:
        """(T, C, p, p) -> (B, C, f * p, f * p), zero where hidden."""
        p = packed.shape[-1]
        return from_rows(self.positions(p)(to_rows(packed)), self.side * p)

    def patch(self, maps: Tensor) -> int:
        """The side of a patch in these whole maps."""
        p, left = divmod(maps.shape[-1], self.side)
        if left or maps.shape[-1] != maps.shape[-2]:
            raise ValueError(f"spark: {self.side} patches do not divide maps of {tuple(maps.shape[-2:])}")
        return p

    def pool(self, packed: Tensor) -> Tensor:
        """(T, C, p, p) -> (B, C): each image's mean over its visible positions."""
        return packed.mean((2, 3)).view(self.batch, self.count, -1).mean(1)

    def _once(self, key: Any, make: Callable[[], T]) -> T:
        if key not in self._made:
            self._made[key] = make()
        return self._made[key]

    def _whole(self, p: int) -> Tensor:
        at = torch.arange(self.side * p, device=self.mask.device)
        image = torch.arange(self.batch, device=self.mask.device).view(-1, 1, 1)
        return self._rows(image, at.view(1, -1, 1), at.view(1, 1, -1), p)

    def _rows(self, image: Tensor, y: Tensor, x: Tensor, p: int) -> Tensor:
        """The packed row at pixel y, x of an image; -1 where hidden, -2 outside."""
        last = self.side * p - 1
        inside = (y >= 0) & (y <= last) & (x >= 0) & (x <= last)
        y, x = y.clamp(0, last), x.clamp(0, last)
        patch = self.number[image, y // p, x // p]
        return torch.where(inside, torch.where(patch < 0, patch, patch * p * p + y % p * p + x % p), -2)

    def _around(self, p: int, kernel: int, stride: int, padding: int) -> Tensor:
        if p % stride:
            raise ValueError(f"spark: a layer of stride {stride} does not divide patches {p} wide")
        at = torch.arange(-padding, p - stride + kernel - padding, device=self.mask.device)
        y, x = self.row.view(-1, 1, 1) * p + at.view(-1, 1), self.column.view(-1, 1, 1) * p + at
        return self._rows(self.image.view(-1, 1, 1), y, x, p)

    def _windows(self, p: int, kernel: int, stride: int, padding: int) -> tuple[Link, Tensor]:
        index = self._around(p, kernel, stride, padding)
        return self._link(index, p), (index == -2).flatten().nonzero().squeeze(1)

    def _columns(self, p: int, kernel: int, stride: int, padding: int) -> Link:
        index = self._around(p, kernel, stride, padding)
        return self._link(index.unfold(1, kernel, stride).unfold(2, kernel, stride), p)

    def _link(self, index: Tensor, p: int) -> Link:
        return Link(index.flatten().clamp(min=-1), len(self.image) * p * p)


_SHOWN: ContextVar[Plan | None] = ContextVar("visible patches", default=None)


def shown() -> Plan | None:
    """The plan that layers are to follow, None where everything is visible."""
    return _SHOWN.get()


@contextmanager
def visible(plan: Plan) -> Iterator[Plan]:
    """Within this context the layers made by `sparsify` see only the plan's visible patches."""
    token = _SHOWN.set(plan)
    try:
        yield plan
    finally:
        _SHOWN.reset(token)


def check_image_size(method: str, size: int) -> None:
    """Raise ValueError unless images hold whole patches, more than one a side."""
    if size % PATCH or size < 2 * PATCH:
        raise ValueError(
            f"{method}: image_size must be a multiple of {PATCH} and at least {2 * PATCH}, but it is {size}"
        )


def spread_mask(mask: Tensor, side: int) -> Tensor:
    """The patch mask (B, 1, f, f) repeated to the side of a feature map."""
    times, left = divmod(side, mask.shape[-1])
    if left:
        raise ValueError(f"spark: a feature map {side} wide cannot be masked by {mask.shape[-1]} patches")
    return mask.repeat_interleave(times, 2).repeat_interleave(times, 3)


def to_rows(maps: Tensor) -> Tensor:
    """(N, C, H, W) -> (N * H * W, C); a view if channels come last in memory."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def from_rows(rows: Tensor, side: int) -> Tensor:
    """(N * side * side, C) -> (N, C, side, side), channels last in memory."""
    return rows.view(-1, side, side, rows.shape[1]).permute(0, 3, 1, 2)
