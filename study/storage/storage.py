"""Reading and writing under one root, on a local disk or on anything that fsspec knows.

A write is whole or absent, whatever dies in between. On a local disk the bytes go to `<root>/tmp`, which no reader
looks into, and are renamed; file and folder are flushed, so that what was written survives a power cut. On an object
store one PUT is atomic by itself.
"""

import fcntl
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fsspec import AbstractFileSystem
from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from study.errors import LedgerError

from . import s3_conditional

TMP = "tmp"
_FULL_FLUSH = getattr(fcntl, "F_FULLFSYNC", None)  # macOS, where fsync leaves the data in the drive's own cache


def is_url(root: object) -> bool:
    """Whether a root is an fsspec URL, such as `s3://bucket/results`, and no path of a local disk."""
    return "://" in str(root)


class Storage:
    """Files under `root` (a path or an fsspec URL), named by paths relative to it, with forward slashes.

    Whatever the store's own library raises, reading and writing end in an OSError that names the file.
    """

    fence: int | None = None
    """The number that commits carry: on an object store that of the writer's lease, otherwise none."""

    def __init__(self, root: str | Path) -> None:
        options = {"use_listings_cache": False} if is_url(root) else {}
        try:
            self._fs, base = url_to_fs(str(root) if is_url(root) else os.path.expanduser(root), **options)
        except (ImportError, ValueError) as error:  # s3fs is an extra; or there is no such protocol
            raise OSError(f"{root}: {error}") from error
        self.local_root: Path | None = Path(os.path.abspath(base)) if isinstance(self._fs, LocalFileSystem) else None
        self._base = str(self.local_root or base).rstrip("/")
        self.root = self._base if self.local_root else self._fs.unstrip_protocol(self._base)

    @property
    def filesystem(self) -> AbstractFileSystem:
        """What fsspec reads and writes through, for libraries that take one."""
        return self._fs

    @classmethod
    def at(cls, root: "str | Path | Storage") -> "Storage":
        """A storage as it is, or one over a path or URL."""
        return root if isinstance(root, Storage) else Storage(root)

    def below(self, folder: str) -> "Storage":
        """A storage over one of the folders in this one."""
        return Storage(self.full(folder))

    def full(self, path: str) -> str:
        """The path or URL as an error message should show it, and as another process can open it."""
        return f"{self.root}/{path}" if path else self.root

    def inside(self, full: str) -> str:
        """The relative path of what `full` gave."""
        return full.removeprefix(f"{self.root}/")

    def exists(self, path: str) -> bool:
        with self._speaking(path):
            return self._fs.exists(self._at(path))

    def list(self, prefix: str = "") -> list[str]:
        """All files below a folder, sorted; none when the folder is absent."""
        with self._speaking(prefix):
            found = self._fs.find(self._at(prefix))
        return sorted(path.removeprefix(f"{self._base}/") for path in found)

    def folders(self) -> tuple[str, ...]:
        """The names of the folders right below the root, sorted; none when it is absent."""
        try:
            with self._speaking(""):
                found = self._fs.ls(self._base, detail=True)
        except (FileNotFoundError, NotADirectoryError):
            return ()
        return tuple(
            sorted(entry["name"].rstrip("/").rpartition("/")[2] for entry in found if entry["type"] == "directory")
        )

    def read_bytes(self, path: str) -> bytes:
        with self._speaking(path):
            return self._fs.cat_file(self._at(path))

    def read_tagged(self, path: str) -> tuple[bytes, str]:
        """A file's bytes, and the tag under which `swap` replaces just these; empty on a local disk."""
        if self.local_root is not None:
            return self.read_bytes(path), ""
        with self._speaking(path):
            return s3_conditional.read(self._fs, self._at(path))

    def write_atomic(self, path: str, data: bytes | memoryview) -> None:
        """Replace or make a file as a whole; when this returns, it survives a power cut. Raises OSError."""
        if self.local_root is not None:
            _write_local(self.local_root, path, data)
            return
        with self._speaking(path):
            self._fs.pipe_file(self._at(path), bytes(data))

    def upload(self, file: Path, path: str) -> None:
        """Copy a file of this machine, of any size, to an object store."""
        with self._speaking(path):
            self._fs.put_file(str(file), self._at(path))

    def swap(self, path: str, data: bytes | memoryview, tag: str | None) -> str | None:
        """Replace a file that still has `tag`, or make one where there is none (None); returns the new tag.

        Returns None, having changed nothing, where another process has been there first. One that holds the local lock
        is alone, so on a local disk this is `write_atomic`.
        """
        if self.local_root is not None:
            self.write_atomic(path, data)
            return ""
        with self._speaking(path):
            return s3_conditional.write(self._fs, self._at(path), bytes(data), tag)

    def tag(self, path: str) -> str | None:
        """The tag of a file of an object store as it is now, or None where there is none."""
        with self._speaking(path):
            return s3_conditional.tag(self._fs, self._at(path))

    def probe(self) -> None:
        """Raise LockUnsupported where this object store does not keep to `swap`."""
        with self._speaking(""):
            s3_conditional.probe(self._fs, self._base)

    def remove(self, path: str) -> None:
        """Remove a file or a folder with all that is in it; one that is not there is fine."""
        with self._speaking(path):
            if self._fs.exists(self._at(path)):
                self._fs.rm(self._at(path), recursive=True)

    def move(self, path: str, target: str) -> None:
        """Move a file, durably: at every moment it is at one of the two places, or whole at both."""
        if self.local_root is None:
            self.write_atomic(target, self.read_bytes(path))
            self.remove(path)
            return
        old, new = self.local_root / path, self.local_root / target
        _make_folder(new.parent)
        os.replace(old, new)
        _flush_folder(new.parent)
        _flush_folder(old.parent)

    def mkdirs(self, path: str = "") -> None:
        """Make a folder and those above it. Object stores have none, so there it does nothing."""
        if self.local_root is not None:
            _make_folder(self.local_root / path)

    def _at(self, path: str) -> str:
        return f"{self._base}/{path}" if path else self._base

    @contextmanager
    def _speaking(self, path: str) -> Iterator[None]:
        try:
            yield
        except (OSError, LedgerError):
            raise
        except Exception as error:  # botocore's errors of connections and credentials, for one, are no OSError
            text = " ".join(str(error).split()) or type(error).__name__
            raise OSError(f"{self.full(path)}: {text}") from error


def _write_local(root: Path, path: str, data: bytes | memoryview) -> None:
    target = root / path
    part = root / TMP / f"{target.name}.{uuid.uuid4().hex}.part"
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
