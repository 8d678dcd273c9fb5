"""How a random view of an image is made, as a setting of a method; no torch."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field


def _ordered(value: tuple[float, float]) -> tuple[float, float]:
    if not 0 < value[0] <= value[1]:
        raise ValueError("must be two numbers above 0, the smaller one first")
    return value


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
Probability = Annotated[float, Field(ge=0, le=1)]
Share = Annotated[float, Field(ge=0, lt=1)]


class Recipe(BaseModel, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True):
    """A random view of a CT slice, in the order in which its steps are taken; what is left out is not done.

    `blur_sigma` is in pixels of a view 224 pixels wide and scales with the view. `shift` is in Hounsfield units, and
    moves the window; `brightness` and `contrast` act on the windowed slice.
    """

    rotation: float = Field(0.0, ge=0, le=180, description="largest angle in degrees")
    rotation_probability: Probability = 0.5
    """How often it is rotated."""
    crop_scale: Range = Field((1.0, 1.0), description="share of the area")
    crop_ratio: Range = Field((3 / 4, 4 / 3), description="width / height")
    horizontal_flip: Probability = 0.0
    """How often it is mirrored left to right."""
    vertical_flip: Probability = 0.0
    """How often it is mirrored top to bottom."""
    shift: float = Field(0.0, ge=0, description="largest shift in HU")
    brightness: Probability = 0.0
    """Largest change of the windowed slice's brightness, as a share."""
    contrast: Probability = 0.0
    """Largest change of the windowed slice's contrast, as a share."""
    jitter_probability: Probability = 0.8
    """How often shift, brightness and contrast are changed."""
    blur_sigma: Range = (0.1, 2.0)
    """Of the Gaussian, in pixels of a view 224 pixels wide."""
    blur_probability: Probability = 0.0
    """How often it is blurred."""
    noise_variance: Range = (1e-5, 1e-4)
    """Of the Gaussian noise that is added."""
    noise_probability: Probability = 0.0
    """How often noise is added."""
