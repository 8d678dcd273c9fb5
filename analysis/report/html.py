"""Pieces of a self-contained HTML page. Everything that comes in as text is escaped here."""

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Raw(str):
    """HTML made by this module; anything else is text and is escaped."""


def text(value: object) -> Raw:
    return value if isinstance(value, Raw) else Raw(escape("" if value is None else str(value)))


def tag(name: str, *inside: object, **attributes: str) -> Raw:
    """<name attributes>inside</name>; `class_` stands for class, and `aria_label` for aria-label."""
    named = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"' for key, value in attributes.items())
    return Raw(f"<{name}{named}>{''.join(map(text, inside))}</{name}>")


def paragraph(*inside: object, class_: str | None = None) -> Raw:
    return tag("p", *inside, **({"class_": class_} if class_ else {}))


def bullets(lines: Iterable[object]) -> Raw:
    return tag("ul", *(tag("li", line) for line in lines))


def image(png: bytes, caption: str, alt: str) -> Raw:
    """A figure with its PNG inside the page."""
    source = "data:image/png;base64," + base64.b64encode(png).decode()
    return tag("figure", Raw(f'<img src="{source}" alt="{escape(alt)}">'), tag("figcaption", caption))


def chart(name: str, svg: str, spec: Mapping[str, Any], caption: str, controls: Raw) -> Raw:
    """A figure with its SVG inside the page, which a script replaces by the chart of its Vega-Lite specification."""
    inert = json.dumps(spec).replace("<", "\\u003c")
    inside = f'<div class="chart" role="img" aria-label="{escape(name.replace("_", " "))}">{svg}</div>'
    held = f'<script type="application/json">{inert}</script>'
    saved = tag("p", "Saved as ", *_links(f"figures/{name}", ("svg", "png")), class_="saved")
    return tag("figure", controls, Raw(inside + held), tag("figcaption", caption), saved, id=name)


def choices(legend: str, kind: str, options: Iterable[tuple[str, str, str, bool]]) -> Raw:
    """Check boxes or radio buttons that set a chart's parameters; each (parameter, value, words, whether it is on)."""
    boxes = [
        f'<label><input type="{kind}" name="{escape(parameter)}" value="{escape(value)}"{" checked" * on}> '
        f"{escape(words)}</label>"
        for parameter, value, words, on in options
    ]
    return Raw(f"<fieldset hidden><legend>{escape(legend)}</legend>{''.join(boxes)}</fieldset>")


def _links(path: str, kinds: Iterable[str]) -> list[Raw]:
    return [
        Raw(("" if k == 0 else ", ") + tag("a", kind.upper(), href=f"{path}.{kind}")) for k, kind in enumerate(kinds)
    ]


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: set[int],
    group: int | None = None,
    name: str | None = None,
) -> Raw:
    """Columns in `numbers` stand right; a rule is drawn wherever column `group` changes; name: of its files."""
    aligned = [{"class_": "number"} if k in numbers else {} for k in range(len(header))]
    head = tag("tr", *(tag("th", name, scope="col", **aligned[k]) for k, name in enumerate(header)))
    lines, last = [], None
    for row in rows:
        start = group is not None and last is not None and row[group] != last
        cells = (tag("td", value, **aligned[k]) for k, value in enumerate(row))
        lines.append(tag("tr", *cells, **({"class_": "start"} if start else {})))
        last = row[group] if group is not None else None
    whole = tag("div", tag("table", tag("thead", head), tag("tbody", *lines)), class_="scroll", tabindex="0")
    saved = tag("p", "Saved as ", *_links(f"tables/{name}", ("csv", "tex")), class_="saved") if name else ""
    return Raw(whole + saved)


def page(title: str, *sections: Raw, script: str = "") -> str:
    """script: what draws the charts; the page's own follows it."""
    head = (
        '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{(HERE / 'page.css').read_text()}</style>"
    )
    drawing = f"<script>{script}</script><script>{(HERE / 'page.js').read_text()}</script>" if script else ""
    skip = tag("a", "Skip to the answer", href="#the-answer", class_="skip")
    body = f"{skip}{tag('main', *sections)}{drawing}"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'
