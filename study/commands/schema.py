"""`labelcurve schema`: the study file's JSON schema, for editors."""

import argparse
import json
from typing import Any


def add_to(commands: Any) -> None:
    schema = commands.add_parser("schema", help="print the study file's JSON schema, for editors")
    schema.set_defaults(do=_schema)


def _schema(options: argparse.Namespace) -> int:
    from study.config.json_schema import schema

    print(json.dumps(schema(), indent=1))
    return 0
