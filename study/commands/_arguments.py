"""Arguments that several commands have."""

import argparse
from pathlib import Path


def add_study(command: argparse.ArgumentParser) -> None:
    """The arguments that name a study: its file or preset, and what is set otherwise than it says."""
    command.add_argument("study", metavar="STUDY", help="a study file, or a preset's name")
    command.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override one setting")


def add_place(command: argparse.ArgumentParser) -> None:
    """The study, and where it runs and leaves its results."""
    add_study(command)
    command.add_argument(
        "--results", default="results", metavar="DIR", help="or s3://bucket/prefix; default: %(default)s"
    )
    command.add_argument("--store", metavar="DIR", help="where ingested images lie (default: DIR of --results, /store)")
    command.add_argument(
        "--address", metavar="ADDRESS", help="a Ray cluster to join; by default a private one is started"
    )
    command.add_argument(
        "--pseudonym-key", type=Path, metavar="FILE", help="the secret that patient pseudonyms are made with"
    )
