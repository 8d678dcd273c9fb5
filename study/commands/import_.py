"""`labelcurve import`: predictions that were made elsewhere, as a study of their own."""

import argparse
from pathlib import Path
from typing import Any


def add_to(commands: Any) -> None:
    imported = commands.add_parser("import", help="take in predictions made elsewhere, as a study of their own")
    imported.add_argument("files", nargs="+", metavar="FILE", type=Path, help="CSV or Parquet, a row an image of a run")
    imported.add_argument(
        "--to", required=True, metavar="RESULTS", help="the study's folder, such as results/theirs, or its URL"
    )
    imported.add_argument(
        "--pseudonym-key", type=Path, metavar="FILE", help="the secret that patient pseudonyms are made with"
    )
    imported.set_defaults(do=_import)


def _import(options: argparse.Namespace) -> int:
    from study.console import Console, shown
    from study.data.pseudonyms import find_key
    from study.imports import import_files

    with shown(Console(None)):
        new = import_files(options.files, options.to, key=find_key(options.pseudonym_key, make=True))
    print(f"{new} new runs in {options.to}; labelcurve report {options.to} writes the report")
    return 0
