"""Mirrors of a study for a tracker's pages. The ledger is the truth: a mirror may fail without harming anything.

Aim is no more than that because nobody maintains it, a network file system corrupts its repository, and its server asks
nobody for a password. So it is imported only when asked for, writes to a local folder, and no server is started.
"""

from .aim_mirror import Mirror, NullMirror, open_mirror

__all__ = ["Mirror", "NullMirror", "open_mirror"]
