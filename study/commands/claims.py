"""`labelcurve claims`: what results say to claims that were not made beforehand."""

import argparse
from pathlib import Path
from typing import Any


def add_to(commands: Any) -> None:
    claims = commands.add_parser("claims", help="examine claims and goals that come after the results, marked post hoc")
    claims.add_argument("results", metavar="RESULTS", help="a study's folder under the results, or its URL")
    claims.add_argument("file", metavar="FILE", type=Path, help="a YAML file with `claims`, and `goals` if any")
    claims.set_defaults(do=_claims)


def _claims(options: argparse.Namespace) -> int:
    from analysis.report.claims_text import examined
    from analysis.tables import load
    from study.config.load import read_claims
    from study.planning.accepted import accepted, find_root

    root = find_root(options.results)
    asked = read_claims(options.file, accepted(root) or {}).model_dump()
    for line in examined(load(root), asked["claims"], asked["goals"]):
        print(line)
    return 0
