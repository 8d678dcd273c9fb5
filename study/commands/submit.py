"""`labelcurve submit`: another command of ours, as a job of a Ray cluster."""

import argparse
from typing import Any

COMMIT = "LABELCURVE_COMMIT"


def add_to(commands: Any) -> None:
    submit = commands.add_parser(
        "submit",
        help="hand a command in as a job of a Ray cluster, with the commit that its results will name",
        usage="labelcurve submit [--address URL] [--working-dir DIR] COMMAND ...",
    )
    submit.add_argument("--address", metavar="URL", help="the cluster's dashboard, such as http://head:8265")
    submit.add_argument("--working-dir", metavar="DIR", help="a folder sent along, such as that of the study file")
    submit.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND", help="such as: run STUDY --results DIR")
    submit.set_defaults(do=_submit)


def _submit(options: argparse.Namespace) -> int:
    from cluster.errors import ClusterUnavailable
    from cluster.submit import submit
    from study.errors import InputRefused, SurroundingsFailed
    from study.provenance import provenance

    if not options.command:
        raise InputRefused("submit: name the command to hand in, such as: labelcurve submit run STUDY --results DIR")
    commit = provenance()["commit"]
    environment = {COMMIT: commit} if commit else {}
    try:
        return submit(
            ["labelcurve", *options.command],
            address=options.address,
            working_dir=options.working_dir,
            environment=environment,
        )
    except ClusterUnavailable as error:
        raise SurroundingsFailed(str(error)) from None
