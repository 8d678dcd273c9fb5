"""From a YAML file, a preset's name and ``--set`` to a checked study; every refusal names its place."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from study.config import Study
from study.config.references import check_references
from study.errors import InputRefused
from study.fields import moved
from study.suggestions import did_you_mean

PRESETS = Path(__file__).parent.parent / "presets"


def read_study(study: str, assignments: Sequence[str] = ()) -> Study:
    """A file or a preset's name -> the checked study, its paths made absolute.

    Relative data paths start at ``data`` where that is set, otherwise at the study file's folder.

    Raises:
        InputRefused: naming the file, the line and key, and the nearest valid name.
    """
    path = _find(study)
    values, lines = _values(path, "a study file is a mapping of settings (name, tasks, adaptations, ...)")
    for assignment in assignments:
        _assign(values, assignment)
    return check(values, lines=lines, source=str(path), folder=path.parent)


def check(values: dict, *, lines: dict[tuple, int] | None = None, source: str, folder: Path) -> Study:
    """Plain values -> the checked study. ``lines`` gives the line of each key path in ``source``."""
    try:
        study = Study.model_validate(values)
    except ValidationError as error:
        raise InputRefused(_one_line(error, values, lines or {}, source)) from None

    def refuse(at: tuple, message: str) -> None:
        raise InputRefused(f"{_place(at, lines or {}, source)}: {message}")

    check_references(study, refuse)
    return _absolute(study, folder)


def read_claims(path: Path, accepted: dict[str, Any]) -> Study:
    """An accepted study with the `claims` and `goals` of a file of their own in the place of its own.

    Raises:
        InputRefused: naming the file, the line and key.
    """
    if not path.is_file():
        raise InputRefused(f"{path}: there is no such file")
    needed = "a file of claims is a mapping with `claims`, a list, and `goals` if any"
    values, lines = _values(path, needed)
    if not values or values.keys() - {"claims", "goals"}:
        raise InputRefused(f"{path}: {needed}")
    return check({**accepted, "claims": [], "goals": [], **values}, lines=lines, source=str(path), folder=path.parent)


def _values(path: Path, needed: str) -> tuple[dict[str, Any], dict[tuple, int]]:
    """A file's mapping, and the line of each key path in it."""
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputRefused(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(node, yaml.MappingNode):
        raise InputRefused(f"{path}: {needed}")
    lines: dict[tuple, int] = {}
    return _construct(node, (), lines, path), lines


def _find(study: str) -> Path:
    path = Path(study).expanduser()
    if path.is_file():
        return path.resolve()
    presets = sorted(p.stem for p in PRESETS.glob("*.yaml"))
    if study in presets:
        return PRESETS / f"{study}.yaml"
    raise InputRefused(f"{study}: neither a study file nor a preset{did_you_mean(study, presets)}")


def _construct(node: yaml.Node, at: tuple, lines: dict[tuple, int], path: Path) -> Any:
    lines[at] = node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        out: dict = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if key in out:
                raise InputRefused(f"{path}, line {key_node.start_mark.line + 1}: `{key}` stands here twice")
            out[key] = _construct(value_node, (*at, key), lines, path)
            lines[(*at, key)] = key_node.start_mark.line + 1
        return out
    if isinstance(node, yaml.SequenceNode):
        return [_construct(child, (*at, i), lines, path) for i, child in enumerate(node.value)]
    loader = yaml.SafeLoader("")
    try:
        value = loader.construct_object(node)
    finally:
        loader.dispose()
    _check_finite(value, f"{path}, line {node.start_mark.line + 1}: {'.'.join(map(str, at))}")
    return value


def _check_finite(value: Any, where: str) -> None:
    """Refuses a number that is infinite or none at all, wherever it stands."""
    if isinstance(value, float) and not math.isfinite(value):
        raise InputRefused(f"{where}: {value} is not a finite number")
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        _check_finite(inner, where)


def _assign(values: dict, assignment: str) -> None:
    dotted, equals, text = assignment.partition("=")
    if not equals or not dotted:
        raise InputRefused(f"--set {assignment}: write key=value, for example pretraining.images=5000")
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise InputRefused(f"--set {assignment}: the value is not readable as YAML") from None
    _check_finite(value, f"--set {assignment}")
    *parents, last = dotted.split(".")
    for parent in parents:
        inner = values.setdefault(parent, {})
        if inner is None:
            inner = values[parent] = {}
        if not isinstance(inner, dict):
            raise InputRefused(f"--set {assignment}: `{parent}` holds no keys of its own")
        values = inner
    values[last] = value


def _one_line(error: ValidationError, values: dict, lines: dict[tuple, int], source: str) -> str:
    # A misspelt key makes two errors, one unknown and one missing; the unknown one says more.
    first = min(error.errors(include_url=False), key=lambda each: each["type"] != "extra_forbidden")
    at = tuple(part for part in first["loc"] if part != "[key]")
    message = first["msg"].removeprefix("Value error, ").removeprefix(f"{'.'.join(map(str, at))}: ")
    if first["type"] == "extra_forbidden":
        message = f"unknown key{did_you_mean(str(at[-1]), _fields(at[:-1]))}"
    elif first["type"] == "missing":
        message = "is missing"
    elif first["type"] != "value_error":
        message = f"{message}, not {first['input']!r}"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{_place(at, lines, source)}: {message}{more}"


def _place(at: tuple, lines: dict[tuple, int], source: str) -> str:
    known = next((lines[at[:n]] for n in range(len(at), 0, -1) if at[:n] in lines), None)
    line = f", line {known}" if known else ""
    return f"{source}{line}" + (f": {'.'.join(map(str, at))}" if at else "")


def _fields(at: tuple) -> list[str]:
    """The valid keys of the model at a key path; parts that are list places or free names are stepped over."""
    model: Any = Study
    for part in at:
        fields = getattr(model, "model_fields", {})
        if part in fields:
            model = _inner_model(fields[part].annotation) or model
    return list(model.model_fields)


def _inner_model(annotation: Any) -> Any:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_inner_model(part) for part in getattr(annotation, "__args__", ()))
    return next((model for model in found if model is not None), None)


def _absolute(study: Study, folder: Path) -> Study:
    base = folder / study.data.expanduser() if study.data else folder

    def at(path: Path) -> Path:
        return (base / path.expanduser()).resolve()

    weights = {
        name: given if given.startswith("timm:") else str(at(Path(given))) for name, given in study.weights.items()
    }
    return moved(study, at).model_copy(update={"weights": weights})
