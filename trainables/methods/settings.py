"""What the methods' settings are built of."""

from typing import Any

from pydantic import BaseModel, Field, model_validator

from trainables.transforms.recipe import Probability, Range, Recipe, Share

__all__ = ["Common", "Probability", "Range", "Recipe", "Share"]


class Common(BaseModel, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True):
    """The base of every method's settings.

    `published_epochs`: the length of the published run, which the budget `published` asks for.
    """

    published_epochs: int = Field(100, ge=1)
    """Epochs of the published run, which the budget `published` asks for."""

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
