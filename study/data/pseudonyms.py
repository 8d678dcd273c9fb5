"""Keyed pseudonyms: the same patient gets the same name everywhere, and only the key's owner can find out which.

The key lies outside store and results. It comes from $LABELCURVE_PSEUDONYM_KEY, from a file the study names, or from
~/.config/labelcurve/pseudonym.key, which is made, and announced, when it is not there.
"""

import hashlib
import hmac
import logging
import os
import secrets
from pathlib import Path

from study.errors import InputRefused, SurroundingsFailed

log = logging.getLogger(__name__)

VARIABLE = "LABELCURVE_PSEUDONYM_KEY"
_SHORTEST = 16


class PseudonymKey:
    """A secret, and the pseudonyms made with it."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def of(self, raw: str) -> str:
        """The pseudonym of a raw name: HMAC-SHA256, the first 16 hex digits."""
        return hmac.new(self._secret, raw.encode(), hashlib.sha256).hexdigest()[:16]

    @property
    def check(self) -> str:
        """What a store remembers to know the key again; it does not reveal it."""
        return self.of("labelcurve pseudonym key check")

    def __repr__(self) -> str:
        return f"PseudonymKey(check={self.check})"


# The phantom's patients do not exist: everybody may know their key, and everybody gets the same pseudonyms.
PHANTOM_KEY = PseudonymKey(b"labelcurve phantom: patients who do not exist")


def default_file() -> Path:
    return Path.home() / ".config" / "labelcurve" / "pseudonym.key"


def find_key(key_file: Path | None, *, make: bool) -> PseudonymKey:
    """The user's key. With ``make``, a missing default file is made and announced through ``say``.

    Raises InputRefused when there is no key or it is shorter than 16 characters.
    """
    if value := os.environ.get(VARIABLE):
        return _key(value, f"the variable {VARIABLE}")
    path = Path(key_file) if key_file is not None else default_file()
    if path.is_file():
        return _key(path.read_text(errors="replace"), str(path))
    if key_file is not None:
        raise InputRefused(f"{path}: there is no such pseudonym key file; make one with `openssl rand -hex 32`")
    if not make:
        raise InputRefused(f"there is no pseudonym key: set {VARIABLE} or put one into {path}")
    return _made(path)


def _key(text: str, place: str) -> PseudonymKey:
    secret = text.strip()
    if len(secret) < _SHORTEST:
        raise InputRefused(f"{place} holds a pseudonym key of {len(secret)} characters; {_SHORTEST} is the least")
    return PseudonymKey(secret.encode())


def _made(path: Path) -> PseudonymKey:
    secret = secrets.token_hex(32)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secret + "\n")
            file.flush()
            os.fsync(file.fileno())
    except FileExistsError:  # made by another process in this moment
        return _key(path.read_text(), str(path))
    except OSError as error:
        raise SurroundingsFailed(f"{path}: the pseudonym key cannot be written ({error.strerror})") from error
    log.info(f"made a new pseudonym key: {path} (keep it: without it, patients cannot be matched with later data)")
    return PseudonymKey(secret.encode())
