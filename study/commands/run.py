"""`labelcurve run`: a study, from where it is to its end."""

import argparse
import os
from pathlib import Path
from typing import Any

from study.commands.plan import add_study
from study.errors import InputRefused

DONE, WITH_FAILURES = 0, 4


def add_to(commands: Any) -> None:
    run = commands.add_parser("run", help="run a study, or go on with it")
    add_study(run)
    run.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: %(default)s")
    run.add_argument(
        "--store", type=Path, metavar="DIR", help="where ingested images lie (default: DIR of --results, /store)"
    )
    run.add_argument("--address", metavar="ADDRESS", help="a Ray cluster to join; by default a private one is started")
    run.add_argument(
        "--pseudonym-key", type=Path, metavar="FILE", help="the secret that patient pseudonyms are made with"
    )
    run.set_defaults(do=_run)


def _run(options: argparse.Namespace) -> int:
    from study.reading import read_study
    from study.run import run_study

    study = read_study(options.study, options.set)
    outcome = run_study(
        study,
        _local(options.results),
        store=options.store and _local(options.store),
        address=options.address,
        key_file=options.pseudonym_key,
    )
    print(outcome.report)
    return WITH_FAILURES if outcome.failed_cells else DONE


def _local(folder: Path) -> Path:
    """Results lie on a local or shared disk: the lock that keeps a second driver out needs one."""
    if "://" in str(folder) or ":/" in str(folder):
        raise InputRefused(f"{folder}: results and store must lie on a disk, not in an object store")
    return Path(os.path.abspath(folder.expanduser()))
