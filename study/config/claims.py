"""What a study sets out to show: the scores it wants, and what it claims of its initialisations."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from study.fields import StrictConfig
from study.vocabulary import Unit

NEEDS_A_MARGIN = ("non_inferior", "equivalent")
TWO_SIZES = ("difference", "non_inferior", "equivalent", "saves_labels")
NEEDS_LABELS = ("saves_labels", "crosses_below")


class GoalConfig(StrictConfig):
    """A score for which the report says how many labels it needs."""

    metric: str = "auc"
    """What is scored."""
    at_least: float | None = None
    """The score, of a metric of which more is better."""
    at_most: float | None = None
    """The score, of a metric of which less is better."""
    task: str | None = None
    """The task it is wanted of; every task where none is named."""
    unit: Unit | None = None
    """What is scored: `patient` or `image`; patients wherever they are scored if neither is named."""

    @model_validator(mode="after")
    def _one_score(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("a goal is one of `at_least` and `at_most`")
        return self


class ClaimConfig(StrictConfig):
    """Something claimed of one initialisation against another, for the report to support, to refute or to leave open.

    Forms: `difference` (better by more than the margin), `non_inferior` (worse by less than it), `equivalent` (neither
    better nor worse by it), `saves_labels` (reaches with `labels` what the other reaches with `against_labels`),
    `more_robust` (loses less from the most labels down to `labels`), `crosses_below` (better with the fewest labels,
    worse from `labels` on). Numbers of labels are counts, or shares of the most labels where they are at most 1.
    """

    form: Literal["difference", "non_inferior", "equivalent", "saves_labels", "more_robust", "crosses_below"] = (
        "non_inferior"
    )
    """What is claimed."""
    initialisation: str
    """Of which it is claimed."""
    against: str | None = None
    """The one that it is compared with."""
    not_worse_than: str | None = None
    """Short for `form: non_inferior` and `against`."""
    margin: Annotated[float, Field(ge=0)] = 0.0
    """In the metric's own units; more than 0 for `non_inferior` and `equivalent`."""
    metric: str = "auc"
    """What is compared."""
    unit: Unit | None = None
    """What is scored: `patient` or `image`; patients wherever they are scored if neither is named."""
    task: str | None = None
    """The task that the claim is about; each of the study's where none is named."""
    adaptation: str | None = None
    """The adaptation that the claim is about; each of the study's where none is named."""
    labels: Annotated[float, Field(gt=0)] | None = None
    """With how many labels; where none are named, the mean over the whole curve, and for `more_robust` the fewest."""
    against_labels: Annotated[float, Field(gt=0)] | None = None
    """With how many labels the other one; as many where none are named, and the most for `saves_labels`."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if (self.against is None) == (self.not_worse_than is None):
            raise ValueError("a claim names the other initialisation once, as `against`")
        if self.not_worse_than is not None and self.form != "non_inferior":
            raise ValueError(f"not_worse_than: a claim of form {self.form} names the other one as `against`")
        if self.form in NEEDS_A_MARGIN and not self.margin:
            raise ValueError(f"margin: a claim of form {self.form} needs one, in units of {self.metric}")
        if self.form in NEEDS_LABELS and self.labels is None:
            raise ValueError(f"labels: a claim of form {self.form} needs a number of labels")
        if self.against_labels is not None and (self.form not in TWO_SIZES or self.labels is None):
            raise ValueError(f"against_labels: not of a claim of form {self.form}, or not without `labels`")
        return self

    @property
    def other(self) -> str:
        return self.against or self.not_worse_than or ""
