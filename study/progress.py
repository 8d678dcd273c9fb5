"""How far a stage has come: what has ended of it, the best so far, and how long the rest takes at this rate."""

import logging
import time
from collections.abc import Mapping

from study import console
from study.vocabulary import FAILED

log = logging.getLogger(__name__)

LINES = 20
"""So many lines a stage, however many runs it has, where there is no terminal to redraw."""


class Progress:
    """Told of each run of a stage as it ends; on a terminal one line is redrawn, elsewhere a line is said now and then.

    left: how many runs each cell still has to end. done: how many had ended before.
    """

    def __init__(self, what: str, left: Mapping[str, int], *, done: int = 0) -> None:
        self._what = what
        self._left = dict(left)
        self._cells_done = sum(number <= 0 for number in left.values())
        self._before = self._done = self._said = done
        self._total = done + sum(left.values())
        self._failed = 0
        self._best: tuple[float, str] | None = None
        self._started = time.monotonic()
        console.live(what, self._line())

    def best(self, score: float | None, of: str) -> None:
        """A score that may be the best so far (the larger, the better), and what it is of, in words."""
        if score is not None and (self._best is None or score > self._best[0]):
            self._best = score, of

    def ended(self, cell: str, status: str) -> None:
        self._done += 1
        self._failed += status in FAILED
        self._left[cell] -= 1
        self._cells_done += self._left[cell] == 0
        if self._done == self._total:
            console.live(self._what, None)
            log.info(f"  {self._line()}")
            return
        if self._done - self._said >= max(1, self._total // LINES):
            self._said = self._done
            console.note(f"  {self._line()}")
        console.live(self._what, self._line())

    def _line(self) -> str:
        parts = [f"{self._what}: {self._done:,} of {self._total:,}"]
        if self._before < self._done < self._total:
            seconds = (time.monotonic() - self._started) / (self._done - self._before) * (self._total - self._done)
            parts.append(f"about {duration(seconds)} left")
        parts.append(f"{self._cells_done:,} of {len(self._left):,} cells done")
        if self._failed:
            parts.append(f"{self._failed:,} failed")
        if self._best:
            parts.append(f"best {self._best[1]}")
        return ", ".join(parts)


def duration(seconds: float) -> str:
    """A time in words, to the precision that matters: 40 s, 3.5 min, 2 h 10 min, 3 d 4 h."""
    minutes = seconds / 60
    if seconds < 59.5:
        return f"{seconds:.0f} s"
    if minutes < 59.95:
        return f"{minutes:.1f} min"
    hours, rest = divmod(round(minutes), 60)
    return f"{hours} h {rest} min" if hours < 24 else f"{hours // 24} d {hours % 24} h"
