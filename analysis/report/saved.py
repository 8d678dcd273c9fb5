"""Figures and tables of a page as files of their own: SVG and PNG, CSV and LaTeX."""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING

from analysis.report.html import Raw

if TYPE_CHECKING:
    from analysis.report.results import Results
    from study.storage import Storage

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
}  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """A chart as it stands in the page, and on white."""

    svg: str
    png: bytes


@dataclass(frozen=True)
class Table:
    """A table's cells, text or HTML."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]

    def csv(self) -> str:
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows([self.header, *(map(plain, row) for row in self.rows)])
        return written.getvalue()

    def latex(self) -> str:
        """A tabular with the rules of the package booktabs."""
        lines = [" & ".join(_escaped(plain(cell)) for cell in row) + r" \\" for row in (self.header, *self.rows)]
        head, *body = lines
        start = f"\\begin{{tabular}}{{{'l' * len(self.header)}}}"
        ruled = [start, r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}"]
        return "\n".join(ruled) + "\n"


def plain(cell: object) -> str:
    """A cell as text; letters that point to a note below the table are left out."""
    if not isinstance(cell, Raw):
        return "" if cell is None else str(cell)
    return unescape(re.sub(r"<[^>]*>", "", re.sub(r"<sup>.*?</sup>", "", cell)))


def save(results: "Results", storage: "Storage") -> None:
    """Write what a page has shown beside it: figures/NAME.svg and .png, tables/NAME.csv and .tex."""
    for name, figure in results.figures.items():
        storage.write_atomic(f"figures/{name}.svg", figure.svg.encode())
        storage.write_atomic(f"figures/{name}.png", figure.png)
    for name, table in results.written.items():
        storage.write_atomic(f"tables/{name}.csv", table.csv().encode())
        storage.write_atomic(f"tables/{name}.tex", table.latex().encode())


def _escaped(text: str) -> str:
    return "".join(SPECIAL.get(character, character) for character in text)
