"""`labelcurve status`: what of a study is done and what is missing."""

import argparse
from pathlib import Path
from typing import Any


def add_to(commands: Any) -> None:
    status = commands.add_parser("status", help="print what is done and what is missing")
    status.add_argument("results", metavar="RESULTS", type=Path, help="a study's folder under the results")
    status.set_defaults(do=_status)


def _status(options: argparse.Namespace) -> int:
    from study.acceptance import find_root
    from study.summary import status_lines

    print("\n".join(status_lines(find_root(options.results))))
    return 0
