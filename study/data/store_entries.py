"""Entries of the store root: folders that are there whole or not at all, named by a fingerprint of what they hold."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock

from study.data import remote_store
from study.data.pseudonyms import PseudonymKey
from study.errors import InputRefused, SurroundingsFailed


def fingerprint(settings: Any, files: Iterable[tuple[str, Path]] = ()) -> str:
    """sha256 (hex) of settings and of a listing of files: relative name, size, time of change."""
    sha256 = hashlib.sha256(json.dumps(settings, sort_keys=True).encode())
    for name, path in sorted(files):
        status = path.stat()
        sha256.update(f"\0{name}\0{status.st_size}\0{status.st_mtime_ns}".encode(errors="surrogateescape"))
    return sha256.hexdigest()


def opened_or_made(root: Path, name: str, key: PseudonymKey, document: str, make: Callable[[Path], None]) -> Path:
    """The entry ``root/name``; when it is not there, ``make`` fills a temporary folder which is then renamed.

    ``document`` is the entry's JSON file, in which ``key_check`` is compared with the key: an entry made with another
    key is refused (InputRefused), since its pseudonyms would match nothing. SurroundingsFailed when the disk fails.
    """
    entry = Path(root).absolute() / name
    if not entry.exists():
        try:
            entry.parent.mkdir(parents=True, exist_ok=True)
            # The lock lets one process make the entry, and tells the next that what lies in `tmp` is a dead one's.
            with FileLock(entry.parent / f".{name}.lock"):
                if not entry.exists():
                    _make(entry, document, make)
        except OSError as error:
            place = error.filename or entry.parent
            raise SurroundingsFailed(f"{place}: the store cannot be written ({error.strerror or error})") from error
    if read(entry, document)["key_check"] != key.check:
        raise InputRefused(
            f"{entry} was made with another pseudonym key; give that key, or delete the folder to ingest again"
        )
    return entry


def read(entry: Path, document: str) -> dict[str, Any]:
    """An entry's JSON file. Raises SurroundingsFailed when it is missing or damaged."""
    try:
        return json.loads((entry / document).read_text())
    except (OSError, ValueError) as error:
        message = f"{entry}: {document} is missing or damaged; delete the folder and run again"
        raise SurroundingsFailed(message) from error


def write(folder: Path, document: str, content: dict[str, Any]) -> None:
    (folder / document).write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")


def _make(entry: Path, document: str, make: Callable[[Path], None]) -> None:
    tmp = entry.parent / f".{entry.name}.tmp"
    shutil.rmtree(tmp, ignore_errors=True)
    tmp.mkdir()
    try:
        if not remote_store.fetch(entry, document, tmp):
            make(tmp)
        for path in [*tmp.iterdir(), tmp]:
            _force(path)
        os.replace(tmp, entry)
        _force(entry.parent)
    finally:
        shutil.rmtree(tmp, ignore_errors=True)


def _force(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
