"""Losses and heads in full precision: 16 bits are for networks, and an error of 0.01 over a temperature of 0.04 is not
small."""

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import torch
from torch import Tensor
from torch.nn import functional

P = ParamSpec("P")
T = TypeVar("T")


def full_precision(function: Callable[P, T]) -> Callable[P, T]:
    """Runs the function outside autocast, its tensors, or lists of tensors, being at least float32."""

    @functools.wraps(function)
    def exact(*args: P.args, **kwargs: P.kwargs) -> T:
        given = [_full(value) for value in args]
        first: Any = given[0][0] if isinstance(given[0], list) else given[0]
        with torch.autocast(first.device.type, enabled=False):
            return function(*given, **kwargs)  # type: ignore[arg-type]

    return exact


def _full(value: object) -> object:
    if isinstance(value, list):
        return [_full(each) for each in value]
    if isinstance(value, Tensor) and value.is_floating_point() and value.dtype != torch.float64:
        return value.float()
    return value


@full_precision
def unit_length(rows: Tensor) -> Tensor:
    """(B, D), each row divided by its length."""
    return functional.normalize(rows, dim=1)
