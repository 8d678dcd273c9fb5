"""The study file as a whole."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from study.data.task import Task
from study.fields import Name, StrictConfig

from .adaptation import AdaptationConfig, Scoring, Selection
from .claims import ClaimConfig, GoalConfig
from .corpus import CorpusConfig
from .pretraining import Pretraining
from .resources import ResourcesConfig


class Study(StrictConfig):
    """One study file, resolved.

    `weights`: files by the name of their initialisation, or `timm:<name>.<tag>`, which timm downloads (`timm:` alone:
    what it gives the backbone by default).
    """

    name: Name
    """What the study's folder is called: lower case, digits, `-` and `_`; part of the identity of every run."""
    seed: int = 0
    """Of splits, draws, encoders and trials."""
    data: Path | None = None
    """The folder that relative paths to data start at, instead of the study file's own."""
    backbone: str = "resnet18"
    """A network of timm's, with one input channel and without a classifier."""
    image_size: Annotated[int, Field(ge=32, le=1024)] = 64
    """Side of the images in pixels."""
    window: tuple[float, float] = (-1000.0, 1000.0)
    """Hounsfield units that become black and white."""
    corpus: CorpusConfig = CorpusConfig()
    """Unlabelled images for pre-training."""
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]
    """The labelled sets, by name."""
    pretraining: Pretraining = Pretraining()
    """The methods, and what each may spend."""
    weights: dict[Name, str] = {}
    """Weights files by the name of their initialisation, or `timm:<name>.<tag>`, which timm downloads."""
    initialisations: list[str] | None = None
    """Those compared, in this order; scratch, every method and every weights file where none is named."""
    adaptations: Annotated[dict[str, AdaptationConfig], Field(min_length=1)]
    """How encoders are put to tasks, by the adaptation's name."""
    selection: Selection = Selection()
    """How a cell's setting is chosen."""
    scoring: Scoring = Scoring()
    """How final runs are scored."""
    goals: list[GoalConfig] = []
    """Scores for which the report says how many labels they need."""
    claims: list[ClaimConfig] = []
    """What is claimed beforehand, examined by the report."""
    resources: ResourcesConfig = ResourcesConfig()
    """What workers hold."""
    track: Literal["aim"] | None = None
    """`aim` mirrors the runs into an Aim repository beside the results."""

    def compared(self) -> list[str]:
        """The initialisations that the study compares, in the order in which reports show them."""
        return self.initialisations or ["scratch", *self.pretraining.methods, *self.weights]
