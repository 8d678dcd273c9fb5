"""The study file: what a user may ask, and what stands where nothing was said."""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    StringConstraints,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic_core import core_schema

from trainables.methods import validate_settings

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


class Strict(BaseModel):
    """Unknown keys are refused: a misspelt setting must never fall back to a default in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class PhantomSettings(Strict):
    """Synthetic CT: anatomy, noise, and a labelled finding of a given visibility (0 hidden, 1 plain)."""

    patients: Count = 40
    slices: Count = 8
    size: Annotated[int, Field(ge=32)] = 96
    visibility: Annotated[float, Field(ge=0, le=1)] = 0.5
    prevalence: Annotated[float, Field(gt=0, lt=1)] = 0.5
    labelled_patients: Count = 120
    labelled_slices: Count = 3
    seed: int = 0


class CorpusSource(Strict):
    """One origin of unlabelled slices: a DICOM folder or a phantom."""

    dicom: Path | None = None
    phantom: PhantomSettings | None = None


class Corpus(Strict):
    """Unlabelled images: DICOM folders, a phantom, and the training images of tasks."""

    dicom: list[Path] = []
    phantom: PhantomSettings | None = None
    task_images: list[Name] = []

    def sources(self) -> list[CorpusSource]:
        folders = [CorpusSource(dicom=folder) for folder in self.dicom]
        return [*folders, CorpusSource(phantom=self.phantom)] if self.phantom else folders


class External(Strict):
    """A further test set of a task's classes: an image folder with a CSV of which every row is tested."""

    images: Path
    labels: Path


class Task(Strict):
    """A labelled set: an image folder with a CSV (``file,label[,patient][,split]``), an archive, or a phantom's.

    ``npz``: a NumPy archive of {train,val,test}_{images,labels}, as MedMNIST publishes them; its roles are kept.
    ``findings``: columns of the CSV that hold 0 or 1 each, in place of ``label``: a multi-label task. ``outer_folds``:
    where no test set can be spared, every patient is tested once, in a fold whose pool is all others.
    """

    images: Path | None = None
    labels: Path | None = None
    npz: Path | None = None
    phantom: PhantomSettings | None = None
    positive: str | None = None
    findings: Annotated[list[str], Field(min_length=2)] | None = None
    outer_folds: Annotated[int, Field(ge=2)] | None = None
    external: dict[Name, External] = {}
    test_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.3
    val_fraction: Annotated[float, Field(gt=0, lt=1)] = 0.25

    @model_validator(mode="after")
    def _one_source(self) -> "Task":
        folder, others = (self.images, self.labels), (self.npz, self.phantom)
        sources = [any(folder), *(other is not None for other in others)]
        if sum(sources) != 1 or any(folder) != all(folder):
            raise ValueError("give either `images` and `labels`, or `npz`, or `phantom`")
        if self.findings and not self.labels:
            raise ValueError("`findings` are columns of a labels CSV; an archive's are the columns of its labels")
        if self.findings and self.positive:
            raise ValueError("every one of several `findings` has its own positive; leave `positive` out")
        if self.outer_folds and self.npz:
            raise ValueError("an archive has a test set of its own; leave `outer_folds` out")
        if self.external and self.phantom:
            raise ValueError("a phantom has no `external` test sets: its pseudonym key is public")
        if "test" in self.external:
            raise ValueError("`test` is the name of the task's own test set; give the external one another")
        return self


Budget = Literal["images", "device_seconds", "published"]


class PretrainedBy(Strict):
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


class Pretraining(Strict):
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


class Range(Strict):
    """One dimension of a search space: a range ``low``..``high``, or ``choices``.

    ``when: {release_epoch: [0]}``: it exists only where that other dimension has one of these values; elsewhere the
    adaptation's setting or default holds.
    """

    choices: list[int | float | str] | None = None
    low: float | None = None
    high: float | None = None
    log: bool = False
    when: dict[str, list[int | float | str]] | None = None
    int: bool = False  # last, since it hides the type

    @model_validator(mode="after")
    def _range_or_choices(self) -> "Range":
        if self.choices is not None:
            if self.low is not None or self.high is not None or not self.choices:
                raise ValueError("give either `low` and `high`, or a list of `choices`")
        elif self.low is None or self.high is None or self.low >= self.high:
            raise ValueError("give `low` and `high` with low < high, or a list of `choices`")
        elif self.log and self.low <= 0:
            raise ValueError("a range with `log: true` needs low > 0")
        return self


class Sizes(Strict):
    """How many labels a subset holds: shares of the labels that could be paid for, counts, or shots.

    ``shots``: so many training patients of each class, which are images where each image is its own patient, with the
    validation patients that belong to them. ``impossible``: what becomes of a size that would lack a class in some
    draw of a task.
    """

    share: list[Share] = []
    count: list[Count] = []
    shots: list[Count] = []
    impossible: Literal["refuse", "leave_out"] = "refuse"

    @model_validator(mode="after")
    def _some(self) -> "Sizes":
        if not self.share and not self.count and not self.shots:
            raise ValueError("give at least one size under `share` (0 to 1), `count` (labels) or `shots` (a class)")
        return self


