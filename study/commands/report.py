"""`labelcurve report`: the report, written anew from the ledger, or a page of two studies side by side."""

import argparse
from typing import Any


def add_to(commands: Any) -> None:
    report = commands.add_parser("report", help="write the report anew from the ledger, or compare two studies")
    report.add_argument("results", nargs="?", metavar="RESULTS", help="a study's folder under the results, or its URL")
    report.add_argument(
        "--compare", nargs=2, metavar=("A", "B"), help="write a page that sets two studies side by side"
    )
    report.add_argument("--to", metavar="FOLDER", help="where that page goes; by default compare-A-B, right here")
    report.set_defaults(do=_report)


def _report(options: argparse.Namespace) -> int:
    from study.errors import InputRefused
    from study.ledger import find_root
    from study.run import compared_report, report

    if options.compare and options.results:
        raise InputRefused("report takes one study, or --compare and two; not both")
    if options.compare:
        print(compared_report(*map(find_root, options.compare), to=options.to))
    elif options.results:
        if options.to:
            raise InputRefused("--to is for --compare; a study's report goes into its own folder")
        print(report(find_root(options.results)))
    else:
        raise InputRefused("name a study's folder, or --compare and two of them")
    return 0
