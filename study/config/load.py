"""From a YAML file, a preset's name and ``--set`` to a checked study; every refusal names its place."""

import math
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from study.config import Study, search_space
from study.errors import InputRefused
from study.fields import moved
from trainables import adaptations

PRESETS = Path(__file__).parent.parent / "presets"


def read_study(study: str, assignments: Sequence[str] = ()) -> Study:
    """A file or a preset's name -> the checked study, its paths made absolute.

    Relative data paths start at ``data`` where that is set, otherwise at the study file's folder.

    Raises:
        InputRefused: naming the file, the line and key, and the nearest valid name.
    """
    path = _find(study)
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputRefused(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from None
    if not isinstance(node, yaml.MappingNode):
        raise InputRefused(f"{path}: a study file is a mapping of settings (name, tasks, adaptations, ...)")
    lines: dict[tuple, int] = {}
    values = _construct(node, (), lines, path)
    for assignment in assignments:
        _assign(values, assignment)
    return check(values, lines=lines, source=str(path), folder=path.parent)


def check(values: dict, *, lines: dict[tuple, int] | None = None, source: str, folder: Path) -> Study:
    """Plain values -> the checked study. ``lines`` gives the line of each key path in ``source``."""
    try:
        study = Study.model_validate(values)
    except ValidationError as error:
        raise InputRefused(_one_line(error, values, lines or {}, source)) from None
    _check_names(study, lines or {}, source)
    return _absolute(study, folder)


def _find(study: str) -> Path:
    path = Path(study).expanduser()
    if path.is_file():
        return path.resolve()
    presets = sorted(p.stem for p in PRESETS.glob("*.yaml"))
    if study in presets:
        return PRESETS / f"{study}.yaml"
    raise InputRefused(f"{study}: neither a study file nor a preset ({', '.join(presets)}){_nearest(study, presets)}")


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
        message = f"unknown key{_nearest(str(at[-1]), _fields(at[:-1]))}"
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


def _nearest(name: str, valid: Iterable[str]) -> str:
    close = get_close_matches(name, list(valid), n=1, cutoff=0.5)
    return f"; did you mean `{close[0]}`?" if close else f"; valid here: {', '.join(sorted(valid))}"


def _check_names(study: Study, lines: dict[tuple, int], source: str) -> None:
    """References from one part of the file to another, and the names that the code itself defines."""

    def refuse(at: tuple, message: str) -> None:
        raise InputRefused(f"{_place(at, lines, source)}: {message}")

    known = ["scratch", *study.pretraining.methods, *study.weights]
    if len(set(known)) < len(known):
        refuse(("weights",), "a weights file is named like `scratch` or a method; give it another name")
    for i, name in enumerate(study.initialisations or []):
        if name not in known:
            refuse(("initialisations", i), f"unknown initialisation `{name}`{_nearest(name, known)}")
    for i, name in enumerate(study.corpus.task_images):
        if name not in study.tasks:
            refuse(("corpus", "task_images", i), f"unknown task `{name}`{_nearest(name, study.tasks)}")
        if study.tasks[name].outer_folds:
            refuse(("corpus", "task_images", i), f"every patient of `{name}` is tested in one of its outer folds")
    for name in study.pretraining.methods:
        _check_start(study, name, known, refuse)
    has_corpus = study.corpus.dicom or study.corpus.phantom or study.corpus.task_images
    if study.pretraining.methods and not has_corpus:
        refuse(
            ("pretraining", "methods"), "pre-training needs a corpus; give `corpus` one of dicom, phantom, task_images"
        )
    if study.window[0] >= study.window[1]:
        refuse(("window",), "give [low, high] in Hounsfield units with low < high")
    if study.claims:
        _check_claims(study, refuse)
    for name, adaptation in study.adaptations.items():
        at = ("adaptations", name)
        if name not in adaptations.names():
            refuse(at, f"unknown adaptation{_nearest(name, adaptations.names())}")
        try:
            adaptations.get(name).resolve(adaptation.settings)
        except ValueError as error:
            refuse((*at, "settings"), str(error))
        if adaptations.get(name).on_features and adaptation.length != ["epochs"]:
            refuse((*at, "length"), f"`{name}` is fitted until it no longer changes and has no length")
        for setting, dimension in (adaptation.space or {}).items():
            for value in dimension.choices or (dimension.low, dimension.high):
                try:
                    adaptations.get(name).resolve({setting: value})
                except ValueError as error:
                    refuse((*at, "space", setting), str(error))
        try:
            search_space.order(adaptation.plain_space() or {})
        except ValueError as error:
            refuse((*at, "space"), str(error))
        for package in search_space.lacking(adaptation.search.sampler):
            refuse((*at, "search", "sampler"), f"{adaptation.search.sampler} needs a package: pip install {package}")


def _check_claims(study: Study, refuse: Callable[[tuple, str], None]) -> None:
    """A claim compares two methods, whose encoders pair by their seeds; scratch and files have one encoder each."""
    from trainables.scoring.metrics import METRICS  # takes a second to import, and few studies make claims

    paired = [name for name in study.compared() if name in study.pretraining.methods]
    for i, claim in enumerate(study.claims):
        for key, name in (("initialisation", claim.initialisation), ("not_worse_than", claim.not_worse_than)):
            if name in study.compared() and name not in paired:
                refuse(("claims", i, key), f"`{name}` has no pre-training runs to pair; name a pre-training method")
            if name not in paired:
                refuse(("claims", i, key), f"unknown initialisation `{name}`{_nearest(name, paired)}")
        if claim.initialisation == claim.not_worse_than:
            refuse(("claims", i, "not_worse_than"), "a claim compares two initialisations, but this is the same one")
        if claim.metric not in METRICS:
            refuse(("claims", i, "metric"), f"unknown metric `{claim.metric}`{_nearest(claim.metric, METRICS)}")
        if claim.adaptation is not None and claim.adaptation not in study.adaptations:
            unknown = f"unknown adaptation `{claim.adaptation}`{_nearest(claim.adaptation, study.adaptations)}"
            refuse(("claims", i, "adaptation"), unknown)


def _check_start(study: Study, name: str, known: list[str], refuse: Callable[[tuple, str], None]) -> None:
    """What an entry goes on from is there, and is not the entry itself by any way round."""
    at, seen, entry = ("pretraining", "methods", name, "start"), [name], study.pretraining.methods[name]
    while entry.start not in ("scratch", *study.weights):
        if entry.start not in known:
            refuse(at, f"unknown initialisation `{entry.start}`{_nearest(entry.start, known)}")
        seen.append(entry.start)
        if entry.start in seen[:-1]:
            refuse(at, f"the entries go on from each other in a circle ({' <- '.join(seen)})")
        entry = study.pretraining.methods[entry.start]


def _absolute(study: Study, folder: Path) -> Study:
    base = folder / study.data.expanduser() if study.data else folder

    def at(path: Path) -> Path:
        return (base / path.expanduser()).resolve()

    weights = {
        name: given if given.startswith("timm:") else str(at(Path(given))) for name, given in study.weights.items()
    }
    return moved(study, at).model_copy(update={"weights": weights})
