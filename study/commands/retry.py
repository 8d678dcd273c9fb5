"""`labelcurve retry`: a study's failed trials and final runs once more, and on to its end."""

import argparse
from typing import Any

from study.commands._arguments import add_place
from study.commands.run import run_to_its_end
from study.vocabulary import FAILED


def add_to(commands: Any) -> None:
    retry = commands.add_parser("retry", help="run failed trials and final runs again, and go on with the study")
    add_place(retry)
    retry.add_argument(
        "--status",
        type=_failures,
        required=True,
        metavar="STATUS[,...]",
        help=f"how they ended: {', '.join(FAILED)}; a trial runs again with the settings and the seed it had",
    )
    retry.set_defaults(do=run_to_its_end)


def _failures(text: str) -> list[str]:
    names = text.split(",")
    if strange := [name for name in names if name not in FAILED]:
        raise argparse.ArgumentTypeError(f"{strange[0]!r} is not among {', '.join(FAILED)}")
    return names
