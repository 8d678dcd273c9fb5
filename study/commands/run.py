"""`labelcurve run`: a study, from where it is to its end."""

import argparse
from typing import Any

from study.commands._arguments import add_place

DONE, WITH_FAILURES = 0, 4


def add_to(commands: Any) -> None:
    run = commands.add_parser("run", help="run a study, or go on with it")
    add_place(run)
    run.set_defaults(do=run_to_its_end, status=())


def run_to_its_end(options: argparse.Namespace) -> int:
    """Run a study, after setting aside what ended with one of `options.status`."""
    from study.config.load import read_study
    from study.run import run_study

    study = read_study(options.study, options.set)
    outcome = run_study(
        study,
        options.results,
        store=options.store,
        address=options.address,
        key_file=options.pseudonym_key,
        retry=options.status,
    )
    print(outcome.report)
    return WITH_FAILURES if outcome.failed_cells else DONE
