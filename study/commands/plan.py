"""`labelcurve plan`: what a study would run."""

import argparse
from typing import Any

from study.commands._arguments import add_study


def add_to(commands: Any) -> None:
    plan = commands.add_parser("plan", help="print what a study would run, and run nothing")
    add_study(plan)
    plan.set_defaults(do=_plan)


def _plan(options: argparse.Namespace) -> int:
    from study.config.load import read_study
    from study.ingest import check_sources, preview
    from study.planning.expected_precision import precision_lines
    from study.planning.plan import make_plan
    from study.planning.plan_text import plan_lines
    from study.pretraining.encoder_weights import check_models

    study = read_study(options.study, options.set)
    check_sources(study)
    check_models(study)
    tasks = preview(study)
    plan = make_plan(study, tasks)
    print("\n".join([*plan_lines(study, plan), *precision_lines(study, plan, tasks)]))
    return 0
