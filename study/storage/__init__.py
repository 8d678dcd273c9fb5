"""Files under a root, on a disk or in an object store."""

from .storage import Storage

__all__ = ["Storage"]
