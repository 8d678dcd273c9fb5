"""What a phantom may be told."""

from typing import Annotated

from pydantic import Field

from study.fields import Count, StrictConfig


class PhantomSettings(StrictConfig):
    """Synthetic CT: anatomy, noise, and a labelled finding of a given visibility (0 hidden, 1 plain)."""

    patients: Count = 40
    slices: Count = 8
    size: Annotated[int, Field(ge=32)] = 96
    visibility: Annotated[float, Field(ge=0, le=1)] = 0.5
    prevalence: Annotated[float, Field(gt=0, lt=1)] = 0.5
    labelled_patients: Count = 120
    labelled_slices: Count = 3
    seed: int = 0
