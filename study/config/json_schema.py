"""The study file's JSON schema: what an editor needs to complete its keys and to mark what is not valid."""

from typing import Any

from study.config import PretrainedBy, Study
from trainables import adaptations, methods

Schema = dict[str, Any]


def schema() -> Schema:
    """The schema of a study file (JSON Schema 2020-12), with every method's and every adaptation's own settings.

    It knows the shape of each part. References from one part to another, and whether files exist, `labelcurve plan`
    checks.
    """
    whole = Study.model_json_schema()
    defs = whole["$defs"]
    del defs[PretrainedBy.__name__]
    for name in methods.names():
        own = methods.settings_class(name).model_json_schema()
        defs |= own.pop("$defs", {})
        defs[f"method_{name}"] = _entry(name, own)
    defs["any_method"] = {
        "type": "object",
        "required": ["method"],
        "properties": {"method": {"enum": methods.names()}},
        "allOf": [{"if": _names(name), "then": _ref(f"method_{name}")} for name in methods.names()],
    }
    entries = defs["Pretraining"]["properties"]["methods"]
    [pattern] = entries.pop("patternProperties")
    entries["propertyNames"] = {"pattern": pattern}
    entries["additionalProperties"] = _ref("any_method")
    entries["properties"] = {
        name: {"if": {"type": "object", "required": ["method"]}, "then": entries["additionalProperties"]}
        | {"else": _ref(f"method_{name}")}
        for name in methods.names()
    }
    for named in (whole["properties"]["tasks"], whole["properties"]["weights"]):
        named["additionalProperties"] = False  # what its pattern of names does not take
    asked = whole["properties"]["adaptations"]
    asked["properties"] = {name: _adaptation(asked["additionalProperties"], name) for name in adaptations.names()}
    asked["additionalProperties"] = False
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | whole | {"title": "Labelcurve study"}


def _entry(name: str, settings: Schema) -> Schema:
    """An entry of `pretraining.methods`: the settings of a method beside what every entry has; or nothing at all."""
    shared = PretrainedBy.model_json_schema()["properties"]
    del shared["settings"]
    return settings | {
        "title": name,
        "type": ["object", "null"],
        "properties": shared | {"method": {"const": name}} | settings["properties"],
    }


def _adaptation(general: Schema, name: str) -> Schema:
    """An adaptation, with settings and dimensions of a space among the hyperparameters that it has."""
    own = adaptations.get(name).hyperparameters
    values = {each: _value(hyperparameter) for each, hyperparameter in own.items()}
    settings = {"properties": values, "additionalProperties": False}
    return {"allOf": [general, {"properties": {"settings": settings, "space": {"propertyNames": {"enum": [*own]}}}}]}


def _value(of: adaptations.Hyperparameter) -> Schema:
    least = {"exclusiveMinimum" if of.open_low else "minimum": of.low}
    most = {"exclusiveMaximum" if of.open_high else "maximum": of.high} if of.high != float("inf") else {}
    kind = "integer" if isinstance(of.default, int) else "number"
    return {"type": kind, "default": of.default} | least | most


def _names(method: str) -> Schema:
    return {"properties": {"method": {"const": method}}, "required": ["method"]}


def _ref(definition: str) -> Schema:
    return {"$ref": f"#/$defs/{definition}"}
