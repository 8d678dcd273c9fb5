"""What a reporting checklist is made of."""

from dataclasses import dataclass

from analysis.report.methods_text import Sentence


@dataclass(frozen=True)
class Item:
    """number: the checklist's own. asks: what it asks for. known: sentences that answer it. section: the page's heading
    that answers it. authors: what is left for the authors to say, None where nothing is."""

    number: str
    asks: str
    known: tuple[Sentence, ...] = ()
    section: str | None = None
    authors: str | None = ""


@dataclass(frozen=True)
class Checklist:
    name: str
    reference: str
    items: tuple[Item, ...]
