"""Unlabelled images as a worker reads them: resized, memory-mapped, in an order that follows from a seed."""

import functools
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from study.data import node_cache
from trainables.contracts import CorpusImageRows

MARGIN = 1.5
"""Images are kept at this multiple of the view's side, so that a crop still has detail to enlarge."""


class CorpusImages:
    """The chosen rows of several stores, one after the other.

    Images are stored `int(MARGIN * image_size)` pixels wide, so a crop of less than (1 / MARGIN)^2 of the area is
    enlarged. Raises ValueError if there are none.
    """

    def __init__(self, sources: Sequence[CorpusImageRows], *, image_size: int, window: Sequence[float]) -> None:
        low, high = window
        stores, where = [], []
        for number, source in enumerate(sources):
            store = node_cache.resized(source.images, size=int(MARGIN * image_size), window=(low, high))
            rows = np.arange(len(store)) if source.rows is None else np.asarray(source.rows, dtype=np.int64)
            stores.append(store)
            where.append(np.stack([np.full(len(rows), number), rows], 1))
        self._stores = stores
        self._index = np.concatenate(where) if where else np.zeros((0, 2), dtype=np.int64)
        if not len(self._index):
            raise ValueError("pretraining: the corpus holds no image")

    def __len__(self) -> int:
        return len(self._index)

    def read(self, which: np.ndarray) -> Tensor:
        """Images (B, 1, S, S), uint16 with 65,535 for white."""
        pixels = np.stack([self._stores[number][row] for number, row in self._index[which]])
        return torch.from_numpy(pixels).unsqueeze(1)


def stream(length: int, *, seed: int, start: int, count: int) -> np.ndarray:
    """Elements start to start + count of an endless order: every image once in a random order, then again in another.

    A pure function of its arguments. A batch may end one epoch and begin the next, so none is short or dropped, and a
    corpus may be smaller than a batch.
    """
    at = np.arange(start, start + count)
    epochs = at // length
    parts = [_order(length, seed, int(e))[at[epochs == e] % length] for e in np.unique(epochs)]
    return np.concatenate(parts) if parts else at


@functools.lru_cache(maxsize=2)
def _order(length: int, seed: int, epoch: int) -> np.ndarray:
    return np.random.default_rng([seed, epoch]).permutation(length)
