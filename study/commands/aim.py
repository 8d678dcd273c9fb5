"""`labelcurve aim`: the mirror of a study in Aim, made to say what the ledger says."""

import argparse
from pathlib import Path
from typing import Any

from study.console import printed
from study.errors import InputRefused, SurroundingsFailed


def add_to(commands: Any) -> None:
    """Put the command and its verb among `commands`."""
    aim = commands.add_parser("aim", help="bring the mirror of a study in Aim up to date")
    verbs = aim.add_subparsers(required=True, metavar="VERB")
    sync = verbs.add_parser("sync", help="write what an Aim repository lacks of a study, remove what is wrong there")
    sync.add_argument("results", metavar="RESULTS", help="a study's folder under the results, or its URL")
    sync.add_argument("--repo", type=Path, metavar="DIR", help="default: the folder that the study's folder lies in")
    sync.set_defaults(do=_sync)


def _sync(options: argparse.Namespace) -> int:
    from study.ledger import LedgerError, find_root
    from study.tracking.aim_sync import sync
    from study.tracking.network_filesystems import network_disk

    root = find_root(options.results)
    if options.repo is None and "://" in root:
        raise InputRefused(f"{root} is no folder of a disk; name one for Aim with --repo")
    folder = (options.repo or Path(root).parent).expanduser().resolve()
    if kind := network_disk(folder):
        raise InputRefused(f"{folder} is on {kind}, where Aim's files break; give a folder on a local disk with --repo")
    try:
        with printed():
            written, removed = sync(root, folder)
    except (LedgerError, OSError):
        raise
    except ImportError as error:
        raise InputRefused(f"Aim cannot be used here ({error}); it needs a Python below 3.13") from None
    except Exception as error:
        raise SurroundingsFailed(
            f"Aim failed in {folder}: {error!r}; try again, or make the mirror anew in another folder with --repo"
        ) from error
    print(f"{folder}: {written} runs written, {removed} removed; look at them with `aim up --repo {folder}`")
    return 0
