"""What a phantom may be told."""

from typing import Annotated

from pydantic import Field

from study.data.phantom.anatomy import Finding
from study.fields import Count, StrictConfig


class PhantomSettings(StrictConfig):
    """Synthetic CT: anatomy, noise, and a labelled finding of a given visibility (0 hidden, 1 plain)."""

    patients: Count = 40
    """Unlabelled patients."""
    slices: Count = 8
    """Of each unlabelled patient."""
    size: Annotated[int, Field(ge=32)] = 96
    """Side of a slice in pixels."""
    finding: Finding = "opacity"
    """What sets patients apart: a round `opacity` in a lung, or a `rotation` of the chest, as scoliosis brings it."""
    visibility: Annotated[float, Field(ge=0, le=1)] = 0.5
    """How plain the finding is: an opacity's contrast, or a rotation's angle; 0 hidden, 1 plain."""
    prevalence: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """Share of the patients that have the finding."""
    labelled_patients: Count = 120
    """Labelled patients."""
    labelled_slices: Count = 3
    """Of each labelled patient."""
    seed: int = 0
    """Of everything that is drawn."""
