"""`labelcurve status`: what of a study is done, failed, missing and superseded."""

import argparse
import json
from typing import Any


def add_to(commands: Any) -> None:
    status = commands.add_parser("status", help="print what is done, failed, missing and superseded")
    status.add_argument("results", metavar="RESULTS", help="a study's folder under the results, or its URL")
    status.add_argument("--cells", action="store_true", help="a line for every cell")
    status.add_argument("--json", action="store_true", help="for a program; with --cells every cell too")
    status.set_defaults(do=_status)


def _status(options: argparse.Namespace) -> int:
    from study.ledger import find_root
    from study.maintenance.status import status
    from study.maintenance.status_text import lines, plain

    found = status(find_root(options.results))
    if options.json:
        print(json.dumps(plain(found, cells=options.cells), indent=1))
    else:
        print("\n".join(lines(found, cells=options.cells)))
    return 0
