"""Writes the pages of this folder that derive from the code: RESULTS.md from the tables' schemas, STUDY.md from the
study file's. `make docs` runs it; a test holds that they are current."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from analysis.questions.columns import ANSWERS
from study.config import PretrainedBy, Study
from study.ledger.columns import COLUMN_MEANINGS, TABLE_MEANINGS
from study.ledger.schemas import TABLES
from study.vocabulary import METRICS
from trainables import adaptations, methods

HERE = Path(__file__).parent


_ASKING = """\
## Asking them in Python

```python
import analysis
import polars as pl

study = analysis.open("results/lungs")  # or s3://bucket/results/lungs; nothing is read yet
study.trials.filter(pl.col("status") == "completed").group_by("initialisation").agg(pl.max("score")).collect()
study.labels_needed(0.85)  # with how many labels each initialisation reaches an AUC of 0.85
analysis.duckdb("results/lungs").sql("SELECT status, count(*) FROM trials GROUP BY ALL")
```

Each table is a Polars LazyFrame, or with `pip install 'labelcurve[duckdb]'` a DuckDB view, of the rows that are
committed: what a run that was interrupted left behind does not show, a run that was tried again shows once, and a
damaged file is refused by name. A plain glob over the files, which also works, sees all rows and no damage.
`examples/ten_questions.py` is a notebook (`pip install 'labelcurve[notebook]'`) that asks ten questions of any study.

The answers below are computed from the final runs that may be compared. Beside the columns named here they have those
factors of the tables that place a row, and `chosen` the hyperparameters.""".splitlines()


def results() -> str:
    """Every table and column, with unit and meaning."""
    lines = [
        "# The tables of a study",
        "",
        "Parquet files below `<results>/<study>/<table>/`, one schema a table in every study, so that a glob over",
        "many studies just works. Null stands for what is not known or not used, and there is no NaN. This page is",
        "written by `make docs` from the schemas.",
    ]
    for table, schema in TABLES.items():
        lines += ["", f"## {table}", "", TABLE_MEANINGS[table], "", "| column | type | unit | meaning |"]
        lines += ["| --- | --- | --- | --- |"]
        for field in schema:
            unit, meaning = COLUMN_MEANINGS[field.name]
            lines.append(f"| `{field.name}` | {field.type} | {unit} | {meaning} |")
    lines += ["", *_ASKING]
    for answer, (row, columns) in ANSWERS.items():
        lines += ["", f"### {answer}", "", row, "", "| column | unit | meaning |", "| --- | --- | --- |"]
        lines += [f"| `{name}` | {unit} | {meaning} |" for name, (unit, meaning) in columns.items()]
    lines += [
        "",
        "## Metrics",
        "",
        "| metric | words | range | better | in the report |",
        "| --- | --- | --- | --- | --- |",
    ]
    for metric in METRICS:
        low, high = metric.bounds
        better = "smaller" if metric.smaller_is_better else "larger"
        shown = "yes" if metric.in_report else ""
        lines.append(f"| `{metric.name}` | {metric.words} | {low:g} to {high:g} | {better} | {shown} |")
    return "\n".join(lines) + "\n"


def study() -> str:
    """Every key of the study file, with type, default and meaning."""
    lines = [
        "# The study file",
        "",
        "A YAML file; `labelcurve schema` prints its JSON schema for editors. Unknown keys are refused, and what is",
        "left out has the default below. Relative paths to data start at the study file's folder, or at `data`. This",
        "page is written by `make docs` from the schema.",
        "",
        *_table(Study),
    ]
    done: set[type[BaseModel]] = {Study, PretrainedBy}
    for at, model in _inner(Study, ""):
        if model not in done:
            done.add(model)
            lines += ["", f"## {at}", "", *_summary(model), *_table(model)]
    lines += ["", "## pretraining.methods.NAME", "", "Beside the settings of its method:", "", *_table(PretrainedBy)]
    for name in methods.names():
        module = methods.get(name).__module__
        lines += ["", f"### {name}", "", *_first(module), *_table(methods.settings_class(name))]
    lines += ["", "## adaptations.NAME: hyperparameters", "", "Set in `settings`, searched in `space`."]
    for name in adaptations.names():
        lines += ["", f"### {name}", "", f"{adaptations.get(name).words.capitalize()}.", ""]
        lines += ["| hyperparameter | default | accepted | searched by default |", "| --- | --- | --- | --- |"]
        for key, each in adaptations.get(name).hyperparameters.items():
            searched = json.dumps(dict(each.search)) if each.search else ""
            lines.append(f"| `{key}` | {each.default:g} | {each.bounds} | {searched} |")
    return "\n".join(lines) + "\n"


def _table(model: type[BaseModel]) -> list[str]:
    lines = ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
    for name, field in model.model_fields.items():
        if not field.description:
            raise ValueError(f"{model.__module__}.{model.__name__}.{name} has no description")
        meaning = " ".join(field.description.split())
        lines.append(f"| `{name}` | {_type(model, name)} | {_default(field)} | {meaning[0].upper()}{meaning[1:]} |")
    return lines


def _default(field: Any) -> str:
    if field.is_required():
        return "needed"
    value = field.default if field.default is not PydanticUndefined else field.default_factory()
    if isinstance(value, BaseModel):
        changed = value.model_dump(mode="json", exclude_defaults=True)
        return f"`{json.dumps(changed)}`" if changed else "its defaults"
    return f"`{json.dumps(value, default=str)}`"


def _type(model: type[BaseModel], name: str) -> str:
    """The type as the JSON schema has it, in a word or two."""
    return _said(model.model_json_schema()["properties"][name])


def _said(schema: dict[str, Any]) -> str:
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_said, schema["anyOf"])))
    if "enum" in schema:
        return " or ".join(f"`{each}`" for each in schema["enum"])
    if "const" in schema:
        return f"`{schema['const']}`"
    kind = schema.get("type", "section")
    if kind == "array":
        return f"list of {_said(schema['items'])}" if "items" in schema else "list"
    if kind == "object":
        return "mapping"
    if schema.get("format") == "path":
        return "path"
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    word = {"integer": "whole number", "number": "number", "string": "text", "boolean": "true or false"}.get(kind, kind)
    bounds = [f"{'from' if 'minimum' in schema else 'above'} {low:g}"] if low is not None else []
    bounds += [f"{'to' if 'maximum' in schema else 'below'} {high:g}"] if high is not None else []
    return " ".join([word, *bounds])


def _inner(model: type[BaseModel], at: str) -> Iterator[tuple[str, type[BaseModel]]]:
    for name, field in model.model_fields.items():
        for inner, star in _models(field.annotation):
            where = f"{at}.{name}".lstrip(".") + star
            yield where, inner
            yield from _inner(inner, where)


def _models(annotation: Any, star: str = "") -> Iterator[tuple[type[BaseModel], str]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation, star
    of_names = getattr(annotation, "__origin__", None) is dict
    for part in get_args(annotation):
        yield from _models(part, ".NAME" if of_names else star)


def _summary(model: type[BaseModel]) -> list[str]:
    return [" ".join(model.__doc__.split()).replace("``", "`"), ""] if model.__doc__ else []


def _first(module: str) -> list[str]:
    import sys

    text = (sys.modules[module].__doc__ or "").split("\n\n")[0]
    return [" ".join(text.split()), ""]


PAGES = {"RESULTS.md": results, "STUDY.md": study}

if __name__ == "__main__":
    for page, write in PAGES.items():
        (HERE / page).write_text(write(), encoding="utf-8")
