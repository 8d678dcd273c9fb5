"""How numbers stand in a table of the report, with letters for what has to be said of them."""

from analysis.report import html
from analysis.report.html import Raw


class Notes:
    """Letters in a table and what they stand for."""

    def __init__(self) -> None:
        self.letters: dict[str, str] = {}

    def mark(self, note: str | None) -> Raw:
        if not note:
            return Raw("")
        return html.tag("sup", self.letters.setdefault(note, _letter(len(self.letters))))

    def by_letter(self) -> dict[str, str]:
        return {letter: note for note, letter in self.letters.items()}

    def html(self) -> Raw:
        lines = (Raw(html.tag("sup", letter) + " " + html.text(note)) for note, letter in self.letters.items())
        return html.paragraph(Raw("; ".join(lines) + "."), class_="note") if self.letters else Raw("")


def labels(r: dict) -> str:
    same = r["n_labels_min"] == r["n_labels_max"]
    return f"{r['n_labels']:.0f}" if same else f"{r['n_labels']:.0f} ({r['n_labels_min']}-{r['n_labels_max']})"


def interval(r: dict, notes: Notes, sign: str = "") -> Raw:
    note = "; ".join(part for part in (r["target"] and f"target: {r['target']}", r["reason"]) if part)
    if r["low"] is None:
        return Raw("none" + notes.mark(note))
    return Raw(html.text(f"{r['low']:{sign}.3f} to {r['high']:{sign}.3f}") + notes.mark(note))


def _letter(k: int) -> str:
    return chr(ord("a") + k % 26) * (k // 26 + 1)


def number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"
