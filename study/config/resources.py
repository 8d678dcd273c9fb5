"""What workers hold."""

from typing import Annotated

from pydantic import Field

from study.fields import Count, Seconds, StrictConfig


class Slot(StrictConfig):
    """What one worker holds. ``workers`` counts for pre-training alone."""

    workers: Count = 1
    cpus: Annotated[int, Field(ge=1)] = 1
    gpus: Annotated[float, Field(ge=0)] = 0


class TrialSlot(Slot):
    """What a trial or a final run holds, and when it is given up.

    `timeout`: seconds without a report, which comes once an epoch; the default is for runs that hang, and null waits
    for ever. `memory`: GiB that its process may hold, libraries included (0.5 to 1 of them); without it Ray ends
    processes when the machine's memory runs out. Linux holds to it, other systems may not.
    """

    timeout: Seconds | None = 21_600
    memory: Annotated[float, Field(gt=0)] | None = None


class ResourcesConfig(StrictConfig):
    pretraining: Slot = Slot(cpus=2)
    trial: TrialSlot = TrialSlot()
    storage: str | None = None
