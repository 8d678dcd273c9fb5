"""`labelcurve report`: the report, written anew from the ledger."""

import argparse
from typing import Any


def add_to(commands: Any) -> None:
    report = commands.add_parser("report", help="write the report anew from the ledger")
    report.add_argument("results", metavar="RESULTS", help="a study's folder under the results, or its URL")
    report.set_defaults(do=_report)


def _report(options: argparse.Namespace) -> int:
    from study.ledger import find_root
    from study.run import report

    print(report(find_root(options.results)))
    return 0
