"""Identity is position: where in a study a run stands, and what was done there."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from study.vocabulary import position


def digest(value: Any, *, length: int = 16) -> str:
    """Hex digits of SHA-256 over the canonical JSON of plain values."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:length]


def key(identity: Mapping[str, Any], factors: Mapping[str, Any], phase: str, index: Any) -> str:
    """The key of a run: study identity, factors with defaults left out, phase and index (16 hex digits).

    Leaving defaults out keeps the keys of old studies when a later version adds a factor.
    """
    return digest({"study": dict(identity), "factors": position(**factors), "phase": phase, "index": index})


def seed(of: str) -> int:
    """A seed in [0, 2**31) from a key: the run's position alone decides it."""
    return int(hashlib.sha256(f"seed/{of}".encode()).hexdigest()[:8], 16) % 2**31


def chosen(of: str, share: float) -> bool:
    """Whether this key is among a share of all keys, which its hash alone decides."""
    return seed(of) < share * 2**31
