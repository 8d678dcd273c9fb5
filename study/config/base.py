"""What every part of a study file is built of."""

from typing import Annotated, Any, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
)
from pydantic_core import core_schema

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]
Share = Annotated[float, Field(gt=0, le=1)]
Count = Annotated[int, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]
Batch = Annotated[int, Field(ge=2)]


class OrOne:
    """On a list: a single entry may stand without brackets, in the file and in its JSON schema."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        listed = core_schema.no_info_before_validator_function
        return listed(lambda given: given if isinstance(given, list) else [given], handler(source))

    def __get_pydantic_json_schema__(self, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler) -> dict:
        several = handler(schema)
        return {"anyOf": [several["items"], several]}


Level = TypeVar("Level")
Levels = Annotated[list[Level], Field(min_length=1), OrOne()]
"""The levels of a factor."""


class StrictConfig(BaseModel):
    """Unknown keys are refused: a misspelt setting must never fall back to a default in silence. Numbers are finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
