"""Where a worker computes: on the GPU that it was given, else on the CPU with a fixed number of threads.

The code is the same for both."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TypeVar

import torch
from torch import Tensor, nn

Net = TypeVar("Net", bound=nn.Module)


def choose(gpus: float) -> torch.device:
    """The GPU of a job that was given one or a part of one; a job that asked for none takes none, whatever it sees."""
    return torch.device("cuda" if gpus > 0 and torch.cuda.is_available() else "cpu")


def name(device: torch.device) -> str:
    """What is written beside a result: the GPU's model, or "cpu"."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def autocast(device: torch.device, precision: str = "auto") -> AbstractContextManager:
    """bf16 where a GPU has it, unless `precision` is "float32"; never on the CPU, where it can be hundreds of times
    slower."""
    if precision == "auto" and device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", dtype=torch.bfloat16)
    return nullcontext()


def place(module: Net, device: torch.device, *, channels_last: bool = False) -> Net:
    """On a GPU channels come last. On a CPU they do if asked, which pre-training gains by (1.0 to 1.7x the speed, by
    network), and fine-tuning not reliably (0.9 to 1.1x)."""
    module = module.to(device)
    last = channels_last or device.type == "cuda"
    return module.to(memory_format=torch.channels_last) if last else module


def send(images: Tensor, device: torch.device) -> Tensor:
    """The images on the device; a GPU gets them through pinned memory, from which it copies while the host goes on."""
    return (images.pin_memory() if device.type == "cuda" else images).to(device, non_blocking=True)


@contextmanager
def memory_share(gpus: float) -> Iterator[None]:
    """A part of one GPU's memory, where a worker was given a part of one GPU: what asks for more fails alone with
    torch's own out-of-memory error, and its neighbours on that GPU do not."""
    if not gpus or gpus >= 1 or not torch.cuda.is_available():
        yield
        return
    torch.cuda.set_per_process_memory_fraction(gpus)
    try:
        yield
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Torch with `count` threads, and as it was afterwards: the process goes on to other jobs."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
