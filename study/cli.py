"""The `labelcurve` command."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from study import weights_command
from study.errors import InputRefused, LabelcurveError

DONE, WITH_FAILURES, SURROUNDINGS = 0, 4, 5


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns its exit code.

    0 done, 1 an error of ours, 2 the input was refused, 4 done with failed cells,
    5 the surroundings failed (run again), 128+n stopped by signal n (run again).
    """
    options = _parser().parse_args(arguments)
    try:
        return options.do(options)
    except LabelcurveError as error:
        print(f"labelcurve: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("labelcurve: stopped; the same command goes on from here", file=sys.stderr)
        return 130
    except OSError as error:
        print(f"labelcurve: {error}; mend it and run the same command again", file=sys.stderr)
        return SURROUNDINGS


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="labelcurve",
        description="Which pre-training to use with few labels, what it scores, how many labels a score needs.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    plan = commands.add_parser("plan", help="print what a study would run, and run nothing")
    run = commands.add_parser("run", help="run a study, or go on with it")
    for command in (plan, run):
        command.add_argument("study", metavar="STUDY", help="a study file, or a preset's name")
        command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")
    plan.set_defaults(do=_plan)
    run.add_argument("--results", type=Path, default=Path("results"), metavar="DIR", help="default: %(default)s")
    run.add_argument(
        "--store", type=Path, metavar="DIR", help="where ingested images lie (default: DIR of --results, /store)"
    )
    run.add_argument("--address", metavar="ADDRESS", help="a Ray cluster to join; by default a private one is started")
    run.add_argument(
        "--pseudonym-key", type=Path, metavar="FILE", help="the secret that patient pseudonyms are made with"
    )
    run.set_defaults(do=_run)

    status = commands.add_parser("status", help="print what is done and what is missing")
    report = commands.add_parser("report", help="write the report anew from the ledger")
    for command in (status, report):
        command.add_argument("results", metavar="RESULTS", type=Path, help="a study's folder under the results")
    status.set_defaults(do=_status)
    report.set_defaults(do=_report)

    weights_command.add_to(commands)
    return parser


def _plan(options: argparse.Namespace) -> int:
    from study.ingest import check_sources, preview
    from study.plan import make_plan
    from study.reading import read_study
    from study.summary import plan_lines

    study = read_study(options.study, options.set)
    check_sources(study)
    plan = make_plan(study, preview(study))
    print("\n".join(plan_lines(study, plan)))
    return DONE


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


def _status(options: argparse.Namespace) -> int:
    from study.acceptance import find_root
    from study.summary import status_lines

    print("\n".join(status_lines(find_root(options.results))))
    return DONE


def _report(options: argparse.Namespace) -> int:
    from study.acceptance import find_root
    from study.run import report

    print(report(find_root(options.results)))
    return DONE


def _local(folder: Path) -> Path:
    """Results lie on a local or shared disk: the lock that keeps a second driver out needs one."""
    if "://" in str(folder) or ":/" in str(folder):
        raise InputRefused(f"{folder}: results and store must lie on a disk, not in an object store")
    return Path(os.path.abspath(folder.expanduser()))
