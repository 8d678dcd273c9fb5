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
    """The method; the entry's own name where left out."""
    start: str = "scratch"
    """What the run goes on from: scratch, another entry, or a weights file."""
    budget: Budget | None = None
    """As `pretraining.budget`, for this entry."""
    images: Count | None = None
    """As `pretraining.images`, for this entry."""
    device_seconds: Seconds | None = None
    """As `pretraining.device_seconds`, for this entry."""
    batch: Batch | None = None
    """As `pretraining.batch`, for this entry."""
    settings: dict[str, Any] = {}
    """The method's own settings, which stand beside these keys in the file."""

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
    """Pre-trained initialisations by name: a method's settings, or null for its defaults."""
    seeds: Count = 1
    """Encoders of each method."""
    budget: Budget = "images"
    """What ends a run: `images`, `device_seconds`, or `published`, the length of the method's own publication."""
    images: Count = 20_000
    """Source images that a run sees."""
    device_seconds: Seconds = 600
    """Seconds of training, summed over workers."""
    batch: Batch = 64
    """Source images a step, over all workers."""
    accumulate: Count = 1
    """Parts that a worker's share of a batch is computed in."""
    precision: Literal["auto", "float32"] = "auto"
    """`auto` takes bfloat16 where a GPU has it."""
    compile: bool = False
    """Whether torch compiles the backbone."""
    sync_batch_norm: bool = True
    """Whether batch norm goes over all workers."""
    probes: Annotated[int, Field(ge=0)] = 4
    """How often in a run labelled probes on the tasks' training patients are recorded; they decide nothing."""
    log_every: Count = 20
    """Steps between two rows of the log."""
    checkpoint_every: Count = 100
    """Steps between two checkpoints."""

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
