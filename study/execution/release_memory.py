"""What a job leaves in its worker's memory, given back before the next one."""

import ctypes
import gc
import os

GROWTH = 256 * 2**20
"""Bytes by which a worker may have grown since it was last tidied, which takes about half a second."""

_tidied = 0


def tidy() -> None:
    """Give freed memory back to the system, if the process has grown.

    glibc keeps what tensors of ever other sizes have left in its heap, about 80 MiB a trial of a ResNet-18 at 32 px; a
    worker would outgrow its machine, or the limit that the next trial has. Nothing happens where there is no /proc.
    """
    global _tidied
    if resident() < _tidied + GROWTH:
        return
    gc.collect()
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
    _tidied = resident()


def resident() -> int:
    """Bytes of this process that lie in memory; 0 where the system does not say."""
    try:
        with open("/proc/self/statm") as numbers:
            return int(numbers.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
