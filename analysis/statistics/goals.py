"""How many labels a wanted score needs, of each initialisation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from study.vocabulary import SMALLER_IS_BETTER, TASK

from .curves import Curves, curves, panels
from .label_efficiency import labels_paid
from .labels_needed import Labels, goal
from .point import THIS_TEST_SET, NothingShared
from .points import Placed, bounds_of


@dataclass(frozen=True)
class Goal:
    """A score that is wanted: at least of a metric of which more is better, at most of another."""

    score: float
    metric: str = "auc"
    task: str | None = None
    unit: str | None = None

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> "Goal":
        """Of a study file's entry."""
        score = asked["at_least"] if asked.get("at_least") is not None else asked["at_most"]
        return cls(score, asked.get("metric", "auc"), asked.get("task"), asked.get("unit"))


@dataclass(frozen=True)
class Needed:
    """The label counts with which an initialisation may have the goal's score in a panel (`labels`, None with the
    `reason`), and the patients that they come from; `tried`: the fewest and the most."""

    goal: Goal
    placed: Placed
    initialisation: str
    labels: Labels | None
    tried: tuple[float, float]
    patients: tuple[float | None, float | None] = (None, None)
    target: str | None = None
    reason: str | None = None

    @property
    def words(self) -> str:
        """The answer, no stronger than the set."""
        if self.labels is None:
            return f"cannot be said: {self.reason}"
        first, last = (f"{n:.0f}" for n in self.tried)
        if self.labels.empty:
            return f"fewer than {first}" if self._reached else f"not within {last}"
        low, high = self.labels.low, self.labels.high
        if low is None and high is None:
            return f"cannot be told between {first} and {last}"
        if low is None:
            return f"at most {high:.0f}"
        return f"at least {low:.0f}" if high is None else f"between {low:.0f} and {high:.0f}"

    @property
    def _reached(self) -> bool:
        assert self.labels is not None
        return self.labels.above != (self.goal.metric in SMALLER_IS_BETTER)


def needed(points: Sequence[Placed], goal: Goal) -> list[Needed]:
    """One for each panel that the goal is about and each initialisation there; points: of its metric at least."""
    here = [panel for panel in panels(points).values() if _is_about(goal, panel[0])]
    patients = {panel[0].factors[TASK] for panel in here if panel[0].unit != "image"}
    if goal.unit is None:
        here = [panel for panel in here if (panel[0].unit != "image") == (panel[0].factors[TASK] in patients)]
    return [
        _needed(panel, name, goal) for panel in here for name in dict.fromkeys(p.initialisation for p in panel)
    ]  # fmt: skip


def _is_about(goal: Goal, first: Placed) -> bool:
    return first.metric == goal.metric and goal.task in (None, first.factors[TASK]) and goal.unit in (None, first.unit)


def _needed(panel: Sequence[Placed], name: str, wanted: Goal) -> Needed:
    own = [p for p in panel if p.initialisation == name]
    counts = [float(np.median(labels_paid(p.runs))) for p in own]
    nothing = Needed(wanted, own[0], name, None, (min(counts), max(counts)))
    try:
        curve = curves(panel, [name])
    except NothingShared:
        return _because(nothing, "its sizes share no draw")
    if curve is None:
        return _because(nothing, "a curve takes two sizes")
    if len(curve.joint.draws) < 2:
        return _because(nothing, "one draw has no interval")
    if curve.joint.target.startswith(THIS_TEST_SET):
        return _because(nothing, f"the interval is about this test set alone ({curve.joint.reason})")
    found = goal(curve, name, wanted.score, bounds_of(wanted.metric))
    tried = (float(curve.labels[0]), float(curve.labels[-1]))
    return Needed(wanted, own[0], name, found, tried, _patients(curve, found), curve.joint.target)


def _because(nothing: Needed, reason: str) -> Needed:
    return Needed(nothing.goal, nothing.placed, nothing.initialisation, None, nothing.tried, reason=reason)


def _patients(curve: Curves, found: Labels) -> tuple[float | None, float | None]:
    ends = (found.low, found.high)
    return tuple(None if end is None else curve.patients_at(end) for end in ends)  # type: ignore[return-value]
