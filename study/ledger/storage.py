"""Reading and writing under one root, on a local disk or on anything that fsspec knows.

A write is whole or absent, whatever dies in between. On a local disk the bytes go to `<root>/tmp`, which no reader
looks into, and are renamed; file and folder are flushed, so that what was written survives a power cut. On an object
store one PUT is atomic by itself.
"""

import fcntl
import os
import uuid
from pathlib import Path

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

TMP = "tmp"
_FULL_FLUSH = getattr(fcntl, "F_FULLFSYNC", None)  # macOS, where fsync leaves the data in the drive's own cache


class Storage:
    """Files under `root` (a path or an fsspec URL), named by paths relative to it, with forward slashes."""

    def __init__(self, root: str | Path) -> None:
        self._fs, base = url_to_fs(os.path.expanduser(root) if "://" not in str(root) else str(root))
        self.local_root: Path | None = Path(os.path.abspath(base)) if isinstance(self._fs, LocalFileSystem) else None
        self.root = str(self.local_root or base).rstrip("/")

    def full(self, path: str) -> str:
        """The path as an error message should show it."""
        return f"{self.root}/{path}" if path else self.root

    def exists(self, path: str) -> bool:
        return self._fs.exists(self.full(path))

    def list(self, prefix: str = "") -> list[str]:
        """All files below a folder, sorted; none when the folder is absent."""
        self._fs.invalidate_cache()
        found = self._fs.find(self.full(prefix))
        return sorted(path.removeprefix(f"{self.root}/") for path in found)

    def read_bytes(self, path: str) -> bytes:
        return self._fs.cat_file(self.full(path))

    def write_atomic(self, path: str, data: bytes | memoryview) -> None:
        """Replace or make a file as a whole; when this returns, it survives a power cut. Raises OSError."""
        if self.local_root is None:
            self._fs.pipe_file(self.full(path), bytes(data))
            return
        target = self.local_root / path
        part = self.local_root / TMP / f"{target.name}.{uuid.uuid4().hex}.part"
        _make_folder(part.parent)
        _make_folder(target.parent)
        try:
            with open(part, "xb") as file:
                file.write(data)
                file.flush()
                _flush(file.fileno())
            os.replace(part, target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        _flush_folder(target.parent)

    def remove(self, path: str) -> None:
        """Remove a file; one that is not there is fine."""
        if self.exists(path):
            self._fs.rm_file(self.full(path))

    def mkdirs(self, path: str = "") -> None:
        """Make a folder and those above it. Object stores have none, so there it does nothing."""
        if self.local_root is not None:
            _make_folder(self.local_root / path)


def _make_folder(folder: Path) -> None:
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _flush_folder(folder.parent)  # or a power cut could take the new folder with all that is in it


def _flush_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        _flush(handle)
    finally:
        os.close(handle)


def _flush(handle: int) -> None:
    if _FULL_FLUSH is None:
        os.fsync(handle)
    else:
        fcntl.fcntl(handle, _FULL_FLUSH)