class Pruning(Strict):
    """Optuna's median pruner: ended trials it waits for, and epochs of grace, counted from the encoder's release.

    Below `min_val_images` validation images nothing is pruned, since their scores at an epoch say too little: with 20
    images a class the standard error of an AUC is about 0.09. `audit`: this share of the pruned trials is finished
    all the same, so that the report can say what pruning costs; the search does not see how they end.
    """

    enabled: bool = True
    startup_trials: Annotated[int, Field(ge=0)] = 3
    warmup_epochs: Annotated[int, Field(ge=0)] = 3
    min_val_images: Annotated[int, Field(ge=0)] = 40
    audit: Annotated[float, Field(ge=0, le=1)] = 0.1


class Search(Strict):
    """How settings are proposed: by Optuna's sampler of this name, after so many trials at random.

    A cell's trials run one after another, or, where there are fewer cells than slots, `generation` at a time: those do
    not see how the others of their generation end. `gp` and `cmaes` work on numbers and draw `choices` and dimensions
    with a condition at random; `cmaes` needs the package of that name.
    """

    sampler: Literal["tpe", "random", "gp", "cmaes"] = "tpe"
    random_trials: Annotated[int, Field(ge=0)] = 5
    generation: Count = 1


class Updates(Strict):
    """A length in optimizer updates, equal at all sizes."""

    updates: Count


class Adaptation(Strict):
    """How encoders are put to a task, on which grid, and with what search budget.

    ``validation``: ``paid`` out of the label budget, ``full`` (the task's whole validation set, unpaid) or ``cv``
    (cross-validation inside the subset). ``length``: ``epochs`` or ``{updates: n}``. ``label_noise``: the rate of
    flipped labels among those paid for. ``imbalance``: ratio of the largest class to the smallest in training.
    Several levels of one of these make it a factor of the grid.
    """

    sizes: Sizes
    validation: Levels[Literal["paid", "full", "cv"]] = ["paid"]
    length: Levels[Literal["epochs"] | Updates] = ["epochs"]
    label_noise: Levels[Annotated[float, Field(ge=0, lt=1)]] = [0.0]
    imbalance: Levels[Annotated[float, Field(ge=1)] | None] = [None]
    draws: Count = 3
    trials: Count = 10
    finals: Count = 3
    epochs: Count = 30
    search: Search = Search()
    pruning: Pruning = Pruning()
    settings: dict[str, float | int] = {}
    space: dict[str, Range] | None = None

    def plain_space(self) -> dict[str, dict[str, Any]] | None:
        """The space in plain values; None where the adaptation's own is searched."""
        if self.space is None:
            return None
        return {name: dimension.model_dump(exclude_none=True) for name, dimension in self.space.items()}


class Selection(Strict):
    """With fewer validation patients a class than ``min_val_patients``, a cell runs as ``otherwise`` says: with default
    settings, unsearched, or with a search judged by cross-validation inside its subset, if that has so many.

    ``folds``: of every cross-validation inside a subset, fewer where a class has fewer patients.
    """

    min_val_patients: Annotated[int, Field(ge=1)] = 3
    otherwise: Literal["defaults", "cv"] = "defaults"
    folds: Annotated[int, Field(ge=2)] = 5
    objective: Literal["auc", "log_loss"] = "auc"


class Scoring(Strict):
    """``specificity``: at which sensitivity is told. ``patient``: its images' mean score or their largest."""

    specificity: Annotated[float, Field(gt=0, lt=1)] = 0.9
    patient: Literal["mean", "max"] = "mean"


class Slot(Strict):
    """What one worker holds. ``workers`` counts for pre-training alone."""

    workers: Count = 1
    cpus: Annotated[int, Field(ge=1)] = 1
    gpus: Annotated[float, Field(ge=0)] = 0


class TrialSlot(Slot):
    """What a trial or a final run holds, and when it is given up.

    `timeout`: seconds without a report, which comes once an epoch; the default is for runs that hang, and null waits
    for ever. `memory`: GiB that its process may hold, libraries included (0.5 to 1 of them); without it Ray ends
    processes when the machine's memory runs out. Linux holds to it, other systems may not.
    """

    timeout: Seconds | None = 21_600
    memory: Annotated[float, Field(gt=0)] | None = None


class Resources(Strict):
    pretraining: Slot = Slot(cpus=2)
    trial: TrialSlot = TrialSlot()
    storage: str | None = None


class Claim(Strict):
    """That an initialisation scores less than ``margin`` below another; of all adaptations, or of the one named."""

    initialisation: str
    not_worse_than: str
    margin: Annotated[float, Field(gt=0)]
    metric: str = "auc"
    adaptation: str | None = None


class Study(Strict):
    """One study file, resolved.

    `weights`: files by the name of their initialisation, or `timm:<name>.<tag>`, which timm downloads (`timm:` alone:
    what it gives the backbone by default).
    """

    name: Name
    seed: int = 0
    data: Path | None = None
    backbone: str = "resnet18"
    image_size: Annotated[int, Field(ge=32, le=1024)] = 64
    window: tuple[float, float] = (-1000.0, 1000.0)
    corpus: Corpus = Corpus()
    tasks: Annotated[dict[Name, Task], Field(min_length=1)]
    pretraining: Pretraining = Pretraining()
    weights: dict[Name, str] = {}
    initialisations: list[str] | None = None
    adaptations: Annotated[dict[str, Adaptation], Field(min_length=1)]
    selection: Selection = Selection()
    scoring: Scoring = Scoring()
    claims: list[Claim] = []
    resources: Resources = Resources()
    track: Literal["aim"] | None = None

    def compared(self) -> list[str]:
        """The initialisations that the study compares, in the order in which reports show them."""
        return self.initialisations or ["scratch", *self.pretraining.methods, *self.weights]
