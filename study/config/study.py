"""The study file as a whole."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from study.data.task import Task
from study.fields import Name, StrictConfig

from .adaptation import AdaptationConfig, Scoring, Selection
from .corpus import CorpusConfig
from .pretraining import Pretraining
from .resources import ResourcesConfig


class ClaimConfig(StrictConfig):
    """That an initialisation scores less than ``margin`` below another; of all adaptations, or of the one named."""

    initialisation: str
    not_worse_than: str
    margin: Annotated[float, Field(gt=0)]
    metric: str = "auc"
    adaptation: str | None = None


class Study(StrictConfig):
    """One study file, resolved.

    `weights`: files by the name of their initialisation, or `timm:<name>.<tag>`, which timm downloads (`timm:` alone:
    what it gives the backbone by default).
    """

    name: Name
    seed: int = 0
    data: Path | None = None
    backbone: str = "resnet18"
    image_size: Annotated[int, Field(ge=32, le=1024)] = 64
    window: tuple[float, float] = (-1000.0, 1000.0)
    corpus: CorpusConfig = CorpusConfig()
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]
    pretraining: Pretraining = Pretraining()
    weights: dict[Name, str] = {}
    initialisations: list[str] | None = None
    adaptations: Annotated[dict[str, AdaptationConfig], Field(min_length=1)]
    selection: Selection = Selection()
    scoring: Scoring = Scoring()
    claims: list[ClaimConfig] = []
    resources: ResourcesConfig = ResourcesConfig()
    track: Literal["aim"] | None = None

    def compared(self) -> list[str]:
        """The initialisations that the study compares, in the order in which reports show them."""
        return self.initialisations or ["scratch", *self.pretraining.methods, *self.weights]
