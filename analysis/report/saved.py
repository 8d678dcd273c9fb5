"""Figures and tables of a page as files of their own: SVG and PNG, CSV and LaTeX."""

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING

from analysis.report.html import Raw

if TYPE_CHECKING:
    from analysis.report.shown import Shown
    from study.storage import Storage

SPECIAL = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "\N{RIGHTWARDS ARROW}": r"$\rightarrow$", "\n": " ",
}  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """A chart as it stands in the page, and on white."""

    svg: str
    png: bytes


@dataclass(frozen=True)
class Table:
    """A table's cells, text or HTML. numbers: the columns that stand right. notes: what letters in it stand for."""

    header: Sequence[str]
    rows: Sequence[Sequence[object]]
    caption: str = ""
    numbers: Collection[int] = ()
    notes: Mapping[str, str] = field(default_factory=dict)

    def csv(self) -> str:
        """The cells alone, without letters and notes."""
        written = io.StringIO()
        csv.writer(written, lineterminator="\n").writerows([self.header, *(map(plain, row) for row in self.rows)])
        return written.getvalue()

    def latex(self) -> str:
        """A table with the rules of the package booktabs, its letters' notes beneath."""
        columns = "".join("r" if k in self.numbers else "l" for k in range(len(self.header)))
        head, *body = [" & ".join(map(latex, row)) + r" \\" for row in (self.header, *self.rows)]
        notes = [rf"\textsuperscript{{{letter}}} {latex(note)}\\" for letter, note in self.notes.items()]
        lines = [
            r"% \usepackage{booktabs}", r"\begin{table}", r"\centering", rf"\caption{{{latex(self.caption)}}}",
            rf"\begin{{tabular}}{{{columns}}}", r"\toprule", head, r"\midrule", *body, r"\bottomrule", r"\end{tabular}",
            *([r"\par\smallskip\footnotesize", *notes] if notes else []), r"\end{table}",
        ]  # fmt: skip
        return "\n".join(lines) + "\n"


def plain(cell: object) -> str:
    """A cell as text; letters that point to a note below the table are left out."""
    if not isinstance(cell, Raw):
        return "" if cell is None else str(cell)
    return unescape(re.sub(r"<[^>]*>", "", re.sub(r"<sup>.*?</sup>", "", cell)))


def latex(cell: object) -> str:
    """A cell as LaTeX, with its letters."""
    letters = re.findall(r"<sup>(\w+)</sup>", cell) if isinstance(cell, Raw) else []
    escaped = "".join(SPECIAL.get(character, character) for character in plain(cell))
    return escaped + "".join(rf"\textsuperscript{{{letter}}}" for letter in letters)


def save(shown: "Shown", storage: "Storage") -> None:
    """Write what a page has shown beside it: figures/NAME.svg and .png, tables/NAME.csv and .tex."""
    for name, figure in shown.figures.items():
        storage.write_atomic(f"figures/{name}.svg", figure.svg.encode())
        storage.write_atomic(f"figures/{name}.png", figure.png)
    for name, table in shown.written.items():
        storage.write_atomic(f"tables/{name}.csv", table.csv().encode())
        storage.write_atomic(f"tables/{name}.tex", table.latex().encode())
