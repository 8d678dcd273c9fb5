"""The `labelcurve` command."""

import argparse
import sys
from collections.abc import Sequence

from study import commands
from study.errors import LabelcurveError, SurroundingsFailed


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
        return SurroundingsFailed.exit_code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="labelcurve",
        description="Which pre-training to use with few labels, what it scores, how many labels a score needs.",
    )
    added = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in commands.modules():
        command.add_to(added)
    return parser
