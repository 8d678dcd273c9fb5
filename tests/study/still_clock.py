"""A clock that stands still until its test says so, for what would otherwise wait for time to pass."""

import time
from collections.abc import Callable
from typing import Any


class StillClock:
    """In the place of the module ``time``: ``monotonic`` stands at 0, and from the moment that ``over()`` holds it
    goes on by an hour each time that somebody looks."""

    def __init__(self, over: Callable[[], bool]) -> None:
        self._over, self._now = over, 0.0

    def monotonic(self) -> float:
        if self._over():
            self._now += 3600
        return self._now

    def __getattr__(self, name: str) -> Any:
        return getattr(time, name)
