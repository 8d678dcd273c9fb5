"""What the sections of a report are written from."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import Any

import polars as pl

from analysis.report import html
from analysis.report.cells import Notes
from analysis.report.figures import style
from analysis.report.saved import Figure, Table
from analysis.statistics.claims import Claim
from analysis.statistics.convergence import chosen_curves
from analysis.statistics.differences import differences
from analysis.statistics.goals import Goal
from analysis.statistics.label_efficiency import first_unit, label_efficiency
from analysis.statistics.points import METRICS, Placed, points
from analysis.statistics.search_audit import Spaces
from analysis.tables import StudyTables

NOTHING = html.Raw("")


@dataclass(frozen=True)
class Results:
    """A study's tables with what was asked of it.

    root: the study's folder, a path or URL. spec: the resolved study. planned: the factors of every planned cell.
    spaces: what each adaptation searched. metric, against: what curves are drawn of and differences taken from.
    claims, goals: what is examined beside them. figures, written: the charts and tables made so far, by name.
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
    figures: dict[str, Figure] = field(default_factory=dict)
    written: dict[str, Table] = field(default_factory=dict)

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

    def figure(self, name: str, chart: Any | None, caption: str, controls: html.Raw = NOTHING) -> html.Raw:
        """A chart in the page, kept under its name; nothing where there is none."""
        if chart is None:
            return NOTHING
        drawn = style.svg(chart)
        self.figures[name] = Figure(drawn, style.png(chart))
        return html.chart(name, drawn, style.spec(chart), caption, controls)

    def table(
        self,
        name: str,
        header: Sequence[str],
        rows: Iterable[Sequence[object]],
        *,
        numbers: set[int],
        group: int | None = None,
        caption: str | None = None,
        notes: Notes | None = None,
    ) -> html.Raw:
        """A table in the page, kept under a file's name made of `name`; see `html.table`. notes: what its letters stand
        for, below it."""
        file, words = self._free(name), caption or name.replace("_", " ").capitalize()
        kept = Table(list(header), [list(row) for row in rows], words, numbers, notes.by_letter() if notes else {})
        self.written[file] = kept
        shown = html.table(header, kept.rows, caption=words, numbers=numbers, group=group, name=file)
        return html.Raw(shown + notes.html()) if notes else shown

    def _free(self, name: str) -> str:
        """A file's name that no table of the page has yet."""
        plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "table"
        taken = (f"{plain}_{k}" if k else plain for k in count())
        return next(each for each in taken if each not in self.written)
