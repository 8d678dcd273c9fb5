"""What a run may take, so that one which hangs or eats memory fails by itself instead of taking others along."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

GIB = 2**30


@dataclass(frozen=True)
class Limits:
    """``timeout``: seconds without a report; ``memory``: GiB that its process may hold; None for no limit.

    ``oom_alone``: out of memory, a run is tried once more with nothing beside it, as a shared device may want.
    """

    timeout: float | None = None
    memory: float | None = None
    oom_alone: bool = False


def no_report(timeout: float | None) -> str:
    """The error line of a run that was given up."""
    return f"no report in {timeout} s"


@contextmanager
def memory_cap(gib: float | None) -> Iterator[None]:
    """In the block this process may hold at most ``gib`` of its own memory, None for no cap; beyond, allocating fails.

    The kernel counts private writable memory (RLIMIT_DATA), thus neither mapped files nor what a GPU reserves of the
    address space. The process and its libraries are in the count. Only Linux holds to it.
    """
    if gib is None:
        yield
        return
    before, hard = resource.getrlimit(resource.RLIMIT_DATA)
    cap = int(gib * GIB)
    resource.setrlimit(resource.RLIMIT_DATA, (cap if hard == resource.RLIM_INFINITY else min(cap, hard), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (before, hard))
