"""Pieces of a self-contained HTML page. Everything that comes in as text is escaped here."""

import base64
from collections.abc import Iterable, Sequence
from html import escape

CSS = """
:root { --ink:#1f2428; --quiet:#5c6670; --line:#dfe3e7; --wash:#f6f7f8; --accent:#0b5a8f; }
* { box-sizing:border-box; }
html { -webkit-text-size-adjust:100%; }
body { margin:0; color:var(--ink); background:#fff; line-height:1.55;
  font:17px/1.55 Charter,"Bitstream Charter","Sitka Text",Cambria,Georgia,serif; }
main { max-width:58rem; margin:0 auto; padding:2.5rem 1.25rem 5rem; }
h1,h2,h3,th,.eyebrow,figcaption,.note,table,nav { font-family:system-ui,-apple-system,"Segoe UI",Roboto,sans-serif; }
h1 { font-size:2rem; line-height:1.15; margin:.2rem 0 .6rem; letter-spacing:-.01em; }
h2 { font-size:1.3rem; margin:3rem 0 .8rem; padding-top:1.2rem; border-top:1px solid var(--line); }
h3 { font-size:1rem; margin:1.6rem 0 .4rem; }
p,ul { max-width:44rem; margin:.5rem 0; }
ul { padding-left:1.2rem; } li { margin:.2rem 0; }
.eyebrow { color:var(--accent); font-size:.8rem; font-weight:600; letter-spacing:.06em; text-transform:uppercase; }
.lead { font-size:1.15rem; color:var(--quiet); }
.note { font-size:.82rem; color:var(--quiet); max-width:52rem; }
.warn { border-left:4px solid #d08700; background:#fff8e6; padding:.6rem .9rem; border-radius:0 4px 4px 0; }
.answer { background:var(--wash); border-radius:6px; padding:.4rem 1.1rem .7rem; margin:1rem 0; }
figure { margin:1.2rem 0; } figure img { width:100%; height:auto; display:block; }
figcaption { font-size:.85rem; color:var(--quiet); margin-top:.5rem; max-width:52rem; }
.scroll { overflow-x:auto; margin:.8rem 0; }
table { border-collapse:collapse; font-size:.86rem; font-variant-numeric:tabular-nums; width:100%; }
th { text-align:left; font-weight:600; color:var(--quiet); border-bottom:1.5px solid var(--ink); }
th,td { padding:.32rem .7rem .32rem 0; vertical-align:top; } td { border-bottom:1px solid var(--line); }
.number { text-align:right; white-space:nowrap; } tr.start td { border-top:1.5px solid #b9c0c7; }
sup { font-size:.72em; color:var(--accent); }
pre { background:var(--wash); border-radius:6px; padding:.9rem 1rem; overflow-x:auto; font-size:.8rem;
  line-height:1.45; }
details summary { cursor:pointer; font-family:system-ui,sans-serif; }
@media (max-width:600px) { body { font-size:16px; } h1 { font-size:1.55rem; } main { padding-top:1.5rem; } }
@media print { main { max-width:none; } h2 { break-after:avoid; } figure,table { break-inside:avoid; } }
"""


class Raw(str):
    """HTML made by this module; anything else is text and is escaped."""


def text(value: object) -> Raw:
    return value if isinstance(value, Raw) else Raw(escape("" if value is None else str(value)))


def tag(name: str, *inside: object, **attributes: str) -> Raw:
    """<name attributes>inside</name>; `class_` stands for class."""
    named = "".join(f' {key.rstrip("_")}="{escape(value)}"' for key, value in attributes.items())
    return Raw(f"<{name}{named}>{''.join(map(text, inside))}</{name}>")


def paragraph(*inside: object, class_: str | None = None) -> Raw:
    return tag("p", *inside, **({"class_": class_} if class_ else {}))


def bullets(lines: Iterable[object]) -> Raw:
    return tag("ul", *(tag("li", line) for line in lines))


def image(png: bytes, caption: str, alt: str) -> Raw:
    """A figure with its PNG inside the page."""
    source = "data:image/png;base64," + base64.b64encode(png).decode()
    return tag("figure", Raw(f'<img src="{source}" alt="{escape(alt)}">'), tag("figcaption", caption))


def table(
    header: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: set[int], group: int | None = None
) -> Raw:
    """Columns in `numbers` stand right; a rule is drawn wherever column `group` changes."""
    aligned = [{"class_": "number"} if k in numbers else {} for k in range(len(header))]
    head = tag("tr", *(tag("th", name, **aligned[k]) for k, name in enumerate(header)))
    lines, last = [], None
    for row in rows:
        start = group is not None and last is not None and row[group] != last
        cells = (tag("td", value, **aligned[k]) for k, value in enumerate(row))
        lines.append(tag("tr", *cells, **({"class_": "start"} if start else {})))
        last = row[group] if group is not None else None
    return tag("div", tag("table", tag("thead", head), tag("tbody", *lines)), class_="scroll")


def page(title: str, *sections: Raw) -> str:
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{CSS}</style>"
    )
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{tag("main", *sections)}</body></html>\n'
