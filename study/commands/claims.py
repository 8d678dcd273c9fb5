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
    from study.ledger import find_root
    from study.run import examine

    print("\n".join(examine(find_root(options.results), options.file)))
    return 0
