"""A file, told to whoever needs it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class FileRef:
    """Where a file lies and the sha256 (hex) of its bytes: all that a worker is told of it."""

    uri: str
    digest: str
