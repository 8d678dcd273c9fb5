"""Says where a run is: lines for the terminal and the log, and on a terminal what is going on at this moment."""

import os
import shutil
import sys
import threading
import time
from pathlib import Path
from typing import TextIO

UP, CLEAR_BELOW = "\x1b[{}A", "\r\x1b[J"
REDRAWN_EVERY = 0.25


class Console:
    """Called with a line, it prints it behind the minutes and seconds passed and keeps it in `log`.

    On a terminal a block below the last line shows what is going on, redrawn in place; `live` sets its lines. Without
    one there is no block. A screen or a log that cannot be written to any more is given up: neither may end a study.
    """

    def __init__(self, log: Path | None = None, *, screen: TextIO | None = None) -> None:
        self._screen: TextIO | None = screen or sys.stdout
        self._log = log
        self._started = time.monotonic()
        self._lock = threading.RLock()
        self._block: dict[str, str] = {}
        self._drawer: threading.Thread | None = None
        self.on_terminal = self._screen.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        if log:
            log.parent.mkdir(parents=True, exist_ok=True)

    def __call__(self, line: str) -> None:
        with self._lock:
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
        with self._lock:
            if line is None and self._block.pop(name, None) is not None:
                self._write(CLEAR_BELOW + self._drawing())
            elif line is not None:
                self._block[name] = line
                if self._drawer is None:
                    self._drawer = threading.Thread(target=self._draw, daemon=True, name="console")
                    self._drawer.start()

    def end(self) -> None:
        """Nothing is going on any more."""
        with self._lock:
            for name in list(self._block):
                self.live(name, None)

    def _draw(self) -> None:
        """While there is a block, draw it a few times a second, so that its clock goes on."""
        while True:
            with self._lock:
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
