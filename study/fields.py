"""What the parts of a study file are built of: types of values, and a model that takes nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

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


@dataclass(frozen=True)
class Data:
    """Marks a path to data: relative to the study file or to ``data``, there before anything runs, and free to move."""

    kind: str


DataFolder = Annotated[Path, Data("folder")]
DataFile = Annotated[Path, Data("file")]


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

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True)


def data_kind(annotation: Any, metadata: Any = ()) -> str | None:
    """``folder`` or ``file`` where a field's type is `DataFolder` or `DataFile`, or a list of them, or one or None."""
    for mark in metadata:
        if isinstance(mark, Data):
            return mark.kind
    if get_origin(annotation) is Annotated:
        return data_kind(get_args(annotation)[0], get_args(annotation)[1:])
    inner = get_args(annotation) if get_origin(annotation) in (Union, UnionType, list) else ()
    return next((kind for kind in map(data_kind, inner) if kind), None)


def data_paths(model: BaseModel, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, Path]]:
    """(key path, kind, path) of every path to data in a part of a study; the numbers of a list are in brackets."""
    for name, field in type(model).model_fields.items():
        value, kind = getattr(model, name), data_kind(field.annotation, field.metadata)
        if kind and isinstance(value, list):
            yield from (((*at, f"{name}[{i}]"), kind, each) for i, each in enumerate(value))
        elif kind and value is not None:
            yield (*at, name), kind, value
        elif isinstance(value, BaseModel):
            yield from data_paths(value, (*at, name))
        elif isinstance(value, dict):
            for key, each in value.items():
                if isinstance(each, BaseModel):
                    yield from data_paths(each, (*at, name, key))


def data_keys(model: type[BaseModel], at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The key paths of every path to data that a model may have, a star for each free name."""
    for name, field in model.model_fields.items():
        if data_kind(field.annotation, field.metadata):
            yield (*at, name)
        else:
            for inner, free in _inner_models(field.annotation):
                yield from data_keys(inner, (*at, name, *free))


def moved(model: StrictConfig, to: Any) -> Any:
    """The model with every path to data put through ``to``."""
    changed: dict[str, Any] = {}
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if data_kind(field.annotation, field.metadata):
            changed[name] = [to(each) for each in value] if isinstance(value, list) else value and to(value)
        elif isinstance(value, StrictConfig):
            changed[name] = moved(value, to)
        elif isinstance(value, dict):
            changed[name] = {k: moved(v, to) if isinstance(v, StrictConfig) else v for k, v in value.items()}
    return model.model_copy(update=changed)


def _inner_models(annotation: Any) -> Iterator[tuple[type[BaseModel], tuple[str, ...]]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, ()
    elif get_origin(annotation) is dict:
        yield from ((model, ("*", *free)) for model, free in _inner_models(get_args(annotation)[1]))
    elif get_origin(annotation) is Annotated:
        yield from _inner_models(get_args(annotation)[0])
    else:
        for part in get_args(annotation):
            yield from _inner_models(part)
