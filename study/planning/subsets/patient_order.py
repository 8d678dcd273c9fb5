"""One random order of a pool's patients, in which each prefix holds each stratum's share."""

import hashlib

import numpy as np

from study.planning.subsets.imbalance import thinned
from study.planning.subsets.pool import Pool


class Unreachable(ValueError):
    """The training patients of a pool cannot be thinned to the imbalance that is asked for."""


def ordered(pool: Pool, *, seed: int, draw: int, imbalance: float | None) -> tuple[np.ndarray, np.ndarray]:
    """(numbers in the pool, places) of the patients, by place.

    Patients are interleaved by stratum (role x rarest class): the r-th of m patients of a stratum stands at r/m, and a
    hash of seed, draw and token decides who is the r-th. ``imbalance`` thins the training strata first, from their
    ends. Raises Unreachable for an imbalance that cannot be had.
    """
    numbers = np.lexsort((*_random(pool, seed, draw).T[::-1], pool.groups))
    groups = pool.groups[numbers]
    sizes = np.bincount(groups)
    ranks = np.arange(len(groups)) - (np.cumsum(sizes) - sizes)[groups]
    if imbalance is not None:
        sizes = _kept(pool, numbers, imbalance, sizes)
        stays = ranks < sizes[groups]
        numbers, groups, ranks = numbers[stays], groups[stays], ranks[stays]
    places = ranks / sizes[groups]
    # Patients at the same place: training before validation, then by class, then by token.
    by_place = np.lexsort((pool.token_ranks[numbers], pool.strata[numbers], ~pool.training[numbers], places))
    return numbers[by_place].astype(np.int32), places[by_place]


def _random(pool: Pool, seed: int, draw: int) -> np.ndarray:
    """(patients, 4): the SHA-256 of each as whole numbers of 64 bits, the first the most significant."""
    before = f"{seed}/{draw}/".encode()
    digests = b"".join(hashlib.sha256(before + token).digest() for token in pool.tokens)
    return np.frombuffer(digests, ">u8").reshape(-1, 4).astype(np.uint64)


def _kept(pool: Pool, numbers: np.ndarray, imbalance: float, sizes: np.ndarray) -> np.ndarray:
    """How many patients of each group stay."""
    if pool.kind == "multi":
        raise Unreachable("imbalance is a ratio of classes, and its images have findings")
    training = numbers[pool.training[numbers]]
    strata = {
        int(stratum): [pool.patients[number] for number in training[pool.strata[training] == stratum]]
        for stratum in np.unique(pool.strata[training])
    }
    kept = thinned(strata, imbalance)
    if kept is None:
        raise Unreachable(f"its training patients cannot be thinned to {imbalance:g} : 1")
    sizes = sizes.copy()
    for stratum, members in kept.items():
        group = pool.groups[training[pool.strata[training] == stratum][0]]
        sizes[group] = len(members)
    return sizes
