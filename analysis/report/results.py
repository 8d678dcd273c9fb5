"""What the sections of a report are written from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl

from analysis.report.shown import Shown
from analysis.statistics.claims import Claim
from analysis.statistics.convergence import chosen_curves
from analysis.statistics.differences import differences
from analysis.statistics.goals import Goal
from analysis.statistics.label_efficiency import first_unit, label_efficiency
from analysis.statistics.points import METRICS, Placed, points
from analysis.statistics.search_audit import Spaces
from analysis.tables import StudyTables


@dataclass(frozen=True)
class Results(Shown):
    """A study's tables with what was asked of it.

    root: the study's folder, a path or URL. spec: the resolved study. planned: the factors of every planned cell.
    spaces: what each adaptation searched. metric, against: what curves are drawn of and differences taken from.
    claims, goals: what is examined beside them.
    """

    tables: StudyTables
    root: str
    spec: Mapping[str, Any]
    planned: Sequence[dict[str, Any]]
    spaces: Spaces
    metric: str
    against: str
    claims: Sequence[Claim] = ()
    goals: Sequence[Goal] = ()

    @cached_property
    def points(self) -> list[Placed]:
        """The points of all curves, in every unit, by every metric that is reported or asked for."""
        asked = {claim.metric for claim in self.claims} | {goal.metric for goal in self.goals}
        asked |= {name for name in self.tables.scores["metric"].unique() if name.startswith("sensitivity_at_")}
        return points(self.tables, metrics=[*METRICS, *sorted(asked - set(METRICS))])

    def points_of(self, metric: str) -> list[Placed]:
        """Those by one metric."""
        return [placed for placed in self.points if placed.metric == metric]

    @cached_property
    def everything(self) -> pl.DataFrame:
        """The label-efficiency table of `points`."""
        return label_efficiency([placed for placed in self.points if placed.metric in METRICS])

    @cached_property
    def scores(self) -> pl.DataFrame:
        """The label-efficiency table of the report's metric, by patient where patients are scored."""
        return first_unit(self.everything.filter(pl.col("metric") == self.metric))

    @cached_property
    def differences(self) -> pl.DataFrame:
        """Of each initialisation from each other, in the unit of `scores`."""
        return first_unit(differences(self.points, metric=self.metric))

    @cached_property
    def curves(self) -> pl.DataFrame:
        """The training curves of the chosen settings."""
        return chosen_curves(self.tables)
