"""Where a run is: what modules log as lines for the terminal and the log, and what is going on at this moment.

Modules log with ``logging``, under their own names; `shown` has a console show it. What goes on is set by `live`, and
`note` is for whoever reads afterwards. Without a console all of it is silent, as a library should be.
"""

import logging
import os
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

UP, CLEAR_BELOW = "\x1b[{}A", "\r\x1b[J"
REDRAWN_EVERY = 0.25


PACKAGES = ("study", "trainables", "cluster", "analysis")
_current: "Console | None" = None


class Console(logging.Handler):
    """Called with a line, it prints it behind the minutes and seconds passed and keeps it in `log`.

    On a terminal a block below the last line shows what is going on, redrawn in place; `live` sets its lines. Without
    one there is no block. A screen or a log that cannot be written to any more is given up: neither may end a study.
    """

    def __init__(self, log: Path | None = None, *, screen: TextIO | None = None) -> None:
        super().__init__(logging.INFO)
        self._screen: TextIO | None = screen or sys.stdout
        self._log = log
        self._started = time.monotonic()
        self._drawing_lock = threading.RLock()
        self._block: dict[str, str] = {}
        self._drawer: threading.Thread | None = None
        self.on_terminal = self._screen.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)

    def emit(self, record: logging.LogRecord) -> None:
        self(record.getMessage())

    def __call__(self, line: str) -> None:
        with self._drawing_lock:
            text = f"[{self._passed()}] {line}"
            self._write((CLEAR_BELOW if self._block else "") + text + "\n" + self._drawing())
            self._keep(text)

    def note(self, line: str) -> None:
        """A line for whoever reads afterwards: it goes to the log, and to the screen only where there is no block."""
        if self.on_terminal:
            self._keep(f"[{self._passed()}] {line}")
        else:
            self(line)

    def live(self, name: str, line: str | None) -> None:
        """Set a line of the block, or take it out with None."""
        if not self.on_terminal:
            return
        with self._drawing_lock:
            if line is None and self._block.pop(name, None) is not None:
                self._write(CLEAR_BELOW + self._drawing())
            elif line is not None:
                self._block[name] = line
                if self._drawer is None:
                    self._drawer = threading.Thread(target=self._draw, daemon=True, name="console")
                    self._drawer.start()

    def end(self) -> None:
        """Nothing is going on any more."""
        with self._drawing_lock:
            for name in list(self._block):
                self.live(name, None)

    def _draw(self) -> None:
        """While there is a block, draw it a few times a second, so that its clock goes on."""
        while True:
            with self._drawing_lock:
                if not self._block:
                    self._drawer = None
                    return
                self._write(CLEAR_BELOW + self._drawing())
            time.sleep(REDRAWN_EVERY)

    def _drawing(self) -> str:
        """The block, cut to the screen, below an empty line in which the cursor is left: what others print goes there
        and is not torn apart by the next drawing."""
        width = shutil.get_terminal_size().columns - 1
        lines = [f"[{self._passed()}] {line}"[:width] for line in self._block.values()]
        return "".join(f"\n{line}" for line in lines) + "\r" + UP.format(len(lines)) if lines else ""

    def _passed(self) -> str:
        minutes, seconds = divmod(int(time.monotonic() - self._started), 60)
        return f"{minutes:3d}:{seconds:02d}"

    def _write(self, text: str) -> None:
        if self._screen is None:
            return
        try:
            self._screen.write(text)
            self._screen.flush()
        except (OSError, ValueError):  # hung up, or closed
            self._screen = None

    def _keep(self, text: str) -> None:
        if self._log is None:
            return
        try:
            with self._log.open("a", encoding="utf-8") as file:
                file.write(text + "\n")
        except OSError:
            self._log = None


@contextmanager
def shown(console: Console) -> Iterator[None]:
    """Have the console show what our packages log, as long as the block lasts."""
    global _current
    before, _current = _current, console
    with _handled(console):
        try:
            yield
        finally:
            _current = before
            console.end()


@contextmanager
def printed() -> Iterator[None]:
    """Print what our packages log, line by line, as long as the block lasts."""
    plain = logging.StreamHandler(sys.stdout)
    with _handled(plain):
        yield


def note(line: str) -> None:
    """A line for whoever reads afterwards; on a terminal it goes to the log alone."""
    if _current is not None:
        _current.note(line)


def live(name: str, line: str | None) -> None:
    """Set a line of what goes on, or take it out with None."""
    if _current is not None:
        _current.live(name, line)


def on_terminal() -> bool:
    """Whether somebody may be looking on."""
    return _current is not None and _current.on_terminal


@contextmanager
def _handled(handler: logging.Handler) -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in PACKAGES]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.removeHandler(handler)
            logger.setLevel(level)
