"""The charts and tables that a page shows, kept to be written beside it."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from analysis.report import html
from analysis.report.cells import Notes
from analysis.report.figures import style
from analysis.report.saved import Figure, Table

NOTHING = html.Raw("")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """figures, written: the charts and tables made so far, by the names of their files."""

    figures: dict[str, Figure] = field(default_factory=dict)
    written: dict[str, Table] = field(default_factory=dict)

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
