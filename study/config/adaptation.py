"""How encoders are put to tasks: grid, search, pruning, selection, scoring."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from study.fields import Count, Levels, Share, StrictConfig
from study.vocabulary import Objective


class Range(StrictConfig):
    """One dimension of a search space: a range ``low``..``high``, or ``choices``.

    ``when: {release_epoch: [0]}``: it exists only where that other dimension has one of these values; elsewhere the
    adaptation's setting or default holds.
    """

    choices: list[int | float | str] | None = None
    """Values to choose from."""
    low: float | None = None
    """Smallest value."""
    high: float | None = None
    """Largest value."""
    log: bool = False
    """Whether to search on a logarithmic scale."""
    when: dict[str, list[int | float | str]] | None = None
    """Other dimensions and the values of theirs beside which this one exists."""
    int: bool = False  # last, since it hides the type
    """Whether values are whole numbers."""

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


class Sizes(StrictConfig):
    """How many labels a subset holds: shares of the labels that could be paid for, counts, or shots.

    ``shots``: so many training patients of each class, which are images where each image is its own patient, with the
    validation patients that belong to them. ``impossible``: what becomes of a size that would lack a class in some
    draw of a task.
    """

    share: list[Share] = []
    """Shares of the labels that could be paid for."""
    count: list[Count] = []
    """Numbers of labels, training and validation together."""
    shots: list[Count] = []
    """Training patients of each class."""
    impossible: Literal["refuse", "leave_out"] = "refuse"
    """Whether a size that would lack a class is refused or left out."""

    @model_validator(mode="after")
    def _some(self) -> "Sizes":
        if not self.share and not self.count and not self.shots:
            raise ValueError("give at least one size under `share` (0 to 1), `count` (labels) or `shots` (a class)")
        return self


class PruningConfig(StrictConfig):
    """Optuna's median pruner: ended trials it waits for, and epochs of grace, counted from the encoder's release.

    Below `min_val_images` validation images nothing is pruned, since their scores at an epoch say too little: with 20
    images a class the standard error of an AUC is about 0.09. `audit`: this share of the pruned trials is finished
    all the same, so that the report can say what pruning costs; the search does not see how they end.
    """

    enabled: bool = True
    """Whether hopeless trials are ended early."""
    startup_trials: Annotated[int, Field(ge=0)] = 3
    """Ended trials of the cell that it waits for."""
    warmup_epochs: Annotated[int, Field(ge=0)] = 3
    """Epochs of grace, counted from the encoder's release."""
    min_val_images: Annotated[int, Field(ge=0)] = 40
    """Below so many validation images nothing is pruned."""
    audit: Annotated[float, Field(ge=0, le=1)] = 0.1
    """Share of the pruned trials that is finished all the same."""


class SearchConfig(StrictConfig):
    """How settings are proposed: by Optuna's sampler of this name, after so many trials at random.

    A cell's trials run one after another, or, where there are fewer cells than slots, `generation` at a time: those do
    not see how the others of their generation end. `gp` and `cmaes` work on numbers and draw `choices` and dimensions
    with a condition at random; `cmaes` needs the package of that name.
    """

    sampler: Literal["tpe", "random", "gp", "cmaes"] = "tpe"
    """Optuna's sampler."""
    random_trials: Annotated[int, Field(ge=0)] = 5
    """Trials at random before it."""
    generation: Count = 1
    """Trials of a cell that run side by side, without seeing each other."""


class Updates(StrictConfig):
    """A length in optimizer updates, equal at all sizes."""

    updates: Count
    """Optimizer updates in all."""


class AdaptationConfig(StrictConfig):
    """How encoders are put to a task, on which grid, and with what search budget.

    ``validation``: ``paid`` out of the label budget, ``full`` (the task's whole validation set, unpaid) or ``cv``
    (cross-validation inside the subset). ``length``: ``epochs`` or ``{updates: n}``. ``label_noise``: the rate of
    flipped labels among those paid for. ``imbalance``: ratio of the largest class to the smallest in training.
    Several levels of one of these make it a factor of the grid.
    """

    sizes: Sizes
    """How many labels a subset holds."""
    validation: Levels[Literal["paid", "full", "cv"]] = ["paid"]
    """Who pays for validation images: `paid` out of the label budget, `full` (all of the task's, unpaid) or `cv`
    (cross-validation inside the subset)."""
    length: Levels[Literal["epochs"] | Updates] = ["epochs"]
    """`epochs`, or `{updates: n}`."""
    label_noise: Levels[Annotated[float, Field(ge=0, lt=1)]] = [0.0]
    """Rates of flipped labels among those paid for."""
    imbalance: Levels[Annotated[float, Field(ge=1)] | None] = [None]
    """Ratios of the largest class to the smallest in training."""
    draws: Count = 3
    """Random orders of the training patients."""
    trials: Count = 10
    """Of a cell's search."""
    finals: Count = 3
    """Final runs of a cell, each with a fresh seed."""
    epochs: Count = 30
    """Of a trial and a final run; judgements, where the length is in updates."""
    search: SearchConfig = SearchConfig()
    """How settings are proposed."""
    pruning: PruningConfig = PruningConfig()
    """When a trial is ended early."""
    settings: dict[str, float | int] = {}
    """Hyperparameters that are fixed, in place of the adaptation's defaults."""
    space: dict[str, Range] | None = None
    """What is searched, in place of the adaptation's own space."""

    def plain_space(self) -> dict[str, dict[str, Any]] | None:
        """The space in plain values; None where the adaptation's own is searched."""
        if self.space is None:
            return None
        return {name: dimension.model_dump(exclude_none=True) for name, dimension in self.space.items()}


class Selection(StrictConfig):
    """With fewer validation patients a class than ``min_val_patients``, a cell runs as ``otherwise`` says: with default
    settings, unsearched, or with a search judged by cross-validation inside its subset, if that has so many.

    ``folds``: of every cross-validation inside a subset, fewer where a class has fewer patients.
    """

    min_val_patients: Annotated[int, Field(ge=1)] = 3
    """Validation patients a class that a search needs."""
    otherwise: Literal["defaults", "cv"] = "defaults"
    """What a cell with fewer does: default settings, or cross-validation inside its subset."""
    folds: Annotated[int, Field(ge=2)] = 5
    """Of every cross-validation inside a subset."""
    objective: Objective = "auc"
    """What a trial is chosen by."""


class Scoring(StrictConfig):
    """``specificity``: at which sensitivity is told. ``patient``: its images' mean score or their largest."""

    specificity: Annotated[float, Field(gt=0, lt=1)] = 0.9
    """At which sensitivity is told."""
    patient: Literal["mean", "max"] = "mean"
    """A patient's score: the mean of the images', or the largest."""
