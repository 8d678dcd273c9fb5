"""What the methods' settings are built of; no torch, so that a study can be checked where no method can run."""

from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, model_validator


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    if not 0 < value[0] <= value[1]:
        raise ValueError("must be two numbers above 0, the smaller one first")
    return value


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Recipe(BaseModel, extra="forbid"):
    """A random view of a CT slice, in the order in which its steps are taken; what is left out is not done.

    `blur_sigma` is in pixels of a view 224 pixels wide and scales with the view. `shift` is in Hounsfield units, and
    moves the window; `brightness` and `contrast` act on the windowed slice.
    """

    rotation: float = Field(0.0, ge=0, le=180, description="largest angle in degrees")
    rotation_probability: Probability = 0.5
    crop_scale: Range = Field((1.0, 1.0), description="share of the area")
    crop_ratio: Range = Field((3 / 4, 4 / 3), description="width / height")
    horizontal_flip: Probability = 0.0
    vertical_flip: Probability = 0.0
    shift: float = Field(0.0, ge=0, description="largest shift in HU")
    brightness: Probability = 0.0
    contrast: Probability = 0.0
    jitter_probability: Probability = 0.8
    blur_sigma: Range = (0.1, 2.0)
    blur_probability: Probability = 0.0
    noise_variance: Range = (1e-5, 1e-4)
    noise_probability: Probability = 0.0


class Common(BaseModel, extra="forbid"):
    """The base of every method's settings.

    `published_epochs`: the length of the published run, which the budget `published` asks for.
    """

    published_epochs: int = Field(100, ge=1)

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        """A group such as a recipe, given in part, keeps the method's own defaults for the rest."""
        if not isinstance(given, dict):
            return given
        groups = {name: field.default for name, field in cls.model_fields.items()}
        inner = {
            name: group.model_dump() | given[name]
            for name, group in groups.items()
            if isinstance(group, BaseModel) and isinstance(given.get(name), dict)
        }
        return given | inner
