"""What all figures of a report share: colours, markers, axes, and how they become SVG and PNG."""

import json
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import altair as alt
import vl_convert

VEGA_LITE = ".".join(alt.SCHEMA_VERSION.removeprefix("v").split(".")[:2])
INK, QUIET, GRID = "currentColor", "#808a94", "#80808033"
"""The colour of the text around a chart, and greys that are readable on white and on black."""
STYLE = {
    "scratch": ("#7a858f", "circle"), "spark": ("#0072B2", "square"), "moco_v2": ("#D55E00", "triangle-up"),
    "byol": ("#009E73", "diamond"), "swav": ("#CC79A7", "triangle-down"), "imagenet": ("#E69F00", "cross"),
}  # fmt: skip
OWN_COLOURS = ("#56B4E9", "#AA4499", "#999933", "#44AA99", "#882255")
OWN_MARKERS = ("triangle-left", "triangle-right", "diamond", "square", "circle", "cross")
SPARE = [(OWN_COLOURS[k % len(OWN_COLOURS)], OWN_MARKERS[k % len(OWN_MARKERS)]) for k in range(30)]
"""Each colour with each marker once."""
WIDTH = 860
"""Of a row of panels, in pixels."""
SANS = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def style(initialisation: str, among: Iterable[str]) -> tuple[str, str]:
    """(colour, marker): Okabe-Ito for the known methods, spare ones by name's order for a user's own."""
    if initialisation in STYLE:
        return STYLE[initialisation]
    own = sorted(set(among) - set(STYLE))
    return SPARE[own.index(initialisation) % len(SPARE)]


def colours(names: Sequence[str]) -> alt.Scale:
    return alt.Scale(domain=list(names), range=[style(name, names)[0] for name in names])


def markers(names: Sequence[str]) -> alt.Scale:
    return alt.Scale(domain=list(names), range=[style(name, names)[1] for name in names])


def grid(panels: Sequence[Any], columns: int) -> alt.ConcatChart:
    """Panels side by side, with what is common to all charts."""
    return themed(alt.concat(*panels, columns=columns, spacing=28))


def width(columns: int) -> int:
    """Of one of so many panels beside each other, without its axis."""
    return WIDTH // columns - 62


def themed(chart: Any) -> Any:
    axis = {"labelColor": INK, "titleColor": INK, "domainColor": QUIET, "tickColor": QUIET, "gridColor": GRID}
    return (
        chart.configure(background="transparent", font=SANS)
        .configure_view(stroke=None)
        .configure_axis(**axis, labelFontSize=11, titleFontSize=11, titleFontWeight="normal", labelOverlap="greedy")
        .configure_axisX(grid=False)
        .configure_title(color=INK, fontSize=12, anchor="start", frame="group", offset=8)
        .configure_legend(labelColor=INK, titleColor=INK, labelFontSize=12, orient="top", title=None)
    )


def spec(chart: Any) -> dict[str, Any]:
    """The Vega-Lite specification."""
    return chart.to_dict()


def svg(chart: Any) -> str:
    return vl_convert.vegalite_to_svg(json.dumps(spec(chart)), vl_version=VEGA_LITE)


def png(chart: Any) -> bytes:
    """On white, at twice the size of the page."""
    of_white = spec(chart)
    of_white["config"] = of_white.get("config", {}) | {"background": "white"}
    return vl_convert.vegalite_to_png(json.dumps(of_white), vl_version=VEGA_LITE, scale=2)


@cache
def javascript() -> str:
    """All that a browser needs to draw charts, with nothing to be loaded."""
    return vl_convert.javascript_bundle(vl_version=VEGA_LITE)  # type: ignore[call-arg]
