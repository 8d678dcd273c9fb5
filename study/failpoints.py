"""Named places where a test can end this process as a power cut would."""

import os
import signal
from collections import Counter

_passed: Counter[str] = Counter()


def failpoint(name: str) -> None:
    """SIGKILL this process if ``LABELCURVE_FAILPOINT`` is ``name`` or, at the n-th pass, ``name:n``."""
    wanted, _, nth = os.environ.get("LABELCURVE_FAILPOINT", "").partition(":")
    if wanted != name:
        return
    _passed[name] += 1
    if _passed[name] == int(nth or 1):
        os.kill(os.getpid(), signal.SIGKILL)
