"""What workers hold."""

from typing import Annotated

from pydantic import Field

from study.fields import Count, Seconds, StrictConfig


class Slot(StrictConfig):
    """What one worker holds. ``workers`` counts for pre-training alone."""

    workers: Count = 1
    """Of a pre-training run; a trial has one."""
    cpus: Annotated[int, Field(ge=1)] = 1
    """CPUs of a worker, and its threads."""
    gpus: Annotated[float, Field(ge=0)] = 0
    """GPUs of a worker, or what part of one."""


class TrialSlot(Slot):
    """What a trial or a final run holds, and when it is given up.

    `timeout`: seconds without a report, which comes once an epoch; the default is for runs that hang, and null waits
    for ever. `memory`: GiB that its process may hold, libraries included (0.5 to 1 of them); without it Ray ends
    processes when the machine's memory runs out. Linux holds to it, other systems may not.
    """

    timeout: Seconds | None = 21_600
    """Seconds without a report after which a run is given up; null waits for ever."""
    memory: Annotated[float, Field(gt=0)] | None = None
    """GiB that a run's process may hold, libraries included."""


class ResourcesConfig(StrictConfig):
    pretraining: Slot = Slot(cpus=2)
    """What a pre-training run's workers hold."""
    trial: TrialSlot = TrialSlot()
    """What a trial or a final run holds."""
    storage: str | None = None
    """Where pre-training runs keep their checkpoints, on clusters of several nodes; the results by default."""
