"""The study as it was resolved, every default filled in."""

import json

import yaml

from analysis.report import html
from analysis.report.html import Raw
from analysis.report.results import Results

title = "Settings"


def render(results: Results) -> Raw:
    plain = json.loads(json.dumps(dict(results.spec), default=str))
    text = html.tag("pre", yaml.safe_dump(plain, sort_keys=False, allow_unicode=True))
    return html.tag("details", html.tag("summary", "The resolved study"), text)
