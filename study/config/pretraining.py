"""Methods, their budgets, and what their encoders begin with."""

from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    field_validator,
    model_serializer,
)

from study.fields import Batch, Count, Name, Seconds, StrictConfig
from trainables.methods import validate_settings

Budget = Literal["images", "device_seconds", "published"]


class PretrainedBy(StrictConfig):
    """One pre-trained initialisation: what of `Pretraining` it overrides, and where its weights begin.

    In the file the method's settings stand beside these keys; `method` may be left out where the name says it.
    """

    method: str
    start: str = "scratch"
    budget: Budget | None = None
    images: Count | None = None
    device_seconds: Seconds | None = None
    batch: Batch | None = None
    settings: dict[str, Any] = {}

    @classmethod
    def written(cls, name: str, given: Any) -> dict[str, Any]:
        """An entry as it stands in the file, with the method's settings apart, checked and complete."""
        if not isinstance(given, dict | None):
            raise ValueError(f"pretraining.methods.{name}: must be a mapping of settings, but it is {given!r}")
        given = given or {}
        own = {key: given[key] for key in cls.model_fields.keys() & given.keys() - {"settings"}}
        method = own.setdefault("method", name)
        rest = {key: value for key, value in given.items() if key not in own}
        return own | {"settings": validate_settings(str(method), rest, entry=name)}

    @model_serializer
    def _as_written(self) -> dict[str, Any]:
        own = {key: getattr(self, key) for key in type(self).model_fields if key != "settings"}
        return {key: value for key, value in own.items() if value is not None} | self.settings


class Pretraining(StrictConfig):
    """One budget for every method: source images, device seconds, or the length of each method's publication.

    `probes`: so many times in a run, labelled probes on the tasks' training patients are recorded; they decide nothing.
    """

    methods: dict[Name, PretrainedBy] = {}
    seeds: Count = 1
    budget: Budget = "images"
    images: Count = 20_000
    device_seconds: Seconds = 600
    batch: Batch = 64
    accumulate: Count = 1
    precision: Literal["auto", "float32"] = "auto"
    compile: bool = False
    sync_batch_norm: bool = True
    probes: Annotated[int, Field(ge=0)] = 4
    log_every: Count = 20
    checkpoint_every: Count = 100

    @field_validator("methods", mode="before")
    @classmethod
    def _resolved(cls, methods: Any) -> Any:
        if not isinstance(methods, dict):
            return methods
        return {name: PretrainedBy.written(name, entry) for name, entry in methods.items()}

    def batch_of(self, name: str) -> int:
        return self.methods[name].batch or self.batch

    def budget_of(self, name: str) -> dict[str, float]:
        """What the run of an entry may spend: `{"images": n}`, `{"device_seconds": s}` or `{"epochs": n}`."""
        entry = self.methods[name]
        kind = entry.budget or self.budget
        if kind == "images":
            return {"images": entry.images or self.images}
        if kind == "device_seconds":
            return {"device_seconds": entry.device_seconds or self.device_seconds}
        return {"epochs": entry.settings["published_epochs"]}
