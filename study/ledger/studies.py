"""Where a study's folder is."""

from pathlib import Path

from study.errors import InputRefused
from study.storage.storage import Storage


def find_root(results: str | Path) -> str:
    """A study's folder or URL, or that of results which hold a single study.

    Raises InputRefused where there is none, or several to choose from.
    """
    storage = Storage(results)
    if storage.list("spec"):
        return storage.root
    there = storage.folders()
    if not there and not storage.exists(""):
        raise InputRefused(f"{results}: there is no such folder")
    studies = [storage.full(name) for name in there if storage.list(f"{name}/spec")]
    if len(studies) == 1:
        return studies[0]
    if not studies:
        raise InputRefused(f"{results}: no study has left results here")
    raise InputRefused(f"{results} holds several studies; name one of {', '.join(studies)}")
