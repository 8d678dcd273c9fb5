"""With what a number was made: versions, commit, machine."""

import os
import platform
import subprocess
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path


@cache
def provenance() -> dict[str, str | None]:
    """The columns that stand beside every result; device and threads come from the worker that ran it."""
    return {
        "version": _version("labelcurve"),
        "commit": os.environ.get("LABELCURVE_COMMIT") or _commit(),
        "python": platform.python_version(),
        "torch": _version("torch"),
        "host_os": f"{platform.system()} {platform.release()} {platform.machine()}",
    }


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The checked-out commit where the code runs from a checkout, with a plus where it was changed since."""
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        run = subprocess.run(["git", "-C", str(here), *words], capture_output=True, text=True, timeout=10, check=True)
        return run.stdout.strip()

    try:
        if Path(git("rev-parse", "--show-toplevel")) != here.parent:
            return None
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None
