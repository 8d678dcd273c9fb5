"""Pieces of a self-contained HTML page. Everything that comes in as text is escaped here."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
NO_SCRIPT = "'none'"


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
    source = "data:image/png;base64," + b64encode(png).decode()
    return tag("figure", Raw(f'<img src="{source}" alt="{escape(alt)}">'), tag("figcaption", caption))


def chart(name: str, svg: str, spec: Mapping[str, Any], caption: str, controls: Raw) -> Raw:
    """A figure with its SVG inside the page, over which a script lays the chart of its Vega-Lite specification."""
    inert = json.dumps(spec).replace("<", "\\u003c")
    own = re.sub(r'(\bid="|url\(#)', rf"\g<1>{name}-", svg)
    static = tag("div", Raw(own), class_="static", role="img", aria_label=name.replace("_", " "))
    live = Raw(f'<div class="live" hidden></div><script type="application/json">{inert}</script>')
    shown = tag("div", static, live, class_="chart")
    return tag("figure", controls, shown, tag("figcaption", caption), saved(f"figures/{name}", ("svg", "png")), id=name)


def controls(*choices: Raw) -> Raw:
    """What a reader can set of a chart; shown once the chart answers to it."""
    return Raw(f'<form class="controls" autocomplete="off" hidden>{"".join(choices)}</form>')


def choices(legend: str, kind: str, options: Iterable[tuple[str, str, str, bool]]) -> Raw:
    """Check boxes or radio buttons that set a chart's parameters; each (parameter, value, words, whether it is on)."""
    boxes = [
        f'<label><input type="{kind}" name="{escape(parameter)}" value="{escape(value)}"{" checked" * on}> '
        f"{escape(words)}</label>"
        for parameter, value, words, on in options
    ]
    return Raw(f"<fieldset><legend>{escape(legend)}</legend>{''.join(boxes)}</fieldset>")


def saved(path: str, kinds: Iterable[str]) -> Raw:
    """Links to a figure's or a table's files beside the page."""
    links = [tag("a", kind.upper(), href=f"{path}.{kind}") for kind in kinds]
    return tag("details", tag("summary", "Download"), Raw(" ".join(links)), class_="saved")


def table(
    header: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    caption: str,
    numbers: set[int],
    group: int | None = None,
    name: str | None = None,
) -> Raw:
    """Columns in `numbers` stand right; a rule is drawn wherever column `group` changes; name: of its files."""
    aligned = [{"class_": "number"} if k in numbers else {} for k in range(len(header))]
    head = tag("tr", *(tag("th", words, scope="col", **aligned[k]) for k, words in enumerate(header)))
    lines, last = [], None
    for row in rows:
        start = group is not None and last is not None and row[group] != last
        first = tag("th", row[0], scope="row", **aligned[0])
        cells = (tag("td", value, **aligned[k]) for k, value in enumerate(row) if k)
        lines.append(tag("tr", first, *cells, **({"class_": "start"} if start else {})))
        last = row[group] if group is not None else None
    whole = tag("table", tag("caption", caption), tag("thead", head), tag("tbody", *lines))
    region = tag("div", whole, class_="scroll", role="region", aria_label=caption, tabindex="0")
    return Raw(region + (saved(f"tables/{name}", ("csv", "tex")) if name else ""))


def page(title: str, *sections: Raw, links: Iterable[tuple[str, str]] = (), script: str = "") -> str:
    """links: (anchor, words) of the contents. script: what draws the charts; the page's own follows it. A policy
    forbids every request and all other scripts."""
    scripts = [script, (HERE / "page.js").read_text()] if script else []
    allowed = " ".join(f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" for each in scripts)
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
        f"script-src {allowed or NO_SCRIPT}"
    )
    head = (
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">'
        f"<title>{escape(title)}</title><style>{(HERE / 'page.css').read_text()}</style>"
    )
    skip = tag("a", "Skip to the content", href="#content", class_="skip")
    contents = tag("nav", *(tag("a", words, href=f"#{at}") for at, words in links), aria_label="On this page")
    drawing = "".join(f"<script>{each}</script>" for each in scripts)
    body = f"{skip}{contents if links else ''}{tag('main', *sections, id='content', tabindex='-1')}{drawing}"
    return f'<!doctype html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def anchor(title: str) -> str:
    """A heading's name in links."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")
